"""``-j TEE``: a copy of the packet is sent to a gateway, whatever its destination, and the packet goes on to the next rule.

The copy is a packet of the box's own: it passes OUTPUT and POSTROUTING, UNTRACKED and with the packet's mark. One made in PREROUTING or
INPUT has a TTL that is lower by one; in IPv4 it may not be fragmented. Of a copy no copies are made. Without a way to the gateway there
is none; with ``--oif`` it leaves by that interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import CopyingTarget, Header
from fwtutor.netfilter.xtables.values import looked_up
from fwtutor.netfilter.xtables.wording import Wording

MAX_INTERFACE = 15


def read_interface(text: str) -> str:
    return text.encode(errors="surrogateescape")[:MAX_INTERFACE].decode(errors="surrogateescape")


def _options(family: int) -> tuple[Option, ...]:
    return (
        Option(field="gateway", names=("gateway",), argument="ADDRESS", read=lambda text: looked_up(text, family),
               write=lambda value: format_address(family, value), invertible=False, meaning="where the copy goes"),
        Option(field="oif", names=("oif",), argument="NAME", read=read_interface, invertible=False,
               unsaved=lambda given: not given.value, meaning="by which interface it leaves"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tee(OptionTarget, CopyingTarget):
    """A copy to a gateway."""

    name: ClassVar[str] = "TEE"
    meaning: ClassVar[str] = "a copy of the packet is sent to a gateway, and the packet goes on to the next rule"
    words: ClassVar[Wording] = {
        "": "are sent in a copy",
        "gateway": "to {}",
        "oif": "leaving by {}",
    }
    options: ClassVar[tuple[Option, ...]] = _options(4)
    family: ClassVar[int] = 4

    gateway: int = 0
    oif: str = ""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if "gateway" not in given:
            raise Unreadable('TEE: option "--gateway" must be specified')
        return cls(**{field: one.value for field, one in given.items()})

    def misplaced(self, header: Header) -> str:
        return "" if self.gateway else "nobody is at the address of nobody"

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(option, Given(getattr(self, option.field))) for option in self.options]

    def listing(self, numeric: bool) -> str:
        return f"TEE gw:{format_address(self.family, self.gateway)}{f' oif={self.oif}' if self.oif else ''}"


@dataclass(frozen=True, slots=True)
class Tee6(Tee):
    """The same for IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
    family: ClassVar[int] = 6
