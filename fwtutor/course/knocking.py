"""Knocking: back doors that open only to somebody who has sent certain packets before, and so is on a list (``-m recent``).

Whoever looks for one knows no more than the rules say: he knocks with packets for each of them, and goes on from whatever puts him on
one more list: he tries the doors, and knocks again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.matches.recent import Addresses, Recent
from fwtutor.netfilter.xtables.rule import Rule

MOST_ROUNDS = 30
"""Of trying all doors, for one who knocks: three ports in a row, whatever he begins with, take no more than fifteen."""


def opens(rules: Iterable[Rule]) -> bool:
    """Whether some rule lets on who is on a list, or keeps away who is not."""
    return any(
        isinstance(match, Recent) and match.mode != "set" and (match.inverted or rule.target.name not in ("DROP", "REJECT"))
        for rule in rules
        for match in rule.evaluated
    )


class Knocking:
    """Somebody at the doors of a firewall, which forgets whatever was in vain."""

    def __init__(self, firewall: Firewall, send: Callable[[Packet], Walk], knocks: Sequence[Packet], doors: Sequence[Packet]) -> None:
        self._firewall, self._send, self._knocks, self._doors = firewall, send, knocks, doors
        self._rounds = MOST_ROUNDS

    def found(self, been: frozenset[Hashable] = frozenset()) -> list[Walk]:
        """The ways of the knocks and, last, of the packet that then got through; empty if none does. ``been``: the lists he was on."""
        before, known = self._lists(), set[Hashable]()
        for knock in self._knocks:
            mark = self._firewall.checkpoint()
            walk = self._send(knock)
            new = {name for name, listed in self._lists().items() if listed != before.get(name)} - been - known
            if new and self._rounds:
                self._rounds -= 1
                known |= new
                further = self._through() or self.found(been | new)
                if further:
                    return [walk, *further]
            self._firewall.rollback(mark)
        return []

    def _through(self) -> list[Walk]:
        mark = self._firewall.checkpoint()
        for door in self._doors:
            walk = self._send(door)
            if walk.to is not None:
                return [walk]
            self._firewall.rollback(mark)
        return []

    def _lists(self) -> dict[Hashable, Addresses]:
        return {name: listed for name, listed in self._firewall.state.memory.items() if isinstance(listed, Addresses)}
