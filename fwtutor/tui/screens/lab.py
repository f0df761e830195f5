"""The lab: one lesson's screen. It lays out the panes, passes keys to the journey, and shows every pane the same place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size as Extent
from textual.timer import Timer

from fwtutor.course.model import Lesson
from fwtutor.course.progress import Progress
from fwtutor.recording import Session
from fwtutor.recording.cursor import Size
from fwtutor.tui import glyphs, words
from fwtutor.tui.actions import APP, LAB, TYPING, bindings
from fwtutor.tui.journey import Journey, Outcome
from fwtutor.tui.reading import Place, heard
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.spans import Line, line
from fwtutor.tui.widgets.ask import KEYS, AskView
from fwtutor.tui.widgets.band import PacketBand, VerdictLine
from fwtutor.tui.widgets.bars import KeyBar, TabBar, TopLine
from fwtutor.tui.widgets.bench import Bench
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from fwtutor.tui.widgets.connections import EntryLines
from fwtutor.tui.widgets.lesson import Standing
from fwtutor.tui.widgets.why import explain

WIDE = (116, 34)
"""Columns and rows from which all panes are shown at once."""
TALL = 46
"""Rows from which the lower panes get more of them."""
SHORT = 22
"""Rows below which the lesser rows of a narrow screen go."""
TABS = (("firewall", "Firewall"), ("lesson", "Lesson"), ("connections", "Connections"), ("timeline", "Timeline"))
SIZES: tuple[Size, ...] = ("packet", "hook", "rule")
BEAT: dict[str, float] = {"packet": 1.6, "hook": 1.1, "rule": 0.8}
"""Seconds between two steps while playing, by step size."""


class LabScreen(RoleScreen[None]):
    """One lesson being played."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(LAB), *bindings(APP)]
    CSS_PATH = "lab.tcss"
    ACTIONS = LAB

    def __init__(self, lesson: Lesson, session: Session, progress: Progress) -> None:
        super().__init__()
        self.lesson = lesson
        self.session = session
        self.progress = progress
        self.journey = Journey(lesson, session, progress)
        self.step_size: Size = "packet"
        self.tab = "firewall"
        self._playing = False
        self._beat: Timer | None = None

    def compose(self) -> ComposeResult:
        # Before there are widgets to style.
        self._lay_out(self.app.size)
        self._choose_tab("lesson" if self.session.cursor.index < 0 else "firewall")
        yield TopLine(id="top")
        yield PacketBand(id="band")
        yield Bench(self.lesson, id="body")
        yield AskView(id="ask-narrow")
        yield VerdictLine(id="verdict")
        yield EntryLines(id="entry")
        yield TabBar(TABS, id="tabs")
        yield CommandLine(self.lesson.prompts, id="command")
        yield KeyBar(id="keys")
        yield OutputView(id="output")

    def on_mount(self) -> None:
        self.query_one(TabBar).show(self.tab)
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size)
        self._show_question()

    def _lay_out(self, size: Extent) -> None:
        wide = size.width >= WIDE[0] and size.height >= WIDE[1]
        self._set_classes({"-wide": wide, "-narrow": not wide, "-tall": wide and size.height >= TALL, "-short": size.height < SHORT})

    def _set_classes(self, wanted: Mapping[str, bool]) -> None:
        """All at once: every change of a screen's classes styles all its widgets anew."""
        if all(self.has_class(name) == on for name, on in wanted.items()):
            return
        self.add_class(*(name for name, on in wanted.items() if on), update=False)
        self.remove_class(*(name for name, on in wanted.items() if not on), update=False)
        if self.is_mounted:
            self.update_node_styles()

    # --- showing ----------------------------------------------------------------------------------------

    def show(self, *, moved: bool = False) -> None:
        """Show every pane the place where the cursor is; ``moved``: by a step forward, so things may move."""
        journey = self.journey
        news = frozenset(journey.note())
        place = Place.of(self.session)
        ended = journey.ended and journey.stage == journey.last_stage
        standing = Standing(journey.stage, journey.met, journey.hints.get(journey.stage, 0), news, ended)
        self.query_one(PacketBand).show(place)
        self.query_one(Bench).show(place, standing, moved=moved and self.app.has_class("-moving"))
        self.query_one(VerdictLine).show(place)
        self.query_one(EntryLines).show(place)
        self.query_one(CommandLine).hear(*heard(self.session, self.lesson.prompts))
        self._show_question()
        self._show_bars(place, bool(news))
        if news:
            self.save()

    def _show_question(self) -> None:
        journey = self.journey
        prediction = journey.question
        picked = right = None
        if prediction is None and journey.just_answered:
            prediction = next((p for p in self.lesson.predictions if p.id == journey.just_answered), None)
        if prediction is not None:
            picked = journey.picked(prediction)
            right = prediction.answer(self.session.run) if picked is not None else None
        for view in self.query(AskView):
            view.show(prediction, picked, right)
            if view.id == "ask" and not self.has_class("-wide"):
                view.display = False
            if view.id == "ask-narrow" and self.has_class("-wide"):
                view.display = False
        self.set_class(prediction is not None, "-asking")

    def _show_bars(self, place: Place, news: bool = False) -> None:
        journey = self.journey
        total = len(self.lesson.goals)
        playing = f"{glyphs.HERE} playing   " if self._playing else ""
        right = f"{playing}goals {len(journey.met)} of {total}   {words.clock(place.at)}"
        self.query_one(TopLine).show(self.lesson.question, right, f"{glyphs.TICK} goal met   " if news else "")
        self.query_one(TabBar).show(self.tab)
        typing = self.query_one(CommandLine).typing
        self.query_one(KeyBar).show(TYPING if typing else [a for a in (*LAB, APP[0]) if a.bar], note=("lab.sizes", f"by {self.step_size}"))

    def say(self, title: str, *lines: Line, wrong: bool = False) -> None:
        """Open the panel above the prompt."""
        self.query_one(OutputView).show(title, lines, wrong=wrong)

    def save(self) -> None:
        """Keep the progress; a disk that will not have it is told, not died of."""
        try:
            self.progress.save()
        except OSError as error:
            self.say("Progress is not kept", line(str(error)), wrong=True)

    # --- stepping ---------------------------------------------------------------------------------------

    def _went(self, outcome: Outcome, *, forward: bool) -> None:
        self.query_one(OutputView).close()
        if outcome is Outcome.TURNED:
            self.show_tab("lesson")
            self.save()
        elif (outcome is Outcome.MOVED and self.tab == "lesson") or (outcome is Outcome.ASKED and self.tab != "firewall"):
            self.show_tab("firewall")
        elif outcome is Outcome.END and forward:
            self.show_tab("lesson")
        if outcome is not Outcome.MOVED:
            self._stop()
        self.show(moved=forward)

    def action_step(self) -> None:
        self._stop()
        self._step()

    def _step(self) -> None:
        if self.journey.question:
            self._held()
            return
        self._went(self.journey.forward(self.step_size), forward=True)

    def _held(self) -> None:
        """A question is in the way: say so where the eyes are."""
        self._stop()
        self.app.bell()
        if not self.has_class("-wide") and self.tab == "lesson":
            self.show_tab("firewall")
        last = KEYS[len(self.journey.question.choices) - 1] if self.journey.question else ""
        self.say("Say first what you expect", line("Answer with ", (f"a to {last}", "key"), ", then step."))

    def action_back(self) -> None:
        self._stop()
        self._went(self.journey.back(self.step_size), forward=False)

    def action_run_to_end(self) -> None:
        self._stop()
        if self.journey.question:
            self._held()
            return
        self._went(self.journey.to_end(), forward=True)

    def action_to_start(self) -> None:
        self._stop()
        self.journey.to_start()
        self._went(Outcome.TURNED, forward=False)

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
            self._beat = self.set_interval(BEAT[self.step_size], self._step)
            self._step()
        self.show()

    def _stop(self) -> None:
        self._playing = False
        if self._beat is not None:
            self._beat.stop()
            self._beat = None

    def action_size(self, size: Size) -> None:
        self.step_size = size
        self._stop()
        self.show()

    def action_next_size(self) -> None:
        self.action_size(SIZES[(SIZES.index(self.step_size) + 1) % len(SIZES)])

    # --- asking and telling -----------------------------------------------------------------------------

    def action_answer(self, number: int) -> None:
        if self.journey.answer(number):
            self.query_one(OutputView).close()
            self.save()
            self.show()

    def action_hint(self) -> None:
        hint = self.journey.hint()
        if hint is None:
            self.say("Hint", line("There is no hint on this page: step, and look."))
        elif self.has_class("-wide"):
            self.show()
        else:
            from fwtutor.tui.prose import prose

            self.say(f"Hint {hint[0]}", *prose(hint[1], max(20, self.size.width - 8)))

    def action_why(self) -> None:
        place = Place.of(self.session)
        self.app.push_screen(ReaderScreen("Why", lambda width: explain(place, width)))

    def action_inspect(self) -> None:
        walk = self.session.cursor.walk
        if walk is None:
            self.say("Packet inspector", line("There is no packet here: step to one."))
        else:
            self.app.push_screen(InspectorScreen(walk.packet))

    def action_help(self) -> None:
        focused = self.focused
        about = (type(focused).__doc__ or "").split("\n\n")[0] if focused else ""
        self.app.push_screen(ReaderScreen("Help", help_rows(LAB, " ".join(about.split()))))

    # --- commands ---------------------------------------------------------------------------------------

    def action_command(self) -> None:
        self._stop()
        self.query_one(CommandLine).field.focus()

    def action_next_prompt(self) -> None:
        self.query_one(CommandLine).next_host()

    def action_submit(self) -> None:
        self.query_one(CommandLine).field.action_submit()  # type: ignore[unused-coroutine]

    def action_leave(self) -> None:
        if self.query_one(CommandLine).typing or self.focused is not None:
            self.set_focus(None)
        elif not self.query_one(OutputView).close():
            self._stop()
        self.show()

    def on_command_line_entered(self, message: CommandLine.Entered) -> None:
        runs = len(self.session.runs)
        record = self.journey.enter(message.host, message.text)
        branched = len(self.session.runs) > runs
        self.show()
        lines = [line(text) for text in record.output.rstrip("\n").split("\n")] if record.output.strip() else []
        if branched:
            lines.append(line(("The past has changed: this is another run now. u takes it back, r shows the run as it was.", "dim")))
        if record.refused:
            self.say("Refused: nothing has changed", *lines, wrong=True)
        elif lines:
            self.say(f"{record.host}# {record.line}", *lines)

    def action_undo(self) -> None:
        self._stop()
        if self.journey.undo():
            self.show()
            self.say("Undone", line("The last command is taken back; the run with it is kept. r goes there."))
        else:
            self.say("Nothing to undo", line("You have not entered a command that changed anything."))

    def action_next_run(self) -> None:
        self._stop()
        if self.journey.next_run():
            self.show()
            number = self.session.runs.index(self.session.run) + 1
            self.say(f"Run {number} of {len(self.session.runs)}", line("Another history of the same lesson, at the last place both share."))
        else:
            self.say("One run", line("There is only this run. A command entered in the past makes another."))

    # --- panes ------------------------------------------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        """Which pane a narrow screen shows."""
        self._choose_tab(tab)
        self.query_one(TabBar).show(tab)

    def _choose_tab(self, tab: str) -> None:
        self.tab = tab
        self._set_classes({f"-tab-{name}": name == tab for name, _ in TABS})

    def action_show_tab(self, tab: str) -> None:
        self.show_tab(tab)

    def action_next_pane(self, by: int = 1) -> None:
        if self.has_class("-wide"):
            self.query_one(Bench).focus_next(by)
            return
        names = [name for name, _ in TABS]
        self.show_tab(names[(names.index(self.tab) + by) % len(names)])

    def action_scroll_lesson(self, rows: int) -> None:
        self.query_one(Bench).scroll_pane("lesson" if self.has_class("-wide") else self.tab, rows)

    def action_course_map(self) -> None:
        self._stop()
        self.save()
        self.dismiss()

    def on_descendant_focus(self) -> None:
        self._show_bars(Place.of(self.session))

    def on_descendant_blur(self) -> None:
        self._show_bars(Place.of(self.session))
