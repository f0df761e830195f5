"""A chain written anew: its rules as lines one may edit, what is wrong with a line, and the fewest commands that make it so.

A line is a rule as it stands behind ``-A CHAIN``, in the shell's quoting; an empty one, or one that begins with ``#``, is no rule.
Who edits lines, and where the commands are entered, is known to others.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import NamedTuple

from fwtutor.netfilter.hooks import BUILTIN_CHAINS, FILTER, MANGLE, NAT, RAW, SECURITY
from fwtutor.netfilter.ipset.sets import NO_SETS, Sets
from fwtutor.netfilter.xtables.commands import run_command
from fwtutor.netfilter.xtables.errors import TOOLS, RuleRefused
from fwtutor.netfilter.xtables.rule import Chain, Rule, Ruleset
from fwtutor.netfilter.xtables.tokens import restore_words, shell_words

TABLES = (FILTER, NAT, MANGLE, RAW, SECURITY)
"""In the order in which people think of them."""
ANYWHERE = {4: "-s 0.0.0.0/0", 6: "-s ::/0"}
"""How a rule is written that says nothing at all: an empty line is none."""


class ChainName(NamedTuple):
    """Which chain of a box."""

    family: int
    table: str
    chain: str

    def command(self, letter: str, rest: str) -> str:
        """``iptables -t nat -A POSTROUTING ...``."""
        table = "" if self.table == FILTER else f" -t {self.table}"
        return f"{TOOLS[self.family]}{table} -{letter} {self.chain} {rest}".rstrip()


class Problem(NamedTuple):
    """What is wrong with a line, in the tool's words, and where: ``line[start:end]``."""

    message: str
    start: int
    end: int
    hint: str = ""


class Read(NamedTuple):
    """What a line is: a rule, a problem, or neither (nothing stands there)."""

    rule: Rule | None = None
    problem: Problem | None = None


@dataclass(slots=True, frozen=True)
class Written:
    """A chain as somebody wants it."""

    name: ChainName
    lines: tuple[str, ...]
    policy: str | None
    """None for a user chain."""


def chain_of(ruleset: Ruleset, name: ChainName) -> Chain:
    """The chain as it is; one of a table that nobody has named yet is empty."""
    table = ruleset.tables.get(name.table)
    found = table.chains.get(name.chain) if table is not None else None
    return found or Chain(name.chain, "ACCEPT" if name.chain in BUILTIN_CHAINS.get(name.table, ()) else None)


def chains(ruleset: Ruleset) -> list[ChainName]:
    """All chains there are or can be: of filter first, then of the other tables."""
    found = []
    for table in TABLES:
        present = ruleset.tables[table].chains if table in ruleset.tables else BUILTIN_CHAINS[table]
        found += [ChainName(ruleset.family, table, chain) for chain in present]
    return found


def written(ruleset: Ruleset, name: ChainName) -> Written:
    """A chain as it is, to be edited."""
    chain = chain_of(ruleset, name)
    return Written(name, tuple(line_of(rule) for rule in chain.rules), chain.policy)


_SAME_TO_ALL = re.compile(r"[\w .,:/=@%+!-]{1,1000}", re.ASCII)
"""What a shell and iptables-restore cut into the same words, as most rules are."""


def line_of(rule: Rule) -> str:
    """A rule as a line: iptables-save's text, quoted as a shell wants it."""
    saved = rule.save()
    if not saved:
        return ANYWHERE[rule.header.family]
    if _SAME_TO_ALL.fullmatch(saved):
        return saved
    words = [token.text for token in restore_words(saved)]
    try:
        if [token.text for token in shell_words(saved)] == words:
            return saved
    except RuleRefused:
        pass
    return " ".join(map(shlex.quote, words))


def is_rule(line: str) -> bool:
    """Does something stand there that is to be a rule?"""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def read(ruleset: Ruleset, name: ChainName, line: str, sets: Sets = NO_SETS) -> Read:
    """What iptables makes of a line at the end of a chain of these rules."""
    if not is_rule(line):
        return Read()
    prefix = f"-t {name.table} -A {name.chain} "
    bare = _emptied(ruleset, name)
    try:
        outcome = run_command(bare, prefix + line, counters={}, new_id=lambda: 0, sets=sets)
    except RuleRefused as wrong:
        return Read(problem=_problem(wrong, len(prefix), line))
    made = chain_of(outcome.ruleset, name).rules
    if len(made) > 1:
        return Read(problem=Problem(f"this makes {len(made)} rules at once: write each on a line of its own", 0, len(line)))
    if not made:
        return Read(problem=Problem(f"this is no rule of {name.chain} in {name.table}", 0, len(line)))
    return Read(rule=made[0])


def _emptied(ruleset: Ruleset, name: ChainName) -> Ruleset:
    """The rules without this chain's own: a long chain is not copied for each line."""
    table = ruleset.tables.get(name.table)
    if table is None or name.chain not in table.chains:
        return ruleset
    chains = {**table.chains, name.chain: replace(table.chains[name.chain], rules=())}
    return replace(ruleset, tables=MappingProxyType({**ruleset.tables, name.table: replace(table, chains=MappingProxyType(chains))}))


def _problem(wrong: RuleRefused, before: int, line: str) -> Problem:
    start, end = wrong.start - before, wrong.end - before
    if end <= 0 or end <= start or start >= len(line):
        start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    return Problem(str(wrong).strip(), max(0, start), min(len(line), end), wrong.hint)


def commands(ruleset: Ruleset, wanted: Written, sets: Sets = NO_SETS) -> list[str]:
    """The commands that make a chain what is wanted, from the first rule to the last; none if it is so already.

    Rules that stay where they are, in their order, are left alone: with them stay their counters and what their matches remember.
    """
    name = wanted.name
    chain = chain_of(ruleset, name)
    old = [line_of(rule) for rule in chain.rules]
    new = [line.strip() for line in wanted.lines if is_rule(line)]
    found = []
    if wanted.policy is not None and wanted.policy != chain.policy:
        found.append(name.command("P", wanted.policy))
    known = frozenset(old)
    return found + _edits(name, old, new, [line if line in known else _said(ruleset, name, line, sets) for line in new])


def _said(ruleset: Ruleset, name: ChainName, line: str, sets: Sets) -> str:
    """A line in the form in which rules are listed, so that the same rule in other words is no change."""
    rule = read(ruleset, name, line, sets).rule
    return line if rule is None else line_of(rule)


def _edits(name: ChainName, old: Sequence[str], new: Sequence[str], said: Sequence[str]) -> list[str]:
    found: list[str] = []
    for what, first, last, start, end in SequenceMatcher(None, old, said, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        both = min(last - first, end - start)
        found += [name.command("R", f"{at + 1} {new[at]}") for at in range(start, start + both)]
        found += [name.command("D", f"{start + both + 1}") for _ in range(first + both, last)]
        for at in range(start + both, end):
            found.append(name.command("A", new[at]) if last == len(old) else name.command("I", f"{at + 1} {new[at]}"))
    return found


def rehearse(rulesets: Iterable[Ruleset], lines: Sequence[str], sets: Sets = NO_SETS) -> tuple[str, str]:
    """Runs commands on copies of the rules: (the first that is refused, why), or ("", "")."""
    known = {ruleset.family: ruleset for ruleset in rulesets}
    for line in lines:
        family = 6 if line.startswith(TOOLS[6]) else 4
        try:
            known[family] = run_command(known[family], line, counters={}, new_id=lambda: 0, sets=sets).ruleset
        except RuleRefused as wrong:
            return line, str(wrong).strip()
    return "", ""
