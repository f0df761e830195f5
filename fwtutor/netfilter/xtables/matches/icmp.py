"""``-m icmp``: the type and code of an ICMP message. ``-p icmp`` loads it when its option is used.

A type alone takes every code. Type 255, written ``any``, takes every message.
A packet whose ICMP header is cut short is dropped at once, without any counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.packet import ICMP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.ports import missing_header, with_header
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import number

Names = tuple[tuple[str, int, int | None], ...]

ANY = 255
TYPES: Names = (
    ("any", ANY, None), ("echo-reply", 0, None), ("pong", 0, None), ("destination-unreachable", 3, None), ("network-unreachable", 3, 0),
    ("host-unreachable", 3, 1), ("protocol-unreachable", 3, 2), ("port-unreachable", 3, 3), ("fragmentation-needed", 3, 4),
    ("source-route-failed", 3, 5), ("network-unknown", 3, 6), ("host-unknown", 3, 7), ("network-prohibited", 3, 9),
    ("host-prohibited", 3, 10), ("TOS-network-unreachable", 3, 11), ("TOS-host-unreachable", 3, 12),
    ("communication-prohibited", 3, 13), ("host-precedence-violation", 3, 14), ("precedence-cutoff", 3, 15), ("source-quench", 4, None),
    ("redirect", 5, None), ("network-redirect", 5, 0), ("host-redirect", 5, 1), ("TOS-network-redirect", 5, 2),
    ("TOS-host-redirect", 5, 3), ("echo-request", 8, None), ("ping", 8, None), ("router-advertisement", 9, None),
    ("router-solicitation", 10, None), ("time-exceeded", 11, None), ("ttl-exceeded", 11, None), ("ttl-zero-during-transit", 11, 0),
    ("ttl-zero-during-reassembly", 11, 1), ("parameter-problem", 12, None), ("ip-header-bad", 12, 0),
    ("required-option-missing", 12, 1), ("timestamp-request", 13, None), ("timestamp-reply", 14, None),
    ("address-mask-request", 17, None), ("address-mask-reply", 18, None),
)  # fmt: skip
"""Names, types and codes (None: every code) in the tool's order. A beginning of a name will do when only one begins so."""

Kind = tuple[int, int | None]


def read_kind(text: str, types: Names, what: str) -> Kind:
    """A type by its name or in numbers. ``what``: how the tool calls the protocol."""
    fitting = [line for line in types if line[0].lower().startswith(text.lower())]
    if len(fitting) > 1:
        raise Unreadable(f"Ambiguous {what} type `{text}': `{fitting[0][0]}' or `{fitting[1][0]}'?")
    if fitting:
        return fitting[0][1:]
    type_text, slash, code_text = text.partition("/")
    type = number(type_text, 0, 255)
    if type is None:
        raise Unreadable(f"Unknown {what} type `{text}'", hint=nearest(text, [line[0] for line in types], "names"))
    code = number(code_text, 0, 255) if slash else None
    if slash and code is None:
        raise Unreadable(f"Unknown {what} code `{text}'")
    return type, code


def write_kind(kind: Kind) -> str:
    return str(kind[0]) if kind[1] is None else f"{kind[0]}/{kind[1]}"


def _name(kind: Kind, types: Names) -> str:
    """The name of a type, or of a type and code; "" if it has none."""
    return next((name for name, type, code in types if (type, code) == kind), "")


def judged(kind: Kind, context: Context, types: Names) -> tuple[bool, str]:
    """Whether the message is of that kind, and of which kind it is."""
    type, code = context.packet.icmp_type, context.packet.icmp_code
    name = _name((type, code), types) or _name((type, None), types)
    said = f"the message is type {type} code {code}" + (f", {name}" if name else "")
    return type == kind[0] and kind[1] in (None, code), said


def kind_test(given: Given[Kind] | None) -> Test:
    """A function that says whether the message is of that kind."""
    if given is None:
        return with_header([])
    (type, code), negated = given
    if code is None:
        return with_header([(lambda c: c.packet.icmp_type != type) if negated else (lambda c: c.packet.icmp_type == type)])
    if negated:
        return with_header([lambda c: c.packet.icmp_type != type or c.packet.icmp_code != code])
    return with_header([lambda c: c.packet.icmp_type == type and c.packet.icmp_code == code])


def listed(given: Given[Kind] | None, types: Names, word: str, numeric: bool) -> str:
    """As ``-L`` prints it. ``word``: how it calls the protocol."""
    if given is None:
        return ""
    (type, code), negated = given
    name = "" if numeric else _name((type, code), types)
    if name:
        return f"{word} {'!' if negated else ''}{name}"
    shown = f"{word} !type {type}" if negated else f"{word}type {type}"
    return shown if code is None else f"{shown} code {code}"


def read_type(text: str) -> Kind:
    return read_kind(text, TYPES, "ICMP")


def write_type(kind: Kind) -> str:
    return "any" if kind[0] == ANY else write_kind(kind)


def judge_type(kind: Kind, context: Context) -> tuple[bool, str]:
    fits, said = judged(kind, context, TYPES)
    return kind[0] == ANY or fits, said


@dataclass(frozen=True, slots=True)
class Icmp(OptionMatch):
    """The type and code of an ICMP message."""

    name: ClassVar[str] = "icmp"
    protocol: ClassVar[int] = ICMP
    meaning: ClassVar[str] = "type and code of an ICMP message (needs -p icmp)"
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("icmp-type",), argument="TYPE[/CODE]|NAME", read=read_type, write=write_type, judge=judge_type,
               required=True, meaning="the message is of this type (and code): 8 or echo-request, 3/3 or port-unreachable, any"),
    )  # fmt: skip

    type: Given[Kind] | None = None

    def compile(self) -> Test:
        if self.type is not None and self.type.value[0] == ANY:
            return with_header([lambda c: False] if self.type.negated else [])
        return kind_test(self.type)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return missing_header("icmp", context) or OptionMatch.conditions(self, context)

    def listing(self, numeric: bool) -> str:
        return listed(self.type, TYPES, "icmp", numeric)
