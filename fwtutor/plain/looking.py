"""What one can look at in plain mode: where one is, why, the chain, the connections, the page, the bytes. Nothing changes by it."""

from __future__ import annotations

from fwtutor.plain import parts
from fwtutor.plain.commands import help_lines
from fwtutor.plain.lab import Lab
from fwtutor.plain.speech import WIDE, as_written, listed, sentences, spoken
from fwtutor.telling import network, told
from fwtutor.telling.reasons import explain
from fwtutor.telling.signs import SIGNS


class Looking(Lab):
    """A lab that can be looked at."""

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

    def do_look(self, rest: str) -> None:
        from fwtutor.telling.look import PAGES
        from fwtutor.telling.look.seen import Sight

        sight, words = Sight(self.journey), rest.split()
        if not words:
            self.say(f"look PAGE [HOST] [FILTER]. Pages: {listed(list(PAGES))}. Hosts: {listed(sight.hosts)}.")
            return
        name = next((each for each in PAGES if each.startswith(words[0].lower())), None)
        if name is None:
            self._wrong(f"there is no page {words[0][:40]!r} to look at; there are {listed(list(PAGES))}")
            return
        host, wanted = (words[1], words[2:]) if words[1:] and words[1] in sight.hosts else (sight.hosts[0], words[1:])
        page = PAGES[name](sight.see(host), " ".join(wanted))
        self.say(*parts.looked(page, host))
        if wanted and not page.count():
            self.say(f"Hosts: {listed(sight.hosts)}.")

    def do_help(self, rest: str) -> None:
        self.say(*help_lines(), "Words:")
        self.say(*(spoken(f"{sign}: {meaning}") for sign, _, meaning in SIGNS[:7]))

    def do_console(self, rest: str) -> None:
        self.say(*as_written(told.console_rows(self.session, self.host, WIDE)))
