"""Which of many packets each of many rules matched, as kernel and engine both say: for matches that decide by what they remember."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.in_ipv6 import INTERFACES, translated
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Observed, Order, Setup
from fwtutor.kernel.rules_in_ipv6 import rule
from tests.kernel.talk import box, filtering

PLAYS = 20


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


def in_ipv6(setup: Setup, items: Sequence[Item]) -> tuple[Setup, list[Item]]:
    """The same said in IPv6: addresses, rules and packets, nothing else."""
    said: list[Item] = []
    for item in items:
        if isinstance(item, Order):
            said.append(item._replace(line=_line(item.line), family=6))
        else:
            raw = translated(item.raw)
            assert raw is not None
            said.append(item._replace(raw=raw))
    routes = {"::/0" if network == "default" else network: way for network, way in setup.routes.items()}
    text = "".join(f"{_line(line)}\n" for line in setup.rules.splitlines())
    sysctls = {name: value for name, value in setup.sysctls.items() if name != "net.ipv4.icmp_ratelimit"} | {"net.ipv6.icmp.ratelimit": 0}
    return Setup(INTERFACES, "", routes, sysctls, setup.mtus, setup.variant, rules6=text, listens=setup.listens), said


def _line(line: str) -> str:
    """Masks count from the other end."""
    line = re.sub(r"--mask 255\.255\.255\.(\d+)", lambda found: f"--mask {'ffff:' * 7}{0xFF00 | int(found[1]):x}", line)
    line = re.sub(r"--(connlimit-mask|hashlimit-...mask) ([1-9]\d*)", lambda found: f"--{found[1]} {96 + int(found[2])}", line)
    return rule(Random(0), line)


def verdicts(kernel: Kernel, setup: Setup, items: Sequence[Item]) -> str:
    """A or D, packet by packet."""
    return "".join(packet.verdict[0] for packet in played(kernel, setup, items))


def both_ways(
    kernel: Kernel,
    variant: str,
    chain: str,
    options: Sequence[str],
    items: Sequence[Item],
    least: int = 20,
    family: int = 4,
    sets: str = "",
) -> None:
    """Every one of the rules matches some of the packets, and some it does not, ``least`` of both."""
    one = replace(setup(variant, *(f"-A {chain} {one}" for one in options), f"-A {chain} -j ACCEPT"), sets=sets)
    packets = played(kernel, *((one, items) if family == 4 else in_ipv6(one, items)))
    for number, one in enumerate(options, 1):
        held = sum(f"filter:{chain}:rule:{number}" in packet.path for packet in packets)
        assert least <= held <= len(packets) - least, (one, held, len(packets))
