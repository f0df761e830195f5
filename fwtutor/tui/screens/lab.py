"""The lab: one lesson's screen, and what its keys do: step, play, answer, type, look, leave. What shows is ``view``'s."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from fwtutor.course.journey import Outcome
from fwtutor.course.model import Lesson
from fwtutor.network.records import CommandRun
from fwtutor.recording.cursor import Size
from fwtutor.telling import glyphs, told
from fwtutor.telling.actions import APP, LAB
from fwtutor.telling.prose import prose
from fwtutor.telling.reading import Place
from fwtutor.telling.reasons import explain
from fwtutor.telling.spans import line, wrap
from fwtutor.tui import keymap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.screens.frame import TABS
from fwtutor.tui.screens.making import Making
from fwtutor.tui.screens.panes import Panes
from fwtutor.tui.screens.travel import Travelling
from fwtutor.tui.screens.what_if import WhatIf
from fwtutor.tui.widgets.ask import AskView
from fwtutor.tui.widgets.band import PacketBand, VerdictLine
from fwtutor.tui.widgets.bars import KeyBar, TabBar, TopLine
from fwtutor.tui.widgets.bench import Bench
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from fwtutor.tui.widgets.connections import EntryLines
from fwtutor.tui.widgets.lesson import THEREFORE, LessonView
from fwtutor.tui.widgets.lines import LineView

SIZES: tuple[Size, ...] = ("packet", "hook", "rule")
BEAT: dict[str, float] = {"packet": 1.6, "hook": 1.1, "rule": 0.8}
"""Seconds between two steps while playing, by step size."""


class LabScreen(Panes, WhatIf, Travelling, Making):
    """One lesson being played. It ends with the lesson wanted next, and whether afresh; None: the map."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(LAB), *bindings(APP)]

    def compose(self) -> ComposeResult:
        said = self.journey.lost or self.journey.resumed
        self._told = line((said, "change")) if said else self._told
        # Before there are widgets to style.
        self._lay_out(self.app.size)
        self._choose_tab("lesson" if self.journey.at_top else "firewall")
        yield TopLine(id="top")
        yield PacketBand(id="band")
        yield Bench(self.lesson, id="body")
        yield AskView(id="ask-narrow")
        yield VerdictLine(id="verdict")
        yield EntryLines(id="entry")
        yield TabBar(TABS, id="tabs")
        yield CommandLine(self.lesson.prompts, self.session.scenario.watch, self.enter, self.complete, id="command")
        yield KeyBar(id="keys")
        yield OutputView(id="output")

    # --- stepping ---------------------------------------------------------------------------------------

    def _went(self, outcome: Outcome, *, forward: bool) -> None:
        played = self._playing
        self._hush()
        self.query_one(OutputView).close()
        if outcome is Outcome.TURNED:
            self.show_tab("lesson")
            self.save()
        elif (outcome is Outcome.MOVED and self.tab == "lesson") or (outcome is Outcome.ASKED and self.tab != "firewall"):
            self.show_tab("firewall")
        elif outcome is Outcome.END and forward:
            self.show_tab("lesson")
        if outcome is Outcome.MOVED and not forward and self.journey.at_top:
            # Back where the page began: it is to be read.
            self.show_tab("lesson")
        if outcome is not Outcome.MOVED:
            self._stop()
        self.show(moved=forward)
        if outcome is Outcome.TURNED and played:
            self.tell("next page: ", ("p", "key"), " goes on")
        elif outcome is Outcome.END and forward:
            self._at_the_end()

    def _at_the_end(self) -> None:
        """There is no step further: say so, and what is left to do."""
        goal = self.journey.open_goal
        if goal is not None:
            # The goal comes last: where there is no room for it, it stands above as well.
            ways: tuple[str | tuple[str, str], ...] = (("h", "key"), " hint, or go back and do it earlier. ")
            self.tell("nothing more comes: ", *ways, "Still to do: ", (f"{glyphs.BOX} {goal.text}", "strong"))
        elif self.lesson.free:
            self.tell("nothing more happens by itself: ", (":", "key"), " types a command, ", ("x", "key"), " builds a packet")
        elif self.journey.ended:
            # Twice: what was shown just now folds the goals, and only then the page has all its room.
            self.call_after_refresh(self.call_after_refresh, self._scroll_lesson_to, THEREFORE)

    def _scroll_lesson_to(self, beginning: str) -> None:
        """Scroll the lesson to the row that begins so."""
        view = self.query_one(LessonView)
        at = next((y for y in range(view.count()) if view.row(y).text.startswith(beginning)), None)
        if at is not None:
            view.scroll_to(y=at, animate=False)

    def action_step(self) -> None:
        self._stop()
        self._step()

    def _step(self) -> None:
        if self.journey.question:
            self._held()
            return
        if not self._playing and self.reads:
            self.query_one(LessonView).read_on()
            self.call_after_refresh(self.refresh_bars)
            return
        self._went(self.journey.forward(self.step_size), forward=True)

    def _held(self) -> None:
        """A question is in the way: say so where the eyes are."""
        self._stop()
        self.app.bell()
        self.query_one(OutputView).close()
        if not self.has_class("-wide") and self.tab == "lesson":
            self.show_tab("firewall")
        for view in self.query(AskView):
            view.hold()
        self._show_bars(Place.of(self.session))

    def action_back(self) -> None:
        self._stop()
        self._went(self.journey.back(self.step_size), forward=False)

    def action_run_to_end(self) -> None:
        self._stop()
        if self.journey.question:
            self._held()
            return
        outcome = self.journey.to_end()
        self._went(outcome, forward=True)
        if outcome is Outcome.MOVED and self.journey.stage < self.journey.last_stage and not self._told.spans:
            self.tell("the end of this page: ", ("space", "key"), " turns it")

    def action_to_start(self) -> None:
        self._stop()
        self._went(self.journey.to_start(), forward=False)

    def action_seek(self, index: int) -> None:
        self._stop()
        self._went(self.journey.seek(index), forward=False)

    def action_play(self) -> None:
        if self._playing:
            self._stop()
        elif self.journey.question:
            self._held()
            return
        else:
            self._playing = True
            self._replay()
            self._step()
        self._show_bars(Place.of(self.session))

    def _replay(self) -> None:
        if self._playing:
            if self._beat is not None:
                self._beat.stop()
            self._beat = self.set_interval(BEAT[self.step_size] * self._reveal.slowness, self._step)

    def _stop(self) -> None:
        self._playing = False
        if self._beat is not None:
            self._beat.stop()
            self._beat = None

    def halt(self) -> None:
        """Stop playing, if it plays, and show that it has stopped."""
        if self._playing:
            self._stop()
            self._show_bars(Place.of(self.session))

    def on_screen_suspend(self) -> None:
        # Something opens over the lab: nobody sees it play.
        self.halt()

    def action_size(self, size: Size) -> None:
        self.step_size = size
        self._stop()
        self.show()

    def action_next_size(self) -> None:
        self.action_size(SIZES[(SIZES.index(self.step_size) + 1) % len(SIZES)])

    # --- asking and telling -----------------------------------------------------------------------------

    def action_answer(self, number: int) -> None:
        if self.journey.answer(number):
            self._hush()
            self.query_one(OutputView).close()
            self.save()
            self.show()

    def action_answer_first(self) -> None:
        if self.journey.question:
            self._held()

    def action_hint(self) -> None:
        self._stop()
        hint = self.journey.hint()
        if hint is None:
            self.say("Hint", line(told.no_hint(self.lesson)))
            return
        title = f"Hint {hint.number} of {hint.total}"
        self.show()
        if self.has_class("-wide") and self.zoomed in (None, self.query_one(LessonView)):
            self._scroll_lesson_to(f"{title}")
            if not hint.new:
                self.tell(f"that is {title.lower()}: there are no more on this page; ", ("H", "key"), " has the solution")
        else:
            text = hint.text if hint.new else f"{hint.text}\n\nThere are no more on this page: they come round again. `H` has the solution."
            self.say_rows(title, lambda width: prose(text, width))

    def action_why(self) -> None:
        from fwtutor.tui.screens.reader import ReaderScreen

        place = Place.of(self.session)
        if not self.ask_rule(place):
            self.app.push_screen(ReaderScreen("Why", lambda width: explain(place, width)))

    def action_inspect(self) -> None:
        if self.session.cursor.walk is None:
            self.say("Packet inspector", line("There is no packet here: step to one."))
        else:
            from fwtutor.tui.screens.inspector import InspectorScreen

            self.app.push_screen(InspectorScreen(Place.of(self.session)))

    def action_ask_kernel(self) -> None:
        from fwtutor.tui.screens.kernel import KernelScreen

        self._stop()
        # The kernel would give away what the lesson has just asked about.
        asked_about = self.journey.question is not None
        self.app.push_screen(KernelScreen(self.session.run, self.session.cursor.index - asked_about))

    def action_help(self) -> None:
        from fwtutor.tui.screens.help import help_rows
        from fwtutor.tui.screens.reader import ReaderScreen

        focused = self.focused
        about = (type(focused).__doc__ or "").split("\n\n")[0] if focused else ""
        self.app.push_screen(ReaderScreen("Help", help_rows(self.ACTIONS, " ".join(about.split()))))

    # --- commands ---------------------------------------------------------------------------------------

    def action_command(self) -> None:
        self._stop()
        self._hush()
        self.query_one(CommandLine).type()

    def action_console(self) -> None:
        self._stop()
        self._hush()
        host = self.query_one(CommandLine).host
        before = self.journey.untold
        self.say_rows(f"{host}'s console, so far", lambda width: told.console_rows(self.session, host, width, before), last=True)

    def action_next_prompt(self, by: int = 1) -> None:
        self.query_one(CommandLine).next_host(by)

    def action_submit(self) -> None:
        self.app.call_later(self.query_one(CommandLine).field.action_submit)

    def action_submit_nothing(self) -> None:
        """Enter on an empty line: what was offered last, if anything was."""
        self.see_it()

    async def action_field(self, action: str) -> None:
        """A click on what is a key of the field one types in."""
        await self.query_one(CommandLine).field.run_action(action)

    def action_leave(self) -> None:
        if self.close_zoom():
            return
        closed = self.query_one(OutputView).close()
        if self.query_one(CommandLine).typing or self.focused is not None:
            self.set_focus(None)
        elif not closed:
            self._stop()
            self._hush()
        self.show()

    async def _on_key(self, event: events.Key) -> None:
        # Keys that were on their way here when the command line got the focus are its own.
        command = self.query_one(CommandLine)
        if command.typing and (event.is_printable or command.field.takes(event.key)):
            event.stop()
            event.prevent_default()
            command.field.post_message(events.Key(event.key, event.character))
        elif keymap.presses(event.key, "lab.command") and not command.typing:
            event.stop()
            event.prevent_default()
            self.action_command()

    def complete(self, host: str, text: str) -> str:
        """Grow the last word of a line at a host's prompt; if there are several, show them."""
        from fwtutor.telling import completing

        world = self.session.run.world
        offered = completing.complete(world.hosts[host], tuple(world.hosts), text)
        longer = completing.grown(text, offered)
        if longer == text and len(offered.words) > 1:
            rows = [line((word.text, "key"), f"  {word.about}") for word in offered.words]
            self.say_rows("What may stand there", lambda width: [row for each in rows for row in wrap(each, width)])
        elif offered.words:
            self.query_one(OutputView).close()
        return longer

    def enter(self, host: str, text: str) -> None:
        """A line was entered at a host's prompt: run it, and say what came of it."""
        runs, place = len(self.session.runs), self.session.cursor.record
        again, met = isinstance(place, CommandRun) and place.learner, self.journey.met
        failed, record = self.journey.failed, self.journey.enter(host, text)
        self._hush()
        self.show()
        if record.line.startswith("#"):
            self.query_one(OutputView).close()
            return
        verdict = self.journey.verdict(record, failed)
        after = told.met_words(self.lesson, self.journey.met - met)
        after += told.afterwards(self.session, record, self.lesson.prompts, verdict.missing)
        after += told.tried(verdict, self.seeing) + told.kept_words(self.journey.keeper)
        if len(self.session.runs) > runs and not again:
            after.append(told.branch_words(place))
        title = "Refused: nothing has changed" if record.refused else f"{record.host}# {record.line}"
        self.say_rows(title, lambda width: told.rows(record, after, width), wrong=record.refused)
        self.offer_history(verdict.failed)

    def action_undo(self) -> None:
        self._stop()
        self._hush()
        before = list(self.session.run.inputs)
        if self.journey.undo():
            self.show()
            self.say("Undone", *told.undone(before, self.session.run.inputs))
        else:
            self.say("Nothing to undo", line("You have not entered a command that changed anything."))

    def action_next_run(self) -> None:
        self._stop()
        self._hush()
        if self.journey.next_run():
            self.show()
            self.say("Another run", *told.run_words(self.session.run))
        else:
            self.say("One run", line("There is only this run. A command entered in the past makes another."))

    # --- panes ------------------------------------------------------------------------------------------

    def action_show_tab(self, tab: str) -> None:
        self.halt()
        self.show_tab(tab)
        if tab == "lesson" and self.journey.ended:
            self.call_after_refresh(self._scroll_lesson_to, THEREFORE)

    def action_next_pane(self, by: int = 1) -> None:
        self.halt()
        if self.zoom_next(by):
            return
        if self.has_class("-wide"):
            self.query_one(Bench).focus_next(by)
            return
        names = [name for name, _ in TABS]
        self.action_show_tab(names[(names.index(self.tab) + by) % len(names)])

    def action_scroll_lesson(self, rows: int) -> None:
        self.query_one(Bench).scroll_pane("lesson" if self.has_class("-wide") else self.tab, rows)

    def action_page(self, direction: int) -> None:
        if self.query_one(OutputView).turn(direction):
            return
        if isinstance(self.focused, LineView):
            self.focused.scroll_relative(y=direction * max(1, self.focused.size.height - 1), animate=False)
        else:
            self.action_scroll_lesson(direction * 8)

    def action_more_keys(self) -> None:
        self.query_one(KeyBar).turn()

    # --- leaving ----------------------------------------------------------------------------------------

    def _leave(self, wish: tuple[Lesson, bool] | None) -> None:
        self._stop()
        self.save()
        self.dismiss(wish)

    def action_course_map(self) -> None:
        if self.may_leave("m"):
            self._leave(None)

    def action_next_lesson(self) -> None:
        if self.see_it():
            return
        following = self.following() if self.journey.open_goal is None else None
        if following is not None:
            self._leave((following, False))

    def action_ways_out(self) -> None:
        self.halt()
        self.tell(("m", "key"), " leaves for the course map, ", (keymap.named("app.quit"), "key"), " leaves fwtutor; your place is kept")

    def action_restart(self) -> None:
        self._stop()
        if (self.journey.open_goal is None and not self.lesson.free) or self._restarting:
            self._hush()
            self.journey.restart()
            self.query_one(OutputView).close()
            self.show_tab("lesson")
            self.show()
            if self.session.undoable:
                self.tell("begun anew; ", ("u", "key"), " brings back what you typed")
        else:
            kept = "" if self.lesson.free else "lesson "
            stay = "" if self.lesson.free else "goals met stay met, "
            self.tell(("s", "key"), f" again begins this {kept}anew: {stay}what you typed goes")
            self._restarting = True
