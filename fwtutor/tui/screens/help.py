"""Help: the words and signs the lab uses, then the keys of a screen from its table of actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwtutor.telling.actions import Action, grouped
from fwtutor.telling.signs import SIGNS
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap
from fwtutor.tui import keymap

STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")


def help_rows(actions: Sequence[Action], focused: str = "", *, signs: bool = True) -> Callable[[int], list[Line]]:
    """Rows of help for a screen's actions; ``focused`` is what the focused pane says of itself, ``signs``: the lab's words too."""

    def rows(width: int) -> list[Line]:
        from fwtutor.telling.glossary import in_short

        made: list[Line] = []
        if focused:
            made += [line(("This pane", "heading")), *wrap(line(focused), width), BLANK]
        if signs:
            made.append(line(("Words and signs", "heading")))
            for sign, role, meaning in SIGNS:
                made += wrap(line("  ", (f"{sign:<17} ", role), (meaning, "")), width, 20)
            made += [BLANK, line(("What rules see of a packet", "heading"))]
            for state in STATES:
                made += wrap(line("  ", (f"{state:<17} ", "strong"), in_short(state)), width, 20)
            made += [
                BLANK,
                line(("At the prompt", "heading")),
                *wrap(line("  iptables, conntrack -L, send, connect, say, close; ", ("help", "code"), " lists them all."), width, 2),
                BLANK,
            ]
        seen: set[str] = set()
        for heading, group in grouped(actions):
            made.append(line((heading, "heading")))
            for action in group:
                keys = keymap.shown(action)
                if keys and action.listed and keys not in seen:
                    seen.add(keys)
                    made += wrap(Line((Span(f"  {keys:<10} ", "key"), *line(action.tooltip).spans)), width, 13)
            made.append(BLANK)
        return [
            *made,
            line(("Mouse", "heading")),
            *wrap(
                line("  What stands in the bar of keys can be clicked, and so can rows, rules, tabs and moments; the wheel scrolls."),
                width,
                2,
            ),
            *wrap(
                line(
                    "  Shift and drag selects text, as in every program that uses the mouse (Option in iTerm2, fn in macOS' Terminal). "
                    "In a line that one types, dragging alone does."
                ),
                width,
                2,
            ),
        ]

    return rows
