"""What a helper did, and whom it expects, in words."""

from __future__ import annotations

from fwtutor.netfilter import steps as s
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack import expectations
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS
from fwtutor.netfilter.packet import PROTOCOL_NAMES

_GONE = {
    expectations.REPLACED: "the same is expected anew",
    expectations.EVICTED: "it makes way for another: its connection may have no more of them at once",
    expectations.ORPHANED: "the connection on whose account it was is no more",
    expectations.EXPIRED: "nobody came in time",
    expectations.DELETED: "somebody had it deleted",
    expectations.WITHDRAWN: "its helper wants it no longer",
}


def awaited(one: Expectation) -> str:
    """``tcp from 203.0.113.9, any port, to 192.168.0.20:1025``."""
    own = one.tuple
    name = PROTOCOL_NAMES.get(own.protocol, str(own.protocol))
    source = format_address(own.family, own.src) if one.src_mask else "anywhere"
    port = f", port {own.sport}" if one.sport_mask else ", any port" if one.src_mask else ""
    to = format_address(own.family, own.dst)
    place = (f"{to}:{own.dport}" if own.family == 4 else f"[{to}]:{own.dport}") if own.protocol in WITH_PORTS else to
    return f"{name} from {source}{port}, to {place}"


def why_helped(step: s.Helped) -> str:
    """What came of its reading the packet."""
    if step.dropped:
        return f"the helper {step.helper} drops it: {step.dropped}"
    was, packet = step.was, step.packet
    if was is not None and packet is not None and was.payload != packet.payload:
        return f"the helper {step.helper} reads it, and writes in it what the other side must know instead; later numbers are shifted"
    if was is not packet:
        return f"the helper {step.helper} reads it; its sequence numbers are shifted, for something before was rewritten"
    return f"the helper {step.helper} reads it, before the packet leaves"


def why_expected(step: s.Expected) -> str:
    one = step.expectation
    assert one is not None
    return f"the helper {one.helper} expects a connection, which will be RELATED: {awaited(one)}"


def why_met(step: s.ExpectationMet) -> str:
    one = step.expectation
    assert one is not None
    kept = "" if one.permanent else "; it is used up with that"
    return f"the helper {one.helper} expected it: {awaited(one)}{kept}"


def why_gone(step: s.ExpectationForgotten) -> str:
    one = step.expectation
    assert one is not None
    return f"no longer expected: {awaited(one)}: {_GONE.get(step.why, step.why)}"
