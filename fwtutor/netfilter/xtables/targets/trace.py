"""``-j TRACE``: the kernel tells, from here on, each rule that the packet meets; the walk goes on. It decides nothing.

Legacy has it only in raw, nft everywhere. What it would tell is what every walk here is asked for: its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.hooks import RAW
from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class Trace(OptionTarget):
    """Each rule it meets from here on is told."""

    name: ClassVar[str] = "TRACE"
    goes_on: ClassVar[bool] = True
    tables: ClassVar[tuple[str, ...]] = (RAW,)
    meaning: ClassVar[str] = "each rule that the packet meets from here on is told in the kernel's log"
    words: ClassVar[Wording] = {
        "": "are followed from here on, rule by rule",
    }
