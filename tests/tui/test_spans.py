"""Text on its way to the screen: nothing is lost, nothing is taken for markup, nothing moves the terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given, strategies as st
from rich.cells import cell_len

from fwtutor.telling.prose import inline, prose
from fwtutor.telling.spans import Line, Span, beside, clean, crop, crop_middle, ends, line, pad, wrap

NASTY = ("[UNREPLIED]", "[fw] ", "[/etc/x]", "[bold red]x[/]", "\\[", "a\rb", "\u202eevil", "{curly}", "%s", "日本語", "e\u0301")


def test_brackets_are_kept() -> None:
    assert line("[UNREPLIED] ", ("[/etc/x]", "dim")).text == "[UNREPLIED] [/etc/x]"


def test_control_characters_become_visible() -> None:
    assert clean("a\x1b[31mb\u202ec\n\ud800") == "a\\x1b[31mb\\u202ec\\x0a\\ud800"


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_printable_text_is_kept_as_it_is(text: str) -> None:
    assert clean(text) == text
    assert line(text).text == text


@given(st.text())
def test_nothing_that_could_steer_a_terminal_passes(text: str) -> None:
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in clean(text))


@given(st.text(), st.integers(1, 60))
def test_a_cropped_row_fits(text: str, width: int) -> None:
    assert crop(line(text), width).width <= width


@given(st.text(), st.text(), st.integers(1, 60))
def test_a_row_cut_in_the_middle_fits(left: str, right: str, width: int) -> None:
    assert crop_middle(line(left), line(right), width).width <= width


@given(st.text(), st.text(), st.integers(1, 60))
def test_padding_fills_exactly(left: str, right: str, width: int) -> None:
    assert pad(line(left), width).width == width
    assert ends(line(left), line(right), width).width <= width
    assert beside(line(left), line(right), width).width == width + line(right).width


@given(st.lists(st.tuples(st.text(), st.sampled_from(("", "dim", "code")))), st.integers(8, 60), st.integers(0, 3))
def test_wrapping_keeps_every_character_but_the_spaces_at_the_breaks(parts: list[tuple[str, str]], width: int, indent: int) -> None:
    row = line(*parts)
    rows = wrap(row, width, indent)
    assert all(wrapped.width <= width for wrapped in rows)
    assert "".join(wrapped.text for wrapped in rows).replace(" ", "") == row.text.replace(" ", "")


def test_wrapping_breaks_between_words_and_indents_the_rest() -> None:
    rows = wrap(line("one two three"), 8, 2)
    assert [row.text for row in rows] == ["one two", "  three"]


def test_wrapping_keeps_roles() -> None:
    rows = wrap(line(("one ", "dim"), ("two", "code")), 4)
    assert rows == [Line((Span("one", "dim"),)), Line((Span("two", "code"),))]


@given(st.text())
def test_prose_never_fails_and_loses_no_letter(text: str) -> None:
    shown = "".join(row.text for row in prose(text, 40))
    for letter in "abcxyz":
        assert shown.count(letter) >= text.count(letter)


def test_prose_knows_strong_em_and_code() -> None:
    spans = inline("a **b** *c* `d [x]` 2*3*4 _e_ snake_case_name")
    assert [(span.text, span.role) for span in spans if span.role] == [("b", "strong"), ("c", "em"), ("d [x]", "code"), ("e", "em")]
    assert "".join(span.text for span in spans).endswith("snake_case_name")


def test_prose_leaves_marks_without_partner() -> None:
    assert "".join(span.text for span in inline("**open and `tick")) == "**open and `tick"


def test_code_blocks_keep_their_lines() -> None:
    rows = prose("Text:\n\n```\niptables -A INPUT\n    -j DROP\n```\nmore", 40)
    assert [row.text for row in rows if row.spans and row.spans[0].role == "code"] == [" iptables -A INPUT", "     -j DROP"]


def test_lists_hang() -> None:
    rows = prose("- one two three four\n- five\n1. six", 12)
    assert [row.text for row in rows] == [" · one two", "   three", "   four", " · five", " 1. six"]


def test_nasty_strings_fit_their_rows() -> None:
    for text in NASTY:
        for row in (*prose(text, 20), *wrap(line(text), 20)):
            assert cell_len(row.text) <= 20
