"""Reading a lesson's files with distrust: bounded sizes, nothing outside the folder, every value of the type it must have.

Whatever is wrong becomes a LessonError that names the file, the line and the field. What the fields mean is ``loader``'s.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from fwtutor.course.model import LessonError
from fwtutor.course.places import Path as FieldPath, Places, field_name

MAX_BYTES = 256 * 1024
"""Of any one file."""
MAX_ITEMS = 500
"""Of any one list."""
MAX_TEXT = 4000
"""Characters of any one string."""

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){30}""", re.ASCII)
"""``a.a.a.a...``: tomllib takes minutes for one of a few KB."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_TYPES = {str: "a string", int: "a whole number", bool: "true or false", list: "a list", dict: "a table", float: "a number"}


def read_text_if_there(folder: Path, name: str) -> str | None:
    """As ``read_text``; None: there is no such file."""
    return read_text(folder, name) if os.path.lexists(folder / name) else None


def read_text(folder: Path, name: str, most: int = MAX_BYTES) -> str:
    """A file of the folder as text. LessonError if it is missing, outside, not UTF-8, larger than ``most``, or has control characters."""
    path = folder / name
    shown = shown_name(folder, name)
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()):
            raise LessonError(shown, 0, "", "leads out of the lesson's folder")
        # Opening a named pipe would wait for ever.
        if not stat.S_ISREG(real.stat().st_mode):
            raise LessonError(shown, 0, "", "is not a regular file")
        with real.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise LessonError(shown, 0, "", "there is no such file") from None
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, LessonError):
            raise
        raise LessonError(shown, 0, "", f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > most:
        raise LessonError(shown, 0, "", f"is larger than {most // 1024} KiB")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")  # some editors put that before all they write
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LessonError(shown, line, "", f"byte {error.start} is not UTF-8") from None
    text = text.replace("\r\n", "\n")
    bad = _CONTROL.search(text)
    if bad:
        raise LessonError(shown, text.count("\n", 0, bad.start()) + 1, "", f"has the control character U+{ord(bad.group()):04X}")
    return text


def shown_name(folder: Path, name: str) -> str:
    """How an error names a file: the folder's own name and the file's."""
    return f"{folder.name}/{name}" if folder.name else name


def control_character(text: str) -> str:
    """The first character that a terminal might obey instead of showing it; "" if there is none."""
    found = _CONTROL.search(text)
    return found.group() if found else ""


class Table:
    """A TOML table of which fields are taken one by one; ``done`` then names the first one nobody wanted."""

    def __init__(self, file: str, places: Places, path: FieldPath, values: dict[str, Any]) -> None:
        self.file = file
        self.places = places
        self.path = path
        self._values = values
        self._taken: set[str] = set()

    @classmethod
    def parse(cls, file: str, text: str) -> Table:
        """The whole text as a table."""
        endless = _ENDLESS_KEY.search(text)
        if endless:
            raise LessonError(file, text.count("\n", 0, endless.start()) + 1, "", "has a name of thirty parts or more")
        try:
            values = tomllib.loads(text)
            places = Places(text)
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            raise LessonError(file, line, "", f"is not TOML: {_AT_LINE.sub('', str(error))}") from None
        except (ValueError, RecursionError) as error:
            reason = "its brackets are too deep" if isinstance(error, RecursionError) else str(error)
            raise LessonError(file, 0, "", f"is not TOML: {reason}") from None
        return cls(file, places, (), values)

    def fail(self, reason: str, *path: str | int) -> NoReturn:
        """Raises a LessonError about a field of this table (or the table itself)."""
        whole = (*self.path, *path)
        raise LessonError(self.file, self.places.line(whole), field_name(whole), reason)

    def fail_inside(self, reason: str, number: int, *path: str | int) -> NoReturn:
        """As ``fail``, about the line of that number of a text."""
        whole = (*self.path, *path)
        raise LessonError(self.file, self.places.line_inside(whole, number), field_name(whole), reason)

    def has(self, key: str) -> bool:
        return key in self._values

    def fields(self) -> list[str]:
        return list(self._values)

    def text(self, key: str, default: str | None = None, *, limit: int = MAX_TEXT, typed: bool = False) -> str:
        """A string that is not empty (unless that is the default). ``typed``: as somebody typed it, control characters and all."""
        value = self._take(key, str, default)
        if not value and value != default:
            self.fail("is empty", key)
        self._check_text(value, limit, key, typed=typed)
        return str(value)

    def number(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        value = self._take(key, int, default)
        if not least <= value <= most:
            self.fail(f"is not between {least} and {most}", key)
        return int(value)

    def seconds(self, key: str, default: float) -> float:
        value = self._values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            self._taken.add(key)
        else:
            value = self._take(key, float, default)
        if not 0 <= value <= 1e6:
            self.fail("is not between 0 and 1000000 seconds", key)
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self._take(key, bool, default))

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            self.fail(f'"{value[:40]}" is none of {", ".join(allowed)}', key)
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        values = self._list(key, required)
        for number, value in enumerate(values, 1):
            if not isinstance(value, str):
                self.fail("is not a string", key, number)
            if not value:
                self.fail("is empty", key, number)
            self._check_text(value, MAX_TEXT, key, number)
        return tuple(values)

    def numbers(self, key: str, *, least: int, most: int) -> tuple[int, ...]:
        values = self._list(key, False)
        for number, value in enumerate(values, 1):
            if type(value) is not int or not least <= value <= most:
                self.fail(f"is not a whole number between {least} and {most}", key, number)
        return tuple(values)

    def table(self, key: str, *, required: bool = True) -> Table:
        return self._sub(self._take(key, dict, None if required else {}), key)

    def tables(self, key: str, *, required: bool = False, most: int = MAX_ITEMS) -> tuple[Table, ...]:
        """A list of tables ([[key]], or inline)."""
        values = self._list(key, required, most)
        for number, value in enumerate(values, 1):
            if not isinstance(value, dict):
                self.fail("is not a table", key, number)
        return tuple(self._sub(value, key, number) for number, value in enumerate(values, 1))

    def named_tables(self) -> Iterator[tuple[str, Table]]:
        """Every field of this table, each a table itself."""
        if len(self._values) > MAX_ITEMS:
            self.fail(f"has more than {MAX_ITEMS} fields")
        for key in self._values:
            self._check_text(key, 100)
            yield key, self.table(key)

    def raw(self, key: str) -> object:
        """Whatever stands there; the caller judges it."""
        self._taken.add(key)
        return self._values[key]

    def filled(self, fill: Callable[[str], str]) -> Table:
        """The same table, not read yet, with something put into its strings."""
        return Table(self.file, self.places, self.path, {key: fill(v) if isinstance(v, str) else v for key, v in self._values.items()})

    def done(self) -> None:
        """Every field has been taken; the first that was not is a mistake."""
        for key in self._values:
            if key not in self._taken:
                self.fail("there is no such field", key)

    def _sub(self, value: dict[str, Any], *path: str | int) -> Table:
        return Table(self.file, self.places, (*self.path, *path), value)

    def _list(self, key: str, required: bool, most: int = MAX_ITEMS) -> list[Any]:
        values: list[Any] = self._take(key, list, None if required else [])
        if required and not values:
            self.fail("is empty", key)
        if len(values) > most:
            self.fail(f"has more than {most} items", key)
        return values

    def _take(self, key: str, kind: type, default: object) -> Any:
        if key not in self._values:
            if default is None:
                self.fail("is missing", key)
            return default
        self._taken.add(key)
        value = self._values[key]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.fail(f"is not {_TYPES[kind]}", key)
        return value

    def _check_text(self, value: str, limit: int, *path: str | int, typed: bool = False) -> None:
        if len(value) > limit:
            self.fail(f"is longer than {limit} characters", *path)
        bad = "" if typed else control_character(value)
        if bad:
            self.fail(f"has the control character U+{ord(bad):04X}", *path)
