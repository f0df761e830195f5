"""``-m ipv6header``: which extension headers an IPv6 packet has: exactly these, or with ``--soft`` these and perhaps others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.names import protocol_number
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

ESP, PROTOCOL = 50, 255
"""PROTOCOL stands for a header that is none of the others."""
BITS = {
    exthdrs.HOP_BY_HOP: 0x80, exthdrs.DESTINATION: 0x40, exthdrs.ROUTING: 0x20, exthdrs.FRAGMENT: 0x10, exthdrs.AUTHENTICATION: 0x08,
    ESP: 0x04, exthdrs.NONE: 0x02, PROTOCOL: 0x01,
}  # fmt: skip
NAMES = {
    "hop-by-hop": 0, "ipv6-opts": 60, "ipv6-route": 43, "ipv6-frag": 44, "ah": 51, "esp": 50, "ipv6-nonxt": 59, "protocol": 255,
    "hop": 0, "dst": 60, "route": 43, "frag": 44, "auth": 51, "none": 59, "prot": 255,
}  # fmt: skip
_PRINTED = tuple(NAMES)[: len(BITS)]


def read_headers(text: str) -> int:
    if not text.strip(","):
        raise Unreadable("ip6t_ipv6header: cannot parse header names")
    bits = 0
    for name in filter(None, text.split(",")):
        known = NAMES.get(name)
        if known is None:
            known = protocol_number(name) if name not in ("all", "ip", "IP") else None
            known = number(name, 0, 255) if known is None else known
        if known not in BITS:
            raise Unreadable(f"unknown header `{name if known is None else known}' specified", hint=nearest(name, NAMES, "headers"))
        bits |= BITS[known]
    return bits


def write_headers(bits: int) -> str:
    return ",".join(name for name in _PRINTED if BITS[NAMES[name]] & bits)


def headers_of(packet: Packet) -> int | str:
    """The headers there are, as bits; or why that is not known."""
    raw, protocol, at, bits = packet.raw, packet.raw[6], exthdrs.FIXED, 0
    while protocol in exthdrs.EXTENSIONS or protocol in (ESP, exthdrs.NONE):
        if protocol == exthdrs.NONE:
            return bits | BITS[protocol]
        if at + 2 > len(raw):
            return "its extension headers are cut short"
        bits |= BITS[protocol]
        if protocol == ESP:
            return bits
        protocol, at = raw[at], at + (8 if protocol == exthdrs.FRAGMENT else exthdrs.length(protocol, raw, at))
        if at > len(raw):
            break
    return bits if protocol in (ESP, exthdrs.NONE) else bits | BITS[PROTOCOL]


@dataclass(frozen=True, slots=True)
class Ipv6Header(OptionMatch):
    """The extension headers."""

    name: ClassVar[str] = "ipv6header"
    meaning: ClassVar[str] = "which extension headers an IPv6 packet has"
    words: ClassVar[Wording] = {
        "headers": "with the extension headers {} and no others|with other extension headers than {}",
        "soft": "+(or with these and more)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="headers", names=("header",), argument="HEADER[,...]", read=read_headers, write=write_headers, required=True,
               meaning=f"exactly these: {' '.join(_PRINTED)} (protocol is any other)"),
        Option(field="soft", names=("soft",), arguments=0, read=lambda: True, invertible=False, meaning="these, and perhaps others"),
    )  # fmt: skip

    headers: Given[int]
    soft: Given[bool] | None = None

    def decide(self, packet: Packet) -> tuple[bool, str]:
        found = headers_of(packet)
        if isinstance(found, str):
            return False, found
        wanted, negated = self.headers
        said = f"its headers are {write_headers(found)}"
        if self.soft is None:
            return (found == wanted) != negated, said
        # With a "!" none of them may be there.
        return not (found & wanted if negated else ~found & wanted), said

    def compile(self) -> Test:
        return lambda context: self.decide(context.packet)[0]

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return (Condition(self.save(), *self.decide(context.packet)),)

    def listing(self, numeric: bool) -> str:
        bits, negated = self.headers
        said = f"0x{bits:02X}" if numeric else write_headers(bits)
        return f"ipv6header flags:{'!' if negated else ''}{said}{' soft' if self.soft is not None else ''}"
