"""A lab in plain mode: what each command does, and what is said then. Reading lines and writing them is ``talk``'s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput, printable
from fwtutor.course.journey import Journey, Outcome
from fwtutor.course.loader import find_lesson
from fwtutor.course.model import Course, Lesson, LessonError
from fwtutor.course.progress import Progress, Unkept
from fwtutor.network.drafting import NAMES, command, complaint, draft_of, fields_of
from fwtutor.network.records import CommandRun
from fwtutor.network.tools.registry import TOOLS
from fwtutor.plain import parts
from fwtutor.plain.commands import help_lines, understood
from fwtutor.plain.speech import WIDE, as_written, listed, read_aloud, sentences, spoken
from fwtutor.recording import Session
from fwtutor.sandbox.lab import default_file
from fwtutor.sandbox.model import taken
from fwtutor.sandbox.writing import save
from fwtutor.telling import network, told
from fwtutor.telling.reading import Histories, Place, address_of, sender
from fwtutor.telling.reasons import explain
from fwtutor.telling.signs import SIGNS

if TYPE_CHECKING:
    from fwtutor.recording.cursor import Size

WATCH_IT = "step watches it, console tells what it says"
MAX_PLAYED = 10_000
"""Moments told at one ``play``."""


class Shell:
    """One lab after another, for somebody who reads and types lines."""

    def __init__(self, course: Course | None, progress: Progress, say: Callable[[str], None]) -> None:
        self.course = course
        self.progress = progress
        self.over = False
        """Somebody has said that it is enough."""
        self.not_understood = 0
        self._say = say

    # --- a lab ------------------------------------------------------------------------------------------------

    def open(self, lesson: Lesson, session: Session | None = None, *, afresh: bool = False, at: int | None = None) -> None:
        """Open a lesson's lab where it was left, or a sandbox with its session; say where one is."""
        self.lesson = lesson
        self.session = session or Session(lesson.scenario)
        self.journey = Journey(lesson, self.session, Unkept() if lesson.free else self.progress)
        self.host, self.size = lesson.prompts[0], "packet"
        self._histories, self._told, self._restarting, self._heard = Histories(), False, False, ""
        if not lesson.free:
            self.journey.begin(afresh=afresh, at=at)
        self.say(*read_aloud(lesson.question))
        self._page_turned()
        if not lesson.free:
            self.say(*parts.goals(self.journey))
        self._noted()
        if self.session.cursor.index >= 0:
            self.do_place("")
        self._asked()
        self.say(f"You are at the prompt of {self.host}. help lists all commands.")

    host: str
    size: Size

    @property
    def place(self) -> Place:
        return Place.of(self.session)

    def say(self, *lines: str) -> None:
        """Say something, a sentence a line."""
        for text in lines:
            self._say(printable(text))

    def hear(self, text: str) -> None:
        """Do what a line says."""
        text = text.strip()
        if text.startswith("#"):
            return
        restarting, self._restarting = self._restarting, False
        found = understood(text or "step")
        host, mark, typed = text.partition("# ")
        if mark and host in self.lesson.prompts:
            self._enter(host, typed)
        elif found is not None:
            self._restarting = restarting if found[0].do == "restart" else False
            getattr(self, f"do_{found[0].do}")(found[1])
        elif text.removeprefix("sudo ").split(" ")[0] in TOOLS:
            self._enter(self.host, text)
        else:
            self.not_understood += 1
            self.say(f"There is no command {text[:60]!r}. help lists what there is; a line for {self.host}'s prompt begins with a colon.")

    # --- going ------------------------------------------------------------------------------------------------

    def do_step(self, rest: str) -> None:
        self._went(self.journey.forward(self.size), forward=True)

    def do_back(self, rest: str) -> None:
        self._went(self.journey.back(self.size), forward=False)

    def do_play(self, rest: str) -> None:
        for _ in range(MAX_PLAYED):
            outcome = self.journey.forward(self.size)
            self._went(outcome, forward=True)
            if outcome is not Outcome.MOVED:
                return

    def do_end(self, rest: str) -> None:
        self._went(self.journey.to_end(), forward=True)

    def do_start(self, rest: str) -> None:
        self._went(self.journey.to_start(), forward=False)

    def do_go(self, rest: str) -> None:
        stops = self.session.run.stops
        if not (rest.isascii() and rest.isdigit() and int(rest[:9]) <= len(stops)):
            self._wrong(f"go takes the number of a moment, from 0 to {len(stops)}")
            return
        self._went(self.journey.seek(stops[int(rest) - 1] if int(rest) else -1), forward=False)

    def do_packet(self, rest: str) -> None:
        self._sized("packet")

    def do_hook(self, rest: str) -> None:
        self._sized("hook")

    def do_rule(self, rest: str) -> None:
        self._sized("rule")

    def _sized(self, size: Size) -> None:
        self.size = size
        self.say(f"A step goes to the next {size}.")

    def _went(self, outcome: Outcome, *, forward: bool) -> None:
        if outcome is Outcome.TURNED:
            self._page_turned()
        elif outcome is Outcome.MOVED:
            self._moment()
        elif outcome is Outcome.END:
            self._at_an_end(forward=forward)
        elif self.session.cursor.steps and self.session.cursor.step == 1:
            self.say(*parts.moment(self.place)[:1])
        self._noted()
        self._asked()
        if outcome in (Outcome.MOVED, Outcome.TURNED) and forward:
            heard, news = told.last_words(self.session, self.lesson.prompts)
            if news and heard != self._heard:
                self.say(f"Heard at {heard}")
            self._heard = heard

    def _moment(self) -> None:
        """What there is to say after a step, by how far a step goes."""
        place = self.place
        if self.size == "packet" or place.walk is None:
            self.say(*parts.moment(place))
            return
        if place.done <= 1:
            self.say(*parts.moment(place)[:1])
        else:
            self.say(*parts.why(place))
        if place.finished is not None:
            self.say(*parts.moment(place)[1:])

    def _page_turned(self) -> None:
        self.say(*parts.page(self.journey))
        self._told = self.journey.ended
        pages = self.lesson.stages[: self.journey.stage + 1]
        wanted = next((page.prompt for page in reversed(pages) if page.prompt), self.host)
        if wanted != self.host:
            self.host = wanted
            self.say(f"You are at the prompt of {self.host} now.")

    def _at_an_end(self, *, forward: bool) -> None:
        goal = self.journey.open_goal
        if not forward:
            self.say("This is the beginning.")
        elif goal is not None:
            self.say(f"Nothing more happens by itself. Still to do: {goal.text}. hint helps.")
        else:
            self.say("Nothing more happens by itself.")

    def _noted(self) -> None:
        """Goals that have come true, and the end of the lesson when it is there."""
        news = self.journey.note()
        self.say(*(f"Goal met: {goal.text}." for goal in self.lesson.goals if goal.id in news))
        if self.journey.ended and not self._told:
            self._told = True
            self.say(*parts.ending(self.lesson))
        if news:
            self.keep()

    # --- questions --------------------------------------------------------------------------------------------

    def _asked(self) -> None:
        if self.journey.question is not None:
            self.say(*parts.question(self.journey.question))

    def do_question(self, rest: str) -> None:
        if self.journey.question is None:
            self.say("No question holds the way here.")
        self._asked()

    def _answer(self, number: int) -> None:
        asked = self.journey.question
        if asked is None or not self.journey.answer(number):
            self._wrong("there is no such answer to give here")
            return
        picked = self.journey.picked(asked)
        assert picked is not None
        self.say(*parts.answered(asked, picked, asked.answer(self.session.run)))
        self.keep()
        self._asked()

    def do_a(self, rest: str) -> None:
        self._answer(0)

    def do_b(self, rest: str) -> None:
        self._answer(1)

    def do_c(self, rest: str) -> None:
        self._answer(2)

    def do_d(self, rest: str) -> None:
        self._answer(3)

    def do_hint(self, rest: str) -> None:
        hint = self.journey.hint()
        if hint is None:
            self.say("There is no hint on this page: step, and look.")
        else:
            more = [] if hint.new else ["There are no more on this page: they come round again."]
            self.say(f"Hint {hint.number} of {hint.total}:", *read_aloud(hint.text), *more)

    # --- looking ----------------------------------------------------------------------------------------------

    def do_place(self, rest: str) -> None:
        self.say(*parts.moment(self.place))

    def do_why(self, rest: str) -> None:
        self.say(*sentences(explain(self.place, WIDE)))

    def do_chain(self, rest: str) -> None:
        self.say(*parts.chain(self.place))

    def do_connections(self, rest: str) -> None:
        self.say(*parts.connections(self.place, self._histories))

    def do_moments(self, rest: str) -> None:
        self.say(*parts.moments(self.place))

    def do_page(self, rest: str) -> None:
        self.say(*parts.page(self.journey))
        self._asked()

    def do_goals(self, rest: str) -> None:
        self.say(*(["A sandbox has no goals."] if self.lesson.free else parts.goals(self.journey)))

    def do_hosts(self, rest: str) -> None:
        topology = self.session.scenario.topology
        self.say(f"You watch {self.session.scenario.watch}.")
        self.say(*(f"host {name}{f': {what}' if what else ''}" for name, what in network.hosts(topology)))
        pairs = zip(topology.links, network.links(topology), strict=True)
        self.say(*(f"link {link.name}, {network.qualities(link)}: {who}" for link, (_, who) in pairs))

    def do_inspect(self, rest: str) -> None:
        walk = self.session.cursor.walk
        if walk is None:
            self.say("There is no packet here: step to one.")
            return
        from fwtutor.wire import dissect, hex_dump

        for name, fields in dissect(walk.packet.raw):
            self.say(f"{name}:", *(f"  {key}: {value}" for key, value in fields))
        self.say(f"{len(walk.packet.raw)} bytes:", *hex_dump(walk.packet.raw))

    def do_kernel(self, rest: str) -> None:
        from fwtutor.telling.judge import Judge
        from fwtutor.telling.judged import judgement_rows

        # The kernel would give away what the lesson has just asked about.
        asked_about = self.journey.question is not None
        judgement = Judge(self.session.run, self.session.cursor.index - asked_about).ask()
        self.say(*sentences(judgement_rows(judgement, WIDE)))

    def do_help(self, rest: str) -> None:
        self.say(*help_lines(), "Words:")
        self.say(*(spoken(f"{sign}: {meaning}") for sign, _, meaning in SIGNS[:7]))

    # --- typing -----------------------------------------------------------------------------------------------

    def do_at(self, rest: str) -> None:
        if rest not in self.lesson.prompts:
            self._wrong(f"at takes one of {listed(self.lesson.prompts, 'or')}")
            return
        self.host = rest
        self.say(f"You are at the prompt of {rest}.")

    def do_command(self, rest: str) -> None:
        if not rest:
            self.say(f"You are at the prompt of {self.host}; at goes to another: {listed(self.lesson.prompts)}.")
            return
        self._enter(self.host, rest)

    def _enter(self, host: str, text: str) -> None:
        runs, place = len(self.session.runs), self.session.cursor.record
        again = isinstance(place, CommandRun) and place.learner
        record = self.journey.enter(host, text)
        if record.line.startswith("#"):
            return
        self.say(f"{record.host}# {record.line}")
        self.say(*as_written(told.output_rows(record, WIDE)))
        if record.refused:
            self.say("Refused: nothing has changed.")
        missing = self.journey.missing() if record.index >= 0 and not record.refused else ""
        after = told.afterwards(self.session, record, self.lesson.prompts, missing, WATCH_IT)
        if len(self.session.runs) > runs and not again:
            after.append(told.branch_words(place))
        self.say(*sentences(after))
        self._noted()

    def do_console(self, rest: str) -> None:
        host = rest or self.host
        self.say(*as_written(told.console_rows(self.session, host, WIDE)))

    def do_craft(self, rest: str) -> None:
        place = self.place
        draft = draft_of(place.walk.packet if place.walk else None, address_of(place, self.host), address_of(place, place.watch))
        if not rest:
            fields = fields_of(draft["kind"])
            self.say("This packet again, but with other values: again FIELD=VALUE ...", f"Now: {command(draft)}")
            self.say(*(f"{field.name}: {field.label}; {field.hint}" for field in fields))
            return
        for word in rest.split(" "):
            name, equals, value = word.partition("=")
            if not equals or name not in NAMES:
                self._wrong(f"{word[:60]!r} is not FIELD=VALUE; there are {listed(NAMES)}")
                return
            draft[name] = value
        wrong = complaint(draft)
        if wrong:
            self._wrong(f"{command(draft)}: {wrong}")
            return
        origin = sender(place)
        self._enter(origin if origin in self.lesson.prompts else self.host, command(draft))

    def do_undo(self, rest: str) -> None:
        if self.journey.undo():
            self.say("The last command is taken back; the run with it is kept: other run goes there.")
            self._moment()
        else:
            self.say("You have not entered a command that changed anything.")

    def do_run(self, rest: str) -> None:
        if self.journey.next_run():
            self.say(*sentences(told.run_words(self.session.run)))
            self.do_place("")
        else:
            self.say("There is only this run. A command entered in the past makes another.")

    # --- keeping and leaving ----------------------------------------------------------------------------------

    def do_save(self, rest: str) -> None:
        over = rest.startswith("over ")
        name = rest.removeprefix("over ").strip() or default_file(self.lesson)
        title = self.lesson.question.removeprefix("Sandbox: ")
        try:
            save(taken(self.session, title, self.lesson.prompts), Path(name), replace=over)
        except FileExistsError:
            self._wrong(f"there is a file {name} already; save over {name} replaces it")
        except (OSError, BadInput) as error:
            self._wrong(f"{name}: {getattr(error, 'strerror', None) or error}")
        else:
            self.say(f"Kept in {name}; fwtutor sandbox {name} opens it.")

    def do_map(self, rest: str) -> None:
        for chapter in self.course.chapters if self.course else ():
            self.say(chapter.title)
            for lesson in chapter.lessons:
                part = self.progress.lessons.get(lesson.name)
                met = sum(goal.id in part.goals for goal in lesson.goals) if part else 0
                self.say(f"{lesson.name}: {lesson.title} {met} of {len(lesson.goals)} goals met")
        self.say("open LESSON opens one.")

    def do_open(self, rest: str) -> None:
        try:
            lesson = find_lesson(rest, self.course)
        except (BadInput, LessonError) as error:
            self._wrong(str(error))
            return
        self.keep()
        self.open(lesson)

    def do_next(self, rest: str) -> None:
        lessons: Sequence[Lesson] = self.course.lessons if self.course else ()
        following = next((after for before, after in pairwise(lessons) if before.name == self.lesson.name), None)
        if self.journey.open_goal is not None:
            self._wrong("the next lesson comes when this one is done; open LESSON opens any")
        elif following is None:
            self.say("There is no lesson after this one.")
        else:
            self.keep()
            self.open(following)

    def do_restart(self, rest: str) -> None:
        if self.journey.open_goal is None or self._restarting:
            self.open(self.lesson, afresh=True)
        else:
            self._restarting = True
            self.say("Say it again to begin this lesson anew: goals met stay met, what you typed goes.")

    def do_quit(self, rest: str) -> None:
        self.over = True

    def keep(self) -> None:
        """Keep the progress; a disk that will not have it is told, not died of."""
        try:
            self.progress.save()
        except OSError as error:
            self.say(f"Progress is not kept: {error}")

    def _wrong(self, text: str) -> None:
        """A command that cannot be done."""
        self.not_understood += 1
        self.say(f"Not done: {text}.")
