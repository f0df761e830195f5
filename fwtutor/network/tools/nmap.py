"""``nmap``: asks about ports, and words what came back. The kinds of scan are ``scans``'."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, ICMP, SYN, TCP, UDP, Packet
from fwtutor.netfilter.xtables.names import named_ports, service_name, service_port
from fwtutor.network.arguments import BadArgument, read_address, read_port, split_words
from fwtutor.network.ends import Address, source_of
from fwtutor.network.errors import is_icmp
from fwtutor.network.host import Host
from fwtutor.network.process import Connection, Process, Program, RawSocket, Wait
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.scans import CONNECTING, FILTERED, OPEN, SCANS, Scan, Word, asked_about, in_fragments, judge, probe
from fwtutor.network.tools.shell import Refused, Shell, Tool

MOST_PORTS, MOST_TARGETS, MOST_RETRIES = 2000, 64, 10
TIMEOUT = SECOND
"""How long a probe's answer is waited for."""
FIRST_WINDOW = 10
"""Probes without an answer that may be out at first; each answer makes room for another."""
MOST_SHOWN = 25
"""Ports of a state that are listed; of more only the number is told (but of open ones)."""
USAGE = "write nmap [-sS|-sT|-sA|-sF|-sN|-sX|-sM] [-sU] [-p PORTS] TARGET..."
MORE = """\
    -sS a SYN each (the usual one, of root) · -sT connect(2) · -sA ACK · -sF FIN · -sN no flag · -sX FIN+PSH+URG · -sM FIN+ACK · -sU UDP
    -p 22,80,1000-1100 · -p- would be all, which are too many here; without -p: ports that have a name
    -Pn does not ask whether the host is up · -n no names · --reason what came back · --open only what is open
    -g PORT from that port · -f in fragments of 8 bytes, -f -f of 16 · -D ADDR,ME,ADDR decoys' packets too · -S ADDR another's address
    --max-retries N (1 unless said) · -r and -T0 to -T5 change nothing here: ports are asked in order"""
Swept = Generator[Wait, bool, dict[int, Word]]


class Request(NamedTuple):
    """What is to be scanned, and how."""

    scans: tuple[Scan, ...]
    targets: tuple[Address, ...]
    names: dict[Address, str]
    """How a target was named, if it was not by its address."""
    ports: dict[int, list[int]]
    """By protocol."""
    port: int | None = None
    sources: tuple[Address | None, ...] = (None,)
    """Whose address the probes come from; None is the host's own."""
    fragments: int = 0
    """Bytes of each; 0: whole packets."""
    ping: bool = True
    names_wanted: bool = True
    reasons: bool = False
    only_open: bool = False
    retries: int | None = None


# --- reading the line ------------------------------------------------------------------------------------------


def read_request(shell: Shell, words: list[str]) -> Request:
    """What a command line asks for. Raises Refused or BadArgument."""
    letters: list[str] = []
    texts: list[str] = []
    ports = ""
    fragments = family = 0
    request = Request((), (), {}, {})
    left = list(words)
    while left:
        word = left.pop(0)
        if word[:1] != "-":
            texts.append(word)
        elif word.startswith("-s") and len(word) > 2:
            letters += word[2:]
        elif word == "-f":
            fragments += 8
        elif word == "-6":
            family = 6
        elif word == "-Pn":
            request = request._replace(ping=False)
        elif word == "-n":
            request = request._replace(names_wanted=False)
        elif word == "--reason":
            request = request._replace(reasons=True)
        elif word == "--open":
            request = request._replace(only_open=True)
        elif word == "-r" or (word[:2] == "-T" and word[2:] in tuple("012345")):
            continue
        else:
            name = next((name for name in ("-p", "-g", "--source-port", "-D", "-S", "-e", "--max-retries") if word.startswith(name)), None)
            if name is None:
                raise Refused(f"fwtutor's nmap has no {word[:40]}; help nmap lists what it has")
            value = word[len(name) :].removeprefix("=") if len(word) > len(name) else left.pop(0) if left else ""
            if not value:
                raise Refused(f"option requires an argument -- '{name.lstrip('-')}'")
            if name == "-p":
                ports = value
            elif name in ("-g", "--source-port"):
                request = request._replace(port=read_port(value))
            elif name == "--max-retries":
                if not value.isdecimal() or not value.isascii() or len(value) > 2 or int(value) > MOST_RETRIES:
                    raise Refused(f"--max-retries {value[:40]!r} is no number from 0 to {MOST_RETRIES}")
                request = request._replace(retries=int(value))
            elif name == "-D":
                request = request._replace(sources=tuple(None if each == "ME" else read_address(each) for each in value.split(",")))
                if None not in request.sources:
                    request = request._replace(sources=(*request.sources, None))
            elif name == "-S":
                request = request._replace(sources=(read_address(value),))
    scans = _read_scans(shell, letters)
    if not texts:
        raise Refused(USAGE)
    if fragments and family == 6:
        raise Refused("fwtutor's nmap cuts IPv4 packets only (-f)")
    targets = tuple(dict.fromkeys(_find(shell.host, text, family) for text in texts))
    if len(targets) > MOST_TARGETS:
        raise Refused(f"{len(targets)} targets are more than {MOST_TARGETS}")
    for source in request.sources:
        if source is not None and source.family != targets[0].family:
            raise Refused(f"{source} is an IPv{source.family} address and {targets[0]} an IPv{targets[0].family} one")
    named = {_find(shell.host, text, family): text for text in texts if not _is_address(text)}
    wanted = {scan.protocol: _read_ports(ports, scan.protocol) for scan in scans}
    if request.port and any(scan.name == "connect" for scan in scans):
        raise Refused("-g does not go with -sT: connect(2) chooses the port; take a raw scan such as -sS")
    return request._replace(scans=scans, targets=targets, names=named, ports=wanted, fragments=fragments)


def _read_scans(shell: Shell, letters: list[str]) -> tuple[Scan, ...]:
    root = shell.user.uid == 0
    for letter in letters:
        if letter not in SCANS:
            raise Refused(f"fwtutor's nmap has no -s{letter}; it has {', '.join(f'-s{known}' for known in SCANS)}")
        if not root and letter != "T":
            raise Refused("You requested a scan type which requires root privileges.\nQUITTING!")
    scans = tuple(dict.fromkeys(SCANS[letter] for letter in letters)) or (SCANS["S" if root else "T"],)
    if sum(scan.protocol == TCP for scan in scans) > 1:
        raise Refused(
            "You specified more than one type of TCP scan. Please choose only one of -sA, -sT, -sF, -sM, -sN, -sS and -sX\nQUITTING!"
        )
    return scans


def _find(host: Host, text: str, family: int) -> Address:
    if "/" in text:
        raise Refused(f"fwtutor's nmap takes hosts, no networks: {text[:40]!r}")
    try:
        address = find_host(host, text, family)
    except Refused:
        raise Refused(f'Failed to resolve "{text[:80]}".') from None
    if host.source_for(address) is None:
        raise Refused(f"failed to determine route to {address}")
    return address


def _is_address(text: str) -> bool:
    try:
        read_address(text)
    except BadArgument:
        return False
    return True


def _read_ports(text: str, protocol: int) -> list[int]:
    """``22,80-90,http,U:53``. Raises Refused."""
    name = "udp" if protocol == UDP else "tcp"
    if not text:
        return named_ports(name)
    found: set[int] = set()
    kind = ""
    for part in text.split(","):
        if part[1:2] == ":" and part[0] in "TU":
            kind, part = part[0], part[2:]
        if kind and kind != name[0].upper():
            continue
        first, dash, last = part.partition("-")
        if not dash and part and not part.isdecimal():
            port = service_port(part, name)
            if port is None:
                raise Refused(f"Found no matches for the service mask '{part[:40]}' and your specified protocols\nQUITTING!")
            found.add(port)
            continue
        ends = first or "1", (last or "65535") if dash else first
        if not all(end.isascii() and end.isdecimal() and len(end) < 7 and int(end) < 65536 for end in ends):
            raise Refused("Ports specified must be between 0 and 65535 inclusive\nQUITTING!")
        if int(ends[0]) > int(ends[1]):
            raise Refused(f"Your port range {part} is backwards. Did you mean {ends[1]}-{ends[0]}?\nQUITTING!")
        if int(ends[1]) - int(ends[0]) >= MOST_PORTS:
            raise Refused(f"fwtutor's nmap asks about {MOST_PORTS} ports at most; {part} are {int(ends[1]) - int(ends[0]) + 1}")
        found.update(range(int(ends[0]), int(ends[1]) + 1))
    if len(found) > MOST_PORTS:
        raise Refused(f"fwtutor's nmap asks about {MOST_PORTS} ports at most; these are {len(found)}")
    return sorted(found)


# --- asking ------------------------------------------------------------------------------------------------------


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


# --- telling -----------------------------------------------------------------------------------------------------


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
        _report(process.say, process.host, request, target, why, latency, words)
    many = len(request.targets)
    if many == 1 and not up:
        process.say("Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn")
    hosts = f"{many} IP address{'es' if many > 1 else ''} ({up} host{'' if up == 1 else 's'} up)"
    process.say(f"Nmap done: {hosts} scanned in {(process.host.now - began) / SECOND:.2f} seconds")


def _report(
    say: Callable[[str], None],
    host: Host,
    request: Request,
    target: Address,
    why: str,
    latency: int | None,
    words: list[tuple[int, int, Word]],
) -> None:
    name = request.names.get(target) or (host.name_of(target) if request.names_wanted else "")
    shown_name = f"{name} ({target})" if name else str(target)
    say(f"Nmap scan report for {shown_name}")
    reason = f", received {why}" if request.reasons else ""
    say(f"Host is up{reason}{'' if latency is None else f' ({_two_digits(latency / SECOND)}s latency)'}.")
    groups: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    for protocol, _, word in words:
        counts[word.state] = counts.get(word.state, 0) + 1
        key = word.state, protocol, word.reason
        groups[key] = groups.get(key, 0) + 1
    hidden = {state for state, count in counts.items() if state != OPEN and (count > MOST_SHOWN or request.only_open)}
    listed = [(protocol, port, word) for protocol, port, word in words if word.state not in hidden]
    if not listed:
        say(f"All {len(words)} scanned ports on {shown_name} are in ignored states.")
    folded = [
        f"{count} {state} {'udp' if protocol == UDP else 'tcp'} ports ({reason})"
        for (state, protocol, reason), count in sorted(groups.items(), key=lambda group: -group[1])
        if state in hidden
    ]
    say(f"Not shown: {', '.join(folded)}" if folded else "")
    if listed:
        rows = [("PORT", "STATE", "SERVICE", *(["REASON"] if request.reasons else []))]
        for protocol, port, word in listed:
            kind = "udp" if protocol == UDP else "tcp"
            service = service_name(port, kind)
            known = "unknown" if service == str(port) else service
            rows.append((f"{port}/{kind}", word.state, known, *([word.why] if request.reasons else [])))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            say(" ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    say("")


def _two_digits(seconds: float) -> str:
    """``0.041``, ``0.0000090``: two digits that count."""
    digits, exponent = f"{seconds:.1e}".split("e")
    places = max(0, 1 - int(exponent))
    return f"{float(digits) * 10 ** int(exponent):.{places}f}"


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
