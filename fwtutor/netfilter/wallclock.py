"""The time of day and the date: when, by the clock on the wall, a box's time 0 was. Everything else counts from there.

Always UTC: the kernel's own time zone (``--kerneltz``) is UTC unless somebody has told it otherwise at boot.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fwtutor.netfilter.conntrack.entry import SECOND

BEGAN = 1_704_067_200 * SECOND
"""ns since 1970, where nobody says anything else: midnight of Monday, 2024-01-01."""
DAY = 86_400
"""Seconds."""
LATEST = 4_102_444_800 * SECOND
"""ns since 1970: the year 2100. Nobody says that anything began later."""
_CYCLE = 146_097 * DAY
"""Seconds after which the calendar is the same again, but for the year: 400 years."""
_FIRST_WEEKDAY = 3
"""1970 began on a Thursday; Monday is 0."""


def weekday(seconds: int) -> int:
    """Of a time in seconds since 1970: 1 for Monday to 7."""
    return (seconds // DAY + _FIRST_WEEKDAY) % 7 + 1


def monthday(seconds: int) -> int:
    """1 to 31."""
    return datetime.fromtimestamp(seconds % _CYCLE, UTC).day


def written(seconds: int) -> str:
    """``2024-01-01T00:00:00``"""
    cycles, rest = divmod(seconds, _CYCLE)
    moment = datetime.fromtimestamp(rest, UTC)
    return f"{moment.year + 400 * cycles:04}-{moment:%m-%dT%H:%M:%S}"


def parse(text: str) -> int:
    """ns since 1970 of ``2024-01-01T10:30:00`` (or only the date, or without seconds), in UTC. Raises ValueError."""
    when = datetime.fromisoformat(text)
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return round(when.timestamp()) * SECOND
