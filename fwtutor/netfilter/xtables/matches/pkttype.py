"""``-m pkttype``: to whom the packet was addressed on the link it came by.

``unicast`` is to this machine, and what the box itself sends is of that kind too. What the box sends to many comes back to it
as a copy, which is ``multicast`` or ``broadcast`` by its destination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.wording import Wording

NAMES = {"unicast": "host", "broadcast": "broadcast", "multicast": "multicast", "otherhost": "otherhost"}
"""As they are listed, and what ``Context.link`` calls them."""
ALIASES = {"host": "unicast", "bcast": "broadcast", "mcast": "multicast"}


def read_kind(text: str) -> str:
    kind = ALIASES.get(text.lower(), text.lower())
    if kind not in NAMES:
        raise Unreadable(f"Bad packet type '{text}'", hint=nearest(text, NAMES, "types"))
    return kind


def judge_kind(value: str, context: Context) -> tuple[bool, str]:
    found = next(name for name, link in NAMES.items() if link == context.link)
    return value == found, f"on its link the packet is {found}"


@dataclass(frozen=True, slots=True)
class PacketType(OptionMatch):
    """To whom on the link."""

    name: ClassVar[str] = "pkttype"
    meaning: ClassVar[str] = "to whom the packet was addressed on its link"
    words: ClassVar[Wording] = {
        "kind": "whose frame was~ {}|whose frame was not {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="kind", names=("pkt-type",), argument="TYPE", read=read_kind, judge=judge_kind, required=True,
               choices=tuple(NAMES), meaning=f"it is of this type: {' '.join(NAMES)}"),
    )  # fmt: skip

    kind: Given[str]

    def compile(self) -> Test:
        link, negated = NAMES[self.kind.value], self.kind.negated
        return lambda context: (context.link == link) != negated

    def listing(self, numeric: bool) -> str:
        return f"PKTTYPE {'!=' if self.kind.negated else '='} {self.kind.value}"
