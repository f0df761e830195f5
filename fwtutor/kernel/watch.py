"""The harness's own rules beside those under test: an nft table whose chains log each packet on its way through every hook.

Three chains a hook: ``begin`` before every table, where tracing is also switched on; one after conntrack, which logs the ctstate;
and ``end`` after everything, NAT and confirmation too. So the tables of iptables are all free for the rules under test, and what
lies between a packet's ``begin`` and its ``end`` happened to it there, whatever became of its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.namespace import run

WATCH = "fwtutor_watch"
"""The name of the table, in lines and in the kernel."""
QUIET = f"{WATCH}_quiet"
"""The name of the table that keeps the stack quiet."""
GROUP = 65535
"""Where its lines are logged to."""
BEGIN, END, AGAIN = "begin", "end", "again"
"""Words of its lines, besides the ctstates. AGAIN: nothing but how the packet looks between two tables."""
ZONE = "zone "
"""The beginning of a word: which zone the packet's entry is in, in the packet's direction. Nothing is said of zone 0."""
STATES = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED")
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
"""By the kernel's number, from 0."""

_FIRST, _AFTER_CONNTRACK, _LAST = -350, -199, 2**31 - 1
_AFTER_TABLES = (-299, -149, -99, 1, 51)
_FAMILIES = {4: "ip", 6: "ip6"}


def watch(family: int, *, between: bool) -> None:
    """Make the table. To be done before tracking is switched on: of two hooks of the same priority the newer one comes first.

    ``between``: let it also log how packets look after each table, where no other line tells that.
    """
    # A rule that accepts is traced with one message; else two more say that its chain is over.
    chains = []
    for hook in HOOKS:
        chains.append(_chain(BEGIN, hook, _FIRST, f'meta nftrace set 1 log prefix "{BEGIN}" group {GROUP} accept'))
        chains.append(_chain("state", hook, _AFTER_CONNTRACK, ""))
        if between:
            chains += [_chain(f"{AGAIN}_{at + 300}", hook, at, f'log prefix "{AGAIN}" group {GROUP} accept') for at in _AFTER_TABLES]
        chains.append(_chain(END, hook, _LAST, f'log prefix "{END}" group {GROUP} accept'))
    _load("\n".join([f"table {_FAMILIES[family]} {WATCH} {{", *chains, "}", ""]))


def keep_quiet() -> None:
    """Keep back, before everything else, what IPv6 tells its routers of multicast groups at times it draws by chance.

    To be done before there are interfaces. What a program sends (a packet played as the box's own) passes, and copies
    (TEE) of what others sent, which few do with a hop limit as low as the stack does.
    """
    rules = "meta skuid >= 0 accept; ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } drop"
    _load(f"table ip6 {QUIET} {{\n{_chain('quiet', 'OUTPUT', _FIRST - 100, rules)}\n}}\n")


def _chain(name: str, hook: str, priority: int, rule: str) -> str:
    return f"chain {name}_{hook} {{ type filter hook {hook.lower()} priority {priority}; {rule}\n}}"


def ask_for_states(family: int, *, on: bool, zones: Iterable[int] = ()) -> None:
    """Have ctstates logged, or no longer; and any of ``zones``. Asking for them switches connection tracking on."""
    lines = []
    for hook in HOOKS:
        place = f"{_FAMILIES[family]} {WATCH} state_{hook}"
        lines.append(f"flush chain {place}")
        if on:
            lines += [f'add rule {place} ct state {state.lower()} log prefix "{state}" group {GROUP}' for state in STATES]
            for zone, way in product(zones, ("original", "reply")):
                lines.append(f'add rule {place} ct direction {way} ct {way} zone {zone} log prefix "{ZONE}{zone}" group {GROUP}')
    _load("\n".join([*lines, ""]))


def _load(text: str) -> None:
    try:
        run(["nft", "-f", "-"], text, KernelUnavailable)
    except KernelUnavailable as problem:
        needed = "nf_tables, nft_log, nft_ct, nfnetlink_log"
        raise KernelUnavailable(f"this kernel cannot tell what packets meet (modules {needed}): {problem}") from None
