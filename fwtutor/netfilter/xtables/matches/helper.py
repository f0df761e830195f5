"""``-m helper``: the packet belongs to a connection that a helper has announced: FTP's data connection, not the dialogue itself.

``--helper NAME`` holds when the name begins with that of the helper of the connection on whose account this one was expected: ``ftp-2121``
finds those of ftp too. With an empty name it holds for every helper. Where no helper is behind the packet, it never holds, and with ``!``
always.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import quoted
from fwtutor.netfilter.xtables.wording import Wording

KEPT = 29
"""Bytes of a name."""


def read_name(text: str) -> str:
    return text.encode(errors="surrogateescape")[:KEPT].decode(errors="surrogateescape")


def judge_name(name: str, context: Context) -> tuple[bool, str]:
    entry = context.entry
    if entry is None:
        return False, "the packet has no entry"
    if entry.master is None:
        return False, "no helper expected the connection"
    helper = entry.master.helper
    return not name or name.startswith(helper), f"the helper {helper} expected the connection"


@dataclass(frozen=True, slots=True)
class Helper(OptionMatch):
    """A connection that a helper expected."""

    name: ClassVar[str] = "helper"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "the packet's connection was expected by a helper, because of what it read in another one"
    words: ClassVar[Wording] = {
        "helper": lambda name, negated: (
            f"whose connection was{' not' if negated else ''} expected by {f'the helper {name}' if name else 'a helper'}"
        ),
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="helper", names=("helper",), argument="NAME", read=read_name, write=quoted, judge=judge_name, required=True,
               meaning="by the helper of this name; by any, with an empty one"),
    )  # fmt: skip

    helper: Given[str] | None = None

    def compile(self) -> Test:
        name, negated = self.helper or Given("")

        def test(context: Context) -> bool:
            master = None if context.entry is None else context.entry.master
            return (master is not None and (not name or name.startswith(master.helper))) != negated

        return test

    def listing(self, numeric: bool) -> str:
        name, negated = self.helper or Given("")
        return f'helper match {"! " if negated else ""}"{name}"'
