"""``-m tcp``: ports, flags and options of the TCP header. ``-p tcp`` loads it when one of its options is used.

It looks at this packet only. Whether the packet belongs to a connection is ``conntrack``'s to say.
A packet whose TCP header is cut short, or a fragment that begins at byte 8, is dropped at once, without any counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.packet import ACK, FIN, FLAG_NAMES, PSH, RST, SYN, TCP, URG, Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.ports import (
    Ports,
    exact,
    listed_ports,
    missing_header,
    port_options,
    port_range,
    port_tests,
    simplified,
    with_header,
)
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

FLAG_ORDER = ((FIN, "FIN"), (SYN, "SYN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"), (URG, "URG"))
ALL_FLAGS = FIN | SYN | RST | PSH | ACK | URG
FLAG_BITS = {name: bit for bit, name in FLAG_ORDER} | {"ALL": ALL_FLAGS, "NONE": 0}
SYN_ONLY = (FIN | SYN | RST | ACK, SYN)
"""What ``--syn`` is short for: of these four flags, SYN alone."""
OVERLAP = 8
"""bytes: a fragment from here could overwrite the flags of the first one."""


def read_flags(mask: str, comp: str) -> tuple[int, int]:
    bits = []
    for text in (mask, comp):
        value = 0
        for name in filter(None, text.split(",")):
            if name.upper() not in FLAG_BITS:
                raise Unreadable(f"Unknown TCP flag `{name}'", hint="flags: SYN ACK FIN RST URG PSH ALL NONE")
            value |= FLAG_BITS[name.upper()]
        bits.append(value)
    return bits[0], bits[1]


def read_option(text: str) -> int:
    value = number(text, 1, 255)
    if value is None:
        raise Unreadable(f'Bad TCP option "{text}"')
    return value


def flag_text(bits: int) -> str:
    return ",".join(name for bit, name in FLAG_ORDER if bits & bit) or "NONE"


def judge_flags(value: tuple[int, int], context: Context) -> tuple[bool, str]:
    mask, comp = value
    flags = context.packet.flags
    named = [name for bit, name in FLAG_NAMES if flags & bit]
    return flags & mask == comp, f"the flags are {','.join(named)}" if named else "no flag is set"


def option_kinds(packet: Packet) -> list[int] | None:
    """The kinds of the TCP options in the header; None when the header is longer than the packet or shorter than a header can be."""
    end = packet.l4 + packet.doff
    if packet.doff < 20 or end > len(packet.raw):
        return None
    options = packet.raw[packet.l4 + 20 : end]
    kinds = []
    at = 0
    while at < len(options):
        kind = options[at]
        kinds.append(kind)
        if kind < 2 or at + 1 >= len(options):
            at += 1
        else:
            at += options[at + 1] or 1
    return kinds


def judge_option(kind: int, context: Context) -> tuple[bool, str]:
    kinds = option_kinds(context.packet)
    if kinds is None:
        return False, "the TCP options are cut short: the packet is dropped at once"
    listed = ", ".join(map(str, dict.fromkeys(kinds)))
    return kind in kinds, f"the TCP options are of kind {listed}" if listed else "the header has no TCP option"


def told_flags(value: tuple[int, int], negated: bool) -> str:
    """What a rule says that asks for flags."""
    mask, comp = value
    if value == SYN_ONLY:
        return f"that {'do not ' if negated else ''}open a connection (SYN is set, and ACK, RST, FIN are not)"
    parts = [f"{flag_text(bits)} set" for bits in (comp,) if bits] + [f"{flag_text(bits)} not set" for bits in (mask & ~comp,) if bits]
    return f"with{'out' if negated else ''} {' and '.join(parts) or 'any flags'}"


def flags_unsaved(given: Given[tuple[int, int]]) -> bool:
    # With an empty mask the flags are never looked at; the tool keeps what they should be, but does not print it.
    return not given.value[0] and not given.negated


SPORT, DPORT = port_options(lambda text: port_range(text, "tcp"))


@dataclass(frozen=True, slots=True)
class Tcp(OptionMatch):
    """The ports, flags and options of a TCP header."""

    name: ClassVar[str] = "tcp"
    protocol: ClassVar[int] = TCP
    meaning: ClassVar[str] = "ports, flags and options of the TCP header (needs -p tcp)"
    words: ClassVar[Wording] = {
        "sport": "from {port}|from any port but {to}",
        "dport": "to {port}|to any port but {to}",
        "option": "with the TCP option {}|without the TCP option {}",
        "flags": told_flags,
    }
    options: ClassVar[tuple[Option, ...]] = (
        SPORT,
        DPORT,
        Option(field="option", names=("tcp-option",), argument="KIND", read=read_option, judge=judge_option,
               meaning="the TCP option of this kind (1 to 255) is present: 2 is MSS, 3 window scale, 8 timestamps"),
        Option(field="flags", names=("tcp-flags",), argument="MASK SET", arguments=2, read=read_flags, judge=judge_flags,
               write=lambda value: f"{flag_text(value[0])} {flag_text(value[1])}", unsaved=flags_unsaved,
               meaning="of the flags in MASK exactly those in SET are set (SYN,ACK,FIN,RST,URG,PSH or ALL or NONE)"),
        Option(field="flags", names=("syn",), arguments=0, read=lambda: SYN_ONLY, judge=judge_flags,
               meaning="SYN is set, and ACK, RST, FIN are not: the packet opens a connection (--tcp-flags SYN,RST,ACK,FIN SYN)"),
    )  # fmt: skip

    sport: Ports = None
    dport: Ports = None
    option: Given[int] | None = None
    flags: Given[tuple[int, int]] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        kept = dict(given)
        simplified(kept)
        if kept.get("flags") == ((0, 0), False):
            del kept["flags"]
        return cls(**kept)

    @classmethod
    def repeated(cls, option: Option) -> str:
        if option.field == "flags":
            return "Only one of `--syn' or `--tcp-flags'  allowed"
        return f"Only one `--{option.names[0]}' allowed"

    def compile(self) -> Test:
        tests = port_tests(self.sport, self.dport)
        if self.flags is not None:
            (mask, comp), negated = self.flags
            tests.append((lambda c: c.packet.flags & mask != comp) if negated else (lambda c: c.packet.flags & mask == comp))
        if self.option is not None:
            tests.append(self._option_test(self.option))
        return with_header(tests, OVERLAP)

    @staticmethod
    def _option_test(option: Given[int]) -> Test:
        kind, negated = option

        def test(context: Context) -> bool:
            kinds = option_kinds(context.packet)
            if kinds is None:
                context.hot_drop = True
                return False
            return (kind in kinds) != negated

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        missing = missing_header("tcp", context, OVERLAP)
        if missing:
            return missing
        found = OptionMatch.conditions(self, context)
        if self.option is not None and option_kinds(context.packet) is None:
            # Cut short is false even when negated: the packet is dropped, not matched.
            return tuple(c._replace(held=False) if "--tcp-option" in c.text else c for c in found)
        return found

    def exact_ports(self) -> tuple[int | None, int | None]:
        return exact(self.sport), exact(self.dport)

    def listing(self, numeric: bool) -> str:
        found = ["tcp", *listed_ports(self.sport, self.dport, "tcp", numeric)]
        if self.option is not None:
            found.append(f"option={'!' if self.option.negated else ''}{self.option.value}")
        if self.flags is not None and not flags_unsaved(self.flags):
            (mask, comp), negated = self.flags
            shown = f"0x{mask:02X}/0x{comp:02X}" if numeric else f"{flag_text(mask)}/{flag_text(comp)}"
            found.append(f"flags:{'!' if negated else ''}{shown}")
        return " ".join(found)
