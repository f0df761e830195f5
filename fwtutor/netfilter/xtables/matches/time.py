"""``-m time``: between two dates, at a time of day, on days of the week or of the month. By the clock on the wall, in UTC.

``--timestop`` before ``--timestart`` goes past midnight; with ``--contiguous`` what is after midnight counts as the day before, for the
days of week and month. Stop is included: up to the end of that second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.wallclock import DAY, monthday, weekday, written
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Test

LAST = 2**31 - 1
"""When ``--datestop`` is unless given."""
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_WEEKDAYS, ALL_MONTHDAYS = 0xFE, 0xFFFFFFFE
_WORD = 2**32
_DECIMAL = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]{1,30})")
_ANY = re.compile(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))\Z")
_FIELDS = (("-", 12), ("-", 31), ("T", 23), (":", 59), (":", 59))
"""What stands before month, day, hour, minute and second, and the most each can be. The tool takes a month and a day 0, too."""
_WORDS = (
    'WARNING: --localtz is being replaced by --kerneltz, since "local" is ambiguous. '
    "Note the kernel timezone has caveats - see manpage for details.\n"
)


def _strtoul(text: str) -> tuple[int, str]:
    """A number as C's strtoul reads it, in 32 bits, and what follows it; 0 where there is none."""
    found = _DECIMAL.match(text)
    if found is None:
        return 0, text
    value = min(int(found[2]), 2**64 - 1)
    return (-value if found[1] == "-" else value) % 2**64 % _WORD, text[found.end() :]


def _of_any_base(text: str) -> int | None:
    """A whole number in C's notation, in 64 bits; an empty text is 0."""
    if not text:
        return 0
    found = _ANY.match(text)
    if found is None:
        return None
    sign, hexadecimal, octal, decimal = found.groups()
    value = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    return (-value if sign == "-" else value) % 2**64


def read_date(text: str) -> int:
    wrong = Unreadable(f'Invalid date "{text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]', hint="like 2024-12-24T18:00:00")
    year, rest = _strtoul(text)
    if not 1970 <= year <= 2038:
        raise wrong
    fields = [1, 1, 0, 0, 0]
    for place, (mark, most) in enumerate(_FIELDS):
        if not rest:
            break
        if rest[0] != mark:
            raise wrong
        fields[place], rest = _strtoul(rest[1:])
        if fields[place] > most:
            raise wrong
    if rest:
        raise wrong
    month, day, hour, minute, second = fields
    first = datetime(year, month, 1, tzinfo=UTC) if month else datetime(year - 1, 12, 1, tzinfo=UTC)
    return round((first + timedelta(day - 1, second, minutes=minute, hours=hour)).timestamp()) % _WORD


def read_daytime(text: str) -> int:
    def wrong(part: str) -> Unreadable:
        said = f'invalid time "{part}" specified, should be hh:mm[:ss] format and within the boundaries'
        return Unreadable(said, hint="between 00:00:00 and 23:59:59")

    hour, rest = _strtoul(text)
    if hour > 23 or rest[:1] != ":":
        raise wrong(text)
    behind = rest[1:]
    minute, rest = _strtoul(behind)
    if minute > 59 or rest[:1] not in ("", ":"):
        raise wrong(behind)
    second, end = _strtoul(rest[1:])
    if second > 59 or end:
        raise wrong(rest[1:])
    return (hour * 60 + minute) * 60 + second


def read_monthdays(text: str) -> int:
    days = 0
    for part in text.split(",") if text else ():
        day = _of_any_base(part[:2])
        if day is None or day > 31:
            raise Unreadable(f"{part[:2]} is not a valid day for --monthdays", hint="numbers from 1 to 31, with commas between them")
        days |= 1 << day
    return days


def read_weekdays(text: str) -> int:
    days = 0
    parts = text.split(",")
    for part in parts[:-1] if not parts[-1] else parts:
        day = next((number for number, name in enumerate(WEEKDAYS, 1) if part[:2] == name[:2]), None)
        if day is None:
            day = _of_any_base(part[:3])
            if day is None:
                raise Unreadable(f"{part[:3]} is not a valid day specifier", hint=f"{','.join(WEEKDAYS)}, or 1 to 7")
            if not day:
                raise Unreadable("No, the week does NOT begin with Sunday.", hint="Monday is 1, Sunday is 7")
        # A bit beyond those there is room for is lost.
        days |= 1 << (day & 31) & 0xFF
    return days


def weekdays_of(days: int) -> str:
    return ",".join(name for number, name in enumerate(WEEKDAYS, 1) if days >> number & 1)


def monthdays_of(days: int, ordinals: bool = False) -> str:
    """Their numbers, or as the tool's ordinals."""
    return ",".join(f"{day}{_ordinal(day) if ordinals else ''}" for day in range(1, 32) if days >> day & 1)


def _ordinal(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _option(field: str, argument: str, read: Any, meaning: str, invertible: bool = False) -> Option:
    return Option(field=field, names=(field,), argument=argument, read=read, invertible=invertible, meaning=meaning)


def _word(field: str, meaning: str, warning: str = "") -> Option:
    return Option(
        field=field, names=(field,), arguments=0, read=lambda: True, invertible=False, meaning=meaning, warns=lambda _: warning
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Time(OptionMatch):
    """The date, the day and the time of day."""

    name: ClassVar[str] = "time"
    meaning: ClassVar[str] = "the date, the day and the time of day (UTC)"
    options: ClassVar[tuple[Option, ...]] = (
        _option("datestart", "YYYY[-MM[-DD[Thh[:mm[:ss]]]]]", read_date, "from this moment on"),
        _option("datestop", "YYYY[-MM[-DD[Thh[:mm[:ss]]]]]", read_date, "until this moment (without the option: 2038-01-19T03:14:07)"),
        _option("timestart", "hh:mm[:ss]", read_daytime, "from this time of day on"),
        _option("timestop", "hh:mm[:ss]", read_daytime, "until this time of day; past midnight, if that is before --timestart"),
        _option("monthdays", "DAY[,DAY]", read_monthdays, "on these days of the month, 1 to 31", invertible=True),
        _option("weekdays", "DAY[,DAY]", read_weekdays, "on these days of the week: Mon to Sun, or 1 to 7", invertible=True),
        _word("localtz", "as --kerneltz, of old", warning=_WORDS),
        _word("utc", "by UTC, as without the option"),
        _word("kerneltz", "by the kernel's time zone (which here is UTC, too)"),
        _word("contiguous", "what is past midnight counts as the day before (when --timestop is before --timestart)"),
    )  # fmt: skip

    datestart: int = 0
    datestop: int = LAST
    timestart: int = 0
    timestop: int = DAY - 1
    monthdays: int = ALL_MONTHDAYS
    weekdays: int = ALL_WEEKDAYS
    kerneltz: bool = False
    contiguous: bool = False

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        values = {field: one.value for field, one in given.items() if field not in ("localtz", "utc")}
        for field, every in (("monthdays", ALL_MONTHDAYS), ("weekdays", ALL_WEEKDAYS)):
            if field in given and given[field].negated:
                values[field] ^= every
        values["kerneltz"] = "kerneltz" in given or "localtz" in given
        found = cls(**values)
        if found.contiguous and found.timestart < found.timestop:
            raise Unreadable("time: --contiguous only makes sense when stoptime is smaller than starttime")
        cls.exclude(given, "localtz", "utc")
        cls.exclude(given, "kerneltz", "utc")
        return found

    # --- deciding ------------------------------------------------------------------------------------------------

    def _tests(self, now: int) -> list[tuple[str, bool, str]]:
        """Of each thing it asks: in words, whether it holds at a time in seconds since 1970, and why."""
        time, (start, stop) = now % DAY, (self.timestart, self.timestop)
        found = []
        if self.datestart or self.datestop != LAST:
            found.append((self._dates(), self.datestart <= now <= self.datestop, f"it is {written(now)}"))
        over = start >= stop
        if (start, stop) != (0, DAY - 1):
            fits = (time >= start or time <= stop) if over else start <= time <= stop
            found.append((f"--timestart {_clock(start)} --timestop {_clock(stop)}", fits, f"it is {_clock(time)}"))
        earlier = self.contiguous and over and time <= stop
        day = now - DAY if earlier else now
        still = " still, as that began before midnight" if earlier else ""
        if self.weekdays != ALL_WEEKDAYS:
            today = weekday(day)
            found.append(
                (f"--weekdays {weekdays_of(self.weekdays)}", bool(self.weekdays >> today & 1), f"it is {WEEKDAYS[today - 1]}{still}")
            )
        if self.monthdays != ALL_MONTHDAYS:
            number = monthday(day)
            said = f"it is the {number}{_ordinal(number)}{still}"
            found.append((f"--monthdays {monthdays_of(self.monthdays)}", bool(self.monthdays >> number & 1), said))
        return found

    def compile(self) -> Test:
        return lambda context: all(held for _, held, _ in self._tests(context.wall // SECOND))

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return tuple(Condition(*found) for found in self._tests(context.wall // SECOND))

    # --- printing ------------------------------------------------------------------------------------------------

    def _dates(self) -> str:
        words = [f"--datestart {written(self.datestart)}"] if self.datestart else []
        return " ".join([*words, *([f"--datestop {written(self.datestop)}"] if self.datestop else [])])

    def phrases(self) -> list[str]:
        said = self.listing(numeric=True).removeprefix("TIME").lstrip()
        return [f";{said if said not in ('', 'UTC') else f'at any time {said}'.rstrip()}"]

    def save(self) -> str:
        words = []
        if (self.timestart, self.timestop) != (0, DAY - 1):
            words.append(f"--timestart {_clock(self.timestart)} --timestop {_clock(self.timestop)}")
        if self.monthdays != ALL_MONTHDAYS:
            words.append(f"--monthdays {monthdays_of(self.monthdays)}")
        if self.weekdays != ALL_WEEKDAYS:
            words.append(f"--weekdays {weekdays_of(self.weekdays)}")
        words += [self._dates()] if self._dates() else []
        return " ".join([*words, *(["--kerneltz"] if self.kerneltz else []), *(["--contiguous"] if self.contiguous else [])])

    def listing(self, numeric: bool) -> str:
        words = ["TIME"]
        if (self.timestart, self.timestop) != (0, DAY - 1):
            words.append(f"from {_clock(self.timestart)} to {_clock(self.timestop)}")
        if self.weekdays != ALL_WEEKDAYS:
            words.append(f"on {weekdays_of(self.weekdays)}")
        if self.monthdays != ALL_MONTHDAYS:
            words.append(f"on {monthdays_of(self.monthdays, ordinals=True)}")
        if self.datestart:
            words.append(f"starting from {written(self.datestart).replace('T', ' ')}")
        if self.datestop != LAST:
            words.append(f"until date {written(self.datestop).replace('T', ' ')}" if self.datestop else "until date")
        words += [] if self.kerneltz else ["UTC"]
        return " ".join([*words, *(["contiguous"] if self.contiguous else [])])
