"""IPv6 packets played on the kernel and on the engine: what the two did otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile, zip_longest
from typing import Any

from fwtutor.kernel.compare import engine_for, replay
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import ANSWER, BY_ITSELF, Observed, Setup, Shot
from fwtutor.netfilter import Walk
from fwtutor.netfilter.conntrack.listing import format_entry
from fwtutor.netfilter.exthdrs import walk as walk_headers
from fwtutor.netfilter.steps import HookEntered
from fwtutor.network.answers import closed_port_answers
from tests.netfilter.six import TRACK6

SYSCTLS = {"net.ipv6.icmp.ratelimit": 0}
"""With it the kernel rations no errors; and redirects, which are, it sends none without link-local addresses."""

_NEIGHBOURS = (b"\x88", b"\x89")
"""Advertisements and redirects."""


def box(rules: str = TRACK6, **sysctls: int) -> Setup:
    """A router between wan, lan and dmz, whose MTU is the least there is."""
    interfaces = {"wan": ("2001:db8:1::1/64",), "lan": ("2001:db8:2::1/64",), "dmz": ("2001:db8:3::1/64",)}
    routes: dict[str, str | tuple[str, str]] = {"2001:db8:9::/48": ("wan", "2001:db8:1::fe"), "2001:db8:77::/48": "dmz"}
    named = {name.replace("__", "."): value for name, value in sysctls.items()}
    return Setup(interfaces, "", routes, {**SYSCTLS, **named}, {"dmz": 1280}, rules6=rules)


def differences(kernel: Kernel, setup: Setup, shots: Sequence[Shot]) -> list[str]:
    """Of each packet, and of the table at the end."""
    observation = kernel.play(setup, shots)
    firewall = engine_for(setup)
    firewall.restore(setup.rules6, family=6)
    found: list[str] = []
    for number, observed in enumerate(observation.packets):
        firewall.advance(observed.at)
        walk = firewall.caused[0] if observed.shot == BY_ITSELF and firewall.caused else replay(firewall, observed, observed.at)
        for what, theirs, ours in _compared(observed, walk):
            if theirs != ours:
                found.append(f"{number} {observed.raw.hex()} on {observed.on}: {what}: kernel {theirs}, engine {ours}")
    ended = round(observation.ended * 1_000_000_000)
    theirs = sorted(_without_seconds(str(entry)) for entry in observation.conntrack)
    ours = sorted(_without_seconds(format_entry(entry, ended)) for entry in firewall.state.entries.values())
    found += [f"entry: kernel {left}, engine {right}" for left, right in zip_longest(theirs, ours) if left != right]
    if firewall.save(family=6, counters=True) != observation.rules6:
        found.append(f"counters: kernel {observation.rules6}, engine {firewall.save(family=6, counters=True)}")
    return found


def unlike_answers(kernel: Kernel, setup: Setup, shots: Sequence[Shot]) -> list[str]:
    """Where the kernel's own stack answered otherwise than ``closed_port_answers`` says. Neighbours are not answered there."""
    firewall, found = engine_for(setup), list[str]()
    firewall.restore(setup.rules6, family=6)
    packets = kernel.play(setup, shots).packets
    for number, observed in enumerate(packets):
        if observed.shot < 0:
            continue
        theirs = [each.raw for each in takewhile(lambda each: each.shot == ANSWER, packets[number + 1 :])]
        firewall.advance(observed.at)
        ours, waiting = list[bytes](), [replay(firewall, observed, observed.at)]
        while waiting:
            packet = waiting.pop(0).delivered
            if packet is not None:
                said = closed_port_answers(packet, source=firewall.source_of_answer(packet), link=observed.link)
                waiting += [firewall.send(raw, at=observed.at, by_stack=True) for raw in said]
                ours += [walk.packet.raw for walk in waiting if walk.verdict == "ACCEPT"]
        theirs = [raw for raw in theirs if raw[40:41] not in _NEIGHBOURS]
        if list(map(_without_id, theirs)) != list(map(_without_id, ours)):
            found.append(f"{observed.raw.hex()}: kernel {[raw.hex() for raw in theirs]}, engine {[raw.hex() for raw in ours]}")
    return found


def _compared(observed: Observed, walk: Walk) -> Iterator[tuple[str, object, object]]:
    if any(isinstance(step, HookEntered) for step in walk.steps):
        yield "verdict", observed.verdict, "DISCARD" if walk.verdict == "HELD" else walk.verdict
        yield "to", observed.to, walk.to
    # Of what met no hook the kernel says nothing: whether it waits or was thrown away shows in what comes later.
    yield "path", list(observed.path), walk.path
    yield "states", [list(state) for state in observed.states], walk.states
    yield "out", _sent(observed.out), _sent(walk.out)


def _sent(out: Iterable[Sequence[Any]]) -> list[tuple[str, str]]:
    return sorted((name, _without_id(raw).hex()) for name, raw in out)


def _without_id(raw: bytes) -> bytes:
    """A fragment without the id the kernel drew for it."""
    at = walk_headers(raw).fragment
    return raw[: at + 4] + b"\0\0\0\0" + raw[at + 8 :] if at else raw


def _without_seconds(line: str) -> str:
    words = line.split()
    return " ".join(words[:2] + words[3:])
