"""Cutting lines into words: the shell's way and iptables-restore's, with the place of every letter."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.tokens import MAX_LINE, restore_words, shell_words


def texts(line: str) -> list[str]:
    return [token.text for token in shell_words(line)]


def restored(line: str) -> list[str]:
    return [token.text for token in restore_words(line)]


def test_a_shell_joins_quoted_and_bare_parts_of_a_word() -> None:
    assert texts("""a"b c"'d e'f\\ g  '' "\\"x\\y" #not this""") == ["ab cd ef g", "", '"x\\y']


def test_restore_ends_a_word_at_its_closing_quote() -> None:
    assert restored('-A "a b"c"d e" \'f g\'') == ["-A", "a b", "cd e", "'f", "g'"]


def test_restore_escapes_within_double_quotes_only() -> None:
    assert restored('a\\"b c" "d\\"e\\\\f"') == ["a\\b c", 'd"e\\f']


def test_a_word_knows_where_its_quotes_stand() -> None:
    (token,) = shell_words('  "a b"  ')
    assert (token.start, token.end) == (2, 7)
    assert token.span((2, 3)) == (5, 6)
    assert token.span(None) == (2, 7)


@pytest.mark.parametrize("line", ["-L | less", "-L > file", "-A INPUT -s $LAN", 'x "$HOME"', "`id`", "a; b", "a & b", "$(id)"])
def test_what_only_a_shell_can_do_is_refused_and_not_misread(line: str) -> None:
    with pytest.raises(RuleRefused) as caught:
        shell_words(line)
    assert line[caught.value.start] in "|>$`;&("


@pytest.mark.parametrize("line", ["'a", 'x "a b', "a\0b", "x" * (MAX_LINE + 1), "\ud800"])
def test_open_quotes_zero_bytes_and_endless_lines_are_refused(line: str) -> None:
    with pytest.raises(RuleRefused):
        shell_words(line)


def test_a_word_too_long_for_restore_is_refused() -> None:
    with pytest.raises(RuleRefused, match="Parameter too long!"):
        restore_words("x" * 1024)


LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60) | st.text("ab'\"\\ \t!#", max_size=30)


@given(LINES)
def test_every_letter_of_a_word_is_where_it_says(line: str) -> None:
    try:
        cut = shell_words(line)
    except RuleRefused as wrong:
        assert 0 <= wrong.start < wrong.end <= len(line)
        cut = []
    for token in [*cut, *restore_words(line)]:
        assert len(token.at) == len(token.text)
        assert all((line + "\n")[place] == letter for place, letter in zip(token.at, token.text, strict=True))
        assert token.start <= token.end <= len(line)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), max_size=6))
def test_words_quoted_for_a_shell_come_back(words: list[str]) -> None:
    assert texts(shlex.join(words)) == words
