"""IPv6 addresses in a dialogue, as the kernel reads them."""

from __future__ import annotations

import re

from fwtutor.netfilter.conntrack.helpers.ipv4text import read_ipv4

_WORD = re.compile(rb"0*[0-9A-Fa-f]{1,4}")
_OTHER = re.compile(rb"[^0-9A-Fa-f:.]")
WORDS = 8


def read_ipv6(data: bytes, at: int, mark: int | None) -> tuple[int, int] | None:
    """The address at ``at`` and where it ends: at the ``mark``, at a zero byte, or with the data. None if there is none.

    ``mark`` None: at anything that is not of an address.
    """
    found = (_OTHER if mark is None else re.compile(b"[\\0" + re.escape(bytes([mark])) + b"]")).search(data, at)
    end = found.start() if found else len(data)
    text = data[at:end]
    room, low = WORDS, 0
    dot = text.find(b".")
    if dot >= 0:
        # The last two words may be written as an IPv4 address; a colon ends that, too.
        begin = text.rfind(b":", 0, dot) + 1
        quad = read_ipv4(text, begin, len(text))
        if quad is None or text[quad[1] : quad[1] + 1] not in (b"", b":"):
            return None
        low, end = quad[0], at + quad[1]
        room, text = WORDS - 2, text[:begin]
        if text.endswith(b":") and not text.endswith(b"::"):
            text = text[:-1]
    words = _words(text, room)
    if words is None:
        return None
    address = 0
    for word in words:
        address = address << 16 | word
    return (address << 32 | low if dot >= 0 else address), end


def _words(text: bytes, room: int) -> list[int] | None:
    """So many words; a ``::`` stands for as many zeros as are missing, at least one."""
    head, gap, tail = text.partition(b"::")
    before, behind = (part.split(b":") if part else [] for part in (head, tail))
    words = [*before, *behind]
    if not all(_WORD.fullmatch(word) for word in words) or (len(words) >= room if gap else len(words) != room):
        return None
    missing = [0] * (room - len(words))
    return [*(int(word, 16) for word in before), *missing, *(int(word, 16) for word in behind)]
