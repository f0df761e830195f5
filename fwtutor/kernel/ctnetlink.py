"""conntrack entries and expectations read over ctnetlink. ``conntrack -L`` without the program."""

from __future__ import annotations

import errno
import struct
from ipaddress import IPv4Address

from fwtutor.kernel.netlink import NLM_F_DUMP, Netfilter, NetlinkError, attribute, attributes
from fwtutor.kernel.observation import KernelEntry
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.packet import ICMP, TCP, Packet

_SUBSYSTEM = 1
NEW = _SUBSYSTEM << 8
_GET = _SUBSYSTEM << 8 | 1
_GET_EXPECTATION = 2 << 8 | 1

# Attribute types of ctnetlink; names as the kernel's user interface has them.
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO = 1, 2, 3, 4
CTA_TIMEOUT, CTA_MARK, CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY, CTA_USE = 7, 8, 9, 10, 11
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST = 1, 2
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE = 4, 5, 6
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE = 3, 1
CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES = 1, 2
CTA_MARK_MASK = 21
CTA_EXPECT_TUPLE = 2

STRANGER = 1 << 31
"""The bit of the mark that says: an entry of a stranger (``crowd``), to be left out of a dump."""

TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
SCTP_STATES = (
    "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
)  # fmt: skip
DCCP, GRE = 33, 47
PPP = b"\x88\x0b"
"""What enhanced GRE (version 1) carries: the protocol field has this, and a call's number stands where a key would."""
PORTED = frozenset((TCP, 17, 132, 136))
"""Protocols whose tuple has ports."""
QUERIES = frozenset((0, 8, 13, 14, 15, 16, 17, 18))
"""ICMP types an entry can have; asking for another is an error."""


def tuple_of(packet: Packet) -> Tuple | None:
    """The tuple conntrack would look up for this IPv4 packet; None where it makes none."""
    if packet.fault or packet.offset or packet.family != 4:
        return None
    if packet.protocol == ICMP:
        if not packet.has_l4 or packet.icmp_type not in QUERIES:
            return None
        return Tuple(4, packet.src, packet.dst, ICMP, packet.icmp_id, packet.icmp_type << 8 | packet.icmp_code)
    if packet.protocol in PORTED:
        l4 = packet.raw[packet.l4 : packet.l4 + 4]
        if len(l4) < 4:
            return None
        return Tuple(4, packet.src, packet.dst, packet.protocol, *struct.unpack("!HH", l4))
    if packet.protocol == GRE:
        l4 = packet.raw[packet.l4 : packet.l4 + 8]
        enhanced = len(l4) == 8 and l4[1] & 7 == 1
        if enhanced and l4[2:4] != PPP:
            return None
        return Tuple(4, packet.src, packet.dst, GRE, 0, int.from_bytes(l4[6:8], "big") if enhanced else 0)
    return Tuple(4, packet.src, packet.dst, packet.protocol, 0, 0)


def tuple_attribute(kind: int, wanted: Tuple) -> bytes:
    """A tuple, as the attribute of that kind."""
    address = attribute(CTA_IP_V4_SRC, wanted.src.to_bytes(4, "big")) + attribute(CTA_IP_V4_DST, wanted.dst.to_bytes(4, "big"))
    protocol = attribute(CTA_PROTO_NUM, bytes([wanted.protocol]))
    if wanted.protocol == ICMP:
        protocol += attribute(CTA_PROTO_ICMP_ID, wanted.sport.to_bytes(2, "big"))
        protocol += attribute(CTA_PROTO_ICMP_TYPE, bytes([wanted.dport >> 8]))
        protocol += attribute(CTA_PROTO_ICMP_CODE, bytes([wanted.dport & 255]))
    elif wanted.protocol in PORTED or wanted.protocol == GRE:
        protocol += attribute(CTA_PROTO_SRC_PORT, wanted.sport.to_bytes(2, "big"))
        protocol += attribute(CTA_PROTO_DST_PORT, wanted.dport.to_bytes(2, "big"))
    inside = attribute(CTA_TUPLE_IP, address, nested=True) + attribute(CTA_TUPLE_PROTO, protocol, nested=True)
    return attribute(kind, inside, nested=True)


def lookup(netfilter: Netfilter, wanted: Tuple) -> KernelEntry | None:
    """The entry that has this tuple in either direction, or None."""
    try:
        answers = netfilter.ask(_GET, tuple_attribute(CTA_TUPLE_ORIG, wanted))
    except NetlinkError as problem:
        if problem.errno == errno.ENOENT:
            return None
        raise
    found = read_entry(answers[0])
    return found._replace(use=found.use - 1)  # one use is that of the lookup itself, which conntrack -L has not


def dump(netfilter: Netfilter) -> list[KernelEntry]:
    """Every IPv4 entry of the namespace, but those of strangers."""
    ours = attribute(CTA_MARK, bytes(4)) + attribute(CTA_MARK_MASK, struct.pack("!I", STRANGER))
    return [read_entry(answer) for answer in netfilter.ask(_GET, ours, NLM_F_DUMP)]


def expectations(netfilter: Netfilter) -> list[str]:
    """The tuple every IPv4 expectation of the namespace waits for, with its protocol's number first."""
    answers = netfilter.ask(_GET_EXPECTATION, b"", NLM_F_DUMP)
    return ["{} {}".format(*_read_tuple(attributes(answer)[CTA_EXPECT_TUPLE])) for answer in answers]


def read_entry(data: memoryview) -> KernelEntry:
    """One entry from its netlink message."""
    found = attributes(data)
    protocol, original = _read_tuple(found[CTA_TUPLE_ORIG])
    _, reply = _read_tuple(found[CTA_TUPLE_REPLY])
    state = ""
    if CTA_PROTOINFO in found:
        info = attributes(found[CTA_PROTOINFO])
        if CTA_PROTOINFO_TCP in info:
            state = TCP_STATES[attributes(info[CTA_PROTOINFO_TCP])[CTA_PROTOINFO_TCP_STATE][0]]
        elif CTA_PROTOINFO_SCTP in info:
            state = SCTP_STATES[attributes(info[CTA_PROTOINFO_SCTP])[CTA_PROTOINFO_SCTP_STATE][0]]
    return KernelEntry(
        protocol, original, reply, _word(found, CTA_STATUS), _word(found, CTA_TIMEOUT), _word(found, CTA_MARK), state,
        _word(found, CTA_USE), _read_counters(found.get(CTA_COUNTERS_ORIG)),
        _read_counters(found.get(CTA_COUNTERS_REPLY)),
    )  # fmt: skip


def _word(found: dict[int, memoryview], kind: int) -> int:
    return int.from_bytes(found[kind], "big") if kind in found else 0


def _read_counters(data: memoryview | None) -> tuple[int, int] | None:
    if data is None:
        return None
    found = attributes(data)
    return _word(found, CTA_COUNTERS_PACKETS), _word(found, CTA_COUNTERS_BYTES)


def _read_tuple(data: memoryview) -> tuple[int, str]:
    found = attributes(data)
    address, proto = attributes(found[CTA_TUPLE_IP]), attributes(found[CTA_TUPLE_PROTO])
    protocol = proto[CTA_PROTO_NUM][0]
    text = f"src={IPv4Address(bytes(address[CTA_IP_V4_SRC]))} dst={IPv4Address(bytes(address[CTA_IP_V4_DST]))}"
    if protocol == ICMP:
        kind, code = _word(proto, CTA_PROTO_ICMP_TYPE), _word(proto, CTA_PROTO_ICMP_CODE)
        text += f" type={kind} code={code} id={_word(proto, CTA_PROTO_ICMP_ID)}"
    elif protocol == GRE:
        text += f" srckey={_word(proto, CTA_PROTO_SRC_PORT):#x} dstkey={_word(proto, CTA_PROTO_DST_PORT):#x}"
    elif protocol in PORTED or protocol == DCCP:  # which are 0 for DCCP: nothing reads them any more, but they are printed
        text += f" sport={_word(proto, CTA_PROTO_SRC_PORT)} dport={_word(proto, CTA_PROTO_DST_PORT)}"
    return protocol, text
