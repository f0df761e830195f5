"""``-m ipcomp``: which way of compression (CPI) a packet of IP payload compression names. ``-p ipcomp`` loads it.

Without ``--ipcompspi`` the tool asks for number 0. ``--compres`` is kept and listed, and the kernel looks at nothing for it. A packet
that ends inside the header is dropped at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.matches.headers import ALL, Absent, HeaderMatch, Range, listed_range, range_option, transport, word
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.wording import Wording

IPCOMP = 108
SIZE = 4
NONE = Given((0, 0))


@dataclass(frozen=True, slots=True)
class IpComp(HeaderMatch):
    """The CPI of a compressed packet."""

    name: ClassVar[str] = "ipcomp"
    protocol: ClassVar[int] = IPCOMP
    meaning: ClassVar[str] = "the CPI of a packet with IP payload compression (needs -p ipcomp)"
    words: ClassVar[Wording] = {
        "": "with an IPComp header",
        "spi": "whose CPI there is~ {to}",
        "reserved": "+(with reserved bits, at which nobody looks)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        range_option("ipcomp", "ipcompspi", "the CPI is this, or in this range", "CPI", lambda packet: word(packet, packet.l4 + 2, 2)),
        Option(field="reserved", names=("compres",), arguments=0, read=lambda: True, invertible=False,
               meaning="nothing: the kernel does not look at it"),
    )  # fmt: skip

    spi: Given[Range] = NONE
    reserved: Given[bool] | None = None

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return transport(packet, SIZE, "IPComp")

    def listing(self, numeric: bool) -> str:
        plain = self.spi == Given(ALL)
        return f"comp {'' if plain else listed_range('spi', self.spi)}{' reserved' if self.reserved is not None else ''}"
