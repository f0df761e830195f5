"""Reveal: the beats of one packet, each visible, one after another.

A step forward takes the cursor to its new place at once; the panes get there by way of the places between, which are
readings of a cursor of the reveal's own. The next step goes past a reveal that is under way, and one that comes so soon is
shown whole: whoever steps fast is never held up. Where nothing is to move, there is only the new place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.screen import Screen
from textual.timer import Timer

from fwtutor.netfilter.steps import (
    Acted,
    Answered,
    Arrived,
    Confirmed,
    EntryCreated,
    EntryForgotten,
    ExpectationForgotten,
    ExpectationMet,
    Expected,
    Logged,
    LookedUp,
    PolicyApplied,
    RuleTried,
    StateChanged,
    Step,
    Translated,
)
from fwtutor.netfilter.why import why
from fwtutor.recording.cursor import Cursor
from fwtutor.telling.reading import Place
from fwtutor.tui.widgets.band import PacketBand, VerdictLine
from fwtutor.tui.widgets.bench import Bench
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.connections import EntryLines
from fwtutor.tui.widgets.wire import FRAMES, TRAVEL

if TYPE_CHECKING:
    from fwtutor.netfilter.walk import Walk
    from fwtutor.tui.widgets.lesson import Standing

BUDGET = 0.65
"""Seconds for all beats of a packet after it has arrived."""
LONGEST = 0.16
"""Seconds of one beat at most."""
MOST = 14
"""Beats of a packet at most: of many rules tried only some are shown."""
WORTH = (
    LookedUp, EntryCreated, StateChanged, RuleTried, PolicyApplied, Logged, Acted, Translated, Answered, Expected, ExpectationMet,
    ExpectationForgotten, Confirmed, EntryForgotten,
)  # fmt: skip
"""Steps at which there is something to see."""


class Beat(NamedTuple):
    """A place on the way: after ``done`` steps, with ``lit`` conditions of the rule being tried known (None: it has answered)."""

    done: int
    lit: int | None = None


def beats(walk: Walk, steps: Sequence[Step], after: int, until: int) -> list[Beat]:
    """The beats between two places of a walk, neither of them included."""
    found: list[Beat] = []
    for done in range(after + 1, until + 1):
        step = steps[done - 1]
        if isinstance(step, RuleTried):
            found += [Beat(done, count) for count in range(len(why(walk, step).conditions))]
        if isinstance(step, WORTH) and done < until:
            found.append(Beat(done))
    return _thinned(found)


def _thinned(found: list[Beat]) -> list[Beat]:
    """At most MOST beats: first the conditions of all rules but the last go, then those of the last, then beats in between."""
    last = max((beat.done for beat in found if beat.lit is not None), default=0)
    if len(found) > MOST:
        found = [beat for beat in found if beat.lit is None or beat.done == last]
    if len(found) > MOST:
        found = [beat for beat in found if beat.lit is None]
    if len(found) > MOST:
        found = [found[number * (len(found) - 1) // (MOST - 1)] for number in range(MOST)]
    return found


class Reveal:
    """Shows a screen's panes one place after another; the screen says where to, and what to do when they are there."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._shown: Place | None = None
        """The place that the last call asked for."""
        self._standing: Standing | None = None
        self._then: Callable[[], None] = _nothing
        self._cursor: Cursor | None = None
        self._beats: list[Beat] = []
        self._pace = 0.0
        self.slowness = 1.0
        """How many times as long as usual a beat takes."""
        self._timer: Timer | None = None

    def show(self, place: Place, standing: Standing, then: Callable[[], None], *, moved: bool) -> None:
        """Show a place, after its beats if ``moved``: by a step forward, and things may move. ``then`` is called when it shows."""
        before, old, self._shown, self._standing = self._shown, self._standing, place, standing
        known = before.done if before and before.session.run is place.session.run and before.index == place.index else 0
        if self._beats and known == place.done:
            # Asked again for where it is going already: what was new with the step is new still.
            self._standing = replace(standing, news=standing.news | old.news) if old else standing
            return
        hurried = self._timer is not None
        self._stop()
        self._then = then
        if not moved or place.walk is None or known >= place.done:
            # A page may turn without a packet.
            self._arrive(moved=moved)
            return
        first = place.steps[0]
        travels = isinstance(first, Arrived) and first.interface is not None and not known
        start = known or min(1, place.done)
        way = beats(place.walk, place.steps, start, place.done)
        self._pace = min(LONGEST, BUDGET / max(1, len(way))) * self.slowness
        wait = TRAVEL * self.slowness + 1 / FRAMES if travels else 0.0
        if hurried or not way:
            self._arrive(moved=moved)
            self._timer = self._screen.set_timer(max(0.1, wait + self._pace * len(way)), self._rest)
            return
        self._beats = way
        self._cursor = Cursor(place.session.run)
        self._draw(self._at(start), moved=True)
        self._timer = self._screen.set_timer(wait or self._pace, self._next)

    def _at(self, done: int) -> Place:
        """The place in the same walk where so many steps have happened; the session's own cursor stays where it is."""
        place, cursor = self._shown, self._cursor
        assert place is not None
        assert cursor is not None
        cursor.seek(place.index, done)
        return Place.of(place.session, cursor)

    def _next(self) -> None:
        self._timer = None
        if not self._beats:
            self._arrive(moved=True)
            return
        beat = self._beats.pop(0)
        if beat.lit is None:
            self._draw(self._at(beat.done), moved=True)
        else:
            # A rule that has not answered is the chain's only; nothing else has happened yet.
            self._screen.query_one(ChainView).show(self._at(beat.done), lit=beat.lit)
        self._timer = self._screen.set_timer(self._pace, self._next)

    def _rest(self) -> None:
        self._timer = None

    def _stop(self) -> None:
        self._beats = []
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _arrive(self, *, moved: bool) -> None:
        """The place itself, and all that goes with it."""
        self._cursor = None
        assert self._shown is not None
        self._draw(self._shown, moved=moved, whole=True)
        self._then()

    def _draw(self, place: Place, *, moved: bool, whole: bool = False) -> None:
        standing = self._standing
        assert standing is not None
        if not whole:
            # A goal comes true with the verdict, not before.
            standing = replace(standing, met=standing.met - standing.news, news=frozenset())
        self._screen.query_one(PacketBand).show(place)
        self._screen.query_one(Bench).show(place, standing, moved=moved)
        self._screen.query_one(VerdictLine).show(place)
        self._screen.query_one(EntryLines).show(place)


def _nothing() -> None:
    """Nothing to do."""
