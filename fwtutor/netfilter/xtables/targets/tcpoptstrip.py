"""``-j TCPOPTSTRIP``: options of a TCP segment are overwritten with fillers, and the walk goes on. Only in mangle, and with ``-p tcp``.

The header stays as long as it was. The end of the options is passed like any filler, and an option of no length too; one that would be
longer than the header ends the search. A header cut short is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.changing import header_size, without_options
from fwtutor.netfilter.hooks import MANGLE
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget, Header
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

KINDS = {"wscale": 3, "mss": 2, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19}


def read_kinds(text: str) -> frozenset[int]:
    kinds: set[int] = set()
    for word in text.split(","):
        kind = KINDS.get(word)
        if kind is None:
            kind = number(word, 0, 255)
            if kind is None:
                raise Unreadable(f'Bad TCP option value "{word}"', hint=f"names: {', '.join(KINDS)}")
            if kind < 2:
                raise Unreadable("Option value may not be 0 or 1")
        if kind in kinds:
            raise Unreadable(f'Option "{word}" already specified')
        kinds.add(kind)
    return frozenset(kinds)


def write_kinds(kinds: frozenset[int]) -> str:
    return ",".join(map(str, sorted(kinds)))


@dataclass(frozen=True, slots=True)
class TcpOptStrip(OptionTarget, ActingTarget):
    """TCP options made fillers."""

    name: ClassVar[str] = "TCPOPTSTRIP"
    tables: ClassVar[tuple[str, ...]] = (MANGLE,)
    flattens: ClassVar[bool] = True
    meaning: ClassVar[str] = "TCP options are overwritten with fillers (needs -p tcp)"
    words: ClassVar[Wording] = {
        "kinds": "lose the TCP options {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="kinds", names=("strip-options",), argument="KIND[,KIND]", read=read_kinds, write=write_kinds, invertible=False,
               meaning=f"these: numbers, or {', '.join(KINDS)}"),
    )  # fmt: skip

    kinds: Given[frozenset[int]] | None = None

    def misplaced(self, header: Header) -> str:
        return "" if header.protocol == TCP and not header.protocol_not else "-j TCPOPTSTRIP works only in a rule that says -p tcp"

    def act(self, context: Context) -> bool:
        packet = context.packet
        if packet.offset:
            return True
        size = header_size(packet)
        if size is None:
            return False
        context.packet = without_options(packet, size, self.kinds.value if self.kinds else frozenset())
        return True

    def listing(self, numeric: bool) -> str:
        kinds = sorted(self.kinds.value) if self.kinds else []
        names = {} if numeric else {kind: name for name, kind in KINDS.items()}
        return f"TCPOPTSTRIP options {','.join(names.get(kind, str(kind)) for kind in kinds)}" if kinds else ""
