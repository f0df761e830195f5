"""The map of the course, and what is kept of a person's progress."""

from __future__ import annotations

import pytest

from fwtutor.course.progress import Progress
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.widgets.chain import ChainView
from tests.tui.conftest import Playing, lab_of, make_course, make_lesson, screen_text


async def test_enter_goes_on_and_m_comes_back_with_the_place_kept(playing: Playing, progress: Progress) -> None:
    async with playing(on_map=True) as (app, pilot):
        assert "Too open?" in screen_text(app)
        await pilot.press("enter", "space", "space", "m")
        assert isinstance(app.screen, CourseMap)
        assert "1 of 2 goals" in screen_text(app)
        assert progress.last == "tiny"
        await pilot.press("enter")
        assert lab_of(app).session.cursor.index == progress.of("tiny").record > 0


async def test_the_map_marks_the_first_lesson_with_goals_open(playing: Playing, progress: Progress) -> None:
    progress.meet("one", "open")
    progress.meet("one", "drop")
    course = make_course(make_lesson(name="one", title="First"), make_lesson(name="two", title="Second"))
    async with playing(course.lessons[1], on_map=True, course=course) as (app, pilot):
        rows = screen_text(app).split("\n")
        assert any(row.strip().startswith("▶ ▢ Second") for row in rows)
        await pilot.press("up")
        assert any(row.strip().startswith("▶ ✔ First") for row in screen_text(app).split("\n"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_became_of_damaged_progress_is_in_sight_however_long_the_map(
    playing: Playing, progress: Progress, size: tuple[int, int]
) -> None:
    progress.notice = "progress.json was damaged. It was set aside."
    course = make_course(*(make_lesson(name=f"l{number}", title=f"Lesson {number}") for number in range(20)))
    async with playing(on_map=True, course=course, size=size) as (app, pilot):
        assert "◆ progress.json was damaged. It was set aside." in screen_text(app)
        await pilot.press("end")
        assert "Lesson 19" in screen_text(app)
        assert "◆ progress.json was damaged. It was set aside." in screen_text(app)


async def test_the_marked_lesson_is_in_sight_when_the_map_is_first_opened_from_its_lab(playing: Playing) -> None:
    course = make_course(*(make_lesson(name=f"l{number}", title=f"Lesson {number}") for number in range(20)))
    async with playing(course.lessons[15], course=course, size=(80, 24)) as (app, pilot):
        await pilot.press("space", "m")
        await pilot.pause()
        assert any(row.strip().startswith("▶ ◆ Lesson 15") for row in screen_text(app).split("\n"))


async def test_the_mark_stays_where_it_is_while_something_else_was_looked_at(playing: Playing) -> None:
    course = make_course(*(make_lesson(name=f"l{number}", title=f"Lesson {number}") for number in range(3)))
    async with playing(on_map=True, course=course) as (app, pilot):
        await pilot.press("down", "down", "p", "escape")
        assert any(row.strip().startswith("▶ ▢ Lesson 2") for row in screen_text(app).split("\n"))


async def test_start_over_begins_at_the_beginning(playing: Playing, progress: Progress) -> None:
    async with playing(on_map=True) as (app, pilot):
        await pilot.press("enter", "space", "space", "m", "s")
        assert lab_of(app).session.cursor.index == -1


async def test_an_exception_keeps_progress_and_is_handed_to_the_runner(
    playing: Playing, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    async def break_it() -> None:
        async with playing() as (app, pilot):
            apps.append(app)
            await pilot.press("space")
            monkeypatch.setattr(ChainView, "show", fail)
            await pilot.press("space")

    apps: list[FwtutorApp] = []
    with pytest.raises(RuntimeError, match="on purpose"):
        await break_it()
    assert isinstance(apps[0].crash, RuntimeError)
    assert progress.path.exists()


async def test_the_map_marks_the_lesson_that_enter_led_on_to(playing: Playing, progress: Progress) -> None:
    course = make_course(make_lesson(name="one", title="First"), make_lesson(name="two", title="Second"))
    async with playing(course.lessons[0], on_map=True, course=course) as (app, pilot):
        await pilot.press("enter", "end", "end", "space", "space")
        lab = lab_of(app)
        lab.action_answer(0)
        await pilot.press("end", "enter")
        assert lab_of(app).lesson.name == "two"
        await pilot.press("m")
        assert any(row.strip().startswith("▶ ▢ Second") for row in screen_text(app).split("\n"))
