"""Random SCTP: an association that begins well and goes wrong. Knows nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import PORTS, Ends, random_id, random_ttl
from fwtutor.netfilter import craft
from fwtutor.netfilter.craft import sctp_chunk, sctp_init

DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK = range(12)
SHUTDOWN_COMPLETE = 14

_OPENING = ((0, INIT), (1, INIT_ACK), (0, COOKIE_ECHO), (1, COOKIE_ACK))
_CLOSING = ((SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE), (SHUTDOWN, SHUTDOWN, SHUTDOWN_ACK), (ABORT, INIT, INIT))
"""What the sides then say in turn."""
_OTHER = (DATA, DATA, DATA, SACK, *range(12), SHUTDOWN_COMPLETE, HEARTBEAT, HEARTBEAT_ACK, HEARTBEAT, HEARTBEAT_ACK, 13, 64, 0xC0, 255)
_ABOUT_TAGS = (INIT, INIT, INIT_ACK, INIT_ACK, HEARTBEAT, HEARTBEAT, HEARTBEAT_ACK, HEARTBEAT_ACK, COOKIE_ACK)
_TAGS = (0, 1, 0x1000, 0x2000, 0x3000)


def sctp_conversation(random: Random, ends: Ends) -> Iterator[Shot]:
    """One association of two ports: its ways of beginning and ending again and again, with mistakes between."""
    ports = random.choice(PORTS), random.choice(PORTS)
    tags = [random.choice(_TAGS), random.choice(_TAGS)]
    """By side: what its packets must have."""
    wrong = random.choice((0.05, 0.2, 0.5))

    def packet(side: int, chunks: bytes, tag: int) -> Shot:
        (src, on), (dst, _) = ends if side == 0 else reversed(ends)
        sport, dport = ports if side == 0 else reversed(ports)
        if random.random() < 0.04:
            chunks = chunks[: random.randint(0, len(chunks))]
        raw = craft.sctp(src, dst, sport, dport, tag, chunks, id=random_id(random), ttl=random_ttl(random))
        if random.random() < 0.03:
            raw = raw[:28] + bytes([raw[28] ^ 1]) + raw[29:]
        return Shot(raw, on)

    def chunk(side: int, type: int) -> bytes:
        if type in (INIT, INIT_ACK):
            if random.random() < wrong:
                tags[1 - side] = random.choice(_TAGS)
            return sctp_init(type, tags[1 - side])
        made = sctp_chunk(type, random.randbytes(random.choice((0, 1, 4, 12))), random.choice((0, 0, 0, 1)))
        if random.random() < wrong / 4:
            made = made[:2] + random.choice((0, 1, 3, 5, len(made) + 4, 65535)).to_bytes(2, "big") + made[4:]
        return made

    def say(side: int, types: list[int]) -> Shot:
        chunks = b"".join(chunk(side, type) for type in types)
        tag = 0 if INIT in types else tags[side]
        if random.random() < wrong:
            tag = random.choice((tags[1 - side], 0, random.choice(_TAGS)))
        return packet(side, chunks, tag)

    while True:
        if random.random() < 0.25:  # who began, and with which tags, is in doubt
            few = random.sample(_TAGS[1:], 2)
            for _ in range(random.randint(4, 20)):
                tags[:] = random.choice(few), random.choice(few)
                yield say(random.randint(0, 1), [random.choice(_ABOUT_TAGS)])
        begin = random.random()
        script = list(_OPENING[: random.choice((1, 2, 3, 4, 4, 4, 4))]) if begin < 0.8 else [(0, HEARTBEAT), (1, HEARTBEAT_ACK)]
        if begin > 0.95:
            script = []
        turns: list[tuple[int, list[int]]] = [(side, [type]) for side, type in script]
        if random.random() < 0.5:
            first = random.randint(0, 1)
            turns += [((first + place) % 2, [type]) for place, type in enumerate(random.choice(_CLOSING))]
        for side, types in turns:
            while random.random() < wrong:
                yield say(random.randint(0, 1), _mixed(random))
            if types[0] not in (INIT, INIT_ACK, SHUTDOWN_COMPLETE) and random.random() < 0.2:
                types = [*types, DATA]
            yield say(side, types)
        for _ in range(random.randint(1, 8)):
            yield say(random.randint(0, 1), _mixed(random))


def _mixed(random: Random) -> list[int]:
    """The chunks of a packet. A heartbeat is believed only without data beside it."""
    types = random.choices(_OTHER, k=random.choice((1, 1, 1, 2, 3)))
    if types[0] in (HEARTBEAT, HEARTBEAT_ACK) and random.random() < 0.3:
        types.append(DATA)
    return types
