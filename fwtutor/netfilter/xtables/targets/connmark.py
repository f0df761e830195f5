"""``-j CONNMARK``: the mark of the packet's connection is changed, or copied from the packet's mark (``--save-mark``) or to it
(``--restore-mark``), and the walk goes on. So all packets of a connection can be given what was found out about its first.

Masks choose the bits: what is copied are the bits of the source under its mask, and the bits of the destination under its mask
go before. The result can be shifted: of ``--set-mark`` the whole new mark, of the copies what is copied.

A packet without an entry (INVALID, UNTRACKED, or before it is tracked) is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.mark import ALL_BITS
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget, Header
from fwtutor.netfilter.xtables.targets.mark import listed, operations, value_and_mask, write_xmark
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import changed

MOST_SHIFT = 32
"""The tool takes it; the kernel refuses it."""
OPERATIONS = ("set_mark", "save", "restore", "and_mark", "or_mark", "xor_mark", "set_xmark")


def _bits(field: str, name: str, meaning: str, most: int = ALL_BITS) -> Option:
    return Option(field=field, names=(name,), argument="BITS", read=bounded("CONNMARK", name, 0, most), invertible=False, meaning=meaning)


def _copy(field: str, name: str, meaning: str) -> Option:
    return Option(field=field, names=(name,), arguments=0, read=lambda: True, invertible=False, meaning=meaning)


@dataclass(frozen=True, slots=True)
class ConnmarkTarget(OptionTarget, ActingTarget):
    """The connection's mark changes."""

    name: ClassVar[str] = "CONNMARK"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "the connection's mark is changed, or copied from or to the packet's"
    options: ClassVar[tuple[Option, ...]] = (
        *operations("CONNMARK", "the connection's mark"),
        _copy("save", "save-mark", "the packet's mark becomes the connection's"),
        _copy("restore", "restore-mark", "the connection's mark becomes the packet's"),
        _bits("left", "left-shift-mark", "the new mark, or what is copied, is shifted to the left", MOST_SHIFT),
        _bits("right", "right-shift-mark", "the same to the right", MOST_SHIFT),
        _bits("ctmask", "ctmask", "of a copy: bits of the connection's mark"),
        _bits("nfmask", "nfmask", "of a copy: bits of the packet's mark"),
        _bits("mask", "mask", "of a copy: bits of both"),
    )

    mode: str = "set"
    """"set", "save" or "restore"."""
    value: int = 0
    ctmask: int = ALL_BITS
    nfmask: int = ALL_BITS
    shift: int = 0
    to_the_right: bool = False

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not any(field in given for field in OPERATIONS):
            raise Unreadable("CONNMARK target: No operation specified")
        cls.exclude(given, *OPERATIONS)
        cls.exclude(given, "ctmask", "mask")
        cls.exclude(given, "nfmask", "mask")
        made: dict[str, Any] = {}
        # In the order in which they were written: a mask behind the operation takes the place of the operation's own.
        for field, (value, _) in given.items():
            if field in ("save", "restore"):
                made["mode"] = field
            elif field in ("left", "right"):
                made |= {"shift": value, "to_the_right": field == "right"}
            elif field in ("ctmask", "nfmask"):
                made[field] = value
            elif field == "mask":
                made |= {"ctmask": value, "nfmask": value}
            else:
                made["value"], made["ctmask"] = value_and_mask(field, value)
        return cls(**made)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return []

    def phrases(self) -> list[str]:
        shift = f", shifted {'right' if self.to_the_right else 'left'} by {self.shift}" if self.shift else ""
        if self.mode == "set":
            return [changed(self.value, self.ctmask, "their connection's mark") + shift]
        bits = "" if self.nfmask == self.ctmask == ALL_BITS else f" (bits {self.nfmask:#x} of theirs, {self.ctmask:#x} of the connection's)"
        return [f"{'give their mark to' if self.mode == 'save' else 'take the mark of'} their connection{bits}{shift}"]

    def misplaced(self, header: Header) -> str:
        return "a mark has 32 bits: nothing is left when it is shifted by so many" if self.shift >= MOST_SHIFT else ""

    def act(self, context: Context) -> bool:
        entry = context.entry
        if entry is None:
            return True
        if self.mode == "set":
            mark = self._shifted(entry.mark & ~self.ctmask ^ self.value)
        elif self.mode == "save":
            mark = entry.mark & ~self.ctmask ^ self._shifted(context.mark & self.nfmask)
        else:
            context.mark = context.mark & ~self.nfmask ^ self._shifted(entry.mark & self.ctmask)
            return True
        if mark != entry.mark:
            context.entry = entry._replace(mark=mark)
        return True

    def _shifted(self, mark: int) -> int:
        return mark >> self.shift if self.to_the_right else mark << self.shift & ALL_BITS

    def _shift_words(self, dashes: str) -> str:
        return f" {dashes}{'right' if self.to_the_right else 'left'}-shift-mark {self.shift}" if self.shift else ""

    def save(self) -> str:
        if self.mode == "set":
            said = f"--set-xmark {write_xmark((self.value, self.ctmask))}"
        else:
            said = f"--{self.mode}-mark --nfmask 0x{self.nfmask:x} --ctmask 0x{self.ctmask:x}"
        return said + self._shift_words("--")

    def listing(self, numeric: bool) -> str:
        if self.mode == "set":
            said = listed(self.value, self.ctmask)
        elif self.nfmask == self.ctmask:
            said = self.mode + (f" mask 0x{self.nfmask:x}" if self.nfmask != ALL_BITS else "")
        elif self.mode == "save":
            said = f"save nfmask 0x{self.nfmask:x} ctmask ~0x{self.ctmask:x}"
        else:
            said = f"restore ctmask 0x{self.ctmask:x} nfmask ~0x{self.nfmask:x}"
        return f"CONNMARK {said}{self._shift_words('')}"
