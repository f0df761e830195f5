"""Packets and sets: whether a packet's addresses and ports are in a set, and putting them into it or taking them away.

A rule says for each part of a set's elements whether it is the source's or the destination's. A set of the other family, and one with more
parts than the rule names sides, holds nothing; nor do fragments behind the first hold a port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import prefix_mask
from fwtutor.netfilter.ipset import changing
from fwtutor.netfilter.ipset.reading import BITS, SCTP, UDPLITE, WITH_PORTS, written
from fwtutor.netfilter.ipset.sets import Element, IpSet, Key, Sets
from fwtutor.netfilter.ipset.types import IP, NET, PORT
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet

NOTHING = 59
"""IPv6's protocol of what has no header."""
Sides = Sequence[str]
"""``src`` or ``dst`` for each part of an element."""


class Counted(NamedTuple):
    """A number that an element's counter is held against: how (``eq``, ``ne``, ``lt`` or ``gt``), and with what."""

    how: str
    value: int

    def holds(self, counter: int) -> bool:
        match self.how:
            case "eq":
                return counter == self.value
            case "ne":
                return counter != self.value
            case "lt":
                return counter < self.value
        return counter > self.value


class Question(NamedTuple):
    """What a rule asks of a set besides whether a packet is in it.

    Counters are asked when the packet has been counted, and one that does not hold has counted it all the same.
    """

    return_nomatch: bool = False
    counts: bool = True
    """Whether the counters of what it finds go up."""
    counts_below: bool = True
    """The same of the sets in a list of sets."""
    packets: Counted | None = None
    bytes: Counted | None = None


class Found(NamedTuple):
    """An answer."""

    outcome: int
    """1: in the set; 0: not; -1: held by a net that is not."""
    sets: Sets
    """With the counters as they are then."""
    element: Element | None = None
    what: str = ""
    """The element, as ipset writes it; in a list of sets also which."""


def key_of(one: IpSet, packet: Packet, sides: Sides, length: int | None = None) -> Key | None:
    """The element that a packet would be, its net of that ``length``; None if it has none."""
    kind, options = one.type, one.options
    if len(sides) < kind.dimension or (kind.hashes and options.family != packet.family):
        return None
    found: Key = ()
    bits = BITS[packet.family]
    for part, side in zip(kind.parts, sides, strict=False):
        if part in (IP, NET):
            value = packet.src if side == "src" else packet.dst
            if part == NET:
                size = bits if length is None else length
                found += (value & prefix_mask(packet.family, size), size)
                continue
            if options.mask is not None:
                value &= options.mask
            if kind.masks and not value:
                return None
            found += (value,)
            continue
        port = _port(packet, side)
        if port is None:
            return None
        if part == PORT:
            found += port
        elif port[0] not in (TCP, UDP) or not options.ports[0] <= port[1] <= options.ports[1]:
            return None
        else:
            found += (port[1],)
    return found


_HEADERS = {TCP: 20, UDP: 8, SCTP: 12, UDPLITE: 8, ICMP: 8, ICMPV6: 8}
"""Bytes of a header that must be there, or nothing is read of it."""


def _port(packet: Packet, side: str) -> tuple[int, int] | None:
    """The packet's protocol and port, or what stands in its place; None: it is not there to be read."""
    protocol, at = packet.protocol, packet.l4
    if packet.broken or (packet.family == 6 and (packet.offset or protocol == NOTHING)) or (packet.family == 4 and not protocol):
        return None
    size = _HEADERS.get(protocol)
    if size is None or (packet.offset and protocol == ICMPV6):
        return protocol, 0
    if packet.offset or len(packet.raw) < at + size:
        return None
    # Of ICMP type and code, which stand where there are no ports.
    place = at + 2 if protocol in WITH_PORTS and side == "dst" else at
    return protocol, int.from_bytes(packet.raw[place : place + 2], "big")


def candidates(one: IpSet, key: Key) -> Iterator[Key]:
    """Where an element is looked for: itself, or where its net is a single address, all nets of the set around it, the longest first."""
    place = one.type.net
    bits = BITS[one.options.family or 4]
    if place is None or key[place] != bits:
        yield key
        return
    for length, _ in one.lengths:
        masked = key[place - 1] & (prefix_mask(one.options.family, length) if length else 0)
        yield (*key[: place - 1], masked, length, *key[place + 1 :])


def looked_up(one: IpSet, key: Key, tick: int) -> Element | None:
    """The element that holds for a key, whatever it counts."""
    for each in candidates(one, key):
        element = one.members.get(each)
        if element is not None and not element.over(tick):
            return element
    return None


def test(sets: Sets, name: str, packet: Packet, sides: Sides, question: Question, tick: int) -> Found:
    """Whether a packet is in a set."""
    found = _search(sets, name, packet, sides, question, tick)
    one = sets.get(name)
    if question.return_nomatch and one is not None and one.type.net is not None and found.outcome:
        return found._replace(outcome=-found.outcome)
    return found


def _search(sets: Sets, name: str, packet: Packet, sides: Sides, question: Question, tick: int) -> Found:
    one = sets.get(name)
    if one is None:
        return Found(0, sets)
    if one.type.lists:
        return _search_list(one, sets, packet, sides, question, tick)
    key = key_of(one, packet, sides)
    if key is None:
        return Found(0, sets)
    for each in candidates(one, key):
        element = one.members.get(each)
        if element is None or element.over(tick):
            continue
        after = _counting(one, element, packet, question.counts)
        if after is not element:
            one = one.having({each: after})
            sets = sets.put(one)
        if not _counters_hold(one, after, question):
            continue
        return Found(-1 if element.nomatch else 1, sets, after, written(each, one))
    return Found(0, sets)


def _search_list(one: IpSet, sets: Sets, packet: Packet, sides: Sides, question: Question, tick: int) -> Found:
    """A list of sets holds what one of them holds; what is asked of counters is asked of those of the list."""
    below = question._replace(counts=question.counts and question.counts_below, packets=None, bytes=None)
    for place, (name, element) in enumerate(one.listed):
        if element.over(tick):
            continue
        found = test(sets, name, packet, sides, below, tick)
        sets = found.sets
        if found.outcome <= 0:
            continue
        after = _counting(one, element, packet, question.counts)
        if after is not element:
            one = replace(one, listed=(*one.listed[:place], (name, after), *one.listed[place + 1 :]))
            sets = sets.put(one)
        if not _counters_hold(one, after, question):
            continue
        carries = after if one.options.skbinfo else found.element
        return Found(1, sets, carries, f"{found.what} of {name}")
    return Found(0, sets)


def _counters_hold(one: IpSet, element: Element, question: Question) -> bool:
    if not one.options.counters:
        return True
    asked = ((question.packets, element.packets), (question.bytes, element.bytes))
    return all(wanted is None or wanted.holds(counter) for wanted, counter in asked)


def _counting(one: IpSet, element: Element, packet: Packet, counts: bool) -> Element:
    if not one.options.counters or not counts:
        return element
    return element._replace(packets=element.packets + 1 & 2**64 - 1, bytes=element.bytes + packet.length & 2**64 - 1)


# --- the target SET -------------------------------------------------------------------------------------------

_Act = Callable[[Sets, str], Sets | None]


def _each(sets: Sets, name: str, tick: int, act: _Act) -> Sets:
    """Do it with a set, or with the first of a list where it can be done."""
    one = sets.get(name)
    if one is None:
        return sets
    names = [listed for listed, element in one.listed if not element.over(tick)] if one.type.lists else [name]
    return next((after for each in names if (after := act(sets, each)) is not None), sets)


def put_in(sets: Sets, name: str, packet: Packet, sides: Sides, timeout: int | None, exist: bool, tick: int) -> Sets:
    """A packet is put into a set: for so many seconds, or (None) for as many as the set says."""

    def act(sets: Sets, name: str) -> Sets | None:
        one = sets.get(name)
        key = _new_key(one, packet, sides) if one is not None else None
        if one is None or key is None:
            return None
        given: dict[str, Any] = {"packets": 1, "bytes": packet.length}
        if (before := one.members.get(key)) is not None and not before.over(tick):
            given["comment"] = before.comment
        if timeout is not None:
            given["timeout"] = timeout
        changed = changing.add(one, [key], given if one.options.counters else {**given, "packets": 0, "bytes": 0}, tick, exist)
        return None if changed.fault else sets.put(changed.one)

    return _each(sets, name, tick, act)


def take_out(sets: Sets, name: str, packet: Packet, sides: Sides, tick: int) -> Sets:
    """A packet is taken out of a set."""

    def act(sets: Sets, name: str) -> Sets | None:
        one = sets.get(name)
        key = _new_key(one, packet, sides) if one is not None else None
        if one is None or key is None:
            return None
        changed = changing.delete(one, [key], tick, exist=False)
        return None if changed.fault else sets.put(changed.one)

    return _each(sets, name, tick, act)


def _new_key(one: IpSet, packet: Packet, sides: Sides) -> Key | None:
    """The element that a packet becomes: of nets, one as long as the longest there is."""
    length = one.lengths[0][0] if one.lengths else None
    return key_of(one, packet, sides, length) if one.type.net is not None else key_of(one, packet, sides)
