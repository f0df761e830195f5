"""Questions about a run, as data: which packet, and what about it. A lesson writes them as small TOML tables.

An *ask* has one answer in netfilter's words and serves predictions; a *condition* comes true at a record and serves goals and checks:

    { packet = "tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN", what = "ctstate" }               ask
    { packet = "tcp * > 203.0.113.1:443", rule = "INPUT 5", what = "matched" }                ask
    { line = "22/tcp", word = 2, at = "attacker" }                                            ask
    { packet = "tcp 203.0.113.9 > 203.0.113.1:22", by = "learner", verdict = "DROP" }         condition
    { entry = "ESTABLISHED [ASSURED]", packet = "tcp 203.0.113.9 > 203.0.113.1:1337" }        condition
    { connection = "tcp 203.0.113.9 > 203.0.113.1:1337" }                                     condition
    { says = "Login successful", at = "alice" }                                               condition

Nothing is evaluated, and nothing is run: the records are all there is. That a ruleset passes the checks is ``checks``' condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fwtutor.course.facts import entry_words, fact, matched
from fwtutor.course.patterns import COMPARED, Pattern
from fwtutor.late import late_dataclass
from fwtutor.netfilter.packet import ACK, RST, SYN
from fwtutor.netfilter.routing import LOOPBACK
from fwtutor.network.ends import Ends, ends_of
from fwtutor.network.records import CommandRun, Record, Walked

if TYPE_CHECKING:
    from fwtutor.course.model import History
    from fwtutor.netfilter.walk import Walk

BYS = ("anyone", "learner", "script")


@late_dataclass
class Selection:
    """Packets of a run: those that walked through ``host``, match ``pattern``, and were sent by whom and when it says.

    One that the box sent to itself, with the address of another as its source, is none of them: nobody came from there.
    """

    pattern: Pattern
    host: str
    nth: int = 1
    """Which of them, from 1 (asks); conditions look at all from the nth on."""
    by: str = "anyone"
    stage: int = 0
    """From 1; 0 = any."""

    def walks(self, run: History) -> Iterator[tuple[int, Walk]]:
        """(record index, walk) of each, from the nth on, in order."""
        seen = 0
        for index, record in enumerate(run.records):
            if not isinstance(record, Walked) or record.host != self.host or not self.pattern.matches(record.walk.packet):
                continue
            if not chosen(run, record, self.by, self.stage) or _under_a_foreign_name(run, record):
                continue
            seen += 1
            if seen >= self.nth:
                yield index, record.walk

    def first(self, run: History) -> int | None:
        return next((index for index, _ in self.walks(run)), None)


def _under_a_foreign_name(run: History, record: Walked) -> bool:
    """Was a packet sent by the box to itself, with an address that is not its own?"""
    walk = record.walk
    packet = walk.packet
    if walk.in_interface not in (None, LOOPBACK):
        return False
    firewall = run.world.hosts[record.host].firewall
    return firewall.is_local(packet.dst, packet.family) and not firewall.is_local(packet.src, packet.family)


def chosen(run: History, record: Record, by: str, stage: int) -> bool:
    """Did a record happen in that stage (0: any), and because of that person?"""
    return stage in (0, run.stage_of(record.index) + 1) and (by == "anyone" or (by == "learner") == by_learner(run, record))


def origin(run: History, record: Record) -> Record:
    """Where the chain of causes behind a record begins."""
    here = record
    while here.cause >= 0:
        here = run.records[here.cause]
    return here


def by_learner(run: History, record: Record) -> bool:
    """Does the chain of causes behind this record begin with something the learner typed?"""
    first = origin(run, record)
    return isinstance(first, CommandRun) and first.learner


def spoken(run: History, host: str) -> Iterator[tuple[int, str]]:
    """(record index, line) of all that was printed at a host's prompt and on its console, in order."""
    said = [(each.index, each.text) for each in run.world.hosts[host].console if each.index >= 0]
    said += [(record.index, record.output) for record in run.records if isinstance(record, CommandRun) and record.host == host]
    for index, text in sorted(said, key=lambda pair: pair[0]):
        for line in text.split("\n"):
            yield index, line


# --- asks ---------------------------------------------------------------------------------------------------


@late_dataclass
class PacketAsk:
    """An ask: what about the selected packet?"""

    select: Selection
    what: str

    def record(self, run: History) -> int | None:
        return self.select.first(run)

    def answer(self, run: History) -> str | None:
        found = self.select.first(run)
        return None if found is None else fact(run, found, self.what)


@late_dataclass
class MatchesAsk:
    """An ask: how many of the selected packets matched a rule? It falls due before the first of them."""

    select: Selection
    chain: str
    number: int

    def record(self, run: History) -> int | None:
        return self.select.first(run)

    def answer(self, run: History) -> str | None:
        walks = [walk for _, walk in self.select.walks(run)]
        return str(sum(matched(walk, self.chain, self.number) for walk in walks)) if walks else None


@late_dataclass
class WordAsk:
    """An ask: which word stands in the first line that a host's tools print with that beginning?

    It falls due before the first packet of the watched host that has to do with the command that printed it.
    """

    host: str
    watch: str
    beginning: str
    word: int
    """From 1; 0 for the rest of the line behind its beginning."""
    by: str = "anyone"
    stage: int = 0

    def _line(self, run: History) -> tuple[int, str] | None:
        for index, line in spoken(run, self.host):
            if line.strip().startswith(self.beginning) and chosen(run, run.records[index], self.by, self.stage):
                return index, line.strip()
        return None

    def record(self, run: History) -> int | None:
        found = self._line(run)
        if found is None:
            return None
        first = origin(run, run.records[found[0]])
        for record in run.records[first.index : found[0]]:
            if record.host == self.watch and isinstance(record, Walked) and origin(run, record) is first:
                return record.index
        return found[0]

    def answer(self, run: History) -> str | None:
        found = self._line(run)
        if found is None:
            return None
        if not self.word:
            return found[1].removeprefix(self.beginning).strip()
        words = found[1].split()
        return words[self.word - 1] if self.word <= len(words) else ""


# --- conditions ---------------------------------------------------------------------------------------------


@late_dataclass
class PacketSeen:
    """A condition: a selected packet of which all the given facts are so."""

    select: Selection
    facts: tuple[tuple[str, str], ...] = ()

    def met_at(self, run: History) -> int | None:
        return next((i for i, _ in self.select.walks(run) if all(fact(run, i, what) == value for what, value in self.facts)), None)

    def __str__(self) -> str:
        return " ".join([self.select.pattern.text, *(f"({what}: {value})" for what, value in self.facts)])


@late_dataclass
class EntrySeen:
    """A condition: after a selected packet, its entry stands in the table and reads as given."""

    select: Selection
    words: str

    def met_at(self, run: History) -> int | None:
        return next((i for i, walk in self.select.walks(run) if entry_words(walk.tracked) == self.words), None)

    def __str__(self) -> str:
        return f"entry {self.words} of {self.select.pattern.text}"


@late_dataclass
class Connected:
    """A condition: a TCP handshake to this box was completed: SYN in, SYN+ACK out, and the ACK of it delivered.

    Not "the third packet was sent": a firewall that drops it leaves the connection half open, and half open is not in.
    """

    select: Selection

    def met_at(self, run: History) -> int | None:
        back = self.select.pattern.reversed()
        invited: dict[Ends, int] = {}
        arrived: set[Ends] = set()
        inside = dict(self.select.walks(run))
        for index, record in enumerate(run.records):
            if not isinstance(record, Walked) or record.host != self.select.host:
                continue
            packet = record.walk.packet
            flags = packet.flags & COMPARED
            if index in inside and record.walk.to == "local":
                if flags == SYN:
                    arrived.add(ends_of(packet))
                elif flags & (ACK | SYN | RST) == ACK and invited.get(ends_of(packet)) == packet.ack:
                    return index
            elif back.matches(packet) and flags == SYN | ACK and record.walk.verdict == "ACCEPT":
                ends = ends_of(packet).turned
                if ends in arrived:
                    invited[ends] = (packet.seq + 1) & 0xFFFFFFFF
        return None

    def __str__(self) -> str:
        return f"connection {self.select.pattern.text}"


@late_dataclass
class Spoken:
    """A condition: a host's tools or programs print a line with that text in it."""

    host: str
    text: str
    by: str = "anyone"
    stage: int = 0

    def met_at(self, run: History) -> int | None:
        lines = spoken(run, self.host)
        return next((i for i, line in lines if self.text in line and chosen(run, run.records[i], self.by, self.stage)), None)

    def __str__(self) -> str:
        return f'"{self.text}" at {self.host}'
