"""Why, for any rule and any packet: what the rule said, or why it was not asked, and what it would have said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fwtutor.netfilter import steps as s
from fwtutor.netfilter.hooks import BUILTIN_CHAINS, NAT
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import target_words, why
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.rule import Condition, Jump, Rule, StatefulMatch


class Said(NamedTuple):
    """What a rule has to do with a packet."""

    reached: bool
    text: str
    """That it matched or not, and why; why it was not asked."""
    would: str = ""
    """Of one that was not asked: what it would have said; "" if nobody can tell."""
    conditions: tuple[Condition, ...] = ()
    """Up to the first that is false."""


def about(walk: Walk, steps: Sequence[s.Step], table: str, chain: str, number: int, rule: Rule) -> Said:
    """What rule ``number`` of a chain has to do with the packet of ``walk``, of which ``steps`` have happened."""
    tried = next((step for step in reversed(steps) if _is(step, table, chain, number)), None)
    if tried is not None:
        explanation = why(walk, tried)
        return Said(True, explanation.text, "", explanation.conditions)
    if not isinstance(steps[-1] if steps else None, s.Finished):
        return Said(False, f"rule {number} of {chain} has not been tried yet: the packet is still on its way")
    entered = [place for place, step in enumerate(steps) if isinstance(step, s.ChainEntered) and (step.table, step.chain) == (table, chain)]
    if entered:
        reason, seen = _passed_over(steps[entered[-1] :], table, chain)
    elif chain in BUILTIN_CHAINS.get(table, ()):
        return Said(False, f"not reached: {_not_on_its_way(walk, steps, table, chain)}")
    else:
        reason, seen = f"no rule that matched sent the packet to {chain}", _last_context(steps, table)
    would, conditions = _hypothesis(rule, seen)
    return Said(False, f"not reached: {reason}", would, conditions)


def _is(step: s.Step, table: str, chain: str, number: int) -> bool:
    return isinstance(step, s.RuleTried) and (step.table, step.chain, step.number) == (table, chain, number)


def _last_context(steps: Sequence[s.Step], table: str) -> Context | None:
    return next((step.context for step in reversed(steps) if isinstance(step, s.RuleTried) and step.table == table), None)


def _passed_over(steps: Sequence[s.Step], table: str, chain: str) -> tuple[str, Context | None]:
    """Who ended the walk through a chain that was entered at the first of ``steps``, and what was shown to the rules last."""
    last: s.RuleTried | None = None
    for step in steps[1:]:
        if isinstance(step, s.HookEntered | s.Finished):
            break
        if isinstance(step, s.Acted) and step.dropped:
            return f"rule {step.number} of {step.chain} could not change the packet, and dropped it", last.context if last else None
        if isinstance(step, s.RuleTried) and step.table == table:
            last = step
        elif _leaves(step, table, chain):
            break
    if last is None or last.rule is None:
        return f"nothing of {chain} was", None
    if not last.matched:
        return f"the packet was dropped at rule {last.number} of {last.chain}: it is cut short", last.context
    where = f"rule {last.number}" + ("" if last.chain == chain else f" of {last.chain}")
    if isinstance(last.rule.target, Jump) and last.rule.target.goto:
        return f"{where} sent it to {last.rule.target.chain}, from where there is no way back here", last.context
    return f"{where} decided before it: {target_words(last.rule)}", last.context


def _leaves(step: s.Step, table: str, chain: str) -> bool:
    if isinstance(step, s.ChainEntered):
        return step.table != table
    return isinstance(step, s.ChainLeft) and (step.table, step.chain) == (table, chain)


def _not_on_its_way(walk: Walk, steps: Sequence[s.Step], table: str, chain: str) -> str:
    hooks = [step.hook for step in steps if isinstance(step, s.HookEntered)]
    if chain not in hooks:
        if walk.verdict != "ACCEPT" and (not hooks or not any(isinstance(step, s.Routed) and step.to for step in steps)):
            return f"the packet's way ended before {chain}"
        passed = ", ".join(dict.fromkeys(hooks)) or "no hook at all"
        where = {"local": "it is for the box itself", None: "it goes nowhere"}.get(walk.to, f"it leaves by {walk.to}")
        return f"{chain} is not on this packet's way ({where}): it passed {passed}"
    later = steps[max(place for place, step in enumerate(steps) if isinstance(step, s.HookEntered) and step.hook == chain) :]
    if table == NAT and not any(isinstance(step, s.Finished) and step.verdict in ("DROP", "REJECT") for step in later):
        return "nat's rules are asked about the first packet of a connection only, and this is another (or has no entry)"
    return f"another table decided at {chain} before {table} had its turn"


def _hypothesis(rule: Rule, context: Context | None) -> tuple[str, tuple[Condition, ...]]:
    if context is None:
        return "", ()
    shown: list[Condition] = []
    for condition in rule.conditions(context):
        shown.append(condition)
        if not condition.held:
            break
    if not shown or shown[-1].held:
        return f"it would have matched: {target_words(rule)}", tuple(shown)
    missed = shown[-1]
    if any(isinstance(match, StatefulMatch) and missed.text.startswith(f"-m {match.name} ") for match in rule.evaluated):
        return f"what {missed.text} would have said nobody can tell: it remembers, and was not asked", tuple(shown[:-1])
    return "it would not have matched", tuple(shown)
