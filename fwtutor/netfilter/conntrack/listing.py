"""Entries as ``conntrack -L`` prints them."""

from __future__ import annotations

from collections.abc import Iterable

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import Entry, Tuple
from fwtutor.netfilter.conntrack.tuples import DCCP, GRE, SCTP, UDPLITE, WITH_PORTS, is_icmp
from fwtutor.netfilter.packet import PROTOCOL_NAMES

NAMES = {**PROTOCOL_NAMES, DCCP: "dccp", GRE: "gre", SCTP: "sctp", UDPLITE: "udplite"}


def format_tuple(tuple: Tuple) -> str:
    """``src=... dst=... sport=... dport=...``, or type, code and id for ICMP, or GRE's keys."""
    text = f"src={format_address(tuple.family, tuple.src)} dst={format_address(tuple.family, tuple.dst)}"
    if tuple.protocol in WITH_PORTS or tuple.protocol == DCCP:  # whose ports are not read any more: they are 0, and printed
        return f"{text} sport={tuple.sport} dport={tuple.dport}"
    if is_icmp(tuple.protocol, tuple.family):
        return f"{text} type={tuple.dport >> 8} code={tuple.dport & 0xFF} id={tuple.sport}"
    if tuple.protocol == GRE:
        return f"{text} srckey={tuple.sport:#x} dstkey={tuple.dport:#x}"
    return text


def format_entry(entry: Entry, at: int) -> str:
    """One line, without a line end, with the seconds left at the time ``at`` (ns)."""
    original, reply = entry.original, entry.reply
    parts = [f"{NAMES.get(original.protocol, 'unknown'):<8} {original.protocol} {entry.seconds_left(at)}"]
    if entry.state:
        parts.append(entry.state)
    for direction, side in enumerate((original, reply)):
        parts.append(format_tuple(side))
        if entry.counters is not None:
            parts.append(f"packets={entry.counters[direction * 2]} bytes={entry.counters[direction * 2 + 1]}")
        if direction == 0 and not entry.seen_reply:
            parts.append("[UNREPLIED]")
    if entry.assured:
        parts.append("[ASSURED]")
    parts.append(f"mark={entry.mark}")
    return " ".join([*parts, "use=1"])


def format_table(entries: Iterable[Entry], at: int) -> str:
    """All of them, a line each; entries whose time is over are left out."""
    return "".join(format_entry(entry, at) + "\n" for entry in entries if entry.expires > at)
