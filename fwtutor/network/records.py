"""Records: what happened in a world, one record for one event, in the order (time, sequence).

Everything a person sees is computed from these afterwards; nothing here is prose for a screen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.steps import Change, Logged
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.rule import Ruleset


@dataclass(slots=True, frozen=True)
class Happening:
    """What every record says. ``cause`` and ``ordinal`` name it across two runs, where ``index`` would not."""

    index: int
    """Its place in the run, from 0."""
    at: int
    """ns."""
    host: str
    cause: int
    """Index of the record that caused it; -1 for an input."""
    ordinal: int
    """Which of its cause's children it is, from 0; packets, timers and inputs are counted apart."""


@dataclass(slots=True, frozen=True)
class Walked(Happening):
    """One packet through one box."""

    walk: Walk


@dataclass(slots=True, frozen=True)
class CommandRun(Happening):
    """One line entered at a host's prompt."""

    line: str
    output: str
    refused: bool
    before: Ruleset
    """The host's ruleset of the command's family before it, and ``after`` it: the same object when it did not change."""
    after: Ruleset
    changes: tuple[Change, ...]
    """Counters the command set, entries it touched, what stateful matches forgot."""
    learner: bool
    """True when a person typed it, False when the lesson's script did."""


@dataclass(slots=True, frozen=True)
class TimerFired(Happening):
    """A timer of the host ran out: a retransmission, the end of TIME_WAIT, entries forgotten."""

    what: str
    changes: tuple[Change, ...] = ()


Record = Walked | CommandRun | TimerFired


@dataclass(slots=True, frozen=True)
class Said:
    """A line on a host's console that came later than its command: connected, received, refused."""

    at: int
    """ns."""
    index: int
    """The record during which it was said."""
    text: str


MOST_LOGGED = 2_000
"""Lines of a kernel's log that are kept: the last ones."""


def log_line(at: int, logged: Logged) -> str:
    """As ``dmesg`` prints it."""
    return f"[{at / SECOND:12.6f}] {logged.line.rstrip()}"


def kernel_log(records: Iterable[Record]) -> list[str]:
    """What LOG rules of a host wrote, from its records."""
    logged = ((record.at, step) for record in records if isinstance(record, Walked) for step in record.walk.logged if step.group is None)
    # Only what is kept is put in words.
    return [log_line(at, step) for at, step in deque(logged, MOST_LOGGED)]


def changes_of(record: Record) -> tuple[Change, ...]:
    """The effects of a record on its host's firewall, in order."""
    return record.walk.changes if isinstance(record, Walked) else record.changes
