"""``-m cpu``: the number of the processor the packet is handled on. The box simulated here has one, number 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

ONLY = 0


def judge_cpu(value: int, context: Context) -> tuple[bool, str]:
    return value == ONLY, f"processor {ONLY}, the only one of the simulated box, handles it"


@dataclass(frozen=True, slots=True)
class Cpu(OptionMatch):
    """The processor."""

    name: ClassVar[str] = "cpu"
    meaning: ClassVar[str] = "the processor the packet is handled on (here always 0)"
    words: ClassVar[Wording] = {
        "cpu": "that are~ handled by processor {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="cpu", names=("cpu",), argument="NUMBER", read=bounded("cpu", "cpu", 0, 0xFFFFFFFF), judge=judge_cpu, required=True,
               meaning="processor of this number"),
    )  # fmt: skip

    cpu: Given[int]

    def listing(self, numeric: bool) -> str:
        return f"cpu {'! ' if self.cpu.negated else ''}{self.cpu.value}"
