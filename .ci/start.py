"""Starts the installed application without a terminal, opens the lesson of the origin question, steps into it, and leaves.

Run with the Python of the environment to be tried, from a folder outside the checkout.
"""

from __future__ import annotations

import asyncio

from fwtutor.course.loader import load_course
from fwtutor.course.progress import load_progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.lab import LabScreen


async def main() -> None:
    course = load_course()
    assert not course.broken, course.broken
    lesson = course.lesson("too-open")
    assert lesson is not None
    for size in ((120, 40), (80, 24)):
        app = FwtutorApp(course, load_progress(), lesson)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, LabScreen), screen
            before = screen.session.cursor.index
            await pilot.press("space")
            await pilot.pause()
            assert screen.session.cursor.index > before or screen.journey.question is not None
            await pilot.press("ctrl+q")
        assert app.crash is None, app.crash
        print(f"started at {size[0]} x {size[1]}, stepped, left")


asyncio.run(main())
