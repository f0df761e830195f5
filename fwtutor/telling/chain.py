"""The chain one looks at: which it is, and what came of each of its rules at this place."""

from __future__ import annotations

from collections.abc import Mapping

from fwtutor.netfilter.xtables.rule import Chain, Continue, Jump, Rule
from fwtutor.telling import glyphs
from fwtutor.telling.reading import Place, chain_of, frames_of


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
