"""Rulesets as iptables-save writes them and iptables-restore reads them: all or nothing.

``save`` is byte-equal to iptables-save but for its two comment lines, which hold the time. ``restore`` replaces every table
the text names, or (``noflush``) adds to it; where the tool only says "line 3 failed" it gives the reason as well.
"""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace
from functools import lru_cache
from itertools import count
from types import MappingProxyType

from fwtutor.netfilter.hooks import BUILTIN_CHAINS, SAVED_BY_NFT
from fwtutor.netfilter.ipset.sets import NO_SETS, Sets
from fwtutor.netfilter.xtables.commands import NewId, Outcome, apply, draft_of, table_refused
from fwtutor.netfilter.xtables.edit import VERDICTS, Draft
from fwtutor.netfilter.xtables.errors import BARE, KERNEL, RuleRefused
from fwtutor.netfilter.xtables.parser import Parser, bad_name
from fwtutor.netfilter.xtables.reading import MAX_NAME, too_long
from fwtutor.netfilter.xtables.rule import Counters, Ruleset, Table
from fwtutor.netfilter.xtables.tokens import Token, restore_words
from fwtutor.netfilter.xtables.values import scanned

MAX_TEXT = 32 * 1024 * 1024
"""Characters of a save file, and of what the listings in it may print."""
SHORT = 16 * 1024
"""Characters of a text that is not read twice."""


def save(ruleset: Ruleset, counters: Counters | None = None) -> str:
    """iptables-save text; with ``counters`` as -c prints it, else with policy counters of 0."""
    return "".join(_save_table(ruleset.tables[name], counters) for name in in_order(ruleset))


def in_order(ruleset: Ruleset) -> list[str]:
    """The names of the tables in the order in which they are saved."""
    if ruleset.variant == "nft":
        return [name for name in SAVED_BY_NFT if name in ruleset.tables]
    return list(ruleset.tables)[::-1]


def _save_table(table: Table, counters: Counters | None) -> str:
    known: Counters = counters or {}
    lines = [f"*{table.name}"]
    for chain in table.chains.values():
        packets, size = known.get(table.policy_key(chain.name), (0, 0)) if chain.policy else (0, 0)
        lines.append(f":{chain.name} {chain.policy or '-'} [{packets}:{size}]")
    for chain in table.chains.values():
        for rule in chain.rules:
            text = rule.save()
            line = f"-A {chain.name} {text}" if text else f"-A {chain.name}"
            if counters is not None:
                packets, size = counters.get(rule.id, (0, 0))
                line = f"[{packets}:{size}] {line}"
            lines.append(line)
    lines.append("COMMIT")
    return "".join(f"{line}\n" for line in lines)


def restore(
    text: str, ruleset: Ruleset, *, new_id: NewId, counters: bool = False, noflush: bool = False, only: str = "",
    known: Counters = MappingProxyType({}), sets: Sets = NO_SETS,
) -> Outcome:  # fmt: skip
    """The ruleset after iptables-restore; ``counters`` as with -c, which takes the counters over too, ``noflush`` as with -n, ``only`` a
    table as with -T.

    ``known`` are the counters there were before, for what a text with ``noflush`` lists; ``sets`` those that rules may name.
    Unlike the tool, it takes a COMMIT at the very end without its newline. Raises RuleRefused with ``line_number``.
    """
    try:
        return _restore(text, ruleset, _Reader(ruleset, new_id, counters, noflush, only, known, sets))
    except RuleRefused as wrong:
        wrong.family, wrong.variant = ruleset.family, ruleset.variant
        raise


@lru_cache(maxsize=16)
def restore_alone(text: str, ruleset: tuple[int, str], first_id: int) -> tuple[Outcome, int]:
    """``restore`` into a ruleset without tables, of (family, variant), where no sets are; and the next id. Raises RuleRefused.

    One text is read so again and again: by each world of a history in which an answer is judged.
    """
    ids = count(first_id)
    outcome = restore(text, Ruleset(ruleset[0], variant=ruleset[1]), new_id=lambda: next(ids))
    return outcome, next(ids)


def _restore(text: str, ruleset: Ruleset, reader: _Reader) -> Outcome:
    if len(text) > MAX_TEXT:
        raise RuleRefused(f"the text has {len(text)} characters, {MAX_TEXT} are the most", line_number=1)
    lines = text.split("\n")
    nul = text.find("\0")
    if nul >= 0:
        number = text.count("\n", 0, nul) + 1
        at = lines[number - 1].index("\0")
        raise RuleRefused("a zero byte cannot be part of a command", line=lines[number - 1], start=at, end=at + 1, line_number=number)
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            reader.line(line, number)
        except RuleRefused as wrong:
            wrong.line_number = wrong.line_number or number
            if not wrong.line:
                wrong.line, wrong.start, wrong.end = line, 0, len(line)
            raise
    if reader.draft is not None:
        raise RuleRefused(f"COMMIT expected at line {len(lines) + 1}", line_number=len(lines) + 1, manner=KERNEL)
    tables = MappingProxyType(reader.tables)
    return Outcome(replace(ruleset, tables=tables), reader.output, reader.counters, frozenset(reader.written), reader.lines)


class _Reader:
    """Reads line after line into drafts of tables."""

    def __init__(self, ruleset: Ruleset, new_id: NewId, with_counters: bool, noflush: bool, only: str, known: Counters, sets: Sets) -> None:
        self.tables: dict[str, Table] = dict(ruleset.tables)
        self.ruleset, self.variant = ruleset, ruleset.variant
        self.written: set[str] = set()
        self.new_id, self.sets = new_id, sets
        self.lines: dict[int, int] = {}
        self.with_counters, self.noflush, self.only = with_counters, noflush, only
        # Between tables legacy's tool takes any line while the last table it saw is none of those it wants.
        self.passing = bool(only) and self.variant == "legacy"
        self.known = dict(known) if noflush else {}
        self.draft: Draft | None = None
        self.failed: RuleRefused | None = None
        """What is wrong with a command (nft): told at the COMMIT, as all lines up to there are read before any is run."""
        self.counters: dict[int | str, tuple[int, int]] = {}
        self.output = ""

    def line(self, line: str, number: int) -> None:
        if not line or line.startswith("#"):
            return
        if self.draft is None:
            if line.startswith("*"):
                name = self._name(line, number)
                self.passing = self.only not in ("", name)
                if not self.passing:
                    self.draft = self._table(name, line, number)
            elif not self.passing:
                raise RuleRefused("a table must come first: *filter", line=line, end=len(line), manner=KERNEL)
        elif line == "COMMIT":
            if self.failed is not None:
                raise self.failed
            table = self.draft.finish()
            if self.draft.remains:
                self.tables[table.name] = table
            self.counters.update(self.draft.counters)
            self.written.add(self.draft.name)
            self.draft = None
        elif line.startswith(":"):
            self._chain(self.draft, line, number)
        else:
            self._rule(self.draft, line, number)

    def _name(self, line: str, number: int) -> str:
        """Of the table that begins here."""
        name = line[1:].strip(" \t").partition(" ")[0].partition("\t")[0]
        if not name:
            raise RuleRefused("table name invalid", line=line, end=len(line))
        if self.variant == "nft" and name not in BUILTIN_CHAINS:
            raise self._no_table(name, line, number)
        return name

    def _table(self, name: str, line: str, number: int) -> Draft:
        if name not in BUILTIN_CHAINS:
            raise self._no_table(name, line, number)
        around = tuple(self.tables.values())
        if self.noflush:
            return draft_of(self.ruleset, name, self.tables.get(name), around)
        if self.variant == "nft":
            # The table goes as a whole, and with it what the kernel counted for its policies.
            self.tables.pop(name, None)
            draft = draft_of(self.ruleset, name, None, around)
            draft.counters.update({draft.policy_key(chain): (0, 0) for chain in BUILTIN_CHAINS[name]})
            return draft
        draft = draft_of(self.ruleset, name, self.tables.get(name), around)
        for chain in draft.order():
            if draft.policies[chain] is None:
                del draft.policies[chain]
            else:
                draft.flush(chain)
        return draft

    def _no_table(self, name: str, line: str, number: int) -> RuleRefused:
        wrong = table_refused(self.ruleset, name, line, 1, 1 + len(name))
        hint = "the line ends in a carriage return: save the file with Unix line ends" if name.endswith("\r") else wrong.hint
        words = f"line {number} table name '{name}' invalid" if self.variant == "nft" else f"unable to initialize table '{name}'"
        return RuleRefused(words, line=line, start=1, end=1 + len(name), hint=hint)

    def _chain(self, draft: Draft, line: str, number: int) -> None:
        """``:CHAIN POLICY [packets:bytes]``."""
        words = line[1:].split()
        if not words:
            raise RuleRefused("chain name invalid", line=line, end=len(line))
        name = words[0]
        built_in = draft.policies.get(name) is not None
        if not built_in:
            self._user_chain(draft, name, line)
        if len(words) < 2:
            raise RuleRefused("policy invalid", line=line, start=1, end=len(line))
        policy = words[1]
        nft = self.variant == "nft"
        if policy == "-" and not (nft and built_in):
            return
        if nft and not built_in:
            return  # whatever it says
        counter = self._counter(words[2] if len(words) > 2 else "", name, line) if self.with_counters else None
        if policy == "-":
            policy = draft.policies[name] or ""
        try:
            draft.set_policy(name, policy, counter)
        except RuleRefused as wrong:
            if nft:
                at = line.rfind(policy)
                short = wrong.message.partition(" Run")[0]
                refusal = RuleRefused(short, line=line, start=at, end=at + len(policy), line_number=number, hint=wrong.hint, manner=KERNEL)
                self.failed = self.failed or refusal
                return
            reason = wrong.message.split(". Run")[0].rstrip(".")
            at = line.rfind(policy)
            words_said = f"Can't set policy `{policy}' on `{name}' line {number}: {reason}"
            raise RuleRefused(words_said, line=line, start=at, end=at + len(policy), hint=wrong.hint) from None

    def _user_chain(self, draft: Draft, name: str, line: str) -> None:
        """Make a user chain, or empty the one there is."""
        wrong = ""
        if self.variant == "nft":
            wrong = bad_name(name, VERDICTS)
        elif too_long(name):
            wrong = f"Invalid chain name `{name}' ({MAX_NAME} chars max)"
        elif (name in draft and not self.noflush) or name in VERDICTS:
            wrong = f"error creating chain '{name}':File exists"
        if wrong:
            raise RuleRefused(wrong, line=line, start=1, end=1 + len(name))
        if name in draft:
            draft.flush(name)
        else:
            draft.create(name)
        draft.declared.add(name)

    @staticmethod
    def _counter(text: str, name: str, line: str) -> tuple[int, int]:
        first, _, second = text.removeprefix("[").partition(":")
        packets, size = scanned(first), scanned(second)
        if not text.startswith("[") or packets is None or size is None:
            raise RuleRefused(f"invalid policy counters for chain '{name}'", line=line, end=len(line))
        return packets, size

    def _rule(self, draft: Draft, line: str, number: int) -> None:
        """``[packets:bytes] -A CHAIN ...``, or any other command but with a table."""
        start = 0
        extra: list[Token] = []
        if line.startswith("["):
            colon = line.find(":")
            start = line.find("]", colon) + 1 if colon > 0 else 0
            if not start:
                raise RuleRefused("need ]", line=line, end=len(line))
            if self.with_counters:
                counted = (Token(text, (), 0, start) for text in ("--set-counters", line[1:colon], line[colon + 1 : start - 1]))
                extra = list(counted)
        parsed = Parser(line, extra + restore_words(line, start), self.ruleset.family, self.variant, draft.name, self.sets).parse()
        if parsed.ignored or self.failed is not None:
            return
        if parsed.commands in ("V", "h"):
            raise RuleRefused("no command specified", line=line, end=len(line), manner=BARE)
        draft.line_number = number
        before = len(draft.late)

        def new_id() -> int:
            made = self.new_id()
            self.lines[made] = number
            return made

        try:
            self.output += parsed.warning + apply(draft, parsed, line, ChainMap(draft.counters, self.known), new_id)
        except RuleRefused as wrong:
            if self.variant != "nft":
                raise
            wrong.line_number = number
            self.failed = wrong
        for late in draft.late[before:]:
            late.line_number = number
        if len(self.output) > MAX_TEXT:
            raise RuleRefused(f"what the listings here print is longer than {MAX_TEXT} characters", line=line, end=len(line))
