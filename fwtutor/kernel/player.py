"""Playing packets on the kernel of this process's namespace, and putting together what it did with each.

A packet written to a TUN device or sent on the raw socket has been handled completely when the call returns, answers
included: what is readable then is all there is, and nothing here waits for anything.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from ipaddress import IPv4Address, IPv6Address

from fwtutor.kernel import ctnetlink
from fwtutor.kernel.clock import Clock
from fwtutor.kernel.crowd import make_room
from fwtutor.kernel.identity import is_fragment
from fwtutor.kernel.listening import Listening
from fwtutor.kernel.namespace import enter, furnish, hush, interface_names, mac_of
from fwtutor.kernel.netlink import FAMILIES, Netfilter
from fwtutor.kernel.nfttrace import NftTrace
from fwtutor.kernel.observation import (
    ANSWER,
    BY_ITSELF,
    Heard,
    Item,
    KernelEntry,
    Line,
    Observation,
    Observed,
    Order,
    Ordered,
    Setup,
    Shot,
)  # fmt: skip
from fwtutor.kernel.rules import Rules
from fwtutor.kernel.sets import KernelSets, typed
from fwtutor.kernel.tracelog import TraceLog
from fwtutor.kernel.traces import Trace, assemble
from fwtutor.kernel.tuples import tuple_of
from fwtutor.kernel.watch import keep_quiet
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.script import CONNTRACK, IPSET

_HEADER = 14
"""Bytes of Ethernet's header: to, from, type."""
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_SOMEBODY = bytes([2, 0, 0, 0, 1, 0])
"""The link address of whoever sends when nobody says who it was."""
_BIGGEST = 65536 + _HEADER
_REFUSALS = (errno.EINVAL, errno.EPERM, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EMSGSIZE, errno.ENOBUFS, errno.EACCES)
"""What the kernel answers to whom hands it a packet it will not take or send."""


def play(setup: Setup, items: Sequence[Item]) -> Observation:
    """Play ``items`` in a fresh namespace. Leaves this process in that namespace; the one before is gone."""
    enter()
    families = (4, 6) if setup.ipv6 else (4,)
    if setup.ipv6:
        keep_quiet()
    # Only where the link matters is there one.
    ethernet = any(isinstance(item, Shot) and (item.link != "host" or item.mac is not None) for item in items)
    with ExitStack() as opened:
        if _counts_connections(setup, items):
            opened.callback(os.sched_setaffinity, 0, _stay_on_a_processor())
        tuns = furnish(setup, ethernet=ethernet)
        for descriptor in tuns.values():
            opened.callback(os.close, descriptor)
        for taker in hush(setup.quiet, families):
            opened.enter_context(taker)
        marks = {item.mark for item in items if isinstance(item, Shot)}
        listening = opened.enter_context(closing(Listening())) if setup.listens else None
        return _Player(setup, tuns, ethernet, marks, listening).play(items)


class _Player:
    def __init__(self, setup: Setup, tuns: dict[str, int], ethernet: bool, marks: set[int], listening: Listening | None) -> None:
        self._tuns = tuns
        self._macs = {name: mac_of(number) for number, name in enumerate(tuns, 1)} if ethernet else {}
        self._sets = KernelSets(setup.sets)
        self._rules = {4: Rules(setup.rules, setup.variant, 4, marks)}
        if setup.ipv6:
            self._rules[6] = Rules(setup.rules6, setup.variant, 6, marks)
        self._sysctls = setup.sysctls
        self._listening = listening
        self._nft = setup.variant == "nft"
        self._ways: NftTrace | None = None

    def play(self, items: Sequence[Item]) -> Observation:
        packets: list[Observed] = []
        orders: list[Ordered] = []
        with ExitStack() as opened:
            table = opened.enter_context(closing(Netfilter()))
            log = opened.enter_context(closing(TraceLog(interface_names(), self._rules)))
            self._ways = opened.enter_context(closing(NftTrace(self._rules, table))) if self._nft else None
            own = {family: opened.enter_context(_raw_socket(family)) for family in self._rules}
            make_room(table, self._sysctls)
            news = opened.enter_context(closing(Netfilter(ctnetlink.NEWS)))  # of none of the strangers
            self._drain()  # what the interfaces sent when they came up
            self._listen(log)
            self._merged(log, log.read())
            heard: list[Heard] = []
            if self._listening is not None:
                self._listening.begin()
            clock = Clock(fine=self._nft and _limits(self._rules.values(), items))
            self._sets.begin()
            for number, item in enumerate(items):
                clock.wait_until(item.at)
                at = clock.now
                packets += self._by_itself(log, at)
                if isinstance(item, Order):
                    status, said = self._ordered(item)
                    self._listen(log)
                    orders.append(Ordered(len(packets), at, item.line, status, said, item.family))
                    continue
                self._inject(item, own)
                # A tick that passed meanwhile may have passed before or after the kernel looked.
                late = clock.now
                lines = log.read()
                if self._listening is not None:
                    heard += self._listening.heard(len(packets))
                begun = tuple(ctnetlink.begun(news))
                tested = self._rules[self._family(item.raw)]
                traces = assemble(self._merged(log, lines), self._drain(), item.raw, tested, arrived=item.on is not None)
                # The answers of netfilter belong to their packet; those of the stack are packets of their own.
                for index, trace in enumerate(traces):
                    settled = index == len(traces) - 1
                    which = number if index == 0 else ANSWER
                    packets.append(self._observed(trace, which, item, (at, late), table if settled else None, clock, begun))
            ended = clock.now
            entries, expectations = tuple(ctnetlink.dump(table)), tuple(ctnetlink.expectations(table))
            sets = self._sets.save()
            looked = clock.now
            packets += self._by_itself(log, ended)
            rules, rules6 = (self._rules[family].save(counters=True) if family in self._rules else "" for family in (4, 6))
            return Observation(
                tuple(packets),
                rules,
                entries,
                ended,
                tuple(orders),
                looked,
                expectations,
                rules6,
                sets,
                tuple(heard) if self._listening else None,
                clock.began,
            )

    def _merged(self, log: TraceLog, lines: list[Line]) -> list[Line]:
        """What was logged, with the ways through iptables-nft's tables."""
        return lines if self._ways is None else self._ways.merged(lines, log.read)

    def _listen(self, log: TraceLog) -> None:
        """To what rules log."""
        for rules in self._rules.values():
            log.listen(rules.groups)

    def _ordered(self, order: Order) -> tuple[int, str]:
        """Runs it; its exit status and what the program said."""
        if order.family == CONNTRACK:
            return typed("conntrack", order.line)
        return (self._sets if order.family == IPSET else self._rules[order.family]).order(order.line)

    def _by_itself(self, log: TraceLog, at: float) -> list[Observed]:
        """What the box sent since the last time without a packet to answer: its errors about fragments that waited too long."""
        lines, out = self._merged(log, log.read()), self._drain()
        if not lines:
            return []
        traces = assemble(lines, out, lines[0].packet, self._rules[self._family(lines[0].packet)], several=True)
        return [self._observed(trace, BY_ITSELF, Shot(trace.raw, None), (at, at), None, None) for trace in traces]

    def _inject(self, shot: Shot, own: Mapping[int, socket.socket]) -> None:
        try:
            if shot.on is not None:
                os.write(self._tuns[shot.on], self._header(shot, shot.on) + shot.raw)
            else:
                family = self._family(shot.raw)
                own[family].setsockopt(socket.SOL_SOCKET, socket.SO_MARK, shot.mark)
                own[family].sendto(shot.raw, (_destination(shot.raw, family), 0))
        except OSError as problem:
            if problem.errno not in _REFUSALS:
                raise

    def _header(self, shot: Shot, on: str) -> bytes:
        """The link's header of a packet; none where there is no link layer."""
        if not self._macs:
            return b""
        ipv6 = shot.raw[:1] and shot.raw[0] >> 4 == 6
        group = b"\x33\x33" + shot.raw[36:40].rjust(4, b"\0") if ipv6 else b"\x01\x00\x5e" + shot.raw[17:20].rjust(3, b"\0")
        to = {"host": self._macs[on], "broadcast": b"\xff" * 6, "multicast": group}[shot.link]
        source = bytes.fromhex(shot.mac.replace(":", "")) if shot.mac else _SOMEBODY
        return to + source + (_IPV6 if ipv6 else _IPV4)

    def _family(self, raw: bytes) -> int:
        """Whose rules a packet meets: IPv6's, where there are any."""
        return 6 if raw[:1] and raw[0] >> 4 == 6 and 6 in self._rules else 4

    @property
    def _helps(self) -> bool:
        return any(rules.helps for rules in self._rules.values())

    def _drain(self) -> list[tuple[str, bytes]]:
        """What left the box since the last time, by interface."""
        found = []
        for name, descriptor in self._tuns.items():
            while True:
                try:
                    found.append((name, os.read(descriptor, _BIGGEST)[_HEADER if self._macs else 0 :]))
                except BlockingIOError:
                    break
        return found

    def _observed(
        self, trace: Trace, number: int, shot: Shot, when: tuple[float, float], table: Netfilter | None, clock: Clock | None,
        begun: tuple[KernelEntry, ...] = (),
    ) -> Observed:  # fmt: skip
        rules, packet = self._rules[self._family(trace.raw)], Packet(trace.raw)
        entry = None
        if table is not None and (wanted := tuple_of(packet)) is not None:
            entry = ctnetlink.lookup(table, wanted._replace(zone=trace.zone))
        expectations = tuple(ctnetlink.expectations(table)) if table is not None and self._helps else None
        looked = clock.now if clock is not None else 0.0
        verdict, to = trace.verdict(rules.tracks and not packet.fault and is_fragment(packet.raw), rules)
        on, mark = (shot.on, shot.mark) if number >= 0 else (None, 0)
        path, states = trace.path(), trace.states()
        at, late = when
        out, logged = tuple(trace.out), trace.logged(rules)
        link, mac = (shot.link, shot.mac) if number >= 0 else ("host", None)
        return Observed(
            number, trace.raw, on, at, mark, verdict, to, path, states, out, entry, table is not None, logged, late, link, mac, looked,
            expectations, begun,
        )  # fmt: skip


def _counts_connections(setup: Setup, items: Sequence[Item]) -> bool:
    """Whether ``-m connlimit`` is used: for two ticks it keeps what another processor counted, whatever became of it."""
    orders = (item.line for item in items if isinstance(item, Order))
    return any("-m connlimit" in text for text in (setup.rules, setup.rules6, *orders))


def _stay_on_a_processor() -> set[int]:
    """From here on; returns those this process may run on otherwise."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    return allowed


def _raw_socket(family: int) -> socket.socket:
    """One that sends whole packets as they are."""
    made = socket.socket(FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family == 4:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return made


def _destination(raw: bytes, family: int) -> str:
    """What is cut short before it names one is refused wherever it would go."""
    return str(IPv4Address(raw[16:20].ljust(4, b"\0")) if family == 4 else IPv6Address(raw[24:40].ljust(16, b"\0")))


def _limits(rules: Iterable[Rules], items: Sequence[Item]) -> bool:
    """Whether ``-m limit`` is used: of iptables-nft it is the one thing that is not reckoned in ticks."""
    return any(
        "-m limit" in text
        for text in (*(one.save(counters=False) for one in rules), *(item.line for item in items if isinstance(item, Order)))
    )
