"""Random traffic: conversations that begin well and go wrong, mixed packet by packet. Knows nothing of the engine.

Each conversation is a generator of shots that never ends; ``traffic`` draws from several of them in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import (
    FAR,
    LAN_BOX,
    NEAR,
    ODD,
    PORTS,
    TO_MANY,
    WAN_BOX,
    Ends,
    address,
    mended,
    random_id,
    random_ttl,
)
from fwtutor.kernel.random_fragments import cut, datagrams
from fwtutor.kernel.random_icmp import echo, errors
from fwtutor.kernel.random_options import with_random_options
from fwtutor.kernel.random_sctp import sctp_conversation
from fwtutor.kernel.random_tcp import tcp_conversation
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import SYN, TCP, UDP, checksum


def traffic(random: Random, count: int, tracked: bool | None) -> list[Shot]:
    """``count`` packets of a handful of conversations. ``tracked``: the box puts fragments together before it looks at them.

    None: it does not at first, but may begin to.
    """
    shots: list[Shot] = []
    # Sometimes everybody talks between the same two hosts, and then sometimes on the same ports.
    ends = _ends(random) if random.random() < 0.3 else None
    pieces = random.random() < 0.3
    options = random.random() < 0.2

    def begin() -> Iterator[Shot]:
        return _conversation(random, shots, ends or _ends(random), tracked)

    conversations = [begin() for _ in range(random.randint(1, 6))]
    while len(shots) < count:
        shot = next(random.choice(conversations))
        # To 0.0.0.0 the box is at both ends, and which of its addresses it then records is not simulated.
        if options and random.random() < 0.2 and shot.raw[16:20] != bytes(4):
            shot = shot._replace(raw=with_random_options(random, shot.raw))
        if random.random() < 0.03:
            shot = _spoil(random, shot)
        if random.random() < 0.02 and shot.on is not None:
            shot = shot._replace(on=random.choice(("wan", "lan")))
        if random.random() < 0.01 and len(shot.raw) >= 20 and shot.raw[0] == 0x45 and not shot.raw[6] & 0x3F and not shot.raw[7]:
            shot = shot._replace(raw=_on_the_verge(shot.raw))
        if shot.on is None:
            shot = shot._replace(mark=random.choice((0, 0, 1, 0x101)))
            if random.random() < 0.2 and int.from_bytes(shot.raw[16:20], "big") in _MANY:  # those without a TTL stay in the box
                shot = shot._replace(raw=mended(bytearray(shot.raw[:8] + b"\0" + shot.raw[9:])))
        if pieces and random.random() < 0.1 and _may_come_in_pieces(shot, tracked):
            shots += cut(random, shot)
        else:
            shots.append(shot)
        if random.random() < 0.04:
            shots.append(shot)  # the network doubled it
        if random.random() < 0.03:
            conversations[random.randrange(len(conversations))] = begin()
    return shots[:count]


_MANY = frozenset(address(text) for text in TO_MANY)


def _may_come_in_pieces(shot: Shot, tracked: bool | None) -> bool:
    """Untracked, what is for the box passes PREROUTING in pieces and INPUT whole: the harness could not tell that it is the same."""
    return bool(tracked) or not _is_for_the_box(int.from_bytes(shot.raw[16:20], "big"))


def _is_for_the_box(dst: int) -> bool:
    return dst in (address(WAN_BOX), address(LAN_BOX)) or dst in _MANY or dst >> 24 == 127


def _conversation(random: Random, past: list[Shot], ends: Ends, tracked: bool | None) -> Iterator[Shot]:
    if not tracked and random.random() < 0.2:
        return datagrams(random, _THROUGH, with_options=tracked is False)
    kind = random.random()
    if kind < 0.58:
        return tcp_conversation(random, ends)
    if kind < 0.7:
        return udp(random, ends)
    if kind < 0.77:
        return echo(random, ends)
    if kind < 0.86:
        return errors(random, past)
    if kind < 0.88:
        return sctp_conversation(random, ends)
    if kind < 0.89:
        return gre(random, ends)
    if kind < 0.91:
        return others(random, ends)
    if kind < 0.95:
        whole = tracked or not any(_is_for_the_box(number) for number, _ in ends)
        return datagrams(random, ends if whole else _THROUGH)
    return _oddities(random)


_THROUGH: Ends = ((address(NEAR[0]), "lan"), (address(FAR[0]), "wan"))


def _ends(random: Random) -> Ends:
    """Client first. Mostly through the box, else to it or from it."""
    far, near = (address(random.choice(FAR)), "wan"), (address(random.choice(NEAR)), "lan")
    box: tuple[int, str | None] = (address(WAN_BOX), None)
    kind = random.random()
    if kind < 0.34:
        return near, far
    if kind < 0.58:
        return far, near
    if kind < 0.77:
        return far, box
    if kind < 0.85:
        return near, (address(LAN_BOX), None)
    if kind < 0.94:
        return box, far
    if kind < 0.97:  # out by the interface it came in on
        return far, (address(random.choice([host for host in FAR if address(host) != far[0]])), "wan")
    return box, (address(random.choice((WAN_BOX, LAN_BOX, "127.0.0.1", "127.1.2.3", *TO_MANY))), None)  # with itself, or with many


def udp(random: Random, ends: Ends) -> Iterator[Shot]:
    ports = random.choice(PORTS), random.choice(PORTS)
    while True:
        back = random.random() < 0.45
        (src, on), (dst, _) = reversed(ends) if back else ends
        sport, dport = reversed(ports) if back else ports
        data = random.randbytes(random.choice((0, 1, 11, 100, 1472)))
        raw = craft.udp(src, dst, sport, dport, data, id=random_id(random), ttl=random_ttl(random))
        trouble = random.random()
        if trouble < 0.04:
            raw = _patch(raw, 24, random.choice((0, 7, 8, len(raw) - 19, len(raw) - 21, 65535)), fix=UDP)
        elif trouble < 0.08:
            raw = raw[:26] + b"\0\0" + raw[28:]
        elif trouble < 0.12:
            raw = raw[:26] + bytes([raw[26] ^ 1]) + raw[27:]
        yield Shot(raw, on)


def gre(random: Random, ends: Ends) -> Iterator[Shot]:
    """Tunnels: mostly of one version, with few calls, so that some fit together; headers that are odd or cut short."""
    version = random.choice((0, 0, 1, 1, 1, random.randint(2, 7)))
    while True:
        (src, on), (dst, _) = reversed(ends) if random.random() < 0.45 else ends
        said = version if random.random() < 0.9 else random.randint(0, 7)
        carried = 0x880B if (said == 1) == (random.random() < 0.9) else random.choice((0x0800, 0x6558))
        flags = random.choice((0, 0x2000, 0x3000, 0x3080, 0xB000))
        header = b"".join(number.to_bytes(2, "big") for number in (flags | said, carried, 4, random.choice((0, 0, 1, 2))))
        data = header + random.randbytes(random.choice((0, 4, 20)))
        if random.random() < 0.1:
            data = data[: random.randint(0, 8)]
        yield Shot(craft.ip(src, dst, GRE, data, id=random_id(random), ttl=random_ttl(random)), on)


def others(random: Random, ends: Ends) -> Iterator[Shot]:
    """Protocols tracked by their addresses alone, and UDP-Lite."""
    protocol = random.choice((2, DCCP, DCCP, 50, 50, 51, 51, 89, 103, 108, 115, UDPLITE, UDPLITE, 253))
    pair = [random.choice(PORTS).to_bytes(2, "big") for _ in range(2)]
    while True:
        back = random.random() < 0.4
        (src, on), (dst, _) = reversed(ends) if back else ends
        ports = b"".join(reversed(pair) if back else pair)
        data = _udplite(random, src, dst, ports) if protocol == UDPLITE else random.randbytes(random.choice((0, 1, 3, 4, 20)))
        if protocol == DCCP:
            data = ports + data
        yield Shot(craft.ip(src, dst, protocol, data, id=random_id(random), ttl=random_ttl(random)), on)


DCCP, GRE, UDPLITE = 33, 47, 136


def _udplite(random: Random, src: int, dst: int, ports: bytes) -> bytes:
    """Ports, coverage (0 is all of it), checksum, data."""
    data = random.randbytes(random.choice((0, 1, 12)))
    coverage = random.choice((0, 8, 8, 8 + len(data), 7, 9 + len(data), 65535))
    datagram = ports + coverage.to_bytes(2, "big") + b"\0\0" + data
    total = random.choice((craft.transport_checksum(src, dst, UDPLITE, datagram), 0, 0x1234))
    whole = datagram[:6] + total.to_bytes(2, "big") + datagram[8:]
    return whole if random.random() < 0.9 else whole[: random.randint(0, 8)]


def _oddities(random: Random) -> Iterator[Shot]:
    """Odd addresses at either end."""
    while True:
        src, dst = random.choice((*FAR, *NEAR)), random.choice((WAN_BOX, LAN_BOX, *FAR, *NEAR))
        if random.random() < 0.5:
            # Not a subnet's broadcast: such a source is believed, and the stack answers to it.
            src = random.choice([*(odd for odd in ODD if not odd.endswith(".255")), WAN_BOX, LAN_BOX])
        else:
            dst = random.choice(ODD)
        a, b = address(src), address(dst)
        sport, dport = random.choice(PORTS), random.choice(PORTS)
        kind = random.randrange(3)
        if kind == 0:
            raw = craft.udp(a, b, sport, dport, b"odd", id=random_id(random))
        elif kind == 1:
            raw = craft.tcp(a, b, sport, dport, SYN, random.getrandbits(32), id=random_id(random))
        else:
            raw = craft.icmp(a, b, 8, 0, 1 << 16, b"odd", id=random_id(random))
        yield Shot(raw, random.choice(("wan", "lan")))


def _spoil(random: Random, shot: Shot) -> Shot:
    """The same packet with its IP or transport header damaged."""
    raw = shot.raw
    room = len(raw) - 20
    if room < 0:
        return shot
    if shot.on is None:  # the raw socket would mend lengths and the IP checksum: only cut what follows the IP header
        return shot._replace(raw=mended(bytearray(raw[: 20 + random.randint(0, max(room - 1, 0))])))
    kind = random.randint(0, 8)
    if kind == 0:
        raw = raw[: random.randint(1, max(len(raw) - 1, 1))]
    elif kind == 1:
        raw = raw[:10] + bytes([raw[10] ^ 255]) + raw[11:]
    elif kind == 2:
        raw = mended(bytearray(raw[: 20 + random.randint(0, max(room - 1, 0))]))
    elif kind == 3:
        raw += b"padding"
    elif kind == 4 and room >= 20 and raw[9] == TCP:
        raw = raw[:32] + bytes([random.choice((0, 0x40, 0x50, 0x60, 0xF0))]) + raw[33:]
    elif kind == 5:
        raw = mended(bytearray(raw[:1] + bytes([random.choice((0x10, 0x08, 0xFC))]) + raw[2:]))
    elif kind == 6:  # may be fragmented
        raw = mended(bytearray(raw[:6] + bytes([raw[6] & ~0x40]) + raw[7:]))
    elif kind == 7:  # says it is longer or shorter than it is, or has another version or header length
        what = random.randint(0, 3)
        length = random.choice((0, 19, 20, 24, len(raw) - 1, len(raw) + 1, 65535))
        header = bytearray(raw[:2] + length.to_bytes(2, "big") + raw[4:])
        if what == 1:
            header = bytearray(raw)
            header[0] = random.choice((0x44, 0x40, 0x46, 0x4F))
        elif what == 2:
            header = bytearray(raw)
            header[0] = random.choice((0x55, 0x05))
        return shot._replace(raw=_with_checksum(header))
    else:
        raw = with_random_options(random, raw)
    return shot._replace(raw=raw)


def _on_the_verge(raw: bytes) -> bytes:
    """The packet with such an id that a router, which takes one off the TTL, comes upon the checksum that is written otherwise."""
    without = checksum(raw[:4] + b"\0\0" + raw[6:10] + b"\0\0" + raw[12:20])
    return mended(bytearray(raw[:4] + ((without - 0xFEFF) % 0xFFFF).to_bytes(2, "big") + raw[6:]))


def _with_checksum(header: bytearray) -> bytes:
    """The header's checksum set right, its length left as it says."""
    length = bytes(header[2:4])
    size = max((header[0] & 15) * 4, 20)
    header = header[:10] + b"\0\0" + header[12:]
    return bytes(header[:10]) + checksum(bytes(header[:2]) + length + bytes(header[4:size])).to_bytes(2, "big") + bytes(header[12:])


def _patch(raw: bytes, at: int, value: int, *, fix: int) -> bytes:
    """``raw`` with the 16-bit word at ``at`` changed and the UDP checksum made right again."""
    raw = raw[:at] + (value & 0xFFFF).to_bytes(2, "big") + raw[at + 2 :]
    datagram = raw[20:26] + b"\0\0" + raw[28:]
    total = craft.transport_checksum(int.from_bytes(raw[12:16], "big"), int.from_bytes(raw[16:20], "big"), fix, datagram)
    return raw[:26] + (total or 0xFFFF).to_bytes(2, "big") + raw[28:]
