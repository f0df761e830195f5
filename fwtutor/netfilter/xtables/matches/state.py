"""``-m state``: the older spelling of ``-m conntrack --ctstate``, with one option and no SNAT or DNAT.

It decides by the same word on the packet; ``matches/conntrack.py`` explains the states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.conntrack import STATES, judge_states, read_words, stamps, told_states, write_states
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.wording import Wording


def read_states(text: str) -> frozenset[str]:
    if not text:
        raise Unreadable('"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED')
    return read_words(text, STATES, "state")


@dataclass(frozen=True, slots=True)
class State(OptionMatch):
    """The state of the packet."""

    name: ClassVar[str] = "state"
    tracks: ClassVar[bool] = True
    meaning: ClassVar[str] = "the state of the packet (an older spelling of -m conntrack --ctstate)"
    words: ClassVar[Wording] = {
        "state": told_states,
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="state", names=("state",), argument="STATE[,STATE]", read=read_states, write=write_states, judge=judge_states,
               required=True, choices=STATES, meaning="the packet is in one of these states: NEW ESTABLISHED RELATED INVALID UNTRACKED"),
    )  # fmt: skip

    state: Given[frozenset[str]] | None = None

    def compile(self) -> Test:
        states, negated = self.state or Given(frozenset())
        wanted = stamps(states)
        return (lambda c: c.state not in wanted) if negated else (lambda c: c.state in wanted)

    def listing(self, numeric: bool) -> str:
        states, negated = self.state or Given(frozenset())
        return f"{'! ' if negated else ''}state {write_states(states)}"
