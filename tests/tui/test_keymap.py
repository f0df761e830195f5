"""Keys of one's own: what a configuration may say of them, and that bindings, bar, help, palette and sentences all follow it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.keys import _character_to_key

from fwtutor.course.model import Lesson, LessonError
from fwtutor.course.progress import Progress
from fwtutor.course.tables import Table
from fwtutor.telling import actions
from fwtutor.telling.actions import LAB, LAB_GROUPS, TABLES, TYPING, Action
from fwtutor.tui import keymap
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.reader import Sheet
from fwtutor.tui.settings import Settings
from tests.tui.conftest import lab_of, make_course, make_lesson, screen_text

MINE = {"lab.step": "f5,L", "lab.hint": "w", "lab.why": "h", "lab.start": "K", "lab.packet": "f6", "lab.command": "semicolon"}


@pytest.fixture(autouse=True)
def _usual_keys_afterwards() -> Iterator[None]:
    yield
    keymap.use({})


def read(text: str) -> dict[str, str]:
    return keymap.read(Table.parse("keys.toml", text))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"lab.stp" = "x"', "there is no such action; did you mean lab.step?"),
        ('"lab.sizes" = "x"', "has no key of its own"),
        ('"type.run" = "x"', "has no key of its own"),
        ('"lab.step" = "spce"', '"spce" is no key'),
        ('"lab.step" = "ctrl+ctrl+x"', r'"ctrl\+ctrl\+x" is no key'),
        ('"lab.step" = "ctrl+ä"', r'"ctrl\+ä" does not come from terminals'),
        ('"lab.step" = "ctrl+c"', r'"ctrl\+c" copies what is selected'),
        ('"lab.step" = "hyper-x"', '"hyper-x" is no key'),
        ('"lab.step" = "x,,y"', '"" is no key'),
        ('"lab.step" = "shift+l"', "write the character that it types"),
        ('"lab.step" = "ctrl+m"', '"enter" is a key of lab.next too'),
        ('"lab.step" = "space,l"', '"l" is a key of lab.ladder too'),
        ('"lab.step" = "?"', r'"\?" is a key of lab.help too'),
        ('"lab.step" = "t"', '"t" is a key of app.theme too'),
        ('"app.theme" = "h"', '"h" is a key of lab.hint too'),
        ('"edit.apply" = "s"', '"s" is needed for typing there'),
        ('"lab.pageup" = "K"', '"K" is needed for typing there'),
        ('"form.close" = "space"', '"space" is needed for typing there'),
        ('"lab.step" = 3', "is not a string"),
    ],
)
def test_what_is_no_action_no_key_or_a_key_twice_is_refused_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(LessonError, match=reason) as refused:
        read(f"# mine\n{line}")
    assert (refused.value.line, refused.value.field) == (2, line.split('"')[1])


def test_an_action_is_given_keys_once() -> None:
    with pytest.raises(LessonError, match="is given twice"):
        read('"lab.step" = "f5"\nlab.step = "f6"')


def test_keys_may_change_places_and_ids_need_no_quotes() -> None:
    assert read('lab.hint = "w"\n"lab.why" = "h"') == {"lab.hint": "w", "lab.why": "h"}
    assert read('"lab.step" = "l , space"\nlab.ladder = "L"') == {"lab.step": "l,space", "lab.ladder": "L"}


def test_every_table_of_actions_can_be_changed() -> None:
    found = [each for each in vars(actions).values() if isinstance(each, tuple) and each and isinstance(each[0], Action)]
    assert [table for table in found if table not in (*TABLES.values(), TYPING)] == []


def test_every_key_that_an_action_has_could_have_been_chosen() -> None:
    for action in keymap.ACTIONS.values():
        if action.keys:
            assert read(f'"{action.id}" = "{action.keys}"') == {action.id: action.keys}


def test_characters_and_their_names_are_one_key() -> None:
    for code in range(33, 127):
        assert keymap._meant(_character_to_key(chr(code))) == chr(code)


async def test_all_that_shows_keys_shows_those_that_were_chosen(progress: Progress) -> None:
    lesson: Lesson = make_lesson()
    app = FwtutorApp(make_course(lesson), progress, lesson, settings=Settings(keys=MINE))
    async with app.run_test(size=(120, 40)) as pilot:
        assert "F5/L step" in screen_text(app)
        assert "press ; and type" in screen_text(app)
        assert "F6/2/3 packet" in screen_text(app)
        await pilot.press("space", "right")
        assert lab_of(app).session.cursor.index == -1
        await pilot.press("asterisk")
        assert "before everything there is nothing to mark: K comes here" in screen_text(app)
        await pilot.press("f5")
        assert lab_of(app).session.cursor.index >= 0
        await pilot.press("K")
        assert lab_of(app).session.cursor.index == -1
        await pilot.press("w")
        assert "Press space." in screen_text(app)
        await pilot.press("semicolon", "L", "w", "escape", "question_mark")
        assert any(row.text.startswith("  F5/L  ") for row in app.screen.query_one(Sheet)._rows)
        await pilot.press("escape")
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert {"Step  (F5/L)", "Hint  (w)", "Why  (h)"} <= set(titles)
    # Another application of the same process has the usual keys.
    app = FwtutorApp(make_course(lesson), progress, lesson)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "␣→ step" in screen_text(app)


def test_the_help_has_each_of_the_labs_keys_under_one_heading() -> None:
    listed = [name for _, names in LAB_GROUPS for name in names.split()]
    assert len(listed) == len(set(listed))
    assert {f"lab.{name}" for name in listed} == {action.id for action in LAB if action.listed and action.shown}
