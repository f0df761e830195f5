"""A run of the lab as a question: what came to the watched host, what its programs sent, and how its rules were changed."""

from __future__ import annotations

from dataclasses import replace

from fwtutor.capture import Seen
from fwtutor.judging.question import Note, Question, ipv4_box, made_by_the_stack, spoken_from
from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.crowd import MAX
from fwtutor.kernel.observation import Item, Order, Setup, Shot
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMPV6
from fwtutor.netfilter.replying4 import REDIRECTS
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.script import CONNTRACK, IPSET, is_script
from fwtutor.network.records import CommandRun, Walked
from fwtutor.network.topology import HostSpec
from fwtutor.recording import Run

NO_RULES = "*filter\nCOMMIT\n"


_FAMILIES = {"iptables": 4, "ip6tables": 6, "ipset": IPSET, "conntrack": CONNTRACK}
"""Of the programs that the kernel is given orders by."""
_DISCOVERY = range(133, 138)
"""Types of ICMPv6 with which hosts of one link find each other."""


def from_run(run: Run, note: Note = lambda text: None, *, last: int | None = None) -> Question:
    """What happened at the watched host, up to and with the record ``last`` (all of it unless given)."""
    host = run.world.hosts[run.scenario.watch]
    items: list[Item] = []
    passages: list[tuple[Walk, Seen]] = []
    places: list[int] = []
    left_out = 0
    for record in run.records[: None if last is None else last + 1]:
        if record.host != host.name:
            continue
        if isinstance(record, Walked):
            walk = record.walk
            if _discovers(walk):
                left_out += 1
                continue
            seen = Seen(record.index, record.at, walk.in_interface, walk.packet.raw, walk.in_interface is None)
            places.append(len(items))
            passages.append((walk, seen))
            # To whom it was addressed on the link is what its destination says, here as between real hosts.
            items.append(Shot(walk.packet.raw, walk.in_interface, record.at / SECOND))
        elif isinstance(record, CommandRun) and _changes(record):
            name, rest = _command(record.line)
            family = _FAMILIES.get(name)
            # A small table is a large one with strangers in it, whom conntrack would see.
            if family is None or (family == CONNTRACK and MAX in host.spec.sysctls):
                note(f"asked up to the command {record.line.strip()!r}: after it the kernel is not the one it began with")
                break
            items.append(Order(rest, record.at / SECOND, family))
    if left_out:
        note(f"left out {left_out} packets of neighbour discovery: the links of the kernel's box have no neighbours")
    sockets = [("tcp", port) for _, port in host.stack.listeners] + [("udp", port) for port in host.stack.datagrams]
    spoken = spoken_from((item for item in items if isinstance(item, Shot)), by_programs=True)
    quiet = tuple(sorted({*sockets, *spoken}))
    own = {places[number] for number in made_by_the_stack(passages, quiet)}
    return Question(_setup(host.spec, quiet, passages), tuple(item for number, item in enumerate(items) if number not in own))


def _setup(spec: HostSpec, quiet: tuple[tuple[str, int], ...], passages: list[tuple[Walk, Seen]]) -> Setup:
    """The watched host as a box; of IPv6 only where the run has some."""
    if any(walk.packet.family == 6 for walk, _ in passages):
        interfaces = {name: tuple(addresses) for name, addresses in spec.interfaces.items()}
        setup = Setup(interfaces, routes=dict(spec.routes), sysctls={REDIRECTS: 1, **spec.sysctls}, quiet=quiet, rules6=NO_RULES)
    else:
        setup = ipv4_box(spec.interfaces, spec.routes, spec.sysctls, quiet=quiet)
    firewall = engine_for(setup)
    if is_script(spec.rules):
        firewall.load(spec.rules)
        setup = replace(setup, rules=firewall.save(), sets=firewall.save_sets())
    else:
        setup = replace(setup, rules=spec.rules or NO_RULES)
    if setup.ipv6 and spec.rules6:
        firewall.load(spec.rules6, family=6)
        setup = replace(setup, rules6=firewall.save(family=6))
    return setup


def _discovers(walk: Walk) -> bool:
    packet = walk.packet
    return packet.family == 6 and packet.protocol == ICMPV6 and packet.has_l4 and packet.icmp_type in _DISCOVERY


def _changes(record: CommandRun) -> bool:
    """Is the box another one after it? (A setting leaves no trace in the record but its line.)"""
    name, rest = _command(record.line)
    return not record.refused and bool(record.changes or record.after != record.before or (name == "sysctl" and "=" in rest))


def _command(line: str) -> tuple[str, str]:
    """(program, the rest) of a line at a prompt."""
    text = line.strip().removeprefix("sudo ").strip()
    name, _, rest = text.partition(" ")
    return name, rest.strip()
