"""A list of iptables, ip6tables and ipset commands, one a line, as people keep them in scripts: read without a shell.

A line that does anything a shell would be needed for is refused. Comments, empty lines and lines continued with a backslash are taken.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.ipset.sets import NO_SETS, Sets
from fwtutor.netfilter.xtables.commands import NewId, Outcome, run_together
from fwtutor.netfilter.xtables.errors import BARE, TOOLS, RuleRefused
from fwtutor.netfilter.xtables.rule import Counters, Ruleset
from fwtutor.netfilter.xtables.tokens import shell_words

if TYPE_CHECKING:
    from fwtutor.netfilter.ipset.command import Uses

_TOOL = re.compile(r"(?:/\S*/)?(?:(ip6?tables)(?:-(?:legacy|nft))?|(ipset))")
MAX_TOGETHER = 16_384
"""Commands that are run as one change of a table, if they can."""
_FAMILIES = {tool: family for family, tool in TOOLS.items()}
IPSET, CONNTRACK = 0, -1
"""In the place of a family: a command of ipset, of conntrack."""
PROGRAMS = {4: "iptables", 6: "ip6tables", IPSET: "ipset", CONNTRACK: "conntrack"}


class Command(NamedTuple):
    """One command: what follows the tool's name."""

    family: int
    """Of ipset ``IPSET``."""
    line: str
    """With the tool's name left blank, so that places in it are those in the file's line."""
    number: int
    """Of the line, from 1."""


def is_script(text: str) -> bool:
    """Whether a text is such a list, and no save text: its first line that says something begins with a word."""
    first = next((line for line in map(str.strip, text.split("\n")) if line and line[0] != "#"), "")
    return first[:1].isalpha() or first[:1] in ("/", "_", "$", ".")


def read(text: str) -> Iterator[Command]:
    """The commands in order. Raises RuleRefused with ``line_number``."""
    continued, begun = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            continued += line[:-1] + " "
            continue
        whole, continued, place, begun = continued + line, "", begun, 0
        try:
            command = _command(whole, place)
        except RuleRefused as wrong:
            wrong.line_number = place
            raise
        if command is not None:
            yield command
    if continued:
        raise RuleRefused("the last line goes on with a backslash, and there is no other", line=continued, line_number=begun, manner=BARE)


class Done(NamedTuple):
    """What commands did."""

    outcomes: list[Outcome]
    """A family each."""
    lines: dict[int, int]
    """The line of each rule they made, by its id."""
    sets: Sets


def uses(rulesets: Mapping[int, Ruleset]) -> Uses:
    """A function that says how many rules name a set; it counts when it is first asked."""
    known: Counter[str] | None = None

    def count(name: str) -> int:
        nonlocal known
        if known is None:
            from fwtutor.netfilter.xtables.matches.set import SetMatch
            from fwtutor.netfilter.xtables.targets.set import SetTarget

            rules = (rule for ruleset in rulesets.values() for rule in ruleset.rules())
            parts = (part for rule in rules for part in (*rule.matches, rule.target) if isinstance(part, SetMatch | SetTarget))
            known = Counter(name for part in parts for name in part.sets)
        return known[name]

    return count


def run(
    text: str, rulesets: Mapping[int, Ruleset], counters: Counters, new_id: NewId, sets: Sets = NO_SETS, tick: int = 0, seed: int = 0
) -> Done:
    """What the commands do to rulesets, by family, and to sets, all of them or none."""
    outcomes = {family: Outcome(ruleset) for family, ruleset in rulesets.items()}
    lines = dict[int, int]()
    for batch in _batches(read(text)):
        family = batch[0].family
        if family == IPSET:
            for _, line, number in batch:
                sets = _ipset(line, number, sets, {each: outcome.ruleset for each, outcome in outcomes.items()}, tick, seed)
            continue
        while batch:
            before = outcomes[family]
            own, known = [command.line for command in batch], ChainMap(dict(before.counters), dict(counters))
            try:
                after, count = run_together(before.ruleset, own, counters=known, new_id=new_id, sets=sets)
            except RuleRefused as wrong:
                wrong.line_number = batch[0].number
                raise
            lines |= {rule: batch[place].number for rule, place in after.lines.items()}
            batch = batch[count:]
            outcomes[family] = replace(
                after,
                output=before.output + after.output,
                counters={**before.counters, **after.counters},
                written=before.written | after.written,
            )
    return Done(list(outcomes.values()), lines, sets)


def _ipset(line: str, number: int, sets: Sets, rulesets: Mapping[int, Ruleset], tick: int, seed: int) -> Sets:
    """The sets after a command of ipset."""
    from fwtutor.netfilter.ipset.command import run as run_ipset
    from fwtutor.netfilter.ipset.errors import NotInSet

    done = run_ipset([token.text for token in shell_words(line)], sets, uses(rulesets), tick, seed)
    wrong = done.refused
    if wrong is not None and not isinstance(wrong, NotInSet):
        start = len(line) - len(line.lstrip())
        raise RuleRefused(f"ipset: {wrong}", line=line, start=start, end=len(line), line_number=number, hint=wrong.hint, manner=BARE)
    return done.sets


def _batches(commands: Iterator[Command]) -> Iterator[list[Command]]:
    """Commands of one family that follow each other; what is wrong with the text comes when those before it are done."""
    batch, wrong = list[Command](), None
    try:
        for command in commands:
            if batch and (command.family != batch[0].family or len(batch) >= MAX_TOGETHER):
                yield batch
                batch = []
            batch.append(command)
    except RuleRefused as refused:
        wrong = refused
    if batch:
        yield batch
    if wrong is not None:
        raise wrong


def _command(line: str, number: int) -> Command | None:
    words = shell_words(line)
    if words and words[0].text == "sudo":
        del words[0]
    if not words:
        return None
    tool = _TOOL.fullmatch(words[0].text)
    if tool is None:
        hint = "each line is one command of iptables, ip6tables or ipset; what a shell does (variables, loops) is not done here"
        said = f"`{words[0].text}' is none of iptables, ip6tables and ipset"
        raise RuleRefused(said, line=line, start=words[0].start, end=words[0].end, hint=hint, manner=BARE)
    return Command(_FAMILIES[tool[1]] if tool[1] else IPSET, " " * words[0].end + line[words[0].end :], number)
