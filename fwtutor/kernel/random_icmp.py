"""Random ICMP: questions and answers, and errors of every kind about packets that were really sent."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import FAR, NEAR, WAN_BOX, Ends, address, random_id, random_ttl, side_of
from fwtutor.netfilter import craft

_PAIRS = ((8, 0), (8, 0), (8, 0), (13, 14), (15, 16), (17, 18))
_ODD_TYPES = (0, 1, 2, 6, 7, 8, 9, 10, 13, 14, 18, 19, 30, 40, 42, 255)
_ERRORS = (
    *((3, code) for code in range(16)), (3, 3), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (5, 1), (5, 2), (5, 3), (11, 0), (11, 1),
    (12, 0), (12, 1), (12, 2),
)  # fmt: skip


def echo(random: Random, ends: Ends) -> Iterator[Shot]:
    """Echo, timestamp, information and address mask, mostly in pairs."""
    number = random.choice((0, 1, 7, 4000))
    kinds = random.choice(_PAIRS)
    while True:
        back = random.random() < 0.45
        (src, on), (dst, _) = reversed(ends) if back else ends
        kind = kinds[back] if random.random() < 0.93 else random.choice(_ODD_TYPES)
        code = 0 if random.random() < 0.95 else random.choice((1, 3, 255))
        rest = number << 16 | random.randint(0, 3)
        raw = craft.icmp(src, dst, kind, code, rest, random.randbytes(12), id=random_id(random), ttl=random_ttl(random))
        if random.random() < 0.05:
            raw = raw[:22] + bytes([raw[22] ^ 1]) + raw[23:]
        yield Shot(raw, on)


def errors(random: Random, past: list[Shot]) -> Iterator[Shot]:
    """ICMP errors about packets of ``past``, mostly as they should be; else their quote or their addresses are wrong."""
    while True:
        if not past:
            yield Shot(craft.icmp(address(FAR[0]), address(WAN_BOX), 3, 3, 0, b"", id=random_id(random)), "wan")
            continue
        about = past[-1 - min(int(random.expovariate(0.15)), len(past) - 1)].raw
        if len(about) < 20:
            about = craft.udp(address(FAR[0]), address(NEAR[0]), 53, 4000)
        src, dst = int.from_bytes(about[12:16], "big"), int.from_bytes(about[16:20], "big")
        quote = _damaged(random, _quote(random, about))
        if random.random() < 0.1:
            src = address(random.choice((*FAR, *NEAR, WAN_BOX)))
        router = dst if random.random() < 0.5 else address(random.choice((*FAR, *NEAR)))
        kind, code = random.choice(_ERRORS)
        rest = 1400 if (kind, code) == (3, 4) else 0
        raw = craft.icmp(router, src, kind, code, rest, quote, id=random_id(random), ttl=random_ttl(random))
        if random.random() < 0.04:
            raw = raw[:22] + bytes([raw[22] ^ 1]) + raw[23:]
        yield Shot(raw, side_of(router))


def _quote(random: Random, about: bytes) -> bytes:
    """The beginning of a packet, cut at every place there is."""
    header = (about[0] & 15) * 4
    if random.random() < 0.7:
        return about[: random.choice((header + 8, header + 8, header + 20, 548))]
    return about[: random.choice((random.randint(0, 20), header + random.randint(0, 9), random.randint(0, 60)))]


def _damaged(random: Random, quote: bytes) -> bytes:
    """The quote with one thing about it changed, sometimes."""
    choice = random.random()
    if not quote or choice > 0.2:
        return quote
    if choice < 0.1:
        place = random.randrange(len(quote))
        return quote[:place] + bytes([quote[place] ^ 1 << random.randint(0, 7)]) + quote[place + 1 :]
    if choice < 0.14 and len(quote) >= 8:  # of a later fragment, or of a first one
        return quote[:6] + random.choice((b"\0\1", b"\x20\0", b"\x20\x64", b"\0\xb9", b"\x40\0")) + quote[8:]
    if choice < 0.17:  # its header is longer or shorter than it says
        return bytes([0x40 | random.choice((0, 4, 6, 7, 15))]) + quote[1:]
    if choice < 0.19 and len(quote) >= 10:
        return quote[:9] + bytes([random.choice((1, 6, 17, 50))]) + quote[10:]
    return bytes([random.choice((0x65, 0x05, 0xF5)) | quote[0] & 15]) + quote[1:]
