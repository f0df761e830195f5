"""Why a packet is translated, and what its connection is made to look like: ``why``'s sentence for the step Translated."""

from __future__ import annotations

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.answers import ERRORS
from fwtutor.netfilter.conntrack import icmpv6
from fwtutor.netfilter.conntrack.entry import CONFIRMED, Entry, Tuple
from fwtutor.netfilter.conntrack.nat.ranges import SRC
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS, inverted, is_icmp, tuple_of
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.state import ENTRY
from fwtutor.netfilter.steps import Translated

_ENDS = {SRC: "source", "dst": "destination"}


def why_translated(step: Translated) -> str:
    before, after = step.entry_before, step.entry_after
    assert before is not None
    gone = [change.before for change in step.changes if change.kind == ENTRY and change.after is None]
    if any(entry.id == before.id for entry in gone):
        return f"its connection has the address of {before.leaves_by} and would leave by another interface: its entry is deleted"
    parts = [f"{_named(entry)} was over, and makes way for it" for entry in gone]
    if step.before is not None and step.after is not None and step.after is not step.before:
        parts.append(_rewritten(step, before))
    if after is not None and after.reply != before.reply:
        parts.append(f"answers will go to {_end(after.reply, 'dst')} and come from {_end(after.reply, SRC)}")
    return "; ".join(parts) or f"its {_ENDS[step.end]} is to be drawn by lot, and stays what it is"


def _rewritten(step: Translated, entry: Entry) -> str:
    before, after = step.before, step.after
    assert before is not None
    assert after is not None
    what = _ENDS[step.end]
    since = "" if not entry.status & CONFIRMED else ", as was decided for the connection's first packet"
    error = before.icmp_type in ERRORS if before.family == 4 else icmpv6.quotes(before)
    if is_icmp(before.protocol, before.family) and error:
        old, new = _address(before, step.end), _address(after, step.end)
        return f"it is an error about a translated packet: its {what} {old} becomes {new}, and the packet it quotes is translated back"
    return f"its {what} {_of(before, step.end)} becomes {_of(after, step.end)}{since}"


def _address(packet: Packet, end: str) -> str:
    return packet.source if end == SRC else packet.destination


def _of(packet: Packet, end: str) -> str:
    key = tuple_of(packet)
    return _address(packet, end) if key is None else _end(key, end)


def _end(key: Tuple, end: str) -> str:
    text = format_address(key.family, key.src if end == SRC else key.dst)
    if key.protocol in WITH_PORTS:
        port = key.sport if end == SRC else key.dport
        return f"[{text}]:{port}" if key.family == 6 else f"{text}:{port}"
    return f"{text} (id {key.sport})" if is_icmp(key.protocol, key.family) else text


def _named(entry: Entry) -> str:
    """A connection as its answers see it."""
    there = inverted(entry.reply) or entry.original
    return f"the connection {_end(there, SRC)} > {_end(there, 'dst')} ({entry.state})"
