"""``-j TCPMSS``: the MSS option of a TCP SYN, how large segments its sender takes, is lowered; the walk goes on.

Against routers whose "fragmentation needed" gets lost: ``--clamp-mss-to-pmtu`` takes what fits the way to the destination and
the way back. It is never raised. A SYN without the option gets one (of 536 at most, 1220 with IPv6: what holds without it),
unless it has data, which would have to move, or no room for more options.

Legacy takes the rule only with ``-p tcp`` and something like ``--syn``; nft is content with ``-p tcp``, and then any segment with
the option is changed, and every one without options gets one. A header cut short, or of an impossible size, is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.changing import find_mss, header_size, with_mss, with_new_mss
from fwtutor.netfilter.hooks import FORWARD, OUTPUT, POSTROUTING
from fwtutor.netfilter.packet import SYN, TCP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget, Header, Rule
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

MOST = {4: 65515, 6: 65495}
"""What the tool takes."""
HEADERS = {4: 40, 6: 60}
"""IP and TCP without options."""
DEFAULTS = {4: 536, 6: 1220}
MOST_OPTIONS = 60
"""The largest TCP header."""


def _options(family: int) -> tuple[Option, ...]:
    return (
        Option(field="mss", names=("set-mss",), argument="N", read=bounded("TCPMSS", "set-mss", 0, MOST[family]), invertible=False,
               meaning="to this"),
        Option(field="clamp", names=("clamp-mss-to-pmtu",), arguments=0, read=lambda: None, invertible=False,
               meaning="to what fits the way there and back"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TcpMss(OptionTarget, ActingTarget):
    """A smaller MSS."""

    name: ClassVar[str] = "TCPMSS"
    flattens: ClassVar[bool] = True
    meaning: ClassVar[str] = "the MSS of a TCP SYN is lowered (needs -p tcp and --syn)"
    words: ClassVar[Wording] = {
        "mss": "get an MSS of no more than {}",
        "clamp": "get an MSS that fits their way",
    }
    options: ClassVar[tuple[Option, ...]] = _options(4)

    mss: int | None = None
    """None: what fits."""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("TCPMSS target: At least one parameter is required")
        # Both may be given; the later counts.
        return cls(list(given.values())[-1].value)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[self.mss is None], Given(self.mss))]

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        return (FORWARD, OUTPUT, POSTROUTING) if self.mss is None else ()

    def misplaced(self, header: Header) -> str:
        if header.protocol != TCP or header.protocol_not:
            return "-j TCPMSS works only in a rule that says -p tcp"
        return ""

    def needs(self, rule: Rule) -> str:
        for match in rule.matches:
            if isinstance(match, Tcp) and match.flags is not None and match.flags.value[1] & SYN and not match.flags.negated:
                return ""
        return "-j TCPMSS works only in a rule that demands a SYN: --syn"

    def act(self, context: Context) -> bool:
        packet = context.packet
        if packet.offset:
            return True
        size = header_size(packet)
        if size is None:
            return False
        wanted = self.mss
        if wanted is None:
            fits = self._way(context) - HEADERS[packet.family]
            if fits <= 0:
                return False
            wanted = fits & 0xFFFF
        option = find_mss(packet, size)
        if option is not None:
            if option.value > wanted:
                context.packet = with_mss(packet, option, wanted)
        elif packet.l4 + size == len(packet.raw) and size < MOST_OPTIONS:
            context.packet = with_new_mss(packet, min(wanted, DEFAULTS[packet.family]))
        return True

    @staticmethod
    def _way(context: Context) -> int:
        """The smaller MTU of the way on and the way back to the sender."""
        routing, packet = context.routing, context.packet
        assert routing is not None
        back = routing.mtu_to(packet.family, packet.src)
        on = routing.mtus.get(context.goes_by or context.out_interface)
        return min(mtu for mtu in (back, on, 0xFFFF) if mtu is not None)

    def listing(self, numeric: bool) -> str:
        return "TCPMSS clamp to PMTU" if self.mss is None else f"TCPMSS set {self.mss}"


@dataclass(frozen=True, slots=True)
class TcpMss6(TcpMss):
    """The same for IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
