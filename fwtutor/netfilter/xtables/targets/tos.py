"""``-j TOS``: bits of the TOS byte (IPv6: of the traffic class) are changed, and the walk goes on. Only in mangle.

Whatever it is told, it takes some bits away and turns some around: (byte and not mask) xor value. It is listed so. A name
means the four bits the byte was for once, and clears the lower six before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.changing import with_tos
from fwtutor.netfilter.hooks import MANGLE
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.tos import NAMES, name_of, read_tos, write_tos
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording, changed


def _bits(name: str, meaning: str) -> Option:
    return Option(field=name, names=(f"{name}-tos",), argument="BITS", read=bounded("TOS", f"{name}-tos", 0, 0xFF), invertible=False,
                  meaning=meaning)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TosTarget(OptionTarget, ActingTarget):
    """Another TOS byte."""

    name: ClassVar[str] = "TOS"
    tables: ClassVar[tuple[str, ...]] = (MANGLE,)
    meaning: ClassVar[str] = "bits of the TOS byte, or traffic class, are changed"
    words: ClassVar[Wording] = {
        "set": lambda change, negated: changed(change[0], change[1], "their TOS byte", 0xFF),
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="set", names=("set-tos",), argument="VALUE[/MASK]|NAME", read=read_tos, write=write_tos, invertible=False,
               meaning=f"the bits in the mask go, then those of the value turn around; names: {' '.join(NAMES)}"),
        _bits("and", "only these bits stay"), _bits("or", "these bits are set"), _bits("xor", "these bits turn around"),
    )  # fmt: skip

    value: int = 0
    mask: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("TOS: An action is required")
        cls.exclude(given, "set", "and", "or", "xor")
        ((field, (value, _)),) = given.items()
        match field:
            case "and":
                return cls(0, ~value & 0xFF)
            case "or":
                return cls(value, value)
            case "xor":
                return cls(value, 0)
        return cls(*value)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[0], Given((self.value, self.mask)))]

    def act(self, context: Context) -> bool:
        before = context.packet.tos
        after = before & ~self.mask ^ self.value
        if after != before:
            context.packet = with_tos(context.packet, after)
        return True

    def listing(self, numeric: bool) -> str:
        value, mask = self.value, self.mask
        if numeric:
            return f"TOS set {write_tos((value, mask))}"
        if name := name_of((value, mask)):
            # The tool leaves the blank before it, and none between.
            return f" TOS set{name}"
        if not value:
            return f"TOS and 0x{~mask & 0xFF:02x}"
        if value == mask:
            return f"TOS or 0x{value:02x}"
        return f"TOS set {write_tos((value, mask))}" if mask else f"TOS xor 0x{value:02x}"
