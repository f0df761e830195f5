"""What a SIP message says, as the kernel reads it: the lines of its header, addresses in them and their parameters.

A line begins behind a CR, an LF or both; of two line ends of the same kind side by side the second begins none. One that begins with a
blank goes on with the line before it. Of a header's name only the beginning is looked at: where no colon follows, as in ``Topic`` for
``To``, nothing is found, and no other line looked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fwtutor.netfilter.conntrack.helpers.ipv4text import read_ipv4
from fwtutor.netfilter.conntrack.helpers.ipv6text import read_ipv6
from fwtutor.netfilter.conntrack.helpers.numbers import WORD

PORT = 5060
"""Where no port is named."""
LOWEST = 1024
"""A port below is none that is read."""
BLANKS, ENDS = b" \t", b"\r\n"
LETTER = rb"[A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]"
LINE = re.compile(rb"(?:\r\n?|\n)(.)", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]*")
_METHOD = re.compile(LETTER + b"+")
_FIRST = re.compile(rb"[\r\n]|sip:", re.IGNORECASE)


class Header(NamedTuple):
    """A header, by its name and its short one."""

    begins: re.Pattern[bytes]
    needle: bytes = b""
    """What stands before the address that is looked for; b"": a number is."""
    user: bool = False
    """Whether ``user@`` may stand before the address."""


def _header(name: bytes, short: bytes = b"", needle: bytes = b"", user: bool = False) -> Header:
    other = b"|" + short + b"(?!" + LETTER + b")(?=.)" if short else b""
    return Header(re.compile(name + other, re.IGNORECASE | re.DOTALL), needle, user)


CSEQ = _header(b"CSeq")
FROM = _header(b"From", b"f", b"sip:", True)
TO = _header(b"To", b"t", b"sip:", True)
CONTACT = _header(b"Contact", b"m", b"sip:", True)
VIA = {17: _header(b"Via", b"v", b"UDP "), 6: _header(b"Via", b"v", b"TCP ")}
"""By protocol."""
EXPIRES = _header(b"Expires")
LENGTH = _header(b"Content-Length", b"l")


class Field(NamedTuple):
    """What a header says."""

    found: bool
    """False: nothing that can be read; a further line may follow ``start``."""
    start: int
    end: int = 0
    address: int = 0
    port: int = 0


class Where(NamedTuple):
    """How far addresses have been read, of a header that may name several of them, in one line or in more."""

    at: int = 0
    within: bool = False
    """Whether a further one may follow in the same line."""


# --- numbers and addresses ---------------------------------------------------------------------------------------


def number(text: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and where it ends; (0, at) also of what has more than eleven digits, or more than 32 bits."""
    end = digits(text, at)
    value = int(text[at:end]) if at < end <= at + 11 else 0
    return (value, end) if end <= at + 11 and value <= WORD else (0, at)


def is_letter(byte: bytes) -> bool:
    return _METHOD.match(byte) is not None


def digits(text: bytes, at: int) -> int:
    """Where the digits at ``at`` end."""
    found = _DIGITS.match(text, at)
    return found.end() if found else at


def plain_address(text: bytes, at: int, family: int) -> tuple[int, int] | None:
    """The address at ``at`` and where it ends."""
    return read_ipv4(text, at, len(text)) if family == 4 else read_ipv6(text, at, None)


def address(text: bytes, at: int, family: int, brackets: bool) -> tuple[int, int] | None:
    """The same, where one of IPv6 may stand in brackets. ``brackets``: it must."""
    if family == 4:
        return plain_address(text, at, family)
    opened = text[at : at + 1] == b"["
    if brackets and not opened:
        return None
    found = plain_address(text, at + opened, family)
    if found is None:
        return None
    closed = text[found[1] : found[1] + 1] == b"]"
    if brackets and not closed:
        return None
    return found[0], found[1] + closed


def _with_port(text: bytes, at: int, family: int) -> Field | None:
    """An address and a port, behind which the text must go on."""
    found = address(text, at, family, True)
    if found is None or found[1] >= len(text):
        return None
    value, end = found
    if text[end] != ord(":"):
        return Field(True, at, end, value, PORT)
    behind = digits(text, end + 1)
    if not 1 <= behind - end - 1 <= 5 or behind >= len(text):
        return None
    port = int(text[end + 1 : behind])
    return Field(True, at, behind, value, port) if LOWEST <= port <= 65535 else None


def _value(text: bytes, at: int, header: Header, family: int) -> Field | None:
    if not header.needle:
        end = digits(text, at)
        return Field(True, at, end) if end > at else None
    return _with_port(text, _behind_user(text, at) if header.user else at, family)


def _behind_user(text: bytes, at: int) -> int:
    """Behind the next @ of the line, if there is one."""
    place = text.find(b"@", at)
    return at if place < 0 or text.find(b"\r", at, place) >= 0 or text.find(b"\n", at, place) >= 0 else place + 1


# --- lines -------------------------------------------------------------------------------------------------------


def _folded(text: bytes, at: int, limit: int) -> int | None:
    """Behind a line end: where the line goes on in the next one. None: it does not."""
    behind = at + 2 if text[at : at + 2] == b"\r\n" and at + 1 < limit else at + 1
    if behind >= limit or text[behind] not in BLANKS:
        return None
    while behind < limit and text[behind] in BLANKS:
        behind += 1
    return behind


def _skip(text: bytes, at: int) -> int | None:
    """Over blanks, and one line end between them."""
    while at < len(text) and text[at] in BLANKS:
        at += 1
    return _folded(text, at, len(text)) if at < len(text) and text[at] in ENDS else at


_NEEDLES: dict[bytes, re.Pattern[bytes]] = {}


def _search(text: bytes, at: int, limit: int, needle: bytes) -> int | None:
    """Where ``needle`` stands in the rest of a header, in capitals or not; not at its very end, nor where a line goes on."""
    pattern = _NEEDLES.get(needle)
    if pattern is None:
        pattern = _NEEDLES[needle] = re.compile(rb"[\r\n]|" + re.escape(needle), re.IGNORECASE)
    last = limit - len(needle)
    while (found := pattern.search(text, at, limit)) is not None and found.start() < last:
        if text[found.start()] not in ENDS:
            return found.start()
        folded = _folded(text, found.start(), last)
        if folded is None:
            return None
        at = folded + 1
    return None


def field(text: bytes, at: int, header: Header, family: int) -> Field | None:
    """The first line behind ``at`` with that header. None: there is none."""
    for line in LINE.finditer(text, at):
        name = header.begins.match(text, line.start(1))
        if name is None:
            continue
        behind = _skip(text, name.end())
        if behind is None or text[behind : behind + 1] != b":" or behind + 1 >= len(text):
            return None
        start = begin = _skip(text, behind + 1)
        if start is None or begin is None:
            return None
        if header.needle:
            found = _search(text, start, len(text), header.needle)
            if found is None:
                return Field(False, start)
            begin = found + len(header.needle)
        return _value(text, begin, header, family) or Field(False, start)
    return None


def _next(text: bytes, at: int, header: Header, family: int) -> Field | None:
    """The next of several in one line, behind a comma."""
    comma = _search(text, at, len(text), b",")
    found = None if comma is None else _search(text, comma, len(text), header.needle)
    if found is None:
        return None
    begin = found + len(header.needle)
    return _value(text, begin, header, family) or Field(False, begin)


def uri(text: bytes, header: Header, family: int, where: Where | None = None) -> Field | None:
    """The first address that can be read of a header, or the next one behind ``where``."""
    at, within = where or Where()
    while within:
        one = _next(text, at, header, family)
        if one is None:
            break
        if one.found:
            return one
        at = one.start
    while (one := field(text, at, header, family)) is not None:
        if one.found:
            return one
        at = one.start
    return None


def request_uri(text: bytes, family: int) -> Field | None:
    """The address in a request's first line."""
    method = _METHOD.match(text)
    if method is None:
        return None
    at, last = method.end() + 1, len(text) - len(b"sip:")
    found = _FIRST.search(text, at)
    if found is None or found.start() >= last or text[found.start()] in ENDS:
        return None
    return _with_port(text, _behind_user(text, found.end()), family)


# --- parameters --------------------------------------------------------------------------------------------------


def _parameter(text: bytes, at: int, name: bytes) -> tuple[int, int] | None:
    """Where the value of a parameter begins, and where what belongs to the address before ``at`` ends: at a comma."""
    comma = _search(text, at, len(text), b",")
    limit = len(text) if comma is None else comma
    found = _search(text, at, limit, name)
    return None if found is None else (found + len(name), limit)


def address_parameter(text: bytes, at: int, name: bytes, family: int, brackets: bool) -> Field | None:
    found = _parameter(text, at, name)
    if found is None:
        return None
    start, limit = found
    read = address(text[:limit], start, family, brackets)
    return None if read is None else Field(True, start, read[1], read[0])


def number_parameter(text: bytes, at: int, name: bytes) -> Field | None:
    """Its value is the field's ``port``; one that is not ``found`` is no number."""
    found = _parameter(text, at, name)
    if found is None:
        return None
    start, limit = found
    value, end = number(text[:limit], start)
    return Field(end > start, start, end, port=value)


def word_parameter(text: bytes, at: int, name: bytes) -> bytes | None:
    """What follows it, in capitals."""
    found = _parameter(text, at, name)
    return None if found is None else text[found[0] : found[0] + 8].upper()
