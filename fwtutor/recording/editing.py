"""Editing a host: its chains and sysctls as somebody wants them, and the commands that make a place of a run so.

The commands are the fewest there are; entering them is the session's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fwtutor.netfilter.ipset.sets import Sets
from fwtutor.netfilter.xtables.commands import run_command
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.rewriting import ChainName, Written, chains, commands, rehearse, written
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.network.records import CommandRun
from fwtutor.recording.cursor import Cursor
from fwtutor.recording.looking import sysctls_at
from fwtutor.recording.session import Session


@dataclass(slots=True)
class Draft:
    """What is wanted otherwise than it is at the cursor: whole chains, and values of sysctls."""

    chains: dict[ChainName, Written] = field(default_factory=dict)
    sysctls: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Plan:
    """What is to be entered."""

    host: str
    lines: tuple[str, ...]
    first: bool
    """Before everything, and not where the cursor is."""
    refused: str = ""
    """The line that the tool would refuse, ..."""
    reason: str = ""
    """... and why; "" if it takes them all."""


def plan(session: Session, host: str, draft: Draft, *, first: bool) -> Plan:
    """The commands for a draft made at the cursor's place: entered there, or ``first``, so that everything happens under these rules.

    Then the beginning is made what the draft's place is, with all that was typed until there. What programs did to the rules (who is
    banned, by fail2ban) is left to them: they will do it again.
    """
    cursor, view = session.cursor, session.cursor.view_of(host)
    track = session.run.tracks[host]
    lines: list[str] = []
    bases = []
    for here in (view.ruleset, view.ruleset6):
        base = track.ruleset_at(-1, here.family) if first else here
        wanted = _typed(session, host, base, view.sets) if first else here
        bases.append(base)
        lines += _chains_made(base, wanted)
        for name in chains(wanted):
            chain = draft.chains.get(name)
            if first:
                chain = written(wanted, name) if chain is None else _own(chain, here, wanted)
            if chain is not None:
                lines += commands(base, chain, view.sets)
        lines += _chains_gone(base, wanted)
    refused, reason = rehearse(bases, lines, view.sets)
    lines += _sysctls(cursor, session, host, draft.sysctls, first=first)
    return Plan(host, tuple(lines), first, refused, reason)


def _typed(session: Session, host: str, ruleset: Ruleset, sets: Sets) -> Ruleset:
    """The rules with what a person typed at the host until the cursor's place."""
    typed = [session.run.records[past.after] for past in session.run.inputs if past.host == host and past.after <= session.cursor.index]
    for record in typed:
        if not isinstance(record, CommandRun) or record.before is record.after or record.after.family != ruleset.family:
            continue
        try:
            ruleset = run_command(ruleset, record.line, counters={}, new_id=lambda: 0, sets=sets).ruleset
        except RuleRefused:
            continue  # It was about what a program had done.
    return ruleset


def _own(chain: Written, here: Ruleset, typed: Ruleset) -> Written:
    """A chain that was edited without the rules that programs put there."""
    theirs = Counter(written(here, chain.name).lines)
    theirs.subtract(written(typed, chain.name).lines)
    lines = []
    for line in chain.lines:
        if theirs[line] > 0:
            theirs[line] -= 1
        else:
            lines.append(line)
    return replace(chain, lines=tuple(lines))


def _chains_made(base: Ruleset, wanted: Ruleset) -> list[str]:
    known = {*chains(base)}
    return [name.command("N", "") for name in chains(wanted) if name not in known]


def _chains_gone(base: Ruleset, wanted: Ruleset) -> list[str]:
    gone = [name for name in chains(base) if name not in {*chains(wanted)}]
    return [name.command(letter, "") for letter in "FX" for name in gone]


def _sysctls(cursor: Cursor, session: Session, host: str, changed: Mapping[str, int], *, first: bool) -> list[str]:
    here = sysctls_at(cursor, host)
    base = sysctls_at(Cursor(session.run), host) if first else here
    return [f"sysctl -w {name}={value}" for name, value in {**here, **changed}.items() if base[name] != value]


def apply(session: Session, made: Plan) -> list[CommandRun]:
    """Enters a plan."""
    here = session.cursor.index

    def superseded(record: CommandRun) -> bool:
        """It is part of what the plan makes already."""
        rules = record.before is not record.after or record.line.split()[:1] == ["sysctl"]
        return made.first and record.host == made.host and record.index <= here and rules

    return session.edit(made.host, made.lines, first=made.first, superseded=superseded)
