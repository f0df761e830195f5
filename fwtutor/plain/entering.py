"""What one can do to a lab in plain mode: type at its hosts, build packets, take back, go over to another run."""

from __future__ import annotations

from fwtutor.network.drafting import NAMES, command, complaint, draft_of, fields_of
from fwtutor.network.records import CommandRun
from fwtutor.plain.looking import Looking
from fwtutor.plain.speech import WIDE, as_written, listed, sentences
from fwtutor.telling import told
from fwtutor.telling.reading import address_of, sender
from fwtutor.telling.spans import line

WATCH_IT = "step watches it, console tells what it says"


class Entering(Looking):
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
        again = isinstance(place, CommandRun) and place.learner
        record = self.journey.enter(host, text)
        if record.line.startswith("#"):
            return
        self.say(f"{record.host}# {record.line}")
        self.say(*as_written(told.output_rows(record, WIDE)))
        if record.refused:
            self.say("Refused: nothing has changed.")
        missing = self.journey.missing() if record.index >= 0 and not record.refused else ""
        failed = self.journey.failed if missing else None
        after = told.afterwards(self.session, record, self.lesson.prompts, "" if failed else missing, WATCH_IT)
        after += told.unmet(failed, line("see it shows that, with your rules.")) + told.kept_words(self.journey.keeper)
        if len(self.session.runs) > runs and not again:
            after.append(told.branch_words(place))
        self.say(*sentences(after))
        self._noted()

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
        count = len(self.session.run.inputs)
        if self.journey.undo():
            again = len(self.session.run.inputs) > count
            back = "The last command is taken back; the run with it is kept: other run goes there."
            self.say("What you had given up is there again." if again else back)
            self._moment()
        else:
            self.say("You have not entered a command that changed anything.")

    def do_run(self, rest: str) -> None:
        if self.journey.next_run():
            self.say(*sentences(told.run_words(self.session.run)))
            self.do_place("")
        else:
            self.say("There is only this run. A command entered in the past makes another.")
