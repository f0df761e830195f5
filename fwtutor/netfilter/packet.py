"""Packet: the headers a firewall reads, from bytes and back to bytes, for IPv4 and IPv6.

Reading happens once, by hand, at the entrance. Nothing here judges: a packet the stack would refuse
carries the reason in ``fault``, and what conntrack thinks of a TCP header is the tracker's business.
Building packets is ``craft``'s.
"""

from __future__ import annotations

from struct import Struct

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.addresses import format_address

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOL_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
FLAG_NAMES = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"), (URG, "URG"), (ECE, "ECE"), (CWR, "CWR"))

_IPV4 = Struct("!BBHHHBBHII")
_TCP = Struct("!HHIIBBHH")
_PORTS = Struct("!HH")
_LONGEST6 = 40 + 0xFFFF
"""Bytes of an IPv6 packet that says how long it is."""
_UDP = Struct("!HHHH")
_ICMP = Struct("!BBHH")


def checksum(data: bytes | bytearray | memoryview, start: int = 0) -> int:
    """The Internet checksum (RFC 1071) of ``data``, an int in 0..65535; over a correct header it is 0."""
    if len(data) & 1:
        data = bytes(data) + b"\0"
    # An integer is congruent to the sum of its 16-bit digits modulo 0xFFFF, and that is what folding computes.
    total = (int.from_bytes(data, "big") + start) % 0xFFFF
    if total == 0 and (start or any(data)):
        total = 0xFFFF
    return ~total & 0xFFFF


class Packet:
    """One IP packet. Immutable in use: a changed packet is another Packet.

    Addresses are integers, ``length`` is the IP total length in bytes, ``offset`` the fragment offset in bytes,
    ``l4`` the index in ``raw`` where the transport header begins. Fields a packet has no header for are 0. Of IPv6, ``protocol`` and
    ``l4`` are those behind all extension headers, and ``id``, ``mf`` and ``fragment`` are of the first Fragment header.
    """

    __slots__ = (
        "ack",
        "authentication",
        "broken",
        "df",
        "doff",
        "dport",
        "dst",
        "family",
        "fault",
        "flags",
        "fragment",
        "has_l4",
        "icmp_code",
        "icmp_id",
        "icmp_type",
        "id",
        "joined",
        "l4",
        "length",
        "mf",
        "offset",
        "protocol",
        "raw",
        "seq",
        "sport",
        "src",
        "tos",
        "ttl",
        "window",
    )  # fmt: skip

    family: int
    raw: bytes
    """From the IP header's first byte to the total length it names; link-layer padding is cut off."""
    src: int
    dst: int
    protocol: int
    ttl: int
    """TTL or hop limit."""
    tos: int
    """TOS byte or traffic class."""
    length: int
    id: int
    df: bool
    mf: bool
    offset: int
    l4: int
    fragment: int
    """IPv6: where the first Fragment header is, 0: there is none."""
    joined: tuple[int, int] | None
    """IPv6: of a datagram put together of fragments, where the stack goes on to read it (the byte that names a header, the header)."""
    authentication: int
    """IPv6: where the first Authentication header is, 0: there is none. For iptables-nft's rules that is the protocol."""
    broken: bool
    """IPv6: the chain of extension headers broke off, so what protocol it is nobody knows. Legacy's rules with -p drop it at once."""
    fault: str
    """Why the stack refuses it before PREROUTING ("" if it does not)."""
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    window: int
    doff: int
    """TCP header length in bytes, as the header claims."""
    icmp_type: int
    icmp_code: int
    icmp_id: int
    has_l4: bool
    """True when the whole fixed transport header (TCP 20, UDP 8, ICMP 8 bytes) is there and this is no later fragment."""

    def __init__(self, raw: bytes, *, taken: bool = False) -> None:
        """``taken``: the stack has it already, and no longer looks at the checksum of its header."""
        self.src = self.dst = self.protocol = self.ttl = self.tos = self.id = self.offset = self.l4 = 0
        self.sport = self.dport = self.flags = self.seq = self.ack = self.window = self.doff = 0
        self.icmp_type = self.icmp_code = self.icmp_id = 0
        self.fragment = self.authentication = 0
        self.joined = None
        self.df = self.mf = self.has_l4 = self.broken = False
        self.fault = ""
        self.raw = raw
        self.length = len(raw)
        self.family = 6 if raw and raw[0] >> 4 == 6 else 4
        if self.family == 4:
            self._read_ipv4(raw, taken)
        else:
            self._read_ipv6(raw)

    def _read_ipv4(self, raw: bytes, taken: bool) -> None:
        if len(raw) < 20:
            self.fault = "truncated IP header"
            return
        first, self.tos, total, self.id, fragment, self.ttl, self.protocol, _, self.src, self.dst = _IPV4.unpack_from(raw)
        header = (first & 15) * 4
        if first >> 4 != 4:
            self.fault = "not an IP packet"
        elif header < 20 or header > len(raw):
            self.fault = "bad IP header length"
        elif not taken and checksum(raw[:header]):
            self.fault = "bad IP checksum"
        elif total > len(raw) or total < header:
            self.fault = "IP length beyond the packet"
        if self.fault:
            return
        if total < len(raw):
            self.raw = raw = raw[:total]
        self.length = total
        self.df = bool(fragment & 0x4000)
        self.mf = bool(fragment & 0x2000)
        self.offset = (fragment & 0x1FFF) * 8
        self.l4 = header
        if not self.offset:
            self._read_l4(raw, header, total - header)

    def _read_ipv6(self, raw: bytes) -> None:
        if len(raw) < 40:
            self.fault = "truncated IP header"
            return
        word = int.from_bytes(raw[:4], "big")
        self.tos = word >> 20 & 0xFF
        total = 40 + int.from_bytes(raw[4:6], "big")
        self.ttl = raw[7]
        self.src = int.from_bytes(raw[8:24], "big")
        self.dst = int.from_bytes(raw[24:40], "big")
        if total == 40 and raw[6] == exthdrs.HOP_BY_HOP:
            total = len(raw)  # that is where a jumbo length may be
        if total > len(raw) or total > _LONGEST6:
            self.protocol = raw[6]
            self.fault = "IP length beyond the packet" if total > len(raw) else "a jumbogram, which no link here carries"
            return
        if total < len(raw):
            self.raw = raw = raw[:total]
        self.length = total
        if raw[6] in exthdrs.EXTENSIONS:
            self.protocol, self.l4, self.broken, self.offset, self.fragment, self.authentication = exthdrs.walk(raw)
            if self.fragment:
                self.mf = bool(raw[self.fragment + 3] & 1)
                self.id = int.from_bytes(raw[self.fragment + 4 : self.fragment + 8], "big")
        else:
            self.protocol, self.l4 = raw[6], 40
        if not self.offset and not self.broken:
            self._read_l4(raw, self.l4, total - self.l4)

    def _read_l4(self, raw: bytes, at: int, room: int) -> None:
        protocol = self.protocol
        if protocol == TCP:
            if room >= 20:
                self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window, _ = _TCP.unpack_from(raw, at)
                self.doff = (offset >> 4) * 4
                self.has_l4 = True
        elif protocol == UDP:
            if room >= 8:
                self.sport, self.dport, _, _ = _UDP.unpack_from(raw, at)
                self.has_l4 = True
        elif (protocol == ICMP and self.family == 4) or (protocol == ICMPV6 and self.family == 6):
            if room >= 8:
                self.icmp_type, self.icmp_code, _, self.icmp_id = _ICMP.unpack_from(raw, at)
                self.has_l4 = True
        else:
            self.has_l4 = room >= 0
            return
        if not self.has_l4 and room >= 4 and protocol in (TCP, UDP):
            self.sport, self.dport = _PORTS.unpack_from(raw, at)

    @property
    def payload(self) -> bytes:
        """What follows the transport header (for TCP, after its options)."""
        if self.protocol == TCP:
            return self.raw[self.l4 + max(self.doff, 20) :]
        return self.raw[self.l4 + (8 if self.protocol in (UDP, ICMP, ICMPV6) else 0) :]

    @property
    def flag_names(self) -> tuple[str, ...]:
        """The TCP flags set, as ``("SYN", "ACK")``."""
        return tuple(name for bit, name in FLAG_NAMES if self.flags & bit) if self.protocol == TCP else ()

    @property
    def source(self) -> str:
        """The source address as text."""
        return format_address(self.family, self.src)

    @property
    def destination(self) -> str:
        """The destination address as text."""
        return format_address(self.family, self.dst)

    def __repr__(self) -> str:
        name = PROTOCOL_NAMES.get(self.protocol, str(self.protocol))
        ports = (f":{self.sport}", f":{self.dport}") if self.protocol in (TCP, UDP) else ("", "")
        return f"<Packet {name} {self.source}{ports[0]} > {self.destination}{ports[1]} {'+'.join(self.flag_names)}>"
