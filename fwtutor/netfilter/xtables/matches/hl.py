"""``-m hl``: the hop limit, which is to IPv6 what the time to live is to IPv4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.matches.ttl import Ttl, ttl_options
from fwtutor.netfilter.xtables.options import Option
from fwtutor.netfilter.xtables.wording import Wording


@dataclass(frozen=True, slots=True)
class Hl(Ttl):
    """The hop limit."""

    name: ClassVar[str] = "hl"
    meaning: ClassVar[str] = "the hop limit of the packet"
    words: ClassVar[Wording] = {
        "eq": "whose hop limit is~ {}",
        "lt": "whose hop limit is below {}",
        "gt": "whose hop limit is above {}",
    }
    options: ClassVar[tuple[Option, ...]] = ttl_options("hl", "hop limit")
    nothing: ClassVar[str] = "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'"
