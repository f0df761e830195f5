"""``-j CT``: what connection tracking, which comes right after the table raw, shall do with the packet. It ends nothing.

The first CT (or NOTRACK) rule that matches a packet counts; later ones do nothing to it, nor does one to a packet that already belongs
to an entry, as it does when it comes around by loopback.

``--helper NAME`` is taken up by the entry that the packet begins, and by no other: the rule must match a connection's first packet.
``--zone`` is part of what an entry is found by; ``--zone-orig`` and ``--zone-reply`` are so for one direction only. Of all three together
the last number counts, and for every direction that was named. ``--ctevents`` and ``--expevents`` choose what is told to those who
listen for events, and change nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.conntrack.entry import NEW, UNTRACKED, Heeded, Template
from fwtutor.netfilter.conntrack.helpers import ELSEWHERE, HELPERS
from fwtutor.netfilter.hooks import RAW
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget, Header
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

MAX_ZONE = 0xFFFF
KEPT = 15
"""Bytes of a helper's name."""
EVENTS = ("new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark")
EXPECTATION_EVENTS = ("new",)


class Zone(NamedTuple):
    """A zone, and where it comes from."""

    number: int
    by_mark: bool
    """The packet's mark is the number."""


def read_helper(text: str) -> str:
    if text in ELSEWHERE:
        raise Unreadable(f"fwtutor does not simulate the helper {text} yet", hint=f"helpers: {', '.join(sorted(HELPERS))}")
    return text.encode(errors="surrogateescape")[:KEPT].decode(errors="surrogateescape")


def read_zone(text: str) -> Zone:
    if text.lower() == "mark":
        return Zone(0, True)
    value = number(text, 0, MAX_ZONE)
    if value is None:
        raise Unreadable(f"Cannot parse {text} as a zone ID")
    return Zone(value, False)


def write_zone(zone: Zone) -> str:
    return "mark" if zone.by_mark else str(zone.number)


def _events(known: tuple[str, ...]) -> Any:
    def read(text: str) -> frozenset[str]:
        at = 0
        for word in text.split(","):
            if word not in known:
                raise Unreadable(f'Unknown event type "{word}"', (at, at + len(word)), nearest(word, known, "events"))
            at += len(word) + 1
        return frozenset(text.split(","))

    return read


def write_events(events: frozenset[str]) -> str:
    return ",".join(word for word in EVENTS if word in events)


def read_timeout(text: str) -> str:
    raise Unreadable("fwtutor does not simulate timeout policies yet")


def _nothing(given: Given[Any]) -> bool:
    return not given.value


def _no_zone(given: Given[Zone]) -> bool:
    return not given.value.by_mark and not given.value.number


def untrack(context: Context) -> None:
    """Have connection tracking leave the packet alone."""
    if context.template is None and context.entry is None:
        context.state = UNTRACKED


@dataclass(frozen=True, slots=True)
class Ct(ActingTarget, OptionTarget):
    """What connection tracking shall do with the packet."""

    name: ClassVar[str] = "CT"
    meaning: ClassVar[str] = "how connection tracking shall treat the packet, and the connection it may begin"
    tables: ClassVar[tuple[str, ...]] = (RAW,)
    words: ClassVar[Wording] = {
        "notrack": "are not tracked",
        "helper": "get the helper {} for their connection",
        "ctevents": "are told of when {or} happens",
        "expevents": "are told of when {or} is expected",
        "zone": "are tracked in the zone {}",
        "zone_orig": "are tracked in the zone {} in the original direction",
        "zone_reply": "are tracked in the zone {} in the reply direction",
        "timeout": "get the timeout policy {}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="notrack", names=("notrack",), arguments=0, read=lambda: True, invertible=False, meaning="not at all"),
        Option(field="helper", names=("helper",), argument="NAME", read=read_helper, invertible=False, unsaved=_nothing,
               meaning=f"with this helper: {' '.join(HELPERS)}; the rule must say -p"),
        Option(field="timeout", names=("timeout",), argument="NAME", read=read_timeout, invertible=False,
               meaning="with this timeout policy (not simulated)"),
        Option(field="ctevents", names=("ctevents",), argument="EVENT[,EVENT]", read=_events(EVENTS), write=write_events, invertible=False,
               meaning=f"those who listen hear only of these: {' '.join(EVENTS)}"),
        Option(field="expevents", names=("expevents",), argument="EVENT", read=_events(EXPECTATION_EVENTS), write=write_events,
               invertible=False, meaning="the same of what helpers expect: new"),
        Option(field="zone", names=("zone",), argument="ID|mark", read=read_zone, write=write_zone, invertible=False, unsaved=_no_zone,
               meaning="in this zone, or in that of the packet's mark"),
        Option(field="zone_orig", names=("zone-orig",), argument="ID|mark", read=read_zone, write=write_zone, invertible=False,
               unsaved=_no_zone, meaning="the same, for the original direction only"),
        Option(field="zone_reply", names=("zone-reply",), argument="ID|mark", read=read_zone, write=write_zone, invertible=False,
               unsaved=_no_zone, meaning="the same, for the reply direction only"),
    )  # fmt: skip

    notrack: Given[bool] | None = None
    helper: Given[str] | None = None
    timeout: Given[str] | None = None
    ctevents: Given[frozenset[str]] | None = None
    expevents: Given[frozenset[str]] | None = None
    zone: Given[Zone] | None = None
    zone_orig: Given[Zone] | None = None
    zone_reply: Given[Zone] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        """Of several zones the last number counts, a mark before any number, and it counts for all directions named."""
        zones = {name: value.value for name, value in given.items() if name.startswith("zone")}
        others = {name: value for name, value in given.items() if name not in zones}
        if not zones:
            return cls(**others)
        numbers = [zone.number for zone in zones.values() if not zone.by_mark]
        zone = Zone(numbers[-1] if numbers else 0, any(zone.by_mark for zone in zones.values()))
        directions = [name for name in ("zone_orig", "zone_reply") if name in zones]
        others[directions[0] if len(directions) == 1 else "zone"] = Given(zone)
        return cls(**others)

    def starts_tracking(self) -> bool:
        """Whatever it says, connections are tracked on its account, unless that is not to track."""
        return self.notrack is None

    @property
    def template(self) -> Template:
        helper = self.helper.value if self.helper else ""
        for directions, given in ((3, self.zone), (1, self.zone_orig), (2, self.zone_reply)):
            if given is not None:
                return Template(given.value.number, directions, helper, given.value.by_mark, self._heeded)
        return Template(helper=helper, heeded=self._heeded)

    @property
    def _heeded(self) -> Heeded | None:
        """Who chooses for one of the two wants nothing of the other."""
        if self.ctevents is None and self.expevents is None:
            return None
        return Heeded(*(given.value if given is not None else frozenset() for given in (self.ctevents, self.expevents)))

    def act(self, context: Context) -> bool:
        if self.notrack is not None:
            untrack(context)
        elif context.template is None and context.entry is None and context.state != UNTRACKED:
            # Rules that come before the packet is looked up take the template for an entry.
            context.template, context.state = self.template, NEW
        return True

    def unknown(self, header: Header) -> str:
        name = self.helper.value if self.helper and self.notrack is None else ""
        if not name:
            return ""
        if not header.protocol or header.protocol_not:
            return f"--helper {name} works only in a rule that says -p, without a !"
        if name in HELPERS:
            known = HELPERS[name]
            if (header.family, header.protocol & 0xFF) in known.protocols:
                return ""
            return f"the helper {name} is for another protocol"
        return nearest(name, HELPERS, "helpers")

    def listing(self, numeric: bool) -> str:
        words = ["CT"]
        for option, given in self.given():
            if not option.unsaved(given):
                words.append(option.names[0])
                words += [option.write(given.value)] if option.arguments else []
        return " ".join(words)
