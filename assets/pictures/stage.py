"""The application on a stage: opened for a picture, keys pressed, and its screen read as rows of cells. Nothing here draws."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

from assets.pictures.canvas import Row, Run
from fwtutor.course.loader import load_course
from fwtutor.course.progress import Progress
from fwtutor.sandbox.making import make
from fwtutor.tui.app import FwtutorApp

TOP = Path(__file__).parent.parent.parent
NAMES = {"-": "minus", ">": "greater_than_sign", ".": "full_stop", ",": "comma", "/": "slash", ":": "colon", "=": "equals_sign"}


@contextmanager
def environment() -> Iterator[Path]:
    """Nobody's settings, nobody's progress: an empty home, and no wishes of the terminal."""
    with TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FWTUTOR_", "NO_COLOR", "TEXTUAL"))}
        with patch.dict(os.environ, {**kept, "FWTUTOR_HOME": home, "FWTUTOR_STILL": "1", "FWTUTOR_ASCII": "0"}, clear=True):
            yield Path(home)


@asynccontextmanager
async def opened(where: str, size: tuple[int, int], theme: str = "fwtutor-dark") -> AsyncIterator[Pilot[int]]:
    """The application: on the ``map``, on the choice of ``networks``, in the ``sandbox`` of the example, or in a lesson of that name."""
    with environment() as home:
        progress, course = Progress(home / "progress.json"), load_course(answers=False)
        lesson = next((each for each in course.lessons if each.name == where), None)
        sandbox = None
        if where == "map":
            for each in course.lessons[:5]:
                part = progress.of(each.name)
                part.goals = {goal.id for goal in each.goals}
                part.predictions = {prediction.id: prediction.expect for stage in each.stages for prediction in stage.predictions}
            progress.last = course.lessons[5].name
        elif where == "sandbox":
            model = make("one-server", rules=TOP / "assets" / "too-open.rules", capture=TOP / "assets" / "handshake.pcap")
            sandbox = model, model.opened()
        app = FwtutorApp(course, progress, lesson, sandbox=sandbox, choosing=where == "networks")
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            await pilot.pause()
            yield pilot


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys; a word in quotes is typed."""
    for key in keys:
        if key.startswith("'"):
            await pilot.press(*("space" if letter == " " else NAMES.get(letter, letter) for letter in key[1:-1]))
        else:
            await pilot.press(key)
    await pilot.pause()


def rows_of(pilot: Pilot[int]) -> list[Row]:
    """What the screen shows, row by row."""
    app = pilot.app
    for field in app.screen.query("Input, TextArea"):
        # A cursor that is there half of the time would make two pictures of one screen.
        field.cursor_blink = False  # type: ignore[attr-defined]
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return [_runs(Strip.join(strips)) for strips in update.strips]  # type: ignore[union-attr]


def _runs(strip: Strip) -> Row:
    segments = ((segment.text, segment.style or Style()) for segment in strip)
    alike = groupby(segments, key=lambda segment: segment[1].without_color + Style(color=segment[1].color, bgcolor=segment[1].bgcolor))
    return tuple(Run("".join(text for text, _ in group), style) for style, group in alike)
