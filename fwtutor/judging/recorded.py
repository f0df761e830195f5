"""A run of the lab as a question: what came to the watched host, what its programs sent, and how its rules were changed."""

from __future__ import annotations

from dataclasses import replace

from fwtutor.capture import Seen
from fwtutor.judging.question import Note, Question, ipv4_box, made_by_the_stack, spoken_from
from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.kernel.sets import IPSET
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.script import is_script
from fwtutor.network.records import CommandRun, Walked
from fwtutor.recording import Run


def from_run(run: Run, note: Note = lambda text: None, *, last: int | None = None) -> Question:
    """What happened at the watched host, up to and with the record ``last`` (all of it unless given)."""
    host = run.world.hosts[run.scenario.watch]
    items: list[Item] = []
    passages: list[tuple[Walk, Seen]] = []
    places: list[int] = []
    for record in run.records[: None if last is None else last + 1]:
        if record.host != host.name:
            continue
        if isinstance(record, Walked):
            walk = record.walk
            seen = Seen(record.index, record.at, walk.in_interface, walk.packet.raw, walk.in_interface is None)
            places.append(len(items))
            passages.append((walk, seen))
            # To whom it was addressed on the link is what its destination says, here as between real hosts.
            items.append(Shot(walk.packet.raw, walk.in_interface, record.at / SECOND))
        elif isinstance(record, CommandRun) and not record.refused:
            name, rest = _command(record.line)
            if name == "iptables" and (record.changes or record.after != record.before):
                items.append(Order(rest, record.at / SECOND))
            elif name == "ipset" and record.changes:
                items.append(Order(rest, record.at / SECOND, IPSET))
            elif name == "sysctl" and "=" in rest:
                note(f"asked up to the command {record.line.strip()!r}: after it the kernel is not the one it began with")
                break
    sockets = [("tcp", port) for _, port in host.stack.listeners] + [("udp", port) for port in host.stack.datagrams]
    spoken = spoken_from((item for item in items if isinstance(item, Shot)), by_programs=True)
    quiet = tuple(sorted({*sockets, *spoken}))
    own = {places[number] for number in made_by_the_stack(passages, quiet)}
    spec = host.spec
    setup = ipv4_box(spec.interfaces, spec.routes, spec.sysctls, quiet=quiet)
    if is_script(spec.rules):
        firewall = engine_for(setup)
        firewall.load(spec.rules)
        setup = replace(setup, rules=firewall.save(), sets=firewall.save_sets())
    else:
        setup = replace(setup, rules=spec.rules or "*filter\nCOMMIT\n")
    return Question(setup, tuple(item for number, item in enumerate(items) if number not in own))


def _command(line: str) -> tuple[str, str]:
    """(program, the rest) of a line at a prompt."""
    text = line.strip().removeprefix("sudo ").strip()
    name, _, rest = text.partition(" ")
    return name, rest.strip()
