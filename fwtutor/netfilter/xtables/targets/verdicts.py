"""``-j ACCEPT``, ``-j DROP``, ``-j RETURN``: the verdicts. They have no options.

ACCEPT ends the current table at the current hook. DROP ends the packet, silently. RETURN goes back to the rule after
the jump that led here; in a built-in chain, to its policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.options import OptionTarget
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class Accept(OptionTarget):
    """The packet may go on."""

    name: ClassVar[str] = "ACCEPT"
    meaning: ClassVar[str] = "the packet may go on"
    words: ClassVar[Wording] = {
        "": "are accepted",
    }


@dataclass(frozen=True, slots=True)
class Drop(OptionTarget):
    """The packet is gone, and nobody is told."""

    name: ClassVar[str] = "DROP"
    meaning: ClassVar[str] = "the packet is gone, and nobody is told"
    words: ClassVar[Wording] = {
        "": "are dropped",
    }


@dataclass(frozen=True, slots=True)
class Return(OptionTarget):
    """Back to the rule after the jump, or to the policy."""

    name: ClassVar[str] = "RETURN"
    meaning: ClassVar[str] = "back to the rule after the jump, or to the policy of a built-in chain"
    words: ClassVar[Wording] = {
        "": "go back to the rule after the jump, or to the policy",
    }
