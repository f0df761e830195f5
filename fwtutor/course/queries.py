"""Questions about a run, as data: which packet, and what about it. A lesson writes them as small TOML tables.

An *ask* has one answer in netfilter's words and serves predictions; a *condition* comes true at a record and serves goals:

    { packet = "tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN", what = "ctstate" }               ask
    { packet = "tcp 203.0.113.9 > 203.0.113.1:22", by = "learner", verdict = "DROP" }         condition
    { entry = "ESTABLISHED [ASSURED]", packet = "tcp 203.0.113.9 > 203.0.113.1:1337" }        condition
    { connection = "tcp 203.0.113.9 > 203.0.113.1:1337" }                                     condition

Nothing is evaluated, and nothing is run: the records are all there is. That a ruleset passes the checks is ``checks``' condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fwtutor.late import late_dataclass
from fwtutor.netfilter.addresses import format_address, parse_address
from fwtutor.netfilter.packet import ACK, FIN, ICMP, PROTOCOL_NAMES, RST, SYN, TCP, UDP, Packet
from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.network.records import CommandRun, Walked

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry
    from fwtutor.netfilter.walk import Walk
    from fwtutor.network.records import Record
    from fwtutor.recording import Run

WHATS = ("ctstate", "verdict", "decided", "to", "entry")
"""What an ask may ask for: see ``fact``."""
BYS = ("anyone", "learner", "script")

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
_FLAGS = {"SYN": SYN, "ACK": ACK, "FIN": FIN, "RST": RST}
_COMPARED = SYN | ACK | FIN | RST


@late_dataclass
class Pattern:
    """Packets of a kind, written as the lab's ``send`` writes one: ``tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN``.

    ``*`` for an address or no port means any; no flags mean any. Flags are compared exactly, but only SYN, ACK, FIN
    and RST: data and PSH make no difference. For icmp the last word is ``echo`` or ``TYPE/CODE``.
    """

    protocol: int
    source: int | None
    sport: int | None
    destination: int | None
    dport: int | None
    flags: int | None
    icmp: tuple[int, int] | None

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Raises ValueError, saying what is wrong."""
        words = text.split()
        if len(words) not in (4, 5) or words[2] != ">":
            raise ValueError(f'"{text}" is not PROTOCOL SOURCE > DESTINATION [FLAGS]')
        if words[0] not in _PROTOCOLS:
            raise ValueError(f'"{words[0]}" is not tcp, udp or icmp')
        protocol = _PROTOCOLS[words[0]]
        source, sport = parse_endpoint(words[1])
        destination, dport = parse_endpoint(words[3])
        flags: int | None = None
        icmp: tuple[int, int] | None = None
        if protocol == ICMP and (sport, dport) != (None, None):
            raise ValueError("icmp has no ports")
        if len(words) == 5:
            if protocol == TCP:
                flags = parse_flags(words[4])
            elif protocol == ICMP:
                icmp = parse_icmp(words[4])
            else:
                raise ValueError("udp has no flags")
        return cls(protocol, source, sport, destination, dport, flags, icmp)

    def matches(self, packet: Packet) -> bool:
        return (
            packet.protocol == self.protocol
            and packet.family == 4
            and self.source in (None, packet.src)
            and self.destination in (None, packet.dst)
            and self.sport in (None, packet.sport)
            and self.dport in (None, packet.dport)
            and (self.flags is None or packet.flags & _COMPARED == self.flags)
            and (self.icmp is None or (packet.icmp_type, packet.icmp_code) == self.icmp)
        )

    def reversed(self) -> Pattern:
        """The other direction, with any flags."""
        return Pattern(self.protocol, self.destination, self.dport, self.source, self.sport, None, None)


def parse_endpoint(text: str) -> tuple[int | None, int | None]:
    """``ADDRESS``, ``ADDRESS:PORT``, ``*`` or ``*:PORT`` as (address, port), None for any. Raises ValueError."""
    host, colon, port = text.partition(":")
    number: int | None = None
    if colon:
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535):
            raise ValueError(f'"{port}" is not a port')
        number = int(port)
    if host == "*":
        return None, number
    try:
        family, address = parse_address(host)
    except ValueError:
        raise ValueError(f'"{host}" is not an address') from None
    if family != 4:
        raise ValueError(f'"{host}" is not an IPv4 address')
    return address, number


def parse_flags(text: str) -> int:
    """``SYN``, ``SYN+ACK`` ... as bits. Raises ValueError."""
    bits = 0
    for name in text.replace(",", "+").split("+"):
        if name not in _FLAGS:
            raise ValueError(f'"{name}" is not SYN, ACK, FIN or RST')
        bits |= _FLAGS[name]
    return bits


def parse_icmp(text: str) -> tuple[int, int]:
    """``echo`` or ``TYPE/CODE``. Raises ValueError."""
    if text == "echo":
        return 8, 0
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts):
        raise ValueError(f'"{text}" is not echo or TYPE/CODE')
    return int(parts[0]), int(parts[1])


@late_dataclass
class Selection:
    """Packets of a run: those that walked through ``host``, match ``pattern``, and were sent by whom and when it says."""

    pattern: Pattern
    host: str
    nth: int = 1
    """Which of them, from 1 (asks); conditions look at all from the nth on."""
    by: str = "anyone"
    stage: int = 0
    """From 1; 0 = any."""

    def walks(self, run: Run) -> Iterator[tuple[int, Walk]]:
        """(record index, walk) of each, from the nth on, in order."""
        seen = 0
        for index, record in enumerate(run.records):
            if not isinstance(record, Walked) or record.host != self.host or not self.pattern.matches(record.walk.packet):
                continue
            if self.stage and run.stage_of(index) != self.stage - 1:
                continue
            if self.by != "anyone" and (self.by == "learner") != by_learner(run, record):
                continue
            seen += 1
            if seen >= self.nth:
                yield index, record.walk

    def first(self, run: Run) -> tuple[int, Walk] | None:
        return next(self.walks(run), None)


def by_learner(run: Run, record: Record) -> bool:
    """Does the chain of causes behind this record begin with something the learner typed?"""
    here: Record = record
    while here.cause >= 0:
        here = run.records[here.cause]
    return isinstance(here, CommandRun) and here.learner


def fact(walk: Walk, what: str) -> str:
    """One thing about a walk, in netfilter's words.

    ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, or "not tracked". verdict: ACCEPT, DROP, REJECT, HELD, DISCARD.
    decided: "INPUT rule 2", "INPUT policy" or "no rule". to: an interface, "local" or "nowhere".
    entry: the packet's entry afterwards, as conntrack -L words it ("SYN_SENT [UNREPLIED]"), or "nothing kept".
    """
    if what == "ctstate":
        return str(walk.states[0][1]) if walk.states else "not tracked"
    if what == "verdict":
        return walk.verdict
    if what == "to":
        return walk.to or "nowhere"
    if what == "entry":
        return entry_words(walk.tracked)
    return decided(walk)


def decided(walk: Walk) -> str:
    """The last rule or policy that had the say: ``"INPUT rule 2"``, ``"INPUT policy"``; ``"no rule"`` when no chain ran."""
    found = "no rule"
    for step in walk.steps:
        if isinstance(step, PolicyApplied):
            found = f"{step.chain} policy"
        elif isinstance(step, RuleTried) and step.matched and step.rule and not step.rule.target.goes_on:
            found = f"{step.chain} rule {step.number}"
    return found


def entry_words(entry: Entry | None) -> str:
    """State and flags as ``conntrack -L`` prints them; an entry that was not kept is ``"nothing kept"``."""
    if entry is None or not entry.confirmed:
        return "nothing kept"
    flags = ("" if entry.seen_reply else "[UNREPLIED]", "[ASSURED]" if entry.assured else "")
    return " ".join(word for word in (entry.state, *flags) if word)


def packet_words(packet: Packet) -> str:
    """A packet in the words of ``send``: ``tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN``."""
    name = PROTOCOL_NAMES.get(packet.protocol, str(packet.protocol))
    source, destination = format_address(packet.family, packet.src), format_address(packet.family, packet.dst)
    if packet.protocol == TCP:
        return f"tcp {source}:{packet.sport} > {destination}:{packet.dport} {'+'.join(packet.flag_names) or 'no flags'}"
    if packet.protocol == UDP:
        return f"udp {source}:{packet.sport} > {destination}:{packet.dport}"
    if packet.protocol == ICMP:
        kind = {(8, 0): "echo request", (0, 0): "echo reply"}.get((packet.icmp_type, packet.icmp_code))
        return f"icmp {source} > {destination} {kind or f'{packet.icmp_type}/{packet.icmp_code}'}"
    return f"{name} {source} > {destination}"


@late_dataclass
class PacketAsk:
    """An ask: what about the selected packet?"""

    select: Selection
    what: str

    def record(self, run: Run) -> int | None:
        found = self.select.first(run)
        return found[0] if found else None

    def answer(self, run: Run) -> str | None:
        found = self.select.first(run)
        return fact(found[1], self.what) if found else None


@late_dataclass
class PacketSeen:
    """A condition: a selected packet of which all the given facts are so."""

    select: Selection
    facts: tuple[tuple[str, str], ...] = ()

    def met_at(self, run: Run) -> int | None:
        return next((i for i, walk in self.select.walks(run) if all(fact(walk, what) == value for what, value in self.facts)), None)


@late_dataclass
class EntrySeen:
    """A condition: after a selected packet, its entry stands in the table and reads as given."""

    select: Selection
    words: str

    def met_at(self, run: Run) -> int | None:
        return next((i for i, walk in self.select.walks(run) if entry_words(walk.tracked) == self.words), None)


@late_dataclass
class Connected:
    """A condition: a TCP handshake to this box was completed: SYN in, SYN+ACK out, and the ACK of it delivered.

    Not "the third packet was sent": a firewall that drops it leaves the connection half open, and half open is not in.
    """

    select: Selection

    def met_at(self, run: Run) -> int | None:
        back = self.select.pattern.reversed()
        invited: dict[tuple[int, int, int, int], int] = {}
        arrived: set[tuple[int, int, int, int]] = set()
        inside = dict(self.select.walks(run))
        for index, record in enumerate(run.records):
            if not isinstance(record, Walked) or record.host != self.select.host:
                continue
            packet = record.walk.packet
            flags = packet.flags & _COMPARED
            if index in inside and record.walk.to == "local":
                peers = (packet.src, packet.sport, packet.dst, packet.dport)
                if flags == SYN:
                    arrived.add(peers)
                elif flags & (ACK | SYN | RST) == ACK and invited.get(peers) == packet.ack:
                    return index
            elif back.matches(packet) and flags == SYN | ACK and record.walk.verdict == "ACCEPT":
                peers = (packet.dst, packet.dport, packet.src, packet.sport)
                if peers in arrived:
                    invited[peers] = (packet.seq + 1) & 0xFFFFFFFF
        return None
