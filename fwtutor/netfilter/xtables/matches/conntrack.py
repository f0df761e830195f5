"""``-m conntrack``: what the connection's entry says, above all the ctstate of the packet.

``--ctstate`` is the word tracking stamped on this packet when its tuple was looked up:

- NEW: no reply has been seen yet. Every packet in the original direction is NEW until one is.
- ESTABLISHED: the entry has seen a reply, or this packet is one (the very first reply already).
- RELATED: an ICMP error about a known entry, or the first packets of a connection that a helper expected.
- INVALID: tracking could make nothing of it; it has no entry. In raw, before tracking, so is what comes to be looked up.
- UNTRACKED: tracking was told to leave it alone; it has no entry either.
- SNAT, DNAT: not states but facts of the entry; its source or destination is translated.

The other options look at the entry, the same for packets in both directions: ``ctorig*`` is the tuple of the packet
that created it, before any translation, ``ctrepl*`` the tuple of the replies as they arrive. All options given
must hold; ``!`` turns each around (not ``--ctdir``).

Two surprises. A packet without an entry matches as soon as ``--ctstate`` holds, and every other option is then
ignored; without ``--ctstate`` it never matches, even when all is negated. And ``--ctstatus NONE`` asks for one bit
of no bits: it never holds, and ``! --ctstatus NONE`` always does (with an entry).

A rule with this match switches tracking on for its whole network namespace and family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import ASSURED, CONFIRMED, DST_NAT, EXPECTED, ORIGINAL, REPLY, SEEN_REPLY, SRC_NAT, Entry, Tuple
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.udp import read_range
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import format_range, number_range, protocol, read_host, write_host
from fwtutor.netfilter.xtables.wording import Wording, alternatives

STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED")
VIRTUAL = {"SNAT": SRC_NAT, "DNAT": DST_NAT}
"""Words of --ctstate that are really bits of the entry."""
STATUSES = {"EXPECTED": EXPECTED, "SEEN_REPLY": SEEN_REPLY, "ASSURED": ASSURED, "CONFIRMED": CONFIRMED}
MAX_SECONDS = 0xFFFFFFFF

Range = tuple[int, int]


NOT_YET = "the packet was not looked up yet, which counts as INVALID"


_TOLD = {
    "ESTABLISHED": "that belong to a connection already seen both ways", "RELATED": "that are related to a known connection",
    "INVALID": "that tracking can make nothing of", "UNTRACKED": "that are not tracked", "NEW": "whose connection nobody has answered yet",
    "SNAT": "whose connection's source was translated",
    "DNAT": "whose connection's destination was translated",
}  # fmt: skip


def told_states(states: frozenset[str], negated: bool) -> str:
    """What a rule says that asks for states."""
    if negated:
        return f"that are not {alternatives([word for word in _TOLD if word in states])}"
    told = [f"{_TOLD[word]} ({word})" for word in _TOLD if word in states]
    return alternatives([*told[:1], *(phrase.removeprefix("that ") for phrase in told[1:])])


def read_words(text: str, known: tuple[str, ...], what: str) -> frozenset[str]:
    """A comma list of words, each of which may be cut short: the first known word that begins so is meant."""
    found = set()
    at = 0
    rest: str | None = text
    while rest is not None:
        word, comma, behind = rest.partition(",")
        # The tool's message shows everything from the bad word on.
        meant = next((name for name in known if word and name.startswith(word.upper())), None)
        if meant is None:
            hint = nearest(word, known, "known")
            raise Unreadable(f'Bad {what} "{rest}"', (at, at + len(word)), hint)
        found.add(meant)
        at += len(word) + 1
        rest = behind if comma else None
    return frozenset(found)


def read_states(text: str) -> frozenset[str]:
    return read_words(text, (*STATES, *VIRTUAL), "ctstate")


def write_states(states: frozenset[str]) -> str:
    return ",".join(word for word in (*STATES, *VIRTUAL) if word in states)


def judge_states(states: frozenset[str], context: Context) -> tuple[bool, str]:
    entry = context.entry
    translated = [word for word, bit in VIRTUAL.items() if entry is not None and entry.status & bit]
    seen = f"the packet is {context.state}" if context.state else NOT_YET
    said = f", its entry has {' and '.join(translated)}" if translated and not states.isdisjoint(VIRTUAL) else ""
    return context.state in stamps(states) or not states.isdisjoint(translated), seen + said


def stamps(states: frozenset[str]) -> frozenset[str]:
    """The states as packets carry them: one that was not looked up yet (in raw) counts as INVALID."""
    return states | {""} if "INVALID" in states else states


def read_status(text: str) -> frozenset[str]:
    return read_words(text, ("NONE", *STATUSES), "ctstatus") - {"NONE"}


def write_status(status: frozenset[str]) -> str:
    return ",".join(word for word in STATUSES if word in status) or "NONE"


def judge_status(status: frozenset[str], context: Context) -> tuple[bool, str]:
    entry = context.entry
    has = [word for word, bit in STATUSES.items() if entry is not None and entry.status & bit]
    said = f"the entry has {', '.join(has)}" if has else "the entry has no status bit set"
    return not status.isdisjoint(has), said if status else f"{said}, and NONE asks for a bit that does not exist"


def read_seconds(text: str) -> Range:
    return number_range(text, "conntrack", "ctexpire", MAX_SECONDS)


def seconds_left(entry: Entry, at: int) -> int:
    """As the match sees them: the timer of an entry not kept yet has not started, and reads 0."""
    return entry.seconds_left(at) if entry.confirmed else 0


def judge_seconds(value: Range, context: Context) -> tuple[bool, str]:
    entry = context.entry
    if entry is None:
        return False, "there is no entry"
    left = seconds_left(entry, context.at)
    said = f"the entry is forgotten in {left} s" if entry.confirmed else "the entry is not kept yet: its timer has not started"
    return value[0] <= left <= value[1], said


def read_direction(text: str) -> int:
    words = {"ORIGINAL": ORIGINAL, "REPLY": REPLY}
    if text.upper() not in words:
        raise Unreadable(f'conntrack: Bad value for "--ctdir" option: "{text}"', hint="ORIGINAL or REPLY")
    return words[text.upper()]


def write_direction(direction: int) -> str:
    return "REPLY" if direction else "ORIGINAL"


def judge_direction(direction: int, context: Context) -> tuple[bool, str]:
    return context.direction == direction, f"the packet goes in the {write_direction(context.direction)} direction of its entry"


def judge_protocol(value: int, context: Context) -> tuple[bool, str]:
    entry = context.entry
    if entry is None:
        return False, "there is no entry"
    found = entry.original.protocol
    return found == value, f"the entry's protocol is {found} ({protocol_name(found)})"


def side(entry: Entry, direction: int) -> Tuple:
    return entry.reply if direction else entry.original


def _address(family: int, direction: int, part: str) -> Option:
    """--ctorigsrc, --ctorigdst, --ctreplsrc, --ctrepldst."""
    name = f"ct{'repl' if direction else 'orig'}{part}"
    words = f"{'reply' if direction else 'original'} {'source' if part == 'src' else 'destination'}"

    def judge(value: Range, context: Context) -> tuple[bool, str]:
        if context.entry is None:
            return False, "there is no entry"
        address = getattr(side(context.entry, direction), part)
        return (address ^ value[0]) & value[1] == 0, f"the entry's {words} is {format_address(family, address)}"

    return Option(
        field=name, names=(name,), argument="ADDRESS[/MASK]", read=read_host("conntrack", name, family), write=write_host(family),
        judge=judge,
        meaning=f"the entry's {words} address is this one, or in this network",
    )  # fmt: skip


def _port(direction: int, part: str) -> Option:
    """--ctorigsrcport, --ctorigdstport, --ctreplsrcport, --ctrepldstport."""
    name = f"ct{'repl' if direction else 'orig'}{'src' if part == 'sport' else 'dst'}port"
    words = f"{'reply' if direction else 'original'} {'source' if part == 'sport' else 'destination'} port"

    def judge(value: Range, context: Context) -> tuple[bool, str]:
        if context.entry is None:
            return False, "there is no entry"
        port = getattr(side(context.entry, direction), part)
        return value[0] <= port <= value[1], f"the entry's {words} is {port}"

    return Option(
        field=name, names=(name,), argument="PORT[:PORT]", read=lambda text: read_range(text, "conntrack", name), write=format_range,
        judge=judge, meaning=f"the entry's {words} is this one, or in this range",
    )  # fmt: skip


def _options(family: int) -> tuple[Option, ...]:
    return (
        Option(field="ctstate", names=("ctstate",), argument="STATE[,STATE]", read=read_states, write=write_states, judge=judge_states,
               choices=(*STATES, *VIRTUAL),
               meaning="the packet is in one of these states: NEW ESTABLISHED RELATED INVALID UNTRACKED, or its entry has SNAT DNAT"),
        Option(field="ctproto", names=("ctproto",), argument="PROTOCOL", read=protocol, judge=judge_protocol,
               meaning="the entry's protocol is this one"),
        _address(family, ORIGINAL, "src"), _address(family, ORIGINAL, "dst"),
        _address(family, REPLY, "src"), _address(family, REPLY, "dst"),
        _port(ORIGINAL, "sport"), _port(ORIGINAL, "dport"), _port(REPLY, "sport"), _port(REPLY, "dport"),
        Option(field="ctstatus", names=("ctstatus",), argument="STATUS[,STATUS]", read=read_status, write=write_status, judge=judge_status,
               choices=("NONE", *STATUSES),
               meaning="the entry has one of these bits: EXPECTED SEEN_REPLY ASSURED CONFIRMED (NONE never holds)"),
        Option(field="ctexpire", names=("ctexpire",), argument="SECONDS[:SECONDS]", read=read_seconds, write=format_range,
               judge=judge_seconds, meaning="the entry will be forgotten in so many whole seconds"),
        Option(field="ctdir", names=("ctdir",), argument="ORIGINAL|REPLY", read=read_direction, write=write_direction,
               judge=judge_direction, invertible=False, meaning="the packet goes in this direction of its entry"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conntrack(OptionMatch):
    """The ctstate of the packet, and what its entry says."""

    name: ClassVar[str] = "conntrack"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "the state of the packet and the entry of its connection"
    words: ClassVar[Wording] = {
        "ctstate": told_states,
        "ctproto": lambda number, negated: f"whose connection's protocol is{' not' if negated else ''} {protocol_name(number)}",
        "ctorigsrc": "whose connection was~ begun from {}",
        "ctorigdst": "whose connection was~ begun to {}",
        "ctreplsrc": "whose connection's answers come from {}|whose connection's answers do not come from {}",
        "ctrepldst": "whose connection's answers go to {}|whose connection's answers do not go to {}",
        "ctorigsrcport": "whose connection was~ begun from {port}",
        "ctorigdstport": "whose connection was~ begun to {port}",
        "ctreplsrcport": "whose connection's answers come from {port}|whose connection's answers do not come from {port}",
        "ctrepldstport": "whose connection's answers go to {port}|whose connection's answers do not go to {port}",
        "ctstatus": "whose connection is~ marked {or}",
        "ctexpire": "whose connection will~ be forgotten in {to} seconds",
        "ctdir": "that go in their connection's direction {}",
    }
    options: ClassVar[tuple[Option, ...]] = _options(4)

    ctstate: Given[frozenset[str]] | None = None
    ctproto: Given[int] | None = None
    ctorigsrc: Given[Range] | None = None
    ctorigdst: Given[Range] | None = None
    ctreplsrc: Given[Range] | None = None
    ctrepldst: Given[Range] | None = None
    ctorigsrcport: Given[Range] | None = None
    ctorigdstport: Given[Range] | None = None
    ctreplsrcport: Given[Range] | None = None
    ctrepldstport: Given[Range] | None = None
    ctstatus: Given[frozenset[str]] | None = None
    ctexpire: Given[Range] | None = None
    ctdir: Given[int] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("conntrack: At least one option is required")
        status, proto = given.get("ctstatus"), given.get("ctproto")
        if status and proto and status.negated and proto.value == 0 and list(given).index("ctstatus") < list(given).index("ctproto"):
            # A slip of the tool's: it mistakes the "!" of an earlier --ctstatus for one before --ctproto.
            raise Unreadable("conntrack: rule would never match protocol")
        return cls(**given)

    def compile(self) -> Test:
        others = [(option.judge, value.value, value.negated) for option, value in self.given() if option.field != "ctstate"]
        state = self._state_test()
        if state is not None and not others:
            return state
        if state is not None:
            stamped = state
            return lambda c: stamped(c) and (c.entry is None or all(judge(value, c)[0] != negated for judge, value, negated in others))
        return lambda c: c.entry is not None and all(judge(value, c)[0] != negated for judge, value, negated in others)

    def _state_test(self) -> Test | None:
        if self.ctstate is None:
            return None
        states, negated = self.ctstate
        wanted = stamps(states)
        bits = sum(bit for word, bit in VIRTUAL.items() if word in states)
        if bits:
            return lambda c: (c.state in wanted or (c.entry is not None and bool(c.entry.status & bits))) != negated
        return (lambda c: c.state not in wanted) if negated else (lambda c: c.state in wanted)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = OptionMatch.conditions(self, context)
        if context.entry is not None:
            return found
        why = f"the packet is {context.state}" if context.state else NOT_YET
        if self.ctstate is None:
            return tuple(condition._replace(held=False, because=f"{why}: it has no entry to look at") for condition in found)
        stamp, others = found[0], found[1:]
        ignored = f"{why}: it has no entry, so only --ctstate counts"
        return (stamp, *(condition._replace(held=stamp.held, because=ignored) for condition in others))

    def listing(self, numeric: bool) -> str:
        found = []
        for option, given in self.given():
            anywhere = not numeric and option.argument.startswith("ADDRESS") and given.value[0] == 0
            shown = "anywhere" if anywhere else option.write(given.value)
            found.append(f"{'! ' if given.negated else ''}{option.names[0]} {shown}")
        return " ".join(found)


@dataclass(frozen=True, slots=True)
class Conntrack6(Conntrack):
    """The same with addresses of IPv6."""

    options: ClassVar[tuple[Option, ...]] = _options(6)
