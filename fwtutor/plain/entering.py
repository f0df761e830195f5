"""What one can do to a lab in plain mode: type at its hosts, build packets, take back, go over to another run."""

from __future__ import annotations

from fwtutor.network.drafting import NAMES, command, complaint, draft_of, fields_of
from fwtutor.plain.speech import WIDE, as_written, listed, sentences
from fwtutor.plain.travelling import Travelling
from fwtutor.telling import told
from fwtutor.telling.hosts import built_between
from fwtutor.telling.spans import line

WATCH_IT = "step watches it, console tells what it says"


class Entering(Travelling):
    """A lab at whose hosts one can type."""

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
        before = self.session.run
        failed, record = self.journey.failed, self.journey.enter(host, text)
        if record.line.startswith("#"):
            return
        self.say(f"{record.host}# {record.line}")
        self.say(*as_written(told.output_rows(record, WIDE)))
        if record.refused:
            self.say("Refused: nothing has changed.")
        verdict = self.journey.verdict(record, failed)
        after = told.afterwards(self.session, record, self.lesson.prompts, verdict.missing, WATCH_IT)
        after += told.tried(verdict, line("see it shows that, with your rules.")) + told.kept_words(self.journey.keeper)
        self.say(*sentences(after))
        if len(self.session.runs) > runs and before is not self.session.run:
            self.say(told.branch_plainly(place))
        self._hush()
        self._noted()

    def do_craft(self, rest: str) -> None:
        place = self.place
        host, source, target = built_between(place, self.lesson.prompts, self.host)
        draft = draft_of(place.walk.packet if place.walk else None, source, target)
        if not rest:
            fields = fields_of(draft["kind"])
            what = "This packet again, but with other values" if place.walk else "A packet of these values"
            self.say(f"{what}: again FIELD=VALUE ...", f"Now, from {host}: {command(draft)}")
            wrong = complaint(draft)
            self.say(*([f"Still missing: {wrong}."] if wrong else []))
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
        self._enter(host, command(draft))

    def do_undo(self, rest: str) -> None:
        before = list(self.session.run.inputs)
        if self.journey.undo():
            after = self.session.run.inputs
            gone = [f"{each.host}# {each.line}" for each in before if each not in after]
            back = f"Taken back: {'; '.join(gone)}. The run with it is kept: runs lists it."
            self.say(back if gone else "What you had given up is there again.")
            self._moment()
            self._hush()
        else:
            self.say("You have not entered a command that changed anything.")
