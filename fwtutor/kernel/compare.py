"""The engine held against the kernel: the same box, the same packets, and every difference between what the two did.

The kernel goes first and says when it handled each packet; the engine then gets the packets at those times, and with them,
as packets sent by the box, the answers that the kernel's own stack made (resets, echo replies ...).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, zip_longest
from typing import TYPE_CHECKING, Any

from fwtutor.kernel import sets
from fwtutor.kernel.choices import kernels_choice, kernels_lots, kernels_ports, summed_up
from fwtutor.kernel.clock import tick_length
from fwtutor.kernel.hearing import Told, differences
from fwtutor.kernel.observation import (
    BY_ITSELF,
    Item,
    KernelEntry,
    KernelExpectation,
    Observation,
    Observed,
    Ordered,
    Setup,
    Shot,
)
from fwtutor.kernel.timestamps import without_clock
from fwtutor.netfilter.answers6 import INFORMATIONAL
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.listing import format_entry, format_expectation
from fwtutor.netfilter.exthdrs import walk as walk_headers
from fwtutor.netfilter.messages import Listener
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, Packet, checksum
from fwtutor.netfilter.steps import HookEntered, RuleTried
from fwtutor.netfilter.wallclock import BEGAN
from fwtutor.netfilter.xtables.script import CONNTRACK, IPSET
from fwtutor.netfilter.xtables.targets.reject import Reject

if TYPE_CHECKING:
    from fwtutor.kernel.kernel import Kernel
    from fwtutor.netfilter.conntrack.entry import Entry
    from fwtutor.netfilter.firewall import Firewall
    from fwtutor.netfilter.walk import Walk

_WHICH = re.compile(r"^\d+ ")
_SECONDS = re.compile(r"^(\w+ +\d+) (\d+) ")
OURS = {"net.ipv4.conf.all.send_redirects": 0, "net.ipv4.icmp_msgs_per_sec": 1_000_000, "net.ipv4.icmp_msgs_burst": 1_000_000}
"""What is otherwise than usual, on both sides, unless a setup asks for it: no redirects, and no ration with chance in it."""
_TICK = round(tick_length() * SECOND)
"""ns, by which two processors may differ about the time."""


NOTHING = "(nothing)"
"""Where one side has no words."""


@dataclass(slots=True, frozen=True)
class Difference:
    """One thing about which kernel and engine disagree."""

    number: int
    """Of the packet in ``Observation.packets``; -1 for what is compared at the end."""
    what: str
    kernel: str
    engine: str

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(kernel's, engine's): the lines that are not the same in both."""
        pairs = zip_longest(self.kernel.splitlines(), self.engine.splitlines(), fillvalue="")
        return [(left or NOTHING, right or NOTHING) for left, right in pairs if left != right]


def compare(kernel: Kernel, setup: Setup, items: Sequence[Item], walks: list[Walk] | None = None) -> Comparison:
    """Run both. Stops at the first packet with a difference: what follows would only be its consequences.

    ``walks`` is filled with the engine's, one a packet.
    """
    observation = kernel.play(setup, items)
    return Comparison(setup, tuple(items), observation, tuple(hold(setup, observation, walks)))


def happens_again(kernel: Kernel, comparison: Comparison) -> bool:
    """Whether kernel and engine also differ when the same is played once more, or twice.

    What does not is no rule that the kernel follows, but a race: see docs/kernel.md.
    """
    return any(compare(kernel, comparison.setup, comparison.items).differences for _ in range(2))


_ALONE, _IN_PAIRS = 60, 6
"""Packets in doubt that are tried, the last ones before a difference: each alone, and by twos."""


def hold(setup: Setup, observation: Observation, walks: list[Walk] | None = None) -> list[Difference]:
    """The differences between the engine and what was observed, up to the first packet that has any.

    Where a tick passed during a packet, nobody knows on which side of it the kernel looked at its clock: whatever makes the two
    agree for longer is believed.
    """
    times = [packet.at for packet in observation.packets]
    found = _hold(setup, observation, times, walks)
    while found:
        explained = _explained(setup, observation, times, found, walks)
        if explained is None:
            break
        times, found = explained
    return found


def _explained(
    setup: Setup, observation: Observation, times: list[float], found: list[Difference], walks: list[Walk] | None
) -> tuple[list[float], list[Difference]] | None:
    """Other times with which the first difference comes later or not at all; None when there are none."""
    place = _place(found, observation)
    doubtful = [number for number, packet in enumerate(observation.packets[: place + 1]) if packet.late > times[number]][::-1]
    for chosen in chain(((one,) for one in doubtful[:_ALONE]), combinations(doubtful[:_IN_PAIRS], 2)):
        tried = [packet.late if number in chosen else times[number] for number, packet in enumerate(observation.packets)]
        left = _hold(setup, observation, tried, walks)
        if not left or _place(left, observation) > place:
            return tried, left
    return None


def _place(found: list[Difference], observation: Observation) -> int:
    """The number of the packet that has the differences; what is compared at the end comes after all packets."""
    return found[0].number if found[0].number >= 0 else len(observation.packets)


def engine_for(setup: Setup, began: int = BEGAN) -> Firewall:
    """The box of ``setup``, simulated; ``began``: when by the clock on the wall."""
    from fwtutor.netfilter.firewall import Firewall

    firewall = Firewall(
        interfaces={name: list(addresses) for name, addresses in setup.interfaces.items()}, routes=dict(setup.routes),
        sysctls={**OURS, **setup.sysctls}, mtus=dict(setup.mtus), variant=setup.variant, began=began,
    )  # fmt: skip
    if setup.sets:
        firewall.restore_sets(setup.sets)
    firewall.restore(setup.rules)
    if setup.rules6:
        firewall.restore(setup.rules6, family=6)
    return firewall


def _hold(setup: Setup, observation: Observation, times: list[float], walks: list[Walk] | None) -> list[Difference]:
    """``times``: when the engine gets each packet."""
    if walks is not None:
        walks.clear()
    firewall = engine_for(setup, observation.began)
    orders = list(observation.orders)
    caused: list[Walk] = []
    listener, told = Listener(), list[Told]()
    for number, observed in enumerate(observation.packets):
        while orders and orders[0].before <= number:
            found = [Difference(number, *difference) for difference in _order_differences(orders.pop(0), firewall)]
            if found:
                return found
        # After a packet believed late, the next one cannot have been earlier.
        at = max(times[number], firewall.now / SECOND)
        told += [Told(number, message) for message in listener.changes(firewall.advance(at), round(at * SECOND))]
        caused += firewall.caused
        if bool(caused) != (observed.shot == BY_ITSELF):
            theirs = "a packet" if observed.shot == BY_ITSELF else "nothing"
            return [Difference(number, "what a timer had it send", theirs, repr(caused[0]) if caused else "nothing")]
        firewall.box.chooser = partial(kernels_choice, observation, number)
        firewall.box.lots = partial(kernels_lots, observation, number)
        firewall.box.expected = partial(kernels_ports, observation, number, firewall.state)
        walk = caused.pop(0) if caused else replay(firewall, observed, at)
        if walks is not None:
            walks.append(walk)
        told += [Told(number, message) for message in listener.walk(walk)]
        found = [Difference(number, *difference) for difference in _packet_differences(observed, walk, firewall)]
        if found:
            return found
    for order in orders:
        found = [Difference(-1, *difference) for difference in _order_differences(order, firewall)]
        if found:
            return found
    found = []
    if observation.heard is not None:
        found = [Difference(number, "events", *lines) for number, *lines in differences(observation, told, _TICK)]
    return found or [Difference(-1, *difference) for difference in _end_differences(observation, firewall)]


def replay(firewall: Firewall, observed: Observed, at: float) -> Walk:
    """The engine's walk of a packet the kernel saw."""
    if observed.on is None:
        raw = observed.raw if observed.shot >= 0 else summed_up(observed.raw)
        return firewall.send(raw, at=at, mark=observed.mark, by_stack=observed.shot < 0)
    return firewall.receive(observed.raw, on=observed.on, at=at, mac=observed.mac, link=observed.link)


def obey(firewall: Firewall, order: Ordered) -> tuple[int, str]:
    """The engine does what was ordered, at that time; the tool's exit status and what it said."""
    from fwtutor.netfilter.ipset.errors import SetRefused
    from fwtutor.netfilter.xtables.errors import RuleRefused

    firewall.advance(max(order.at, firewall.now / SECOND))
    try:
        if order.family == CONNTRACK:
            return 0, firewall.run_conntrack(shlex.split(order.line))
        return 0, firewall.ipset(order.line) if order.family == IPSET else firewall.iptables(order.line, family=order.family)
    except (RuleRefused, SetRefused) as refused:
        return refused.status, refused.printed


def _order_differences(order: Ordered, firewall: Firewall) -> Iterator[tuple[str, str, str]]:
    status, said = obey(firewall, order)
    theirs, ours = f"{order.status} {_sentences(order.said)}", f"{status} {_sentences(said)}"
    if order.family == CONNTRACK:
        theirs, ours = _deleted(order.said), _deleted(said)
    if theirs != ours:
        yield f"command {order.line}", theirs, ours


def _deleted(said: str) -> str:
    """How many entries conntrack took away: the kernel's tool prints them in an order of its own, and their seconds go by."""
    return f"{sum(' src=' in line for line in said.splitlines())} entries deleted"


def _sentences(said: str) -> str:
    """Without the advice that always follows."""
    lines = [line for line in said.split("\n") if not line.startswith(("Try `", "Ignoring deprecated", "Perhaps ip"))]
    return "\n".join(lines).rstrip("\n")


def _packet_differences(observed: Observed, walk: Walk, firewall: Firewall) -> Iterator[tuple[str, str, str]]:
    pairs = [
        ("verdict", _seen(observed.verdict, walk), _seen(_verdict(walk), walk)),
        ("to", str(observed.to), str(walk.to)),
        ("path", " ".join(observed.path), " ".join(walk.path)),
        ("states", _states(observed.states), _states(walk.states)),
        ("out", _packets(_by_link(observed.out)), _packets(_by_link(walk.out))),
        ("log", *_logs(observed.logged, [(step.prefix, step.packet.raw[: step.size]) for step in walk.logged])),
    ]
    # A later fragment names no ports: which entry is its datagram's shows in the table at the end.
    if observed.settled and not walk.packet.offset:
        pairs.append(("entry", *_entries(observed.entry, walk.tracked, walk.at, observed.looked, walk.uses)))
    if observed.expectations is not None:
        pairs.append(("expectations", *_expectations(observed.expectations, firewall, walk.at, observed.looked)))
    for what, kernel, engine in pairs:
        if kernel != engine:
            yield what, kernel, engine


def _verdict(walk: Walk) -> str:
    """As the harness can tell.

    A fragment kept after PREROUTING, for the box itself, leaves the same traces as one refused there; and a packet that a match drops
    at once in a rule with REJECT those of one that was rejected in silence, where the trace names that rule (nft).
    """
    passed = any(isinstance(step, HookEntered) for step in walk.steps)
    if walk.verdict == "DROP" and passed:
        last = [step for step in walk.steps if isinstance(step, RuleTried)][-1:]
        for step in last:
            named = walk.path[-1:] == [f"{step.table}:{step.chain}:rule:{step.number}"]
            if named and not step.matched and step.rule is not None and isinstance(step.rule.target, Reject):
                return "REJECT"
    return "DISCARD" if walk.verdict == "HELD" and passed else walk.verdict


def _seen(verdict: str, walk: Walk) -> str:
    """Of an IPv6 packet that met no hook the kernel does not say whether it waits or was thrown away: what comes later shows it."""
    if walk.packet.family == 6 and verdict in ("HELD", "DISCARD") and not any(isinstance(step, HookEntered) for step in walk.steps):
        return "HELD or DISCARD"
    return verdict


def _states(states: Sequence[Sequence[str]]) -> str:
    return " ".join(f"{hook}={state}" for hook, state in states)


def _by_link(out: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """In the order in which they left by each interface; what left by another meanwhile (a copy, by TEE) nobody knows."""
    return sorted(out, key=lambda packet: packet[0])


def _packets(out: Iterable[Sequence[Any]]) -> str:
    return " ".join(f"{name}:{_comparable(raw).hex()}" for name, raw in out)


def _logs(kernel: Sequence[tuple[str, bytes]], engine: Sequence[tuple[str, bytes]]) -> tuple[str, str]:
    """Both as text. How a packet looked that the kernel does not tell of, the engine is not asked."""
    told = [raw != b"" for _, raw in kernel] + [True] * len(engine)
    return _logged(kernel), _logged((prefix, raw if known else b"") for (prefix, raw), known in zip(engine, told, strict=False))


def _logged(lines: Iterable[tuple[str, bytes]]) -> str:
    """As far as a line of the log tells: that of a RST the box is about to send is logged with a checksum still to be finished."""
    return _packets((prefix, _unfinished(raw)) for prefix, raw in lines)


def _unfinished(raw: bytes) -> bytes:
    """A TCP segment without its checksum, or an ICMPv6 error that quotes one without both."""
    packet = Packet(raw)
    if packet.fault or packet.offset:
        return raw
    if packet.family == 6 and packet.protocol == ICMPV6 and packet.icmp_type < INFORMATIONAL and packet.has_l4:
        at = packet.l4
        return raw[: at + 2] + b"\0\0" + raw[at + 4 : at + 8] + (_unfinished(raw[at + 8 :]) if len(raw) > at + 48 else raw[at + 8 :])
    if packet.protocol != TCP:
        return raw
    return raw[: packet.l4 + 16] + b"\0\0" + raw[packet.l4 + 18 :]


def _comparable(raw: bytes) -> bytes:
    """``raw`` without what the kernel drew: the id of IPv6 fragments and of the ICMP errors the box made, the time of day in IP options."""
    if raw[:1] and raw[0] >> 4 == 6:
        at = walk_headers(raw).fragment if len(raw) >= 40 else 0
        return raw[: at + 4] + b"\0\0\0\0" + raw[at + 8 :] if at else raw
    raw = without_clock(raw)
    size = (raw[0] & 15) * 4 if raw else 0
    if len(raw) >= size + 8 and size >= 20 and raw[9] == ICMP and raw[size] in (3, 5, 11, 12) and not raw[6] & 0x40:
        header = raw[:4] + b"\0\0" + raw[6:10] + b"\0\0" + raw[12:size]
        return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + raw[size:]
    return raw


def _expectations(kernel: Sequence[KernelExpectation], firewall: Firewall, at: int, looked: float) -> tuple[str, str]:
    """All of both, a line each, as ``_entries`` has them."""
    entries, latest = firewall.state.entries, max(round(looked * SECOND), at) + _TICK
    left = {_WHICH.sub("", str(one)): one for one in kernel}
    theirs, ours = [str(one) for one in kernel], list[str]()
    for own in firewall.state.expectations.values():
        line = format_expectation(own, entries[own.master], at)
        other = left.get(_WHICH.sub("", line))
        if other is not None and own.seconds_left(latest) <= other.seconds <= own.seconds_left(at - _TICK):
            line = str(other)
        # The kernel's timer may be late by up to a sixteenth of what it was set to.
        if other is not None or own.expires > latest:
            ours.append(line)
    return "\n".join(sorted(theirs)), "\n".join(sorted(ours))


def _entries(kernel: KernelEntry | None, engine: Entry | None, at: int, looked: float, uses: int) -> tuple[str, str]:
    """Both as text, alike when all that differs is the time: the kernel's was read between ``at`` (ns) and ``looked`` (s)."""
    theirs = "none" if kernel is None else f"{kernel}{_labels(kernel.labels)}"
    if engine is None:
        return theirs, "none"
    ours, latest = f"{format_entry(engine, at, uses)}{_labels(engine.labels or 0)}", max(round(looked * SECOND), at) + _TICK
    if kernel is None:
        return theirs, "none" if engine.expires <= latest else ours
    if engine.seconds_left(latest) <= kernel.seconds <= engine.seconds_left(at - _TICK):
        ours = _SECONDS.sub(rf"\g<1> {kernel.seconds} ", ours)
    return theirs, ours


def _labels(labels: int) -> str:
    return f" labels={labels:#x}" if labels else ""


def _end_differences(observation: Observation, firewall: Firewall) -> Iterator[tuple[str, str, str]]:
    for family, rules in ((4, observation.rules), (6, observation.rules6)):
        saved = firewall.save(family=family, counters=True)
        if saved != rules:
            yield "counters", rules, saved
    ended = round(observation.ended * SECOND)
    state = firewall.state
    theirs = {_key(str(entry)): entry for entry in observation.conntrack}
    ours = {_key(format_entry(entry, 0)): entry for entry in state.entries.values() if entry.expires > ended - _TICK}
    for key in sorted(theirs.keys() | ours.keys()):
        engine = ours.get(key)
        left, right = _entries(theirs.get(key), engine, ended, observation.looked, 1 if engine is None else state.uses(engine))
        if left != right:
            yield "conntrack", left, right
    left, right = _expectations(observation.expectations, firewall, ended, observation.looked)
    if left != right:
        yield "expectations", left, right
    left, right = sets.differences(observation.sets, firewall, (ended - _TICK) / SECOND, observation.looked + _TICK / SECOND)
    if left != right:
        yield "sets", left, right


def _key(line: str) -> str:
    """Protocol, both tuples and the zones of an entry's line."""
    words = line.split()
    named = r"(src|dst|sport|dport|srckey|dstkey|type|code|id|zone|zone-orig|zone-reply)="
    return " ".join([words[1], *(word for word in words if re.match(named, word))])


@dataclass(slots=True, frozen=True)
class Comparison:
    """What a comparison found; ``str()`` is a report for a person."""

    setup: Setup
    items: tuple[Item, ...]
    observation: Observation
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        count = len(self.observation.packets)
        if not self.differences:
            return f"{count} packets, no difference"
        lines = []
        for difference in self.differences:
            lines += ["", f"{difference.what}:"]
            for kernel, engine in difference.lines:
                lines += [f"  kernel: {kernel}", f"  engine: {engine}"]
        number = self.differences[0].number
        where = "at the end" if number < 0 else f"at packet {number + 1} of {count}: {describe(self.observation.packets[number])}"
        return "\n".join([f"kernel and engine differ {where}", *lines])


def describe(packet: Observed | Shot) -> str:
    """One line on a packet, with its bytes."""
    seen = Packet(packet.raw)
    where = f"in on {packet.on}" if packet.on is not None else "sent by the box"
    numbers = f" seq={seen.seq} ack={seen.ack} win={seen.window} len={len(seen.payload)}" if seen.protocol == 6 and seen.has_l4 else ""
    if seen.protocol == ICMP and seen.has_l4:
        numbers = f" type={seen.icmp_type} code={seen.icmp_code} id={seen.icmp_id}"
    return f"{where} {seen!r}{numbers} {packet.raw.hex()}"
