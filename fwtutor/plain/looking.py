"""What one can look at in plain mode: where one is, why, the chain, the connections, the page, the bytes. Nothing changes by it."""

from __future__ import annotations

from fwtutor.plain import parts
from fwtutor.plain.commands import help_lines
from fwtutor.plain.lab import Lab
from fwtutor.plain.speech import WIDE, as_written, listed, sentences, spoken
from fwtutor.telling import network, told
from fwtutor.telling.chain import chain_of
from fwtutor.telling.reasons import explain
from fwtutor.telling.signs import SIGNS


class Looking(Lab):
    """A lab that can be looked at."""

    def do_place(self, rest: str) -> None:
        self.say(*parts.moment(self.place))

    def do_why(self, rest: str) -> None:
        place = self.place
        if place.walk is not None and place.verdict is not None:
            self.say(*parts.verdict(place)[:1])
        self.say(*sentences(explain(place, WIDE)))

    def do_chain(self, rest: str) -> None:
        named = self._chain_named(rest.split())
        if named is not None:
            self.say(*parts.chain(self.place, *named))

    def _chain_named(self, said: list[str]) -> tuple[str, str] | None:
        """(table, chain) of what was said; ("", "") if nothing was. Says what is wrong, and is None, if there is no such chain."""
        tables = self.place.rules.tables
        table = said.pop(0).lower() if said and said[0].lower() in tables else "filter"
        chains = tables[table].chains if table in tables else {}
        if len(said) == 1 and (name := next((each for each in chains if each.lower() == said[0].lower()), "")):
            return table, name
        if not said and table == "filter":
            return "", ""
        there = "; ".join(f"{name} {listed(list(found.chains))}" for name, found in tables.items())
        self._wrong(f"chain takes one of: {there}" if there else "there are no chains here")
        return None

    def do_connections(self, rest: str) -> None:
        self.say(*parts.connections(self.place, self._histories))

    def do_moments(self, rest: str) -> None:
        first, dash, last = rest.partition("-")
        if first.isdecimal() and first.isascii() and (not dash or (last.isdecimal() and last.isascii())):
            self.say(*parts.moments(self.place, max(1, int(first[:9])), int((last or first)[:9])))
        else:
            self.say(*parts.moments(self.place, word=rest))

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
        if self.session.cursor.walk is None:
            self.say("There is no packet here: step to one.")
            return
        from fwtutor.telling import inspecting
        from fwtutor.wire import dissect, hex_dump, pairs

        found = inspecting.inspected(self.place)
        layers = [dissect(version.raw) for version in found.versions]
        dumps = [hex_dump(version.raw) for version in found.versions] if rest == "bytes" else []
        self.say(*inspecting.lines(found, pairs(layers[0], layers[-1]), dumps))
        if rest != "bytes":
            self.say("inspect bytes tells the bytes, too.")

    def do_kernel(self, rest: str) -> None:
        from fwtutor.telling.judge import Judge
        from fwtutor.telling.judged import judgement_rows

        # The kernel would give away what the lesson has just asked about.
        asked_about = self.journey.question is not None
        judgement = Judge(self.session.run, self.session.cursor.index - asked_about).ask()
        self.say(*sentences(judgement_rows(judgement, WIDE)))

    def do_look(self, rest: str) -> None:
        from fwtutor.plain.lookparts import looked
        from fwtutor.telling.look import PAGES
        from fwtutor.telling.look.seen import Sight

        sight, words = Sight(self.journey), rest.split()
        if not words:
            self.say(f"look PAGE [HOST] [FILTER]. Pages: {listed(list(PAGES))}. Hosts: {listed(sight.hosts)}.")
            return
        if words[0].lower() == "rule" and words[1:] and words[1].isdecimal():
            self._look_at_rule(int(words[1][:9]), words[2:])
            return
        as_table = words[-2:] == ["as", "table"]
        words = words[:-2] if as_table else words
        if not words:
            self._wrong("as table of which page? look rules as table")
            return
        name = next((each for each in PAGES if each.startswith(words[0].lower())), None)
        if name is None:
            self._wrong(f"there is no page {words[0][:40]!r} to look at; there are {listed(list(PAGES))}")
            return
        host, wanted = (words[1], words[2:]) if words[1:] and words[1] in sight.hosts else (sight.hosts[0], words[1:])
        page = PAGES[name](sight.see(host), " ".join(wanted))
        self.say(*looked(page, host, as_table=as_table))
        if wanted and not page.count():
            self.say(f"Hosts: {listed(sight.hosts)}.")

    def _look_at_rule(self, number: int, said: list[str]) -> None:
        from fwtutor.plain.lookparts import explained
        from fwtutor.telling.look.rules import RulesPage
        from fwtutor.telling.look.seen import Sight

        named = self._chain_named(said)
        if named is None:
            return
        table, chain = named if named[1] else chain_of(self.place)
        told = explained(RulesPage(Sight(self.journey).see(self.session.scenario.watch), ""), number, table, chain)
        if told:
            self.say(*told)
        else:
            self._wrong(f"{table} {chain} has no rule {number}; chain lists its rules")

    def do_more_help(self, rest: str) -> None:
        self.say("More help: hint; see it (the history an answer fails by); solution; task anew.")

    def do_help(self, rest: str) -> None:
        told = help_lines(rest)
        if not told:
            self._wrong(f"there is no command {rest[:40]!r}; help all lists them, glossary WORD says what a word means")
            return
        self.say(*told)
        if rest == "all":
            self.say("Words:", *(spoken(f"{sign}: {meaning}") for sign, _, meaning in SIGNS[:7]))

    def do_console(self, rest: str) -> None:
        self.say(*as_written(told.console_rows(self.session, self.host, WIDE, self.journey.untold)))
