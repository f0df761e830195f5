"""Adding elements to a set and taking them away, with what an element carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fwtutor.netfilter.ipset.errors import SetRefused
from fwtutor.netfilter.ipset.sets import Element, IpSet, Key, expiry

FULL = "Hash is full, cannot add more elements"
THERE = "Element cannot be added to the set: it's already added"
NOT_THERE = "Element cannot be deleted from the set: it's not added"
MOST_ELEMENTS = 1 << 20
"""Of a set here, whatever its maxelem."""


def _too_many() -> str:
    return f"fwtutor keeps {MOST_ELEMENTS} elements of a set at most"


class Changed(NamedTuple):
    """The set after it, and why it went no further ("": it did all)."""

    one: IpSet
    fault: str = ""


def carried(before: Element | None, given: Mapping[str, Any], one: IpSet, tick: int) -> Element:
    """An element with what is ``given``; of one that was there already, counters stay that are not."""
    options, old = one.options, before or Element()
    timeout = given.get("timeout", options.timeout)
    return Element(
        expires=expiry(timeout, tick) if timeout is not None and options.timeout is not None else None,
        packets=given.get("packets", old.packets),
        bytes=given.get("bytes", old.bytes),
        comment=given.get("comment", ""),
        mark=given.get("skbmark", (0, 0)),
        priority=given.get("skbprio", 0),
        queue=given.get("skbqueue", 0),
        nomatch=given.get("nomatch", False),
    )  # fmt: skip


def misfit(given: Mapping[str, Any], one: IpSet) -> str:
    """What an element is to carry that the set has no room for; "" if there is nothing."""
    options = one.options
    for words, names, there in (
        ("Timeout cannot be used: set was created without timeout support", ("timeout",), options.timeout is not None),
        ("Packet/byte counters cannot be used: set was created without counter support", ("packets", "bytes"), options.counters),
        ("Comment cannot be used: set was created without comment support", ("comment",), options.comment),
        ("Skbinfo mapping cannot be used: set was created without skbinfo support", ("skbmark", "skbprio", "skbqueue"), options.skbinfo),
    ):
        if not there and any(name in given for name in names):
            return words
    return ""


def add(one: IpSet, keys: Iterable[Key], given: Mapping[str, Any], tick: int, exist: bool) -> Changed:
    """Add elements, one after the other, until one cannot be; ``exist``: one that is there is given what the new one carries."""
    added, fault = dict[Key, Element](), ""
    size, new = len(one.members), carried(None, given, one, tick)
    room = one.options.maxelem if one.type.hashes else MOST_ELEMENTS
    for key in keys:
        before = added.get(key) or one.members.get(key)
        if before is not None and not before.over(tick) and not exist:
            fault = THERE
            break
        if before is None:
            if size >= room:
                one = one.having(added).without([key for key, element in one.members.items() if element.over(tick)])
                added, size = {}, len(one.members)
            if size >= room or size >= MOST_ELEMENTS:
                fault = FULL if size >= room else _too_many()
                break
            size += 1
        added[key] = new if before is None or before.over(tick) else carried(before, given, one, tick)
    return Changed(one.having(added), fault)


def delete(one: IpSet, keys: Iterable[Key], tick: int, exist: bool) -> Changed:
    """Take elements away, one after the other, until one is not there; ``exist``: that does not matter."""
    gone = dict[Key, None]()
    fault = ""
    for number, key in enumerate(keys):
        element = one.members.get(key)
        if element is None or key in gone or element.over(tick):
            if not exist:
                fault = NOT_THERE
                break
            if number > MOST_ELEMENTS:
                fault = _too_many()
                break
            continue
        gone[key] = None
    return Changed(one.without(gone), fault)


# --- lists of sets --------------------------------------------------------------------------------------------


def _place(one: IpSet, name: str, tick: int) -> int | None:
    return next((place for place, (known, element) in enumerate(one.listed) if known == name and not element.over(tick)), None)


_NOT_BESIDE = "The set to which you referred with 'before' or 'after' is not added to the set."


def _beside(one: IpSet, given: Mapping[str, Any], tick: int) -> tuple[str, int] | None:
    """Before or after which place; None if nobody says. Raises SetRefused."""
    side = next((side for side in ("before", "after") if side in given), "")
    if not side:
        return None
    place = _place(one, given[side], tick)
    if place is None:
        raise SetRefused(_NOT_BESIDE)
    return side, place


def enlist(one: IpSet, name: str, given: Mapping[str, Any], tick: int, exist: bool) -> IpSet:
    """A list of sets with one more, at its end unless it is to come before or after another. Raises SetRefused."""
    one = replace(one, listed=tuple(each for each in one.listed if not each[1].over(tick)))
    beside, place = _beside(one, given, tick), _place(one, name, tick)
    if place is not None:
        if not exist:
            raise SetRefused(THERE)
        element = carried(one.listed[place][1], given, one, tick)
        return replace(one, listed=(*one.listed[:place], (name, element), *one.listed[place + 1 :]))
    at = len(one.listed) if beside is None else beside[1] + (beside[0] == "after")
    return replace(one, listed=(*one.listed[:at], (name, carried(None, given, one, tick)), *one.listed[at:]))


def is_listed(one: IpSet, name: str, given: Mapping[str, Any], tick: int) -> bool:
    """Whether a set is in a list, and where it is said to be. Raises SetRefused."""
    beside, place = _beside(one, given, tick), _place(one, name, tick)
    if place is None or beside is None:
        return place is not None
    return place == (beside[1] - 1 if beside[0] == "before" else beside[1] + 1)


def delist(one: IpSet, name: str, given: Mapping[str, Any], tick: int, exist: bool) -> IpSet:
    """A list of sets without one. Raises SetRefused."""
    place = _place(one, name, tick)
    if place is None:
        if exist:
            return one
        raise SetRefused(NOT_THERE)
    if not is_listed(one, name, given, tick):
        raise SetRefused(_NOT_BESIDE)
    return replace(one, listed=(*one.listed[:place], *one.listed[place + 1 :]))
