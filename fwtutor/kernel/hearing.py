"""The messages of connection tracking, the kernel's held against the engine's: the same ones in the same order.

Only when the kernel finds out that the time of something is over, nobody can say: such messages are taken out of the order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from fwtutor.kernel.observation import Heard, Observation
from fwtutor.netfilter.conntrack.entry import SECOND, Entry
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.listing import DESTROYED, format_expectation, format_told
from fwtutor.netfilter.messages import Message

_SECONDS = re.compile(r"^(\w+ +\d+) \d+")
_WHICH = re.compile(r"^\d+ ")


class Told(NamedTuple):
    """A message of the engine's, and the number of the packet that caused it."""

    number: int
    message: Message

    @property
    def of(self) -> Entry | Expectation:
        """What it is about."""
        return self.message.expectation or self.message.entry

    @property
    def over(self) -> bool:
        """Whether its time was over."""
        return self.message.kind == DESTROYED and self.of.expires <= self.message.at

    @property
    def line(self) -> str:
        """As ``Heard.line``."""
        kind, at, about, entry, one, _ = self.message
        if one is not None:
            return _WHICH.sub("", format_expectation(one, entry, at))
        line = format_told(entry, kind, about, at)
        return _SECONDS.sub(r"\1", line) if entry.seconds_left(at) or kind != DESTROYED else line


def differences(observation: Observation, told: Sequence[Told], tick: int) -> Iterator[tuple[int, str, str]]:
    """(number of the packet, the kernel's, the engine's) of the first message that is not the same. ``tick``: ns."""
    over = Counter((one.message.expectation is not None, one.line) for one in told if one.over)
    theirs: list[Heard] = []
    for heard in observation.heard or ():
        key = heard.expectation, heard.line
        if heard.kind == DESTROYED and not heard.seconds and over[key]:
            over[key] -= 1
        else:
            theirs.append(heard)
    for left, right in zip_longest(theirs, (one for one in told if not one.over)):
        text = "" if right is None else f"[{right.message.kind}] {right.of.seconds_left(right.message.at)} {right.line}"
        if left is None or right is None or not _same(left, right, observation, tick):
            number = min(one.number for one in (left, right) if one is not None)
            yield number, "" if left is None else f"[{left.kind}] {left.seconds} {left.line}", text
            return


def _same(heard: Heard, told: Told, observation: Observation, tick: int) -> bool:
    at, late = told.message.at, round(observation.packets[told.number].late * SECOND)
    if (heard.kind, heard.expectation, heard.line) != (told.message.kind, told.message.expectation is not None, told.line):
        return False
    return told.of.seconds_left(max(at, late) + tick) <= heard.seconds <= told.of.seconds_left(at - tick)
