"""conntrack entries and expectations read over ctnetlink. ``conntrack -L`` without the program."""

from __future__ import annotations

import errno
import struct

from fwtutor.kernel.netlink import FAMILIES, NLM_F_DUMP, Netfilter, NetlinkError, attribute, attributes
from fwtutor.kernel.observation import Adjustment, KernelEntry, KernelExpectation
from fwtutor.kernel.tuples import read_tuple, tuple_attribute, word
from fwtutor.netfilter.conntrack.entry import Tuple

_SUBSYSTEM, _EXPECTATIONS = 1, 2
NEWS = 1
"""The group that is told of every entry when it is confirmed."""
NEW = _SUBSYSTEM << 8
_GET, _GET_EXPECTATION = _SUBSYSTEM << 8 | 1, _EXPECTATIONS << 8 | 1

# Attribute types of ctnetlink; names as the kernel's user interface has them.
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO, CTA_HELP = 1, 2, 3, 4, 5
CTA_TIMEOUT, CTA_MARK, CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY, CTA_USE = 7, 8, 9, 10, 11
CTA_SEQ_ADJ_ORIG, CTA_SEQ_ADJ_REPLY, CTA_ZONE, CTA_MARK_MASK, CTA_LABELS = 15, 16, 18, 21, 22
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE = 3, 1
CTA_COUNTERS_PACKETS, CTA_COUNTERS_BYTES = 1, 2
CTA_HELP_NAME = 1
CTA_SEQADJ_CORRECTION_POS, CTA_SEQADJ_OFFSET_BEFORE, CTA_SEQADJ_OFFSET_AFTER = 1, 2, 3
CTA_EXPECT_MASTER, CTA_EXPECT_TUPLE, CTA_EXPECT_MASK, CTA_EXPECT_TIMEOUT, CTA_EXPECT_HELP_NAME = 1, 2, 3, 4, 6
CTA_EXPECT_ZONE, CTA_EXPECT_FLAGS, CTA_EXPECT_CLASS = 7, 8, 9

STRANGER = 1 << 31
"""The bit of the mark that says: an entry of a stranger (``crowd``), to be left out of a dump."""

TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
SCTP_STATES = (
    "NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
)  # fmt: skip


def lookup(netfilter: Netfilter, wanted: Tuple) -> KernelEntry | None:
    """The entry that has this tuple in either direction, in the tuple's zone; or None."""
    zone = attribute(CTA_ZONE, struct.pack("!H", wanted.zone)) if wanted.zone else b""
    try:
        answers = netfilter.ask(_GET, tuple_attribute(CTA_TUPLE_ORIG, wanted) + zone, family=FAMILIES[wanted.family])
    except NetlinkError as problem:
        if problem.errno == errno.ENOENT:
            return None
        raise
    found = read_entry(answers[0])
    return found._replace(use=found.use - 1)  # one use is that of the lookup itself, which conntrack -L has not


def dump(netfilter: Netfilter) -> list[KernelEntry]:
    """Every entry of the namespace, but those of strangers."""
    ours = attribute(CTA_MARK, bytes(4)) + attribute(CTA_MARK_MASK, struct.pack("!I", STRANGER))
    return [read_entry(answer) for answer in netfilter.ask(_GET, ours, NLM_F_DUMP, family=0)]


def begun(news: Netfilter) -> list[KernelEntry]:
    """The entries confirmed since the last time, as they were then, whatever has become of them; ``news`` is of the group NEWS."""
    return [read_entry(message.payload) for message in news.pending() if message.kind == NEW]


def expectations(netfilter: Netfilter) -> list[KernelExpectation]:
    """Every expectation of the namespace."""
    return [read_expectation(answer) for answer in netfilter.ask(_GET_EXPECTATION, b"", NLM_F_DUMP, family=0)]


def read_entry(data: memoryview) -> KernelEntry:
    """One entry from its netlink message."""
    found = attributes(data)
    original, reply = read_tuple(found[CTA_TUPLE_ORIG]), read_tuple(found[CTA_TUPLE_REPLY])
    state = ""
    if CTA_PROTOINFO in found:
        info = attributes(found[CTA_PROTOINFO])
        if CTA_PROTOINFO_TCP in info:
            state = TCP_STATES[attributes(info[CTA_PROTOINFO_TCP])[CTA_PROTOINFO_TCP_STATE][0]]
        elif CTA_PROTOINFO_SCTP in info:
            state = SCTP_STATES[attributes(info[CTA_PROTOINFO_SCTP])[CTA_PROTOINFO_SCTP_STATE][0]]
    return KernelEntry(
        original.protocol, original.text, reply.text, word(found, CTA_STATUS), word(found, CTA_TIMEOUT), word(found, CTA_MARK), state,
        word(found, CTA_USE), _read_counters(found.get(CTA_COUNTERS_ORIG)), _read_counters(found.get(CTA_COUNTERS_REPLY)),
        word(found, CTA_ZONE), original.zone, reply.zone,
        _text(attributes(found[CTA_HELP])[CTA_HELP_NAME]) if CTA_HELP in found else "",
        _read_adjustment(found.get(CTA_SEQ_ADJ_ORIG)), _read_adjustment(found.get(CTA_SEQ_ADJ_REPLY)),
        int.from_bytes(found.get(CTA_LABELS, b""), "little"),
    )  # fmt: skip


def _read_counters(data: memoryview | None) -> tuple[int, int] | None:
    if data is None:
        return None
    found = attributes(data)
    return word(found, CTA_COUNTERS_PACKETS), word(found, CTA_COUNTERS_BYTES)


def _read_adjustment(data: memoryview | None) -> Adjustment | None:
    if data is None:
        return None
    found = attributes(data)
    before, after = (int.from_bytes(found[kind], "big", signed=True) for kind in (CTA_SEQADJ_OFFSET_BEFORE, CTA_SEQADJ_OFFSET_AFTER))
    return Adjustment(word(found, CTA_SEQADJ_CORRECTION_POS), before, after)


def read_expectation(data: memoryview) -> KernelExpectation:
    """One expectation from its netlink message."""
    found = attributes(data)
    awaited, mask, master = (read_tuple(found[kind]) for kind in (CTA_EXPECT_TUPLE, CTA_EXPECT_MASK, CTA_EXPECT_MASTER))
    return KernelExpectation(
        word(found, CTA_EXPECT_TIMEOUT), awaited.protocol, awaited.text, mask.named("mask-src", "mask-dst"),
        master.named("master-src", "master-dst"), word(found, CTA_EXPECT_FLAGS), word(found, CTA_EXPECT_CLASS),
        _text(found[CTA_EXPECT_HELP_NAME]) if CTA_EXPECT_HELP_NAME in found else "", word(found, CTA_EXPECT_ZONE),
    )  # fmt: skip


def _text(data: memoryview) -> str:
    return bytes(data).rstrip(b"\0").decode("ascii", "replace")
