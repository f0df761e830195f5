"""The chain one looks at: which it is, and what came of each of its rules at this place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.steps import (
    Acted,
    ChainEntered,
    ChainLeft,
    Finished,
    Logged,
    PolicyApplied,
    RuleTried,
)
from fwtutor.netfilter.xtables.rule import Chain, Continue, Jump, Rule
from fwtutor.network.records import CommandRun, Walked
from fwtutor.telling import glyphs
from fwtutor.telling.reading import Place

if TYPE_CHECKING:
    from fwtutor.network.records import Record


class Frame(NamedTuple):
    """A chain that has not been left yet, and its rule tried last (0: none so far): in all but the innermost, the calling one."""

    table: str
    chain: str
    number: int


def frames_of(place: Place) -> list[Frame]:
    """The chain the packet is in or was in last, behind those that called it."""
    frames: list[Frame] = []
    jump: Jump | None = None
    for step in place.happened:
        if isinstance(step, ChainEntered):
            if jump is None or not frames or jump.chain != step.chain:
                frames = []
            elif jump.goto:
                # A goto leaves no way back to the chain it stands in.
                frames.pop()
            frames.append(Frame(step.table, step.chain, 0))
        elif isinstance(step, ChainLeft) and len(frames) > 1 and frames[-1].chain == step.chain:
            frames.pop()
        elif isinstance(step, RuleTried):
            if frames:
                frames[-1] = Frame(step.table, step.chain, step.number)
            jump = step.rule.target if step.matched and step.rule and isinstance(step.rule.target, Jump) else None
    return frames


def chain_of(place: Place) -> tuple[str, str]:
    """(table, chain) that the chain pane shows: where the packet is, the first one it will meet, or what a command changed."""
    frames = frames_of(place)
    if frames:
        return frames[-1].table, frames[-1].chain
    record = place.record
    changed = _changed_by(record, place.watch)
    if changed:
        return changed
    ahead = next((step for step in place.steps if isinstance(step, ChainEntered)), None)
    return (ahead.table, ahead.chain) if ahead and place.routed else _before_routing(place)


def _changed_by(record: Record | None, watch: str) -> tuple[str, str] | None:
    """The first chain that a command at the watched host has changed."""
    if isinstance(record, CommandRun) and record.host == watch:
        for table, after in record.after.tables.items():
            before = record.before.tables.get(table)
            for name, chain in after.chains.items():
                if before is not None and before.chains.get(name) != chain:
                    return table, name
    return None


LOOKED_BACK = 16
"""Moments before this one, at most, that are asked which chain was looked at."""


def _before_routing(place: Place) -> tuple[str, str]:
    """The chain to show while nothing may give away where a packet goes: that of the box's own packets, or the one that was looked at last.

    At first it is the longer one of INPUT and FORWARD: a box that has more rules for FORWARD is there to forward.
    """
    if place.walk is not None and place.walk.in_interface is None:
        return "filter", "OUTPUT"
    run, here = place.session.run, place.session.cursor.index
    for index in reversed(run.stops[: bisect_left(run.stops, here)][-LOOKED_BACK:]):
        record = run.records[index]
        changed = _changed_by(record, place.watch)
        if changed and changed[1] not in ("OUTPUT", "POSTROUTING"):
            return changed
        if isinstance(record, Walked) and record.host == place.watch and record.walk.in_interface is not None:
            met = next((step for step in record.walk.steps if isinstance(step, ChainEntered) and step.chain in ("INPUT", "FORWARD")), None)
            if met:
                return "filter", met.chain
    filtering = place.rules.tables.get("filter")
    return "filter", max(("INPUT", "FORWARD"), key=lambda name: len(filtering.chains[name].rules) if filtering else 0)


def rule_at(place: Place) -> RuleTried | PolicyApplied | None:
    """The rule or policy to look at: what happened last; after a chain that decided nothing, the rule that called it; else the decider."""
    now = place.now
    if isinstance(now, RuleTried | PolicyApplied):
        return now
    if isinstance(now, Logged | Acted):
        return next((step for step in reversed(place.happened) if isinstance(step, RuleTried)), None)
    if isinstance(now, ChainLeft):
        called = frames_of(place)[-1:]
        tries = (step for step in reversed(place.happened) if isinstance(step, RuleTried))
        return next((step for step in tries if called and called[0] == (step.table, step.chain, step.number)), None)
    return decider(place.happened)


def tried(place: Place, table: str, chain: str) -> tuple[dict[int, bool], str | None, bool]:
    """What happened in one chain at the packet's present hook: rule number -> matched, the policy applied, and whether it is over."""
    found: dict[int, bool] = {}
    policy: str | None = None
    over = False
    for step in place.happened:
        if isinstance(step, ChainEntered) and (step.table, step.chain) == (table, chain):
            found, policy, over = {}, None, False
        elif isinstance(step, RuleTried):
            if (step.table, step.chain) == (table, chain):
                found[step.number] = step.matched
            if step.matched and step.rule and not step.rule.target.goes_on and step.rule.target.name != "RETURN":
                over = True
        elif isinstance(step, PolicyApplied) and (step.table, step.chain) == (table, chain):
            policy, over = step.policy, True
        elif (isinstance(step, ChainLeft) and (step.table, step.chain) == (table, chain)) or isinstance(step, Finished):
            over = True
    return found, policy, over


def chain_shown(place: Place) -> Chain:
    """The chain of ``chain_of``; one that no table has is empty."""
    table, name = chain_of(place)
    tables = place.rules.tables
    return tables[table].chains.get(name, Chain(name, None)) if table in tables else Chain(name, "ACCEPT")


def chain_heading(place: Place) -> str:
    """Whose chain it is, in which of the two firewalls, and from where it was called."""
    (table, name), chain = chain_of(place), chain_shown(place)
    called = "".join(f"{frame.chain} {frame.number} {glyphs.NEXT} " for frame in frames_of(place)[:-1])
    count = len(chain.rules)
    policy = f"policy {chain.policy}" if chain.policy else "user chain"
    family = "ip6tables " if place.family == 6 else ""
    return f"{place.watch}: {family}{table} {called}{name} {glyphs.DOT} {count} {'rule' if count == 1 else 'rules'} {glyphs.DOT} {policy}"


def rule_status(rule: Rule, matched: bool | None, *, over: bool) -> tuple[str, str]:
    """What came of a rule, and its role; "" while it may still be tried."""
    if matched is None:
        return ("not reached", "dim") if over else ("", "")
    if not matched:
        return "tried, no", ""
    if isinstance(rule.target, Continue):
        return "MATCH, goes on", "current"
    name = rule.target.chain if isinstance(rule.target, Jump) else rule.target.name
    return f"MATCH {glyphs.ARROW} {name}", _target_role(name)


def end_status(chain: Chain, policy: str | None, tried: Mapping[int, bool], *, over: bool) -> tuple[str, str]:
    """The same of a chain's end; ``policy``: the one that was applied."""
    if policy:
        return f"{policy} by policy", _target_role(policy)
    if not over:
        return "", ""
    left = not chain.policy and not any(tried.values())
    return ("reached", "") if left else ("not reached", "dim")


def _target_role(name: str) -> str:
    return {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop"}.get(name, "current")
