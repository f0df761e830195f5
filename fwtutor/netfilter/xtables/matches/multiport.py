"""``-m multiport``: up to 15 ports and ranges of ports in one rule (a range counts twice). Needs ``-p`` with a protocol that has ports.

``--sports`` looks at the source port, ``--dports`` at the destination port, ``--ports`` at both: one that fits will do. It reads
only the first four bytes behind the IP header, so a TCP or UDP header that is cut short behind its ports matches here, where
``-m tcp`` would drop the packet. A packet that ends before them is dropped at once, without any counter.

``--dport`` is understood as ``--dports`` as long as nothing else on the line has an option of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.packet import TCP, UDP, Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.names import service_name
from fwtutor.netfilter.xtables.options import Demanded, Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.values import format_range, service
from fwtutor.netfilter.xtables.wording import Wording

WITH_PORTS = frozenset({TCP, UDP, 33, 132, 136})
"""TCP, UDP, DCCP, SCTP, UDP-Lite."""
NAMED = {TCP: "tcp", UDP: "udp"}
"""Those that have names for ports."""
MOST = 15
BYTES = 4
"""Both ports: all that is read."""

Range = tuple[int, int]


class Ports(NamedTuple):
    """The list an option was given, and under which protocol its names were looked up."""

    protocol: int
    ranges: tuple[Range, ...]


def read_ports(text: str, demanded: Demanded) -> Ports:
    protocol = demanded.number
    if not protocol:
        raise Unreadable("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'", hint="and -p must stand before it")
    # The tool keeps a byte of it: 262 (mptcp) passes for 6 (tcp), until the kernel sees it.
    if demanded.inverted or protocol & 0xFF not in WITH_PORTS:
        raise Unreadable("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP")
    name = NAMED.get(protocol & 0xFF, "-")
    ranges: list[Range] = []
    count = at = 0
    for piece in text.split(","):
        low, colon, high = piece.partition(":")
        count += 2 if colon else 1
        if count > MOST:
            raise Unreadable("too many ports specified", hint=f"{MOST} are the most, and a range counts twice")
        try:
            first = service(low, name)
            last = service(high, name) if colon else first
        except Unreadable as wrong:
            raise Unreadable(str(wrong), (at, at + len(piece))) from None
        if colon and first >= last:
            raise Unreadable("invalid portrange specified", (at, at + len(piece)), "the first port must be lower than the last")
        ranges.append((first, last))
        at += len(piece) + 1
    return Ports(protocol & 0xFF, tuple(ranges))


def write_ports(ports: Ports) -> str:
    return ",".join(format_range(each) for each in ports.ranges)


def ports_of(packet: Packet) -> tuple[int, int] | None:
    """Source and destination port; None when the packet ends before them."""
    at = packet.l4
    if len(packet.raw) < at + BYTES:
        return None
    if packet.protocol in (TCP, UDP):
        return packet.sport, packet.dport
    return int.from_bytes(packet.raw[at : at + 2], "big"), int.from_bytes(packet.raw[at + 2 : at + 4], "big")


def _fits(ports: Ports, *found: int) -> bool:
    return any(low <= port <= high for low, high in ports.ranges for port in found)


def _option(field: str, names: tuple[str, ...], word: str, saved: str, pick: Callable[[tuple[int, int]], tuple[int, ...]]) -> Option:
    def judge(ports: Ports, context: Context) -> tuple[bool, str]:
        found = pick(ports_of(context.packet) or (0, 0))
        said = f"the {word} is {found[0]}" if len(found) == 1 else f"the ports are {found[0]} and {found[1]}"
        return _fits(ports, *found), said

    return Option(
        field=field, names=names, saved=saved, argument="PORT[:PORT][,...]", read=read_ports, of_protocol=True, write=write_ports,
        judge=judge, meaning=f"the {word} is one of these",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Multiport(OptionMatch):
    """One of several ports."""

    name: ClassVar[str] = "multiport"
    meaning: ClassVar[str] = "one of up to 15 ports (needs -p tcp, udp, udplite, sctp or dccp)"
    words: ClassVar[Wording] = {
        "sports": "from {port}|from any port but {ports}",
        "dports": "to {port}|to any port but {ports}",
        "ports": "with {port} at either end|with {port} at neither end",
    }
    options: ClassVar[tuple[Option, ...]] = (
        _option("sports", ("source-ports", "sports"), "source port", "sports", lambda found: found[:1]),
        _option("dports", ("destination-ports", "dports"), "destination port", "dports",
                lambda found: found[1:]),
        _option("ports", ("ports",), "source or the destination port", "ports", lambda found: found),
    )  # fmt: skip

    sports: Given[Ports] | None = None
    dports: Given[Ports] | None = None
    ports: Given[Ports] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("multiport expection an option", hint="--sports, --dports or --ports")
        first, *more = (option.names[0] for option in cls.options if option.field in given)
        if more:
            raise Unreadable(f'multiport: option "--{first}" cannot be used together with "--{more[0]}".')
        return cls(**given)

    def misplaced(self, header: Header) -> str:
        if header.protocol_not or header.protocol not in WITH_PORTS:
            return "-m multiport works only in a rule that demands a protocol with ports"
        return ""

    def compile(self) -> Test:
        option, (ports, negated) = self.given()[0]
        ranges = ports.ranges
        single = frozenset(low for low, high in ranges if low == high)
        wide = tuple(each for each in ranges if each[0] != each[1])
        first, last = {"sports": (0, 1), "dports": (1, 2), "ports": (0, 2)}[option.field]

        def test(context: Context) -> bool:
            if context.packet.offset:
                return False
            found = ports_of(context.packet)
            if found is None:
                context.hot_drop = True
                return False
            for port in found[first:last]:
                if port in single or any(low <= port <= high for low, high in wide):
                    return not negated
            return negated

        return test

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        packet = context.packet
        text = f"-m multiport {self.save()}"
        if packet.offset:
            return (Condition(text, False, "this is a later fragment: the ports were in the first"),)
        if ports_of(packet) is None:
            return (Condition(text, False, "the packet ends before its ports: it is dropped at once"),)
        return OptionMatch.conditions(self, context)

    def listing(self, numeric: bool) -> str:
        option, (ports, negated) = self.given()[0]
        word = NAMED.get(ports.protocol)

        def named(port: int) -> str:
            return str(port) if numeric or word is None else service_name(port, word)

        listed = ",".join(named(low) if low == high else f"{named(low)}:{named(high)}" for low, high in ports.ranges)
        return f"multiport {option.field} {' !' if negated else ''}{listed}"
