"""Everything a Walk can be asked, from its events: steps, path, states, effects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from fwtutor.netfilter import events, steps as s
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.expectations import MET, News
from fwtutor.netfilter.events import Shown
from fwtutor.netfilter.hooks import OUTPUT, PREROUTING
from fwtutor.netfilter.logline import Told, log_line
from fwtutor.netfilter.state import COUNTER, ENTRY, EXPECTATION, MEMORY
from fwtutor.netfilter.steps import Change
from fwtutor.netfilter.xtables.compiled import (
    ACT,
    ACTED,
    CHANGED,
    CONTINUE,
    END,
    EVALUATED,
    GOTO,
    HOT_DROP,
    JUMP,
    MATCHED,
    POLICY,
    RETURN,
    SEND,
    SENT,
    CompiledChain,
    Hit,
)
from fwtutor.netfilter.xtables.context import Context, Seen
from fwtutor.netfilter.xtables.targets.log import Log
from fwtutor.netfilter.xtables.targets.nflog import Nflog

if TYPE_CHECKING:
    from fwtutor.netfilter.walk import Walk


def changes(walk: Walk) -> tuple[Change, ...]:
    """All effects, in order, those of the answers where they happened."""
    return changes_of(walk.events)


def changes_of(events: Iterable[tuple[Any, ...]]) -> tuple[Change, ...]:
    """The effects of some events, in order."""
    return tuple(change for event in events if event[0] in _CHANGING for change in _event_changes(event))


def entry_changes(walk: Walk) -> list[Change]:
    """The effects on entries alone: less work, for whoever looks through many walks."""
    found: list[Change] = []
    for event in walk.events:
        if event[0] == events.TABLE:
            for hit in event[2]:
                if hit.what == SENT:
                    found += entry_changes(hit.before)
        elif event[0] in _ON_ENTRIES:
            found += [change for change in _event_changes(event) if change.kind == ENTRY]
    return found


_ON_ENTRIES = frozenset({
    events.LOOKED_UP, events.HELPED, events.CHANGED, events.CONFIRMED, events.ANSWER, events.COPY, events.TRANSLATED,
})  # fmt: skip


_CHANGING = _ON_ENTRIES | {events.EXPECTATION, events.TABLE, events.MEMORY, events.GATHERED}
"""Events that may have effects: of the others there are more."""


def matched(walk: Walk, rule: int) -> bool:
    """Did the rule with that id match the packet, or an answer to it, or a copy of it?"""
    for event in walk.events:
        if event[0] == events.TABLE:
            for what, chain, position, before in event[2]:
                if (what == MATCHED and chain.rules[position].id == rule) or (what == SENT and matched(before, rule)):
                    return True
        elif event[0] in (events.ANSWER, events.COPY) and matched(event[1], rule):
            return True
    return False


def _entry_change(before: Entry | None, after: Entry | None) -> Change:
    entry = after if before is None else before
    assert entry is not None
    return Change(ENTRY, entry.id, before, after)


def _expectation_changes(news: Iterable[News]) -> list[Change]:
    return [Change(EXPECTATION, one.id, before, after) for before, after, _ in news if (one := after or before) is not None]


def _event_changes(event: tuple[Any, ...]) -> list[Change]:
    kind = event[0]
    if kind == events.LOOKED_UP:
        return [_entry_change(before, after) for before, after in event[1].changes] + _expectation_changes(event[1].news)
    if kind == events.HELPED:
        _, before, after, _, news, _, _, drawn = event
        changed = [_entry_change(before, after)] if after is not before and after.confirmed else []
        return [*drawn, *changed, *_expectation_changes(news)]
    if kind == events.EXPECTATION:
        return _expectation_changes(event[1:])
    if kind == events.CHANGED:
        return [_entry_change(event[1], event[2])]
    if kind == events.CONFIRMED:
        return [_entry_change(None, event[1])]
    if kind == events.TABLE:
        _, _, hits, shown = event
        return list(_hit_changes(hits, shown.packet.length))
    if kind in (events.MEMORY, events.GATHERED):
        return [Change(MEMORY, event[1], event[2], event[3])]
    if kind in (events.ANSWER, events.COPY):
        return list(changes(event[1]))
    if kind == events.TRANSLATED:
        return list(event[6])
    return []


def _hit_changes(hits: Iterable[Hit], length: int) -> Iterator[Change]:
    for what, chain, position, before in hits:
        if what == SENT:
            yield from changes(before)
        elif what == EVALUATED:
            yield before
        elif what in (ACTED, CHANGED):
            length = before.after.packet.length
            yield from before.changes
        elif what in (MATCHED, POLICY) and before is not None:
            key = chain.policy_key if what == POLICY else chain.rules[position].id
            yield Change(COUNTER, key, before, (before[0] + 1, before[1] + length))


# --- states and path ----------------------------------------------------------------------------------------


def states(walk: Walk) -> list[list[str]]:
    """[hook, ctstate] in the order of the hooks; an answer's stand where it was sent."""
    found: list[list[str]] = []
    state, entered = "", ""
    for event in walk.events:
        kind = event[0]
        if kind == events.HOOK:
            # Before connection tracking nobody asks, and what raw drops never gets there.
            entered = event[1] if event[1] in (PREROUTING, OUTPUT) else ""
            if not entered:
                found.append([event[1], state])
        elif kind in (events.LOOKED_UP, events.TIED):
            state = event[1].state if kind == events.LOOKED_UP else event[1]
            if entered:
                found.append([entered, state])
                entered = ""
        elif kind == events.TABLE:
            for hit in event[2]:
                if hit.what == SENT:
                    found += states(hit.before)
        elif kind in (events.ANSWER, events.COPY):
            found += states(event[1])
    return [pair for pair in found if pair[1]]


def path(walk: Walk) -> list[str]:
    """The kernel's TRACE lines, in its order: a rule's own line comes before those of the answer its target sends."""
    found: list[str] = []
    for event in walk.events:
        if event[0] == events.TABLE:
            # Of a packet dropped by a match, the trace of nf_tables names the rule.
            for hit in event[2]:
                if hit.what == SENT:
                    found += path(hit.before)
                elif _is_traced(hit):
                    found.append(_trace_line(hit))
        elif event[0] in (events.ANSWER, events.COPY):
            found += path(event[1])
    return found


_STANDARD = ("ACCEPT", "DROP", "RETURN", "QUEUE")
"""Targets that are nothing but a verdict."""


def _is_traced(hit: Hit) -> bool:
    return hit.what not in (EVALUATED, ACTED, CHANGED) and (hit.what != HOT_DROP or hit.chain.variant == "nft")


def _trace_line(hit: Hit) -> str:
    chain, position = hit.chain, hit.position
    number = position + 1
    built_in = chain.chain.policy is not None
    word = "rule"
    if hit.what == HOT_DROP:
        pass
    elif hit.what != MATCHED:
        word = "policy" if built_in else "return"
    elif chain.test(position) is None and not chain.rules[position].matches and chain.rules[position].target.name in _STANDARD:
        # The kernel cannot tell an unconditional verdict from the tail of a chain.
        word = "policy" if built_in else "return"
    return f"{chain.table}:{chain.chain.name}:{word}:{number}"


def logged(walk: Walk) -> list[s.Logged]:
    """What LOG and NFLOG rules logged, in order; of answers and copies where they were sent."""
    found: list[s.Logged] = []
    for event in walk.events:
        if event[0] == events.TABLE:
            context = context_of(event[3], walk)
            for what, chain, position, before in event[2]:
                if what == SENT:
                    found += logged(before)
                elif what in (ACTED, CHANGED):
                    context.show(before.after)
                elif what == MATCHED and isinstance(target := chain.rules[position].target, Log | Nflog):
                    found.append(_logged(target, context))
        elif event[0] in (events.ANSWER, events.COPY):
            found += logged(event[1])
    return found


def rules_tried(walk: Walk) -> int:
    """Rules looked at, in all tables this packet passed (its answers' not counted)."""
    return sum(isinstance(step, s.RuleTried) for step in steps(walk))


# --- steps ---------------------------------------------------------------------------------------------------


def steps(walk: Walk) -> tuple[s.Step, ...]:
    """The moments of the walk in order, from Arrived to Finished."""
    found: list[s.Step] = [s.Arrived(packet=walk.packet, interface=walk.in_interface)]
    rationed: tuple[Change, ...] = ()
    for event in walk.events:
        if event[0] == events.MEMORY:
            rationed += tuple(_event_changes(event))
            if not event[4]:
                found.append(s.AnswerWithheld(rationed))
                rationed = ()
        elif event[0] == events.ANSWER:
            found.append(s.Answered(rationed + tuple(_event_changes(event)), walk=event[1]))
            rationed = ()
        else:
            for step in _event_steps(walk, event):
                # A packet of the stack's own had its token taken before it set out.
                found.append(replace(step, changes=rationed + step.changes) if rationed else step)
                rationed = ()
    found.append(s.Finished(verdict=walk.verdict, to=walk.to, reason=walk.reason))
    return tuple(found)


def _event_steps(walk: Walk, event: tuple[Any, ...]) -> Iterator[s.Step]:
    kind = event[0]
    effects = tuple(_event_changes(event))
    if kind == events.HOOK:
        yield s.HookEntered(hook=event[1])
    elif kind == events.LOOKED_UP:
        tracked = event[1]
        yield s.LookedUp(tuple=tracked.key, found=tracked.found, direction=tracked.direction, state=tracked.state, reason=tracked.reason)
        for (before, after), effect in zip(tracked.changes, effects, strict=False):
            if before is tracked.evicted:
                yield s.EarlyDropped((effect,), entry=before)
            else:
                yield s.StateChanged((effect,), before=before, after=after)
        yield from _news_steps(tracked.news, effects[len(tracked.changes) :])
        if tracked.entry is not None and not tracked.entry.confirmed:
            yield s.EntryCreated(entry=tracked.entry)
    elif kind == events.HELPED:
        _, before, after, fault, news, was, packet, _ = event
        yield s.Helped(effects[: len(effects) - len(news)], after.helper, before, after, fault, was, packet)
        yield from _news_steps(news, effects[len(effects) - len(news) :])
    elif kind == events.EXPECTATION:
        yield from _news_steps(event[1:], effects)
    elif kind == events.GATHERED:
        _, _, _, after, whole = event
        waiting = 0 if after is None else len(after.pieces)
        yield s.Gathered(effects, None if whole is None else whole.packet, waiting if whole is None else len(whole.sizes))
    elif kind == events.COPY:
        yield s.CameBack(effects, walk=event[1])
    elif kind == events.CHANGED:
        yield s.StateChanged(effects, before=event[1], after=event[2])
    elif kind == events.ROUTED:
        yield s.Routed(to=event[1], reason=event[2])
    elif kind == events.TABLE:
        yield from _table_steps(event[1], event[2], context_of(event[3], walk), effects)
    elif kind == events.CONFIRMED:
        yield s.Confirmed(effects, entry=event[1])
    elif kind == events.FORGOTTEN:
        yield s.EntryForgotten(entry=event[1])
    elif kind == events.TRANSLATED:
        yield s.Translated(effects, *event[1:6])


def _news_steps(news: Iterable[News], effects: Iterable[Change]) -> Iterator[s.Step]:
    for (before, after, why), effect in zip(news, effects, strict=True):
        if why == MET:
            yield s.ExpectationMet((effect,), before)
        elif after is not None:
            yield s.Expected((effect,), after)
        else:
            yield s.ExpectationForgotten((effect,), before, why)


def context_of(shown: Shown, walk: Walk) -> Context:
    """The context rules were evaluated in, for explaining them."""
    context = Context(shown.packet, walk.at)
    context.wall, context.looped = walk.wall, walk.looped
    context.priority, context.routing, context.mac, context.link = shown.priority, shown.routing, walk.mac, walk.link
    if not shown.in_interface:
        # To whom on a link: that is only known of what came by one.
        context.link = "host"
    # Over loopback a packet comes back without the socket it was sent by.
    context.owner, context.socket = (None, False) if shown.in_interface else (walk.owner, walk.socket)
    context.hook, context.in_interface, context.out_interface = shown.hook, shown.in_interface, shown.out_interface
    context.entry, context.state, context.direction, context.mark = shown.entry, shown.state, shown.direction, shown.mark
    return context


def _logged(target: Log | Nflog, context: Context) -> s.Logged:
    told, prefix = (target.told, target.begins) if isinstance(target, Log) else (Told(), target.prefix)
    line = log_line(
        context.packet, told, prefix=prefix, in_interface=context.in_interface, out_interface=context.out_interface,
        mark=context.mark, owner=context.owner,
    )  # fmt: skip
    if isinstance(target, Nflog):
        return s.Logged(packet=context.packet, prefix=prefix, line=line, group=target.group, size=target.size)
    return s.Logged(packet=context.packet, prefix=prefix, level=target.level.value, line=line)


def _table_steps(start: CompiledChain, hits: list[Hit], context: Context, effects: tuple[Change, ...]) -> Iterator[s.Step]:
    """A table's walk told again from the places where something happened; what lies between was tried and did not match."""
    table = start.table
    changes = iter(effects)
    remembered: dict[int, tuple[Change, ...]] = {}
    """What was evaluated on the present way through the chain, by the rule's position."""
    chain, position = start, 0
    came_from: list[tuple[CompiledChain, int]] = []
    over = False
    yield s.ChainEntered(table=table, chain=chain.chain.name)

    relabelled: dict[int, Seen] = {}
    """The same of what matches changed."""

    def tried(at: int, matched: bool, tick: tuple[Change, ...] = ()) -> s.RuleTried:
        nonlocal context
        found = s.RuleTried(remembered.pop(at, ()) + tick, table, chain.chain.name, at + 1, chain.rules[at], matched, context)
        if at in relabelled:
            # Only the rules behind it see that.
            context = context.copy()
            context.show(relabelled.pop(at))
        return found

    for number, (what, here, at, before) in enumerate(hits, 1):
        if what == SENT:
            effect = tuple(next(changes) for _ in before.changes)
            yield s.CopySent(effect, walk=before)
            continue
        if what == ACTED:
            changed = tuple(islice(changes, len(before.changes)))
            yield s.Acted(changed, table, chain.chain.name, at + 1, chain.rules[at], before.before, before.after, before.dropped)
            # What was shown to the rules before stays as it was shown.
            context = context.copy()
            context.show(before.after)
            position = at + 1
            continue
        if what in (EVALUATED, CHANGED):
            count = 1 if what == EVALUATED else len(before.changes)
            remembered[at] = (*remembered.get(at, ()), *islice(changes, count))
            if what == CHANGED:
                relabelled[at] = before.after
            continue
        if not over:
            for missed in range(position, at):
                yield tried(missed, False)
        action = RETURN
        if what == HOT_DROP:
            yield tried(at, False)
            return
        if what == POLICY:
            yield s.PolicyApplied(tuple(changes), table, start.chain.name, start.chain.policy or "")
            return
        if what == MATCHED:
            yield tried(at, True, (next(changes),))
            if (HOT_DROP, here, at) in [(hit.what, hit.chain, hit.position) for hit in hits[number : number + 1]]:
                return  # legacy's rule counted it all the same
            action = chain.actions[at]
        if action == ACT:
            position = at
        elif action in (CONTINUE, SEND):
            target = chain.rules[at].target
            if isinstance(target, Log | Nflog):
                yield _logged(target, context)
            position = at + 1
        elif action in (JUMP, GOTO):
            if action == JUMP:
                came_from.append((chain, at + 1))
            chain, position = chain.goes_to[at], 0
            yield s.ChainEntered(table=table, chain=chain.chain.name)
        elif action == RETURN:
            left, how = chain, "end" if what == END else "RETURN"
            if came_from:
                chain, position = came_from.pop()
            else:
                over = True
            if left.chain.policy is None:
                back = ("", 0) if over else (chain.chain.name, position)
                yield s.ChainLeft((), table, left.chain.name, how, *back)
