"""``traceroute``: who is on the way, from the errors of those at whom the time to live ran out."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMP, ICMPV6, SYN, TCP, UDP, Packet
from fwtutor.network.ends import Address, source_of
from fwtutor.network.errors import is_icmp, read_error
from fwtutor.network.host import Host
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.segments import MSS
from fwtutor.network.sockets import RawSocket
from fwtutor.network.tools.options import find_host, read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool

FIRST_PORT = 33434
MOST_HOPS, QUERIES, AT_ONCE, PATIENCE = 30, 3, 16, 5.0
HERE, NEAR = 3, 10
"""How many times as long as an answer from the same hop, and as one from a later hop, a probe is waited for."""
LEAST_PATIENCE = SECOND // 100
MARKS = {
    4: {0: "!N", 1: "!H", 2: "!P", 3: "", 5: "!S", 9: "!X", 10: "!X", 13: "!X"},
    6: {0: "!N", 1: "!X", 2: "!S", 3: "!H", 4: ""},
}
"""What is written behind the time when an unreachable came, by its code."""
SYN_WINDOW, SCALE = 5840, b"\x01\x01\x04\x02\x01\x03\x03\x02"
PATTERN = bytes(range(0x40, 0x80))
USAGE = "write traceroute [-I|-T] [-n] [-m HOPS] [-q QUERIES] [-w SECONDS] [-p PORT] [-N AT-ONCE] [-4|-6] HOST"
MORE = f"""\
    UDP to ports from {FIRST_PORT} on, another for each probe; -I asks for echoes instead, -T sends SYNs (to port 80, or -p)
    -m HOPS at most ({MOST_HOPS}) · -q probes a hop ({QUERIES}) · -w SECONDS of patience ({PATIENCE:g}) · -N probes out at once ({AT_ONCE})
    * nothing came · !N !H !P network, host, protocol unreachable · !X refused by a rule · !F-1400 too long for a link of 1400 bytes"""


class Request(NamedTuple):
    """What is asked for."""

    target: Address
    name: str
    source: Address
    protocol: int
    port: int
    hops: int
    queries: int
    at_once: int
    patience: int
    """ns"""
    names: bool


class Probe:
    """One packet sent, and what came of it."""

    def __init__(self, hop: int, sent: int) -> None:
        self.hop, self.sent = hop, sent
        self.done = False
        self.took = 0
        """ns until the answer."""
        self.by: Address | None = None
        """Who answered; None: nobody."""
        self.mark = ""


class Tracing:
    """A running traceroute."""

    def __init__(self, process: Process, request: Request) -> None:
        self._process, self._request = process, request
        host = self._host = process.host
        self._drawn = host.draw("traceroute", host.lines, *request.target)
        self._raw = RawSocket(process, lambda packet: self._number(packet) is not None)
        self._probes: list[Probe] = []
        self._last = request.hops
        """The hop that is the last, as far as is known."""
        self._told = 0
        self._refused = False

    def run(self) -> Program:
        """Until the target has answered, or the hops are over."""
        request, host = self._request, self._host
        while self._told < self._last and not self._refused:
            out = [probe for probe in self._probes if not probe.done]
            while len(out) < request.at_once and len(self._probes) < self._last * request.queries:
                out.append(self._send())
            yield Wait(min(map(self._until, out)), "traceroute has waited long enough for an answer")
            for at, packet in self._raw.taken():
                self._hear(at, packet)
            for probe in self._probes:
                probe.done = probe.done or self._until(probe) <= host.now
            self._tell()
        if self._refused:
            self._process.say("send: Operation not permitted")

    def _until(self, probe: Probe) -> int:
        """When an answer to it is no longer waited for."""
        patience = self._request.patience
        here = [other.took for other in self._probes if other.by is not None and other.hop == probe.hop]
        later = [other.took for other in self._probes if other.by is not None and other.hop > probe.hop]
        if here or later:
            patience = min(patience, max(here[-1] * HERE if here else later[0] * NEAR, LEAST_PATIENCE))
        return probe.sent + patience

    def _send(self) -> Probe:
        request, number = self._request, len(self._probes)
        probe = Probe(number // request.queries + 1, self._host.now)
        self._probes.append(probe)
        (family, src), (_, dst) = request.source, request.target
        identity = self._drawn + number & 0xFFFF
        port = self._port(number)
        if request.protocol == UDP:
            data = PATTERN[:32]
            raw = craft.udp(src, dst, port, request.port + number & 0xFFFF, data, family=family, ttl=probe.hop, id=identity, df=False)
        elif request.protocol == TCP:
            options = b"\2\4" + MSS[family].to_bytes(2, "big") + SCALE
            raw = craft.tcp(
                src, dst, port, request.port, SYN, self._host.draw("isn", self._drawn, number), 0, SYN_WINDOW, b"", options,
                family=family, ttl=probe.hop, id=identity, df=False,
            )  # fmt: skip
        else:
            kind, rest = 8 if family == 4 else 128, (self._drawn & 0xFFFF) << 16 | number + 1
            raw = craft.icmp(src, dst, kind, 0, rest, PATTERN[8:40], family=family, ttl=probe.hop, id=identity, df=False)
        self._raw.send(raw, tell=self._refuse)
        return probe

    def _port(self, number: int) -> int:
        """Every probe has a source port of its own."""
        return 32768 + (self._drawn + number * 97) % 28232

    def _refuse(self) -> None:
        self._refused = True
        self._process.wake()

    # --- what comes back ---------------------------------------------------------------------------------------

    def _number(self, packet: Packet) -> int | None:
        """Which probe it answers; None: none."""
        request = self._request
        error = read_error(packet)
        about = packet if error is None else error.about
        if error is None and source_of(packet) != request.target:
            return None
        if error is not None and about.dst != request.target.value:
            return None
        mine, theirs = (about.dport, about.sport) if error is None else (about.sport, about.dport)
        if request.protocol in (UDP, TCP):
            if about.protocol != request.protocol:
                return None
            number = theirs - request.port if request.protocol == UDP else None
            wanted = range(len(self._probes)) if number is None else [number] if 0 <= number < len(self._probes) else []
            return next((number for number in wanted if self._port(number) == mine), None)
        if not is_icmp(about) or about.icmp_id != self._drawn & 0xFFFF:
            return None
        if error is None and packet.icmp_type not in (0, 129):
            return None
        number = int(unpack_from("!H", about.raw, about.l4 + 6)[0]) - 1
        return number if 0 <= number < len(self._probes) else None

    def _hear(self, at: int, packet: Packet) -> None:
        number = self._number(packet)
        if number is None or self._probes[number].done:
            return
        probe = self._probes[number]
        probe.done, probe.by, probe.took = True, source_of(packet), at - probe.sent
        error = read_error(packet)
        if error is not None:
            family, code = packet.family, packet.icmp_code
            if packet.icmp_type == (11 if family == 4 else 3):
                return
            marked = MARKS[family].get(code, f"!<{code}>")
            probe.mark = f"!F-{error.mtu}" if error.too_big else marked
        self._last = min(self._last, probe.hop)

    def _tell(self) -> None:
        """The hops of which all is known."""
        queries = self._request.queries
        while self._told < self._last:
            probes = self._probes[self._told * queries : (self._told + 1) * queries]
            if len(probes) < queries or not all(probe.done for probe in probes):
                return
            self._told += 1
            text, before = f"{self._told:2} ", None
            for probe in probes:
                if probe.by is None:
                    text += " *"
                    continue
                if probe.by != before:
                    text += f" {self._place(probe.by)}"
                before = probe.by
                text += f"  {probe.took / 1e6:.3f} ms{f' {probe.mark}' if probe.mark else ''}"
            self._process.say(text)

    def _place(self, address: Address) -> str:
        return f"{self._host.name_of(address) or address} ({address})" if self._request.names else str(address)


def _read(host: Host, rest: str) -> Request:
    options = read_options(rest, "ITn46", "mqwpN", USAGE)
    if len(options.words) != 1:
        raise Refused(USAGE)
    family = 6 if "6" in options.given else 4 if "4" in options.given else 0
    target = find_host(host, options.words[0], family)
    protocol = (ICMP if target.family == 4 else ICMPV6) if "I" in options.given else TCP if "T" in options.given else UDP
    source = host.source_for(target)
    if source is None:
        raise Refused("connect: Network is unreachable")
    return Request(
        target,
        options.words[0],
        source,
        protocol,
        options.number("p", 80 if protocol == TCP else FIRST_PORT, 1, 65535),
        options.number("m", MOST_HOPS, 1, 255),
        options.number("q", QUERIES, 1, 10),
        options.number("N", AT_ONCE, 1, 64),
        round(options.seconds("w", PATIENCE, 0.01, 3600) * SECOND),
        "n" not in options.given,
    )


def _traceroute(shell: Shell, rest: str) -> str:
    host = shell.host
    request = _read(host, rest)
    run: Callable[[Process], Program] = lambda process: Tracing(process, request).run()  # noqa: E731
    host.run(Process(host, "traceroute", run, shell.user))
    length = (40 if request.target.family == 6 else 20) + (32 if request.protocol == TCP else 40)
    return f"traceroute to {request.name} ({request.target}), {request.hops} hops max, {length} byte packets"


TOOL = Tool(
    "traceroute", "traceroute [-I|-T] [-n] HOST", "who is on the way there", _traceroute,
    ("-I", "-T", "-n", "-m", "-q", "-w", "-p", "-N", "-4", "-6"), more=MORE,
)  # fmt: skip
