"""Any string that a rule, a lesson or a learner brings reaches the screen as it is: no markup, no escape codes, nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from fwtutor.course.progress import Progress
from fwtutor.telling.spans import Line, clean, line
from fwtutor.tui.widgets.bars import TopLine
from fwtutor.tui.widgets.lines import LineView
from tests.tui.conftest import Playing, lab_of, make_course, make_lesson, pane_text, screen_text, type_text

NASTY = [
    "[UNREPLIED]",
    "[fw] ",
    "[/etc/x]",
    "[bold]x[/bold]",
    "[@click=quit]x[/]",
    "\\[x]",
    "a\x1b[2Jb",
    "\u202eabc",
    "$accent",
    "{x} %s",
    "日本[語]",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))


def drawn(view: LineView, y: int) -> str:
    return view.render_line(y).text.rstrip()


async def test_any_title_and_any_row_are_drawn_as_they_are(playing: Playing) -> None:
    async with playing() as (app, _pilot):
        top = app.screen.query_one(TopLine)

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(TEXT, TEXT)
        def check(title: str, right: str) -> None:
            top.show(title, right)
            left = clean(title)
            if line(title).width + line(right).width < 100:
                assert f" fwtutor {left}" in top.render_line(0).text
                assert clean(right).rstrip() in drawn(top, 0)

        check()


async def test_any_text_in_a_border_title_is_kept(playing: Playing) -> None:
    async with playing() as (app, _pilot):
        view = app.screen.query_one("#why", LineView)

        @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(TEXT)
        def check(text: str) -> None:
            view.set_title(f"x{text}")
            assert view._border_title is not None
            assert view._border_title.plain == f"x{clean(text)}"

        check()


@pytest.mark.parametrize("text", [text for text in NASTY if text.isascii() and text.isprintable() and "\\" not in text])
async def test_a_comment_in_a_rule_is_shown_as_the_rule_has_it(playing: Playing, text: str) -> None:
    rules = f'*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m comment --comment "{text}" -j ACCEPT\nCOMMIT\n'
    async with playing(make_lesson(rules=rules)) as (app, pilot):
        saved = lab_of(app).session.cursor.view.ruleset.tables["filter"].chains["INPUT"].rules[0].save()
        assert text in saved
        assert saved in screen_text(app)
        await pilot.press("space")
        assert text.split()[0] in pane_text(app, "#chain")


@pytest.mark.parametrize("text", NASTY)
async def test_a_lesson_with_brackets_is_shown_with_brackets(playing: Playing, text: str, progress: Progress) -> None:
    lesson = make_lesson(title=f"Q {text}", text=f"See `{text}` here")
    async with playing(lesson, on_map=True, course=make_course(lesson)) as (app, pilot):
        assert f"Q {clean(text)}".rstrip() in screen_text(app)
        await pilot.press("enter")
        assert f"See {clean(text)} here".replace("  ", " ") in pane_text(app, "#lesson")


@pytest.mark.parametrize("text", ["[x]", "[/etc/x]", "[@click=quit]y"])
async def test_what_a_learner_types_is_shown_as_typed(playing: Playing, text: str) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon")
        await type_text(pilot, f"echo {text}")
        assert f"echo {text}" in screen_text(app)
        await pilot.press("enter")
        assert app.is_running


async def test_any_output_of_a_command_is_shown(playing: Playing) -> None:
    async with playing() as (app, pilot):
        lab = lab_of(app)
        for text in NASTY:
            lab.say(text, line(text))
            await pilot.pause()
            assert clean(text).rstrip() in screen_text(app)


def test_lines_know_nothing_of_markup() -> None:
    make: Callable[..., Line] = line
    assert make("[bold]x[/]").text == "[bold]x[/]"
