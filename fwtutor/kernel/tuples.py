"""Tuples of conntrack: which one a packet has, and how ctnetlink and the conntrack program write it."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from fwtutor.kernel.identity import transport6
from fwtutor.kernel.netlink import attribute, attributes
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet

# Attribute types of ctnetlink; names as the kernel's user interface has them.
CTA_TUPLE_IP, CTA_TUPLE_PROTO, CTA_TUPLE_ZONE = 1, 2, 3
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = 1, 2, 3, 4
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE = 4, 5, 6
CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE = 7, 8, 9

DCCP, GRE = 33, 47
PPP = b"\x88\x0b"
"""What enhanced GRE (version 1) carries: the protocol field has this, and a call's number stands where a key would."""
PORTED = frozenset((TCP, UDP, 132, 136))
"""Protocols whose tuple has ports."""
QUERIES = {ICMP: frozenset((0, 8, 13, 14, 15, 16, 17, 18)), ICMPV6: frozenset((128, 129, 139, 140))}
"""ICMP types an entry can have; asking for another is an error."""
_QUERY = {
    ICMP: (CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE),
    ICMPV6: (CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE),
}
_ADDRESSES = {4: (CTA_IP_V4_SRC, CTA_IP_V4_DST, 4), 6: (CTA_IP_V6_SRC, CTA_IP_V6_DST, 16)}
OWN_ICMP = {4: ICMP, 6: ICMPV6}
"""Which of the two protocols is ICMP to a family; the other is one like any."""


def tuple_of(packet: Packet) -> Tuple | None:
    """The tuple conntrack would look up for this packet; None where it makes none."""
    if packet.fault:
        return None
    if packet.family == 4:
        if packet.offset:
            return None
        protocol, l4 = packet.protocol, packet.raw[packet.l4 :]
    else:
        found = transport6(packet.raw)
        if found is None or found.offset > 0:
            return None
        protocol, l4 = found.protocol, packet.raw[found.at :]
    ports = _ports(packet.family, protocol, l4)
    return None if ports is None else Tuple(packet.family, packet.src, packet.dst, protocol, *ports)


def _ports(family: int, protocol: int, l4: bytes) -> tuple[int, int] | None:
    """What distinguishes connections of the same two hosts."""
    if protocol == OWN_ICMP[family]:
        if len(l4) < 8 or l4[0] not in QUERIES[protocol]:
            return None
        return int.from_bytes(l4[4:6], "big"), l4[0] << 8 | l4[1]
    if protocol in PORTED:
        return None if len(l4) < 4 else struct.unpack_from("!HH", l4)
    if protocol == GRE:
        enhanced = len(l4) >= 8 and l4[1] & 7 == 1
        if enhanced and l4[2:4] != PPP:
            return None
        return 0, int.from_bytes(l4[6:8], "big") if enhanced else 0
    return 0, 0


def tuple_attribute(kind: int, wanted: Tuple) -> bytes:
    """A tuple, as the attribute of that kind."""
    src, dst, size = _ADDRESSES[wanted.family]
    address = attribute(src, wanted.src.to_bytes(size, "big")) + attribute(dst, wanted.dst.to_bytes(size, "big"))
    protocol = attribute(CTA_PROTO_NUM, bytes([wanted.protocol]))
    if wanted.protocol == OWN_ICMP[wanted.family]:
        values = wanted.sport.to_bytes(2, "big"), bytes([wanted.dport >> 8]), bytes([wanted.dport & 255])
        protocol += b"".join(map(attribute, _QUERY[wanted.protocol], values))
    elif wanted.protocol in PORTED or wanted.protocol == GRE:
        protocol += attribute(CTA_PROTO_SRC_PORT, wanted.sport.to_bytes(2, "big"))
        protocol += attribute(CTA_PROTO_DST_PORT, wanted.dport.to_bytes(2, "big"))
    inside = attribute(CTA_TUPLE_IP, address, nested=True) + attribute(CTA_TUPLE_PROTO, protocol, nested=True)
    return attribute(kind, inside, nested=True)


class Read(NamedTuple):
    """A tuple that was read: text as conntrack prints it."""

    family: int
    protocol: int
    addresses: tuple[str, str]
    rest: str
    """"sport=... dport=..." or what else the protocol has, with a space before it."""
    zone: int
    """Of this direction alone."""

    @property
    def text(self) -> str:
        return self.named("src", "dst")

    def named(self, src: str, dst: str) -> str:
        """With other names for the addresses."""
        return f"{src}={self.addresses[0]} {dst}={self.addresses[1]}{self.rest}"


def read_tuple(data: memoryview) -> Read:
    """A tuple from its attribute."""
    found = attributes(data)
    address, proto = attributes(found[CTA_TUPLE_IP]), attributes(found[CTA_TUPLE_PROTO])
    protocol = proto[CTA_PROTO_NUM][0]
    family = 4 if CTA_IP_V4_SRC in address else 6
    make = IPv4Address if family == 4 else IPv6Address
    src, dst, _ = _ADDRESSES[family]
    rest = ""
    if protocol == OWN_ICMP[family]:
        id, kind, code = (word(proto, one) for one in _QUERY[protocol])
        rest = f" type={kind} code={code} id={id}"
    elif protocol == GRE:
        rest = f" srckey={word(proto, CTA_PROTO_SRC_PORT):#x} dstkey={word(proto, CTA_PROTO_DST_PORT):#x}"
    elif protocol in PORTED or protocol == DCCP:  # which are 0 for DCCP: nothing reads them any more, but they are printed
        rest = f" sport={word(proto, CTA_PROTO_SRC_PORT)} dport={word(proto, CTA_PROTO_DST_PORT)}"
    return Read(family, protocol, (str(make(bytes(address[src]))), str(make(bytes(address[dst])))), rest, word(found, CTA_TUPLE_ZONE))


def word(found: dict[int, memoryview], kind: int) -> int:
    """A number in the network's order, 0 where it is not there."""
    return int.from_bytes(found[kind], "big") if kind in found else 0
