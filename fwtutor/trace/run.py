"""Walking the packets of a file through a box, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.capture import Seen, read_packets
from fwtutor.netfilter import Firewall
from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.scopes import needs_link
from fwtutor.netfilter.walk import Walk
from fwtutor.network.answers import closed_port_answers
from fwtutor.trace.own import OwnAnswers

MAX_ANSWERS = 64
"""Answers to one packet, all told. An answer is never answered but over loopback, so a handful is the most there can be."""


@dataclass(slots=True, frozen=True)
class Traced:
    """One packet of the file and what the box did with it."""

    number: int
    """Counts the packets walked, from 1; what was left out of the file (ARP, IPv6 without its rules) has no number."""
    interface: str | None
    """Where it came in; None: the box sent it."""
    walk: Walk
    answers: tuple[Walk, ...]
    """What the box's own stack sent because of it (``--answer``), in order. Netfilter's own answers are in ``walk.answers``."""
    seen: Seen
    """The packet as the file has it."""
    tracked: Entry | None
    """The table's entry for the packet's tuple after all that."""

    @property
    def entry(self) -> str | None:
        """``tracked`` as conntrack -L prints it."""
        return None if self.tracked is None else format_entry(self.tracked, self.walk.at)

    @property
    def walks(self) -> tuple[Walk, ...]:
        """The packet's walk, then those of the stack's answers."""
        return (self.walk, *self.answers)


def trace(
    firewall: Firewall,
    packets: Path,
    *,
    fallback: str | None = None,
    answer: bool = False,
    ipv6: bool = False,
    note: Callable[[str], None] = lambda text: None,
    clock: int | None = None,
) -> Iterator[Traced]:
    """Each packet in turn. ``fallback`` is the interface (``--in``) for packets of which nobody knows where they came in.

    ``ipv6``: IPv6 packets are walked too; else they are left out. ``clock``: when time 0 is, in ns since 1970, if not as the file says.
    """
    if fallback is not None and fallback not in firewall.interfaces:
        raise BadInput(f"--in {fallback}: the box has no interface of that name ({_names(firewall)})")
    latest = 0
    number = 0
    skipped = shown_again = 0
    own = OwnAnswers()
    for seen in read_packets(packets, note):
        packet = Packet(seen.raw)
        if packet.family == 6 and not packet.fault and not ipv6:
            skipped += 1
            continue
        if own.is_one(seen, packet):
            shown_again += 1
            continue
        place = f"{packets.name}, {seen.counted} {seen.number}"
        if seen.at < latest:
            raise BadInput(f'{place}, field "t": {seen.at / 1e9} is before the packet above it ({latest / 1e9}); time only goes forward')
        latest = seen.at
        number += 1
        if number == 1:
            began = seen.began if clock is None else clock
            firewall.box.began = firewall.box.began if began is None else began
        interface = _interface(firewall, seen, packet, fallback, place)
        if interface is None:
            walk = firewall.send_ns(packet, at=seen.at, uid=seen.uid, gid=seen.gid, mark=seen.mark)
        else:
            walk = firewall.receive_ns(packet, on=interface, at=seen.at, mac=seen.mac, link=seen.link)
        answers = tuple(_answers(firewall, walk, seen)) if answer else ()
        own.made((*walk.answers, *answers))
        tracked = walk.tracked if not answers or walk.tracked is None else firewall.state.entries.get(walk.tracked.id)
        yield Traced(number, interface, walk, answers, seen, tracked)
    if shown_again:
        them = "answers the box makes" if shown_again > 1 else "answer the box makes"
        note(f"{packets.name}: left out {shown_again} {them} by itself: told under the packet that is answered")
    if skipped:
        note(f"{packets.name}: left out {skipped} IPv6 packet{'s' if skipped > 1 else ''}: there are no rules for IPv6 (--rules6)")


def _interface(firewall: Firewall, seen: Seen, packet: Packet, fallback: str | None, place: str) -> str | None:
    """Where the packet came in; None if the box made it."""
    if seen.outgoing:
        return None
    own = firewall.is_local(packet.src, packet.family) and not packet.fault
    if own and seen.outgoing is None:
        return None
    if seen.interface in firewall.interfaces:
        return seen.interface
    stated = seen.counted == "line" and seen.interface is not None
    if fallback is not None and not stated:
        return fallback
    if seen.interface is not None:
        field = ', field "in"' if stated else ""
        raise BadInput(f"{place}{field}: the box has no interface {seen.interface!r} ({_names(firewall)}); give it one, or say --in NAME")
    route = firewall.route(packet.src, packet.family)
    if packet.family == 6 and (not packet.src or needs_link(packet.src)):
        # Its source says nothing of the link it is on, unless there is only one.
        links = [name for name, own in firewall.interfaces.items() if name != "lo" and any(each[0] == 6 for each in own)]
        route = None
        if len(links) == 1:
            return links[0]
    if packet.fault:
        # Discarded before anybody asks; and its source, if it has one, is not to be trusted.
        return route.interface if route else next(name for name in firewall.interfaces if name != "lo")
    if route is None:
        raise BadInput(f"{place}: no route leads back to {packet.source}, so where did it come in? Give a --route, or say --in NAME")
    return route.interface


def _answers(firewall: Firewall, walk: Walk, seen: Seen) -> Iterator[Walk]:
    """What a Linux host with every port closed sends back, to the end: over loopback an answer is delivered here again."""
    waiting = [walk]
    for _ in range(MAX_ANSWERS):
        if not waiting:
            return
        packet = waiting.pop(0).delivered
        if packet is None:
            continue
        to_many = firewall.routing.is_broadcast(packet.family, packet.dst)
        for raw in closed_port_answers(packet, seen.at, to_many, seen.link, firewall.source_of_answer(packet)):
            answer = firewall.send_ns(raw, at=seen.at, by_stack=True)
            waiting.append(answer)
            yield answer


def _names(firewall: Firewall) -> str:
    return "it has " + ", ".join(firewall.interfaces)
