"""``-m connlabel``: whether the packet's connection has a label, one of 128; ``--set`` gives it that label, if it has not, and then holds.

Connections have room for labels only when they began while some rule asked for one; others have none and are given none.

A label is a number here: names are the business of ``/etc/xtables/connlabel.conf``, which a box of ours has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import ActingMatch, Condition
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

LABELS = 128
ROOM = 0x10000
"""Numbers the tool has room for; larger ones begin again at 0."""
_MOST = 2**64 - 1


def read_label(text: str) -> int:
    if not text:
        raise Unreadable("Argument must have a minimum length of 1 characters")
    label = number(text, 0, _MOST)
    if label is None or label >> 31 & 1:
        # The tool has a signed number of 32 bits for it.
        said = f"label '{text}' not found or invalid value"
        raise Unreadable(said, hint=f"a number, 0 to {LABELS - 1}")
    return label % ROOM


@dataclass(frozen=True, slots=True)
class Connlabel(OptionMatch, ActingMatch):
    """The connection's labels."""

    name: ClassVar[str] = "connlabel"
    tracks: ClassVar[bool] = True
    labels: ClassVar[bool] = True
    meaning: ClassVar[str] = "the packet's connection has a label"
    words: ClassVar[Wording] = {
        "label": "whose connection has the label {}|whose connection has not the label {}",
        "set": "+(and gets it)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="label", names=("label",), argument="NUMBER", read=read_label, write=lambda value: f'"{value}"', required=True,
               meaning=f"the connection has this label, 0 to {LABELS - 1}"),
        Option(field="set", names=("set",), arguments=0, read=lambda: True, invertible=False, meaning="give it that label, if it has not"),
    )  # fmt: skip

    label: Given[int]
    set: Given[bool] | None = None

    @property
    def compared(self) -> object:
        return self.name  # any is as good as any other

    def beyond(self, variant: str) -> str:
        return f"there are {LABELS} labels, from 0 on" if self.label.value >= LABELS else ""

    def act(self, context: Context) -> bool:
        number, negated = self.label
        entry = context.entry
        if entry is None or entry.labels is None:
            return negated
        if not entry.labels >> number & 1:
            if self.set is None:
                return negated
            context.entry = entry._replace(labels=entry.labels | 1 << number)
        return not negated

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        (number, negated), entry = self.label, context.entry
        if entry is None:
            said, there = "the packet has no connection", False
        elif entry.labels is None:
            said, there = "its connection began when no rule asked for labels, and has none", False
        else:
            there = bool(entry.labels >> number & 1)
            known = ", ".join(str(label) for label in range(LABELS) if entry.labels >> label & 1)
            said = f"its connection has the labels {known}" if known else "its connection has no label"
            if not there and self.set is not None:
                said, there = f"{said}; it is given {number}", True
        return (Condition(self.save(), there != negated, said),)

    def listing(self, numeric: bool) -> str:
        return f"connlabel {'! ' if self.label.negated else ''}{self.label.value}{' set' if self.set is not None else ''}"
