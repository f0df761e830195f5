"""Reasons: what just happened and why, from the engine's own explanation of the step; and, asked for, all of it."""

from __future__ import annotations

import re

from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.steps import (
    Acted,
    Answered,
    Arrived,
    Confirmed,
    EntryCreated,
    Finished,
    Gathered,
    HookEntered,
    Logged,
    LookedUp,
    PolicyApplied,
    RuleTried,
    StateChanged,
    Step,
)
from fwtutor.netfilter.why import target_words, why
from fwtutor.netfilter.why_state import evidence
from fwtutor.network.records import CommandRun, TimerFired, Walked
from fwtutor.telling import glyphs, words
from fwtutor.telling.hosts import sender, sent_again
from fwtutor.telling.reading import DELETED, GONE, KEPT, Place, packet_entry
from fwtutor.telling.spans import BLANK, Line, clean, line, wrap
from fwtutor.telling.told import change_words, done_words

_SECONDS = re.compile(r"\b(in|for) (\d+) s\b")
RULES_TOLD = 200
"""Rules explained at most when all of it is asked for: the last ones."""


def reasons(place: Place, width: int) -> list[Line]:
    """The explanation of a place as rows: of the step that happened last, or at a packet's end of what decided."""
    record, walk, now = place.record, place.walk, place.now
    if record is None:
        ahead = "the next packet is still on its way" if place.session.run.stops else "type a command, or send a packet"
        return wrap(line((f"Nothing has happened yet: {ahead}.", "dim")), width)
    if isinstance(record, CommandRun):
        return wrap(line(_command(place, record)), width)
    if isinstance(record, TimerFired):
        return wrap(line(f"A timer of {record.host} ran out: {words.forgotten(record)}."), width)
    if walk is None or now is None:
        return wrap(line(("The packet is about to arrive.", "dim")), width)
    if not isinstance(now, Finished):
        return _step(place, now, width, lead=True)
    again = sent_again(place)
    rows: list[Line] = (
        wrap(line((f"Sent again by {again.host}: {again.what}".replace(" > ", f" {glyphs.ARROW} "), "change")), width) if again else []
    )
    deciding = decider(place.happened)
    rows += _step(place, deciding or now, width, lead=True)
    tells = deciding is not None and now.verdict == "REJECT"
    if tells:
        # What the sender is told is what a REJECT is about: it stands where a low pane shows it.
        rows += _step(place, now, width, lead=False)
    found = place.looked_up
    if found:
        rows += _step(place, found, width, lead=False)
    elif place.untracked:
        rows += wrap(line(("UNTRACKED", "strong"), f": {words.LEFT_ALONE}"), width)
    for step in place.happened:
        if isinstance(step, Logged | Acted):
            rows += _step(place, step, width, lead=False)
    failed = [step for step in place.happened if isinstance(step, RuleTried) and not step.matched and step is not deciding]
    for step in failed[-20:]:
        rows += _failed(place, step, width, deciding)
    if deciding is not None and not tells:
        rows += _step(place, now, width, lead=False)
    return rows


def _command(place: Place, record: CommandRun) -> str:
    """What a command did: to the rules, or which packet it sends."""
    if record.refused:
        return "The command was refused: the rules are as they were."
    changed = change_words(record.before, record.after)
    if changed and record.host != place.watch:
        return f"At {record.host}: {changed}. The rules of {place.watch}, which you see, are as they were."
    if changed:
        return f"Here: {changed}. Packets before this met the old rules, packets after it meet these."
    records = place.session.run.records[record.index + 1 : record.index + 64] if record.index >= 0 else []
    sent = next((each for each in records if isinstance(each, Walked) and each.cause == record.index), None)
    if sent is not None:
        return f"{record.host} sends because of it: {words.moment(sent)}, comes next. The rules are as they were."
    return f"{done_words(record) or _printed(record)}. The rules are as they were."


def _printed(record: CommandRun) -> str:
    """What a command printed, if that is a line; more of it is for the panel above the prompt, and for who asks why."""
    rows = record.output.strip().splitlines()
    return f"done; it printed: {clean(rows[0]).rstrip('.')}" if len(rows) == 1 else "done: it printed something"


def explain(place: Place, width: int) -> list[Line]:
    """All there is to say of a place: the packet's fields, its whole way with every rule's conditions, its entry before and after."""
    walk, record = place.walk, place.record
    if walk is None:
        rows = reasons(place, width)
        if isinstance(record, CommandRun) and record.output.strip():
            rows += [BLANK, line((f"{record.host}# {record.line}", "heading"))]
            rows += [row for text in record.output.rstrip("\n").split("\n") for row in wrap(line(text), width, 2)]
        return rows
    rows = [line(("The packet", "heading")), *_packet(place, width)]
    rows += [BLANK, line(("Its way so far" if place.finished is None else "Its way", "heading"))]
    skipped = max(0, sum(isinstance(step, RuleTried) for step in place.happened) - RULES_TOLD)
    if skipped:
        rows += wrap(line((f"The first {skipped} rules tried are left out: none of them decided.", "dim")), width)
    for step in place.happened:
        if isinstance(step, RuleTried) and skipped > 0:
            skipped -= 1
            continue
        rows += _step(place, step, width, lead=isinstance(step, RuleTried | Finished))
    return [*rows, *state_rows(place, width), BLANK, *_entry(place, width)]


def state_rows(place: Place, width: int) -> list[Line]:
    """What the ctstate rests on: tuple, entry, expectation, window."""
    found = place.looked_up
    if place.untracked:
        return [BLANK, line(("Why it is UNTRACKED", "heading")), *wrap(line(words.LEFT_ALONE), width)]
    if found is None or place.walk is None:
        return []
    rows = [BLANK, line((f"Why it is {found.state or 'not tracked'}", "heading"))]
    for name, text in evidence(place.walk, place.happened, found, place.view.entries.values()):
        rows += wrap(line((f"{name:<9}", "dim"), text.replace(" > ", f" {glyphs.ARROW} ")), width, 9)
    return rows


def _packet(place: Place, width: int) -> list[Line]:
    """The header fields that rules and tracker can look at."""
    assert place.walk is not None
    packet = place.walk.packet
    fields = [("tuple", f"{words.packet_tuple(packet)}  {words.flags(packet)}".rstrip())]
    fields.append(("at", f"{words.clock(place.at)}, from {sender(place)}"))
    fields.append(("length", f"{packet.length} bytes, ttl {packet.ttl}"))
    if packet.protocol == TCP and not packet.fault and not packet.offset:
        fields.append(("tcp", f"seq {packet.seq}, ack {packet.ack}, window {packet.window}"))
    if packet.fault:
        fields.append(("fault", packet.fault))
    return [row for name, text in fields for row in wrap(line((f"{name:<8}", "dim"), text), width, 8)]


def _entry(place: Place, width: int) -> list[Line]:
    """The packet's entry as ``conntrack -L`` prints it, with the exact seconds: as it was found, and as it is here."""
    found = place.looked_up
    entry, stands = packet_entry(place)
    rows = [line(("Its entry, as conntrack -L prints it", "heading"))]
    if found is None:
        text = f"none: {words.unasked(place)}"
        text = "not looked up yet" if place.tracking and not place.finished else text
        text = f"none: {words.RAW_SAYS_SO}, so it was never looked up" if place.untracked else text
        return rows + wrap(line((text, "dim")), width)
    before = format_entry(found.found, place.at) if found.found else "none has its tuple"
    after = format_entry(entry, place.at) if entry else "none"
    note = f"  ({words.standing(entry, stands, place.at)})" if entry and stands != KEPT else ""
    role = "gone" if stands in (GONE, DELETED) else "strong"
    rows += wrap(line(("before  ", "dim"), before), width, 8)
    return rows + wrap(line(("now     ", "dim"), (after, role), (note, "change")), width, 8)


def _step(place: Place, step: Step, width: int, *, lead: bool) -> list[Line]:
    """One step's explanation: its sentence, then its conditions up to the first that is false."""
    assert place.walk is not None
    explanation = why(place.walk, step, place.view.entries.values() if isinstance(step, LookedUp) else ())
    rows: list[Line] = []
    text = _rule_heading(step) if isinstance(step, RuleTried) and explanation.conditions else explanation.text
    if isinstance(step, StateChanged | Confirmed | EntryCreated):
        # As the entry itself is told of; the exact seconds stand in the line of conntrack -L.
        text = _SECONDS.sub(lambda found: f"{found[1]} {words.duration(int(found[2]))}", text)
    if isinstance(step, StateChanged):
        text = f"entry: {text}"
    if isinstance(step, HookEntered):
        text = f"{step.hook}: {text}"
    if isinstance(step, Arrived | Gathered | Answered | Finished):
        # These name packets the way a command line does.
        text = text.replace(" > ", f" {glyphs.ARROW} ")
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
    chain = words.chain_name(step.table, step.chain)
    if not step.matched or step.rule is None:
        return f"rule {step.number} of {chain}: no"
    return f"rule {step.number} of {chain} matches {glyphs.ARROW} {target_words(step.rule)}"


def _failed(place: Place, step: RuleTried, width: int, deciding: RuleTried | PolicyApplied | None) -> list[Line]:
    """A rule that did not match, in one sentence: the condition that was false. Its chain, if it is not that of what decided."""
    assert place.walk is not None
    false = next((condition for condition in why(place.walk, step).conditions if not condition.held), None)
    if false is None:
        return []
    here = deciding is None or (step.table, step.chain) == (deciding.table, deciding.chain)
    which = f"rule {step.number}" if here else f"rule {step.number} of {words.chain_name(step.table, step.chain)}"
    return wrap(line((f"{glyphs.CROSS} {which} ", "drop"), (false.text, "code"), f": {false.because}"), width, 2)
