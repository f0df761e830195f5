"""What is scanned: rules, ports and kinds of scan.

``assets/scans/make.py`` asks a real scanner on the kernel, ``test_nmap`` the simulated one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

CLIENT, SERVER = {4: "10.0.1.1", 6: "fd00:1::1"}, {4: "10.0.1.2", 6: "fd00:1::2"}
OPEN_TCP, OPEN_UDP = (22, 24, 30, 1337), (9, 24, 30)
"""Listened on; over UDP everything that comes is sent back."""


class Board(NamedTuple):
    """Rules of the scanned host, as words behind ``iptables``."""

    rules: tuple[str, ...]
    ports: tuple[int, ...]
    kinds: str = "TSAFNXMU"
    """Which scans are made: the letters behind ``-s``."""
    family: int = 4


STATE = "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
REJECTS = ("icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-net-prohibited",
           "icmp-host-prohibited", "icmp-admin-prohibited")  # fmt: skip
REJECTS6 = ("icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail",
            "icmp6-reject-route")  # fmt: skip


def _all(protocol: str, *names: str) -> tuple[str, ...]:
    return tuple(f"-A INPUT -p {protocol} --dport {100 + number} -j REJECT --reject-with {name}" for number, name in enumerate(names))


BOARDS: Mapping[str, Board] = {
    # Open, closed, and dropped with a listener and without.
    "bare": Board(("-A INPUT -p tcp --dport 24:25 -j DROP", "-A INPUT -p udp --dport 24:25 -j DROP"), (9, 22, 23, 24, 25, 1337)),
    "rejects": Board(
        (*_all("tcp", *REJECTS), *_all("udp", *REJECTS), "-A INPUT -p tcp --dport 30 -j REJECT --reject-with tcp-reset"),
        (30, 100, 101, 102, 103, 104, 105, 106),
    ),
    # (No connect scan: on a link without delay it is left to luck whether connect(2) hears of an ICMPv6 error.)
    "rejects6": Board((*_all("tcp", *REJECTS6), *_all("udp", *REJECTS6)), (9, 22, 23, 100, 101, 102, 103, 104, 105), "SAU", 6),
    # 22 has a listener, 8080 is allowed and closed, 9999 is not allowed.
    "stateless": Board(("-A INPUT -p tcp -m multiport --dports 22,8080 -j ACCEPT", "-P INPUT DROP"), (22, 8080, 9999), "TSAFNXM"),
    "stateful": Board(
        (STATE, "-A INPUT -p tcp -m multiport --dports 22,8080 -m conntrack --ctstate NEW -j ACCEPT", "-P INPUT DROP"),
        (22, 8080, 9999),
        "TSAFNXM",
    ),
    "syn": Board(("-A INPUT -p tcp -m multiport --dports 22,8080 --syn -j ACCEPT", "-P INPUT DROP"), (22, 8080, 9999), "TSAFNXM"),
    "state-and-syn": Board(
        (STATE, "-A INPUT -p tcp -m multiport --dports 22,8080 --syn -m conntrack --ctstate NEW -j ACCEPT", "-P INPUT DROP"),
        (22, 8080, 9999),
        "TSAFNXM",
    ),
    "invalid": Board(
        (
            "-A INPUT -m conntrack --ctstate INVALID -j DROP",
            "-A INPUT -p tcp -m multiport --dports 22,8080 -j ACCEPT",
            "-P INPUT DROP",
        ),
        (22, 8080, 9999),
        "TSAFNXM",
    ),
    "reset-all": Board((STATE, "-A INPUT -p tcp -j REJECT --reject-with tcp-reset"), (22, 8080), "TSAFNXM"),
    "udp-stateful": Board((STATE, "-A INPUT -p udp --dport 9 -m conntrack --ctstate NEW -j ACCEPT", "-P INPUT DROP"), (9, 10, 23), "U"),
}


def asked(board: Board, kind: str) -> str:
    """The scan's command line."""
    six = "-6 " if board.family == 6 else ""
    return f"nmap {six}-s{kind} -Pn -n -r --reason --max-retries 1 -p {','.join(map(str, board.ports))} {SERVER[board.family]}"


def table(output: str) -> dict[str, str]:
    """Port -> state and reason, from what a scanner printed: ``"22": "open syn-ack ttl 64"``."""
    found = {}
    for line in output.splitlines():
        port, slash, rest = line.partition("/")
        if slash and port.isdigit():
            _, state, _, *reason = rest.split()
            found[port] = " ".join((state, *reason))
    return found
