"""Which of many packets each of many rules matched, as kernel and engine both say: for matches that decide by what they remember."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Observed, Setup
from tests.kernel.talk import box, filtering

PLAYS = 5


def setup(variant: str, *rules: str, chains: Sequence[str] = ()) -> Setup:
    """A box that drops what no rule lets in or through."""
    return replace(box(filtering(*rules, input="DROP", forward="DROP", chains=chains)), variant=variant)


def played(kernel: Kernel, setup: Setup, items: Sequence[Item]) -> list[Observed]:
    """What kernel and engine both say became of the packets.

    A tick of the kernel's clock may pass while a packet is on its way from rule to rule, and nobody sees where: so it is played again when
    they differ, and a rule the kernel follows makes them differ each time.
    """
    for _ in range(PLAYS):
        comparison = compare(kernel, setup, items)
        if not comparison.differences:
            return [packet for packet in comparison.observation.packets if packet.shot >= 0]
    pytest.fail(f"{comparison}")


def verdicts(kernel: Kernel, setup: Setup, items: Sequence[Item]) -> str:
    """A or D, packet by packet."""
    return "".join(packet.verdict[0] for packet in played(kernel, setup, items))


def both_ways(
    kernel: Kernel, variant: str, chain: str, options: Sequence[str], items: Sequence[Item], least: int = 20, sets: str = ""
) -> None:
    """Every one of the rules matches some of the packets, and some it does not, ``least`` of both."""
    box = replace(setup(variant, *(f"-A {chain} {one}" for one in options), f"-A {chain} -j ACCEPT"), sets=sets)
    packets = played(kernel, box, items)
    for number, one in enumerate(options, 1):
        held = sum(f"filter:{chain}:rule:{number}" in packet.path for packet in packets)
        assert least <= held <= len(packets) - least, (one, held, len(packets))
