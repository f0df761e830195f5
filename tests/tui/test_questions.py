"""The map's keys about the learner: the summary, predictions asked again, the quiz."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fwtutor.course.loader import lessons_folder
from fwtutor.course.progress import Progress, load_progress
from fwtutor.course.quiz import load_quiz
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.questions import QuestionsScreen
from tests.tui.conftest import BOTH, Playing, make_course, make_lesson, screen_text


@BOTH
async def test_a_wrong_prediction_is_asked_again_and_leaves_the_list_when_it_is_right(
    playing: Playing, progress: Progress, size: tuple[int, int]
) -> None:
    progress.predict("tiny", "shot", "RELATED", right=False)
    async with playing(on_map=True, size=size) as (app, pilot):
        assert "1 to review" in screen_text(app)
        await pilot.press("p")
        assert "1 to be asked again (w on the map)" in screen_text(app)
        await pilot.press("escape", "w")
        assert "Too open? · A step nearer?" in screen_text(app)
        assert "What the firewall did" not in screen_text(app)
        await pilot.press("d", "space")
        assert "What will the firewall call the SYN to 22?" in screen_text(app), "neither is an answer"
        await pilot.press("a")
        assert "right: NEW" in screen_text(app)
        assert "no rule of INPUT decided, so its policy does: DROP" in screen_text(app)
        assert load_progress(progress.path.parent).of("tiny").mended == {"shot"}, "kept at once"
        await pilot.press("space")
        assert "1 of 1 is right now" in screen_text(app)
        await pilot.press("enter", "w")
        assert isinstance(app.screen, CourseMap)
        assert "to review" not in screen_text(app)


async def test_the_quiz_from_the_map_is_kept_where_one_leaves_it(playing: Playing, progress: Progress, tmp_path: Path) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    shutil.copy(lessons_folder() / "quiz.toml", folder)
    total = len(load_quiz(folder).questions)
    async with playing(on_map=True, course=replace(make_course(make_lesson()), folder=folder)) as (app, pilot):
        await pilot.press("z")
        assert f"question 1 of {total}" in screen_text(app)
        await pilot.press("a", "b", "escape", "z")
        assert f"question 3 of {total}" in screen_text(app)
        await pilot.press(*"a" * (total - 2))
        assert f"of {total} were right" in screen_text(app)
        assert "the firewall did" not in screen_text(app)
        await pilot.press("enter", "p")
        assert f"before the course {sum(progress.quiz['before'].values())} of {total} right" in screen_text(app)


@pytest.mark.parametrize(("text", "said"), [(None, "This course has no quiz"), ("seed = 'x'", "seed")])
async def test_a_course_without_a_quiz_that_can_be_opened_says_so(playing: Playing, tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "quiz.toml").write_text(text)
    async with playing(on_map=True, course=replace(make_course(make_lesson()), folder=tmp_path)) as (app, pilot):
        await pilot.press("z")
        await pilot.pause()
        assert not isinstance(app.screen, QuestionsScreen)
        assert any(said in notification.message for notification in app._notifications)
