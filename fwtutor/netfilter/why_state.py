"""Why a packet has its ctstate: the tuple that was looked up, the entry that has it and which side of it, the expectation, the window.

The sentence is ``why``'s; here is what it rests on, value by value, so that each can be looked at (and changed, to see).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fwtutor.netfilter import steps as s
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import ASSURED, EXPECTED, ORIGINAL, REPLY, SEEN_REPLY, Entry, Tuple
from fwtutor.netfilter.conntrack.tcp import TcpTrack
from fwtutor.netfilter.conntrack.tcp_window import MASK, MINIMAL_ACK_WINDOW, SACK_PERM, highest_sack, segment_end
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS, is_icmp
from fwtutor.netfilter.packet import ACK, PROTOCOL_NAMES, TCP, Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why_helpers import describe


class Window(NamedTuple):
    """What the TCP tracker takes for inside the window: numbers of a segment of one side of a connection."""

    highest: int
    """The highest sequence number a segment may begin with (``seq``)."""
    lowest: int | None
    """The lowest it may end with; None: the other side has said nothing yet, and any will do."""
    newest: int
    """The highest it may acknowledge (``ack``): what the other side has sent."""
    oldest: int
    """The lowest it may acknowledge."""


def window(entry: Entry, direction: int) -> Window | None:
    """The edges for the next segment in a direction; None where they are not looked at: no TCP, or a side of which nothing is known."""
    track = entry.tracker
    if not isinstance(track, TcpTrack):
        return None
    sender, receiver = (track.original, track.reply) if direction == ORIGINAL else (track.reply, track.original)
    if not sender.maxwin:
        return None
    lowest = (sender.end - receiver.maxwin) & MASK if receiver.maxwin else None
    return Window(sender.maxend, lowest, receiver.end, (receiver.end - max(MINIMAL_ACK_WINDOW, sender.maxwin)) & MASK)


def acknowledged(packet: Packet, entry: Entry, direction: int) -> int:
    """The highest number a segment acknowledges: its ack, or the end of a SACK block where both sides agreed on those."""
    track = entry.tracker
    if not isinstance(track, TcpTrack) or packet.doff <= 20:
        return packet.ack
    receiver = track.reply if direction == ORIGINAL else track.original
    return highest_sack(packet, packet.ack) if receiver.flags & SACK_PERM else packet.ack


def evidence(walk: Walk, steps: Sequence[s.Step], looked: s.LookedUp, entries: Iterable[Entry] = ()) -> list[tuple[str, str]]:
    """(what, its value) of all that ``looked`` rests on; ``steps``: those of the walk, ``entries``: those there were."""
    found: list[tuple[str, str]] = []
    if looked.tuple is not None:
        found.append(("tuple", describe_tuple(looked.tuple)))
    entry = looked.found
    met = next((step.expectation for step in steps if isinstance(step, s.ExpectationMet)), None)
    if entry is not None:
        side = "reply" if looked.direction == REPLY else "original"
        found.append(("entry", f"it is the {side} tuple of {describe_entry(entry)}"))
        found.append(("so far", _status(entry)))
        found += _numbers(walk.packet, entry, looked.direction)
    elif met is None:
        found.append(("entry", "none has this tuple"))
    if met is not None:
        master = next((one for one in entries if one.id == met.master), None)
        whose = f" on account of {describe_entry(master)}" if master is not None else ""
        found.append(("expected", f"{describe(met)}, by the helper {met.helper}{whose}"))
    if looked.reason:
        found.append(("fault", looked.reason))
    return found


def describe_tuple(one: Tuple) -> str:
    """``tcp 203.0.113.9:4000 > 203.0.113.1:22``."""
    name = PROTOCOL_NAMES.get(one.protocol, f"protocol {one.protocol}")
    ports = one.protocol in WITH_PORTS
    ends = ((one.src, one.sport), (one.dst, one.dport))
    source, destination = (_end(one.family, address, port if ports else None) for address, port in ends)
    more = f" id {one.sport} type {one.dport >> 8}" if is_icmp(one.protocol, one.family) else ""
    zone = f" zone {one.zone}" if one.zone else ""
    return f"{name} {source} > {destination}{more}{zone}"


def _end(family: int, address: int, port: int | None) -> str:
    text = format_address(family, address)
    if port is None:
        return text
    return f"[{text}]:{port}" if family == 6 else f"{text}:{port}"


def describe_entry(entry: Entry) -> str:
    """An entry by how it began: ``the entry of tcp 203.0.113.9:4000 > 203.0.113.1:1337 (ESTABLISHED)``."""
    return f"the entry of {describe_tuple(entry.original)}{f' ({entry.state})' if entry.state else ''}"


_STATUS = ((SEEN_REPLY, "a reply was seen"), (ASSURED, "ASSURED"), (EXPECTED, "it was expected"))


def _status(entry: Entry) -> str:
    words = [word for bit, word in _STATUS if entry.status & bit]
    return ", ".join(words) if entry.status & SEEN_REPLY else ", ".join(["no reply was seen", *words])


def _numbers(packet: Packet, entry: Entry, direction: int) -> list[tuple[str, str]]:
    """A segment's numbers against the window."""
    edges = window(entry, direction)
    if edges is None or packet.protocol != TCP or packet.offset or packet.fault:
        return []
    seq = f"seq {packet.seq}, the highest allowed is {edges.highest}"
    if edges.lowest is not None:
        seq += f"; it ends at {segment_end(packet)}, the lowest allowed is {edges.lowest}"
    found = [("window", seq)]
    if packet.flags & ACK:
        highest = acknowledged(packet, entry, direction)
        what = f"ack {packet.ack}" if highest == packet.ack else f"SACK up to {highest}"
        found.append(("", f"{what}, allowed from {edges.oldest} to {edges.newest}"))
    return found
