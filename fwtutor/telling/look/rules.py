"""All tables and chains of a host with their counters, as ``iptables -vnL --line-numbers`` lists them; of both families."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from fwtutor.netfilter.hooks import FILTER
from fwtutor.netfilter.state import COUNTER
from fwtutor.netfilter.steps import RuleTried
from fwtutor.netfilter.xtables.explain import at_the_end, sentence
from fwtutor.netfilter.xtables.listing import Cells, Columns, cells
from fwtutor.netfilter.xtables.rule import Chain, CounterKey, Rule, Table
from fwtutor.recording.jumps import Wanted
from fwtutor.telling import words
from fwtutor.telling.chain import chain_of, rule_at
from fwtutor.telling.look.page import MARK, Page, has_words, in_columns, titled, widths_of
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap

TABLES = (FILTER, "nat", "mangle", "raw", "security")
TOOLS = {4: "iptables", 6: "ip6tables"}
MEASURED = 200
"""Rules of a chain by which its columns are made; a later one that is wider pushes what follows it."""
HEADS = ("num", "pkts", "bytes", "target", "prot", "opt", "in", "out", "source", "destination", "")
NUMBERS = 3
"""So many of the columns are numbers."""


class Block(NamedTuple):
    """Rows that belong together: from which row on, how many, and what makes them."""

    start: int
    size: int
    make: Callable[[int], Line]
    chain: Chain | None = None
    table: Table | None = None
    rules: Sequence[tuple[int, Rule]] = ()
    """The rules it is about, with their numbers; () if it is about none."""
    heading: bool = False
    """Does it name a chain?"""


class RulesPage(Page):
    """The rules of a host."""

    name = "rules"
    things = "rules"
    marks = COUNTER
    filtered = False
    empty = "There is no rule here, and every policy is ACCEPT: whatever comes is let through."

    def read(self) -> None:
        self._blocks: list[Block] = []
        self._size = self._all = 0
        self._places: dict[Hashable, int] = {}
        self._columns: dict[int, list[int]] = {}
        for family in (4, 6):
            ruleset = self.seen.view.rules(family)
            tables = [ruleset.tables[name] for name in TABLES if name in ruleset.tables]
            for table in tables:
                self._all += sum(len(chain.rules) for chain in table.chains.values())
                if any(chain.rules or chain.policy != "ACCEPT" for chain in table.chains.values()):
                    self._table(family, table)

    def _table(self, family: int, table: Table) -> None:
        columns = Columns(table, self.seen.view.counters, numeric=True, verbose=True, exact=False, line_numbers=True)
        first = True
        for chain in table.chains.values():
            rules = list(enumerate(chain.rules, 1))
            if self.wanted:
                beside = f"{TOOLS[family]} {table.name} {chain.name} "
                rules = [(number, rule) for number, rule in rules if has_words(beside + rule.save(), self.wanted)]
                if not rules and not has_words(beside, self.wanted):
                    continue
            if self._size and (first or rules):
                self._add(1, lambda _: BLANK)
            if first:
                name = f"{TOOLS[family]} -t {table.name}"
                self._add(1, lambda _, name=name: titled(name))  # type: ignore[misc]
                first = False
            self._chain(columns, chain, rules)

    def _chain(self, columns: Columns, chain: Chain, rules: list[tuple[int, Rule]]) -> None:
        key = columns.table.policy_key(chain.name)
        said = columns.heading(chain).partition("\n")[0]
        self._places[columns.table.family, columns.table.name, chain.name] = self._size
        self._add(1, lambda _: _marked(self._is_fresh(key), Line((Span(said, "strong"),))), chain, columns.table, heading=True)
        if not rules:
            return
        table = [HEADS, *(self._cells(columns, number, rule) for number, rule in rules[:MEASURED])]
        widths = widths_of(table)
        # A column that says the same of every rule, namely nothing, is left out.
        kept = [at for at in range(len(HEADS)) if HEADS[at] not in ("opt", "in", "out") or {row[at] for row in table[1:]} - {"--", "*"}]
        wide = [widths[at] for at in kept]

        def row(number: int, rule: Rule) -> Line:
            told = self._cells(columns, number, rule)
            counted = self._is_fresh(rule.id)
            numbers = [told[at].rjust(widths[at]) for at in range(NUMBERS)]
            rest = in_columns([told[at] for at in kept[NUMBERS:]], wide[NUMBERS:])
            role = _role(told[NUMBERS])
            parts = (Span(f"{numbers[0]} ", "dim"), Span(f"{numbers[1]} {numbers[2]} ", "change" if counted else ""))
            return _marked(counted, Line((*parts, Span(rest[: len(told[NUMBERS])], role), Span(rest[len(told[NUMBERS]) :]))))

        titles = [HEADS[at].rjust(widths[at]) if at < NUMBERS else HEADS[at] for at in kept]
        heads = line(("  " + in_columns(titles, wide), "dim"))
        self._add(1, lambda _: heads, chain, columns.table)
        self._add(len(rules), lambda at: row(*rules[at]), chain, columns.table, rules)

    def _add(
        self, size: int, make: Callable[[int], Line], chain: Chain | None = None, table: Table | None = None,
        rules: Sequence[tuple[int, Rule]] = (), *, heading: bool = False,
    ) -> None:  # fmt: skip
        self._blocks.append(Block(self._size, size, make, chain, table, rules, heading))
        self._size += size

    def _cells(self, columns: Columns, number: int, rule: Rule) -> list[str]:
        said: Cells = cells(rule, numeric=True, numbered=False)
        counted = (columns.amount(value) for value in columns.counter(rule.id))
        return [str(number), *counted, *(text.strip() for text in said)]

    def _is_fresh(self, key: CounterKey) -> bool:
        return (COUNTER, key) in self.seen.fresh

    def chains(self) -> Iterator[tuple[Table, Chain, Sequence[tuple[int, Rule]]]]:
        """Each chain that is shown with its rules that are."""
        for number, block in enumerate(self._blocks):
            if block.chain is not None and block.table is not None and not block.rules and block.heading:
                beside = self._blocks[number + 1 : number + 3]
                found = next((each.rules for each in beside if each.chain is block.chain and each.rules), ())
                yield block.table, block.chain, found

    def counted_by(self, key: CounterKey) -> str:
        """What a rule or a policy has counted, and whether the last packet is among that."""
        packets, size = self.seen.view.counters.get(key, (0, 0))
        return words.amount(packets, size) + (", changed by the last packet" if self._is_fresh(key) else "")

    def rule(self, y: int) -> tuple[Table, Chain, int] | None:
        """Which rule stands in a row."""
        found = self._rule(y)
        return (found[0].table, found[0].chain, found[1]) if found and found[0].table and found[0].chain else None

    # --- rows -------------------------------------------------------------------------------------------

    def count(self) -> int:
        return self._size

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        block = self._block(y)
        return block.make(y - block.start)

    def _block(self, y: int) -> Block:
        return self._blocks[bisect_right(self._blocks, y, key=lambda block: block.start) - 1]

    def _rule(self, y: int) -> tuple[Block, int, Rule] | None:
        block = self._block(y)
        return (block, *block.rules[y - block.start]) if block.rules else None

    def brief(self, y: int, width: int) -> Sequence[Line]:
        found = self._rule(y)
        block = self._block(y)
        if found is None:
            return wrap(line(at_the_end(block.chain)), width) if block.chain is not None else ()
        return [*wrap(line((self._written(*found), "code")), width, 2)[:2], *wrap(line(sentence(found[2])), width)]

    def _written(self, block: Block, number: int, rule: Rule) -> str:
        """The command that would make the rule."""
        assert block.table is not None
        assert block.chain is not None
        which = "" if block.table.name == FILTER else f"-t {block.table.name} "
        return f"{TOOLS[block.table.family]} {which}-A {block.chain.name} {rule.save()}"

    def about(self, y: int) -> tuple[str, Callable[[int], Sequence[Line]]] | None:
        found = self._rule(y)
        if found is None:
            return None
        block, number, rule = found
        assert block.table is not None
        assert block.chain is not None
        packets, size = self.seen.view.counters.get(rule.id, (0, 0))
        last = ", the last packet among them" if self._is_fresh(rule.id) else ""

        def rows(width: int) -> list[Line]:
            counted = f"It has matched {words.amount(packets, size)}{last}."
            return [
                *wrap(line((self._written(block, number, rule), "code")), width, 2),
                BLANK,
                *wrap(line(sentence(rule)), width),
                *wrap(line(counted), width),
            ]

        return f"Rule {number} of {block.table.name} {block.chain.name}", rows

    def packets_of(self, y: int) -> Wanted | None:
        found = self._rule(y)
        return Wanted("rule", rule=found[2].id) if found and self.seen.name == self.seen.session.scenario.watch else None

    def key(self, y: int) -> Hashable:
        found = self._rule(y)
        return found[2].id if found else ("row", y)

    def place_of(self, key: Hashable) -> int:
        if isinstance(key, tuple):
            return int(key[1])
        starts = ((block, at) for block in self._blocks for at, (_, rule) in enumerate(block.rules) if rule.id == key)
        return next((block.start + at for block, at in starts), 0)

    def start(self) -> int:
        if self.seen.name != self.seen.session.scenario.watch:
            return 0
        place, now = Place.of(self.seen.session), None
        family, (table, chain) = place.rules.family, chain_of(place)
        found = rule_at(place)
        if isinstance(found, RuleTried) and found.rule is not None:
            now, table, chain = found.rule.id, found.table, found.chain
        return self.place_of(now) if now is not None else self._places.get((family, table, chain), 0)


def _marked(fresh: bool, row: Line) -> Line:
    return Line((Span(MARK if fresh else "  ", "change"), *row.spans), row.fill)


def _role(target: str) -> str:
    return {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop"}.get(target, "current")
