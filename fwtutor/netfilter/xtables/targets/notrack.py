"""``-j NOTRACK``: connection tracking leaves the packet alone: ``CT --notrack`` under its older name, and listed as CT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.hooks import RAW
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget
from fwtutor.netfilter.xtables.targets.ct import Ct, untrack
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class NoTrack(ActingTarget, OptionTarget):
    """Not tracked."""

    name: ClassVar[str] = "NOTRACK"
    meaning: ClassVar[str] = "connection tracking leaves the packet alone: it is UNTRACKED"
    words: ClassVar[Wording] = {
        "": "are not tracked",
    }
    listed: ClassVar[str] = Ct.name
    tables: ClassVar[tuple[str, ...]] = (RAW,)

    def act(self, context: Context) -> bool:
        untrack(context)
        return True

    def listing(self, numeric: bool) -> str:
        return "NOTRACK"
