"""What became of sets, in words: for *why*."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.ipset.reading import written
from fwtutor.netfilter.ipset.sets import Element, Sets


def told(before: Sets, after: Sets, tick: int) -> Iterator[str]:
    """A sentence for each element that came or went, or begins anew; counters are not told of."""
    for one in after:
        was = before.get(one.name)
        if was is None or was is one:
            continue
        for key, old, new in was.members.changed(one.members):
            name = written(key, one)
            if new is None:
                yield f"{name} is taken out of the set {one.name}"
            elif old is None or old.over(tick):
                yield f"{name} is put into the set {one.name}{_time(new, tick)}"
            elif old.expires != new.expires:
                yield f"{name} is in the set {one.name} already, and begins anew{_time(new, tick)}"


def _time(element: Element, tick: int) -> str:
    return f" for {element.seconds(tick)} s" if element.expires is not None else ""
