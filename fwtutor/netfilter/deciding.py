"""What decided about a packet: the rule or policy with the last word among the steps of its way."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.netfilter.steps import PolicyApplied, RuleTried, Step


def decider(steps: Sequence[Step]) -> RuleTried | PolicyApplied | None:
    """The rule or policy that had the last word among ``steps``."""
    for step in reversed(steps):
        if isinstance(step, PolicyApplied):
            return step
        if isinstance(step, RuleTried) and step.matched and step.rule and not step.rule.target.goes_on:
            return step
    return None
