"""The words and signs of the lab, and what each of them means."""

from __future__ import annotations

from fwtutor.telling import glyphs

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
