"""``-m hbh`` and ``-m dst``: the hop-by-hop and the destination options of an IPv6 packet."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.headers import MOST, Absent, HeaderMatch, extension, extension_at
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.values import bounded
from fwtutor.netfilter.xtables.wording import Wording

LISTED = 16
ANY = 0xFF
"""Of a length: not looked at."""
PAD1 = 0
Wanted = tuple[tuple[int, int], ...]
"""Kinds and lengths."""
_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))")


def _read_number(text: str, what: str, match: str) -> int:
    """A number in C notation; of one too big the tool keeps a byte."""
    found = _NUMBER.match(text)
    if found is None:
        raise Unreadable(f"{match}: no valid digits in {what} `{text}'")
    sign, hexadecimal, octal, decimal = found.groups()
    value = int((hexadecimal or octal or decimal)[:40], 16 if hexadecimal else 8 if octal else 10)
    if value >= 2**64:
        raise Unreadable(f"{what} `{text}' specified too big: would overflow")
    if found.end() != len(text):
        raise Unreadable(f"{match}: error parsing {what} `{text}'")
    return (-value if sign == "-" else value) & 0xFF


def _read(match: str, padding: str) -> Callable[[str], Wanted]:
    def read(text: str) -> Wanted:
        found: list[tuple[int, int]] = []
        pieces = text.split(",")
        for piece in pieces[:LISTED]:
            kind, colon, length = piece.partition(":")
            number = _read_number(kind, "opt", match)
            if colon and number == PAD1:
                raise Unreadable(padding)
            found.append((number, _read_number(length, "length", match) if colon else ANY))
        if len(pieces) > LISTED:
            raise Unreadable("too many addresses specified", hint=f"{LISTED} options are the most")
        return tuple(found)

    return read


def write(value: Wanted) -> str:
    return ",".join(f"{kind}" if length == ANY else f"{kind}:{length}" for kind, length in value)


def begins_with(raw: bytes, at: int, end: int, wanted: Wanted) -> bool:
    """Whether the options from ``at`` on, in a header that ends at ``end``, begin with these."""
    for number, (kind, length) in enumerate(wanted):
        if at >= end or raw[at] != kind:
            return False
        size = 1
        if kind != PAD1:
            if at + 2 > end or length not in (ANY, raw[at + 1]):
                return False
            size = raw[at + 1] + 2
        if at + size > end and number < len(wanted) - 1:
            return False
        at += size
    return True


def listed(raw: bytes, at: int, end: int) -> str:
    """The options in words."""
    found = []
    while at < end:
        kind = raw[at]
        length = raw[at + 1] if kind != PAD1 and at + 2 <= end else 0
        found.append(f"{kind}:{length}" if kind != PAD1 else "0")
        at += 1 if kind == PAD1 else length + 2
    return ",".join(found)


def _options(match: str, protocol: int, padding: str) -> tuple[Option, ...]:
    def judge_length(value: int, context: Context) -> tuple[bool, str]:
        length = exthdrs.length(protocol, context.packet.raw, extension_at(context.packet, protocol))
        return length == value, f"the header has {length} bytes"

    def judge_options(value: Wanted, context: Context) -> tuple[bool, str]:
        raw, at = context.packet.raw, extension_at(context.packet, protocol)
        end = at + exthdrs.length(protocol, raw, at)
        return begins_with(raw, at + 2, end, value), f"its options are {listed(raw, at + 2, end)}"

    return (
        Option(field="length", names=(f"{match}-len",), argument="BYTES", read=bounded(match, f"{match}-len", 0, MOST),
               judge=judge_length, meaning="the header is so many bytes long"),
        Option(field="opts", names=(f"{match}-opts",), argument="KIND[:LENGTH][,...]", read=_read(match, padding), write=write,
               judge=judge_options, invertible=False, meaning="its options begin with these, in this order"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Options(HeaderMatch):
    """A header of options."""

    kind: ClassVar[int]
    said: ClassVar[str]

    length: Given[int] | None = None
    opts: Given[Wanted] | None = None

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        missing = extension(packet, cls.kind, 2, cls.said)
        if missing is None:
            at = extension_at(packet, cls.kind)
            if at + exthdrs.length(cls.kind, packet.raw, at) > len(packet.raw):
                return Absent(f"the packet ends before its {cls.said} do: it is dropped at once", True)
        return missing

    def listing(self, numeric: bool) -> str:
        words = [self.name]
        if self.length is not None:
            words.append(f"length:{'!' if self.length.negated else ''}{self.length.value}")
        return " ".join([*words, *([f"opts {write(self.opts.value)}"] if self.opts is not None else [])])


@dataclass(frozen=True, slots=True)
class HopByHop(_Options):
    """The hop-by-hop options."""

    name: ClassVar[str] = "hbh"
    kind: ClassVar[int] = exthdrs.HOP_BY_HOP
    said: ClassVar[str] = "hop-by-hop options"
    meaning: ClassVar[str] = "the hop-by-hop options of an IPv6 packet"
    words: ClassVar[Wording] = {
        "": "with hop-by-hop options",
        "length": "whose Hop-by-Hop header is~ {} bytes long",
        "opts": "that begin with the options {}|that do not begin with the options {}",
    }
    options: ClassVar[tuple[Option, ...]] = _options("hbh", exthdrs.HOP_BY_HOP, "PAD0 has not got length")


@dataclass(frozen=True, slots=True)
class Destination(_Options):
    """The destination options."""

    name: ClassVar[str] = "dst"
    kind: ClassVar[int] = exthdrs.DESTINATION
    said: ClassVar[str] = "destination options"
    meaning: ClassVar[str] = "the destination options of an IPv6 packet"
    words: ClassVar[Wording] = {
        "": "with destination options",
        "length": "whose Destination header is~ {} bytes long",
        "opts": "that begin with the options {}|that do not begin with the options {}",
    }
    options: ClassVar[tuple[Option, ...]] = _options("dst", exthdrs.DESTINATION, "PAD0 hasn't got length")
