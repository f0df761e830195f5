"""Values written as TOML that a person can read, and change: Python's library reads it only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def document(fields: Mapping[str, object]) -> str:
    """A whole file: plain fields first, then tables and lists of tables, each with its heading."""
    plain = {key: value for key, value in fields.items() if not isinstance(value, Mapping) and not _tables(value)}
    rows = field_lines(plain)
    for key, value in fields.items():
        if isinstance(value, Mapping):
            rows += ["", f"[{key_text(key)}]", *field_lines(value)]
        elif _tables(value):
            assert isinstance(value, list | tuple)
            for item in value:
                rows += ["", f"[[{key_text(key)}]]", *field_lines(item)]
    return "\n".join(rows) + "\n"


def _tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def field_lines(fields: Mapping[str, object]) -> list[str]:
    """``key = value`` for each."""
    return [f"{key_text(key)} = {_lines(value) or value_text(value)}" for key, value in fields.items()]


def small_tables(key: str, items: Iterable[Mapping[str, object]]) -> list[str]:
    """A list of small tables, one a line; nothing if there are none."""
    rows = [f"  {value_text(item)}," for item in items]
    return [f"{key} = [", *rows, "]"] if rows else []


def key_text(text: str) -> str:
    return text if _BARE.match(text) else _string(text)


def value_text(value: object) -> str:
    """In one line."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key_text(key)} = {value_text(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(value_text, value)) + "]"
    return repr(value)


def _string(text: str) -> str:
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _lines(value: object) -> str:
    """A text of whole lines as such; "" for any other value."""
    if not isinstance(value, str) or not value.endswith("\n"):
        return ""
    text = "".join(letter if letter in '\n\t"' else _escaped(letter) for letter in value)
    return '"""\n' + text.replace('"""', '""\\"') + '"""'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return letter if letter.isprintable() else f"\\u{ord(letter):04x}" if ord(letter) < 65536 else f"\\U{ord(letter):08x}"
