"""What decided about a packet: the rule or policy that had the say among the steps of its way."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.netfilter.steps import Acted, Finished, PolicyApplied, RuleTried, Step

STOPPING = ("DROP", "REJECT", "QUEUE", "NFQUEUE")


def decider(steps: Sequence[Step]) -> RuleTried | PolicyApplied | None:
    """The rule or policy that had the say: filter's last one; of a packet that ended elsewhere, or met no chain of filter, the last of all.

    So of a packet that FORWARD let through it is what did so there, and not nat's POSTROUTING, which only ever lets on.
    """
    found: RuleTried | PolicyApplied | None = None
    last = found
    for step in steps:
        if isinstance(step, PolicyApplied) or (
            isinstance(step, RuleTried) and step.matched and step.rule and not step.rule.target.goes_on
        ):  # fmt: skip
            last = step
            if found is None or found.table != "filter" or step.table == "filter" or _stops(step):
                found = step
        elif (isinstance(step, Finished) and step.to is None) or (isinstance(step, Acted) and step.dropped):
            found = last
    return found


def _stops(step: RuleTried | PolicyApplied) -> bool:
    if isinstance(step, PolicyApplied):
        return step.policy != "ACCEPT"
    return step.rule is not None and step.rule.target.name in STOPPING
