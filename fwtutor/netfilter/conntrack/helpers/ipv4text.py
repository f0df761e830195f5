"""IPv4 addresses in a dialogue, as the kernel reads them: four numbers, each with as many zeros before it as it likes."""

from __future__ import annotations

import re

_QUAD = re.compile(rb"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)(?![0-9A-Fa-f.])")


def read_ipv4(data: bytes, at: int, limit: int) -> tuple[int, int] | None:
    """The address at ``at`` and where it ends, before ``limit``. None if there is none."""
    found = _QUAD.match(data, at, limit)
    if found is None:
        return None
    parts = [part.lstrip(b"0") or b"0" for part in found.groups()]
    if any(len(part) > 3 or int(part) > 255 for part in parts):
        return None
    return int.from_bytes(bytes(int(part) for part in parts), "big"), found.end()
