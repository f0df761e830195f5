"""Random translation: rules of table nat, and conversations whose two sides each see the other as the box shows it.

Few addresses and few ports, so that connections get in each other's way. What a rule will choose is only guessed here, from the rule:
mostly right, and where it is wrong that is one more packet which belongs to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, PORTS, WAN_BOX, Ends, address, random_id, side_of
from fwtutor.kernel.random_fragments import cut
from fwtutor.kernel.random_icmp import echo, errors
from fwtutor.kernel.random_sctp import sctp_conversation
from fwtutor.kernel.random_tcp import tcp_conversation
from fwtutor.kernel.random_traffic import gre, others, udp
from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.conntrack.nat.applying import translated
from fwtutor.netfilter.conntrack.nat.ranges import DST, SRC
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS, tuple_of
from fwtutor.netfilter.packet import SYN, Packet

SHARE = 0.25
"""The share of cases in which something is translated."""
OUTSIDE = ("203.0.113.2", "203.0.113.3", "203.0.113.4")
"""Addresses that belong to nobody on the wan."""
_PORTED = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1}


class Guess(NamedTuple):
    """What a rule makes of an end: one of these addresses, and perhaps of these ports."""

    addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    protocol: int = 0
    """Of which protocol; 0: of all."""


class Plan(NamedTuple):
    """The rules, and what is guessed of them."""

    rules: str
    source: Guess
    """Of what leaves by wan."""
    destination: Guess
    """Of what comes for the box from wan."""


def plan(random: Random, *, lots: bool) -> Plan:
    """Table nat as save text. ``lots``: may a destination's port be drawn by lot, which shows only in packets that get through?"""
    kind = random.random()
    if kind < 0.08:
        return Plan("*nat\nCOMMIT\n" if kind < 0.04 else "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n", Guess(), Guess())
    lines: list[str] = []
    source = destination = Guess()
    if random.random() < 0.8:
        rule, source = _source(random)
        where = random.choice(("-o wan", "-o wan", "", "! -o lan" if "-s " in rule else "-s 192.168.0.0/16"))
        lines.append(f"-A POSTROUTING {where} {rule}")
    if random.random() < 0.6:
        rule, destination = _destination(random, lots)
        where = random.choice(("-i wan", "-i wan", "" if "-d " in rule else f"-d {WAN_BOX}", ""))
        lines.append(f"-A PREROUTING {where} {rule}")
    for chain, share in (("PREROUTING", 0.3), ("INPUT", 0.3), ("OUTPUT", 0.4), ("POSTROUTING", 0.4)):
        while random.random() < share:
            target = _anything(random, chain, lots)
            lines.insert(random.randint(0, len(lines)), f"-A {chain} {_condition(random, chain, target)} {target}")
    chains = [":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]"] if random.random() < 0.5 else []
    return Plan("\n".join(["*nat", *chains, *(" ".join(line.split()) for line in lines), "COMMIT", ""]), source, destination)


def order(random: Random, *, lots: bool) -> str:
    """A command that changes table nat: what follows the word iptables."""
    chain = random.choice(("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))
    if random.random() < 0.35:
        return f"-t nat -F {random.choice((chain, ''))}".rstrip()
    target = _anything(random, chain, lots)
    return " ".join(f"-t nat -{random.choice('AI')} {chain} {_condition(random, chain, target)} {target}".split())


def _switches(random: Random, *names: str) -> str:
    return " ".join(f"--{name}" for name in names if random.random() < 0.12)


def _source(random: Random) -> tuple[str, Guess]:
    """A rule for sources, without its conditions on interfaces."""
    kind = random.random()
    name = random.choice(("tcp", "tcp", *_PORTED))
    protocol = f"-p {name}"
    low = random.choice((1, 80, 1000, 4000, 50000))
    high = low + random.choice((0, 0, 1, 1, 3, 40, 200))
    ports = tuple(range(low, min(high, low + 4) + 1))
    if kind < 0.25:
        return f"-j MASQUERADE {_switches(random, 'random', 'random-fully')}", Guess((WAN_BOX,))
    if kind < 0.4:
        return f"{protocol} -j MASQUERADE --to-ports {low}-{high} {_switches(random, 'random')}", Guess((WAN_BOX,), ports, _PORTED[name])
    if kind < 0.5:
        return "-s 192.168.0.0/16 -j NETMAP --to 203.0.113.0/28", Guess(("203.0.113.4", "203.0.113.7"))
    first, last = sorted(random.choices((WAN_BOX, *OUTSIDE), k=2))
    one = first if random.random() < 0.75 else f"{first}-{last}"
    own = tuple(text for text in (WAN_BOX, *OUTSIDE) if first <= text <= (last if "-" in one else first))
    switches = _switches(random, "random", "random-fully", "persistent")
    if kind < 0.75:
        return f"-j SNAT --to-source {one} {switches}", Guess(own)
    where = "" if random.random() < 0.2 else one
    return f"{protocol} -j SNAT --to-source {where}:{low}-{high} {switches}", Guess(own if where else (), ports, _PORTED[name])


def _destination(random: Random, lots: bool) -> tuple[str, Guess]:
    kind = random.random()
    name = random.choice(("tcp", "tcp", "tcp", "udp", "icmp"))
    protocol = f"-p {name}"
    port = random.choice(PORTS)
    high = port + random.choice((0, 0, 1, 3))
    ports = tuple(range(port, high + 1))
    drawn = _switches(random, "random") if lots else ""
    if kind < 0.15:
        return f"{protocol} -j REDIRECT --to-ports {port}-{high} {drawn}", Guess((WAN_BOX,), ports, _PORTED[name])
    if kind < 0.25:
        return "-j REDIRECT", Guess((WAN_BOX,))
    if kind < 0.35:
        return "-d 203.0.113.0/28 -j NETMAP --to 192.168.0.16/28", Guess(("192.168.0.17",))
    to = random.choice((*NEAR, *NEAR, FAR[2], WAN_BOX, LAN_BOX, "192.168.0.20-192.168.0.22"))
    own = tuple(text for text in (*NEAR, FAR[2], WAN_BOX, LAN_BOX) if text in to)
    if kind < 0.65:
        return f"-j DNAT --to-destination {to} {_switches(random, 'persistent')}", Guess(own)
    where = "" if random.random() < 0.15 else to
    shift = f"/{random.choice((port, port + 1, 22, 80))}" if random.random() < 0.15 else ""
    spread = f"{port}-{high + 1}" if shift else f"{port}-{high}"
    return f"{protocol} -j DNAT --to-destination {where}:{spread}{shift} {drawn}", Guess(own if where else (), ports, _PORTED[name])


def _condition(random: Random, chain: str, target: str) -> str:
    parts = []
    if random.random() < 0.4 and "-d " not in target:
        parts.append(f"-d {random.choice((*FAR, *NEAR, WAN_BOX, '198.51.100.0/24'))}")
    if random.random() < 0.2 and "-s " not in target:
        parts.append(f"-s {random.choice((*FAR, *NEAR, WAN_BOX, '192.168.0.0/16'))}")
    if chain == "PREROUTING" and random.random() < 0.4:
        parts.append(f"-i {random.choice(('wan', 'lan'))}")
    if random.random() < 0.2:
        parts.append(f"-m conntrack --ctstate {random.choice(('NEW', 'RELATED', 'SNAT', 'DNAT', 'ESTABLISHED'))}")
    return " ".join(parts)


def _anything(random: Random, chain: str, lots: bool) -> str:
    if random.random() < 0.2:
        return random.choice(("-j ACCEPT", "-j RETURN", "", "-j LOG"))
    if chain in ("PREROUTING", "OUTPUT"):
        return _destination(random, lots)[0]
    if chain == "POSTROUTING":
        return _source(random)[0]
    return random.choice((
        f"-j SNAT --to-source {random.choice((*FAR, *NEAR, LAN_BOX))}", "-p udp -j SNAT --to-source :4000-4003",
        "-j NETMAP --to 198.51.100.0/24", "-p tcp -j SNAT --to-source 198.51.100.53:80",
    ))  # fmt: skip


# --- traffic -----------------------------------------------------------------------------------------------------


def traffic(random: Random, count: int, made: Plan) -> list[Shot]:
    """``count`` packets of a few conversations, seen on each side as the rules have it."""
    shots: list[Shot] = []
    past: list[Shot] = []
    pieces = random.random() < 0.15
    about = errors(random, past)
    conversations = [_conversation(random, made, past) for _ in range(random.randint(1, 4))]
    while len(shots) < count:
        shot = next(about) if random.random() < 0.09 else next(random.choice(conversations))
        if random.random() < 0.01 and len(shot.raw) > 24 and shot.on is not None:
            shot = shot._replace(raw=shot.raw[:-1] + bytes([shot.raw[-1] ^ 1]))  # with a checksum that is wrong
        if shot.on is None:
            shot = shot._replace(mark=random.choice((0, 0, 1)))
        shots += cut(random, shot) if pieces and random.random() < 0.1 else [shot]
        if random.random() < 0.06:
            shots.append(shot)
        if random.random() < 0.03:
            conversations[random.randrange(len(conversations))] = _conversation(random, made, past)
    return shots[:count]


def _conversation(random: Random, made: Plan, past: list[Shot]) -> Iterator[Shot]:
    ends, source, destination = _ends(random, made)
    kind = random.random()
    if kind < 0.68:
        own = tcp_conversation(random, ends)
    elif kind < 0.79:
        own = udp(random, ends)
    elif kind < 0.88:
        own = echo(random, ends)
    elif kind < 0.91:
        own = sctp_conversation(random, ends)
    elif kind < 0.94:
        own = gre(random, ends)
    elif kind < 0.97:
        own = others(random, ends)
    else:
        own = _openings(random, ends)
    return _seen(random, own, ends, source, destination, past)


def _openings(random: Random, ends: Ends) -> Iterator[Shot]:
    """One connection after another from a few ports."""
    (src, on), (dst, _) = ends
    while True:
        raw = craft.tcp(src, dst, random.choice(PORTS), 80, SYN, random.getrandbits(32), id=random_id(random))
        yield Shot(raw, on)


def _ends(random: Random, made: Plan) -> tuple[Ends, Guess, Guess]:
    """Client first; and what may become of its address, and of the other's."""
    far, near = (address(random.choice(FAR)), "wan"), (address(random.choice(NEAR)), "lan")
    box: tuple[int, str | None] = (address(WAN_BOX), None)
    kind = random.random()
    if kind < 0.45:
        return (near, far), made.source, Guess()
    if kind < 0.75:
        return (far, box), Guess(), made.destination
    if kind < 0.88:
        return (box, far), made.source, Guess()
    if kind < 0.92:
        return (near, (address(LAN_BOX), None)), Guess(), made.destination
    if kind < 0.96:
        return (near, (address(WAN_BOX), None)), Guess(), made.destination
    return (box, (address(random.choice((WAN_BOX, LAN_BOX, "127.0.0.1"))), None)), Guess(), Guess()


def _seen(random: Random, own: Iterator[Shot], ends: Ends, source: Guess, destination: Guess, past: list[Shot]) -> Iterator[Shot]:
    """The conversation with its answers as they come from whom the client's packets reached, to whom they seemed to come from."""
    (client, _), (server, _) = ends
    drawn: dict[int, tuple[int, int | None, int, int | None]] = {}
    for shot in own:
        packet = Packet(shot.raw)
        key = None if packet.fault else tuple_of(packet)
        if key is None or (key.src, key.dst) not in ((client, server), (server, client)):
            yield shot
            continue
        if key.protocol not in drawn:
            drawn[key.protocol] = (*_guessed(random, source, key.protocol, client), *_guessed(random, destination, key.protocol, server))
        there, source_port, here, port = drawn[key.protocol]
        if key.src == client and client != server:
            past.append(shot)
            past.append(shot._replace(raw=_as(packet, _with(key, there, here, source_port, port))))
            yield shot
            continue
        answer = shot._replace(raw=_as(packet, _with(key, here, there, port, source_port)))
        if answer.on is not None or here != server:
            answer = answer._replace(on=side_of(here))
        past.append(answer)
        yield answer if random.random() < 0.95 else shot


def _guessed(random: Random, guess: Guess, protocol: int, own: int) -> tuple[int, int | None]:
    """What an end becomes: address, and port if another one."""
    if guess.protocol not in (0, protocol):
        return own, None
    port = random.choice(guess.ports) if guess.ports and random.random() < 0.95 else None
    return address(random.choice(guess.addresses)) if guess.addresses else own, port


def _with(key: Tuple, src: int, dst: int, sport: int | None, dport: int | None) -> Tuple:
    key = key._replace(src=src, dst=dst)
    if key.protocol in WITH_PORTS:
        return key._replace(sport=key.sport if sport is None else sport, dport=key.dport if dport is None else dport)
    return key


def _as(packet: Packet, wanted: Tuple) -> bytes:
    """The packet with those addresses and ports."""
    first = translated(packet, wanted, SRC)
    both = None if first is None else translated(first, wanted, DST)
    return packet.raw if both is None else both.raw
