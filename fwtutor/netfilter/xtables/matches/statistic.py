"""``-m statistic``: every so manieth packet, or a part of them by chance. Mostly to share packets among several rules.

- ``--mode nth --every N --packet P``: of N packets that reach the match it holds for one: with 0 for the first, with N - 1 for the last.
- ``--mode random --probability P``: each packet by itself, by lot. Here what the kernel draws by lot comes from a seed, so the same
  packets have the same luck each time. The probability is kept as a part of 2^31.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.lots import next_lot
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, SharedKey, StatefulMatch
from fwtutor.netfilter.xtables.values import bounded

WHOLE = 2**31
"""Probability 1."""
_WORD = 0xFFFFFFFF
_BLANK = r"[ \t\n\v\f\r]*"
_DECIMAL = re.compile(_BLANK + r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.I | re.A)
_HEXADECIMAL = re.compile(_BLANK + r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?", re.I | re.A)
_NO_NUMBER = re.compile(_BLANK + r"[+-]?nan(\([0-9a-z_]*\))?", re.I | re.A)
UNDRAWN = -1
"""Nothing has been drawn by lot yet."""


def read_mode(text: str) -> str:
    if text not in ("random", "nth"):
        raise Unreadable(f'Bad mode "{text}"', hint="modes: nth, random")
    return text


def read_probability(text: str) -> int:
    """As C's strtod reads it, the whole of it."""
    if _NO_NUMBER.fullmatch(text):
        return 0
    value = -1.0
    try:
        if _DECIMAL.fullmatch(text):
            value = float(text)
        elif _HEXADECIMAL.fullmatch(text):
            value = float.fromhex(text.strip())
    except OverflowError:
        value = math.inf
    if not 0 <= value <= 1:
        raise Unreadable('statistic: bad value for option "--probability", or out of range (0-1).')
    return math.floor(value * WHOLE + 0.5)


def write_probability(value: int) -> str:
    return f"{value / WHOLE:.11f}"


@dataclass(frozen=True, slots=True)
class Statistic(StatefulMatch, OptionMatch):
    """Every so manieth packet, or by chance."""

    name: ClassVar[str] = "statistic"
    meaning: ClassVar[str] = "every Nth packet, or a part of them by chance"
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="mode", names=("mode",), argument="nth|random", read=read_mode, invertible=False, meaning="how"),
        Option(field="probability", names=("probability",), argument="P", read=read_probability, write=write_probability,
               meaning="random: the part of all packets, from 0 to 1"),
        Option(field="every", names=("every",), argument="N", read=bounded("statistic", "every", 1, _WORD),
               meaning="nth: one of N packets"),
        Option(field="packet", names=("packet",), argument="P", read=bounded("statistic", "packet", 0, _WORD), invertible=False,
               meaning="nth: which of them, from 0 to N - 1"),
    )  # fmt: skip

    mode: str = "nth"
    probability: Given[int] | None = None
    every: Given[int] | None = None
    packet: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        mode = given["mode"].value if "mode" in given else "random"
        if mode == "random" and "probability" not in given:
            raise Unreadable("--probability must be specified when using random mode")
        if mode == "nth" and "every" not in given and "packet" not in given:
            raise Unreadable("--every and --packet must be specified when using nth mode")
        packet = given["packet"].value if "packet" in given else 0
        # The tool keeps both in one place, and takes what came last for the number of packets.
        every = next((given[field].value for field in reversed(list(given)) if field in ("every", "probability")), 0)
        if packet and packet >= every:
            raise Unreadable("the --packet p must be 0 <= p <= n-1")
        if "mode" not in given:
            raise Unreadable('statistic: option "--mode" must be specified')
        for other in ("every", "packet"):
            if "probability" in given and other in given:
                raise Unreadable(f'statistic: option "--probability" cannot be used together with "--{other}".')
        if "every" in given and "packet" not in given:
            raise Unreadable('statistic: option "--every" also requires "--packet".')
        if "packet" in given and "every" not in given:
            raise Unreadable('statistic: option "--packet" also requires "--every".')
        return cls(mode, given.get("probability"), given.get("every"), packet)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        values = {"mode": Given(self.mode), "probability": self.probability, "every": self.every, "packet": Given(self.packet)}
        wanted = ("mode", "every", "packet") if self.mode == "nth" else ("mode", "probability")
        return [(option, one) for option in self.options if option.field in wanted and (one := values[option.field]) is not None]

    @property
    def shared(self) -> SharedKey | None:
        """All rules draw lots from one urn, so that two of them do not draw the same."""
        return (self.name, "random") if self.mode == "random" else None

    @property
    def draws(self) -> bool:
        return self.mode == "random" and self.probability is not None and 0 < self.probability.value < WHOLE

    def fresh(self, at: int, variant: str) -> int:
        return UNDRAWN if self.mode == "random" else (self.every.value if self.every else 1) - 1 - self.packet

    def _ask(self, before: int, context: Context) -> tuple[bool, int, str]:
        """Whether it holds without the ``!``, what is remembered then, and in words."""
        if self.probability is not None:
            lot = next_lot(context.seed if before == UNDRAWN else before)
            drawn = lot >> 33
            return drawn < self.probability.value, lot, f"the lot says {drawn / WHOLE:.5f}"
        every = self.every.value if self.every else 1
        count = 0 if before == every - 1 else before + 1
        return (
            count == 0,
            count,
            "it is the one in " + str(every) if count == 0 else f"it is not yet the one in {every}: {every - count} more",
        )

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        fits, after, _ = self._ask(before, context)
        return fits != self._negated, after

    @property
    def _negated(self) -> bool:
        asked = self.probability or self.every
        return asked is not None and asked.negated

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        fits, _, said = self._ask(before, context)
        return (Condition(self.save(), fits != self._negated, said),)

    def phrases(self) -> list[str]:
        if self.probability is not None:
            part = (WHOLE - self.probability.value if self.probability.negated else self.probability.value) / WHOLE
            return [f";{100 * part:.6g} % of them, by lot"]
        every = self.every.value if self.every is not None else 1
        return [f";{'all but one' if self._negated else 'one'} of {every} of them (beginning with number {self.packet + 1})"]

    def listing(self, numeric: bool) -> str:
        words = ["statistic", "mode", self.mode, *(["!"] if self._negated else [])]
        if self.probability is not None:
            words += ["probability", write_probability(self.probability.value)]
        elif self.every is not None:
            words += ["every", str(self.every.value), *(["packet", str(self.packet)] if self.packet else [])]
        return " ".join(words)
