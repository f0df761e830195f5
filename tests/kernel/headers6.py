"""Random IPv6 packets: chains of extension headers, their options, fragments, ICMPv6 about any of them, and damage."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ICMP, Packet
from tests.netfilter.six import fragment, ip6, options

ADDRESSES = [
    parse_address(text)[1]
    for text in (
        "2001:db8:9::9", "2001:db8:9::9", "2001:db8:9::9", "2001:db8:2::80", "2001:db8:2::80", "2001:db8:2::80", "2001:db8:1::1",
        "2001:db8:2::1", "2001:db8:1::5", "fe80::9", "ff02::1", "ff02::2", "ff02::9", "ff05::9", "ff0e::1", "ff01::1", "::",
        "2001:db8:1::", "2001:db8:77::7", "2001:db8:66::6", "::1",
    )
]  # fmt: skip
LINKS = ("wan", "lan", "dmz")
LONGEST = 1500


class Headers:
    """Draws packets; each has ports of its own, so that what the box's stack answers to one has no bearing on the next."""

    def __init__(self, seed: int, sources: Sequence[int] = ADDRESSES, destinations: Sequence[int] = ADDRESSES) -> None:
        self.random = Random(seed)
        self.sources, self.destinations = sources, destinations
        self.number = 0
        self.seen = [b""]

    def shots(self, count: int) -> list[Shot]:
        found: list[Shot] = []
        while len(found) < count:
            on = self.random.choice(LINKS)
            # What calls itself the ICMP of IPv4 has no tuple the table could be asked for.
            raws = [raw for raw in self._datagram() if raw[0] >> 4 == 6 and len(raw) <= LONGEST and Packet(raw).protocol != ICMP]
            found += [Shot(raw, on) for raw in raws]
            self.seen = (self.seen + raws)[-30:]
        return found

    def _datagram(self) -> list[bytes]:
        random = self.random
        self.number += 1
        src, dst = random.choice(self.sources), random.choice(self.destinations)
        hops = random.choice((64, 64, 64, 255, 1, 2, 0))
        protocol, body = self._body(src, dst)
        chance = random.random()
        if chance < 0.55:
            protocol, body = self._chain(protocol, body)
            raws = [ip6(protocol, body, src, dst, hops)]
        elif chance < 0.75:
            raws = self._pieces(protocol, body, src, dst, hops)
        else:
            raws = [ip6(protocol, body + bytes(random.choice((0, 0, 1200, 1400))), src, dst, hops)]
        if random.random() < 0.2:
            raws[-1] = self._damaged(raws[-1])
        return raws

    def _body(self, src: int, dst: int) -> tuple[int, bytes]:
        random, port = self.random, 10_000 + self.number
        kind = random.choice(("udp", "udp", "tcp", "echo", "neighbours", "error", "error", "other"))
        if kind == "udp":
            return 17, craft.udp(src, dst, port, random.randrange(1, 9), bytes(random.randrange(40)), family=6)[40:]
        if kind == "tcp":
            flags = random.choice((2, 16, 18, 4, 17))
            return 6, craft.tcp_segment(src, dst, port, random.randrange(1, 9), flags, port, port, family=6)
        if kind == "other":
            return random.choice((47, 50, 59, 132, 136, 33, 135, 200, 4, 41)), random.randbytes(random.randrange(30))
        if kind == "error":
            type, quote = random.choice((1, 2, 3, 4, 1, 137, 100)), random.choice(self.seen)[: random.choice((40, 44, 48, 60, 1200))]
            return 58, craft.icmp(src, dst, type, random.randrange(3), 0, quote, family=6)[40:]
        types = (128, 128, 129, 139, 140) if kind == "echo" else (130, 131, 133, 134, 135, 136, 143, 151)
        return 58, craft.icmp(src, dst, random.choice(types), 0, self.number << 16, b"hello", family=6)[40:]

    def _chain(self, protocol: int, body: bytes) -> tuple[int, bytes]:
        random = self.random
        for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
            header = random.choice((0, 43, 44, 51, 60))
            if header in (0, 60):
                body = options(protocol, self._options()) + body
            elif header == 43:
                size = random.choice((0, 2))
                body = bytes([protocol, size, random.choice((0, 2, 4)), random.choice((0, 0, 1))]) + bytes(4 + size * 8) + body
            elif header == 51:
                body = bytes([protocol, 1, 0, 0]) + bytes(8) + body
            else:
                body = fragment(protocol, random.choice((0, 0, 0, 8, 16)), random.random() < 0.4, self.number) + body
            protocol = header
        if random.random() < 0.15:
            return 0, options(protocol, self._options()) + body
        return protocol, body

    def _options(self) -> bytes:
        random, body = self.random, b""
        for _ in range(random.randrange(4)):
            kind = random.choice((0x3E, 0x3E, 0x1E, 0x7E, 0xBE, 0xFE, 5, 0xC2, 7, 49, 0, 1))
            size = {5: 2, 0xC2: 4}.get(kind, random.randrange(6))
            said = random.choice((bytes([0, 0, 0, 16]), bytes([0, 1, 0, 0]))) if kind == 0xC2 else bytes(size)
            body += bytes([kind]) if kind == 0 else bytes([kind, size]) + said
        return body

    def _pieces(self, protocol: int, body: bytes, src: int, dst: int, hops: int) -> list[bytes]:
        random = self.random
        body += bytes(random.choice((1, 30, 1500, 3000)))
        step = random.choice((16, 24, 64)) if len(body) < 300 else random.choice((512, 1232, 1240, 1448))
        places = range(0, len(body), step)
        raws = [ip6(44, fragment(protocol, at, at + step < len(body), self.number) + body[at : at + step], src, dst, hops) for at in places]
        if random.random() < 0.4:
            random.shuffle(raws)
        if random.random() < 0.15:
            raws.append(random.choice(raws))
        if random.random() < 0.1:
            raws.insert(0, ip6(44, fragment(protocol, random.choice((0, 8, 16)), True, self.number) + body[:16], src, dst, hops))
        return raws

    def _damaged(self, raw: bytes) -> bytes:
        random = self.random
        if random.random() < 0.25:
            return raw[: random.randrange(1, len(raw))]
        at = random.randrange(len(raw))
        return raw[:at] + random.randbytes(1) + raw[at + 1 :]
