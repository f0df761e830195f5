"""Attacks by number: ``flood`` sends many packets, ``hold`` opens many connections and keeps them. Both are bounded."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_network
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, ICMP, ICMPV6, SYN, TCP, UDP, Packet
from fwtutor.network.arguments import BadArgument, read_number, read_port, split_words
from fwtutor.network.ends import Address, source_of, write_place
from fwtutor.network.host import Host
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.segments import MSS, SYN_WINDOW, WINDOW, syn_options
from fwtutor.network.sockets import Connection, RawSocket
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.shell import Refused, Shell, Tool

USUAL_COUNT, MOST_COUNT = 100, 2000
USUAL_RATE, MOST_RATE = 100, 1_000_000
USUAL_HELD, MOST_HELD = 20, 1000
AFTERWARDS = SECOND
"""How long answers to the last packet are waited for."""
FLOOD_USAGE = "write flood syn|ack|udp|icmp HOST[:PORT] [count N] [rate N] [from NETWORK]"
HOLD_USAGE = "write hold HOST:PORT [count N] [rate N]"
FLOOD_MORE = f"""\
    count: {USUAL_COUNT} packets unless said, {MOST_COUNT} at most · rate: {USUAL_RATE} a second · PORT: 80
    from 198.51.100.0/24: each from an address of that network, drawn by the seed; without it the host's own
    (what hping3 does with -S, -A, -2 or -1, -p PORT, -c N, -i u10000, --rand-source)"""
HOLD_MORE = f"""\
    count: {USUAL_HELD} connections unless said, {MOST_HELD} at most · rate: {USUAL_RATE} a second
    They stay open until they are closed from the other side, or kill ends it (ps shows its number)"""
FLAGS = {"syn": SYN, "ack": ACK}


class Request(NamedTuple):
    """What is to be done, and how often."""

    kind: str
    target: Address
    port: int
    many: int
    pause: int
    """ns between two."""
    network: tuple[int, int] | None = None
    """Address and prefix length that sources come from; None: the host's own address."""


class Flood:
    """Many packets."""

    def __init__(self, process: Process, request: Request) -> None:
        self._process, self._request = process, request
        self._host = process.host
        self._lot = process.host.draw("flood", process.host.lines, request.kind, *request.target)
        own = process.host.source_for(request.target)
        assert own is not None
        self._own = own
        self._raw = RawSocket(process, self._is_answer)
        self._came = 0

    def run(self) -> Program:
        """Sends all, then waits a moment."""
        request, host = self._request, self._host
        began = host.now
        for number in range(request.many):
            until = began + number * request.pause
            while host.now < until:
                yield Wait(until, "the flood's next")
                self._came += len(self._raw.taken())
            self._raw.send(self._packet(number))
        until = host.now + AFTERWARDS
        while host.now < until:
            yield Wait(until, "flood has waited for answers")
            self._came += len(self._raw.taken())
        say = self._process.say
        say(f"--- {request.target} flood statistics ---")
        lost = (request.many - min(self._came, request.many)) * 100 // request.many
        say(f"{request.many} packets transmitted, {self._came} packets received, {lost}% packet loss")

    def _packet(self, number: int) -> bytes:
        request = self._request
        lot = self._host.draw("flood packet", self._lot, number)
        family, dst = request.target
        src, port = self._source(number), 1024 + (self._lot + number) % 64512
        if request.kind == "udp":
            return craft.udp(src, dst, port, request.port, family=family, id=lot & 0xFFFF, df=False)
        if request.kind == "icmp":
            kind = 8 if family == 4 else 128
            return craft.icmp(src, dst, kind, 0, (self._lot & 0xFFFF) << 16 | number & 0xFFFF, family=family, id=lot & 0xFFFF, df=False)
        opens = request.kind == "syn"
        return craft.tcp(
            src, dst, port, request.port, FLAGS[request.kind], lot, 0 if opens else lot * 2654435761 & 0xFFFFFFFF,
            SYN_WINDOW if opens else WINDOW, b"", syn_options(MSS[family]) if opens else b"", family=family, id=lot & 0xFFFF,
        )  # fmt: skip

    def _source(self, number: int) -> int:
        if self._request.network is None:
            return self._own.value
        address, length = self._request.network
        bits = (32 if self._request.target.family == 4 else 128) - length
        wide = self._host.draw("flood source", self._lot, number) << 32 | self._host.draw("flood source", self._lot, number, 1)
        # Neither the network's own address nor that of all in it.
        return address | (wide % (1 << bits) if bits < 2 else 1 + wide % ((1 << bits) - 2))

    def _is_answer(self, packet: Packet) -> bool:
        if source_of(packet) != self._request.target:
            return False
        protocol = {"udp": UDP, "icmp": ICMP if packet.family == 4 else ICMPV6}.get(self._request.kind, TCP)
        if protocol in (TCP, UDP):
            return packet.protocol == protocol and packet.sport == self._request.port
        return packet.protocol == protocol and packet.icmp_id == self._lot & 0xFFFF


def _hold(process: Process, request: Request) -> Program:
    host, place = process.host, write_place(request.target, request.port)
    began = host.now
    held: list[Connection] = []
    for number in range(request.many):
        until = began + number * request.pause
        while host.now < until:
            yield Wait(until, "hold's next connection")
        connection = Connection(process)
        try:
            connection.begin(request.target, request.port)
        except OSError as error:
            process.say(f"hold: {place}: {error}")
            break
        held.append(connection)
    while any(not connection.open and connection.why is None for connection in held):
        yield FOREVER
    alive = [connection for connection in held if connection.open]
    failed = [connection.why for connection in held if connection.why]
    why = f" ({', '.join(f'{failed.count(reason)} times: {reason}' for reason in dict.fromkeys(failed))})" if failed else ""
    process.say(f"hold: {len(alive)} of {request.many} connections to {place} are open{why}")
    while alive:
        yield FOREVER
        left = [connection for connection in alive if connection.open and not connection.finished]
        if len(left) < len(alive):
            process.say(f"hold: {len(left)} connections to {place} are left")
        alive = left


def _read(shell: Shell, words: list[str], kind: str, usage: str, most: int, usual: int) -> Request:
    host = shell.host
    taken = ("count", "rate", "from") if kind != "hold" else ("count", "rate")
    if len(words) % 2 == 0 or any(word not in taken for word in words[1::2]):
        raise Refused(usage)
    given = dict(zip(words[1::2], words[2::2], strict=True))
    target, port = _place(host, words[0])
    if port is None and kind == "hold":
        raise Refused(usage)
    many = read_number(given.get("count", str(usual)), most, "count")
    rate = read_number(given.get("rate", str(USUAL_RATE)).removesuffix("/s"), MOST_RATE, "rate")
    if not many or not rate:
        raise BadArgument(f"{'count' if not many else 'rate'} must not be 0")
    network = None
    if "from" in given:
        try:
            family, address, length = parse_network(given["from"])
        except ValueError:
            raise BadArgument(f"{given['from'][:60]!r} is no network") from None
        if family != target.family:
            raise BadArgument(f"{given['from']} and {target} are of different families")
        network = address, length
    if host.source_for(target) is None:
        raise Refused("Network is unreachable")
    return Request(kind, target, port or 80, many, SECOND // rate, network)


def _place(host: Host, text: str) -> tuple[Address, int | None]:
    """``HOST[:PORT]``, ``[ADDR]:PORT``."""
    if text.count(":") > 1 and not text.startswith("["):
        return find_host(host, text), None
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return find_host(host, text), None
    return find_host(host, name), read_port(port)


def _run_flood(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if len(words) < 2 or words[0] not in ("syn", "ack", "udp", "icmp"):
        raise Refused(FLOOD_USAGE)
    request = _read(shell, words[1:], words[0], FLOOD_USAGE, MOST_COUNT, USUAL_COUNT)
    if shell.user.uid:
        raise Refused("Operation not permitted (raw packets are root's)")
    shell.host.run(Process(shell.host, "flood", lambda process: Flood(process, request).run(), shell.user))
    where = request.target if request.kind == "icmp" else write_place(request.target, request.port)
    return f"flooding {where} with {request.many} {request.kind} packets"


def _run_hold(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if not words:
        raise Refused(HOLD_USAGE)
    request = _read(shell, words, "hold", HOLD_USAGE, MOST_HELD, USUAL_HELD)
    shell.host.run(Process(shell.host, "hold", lambda process: _hold(process, request), shell.user))
    return f"opening {request.many} connections to {write_place(request.target, request.port)}"


TOOLS = (
    Tool(
        "flood", "flood syn|ack|udp|icmp HOST[:PORT] [count N]", "many packets, if you like from addresses of others", _run_flood,
        ("syn", "ack", "udp", "icmp", "count", "rate", "from"), more=FLOOD_MORE,
    ),
    Tool("hold", "hold HOST:PORT [count N]", "opens many connections and keeps them", _run_hold, ("count", "rate"), more=HOLD_MORE),
)  # fmt: skip
