"""Getting about in plain mode: jumps, bookmarks, the runs there are and how they differ, the ladder, the TCP states."""

from __future__ import annotations

import re
from typing import NamedTuple

from fwtutor.course.journey import Outcome
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.records import CommandRun
from fwtutor.plain import parts
from fwtutor.plain.looking import Looking
from fwtutor.plain.speech import spoken
from fwtutor.recording.jumps import Wanted, connection_of, find, looked_from, moment_at
from fwtutor.recording.run import Run
from fwtutor.telling import glyphs, words
from fwtutor.telling.chain import chain_of
from fwtutor.telling.jumping import read_typed
from fwtutor.telling.reading import packet_entry

JUMPS = "drop, state change, change of this entry, packet of this connection, match of rule N, command, timer, bookmark"
_RULE = re.compile(r"(?:match|rule)\D*(\d{1,6})(?: of (?:(\S+) )?(\S+))?")


class Jump(NamedTuple):
    """What one can jump to again and again."""

    words: str
    wanted: Wanted


class Travelling(Looking):
    """A lab in which one gets about."""

    _jump: Jump | None = None

    def _enter(self, host: str, text: str) -> None:
        raise NotImplementedError

    # --- jumping ----------------------------------------------------------------------------------------------

    def do_go(self, rest: str) -> None:
        if rest.partition(" ")[0] in ("next", "last"):
            direction, _, wish = rest.partition(" ")
            self._leap(wish, 1 if direction == "next" else -1)
            return
        run, typed = self.session.run, read_typed(rest)
        if typed is None or (typed[0] == "moment" and not (rest.isdigit() and int(rest) <= len(run.stops))):
            self._wrong(
                f"go takes the number of a moment, from 0 to {len(run.stops)}, a time like 1.5s, or +30 to let 30 s go by at the run's end"
            )
            return
        kind, value = typed
        if kind == "wait":
            self._let_time_go_on(value)
            return
        index = moment_at(run, round(value * SECOND)) if kind == "time" else run.stops[int(value) - 1] if value else -1
        outcome = self.journey.seek(index)
        self._went(outcome, forward=False)
        if outcome is Outcome.ASKED:
            what = f"moment {value:g}" if kind == "moment" else f"t = {value:g} s"
            self.say(f"The question comes before {what}: answer it, and go there then.")

    def _let_time_go_on(self, seconds: float) -> None:
        journey = self.journey
        if journey.question is not None or not self.session.cursor.at_end or journey.stage < journey.last_stage:
            self._wrong("time goes on where the run ends: end goes there")
            return
        self._enter(self.session.scenario.watch, f"sleep {seconds:.3f}".rstrip("0").rstrip("."))

    def do_last(self, rest: str) -> None:
        self._leap(rest, -1)

    def do_again(self, rest: str) -> None:
        self._leap("", 1)

    def do_again_back(self, rest: str) -> None:
        self._leap("", -1)

    def _leap(self, wish: str, direction: int) -> None:
        """To the nearest moment of a kind; without a wish, of the kind that was wished last."""
        jump = self._meant(wish.lower()) if wish else self._jump
        if jump is None:
            self._wrong(f"next and last take one of: {JUMPS}" if wish else f"n and N repeat a jump; next begins one: {JUMPS}")
            return
        self._jump = jump
        index = find(self.session.run, looked_from(self.session.cursor, direction), jump.wanted, direction)
        outcome = self.journey.jump(index, direction)
        if outcome is Outcome.END:
            self.say(f"There is no {jump.words} {'after' if direction > 0 else 'before'} this moment.")
            return
        self._went(outcome, forward=direction > 0)
        if outcome is Outcome.TURNED:
            self.say("This page comes first: n goes on.")
        elif outcome is Outcome.ASKED:
            self.say("First the question: what lies behind it is not told yet.")

    def _meant(self, wish: str) -> Jump | None:
        place = self.place
        entry, _ = packet_entry(place)
        rule = _RULE.search(wish)
        if rule is not None:
            return self._match(int(rule[1]), rule[2], rule[3])
        if "entry" in wish and "this" in wish:
            return Jump("change of this entry", Wanted("state", entry=entry.id)) if entry is not None else None
        if "connection" in wish or "packet" in wish:
            return (
                None
                if place.walk is None
                else Jump("packet of this connection", Wanted("connection", connection=connection_of(place.walk)))
            )
        kinds = {"drop": "stopped", "reject": "stopped", "stop": "stopped", "state": "state", "entry": "state", "command": "input"}
        marks = self.session.bookmarks.of(self.session.run)
        told = {"stopped": "dropped or rejected packet", "state": "change of an entry's state", "input": "command"}
        for word, kind in kinds.items():
            if word in wish:
                return Jump(told[kind], Wanted(kind))
        if "timer" in wish:
            return Jump("timer", Wanted("timer"))
        return Jump("bookmark", Wanted("mark", marks=marks)) if "mark" in wish else None

    def _match(self, number: int, table: str | None, chain: str | None) -> Jump | None:
        place = self.place
        shown = chain_of(place)
        table, chain = table or (shown[0] if chain is None else "filter"), chain or shown[1]
        tables = place.rules.tables
        # What was typed came in small letters; chains are told apart by them.
        named = {each.lower(): each for each in tables[table].chains} if table in tables else {}
        found = tables[table].chains[named[chain.lower()]] if chain.lower() in named else None
        if found is None or not 0 < number <= len(found.rules):
            return None
        return Jump(f"match of rule {number} of {found.name}", Wanted("rule", rule=found.rules[number - 1].id))

    # --- bookmarks --------------------------------------------------------------------------------------------

    def do_mark(self, rest: str) -> None:
        marked = self.journey.bookmark()
        if marked is None:
            self.say("Before everything there is nothing to mark.")
            return
        self.keep()
        self.say("Marked: bookmarks lists them, next bookmark and last bookmark go there." if marked else "The mark is gone.")

    def do_marks(self, rest: str) -> None:
        run, here = self.session.run, self.session.cursor.index
        marks = self.session.bookmarks.of(run)
        for index in marks:
            what = words.moment(run.records[index]) if index <= here else "to come"
            self.say(spoken(f"Bookmark: moment {parts.moment_number(run, index)}, {words.clock(run.records[index].at)}: {what}"))
        if not marks:
            self.say("No moment of this run is marked: * marks one.")

    # --- runs -------------------------------------------------------------------------------------------------

    def do_runs(self, rest: str) -> None:
        self.say(*(self._told_run(run) for run in self.journey.histories))
        if len(self.journey.histories) < 2:
            self.say("There is only this run. A command entered in the past makes another.")
        else:
            self.say("other N goes to one, compare N says in what it differs from the present one.")

    def _told_run(self, run: Run) -> str:
        from fwtutor.telling.comparing import run_title

        runs = self.journey.histories
        here = ", where you are" if run is self.session.run else ""
        return f"Run {runs.index(run) + 1} of {len(runs)}{here}: {run_title(run)}."

    def _other(self, rest: str) -> Run | None:
        """The run that is meant; without a number the one behind the present one."""
        runs = self.journey.histories
        if rest:
            known = rest.isascii() and rest.isdigit() and 0 < int(rest[:6]) <= len(runs)
            if not known:
                self._wrong(f"there is no run {rest[:20]}; runs lists them, 1 to {len(runs)}")
            return runs[int(rest[:6]) - 1] if known else None
        if len(runs) < 2:
            self.say("There is only this run. A command entered in the past makes another.")
            return None
        return runs[(runs.index(self.session.run) + 1) % len(runs)]

    def do_run(self, rest: str) -> None:
        run = self._other(rest)
        if run is None:
            return
        if run is self.session.run:
            self.say(f"You are there: {self._told_run(run)}")
            return
        self.journey.go(run, None)
        self.say(self._told_run(run), "You are at the last place it shares with the other.")
        self.do_place("")
        self._hush()

    def do_compare(self, rest: str) -> None:
        from fwtutor.recording.sides import rows
        from fwtutor.telling.comparing import plainly

        mine, other = self.session.run, self._other(rest)
        if other is None:
            return
        if other is mine:
            self._wrong("that is the run you are in; runs lists the others")
            return
        found, block = rows(mine, other), self.journey.blocking
        until = ""
        if block is not None:
            until = " up to the next question"
            # What a question asks about is not told before it is answered.
            ends = (at for at, row in enumerate(found) if row.left is not None and row.left.index >= block[0])
            found = found[: next(ends, len(found))]
        packets = [row for row in found if row.packet is not None]
        shown = [row for row in found if row.differs or (row.packet is None and (row.left is None or row.right is None))]
        self.say(f"This is {self._told_run(mine)}", f"The other is {self._told_run(other)}")
        self.say(f"{sum(bool(row.differs) for row in packets)} of {len(packets)} packets{until} differ; only what differs is told.")
        for row in shown[: parts.LOOKED_AT]:
            run, side = (mine, row.left) if row.left is not None else (other, row.right)
            assert side is not None
            there = "" if run is mine else " of the other run"
            self.say(spoken(f"Moment {parts.moment_number(run, side.index)}{there}: {plainly(row, row.left, row.right)}."))

    # --- the run from elsewhere -------------------------------------------------------------------------------

    def do_ladder(self, rest: str) -> None:
        from fwtutor.recording.ladder import happened_until, rungs
        from fwtutor.telling.ladder import plainly

        run, cursor = self.session.run, self.session.cursor
        over = cursor.step == len(cursor.steps)
        done = happened_until(run, cursor.index, self.journey.stage) if over else cursor.index - 1
        seen = max(done, cursor.index)
        found = [rung for rung in rungs(run) if rung.anchor <= seen]
        for rung in found[-parts.LOOKED_AT :]:
            self.say(spoken(f"{plainly(run, rung, seen, done)}."))
        if not found:
            self.say("Nothing has been sent so far.")

    def do_states(self, rest: str) -> None:
        from fwtutor.telling.diagram import KINDS, SIDES, head, outcome, shown

        record = self.place.record
        if isinstance(record, CommandRun) and "-apply" in record.line:
            self.say("y is the lab's letter for the TCP states; : y answers iptables-apply.")
        place = self.place
        what = shown(place)
        self.say(spoken(f"TCP states: {head(place, what)}."))
        stays = 0
        for each in what.past or ((what.now,) if what.now else ()):
            if each.new is each.old and each is not what.now:
                stays += 1
                continue
            self._state_stays(stays)
            stays = 0
            moment, here = parts.moment_number(place.session.run, each.record), ", this packet" if each is what.now else ""
            said = outcome(each)[0].replace(f" {glyphs.NEXT} ", " to ")
            self.say(spoken(f"Moment {moment}{here}, {words.clock(each.at)}: {KINDS[each.kind]} {SIDES[each.direction]}: {said}."))
        self._state_stays(stays)
        if what.present is not None:
            self.say(f"State now: {what.present.name}.")

    def _state_stays(self, packets: int) -> None:
        if packets:
            self.say(f"Then {packets} {'packet' if packets == 1 else 'packets'} by which the state stays.")
