"""What the kernel is asked: a box, and what happens to it. From rules and packets here; from a run of the lab in ``recorded``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fwtutor.badinput import BadInput
from fwtutor.capture import Seen
from fwtutor.judging.conversation import Conversation
from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.observation import Item, Setup, Shot
from fwtutor.netfilter import Firewall, RuleRefused
from fwtutor.netfilter.packet import RST, TCP, UDP, Packet
from fwtutor.netfilter.replying4 import REDIRECTS
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.script import is_script
from fwtutor.network.answers import closed_port_answers
from fwtutor.trace.box import Box, load_rules, load_sets, parse_box, refusal
from fwtutor.trace.own import OwnAnswers
from fwtutor.trace.run import trace

Note = Callable[[str], None]

PATIENCE = 5.0
"""Seconds a run may take: longer gaps between its packets are shortened, so that it takes no more."""
MOST_PACKETS = 20_000
USUAL_INTERFACES = ("wan=203.0.113.1/24", "lan=192.168.0.1/16")
USUAL_ROUTES = ("default=wan",)
USUAL_INTERFACES6 = ("wan=203.0.113.1/24,2001:db8:1::1/64", "lan=192.168.0.1/16,2001:db8:2::1/64")
USUAL_ROUTES6 = ("default=wan", "::/0=wan")
"""Where there are rules of IPv6."""
TRACKING_ONLY = (
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate INVALID\nCOMMIT\n"
)
"""Lets everything pass. Its one rule does nothing, but a rule that asks for ctstate is what switches connection tracking on. The chains are
named, for of iptables-nft only those exist that a text names."""

_PROTOCOLS = {TCP: "tcp", UDP: "udp"}


@dataclass(slots=True, frozen=True)
class Question:
    """A box, and what happens to it in order."""

    setup: Setup
    items: tuple[Item, ...]


def the_box(interfaces: Sequence[str], routes: Sequence[str], sysctls: Sequence[str], ipv6: bool = False) -> Box:
    """The box as ``trace``'s options describe it; the usual one when no interface is given. Raises BadInput."""
    if not interfaces:
        usual, ways = (USUAL_INTERFACES6, USUAL_ROUTES6) if ipv6 else (USUAL_INTERFACES, USUAL_ROUTES)
        return parse_box(usual, routes or ways, sysctls)
    return parse_box(interfaces, routes, sysctls)


def ipv4_box(
    interfaces: Mapping[str, Iterable[str]], routes: Mapping[str, str | tuple[str, str]], sysctls: Mapping[str, int], **more: Any
) -> Setup:
    """A box without what it has of IPv6. It sends redirects as every box does, unless ``sysctls`` say otherwise."""
    return Setup(
        {name: tuple(address for address in addresses if ":" not in address) for name, addresses in interfaces.items()},
        routes={target: way for target, way in routes.items() if ":" not in target}, sysctls={REDIRECTS: 1, **sysctls}, **more,
    )  # fmt: skip


def setup_for(
    box: Box, variant: str, file: Path | None, rules: Sequence[str], note: Note, sets: Path | None = None, file6: Path | None = None
) -> Setup:  # fmt: skip
    """The box with its rules: those of a file (iptables-save text), or commands' words, or none that do anything. Raises BadInput.

    ``sets``: a file of the sets that they name. ``file6``: the rules of IPv6; without it the box has none of it.
    """
    if file6 is None:
        setup = ipv4_box(box.interfaces, box.routes, box.sysctls, mtus=box.mtus, variant=variant)
    else:
        setup = Setup(
            {name: tuple(addresses) for name, addresses in box.interfaces.items()}, routes=box.routes,
            sysctls={REDIRECTS: 1, **box.sysctls}, mtus=box.mtus, variant=variant,
        )  # fmt: skip
    try:
        firewall = engine_for(setup)
    except ValueError as error:
        raise BadInput(str(error)) from None
    if sets is not None:
        setup = replace(setup, sets=load_sets(firewall, sets))
    if file6 is not None:
        setup = replace(setup, rules6=_rules_of(firewall, file6, note, 6), sets=firewall.save_sets() or setup.sets)
    if file is not None:
        return replace(setup, rules=_rules_of(firewall, file, note, 4), sets=firewall.save_sets() or setup.sets)
    for line in rules:
        shown = f"--rule {line if len(line) <= 60 else line[:57] + '...'!r}"
        try:
            printed = firewall.iptables(line)
        except RuleRefused as error:
            raise BadInput(refusal(shown, error)) from None
        if printed:
            raise BadInput(f"{shown}: that lists or tells something; a rule is wanted, like '-A FORWARD -p tcp --dport 22 -j DROP'")
    return replace(setup, rules=firewall.save() if rules else TRACKING_ONLY)


def _rules_of(firewall: Firewall, file: Path, note: Note, family: int) -> str:
    """The rules of a file, which the engine has now, for the kernel."""
    load_rules(firewall, file, note, family=family)
    text = file.read_text("utf-8")
    # The text itself, not what the engine made of it: whether both read it alike is part of the question.
    return firewall.save(family=family) if is_script(text) else text


def from_words(setup: Setup, texts: Iterable[str]) -> Question:
    """Packets in the grammar of the lab's ``send``. Raises BadInput."""
    firewall, conversation = engine_for(setup), Conversation()
    shots = []
    for text in texts:
        raw, at = conversation.packet(text)
        packet = Packet(raw)
        if packet.family == 6 and not setup.ipv6:
            raise BadInput(f"--send {text[:100]!r}: without rules for it (--rules6) the box has no IPv6")
        shots.append(Shot(raw, _came_in(firewall, packet, text), at))
    return Question(replace(setup, quiet=spoken_from(shots)), tuple(shots))


def _came_in(firewall: Firewall, packet: Packet, text: str) -> str | None:
    """Where a packet comes in: where the route to its source leads; None when the box sends it."""
    if firewall.is_local(packet.src, packet.family):
        return None
    route = firewall.route(packet.src, packet.family)
    if route is None:
        raise BadInput(f"--send {text[:100]!r}: no route leads back to {packet.source}, so where did it come in? Give a --route")
    return route.interface


def from_file(setup: Setup, packets: Path, came_in: str | None, note: Note) -> Question:
    """The packets of a capture or a jsonl file, placed as ``trace`` places them. Raises BadInput."""
    shots = []
    passages = []
    for traced in trace(engine_for(setup), packets, fallback=came_in, note=note, ipv6=setup.ipv6):
        seen = traced.seen
        shots.append(Shot(seen.raw, traced.interface, seen.at / 1e9, seen.mark, seen.link, seen.mac))
        passages.append((traced.walk, seen))
        if len(shots) > MOST_PACKETS:
            raise BadInput(f"{packets.name}: more than {MOST_PACKETS} packets; the kernel is asked about fewer at a time")
    quiet = spoken_from(shots, by_programs=True)
    made = made_by_the_stack(passages, quiet)
    if made:
        note(f"{packets.name}: left out {len(made)} of the box's own packets: its stack's answers, which the kernel makes by itself")
    return Question(replace(setup, quiet=quiet), tuple(shot for number, shot in enumerate(shots) if number not in made))


def spoken_from(shots: Iterable[Shot], *, by_programs: bool = False) -> tuple[tuple[str, int], ...]:
    """The ports the box's played packets come from: its stack must keep still there. ``by_programs``: resets alone tell of no program."""
    ports = set()
    for shot in shots:
        packet = Packet(shot.raw) if shot.on is None else None
        if packet is None or packet.fault or not packet.has_l4 or packet.protocol not in _PROTOCOLS or not packet.sport:
            continue
        if not (by_programs and packet.protocol == TCP and packet.flags & RST):
            ports.add((_PROTOCOLS[packet.protocol], packet.sport))
    return tuple(sorted(ports))


def made_by_the_stack(passages: Iterable[tuple[Walk, Seen]], quiet: Iterable[tuple[str, int]]) -> set[int]:
    """Numbers of the packets among those the box sent that its kernel sends of its own accord: no program does."""
    own, silent = OwnAnswers(), frozenset(quiet)
    found = set()
    for number, (walk, seen) in enumerate(passages):
        if walk.in_interface is None and own.is_one(seen, walk.packet):
            found.add(number)
        delivered = walk.delivered
        if delivered is not None and (_PROTOCOLS.get(delivered.protocol, ""), delivered.dport) not in silent:
            own.expect(Packet(raw) for raw in closed_port_answers(delivered, walk.at, link=seen.link))
    return found


def shortened(question: Question, note: Note, *, fast: bool = False, patience: float = PATIENCE) -> Question:
    """The question with its gaps cut so that playing it takes ``patience`` seconds at most; with ``fast`` there are none."""
    items = question.items
    if fast:
        return replace(question, items=tuple(item._replace(at=0.0) for item in items))
    gaps = [after - before for before, after in zip([0.0, *(item.at for item in items)], (item.at for item in items), strict=False)]
    if sum(gaps) <= patience:
        return question
    most = _longest(gaps, patience)
    cut = sum(gap > most for gap in gaps)
    note(
        f"time passes for real, and {sum(gaps):.0f} seconds are too long to wait: "
        f"{cut} gap{'s' if cut > 1 else ''} between packets shortened to {most:.2f} s"
    )
    at = 0.0
    kept = []
    for item, gap in zip(items, gaps, strict=True):
        at += min(gap, most)
        kept.append(item._replace(at=at))
    return replace(question, items=tuple(kept))


def _longest(gaps: Sequence[float], patience: float) -> float:
    """The longest a gap may be for all of them to fit."""
    left, waiting = patience, sorted(gaps)
    for number, gap in enumerate(waiting):
        share = left / (len(waiting) - number)
        if gap >= share:
            return share
        left -= gap
    return left
