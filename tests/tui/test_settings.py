"""The configuration file: what it may say, what wins over it, what is refused; and what the application makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.commands import config
from fwtutor.course.progress import Progress
from fwtutor.tui import keymap
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.travel import PACES
from fwtutor.tui.settings import PACES as OFFERED, Settings, load
from fwtutor.tui.widgets.wire import WireView
from tests.tui.conftest import lab_of, make_course, make_lesson, screen_text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FWTUTOR_HOME", str(tmp_path))
    for name in ("FWTUTOR_ASCII", "FWTUTOR_STILL", "TEXTUAL_ANIMATIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return tmp_path / "config.toml"


def test_without_a_file_all_is_as_usual(file: Path) -> None:
    assert load() == Settings()


def test_a_file_may_be_a_link_to_one_elsewhere(file: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    mine = 'theme = "light"\nlanguage = "de"\npace = 2\nstep = "rule"\nmotion = false\nascii = true\n'
    (tmp_path / "dotfiles" / "mine.toml").write_text(mine)
    file.symlink_to(tmp_path / "dotfiles" / "mine.toml")
    assert load() == Settings("fwtutor-light", False, True, 2.0, "rule", "de", {})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("theme = ", ":1: is not TOML"),
        ('\ntheme = "dork"', ":2: theme: there is no such theme; there are: dark, light, contrast"),
        ("thme = 1", ":1: thme: there is no such field"),
        ("pace = 3", ":1: pace: is none of 0.25, 0.5, 1, 2, 4"),
        ("pace = true", ":1: pace: is none of"),
        ('step = "page"', ':1: step: "page" is none of packet, hook, rule'),
        ('language = "German"', ":1: language: is no language's code, as de or fr are"),
        ("motion = 0", ":1: motion: is not true or false"),
        ('keys = "vi"', ":1: keys: is not a table"),
        ('[keys]\n"lab.step" = "l"', ':2: keys.lab.step: "l" is a key of lab.ladder too'),
        ("# \x1b[2J", ":1: has the control character U+001B"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(file: Path, text: str, place: str) -> None:
    file.write_text(text)
    with pytest.raises(BadInput) as refused:
        load()
    assert str(refused.value).startswith(f"{file}{place}")
    assert file.read_text() == text


def test_a_file_that_is_none_is_refused(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(BadInput, match="is not a regular file"):
        load()


def test_a_byte_order_mark_is_none_of_the_text(file: Path) -> None:
    file.write_text('theme = "light"\n', encoding="utf-8-sig")
    assert load().theme == "fwtutor-light"


def test_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('theme = "light"\nmotion = false\nascii = true\n')
    assert (load().in_ascii, load().still) == (True, True)
    for name, value in (("FWTUTOR_THEME", "contrast"), ("FWTUTOR_ASCII", "0"), ("FWTUTOR_STILL", "0")):
        monkeypatch.setenv(name, value)
    settings = load()
    assert (settings.theme, settings.in_ascii, settings.still) == ("fwtutor-contrast", False, False)
    monkeypatch.setenv("FWTUTOR_THEME", "dork")
    with pytest.raises(BadInput, match="FWTUTOR_THEME: 'dork' is no theme; there are: dark, light"):
        load()


def test_a_file_wins_over_the_locale(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert load().in_ascii
    file.write_text("ascii = false")
    assert not load().in_ascii


def test_every_pace_of_the_keys_can_be_chosen() -> None:
    assert tuple(1 / pace for pace in OFFERED) == tuple(factor for factor, _ in PACES)


async def test_what_was_chosen_holds_from_the_first_screen_on(file: Path, progress: Progress) -> None:
    file.write_text('theme = "light"\nascii = true\nmotion = true\npace = 0.5\nstep = "rule"\n')
    lesson = make_lesson()
    app = FwtutorApp(make_course(lesson), progress, lesson, settings=load())
    async with app.run_test(size=(120, 40)) as pilot:
        assert (app.theme, app.has_class("-moving")) == ("fwtutor-light", True)
        assert screen_text(app).isascii()
        assert "1-3 rule" in screen_text(app)
        assert lab_of(app)._reveal.slowness == app.screen.query_one(WireView).slowness == 2
        await pilot.press("right_square_bracket")
        assert lab_of(app)._reveal.slowness == 1


def test_what_config_prints_is_a_file_that_means_the_same(file: Path) -> None:
    file.write_text('theme = "nord"\nascii = true\nstep = "hook"\nmotion = false\n[keys]\n"lab.step" = "space,f5"\n')
    before = load()
    file.write_text("".join(f"{line}\n" for line in config.lines()))
    after = load()
    assert (after.theme, after.ascii, after.step, after.motion) == (before.theme, True, "hook", False)
    assert {name: keys for name, keys in after.keys.items() if keys != keymap.ACTIONS[name].keys} == before.keys
    keymap.use({})


def test_the_example_of_the_documentation_is_one(file: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    file.write_text(example)
    assert load().keys
