"""Random fragments: in and out of order, doubled, missing, overlapping, mangled."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import PORTS, Ends, mended
from fwtutor.kernel.random_options import random_options, with_ip_options
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments

_SIZES = (0, 10, 100, 500, 1400, 2000, 3000)
_CUTS = (100, 300, 576, 1000, 1500)


def datagrams(random: Random, ends: Ends, *, with_options: bool = False) -> Iterator[Shot]:
    """Datagrams in pieces, both ways, one after the other or two at a time.

    ``with_options``: some pieces have IP options of their own, as nobody sends them: only where nobody puts them together.
    """
    name = random.choice((7, 8, 9))
    waiting: list[list[Shot]] = []
    while True:
        if len(waiting) < random.choice((1, 1, 2)):
            (src, on), (dst, _) = reversed(ends) if random.random() < 0.4 else ends
            if random.random() < 0.8:
                name += 1
            waiting.append([Shot(piece, on) for piece in _pieces(random, _whole(random, src, dst, name))])
        train = random.choice(waiting)
        if train:
            shot = train.pop(0)
            if with_options and random.random() < 0.2:
                shot = shot._replace(raw=with_ip_options(shot.raw, random_options(random)))
            yield shot
        if not train:
            waiting.remove(train)


def cut(random: Random, shot: Shot) -> list[Shot]:
    """A packet in pieces, some of it gone wrong; the packet itself where it cannot be cut."""
    raw = shot.raw
    if len(raw) < 36 or raw[0] & 15 < 5 or len(raw) < (raw[0] & 15) * 4 or raw[6] & 0x3F or raw[7]:
        return [shot]
    whole = mended(bytearray(raw[:6]) + b"\0\0" + raw[8:])
    return [shot._replace(raw=piece) for piece in _pieces(random, whole)]


def _whole(random: Random, src: int, dst: int, name: int) -> bytes:
    data = random.randbytes(random.choice(_SIZES))
    port = random.choice(PORTS)
    return random.choice((
        craft.udp(src, dst, 5000, port, data, id=name, df=False),
        craft.udp(src, dst, 5000, 53, data, id=name, df=False),
        craft.tcp(src, dst, 5000, port, random.choice((2, 16, 24)), 100, 0, payload=data, id=name, df=False),
        craft.icmp(src, dst, 8, 0, 7 << 16 | 1, data, id=name, df=False),
        craft.ip(src, dst, 253, data, id=name, df=False),
    ))  # fmt: skip


def _pieces(random: Random, whole: bytes) -> list[bytes]:
    """The fragments of a datagram, and what may happen to them on the way."""
    pieces = fragments(whole, random.choice(_CUTS if len(whole) > 200 else (28 + (whole[0] & 15) * 4, 44 + (whole[0] & 15) * 4)))
    what = random.randrange(11)
    if what == 0:
        random.shuffle(pieces)
    elif what == 1:
        pieces.append(random.choice(pieces))
    elif what == 2 and len(pieces) > 1:
        pieces.pop(random.randrange(len(pieces)))
    elif what == 3 and len(pieces) > 1:
        moved = bytearray(random.choice(pieces))
        field = (moved[6] << 8 | moved[7]) + random.choice((1, -1, 2))
        moved[6:8] = (field & 0xFFFF).to_bytes(2, "big")
        pieces.insert(random.randrange(len(pieces)), mended(moved))
    elif what == 4:
        pieces = [mended(bytearray(piece[:6]) + bytes([piece[6] | random.choice((0, 0x40))]) + piece[7:]) for piece in pieces]
    elif what == 5 and len(pieces) > 1 and len(pieces[0]) > 36:
        pieces[0] = mended(bytearray(pieces[0][: -random.randrange(1, 8)]))
    elif what == 6:
        pieces.reverse()
    elif what == 8:  # sent again, and cut elsewhere
        others = fragments(whole, random.choice(_CUTS if len(whole) > 200 else (36 + (whole[0] & 15) * 4,)))
        place = random.randint(1, len(pieces))
        pieces = [*pieces[:place], *random.sample(others, random.randint(1, len(others))), *pieces[place:]]
    elif what == 7 and len(pieces) > 1:  # the last comes once more, as if the datagram were longer or shorter
        last = bytearray(pieces[-1])
        pieces.insert(random.randrange(1, len(pieces)), mended(random.choice((last[:-3], last + b"xyz", last[:20]))))
    return pieces
