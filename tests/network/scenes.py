"""Scenes: what is typed where in a small network. ``assets/scenes/make.py`` plays them with real programs on the kernel and keeps what
was on the wire; ``test_scenes`` plays them in the simulated world, and compares.

A scene is a value, so a new one is an entry in ``SCENES`` and a run of make.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DELAY = 0.02
"""Seconds each link takes."""
PAIR = {"client": {"eth0": ("10.0.1.1/24", "fd00:1::1/64")}, "server": {"eth0": ("10.0.1.2/24", "fd00:1::2/64")}}
"""Two hosts on one link, ``near``."""
ROUTED = {
    "client": {"eth0": ("10.0.1.1/24", "fd00:1::1/64")},
    "box": {"near": ("10.0.1.254/24", "fd00:1::fe/64"), "far": ("10.0.2.254/24", "fd00:2::fe/64")},
    "server": {"eth0": ("10.0.2.2/24", "fd00:2::2/64")},
}
"""A router between them: the links are ``near`` (the client's) and ``far``."""
LINKS = {
    "pair": {"near": ("client:eth0", "server:eth0")},
    "routed": {"near": ("client:eth0", "box:near"), "far": ("box:far", "server:eth0")},
}
HOSTS = {"pair": PAIR, "routed": ROUTED}
ROUTES: Mapping[str, Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "pair": {},
    "routed": {
        "client": {"10.0.2.0/24": ("eth0", "10.0.1.254"), "fd00:2::/64": ("eth0", "fd00:1::fe")},
        "server": {"10.0.1.0/24": ("eth0", "10.0.2.254"), "fd00:1::/64": ("eth0", "fd00:2::fe")},
    },
}
SERVICES = ("app:1337", "http:80", "silent:9000", "patient:9001", "datagrams:1337")
"""What the server runs. ``silent`` reads and says nothing; ``patient`` does not even close when the other side has; ``datagrams``
says them again."""

FILES: Mapping[str, Mapping[str, str]] = {
    "client": {"/up.txt": "from the client\n"},
    "server": {
        "/srv/ftp/hello.txt": "hello from the server\n",
        "/srv/ftp/pub/note.txt": "a note\n",
        "/srv/ftp/incoming/readme": "anybody may write here\n",
        "/etc/vsftpd.conf": (
            "anonymous_enable=YES\nwrite_enable=YES\nanon_upload_enable=YES\nconnect_from_port_20=YES\n"
            "pasv_min_port=40040\npasv_max_port=40099\nconnect_timeout=5\naccept_timeout=5\n"
        ),
    },
}
"""Who types is in /."""


class Scene(NamedTuple):
    """What is typed, and for how long the wire ``near`` is watched.

    Beside programs the real hosts understand the simulated prompt's connect, say, upload, close, reset and send tcp, and both:
    ``leave`` (close(2): nothing is read any more), ``hold`` and ``read`` (the program stops reading, and goes on),
    ``keepalive IDLE INTERVAL PROBES``.
    """

    typed: tuple[tuple[float, str, str], ...]
    """(second, host, line)."""
    lasts: float
    where: str = "pair"
    loses: Mapping[str, tuple[int, ...]] = {}
    """Which of a host's packets the wire loses, by their number, from 0."""
    mtu: int = 1500
    """Of the link ``far``."""
    luck: bool = False
    """What comes of it depends on which of two things is some microseconds earlier: it is only recorded."""
    since: str = ""
    """Compared from the first packet on in whose line this is; what comes before it is not even kept."""
    runs: tuple[str, ...] = ()
    """What the server runs besides: a real program (vsftpd)."""
    delay: float = DELAY
    """Of each link. (A round trip of 40 ms is as long as an acknowledgement waits to be carried.)"""
    closely: bool = True
    """Windows and bare acknowledgements are compared. ftp asks for buffers of another size, and reads nine small segments when it
    gets to; whose FIN comes first in the end is some microseconds' doing."""


def _from_client(*lines: str, every: float = 0.5) -> tuple[tuple[float, str, str], ...]:
    return tuple((number * every, "client", line) for number, line in enumerate(lines))


APP, SILENT, PATIENT = (f"connect 10.0.1.2:{port} from 4000" for port in (1337, 9000, 9001))
APP6 = "connect [fd00:1::2]:1337 from 4000"
TALK = _from_client(APP, 'say "one"', 'say "two"', "close")
DROPS_CLIENT = "iptables -A INPUT -s 10.0.1.1 -j DROP"
SEND = "send tcp 10.0.1.1"
HALF_OPEN = "iptables -A INPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP"


def _scan(words: str, before: str = "", lasts: float = 4.0) -> Scene:
    """Five ports at once: closed (7), dropped (22), rejected with an ICMP error (23) or a reset (24), open (1337, by UDP too)."""
    protocol = "udp" if "-sU" in words else "tcp"
    rules = [
        f"iptables -A INPUT -p {protocol} --dport 22 -j DROP",
        f"iptables -A INPUT -p {protocol} --dport 23 -j REJECT",
        *(["iptables -A INPUT -p tcp --dport 24 -j REJECT --reject-with tcp-reset"] if protocol == "tcp" else []),
    ]
    source = "" if "-sT" in words else "-g 4000 "
    typed = [(0.0, "server", rule) for rule in rules]
    typed.append((0.5, "client", f"nmap {words} -Pn -n -r --max-retries 1 {source}-p 1337,7,22,23,24 10.0.1.2"))
    # A server that greets may get to do so before the reset of a connect scan comes.
    return Scene(tuple(typed), lasts, luck="-sT" in words)


def _refused(rule: str, six: bool = False) -> Scene:
    tool = "ip6tables" if six else "iptables"
    where = "[fd00:1::2]" if six else "10.0.1.2"
    return Scene(((0.0, "server", f"{tool} -A INPUT -p tcp --dport 1337 {rule}"), (0.5, "client", f"connect {where}:1337 from 4000")), 2.0)


def _ftp(*typed: tuple[float, str, str], lasts: float = 2.5) -> Scene:
    """A session, of the client typed last. (When you play one with PORT anew: the port must have three digits in its second half.)"""
    return Scene(typed, lasts, runs=("ftp:21",), delay=0.005, closely=not typed[-1][2].startswith("ftp "))


LOGIN = '"user anonymous x"'
GET, LIST = f'{LOGIN} "get hello.txt -" bye', f'{LOGIN} "ls pub" bye'
NO_PASSIVE = "iptables -A INPUT -p tcp --dport 1024: -j REJECT --reject-with tcp-reset"
REJECTS = ("icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-net-prohibited",
           "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset")  # fmt: skip
REJECTS6 = ("icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail",
            "icmp6-reject-route", "tcp-reset")  # fmt: skip

SCENES: dict[str, Scene] = {
    # --- opening, talking, closing
    "talk": Scene(TALK, 2.5),
    "talk6": Scene(_from_client(APP6, 'say "one"', 'say "two"', "close"), 2.5),
    "talk-fast": Scene(_from_client(APP, *(f'say "line {number}"' for number in range(1, 7)), "close", every=0.15), 2.0),
    # What has no end of line is not answered: nothing carries the acknowledgement.
    "no-answer": Scene(_from_client(APP, 'say "one"', "upload 10", "upload 10", "upload 3000"), 3.0),
    "close-at-once": Scene(_from_client(SILENT, "close"), 1.5),
    "server-closes": Scene(((0.0, "client", SILENT), (0.5, "server", "close")), 1.5),
    "both-close": Scene(((0.0, "client", PATIENT), (0.5, "client", "close"), (0.5, "server", "close")), 1.5),
    "half-close": Scene(
        ((0.0, "client", PATIENT), (0.5, "client", "close"), (1.0, "server", 'say "one more thing"'), (1.5, "server", "close")), 2.5
    ),
    "say-after-leave": Scene(((0.0, "client", PATIENT), (0.5, "client", "leave"), (1.0, "server", 'say "anybody?"')), 2.0),
    "leave-unread": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", 'say "x"'), (1.0, "server", "leave")), 2.0),
    "refused": Scene(_from_client("connect 10.0.1.2:9 from 4000"), 1.0),
    "refused6": Scene(_from_client("connect [fd00:1::2]:9 from 4000"), 1.0),
    "reset": Scene(_from_client(SILENT, "reset"), 1.5),
    "reset-unread": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", 'say "x"'), (1.0, "server", "reset")), 2.0),
    "upload": Scene(_from_client(SILENT, "upload 20000", "close"), 2.0),
    "curl": Scene(_from_client("curl -s -v http://10.0.1.2/"), 1.0),
    "curl6": Scene(_from_client("curl -s -v http://[fd00:1::2]/"), 1.0),
    "curl-refused": Scene(_from_client("curl -s -v http://10.0.1.2:81/"), 1.0),
    # --- out of the blue
    "syn-into-a-connection": Scene(((0.0, "client", SILENT), (0.5, "client", f"{SEND}:4000 > 10.0.1.2:9000 SYN seq=1")), 1.5),
    **{
        f"stray-{flags.lower()}-{port}": Scene(_from_client(f"{SEND}:5000 > 10.0.1.2:{port} {flags} seq=1000 ack=2000"), 1.0)
        for flags in ("ACK", "SYN+ACK", "FIN+ACK", "RST")
        for port in (1337, 9)
    },
    # --- one packet lost
    "lost-syn": Scene(TALK[:1], 2.5, loses={"client": (0,)}),
    "lost-synack": Scene(TALK[:1], 2.5, loses={"server": (0,)}),
    "lost-ack": Scene(TALK[:1], 2.5, loses={"client": (1,)}),
    "lost-ack-silent": Scene(_from_client(SILENT), 4.0, loses={"client": (1,)}),
    "lost-greeting": Scene(TALK[:1], 2.5, loses={"server": (1,)}),
    "lost-data": Scene(_from_client(SILENT, 'say "one"'), 2.5, loses={"client": (2,)}),
    "lost-data-twice": Scene(_from_client(SILENT, 'say "one"'), 3.0, loses={"client": (2, 3)}),
    "lost-data-ack": Scene(_from_client(SILENT, 'say "one"'), 2.5, loses={"server": (1,)}),
    "lost-ack-and-greeting": Scene(TALK[:1], 6.0, loses={"client": (1,), "server": (2,)}),
    "lost-syn-and-data": Scene(((0.0, "client", SILENT), (2.0, "client", 'say "one"')), 7.0, loses={"client": (0, 3)}),
    "lost-first-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (2,)}),
    "lost-second-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (3,)}),
    "lost-last-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (8,)}),
    "lost-last-but-one": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (7,)}),
    "lost-all-of-many": Scene(_from_client(SILENT, "upload 10000"), 4.0, loses={"client": tuple(range(2, 9))}, luck=True),
    "lost-fin": Scene(_from_client(SILENT, "close"), 2.5, loses={"client": (2,)}),
    "lost-fin-answer": Scene(_from_client(SILENT, "close"), 2.5, loses={"server": (1,)}),
    "lost-last-ack": Scene(_from_client(SILENT, "close"), 2.5, loses={"client": (3,)}),
    # --- a rule drops everything
    "dropped-syn": Scene(((0.0, "server", "iptables -A INPUT -p tcp --dport 1337 -j DROP"), (0.5, "client", APP)), 140.0),
    "dropped-synack": Scene(((0.0, "client", "iptables -A INPUT -p tcp --sport 1337 -j DROP"), (0.5, "client", APP)), 34.0, luck=True),
    "dropped-ack": Scene(((0.0, "server", HALF_OPEN), (0.5, "client", SILENT)), 80.0),
    "dropped-data": Scene(((0.0, "client", SILENT), (0.5, "server", DROPS_CLIENT), (1.0, "client", 'say "hello?"')), 33.0),
    "dropped-fin": Scene(((0.0, "client", SILENT), (0.5, "server", DROPS_CLIENT), (1.0, "client", "leave")), 130.0),
    # --- refused by a rule
    **{f"reject-{name}": _refused(f"-j REJECT --reject-with {name}") for name in REJECTS},
    **{f"reject6-{name}": _refused(f"-j REJECT --reject-with {name}", six=True) for name in REJECTS6},
    "reject-data": Scene(
        ((0.0, "client", SILENT), (0.5, "server", "iptables -A INPUT -s 10.0.1.1 -j REJECT"), (1.0, "client", 'say "hello?"')), 6.0
    ),
    "reject-data-reset": Scene(
        (
            (0.0, "client", SILENT),
            (0.5, "server", "iptables -A INPUT -p tcp -s 10.0.1.1 -j REJECT --reject-with tcp-reset"),
            (1.0, "client", 'say "hello?"'),
        ),
        3.0,
    ),
    # --- windows, keepalive
    # (How the last bytes before it shuts are cut into segments depends on how the kernel counts its buffers.)
    "shut-window": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", "upload 120000")), 8.0, since="win 0"),
    "shut-window-dropped": Scene(
        ((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", "upload 120000"), (2.0, "server", DROPS_CLIENT)),
        15.0,
        since="win 0",
    ),
    "keepalive": Scene(((0.0, "client", SILENT), (0.1, "client", "keepalive 2 1 3")), 8.0),
    "keepalive-dropped": Scene(((0.0, "client", SILENT), (0.1, "client", "keepalive 2 1 3"), (3.0, "server", DROPS_CLIENT)), 9.0),
    # --- path MTU (two segments: how more of them are cut anew depends on how many the kernel keeps in one buffer)
    "path-mtu": Scene(_from_client("connect 10.0.2.2:9000 from 4000", "upload 2000", "close"), 3.0, "routed", mtu=1400),
    "path-mtu6": Scene(_from_client("connect [fd00:2::2]:9000 from 4000", "upload 2000", "close"), 3.0, "routed", mtu=1400),
    "black-hole": Scene(
        (
            (0.0, "box", "iptables -A OUTPUT -p icmp -j DROP"),
            (0.1, "client", "connect 10.0.2.2:9000 from 4000"),
            (0.5, "client", "upload 5000"),
        ),
        8.0,
        "routed",
        mtu=1400,
    ),
    # --- tools
    "ping": Scene(_from_client("ping -n -c 3 10.0.1.2"), 3.5),
    "ping6": Scene(_from_client("ping -n -c 2 fd00:1::2"), 2.5),
    "ping-dropped": Scene(((0.0, "server", "iptables -A INPUT -p icmp -j DROP"), (0.2, "client", "ping -n -c 2 -W 2 10.0.1.2")), 5.0),
    "ping-rejected": Scene(((0.0, "server", "iptables -A INPUT -p icmp -j REJECT"), (0.2, "client", "ping -n -c 2 -W 2 10.0.1.2")), 5.0),
    "ping-ttl": Scene(_from_client("ping -n -c 1 -t 1 -W 2 10.0.2.2"), 2.0, "routed"),
    "ping-large": Scene(_from_client("ping -n -c 1 -s 3000 10.0.1.2"), 2.0),
    "ping-too-large": Scene(_from_client("ping -n -c 2 -M do -s 1450 -W 2 10.0.2.2"), 3.0, "routed", mtu=1400),
    "traceroute": Scene(_from_client("traceroute -n -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute-icmp": Scene(_from_client("traceroute -n -I -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute-tcp": Scene(_from_client("traceroute -n -T -p 80 -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute6": Scene(_from_client("traceroute -n -N 1 -q 2 -w 1 fd00:2::2"), 3.0, "routed"),
    "traceroute-dropped": Scene(
        ((0.0, "box", "iptables -A FORWARD -p udp -j DROP"), (0.2, "client", "traceroute -n -N 1 -q 1 -w 1 -m 4 10.0.2.2")), 6.0, "routed"
    ),
    "traceroute-rejected": Scene(
        (
            (0.0, "box", "iptables -A FORWARD -p udp -j REJECT --reject-with icmp-admin-prohibited"),
            (0.2, "client", "traceroute -n -N 1 -q 1 -w 1 -m 4 10.0.2.2"),
        ),
        4.0,
        "routed",
    ),
    **{f"nmap-{kind}": _scan(f"-s{kind}") for kind in "TSAFNXM"},
    "nmap-U": _scan("-sU", lasts=8.0),
    "nmap-S-fragments": _scan("-sS -f"),
    # --- ftp
    "ftp-active": _ftp((0.0, "client", f"ftp -nvA 10.0.1.2 {GET}")),
    "ftp-active-list": _ftp((0.0, "client", f"ftp -nvA 10.0.1.2 {LOGIN} epsv4 'ls pub' bye")),
    "ftp-active6": _ftp((0.0, "client", f"ftp -nvA fd00:1::2 {LIST}")),
    "ftp-passive": _ftp((0.0, "client", f"ftp -nvp 10.0.1.2 {LOGIN} epsv4 'ls pub' bye")),
    "ftp-epsv": _ftp((0.0, "client", f"ftp -nvp 10.0.1.2 {GET}")),
    "ftp-epsv6": _ftp((0.0, "client", f"ftp -nvp fd00:1::2 {GET}")),
    "ftp-no-file": _ftp((0.0, "client", f'ftp -nvp 10.0.1.2 {LOGIN} "get nothing" bye')),
    "ftp-put": _ftp((0.0, "client", f'ftp -nvp 10.0.1.2 {LOGIN} "put up.txt incoming/up.txt" bye')),
    "ftp-active-put": _ftp((0.0, "client", f'ftp -nvA 10.0.1.2 {LOGIN} "put up.txt incoming/up.txt" bye')),
    "ftp-passive-dropped": _ftp(
        (0.0, "server", "iptables -A INPUT -p tcp --dport 1024: -j DROP"), (0.5, "client", f"ftp -nvp -q3 10.0.1.2 {LIST}"), lasts=6.0
    ),
    "ftp-active-refused": _ftp(
        (0.0, "client", "iptables -A INPUT -p tcp --sport 20 -j REJECT"), (0.5, "client", f"ftp -nvA 10.0.1.2 {LIST}")
    ),
    "ftp-active-dropped": _ftp(
        (0.0, "client", "iptables -A INPUT -p tcp --sport 20 -j DROP"), (0.5, "client", f"ftp -nvA 10.0.1.2 {LIST}"), lasts=8.0
    ),
    "ftp-passive-refused": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", f"ftp -nvp 10.0.1.2 {LIST}")),
    "ftp-falls-back": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", f"ftp -nv 10.0.1.2 {LIST}")),
    "curl-ftp": _ftp((0.0, "client", "curl -sS ftp://10.0.1.2/hello.txt")),
    "curl-ftp-pasv": _ftp((0.0, "client", "curl -sS --disable-epsv ftp://10.0.1.2/pub/note.txt")),
    "curl-ftp-active": _ftp((0.0, "client", "curl -sS -P - ftp://10.0.1.2/hello.txt")),
    "curl-ftp-port": _ftp((0.0, "client", "curl -sS -P - --disable-eprt ftp://10.0.1.2/pub/")),
    "curl-ftp-no-file": _ftp((0.0, "client", "curl -sS ftp://10.0.1.2/nothing")),
    "curl-ftp-refused": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", "curl -sS ftp://10.0.1.2/hello.txt")),
}
