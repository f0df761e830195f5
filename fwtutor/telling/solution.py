"""One way through a task: the lines to type, each with a sentence of what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from fwtutor.netfilter.sysctl_words import meaning
from fwtutor.netfilter.xtables.commands import run_command
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.explain import at_the_end, sentence
from fwtutor.netfilter.xtables.rule import Chain, Ruleset
from fwtutor.network.prompt import family_of
from fwtutor.network.tools.registry import TOOLS
from fwtutor.recording.cursor import Cursor
from fwtutor.telling.spans import Line, Span, line, wrap

if TYPE_CHECKING:
    from fwtutor.course.model import Deed
    from fwtutor.recording import Run

NEW_RULES = 1 << 40
"""Ids of rules that are in no run."""


def explained(run: Run, index: int, deeds: Sequence[Deed]) -> list[tuple[Deed, str]]:
    """Each line with what it does, if they were typed one after another at a place of a run."""
    cursor = Cursor(run)
    cursor.seek(index)
    rules: dict[tuple[str, int], Ruleset] = {}
    ids = count(NEW_RULES)
    said = []
    for deed in deeds:
        name, family = deed.line.split()[0], family_of(deed.line)
        view = cursor.view_of(deed.host)
        if name not in ("iptables", "ip6tables"):
            said.append((deed, _of_setting(deed.line) or _of_tool(name)))
            continue
        before = rules.get((deed.host, family)) or view.rules(family)
        try:
            after = run_command(before, deed.line, counters={}, new_id=lambda: next(ids), sets=view.sets).ruleset
        except RuleRefused:
            after = before
        rules[deed.host, family] = after
        said.append((deed, " ".join(_changes(before, after)) or _of_tool(name)))
    return said


def _of_setting(line: str) -> str:
    """What the sysctl of ``sysctl -w NAME=VALUE`` is for."""
    words = line.split()
    return meaning(words[-1].partition("=")[0]) if words[0] == "sysctl" else ""


def _of_tool(name: str) -> str:
    """What a tool is for, as its help has it."""
    tool = TOOLS.get(name)
    about = tool.about if tool else ""
    return f"{about[:1].upper()}{about[1:]}." if about else ""


def _changes(before: Ruleset, after: Ruleset) -> Iterator[str]:
    """What is different in the second ruleset, rule by rule."""
    for table in {**before.tables, **after.tables}:
        old = before.tables[table].chains if table in before.tables else {}
        new = after.tables[table].chains if table in after.tables else {}
        for name in {**old, **new}:
            was, now = old.get(name), new.get(name)
            if now is None:
                yield f"The chain {name} is no more."
            elif was is None and now.policy is None:
                yield f"A new chain {name}."
            else:
                yield from _of_chain(was or Chain(name, now.policy), now)


def _of_chain(was: Chain, now: Chain) -> Iterator[str]:
    if was.policy != now.policy:
        yield at_the_end(now)
    kept = {rule.id for rule in was.rules} & {rule.id for rule in now.rules}
    gone = [rule for rule in was.rules if rule.id not in kept]
    come = [rule for rule in now.rules if rule.id not in kept]
    if len(gone) > 1 and not now.rules:
        yield f"{now.name} is emptied."
        return
    yield from (sentence(rule) for rule in come)
    if gone:
        yield f"{'It replaces' if come else 'Gone:'} {' '.join(_quoted(sentence(rule)) for rule in gone)}"


def _quoted(text: str) -> str:
    return f'"{text}"'


def rows(said: Sequence[tuple[Deed, str]], width: int) -> list[Line]:
    """Lines and sentences, one under the other."""
    made: list[Line] = []
    for deed, text in said:
        made += wrap(line((f"{deed.host}# ", "key"), (deed.line, "code")), width, 4)
        below = [line(text)] if text else []
        if deed.undo:
            below.append(line(("Only to see what happens: u takes it back.", "dim")))
        made += [Line((Span("  "), *row.spans)) for each in below for row in wrap(each, width - 2)]
    return made
