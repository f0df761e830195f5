"""What the packet inspector is about: the packet as it came to the box and as it is now or as it left, and both in lines of text.

Taking packets apart is ``wire``'s, which nothing here may load; its layers are given in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.telling import words

if TYPE_CHECKING:
    from fwtutor.netfilter.walk import Walk
    from fwtutor.telling.reading import Place
    from fwtutor.wire import Pair


class Version(NamedTuple):
    """A packet's bytes at one place of its way."""

    name: str
    """``as it left by lan``."""
    raw: bytes


class Inspected(NamedTuple):
    """What there is to inspect."""

    versions: tuple[Version, ...]
    """One, or two where the box made another of it."""
    note: str
    """What became of it, where that is not to be seen: ``it left as it came``."""


def inspected(place: Place) -> Inspected:
    """The packet of a place. What is still to come of it is not told."""
    walk, packet, finished = place.walk, place.packet, place.finished
    assert walk is not None
    assert packet is not None
    came = (
        f"as it arrived by {walk.in_interface}" if walk.in_interface else f"as {place.record.host if place.record else 'the box'} made it"
    )
    first = Version(came, walk.packet.raw)
    if finished is None:
        raw, name = packet.raw, f"as it is now, at {place.hook or 'the door'}"
        same = "so far it is as it came" if walk.in_interface else "so far nothing has changed it"
    elif finished.verdict != "ACCEPT":
        raw, name = packet.raw, "as it was when it was stopped"
        by = words.decided_by(place)
        same = f"it did not leave: {finished.verdict}{f' by {by}' if by else ''}"
    elif walk.to == "local":
        raw, name = (walk.delivered or packet).raw, f"as {place.watch} got it"
        same = f"{place.watch} got it as it came"
    else:
        raw, name = _sent(walk, packet.raw), f"as it left by {walk.to}"
        same = "it left as it came" if walk.in_interface else "it left as it was made"
    if raw == first.raw:
        return Inspected((first,), same)
    return Inspected((first, Version(name, raw)), "")


def _sent(walk: Walk, last: bytes) -> bytes:
    """What of all that went out is this packet; of several pieces the first. Answers go out too, and copies."""
    answers = [raw for answer in walk.answers for _, raw in answer.out]
    sent = [raw for interface, raw in walk.out if interface == walk.to and raw not in answers]
    first, end = (12, 20) if last[:1] and last[0] >> 4 == 4 else (8, 40)
    return next((raw for raw in sent if raw[first:end] == last[first:end]), sent[-1] if sent else last)


def differing(pairs: Sequence[tuple[str, Sequence[Pair]]]) -> str:
    """``4 fields differ: ttl, chksum, src of IP; chksum of TCP``; "" if none does."""
    found = [(layer, [pair.name for pair in rows if pair.differs]) for layer, rows in pairs]
    count = sum(len(names) for _, names in found)
    if not count:
        return ""
    which = "; ".join(f"{', '.join(names)} of {layer}" for layer, names in found if names)
    return f"{count} field{' differs' if count == 1 else 's differ'}: {which}"


def lines(found: Inspected, pairs: Sequence[tuple[str, Sequence[Pair]]], dumps: Sequence[Sequence[str]]) -> list[str]:
    """All of it as text: the fields, two values where there are two versions, then the bytes, if there are ``dumps``."""
    both = len(found.versions) > 1
    said = []
    if both:
        said.append(f"A{found.versions[0].name[1:]}, then {found.versions[1].name}. {differing(pairs) or 'No field differs'}.")
    elif found.note:
        said.append(f"A{found.versions[0].name[1:]}; {found.note}.")
    for layer, rows in pairs:
        said.append(f"{layer}:")
        for pair in rows:
            before, after = (field.text if field else "none" for field in (pair.before, pair.after))
            if not both:
                said.append(f"  {pair.name}: {before}")
            else:
                said.append(f"  {pair.name}: {before}, then {after} (differs)" if pair.differs else f"  {pair.name}: {before}")
    for version, dump in zip(found.versions, dumps, strict=False):
        said += [f"{len(version.raw)} bytes{f', {version.name}' if both else ''}:", *dump]
    return said
