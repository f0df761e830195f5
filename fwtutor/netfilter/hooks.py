"""Hooks and priorities: which chain of which table runs when.

Only the tables that are simulated so far have a place here; asking for another is refused by name.
"""

from __future__ import annotations

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"

BUILTIN_CHAINS: dict[str, tuple[str, ...]] = {"filter": (INPUT, FORWARD, OUTPUT)}
"""Built-in chains of each simulated table, in the order iptables-save prints them."""

NOT_YET = ("raw", "mangle", "nat", "security")
"""Tables the kernel has and fwtutor does not simulate yet."""
