"""Boxes: packets described field by field, as far as rules distinguish them.

A box says of some fields which values a packet in it may have; of a field it does not name, any. Every packet has one value of each
field, at any one time. A condition nothing is known of is a field of its own that is true or false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from fwtutor.netfilter.addresses import ALL_ONES
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.review.sets import Ints

Self = TypeVar("Self", bound="Values")


class Values(Protocol):
    """Values of a field: ``Ints`` or a frozenset."""

    def __and__(self: Self, other: Any, /) -> Self: ...
    def __sub__(self: Self, other: Any, /) -> Self: ...
    def __len__(self) -> int: ...


Box = Mapping[str, Any]
"""``Values`` by field."""
EITHER = frozenset({True, False})
STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"})
THERE, LATER, CUT = "there", "in the first fragment", "cut short"
HEADS = frozenset({THERE, LATER, CUT})
WORDS = Ints([(0, 0xFFFF)])
FLAGS = frozenset(range(64))
FULL: dict[str, Any] = {"length": WORDS, "type": WORDS, "state": STATES, "head": HEADS}
"""All values of fields that are the same for every ruleset: ``type`` is type and code of ICMP, ``head`` what there is of a header."""
BROKEN, ABSENT = 256, 0x10000
"""In the place of a protocol, of ports and flags: that there are none."""

MOST_BOXES, MOST_RANGES, MOST_FIELDS = 24, 128, 32
"""Boxes that are thought of at once, ranges in one field of them, and fields in one of them."""
MOST_NAMES = 1_000
"""Interfaces that are told apart; where there are more, each condition on one stands for itself."""


class Space:
    """All values of all fields, for one ruleset."""

    def __init__(self, ruleset: Ruleset, interfaces: frozenset[str]) -> None:
        nft = ruleset.variant == "nft"
        addresses = Ints([(0, ALL_ONES[ruleset.family])])
        # Where legacy would drop the packet, it has no port, no flags or no protocol for nft, and the walk goes on.
        ports, flags = (Ints([(0, ABSENT)]), FLAGS | {ABSENT}) if nft else (WORDS, FLAGS)
        protocols = Ints([(0, BROKEN if nft and ruleset.family == 6 else BROKEN - 1)])
        self.full = {
            **FULL, "src": addresses, "dst": addresses, "in": interfaces, "out": interfaces, "protocol": protocols, "sport": ports,
            "dport": ports, "flags": flags,
        }  # fmt: skip

    def all_of(self, field: str) -> Any:
        return self.full.get(field, EITHER)

    def meet(self, one: Box, other: Box) -> Box | None:
        """The packets in both; None when there are none."""
        found = dict(one)
        for field, values in other.items():
            has = found.get(field)
            both = values if has is None else has & values
            if not both:
                return None
            found[field] = both
        return found

    def meets(self, some: Iterable[Box], others: Iterable[Box]) -> list[Box]:
        """The packets in any of the one and any of the other."""
        others = list(others)
        return [both for one in some for other in others if (both := self.meet(one, other)) is not None]

    def without(self, box: Box, taken: Box) -> list[Box]:
        """The packets in a box that are not in another, as boxes that share none."""
        if self.meet(box, taken) is None:
            return [box]
        left, rest = list[Box](), dict(box)
        for field, values in taken.items():
            has = rest.get(field)
            if has is None:
                has = self.all_of(field)
            outside = has - values
            if outside:
                left.append({**rest, field: outside})
            rest[field] = has & values
        return left

    def within(self, box: Box, other: Box) -> bool:
        """Whether all packets in a box are in another one."""
        return all((has := box.get(field)) is not None and not has - values for field, values in other.items())

    def remaining(self, boxes: list[Box], taken: Iterable[Box], sure: bool = False) -> list[Box]:
        """The packets in the boxes that are in none of the others.

        Where that would be too many boxes to think of: more of them, or (``sure``) none at all.
        """
        for one in taken:
            if not sure and len(boxes) > MOST_BOXES // 2 and len(one) > 1:
                continue  # it would only be in more pieces
            found = [piece for box in boxes for piece in self.without(box, one)]
            if len(found) <= MOST_BOXES and all(map(_is_small, found)):
                boxes = found
            elif sure:
                return []
        return boxes


def _is_small(box: Box) -> bool:
    return len(box) <= MOST_FIELDS and all(len(values) <= MOST_RANGES for values in box.values())
