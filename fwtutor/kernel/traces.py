"""From TRACE lines and the packets that left to what happened to each packet: verdict, path, ctstates."""

from __future__ import annotations

from collections.abc import Sequence

from fwtutor.kernel.observation import Line
from fwtutor.kernel.rules import OWN_TABLES, STATES, Rules
from fwtutor.netfilter.packet import Packet

_BETWEEN = (("mangle", "PREROUTING"), ("security", "FORWARD"), ("security", "OUTPUT"))
"""(table, hook) after which only the stack itself can refuse a packet: routing, TTL, size."""


class Trace:
    """The lines of one packet and of netfilter's answers to it, in the order of the log."""

    def __init__(self, raw: bytes, identity: bytes) -> None:
        self.raw = raw
        self.identity = identity
        self.lines: list[Line] = []
        self.own: list[Line] = []
        """Those of the packet itself, without its answers'."""
        self.out: list[tuple[str, bytes]] = []

    @property
    def delivered(self) -> bool:
        return any(line.table == "security" and line.hook == "INPUT" for line in self.own)

    def path(self) -> tuple[str, ...]:
        """TRACE's words, but those of the harness's own tables."""
        return tuple(line.words for line in self.lines if line.table not in OWN_TABLES)

    def states(self, tracks: bool) -> tuple[tuple[str, str], ...]:
        """(hook, ctstate) as the harness's rules in mangle tell."""
        if not tracks:
            return ()
        return tuple((line.hook, STATES[line.number - 1]) for line in self.lines if line.table == "mangle" and line.kind == "rule")

    def logged(self, rules: Rules) -> tuple[tuple[str, bytes], ...]:
        """(prefix, packet) at each LOG rule that was met.

        A packet goes on after LOG: where hot drops are named and its last line is of such a rule, a match of that rule dropped it.
        """
        last = {identity(line.packet): number for number, line in enumerate(self.lines)}
        found = []
        for number, line in enumerate(self.lines):
            prefix = rules.log_prefix(line.table, line.chain, line.number) if line.kind == "rule" else None
            dropped = rules.names_hot_drops and last[identity(line.packet)] == number
            if prefix is not None and not dropped:
                found.append((prefix, line.packet))
        return tuple(found)

    def verdict(self, rules: Rules, packet: Packet) -> tuple[str, str | None]:
        """(verdict, where to) in the words of Walk."""
        if not self.own:
            # Not even raw saw it: refused by the stack, or kept by defragmentation, which comes before raw.
            held = rules.tracks and not packet.fault and (packet.mf or packet.offset)
            return ("HELD" if held else "DISCARD"), None
        leaves = [line for line in self.own if (line.table, line.hook) == ("mangle", "POSTROUTING")]
        if len(leaves) == 2:
            # The first is of the copy that comes back to the box, perhaps after the packet itself has left.
            return "ACCEPT", leaves[1].out_interface
        last = self.own[-1]
        place = last.table, last.hook
        if place == ("security", "INPUT"):
            return "ACCEPT", "local"
        if place == ("mangle", "POSTROUTING"):
            return "ACCEPT", last.out_interface
        if place in _BETWEEN:
            return "DISCARD", None
        if last.kind == "rule" and rules.rejects(last.table, last.chain, last.number):
            return "REJECT", None
        # A rule or a policy dropped it; after a line of mangle it was a match that drops without one ("hot drop").
        return "DROP", None


def identity(raw: bytes) -> bytes:
    """What makes a packet recognisable from hook to hook: all but TTL, TOS, DF and the checksums still to be filled in.

    DF goes where a datagram of the box to itself is taken apart for loopback and put together again.
    """
    l4 = (raw[0] & 15) * 4 if raw else 0
    return (
        raw[2:6]
        + bytes(byte & 0xBF for byte in raw[6:7])
        + raw[7:8]
        + raw[9:10]
        + raw[12:20]
        + raw[l4 : l4 + 6]
        + raw[l4 + 8 : l4 + 16]
        + raw[l4 + 18 : l4 + 48]
    )


def _datagram(raw: bytes) -> bytes:
    """What the fragments of a datagram share."""
    return raw[4:6] + raw[9:10] + raw[12:20]


def assemble(lines: Sequence[Line], out: Sequence[tuple[str, bytes]], raw: bytes, *, own: bool, several: bool = False) -> list[Trace]:
    """Sort lines and leaving packets by packet: first the one played, then each answer the box's own stack made, in order.

    An answer of netfilter (REJECT, TTL ...) comes while its packet is still on its way; the stack answers what was delivered.
    ``several``: nothing was played, and every packet there is stands for itself.
    """
    first = Trace(raw, identity(lines[0].packet) if lines else b"")
    traces = [first]
    owner: dict[bytes, Trace] = {first.identity: first}
    for line in lines:
        key = identity(line.packet)
        trace = owner.get(key)
        if trace is None:
            trace = traces[-1]
            if trace.delivered or several:
                trace = Trace(line.packet, key)
                traces.append(trace)
            owner[key] = trace
        trace.lines.append(line)
        if key == trace.identity:
            trace.own.append(line)
    _give_out(traces, owner, out)
    return traces


def _give_out(traces: list[Trace], owner: dict[bytes, Trace], out: Sequence[tuple[str, bytes]]) -> None:
    """Give each packet that left to its trace, in the order in which they passed POSTROUTING."""
    order: dict[bytes, int] = {}
    by_datagram: dict[bytes, bytes] = {}
    for trace in traces:
        for line in trace.lines:
            if line.hook == "POSTROUTING":
                key = identity(line.packet)
                order.setdefault(key, len(order))
                by_datagram.setdefault(_datagram(line.packet), key)
    placed = []
    for name, packet in out:
        key = identity(packet)
        if key not in order:
            key = by_datagram.get(_datagram(packet), b"")  # a fragment of what passed as one
        placed.append((order.get(key, len(order)), key, name, packet))
    placed.sort(key=lambda item: item[0])
    for _, key, name, packet in placed:
        trace = owner.get(key, traces[0])
        trace.out.append((name, packet))
        # The stack's own answer as it left, its checksums filled in; not one of the fragments it left in.
        if trace is not traces[0] and identity(packet) == trace.identity:
            trace.raw = packet
