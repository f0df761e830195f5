"""Random IPv4 options: as they should be, at their limits, and garbage."""

from __future__ import annotations

from random import Random

from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, ODD, WAN_BOX, address, mended

_MOST = 40
_ANY = (0, 1, 7, 7, 68, 68, 131, 134, 137, 148, 130, 136, 9, 94, 255)


def with_random_options(random: Random, raw: bytes) -> bytes:
    """A packet without options with some put in. Not a fragment: those of a datagram would have headers of different lengths."""
    whole = len(raw) >= 20 and raw[0] == 0x45 and not raw[6] & 0x3F and not raw[7]
    return with_ip_options(raw, random_options(random)) if whole else raw


def with_ip_options(raw: bytes, options: bytes) -> bytes:
    """``raw`` with IP options (a multiple of four bytes) put in."""
    first = bytes([0x45 + len(options) // 4])
    return mended(bytearray(first + raw[1:20] + options + raw[20:]))


def random_options(random: Random) -> bytes:
    """A multiple of four bytes, forty at most."""
    if random.random() < 0.05:
        return random.randbytes(4 * random.randint(1, 10))
    options = b""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        one = _one(random)
        if len(options) + len(one) <= _MOST:
            options += one
    if not options:
        options = b"\1"
    padding = random.choice((b"\0\0\0", b"\0\0\0", b"\1\1\1", b"\0\1\2", b"\7\3\4"))
    return options + padding[: -len(options) % 4]


def _one(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.15:
        return random.choice((b"\0", b"\1", b"\1\1\1", b"\x94\4\0\0", b"\x94\4\0\1", b"\x82\4\0\0", b"\x88\4\1\2"))
    if kind < 0.45:
        return _damaged(random, _record(random))
    if kind < 0.8:
        return _damaged(random, _timestamp(random))
    if kind < 0.85:
        stations = random.choice((1, 1, 2, 3))
        route = b"".join(address(random.choice((*FAR, *NEAR, WAN_BOX))).to_bytes(4, "big") for _ in range(stations))
        return bytes([random.choice((131, 137)), 3 + 4 * stations, 4 + 4 * random.randint(0, stations)]) + route
    size = random.choice((2, 3, 4, 5, 6, 8))
    return bytes([random.choice(_ANY), size]) + random.randbytes(size - 2)


def _record(random: Random) -> bytes:
    places = random.choice((1, 2, 3, 9))
    return bytes([7, 3 + 4 * places, 4 + 4 * random.randint(0, places)]) + _addresses(random, places)


def _timestamp(random: Random) -> bytes:
    asked = random.choice((0, 1, 3, 3, 2, 15))
    places = random.choice((1, 2, 4))
    entry = 4 if asked in (0, 2, 15) else 8
    pointer = 5 + entry * random.randint(0, places)
    return bytes([68, 4 + entry * places, pointer, random.choice((0, 0, 0, 1, 14, 15)) << 4 | asked]) + _addresses(
        random, entry // 4 * places
    )


def _addresses(random: Random, count: int) -> bytes:
    return b"".join(_address(random) for _ in range(count))


def _address(random: Random) -> bytes:
    if random.random() < 0.3:
        return bytes(4)
    return address(random.choice((*FAR, *NEAR, WAN_BOX, WAN_BOX, LAN_BOX, *ODD))).to_bytes(4, "big")


def _damaged(random: Random, option: bytes) -> bytes:
    """Its length or its pointer wrong, sometimes."""
    if random.random() < 0.8:
        return option
    at = random.choice((1, 2, 2))
    value = random.choice((option[at] + 1, option[at] - 1, option[at] - 2, random.randrange(256))) & 255
    return option[:at] + bytes([value]) + option[at + 1 :]
