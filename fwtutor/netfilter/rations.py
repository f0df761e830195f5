"""How often a box tells others something of its own accord: the rations of ICMP errors and redirects, each host's and that of all."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND


class Peer(NamedTuple):
    """What the stack remembers of a host it told something: one memory for all that it rations."""

    tokens: int
    """Saved for ICMP errors (ns, one costs an interval) at the time ``last``."""
    last: int
    """ns"""
    redirects: int = 0
    """How often it was told of a shorter way, in vain."""


JIFFY = SECOND // 250
"""The kernel's clock tick, as most distributions build it."""
RATE_BURST = 6
"""ICMP errors to one destination at once, before one per icmp_ratelimit."""
NO_ROUTE_BURST, NO_ROUTE_COST = 5 * SECOND, SECOND
"""Errors about a missing route are rationed once more, out of the same memory."""
_UNUSED = 60 * SECOND
"""What a destination never sent to has saved."""


def take_token(peer: Peer | None, at: int, cost: int, burst: int) -> tuple[bool, Peer]:
    """May another ICMP error go to this host? With what is remembered then; within a jiffy nothing is added or capped.

    But what is saved beyond the smaller burst of errors about missing routes is lost with the first of those.
    """
    peer = peer or Peer(0, at - _UNUSED)
    tokens, last = peer.tokens, peer.last
    if at - last >= JIFFY:
        tokens, last = min(tokens + at - last, burst), at
    elif burst == NO_ROUTE_BURST:
        tokens = min(tokens, burst)
    if tokens >= cost:
        return True, Peer(tokens - cost, last, peer.redirects)
    return False, Peer(tokens, last, peer.redirects)


_REDIRECTS, _REDIRECT_GAP = 9, SECOND // 50
_REDIRECT_SILENCE = _REDIRECT_GAP << 10


def may_redirect(peer: Peer | None, at: int) -> tuple[bool, Peer]:
    """May the neighbour be told once more? Each time the gap doubles; after nine in vain it is left alone for 20 s of silence.

    With what is remembered if it is not; ``redirected`` makes of that what is remembered if it is.
    """
    if peer is None or at - peer.last > _REDIRECT_SILENCE:
        return True, Peer(0, at - _UNUSED if peer is None else peer.last)
    if peer.redirects >= _REDIRECTS:
        return False, peer._replace(last=at)
    return not peer.redirects or at - peer.last > _REDIRECT_GAP << peer.redirects, peer


def redirected(peer: Peer, at: int) -> Peer:
    """A neighbour told of a shorter way once more."""
    return peer._replace(last=at, redirects=peer.redirects + 1)


class Credit(NamedTuple):
    """What the stack grants all destinations together: ``left`` errors, last added to at the time ``since`` (ns)."""

    left: int
    since: int


_REFILL_GAP = SECOND // 50


def take_credit(credit: Credit | None, at: int, per_second: int, burst: int) -> tuple[bool, Credit]:
    """May another ICMP error go to anybody? With the credit as it is then. It is only added to when used up."""
    credit = credit or Credit(0, at - SECOND)
    if credit.left <= 0:
        passed = min(at - credit.since, SECOND)
        gained = per_second * passed // SECOND if passed >= _REFILL_GAP else 0
        if not gained:
            return False, credit
        credit = Credit(min(credit.left + gained, burst), at)
    # The kernel takes nothing, one or two, by chance; on average one.
    return True, credit._replace(left=credit.left - 1)
