"""``-m ecn``: explicit congestion notification: the two bits in the IP header, and ECE and CWR among TCP's flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.packet import CWR, ECE, TCP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.headers import as_transport
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

_FLAGS, _HEADER = 13, 20


def flags_of(context: Context) -> int | None:
    """TCP's flags; None where the packet ends before the end of its header."""
    packet = context.packet
    at = as_transport(packet)
    return packet.raw[at + _FLAGS] if at + _HEADER <= len(packet.raw) else None


def _flag(field: str, bit: int) -> Option:
    def judge(value: bool, context: Context) -> tuple[bool, str]:
        flags = flags_of(context) or 0
        return bool(flags & bit), f"the {field.upper()} flag is {'set' if flags & bit else 'not set'}"

    return Option(
        field=field, names=(f"ecn-tcp-{field}",), arguments=0, read=lambda: True, judge=judge,
        meaning=f"the {field.upper()} flag is set (needs -p tcp)",
    )  # fmt: skip


def judge_ect(value: int, context: Context) -> tuple[bool, str]:
    bits = context.packet.tos & 3
    return bits == value, f"the ECN bits of the IP header are {bits}"


@dataclass(frozen=True, slots=True)
class Ecn(OptionMatch):
    """The bits of explicit congestion notification."""

    name: ClassVar[str] = "ecn"
    meaning: ClassVar[str] = "the bits of explicit congestion notification"
    words: ClassVar[Wording] = {
        "ece": "with TCP's ECE flag|without TCP's ECE flag",
        "cwr": "with TCP's CWR flag|without TCP's CWR flag",
        "ect": "whose ECN bits are~ {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        _flag("ece", ECE),
        _flag("cwr", CWR),
        Option(field="ect", names=("ecn-ip-ect",), argument="0..3", read=bounded("ecn", "ecn-ip-ect", 0, 3), judge=judge_ect,
               meaning="the two ECN bits of the IP header are this number"),
    )  # fmt: skip

    ece: Given[bool] | None = None
    cwr: Given[bool] | None = None
    ect: Given[int] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("ECN match: some option required", hint="--ecn-tcp-ece, --ecn-tcp-cwr or --ecn-ip-ect")
        return cls(**given)

    def misplaced(self, header: Header) -> str:
        if (self.ece is not None or self.cwr is not None) and (header.protocol != TCP or header.protocol_not):
            return "-m ecn looks at TCP's flags only in a rule that says -p tcp"
        return ""

    def compile(self) -> Test:
        judged = OptionMatch.compile(self)
        if self.ece is None and self.cwr is None:
            return judged
        return lambda context: flags_of(context) is not None and judged(context)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = OptionMatch.conditions(self, context)
        if flags_of(context) is None:
            cut = "the TCP header is cut short"
            return tuple(each._replace(held=False, because=cut) if "-tcp-" in each.text else each for each in found)
        return found

    def listing(self, numeric: bool) -> str:
        words = [f"{'!' if given.negated else ''}{word}" for word, given in (("ECE", self.ece), ("CWR", self.cwr)) if given is not None]
        if self.ect is not None:
            words.append(f"{'!' if self.ect.negated else ''}ECT={self.ect.value}")
        return f"ECN match {' '.join(words)}"
