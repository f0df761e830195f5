"""Travelling in a run: jumps, bookmarks, letting time go on, the ladder, the state diagram, and how fast it plays.

What is looked for is found by ``recording.jumps``; how far one may go is the journey's. The screens that open are imported then:
the lab's first paint does not wait for them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from fwtutor.course.journey import Outcome
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.network.tools.system import MAX_SLEEP
from fwtutor.recording.jumps import Wanted, connection_of, find, looked_from, moment_at
from fwtutor.recording.run import GAP
from fwtutor.telling import glyphs, words
from fwtutor.telling.chain import chain_of, rule_at
from fwtutor.telling.jumping import read_typed
from fwtutor.telling.reading import Place, packet_entry
from fwtutor.telling.spans import Line, clean, line
from fwtutor.telling.words import moment
from fwtutor.tui import keymap
from fwtutor.tui.screens.view import LabView
from fwtutor.tui.widgets.wire import WireView

PACES = ((4.0, "a quarter as fast"), (2.0, "half as fast"), (1.0, "as fast as usual"), (0.5, "twice as fast"), (0.25, "four times as fast"))
"""How many times as long as usual everything takes, and in words."""


class Jump(NamedTuple):
    """What one can jump to again and again."""

    words: str
    """``"change of an entry's state"``: behind "the next" and "no other"."""
    wanted: Wanted
    about: str = ""
    """Which one, in the menu only."""


class Travelling(LabView):
    """What the lab's keys do to get about. The lab itself says what it is to have gone somewhere."""

    _jump: Jump | None = None

    def _stop(self) -> None:
        raise NotImplementedError

    def _held(self) -> None:
        raise NotImplementedError

    def _went(self, outcome: Outcome, *, forward: bool) -> None:
        raise NotImplementedError

    # --- jumping ----------------------------------------------------------------------------------------

    def action_go(self) -> None:
        from fwtutor.tui.screens.choose import ChooseScreen, Chosen

        self._stop()
        place = Place.of(self.session)
        jumps = self._jumps(place)
        rules = _rules(place)
        marks = self.session.bookmarks.of(self.session.run)
        rows = [(key, jump.words, jump.about) for key, jump in jumps]
        if rules:
            rows.append(("r", "match of a rule", f"choose one of {chain_of(place)[1]}'s {glyphs.NEXT}"))
        if marks:
            rows.append(("b", "bookmark", f"choose one of {len(marks)} {glyphs.NEXT}"))
        rows.append(("w", "let time go on", self._next_timer()))

        def row(number: int) -> Line:
            key, what, about = rows[number]
            return line((f" {key} ", "key"), f"{what:<26} ", (clean(about), "dim"))

        def chosen(choice: Chosen | None) -> None:
            if choice is None:
                return
            key = rows[choice.row][0] if choice.row >= 0 else ""
            if choice.typed:
                self._go_to_typed(choice.typed)
            elif key == "r":
                self._choose_rule(rules, place, choice.direction)
            elif key == "b":
                self._choose_mark(marks)
            elif key == "w":
                self._let_time_go_on(None)
            else:
                self._jump = dict(jumps)[key]
                self.action_again(choice.direction)

        letters = "".join(key for key, _, _ in rows)
        self.app.push_screen(ChooseScreen("Go to the next", row, len(rows), letters=letters, says=self._meaning), chosen)

    def _jumps(self, place: Place) -> list[tuple[str, Jump]]:
        jumps = [("s", Jump("change of an entry's state", Wanted("state")))]
        entry, _ = packet_entry(place)
        if entry is not None:
            jumps.append(("e", Jump("change of this entry", Wanted("state", entry=entry.id), _kind_and_tuple(place))))
        jumps.append(("d", Jump("dropped or rejected packet", Wanted("stopped"))))
        if place.walk is not None:
            wanted = Wanted("connection", connection=connection_of(place.walk))
            jumps.append(("c", Jump("packet of this connection", wanted, words.packet_tuple(place.walk.packet))))
        jumps.append(("i", Jump("command", Wanted("input"))))
        jumps.append(("t", Jump("timer", Wanted("timer"), "an entry forgotten, something sent again")))
        return jumps

    def _choose_rule(self, rules: list[tuple[int, Rule]], place: Place, direction: int) -> None:
        from fwtutor.tui.screens.choose import ChooseScreen, Chosen

        now = rule_at(place)
        here = next((row for row, (number, _) in enumerate(rules) if number == getattr(now, "number", 0)), 0)
        table, chain = chain_of(place)

        def row(at: int) -> Line:
            number, rule = rules[at]
            return line((f" {number:>4} ", "key"), clean(rule.save()), ("  this rule" if at == here and now is not None else "", "dim"))

        def chosen(choice: Chosen | None) -> None:
            if choice is not None:
                number, rule = rules[choice.row]
                self._jump = Jump(f"match of rule {number} of {chain}", Wanted("rule", rule=rule.id))
                self.action_again(choice.direction)

        title = f"A match of which rule of {table} {chain}?"
        self.app.push_screen(ChooseScreen(title, row, len(rules), start=here), chosen)

    def _choose_mark(self, marks: tuple[int, ...]) -> None:
        from fwtutor.tui.screens.choose import ChooseScreen, Chosen

        run, index = self.session.run, self.session.cursor.index

        def row(at: int) -> Line:
            record = run.records[marks[at]]
            text = moment(record) if marks[at] <= index else "to come"
            return line(f" {glyphs.MARK} ", (f"{record.at / SECOND:8.3f} s  ", "dim"), clean(text))

        def chosen(choice: Chosen | None) -> None:
            if choice is not None:
                self._jump = Jump("bookmark", Wanted("mark", marks=marks))
                index = marks[choice.row]
                self._travel(index, 1 if index > self.session.cursor.index else -1, "the bookmark")

        self.app.push_screen(ChooseScreen("Which bookmark?", row, len(marks)), chosen)

    def action_again(self, direction: int) -> None:
        self._stop()
        jump = self._jump
        if jump is None:
            self.tell(("g", "key"), " chooses what to go to; ", ("n", "key"), " and ", ("N", "key"), " go there again, on and back")
            return
        index = find(self.session.run, looked_from(self.session.cursor, direction), jump.wanted, direction)
        self._travel(index, direction, f"the {'next' if direction > 0 else 'last'} {jump.words}", none=f"no other {jump.words}")

    def _travel(self, index: int | None, direction: int, what: str, none: str = "") -> None:
        """To a moment (None: what was looked for is nowhere), as far as one may; and say where that was."""
        if direction > 0 and self.journey.question is not None:
            self._held()
            self.tell("first the question: what lies behind it is not told yet")
            return
        outcome = self.journey.jump(index, direction)
        if outcome is Outcome.END:
            other = "N" if direction > 0 else "n"
            self.tell(f"{none} {'after' if direction > 0 else 'before'} this moment; ", (other, "key"), " looks the other way")
            return
        self._went(outcome, forward=False)
        if outcome is Outcome.ASKED:
            self.tell("first the question: what lies behind it is not told yet")
        elif outcome is Outcome.TURNED and direction > 0:
            self.tell(f"page {self.journey.stage + 1} comes first: ", ("n", "key"), " goes on")
        else:
            self.tell(f"{what}: ", (self._where(), "strong"))

    def _where(self) -> str:
        cursor, stops = self.session.cursor, self.session.run.stops
        return f"moment {bisect_right(stops, cursor.index)} of {len(stops)}, {words.clock(cursor.at)}"

    # --- numbers and times ------------------------------------------------------------------------------

    def _meaning(self, typed: str) -> Line:
        """What somebody has typed so far means."""
        from fwtutor.tui.screens.choose import typed_row

        wish = read_typed(typed)
        if not typed:
            said: list[str | tuple[str, str]] = [
                (" or type ", "dim"), ("12", "key"), (" a moment, ", "dim"), ("1.5s", "key"), (" a time, ", "dim"),
                ("+30", "key"), (" to let 30 s go by", "dim"),
            ]  # fmt: skip
            return line(*said)
        if wish is None:
            return typed_row(typed, [("  a number, a time like 1.5s, or +30", "dim")])
        kind, value = wish
        means = {
            "moment": f"  moment {value:g} of {len(self.session.run.stops)}",
            "time": f"  the last moment up to t = {value:g} s",
            "wait": f"  let {value:g} s go by at the end of the run",
        }
        return typed_row(typed, [(means[kind], "dim")])

    def _go_to_typed(self, typed: str) -> None:
        wish = read_typed(typed)
        if wish is None:
            self.tell(f"{typed} is no moment and no time")
            return
        kind, value = wish
        run = self.session.run
        if kind == "wait":
            self._let_time_go_on(value)
            return
        stops = run.stops
        if kind == "moment":
            index = stops[min(int(value), len(stops)) - 1] if stops and value >= 1 else -1
        else:
            index = moment_at(run, round(value * SECOND))
        here = self.session.cursor.index
        if index == here:
            self.tell("that is this moment: ", (self._where(), "strong"))
            return
        what = f"t = {value:g} s" if kind == "time" else f"moment {value:g}"
        # Where a page comes first, n goes on to it.
        self._jump = Jump(what, Wanted("mark", marks=(index,)))
        self._travel(index, 1 if index > here else -1, what)

    # --- letting time go on -----------------------------------------------------------------------------

    def _next_timer(self) -> str:
        """Of the watched host, at the end of the run."""
        run, watch = self.session.run, self.session.scenario.watch
        due = run.world.due(watch)
        if self.journey.blocking is not None or self.journey.stage < self.journey.last_stage:
            # How long would tell what is to come.
            return "from the run's end to the next timer"
        if due is None:
            return f"{watch} waits for nothing"
        return f"from the run's end to the next timer: {words.duration(max(0, due - run.end) // SECOND)}"

    def _let_time_go_on(self, seconds: float | None) -> None:
        """An input at the end of the run; without a number of seconds, up to the next timer of the watched host."""
        journey, run, watch = self.journey, self.session.run, self.session.scenario.watch
        if journey.question is None and journey.blocking is None and journey.stage >= journey.last_stage:
            self.session.cursor.to_end()
        if not self.session.cursor.at_end or journey.stage < journey.last_stage:
            if journey.question:
                self._held()
            self.tell("time goes on where the run ends: ", ("End", "key"), " runs there")
            return
        due, last = run.world.due(watch) or 0, len(run.records) - 1
        if seconds is None and not due:
            self.tell(f"{watch} waits for nothing: ", ("g", "key"), " ", ("+30", "key"), " lets 30 s go by all the same")
            return
        wait = seconds
        if wait is None:
            # What is entered at the end comes a moment after it fell quiet. Whole milliseconds are easier to read.
            wait = min(max(0.0, -(-(due - run.end - GAP) // 1_000_000) / 1000), MAX_SLEEP)
        record = journey.enter(watch, f"sleep {wait:.3f}".rstrip("0").rstrip("."))
        wanted = find(run, last, Wanted("timer")) if seconds is None else run.stops[-1]
        self._travel(wanted, 1, f"{watch}# {record.line}")

    # --- looking from elsewhere ---------------------------------------------------------------------------

    def action_states(self) -> None:
        from fwtutor.tui.screens.states import StatesScreen

        self._stop()
        self.app.push_screen(StatesScreen(self.journey), lambda _: self._followed())

    def action_ladder(self) -> None:
        from fwtutor.tui.screens.ladder import LadderScreen

        self._stop()
        self.app.push_screen(LadderScreen(self.journey), lambda _: self._followed())

    def action_look(self) -> None:
        from fwtutor.tui.screens.look import LookScreen

        self._stop()
        self.app.push_screen(LookScreen(self.journey), lambda _: self._followed())

    def _followed(self) -> None:
        """Another screen has moved the place: show it."""
        self._hush()
        self.show()

    # --- bookmarks --------------------------------------------------------------------------------------

    def action_bookmark(self) -> None:
        self._stop()
        marked = self.journey.bookmark()
        if marked is None:
            self.tell("before everything there is nothing to mark: ", ("Home", "key"), " comes here")
            return
        self.save()
        self._hush()
        self.show()
        if marked:
            self.tell(f"{glyphs.MARK} marked: ", ("g b", "key"), " comes back here")
        else:
            self.tell("the mark is gone")

    # --- speed ------------------------------------------------------------------------------------------

    def action_pace(self, by: int) -> None:
        slow = [factor for factor, _ in PACES]
        number = max(0, min(slow.index(self._reveal.slowness) + by, len(PACES) - 1))
        factor, said = PACES[number]
        self._reveal.slowness = self.query_one(WireView).slowness = factor
        still = "" if self.app.has_class("-moving") else f" ({keymap.named('app.still')} lets packets move)"
        self.app.notify(f"Plays {said}{still}", timeout=2)
        self._replay()

    def _replay(self) -> None:
        """Go on playing at another speed, if it plays."""
        raise NotImplementedError


def _rules(place: Place) -> list[tuple[int, Rule]]:
    """The rules of the chain that is shown, with their numbers."""
    table, chain = chain_of(place)
    tables = place.rules.tables
    found = tables[table].chains.get(chain) if table in tables else None
    return list(enumerate(found.rules, 1)) if found else []


def _kind_and_tuple(place: Place) -> str:
    entry, _ = packet_entry(place)
    return f"{words.entry_kind(entry)} {words.entry_tuple(entry.original)}" if entry else ""
