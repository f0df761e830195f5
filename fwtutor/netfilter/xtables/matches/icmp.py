"""``-m icmp``: the type and code of an ICMP message. ``-p icmp`` loads it when its option is used.

A type alone takes every code; of several codes the tool saves only the first. Type 255, written ``any``, takes every message.
A packet whose ICMP header is cut short is dropped at once, without any counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from fwtutor.netfilter.packet import ICMP
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.ports import missing_header, with_header
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

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


class Kind(NamedTuple):
    """A type, and the first and last of the codes it is to have."""

    type: int
    low: int = 0
    high: int = 255

    def holds(self, type: int, code: int) -> bool:
        return type == self.type and self.low <= code <= self.high


def _name(kind: Kind, types: Names) -> str:
    """The name of a type, or of a type and code; "" if it has none."""
    return next((name for name, type, code in types if _kind(type, code) == kind), "")


def _kind(type: int, code: int | None) -> Kind:
    return Kind(type) if code is None else Kind(type, code, code)


def _span(text: str, refusal: Unreadable) -> tuple[int, int]:
    """``8``, or ``8:9``."""
    values: list[int] = []
    rest = f":{text}"
    while rest.startswith(":") and len(values) < 2:
        found = leading_number(rest[1:], 0, 255)
        if found is None:
            raise refusal
        values.append(found[0])
        rest = found[1]
    if rest:
        # Of a letter of several bytes it is the first.
        letter = rest[0].encode(errors="surrogateescape")[:1].decode(errors="surrogateescape")
        raise Unreadable(f"unknown character {letter}", hint=refusal.hint)
    return values[0], values[-1]


def read_kind(text: str, types: Names, what: str) -> Kind:
    """A type by its name or in numbers. ``what``: how the tool calls the protocol."""
    fitting = [line for line in types if line[0].lower().startswith(text.lower())]
    if len(fitting) > 1:
        raise Unreadable(f"Ambiguous {what} type `{text}': `{fitting[0][0]}' or `{fitting[1][0]}'?")
    if fitting:
        return _kind(*fitting[0][1:])
    type_text, slash, code_text = text.partition("/")
    hint = nearest(text, [line[0] for line in types], "names")
    type, last = _span(type_text, Unreadable(f"Unknown {what} type `{text}'", hint=hint))
    codes = _span(code_text, Unreadable(f"Unknown {what} code `{text}'")) if slash else (0, 255)
    if type != last:
        raise Unreadable(f"{what} type range not supported")
    return Kind(type, *codes)


def write_kind(kind: Kind) -> str:
    """As the tool saves it: of several codes only the first."""
    return str(kind.type) if (kind.low, kind.high) == (0, 255) else f"{kind.type}/{kind.low}"


def judged(kind: Kind, context: Context, types: Names) -> tuple[bool, str]:
    """Whether the message is of that kind, and of which kind it is."""
    type, code = context.packet.icmp_type, context.packet.icmp_code
    name = _name(Kind(type, code, code), types) or _name(Kind(type), types)
    said = f"the message is type {type} code {code}" + (f", {name}" if name else "")
    return kind.holds(type, code), said


def kind_test(given: Given[Kind] | None) -> Test:
    """A function that says whether the message is of that kind."""
    if given is None:
        return with_header([])
    kind, negated = given
    type = kind.type
    if (kind.low, kind.high) == (0, 255):
        return with_header([(lambda c: c.packet.icmp_type != type) if negated else (lambda c: c.packet.icmp_type == type)])
    return with_header([lambda c: kind.holds(c.packet.icmp_type, c.packet.icmp_code) != negated])


def listed(given: Given[Kind] | None, types: Names, word: str, numeric: bool) -> str:
    """As ``-L`` prints it. ``word``: how it calls the protocol."""
    if given is None:
        return ""
    kind, negated = given
    name = "" if numeric else _name(kind, types)
    if name:
        return f"{word} {'!' if negated else ''}{name}"
    shown = f"{word} !type {kind.type}" if negated else f"{word}type {kind.type}"
    if (kind.low, kind.high) == (0, 255):
        return shown
    return f"{shown} code {kind.low}" if kind.low == kind.high else f"{shown} codes {kind.low}-{kind.high}"


def told_kind(kind: Kind, negated: bool, types: Names) -> str:
    """What a rule says that asks for this kind."""
    name = _name(kind, types)
    plain = str(kind.type)
    if (kind.low, kind.high) != (0, 255):
        plain += f", code {kind.low}" + ("" if kind.low == kind.high else f" to {kind.high}")
    return f"of {'any type but' if negated else 'type'} {f'{name} ({plain})' if name else plain}"


def read_type(text: str) -> Kind:
    return read_kind(text, TYPES, "ICMP")


def write_type(kind: Kind) -> str:
    return "any" if kind.type == ANY else write_kind(kind)


def judge_type(kind: Kind, context: Context) -> tuple[bool, str]:
    fits, said = judged(kind, context, TYPES)
    return kind.type == ANY or fits, said


@dataclass(frozen=True, slots=True)
class Icmp(OptionMatch):
    """The type and code of an ICMP message."""

    name: ClassVar[str] = "icmp"
    protocol: ClassVar[int] = ICMP
    meaning: ClassVar[str] = "type and code of an ICMP message (needs -p icmp)"
    words: ClassVar[Wording] = {
        "type": lambda kind, negated: told_kind(kind, negated, TYPES) if kind.type != ANY else "of no type" if negated else "",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="type", names=("icmp-type",), argument="TYPE[/CODE[:CODE]]|NAME", read=read_type, write=write_type, judge=judge_type,
               required=True, choices=tuple(name for name, _, _ in TYPES),
               meaning="the message is of this type (and code): 8 or echo-request, 3/3 or port-unreachable, any"),
    )  # fmt: skip

    type: Given[Kind] | None = None

    def compile(self) -> Test:
        if self.type is not None and self.type.value.type == ANY:
            return with_header([lambda c: False] if self.type.negated else [])
        return kind_test(self.type)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return missing_header("icmp", context) or OptionMatch.conditions(self, context)

    def listing(self, numeric: bool) -> str:
        return listed(self.type, TYPES, "icmp", numeric)
