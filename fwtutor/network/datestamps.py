"""Dates as logs write them, from a clock in ns since 1970; UTC, and never by the language of the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def stamp(clock: int) -> str:
    """syslog's: ``Jan  1 00:00:07``."""
    date = _date(clock)
    return f"{_MONTHS[date.month - 1]} {date.day:2} {date:%H:%M:%S}"


def minute_stamp(clock: int) -> str:
    """That of ``ls -l``: ``Jan  1 00:00``."""
    return stamp(clock)[:-3]


def full_stamp(clock: int) -> str:
    """That of ctime(3): ``Mon Jan  1 00:00:07 2024``."""
    date = _date(clock)
    return f"{_DAYS[date.weekday()]} {stamp(clock)} {date.year}"


def plain_stamp(clock: int) -> str:
    """``20240101000007``."""
    return f"{_date(clock):%Y%m%d%H%M%S}"


def long_stamp(clock: int) -> str:
    """``2024-01-01 00:00:07,250``."""
    return f"{second_stamp(clock)},{clock // 1_000_000 % 1000:03}"


def second_stamp(clock: int) -> str:
    """``2024-01-01 00:00:07``."""
    return f"{_date(clock):%Y-%m-%d %H:%M:%S}"


def _date(clock: int) -> datetime:
    return _EPOCH + timedelta(seconds=clock // 1_000_000_000)
