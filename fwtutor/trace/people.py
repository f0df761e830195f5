"""Text for people: a line for the packet and its fate, a line for what decided at each hook, and for what did not get through, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from fwtutor.badinput import printable
from fwtutor.netfilter import Firewall, Walk, why
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.hooks import FILTER
from fwtutor.netfilter.packet import TCP, UDP, Packet
from fwtutor.netfilter.steps import (
    Acted,
    ExpectationForgotten,
    ExpectationMet,
    Expected,
    Helped,
    HookEntered,
    LookedUp,
    PolicyApplied,
    RuleTried,
    Step,
    Translated,
)
from fwtutor.netfilter.why import describe_packet
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.trace.listening import Events
from fwtutor.trace.run import Traced

TOLD = (Translated, Expected, ExpectationMet, ExpectationForgotten)
"""Steps that are told whenever they come."""
NEAR_MISSES = 3
"""How many rules that nearly matched are explained for a packet that was not let through."""
LOOKED_AT = 500
"""Among how many rules, or entries, near ones are looked for."""
INDENT = " " * 18
CAME_WIDTH, PACKET_WIDTH, STATE_WIDTH = 7, 62, 12


@dataclass(slots=True, frozen=True)
class Ink:
    """How words are set off: escape codes on a terminal, nothing in a file; and the signs its character set has."""

    colour: bool = False
    unicode: bool = True

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def faint(self, text: str) -> str:
        return self.paint(text, "2")

    def verdict(self, word: str, text: str) -> str:
        return self.paint(text, "1;32" if word == "ACCEPT" else "1;33" if word == "HELD" else "1;31")

    @property
    def arrow(self) -> str:
        return "→" if self.unicode else "->"

    @property
    def bar(self) -> str:
        return "│" if self.unicode else "|"


class Report:
    """Writes packet after packet, and counts them for the last line. To be asked while the firewall is as the packet left it."""

    def __init__(self, firewall: Firewall, ink: Ink, *, events: bool = False) -> None:
        """``events``: tell what those hear who listen to connection tracking, too."""
        self.firewall = firewall
        self.ink = ink
        self.events = Events(timestamps=False) if events else None
        self.verdicts: Counter[str] = Counter()
        self._came_width = max((CAME_WIDTH, *map(len, firewall.interfaces)))

    def header(self) -> str:
        """The columns' names."""
        return self.ink.faint(self._row("n", "seconds", "in", "packet", "ctstate", "verdict"))

    def lines(self, traced: Traced) -> Iterator[str]:
        """One packet, with what the box's own stack answered."""
        self.verdicts[traced.walk.verdict] += 1
        yield from self._walk(traced.walk, str(traced.number), f"{traced.walk.seconds:.6f}")
        for answer in traced.answers:
            yield from self._walk(answer, "", "answers")
        if traced.tracked is not None:
            yield self._detail("entry", describe_entry(traced.tracked, traced.walk.at))
        for line in self.events.lines(traced) if self.events is not None else ():
            yield self._detail("event", line.strip())

    def summary(self) -> str:
        """The last line."""
        total = self.verdicts.total()
        if not total:
            return "no packets"
        parts = [f"{count} {word}" for word, count in self.verdicts.most_common()]
        return f"{total} packet{'s' if total > 1 else ''}: " + ", ".join(parts)

    def _row(self, number: str, seconds: str, came: str, packet: str, state: str, verdict: str) -> str:
        return f"{number:>4}  {seconds:>10}  {came:<{self._came_width}} {packet:<{PACKET_WIDTH}} {state:<{STATE_WIDTH}} {verdict}"

    def _walk(self, walk: Walk, number: str, seconds: str) -> Iterator[str]:
        states = walk.states
        verdict = self.ink.verdict(walk.verdict, walk.verdict) + self._going(walk)
        # The first state is the packet's own; later ones may be those of an answer to it.
        came = walk.in_interface or "(box)"
        yield self._row(number, seconds, came, printable(describe(walk.packet)), states[0][1] if states else "-", verdict)
        if walk.reason:
            yield self._detail("why", walk.reason)
        steps = walk.steps
        for hook, step in told(steps):
            yield self._detail(hook, _decision(step) or why(walk, step).text)
        for logged in walk.logged:
            yield self._detail("log" if logged.group is None else f"nflog {logged.group}", logged.line.rstrip())
        if walk.verdict in ("DROP", "REJECT"):
            yield from self._reasons(walk, steps)
        for answer in walk.answers:
            yield self._detail("answer", f"{describe(answer.packet)}  {answer.verdict}{self._going(answer)}")

    def _going(self, walk: Walk) -> str:
        return f" {self.ink.arrow} {walk.to}" if walk.to else ""

    def _reasons(self, walk: Walk, steps: tuple[Step, ...]) -> Iterator[str]:
        """Why a packet was not let through: what its state came from, and which rules nearly would have."""
        entries = self.firewall.state.entries
        for step in steps:
            if isinstance(step, LookedUp):
                yield self._detail("ctstate", why(walk, step, entries.values() if len(entries) <= LOOKED_AT else ()).text)
        for text in near_misses(walk, steps):
            yield self._detail("nearly", text)

    def _detail(self, label: str, text: str) -> str:
        return f"{INDENT}{self.ink.faint(self.ink.bar)} {self.ink.faint(f'{label:<11}')} {printable(text)}"


def describe(packet: Packet) -> str:
    """``tcp 203.0.113.9:4000 > 203.0.113.1:1337 PSH+ACK, 11 bytes``."""
    if packet.fault:
        return f"{_bytes(len(packet.raw))}, {packet.fault}"
    carries = packet.protocol in (TCP, UDP) and packet.has_l4 and packet.payload
    return describe_packet(packet) + (f", {_bytes(len(packet.payload))}" if carries else "")


def _bytes(count: int) -> str:
    return f"{count} byte{'s' if count != 1 else ''}"


def describe_entry(entry: Entry, at: int) -> str:
    """``ESTABLISHED [ASSURED], forgotten in 432000 s``: what conntrack -L would tell of it, without the tuples."""
    flag = " [ASSURED]" if entry.assured else "" if entry.seen_reply else " [UNREPLIED]"
    return f"{entry.state or 'kept'}{flag}, forgotten in {entry.seconds_left(at)} s"


def told(steps: tuple[Step, ...]) -> Iterator[tuple[str, Step]]:
    """What mattered, in order: (hook, what decided a table there or changed the packet).

    That no rule of a table fitted, and its policy lets everything pass, is told of filter alone, where one looks for it.
    """
    hook = ""
    for step in steps:
        if isinstance(step, HookEntered):
            hook = step.hook
        elif isinstance(step, PolicyApplied):
            if step.table == FILTER or step.policy != "ACCEPT":
                yield hook, step
        elif isinstance(step, Acted):
            if not (_wishes(step) and _is_known(steps)):
                yield hook, step
        elif isinstance(step, Helped):
            if step.dropped or step.was is not step.packet:
                yield hook, step
        elif (isinstance(step, RuleTried) and step.matched and _is_final(step.rule)) or isinstance(step, TOLD):
            yield hook, step


def _wishes(step: Acted) -> bool:
    """Whether all it did was to say what a new connection should have (CT)."""
    return (
        step.before is not None
        and step.after is not None
        and step.after.template is not None
        and step.before._replace(template=step.after.template, state=step.after.state) == step.after
    )


def _is_known(steps: tuple[Step, ...]) -> bool:
    """Whether the packet's connection was there before it."""
    return any(isinstance(step, LookedUp) and step.found is not None for step in steps)


def _is_final(rule: Rule | None) -> bool:
    return rule is not None and not rule.target.goes_on and rule.target.name != "RETURN"


def _decision(step: Step) -> str:
    """The rule or policy, "" where that says nothing."""
    if isinstance(step, PolicyApplied):
        return f"{step.table} {step.chain} policy {step.policy}"
    if isinstance(step, RuleTried | Acted):
        return f"{step.table} {step.chain} rule {step.number}: {step.rule.save() if step.rule else ''}"
    return ""


def near_misses(walk: Walk, steps: tuple[Step, ...]) -> list[str]:
    """The rules that would have let the packet through and held longest, with the condition that failed."""
    tried = (step for step in steps if isinstance(step, RuleTried) and not step.matched)
    found: list[tuple[int, int, str]] = []
    for step in islice(tried, LOOKED_AT):
        if step.rule is not None and step.rule.target.name == "ACCEPT":
            explanation = why(walk, step)
            held = sum(condition.held for condition in explanation.conditions)
            found.append((-held, len(found), f"{step.table} {step.chain} {explanation.text}"))
    nearest = sorted(found)[:NEAR_MISSES]
    return [text for _, _, text in sorted(nearest, key=lambda miss: miss[1])]
