"""How a person wants the application: the configuration file, read with distrust. What the environment says wins over it.

Everything has a value without a file. Whatever is wrong in one is refused before anything is drawn, by file, line and field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput
from fwtutor.course.language import is_language
from fwtutor.folders import config_file
from fwtutor.telling import glyphs

if TYPE_CHECKING:
    from fwtutor.course.tables import Table
    from fwtutor.recording.cursor import Size

STEPS: tuple[Size, ...] = ("packet", "hook", "rule")
PACES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""How many times as fast as usual things may go."""
OURS = ("dark", "light", "contrast")
"""Themes of our own, as people name them."""
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person has chosen; what was not is as it is here."""

    theme: str = "fwtutor-dark"
    """As Textual knows it."""
    motion: bool = True
    ascii: bool | None = None
    """None: as the terminal's locale has it."""
    pace: float = 1.0
    step: Size = "packet"
    language: str = ""
    """That lessons are read in; "": as the locale has it."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys, comma separated, by the action's id: those that were changed."""

    @property
    def in_ascii(self) -> bool:
        return glyphs.wants_ascii(chosen=self.ascii)

    @property
    def still(self) -> bool:
        return glyphs.wants_stillness(chosen=not self.motion)


def load(file: Path | None = None) -> Settings:
    """The settings in a file (default: where it belongs), and what the environment says. Raises BadInput."""
    file = file if file is not None else config_file()
    settings = _read(file) if os.path.lexists(file) else Settings()
    asked = os.environ.get("FWTUTOR_THEME", "")
    if not asked:
        return settings
    theme = _theme(asked)
    if not theme:
        raise BadInput(f"FWTUTOR_THEME: {asked!r} is no theme; there are: {', '.join(themes())}")
    return replace(settings, theme=theme)


def themes() -> tuple[str, ...]:
    """All there are, by the names that one writes."""
    from textual.theme import BUILTIN_THEMES

    return (*OURS, *sorted(BUILTIN_THEMES))


def _theme(name: str) -> str:
    """A theme's name as Textual knows it; "": there is none."""
    short = name.removeprefix("fwtutor-")
    if short in OURS:
        return f"fwtutor-{short}"
    return name if name in themes() else ""


def _read(file: Path) -> Settings:
    from fwtutor.course.model import LessonError
    from fwtutor.course.tables import Table, read_text

    try:
        # Many keep the file elsewhere, and a link to it here.
        real = Path(os.path.realpath(file))
        return _settings(Table.parse(str(file), read_text(real.parent, real.name, MAX_BYTES)))
    except LessonError as error:
        raise BadInput(str(LessonError(file, error.line, error.field, error.reason))) from None


def _settings(table: Table) -> Settings:
    usual = Settings()
    theme = _theme(table.text("theme", usual.theme, limit=60))
    if not theme:
        table.fail(f"there is no such theme; there are: {', '.join(themes())}", "theme")
    pace = table.raw("pace") if table.has("pace") else usual.pace
    if isinstance(pace, bool) or not isinstance(pace, int | float) or pace not in PACES:
        table.fail(f"is none of {', '.join(f'{each:g}' for each in PACES)}", "pace")
    language = table.text("language", usual.language, limit=20) if table.has("language") else usual.language
    if language and not is_language(language):
        table.fail("is no language's code, as de or fr are", "language")
    settings = Settings(
        theme=theme,
        motion=table.flag("motion", usual.motion),
        ascii=table.flag("ascii") if table.has("ascii") else None,
        pace=float(pace),
        step=next(size for size in STEPS if size == table.choice("step", STEPS, usual.step)),
        language=language,
        keys=_keys(table.table("keys")) if table.has("keys") else {},
    )
    table.done()
    return settings


def _keys(table: Table) -> Mapping[str, str]:
    from fwtutor.tui import keymap

    return keymap.read(table)
