"""Why a connection is expected, met or forgotten, and what a helper did to a packet: ``why``'s sentences for these steps."""

from __future__ import annotations

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.packet import PROTOCOL_NAMES, TCP
from fwtutor.netfilter.steps import ExpectationForgotten, Expected, Helped

_FORGOTTEN = {
    "replaced": "the same is expected anew",
    "evicted": "there is no room for more on this connection's account",
    "orphaned": "the connection that announced it is gone",
    "expired": "nobody came in time",
    "deleted": "somebody deleted it",
    "withdrawn": "its helper takes it back",
}


def why_helped(step: Helped, *, expects: bool = False) -> str:
    """What a helper did when it had read a packet; ``expects``: a connection is expected because of it, which is told of by itself."""
    if step.dropped:
        return f"the helper {step.helper} drops it: {step.dropped}"
    was, now = step.was, step.packet
    if was is None or now is None or was is now:
        return f"the helper {step.helper} has read it{'' if expects else ', and has nothing to say'}"
    if was.payload == now.payload:
        if was.protocol == TCP:
            pairs = (("seq", was.seq, now.seq), ("ack", was.ack, now.ack))
            shifted = [f"its {name} {old} becomes {new}" for name, old, new in pairs if old != new]
            return f"what was sent before grew or shrank on its way: {', '.join(shifted) or 'its options follow'}"
        return f"the helper {step.helper} has changed it"
    size = len(now.payload) - len(was.payload)
    longer = f", which makes it {abs(size)} byte{'s' if abs(size) > 1 else ''} {'longer' if size > 0 else 'shorter'}" if size else ""
    lines = zip(was.payload.split(b"\r\n"), now.payload.split(b"\r\n"), strict=False)
    old, new = next(((old, new) for old, new in lines if old != new), (was.payload, now.payload))
    return f"the address named in it is translated too: {_line(old)} becomes {_line(new)}{longer}"


def why_expected(step: Expected, at: int) -> str:
    """What is expected from now on."""
    one = step.expectation
    assert one is not None
    left = max(0, one.expires - at) // SECOND
    if one.inactive:
        return f"the helper {one.helper} holds a place for {left} s: for {describe(one)}, who is let in when the other side agrees"
    which = "the first packet of each will be" if one.permanent else "its first packet will be"
    return f"the helper {one.helper} expects {describe(one)} for {left} s: {which} RELATED"


def why_forgotten(step: ExpectationForgotten) -> str:
    """Why a connection is expected no longer."""
    assert step.expectation is not None
    return f"{describe(step.expectation)} is expected no longer: {_FORGOTTEN.get(step.why, step.why)}"


def describe(one: Expectation) -> str:
    """``tcp from 203.0.113.9 to 192.168.0.20:40753``."""
    own = one.tuple
    name = PROTOCOL_NAMES.get(own.protocol, str(own.protocol))
    source = format_address(own.family, own.src) if one.src_mask else "anybody"
    port = f":{own.sport}" if one.sport_mask else ""
    target = format_address(own.family, own.dst)
    return f"{name} from {source}{port} to {f'[{target}]' if own.family == 6 else target}:{own.dport}"


def _line(payload: bytes) -> str:
    """A payload's first line, in quotes."""
    first = payload.partition(b"\r")[0].decode("ascii", "backslashreplace")
    return f'"{first[:60]}"'
