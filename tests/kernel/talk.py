"""Packets for the tests of facts: two hosts through the box, one to it, with numbers that count themselves."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.kernel.compare import Comparison, compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address

TRACKING = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID
COMMIT
"""
"""Lets everything pass, and tracks it."""


def box(rules: str = TRACKING, **sysctls: int) -> Setup:
    """The standard box; ``sysctls`` by the end of their name after nf_conntrack_. ICMP answers are not rationed."""
    named = {f"net.netfilter.nf_conntrack_{name}": value for name, value in sysctls.items()}
    interfaces = {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}
    return Setup(interfaces, rules, {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 0, **named})


def filtering(*rules: str, input: str = "ACCEPT", forward: str = "ACCEPT", output: str = "ACCEPT", chains: Sequence[str] = ()) -> str:
    """iptables-save text of table filter."""
    lines = ["*filter", f":INPUT {input} [0:0]", f":FORWARD {forward} [0:0]", f":OUTPUT {output} [0:0]"]
    return "\n".join([*lines, *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT", ""])


def address(text: str) -> int:
    return parse_address(text)[1]


CLIENT, SERVER = address("192.168.0.20"), address("198.51.100.80")
BOX, STRANGER = address("203.0.113.1"), address("203.0.113.9")


class Tcp:
    """A TCP conversation through the box. ``client("S")`` and ``server("SA")`` make the next segment of a side."""

    def __init__(self, port: int = 4000, window: int = 8192, client_seq: int = 1000, server_seq: int = 5_000_000) -> None:
        self.port = port
        self.window = window
        self.numbers = [client_seq, server_seq]

    def client(self, flags: str, data: int = 0, **given: int) -> Shot:
        return self._segment(0, flags, data, given)

    def server(self, flags: str, data: int = 0, **given: int) -> Shot:
        return self._segment(1, flags, data, given)

    def _segment(self, side: int, flags: str, data: int, given: dict[str, int]) -> Shot:
        """``given``: seq, ack, win as distances from the right ones (win as it is); a segment with them does not count."""
        bits = craft.flag_bits(flags)
        seq = self.numbers[side] + given.get("seq", 0)
        ack = self.numbers[1 - side] + given.get("ack", 0) if "A" in flags or "ack" in given else 0
        src, dst, sport, dport = (CLIENT, SERVER, self.port, 80) if side == 0 else (SERVER, CLIENT, 80, self.port)
        if "seq" not in given and "ack" not in given:
            self.numbers[side] += data + ("S" in flags) + ("F" in flags)
        raw = craft.tcp(src, dst, sport, dport, bits, seq, ack, given.get("win", self.window), bytes(data), id=1)
        return Shot(raw, "lan" if side == 0 else "wan")

    def open(self) -> list[Shot]:
        return [self.client("S"), self.server("SA"), self.client("A")]


def agreed(kernel: Kernel, setup: Setup, shots: Sequence[Shot]) -> tuple[Observed, ...]:
    """What kernel and engine both say happened; fails with a report where they differ. The stack's own answers are left out."""
    comparison: Comparison = compare(kernel, setup, shots)
    assert not comparison.differences, f"{comparison}"
    return tuple(observed for observed in comparison.observation.packets if observed.shot >= 0)


def ctstates(packets: Sequence[Observed]) -> list[str]:
    """The last ctstate of each packet."""
    return [packet.states[-1][1] if packet.states else "" for packet in packets]


def tcp_states(packets: Sequence[Observed]) -> list[str]:
    """The TCP state of the entry after each packet, "-" where there is none."""
    return ["-" if packet.entry is None else packet.entry.state for packet in packets]


def seconds(packets: Sequence[Observed]) -> list[int]:
    """Seconds left of the entry after each packet (rounded up over the tick that may have passed), -1 where there is none."""
    return [-1 if packet.entry is None else packet.entry.seconds + (packet.entry.seconds % 10 == 9) for packet in packets]
