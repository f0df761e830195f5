"""The chain: its rules, which were tried, which one matched, which were never reached, and what each counted."""

from __future__ import annotations

import re

from textual import events
from textual.geometry import Size

from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.netfilter.why import why
from fwtutor.netfilter.xtables.rule import Chain, Condition, Rule, policy_key
from fwtutor.telling import glyphs
from fwtutor.telling.chain import chain_heading, chain_of, chain_shown, end_status, rule_at, rule_status, tried
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, Span, clean, crop, crop_middle, ends, line, wrap
from fwtutor.tui.widgets.lines import LineView

STATUS = 15
"""Cells of the status column."""
IMPLIED = re.compile(r"(-p (tcp|udp|icmp)) -m \2\b")
"""A match that its protocol loads anyway."""
MEASURED = 40
"""Rules whose width is looked at, to keep a row free for one that needs two; a longer chain scrolls anyway."""


class ChainView(LineView):
    """A chain with the packet in it. Ten rules or ten thousand: only the rows on the screen are made.

    The rule being tried is marked, kept in the middle and shown whole, over two rows if it must be; its conditions light up
    left to right, stopping at the first that is false.
    """

    DEFAULT_CSS = "ChainView { height: 1fr; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None
        self._chain = Chain("", None)
        self._key = ("", "")
        self._tried: dict[int, bool] = {}
        self._policy: str | None = None
        self._over = False
        self._ticked: set[object] = set()
        self._current = -1
        self._step: RuleTried | PolicyApplied | None = None
        self._conditions: tuple[Condition, ...] = ()
        self._lit = 0
        self._whole: tuple[Line, ...] = ()
        self._tallest = 0
        """Rows of the longest chain shown so far."""
        self._shown: tuple[object, ...] = ()
        self.chosen = -1
        """The rule that was chosen to be asked about, from 0; -1: none."""

    def show(self, place: Place, *, lit: int | None = None) -> None:
        """Show the chain the packet is in. ``lit``: so many conditions of the rule being tried are known so far; None: all."""
        self._place = place
        self._key = table, name = chain_of(place)
        shown = (place.session.run, place.index, place.done, self._key)
        if shown != self._shown:
            self._shown, self.chosen = shown, -1
        self._chain = chain_shown(place)
        self._tried, self._policy, self._over = tried(place, table, name)
        self._ticked = {change.key for step in place.happened for change in step.changes if change.kind == "counter"}
        self._step = step = rule_at(place)
        self._current = self._row_of(step)
        self._conditions = why(place.walk, step).conditions if place.walk and isinstance(step, RuleTried) and self._current >= 0 else ()
        self._lit = len(self._conditions) if lit is None else min(lit, len(self._conditions))
        if self._lighting:
            # The rule has not answered yet: no counter of it has ticked and nothing is decided.
            self._over = False
            self._ticked -= {change.key for change in step.changes} if step else set()
        self._titled()
        self.rebuild()
        self._centre()

    def _titled(self) -> None:
        if self._place is not None:
            self.set_title(chain_heading(self._place), "w why this rule" if self.chosen >= 0 else "packets matched")

    @property
    def asked(self) -> tuple[str, str, int] | None:
        """(table, chain, number) of the rule that was chosen."""
        return (*self._key, self.chosen + 1) if 0 <= self.chosen < len(self._chain.rules) else None

    def choose(self, by: int) -> None:
        """Choose the next rule, or the one before; the first time the one being tried, else the first."""
        last = len(self._chain.rules) - 1
        here = self._current if 0 <= self._current <= last else last if self._current > last else 0
        self._choose(here if self.chosen < 0 else self.chosen + by)

    def _choose(self, number: int) -> None:
        self.chosen = max(-1, min(len(self._chain.rules) - 1, number))
        self._titled()
        self.rebuild()
        y = self.chosen + (len(self._whole) - 1 if self._whole and self.chosen > self._current else 0)
        top, height = self.scroll_offset.y, self.size.height
        if height and self.chosen >= 0 and not top <= y < top + height:
            self.scroll_to(y=y if y < top else y - height + 1, animate=False)

    def choose_rule(self, number: int) -> None:
        """Choose a rule, from 1."""
        self._choose(number - 1)

    def spots(self) -> list[tuple[int, int, str]]:
        top, rules = self.scroll_offset.y, len(self._chain.rules)
        found = [(0, y, f"screen.choose_rule({at + 1})") for y in range(self.size.height) if (at := self._rule_in(top + y)) < rules]
        # A rule that stands in two rows is one.
        return [spot for number, spot in enumerate(found) if not number or spot[2] != found[number - 1][2]]

    def _rule_in(self, y: int) -> int:
        """Which rule stands in a row, from 0."""
        return max(self._current, y - len(self._whole) + 1) if self._whole and y > self._current else y

    def action_scroll_up(self) -> None:
        self.choose(-1)

    def action_scroll_down(self) -> None:
        self.choose(1)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        y = self._rule_in(offset.y + self.scroll_offset.y)
        if y < len(self._chain.rules):
            self._choose(y)

    @property
    def _lighting(self) -> bool:
        """Are there conditions of the rule being tried that are not known yet?"""
        return self._lit < len(self._conditions)

    def _row_of(self, step: RuleTried | PolicyApplied | None) -> int:
        if step is None or (step.table, step.chain) != self._key:
            return -1
        return len(self._chain.rules) if isinstance(step, PolicyApplied) else step.number - 1

    def _centre(self) -> None:
        if self.size.height and self.count() > self.size.height:
            self.scroll_to(y=max(0, self._current - self.size.height // 2), animate=False)

    def on_resize(self) -> None:
        super().on_resize()
        self._centre()

    def rebuild(self) -> None:
        self._whole = self._current_rows()
        super().rebuild()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        # The panes below keep still: a chain with a rule that takes two rows when it is tried has the second one free always,
        # and where a longer chain was shown a shorter one leaves its rows free.
        rules = self._chain.rules
        room = width - 4 - STATUS - len(str(len(rules))) - 8
        self._tallest = max(self._tallest, len(rules) + 1 + any(len(rule.save()) + 2 > room for rule in rules[:MEASURED]))
        return self._tallest

    def own_height(self) -> int:
        return self.get_content_height(self.size, self.size, self.region.shrink(self.styles.gutter).width)

    # --- rows -------------------------------------------------------------------------------------------

    def count(self) -> int:
        return len(self._chain.rules) + max(1, len(self._whole)) if self._place else 0

    def row(self, y: int) -> Line:
        if self._place is None:
            return line()
        if self._whole and y >= self._current:
            if y < self._current + len(self._whole):
                return self._whole[y - self._current]
            y -= len(self._whole) - 1
        margin, counter = self._margin(y), self._counter(y)
        rules = self._chain.rules
        width = self.text_width
        if y < len(rules):
            spans = cropped(rules[y].save(), width - margin.width - counter.width - 1)
        else:
            spans = self._end_text()
        dim = "dim" if margin.spans[1].text == "not reached" else ""
        spans = (*margin.spans, *(span._replace(role=span.role or dim) for span in spans))
        return ends(Line(spans), counter, width)._replace(fill="row" if y == self._current else "")

    def _current_rows(self) -> tuple[Line, ...]:
        """The rule being tried, whole; nothing when no rule of this chain is."""
        if self._place is None or not 0 <= self._current < len(self._chain.rules):
            return ()
        margin, counter = self._margin(self._current), self._counter(self._current)
        width = self.text_width
        room = width - margin.width - counter.width - 1
        spans = lit(self._chain.rules[self._current].save(), self._conditions, self._lit)
        rows = wrap(Line(spans), room, 2) if room > 20 else [Line(spans)]
        first = ends(Line((*margin.spans, *rows[0].spans)), counter, width)._replace(fill="row")
        return (first, *(Line((Span(" " * margin.width), *row.spans), "row") for row in rows[1:]))

    def _margin(self, y: int) -> Line:
        """What stands before a rule: the marker, what came of it, its number."""
        rules = self._chain.rules
        digits = len(str(len(rules)))
        marker = Span(f"{glyphs.HERE} " if y == self._current else "  ", "current")
        if y == self.chosen and y < len(rules):
            marker = Span("? ", "here")
        status = self._status(y + 1, rules[y]) if y < len(rules) else self._end_status()
        number = f"{y + 1:>{digits}}" if y < len(rules) else " " * digits
        return Line((marker, status, Span(" " * max(1, STATUS - len(status.text))), Span(f"{number}  ", "dim")))

    def _counter(self, y: int) -> Line:
        """How many packets a rule or the policy has counted, with a mark when this one was."""
        place, rules = self._place, self._chain.rules
        assert place is not None
        if y >= len(rules) and not self._chain.policy:
            return line()
        key: int | str = rules[y].id if y < len(rules) else policy_key(place.rules.family, *self._key)
        packets = place.view.counters.get(key, (0, 0))[0]
        if self._lighting and self._step is not None:
            before = next((change.before for change in self._step.changes if change.kind == "counter" and change.key == key), None)
            packets = packets if before is None else before[0]
        ticked = key in self._ticked
        return line((f"{packets}{glyphs.UP if ticked else ' '}", "change" if ticked else "dim"))

    def _status(self, number: int, rule: Rule) -> Span:
        if self._lighting and number - 1 == self._current:
            return Span("trying", "current")
        status = Span(*rule_status(rule, self._tried.get(number), over=self._over))
        return crop(Line((status._replace(text=clean(status.text)),)), STATUS - 1).spans[0]

    def _end_status(self) -> Span:
        return Span(*end_status(self._chain, self._policy, self._tried, over=self._over))

    def _end_text(self) -> tuple[Span, ...]:
        if self._chain.policy:
            return (Span(f"policy {self._chain.policy}"),)
        return (Span("end of the chain: back to where it was called", "dim"),)


def cropped(text: str, room: int) -> tuple[Span, ...]:
    """A rule's text in one row: its target is what one looks for, so what is cut is what stands before it."""
    if len(text) > room:
        # -p tcp loads -m tcp by itself: a learner may leave it out, and so may a row that is short.
        text = IMPLIED.sub(r"\1", text)
    at = text.rfind(" -j ")
    at = text.rfind(" -g ") if at < 0 else at
    return crop_middle(line(text[:at]), line(text[at:]), room).spans if at > 0 else crop(line(text), room).spans


def lit(text: str, conditions: tuple[Condition, ...], count: int) -> tuple[Span, ...]:
    """A rule's text with its first ``count`` conditions marked as held or failed, up to the first that failed."""
    spans: list[str | tuple[str, str]] = []
    at = 0
    failed = False
    for condition in conditions[:count]:
        found = text.find(condition.text, at)
        if found < 0 or failed:
            break
        failed = not condition.held
        sign, role = (glyphs.TICK, "accept") if condition.held else (glyphs.CROSS, "drop")
        spans += [text[at:found], (condition.text + sign, role)]
        at = found + len(condition.text)
    return line(*spans, (text[at:], "dim" if failed else "")).spans
