"""Sheets: what the editor edits, as lines of text. A chain is its rules and its policy, the sysctls are ``KEY = VALUE``.

A sheet says of each line what is wrong with it or what it means, and what may be written at a place; nothing here draws.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.firewall import HIGHEST_SYSCTL
from fwtutor.netfilter.hooks import FILTER
from fwtutor.netfilter.ipset.sets import Sets
from fwtutor.netfilter.sysctl_words import in_order, meaning
from fwtutor.netfilter.xtables.completing import Completion, Surroundings, Word, complete
from fwtutor.netfilter.xtables.explain import at_the_end, sentence
from fwtutor.netfilter.xtables.rewriting import ChainName, Problem, Written, chain_of, chains, is_rule, read, written
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.recording.looking import sysctls_at

if TYPE_CHECKING:
    from fwtutor.recording import Session
    from fwtutor.recording.editing import Draft

POLICY = re.compile(r"\s*policy(\s+|$)(\S*)\s*")
POLICIES = ("ACCEPT", "DROP")
SYSCTL = re.compile(r"\s*([\w./-]+)\s*=\s*(\S*)\s*")
KEPT_READINGS = 4096
"""Lines whose meaning is remembered, so that a long chain is not read at every key."""


class Meaning(NamedTuple):
    """What a line is."""

    says: str = ""
    """A sentence."""
    problem: Problem | None = None
    quiet: bool = False
    """It is no rule: nothing stands there, or it is switched off."""


class Sheet(ABC):
    """Lines to edit."""

    title: str
    """``filter INPUT``."""
    filled: bool
    """Is there anything in it that is not so by itself?"""

    def __init__(self) -> None:
        self._known: dict[str, Meaning] = {}

    @cached_property
    def before(self) -> str:
        """The text as it was; made when it is first wanted, as most sheets are never opened."""
        return self._text()

    @abstractmethod
    def _text(self) -> str: ...

    def meaning(self, line: str) -> Meaning:
        """What a line says, or what is wrong with it."""
        found = self._known.get(line)
        if found is None:
            if len(self._known) > KEPT_READINGS:
                self._known.clear()
            try:
                found = self._meaning(line)
            except Exception as error:  # noqa: BLE001 - a mistake of ours in reading one line must not cost the whole text
                from fwtutor.crashlog import note

                found = Meaning(f"This line cannot be explained: {type(error).__name__}: {error}. The details {note(error)}.")
            self._known[line] = found
        return found

    def problems(self, text: str) -> list[tuple[int, Problem]]:
        """(number of the line from 0, what is wrong with it), of those lines that are new."""
        old = frozenset(self.before.split("\n"))
        lines = enumerate(text.split("\n"))
        return [(number, problem) for number, line in lines if line not in old and (problem := self.meaning(line).problem) is not None]

    @abstractmethod
    def _meaning(self, line: str) -> Meaning: ...

    @abstractmethod
    def offers(self, line: str, at: int) -> Completion:
        """What may stand where the cursor is."""

    @abstractmethod
    def take(self, text: str, draft: Draft) -> None:
        """Puts what a text without problems says into a draft."""

    @abstractmethod
    def about(self, text: str | None = None) -> str:
        """``4 rules, policy DROP``: of a text, or as it was."""


class ChainSheet(Sheet):
    """The rules of a chain, one a line as they stand behind ``-A CHAIN``; the last line of a built-in chain is its policy."""

    def __init__(self, ruleset: Ruleset, name: ChainName, sets: Sets, interfaces: tuple[str, ...]) -> None:
        super().__init__()
        self.name, self._ruleset, self._sets = name, ruleset, sets
        self.title = f"{'' if name.family == 4 else 'IPv6 '}{name.table} {name.chain}"
        chain = chain_of(ruleset, name)
        self.policy, self._count = chain.policy, len(chain.rules)
        self.filled = bool(chain.rules)
        table = ruleset.tables.get(name.table)
        own = tuple(chain.name for chain in table.chains.values() if chain.policy is None) if table is not None else ()
        self._around = Surroundings(
            name.table, name.family, tuple(c for c in own if c != name.chain), interfaces, tuple(one.name for one in sets)
        )

    def _meaning(self, line: str) -> Meaning:
        found = POLICY.fullmatch(line)
        if found is not None:
            return self._policy(line, found)
        if not is_rule(line):
            switched_off = line.strip().lstrip("#").strip()
            return Meaning(
                f"No rule: behind a # it is switched off ({switched_off})." if switched_off else "An empty line is no rule.", quiet=True
            )
        rule, problem = read(self._ruleset, self.name, line, self._sets)
        if problem is not None or rule is None:
            return Meaning(problem=problem)
        return Meaning(sentence(rule))

    def _policy(self, line: str, found: re.Match[str]) -> Meaning:
        value = found[2]
        if self.policy is None:
            return Meaning(problem=Problem(f"{self.name.chain} is a chain of your own: it has no policy", 0, len(line)))
        if value not in POLICIES:
            start = found.start(2) if value else 0
            return Meaning(problem=Problem("a policy is ACCEPT or DROP", start, max(len(line), start + 1)))
        chain = chain_of(self._ruleset, self.name)
        return Meaning(at_the_end(type(chain)(chain.name, value)))

    def offers(self, line: str, at: int) -> Completion:
        if POLICY.match(line):
            start = line.rfind(" ", 0, at) + 1
            words = tuple(Word(word, "") for word in POLICIES if word.startswith(line[start:at]) and word != line[start:at])
            return Completion(start, len(line), words)
        if line.lstrip().startswith("#"):
            return Completion(at, at)
        return complete(line, at, self._around)

    def take(self, text: str, draft: Draft) -> None:
        policy = self.policy
        rules = []
        for line in text.split("\n"):
            found = POLICY.fullmatch(line)
            if found is not None:
                policy = found[2]
            elif is_rule(line):
                rules.append(line.strip())
        draft.chains[self.name] = Written(self.name, tuple(rules), policy)

    def _text(self) -> str:
        chain = written(self._ruleset, self.name)
        return "\n".join([*chain.lines, *([f"policy {chain.policy}"] if chain.policy else [])])

    def about(self, text: str | None = None) -> str:
        lines = [] if text is None else text.split("\n")
        count = self._count if text is None else sum(is_rule(line) and not POLICY.fullmatch(line) for line in lines)
        policies = [found[2] for line in lines if (found := POLICY.fullmatch(line))]
        end = f"policy {policies[-1] if policies else self.policy}" if self.policy else "a chain of your own"
        return f"{count} rule{'s' if count != 1 else ''}, {end}"


class SysctlSheet(Sheet):
    """All sysctls that are simulated, one a line; those that matter most first."""

    title = "sysctls"
    filled = True

    def __init__(self, session: Session, host: str) -> None:
        super().__init__()
        self._values = sysctls_at(session.cursor, host)

    def _text(self) -> str:
        return "\n".join(f"{name} = {self._values[name]}" for name in in_order(list(self._values)))

    def _meaning(self, line: str) -> Meaning:
        if not is_rule(line):
            return Meaning("Nothing: what is not listed stays as it is.", quiet=True)
        found = SYSCTL.fullmatch(line)
        if found is None:
            return Meaning(problem=Problem("write KEY = VALUE", 0, len(line)))
        name, value = found[1].replace("/", "."), found[2]
        if name not in self._values:
            return Meaning(problem=Problem(f"there is no sysctl {name} here", *found.span(1)))
        if not value.isdecimal() or not value.isascii() or len(value) > 10 or int(value) > HIGHEST_SYSCTL:
            return Meaning(
                problem=Problem(f"a value is a whole number from 0 to {HIGHEST_SYSCTL}", found.start(2), max(len(line), found.start(2) + 1))
            )
        now = "" if int(value) == self._values[name] else f" (It is {self._values[name]} now.)"
        return Meaning(meaning(name) + now)

    def offers(self, line: str, at: int) -> Completion:
        start = len(line[:at]) - len(line[:at].lstrip())
        if "=" in line[:at]:
            return Completion(at, at)
        typed = line[start:at]
        end = line.index("=") if "=" in line else len(line.rstrip())
        names = (name for name in in_order(list(self._values)) if typed and (name.startswith(typed) or typed in name) and name != typed)
        return Completion(start, max(at, end), tuple(Word(name, meaning(name)) for name in names))

    def take(self, text: str, draft: Draft) -> None:
        for line in text.split("\n"):
            found = SYSCTL.fullmatch(line)
            if is_rule(line) and found is not None:
                name = found[1].replace("/", ".")
                if int(found[2]) != self._values[name]:
                    draft.sysctls[name] = int(found[2])

    def about(self, text: str | None = None) -> str:
        return "the kernel's settings"


def sheets_of(session: Session, host: str) -> list[Sheet]:
    """Everything of a host that can be edited: filter's chains, the sysctls, the other tables, and the same of IPv6."""
    view = session.cursor.view_of(host)
    interfaces = tuple(session.run.world.hosts[host].firewall.interfaces)
    four, six = (
        [ChainSheet(rules, name, view.sets, interfaces) for name in chains(rules)] for rules in (view.ruleset, view.ruleset6)
    )  # fmt: skip
    first = [sheet for sheet in four if sheet.name.table == FILTER]
    return [*first, SysctlSheet(session, host), *four[len(first) :], *six]
