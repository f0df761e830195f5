"""The jsonl format: one packet a line, ``{"t": seconds, "in": "wan", "hex": "4500..."}``.

``"in": null`` is a packet the box itself sends; without ``in`` nobody says where it was seen. Optional: mac, link, uid, gid, mark.
Bytes are taken as they are, nothing is mended.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any

from fwtutor.badinput import BadInput
from fwtutor.capture.frames import Seen

MAX_LINE = 1 << 18
"""Bytes: the largest IP packet is 131,070 hex digits."""
MAX_SECONDS = 1e9

MAX_UNKNOWN = 8
"""Unknown fields that are told of; a file full of them is not worth a page."""

_LINKS = ("host", "broadcast", "multicast")
_FIELDS = ("t", "in", "hex", "mac", "link", "uid", "gid", "mark")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\Z")


def read_jsonl(file: BufferedIOBase, name: str, note: Callable[[str], None]) -> Iterator[Seen]:
    """The packets of an open file; empty lines are passed over. Raises BadInput that names the line and the field."""
    number = 0
    ignored: set[str] = set()
    while line := file.readline(MAX_LINE + 1):
        number += 1
        where = f"{name}, line {number}"
        if len(line) > MAX_LINE:
            raise BadInput(f"{where}: the line is longer than {MAX_LINE} bytes")
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode("utf-8").rstrip())
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}, column {error.colno}: not JSON: {error.msg}") from None
        except UnicodeDecodeError:
            raise BadInput(f"{where}: not UTF-8 text") from None
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: not JSON anyone would write: {error}") from None
        if not isinstance(found, dict):
            raise BadInput(f'{where}: an object is wanted: {{"t": 0.0, "in": "wan", "hex": "4500..."}}')
        for unknown in found:
            if unknown in _FIELDS or unknown in ignored or len(ignored) >= MAX_UNKNOWN:
                continue
            ignored.add(unknown)
            note(f"{where}: the field {json.dumps(unknown[:40])} means nothing here (known are {', '.join(_FIELDS)})")
        yield _packet(found, number, where)


def _packet(found: dict[str, Any], number: int, where: str) -> Seen:
    def bad(field: str, wanted: str) -> BadInput:
        if field not in found:
            return BadInput(f'{where}: the field "{field}" is missing: {wanted}')
        given = json.dumps(found[field])
        return BadInput(f'{where}, field "{field}": {wanted} is wanted, not {given if len(given) < 60 else given[:57] + "..."}')

    def whole(field: str) -> int:
        value = found.get(field, 0)
        if type(value) is not int or not 0 <= value <= 0xFFFFFFFF:
            raise bad(field, "a whole number from 0 to 4294967295")
        return value

    seconds: Any = found.get("t")
    if type(seconds) not in (int, float) or not 0 <= seconds <= MAX_SECONDS:
        raise bad("t", "a time in seconds, 0 or more")
    interface = found.get("in")
    if interface is not None and not (isinstance(interface, str) and interface):
        raise bad("in", "the name of an interface, or null for a packet the box sends,")
    digits = found.get("hex")
    if not isinstance(digits, str):
        raise bad("hex", "an IP packet in hex digits")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raise bad("hex", "an IP packet in hex digits, two for each byte,") from None
    mac = found.get("mac")
    if mac is not None and not (isinstance(mac, str) and _MAC.match(mac)):
        raise bad("mac", 'an address like "00:11:22:33:44:55"')
    link = found.get("link", "host")
    if link not in _LINKS:
        raise bad("link", '"host", "broadcast" or "multicast"')
    outgoing = None if "in" not in found else interface is None
    return Seen(number, round(seconds * 1e9), interface, raw, outgoing, mac, link, whole("uid"), whole("gid"), whole("mark"), "line")
