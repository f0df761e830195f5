"""``-j CHECKSUM``: a checksum that the sender left to its network card is reckoned, and the walk goes on. Only in mangle.

For virtual machines that cannot read UDP (DHCP) without one. Packets here always have theirs, so nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.hooks import MANGLE
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.wording import Wording

FILL = Given(True)


@dataclass(frozen=True, slots=True)
class Checksum(OptionTarget):
    """A checksum that was left open."""

    name: ClassVar[str] = "CHECKSUM"
    goes_on: ClassVar[bool] = True
    tables: ClassVar[tuple[str, ...]] = (MANGLE,)
    meaning: ClassVar[str] = "a checksum left to the network card is reckoned here (packets here always have theirs)"
    words: ClassVar[Wording] = {
        "": "get their checksum",
        "fill": "filled in",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="fill", names=("checksum-fill",), arguments=0, read=lambda: True, invertible=False, required=True,
               meaning="reckon it"),
    )  # fmt: skip

    fill: Given[bool] = FILL

    def listing(self, numeric: bool) -> str:
        return "CHECKSUM fill"
