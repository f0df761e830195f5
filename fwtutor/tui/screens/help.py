"""Help: the words and signs the lab uses, then the keys of a screen from its table of actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fwtutor.tui import glyphs
from fwtutor.tui.actions import APP, Action
from fwtutor.tui.spans import BLANK, Line, Span, line, wrap

SIGNS: tuple[tuple[str, str, str], ...] = (
    ("packet: NEW", "strong", "the packet's ctstate: what rules see. NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED."),
    ("entry: SYN_SENT", "strong", "the entry's own state, kept by its protocol's tracker. Rules never see this one."),
    ("tried, no", "", "the rule was looked at, and a condition was false."),
    (f"MATCH {glyphs.ARROW} ACCEPT", "accept", "all its conditions held: its target decides."),
    ("not reached", "dim", "the packet's fate was decided before this rule."),
    ("not kept yet", "change", "the entry belongs to this packet only; it is kept when the packet gets through."),
    ("nothing kept", "change", "the packet was stopped, and its new entry vanished with it."),
    (glyphs.CHANGED, "change", "this packet changed the entry."),
    (glyphs.UP, "change", "this packet was counted here."),
    (
        f"{glyphs.PACKET} {glyphs.CROSS} {glyphs.COMMAND} {glyphs.TIMER} ○", "",
        "on the timeline: let through, stopped, a command, a timer, still to come.",
    ),
    (glyphs.MARK, "change", "a bookmark, on the timeline and the ladder."),
)  # fmt: skip


def help_rows(actions: Sequence[Action], focused: str = "", *, signs: bool = True) -> Callable[[int], list[Line]]:
    """Rows of help for a screen's actions; ``focused`` is what the focused pane says of itself, ``signs``: the lab's words too."""

    def rows(width: int) -> list[Line]:
        made: list[Line] = []
        if focused:
            made += [line(("This pane", "heading")), *wrap(line(focused), width), BLANK]
        if signs:
            made.append(line(("Words and signs", "heading")))
            for sign, role, meaning in SIGNS:
                made += wrap(line("  ", (f"{sign:<17} ", role), (meaning, "")), width, 20)
            made += [
                BLANK,
                line(("At the prompt", "heading")),
                *wrap(line("  iptables, conntrack -L, send, connect, say, close; ", ("help", "code"), " lists them all."), width, 2),
                BLANK,
            ]
        made.append(line(("Keys", "heading")))
        seen: set[str] = set()
        for action in (*actions, *APP):
            if action.shown and action.listed and action.shown not in seen:
                seen.add(action.shown)
                made += wrap(Line((Span(f"  {action.shown:<10} ", "key"), *line(action.tooltip).spans)), width, 13)
        return made

    return rows
