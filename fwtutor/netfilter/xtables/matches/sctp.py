"""``-m sctp``: the ports of an SCTP packet, and the chunks it carries. ``-p sctp`` loads it.

A packet that ends inside the common header, or whose chunks are asked for and do not hold together (cut short, a length of 0), is
dropped at once; in the legacy variant, if a ``!`` stands before ``--chunk-types``, the rule has counted it by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.matches.headers import Absent, HeaderMatch, transport, word
from fwtutor.netfilter.xtables.matches.ports import Ports, listed_ports, port_range
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import ALL_PORTS, format_range
from fwtutor.netfilter.xtables.wording import Wording

SCTP = 132
COMMON, CHUNK = 12, 4
"""Bytes of the common header and of a chunk's own."""
CHUNKS = {
    0: "DATA", 1: "INIT", 2: "INIT_ACK", 3: "SACK", 4: "HEARTBEAT", 5: "HEARTBEAT_ACK", 6: "ABORT", 7: "SHUTDOWN", 8: "SHUTDOWN_ACK",
    9: "ERROR", 10: "COOKIE_ECHO", 11: "COOKIE_ACK", 12: "ECN_ECNE", 13: "ECN_CWR", 14: "SHUTDOWN_COMPLETE", 64: "I_DATA",
    128: "ASCONF_ACK", 130: "RE_CONFIG", 132: "PAD", 192: "FORWARD_TSN", 193: "ASCONF", 194: "I_FORWARD_TSN",
}  # fmt: skip
NUMBERS = {name: number for number, name in CHUNKS.items()}
_IN_ORDER = (*range(15), 64, 130, 132, 193, 128, 192, 194)
"""The chunks as the tool numbers them when it complains."""
FLAGS = {0: "----IUBE", 6: "-------T", 14: "-------T", 64: "----IUBE"}
"""Of the chunks whose flags have letters, from the highest bit to the lowest."""
UNSHOWN = 64
"""The chunk whose flags the tool takes and does not print, and the kernel does not look at."""
KINDS = ("all", "any", "only")
EVERY = frozenset(range(256))


class Chunks(NamedTuple):
    """What ``--chunk-types`` was given."""

    kind: str
    """all: each of these occurs. any: one of them does. only: no other does."""
    types: frozenset[int]
    flags: tuple[tuple[int, int, int], ...] = ()
    """Of a type the flags that are looked at, and those of them that must be set."""

    def fits(self, type: int, flags: int) -> bool:
        """Whether the flags of a chunk of one of these types are as they should be."""
        return all(flags & mask == wanted for each, mask, wanted in self.flags if each == type != UNSHOWN)


def read_chunks(kind: str, text: str) -> Chunks:
    if kind.lower() not in KINDS:
        raise Unreadable('Match type has to be one of "ALL", "ANY" or "ONLY"')
    if text.upper() in ("ALL", "NONE"):
        return Chunks(kind.lower(), EVERY if text.upper() == "ALL" else frozenset())
    types = set()
    flags: dict[int, tuple[int, int]] = {}
    for piece in filter(None, text.split(",")):
        name, _, letters = piece.partition(":")
        number = NUMBERS.get(name.upper())
        if number is None:
            raise Unreadable(f"Unknown sctp chunk `{name}'", hint=nearest(name, NUMBERS, "chunks"))
        types.add(number)
        mask, wanted = flags.get(number, (0, 0))
        for letter in letters:
            place = FLAGS.get(number, "").find(letter.upper())
            if place < 0 or letter == "-":
                known = FLAGS.get(number, "").replace("-", "") or "none"
                raise Unreadable(f"Invalid flags for chunk type {_IN_ORDER.index(number)}", hint=f"flags: {known}")
            bit = 0x80 >> place
            mask |= bit
            wanted |= bit if letter.isupper() else 0
        if letters:
            flags[number] = mask, wanted
    return Chunks(kind.lower(), frozenset(types), tuple((number, *flags[number]) for number in sorted(flags)))


def _chunk_text(chunks: Chunks, numeric: bool) -> str:
    if chunks.types == EVERY or not chunks.types:
        return "ALL" if chunks.types else "NONE"
    words = []
    for number in sorted(chunks.types):
        said = f"0x{number:04X}" if numeric else CHUNKS[number]
        for each, mask, wanted in chunks.flags:
            if each == number != UNSHOWN:
                letters = ((0x80 >> place, letter) for place, letter in enumerate(FLAGS[number]))
                said += ":" + "".join(letter if wanted & bit else letter.lower() for bit, letter in letters if mask & bit)
        words.append(said)
    return ",".join(words)


def write_chunks(chunks: Chunks) -> str:
    return f"{chunks.kind} {_chunk_text(chunks, False)}"


def chunks_of(packet: Packet) -> Iterator[tuple[int, int] | None]:
    """Type and flags of each chunk, and None at the end if they do not hold together."""
    raw, at = packet.raw, packet.l4 + COMMON
    while True:
        size = int.from_bytes(raw[at + 2 : at + 4], "big")
        if at + CHUNK > len(raw) or not size:
            yield None
            return
        yield raw[at], raw[at + 1]
        at += (size + 3) & ~3
        if at >= len(raw):
            return


def decide(chunks: Chunks, packet: Packet) -> bool | None:
    """Whether the packet's chunks are as demanded; None when it is to be dropped before that is known."""
    missing = set(chunks.types)
    for chunk in chunks_of(packet):
        if chunk is None:
            return None
        fits = chunk[0] in chunks.types and chunks.fits(*chunk)
        if fits and chunks.kind == "any":
            return True
        if not fits and chunks.kind == "only":
            return False
        if fits:
            missing.discard(chunk[0])
    return chunks.kind == "only" or (chunks.kind == "all" and not missing)


def judge_chunks(chunks: Chunks, context: Context) -> tuple[bool, str]:
    found = [chunk for chunk in chunks_of(context.packet) if chunk is not None]
    names = ", ".join(dict.fromkeys(CHUNKS.get(type, str(type)) for type, _ in found))
    return bool(decide(chunks, context.packet)), f"its chunks are {names}" if found else "it has no chunk"


def _ports(field: str, said: str, place: int) -> Option:
    def judge(value: tuple[int, int], context: Context) -> tuple[bool, str]:
        port = word(context.packet, context.packet.l4 + place, 2)
        return value[0] <= port <= value[1], f"the {said} port is {port}"

    return Option(
        field=field, names=(f"{said}-port", field), saved=field, argument="PORT[:PORT]", read=lambda text: port_range(text, "sctp"),
        write=format_range, judge=judge, meaning=f"the {said} port is this one, or in this range",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sctp(HeaderMatch):
    """The ports and chunks of an SCTP packet."""

    name: ClassVar[str] = "sctp"
    protocol: ClassVar[int] = SCTP
    meaning: ClassVar[str] = "the ports and chunks of an SCTP packet (needs -p sctp)"
    words: ClassVar[Wording] = {
        "sport": "from {port}|from any port but {to}",
        "dport": "to {port}|to any port but {to}",
        "chunks": lambda chunks, negated: f"whose chunks are{' not' if negated else ''} {write_chunks(chunks)}",
    }
    options: ClassVar[tuple[Option, ...]] = (
        _ports("sport", "source", 0),
        _ports("dport", "destination", 2),
        Option(field="chunks", names=("chunk-types",), argument="all|any|only CHUNK[:FLAGS][,...]", arguments=2, read=read_chunks,
               write=write_chunks, judge=judge_chunks,
               meaning="it carries all, any or only of these chunks (or ALL or NONE); flags: a capital is set, a small letter not"),
    )  # fmt: skip

    sport: Ports = None
    dport: Ports = None
    chunks: Given[Chunks] | None = None

    @classmethod
    def repeated(cls, option: Option) -> str:
        return f"Only one `--{option.names[0]}' allowed"

    @classmethod
    def lacking(cls, option: Option) -> str:
        return f"--{option.names[0]} requires two args"

    @classmethod
    def absent(cls, packet: Packet) -> Absent | None:
        return transport(packet, COMMON, "SCTP")

    def compile(self) -> Test:
        judged = HeaderMatch.compile(self)
        if self.chunks is None:
            return judged
        ports, (chunks, negated) = HeaderMatch.compile(type(self)(self.sport, self.dport)), self.chunks

        def test(context: Context) -> bool:
            if not ports(context):
                return False
            found = decide(chunks, context.packet)
            if found is None:
                context.hot_drop = True
            return bool(found) != negated

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = HeaderMatch.conditions(self, context)
        if self.chunks is not None and self.absent(context.packet) is None and decide(self.chunks.value, context.packet) is None:
            return (*found[:-1], found[-1]._replace(because="its chunks are cut short: the packet is dropped at once"))
        return found

    def listing(self, numeric: bool) -> str:
        shown = {"sport": self.sport, "dport": self.dport}
        kept = {field: each for field, each in shown.items() if each is not None and each != (ALL_PORTS, False)}
        words = ["sctp", *listed_ports(kept.get("sport"), kept.get("dport"), "sctp", True)]
        if self.chunks is not None:
            chunks, negated = self.chunks
            words.append(f"{'! ' if negated else ''}{chunks.kind} {_chunk_text(chunks, numeric)}")
        return " ".join(words)
