"""Why: what just happened and for what reason, from the engine's own explanation of the step."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.netfilter.steps import Finished, LookedUp, RuleTried, Step
from fwtutor.netfilter.why import target_words, why
from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.tui import glyphs
from fwtutor.tui.reading import Place, decider
from fwtutor.tui.spans import Line, line, wrap
from fwtutor.tui.widgets.lines import LineView


class WhyView(LineView):
    """The reason of the step that happened last; at a packet's end, of its verdict, its ctstate and each rule's answer."""

    DEFAULT_CSS = "WhyView { height: 1fr; }"
    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place: Place | None = None

    def show(self, place: Place) -> None:
        """Explain a place."""
        self._place = place
        self.set_title("Why", "w all of it")
        self.rebuild()
        self.scroll_to(y=0, animate=False)

    def build(self, width: int) -> Sequence[Line]:
        return explain(self._place, width) if self._place else ()


def explain(place: Place, width: int) -> list[Line]:
    """The whole explanation of a place as rows."""
    record, walk, now = place.record, place.walk, place.now
    if record is None:
        return wrap(line(("Nothing has happened yet: the next packet is still on its way.", "dim")), width)
    if isinstance(record, CommandRun):
        text = "A command applies between two packets, never within one."
        if record.refused:
            text = "The command was refused: the rules are as they were."
        elif record.before is not record.after:
            text = "The rules changed here. Packets before this met the old ones, packets after it meet these."
        return wrap(line(text), width)
    if isinstance(record, TimerFired):
        return wrap(line(f"A timer of {record.host} ran out: {record.what}."), width)
    if walk is None or now is None:
        return wrap(line(("The packet is about to arrive.", "dim")), width)
    if not isinstance(now, Finished):
        return _step(place, now, width, lead=True)
    rows: list[Line] = []
    deciding = decider(place.happened)
    rows += _step(place, deciding or now, width, lead=True)
    found = place.looked_up
    if found:
        rows += _step(place, found, width, lead=False)
    failed = [step for step in place.happened if isinstance(step, RuleTried) and not step.matched and step is not deciding]
    for step in failed[-20:]:
        rows += _failed(place, step, width)
    if deciding is not None:
        rows += _step(place, now, width, lead=False)
    return rows


def _step(place: Place, step: Step, width: int, *, lead: bool) -> list[Line]:
    """One step's explanation: its sentence, then its conditions up to the first that is false."""
    assert place.walk is not None
    explanation = why(place.walk, step, place.view.entries.values() if isinstance(step, LookedUp) else ())
    rows: list[Line] = []
    text = _rule_heading(step) if isinstance(step, RuleTried) and explanation.conditions else explanation.text
    for number, paragraph in enumerate(text.split("\n")):
        role = "strong" if lead and number == 0 else ""
        if isinstance(step, LookedUp) and paragraph.startswith(step.state) and step.state:
            rows += wrap(line((step.state, "strong"), paragraph[len(step.state) :]), width)
        else:
            rows += wrap(line((paragraph, role)), width)
    for condition in explanation.conditions:
        sign, role = (glyphs.TICK, "accept") if condition.held else (glyphs.CROSS, "drop")
        rows += wrap(line((f"{sign} ", role), (condition.text, role), f": {condition.because}"), width, 2)
        if not condition.held:
            break
    return rows


def _rule_heading(step: RuleTried) -> str:
    """Which rule, and that it matched or not: the conditions that follow say why."""
    if not step.matched or step.rule is None:
        return f"rule {step.number} of {step.chain}: no"
    return f"rule {step.number} of {step.chain} matches {glyphs.ARROW} {target_words(step.rule)}"


def _failed(place: Place, step: RuleTried, width: int) -> list[Line]:
    """A rule that did not match, in one sentence: the condition that was false."""
    assert place.walk is not None
    false = next((condition for condition in why(place.walk, step).conditions if not condition.held), None)
    if false is None:
        return []
    return wrap(line((f"{glyphs.CROSS} rule {step.number} ", "drop"), (false.text, "code"), f": {false.because}"), width, 2)
