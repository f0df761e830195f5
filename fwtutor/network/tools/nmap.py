"""``nmap``: asks about ports, and words what came back. The kinds of scan are ``scans``'; its command line is ``scanline``'s, what it
says ``scanreport``'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from datetime import UTC, datetime

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, ICMP, SYN, TCP, UDP, Packet
from fwtutor.network.arguments import split_words
from fwtutor.network.ends import Address, source_of
from fwtutor.network.errors import is_icmp
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.sockets import Connection, RawSocket
from fwtutor.network.tools.scanline import MOST_RETRIES, Request, read_request
from fwtutor.network.tools.scanreport import report
from fwtutor.network.tools.scans import CONNECTING, FILTERED, OPEN, SCANS, Scan, Word, asked_about, in_fragments, judge, probe
from fwtutor.network.tools.shell import Shell, Tool

TIMEOUT = SECOND
"""How long a probe's answer is waited for."""
FIRST_WINDOW = 10
"""Probes without an answer that may be out at first; each answer makes room for another."""
MORE = """\
    -sS a SYN each (the usual one, of root) · -sT connect(2) · -sA ACK · -sF FIN · -sN no flag · -sX FIN+PSH+URG · -sM FIN+ACK · -sU UDP
    -p 22,80,1000-1100 · -p- would be all, which are too many here; without -p: ports that have a name
    -Pn does not ask whether the host is up · -n no names · --reason what came back · --open only what is open
    -g PORT from that port · -f in fragments of 8 bytes, -f -f of 16 · -D ADDR,ME,ADDR decoys' packets too · -S ADDR another's address
    --max-retries N (1 unless said) · -r and -T0 to -T5 change nothing here: ports are asked in order"""
Swept = Generator[Wait, bool, dict[int, Word]]


class Probes:
    """Raw probes to the ports of one target, by one kind of scan."""

    patience = TIMEOUT

    def __init__(self, process: Process, request: Request, scan: Scan, target: Address) -> None:
        self._host = process.host
        self._request, self._scan, self._target = request, scan, target
        own = process.host.source_for(target)
        assert own is not None
        self._sources = [source or own for source in request.sources]
        self._own = self._sources[0] if request.sources[0] is not None and len(request.sources) == 1 else own
        draw = process.host.draw
        self._number = draw("nmap", scan.name, process.host.lines, *target)
        self._port = request.port or 33000 + draw("nmap port", scan.name, process.host.lines, *target) % 31000
        self._raw = RawSocket(process, lambda packet: asked_about(scan, packet, target, self._own, self._port) is not None)
        self._sent: dict[int, int] = {}
        self.latency: int | None = None
        """ns, of the last answer."""

    def send(self, port: int, attempt: int) -> None:
        """Asks about a port."""
        self._sent[port] = self._host.now
        for source in self._sources:
            lot = self._host.draw("nmap packet", self._number, port, attempt, *source)
            # In the numbers is written which attempt it is.
            number = self._number ^ attempt * 2 * 0x10001
            raw = probe(self._scan, source, self._port, self._target, port, number, 37 + lot % 23, lot >> 8 & 0xFFFF)
            size = self._request.fragments
            for piece in in_fragments(raw, size) if size else [raw]:
                self._raw.send(piece, tell=True)

    def answers(self) -> Iterable[tuple[int, Word]]:
        """What came since it was last asked for."""
        for at, packet in self._raw.taken():
            port = asked_about(self._scan, packet, self._target, self._own, self._port)
            word = judge(self._scan, packet, self._target)
            if port in self._sent and word is not None:
                self.latency = at - self._sent[port]
                yield port, word

    def give_up(self, port: int) -> None:
        """Its time is over."""


class Connecting:
    """Connections to the ports of one target."""

    patience = TIMEOUT * 99 // 100
    """Given up before the kernel sends its SYN again."""

    def __init__(self, process: Process, target: Address) -> None:
        self._process, self._target = process, target
        self._tried: dict[int, tuple[int, Connection]] = {}
        self.latency: int | None = None

    def send(self, port: int, attempt: int) -> None:
        """Begins to open one."""
        connection = Connection(self._process)
        self._tried[port] = self._process.host.now, connection
        try:
            connection.begin(self._target, port)
        except OSError as error:
            connection.why = str(error)

    def answers(self) -> Iterable[tuple[int, Word]]:
        """Those that are open, or failed; the open ones are reset."""
        for port, (at, connection) in list(self._tried.items()):
            if not connection.open and connection.why is None:
                continue
            del self._tried[port]
            self.latency = self._process.host.now - at
            if connection.why is None:
                connection.abort()
                yield port, Word(OPEN, "syn-ack")
            elif connection.why in CONNECTING:
                yield port, Word(*CONNECTING[connection.why])
            else:
                yield port, Word(FILTERED, "no-response")

    def give_up(self, port: int) -> None:
        """Its time is over."""
        self._tried.pop(port)[1].abort()


def _sweep(process: Process, scan: Scan, ports: list[int], retries: int | None, asking: Probes | Connecting) -> Swept:
    """Asks about all ports, with some patience for those that are silent."""
    host = process.host
    most = 1 if retries is None else retries
    waiting = deque((port, 0) for port in ports)
    out: dict[int, tuple[int, int]] = {}
    """Port -> (until when its answer is waited for, how often it was asked about before), in order of time."""
    found: dict[int, Word] = {}
    window, pause, next_at = FIRST_WINDOW, 0, 0
    while waiting or out:
        while waiting and len(out) < window and host.now >= next_at:
            port, attempt = waiting.popleft()
            if port not in found:
                asking.send(port, attempt)
                out[port] = host.now + asking.patience, attempt
                next_at = host.now + pause
        until = [next(iter(out.values()))[0]] if out else []
        if waiting and len(out) < window:
            until.append(next_at)
        if until:
            yield Wait(min(until), f"nmap has waited long enough for {'answers' if len(out) > 1 else 'an answer'}")
        for port, word in asking.answers():
            found[port] = word
            window += 1
            _, attempt = out.pop(port, (0, 0))
            if attempt and scan.protocol == UDP and retries is None:
                # Answered, but not at once: the host rations its errors. Slower, then, and with more patience.
                pause, most = SECOND, MOST_RETRIES
        # Of several the last is asked about again first.
        for port, (_, attempt) in reversed([each for each in out.items() if each[1][0] <= host.now]):
            del out[port]
            asking.give_up(port)
            if attempt < most:
                waiting.append((port, attempt + 1))
            else:
                found[port] = Word(scan.silence, "no-response")
    return found


def _is_up(process: Process, target: Address) -> Generator[Wait, bool, str]:
    """Why the target counts as up; "": it does not. A neighbour is found by its link; others are sent what most hosts answer."""
    host = process.host
    if host.is_local(target):
        return "localhost-response"
    near = host.neighbour(target)
    if near is not None:
        return ("arp-response" if target.family == 4 else "nd-response") if near else ""
    own = host.source_for(target)
    assert own is not None
    raw = RawSocket(process, lambda packet: source_of(packet) == target and (is_icmp(packet) or packet.protocol == TCP))
    (family, src), (_, dst) = own, target
    for attempt in range(2):
        number = host.draw("nmap ping", host.lines, attempt, *target)
        port = 33000 + number % 31000
        raw.send(craft.icmp(src, dst, 8 if family == 4 else 128, 0, number & 0xFFFF0000, family=family, df=False), tell=True)
        for flags, there in ((SYN, 443), (ACK, 80)):
            scan = Scan("", flags, "")
            raw.send(probe(scan, own, port, target, there, number, 37 + number % 23, number >> 16), tell=True)
        if family == 4:
            raw.send(craft.icmp(src, dst, 13, 0, number & 0xFFFF0000, bytes(12), df=False), tell=True)
        until = host.now + TIMEOUT
        while (came := (yield from raw.receive(Wait(until, f"nmap has waited long enough for {target}")))) is not None:
            reason = _sign_of_life(came[1])
            if reason:
                return f"{reason} ttl {came[1].ttl}"
    return ""


def _sign_of_life(packet: Packet) -> str:
    if packet.protocol == TCP:
        return "syn-ack" if packet.flags & SYN else "reset"
    names = {0: "echo-reply", 14: "timestamp-reply"} if packet.protocol == ICMP else {129: "echo-reply"}
    return names.get(packet.icmp_type, "")


def _run(process: Process, request: Request) -> Program:
    began, up = process.host.now, 0
    for target in request.targets:
        why = (yield from _is_up(process, target)) if request.ping else "user-set"
        if not why:
            continue
        up += 1
        words: list[tuple[int, int, Word]] = []
        latency = None
        for scan in request.scans:
            asking = Connecting(process, target) if scan.name == "connect" else Probes(process, request, scan, target)
            found = yield from _sweep(process, scan, request.ports[scan.protocol], request.retries, asking)
            latency = asking.latency if latency is None else latency
            words += [(scan.protocol, port, word) for port, word in sorted(found.items())]
        report(process.say, process.host, request, target, why, latency, words)
    many = len(request.targets)
    if many == 1 and not up:
        process.say("Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn")
    hosts = f"{many} IP address{'es' if many > 1 else ''} ({up} host{'' if up == 1 else 's'} up)"
    process.say(f"Nmap done: {hosts} scanned in {(process.host.now - began) / SECOND:.2f} seconds")


def _nmap(shell: Shell, rest: str) -> str:
    request = read_request(shell, split_words(rest))
    host = shell.host
    now = datetime.fromtimestamp((host.firewall.box.began + host.now) // SECOND, UTC)
    host.run(Process(host, "nmap", lambda process: _run(process, request), shell.user))
    return f"Starting Nmap at {now:%Y-%m-%d %H:%M} UTC"


TOOL = Tool(
    "nmap", "nmap [-sS|-sT|-sA|-sF|-sN|-sX|-sM|-sU] TARGET...", "scans ports: which are open, closed, filtered", _nmap,
    (*(f"-s{letter}" for letter in SCANS), "-p", "-Pn", "-n", "-g", "-f", "-D", "-S", "--reason", "--open", "--max-retries"), more=MORE,
)  # fmt: skip
