"""Random traffic: conversations that begin well and go wrong, mixed packet by packet. Knows nothing of the engine.

Each conversation is a generator of shots that never ends; ``traffic`` draws from several of them in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, ODD, PORTS, WAN_BOX
from fwtutor.kernel.random_tcp import tcp_conversation
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import TCP, UDP, checksum

Ends = tuple[tuple[int, str | None], tuple[int, str | None]]
"""Two ends of a conversation: (address, interface its packets come in on, None for the box itself)."""


def traffic(random: Random, count: int) -> list[Shot]:
    """``count`` packets of a handful of conversations."""
    shots: list[Shot] = []
    conversations = [_conversation(random, shots) for _ in range(random.randint(2, 6))]
    while len(shots) < count:
        shot = next(random.choice(conversations))
        if random.random() < 0.03:
            shot = _spoil(random, shot)
        if random.random() < 0.02 and shot.on is not None:
            shot = shot._replace(on=random.choice(("wan", "lan")))
        if shot.on is None:
            shot = shot._replace(mark=random.choice((0, 0, 1, 0x101)))
        shots.append(shot)
        if random.random() < 0.04:
            shots.append(shot)  # the network doubled it
        if random.random() < 0.03:
            conversations[random.randrange(len(conversations))] = _conversation(random, shots)
    return shots[:count]


def _conversation(random: Random, past: list[Shot]) -> Iterator[Shot]:
    kind = random.random()
    ends = _ends(random)
    if kind < 0.55:
        return tcp_conversation(random, ends)
    if kind < 0.7:
        return _udp(random, ends)
    if kind < 0.8:
        return _echo(random, ends)
    if kind < 0.9:
        return _errors(random, past)
    if kind < 0.96:
        return _others(random, ends)
    return _oddities(random)


def _address(text: str) -> int:
    return parse_address(text)[1]


def _ends(random: Random) -> Ends:
    """Client first. Mostly through the box, else to it or from it."""
    far, near = (_address(random.choice(FAR)), "wan"), (_address(random.choice(NEAR)), "lan")
    box: tuple[int, str | None] = (_address(WAN_BOX), None)
    kind = random.random()
    if kind < 0.35:
        return near, far
    if kind < 0.6:
        return far, near
    if kind < 0.8:
        return far, box
    if kind < 0.88:
        return near, (_address(LAN_BOX), None)
    if kind < 0.98:
        return box, far
    return box, (_address(random.choice((WAN_BOX, LAN_BOX, "127.0.0.1"))), None)  # with itself


def _udp(random: Random, ends: Ends) -> Iterator[Shot]:
    ports = random.choice(PORTS), random.choice(PORTS)
    while True:
        back = random.random() < 0.45
        (src, on), (dst, _) = reversed(ends) if back else ends
        sport, dport = reversed(ports) if back else ports
        raw = craft.udp(src, dst, sport, dport, random.randbytes(random.choice((0, 1, 11, 100))), id=_id(random), ttl=_ttl(random))
        trouble = random.random()
        if trouble < 0.04:
            raw = _patch(raw, 24, random.choice((0, 7, 8, len(raw) - 19, len(raw) - 21, 65535)), fix=UDP)
        elif trouble < 0.08:
            raw = raw[:26] + b"\0\0" + raw[28:]
        elif trouble < 0.12:
            raw = raw[:26] + bytes([raw[26] ^ 1]) + raw[27:]
        yield Shot(raw, on)


def _echo(random: Random, ends: Ends) -> Iterator[Shot]:
    number = random.choice((0, 1, 7, 4000))
    kinds = random.choice(((8, 0), (8, 0), (8, 0), (13, 14), (15, 16), (17, 18)))
    while True:
        back = random.random() < 0.45
        (src, on), (dst, _) = reversed(ends) if back else ends
        kind = kinds[back] if random.random() < 0.93 else random.choice((0, 8, 9, 10, 13, 14, 18, 19, 30, 40, 42, 255))
        code = 0 if random.random() < 0.95 else random.choice((1, 3, 255))
        raw = craft.icmp(src, dst, kind, code, number << 16 | random.randint(0, 3), random.randbytes(12), id=_id(random), ttl=_ttl(random))
        if random.random() < 0.05:
            raw = raw[:22] + bytes([raw[22] ^ 1]) + raw[23:]
        yield Shot(raw, on)


def _errors(random: Random, past: list[Shot]) -> Iterator[Shot]:
    """ICMP errors about packets that were really sent, mostly as they should be."""
    while True:
        if not past:
            yield Shot(craft.icmp(_address(FAR[0]), _address(WAN_BOX), 3, 3, 0, b"", id=_id(random)), "wan")
            continue
        about = past[-1 - min(int(random.expovariate(0.15)), len(past) - 1)].raw
        if len(about) < 20:
            about = craft.udp(_address(FAR[0]), _address(NEAR[0]), 53, 4000)
        src, dst = int.from_bytes(about[12:16], "big"), int.from_bytes(about[16:20], "big")
        quote = about[: random.choice((20, 23, 24, 27, 28, 28, 28, 28, 40, 548))]
        if random.random() < 0.1:  # a quote that was tampered with
            place = random.randrange(len(quote))
            quote = quote[:place] + bytes([quote[place] ^ 1 << random.randint(0, 7)]) + quote[place + 1 :]
        if random.random() < 0.1:
            src = _address(random.choice((*FAR, *NEAR, WAN_BOX)))
        router = dst if random.random() < 0.5 else _address(random.choice((*FAR, *NEAR)))
        kind, code = random.choice(((3, 0), (3, 1), (3, 3), (3, 3), (3, 13), (3, 4), (4, 0), (5, 1), (11, 0), (11, 1), (12, 0)))
        raw = craft.icmp(router, src, kind, code, 1400 if (kind, code) == (3, 4) else 0, quote, id=_id(random), ttl=_ttl(random))
        yield Shot(raw, _side(random, router))


def _side(random: Random, address: int) -> str | None:
    """The interface packets of that source come in on."""
    if address in (_address(WAN_BOX), _address(LAN_BOX)):
        return None
    return "lan" if address >> 16 == 0xC0A8 else "wan"


def _others(random: Random, ends: Ends) -> Iterator[Shot]:
    protocol = random.choice((50, 51, 89, 103, 253))
    while True:
        (src, on), (dst, _) = reversed(ends) if random.random() < 0.4 else ends
        yield Shot(craft.ip(src, dst, protocol, random.randbytes(random.choice((0, 1, 3, 4, 20))), id=_id(random), ttl=_ttl(random)), on)


def _oddities(random: Random) -> Iterator[Shot]:
    """Odd addresses at either end."""
    while True:
        src, dst = random.choice((*FAR, *NEAR)), random.choice((WAN_BOX, LAN_BOX, *FAR, *NEAR))
        if random.random() < 0.5:
            # Not a subnet's broadcast: such a source is believed, and the stack answers to it.
            src = random.choice([*(address for address in ODD if not address.endswith(".255")), WAN_BOX, LAN_BOX])
        else:
            dst = random.choice(ODD)
        a, b = _address(src), _address(dst)
        sport, dport = random.choice(PORTS), random.choice(PORTS)
        raw = random.choice((
            craft.udp(a, b, sport, dport, b"odd", id=_id(random)),
            craft.tcp(a, b, sport, dport, 2, random.getrandbits(32), id=_id(random)),
            craft.icmp(a, b, 8, 0, 1 << 16, b"odd", id=_id(random)),
        ))  # fmt: skip
        yield Shot(raw, random.choice(("wan", "lan")))


def _spoil(random: Random, shot: Shot) -> Shot:
    """The same packet with its IP or transport header damaged."""
    raw = shot.raw
    room = len(raw) - 20
    if shot.on is None:  # the raw socket would mend lengths and the IP checksum: only cut what follows the IP header
        return shot._replace(raw=craft_again(raw, raw[20 : 20 + random.randint(0, max(room - 1, 0))]))
    kind = random.randint(0, 7)
    if kind == 0:
        raw = raw[: random.randint(1, max(len(raw) - 1, 1))]
    elif kind == 1:
        raw = raw[:10] + bytes([raw[10] ^ 255]) + raw[11:]
    elif kind == 2:
        raw = craft_again(raw, raw[20 : 20 + random.randint(0, max(room - 1, 0))])
    elif kind == 3:
        raw += b"padding"
    elif kind == 4 and room >= 20 and raw[9] == TCP:
        raw = raw[:32] + bytes([random.choice((0, 0x40, 0x50, 0x60, 0xF0))]) + raw[33:]
    elif kind == 5:
        raw = raw[:1] + bytes([random.choice((0x10, 0x08, 0xFC))]) + raw[2:]
        raw = craft_again(raw, raw[20:])
    elif kind == 6 and room >= 0:  # may be fragmented
        raw = craft_again(raw[:6] + bytes([raw[6] & ~0x40]) + raw[7:], raw[20:])
    else:
        raw = with_ip_options(raw, random.choice((b"\1\1\1\0", b"\1" * 8)))
    return shot._replace(raw=raw)


def craft_again(raw: bytes, payload: bytes) -> bytes:
    """The IP header of ``raw`` over another payload, with length and checksum set right."""
    header = raw[:2] + (20 + len(payload)).to_bytes(2, "big") + raw[4:10] + b"\0\0" + raw[12:20]
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + payload


def with_ip_options(raw: bytes, options: bytes) -> bytes:
    """``raw`` with IP options (a multiple of four bytes) put in."""
    first = bytes([0x45 + len(options) // 4])
    header = first + raw[1:2] + (len(raw) + len(options)).to_bytes(2, "big") + raw[4:10] + b"\0\0" + raw[12:20] + options
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + raw[20:]


def _patch(raw: bytes, at: int, value: int, *, fix: int) -> bytes:
    """``raw`` with the 16-bit word at ``at`` changed and the UDP checksum made right again."""
    raw = raw[:at] + (value & 0xFFFF).to_bytes(2, "big") + raw[at + 2 :]
    datagram = raw[20:26] + b"\0\0" + raw[28:]
    total = craft.transport_checksum(int.from_bytes(raw[12:16], "big"), int.from_bytes(raw[16:20], "big"), fix, datagram)
    return raw[:26] + (total or 0xFFFF).to_bytes(2, "big") + raw[28:]


def _id(random: Random) -> int:
    return random.randint(1, 65535)


def _ttl(random: Random) -> int:
    return 64 if random.random() < 0.96 else random.choice((1, 2, 255))
