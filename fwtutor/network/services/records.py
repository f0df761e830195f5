"""What a name server knows besides the hosts: /etc/dnsmasq.conf, of which two keywords are done.

``txt-record=NAME,TEXT[,TEXT...]`` is one record of that many pieces, each at most 255 bytes.
``host-record=NAME[,NAME...],ADDRESS[,ADDRESS]`` gives names addresses. A comma within "quotes" parts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address

PATH = "/etc/dnsmasq.conf"
KEYWORDS = ("txt-record", "host-record")
LONGEST_LINE, LONGEST_PIECE = 1024, 255
_PIECE = re.compile(r'\s*("[^"]*"|[^,"]*)\s*(?:,|$)')


@dataclass(slots=True)
class Known:
    """What there is of one name."""

    addresses: list[Address] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    """As they are sent: each piece behind its length."""


Records = Mapping[str, Known]
"""By name in small letters."""


def read_records(text: str) -> Records:
    """Raises ValueError that begins with the line."""
    found: dict[str, Known] = {}
    for number, line in enumerate(text.splitlines(), 1):
        keyword, equals, rest = (part.strip() for part in line.partition("="))
        if not keyword or keyword.startswith("#"):
            continue
        try:
            if len(line) > LONGEST_LINE:
                raise ValueError(f"{len(line)} characters are more than {LONGEST_LINE}; a name may have several records")
            if keyword not in KEYWORDS or not equals:
                raise ValueError(f"{keyword[:40]!r} is none of {', '.join(KEYWORDS)}")
            pieces = _split(rest)
            if keyword == "txt-record":
                _add_text(found, pieces)
            else:
                _add_addresses(found, pieces)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return found


def _split(rest: str) -> list[str]:
    pieces, at = list[str](), 0
    while at < len(rest) or not pieces or rest[at - 1 : at] == ",":
        match = _PIECE.match(rest, at)
        if match is None:
            raise ValueError("a quotation mark is not closed")
        pieces.append(match[1].strip().strip('"'))
        if match.end() == at:
            break
        at = match.end()
    return pieces


def _name(text: str) -> str:
    labels = text.rstrip(".").split(".")
    if not text.isascii() or len(text) > 253 or not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"{text[:60]!r} is no name")
    return text.rstrip(".").lower()


def _add_text(found: dict[str, Known], pieces: list[str]) -> None:
    name = _name(pieces[0])
    value = b""
    for piece in pieces[1:] or [""]:
        data = piece.encode()
        if len(data) > LONGEST_PIECE:
            raise ValueError(f"a piece of {len(data)} bytes is longer than {LONGEST_PIECE}; part it with commas")
        value += bytes((len(data),)) + data
    found.setdefault(name, Known()).texts.append(value)


def _add_addresses(found: dict[str, Known], pieces: list[str]) -> None:
    names, addresses = list(pieces), list[Address]()
    while names:
        try:
            addresses.insert(0, Address(*parse_address(names[-1])))
        except ValueError:
            break
        names.pop()
    if not names or not addresses:
        raise ValueError("host-record wants NAME[,NAME...],ADDRESS[,ADDRESS]")
    for name in names:
        found.setdefault(_name(name), Known()).addresses.extend(addresses)
