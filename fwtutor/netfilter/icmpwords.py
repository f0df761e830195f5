"""What the messages of ICMP and ICMPv6 are called."""

from __future__ import annotations

from fwtutor.netfilter.packet import ICMPV6, Packet

ICMP_WORDS: dict[int | tuple[int, int], str] = {
    0: "echo reply",
    3: "destination unreachable",
    (3, 0): "net unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "fragmentation needed",
    (3, 9): "network prohibited",
    (3, 10): "host prohibited",
    (3, 13): "administratively prohibited",
    5: "redirect",
    8: "echo request",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
}
"""What ICMP messages are called, by type or by (type, code)."""

ICMPV6_WORDS: dict[int | tuple[int, int], str] = {
    1: "destination unreachable",
    (1, 0): "no route",
    (1, 1): "administratively prohibited",
    (1, 2): "beyond scope",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "failed policy",
    (1, 6): "reject route",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "listener query",
    131: "listener report",
    132: "listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    137: "redirect",
    143: "listener report",
}
"""The same of ICMPv6."""


def icmp_word(packet: Packet) -> str:
    """What this message is called, "" when it has no name."""
    words = ICMPV6_WORDS if packet.protocol == ICMPV6 else ICMP_WORDS
    return words.get((packet.icmp_type, packet.icmp_code)) or words.get(packet.icmp_type, "")
