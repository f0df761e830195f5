"""``-j NFLOG``: the packet is handed to a program that listens to the group, and the walk goes on. It decides nothing.

Nothing is written into the kernel's log; when nobody listens, nothing happens. ``--nflog-size`` is how much of the packet is
handed on, ``--nflog-threshold`` how many packets wait before they are. ``--nflog-range`` never did anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.values import bounded, quoted
from fwtutor.netfilter.xtables.wording import Wording

KEPT = {"legacy": 63, "nft": 127}
"""Bytes of a prefix."""
_WORD = 0xFFFFFFFF


def read_prefix(text: str) -> str:
    if not text:
        raise Unreadable("Argument must have a minimum length of 1 characters")
    if "\n" in text:
        raise Unreadable("Newlines not allowed in --log-prefix")
    return text


def _number(field: str, most: int, meaning: str) -> Option:
    name = f"nflog-{field}"
    return Option(field=field, names=(name,), argument="N", read=bounded("NFLOG", name, 0, most), invertible=False, meaning=meaning)


@dataclass(frozen=True, slots=True)
class Nflog(OptionTarget):
    """Handed to a program, and on to the next rule."""

    name: ClassVar[str] = "NFLOG"
    goes_on: ClassVar[bool] = True
    meaning: ClassVar[str] = "the packet is handed to the programs that listen to a group, and goes on to the next rule"
    words: ClassVar[Wording] = {
        "": "are handed to the programs that listen",
        "prefix": "with the words {}",
        "group": "to group {}",
        "range": "+(range {}, which has no effect)",
        "size": ";{} bytes of each",
        "threshold": ";{} at a time",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="prefix", names=("nflog-prefix",), argument="TEXT", read=read_prefix, write=quoted, invertible=False,
               meaning="a text to go with it"),
        _number("group", 0xFFFF, "the group (without the option: 0)"),
        _number("range", _WORD, "has no effect: use --nflog-size"),
        _number("size", _WORD, "how many bytes of the packet are handed on (without the option: all)"),
        _number("threshold", 0xFFFF, "how many packets wait for each other"),
    )  # fmt: skip

    prefix: str = ""
    group: int = 0
    range: int = 0
    size: int | None = None
    threshold: int = 0

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        cls.exclude(given, "range", "size")
        return cls(**{field: one.value for field, one in given.items()})

    def kept(self, variant: str) -> Nflog:
        prefix = self.prefix.encode(errors="surrogateescape")[: KEPT[variant]].decode(errors="surrogateescape")
        return replace(self, prefix=prefix, range=self.range if variant == "legacy" else 0)

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        found = [(option, getattr(self, option.field)) for option in self.options]
        return [(option, Given(value)) for option, value in found if value or (option.field == "size" and value is not None)]

    def listing(self, numeric: bool) -> str:
        return " ".join(option.text(given).removeprefix("--") for option, given in self.given() if not option.unsaved(given))
