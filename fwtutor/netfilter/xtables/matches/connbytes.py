"""``-m connbytes``: how much a connection has carried, in packets, bytes, or bytes a packet; the packet that is looked at counts.

It can tell only of connections that are counted: a rule with it switches ``nf_conntrack_acct`` on, and those that began before have no
counters. Of a packet without entry or counters it never holds, not even with a ``!``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import number_range

MOST = 2**64 - 1
DIRECTIONS = {"original": (0,), "reply": (2,), "both": (0, 2)}
"""Where an entry's counters have the packets of a direction, with its bytes behind them."""
MODES = {"packets": "packets", "bytes": "bytes", "avgpkt": "bytes a packet"}
ANY, BYTES, BOTH = Given((0, MOST)), Given("bytes"), Given("both")


def read_amounts(text: str) -> tuple[int, int]:
    low, high = number_range(text, "connbytes", "connbytes", MOST)
    if ":" not in text:
        high = MOST
    if high < low:
        raise Unreadable(f"{low} should be less than {high}")
    return low, high


def write_amounts(value: tuple[int, int]) -> str:
    # A range from 0 to 0 and one without end look alike to the tool.
    low, high = value
    return str(low) if high == MOST or not high else f"{low}:{high}"


def _word(option: str, known: Mapping[str, Any]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise Unreadable(f"Unknown --{option} `{text}'", hint=f"known: {', '.join(known)}")
        return text

    return read


@dataclass(frozen=True, slots=True)
class Connbytes(OptionMatch):
    """What a connection has carried."""

    name: ClassVar[str] = "connbytes"
    tracks: ClassVar[bool] = True
    accounts: ClassVar[bool] = True
    meaning: ClassVar[str] = "how much the packet's connection has carried (switches nf_conntrack_acct on)"
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="amounts", names=("connbytes",), argument="FROM[:TO]", read=read_amounts, write=write_amounts, required=True,
               meaning="so much, or more than that without an end"),
        Option(field="mode", names=("connbytes-mode",), argument="packets|bytes|avgpkt", read=_word("connbytes-mode", MODES),
               invertible=False, meaning="of what: packets, bytes, or bytes a packet on the average"),
        Option(field="direction", names=("connbytes-dir",), argument="original|reply|both", read=_word("connbytes-dir", DIRECTIONS),
               invertible=False, meaning="which of the connection's packets"),
    )  # fmt: skip

    amounts: Given[tuple[int, int]] = ANY
    mode: Given[str] = BYTES
    direction: Given[str] = BOTH

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        for field, name in (("amounts", "connbytes"), ("direction", "connbytes-dir"), ("mode", "connbytes-mode")):
            if field not in given:
                raise Unreadable(f'connbytes: option "--{name}" must be specified')
        low, high = given["amounts"].value
        # The kernel is told of a "!" by the ends the wrong way round, which one number alone cannot be.
        return cls(Given((low, high), given["amounts"].negated and low != high), given["mode"], given["direction"])

    def _carried(self, context: Context) -> int | None:
        entry = context.entry
        if entry is None or entry.counters is None:
            return None
        places = DIRECTIONS[self.direction.value]
        packets, size = (sum(entry.counters[place + more] for place in places) for more in (0, 1))
        if self.mode.value == "packets":
            return packets
        return size if self.mode.value == "bytes" else size // packets if packets else 0

    def _fits(self, carried: int) -> bool:
        (low, high), negated = self.amounts
        return (low <= carried <= high) != negated

    def compile(self) -> Test:
        def test(context: Context) -> bool:
            carried = self._carried(context)
            return carried is not None and self._fits(carried)

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        carried = self._carried(context)
        if carried is None:
            said = "the packet has no entry" if context.entry is None else "its connection began before connections were counted"
            return (Condition(self.save(), False, said),)
        way = {"original": "its connection's original direction", "reply": "its connection's reply direction", "both": "its connection"}
        said = f"{way[self.direction.value]} has carried {carried} {MODES[self.mode.value]}"
        if self.mode.value == "avgpkt":
            said = f"{way[self.direction.value]} carries {carried} bytes a packet"
        return (Condition(self.save(), self._fits(carried), said),)

    def phrases(self) -> list[str]:
        low, high = self.amounts.value
        way = {"original": " in the original direction", "reply": " in the reply direction", "both": ""}[self.direction.value]
        amount = f"{low} or more" if high == MOST else f"{low} to {high}"
        what = {"packets": f"{amount} packets", "bytes": f"{amount} bytes", "avgpkt": f"{amount} bytes a packet"}[self.mode.value]
        return [f"whose connection has {'not ' if self.amounts.negated else ''}carried {what}{way}"]

    def listing(self, numeric: bool) -> str:
        negated = "! " if self.amounts.negated else ""
        amounts = write_amounts(self.amounts.value)
        return f"{negated}connbytes {amounts} connbytes mode {self.mode.value} connbytes direction {self.direction.value}"
