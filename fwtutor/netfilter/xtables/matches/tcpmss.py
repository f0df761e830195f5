"""``-m tcpmss``: the largest segment (MSS) a TCP header announces. One that announces none has none: only ``!`` fits it.

A packet whose TCP header is cut short, or shorter than one can be, is dropped at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.packet import TCP, Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.headers import Absent, HeaderMatch, as_transport
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.values import format_range, number_range
from fwtutor.netfilter.xtables.wording import Wording

MOST = 0xFFFF
Range = tuple[int, int]
_HEADER, _MSS, _SIZE = 20, 2, 4


def read_mss(text: str) -> Range:
    low, high = number_range(text, "tcpmss", "mss", MOST)
    if low > high:
        raise Unreadable("tcpmss: invalid range given")
    return low, high


def header_end(packet: Packet) -> int | None:
    """Where the TCP header says it ends; None where it does not hold together. A later fragment is read as if it began with one."""
    at = as_transport(packet)
    if at + _HEADER > len(packet.raw):
        return None
    size = (packet.raw[at + 12] >> 4) * 4
    return at + size if size >= _HEADER and at + size <= len(packet.raw) else None


def mss_of(packet: Packet) -> int | None:
    """The MSS announced; None where there is none."""
    end = header_end(packet)
    at = as_transport(packet) + _HEADER
    raw = packet.raw
    while end is not None and at < end:
        if raw[at] == _MSS and end - at >= _SIZE and raw[at + 1] == _SIZE:
            return raw[at + 2] << 8 | raw[at + 3]
        at += 1 if raw[at] < 2 or at + 1 >= end else raw[at + 1] or 1
    return None


def judge_mss(value: Range, context: Context) -> tuple[bool, str]:
    mss = mss_of(context.packet)
    if mss is None:
        return False, "the TCP header announces no MSS"
    return value[0] <= mss <= value[1], f"the MSS announced is {mss}"


@dataclass(frozen=True, slots=True)
class TcpMss(HeaderMatch):
    """The MSS announced."""

    name: ClassVar[str] = "tcpmss"
    protocol: ClassVar[int] = TCP
    meaning: ClassVar[str] = "the MSS that a TCP header announces (needs -p tcp)"
    words: ClassVar[Wording] = {
        "mss": "that announce an MSS of {to}|that do not announce an MSS of {to}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="mss", names=("mss",), argument="BYTES[:BYTES]", read=read_mss, write=format_range, judge=judge_mss, required=True,
               meaning="the MSS announced is this number, or in this range"),
    )  # fmt: skip

    mss: Given[Range]

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return Absent("the TCP header is cut short: the packet is dropped at once", True) if header_end(packet) is None else None

    def listing(self, numeric: bool) -> str:
        return f"tcpmss match {'!' if self.mss.negated else ''}{format_range(self.mss.value)}"
