"""The GRE tracker: what its tuples are made of, and how long an entry lives.

Tunnels have no ports. All that GRE carries between two hosts is one connection, whatever key its header has; only the
calls of PPTP (version 1, "enhanced GRE") are told apart, each side's own. That the two sides of a call belong together is
known to PPTP's helper alone, and without one they are two connections that nobody answers.
"""

from __future__ import annotations

from typing import NamedTuple

_ENHANCED = 1
_PPP = b"\x88\x0b"


def call_of(raw: bytes, l4: int) -> int | None:
    """What stands for the destination port (for the source's it is 0): the call of enhanced GRE, else 0. None: there is no tuple.

    A header that is cut short is nothing special: it is no call.
    """
    if len(raw) < l4 + 8 or raw[l4 + 1] & 7 != _ENHANCED:
        return 0
    return raw[l4 + 6] << 8 | raw[l4 + 7] if raw[l4 + 2 : l4 + 4] == _PPP else None


class GreTrack(NamedTuple):
    """How long an entry lives (ns), as the sysctls said when it was made: it keeps both times, whatever they are later."""

    timeout: int
    """Until there was a reply, and after the first."""
    stream: int
    """After every packet that finds one seen already; such an entry is ASSURED too."""

    @property
    def name(self) -> str:
        """conntrack prints no state for GRE."""
        return ""
