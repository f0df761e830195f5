"""The comparison of two runs: packets paired by cause, what differs, what the rules cost; from here to a packet in either run.

It ends with the run to go to and the record there, or None. What is compared is ``recording.sides``'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from fwtutor.recording import Run, Session
from fwtutor.recording.sides import Cost, Row, cost, first_difference, rows
from fwtutor.telling import glyphs
from fwtutor.telling.actions import COMPARE
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.widgets.bars import KeyBar, TopLine
from fwtutor.tui.widgets.sides import Detail, Heads, SidesView


@dataclass(slots=True, frozen=True)
class Going:
    """Where one wants to go."""

    run: Run
    index: int | None
    """A record; None: to the last place both runs share."""
    dropped: bool = False
    """The other run was given up."""


class CompareScreen(RoleScreen[Going | None]):
    """Two of a session's runs."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(COMPARE)]
    CSS_PATH = "compare.tcss"
    ACTIONS = COMPARE
    AUTO_FOCUS = ""

    @dataclass
    class Compared(Message):
        """The two have been read."""

        pair: tuple[Run, Run]
        rows: list[Row]

    def __init__(self, session: Session, runs: Sequence[Run], until: int | None = None) -> None:
        """``runs`` that can be compared, at least two; ``until``: a record of the present run, from which on nothing is told yet."""
        super().__init__()
        self._session, self._runs, self._until = session, list(runs), until
        present = self._runs.index(session.run)
        other = len(self._runs) - 1 if present != len(self._runs) - 1 else present - 1
        self._pair = self._ordered(other)
        self._rows: list[Row] | None = None
        self._numbers: list[int] = []
        """Those of them that are shown."""
        self._costs: tuple[Cost, Cost] | None = None
        self._said = ""
        self._only = True
        self._side = self._pair.index(session.run)
        self._dropping = False
        self._short = False
        """A question that is open ends the comparison before the runs end."""

    def _ordered(self, other: int) -> tuple[Run, Run]:
        """The present run and another, the older one left."""
        present = self._runs.index(self._session.run)
        first, second = sorted((present, other))
        return self._runs[first], self._runs[second]

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield Heads()
        yield SidesView()
        yield Detail(id="detail")
        yield KeyBar()

    def on_mount(self) -> None:
        more = len(self._runs) > 2
        self.query_one(KeyBar).show([action for action in COMPARE if action.bar and (more or action.id != "compare.other")])
        self._read()

    # --- reading ----------------------------------------------------------------------------------------

    def _read(self) -> None:
        self._rows, self._costs, self._numbers = None, None, []
        self._said = f"comparing{glyphs.MORE}"
        self._show(0)
        self.run_worker(self._compare, thread=True, exclusive=True, name="compare")

    def _compare(self) -> None:
        pair = self._pair
        self.post_message(self.Compared(pair, rows(*pair)))

    def on_compare_screen_compared(self, message: Compared) -> None:
        if message.pair != self._pair:
            return
        found = message.rows
        if self._until is not None:
            own = "left" if self._pair[0] is self._session.run else "right"
            ends = (n for n, row in enumerate(found) if (side := getattr(row, own)) is not None and side.index >= self._until)
            found = found[: next(ends, len(found))]
            # What comes after an open question is not compared yet, and that is said.
            self._short = len(found) < len(message.rows)
        self._rows = found
        packets = [row for row in found if row.packet is not None]
        self._costs = cost(row.left for row in packets), cost(row.right for row in packets)
        differing = sum(bool(row.differs) for row in packets)
        until = " up to the next question" if self._short else ""
        said = f"{differing} of {len(packets)} packets{until} differ" if differing else f"no difference in {len(packets)} packets{until}"
        self._said = said
        first = first_difference(found)
        self._choose(only=first is not None)
        self._show(self._numbers.index(first) if first is not None else 0)

    def _choose(self, *, only: bool) -> None:
        """Which rows are shown."""
        self._only = only
        self._numbers = [number for number, row in enumerate(self._rows or ()) if not only or row.differs or row.packet is None]

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self, chosen: int | None = None) -> None:
        found = self._rows
        view = self.query_one(SidesView)
        more = ", only these are shown" if self._only and found is not None else ""
        self.query_one(TopLine).show("Two runs, the same traffic", f"{self._said}{more}")
        self.query_one(Heads).show((self._title(0), self._title(1)), self._costs, self._side)
        view.show(found or (), self._numbers, view.chosen if chosen is None else chosen, self._side)
        view.set_title(("only what differs" if self._only else "all packets") if found is not None else "")
        self.query_one(Detail).show(view.marked)

    def _title(self, number: int) -> str:
        run = self._pair[number]
        here = " (you are here)" if run is self._session.run else ""
        if not run.inputs:
            return f"the lesson's run{here}"
        last = run.inputs[-1].line
        return f"{last}{here}" if len(run.inputs) == 1 else f"{len(run.inputs)} commands, the last: {last}{here}"

    # --- what keys do -----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._dropping = False
        self._show(self.query_one(SidesView).chosen + by)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.query_one(SidesView).size.height // 2 - 1))

    def action_mark(self, number: int, side: int) -> None:
        self._side = side
        self._show(number)

    def action_side(self, side: int) -> None:
        self._side, self._dropping = side, False
        self._show()

    def action_next(self, direction: int) -> None:
        view, numbers = self.query_one(SidesView), self._numbers
        places = range(view.chosen + direction, len(numbers) if direction > 0 else -1, direction)
        found = next((place for place in places if self._rows and self._rows[numbers[place]].differs), None)
        if found is None:
            self.app.bell()
        else:
            self._show(found)

    def action_only(self) -> None:
        if self._rows is None:
            return
        view = self.query_one(SidesView)
        number = self._numbers[view.chosen] if self._numbers else 0
        self._choose(only=not self._only)
        # The same packet stays marked, or the next one that is shown.
        self._show(next((place for place, each in enumerate(self._numbers) if each >= number), len(self._numbers) - 1))

    def action_other(self) -> None:
        others = [run for run in self._runs if run is not self._session.run]
        if len(others) < 2:
            return
        now = next(run for run in self._pair if run is not self._session.run)
        self._pair = self._ordered(self._runs.index(others[(others.index(now) + 1) % len(others)]))
        self._side = self._pair.index(self._session.run)
        self._read()

    def action_go(self) -> None:
        row = self.query_one(SidesView).marked
        if row is None:
            return
        side = row.right if self._side else row.left
        if side is None:
            self.app.bell()
            self.notify(f"Run {'AB'[self._side]} has no such packet.", timeout=3)
            return
        self.dismiss(Going(self._pair[self._side], side.index))

    def action_keep(self) -> None:
        if not self._dropping:
            self._dropping = True
            other = "AB"[1 - self._side]
            self.notify(f"x again keeps run {'AB'[self._side]} and gives up run {other}.", timeout=4)
            return
        self._session.drop(self._pair[1 - self._side])
        self.dismiss(Going(self._pair[self._side], None, dropped=True))

    def action_help(self) -> None:
        self.app.push_screen(ReaderScreen("Help", help_rows(COMPARE, ABOUT, signs=False)))

    def action_close(self) -> None:
        self.dismiss(None)


ABOUT = (
    "A packet of one run is paired with the packet of the other that has the same cause: what was typed or timed out, or a packet. "
    "Verdict, ctstate, the rule that decided, the entry afterwards and the rules tried are compared; a rule is the same wherever it "
    "stands, and however it is written. What comes after a question you have not answered yet is not compared."
)
