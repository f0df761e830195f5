"""``ping``: asks for echoes, one a second."""

from __future__ import annotations

from math import sqrt
from struct import pack, unpack_from
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMP, ICMPV6, Packet
from fwtutor.network.ends import Address, source_of
from fwtutor.network.errors import is_icmp, read_error
from fwtutor.network.host import Host
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.sockets import RawSocket
from fwtutor.network.tools.options import find_host, read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool

USUAL_COUNT, MOST_COUNT, MOST_SIZE = 4, 1000, 65507
REQUEST, REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
UNREACHABLE = {
    0: "Destination Net Unreachable", 1: "Destination Host Unreachable", 2: "Destination Protocol Unreachable",
    3: "Destination Port Unreachable", 5: "Source Route Failed", 9: "Destination Net Prohibited", 10: "Destination Host Prohibited",
    13: "Packet filtered",
}  # fmt: skip
UNREACHABLE6 = {
    0: "No route", 1: "Administratively prohibited", 2: "Beyond scope of source address", 3: "Address unreachable", 4: "Port unreachable",
}  # fmt: skip
USAGE = "write ping [-c COUNT] [-s SIZE] [-i SECONDS] [-W SECONDS] [-t TTL] [-M do|dont|want] [-n] [-4|-6] HOST"
MORE = f"""\
    -c N asks N times; {USUAL_COUNT} unless said (a real ping goes on until it is stopped)
    -s BYTES of data (56) · -i SECONDS between two (1) · -W SECONDS that silence is waited for (10) · -t TTL (64)
    -M do: never in fragments, so that a path too narrow answers · dont: fragments allowed on the way · -q only the sum · -n no names"""


class Request(NamedTuple):
    """What is asked for."""

    target: Address
    name: str
    """As it was named."""
    source: Address
    times: int
    size: int
    interval: int
    """ns"""
    linger: int
    """ns that are waited after the last when nothing ever came."""
    ttl: int
    discovery: str
    names: bool
    quiet: bool

    @property
    def length(self) -> int:
        """Of the whole packet, in bytes."""
        return self.size + (28 if self.target.family == 4 else 48)


class Pinging:
    """A running ping."""

    def __init__(self, process: Process, request: Request) -> None:
        self._process, self._request = process, request
        host = self._host = process.host
        self._identity = host.draw("ping", host.lines, *request.target) & 0xFFFF
        self._raw = RawSocket(process, self._is_ours)
        self._sent: dict[int, int] = {}
        self._answered: set[int] = set()
        self._times: list[int] = []
        self._errors = self._duplicates = 0
        self._pipe = 0
        """How many were under way at once."""
        self._began = host.now

    def run(self) -> Program:
        """Until it has sent all, and waited for the answers."""
        request, host = self._request, self._host
        due: int | None = host.now
        until = 0
        while due is not None or (len(self._answered) + self._errors < request.times and host.now < until):
            if due is not None and host.now >= due:
                self._send()
                due = due + request.interval if len(self._sent) < request.times else None
                until = host.now + self._patience()
                continue
            yield Wait(until if due is None else due, "ping's time for the next" if due is not None else "ping has waited long enough")
            for at, packet in self._raw.taken():
                self._hear(at, packet)
            if due is None and self._times:
                until = max(self._sent.values()) + self._patience()
        self._sum_up()

    def _patience(self) -> int:
        return max(2 * max(self._times), self._request.interval) if self._times else self._request.linger

    def _send(self) -> None:
        request, host = self._request, self._host
        number = len(self._sent) + 1
        self._sent[number] = host.now
        mtu = host.stack.path_mtu(request.target)
        if request.discovery == "do" and request.length > mtu:
            self._errors += 1
            self._process.say(f"ping: local error: message too long, mtu{'=' if request.target.family == 4 else ': '}{mtu}")
            return
        (family, src), (_, dst) = request.source, request.target
        clock = host.firewall.box.began + host.now
        data = (pack("<QQ", clock // SECOND, clock % SECOND // 1000) if request.size >= 16 else b"") + bytes(
            byte & 0xFF for byte in range(16 if request.size >= 16 else 0, request.size)
        )
        df = request.discovery == "do" or (request.discovery == "want" and request.length <= mtu)
        raw = craft.icmp(
            src, dst, REQUEST[family], 0, self._identity << 16 | number & 0xFFFF, data, family=family, ttl=request.ttl, df=df,
            id=self._identity + number & 0xFFFF,
        )  # fmt: skip
        self._raw.send(raw)

    # --- what comes back ---------------------------------------------------------------------------------------

    def _is_ours(self, packet: Packet) -> bool:
        if packet.protocol != (ICMP if self._request.target.family == 4 else ICMPV6):
            return False
        if packet.icmp_type == REPLY[packet.family]:
            return packet.icmp_id == self._identity
        error = read_error(packet)
        return error is not None and is_icmp(error.about) and error.about.icmp_id == self._identity

    def _hear(self, at: int, packet: Packet) -> None:
        error = read_error(packet)
        about = packet if error is None else error.about
        number = int(unpack_from("!H", about.raw, about.l4 + 6)[0])
        if number not in self._sent:
            return
        if error is None or packet.family == 4:
            self._pipe = max(self._pipe, len(self._sent) - number + 1)
        if error is not None:
            if number not in self._answered:
                self._error(source_of(packet), number, _words(packet, error.mtu))
            return
        self._host.confirm(self._request.target)
        again = number in self._answered
        self._answered.add(number)
        self._duplicates += again
        took = at - self._sent[number]
        if not again:
            self._times.append(took)
        if self._request.quiet:
            return
        size = packet.length - packet.l4
        timed = f" time={_milliseconds(took)} ms" if self._request.size >= 16 else ""
        place = self._place(source_of(packet))
        self._process.say(f"{size} bytes from {place}: icmp_seq={number} ttl={packet.ttl}{timed}{' (DUP!)' if again else ''}")

    def _error(self, sender: Address, number: int, words: str) -> None:
        self._errors += 1
        if not self._request.quiet:
            self._process.say(f"From {self._place(sender)} icmp_seq={number} {words}")

    def _place(self, address: Address) -> str:
        name = self._host.name_of(address) if self._request.names else ""
        return f"{name} ({address})" if name else str(address)

    def _sum_up(self) -> None:
        sent, came = len(self._sent), len(self._answered)
        extra = f", +{self._duplicates} duplicates" if self._duplicates else ""
        extra += f", +{self._errors} errors" if self._errors else ""
        lost = (sent - came) * 100 // sent
        took = (max(self._sent.values()) - self._began) // 1_000_000
        say = self._process.say
        say("")
        say(f"--- {self._request.name} ping statistics ---")
        say(f"{sent} packets transmitted, {came} received{extra}, {lost}% packet loss, time {took}ms")
        pipe = f"pipe {self._pipe}" if self._pipe > 1 else ""
        if self._times and self._request.size >= 16:
            times = [time / 1e6 for time in self._times]
            mean = sum(times) / len(times)
            deviation = sqrt(max(0.0, sum(time * time for time in times) / len(times) - mean * mean))
            say(f"rtt min/avg/max/mdev = {min(times):.3f}/{mean:.3f}/{max(times):.3f}/{deviation:.3f} ms{', ' if pipe else ''}{pipe}")
        else:
            say(pipe)


def _words(packet: Packet, mtu: int) -> str:
    kind, code = packet.icmp_type, packet.icmp_code
    if packet.family == 6:
        return {
            1: _unreachable6(code),
            2: f"Packet too big: mtu={mtu}",
            3: f"Time exceeded: {'Hop limit' if not code else 'Defragmentation failure'}",
        }.get(kind, f"Parameter problem: code {code}")
    if kind == 3:
        return f"Frag needed and DF set (mtu = {mtu})" if code == 4 else UNREACHABLE.get(code, f"Dest Unreachable, Bad Code: {code}")
    if kind == 11:
        return "Time to live exceeded" if not code else "Frag reassembly time exceeded"
    return f"Bad ICMP type: {kind}" if kind != 12 else "Parameter problem"


def _unreachable6(code: int) -> str:
    return f"Destination unreachable: {UNREACHABLE6.get(code, f'Unknown code {code}')}"


def _milliseconds(took: int) -> str:
    """Three digits that count, as ping writes them."""
    value = took / 1e6
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def _read(host: Host, rest: str) -> Request:
    options = read_options(rest, "nq46", "csiWtM", USAGE)
    if len(options.words) != 1:
        raise Refused("usage error: Destination address required" if not options.words else USAGE)
    family = 6 if "6" in options.given else 4 if "4" in options.given else 0
    target = find_host(host, options.words[0], family)
    discovery = options.given.get("M", "want")
    if discovery not in ("do", "dont", "want"):
        raise Refused(f"invalid -M argument: {discovery[:40]}")
    count = options.number("c", USUAL_COUNT, 1, MOST_COUNT)
    size = options.number("s", 56, 0, MOST_SIZE)
    interval = options.seconds("i", 1, 0.002, 3600)
    linger = options.seconds("W", 10, 0, 3600)
    ttl = options.number("t", 64, 0, 255)
    source = host.source_for(target)
    if source is None:
        raise Refused("connect: Network is unreachable")
    name = options.words[0]
    names = "n" not in options.given and name != str(target)
    return Request(
        target,
        name,
        source,
        count,
        size,
        round(interval * SECOND),
        round(linger * SECOND),
        ttl or 64,
        discovery,
        names,
        "q" in options.given,
    )


def _ping(shell: Shell, rest: str) -> str:
    host = shell.host
    request = _read(host, rest)
    host.run(Process(host, "ping", lambda process: Pinging(process, request).run(), shell.user))
    if request.target.family == 6:
        return f"PING {request.name}({request.target}) {request.size} data bytes"
    return f"PING {request.name} ({request.target}) {request.size}({request.length}) bytes of data."


TOOL = Tool(
    "ping", "ping [-c N] [-s SIZE] [-M do] [-t TTL] HOST", f"asks for echoes, {USUAL_COUNT} of them unless -c says", _ping,
    ("-c", "-s", "-i", "-W", "-t", "-M", "-n", "-q", "-4", "-6"), more=MORE,
)  # fmt: skip
