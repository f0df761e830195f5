"""``-m connmark``: the mark of the packet's connection, which CONNMARK sets; 0 until then.

As with ``-m mark``, but it is the entry's: the same for all packets of a connection, both ways. A packet without an entry
(INVALID, UNTRACKED) never matches, even with a ``!``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.matches.mark import Marked, judge, read_mark, write_mark
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.wording import Wording


def judge_connmark(value: Marked, context: Context) -> tuple[bool, str]:
    if context.entry is None:
        return False, "there is no entry, and so no mark of one"
    return judge(value, context.entry.mark, "the entry's")


@dataclass(frozen=True, slots=True)
class Connmark(OptionMatch):
    """The mark of the connection."""

    name: ClassVar[str] = "connmark"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "the mark of the packet's connection"
    words: ClassVar[Wording] = {
        "mark": "whose connection has the mark {under}|whose connection has not the mark {under}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="mark", names=("mark",), argument="VALUE[/MASK]", read=read_mark("connmark"), write=write_mark,
               judge=judge_connmark, required=True, meaning="the connection's mark, under the mask, is this value"),
    )  # fmt: skip

    mark: Given[Marked]

    def compile(self) -> Test:
        (value, mask), negated = self.mark
        return lambda c: c.entry is not None and (c.entry.mark & mask == value) != negated

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        (found,) = OptionMatch.conditions(self, context)
        return (found if context.entry is not None else found._replace(held=False),)

    def listing(self, numeric: bool) -> str:
        # The tool leaves the place of the "!" empty.
        value, negated = self.mark
        return f"connmark match {'!' if negated else ''} {write_mark(value)}"
