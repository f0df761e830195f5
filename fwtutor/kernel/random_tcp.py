"""Random TCP conversations: two ends that know their numbers, and break the rules on purpose near the edges."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from struct import pack

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import PORTS
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

_WINDOWS = (0, 1, 1000, 8192, 64240, 65535)
_ODD_FLAGS = (
    0, FIN, SYN | FIN, SYN | RST, FIN | PSH | URG, SYN | PSH, SYN | URG, SYN | ECE | CWR, ACK | URG, ACK | PSH, FIN | ACK | URG,
    RST | ACK | PSH, 0, URG, PSH, PSH | ECE, SYN | ACK | FIN, SYN | ACK | PSH, RST | FIN, 255, RST | FIN | ACK, SYN | ACK | URG, RST | URG,
    0, 0,
)  # fmt: skip
_EDGES = (
    -66001, -66000, -65999, -8192, -1000, -2, -1, 0, 1, 2, 999, 1000, 1001, 8191, 8192, 8193, 64239, 64240, 64241, 65535, 65536,
    131072, 1 << 31,
)  # fmt: skip
"""Distances at which some test of the window turns over, for the windows used here."""
_ODD_OPTIONS = (
    b"\3\0", b"\5\x7f\0\0", b"\2\1", b"\xfe\x28", b"\1\1\1\3", b"\1\1\1\5", b"\0\3\3\7", b"\0\0\0\0", b"\3\2\1\1", b"\3\4\7\7",
    b"\4\3\1\1", b"\x1e\4ab", b"\1\1\1\2", b"\1\1\x08\2", b"\5\2\1\1", b"\5\x0aabcdefgh", b"\1\1\4\3", b"\1\1\3\5", b"\1\1\x1e\7",
)  # fmt: skip
_MASK = 0xFFFFFFFF


class _End:
    def __init__(self, random: Random, address: int, on: str | None, port: int) -> None:
        self.random, self.address, self.on, self.port = random, address, on, port
        self.next = fresh_number(random)
        self.said = 0
        """The acknowledgement it sent last."""
        self.window = random.choice(_WINDOWS[2:])
        self.scale = random.choice((None, None, 0, 2, 7, random.randint(0, 15)))
        self.sack = random.random() < 0.4
        self.timestamps = random.random() < 0.2

    def syn_options(self) -> bytes:
        options = b"\2\4\5\xb4"
        if self.scale is not None:
            options += b"\1\3\3" + bytes([self.scale])
        if self.sack:
            options += b"\1\1\4\2"
        if self.random.random() < 0.06:  # an option that lies about its length, or an end before the end
            place = self.random.choice((0, 4, len(options)))
            options = options[:place] + self.random.choice(_ODD_OPTIONS) + options[place:]
        return options


def fresh_number(random: Random) -> int:
    """An initial sequence number: often just before the wrap or the sign bit, where arithmetic modulo 2**32 turns over."""
    return random.choice((0, 0, 1 << 31, random.getrandbits(32))) - random.randint(1, 3000) & _MASK


def tcp_conversation(random: Random, ends: tuple[tuple[int, str | None], tuple[int, str | None]]) -> Iterator[Shot]:
    """Shots of one pair of addresses and ports: a connection, and after its end perhaps another."""
    ports = random.choice(PORTS), random.choice(PORTS)
    if random.random() < 0.4:
        yield from _small_world(random, *(_End(random, *end, port) for end, port in zip(ends, ports, strict=True)))
    badness = random.choice((0.0, 0.1, 0.25, 0.6))
    while True:
        client, server = (_End(random, *end, port) for end, port in zip(ends, ports, strict=True))
        good = _story(random, client, server) if random.random() < 0.3 else _orderly(random, client, server)
        last: Shot | None = None
        for _ in range(random.choice((3, 12, 12, 40))):
            choice = random.random()
            if choice < badness:
                yield _wrong(random, client, server)
            elif last is not None and choice > 0.95:  # sent again
                for _ in range(random.choice((1, 1, 4))):
                    yield last
            elif choice > 0.92:  # lost before it came to the firewall
                next(good, None)
            elif (last := next(good, None)) is not None:
                yield last
            else:
                break
        if random.random() < 0.3:
            ports = ports[0], random.choice(PORTS)


_UNITS = (500, 500, 500, 1)
_KINDS = (ACK,) * 8 + (ACK | PSH, FIN | ACK, FIN | ACK, SYN, SYN, SYN | ACK, SYN | ACK, RST, RST, RST | ACK)


def _small_world(random: Random, client: _End, server: _End) -> Iterator[Shot]:
    """Segments of any kind in any order, in a world so small that they meet its edges all the time.

    Windows, payloads and distances are a few units long, give or take one byte: what a tracker believes of both sides is then
    near a turning point with every segment. Where the unit is a byte, a window of none differs from a window of one.
    """
    ends = [client, server]
    unit = random.choice(_UNITS)
    for end in ends:
        end.scale = random.choice((None, None, 0, 1, 2, 15))
    openings = ((SYN, SYN | ACK, ACK),) * 5 + ((SYN, SYN, ACK, ACK), (SYN, SYN, SYN | ACK, SYN | ACK, ACK), (ACK, ACK), (ACK,), (ACK,))
    for turn, flags in enumerate(random.choice(openings)):
        one, other = ends if turn % 2 == 0 else ends[::-1]
        options = one.syn_options() if flags & SYN else b""
        yield _send(one, other, flags, options=options, window=random.choice((0, 1, 1, 2, 2)) * unit)
        if random.random() < 0.12:
            break
    busy = random.choice((0.3, 0.6, 0.9))
    for _ in range(random.choice((10, 30, 60))):
        one, other = ends if random.random() < 0.5 else ends[::-1]
        flags = random.choice(_KINDS) if random.random() < 0.97 else random.choice(_ODD_FLAGS)
        payload = bytes(random.choice((0, 0, 1, unit, unit, 2 * unit))) if flags & ACK and not flags & (SYN | RST) else b""
        options = one.syn_options() if flags & SYN else _sacks(random, other, unit) if random.random() < 0.2 else b""
        if random.random() < 0.05:
            options = random.choice(_ODD_OPTIONS)
        seq, ack = one.next, other.next
        if random.random() < busy:
            seq += _distance(random, unit)
        if random.random() < busy:
            ack += _distance(random, unit)
        if not flags & ACK or random.random() < 0.03:
            ack = 0
        if flags & RST and random.random() < 0.15:
            seq = 0
        window = random.choice((0, 1, unit, unit, 2 * unit, 3 * unit))
        shot = _send(one, other, flags, seq=seq & _MASK, ack=ack & _MASK, payload=payload, options=options, window=window)
        yield shot
        if random.random() < 0.15:
            for _ in range(random.choice((1, 3, 4))):
                yield shot
        if random.random() < 0.5:  # and so it really was
            one.next = seq + len(payload) + bool(flags & SYN) + bool(flags & FIN) & _MASK


def _distance(random: Random, unit: int) -> int:
    if random.random() < 0.08:
        return -66000 + random.randint(-1, 1)
    return random.choice((0, 0, 1, 1, 2, 3, 4, 6, -1, -1, -2, -3, -4)) * unit + random.choice((0, 0, 0, -1, 1))


def _sacks(random: Random, other: _End, unit: int) -> bytes:
    edges = [other.next + _distance(random, unit) & _MASK for _ in range(random.choice((2, 4)))]
    return b"\1\1\5" + bytes([2 + 4 * len(edges)]) + pack(f"!{len(edges)}I", *edges)


def _orderly(random: Random, client: _End, server: _End) -> Iterator[Shot]:
    """A connection as it should be, in one of the ways it can be opened and closed; ends when it has."""
    opening = random.random()
    if opening < 0.75:
        yield _send(client, server, SYN, options=client.syn_options())
        yield _send(server, client, SYN | ACK, options=server.syn_options())
        yield _send(client, server, ACK)
    elif opening < 0.85:  # simultaneous: both begin
        yield _send(client, server, SYN, options=client.syn_options())
        yield _send(server, client, SYN, options=server.syn_options())
        yield _send(server, client, SYN | ACK, seq=server.next - 1)
        yield _send(client, server, SYN | ACK, seq=client.next - 1)
        yield _send(client, server, ACK)
    # else: it was open before we looked
    yield from _talk(random, client, server)


def _talk(random: Random, client: _End, server: _End) -> Iterator[Shot]:
    """Data both ways, and an end."""
    while random.random() < 0.8:
        one, other = random.choice(((client, server), (server, client)))
        for _ in range(random.choice((1, 1, 2))):
            yield _send(one, other, ACK | random.choice((0, PSH)), payload=bytes(random.choice((1, 100, 1000))))
        yield _send(other, one, ACK, window=random.choice((None, None, 0, 1000)), options=_timestamps(random, other))
    if random.random() < 0.25:
        one, other = random.choice(((client, server), (server, client)))
        yield _send(one, other, RST | random.choice((0, ACK)))
        return
    one, other = random.choice(((client, server), (server, client)))
    yield _send(one, other, FIN | ACK)
    if random.random() < 0.6:
        yield _send(other, one, ACK)
    yield _send(other, one, FIN | ACK)
    yield _send(one, other, ACK)


_STORIES = (
    "cS sSA cA cFA sA sFA cS* sA cR= cS",  # a SYN in LAST_ACK provokes a challenge ACK
    "cS sSA cA cFA sA sFA cS* sA sA",
    "cS sSA cA cFA sA sFA cS* cA sA cA sA",
    "cS sSA cA cS* sA cR= cS sSA cA",  # the client had forgotten the connection
    "cS sSA cA cS* sSA cA sA",  # the server had
    "cS sSA cA cS* sSA cR~ sA cA",
    "cS sA cR= cS sSA cA",  # an old connection's ACK answers the SYN
    "cS sA cR~ cS sSA cA",
    "cS sSA cA cFA sFA cA cA cS* sSA cA",  # again from TIME_WAIT, by either side
    "cS sSA cA sFA cA cFA sA sS* cSA sA",
    "cS sSA cA cFA sFA sA cA sS* cSA sA",
    "cS sSA cA cR cS* sSA cA",  # again from CLOSE, by either side
    "cS sSA cA sR cS* sSA cA cA",
    "cS sSA cA sR sS* cSA sA",
    "cS sSA cA cFA cR sS* cS* sSA",
    "cS sRA cS* sSA cA",
    "cS sS cSA sSA cA",  # both begin
    "cS sS sA cA sSA cA",
    "cS sS* cS* sSA cSA sA cA",
    "cS sSA cA cFA~ sFA~ cR~ sR~ cA sA",  # out of the window, on both sides
    "cS sSA cA sR~ cFA~ cA sA",
    "cA sA cA cFA sFA cA",  # open before we looked
    "cA cR", "cA sR", "cS cR", "cS cS sR= cS", "cS sSA cR= cS", "cS sSA sR cS",
    "cS sSA sSA cA cR~ sA cR=",
    "cS sSA cA cR0 sR0 cR=", "cS sSA cR0 cA", "cS sR0 cS*",
    "cS sSA cFA sFA cA sA",
    "cS sSA! sS* cSA sA cA", "cS sSA! cS* sSA cA", "cS sSA! sSA cA! cA",  # an answer to another SYN
    "cS sSA cA cFA sA sFA cSA sSA cA",
    "cS s c sSA s c cA s c", "cS sSA cA cFA s c sA s c", "cS sSA cA cFA sFA s c", "cS sSA cA cFA sFA cA s c s",  # no flags
    "cS sS s c sSA cSA c cA cR s c",
)  # fmt: skip
"""What TCP really does when something happened to one of its ends. A step is a side (c, s), flags, and how it is numbered:
* anew, = exactly what the other side said it expects, ~ a little off, 0 zero, ! with an acknowledgement of what was never sent."""


def _story(random: Random, client: _End, server: _End) -> Iterator[Shot]:
    for step in random.choice(_STORIES).split():
        one, other = (client, server) if step[0] == "c" else (server, client)
        letters, how = step[1:].rstrip("*=~0!"), step[-1]
        flags, seq, ack = craft.flag_bits(letters), None, None
        if how == "*":
            one.next = fresh_number(random)
        elif how == "=":
            seq = other.said
        elif how == "~":
            seq = one.next + random.choice(_EDGES) & _MASK
        elif how == "0":
            seq = 0
        elif how == "!":
            ack = other.next + random.choice((1, 1000, 1 << 31)) & _MASK
        options = one.syn_options() if flags & SYN and random.random() < 0.9 else b""
        yield _send(one, other, flags, seq=seq, ack=ack, options=options)
    yield from _talk(random, client, server)


def _timestamps(random: Random, end: _End) -> bytes:
    return b"\1\1\x08\x0a" + random.randbytes(8) if end.timestamps else b""


def _send(
    one: _End, other: _End, flags: int, *, seq: int | None = None, ack: int | None = None, payload: bytes = b"", options: bytes = b"",
    window: int | None = None, id: int | None = None, advance: bool = True,
) -> Shot:  # fmt: skip
    if seq is None:
        seq = one.next
        if advance:
            one.next = one.next + len(payload) + bool(flags & SYN) + bool(flags & FIN) & _MASK
    if ack is None:
        ack = other.next if flags & ACK else 0
    if flags & ACK:
        one.said = ack
    raw = craft.tcp(
        one.address, other.address, one.port, other.port, flags, seq, ack, one.window if window is None else window, payload, options,
        id=id or (seq ^ ack ^ len(payload)) & 0xFFFF or 1,
    )  # fmt: skip
    return Shot(raw, one.on)


def _wrong(random: Random, client: _End, server: _End) -> Shot:
    """A packet the other end would not expect, but a firewall may have to judge."""
    one, other = random.choice(((client, server), (server, client)))
    kind = random.random()
    if kind < 0.12:
        return _send(one, other, random.choice((0, *random.sample(_ODD_FLAGS, 3))), advance=False)
    if kind < 0.3:  # a reset, exact or not
        seq = random.choice((one.next, one.next, one.next - 1, one.next + 1, 0, one.next + random.choice(_EDGES)))
        flags = RST | random.choice((0, 0, ACK))
        return _send(one, other, flags, seq=seq, ack=random.choice((0, other.next, other.next - 1)) if flags & ACK else 0)
    if kind < 0.42:  # a new SYN where there may be a connection, or an old one again
        fresh = random.random() < 0.5
        return _send(one, other, SYN, seq=random.getrandbits(32) if fresh else one.next - random.choice((0, 1)), options=one.syn_options())
    if kind < 0.52:
        seq, ack = one.next + random.choice((0, -1)), other.next + random.choice((0, 1, -1, 5000))
        return _send(one, other, SYN | ACK, seq=seq, ack=ack, options=one.syn_options())
    if kind < 0.75:  # sequence or acknowledgement near an edge of the window
        seq, ack = one.next, other.next
        if random.random() < 0.6:
            seq += random.choice(_EDGES)
        else:
            ack += random.choice(_EDGES)
        payload = bytes(random.choice((0, 0, 1, 100, 1000)))
        flags = random.choice((ACK, ACK, ACK | PSH, FIN | ACK))
        return _send(one, other, flags, seq=seq & _MASK, ack=ack & _MASK, payload=payload, window=random.choice(_WINDOWS))
    if kind < 0.85:
        return _send(one, other, random.choice((FIN | ACK, FIN, ACK, ACK | URG)), seq=one.next + random.choice((0, -1, 1)))
    if kind < 0.93:  # selective acknowledgement
        edges = [other.next + random.choice((1, 100, 1000, 5000, -5000)) & _MASK for _ in range(random.choice((2, 4)))]
        options = b"\1\1\5" + bytes([2 + 4 * len(edges)]) + pack(f"!{len(edges)}I", *edges)
        if random.random() < 0.3:
            options = random.choice(_ODD_OPTIONS)
        return _send(one, other, ACK, ack=other.next - random.choice((0, 1000)) & _MASK, options=options)
    shot = _send(one, other, random.choice((SYN, ACK, RST, FIN | ACK)), advance=False)
    return shot._replace(raw=shot.raw[:36] + bytes([shot.raw[36] ^ 1]) + shot.raw[37:])  # a bad checksum
