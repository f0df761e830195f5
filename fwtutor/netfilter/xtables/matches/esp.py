"""``-m esp``: the number of the security association (SPI) an encrypted packet belongs to. ``-p esp`` loads it.

A packet that ends inside the header is dropped at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.matches.headers import Absent, HeaderMatch, Range, demanding, listed_range, range_option, transport, word
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.wording import Wording

ESP = 50
SIZE = 8
"""Bytes the kernel wants to see: SPI and sequence number."""


@dataclass(frozen=True, slots=True)
class Esp(HeaderMatch):
    """The SPI of an ESP header."""

    name: ClassVar[str] = "esp"
    protocol: ClassVar[int] = ESP
    meaning: ClassVar[str] = "the SPI of an IPsec packet's ESP header (needs -p esp)"
    words: ClassVar[Wording] = {
        "": "with an ESP header",
        "spi": "whose SPI there is~ {to}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        range_option("esp", "espspi", "the SPI is this number, or in this range", "SPI", lambda packet: word(packet, packet.l4, 4)),
    )

    spi: Given[Range] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        return cls(**demanding(given))

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return transport(packet, SIZE, "ESP")

    def listing(self, numeric: bool) -> str:
        return f"esp {listed_range('spi', self.spi)}".rstrip()
