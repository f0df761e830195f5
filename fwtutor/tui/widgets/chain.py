"""The chain: its rules, which were tried, which one matched, which were never reached, and what each counted."""

from __future__ import annotations

import re

from textual.timer import Timer

from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.netfilter.why import why
from fwtutor.netfilter.xtables.rule import Chain, Condition, Continue, Jump, Rule
from fwtutor.tui import glyphs
from fwtutor.tui.reading import Place, chain_of, decider, tried
from fwtutor.tui.spans import Line, Span, crop, ends, line
from fwtutor.tui.widgets.lines import LineView

STATUS = 15
"""Cells of the status column."""
IMPLIED = re.compile(r"(-p (tcp|udp|icmp)) -m \2\b")
"""A match that its protocol loads anyway."""
LIGHT = 0.14
"""Seconds between two conditions lighting up."""


class ChainView(LineView):
    """A chain with the packet in it. Ten rules or ten thousand: only the rows on the screen are made.

    The rule being tried is marked, kept in the middle, and its conditions light up left to right, stopping at the first that
    is false.
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
        self._conditions: tuple[Condition, ...] = ()
        self._lit = 0
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        self._timer = self.set_interval(LIGHT, self._light, pause=True)

    def show(self, place: Place, *, moved: bool = True) -> None:
        """Show the chain the packet is in. ``moved``: the learner stepped forward, so conditions may light up one by one."""
        self._place = place
        self._key = table, name = chain_of(place)
        chains = place.view.ruleset.tables
        self._chain = chains[table].chains.get(name, Chain(name, None)) if table in chains else Chain(name, "ACCEPT")
        self._tried, self._policy, self._over = tried(place, table, name)
        self._ticked = {change.key for step in place.happened for change in step.changes if change.kind == "counter"}
        now = place.now
        step = now if isinstance(now, RuleTried | PolicyApplied) else decider(place.happened)
        self._current = self._row_of(step)
        self._conditions = why(place.walk, step).conditions if place.walk and isinstance(step, RuleTried) and self._current >= 0 else ()
        gradual = moved and isinstance(now, RuleTried)
        self._lit = 0 if gradual else len(self._conditions)
        if self._timer:
            self._timer.reset()
            if gradual and self._conditions:
                self._timer.resume()
            else:
                self._timer.pause()
        policy = f"policy {self._chain.policy}" if self._chain.policy else "user chain"
        self.set_title(f"{table} {name} {glyphs.DOT} {len(self._chain.rules)} rules {glyphs.DOT} {policy}", "packets matched")
        self.rebuild()
        self._centre()

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

    def _light(self) -> None:
        self._lit += 1
        if self._lit >= len(self._conditions) and self._timer:
            self._timer.pause()
        self.rebuild()

    # --- rows -------------------------------------------------------------------------------------------

    def count(self) -> int:
        return len(self._chain.rules) + 1 if self._place else 0

    def row(self, y: int) -> Line:
        place = self._place
        if place is None:
            return line()
        rules = self._chain.rules
        digits = len(str(len(rules)))
        current = y == self._current
        marker = Span(f"{glyphs.HERE} " if current else "  ", "current")
        key: int | str = rules[y].id if y < len(rules) else f"{self._key[0]}:{self._key[1]}"
        packets = place.view.counters.get(key, (0, 0))[0]
        ticked = key in self._ticked
        counter = line((f"{packets}{glyphs.UP if ticked else ' '}", "change" if ticked else "dim"))
        if y >= len(rules) and not self._chain.policy:
            counter = line()
        room = self.scrollable_content_region.width - 2 - STATUS - digits - 2 - counter.width - 1
        if y < len(rules):
            status, text, number = self._status(y + 1, rules[y]), self._rule_text(rules[y], current, y + 1, room), f"{y + 1:>{digits}}"
        else:
            status, text, number = self._end_status(), self._end_text(), " " * digits
        padding = Span(" " * max(1, STATUS - len(status.text)))
        dim = "dim" if status.text == "not reached" else ""
        left = Line((marker, status, padding, Span(f"{number}  ", "dim"), *(s._replace(role=s.role or dim) for s in text)))
        return ends(left, counter, self.scrollable_content_region.width)._replace(fill="row" if current else "")

    def _status(self, number: int, rule: Rule) -> Span:
        matched = self._tried.get(number)
        if matched is None:
            return Span("not reached", "dim") if self._over else Span("")
        if not matched:
            return Span("tried, no", "")
        if isinstance(rule.target, Continue):
            return Span("MATCH, goes on", "current")
        name = rule.target.chain if isinstance(rule.target, Jump) else rule.target.name
        return crop(line((f"MATCH {glyphs.ARROW} {name}", _target_role(name))), STATUS - 1).spans[0]

    def _end_status(self) -> Span:
        if self._policy:
            return Span(f"{self._policy} by policy", _target_role(self._policy))
        if not self._over:
            return Span("")
        left = not self._chain.policy and not any(self._tried.values())
        return Span("reached", "") if left else Span("not reached", "dim")

    def _end_text(self) -> tuple[Span, ...]:
        if self._chain.policy:
            return (Span(f"policy {self._chain.policy}"),)
        return (Span("end of the chain: back to where it was called", "dim"),)

    def _rule_text(self, rule: Rule, current: bool, number: int, room: int) -> tuple[Span, ...]:
        conditions, count = (self._conditions, self._lit) if current and number in self._tried else ((), 0)
        text = rule.save()
        spans = lit(text, conditions, count)
        if Line(spans).width > room:
            # -p tcp loads -m tcp by itself: a learner may leave it out, and so may a row that is short.
            text = IMPLIED.sub(r"\1", text)
            spans = lit(text, conditions, count)
        if Line(spans).width > room:
            spans = lit(text, conditions, count, tight=True)
        if Line(spans).width > room and " -j " in text:
            # The target is what one looks for: what is cut is what stands before it.
            target = text[text.rindex(" -j ") :]
            spans = (*crop(Line(spans), room - len(target)).spans, Span(target))
        return spans


def lit(text: str, conditions: tuple[Condition, ...], count: int, *, tight: bool = False) -> tuple[Span, ...]:
    """A rule's text with its first ``count`` conditions marked as held or failed, up to the first that failed.

    ``tight``: a mark takes the place of the space that follows it, so the text is no longer than before.
    """
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
        if tight and text[at : at + 1] == " ":
            at += 1
    rest = text[at:]
    return line(*spans, (rest, "dim" if failed else "")).spans


def _target_role(name: str) -> str:
    return {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop"}.get(name, "current")
