"""Packets of a kind, in the words of the prompt's ``send``: ``tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN``."""

from __future__ import annotations

from fwtutor.late import late_dataclass
from fwtutor.netfilter.packet import ACK, FIN, ICMP, ICMPV6, PROTOCOL_NAMES, RST, SYN, TCP, UDP, Packet
from fwtutor.network.arguments import BadArgument, read_place
from fwtutor.network.ends import Address, destination_of, ends_of, source_of

COMPARED = SYN | ACK | FIN | RST
"""The flags that patterns compare: data and PSH make no difference."""
_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6}
_FAMILIES = {ICMP: 4, ICMPV6: 6}
_FLAGS = {"SYN": SYN, "ACK": ACK, "FIN": FIN, "RST": RST}
_ECHO = {ICMP: 8, ICMPV6: 128}
_ECHOES = {(4, 8, 0): "echo request", (4, 0, 0): "echo reply", (6, 128, 0): "echo request", (6, 129, 0): "echo reply"}


@late_dataclass
class Pattern:
    """Packets of a kind. ``*`` for an address or no port means any; no flags mean any. Flags are compared exactly, but only
    SYN, ACK, FIN and RST. For icmp and icmpv6 the last word is ``echo`` or ``TYPE/CODE``.
    """

    text: str
    """As it was written."""
    protocol: int
    source: Address | None
    sport: int | None
    destination: Address | None
    dport: int | None
    flags: int | None
    icmp: tuple[int, int] | None

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Raises ValueError, saying what is wrong."""
        words = text.split()
        if len(words) not in (4, 5) or words[2] != ">":
            raise ValueError(f'"{text}" is not PROTOCOL SOURCE > DESTINATION [FLAGS]')
        if words[0] not in _PROTOCOLS:
            raise ValueError(f'"{words[0]}" is none of {", ".join(_PROTOCOLS)}')
        protocol = _PROTOCOLS[words[0]]
        source, sport = parse_endpoint(words[1])
        destination, dport = parse_endpoint(words[3])
        families = {address.family for address in (source, destination) if address} | {_FAMILIES.get(protocol, 0)} - {0}
        if len(families) > 1:
            raise ValueError(f'"{text}": no packet has both an IPv4 and an IPv6 side')
        flags: int | None = None
        icmp: tuple[int, int] | None = None
        if protocol in _FAMILIES and (sport, dport) != (None, None):
            raise ValueError(f"{words[0]} has no ports")
        if len(words) == 5:
            if protocol == TCP:
                flags = parse_flags(words[4])
            elif protocol in _FAMILIES:
                icmp = parse_icmp(words[4], protocol)
            else:
                raise ValueError("udp has no flags")
        return cls(text, protocol, source, sport, destination, dport, flags, icmp)

    def matches(self, packet: Packet) -> bool:
        return (
            packet.protocol == self.protocol
            and self.source in (None, source_of(packet))
            and self.destination in (None, destination_of(packet))
            and self.sport in (None, packet.sport)
            and self.dport in (None, packet.dport)
            and (self.flags is None or packet.flags & COMPARED == self.flags)
            and (self.icmp is None or (packet.icmp_type, packet.icmp_code) == self.icmp)
        )

    def reversed(self) -> Pattern:
        """The other direction, with any flags."""
        protocol, here, there = self.text.split()[0], *self.text.split()[1:4:2]
        return Pattern.parse(f"{protocol} {there} > {here}")


def parse_endpoint(text: str) -> tuple[Address | None, int | None]:
    """``ADDRESS``, ``ADDRESS:PORT``, ``[ADDRESS]:PORT``, ``*`` or ``*:PORT`` as (address, port), None for any. Raises ValueError."""
    if text == "*":
        return None, None
    anywhere = text.startswith("*:")
    try:
        address, port = read_place(f"0.0.0.0{text[1:]}" if anywhere else text, 0)
    except BadArgument as error:
        raise ValueError(str(error)) from None
    return (None if anywhere else address), port or None


def parse_flags(text: str) -> int:
    """``SYN``, ``SYN+ACK`` ... as bits. Raises ValueError."""
    bits = 0
    for name in text.replace(",", "+").split("+"):
        if name not in _FLAGS:
            raise ValueError(f'"{name}" is not SYN, ACK, FIN or RST')
        bits |= _FLAGS[name]
    return bits


def parse_icmp(text: str, protocol: int = ICMP) -> tuple[int, int]:
    """``echo`` or ``TYPE/CODE``. Raises ValueError."""
    if text == "echo":
        return _ECHO[protocol], 0
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts):
        raise ValueError(f'"{text}" is not echo or TYPE/CODE')
    return int(parts[0]), int(parts[1])


def packet_words(packet: Packet) -> str:
    """A packet in the words of ``send``: ``tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN``."""
    name = PROTOCOL_NAMES.get(packet.protocol, str(packet.protocol))
    if packet.protocol in (TCP, UDP):
        return f"{name} {ends_of(packet)}{f' {flag_words(packet)}' if packet.protocol == TCP else ''}"
    both = f"{source_of(packet)} > {destination_of(packet)}"
    if packet.protocol in _FAMILIES:
        kind = _ECHOES.get((packet.family, packet.icmp_type, packet.icmp_code), f"{packet.icmp_type}/{packet.icmp_code}")
        return f"{'icmp' if packet.family == 4 else 'icmpv6'} {both} {kind}"
    return f"{name} {both}"


def flag_words(packet: Packet) -> str:
    """``SYN+ACK``, ``no flags``."""
    return "+".join(packet.flag_names) or "no flags"
