"""From what was logged and the packets that left to what happened to each packet: verdict, path, ctstates.

The kernel handles one packet at one hook at a time: from the line that begins a visit to the next such line, all are of that visit.
(An answer that REJECT sends begins visits of its own, but after it nothing comes of the packet that was rejected.) So only whole
visits have to be put together, and between two of a packet nothing of netfilter changes its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fwtutor.kernel.identity import datagram, identity, is_fragment, is_icmpv6
from fwtutor.kernel.observation import Line
from fwtutor.kernel.rules import Rules
from fwtutor.kernel.tracelog import NFLOG
from fwtutor.kernel.watch import BEGIN, END, STATES, WATCH, ZONE
from fwtutor.netfilter.scopes import INTERFACE_LOCAL

_BEFORE = {"INPUT": ("PREROUTING",), "FORWARD": ("PREROUTING",), "POSTROUTING": ("OUTPUT", "FORWARD"), "PREROUTING": ("POSTROUTING",)}
"""By hook: the hooks it can follow; PREROUTING by way of loopback."""


@dataclass(slots=True, eq=False)
class Visit:
    """One packet at one hook."""

    lines: list[Line]
    inside: Visit | None = None
    """The visit during which a rule sent it (TEE)."""
    inner: list[tuple[int, Visit]] = field(default_factory=list)
    """The visits of what its rules sent, each with the number of lines before it."""

    @property
    def whole(self) -> Iterator[tuple[Visit, Line]]:
        """All lines with whose they are, those of inner visits where they were."""
        at = 0
        for place, visit in self.inner:
            yield from ((self, line) for line in self.lines[at:place])
            yield from visit.whole
            at = place
        yield from ((self, line) for line in self.lines[at:])

    @property
    def hook(self) -> str:
        return self.lines[0].hook

    @property
    def ended(self) -> bool:
        """Whether the packet was let pass, by every table and by what comes after them."""
        return (self.lines[-1].table, self.lines[-1].chain) == (WATCH, END)


_TABLES = ("raw", "mangle", "filter", "security")
"""In the order in which packets go through them; nat's place is not the same everywhere."""


def _may_go_on(visit: Visit, line: Line, rules: Rules) -> bool:
    """Whether the line may be the next of the visit."""
    last = visit.lines[-1]
    if visit.hook != line.hook or visit.ended or rules.ends(last):
        return False
    if {last.table, line.table} & {WATCH, NFLOG} or "nat" in (last.table, line.table):
        return True
    if last.table != line.table:
        return _TABLES.index(last.table) < _TABLES.index(line.table)
    # Of iptables-nft a bare rule is told as a policy, and then the policy.
    return (last.kind != "policy" or line.kind == "policy") and not (last.chain == line.chain == line.hook and last.number >= line.number)


def visits_of(lines: Sequence[Line], rules: Rules) -> list[Visit]:
    """The lines by visit, in order.

    Where a line cannot be of the visit before it, a visit goes on that began earlier: what was between was sent by its last rule.
    """
    visits: list[Visit] = []
    for line in lines:
        if (line.table, line.chain) == (WATCH, BEGIN):
            visits.append(Visit([line]))
            continue
        number = len(visits) - 1
        if not _may_go_on(visits[number], line, rules):
            number = next((each for each in range(number, -1, -1) if _may_go_on(visits[each], line, rules)), number)
            for inner in visits[number + 1 :]:
                if inner.inside is None:
                    inner.inside = visits[number]
                    visits[number].inner.append((len(visits[number].lines), inner))
        visits[number].lines.append(line)
    return visits


@dataclass(slots=True, eq=False)
class Trace:
    """The visits of one packet and of netfilter's answers to it, in order."""

    raw: bytes
    visits: list[Visit] = field(default_factory=list)
    own: list[Visit] = field(default_factory=list)
    """Those of the packet itself, without its answers'."""
    out: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def delivered(self) -> bool:
        return any(visit.hook == "INPUT" and visit.ended for visit in self.own)

    @property
    def lines(self) -> Iterator[Line]:
        return (line for visit in self.visits if visit.inside is None for _, line in visit.whole)

    @property
    def zone(self) -> int:
        """That of the entry the packet itself had, in its direction; 0 where that was not asked for."""
        for visit in reversed(self.own):
            words = [line.chain for line in visit.lines if line.table == WATCH]
            if any(word in STATES for word in words):
                return max((int(word.removeprefix(ZONE)) for word in words if word.startswith(ZONE)), default=0)
        return 0

    def path(self) -> tuple[str, ...]:
        """TRACE's words."""
        return tuple(line.words for line in self.lines if line.table not in (WATCH, NFLOG))

    def states(self) -> tuple[tuple[str, str], ...]:
        """(hook, ctstate), where they were asked for."""
        return tuple((line.hook, line.chain) for line in self.lines if line.table == WATCH and line.chain in STATES)

    def logged(self, rules: Rules) -> tuple[tuple[str, bytes], ...]:
        """(prefix, packet) at each LOG or NFLOG rule that was met.

        A packet goes on after LOG: where hot drops are named and its last line is of such a rule, a match of that rule dropped it.
        """
        found = []
        for outer in self.visits:
            for visit, line in outer.whole if outer.inside is None else ():
                if line.table == NFLOG:
                    found.append((line.chain, line.packet))
                    continue
                prefix = rules.log_prefix(line.table, line.chain, line.number) if line.kind == "rule" else None
                dropped = rules.names_hot_drops and line is visit.lines[-1]
                if prefix is not None and not dropped:
                    found.append((prefix, line.packet))
        return tuple(found)

    def verdict(self, held: bool, rules: Rules) -> tuple[str, str | None]:
        """(verdict, where to) in the words of Walk. ``held``: whether what nobody saw was kept to be put together."""
        if not self.own:
            # Refused by the stack, or kept by defragmentation, which comes before everything else.
            return ("HELD" if held else "DISCARD"), None
        leaves = [visit for visit in self.own if visit.hook == "POSTROUTING"]
        ways = [visit for visit in self.own if visit.hook in _BEFORE["POSTROUTING"] and visit.ended]
        # Of two the first is that of the copy that comes back to the box, perhaps after the packet itself has left; of IPv6 the second,
        # and the packet itself may go nowhere, for want of hops.
        visit = self.own[-1]
        if len(leaves) > len(ways) and self.raw[0] >> 4 == 4:
            visit = leaves[-1]
        elif len(leaves) > len(ways) and self.out:
            visit = leaves[0]
        if visit.ended:
            way = {"INPUT": "local", "POSTROUTING": visit.lines[-1].out_interface}.get(visit.hook)
            # After any other hook only the stack itself can refuse a packet: routing, TTL, size.
            if way == "lo" and self.raw[0] >> 4 == 6:  # and nothing was seen of it there
                way = None
            if visit.hook == "POSTROUTING" and not self.out and _stays(self.raw):
                way = None
            return ("ACCEPT" if way is not None else "DISCARD"), way
        last = visit.lines[-1]
        if last.kind == "rule" and rules.rejects(last.table, last.chain, last.number):
            return "REJECT", None
        # A rule or a policy dropped it, or a match that drops without one ("hot drop"), or what translates or confirms an entry.
        return "DROP", None


def _stays(raw: bytes) -> bool:
    """Whether it goes to a group that reaches no further than the box."""
    return raw[0] >> 4 == 6 and raw[24:25] == b"\xff" and raw[25] & 15 <= INTERFACE_LOCAL


@dataclass(slots=True, eq=False)
class _Packet:
    """One that is on its way, and the trace its visits are part of."""

    trace: Trace
    visits: list[Visit]
    inside: Visit | None = None
    """As of its visits."""


def assemble(
    lines: Sequence[Line],
    out: Sequence[tuple[str, bytes]],
    raw: bytes,
    rules: Rules,
    *,
    arrived: bool = False,
    several: bool = False,
) -> list[Trace]:
    """Sort visits and leaving packets by packet: first the one played, then each answer the box's own stack made, in order.

    An answer of netfilter (REJECT, TTL ...) comes while its packet is still on its way; the stack answers what was delivered.
    ``arrived``: it came in, so what only goes out is an answer: about IPv6 options the stack complains before any hook.
    ``several``: nothing was played, and every packet there is stands for itself.
    """
    traces = [Trace(raw)]
    packets: list[_Packet] = []
    leaves: list[tuple[Visit, _Packet]] = []
    visits = visits_of(lines, rules)
    for visit in visits:
        packet = _come_around(packets, visit) or _continued(packets, visit)
        if packet is None:
            if visit.inside is None and packets and (traces[-1].delivered or several):
                traces.append(Trace(visit.lines[0].packet))
            trace = traces[-1]
            packet = _Packet(trace, [] if trace.visits or (arrived and trace is traces[0] and visit.hook == "OUTPUT") else trace.own)
            packet.inside = visit.inside
            packets.append(packet)
        packet.visits.append(visit)
        packet.trace.visits.append(visit)
        if visit.hook == "POSTROUTING" and visit.ended:
            leaves.append((visit, packet))
    # What is sent at another packet's last hook leaves before that.
    places = {id(visit): float(place) for place, visit in enumerate(visits)}
    leaves.sort(key=lambda one: max([places[id(one[0])], *(places[id(inner)] + 0.5 for _, inner in one[0].inner)]))
    _give_out(leaves, traces, out)
    return traces


def _come_around(packets: list[_Packet], visit: Visit) -> _Packet | None:
    """Whose visit this is if that was sent during another's (an error about a copy) and comes in by loopback: it is told where it was sent.

    In the kernel it waits until that other's table is through, or all that becomes of it.
    """
    before = {"PREROUTING": "POSTROUTING", "INPUT": "PREROUTING"}.get(visit.hook)
    line = visit.lines[0]
    if before is None or line.in_interface != "lo":
        return None
    for packet in packets:
        last, outer = packet.visits[-1], packet.inside
        if outer is None or visit.inside not in (None, outer):
            continue
        sent = last.hook == before and last.ended and "lo" in (last.lines[-1].out_interface, last.lines[-1].in_interface)
        if sent and identity(last.lines[-1].packet) == identity(line.packet):
            outer.inner = [one for one in outer.inner if one[1] is not visit]
            place = next(place for place, (_, inner) in enumerate(outer.inner) if inner is last)
            outer.inner.insert(place + 1, (outer.inner[place][0], visit))
            visit.inside = outer
            return packet
    return None


def _continued(packets: list[_Packet], visit: Visit) -> _Packet | None:
    """Whose visit this is, of those that have been at a hook before; None when it is its packet's first."""
    packets = [packet for packet in packets if packet.inside is visit.inside]
    before = _BEFORE.get(visit.hook)
    if before is None or not packets:
        return None
    here = visit.lines[0].packet

    def like(sign: Callable[[bytes], bytes]) -> Iterator[_Packet]:
        """The newest first."""
        wanted = sign(here)
        for packet in reversed(packets):
            if any(one.ended and one.hook in before and sign(one.lines[-1].packet) == wanted for one in packet.visits):
                yield packet

    for packet in like(identity):
        return packet
    # What a source route sends elsewhere, and what was put together (or taken apart) since.
    if visit.hook != "PREROUTING":
        for packet in reversed(packets):
            if packet.visits[-1].ended and packet.visits[-1].hook in before:
                return packet
    return next(like(datagram), packets[0])


def _give_out(leaves: Sequence[tuple[Visit, _Packet]], traces: list[Trace], out: Sequence[tuple[str, bytes]]) -> None:
    """Give each packet that left to its trace, in the order in which they passed POSTROUTING."""
    placed = []
    for name, raw in out:
        exact = [number for number, (visit, _) in enumerate(leaves) if identity(visit.lines[-1].packet) == identity(raw)]
        pieces = [number for number, (visit, _) in enumerate(leaves) if datagram(visit.lines[-1].packet) == datagram(raw)]
        for numbers in (exact, pieces):
            # A copy is told from what it is a copy of by where it leaves.
            numbers.sort(key=lambda number: leaves[number][0].lines[-1].out_interface != name)
        number, *_ = [*exact, *pieces, len(leaves)]
        # Fragments left in the order in which they are there, whichever of them is seen at a hook (as copy of itself) besides.
        order, *_ = [*pieces, number] if is_fragment(raw) else [number]
        placed.append((order, number, name, raw))
    for _, number, name, raw in sorted(placed, key=lambda one: one[0]):
        trace = leaves[number][1].trace if number < len(leaves) else traces[0]
        trace.out.append((name, raw))
        # The stack's own answer with its checksums filled in, as it left; but with the header it had before mangle changed that. Not one of
        # the fragments it left in; and ICMPv6, which is summed up from the beginning, may quote what was translated since.
        if trace is not traces[0] and leaves[number][0] in trace.own and identity(raw) == identity(trace.own[0].lines[0].packet):
            first = trace.own[0].lines[0].packet
            if is_icmpv6(first):
                continue
            header = (first[0] & 15) * 4 if first[0] >> 4 == 4 else 40
            trace.raw = first[:header] + raw[header:]
