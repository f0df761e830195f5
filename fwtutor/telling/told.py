"""Told: what is said after a command, in words and rows. What it printed, what it changed, where to look next.

The listings of iptables and conntrack are wider than most terminals: their lines are broken between columns, and what goes on
hangs indented, so that a column stays a column.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

from fwtutor.netfilter.ipset.sets import MEMORY_KEY
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.rule import Chain, Ruleset
from fwtutor.network.records import CommandRun, Walked
from fwtutor.telling import glyphs, words
from fwtutor.telling.hosts import heard, owner_of, said_by_now
from fwtutor.telling.spans import Line, clean, line, wrap

if TYPE_CHECKING:
    from fwtutor.course.checks import Failed
    from fwtutor.course.handing import Keeper
    from fwtutor.course.journey import Journey
    from fwtutor.course.model import Lesson
    from fwtutor.course.tasks import Verdict
    from fwtutor.netfilter.steps import Change
    from fwtutor.network.records import Record
    from fwtutor.recording import Run, Session
    from fwtutor.recording.scenario import Input

MANY = 4
"""Elements of sets that are told one by one."""
HANG = 8
"""Cells by which the rest of a broken line is indented."""
_GAP = re.compile(r" {2,}")
_SPACE = re.compile(r" +")
_HEAD = re.compile(r" *(num +)?(pkts +bytes +)?target +prot ")
_MESSAGE = re.compile(r"(\[[0-9.]+\] *)? *\[(NEW|UPDATE|DESTROY)\]")
_TUPLE = re.compile(r" (?=src=)")


def printed(text: str, width: int) -> list[str]:
    """One line of output in rows of at most ``width`` characters; nothing of it is lost but spaces at a break."""
    text = text.rstrip()
    if len(text) <= width:
        return [text]
    tuples = _TUPLE.split(text)
    if len(tuples) == 3:
        # conntrack -L and -E: the two tuples below each other, for they are to be compared.
        indent = " " * (HANG if _MESSAGE.match(text) else 4)
        first = [f"{tuples[0]} {tuples[1]}"] if len(tuples[0]) + len(tuples[1]) < width else [tuples[0], indent + tuples[1]]
        return [row for part in (*first, indent + tuples[2]) for row in _broken(part, width)]
    return _broken(text, width)


def _broken(text: str, width: int) -> list[str]:
    """A line broken at the last wide gap in the second half of a row, else at the last space, else where the row ends."""
    rows: list[str] = []
    width = max(width, HANG + 4)
    while len(text) > width:
        least = len(text) - len(text.lstrip())
        gaps = [found for found in _GAP.finditer(text, least, width + 1) if found.start() > max(least, width // 2)]
        spaces = [found for found in _SPACE.finditer(text, least, width + 1) if found.start() > max(least, HANG)]
        at = (gaps or spaces)[-1].start() if gaps or spaces else width
        rows.append(text[:at].rstrip())
        text = " " * HANG + text[at:].lstrip()
    return [*rows, text]


def _squeezed(table: list[str]) -> list[str]:
    """A listing's table with the blank columns that all its lines share made one wide."""
    size = max(map(len, table))
    blank = [all(at >= len(text) or text[at] == " " for text in table) for at in range(size)]
    keep = [at for at in range(size) if not (at and blank[at] and blank[at - 1])]
    return ["".join(text[at] for at in keep if at < len(text)) for text in table]


def pointed(text: str, start: int, length: int, width: int) -> list[str]:
    """A line with ``^^^`` under a place of it: broken where it must be, with the carets below the part they point at."""
    rows: list[str] = []
    at = 0
    while True:
        part = text[at : at + width]
        if at + width < len(text) and " " in part.strip():
            part = part[: part.rindex(" ") + 1]
        rows.append(part.rstrip())
        if at <= start < at + max(1, len(part)) or (start >= len(text) and at + len(part) >= len(text)):
            rows.append(" " * (start - at) + "^" * max(1, min(length, len(part) - (start - at))))
        at += max(1, len(part))
        if at >= len(text):
            return rows


def output_rows(record: CommandRun, width: int) -> list[Line]:
    """What a command printed, in rows. A refused rule is shown as it was typed, with the name of the command before it."""
    rows: list[str] = []
    texts = record.output.rstrip("\n").split("\n") if record.output.strip() else []
    texts = [clean(text.expandtabs(8)) for text in texts]
    number = 0
    while number < len(texts):
        text = texts[number]
        if _HEAD.match(text):
            end = next((n for n in range(number, len(texts)) if not texts[n].strip()), len(texts))
            table = [row.rstrip() for row in texts[number:end]]
            if max(map(len, table)) > width:
                texts[number:end] = _squeezed(table)
                text = texts[number]
        carets = texts[number + 1] if number + 1 < len(texts) else ""
        if record.refused and carets.strip() and not carets.strip(" ^"):
            typed = clean(record.line.strip())
            before = typed[: -len(text)] if text and typed.endswith(text) else ""
            start = len(before) + len(carets) - len(carets.lstrip())
            rows += pointed(before + text, start, len(carets.strip()), width)
            number += 2
            continue
        rows += printed(text, width)
        number += 1
    return [line(row) if row else Line() for row in rows]


# --- what it did ------------------------------------------------------------------------------------------


def change_words(before: Ruleset, after: Ruleset) -> str:
    """What is different in the second ruleset: ``rule 2 of INPUT added``; "" if nothing is."""
    if before is after:
        return ""
    parts: list[str] = []
    for name in {**before.tables, **after.tables}:
        old = before.tables[name].chains if name in before.tables else {}
        new = after.tables[name].chains if name in after.tables else {}
        place = "" if name == "filter" else f" (table {name})"
        parts += [part + place for part in _chains_differ(old, new)]
    return ", ".join(parts[:4]) + (f", and {len(parts) - 4} changes more" if len(parts) > 4 else "")


def _chains_differ(old: Mapping[str, Chain], new: Mapping[str, Chain]) -> list[str]:
    parts = []
    for name in {**old, **new}:
        was, now = old.get(name), new.get(name)
        if now is None:
            parts.append(f"chain {name} deleted")
            continue
        if was is None and now.policy is None:
            parts.append(f"chain {name} made")
        # A table that is not there yet lets everything pass.
        if now.policy is not None and now.policy != ("ACCEPT" if was is None else was.policy):
            parts.append(f"policy of {name} is now {now.policy}")
        parts += _rules_differ(was or Chain(name, now.policy), now)
    return parts


def _rules_differ(was: Chain, now: Chain) -> list[str]:
    kept = {rule.id for rule in was.rules} & {rule.id for rule in now.rules}
    gone = [number for number, rule in enumerate(was.rules, 1) if rule.id not in kept]
    come = [number for number, rule in enumerate(now.rules, 1) if rule.id not in kept]
    if gone == come and len(gone) == 1:
        return [f"rule {gone[0]} of {now.name} replaced"]
    if gone and not now.rules:
        return [f"{now.name} emptied ({_rules(gone, count=True)})" if len(gone) > 1 else f"rule 1 of {now.name} deleted, none left"]
    return [f"{_rules(numbers)} of {now.name} {done}" for numbers, done in ((gone, "deleted"), (come, "added")) if numbers]


def _rules(numbers: Sequence[int], *, count: bool = False) -> str:
    if count or len(numbers) > 4:
        return f"{len(numbers)} rule{'s' if len(numbers) > 1 else ''}"
    return f"rule{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _sets_differ(change: Change, at: int) -> list[str]:
    """What a command did to sets: those made, destroyed, and elements that came and went."""
    from fwtutor.netfilter.ipset.telling import told

    was, now = ({one.name for one in sets} for sets in (change.before or (), change.after or ()))
    parts = [f"the set {name} is made" for name in sorted(now - was)] + [f"the set {name} is gone" for name in sorted(was - now)]
    found = list(told(change.before, change.after, at // JIFFY)) if change.before and change.after else []
    return parts + (found if len(found) <= MANY else [f"{len(found)} elements came or went"])


def done_words(record: CommandRun) -> str:
    """What a command that was taken did: a sentence, where its own output does not say it."""
    changed = change_words(record.before, record.after)
    if changed:
        return f"done: {changed}"
    if record.output.strip():
        return ""
    sets = [said for change in record.changes if change.key == MEMORY_KEY for said in _sets_differ(change, record.at)]
    if sets:
        return f"done: {'; '.join(sets)}"
    if record.changes and record.line.removeprefix("sudo ").split()[:1] == ["ipset"]:
        return "done: the sets are as you said"
    if record.changes:
        return "done: counters set"
    words = record.line.removeprefix("sudo ").split()
    if words[:1] == ["conntrack"] and {"-E", "--event"} & {*words}:
        return "nothing of that kind has been told so far"
    if words[:1] == ["conntrack"] and len(words) > 2:
        return "no entry is like that" + (": nothing deleted" if {"-D", "--delete"} & {*words} else "")
    if words[:1] == ["conntrack"]:
        return "the table is empty: nothing is remembered here"
    if words[:1] == ["echo"]:
        return "done: written"
    return "done: it printed nothing, and changed nothing"


def sent_something(run: Run, index: int) -> bool:
    """Did the command of record ``index`` put a packet on its way?"""
    return any(record.cause == index and isinstance(record, Walked) for record in run.records[index + 1 : index + 64])


POLICY_KEY = re.compile(r"[a-z6:]+:[A-Z]+")
AT_ZERO = "iptables-legacy sets the policies' counters to 0 whenever a rule changes; iptables-nft keeps them"


def foreign_sender(session: Session, record: CommandRun) -> str:
    """Whose address a packet has that was typed at another host's prompt; "" if it is the host's own, or nobody's."""
    if record.index < 0:
        return ""
    sent = next((each for each in session.run.records[record.index + 1 :] if each.cause == record.index), None)
    if not isinstance(sent, Walked) or sent.host != record.host or sent.walk.in_interface is not None:
        return ""
    source = sent.walk.packet.source
    owner = owner_of(session.scenario.topology, source)
    if owner in ("", record.host):
        return ""
    return f"{source} is {owner}'s address, and you are at {record.host}'s prompt: it is sent from here"


IN_THE_LAB = "esc, then space to watch it; o: what it says"
"""Where to look after a command that sent something."""


def afterwards(session: Session, record: CommandRun, prompts: Sequence[str], missing: str, where: str = IN_THE_LAB) -> list[Line]:
    """What is said after a command beyond what it printed: what it did and where, what is still missing, where to look."""
    if record.refused:
        return []
    lines = []
    changed, done, watch = record.before is not record.after, done_words(record), session.scenario.watch
    if done:
        lines.append(line((done, "accept" if changed else "dim")))
    if changed and record.host != watch:
        there = f" (tab: {watch}#)" if watch in prompts else ""
        lines.append(line((f"{record.host}'s own rules changed; the chain on screen is {watch}'s{there}", "change")))
    at_zero = [change.key for change in record.changes if change.kind == "counter" and not change.after]
    if changed and any(POLICY_KEY.fullmatch(str(key)) for key in at_zero):
        lines.append(line((AT_ZERO, "dim")))
    if missing:
        lines.append(line(("not yet: ", "change"), missing))
    foreign = foreign_sender(session, record)
    if foreign:
        lines.append(line((foreign, "change")))
    if record.index >= 0 and sent_something(session.run, record.index):
        lines.append(line((f"sent by {record.host} at {words.clock(record.at)}: {where}", "current")))
    return lines


def kept_words(keeper: Keeper | None) -> list[Line]:
    """What becomes of an answer that somebody else judges."""
    if keeper is None:
        return []
    return [line((keeper.said(), "drop"))] if keeper.trouble else [line((keeper.said(brief=True), "current"))]


LAST_PAGE = "That was the last page. What you did is judged when it is handed in; until then it can be changed."
"""The end of a lesson that must not say what it was about."""
NOT_KEPT = "What you typed is not kept between sittings: rules and hosts are as the lesson has them."
"""Told to somebody who comes back."""


def typed_before(journey: Journey) -> bool:
    """Has somebody who comes back to this page typed something in an earlier sitting, as far as one can tell? His rules are gone."""
    return journey.returned and not journey.session.undoable and any(page.deeds for page in journey.lesson.stages[: journey.stage + 1])


def no_hint(lesson: Lesson) -> str:
    """Why there is none to be told."""
    if lesson.held_back and not any(stage.hints for stage in lesson.stages):
        return "No hints: whoever set this task holds them back."
    return "There is no hint on this page: step, and look."


def tried(verdict: Verdict, see: Line) -> list[Line]:
    """What a command made of an answer."""
    return [line((f"{glyphs.TICK} your rules pass again", "accept"))] if verdict.again else unmet(verdict.failed, see)


def unmet(failed: Failed | None, see: Line) -> list[Line]:
    """The check that does not pass, why it matters, what happened, and how to see that; nothing if there is none."""
    if failed is None:
        return []
    from fwtutor.course.model import TRIED

    failure, said = failed.failure, "your rules no longer pass" if failed.lapsed else "not yet"
    return [
        line((f"{glyphs.CROSS} {said}: ", "change"), failure.check.reason, (f"  ({failure.check.name})", "dim")),
        line((f"{TRIED}: ", "dim"), f"{failure.happened}."),
        see,
    ]


def met_words(lesson: Lesson, ids: Set[str]) -> list[Line]:
    """Which goals have just been met; nothing if none was."""
    texts = ", ".join(goal.text for goal in lesson.goals if goal.id in ids)
    return [line((f"{glyphs.TICK} goal met: ", "accept"), texts)] if texts else []


def branch_words(place: Record | None) -> Line:
    """What it means that a command was entered with something still to come; ``place``: the record it was entered at."""
    if place is None:
        return line(("It holds from the start, before the first packet. u takes it back.", "dim"))
    return line(
        ("From here on it happens anew. Esc, then ", "dim"), ("r", "key"), (": the former run. ", "dim"),
        ("u", "key"), (": take this back.", "dim"),
    )  # fmt: skip


def undone(before: Sequence[Input], now: Sequence[Input]) -> list[Line]:
    """What an undo took back, or brought back: the inputs before it, and after it."""
    kept = [(each.host, each.line) for each in now]
    gone = []
    for each in before:
        if (each.host, each.line) in kept:
            kept.remove((each.host, each.line))
        else:
            gone.append(each)
    if len(now) > len(before) or not gone:
        return [line("What you had given up is there again.")]
    lines = [line("Taken back: ", (f"{each.host}# ", "key"), clean(each.line)) for each in gone[-3:]]
    return [*lines, line(("The run with it is kept: ", "dim"), ("r", "key"), (" goes there.", "dim"))]


def branch_plainly(place: Record | None) -> str:
    """The same where there are no keys."""
    if place is None:
        return "It holds from the start, before the first packet. undo takes it back; the former run is kept: runs lists it."
    return "From here on it happens anew; the former run is kept: runs lists it. undo takes this back."


def run_words(run: Run) -> list[Line]:
    """Which run this is, for somebody who has just come over to it."""
    typed = run.inputs
    last = (
        f"The run with your commands, the last of them: {typed[-1].host}# {typed[-1].line}" if typed else "The run without your commands."
    )
    return [line(last), line(("You are at the last place it shares with the other.", "dim"))]


def rows(record: CommandRun, after: Sequence[Line], width: int) -> list[Line]:
    """The whole of it: what the command printed, and what is said after that."""
    return [*output_rows(record, width), *(row for item in after for row in wrap(item, width, 2))]


def console_rows(session: Session, host: str, width: int, before: int | None = None) -> list[Line]:
    """What was typed at a host and what its programs said, in order, up to the place one is at, and before a record."""
    cursor = session.cursor
    said = said_by_now(session, host, before)
    found: list[Line] = []
    for index in session.run.tracks[host].records:
        record = session.run.records[index]
        if index > cursor.index or not isinstance(record, CommandRun):
            continue
        while said and said[0].index < index:
            found += _said_rows(said.pop(0).text, width)
        found += [*wrap(line((f"{host}# ", "key"), clean(record.line)), width, HANG), *output_rows(record, width)]
    found += [row for each in said for row in _said_rows(each.text, width)]
    return found or [line(("Nothing has been typed here, and nobody has said anything.", "dim"))]


def _said_rows(text: str, width: int) -> list[Line]:
    return [line(row) if row else Line() for row in printed(clean(text), width)]


# --- what was heard ---------------------------------------------------------------------------------------


def last_words(session: Session, hosts: Sequence[str], before: int | None = None) -> tuple[str, bool]:
    """What the consoles said last, and whether it is news; a command typed since is what they said last.

    What was said at record ``before`` or later is not told: a question asks about it.
    """
    text, news = heard(session, hosts, before)
    index = session.cursor.index
    typed = [entry for entry in session.run.inputs if entry.host in hosts]
    number = bisect_right(typed, index, key=lambda entry: entry.after)
    if not number or session.cursor.at_end:
        return text, news
    last = typed[number - 1]
    said = [line.index for host in hosts for line in session.cursor.said(host)[-1:]]
    if max(said, default=-1) >= last.after:
        return text, news
    return f"{last.host}: {last.line}", index == last.after
