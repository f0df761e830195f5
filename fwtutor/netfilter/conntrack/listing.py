"""Entries and expectations as ``conntrack`` prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping

from fwtutor.netfilter.addresses import ALL_ONES, format_address
from fwtutor.netfilter.conntrack.entry import Entry, Tuple
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.tuples import DCCP, GRE, SCTP, UDPLITE, WITH_PORTS, is_icmp
from fwtutor.netfilter.packet import PROTOCOL_NAMES

NAMES = {**PROTOCOL_NAMES, DCCP: "dccp", GRE: "gre", SCTP: "sctp", UDPLITE: "udplite"}

BEGUN, UPDATED, DESTROYED = "NEW", "UPDATE", "DESTROY"
"""Kinds of messages, as ``conntrack -E`` prints them in brackets."""
PROTOINFO, MARKED = "protoinfo", "mark"
"""What a message may be about, as far as it is printed only then."""


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


def format_entry(entry: Entry, at: int, uses: int = 1) -> str:
    """One line, without a line end, with the seconds left at the time ``at`` (ns); ``uses``: how often it is referred to."""
    words = _words(entry, str(entry.seconds_left(at)), entry.state, counters=True, mark=True, helper=True)
    return " ".join([*words, f"use={uses}"])


def format_told(entry: Entry, kind: str, about: Container[str], at: int) -> str:
    """The same of an entry in a message, which does not say everything; without what is printed before and behind."""
    gone, seconds = kind == DESTROYED, entry.seconds_left(at)
    state = entry.state if gone or PROTOINFO in about else ""
    marked = bool(entry.mark) or MARKED in about
    return " ".join(_words(entry, str(seconds) if seconds or not gone else "", state, counters=gone, mark=marked, helper=not gone))


def _words(entry: Entry, seconds: str, state: str, *, counters: bool, mark: bool, helper: bool) -> list[str]:
    """What of an entry is to be told."""
    original, reply = entry.original, entry.reply
    parts = [f"{NAMES.get(original.protocol, 'unknown'):<8} {original.protocol}", *filter(None, (seconds, state))]
    for direction, side in enumerate((original, reply)):
        parts.append(format_tuple(side))
        if side.zone and original.zone != reply.zone:
            parts.append(f"zone-{'reply' if direction else 'orig'}={side.zone}")
        if entry.counters is not None and counters:
            parts.append(f"packets={entry.counters[direction * 2]} bytes={entry.counters[direction * 2 + 1]}")
        if direction == 0 and not entry.seen_reply:
            parts.append("[UNREPLIED]")
    if entry.assured:
        parts.append("[ASSURED]")
    if mark:
        parts.append(f"mark={entry.mark}")
    if original.zone and original.zone == reply.zone:
        parts.append(f"zone={original.zone}")
    if entry.helper and helper:
        parts.append(f"helper={entry.helper}")
    return parts


def format_expectation(one: Expectation, master: Entry, at: int) -> str:
    """One line, without a line end, as ``conntrack -L expect`` prints it."""
    own = one.tuple
    family, ones = own.family, ALL_ONES[own.family]
    own_words = f"{one.seconds_left(at)} proto={own.protocol} {format_tuple(own)}"
    masks = f"mask-src={format_address(family, one.src_mask)} mask-dst={format_address(family, ones)} sport={one.sport_mask} dport=65535"
    source, destination = (format_address(family, address) for address in (master.original.src, master.original.dst))
    ports = f"sport={master.original.sport} dport={master.original.dport}"
    flags = [word for word, set in (("PERMANENT", one.permanent), ("INACTIVE", one.inactive)) if set]
    last = f"class={one.kind} helper={one.helper}"
    return " ".join(
        [own_words, masks, f"master-src={source} master-dst={destination} {ports}", *([",".join(flags)] if flags else []), last]
    )


def uses_of(entries: Mapping[int, Entry], held: Mapping[int, int]) -> Counter[int]:
    """By entry id, how often it is referred to: by the table, by each connection that was expected on its account, and ``held`` besides."""
    uses = Counter(dict.fromkeys(entries, 1))
    uses.update(entry.master.id for entry in entries.values() if entry.master is not None)
    uses.update(held)
    return uses


def format_table(entries: Mapping[int, Entry], at: int, family: int, held: Mapping[int, int]) -> str:
    """All entries, or those of one family, a line each; those whose time is over are left out. ``held``: as in ``uses_of``."""
    uses = uses_of(entries, held)
    shown = ((number, entry) for number, entry in entries.items() if entry.expires > at and family in (0, entry.original.family))
    return "".join(format_entry(entry, at, uses[number]) + "\n" for number, entry in shown)


def format_expectations(expectations: Iterable[Expectation], entries: Mapping[int, Entry], at: int) -> str:
    """All expectations, a line each; those whose time is over are left out."""
    there = [one for one in expectations if one.expires > at and one.master in entries]
    return "".join(format_expectation(one, entries[one.master], at) + "\n" for one in there)
