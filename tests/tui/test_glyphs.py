"""Which symbols, and whether things move: decided by the environment, before the first row is drawn."""

from __future__ import annotations

import pytest

from fwtutor.telling import glyphs


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "de_DE.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "FWTUTOR_ASCII": "1"}, True),
        ({"LANG": "C", "FWTUTOR_ASCII": "0"}, False),
    ],
)
def test_ascii_follows_the_locale_unless_told(environ: dict[str, str], wanted: bool) -> None:
    assert glyphs.wants_ascii(environ) is wanted


def test_stillness_is_asked_for_in_two_ways() -> None:
    assert glyphs.wants_stillness({"TEXTUAL_ANIMATIONS": "none"})
    assert glyphs.wants_stillness({"FWTUTOR_STILL": "1"})
    assert not glyphs.wants_stillness({"FWTUTOR_STILL": "0", "TEXTUAL_ANIMATIONS": "full"})


def test_every_symbol_has_one_ascii_sign() -> None:
    symbols = [value for name, value in vars(glyphs).items() if name.isupper() and isinstance(value, str)]
    assert len(symbols) > 15
    for symbol in symbols:
        assert len(glyphs.to_ascii(symbol)) == len(symbol)
        assert glyphs.to_ascii(symbol).isascii()


def test_other_letters_are_escaped() -> None:
    assert glyphs.to_ascii("naïve → [x]") == "na\\xefve > [x]"
