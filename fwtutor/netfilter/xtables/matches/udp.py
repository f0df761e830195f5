"""``-m udp``: the ports of the UDP header. ``-p udp`` loads it when one of its options is used.

The tool reads these ports less strictly than TCP's: a number above 65535 wraps, and a range may run backwards
(and then fits no port). A packet whose UDP header is cut short is dropped at once, without any counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.packet import UDP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.ports import (
    Ports,
    exact,
    listed_ports,
    missing_header,
    port_options,
    port_tests,
    simplified,
    with_header,
)
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import ALL_PORTS, resolved_port
from fwtutor.netfilter.xtables.wording import Wording


def read_range(text: str, match: str, option: str) -> tuple[int, int]:
    """A port or a range by the newer reader; an empty end is the first or the last port. Raises Unreadable."""
    parts = text.split(":")
    if len(parts) == 1:
        port = resolved_port(text)
        return port, port
    low, high = (resolved_port(part) if part else empty for part, empty in zip(parts, ALL_PORTS, strict=False))
    if len(parts) > 2:
        raise Unreadable(f'{match}: Too many components for option "--{option}" (max: 2)')
    return low, high


def _option(word: str) -> Option:
    return port_options(lambda text: read_range(text, "udp", f"{word}-port"))[word == "destination"]


@dataclass(frozen=True, slots=True)
class Udp(OptionMatch):
    """The ports of a UDP header."""

    name: ClassVar[str] = "udp"
    protocol: ClassVar[int] = UDP
    meaning: ClassVar[str] = "ports of the UDP header (needs -p udp)"
    words: ClassVar[Wording] = {
        "sport": "from {port}|from any port but {to}",
        "dport": "to {port}|to any port but {to}",
    }
    options: ClassVar[tuple[Option, ...]] = (_option("source"), _option("destination"))

    sport: Ports = None
    dport: Ports = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        kept = dict(given)
        simplified(kept)
        return cls(**kept)

    def compile(self) -> Test:
        return with_header(port_tests(self.sport, self.dport))

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return missing_header("udp", context) or OptionMatch.conditions(self, context)

    def exact_ports(self) -> tuple[int | None, int | None]:
        return exact(self.sport), exact(self.dport)

    def listing(self, numeric: bool) -> str:
        return " ".join(["udp", *listed_ports(self.sport, self.dport, "udp", numeric)])
