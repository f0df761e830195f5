"""``-m policy``: what IPsec has done to the packet, or will do. The box has no IPsec: ``--pol none`` fits every packet, ``ipsec`` none.

What is demanded of each transformation (reqid, SPI, protocol, mode, ends of the tunnel) is an ``Element``; with ``--strict`` there may be
four, and ``--next`` goes on to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import bounded, protocol, read_host, write_host

MOST = 0xFFFFFFFF
DEEPEST = 4
PROTOCOLS = (51, 50, 108)
_FIELDS = ("reqid", "spi", "protocol", "mode", "tunnel_dst", "tunnel_src")


class Element(NamedTuple):
    """What is demanded of one transformation, in the order in which it is printed."""

    reqid: Given[int] | None = None
    spi: Given[int] | None = None
    protocol: Given[int] | None = None
    mode: Given[str] | None = None
    tunnel_dst: Given[str] | None = None
    tunnel_src: Given[str] | None = None

    def words(self, dashes: str, numeric_: bool) -> list[str]:
        found = []
        for name, given in zip(("reqid", "spi", "proto", "mode", "tunnel-dst", "tunnel-src"), self, strict=True):
            if given is not None:
                value: Any = given.value
                said = f"{value:#x}" if name == "spi" else str(value)
                if name == "proto" and not numeric_:
                    said = protocol_name(value)
                found.append(f"{'! ' if given.negated else ''}{dashes}{name} {said}")
        return found


def _choice(words: str, *known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise Unreadable(f'{words} "{text}"', hint=f"one of {' '.join(known)}")
        return text

    return read


def read_protocol(text: str) -> int:
    value = protocol(text)
    if value not in PROTOCOLS:
        raise Unreadable("policy match: protocol must be ah/esp/ipcomp")
    return value


def read_end(option: str, family: int) -> Callable[[str], str]:
    """The reader of an end of a tunnel, as it is saved."""
    read, write = read_host("policy", option, family), write_host(family)
    return lambda text: write(read(text))


def _element(field: str, name: str, argument: str, read: Callable[[str], Any], meaning: str) -> Option:
    return Option(field=field, names=(name,), argument=argument, read=read, meaning=f"of the transformation: {meaning}")


def _options(family: int) -> tuple[Option, ...]:
    return (
        Option(field="dir", names=("dir",), argument="in|out", read=_choice("policy_match: invalid dir", "in", "out"), invertible=False,
               meaning="what was done to it on its way in, or will be on its way out"),
        Option(field="pol", names=("pol",), argument="none|ipsec", read=_choice("policy match: invalid policy", "none", "ipsec"),
               invertible=False, meaning="nothing, or something"),
        Option(field="strict", names=("strict",), arguments=0, read=lambda: True, invertible=False,
               meaning="exactly these transformations, not just one of them"),
        _element("reqid", "reqid", "NUMBER", bounded("policy", "reqid", 0, MOST), "the number of its policy"),
        _element("spi", "spi", "SPI", bounded("policy", "spi", 0, MOST), "the number of its association"),
        _element("protocol", "proto", "ah|esp|ipcomp", read_protocol, "its protocol"),
        _element("mode", "mode", "transport|tunnel", _choice("policy match: invalid mode", "transport", "tunnel"), "its mode"),
        _element("tunnel_src", "tunnel-src", "ADDRESS[/MASK]", read_end("tunnel-src", family), "where its tunnel begins"),
        _element("tunnel_dst", "tunnel-dst", "ADDRESS[/MASK]", read_end("tunnel-dst", family), "where its tunnel ends"),
        Option(field="next", names=("next",), arguments=0, read=lambda: True, invertible=False, meaning="now the next transformation"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy(OptionMatch):
    """IPsec."""

    name: ClassVar[str] = "policy"
    meaning: ClassVar[str] = "what IPsec does to the packet (here nothing)"
    options: ClassVar[tuple[Option, ...]] = _options(4)

    read_again: ClassVar[frozenset[str]] = frozenset(_FIELDS) - {"mode"}

    dir: str = "in"
    none: bool = False
    strict: bool = False
    elements: tuple[Element, ...] = ()

    @classmethod
    def gather(cls, given: dict[str, Given[Any]], option: Option, value: Given[Any]) -> None:
        if option.field != "next":
            given[option.field] = value
            return
        elements = given["elements"].value if "elements" in given else ()
        if len(elements) + 1 >= DEEPEST:
            raise Unreadable("policy match: maximum policy depth reached", hint=f"{DEEPEST} are the most")
        given["elements"] = Given((*elements, Element(**{field: given.pop(field, None) for field in _FIELDS})))

    @classmethod
    def repeated(cls, option: Option) -> str:
        if option.field in _FIELDS:
            return f"policy match: double --{option.names[0]} option"
        return f'policy: option "--{option.names[0]}" can only be used once.'

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if "dir" not in given:
            raise Unreadable("policy match: neither --dir in nor --dir out specified")
        none, strict = given.get("pol") == ("none", False), "strict" in given
        before = given["elements"].value if "elements" in given else ()
        if none and strict:
            raise Unreadable("policy match: policy none but --strict given")
        if none and before:
            raise Unreadable("policy match: policy none but policy given")
        elements = (*before, Element(**{field: given.get(field) for field in _FIELDS}))
        for number_, element in enumerate(elements if not none else ()):
            if strict and element == Element():
                raise Unreadable(
                    f"policy match: empty policy element {number_}. --strict is in effect, but at least one of reqid, spi, tunnel-src, "
                    "tunnel-dst, proto or mode is required."
                )
            tunnel = element.mode in (("tunnel", False), ("transport", True))
            if (element.tunnel_src or element.tunnel_dst) and not tunnel:
                raise Unreadable("policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode")
        if before and not strict:
            raise Unreadable('policy: option "--next" also requires "--strict".')
        return cls(given["dir"].value, none, strict, elements)

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        return (PREROUTING, INPUT, FORWARD) if self.dir == "in" else (FORWARD, OUTPUT, POSTROUTING)

    def compile(self) -> Test:
        none = self.none
        return lambda context: none

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        done = "has done nothing to it" if self.dir == "in" else "will do nothing to it"
        return (Condition(self.save(), self.none, f"IPsec {done}: the simulated box has none"),)

    def _words(self, dashes: str, numeric_: bool) -> list[str]:
        words = [f"{dashes}dir {self.dir}", f"{dashes}pol {'none' if self.none else 'ipsec'}"]
        words += [f"{dashes}strict"] if self.strict else []
        for place, element in enumerate(self.elements if not self.none else ()):
            if len(self.elements) > 1:
                words += [f"[{place}]"] if not dashes else [f"{dashes}next"] if place else []
            words += element.words(dashes, numeric_)
        return words

    def phrases(self) -> list[str]:
        way = "came" if self.dir == "in" else "will leave"
        how = " ".join(self._words("", False)[2:])
        return [f"that {way} {'without' if self.none else 'by'} IPsec{f' ({how})' if how else ''}"]

    def save(self) -> str:
        return " ".join(self._words("--", False))

    def listing(self, numeric: bool) -> str:
        return " ".join(["policy match", *self._words("", numeric)])


@dataclass(frozen=True, slots=True)
class Policy6(Policy):
    """The same, with tunnels in IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
