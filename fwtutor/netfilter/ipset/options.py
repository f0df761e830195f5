"""What follows the names on a command line of ipset: options of sets that are created, and what an element carries that is added."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from fwtutor.netfilter.addresses import prefix_mask
from fwtutor.netfilter.ipset.errors import USAGE, SetRefused, syntax
from fwtutor.netfilter.ipset.reading import BITS, address, number, port_of
from fwtutor.netfilter.ipset.sets import Options
from fwtutor.netfilter.ipset.types import SetType
from fwtutor.netfilter.packet import TCP

_WORD = 0xFFFFFFFF
MOST_SECONDS = 2147483
MOST_COUNTED = 2**64 - 2
LONGEST_COMMENT = 255
_FAMILIES = {"inet": 4, "ipv4": 4, "-4": 4, "inet6": 6, "ipv6": 6, "-6": 6}
_FLAGS = ("counters", "comment", "skbinfo", "forceadd", "nomatch")
_NUMBERS = {
    "timeout": (0, MOST_SECONDS), "hashsize": (0, _WORD), "maxelem": (0, _WORD), "bucketsize": (0, 0xFF), "initval": (0, _WORD),
    "size": (0, _WORD), "packets": (0, MOST_COUNTED), "bytes": (0, MOST_COUNTED), "skbqueue": (0, 0xFFFF),
}  # fmt: skip
_IGNORED = ("probes", "resize", "gc")
"""Once they meant something; a value follows."""
MOST_PLACES = 1 << 24
"""Of a hash here: the kernel has no room for many more."""


def readable(kind: SetType, command: str) -> tuple[str, ...]:
    """The options a command has for sets of a type."""
    if command == "create":
        own: tuple[str, ...] = ("timeout", "counters", "comment", "skbinfo")
        if kind.hashes:
            own += ("family", "-4", "-6", "hashsize", "maxelem", "forceadd", "bucketsize", "initval", *_IGNORED)
            own += ("netmask", "bitmask") if kind.masks else ()
        elif kind.lists:
            own += ("size",)
        else:
            own += ("range", "from", "to")
        return own
    own = ("before", "after") if kind.lists else ()
    if command == "add":
        own += ("timeout", "packets", "bytes", "comment", "skbmark", "skbprio", "skbqueue")
    return (*own, "nomatch") if kind.net is not None and command in ("add", "test") else own


class Read(NamedTuple):
    """Options by name, each as its text says, and what the tool has to say about them."""

    values: dict[str, Any]
    warning: str = ""


def read(words: Sequence[str], kind: SetType, command: str, family: int = 4) -> Read:
    """Raises SetRefused in the order in which the tool does."""
    known, values = readable(kind, command), dict[str, Any]()
    if command == "create":
        _known(words, known)
    ignored = list[str]()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name = word.removeprefix("--") if word not in ("-4", "-6") else word
        if name not in known:
            raise SetRefused(f"Unknown argument: `{word}'", status=USAGE)
        if name in _FLAGS and (name != "comment" or command == "create"):
            values[name] = True
            continue
        if name in ("-4", "-6"):
            if "family" in values:
                raise syntax(f"{name} already specified")
            values["family"] = _FAMILIES[name]
            continue
        if not waiting:
            raise SetRefused(f"Missing mandatory argument of option `{name}'", status=USAGE)
        text = waiting.pop(0)
        if name in _IGNORED:
            ignored.append(f"Option '--{name} {text}' is ignored. Please upgrade your syntax.\n")
            continue
        if name in values or (name in ("before", "after") and {"before", "after"} & values.keys()):
            raise syntax(f"{name} already specified")
        values[name] = _value(name, text, values.get("family", family))
        if {"netmask", "bitmask"} <= values.keys():
            raise syntax("bitmask and netmask are mutually exclusive, provide only one")
    return Read(values, "Warning: " + "".join(ignored) if ignored else "")


def _known(words: Sequence[str], known: Sequence[str]) -> None:
    """What is not known is told before anything is read."""
    place = 0
    while place < len(words):
        name = words[place].removeprefix("--")
        if name not in known:
            raise SetRefused(f"Unknown argument: `{words[place]}'", status=USAGE)
        place += 1 if name in (*_FLAGS, "-4", "-6") else 2


def _value(name: str, text: str, family: int) -> Any:
    if name in _NUMBERS:
        return number(text, *_NUMBERS[name])
    match name:
        case "family":
            if text in ("unspec", "any"):
                raise SetRefused("Protocol family not supported by the set type")
            if text not in _FAMILIES:
                raise syntax(f"unknown inet family {text}")
            return _FAMILIES[text]
        case "netmask":
            try:
                return number(text, 1, BITS[family])
            except SetRefused as wrong:
                raise SetRefused(f"{wrong}\nSyntax error: netmask is out of the inclusive range of 1-{BITS[family]}") from None
        case "bitmask":
            return address(text, family)
        case "range" | "from" | "to":
            return _ports(text, name)
        case "comment":
            return _comment(text)
        case "skbmark":
            return _mark(text)
        case "skbprio":
            found = re.match(r"(?:0[xX])?([0-9a-fA-F]{1,24}):(?:0[xX])?([0-9a-fA-F]{1,24})", text)
            if not found:
                raise syntax("Invalid skbprio format, it should be:MAJOR:MINOR (see manpage)")
            return (int(found[1], 16) << 16 | int(found[2], 16) & 0xFFFF) & _WORD
    return text


def _ports(text: str, name: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash or not first or not last or name != "range":
        value = port_of(text, TCP)
        if name == "range":
            raise SetRefused("Mandatory option `to' is missing", status=USAGE)
        return value, value
    ends = port_of(last, TCP), port_of(first, TCP)
    return min(ends), max(ends)


def _comment(text: str) -> str:
    if '"' in text:
        raise syntax('" character is not permitted in comments')
    if len(text.encode(errors="surrogateescape")) > LONGEST_COMMENT:
        raise syntax(f"Comment is longer than the maximum allowed {LONGEST_COMMENT} characters")
    return text


def _mark(text: str) -> tuple[int, int]:
    # As scanf reads it: what follows is not looked at, and what is too large loses its upper bits.
    found = re.match(r"0[xX]([0-9a-fA-F]{1,24})(?:/0[xX]([0-9a-fA-F]{1,24}))?", text)
    if not found:
        raise syntax("Invalid skbmark format, it should be:  MARK/MASK or MARK (see manpage)")
    return int(found[1], 16) & _WORD, int(found[2], 16) & _WORD if found[2] else _WORD


def created(kind: SetType, values: dict[str, Any], initval: int) -> Options:
    """The options of a new set; ``initval`` if nobody says another. Raises SetRefused."""
    common = {name: values[name] for name in ("timeout", "counters", "comment", "skbinfo") if name in values}
    if kind.lists:
        return Options(size=max(values.get("size", 8), 4), **common)
    if not kind.hashes:
        if "from" in values and "to" in values:
            ends = values["from"] + values["to"]
            return Options(ports=(min(ends), max(ends)), **common)
        if "range" not in values:
            raise SetRefused(f"Mandatory option `{'to' if 'from' in values else 'range'}' is missing", status=USAGE)
        return Options(ports=values["range"], **common)
    family = values.get("family", 4)
    hashsize = 1 << (max(values.get("hashsize", 1024), 64) - 1).bit_length()
    if hashsize > MOST_PLACES:
        raise SetRefused("Kernel error received: Cannot allocate memory", hint=f"fwtutor has hashes of up to {MOST_PLACES} places")
    netmask, mask = values.get("netmask", 0), values.get("bitmask")
    if netmask == BITS[family]:
        netmask = 0
    if netmask:
        mask = prefix_mask(family, netmask)
    elif mask == 0:
        raise SetRefused("The value of the netmask parameter is invalid")
    return Options(
        family, hashsize, values.get("maxelem", 65536), mask, netmask,
        bucketsize=_bucketsize(values.get("bucketsize", 12)), initval=values.get("initval", initval), **common,
    )  # fmt: skip


def _bucketsize(asked: int) -> int:
    """Of the places in a bucket, as many as the kernel makes."""
    return min(max(asked + asked % 2, 2), 12)
