"""What one can ask about a packet of a run, each as a short answer in netfilter's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.course.patterns import packet_words
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.packet import RST, TCP, UDP, Packet
from fwtutor.netfilter.steps import PolicyApplied, RuleTried
from fwtutor.network.records import Walked

if TYPE_CHECKING:
    from fwtutor.course.model import History
    from fwtutor.netfilter.conntrack.entry import Entry
    from fwtutor.netfilter.walk import Walk

WHATS = ("ctstate", "verdict", "decided", "to", "entry", "seconds", "tried", "left", "answer")
"""What an ask may ask for: see ``fact``."""


def fact(run: History, index: int, what: str) -> str:
    """One thing about the walk that is record ``index``.

    ctstate: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, or "not tracked". verdict: ACCEPT, DROP, REJECT, HELD, DISCARD.
    decided: "INPUT rule 2", "INPUT policy" or "no rule". to: an interface, "local" or "nowhere". entry: the packet's entry
    afterwards, as conntrack -L words it ("SYN_SENT [UNREPLIED]"), or "nothing kept"; seconds: how long it would then be kept.
    tried: how many rules were tried. left: the packet as it left the box, in the words of ``send``, or "nothing".
    answer: what the box sent because of it: "SYN+ACK", "RST", "icmp 3/3", "udp", or "silence".
    """
    record = run.records[index]
    assert isinstance(record, Walked)
    walk = record.walk
    if what == "ctstate":
        return str(walk.states[0][1]) if walk.states else "not tracked"
    if what == "verdict":
        return walk.verdict
    if what == "to":
        return walk.to or "nowhere"
    if what == "entry":
        return entry_words(walk.tracked)
    if what == "seconds":
        entry = walk.tracked
        return str(entry.seconds_left(walk.at)) if entry is not None and entry.confirmed else "nothing kept"
    if what == "tried":
        return str(tried(walk))
    if what == "left":
        return packet_words(Packet(walk.out[-1][1])) if walk.out and walk.to not in (None, "local") else "nothing"
    if what == "answer":
        return answer_to(run, index)
    return decided(walk)


def decided(walk: Walk) -> str:
    """Which rule or policy had the say (``decider``): ``"INPUT rule 2"``, ``"INPUT policy"``; ``"no rule"`` when no chain ran."""
    step = decider(walk.steps)
    if step is None:
        return "no rule"
    return f"{step.chain} policy" if isinstance(step, PolicyApplied) else f"{step.chain} rule {step.number}"


def tried(walk: Walk) -> int:
    """How many rules were tried on a packet's way through a box, whatever their table."""
    return sum(isinstance(step, RuleTried) for step in walk.steps)


def matched(walk: Walk, chain: str, number: int) -> bool:
    """Whether the packet matched that rule of a chain."""
    return any(isinstance(step, RuleTried) and step.matched and (step.chain, step.number) == (chain, number) for step in walk.steps)


def entry_words(entry: Entry | None) -> str:
    """State and flags as ``conntrack -L`` prints them; an entry that was not kept is ``"nothing kept"``."""
    if entry is None or not entry.confirmed:
        return "nothing kept"
    flags = ("" if entry.seen_reply else "[UNREPLIED]", "[ASSURED]" if entry.assured else "")
    return " ".join(word for word in (entry.state, *flags) if word)


def answer_to(run: History, index: int) -> str:
    """The first packet that left the box because of the one of record ``index``, in few words; ``"silence"``."""
    record = run.records[index]
    assert isinstance(record, Walked)
    for answer in record.walk.answers:
        if answer.out:
            return _answer_words(answer.packet)
    for later in run.records[index + 1 :]:
        if isinstance(later, Walked) and later.cause == index and later.host == record.host and later.walk.out:
            return _answer_words(later.walk.packet)
    return "silence"


def _answer_words(packet: Packet) -> str:
    if packet.protocol == TCP:
        return "RST" if packet.flags & RST else "+".join(name for name in packet.flag_names if name != "PSH") or "no flags"
    if packet.protocol == UDP:
        return "udp"
    first, *_, last = packet_words(packet).partition(" > ")[2].split(" ", 1)
    return f"{packet_words(packet).split()[0]} {last}" if last != first else first
