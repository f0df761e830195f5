"""IPv6 extension headers: the walk along their chain, and what the stack takes offence at in a header of options.

The walk is what rules, tracker and REJECT are shown of a packet, also of one quoted in an ICMPv6 error. Every header takes eight bytes
at least, so it ends. Where the stack reads options is ``passage6``'s (hop by hop) and ``network/answers6``'s (destination).
"""

from __future__ import annotations

from typing import NamedTuple

FIXED = 40
"""Bytes of the IPv6 header itself."""
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NONE, DESTINATION = 0, 43, 44, 51, 59, 60
EXTENSIONS = frozenset({HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION})
"""Headers with another one behind them."""

_PAD1, _PADN, _ROUTER_ALERT, _CALIPSO, _IOAM, _JUMBO = 0, 1, 5, 7, 49, 0xC2
MOST_OPTIONS, MOST_PADDING = 8, 7
HEADER_FIELD, UNKNOWN_HEADER, UNKNOWN_OPTION, INCOMPLETE = 0, 1, 2, 3
"""Codes of ICMPv6's parameter problem (type 4)."""


class Chain(NamedTuple):
    """What the walk along the extension headers found."""

    protocol: int
    """Of the header that is none of them; where the walk broke off, of the one it could not read."""
    at: int
    """Where that header begins; of a later fragment, where its part does."""
    broken: bool
    """It broke off: a header is cut short, or a later fragment begins in the middle of the chain."""
    offset: int
    """Of the fragment (bytes), 0 for a first one."""
    fragment: int
    """Where the first Fragment header is, 0: there is none."""
    authentication: int
    """The same of the Authentication header."""


def walk(raw: bytes, begin: int = 0, end: int | None = None) -> Chain:
    """Along the extension headers of the IPv6 packet that begins at ``begin`` (with a whole header) and reaches to ``end``."""
    end = len(raw) if end is None else end
    protocol, at = raw[begin + 6], begin + FIXED
    fragment = authentication = 0
    while protocol in EXTENSIONS:
        if at + (4 if protocol == FRAGMENT else 2) > end:
            return Chain(protocol, at, True, 0, fragment, authentication)
        following = raw[at]
        if protocol == FRAGMENT:
            fragment = fragment or at
            offset = (raw[at + 2] << 8 | raw[at + 3]) & 0xFFF8
            if offset:
                return Chain(following, at + 8, following in EXTENSIONS, offset, fragment, authentication)
            size = 8
        else:
            authentication = authentication or (at if protocol == AUTHENTICATION else 0)
            size = length(protocol, raw, at)
        protocol, at = following, at + size
    return Chain(protocol, at, False, 0, fragment, authentication)


def find(raw: bytes, wanted: int) -> int | None:
    """Where the first extension header of a kind is, as the matches on one look for it; -1: there is none.

    None: the chain is cut short before it. Behind a later fragment's header nothing is looked for.
    """
    protocol, at = raw[6], FIXED
    while protocol in EXTENSIONS or protocol == NONE:
        if protocol == NONE:
            return at if wanted == NONE else -1
        if at + (4 if protocol in (ROUTING, FRAGMENT) else 2) > len(raw):
            return None
        if protocol == wanted:
            return at
        if protocol == FRAGMENT and (raw[at + 2] << 8 | raw[at + 3]) & 0xFFF8:
            return -1
        protocol, at = raw[at], at + (8 if protocol == FRAGMENT else length(protocol, raw, at))
    return -1


def length(protocol: int, raw: bytes, at: int) -> int:
    """Bytes of the extension header at ``at``, as it says."""
    return (raw[at + 1] + 2) * 4 if protocol == AUTHENTICATION else (raw[at + 1] + 1) * 8


def fragmentable(raw: bytes) -> tuple[int, int] | None:
    """Where a Fragment header is put in, as the stack does it: (the place of the field that names the next header, where it is put).

    It comes behind hop-by-hop options, routing, and the destination options before that. None: the chain is cut short.
    """
    field, at, routed = 6, FIXED, False
    while raw[field] in (HOP_BY_HOP, ROUTING, DESTINATION):
        if raw[field] == DESTINATION and routed:
            break
        routed = routed or raw[field] == ROUTING
        if at + 2 > len(raw):
            return None
        field, at = at, at + length(ROUTING, raw, at)
        if at > len(raw):
            return None
    return field, at


class Fault(NamedTuple):
    """Why the stack throws a packet away for its options, and the parameter problem it tells the sender, if one."""

    reason: str
    code: int = -1
    """-1: it says nothing."""
    pointer: int = 0


def options_fault(raw: bytes, at: int, dst: int, hop_by_hop: bool) -> Fault | None:
    """What is wrong with the header of options at ``at`` in the eyes of the stack, or None.

    ``dst`` is the packet's destination: to many, less is told.
    """
    what = "hop-by-hop" if hop_by_hop else "destination"
    if at + 8 > len(raw) or at + length(ROUTING, raw, at) > len(raw):
        return Fault(f"its {what} options are cut short")
    place, end = at + 2, at + length(ROUTING, raw, at)
    count = padding = 0
    while place < end:
        kind = raw[place]
        if kind == _PAD1:
            padding, size = padding + 1, 1
        else:
            size = raw[place + 1] + 2 if place + 2 <= end else 0
            if not size or place + size > end:
                return Fault(f"its {what} options are cut short")
            padding = padding + size if kind == _PADN else 0
        if padding > MOST_PADDING:
            return Fault(f"its {what} options are padded with more than {MOST_PADDING} bytes")
        if kind == _PADN and any(raw[place + 2 : place + size]):
            return Fault(f"the padding of its {what} options is not zeros")
        if kind not in (_PAD1, _PADN):
            count += 1
            if count > MOST_OPTIONS:
                return Fault(f"it has more than {MOST_OPTIONS} {what} options")
            fault = _hop_by_hop(raw, place, size, dst) if hop_by_hop else _unknown(raw, place, dst)
            if fault is not None:
                return fault
        place += size
    return None


def _hop_by_hop(raw: bytes, place: int, size: int, dst: int) -> Fault | None:
    kind = raw[place]
    if kind == _ROUTER_ALERT:
        return None if size == 4 else Fault("its router alert has a wrong length")
    if kind == _IOAM:
        return Fault("its IOAM option begins where none can") if place & 3 else None
    if kind == _CALIPSO:
        return Fault("it has a CALIPSO label, and the box knows none")
    if kind == _JUMBO:
        return _jumbo(raw, place, size)
    return _unknown(raw, place, dst)


def _jumbo(raw: bytes, place: int, size: int) -> Fault | None:
    if size != 6 or place & 3 != 2:
        return Fault("its jumbo length is in the wrong place")
    length = int.from_bytes(raw[place + 2 : place + 6], "big")
    if length <= 0xFFFF:
        return Fault("its jumbo length is no more than an ordinary one could be", HEADER_FIELD, place + 2)
    if raw[4:6] != b"\0\0":
        return Fault("it has a jumbo length and another one", HEADER_FIELD, place)
    return Fault("its jumbo length is beyond the packet") if length > len(raw) - FIXED else None


def _unknown(raw: bytes, place: int, dst: int) -> Fault | None:
    """An option nobody knows says itself, in its highest two bits, what is to be done about it."""
    action = raw[place] >> 6
    if action == 0:
        return None
    told = action == 2 or (action == 3 and dst >> 120 != 0xFF)
    return Fault(f"nobody knows its option {raw[place]:#04x}, and that says to drop it", UNKNOWN_OPTION if told else -1, place)


_REFUSED_ROUTES = frozenset({3, 4})
"""Types of routing headers (RPL, segments) that the stack drops without a word unless it was told to look at them."""


def read(raw: bytes, field: int, at: int, dst: int, to_host: bool) -> tuple[int | Fault, int, int]:
    """How far the stack of the packet's destination reads, from the header at ``at``, which the byte at ``field`` names.

    Destination options and routes are read on the way. (What it stops at: a protocol or a fault, the place of the byte that names it,
    its own place.) ``to_host``: on the link it was addressed to the box.
    """
    while raw[field] in (DESTINATION, ROUTING):
        if raw[field] == DESTINATION:
            fault = options_fault(raw, at, dst, hop_by_hop=False)
            if fault is not None:
                return fault, field, at
        else:
            size = length(ROUTING, raw, at) if at + 8 <= len(raw) else 0
            if not size or at + size > len(raw) or dst >> 120 == 0xFF or not to_host or raw[at + 2] in _REFUSED_ROUTES:
                return Fault("its routing header is none to be read here"), field, at
            if raw[at + 3]:
                return Fault("it is on a way through more hosts", HEADER_FIELD, at + 2), field, at
        field, at = at, at + length(ROUTING, raw, at)
    return raw[field], field, at


def named_by(raw: bytes, place: int) -> int:
    """Where the byte is that names the header at ``place``, all before it being extension headers."""
    field, at = 6, FIXED
    while at < place:
        field, at = at, at + length(raw[field], raw, at)
    return field
