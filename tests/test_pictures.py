"""The README's pictures: made of what the application shows, the same bytes each time, and of nothing from elsewhere."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.style import Style

from assets.pictures.canvas import Canvas, Run, picture
from assets.pictures.make import ALL, HERE, SHOTS, taken
from assets.pictures.tour import COLUMNS, TOUR, Clock, Frame, cast, film

ROOT = Path(__file__).resolve().parents[1]
INK = Style(color="#ff0000", bgcolor="#000000")


def test_the_picture_of_the_map_is_what_the_map_looks_like() -> None:
    assert asyncio.run(taken(SHOTS["map"])) == (HERE / "map.svg").read_text(encoding="utf-8"), "python -m assets.pictures.make"


@pytest.mark.parametrize("name", ALL)
def test_a_picture_is_small_and_loads_nothing(name: str) -> None:
    text = (HERE / f"{name}.svg").read_text(encoding="utf-8")
    assert len(text) < 500_000
    ElementTree.fromstring(text)
    assert re.findall(r"https?:[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|@font-face|<image|<script|<foreignObject|href", text)


def test_pages_show_only_pictures_that_are_made() -> None:
    shown = set(re.findall(r"assets/pictures/(\w+)\.svg", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"tour", "lab"} <= shown <= set(ALL)


def test_a_line_over_neighbouring_cells_is_one_and_text_has_its_width_whatever_the_font() -> None:
    drawn = Canvas(9, 1, "#000000").row((Run("──┬─ ab c", INK),))
    assert drawn.count("<path") == 2, "one across, one down"
    assert "M0 8.5H32" in drawn
    assert '<text class="s1" x="40" y="13" textLength="32">ab c</text>' in drawn


def test_a_sign_that_may_come_from_another_font_stands_in_the_middle_of_its_cell() -> None:
    drawn = Canvas(3, 1, "#000000").row((Run("a✔b", INK),))
    assert re.findall(r'x="(\d+)"', drawn) == ["0", "12", "16"]


def test_what_is_below_the_text_is_drawn_unless_it_is_the_background() -> None:
    assert "<path" not in picture([(Run("a", INK),)], "#000000", "")
    assert 'd="M0 0h8v17h-8z"' in picture([(Run("a", INK),)], "#ffffff", "")


def test_the_film_shows_each_row_once_however_often_it_comes_back() -> None:
    rows = {letter: (Run(letter, INK),) for letter in "abc"}
    frames = [Frame(at, (rows[letter], rows["c"])) for at, letter in enumerate("abab")]
    made = film(frames, 4.0, "#000000")
    assert [made.count(f">{letter}</text>") for letter in "abc"] == [1, 1, 1]
    assert "@keyframes r1" not in made, "a row that stays does not move"
    steps = re.findall(r"([\d.]+)%\{transform:translateX\((-?\d+)px\)\}", made)
    # Where nothing moves the last frame before the poster's time shows, so it stands first.
    away = str(-Canvas(COLUMNS, 2, "").width)
    assert steps == [("0", away), ("25", "0"), ("50", away), ("75", "0")]


def test_the_recording_writes_rows_that_changed() -> None:
    rows = {letter: (Run(letter, INK),) for letter in "abc"}
    frames = [Frame(0.0, (rows["a"], rows["c"])), Frame(1.5, (rows["b"], rows["c"]))]
    header, *events = (json.loads(line) for line in cast(frames).splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, COLUMNS, 2)
    assert [event[:2] for event in events] == [[0.0, "m"], [0.0, "o"], [1.5, "o"]]
    assert "\x1b[1H" in events[2][2]
    assert "\x1b[2H" not in events[2][2]


def test_the_clock_rings_in_order_and_not_what_was_stopped() -> None:
    clock, rung = Clock(), []
    clock.set_timer(0.3, lambda: rung.append("late"))
    clock.set_timer(0.1, lambda: rung.append("early"))
    clock.set_timer(0.2, lambda: rung.append("never")).stop()
    every = clock.set_interval(0.25, lambda: rung.append("again"), pause=True)
    every.resume()
    while (callback := clock.next_before(0.6)) is not None:
        callback()
    assert rung == ["early", "again", "late", "again"]
    assert clock.now == 0.6


def test_the_tour_takes_a_minute_at_most() -> None:
    assert 30 <= sum(act.seconds for act in TOUR) <= 60
