"""Random cases for the SIP helper: calls and registrations, whole and spoiled at every byte, and the streams they agree upon.

Knows nothing of the engine. Addresses are those of ``pools``; who is inside may call through a translation, or be called through one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import NamedTuple

from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.pools import FAR, INTERFACES, NEAR, WAN_BOX, address
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import ACK, PSH, SYN

SHARE = 0.25
"""The share of the cases with helpers."""
SIP = 5060
_POOLS = {
    4: (FAR, NEAR, WAN_BOX, (WAN_BOX, "203.0.113.200", "203.0.113.10")),
    6: (
        ("2001:db8::9", "2001:db8:0:0:a::77", "2001:db8:ffff::53", "2001:db8:ffff::80"), ("2001:db8:1::20", "2001:db8:1:0:7::7"),
        "2001:db8::1", ("2001:db8::1", "2001:db8::200", "2001:db8::a:0:0:10"),
    ),
}  # fmt: skip
"""By family: hosts behind wan and behind lan, the box, and what hosts inside are seen as."""
LONGEST = 1250
_SPOILS = (b"", b" ", b"0", b"9", b",", b":", b"\r", b"\n", b"\0", b"\r\n ", b"\r\n\t", b"x", b"@", b";", b".", b"[")
STREAMS = (4000, 4001, 4002, 4008, 6000, 6001, 65534, 65535, 1024)


class Plan(NamedTuple):
    """How a case is translated."""

    source: str = ""
    """What hosts inside are seen as; "" as themselves."""
    ports: str = ""
    """To which ports of it their sources are moved, as the rule says it."""
    server: str = ""
    """Who inside is reached at the box's own address; "" nobody."""
    to: int = 0
    """At which port; 0: the same."""
    family: int = 4


class _End(NamedTuple):
    address: int
    port: int
    on: str


class _Agreed(NamedTuple):
    """Somebody wants to be sent something."""

    to: _End
    seen: int
    """His address, as who sends it knows it."""
    sender: _End
    payload: bytes = b"\x80x"


def case(random: Random, count: int, sysctls: Mapping[str, int], variant: str) -> tuple[Setup, list[Shot]]:
    """A box and ``count`` packets, a third of the cases in IPv6, half of them translated."""
    made = plan(random, random.random() < 0.5, random.choice((4, 4, 6)))
    setup = box(made.family, rules(random, made), sysctls, variant)
    return setup, traffic(random, count, made)


def box(family: int, ruleset: str, sysctls: Mapping[str, int], variant: str = "legacy") -> Setup:
    if family == 4:
        return Setup(INTERFACES, ruleset, {"default": "wan"}, sysctls, variant=variant)
    interfaces = {
        name: (*own, there) for (name, own), there in zip(INTERFACES.items(), ("2001:db8::1/64", "2001:db8:1::1/64"), strict=True)
    }
    routes = {"default": "wan", "2001:db8:ffff::/48": "wan"}
    return Setup(interfaces, "", routes, {**sysctls, "net.ipv6.conf.all.forwarding": 1}, variant=variant, rules6=ruleset)


def plan(random: Random, translated: bool, family: int = 4) -> Plan:
    if not translated:
        return Plan(family=family)
    _, near, _, seen = _POOLS[family]
    source = random.choice((*seen, *seen, ""))
    server = random.choice(("", near[0])) if source else near[0]
    return Plan(source, random.choice(("", "", ":5060", ":5070-5071", ":40000")), server, random.choice((0, 0, 5062)), family)


def _said(place: str, port: str) -> str:
    """An address and a port as rules say it."""
    return f"[{place}]{port}" if ":" in place and port else place + port


def rules(random: Random, made: Plan) -> str:
    """Rules that give connections the helper."""
    zone = random.choice(("",) * 5 + (" --zone 3",)) if not made.source and not made.server else ""
    lines = ["*raw"]
    for protocol in ("udp", "tcp"):
        for chain in ("PREROUTING", "OUTPUT"):
            lines.append(f"-A {chain} -p {protocol} -m {protocol} --dport 5060:5062 -j CT --helper sip{zone}")
    if zone:
        lines.append(f"-A PREROUTING -j CT{zone}")
    lines.append("COMMIT")
    if made.source or made.server:
        lines.append("*nat")
        for protocol in ("udp", "tcp"):
            if made.server:
                box = _POOLS[made.family][2]
                there = _said(made.server, f":{made.to}" if made.to else "")
                called = f"-d {box} -p {protocol} -m {protocol} --dport 5060:5062"
                lines.append(f"-A PREROUTING -i wan {called} -j DNAT --to-destination {there}")
            if made.source:
                calling = f"-o wan -p {protocol} -m {protocol} --dport 5060:5062"
                lines.append(f"-A POSTROUTING {calling} -j SNAT --to-source {_said(made.source, made.ports)}")
        if made.source and random.random() < 0.7:
            lines.append(f"-A POSTROUTING -o wan -j SNAT --to-source {made.source}")
        lines.append("COMMIT")
    lines += ["*filter", "-A FORWARD -m helper --helper sip", "-A FORWARD -m conntrack --ctstate RELATED", "COMMIT", ""]
    return "\n".join(lines)


def traffic(random: Random, count: int, made: Plan) -> list[Shot]:
    """``count`` packets of a few conversations."""
    shots: list[Shot] = []
    agreed: list[_Agreed] = []
    talks = [_Talk(random, made, agreed).say() for _ in range(random.choice((1, 1, 2, 3)))]
    while len(shots) < count:
        place = random.randrange(len(talks))
        shot = next(talks[place], None)
        if shot is None or random.random() < 0.02:
            talks[place] = _Talk(random, made, agreed).say()
        if shot is None:
            continue
        if random.random() < 0.96:
            shots.append(shot)
        if random.random() < 0.05:
            shots.append(shot)
        if agreed and random.random() < 0.3:
            shots += _stream(random, agreed, made.family)
    return shots[:count]


def _stream(random: Random, agreed: list[_Agreed], family: int) -> list[Shot]:
    """Somebody sends what was asked for, and is answered, perhaps."""
    one = random.choice(agreed[-5:])
    port = one.to.port + random.choice((0, 0, 0, 1, -1, 2)) & 0xFFFF
    sport = random.choice((one.sender.port, 4000, 6000, 7000))
    shots = [Shot(craft.udp(one.sender.address, one.seen, sport, port, one.payload, id=3, family=family), one.sender.on)]
    if random.random() < 0.3:
        shots.append(Shot(craft.udp(one.to.address, one.sender.address, port, sport, b"\x80y", id=4, family=family), one.to.on))
    return shots


class _Talk:
    """A connection on which messages are exchanged."""

    def __init__(self, random: Random, made: Plan, agreed: list[_Agreed]) -> None:
        self.random, self.made, self.agreed = random, made, agreed
        self.tcp = random.random() < 0.35
        self.family = made.family
        far, near, box, _ = _POOLS[made.family]
        self.strangers = address(far[0]), address(near[1])
        inside = _End(address(random.choice(near)), random.choice((SIP, SIP, SIP, 5061, 40000)), "lan")
        outside = _End(address(random.choice(far[2:] if random.random() < 0.8 else far)), random.choice((SIP, SIP, SIP, 5061)), "wan")
        self.ends = (inside, outside)
        self.seen = [outside.address, inside.address]
        """The address at which the first end sees the second, and the other way round."""
        self.ports = [outside.port, inside.port]
        if made.server and random.random() < (0.4 if made.source else 0.9):
            caller = outside._replace(port=inside.port)
            self.ends = caller, _End(address(made.server), made.to or outside.port, "lan")
            self.seen, self.ports = [address(box), caller.address], [outside.port, caller.port]
        elif not made.source and random.random() < 0.3:
            self.ends = outside._replace(port=inside.port), inside._replace(port=outside.port)
            self.seen, self.ports = [inside.address, outside.address], [outside.port, inside.port]
        elif made.source:
            self.seen[1] = address(made.source)
            if made.ports:
                self.ports[1] = int(made.ports[1:].partition("-")[0])
        # Many phones want answers at 5060, from wherever they ask.
        self.via = SIP if random.random() < 0.3 else self.ends[0].port
        self.numbers = [random.choice((1000, (1 << 32) - 300)), 5_000_000]
        self.call = random.choice((1, 1, 7, 0, 4294967295))

    # --- packets -----------------------------------------------------------------------------------------------

    def _send(self, side: int, payload: bytes, flags: int = ACK | PSH) -> Shot:
        own, dst, port = self.ends[side], self.seen[side], self.ports[side]
        if not self.tcp:
            return Shot(craft.udp(own.address, dst, own.port, port, payload, id=1 + len(payload), family=self.family), own.on)
        seq = self.numbers[side]
        self.numbers[side] = seq + len(payload) + bool(flags & SYN) & 0xFFFFFFFF
        ack = self.numbers[1 - side] if flags & ACK else 0
        return Shot(craft.tcp(own.address, dst, own.port, port, flags, seq, ack, 60000, payload, id=1, family=self.family), own.on)

    def say(self) -> Iterator[Shot]:
        random = self.random
        if self.tcp:
            yield self._send(0, b"", SYN)
            yield self._send(1, b"", SYN | ACK)
            yield self._send(0, b"", ACK)
        for _ in range(random.randint(2, 10)):
            payload, side = b"", 0 if random.random() < 0.55 else 1
            if random.random() < 0.1:
                called = _End(self.ends[0].address, self.ports[1] if random.random() < 0.8 else SIP, self.ends[0].on)
                sender = self.ends[1]._replace(port=5080)
                self.agreed.append(_Agreed(called, self.seen[1], sender, self._message(1)))
            for _ in range(random.choice((1, 1, 1, 2, 3)) if self.tcp else 1):
                # What grows beyond an MTU is not what is asked here.
                payload += self._spoiled(self._message(side)) if len(payload) < 400 else b""
            payload = payload[:LONGEST]
            if self.tcp and random.random() < 0.1 and payload:
                cut = random.randrange(len(payload))
                yield self._send(side, payload[:cut])
                payload = payload[cut:]
            yield self._send(side, payload)
            if not self.tcp and random.random() < 0.06:
                yield self._error(1 - side, payload)

    def _error(self, side: int, payload: bytes) -> Shot:
        """A side complains about what the other one said."""
        random = self.random
        own, other = self.ends[side], self.seen[side]
        quoted = craft.udp(other, own.address, self.ports[side], own.port, payload, id=7, family=self.family)
        kind, code = random.choice(((3, 3), (11, 0)) if self.family == 4 else ((1, 4), (3, 0)))
        rest = random.choice((0, 0, 1400))
        raw = craft.icmp(own.address, other, kind, code, rest, quoted[: random.choice((60, 400, 1000))], id=8, family=self.family)
        return Shot(raw, own.on)

    # --- messages ----------------------------------------------------------------------------------------------

    def _spoiled(self, text: bytes) -> bytes:
        random = self.random
        for _ in range(random.choice((0,) * 6 + (1, 1, 2))):
            place = random.randrange(len(text) + 1)
            with_what = random.choice(
                (*_SPOILS, text[:place][-9:], bytes([random.getrandbits(8)])),
            )
            text = text[:place] + with_what + text[place + random.choice((0, 1, 1, 2)) :]
        if random.random() < 0.04:
            text = text.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\n ", b"\n\n")))
        if random.random() < 0.03:
            text = text[: random.randrange(len(text) + 1)]
        return text

    def _name(self, side: int, of: int) -> str:
        """An end, as a side knows it, mostly."""
        random = self.random
        own, seen = self.ends[of].address, self.seen[1 - of]
        number = own if side == of else seen
        if random.random() < 0.08:
            number = random.choice((own, seen, *self.strangers))
        text = format_address(self.family, number)
        if random.random() < 0.03:
            if self.family == 4:
                return random.choice((f"0{text}", text.replace(".0.", "..", 1), f"{text}.", "example.org", f"[{text}]", text[:-1]))
            return random.choice((text.replace("::", ":0:0:0:0:", 1), f"{text}:", f"::{text}", "::ffff:1.2.3.4", text.upper(), f"[{text}"))
        return text

    def _uri(self, side: int, of: int) -> str:
        """The same, where a port may follow."""
        name = self._name(side, of)
        return f"[{name}]" if self.family == 6 and self.random.random() < 0.97 else name

    def _port(self, side: int, of: int) -> str:
        random = self.random
        number = self.ends[of].port if side == of else self.ports[1 - of]
        if of == 0 and side == of:
            number = self.via
        if random.random() < 0.08:
            number = random.choice((SIP, 5061, 1023, 0, 65536, 99999, 100000))
        return "" if number == SIP and random.random() < 0.3 else f":{number}"

    def _place(self, side: int, of: int) -> str:
        return self._uri(side, of) + self._port(side, of)

    def _message(self, side: int) -> bytes:
        random = self.random
        method = random.choice(
            ("INVITE",) * 5 + ("REGISTER",) * 4 + ("ACK", "UPDATE", "PRACK", "BYE", "OPTIONS", "INVITEX", "invite", "CANCEL")
        )
        if random.random() < 0.1:
            self.call = random.choice((self.call + 1, 1, 12345678901, 0))
        answering = side == (1 if random.random() < 0.85 else 0)
        asker = 1 - side if answering else side
        body = self._description(side) if method not in ("REGISTER", "BYE", "OPTIONS") and random.random() < 0.85 else ""
        if answering:
            code = random.choice((200, 200, 200, 200, 100, 183, 199, 299, 300, 404, 486, 99, 0, 600))
            first = f"SIP/2.0 {code} OK"
        else:
            first = f"{method} sip:{random.choice(('b@', 'b@', ''))}{self._place(side, 1 - side)} SIP/2.0"
        protocol = "TCP" if self.tcp else "UDP"
        if random.random() < 0.05:
            protocol = random.choice(("TCP", "UDP", "udp"))
        lines = [
            first,
            f"{random.choice(('Via', 'Via', 'v', 'VIA'))}: SIP/2.0/{protocol} {self._place(side, asker)}{self._parameters(side)}",
        ]
        lines += [f'From: "A" <sip:a@{self._place(side, asker)}>;tag=1', f"To: <sip:b@{self._place(side, 1 - asker)}>", "Call-ID: 1@x"]
        lines.append(f"CSeq: {self.call} {method}")
        lines += self._contacts(side, asker if method == "REGISTER" else side)
        if random.random() < 0.5:
            lines.append(f"Expires: {random.choice((600, 600, 3600, 0, 20, 17179870, 99999999999))}")
        if body:
            lines.append("Content-Type: application/sdp")
        length = len(body) + (random.choice((0,) * 12 + (1, -1, 40)) if self.tcp or random.random() < 0.3 else 0)
        if random.random() < 0.95:
            lines.append(f"{random.choice(('Content-Length', 'Content-Length', 'l'))}: {max(0, length)}")
        if random.random() < 0.08:
            head = lines[1:]
            random.shuffle(head)
            lines[1:] = head
        if random.random() < 0.06:
            lines.pop(random.randrange(len(lines)))
        return ("\r\n".join([*lines, "", ""]) + body).encode()

    def _parameters(self, side: int) -> str:
        random = self.random
        words = [";branch=z9hG4bK1"]
        for word, value in (
            ("rport", self._port(side, 1 - side)[1:] or "5060"), ("received", self._name(side, 1 - side)), ("maddr", self._uri(side, side)),
        ):  # fmt: skip
            if random.random() < 0.3:
                words.append(f";{word}={value}")
        random.shuffle(words)
        return "".join(words)

    def _contacts(self, side: int, of: int) -> list[str]:
        random = self.random
        found = []
        for _ in range(random.choice((0, 1, 1, 1, 1, 1, 2, 3))):
            text = f"<sip:{random.choice(('a@', 'a@', ''))}{self._place(side, of)}"
            text += random.choice(("", "", "", ";transport=udp", ";transport=TCP", ";transport=sctp")) + ">"
            text += random.choice(("", "", ";expires=300", ";expires=0", ";expires=x", ";q=0.5"))
            found.append(text)
        if random.random() < 0.5:
            return [f"Contact: {', '.join(found)}"] if found else []
        return [f"{random.choice(('Contact', 'm'))}: {one}" for one in found]

    def _description(self, side: int) -> str:
        random = self.random
        own = self._name(side, side)
        lines = ["v=0", f"o=- 1 1 IN IP{self.family} {self._name(side, side) if random.random() < 0.2 else own}", "s=-"]
        if random.random() < 0.85:
            lines.append(f"c=IN IP{self.family} {own}")
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4, 5))):
            kind = random.choice(("audio", "audio", "audio", "video", "image", "text", "Audio"))
            port = random.choice(STREAMS) if random.random() < 0.93 else random.choice((0, 1023, 65536, 99999999999))
            lines.append(f"m={kind} {port} RTP/AVP 0")
            if random.random() < 0.25:
                lines.append(f"c=IN IP{self.family} {self._name(side, side)}")
            lines += random.choice(([], [], ["a=sendonly"]))
            sender = self.ends[1 - side]
            self.agreed.append(
                _Agreed(self.ends[side]._replace(port=port & 0xFFFF), self.seen[1 - side], sender._replace(port=random.choice(STREAMS)))
            )
        if random.random() < 0.05:
            lines.pop(random.randrange(len(lines)))
        return "\r\n".join([*lines, ""])
