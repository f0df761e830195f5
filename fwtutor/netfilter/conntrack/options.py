"""Options of the program ``conntrack``: which entries they mean, and what else they ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES, parse_address
from fwtutor.netfilter.conntrack.entry import (
    ASSURED,
    DST_NAT,
    EXPECTED,
    FIXED_TIMEOUT,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
    SRC_NAT,
    Entry,
)
from fwtutor.netfilter.conntrack.listing import BEGUN, DESTROYED, NAMES, UPDATED

STATUSES = {"EXPECTED": EXPECTED, "SEEN_REPLY": SEEN_REPLY, "ASSURED": ASSURED, "FIXED_TIMEOUT": FIXED_TIMEOUT}
UNREPLIED = "UNREPLIED"
FAMILIES = {"ipv4": 4, "ipv6": 6}
STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2")
EXTENDED, TIMESTAMP, ID = "extended", "timestamp", "id"
FORMATS = ("xml", EXTENDED, TIMESTAMP, ID, "ktimestamp", "labels", "userspace", "save")
"""What may be said with ``-o``. Of what nothing is printed here that has a label, a time of the kernel's, or a program that made it."""
OTHER_LANGUAGES = ("xml", "save")
ALL_KINDS = frozenset({BEGUN, UPDATED, DESTROYED})
KINDS = {"ALL": ALL_KINDS, "NEW": {BEGUN}, "UPDATES": {UPDATED}, "DESTROY": {DESTROYED}}

Test = Callable[[Entry], bool]


class ConntrackRefused(ValueError):
    """The line makes no sense; its text is the program's own."""


class Asked:
    """What options have asked for so far, besides tests of entries."""

    def __init__(self) -> None:
        self.protocol: int | None = None
        self.formats: frozenset[str] = frozenset()
        self.kinds: frozenset[str] = frozenset()


class Option(NamedTuple):
    name: str
    read: Callable[[Asked, str], Test | None]
    optional: bool = False
    """Whether it may stand without an argument."""


def options_for(protocol: int | None) -> Mapping[str, Option]:
    """Those there are behind ``-p PROTOCOL``."""
    known = dict(OPTIONS)
    if protocol in PORTED:
        known.update(PORT_OPTIONS)
    if protocol == 6:
        known["state"] = Option("state", _state)
    if protocol in (1, 58):
        known.update(ICMP_OPTIONS)
    return known


def _protocol(asked: Asked, text: str) -> Test:
    value = int(text) if re.fullmatch("[0-9]{1,3}", text) else next((n for n, name in NAMES.items() if name == text.lower()), 256)
    if value > 255:
        raise ConntrackRefused(f"`{text}' unsupported protocol")
    asked.protocol = value
    return lambda entry: entry.original.protocol == value


def _family(asked: Asked, text: str) -> Test:
    value = FAMILIES.get(text)
    if value is None:
        raise ConntrackRefused(f"`{text}' unsupported protocol")
    return lambda entry: entry.original.family == value


def _words(text: str, known: Sequence[str]) -> list[str]:
    """Words with commas between them, of which their beginnings will do; the complaint names the first unknown one and all behind it."""
    found = []
    while True:
        word, more, rest = text.partition(",")
        meant = next((one for one in known if word and one.lower().startswith(word.lower())), None)
        if meant is None:
            raise ConntrackRefused(f"Bad parameter `{text}'")
        found.append(meant)
        if not more:
            return found
        text = rest


def _output(asked: Asked, text: str) -> None:
    words = _words(text, FORMATS)
    for word in words:
        if word in OTHER_LANGUAGES:
            raise ConntrackRefused(f"fwtutor does not simulate -o {word}")
    asked.formats |= frozenset(words)


def _kinds(asked: Asked, text: str) -> None:
    asked.kinds = asked.kinds.union(*(KINDS[word] for word in _words(text, tuple(KINDS))))


def _buffer(asked: Asked, text: str) -> None:
    """How many bytes of messages may wait to be read: here none has to wait."""


def _address(direction: int, part: str) -> Callable[[Asked, str], Test]:
    def read(asked: Asked, text: str) -> Test:
        family, address, mask = _network(text)

        def test(entry: Entry) -> bool:
            side = entry.reply if direction else entry.original
            value: int = getattr(side, part)
            return side.family == family and not (value ^ address) & mask

        return test

    return read


def _network(text: str) -> tuple[int, int, int]:
    host, slash, length = text.partition("/")
    try:
        family, address = parse_address(host)
    except ValueError:
        raise ConntrackRefused(f"Invalid IP address `{text}'") from None
    bits = 32 if family == 4 else 128
    size = int(length) if re.fullmatch("[0-9]{1,3}", length) else bits if not slash else 999
    if size > bits:
        raise ConntrackRefused("Invalid netmask")
    return family, address, ALL_ONES[family] << (bits - size) & ALL_ONES[family]


def _translated(bits: int) -> Callable[[Asked, str], Test]:
    def read(asked: Asked, text: str) -> Test:
        family, address, mask = _network(text) if text else (0, 0, 0)

        def test(entry: Entry) -> bool:
            if not entry.status & bits:
                return False
            shown = [entry.reply.dst] * bool(bits & SRC_NAT) + [entry.reply.src] * bool(bits & DST_NAT)
            return not text or (entry.original.family == family and any(not (one ^ address) & mask for one in shown))

        return test

    return read


def _decimal(text: str) -> int:
    """What the number begins with, 0 if it begins with none."""
    found = re.match(r"\s*[0-9]+", text)
    return int(found[0][-20:]) if found else 0


def _number(text: str) -> int:
    found = re.match(r"\s*(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", text)
    if not found:
        return 0
    digits = found[1][:20]
    return int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" and len(digits) > 1 else 10)


def _mark(asked: Asked, text: str) -> Test:
    value, _, mask = text.partition("/")
    bits = _number(mask) if mask else 0xFFFFFFFF
    wanted = _number(value)
    return lambda entry: entry.mark & bits == wanted


def _status(asked: Asked, text: str) -> Test:
    bits = 0
    words = [word.upper() for word in text.split(",")]
    for word, shown in zip(words, text.split(","), strict=True):
        if word not in STATUSES and word != UNREPLIED:
            raise ConntrackRefused(f"Bad parameter `{shown}'")
        bits |= STATUSES.get(word, 0)
    # UNREPLIED makes it look at that bit alone.
    mask = SEEN_REPLY if UNREPLIED in words else bits
    return lambda entry: entry.status & mask == bits


def _zone(directions: int) -> Callable[[Asked, str], Test]:
    def read(asked: Asked, text: str) -> Test:
        wanted = _number(text) & 0xFFFF

        def test(entry: Entry) -> bool:
            original, reply = entry.original.zone, entry.reply.zone
            if original == reply:
                return wanted == (original if directions == 3 else 0)
            return wanted == {1: original, 2: reply, 3: 0}[directions]

        return test

    return read


def _port(direction: int, part: str) -> Callable[[Asked, str], Test]:
    def read(asked: Asked, text: str) -> Test:
        wanted = _decimal(text) & 0xFFFF
        return lambda entry: getattr(entry.reply if direction else entry.original, part) == wanted

    return read


def _state(asked: Asked, text: str) -> Test:
    if text not in STATES:
        raise ConntrackRefused(f"unknown TCP state `{text}'")
    return lambda entry: entry.state == text


def _icmp(shift: int, mask: int, part: str) -> Callable[[Asked, str], Test]:
    def read(asked: Asked, text: str) -> Test:
        wanted = _decimal(text) & mask
        return lambda entry: getattr(entry.original, part) >> shift & mask == wanted

    return read


def _named(*options: tuple[tuple[str, ...], Option]) -> dict[str, Option]:
    return {name: option for names, option in options for name in names}


PORTED = (6, 17, 33, 132, 136)
OPTIONS = _named(
    (("s", "src", "orig-src"), Option("src", _address(ORIGINAL, "src"))),
    (("d", "dst", "orig-dst"), Option("dst", _address(ORIGINAL, "dst"))),
    (("r", "reply-src"), Option("reply-src", _address(REPLY, "src"))),
    (("q", "reply-dst"), Option("reply-dst", _address(REPLY, "dst"))),
    (("p", "protonum", "proto"), Option("protonum", _protocol)),
    (("f", "family"), Option("family", _family)),
    (("o", "output"), Option("output", _output)),
    (("e", "event-mask"), Option("event-mask", _kinds)),
    (("b", "buffer-size"), Option("buffer-size", _buffer)),
    (("m", "mark"), Option("mark", _mark)),
    (("u", "status"), Option("status", _status)),
    (("w", "zone"), Option("zone", _zone(3))),
    (("orig-zone",), Option("orig-zone", _zone(1))),
    (("reply-zone",), Option("reply-zone", _zone(2))),
    (("n", "src-nat"), Option("src-nat", _translated(SRC_NAT), optional=True)),
    (("g", "dst-nat"), Option("dst-nat", _translated(DST_NAT), optional=True)),
    (("j", "any-nat"), Option("any-nat", _translated(SRC_NAT | DST_NAT), optional=True)),
)  # fmt: skip
PORT_OPTIONS = _named(
    (("sport", "orig-port-src"), Option("sport", _port(ORIGINAL, "sport"))),
    (("dport", "orig-port-dst"), Option("dport", _port(ORIGINAL, "dport"))),
    (("reply-port-src",), Option("reply-port-src", _port(REPLY, "sport"))),
    (("reply-port-dst",), Option("reply-port-dst", _port(REPLY, "dport"))),
)  # fmt: skip
ICMP_OPTIONS = _named(
    (("icmp-type",), Option("icmp-type", _icmp(8, 0xFF, "dport"))),
    (("icmp-code",), Option("icmp-code", _icmp(0, 0xFF, "dport"))),
    (("icmp-id",), Option("icmp-id", _icmp(0, 0xFFFF, "sport"))),
)  # fmt: skip
