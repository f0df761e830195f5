"""What there is to say of a place, part by part: the moment, the chain, the entries, the page, the question. Sentences in a list."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from fwtutor.course.journey import Journey
from fwtutor.course.model import Goal, Lesson, Prediction
from fwtutor.netfilter.steps import Answered, Logged, RuleTried
from fwtutor.netfilter.why import why as explanation
from fwtutor.netfilter.xtables.rule import policy_key
from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.plain.speech import WIDE, read_aloud, sentences, spoken
from fwtutor.telling import words
from fwtutor.telling.chain import chain_heading, chain_of, chain_shown, end_status, rule_status, tried
from fwtutor.telling.hosts import sender
from fwtutor.telling.reading import KEPT, Histories, Place, entry_changed, expected, packet_entry
from fwtutor.telling.reasons import reasons
from fwtutor.telling.told import LAST_PAGE

if TYPE_CHECKING:
    from fwtutor.netfilter.packet import Packet
    from fwtutor.recording import Run
    from fwtutor.telling.otherwise import Otherwise

LETTERS = "abcd"
SHOWN = 50
"""Entries, and moments, told at once at most."""
LOOKED_AT = 1_000
"""Rows of a page."""


def moment_number(run: Run, index: int) -> int:
    """The number of the moment a record belongs to; 0 is before all."""
    return bisect_right(run.stops, index)


def moment(place: Place) -> list[str]:
    """Where one is: the packet, the command or the timer, and what came of it so far."""
    stops, record, walk = place.session.run.stops, place.record, place.walk
    if record is None:
        return [f"Before the first packet. {len(stops)} moments lie ahead."]
    where = f"Moment {bisect_right(stops, place.index)} of {len(stops)}, {words.clock(place.at)}"
    if isinstance(record, CommandRun):
        came_of_it = "refused, and changed nothing" if record.refused else "applied between two packets"
        return [f"{where}: command {record.host}# {record.line}: {came_of_it}."]
    if isinstance(record, TimerFired) or walk is None:
        return [spoken(f"{where}: timer of {record.host}: {words.forgotten(record) if isinstance(record, TimerFired) else ''}.")]
    packet, came = place.packet or walk.packet, f"came in by {walk.in_interface}" if walk.in_interface else f"made by {record.host} itself"
    if packet.fault:
        return [f"{where}, from {sender(place)}: an unreadable packet, {packet.fault}, {came}."]
    what = ", ".join(filter(None, (words.packet_tuple(packet), words.flags(packet), f"{packet.length} bytes", f"ttl {packet.ttl}", came)))
    said = [spoken(f"{where}{f', from {sender(place)}' if walk.in_interface else ''}: {what}.")]
    if record.host != place.watch:
        return [*said, f"It is at {record.host} still."]
    if words.packet_tuple(walk.packet) != words.packet_tuple(packet):
        said.append(spoken(f"Translated: it was {words.packet_tuple(walk.packet)}."))
    return [*said, *_says(packet), *_ctstate(place), *outcome(place)]


def outcome(place: Place) -> list[str]:
    """What became of the packet so far: the verdict, what was logged, its entry."""
    return [*verdict(place), *_logged(place), *_entry(place)]


def _says(packet: Packet) -> list[str]:
    """What its text says, if it is one."""
    text = words.payload_text(packet)
    return [f"Says: {text}"] if text else []


def _logged(place: Place) -> list[str]:
    said: list[str] = []
    last: RuleTried | None = None
    for step in place.happened:
        if isinstance(step, RuleTried):
            last = step
        elif isinstance(step, Logged) and last is not None:
            where = "Logged" if step.group is None else f"Handed to NFLOG group {step.group}"
            said.append(f"{where}: by rule {last.number} of {words.chain_name(last.table, last.chain)}.")
    return said


def _ctstate(place: Place) -> list[str]:
    found = place.looked_up
    if place.untracked:
        return [f"ctstate: UNTRACKED: {words.LEFT_ALONE}."]
    if found is None:
        return [] if place.tracking and not place.finished else ["ctstate: not tracked; no rule asks."]
    assert place.walk is not None
    because = explanation(place.walk, found, place.view.entries.values()).text.replace("\n", "; ")
    state = found.state or "no room"
    return [spoken(f"ctstate: {because if because.startswith(state) else f'{state}: {because}'}")]


def verdict(place: Place) -> list[str]:
    """What became of the packet, by what, and with what the box answered."""
    finished = place.verdict
    if finished is None:
        return [f"No verdict yet; at {place.hook or 'the door'}."]
    by, to = words.decided_by(place), words.destination(finished.to, place.watch) if finished.verdict == "ACCEPT" else ""
    answers = [step.walk for step in place.steps if isinstance(step, Answered) and step.walk] if finished.verdict == "REJECT" else []
    told = "".join(f"; answered with {words.packet_tuple(each.packet)} {words.flags(each.packet)}".rstrip() for each in answers)
    return [spoken(f"Verdict: {finished.verdict}{f' by {by}' if by else ''}{f', {to}' if to else ''}{told}.")]


def _entry(place: Place) -> list[str]:
    entry, stands = packet_entry(place)
    if entry is None:
        return []
    changed = ", changed by this packet" if entry_changed(place) and stands == KEPT else ""
    kind = f"{words.entry_kind(entry)} {words.entry_flags(entry)}".rstrip()
    return [spoken(f"Entry: {kind}, {words.standing(entry, stands, place.at)}{changed}.")]


def why(place: Place) -> list[str]:
    """The reason of what happened last."""
    return sentences(reasons(place, WIDE))


def chain(place: Place, table: str = "", name: str = "") -> list[str]:
    """A chain, if none is named the one one looks at: each rule, what came of it, and how many packets it has counted."""
    if name:
        shown = place.rules.tables[table].chains[name]
        count = f"{len(shown.rules)} {'rule' if len(shown.rules) == 1 else 'rules'}"
        said = [f"{place.watch}: {table} {name}, {count}, {f'policy {shown.policy}' if shown.policy else 'user chain'}."]
    else:
        (table, name), shown = chain_of(place), chain_shown(place)
        said = [spoken(chain_heading(place)) + "."]
    matched, policy, over = tried(place, table, name)
    for number, rule in enumerate(shown.rules, 1):
        packets, size = place.view.counters.get(rule.id, (0, 0))
        status = spoken(rule_status(rule, matched.get(number), over=over)[0])
        said.append(f"rule {number}: {rule.save()}: {f'{status}; ' if status else ''}{words.amount(packets, size)}")
    status = spoken(end_status(shown, policy, matched, over=over)[0])
    if shown.policy:
        counted = place.view.counters.get(policy_key(place.rules.family, table, name), (0, 0))
        said.append(f"policy: {shown.policy}: {f'{status}; ' if status else ''}{words.amount(*counted)}")
    else:
        said.append(f"end of the chain: back to where it was called{f': {status}' if status else ''}")
    return said


def connections(place: Place, histories: Histories) -> list[str]:
    """What the tracker remembers; the present packet's own entry first."""
    own, stands = packet_entry(place)
    live = [entry for entry in place.view.entries.values() if entry.expires > place.at and not (own and entry.id == own.id)]
    live.sort(key=lambda entry: (entry.touched, entry.id), reverse=True)
    found = [*([(own, stands)] if own else []), *((entry, KEPT) for entry in live[:SHOWN])]
    if not found:
        return ["No connection is remembered here." if place.tracking else f"No connection is remembered here: {words.unasked(place)}."]
    said = [
        spoken(f"expected: {words.protocol(one.tuple.protocol)} {words.expected_tuple(one)}, RELATED, {one.seconds_left(place.at)} s")
        for one in expected(place)[:SHOWN]
    ]
    for entry, how in found:
        path = histories.path(place, entry)
        states = f"; states so far: {', then '.join(path)}" if len(path) > 1 else ""
        kind = f"{words.entry_kind(entry)} {words.entry_flags(entry)}".rstrip()
        whose = "this packet's: " if entry is own else ""
        both = f"original {words.entry_tuple(entry.original)}; reply {words.entry_tuple(entry.reply)}"
        said.append(spoken(f"{whose}{kind}, {words.standing(entry, how, place.at)}; {both}{states}"))
    return said + ([f"and {len(live) - SHOWN} more"] if len(live) > SHOWN else [])


def moments(place: Place, first: int = 0, last: int = 0, word: str = "") -> list[str]:
    """The moments of the run up to here, numbered as ``go`` takes them, and the number of those to come.

    Of all the last ones; or those from ``first`` to ``last``; or those in whose line stands a ``word``.
    """
    stops, records = place.session.run.stops, place.session.run.records
    here = bisect_right(stops, place.index)
    start, end = (max(0, first - 1), min(here, last)) if first else (0 if word else max(0, here - SHOWN), here)
    said = [f"and {start} before: moments 1-{start} tells them"] if start and not first else []
    for number in range(start, end):
        record = records[stops[number]]
        under_way = number == here - 1 and place.walk is not None and place.finished is None
        came = "" if isinstance(record, CommandRun | TimerFired) or under_way else f", {words.result(record)}"
        text = spoken(f"{number + 1}: {words.clock(record.at)}: {words.moment(record)}{came}")
        if word.lower() in text.lower():
            said.append(text)
    return [*said, f"{len(stops) - here} to come"]


def page(journey: Journey, *, ended: bool | None = None) -> list[str]:
    """The page that is open; at its end what the lesson came to, if it has ``ended`` (None: if it has)."""
    lesson = journey.lesson
    stage = lesson.stages[journey.stage]
    title = stage.title if lesson.free else f"Page {journey.stage + 1} of {len(lesson.stages)}: {stage.title}"
    hints = stage.hints[: journey.hints.get(journey.stage, 0)]
    said = [
        title,
        *read_aloud(stage.text),
        *(text for number, hint in enumerate(hints, 1) for text in (f"Hint {number}:", *read_aloud(hint))),
    ]
    return said + (ending(lesson) if (journey.ended if ended is None else ended) else [])


def ending(lesson: Lesson) -> list[str]:
    """So that is why; the same on a real server; where the road goes on."""
    if not lesson.therefore:
        return [LAST_PAGE]
    said = ["So that is why:", *read_aloud(lesson.therefore)]
    if lesson.on_server:
        said += ["On a real server:", *read_aloud(lesson.on_server)]
    return said + read_aloud(lesson.next)


def goals(journey: Journey) -> list[str]:
    """Each goal, and whether it is met."""
    met = journey.met
    count = f"Goals, {len(met & {goal.id for goal in journey.lesson.goals})} of {len(journey.lesson.goals)} met:"
    return [count, *(f"{_standing(goal, met)}: {goal.text}" for goal in journey.lesson.goals)]


def _standing(goal: Goal, met: frozenset[str]) -> str:
    return "met" if goal.id in met else "judged when handed in" if goal.withheld else "open"


def question(prediction: Prediction, what: str = "Question, before you step") -> list[str]:
    """A question, which holds the way in a lab, with its choices."""
    choices = [f"{LETTERS[number]}: {' '.join(read_aloud(choice.text))}" for number, choice in enumerate(prediction.choices)]
    return [f"{what}: " + " ".join(read_aloud(prediction.question)), *choices]


def answered(prediction: Prediction, picked: int, right: int | None, otherwise: Otherwise | None = None) -> list[str]:
    """What an answer was worth; ``otherwise``: this run's answer, where it is another than the lesson's."""
    chosen = prediction.choices[picked]
    text, because = " ".join(read_aloud(chosen.text)), " ".join(read_aloud(chosen.why))
    if otherwise is not None:
        return [f'{"Right" if picked == right else "Wrong"}: {LETTERS[picked]}, "{text}". {spoken(otherwise.said)}']
    if picked == right:
        return [f'Right: {LETTERS[picked]}, "{text}". {because}']
    if right is None:
        return [f'You said: {LETTERS[picked]}, "{text}". {because}', "This run, with your changes, has no such packet."]
    answer = prediction.choices[right]
    said = " ".join(read_aloud(answer.text))
    return [
        f'Wrong: {LETTERS[picked]}, "{text}". {because}',
        f'The right answer is {LETTERS[right]}, "{said}". {" ".join(read_aloud(answer.why))}',
    ]
