"""A case of IPv4 said again in IPv6: the same box, rules and conversations, with IPv6's addresses, headers and ICMPv6.

So what the generators know (how a conversation goes wrong, which rules meet it) holds for both families; what only IPv6 has
(extension headers, neighbour discovery, its own ways to be damaged) is added here. ``rules_in_ipv6`` says the rules, and
``random_ftp`` makes what helpers read in IPv6 from the beginning. Knows nothing of the engine.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from itertools import pairwise
from random import Random
from struct import pack

from fwtutor.kernel.observation import Item, Order, Setup, Shot
from fwtutor.kernel.rules_in_ipv6 import address, address_text, rule, rules
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.exthdrs import FIXED, walk
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, checksum

SHARE = 0.25
"""The share of cases that are said in IPv6."""
INTERFACES = {"wan": ("2001:db8:113::1/64",), "lan": ("fd00:168::1/64",)}
_OWN = tuple(IPv6Address(text.partition("/")[0]).packed for (text,) in INTERFACES.values()) + (IPv6Address("::1").packed,)

_SYSCTLS = {"net.ipv4.ip_forward": "net.ipv6.conf.all.forwarding", "net.ipv4.icmp_ratelimit": "net.ipv6.icmp.ratelimit"}
_TYPES = {
    8: (128, 0),
    0: (129, 0),
    13: (139, 0),
    14: (140, 0),
    4: (2, 0),
    5: (137, 0),
    11: (3, None),
    12: (4, None),
    9: (134, 0),
    10: (133, 0),
}
_UNREACHABLE = {0: 0, 1: 3, 2: 4, 3: 4, 9: 1, 10: 1, 13: 1}
_NEIGHBOURS = (130, 131, 132, 133, 134, 135, 136, 143, 151, 152)
"""ICMPv6 types nobody tracks."""
HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AUTHENTICATION, NOTHING, OPTIONS = 0, 43, 44, 50, 51, 59, 60


# --- packets ------------------------------------------------------------------------------------------------


def packet(random: Random, raw: bytes) -> bytes:
    """An IPv4 packet as IPv6 would have it, or one that is of IPv6; what of it makes no sense there is left as it is."""
    whole = raw if raw[:1] and raw[0] >> 4 == 6 else translated(raw)
    if whole is None:
        return raw
    if random.random() < 0.06:
        whole = with_headers(random, whole)
    if random.random() < 0.02:
        whole = _spoiled(random, whole)
    return whole


def translated(raw: bytes, *, quoted: bool = False) -> bytes | None:
    """None: there is no whole header. ``quoted``: the end is missing, and the checksums are what they are."""
    if len(raw) < 20 or raw[0] >> 4 != 4:
        return None
    size = max((raw[0] & 15) * 4, 20)
    src, dst = (address(int.from_bytes(raw[at : at + 4], "big")) for at in (12, 16))
    protocol, data = raw[9], raw[size:]
    field = int.from_bytes(raw[6:8], "big")
    later, more = field & 0x1FFF, field & 0x2000
    length = max(int.from_bytes(raw[2:4], "big") - size, 0)
    if protocol == ICMP:
        data = data if later else _icmp(data, quoted=quoted)
        protocol = ICMPV6
        length = len(data) if not quoted else length + 20
    if not quoted and not later and not more:
        was_good = _good(raw, size)
        data = _summed(src, dst, protocol, data, good=was_good)
    if later or more:
        data = pack("!BBHI", protocol, 0, later << 3 | (1 if more else 0), int.from_bytes(raw[4:6], "big")) + data
        protocol, length = FRAGMENT, length + 8
    header = pack("!IHBB", 6 << 28 | raw[1] << 20, length & 0xFFFF, protocol, raw[8]) + src.to_bytes(16, "big") + dst.to_bytes(16, "big")
    return header + data


def _good(raw: bytes, size: int) -> bool:
    """Whether the transport checksum is right."""
    src, dst, data = int.from_bytes(raw[12:16], "big"), int.from_bytes(raw[16:20], "big"), raw[size:]
    return not checksum(data) if raw[9] == ICMP else not transport_checksum(src, dst, raw[9], data)


_SUM_AT = {TCP: 16, UDP: 6, ICMPV6: 2, 136: 6}


def _summed(src: int, dst: int, protocol: int, data: bytes, *, good: bool) -> bytes:
    at = _SUM_AT.get(protocol)
    if at is None or len(data) < at + 2 or (protocol == UDP and data[6:8] == b"\0\0"):
        return data
    empty = data[:at] + b"\0\0" + data[at + 2 :]
    total = transport_checksum(src, dst, protocol, empty, 6) or (0xFFFF if protocol == UDP else 0)
    return data[:at] + (total if good else total ^ 0x100).to_bytes(2, "big") + data[at + 2 :]


def _icmp(data: bytes, *, quoted: bool) -> bytes:
    """An ICMP message as ICMPv6, with what it quotes."""
    if len(data) < 8:
        return data
    kind, code = data[0], data[1]
    if kind == 3:
        new = (2, 0) if code == 4 else (1, _UNREACHABLE.get(code, code))
    else:
        mapped = _TYPES.get(kind, (kind, code))
        new = mapped[0], code if mapped[1] is None or code > 3 else mapped[1]
    rest = data[8:]
    if kind in (3, 4, 5, 11, 12) and not quoted:
        inner = translated(rest, quoted=True)
        if kind == 5:
            rest = bytes(32) + rest
        rest = inner or rest
    return bytes(new) + data[2:8] + rest


# --- what only IPv6 has -------------------------------------------------------------------------------------


def with_headers(random: Random, raw: bytes) -> bytes:
    """The packet with extension headers between IPv6's and what it carries: mostly as they should be."""
    next_header, data = raw[6], raw[40:]
    kinds = [random.choice((HOP_BY_HOP, OPTIONS, OPTIONS, ROUTING, AUTHENTICATION, FRAGMENT)) for _ in range(random.choice((1, 1, 2, 3)))]
    if HOP_BY_HOP in kinds and random.random() < 0.9:
        kinds = [HOP_BY_HOP, *(kind for kind in kinds if kind != HOP_BY_HOP)]
    for kind in reversed(kinds):
        data = _extension(random, kind, next_header) + data
        next_header = kind
    if random.random() < 0.1:
        data = data[: random.choice((0, 1, *range(4, len(data) + 1)))]
    return raw[:4] + pack("!HB", len(data), next_header) + raw[7:40] + data


def in_pieces(random: Random, raw: bytes) -> list[bytes]:
    """The packet as the fragments its sender may have made of it, not all of them large or in order."""
    payload, id = raw[FIXED:], random.getrandbits(32)
    places = random.choices(range(8, len(payload), 8), k=random.choice((1, 1, 2)))
    cuts = [0, *sorted({*places}), len(payload)]
    pieces = []
    for begin, end in pairwise(cuts):
        piece = pack("!BBHI", raw[6], 0, begin | (end < len(payload)), id) + payload[begin:end]
        pieces.append(raw[:4] + pack("!HB", len(piece), FRAGMENT) + raw[7:FIXED] + piece)
    if random.random() < 0.2:
        random.shuffle(pieces)
    return pieces


def _extension(random: Random, kind: int, next_header: int) -> bytes:
    if random.random() < 0.05:
        next_header = random.choice((NOTHING, ESP, 253, HOP_BY_HOP))
    if kind == FRAGMENT:  # of a datagram that is whole
        return pack("!BBHI", next_header, 0, 0, random.randint(1, 99))
    if kind == AUTHENTICATION:
        return bytes([next_header, 1, 0, 0]) + random.randbytes(8)
    if kind == ROUTING:
        return bytes([next_header, 2, random.choice((0, 2, 4)), random.choice((0, 0, 1))]) + random.randbytes(20)
    choice = random.random()
    if choice < 0.7:
        options = bytes([1, 4, 0, 0, 0, 0])
    elif choice < 0.85:
        options = bytes([random.choice((0x1E, 0x5E, 0x9E, 0xDE)), 4, 1, 2, 3, 4])
    else:
        options = random.randbytes(6)
    return bytes([next_header, 0]) + options


def _spoiled(random: Random, raw: bytes) -> bytes:
    kind = random.randint(0, 4)
    if kind == 0:
        return raw[: random.randint(1, len(raw))]
    if kind == 1:
        return raw[:4] + max(random.choice((0, 1, len(raw) - 39, len(raw) - 41, 65535)), 0).to_bytes(2, "big") + raw[6:]
    if kind == 2:
        return bytes([random.choice((0x50, 0x40, 0x00)) | raw[0] & 15]) + raw[1:]
    if kind == 3:
        return raw + b"padding"
    return raw[:6] + bytes([random.choice((0, 41, 43, 44, 50, 51, 58, 59, 60, 135, 253))]) + raw[7:]


def neighbour(random: Random) -> Shot:
    """A message that no one tracks."""
    on = random.choice(("wan", "lan"))
    src = int(IPv6Address(random.choice(("fe80::9", "2001:db8:113::9", "::"))))
    dst = int(IPv6Address(random.choice(("ff02::1", "ff02::2", "ff02::1:ff00:9", "2001:db8:113::1", "fd00:168::1"))))
    body = bytes([random.choice(_NEIGHBOURS), 0, 0, 0]) + bytes(4) + dst.to_bytes(16, "big")
    body = _summed(src, dst, ICMPV6, body, good=random.random() < 0.9)
    header = pack("!IHBB", 6 << 28, len(body), ICMPV6, random.choice((255, 255, 64, 1)))
    return Shot(header + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + body, on)


def _is_told_of(raw: bytes, variant: str) -> bool:
    """Whether the harness can follow it.

    Where no byte is left behind the extension headers, nft tells nothing of a packet; and what calls itself the ICMP of IPv4 has no tuple
    the table could be asked for.
    """
    if len(raw) < FIXED:
        return True
    end = min(len(raw), FIXED + int.from_bytes(raw[4:6], "big"))
    chain = walk(raw, 0, end)
    return chain.protocol != ICMP and (variant == "legacy" or chain.at <= end)


def _sendable(raw: bytes, mtu: int) -> bool:
    """Whether the box may send it itself in a case, as a program could: whole, not too big, not to nobody, nor to a group all alone.

    Nor a fragment to itself, or one behind other headers: no program's packet is one.
    """
    if not FIXED <= len(raw) <= mtu or len(raw) != FIXED + int.from_bytes(raw[4:6], "big"):
        return False
    fragment = walk(raw).fragment
    if fragment > FIXED or (fragment and raw[24:40] in _OWN):
        return False
    return raw[24:40] != bytes(16) and (raw[24] != 0xFF or raw[7] > 0)


def case(random: Random, setup: Setup, items: list[Item]) -> tuple[Setup, list[Item]]:
    """The same case in IPv6."""
    mtus = {name: max(mtu, 1280) for name, mtu in setup.mtus.items()}
    smallest = min(mtus.values(), default=1500)
    said: list[Item] = []
    ways: dict[bytes, str | None] = {}
    for item in items:
        if isinstance(item, Order):
            said.append(item._replace(line=rule(random, item.line), family=6))
        elif item.on is not None and item.raw[:1] == b"\x60" and len(item.raw) > FIXED + 8 and random.random() < 0.05:
            said += [item._replace(raw=raw) for raw in in_pieces(random, item.raw)]
        else:
            raw = packet(random, item.raw)
            if _is_told_of(raw, setup.variant) and (item.on is not None or _sendable(raw, smallest)):
                if len(raw) >= FIXED + 8 and raw[6] == FRAGMENT:
                    # In by one link with its datagram: the source of an error about that is one of the first fragment's link.
                    item = item._replace(on=ways.setdefault(raw[8:FIXED] + raw[FIXED + 4 : FIXED + 8], item.on))
                said.append(item._replace(raw=raw))
            if random.random() < 0.02:
                said.append(neighbour(random)._replace(at=item.at))
    routes: dict[str, str | tuple[str, str]] = {}
    for network, way in setup.routes.items():
        to = "::/0" if network == "default" else rule(random, network)
        routes[to] = way if isinstance(way, str) else (way[0], address_text(way[1]))
    sysctls = {_SYSCTLS.get(name, name): value for name, value in setup.sysctls.items()}
    return Setup(INTERFACES, "", routes, sysctls, mtus, setup.variant, rules6=rules(random, setup.rules)), said
