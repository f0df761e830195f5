"""``-m ah``: the number of the security association (SPI) in an Authentication header.

In IPv4 that is a protocol, and ``-p ah`` loads the match. In IPv6 it is an extension header: the match looks for it among those, takes
no ``-p``, and knows the header's length and its reserved bytes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.matches.headers import (
    MOST,
    Absent,
    HeaderMatch,
    Range,
    demanding,
    extension,
    extension_at,
    listed_range,
    range_option,
    transport,
    word,
)
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

AH = exthdrs.AUTHENTICATION
SIZE = 12
"""Bytes of the header without what authenticates."""


@dataclass(frozen=True, slots=True)
class Ah(HeaderMatch):
    """The SPI of an Authentication header in IPv4."""

    name: ClassVar[str] = "ah"
    protocol: ClassVar[int] = AH
    meaning: ClassVar[str] = "the SPI of an IPsec packet's Authentication header (needs -p ah)"
    words: ClassVar[Wording] = {
        "": "with an Authentication header",
        "spi": "whose SPI there is~ {to}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        range_option("ah", "ahspi", "the SPI is this number, or in this range", "SPI", lambda packet: word(packet, packet.l4 + 4, 4)),
    )

    spi: Given[Range] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        return cls(**demanding(given))

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return transport(packet, SIZE, "Authentication")

    def listing(self, numeric: bool) -> str:
        return f"ah {listed_range('spi', self.spi)}"


def _at(packet: Packet) -> int:
    return extension_at(packet, AH)


def judge_length(value: int, context: Context) -> tuple[bool, str]:
    length = exthdrs.length(AH, context.packet.raw, _at(context.packet))
    # 0 is "any" to the kernel, whatever stands before it.
    return length == value, f"the Authentication header says that it has {length} bytes"


def judge_reserved(value: bool, context: Context) -> tuple[bool, str]:
    reserved = word(context.packet, _at(context.packet) + 2, 2)
    return not reserved, f"the reserved bytes are {reserved:#06x}" if reserved else "the reserved bytes are 0"


@dataclass(frozen=True, slots=True)
class Ah6(HeaderMatch):
    """An IPv6 packet's Authentication header."""

    name: ClassVar[str] = "ah"
    meaning: ClassVar[str] = "the Authentication header of an IPv6 packet"
    words: ClassVar[Wording] = {
        "": "with an Authentication header",
        "spi": "whose SPI there is~ {to}",
        "length": "whose Authentication header is~ {} bytes long",
        "reserved": "whose reserved bytes there are 0",
    }
    options: ClassVar[tuple[Option, ...]] = (
        range_option("ah", "ahspi", "the SPI is this number, or in this range", "SPI", lambda packet: word(packet, _at(packet) + 4, 4)),
        Option(field="length", names=("ahlen",), argument="BYTES", read=bounded("ah", "ahlen", 0, MOST), judge=judge_length,
               unsaved=lambda given: given == (0, False), meaning="the header is so many bytes long"),
        Option(field="reserved", names=("ahres",), arguments=0, read=lambda: True, judge=judge_reserved, invertible=False,
               meaning="the reserved bytes are 0"),
    )  # fmt: skip

    spi: Given[Range] | None = None
    length: Given[int] | None = None
    reserved: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        kept = demanding(given)
        if kept.get("length") == (0, False):
            del kept["length"]
        return cls(**kept)

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        missing = extension(packet, AH, SIZE, "Authentication")
        if missing is None and _at(packet) + exthdrs.length(AH, packet.raw, _at(packet)) > len(packet.raw):
            return Absent("the packet ends before its Authentication header does: it is dropped at once", True)
        return missing

    def listing(self, numeric: bool) -> str:
        # The tool puts no space between these two.
        length = "" if self.length is None else f"length:{'!' if self.length.negated else ''}{self.length.value}"
        return f"ah {listed_range('spi', self.spi)}{length}{' reserved' if self.reserved is not None else ''}"
