"""What an option says of packets, in a person's words: phrases, which each match and target has for its options, filled in.

``"whose TTL is~ {}"``: behind a ``!`` the "~" becomes " not". ``"with the option {}|without the option {}"``: what is said without a ``!``,
and with one. ``{}`` is the value as it is saved, ``{or}`` a list of values, ``{to}`` a range, ``{port}`` ports, one or more, ``{under}`` a
value with a mask. A phrase that begins with "+" goes on where the one before it ends, one with ";" stands at the end of the sentence.
How a sentence is made of them is ``explain``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Words = str | Callable[[Any, bool], str]
"""A phrase, or what makes one from the value and whether there is a ``!``."""
Wording = Mapping[str, Words]
"""Phrases by the fields of a match or target; "": for itself, before all others."""


def filled(words: Words, value: Any, text: str, negated: bool) -> str:
    """The phrase of one option; ``text``: the value as it is saved."""
    if callable(words):
        return words(value, negated)
    plain, _, other = words.partition("|")
    chosen = other if negated and other else plain.replace("~", " not" if negated else "")
    ports = "ports" if re.search("[:,]", text) else "port"
    listed = alternatives(text.split(","))
    return chosen.format(
        text, **{"or": listed, "to": text.replace(":", " to "), "port": f"{ports} {listed.replace(':', ' to ')}", "under": under_mask(text)}
    )


def alternatives(words: list[str], last: str = "or") -> str:
    """``a, b or c``."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def under_mask(text: str) -> str:
    """``0x1/0xff``, said."""
    value, slash, mask = text.partition("/")
    return f"{value} under the mask {mask}" if slash else value


def changed(value: int, mask: int, what: str, all_bits: int = 0xFFFFFFFF) -> str:
    """What is said of bits that are cleared where ``mask`` is, and then turned around where ``value`` is."""
    if mask == all_bits:
        return f"get {what} set to {value:#x}"
    bits = ((mask & ~value, "cleared"), (mask & value, "set"), (value & ~mask, "turned around"))
    done = alternatives([f"bits {which:#x} {how}" for which, how in bits if which], "and")
    return f"get {done} in {what}" if done else f"keep {what}"
