"""SIP dialogues through the box, by UDP or TCP, in either version of IP."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import ACK, PSH, SYN
from tests.kernel.talk import CLIENT, SERVER, STRANGER, address

CLIENT6, SERVER6, STRANGER6 = (address(text) for text in ("2001:db8:1::20", "2001:db8:ffff::80", "2001:db8::9"))
RULES = "*raw\n" + "".join(
    f"-A {chain} -p {protocol} -m {protocol} --dport 5060 -j CT --helper sip\n"
    for chain in ("PREROUTING", "OUTPUT")
    for protocol in ("udp", "tcp")
) + "COMMIT\n*filter\n-A FORWARD -m helper --helper sip\n-A FORWARD -m conntrack --ctstate RELATED\nCOMMIT\n"  # fmt: skip


def sip_box(rules: str = RULES, rules6: str = "", variant: str = "legacy") -> Setup:
    interfaces = {"wan": ("203.0.113.1/24", "2001:db8::1/64"), "lan": ("192.168.0.1/16", "2001:db8:1::1/64")}
    routes = {"default": "wan", "2001:db8:ffff::/48": "wan"}
    sysctls = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.conf.all.forwarding": 1}
    return Setup(interfaces, rules, routes, sysctls, variant=variant, rules6=rules6 or rules)


class Call:
    """Messages of one connection. ``outside``: the client's address and port as the server sees them."""

    def __init__(
        self, protocol: str = "udp", family: int = 4, sport: int = 5060, outside: tuple[int, int] | None = None,
        ends: tuple[int, int] | None = None, inside: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.protocol, self.family = protocol, family
        self.hosts = ends or ((CLIENT, SERVER) if family == 4 else (CLIENT6, SERVER6))
        self.ports = sport, 5060
        self.outside = outside or (self.hosts[0], sport)
        self.numbers = [1000, 5_000_000]
        self.seen = inside or (self.hosts[1], 5060)
        """The server's end as the client sees it."""

    def name(self, side: int) -> str:
        text = format_address(self.family, self.hosts[side])
        return f"[{text}]" if self.family == 6 else text

    def send(self, side: int, payload: bytes, *, flags: int = ACK | PSH, longer: int = 0) -> Shot:
        src, sport = (self.hosts[side], self.ports[side])
        dst, dport = self.outside if side else self.seen
        on = "wan" if side else "lan"
        if self.protocol == "udp":
            return Shot(craft.udp(src, dst, sport, dport, payload, family=self.family, id=1), on)
        seq = self.numbers[side]
        self.numbers[side] += len(payload) + bool(flags & SYN)
        ack = self.numbers[1 - side] + longer if flags & ACK else 0
        return Shot(craft.tcp(src, dst, sport, dport, flags, seq, ack, 60000, payload, family=self.family, id=1), on)

    def open(self) -> list[Shot]:
        return [self.send(0, b"", flags=SYN), self.send(1, b"", flags=SYN | ACK), self.send(0, b"", flags=ACK)]

    def sdp(self, side: int, *media: str, connection: str = "", lines: Sequence[str] = ()) -> str:
        own = connection or format_address(self.family, self.hosts[side])
        head = ["v=0", f"o=- 1 1 IN IP{self.family} {own}", "s=-", f"c=IN IP{self.family} {own}", "t=0 0", *lines]
        return "\r\n".join([*head, *media, ""])

    def request(self, method: str, body: str = "", number: int = 1, side: int = 0, more: Sequence[str] = ()) -> str:
        return self.message(f"{method} sip:b@{self.name(1 - side)} SIP/2.0", method, body, number, side, side, more)

    def answer(self, code: int, method: str, body: str = "", number: int = 1, side: int = 1, more: Sequence[str] = ()) -> str:
        return self.message(f"SIP/2.0 {code} OK", method, body, number, side, 1 - side, more)

    def message(self, first: str, method: str, body: str, number: int, side: int, via: int, more: Sequence[str]) -> str:
        own = self.ports[side]
        lines = [
            first, f"Via: SIP/2.0/{self.protocol.upper()} {self.name(via)}:{self.ports[via]};branch=z9hG4bK1",
            f"From: <sip:a@{self.name(via)}>;tag=1", f"To: <sip:b@{self.name(1 - via)}>", "Call-ID: 1@x", f"CSeq: {number} {method}",
        ]  # fmt: skip
        if not any(line.startswith("Contact") for line in more):
            lines.append(f"Contact: <sip:a@{self.name(side)}:{own}>")
        return "\r\n".join([*lines, *more, f"Content-Length: {len(body)}", "", body])

    def ask(self, method: str, body: str = "", number: int = 1, side: int = 0, more: Sequence[str] = ()) -> Shot:
        return self.send(side, self.request(method, body, number, side, more).encode())

    def tell(self, code: int, method: str, body: str = "", number: int = 1, side: int = 1, more: Sequence[str] = ()) -> Shot:
        return self.send(side, self.answer(code, method, body, number, side, more).encode())

    def rtp(self, side: int, port: int, *, sport: int = 7000, stranger: bool = False) -> Shot:
        """Something sent by a side to a port of the other one."""
        src, dst = self.hosts[side], self.hosts[1 - side]
        if stranger:
            src = STRANGER if self.family == 4 else STRANGER6
        return Shot(craft.udp(src, dst, sport, port, b"\x80rtp", family=self.family, id=2), "wan" if side else "lan")


def awaited(packet: Observed) -> list[str]:
    """What is expected after a packet: ``port class flags``, in order."""
    found = [(int(one.awaited.rpartition("dport=")[2]), one.klass, one.flags) for one in packet.expectations or ()]
    return [f"{port} {kind}" + (f" {flags}" if flags else "") for port, kind, flags in sorted(found)]
