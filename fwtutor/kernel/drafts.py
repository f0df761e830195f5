"""A packet to be: its fields, which are easier to change than its bytes, and the bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import pack

from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, ICMP, ICMPV6, SYN, TCP, UDP

ICMPS = {4: ICMP, 6: ICMPV6}


@dataclass(slots=True)
class Draft:
    """A packet to be."""

    family: int
    on: str | None
    src: int
    dst: int
    protocol: int
    sport: int = 0
    dport: int = 0
    flags: int = SYN
    kind: tuple[int, int] = (8, 0)
    """Type and code of an ICMP message."""
    ttl: int = 64
    tos: int = 0
    mark: int = 0
    payload: bytes = b""
    options: bytes = b"\2\4\5\xb4"
    """TCP's."""
    link: str = "host"
    mac: str | None = None
    fragment: bool = False
    headers: tuple[tuple[int, bytes], ...] = ()
    """IPv6's extension headers: (its number, what follows the byte that names the next one)."""
    broken: bool = False
    """Whether its checksum is wrong."""
    seq: int = 1000
    ack: int = 0

    def shot(self) -> Shot:
        raw = self._raw()
        return Shot(raw, self.on, mark=self.mark if self.on is None else 0, link=self.link, mac=self.mac)

    def _raw(self) -> bytes:
        family, ttl, tos, ident = self.family, self.ttl, self.tos, 1 + (self.seq ^ self.sport ^ self.dport) % 65535
        if self.protocol == TCP:
            options = self.options if self.flags & SYN else b""
            raw = craft.tcp(
                self.src, self.dst, self.sport, self.dport, self.flags, self.seq, self.ack, 64240, self.payload, options,
                family=family, ttl=ttl, tos=tos, id=ident,
            )  # fmt: skip
        elif self.protocol == UDP:
            raw = craft.udp(self.src, self.dst, self.sport, self.dport, self.payload, family=family, ttl=ttl, tos=tos, id=ident)
        elif self.protocol == ICMPS[family]:
            kind, code = self.kind
            rest = self.sport << 16 | 1 if kind in (0, 8, 13, 14, 128, 129) else 0
            raw = craft.icmp(self.src, self.dst, kind, code, rest, self.payload, family=family, ttl=ttl, tos=tos, id=ident)
        else:
            data = pack("!HHI", self.sport, self.dport, 8) + self.payload
            if self.protocol == 47:
                data = b"\0\0\x08\0" + self.payload
            raw = craft.ip(self.src, self.dst, self.protocol, data, family=family, ttl=ttl, tos=tos, id=ident)
        if self.broken and self.protocol in (TCP, UDP, ICMPS[family]):
            at = (20 if family == 4 else 40) + {TCP: 16, UDP: 6}.get(self.protocol, 2)
            raw = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        for number, body in self.headers:
            raw = raw[:4] + pack("!H", len(raw) - 40 + 1 + len(body)) + bytes([number]) + raw[7:40] + raw[6:7] + body + raw[40:]
        if self.fragment and family == 4:
            raw = craft.ip(self.src, self.dst, self.protocol, raw[20:].ljust(24, b"\0"), ttl=ttl, tos=tos, id=ident, df=False, offset=64)
        return raw

    def back(self, on: str | None) -> Draft:
        """Its answer, from the other end."""
        flags = SYN | ACK if self.flags == SYN else ACK
        kind = {8: (0, 0), 128: (129, 0), 13: (14, 0)}.get(self.kind[0], self.kind)
        return replace(
            self, on=on, src=self.dst, dst=self.src, sport=self.sport if self.protocol in (1, 58) else self.dport, dport=self.sport,
            flags=flags, kind=kind, ttl=64, mark=0, link="host", mac=None, seq=5000, ack=self.seq + 1, headers=(), broken=False,
        )  # fmt: skip
