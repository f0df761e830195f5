"""Why: the reasons behind a step of a Walk, derived afterwards from the record and with the packet's own values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fwtutor.netfilter import steps as s
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.changing import find_mss, header_size
from fwtutor.netfilter.conntrack.entry import ASSURED, ESTABLISHED, INVALID, NEW, ORIGINAL, RELATED, SEEN_REPLY, Entry, Template, Tuple
from fwtutor.netfilter.conntrack.icmpv6 import NOT_TRACKED
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS, is_icmp
from fwtutor.netfilter.icmpwords import icmp_word
from fwtutor.netfilter.ipset.sets import MEMORY_KEY
from fwtutor.netfilter.packet import ACK, PROTOCOL_NAMES, TCP, UDP, Packet
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.state import MEMORY
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why_helpers import describe, why_expected, why_forgotten, why_helped
from fwtutor.netfilter.why_nat import why_translated
from fwtutor.netfilter.xtables.rule import Condition, Continue, Jump, NatTarget, Rule

ASSURED_WORDS = "both sides have spoken and the handshake is complete: ASSURED, it will not be thrown out to make room"


EARLY_DROP = "the table is full (nf_conntrack_max), so an entry that is not ASSURED is thrown out to make room for a new one"
PICKED_UP = "an ACK without a past is taken for the middle of a conversation that began unseen (nf_conntrack_tcp_loose)"


class Explanation(NamedTuple):
    """The reason in one or two sentences; for a rule also its conditions, up to the first that is false."""

    text: str
    conditions: tuple[Condition, ...] = ()


def why(walk: Walk, step: s.Step, entries: Iterable[Entry] = ()) -> Explanation:
    """Why ``step`` of ``walk`` came out as it did.

    ``entries`` are those the table held then; with them a NEW or INVALID packet is told which entry it missed by how little.
    """
    match step:
        case s.RuleTried():
            return _rule(step)
        case s.LookedUp():
            return Explanation(_lookup(step, walk, entries))
        case s.PolicyApplied():
            return Explanation(f"no rule of {_named_chain(step.table, step.chain)} decided, so its policy does: {step.policy}")
        case s.StateChanged():
            return Explanation(_changed(step, walk.at))
        case s.Finished():
            return Explanation(_finished(walk, step))
        case s.Arrived():
            here = "the box makes it itself" if step.interface is None else f"it comes in by {step.interface}"
            return Explanation(f"{here}: {describe_tuple(walk)}")
        case s.Gathered(whole=whole, pieces=pieces):
            if not pieces:
                return Explanation("the fragments of a datagram that can no longer be put together are forgotten")
            if whole is None:
                return Explanation(f"with tracking on, fragments wait for each other; {pieces} of its datagram are here")
            return Explanation(f"its datagram is complete: {pieces} fragments become {describe_packet(whole)}")
        case s.HookEntered():
            return Explanation(_HOOKS[step.hook])
        case s.Routed():
            if step.to is None:
                return Explanation(f"routing refuses it: {step.reason}")
            return Explanation(
                "its destination is the box itself" if step.to == "local" else f"the route to its destination leaves by {step.to}"
            )
        case s.EntryCreated(entry=entry):
            left = 0 if entry is None else entry.seconds_left(0)
            if entry is not None and entry.state == "ESTABLISHED":
                picked = "picked up in the middle, so the TCP tracker's word is ESTABLISHED from the start"
                return Explanation(f"a new entry is made for it, not kept yet: {picked}, for {left} s if the packet gets through")
            return Explanation(f"a new entry is made for it, not kept yet: it will be, for {left} s, if the packet gets through")
        case s.Helped():
            return Explanation(why_helped(step, expects=any(isinstance(each, s.Expected) for each in walk.steps)))
        case s.Expected():
            return Explanation(why_expected(step, walk.at))
        case s.ExpectationMet(expectation=one):
            came = "" if one is None else f"{describe(one)} was expected by the helper {one.helper}"
            return Explanation(f"{came}, and here it is: RELATED")
        case s.ExpectationForgotten():
            return Explanation(why_forgotten(step))
        case s.Translated():
            return Explanation(why_translated(step) + _by_rule(walk, step))
        case s.Confirmed(entry=entry):
            left = 0 if entry is None else entry.seconds_left(walk.at)
            return Explanation(f"the packet got through, so its entry is kept: forgotten in {left} s unless another packet comes")
        case s.CopySent(walk=copy):
            went = "" if copy is None else f"leaves by {copy.to}" if copy.to else f"ends on its way ({copy.reason or copy.verdict})"
            return Explanation(f"a copy of it, which nobody tracks, passes OUTPUT and POSTROUTING, and {went}")
        case s.CameBack(walk=copy):
            waits = copy is not None and copy.to == "local"  # and so it is a fragment
            end = "waits for the rest of its datagram there" if waits else "ends on its way back"
            if copy is not None and copy.delivered is not None:
                end = "reaches its own programs"
            return Explanation(f"it is for many, the box among them: a copy comes back through PREROUTING and INPUT, and {end}")
        case s.EarlyDropped():
            return Explanation(EARLY_DROP)
        case s.EntryForgotten():
            return Explanation("the packet did not get through, so its entry goes with it: nothing kept")
        case s.Logged():
            if step.group is not None:
                return Explanation(f"handed to the programs that listen to NFLOG group {step.group}: {step.line.rstrip()}")
            from fwtutor.netfilter.xtables.targets.log import LEVELS

            return Explanation(f"logged, level {LEVELS[step.level]}: {step.line.rstrip()}")
        case s.Acted():
            return Explanation(acted_words(step, walk.at))
        case s.ChainEntered():
            return Explanation(f"rules of {_named_chain(step.table, step.chain)} are tried from the first")
        case s.ChainLeft():
            how = "it says RETURN" if step.how == "RETURN" else "none of its rules decided"
            back = (
                f"on after rule {step.back_number} of {step.back_to}, the last jump"
                if step.back_to
                else "no jump to go back to, so the policy decides"
            )
            return Explanation(f"{step.chain} is left: {how}; {back}")
        case s.Answered(walk=answer):
            assert answer is not None
            return Explanation(f"the box answers: {describe_tuple(answer)}")
        case s.AnswerWithheld():
            return Explanation("the sender would be told, but too many ICMP errors went there lately: icmp_ratelimit")
    return Explanation("")


def _by_rule(walk: Walk, step: s.Translated) -> str:
    """Which rule of nat decided on a translation, where it was decided on here."""
    if step.entry_before is None or step.entry_after is None or step.entry_before.reply == step.entry_after.reply:
        return ""
    last: s.RuleTried | None = None
    for each in walk.steps:
        if isinstance(each, s.RuleTried) and each.matched and each.rule is not None and isinstance(each.rule.target, NatTarget):
            last = each
        elif each == step:
            return "" if last is None else f"; rule {last.number} of {last.chain} says so: {last.rule and last.rule.target.name}"
    return ""


def _named_chain(table: str, chain: str) -> str:
    """``INPUT``; of another table than filter ``raw PREROUTING``."""
    return chain if table == "filter" else f"{table} {chain}"


_HOOKS = {
    "PREROUTING": "every packet that arrives passes here first",
    "INPUT": "packets for the box itself pass here",
    "FORWARD": "packets that go through the box pass here",
    "OUTPUT": "packets the box itself makes pass here",
    "POSTROUTING": "every packet that leaves passes here last",
}


def describe_tuple(walk: Walk) -> str:
    """``tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN``"""
    return describe_packet(walk.packet)


def describe_packet(packet: Packet) -> str:
    """A packet in a line: protocol, addresses, ports, flags or ICMP type."""
    name = PROTOCOL_NAMES.get(packet.protocol, f"protocol {packet.protocol}")
    if packet.protocol in (TCP, UDP) and not packet.offset:
        line = f"{name} {_end(packet.family, packet.source, packet.sport)} > {_end(packet.family, packet.destination, packet.dport)}"
        return f"{line} {'+'.join(packet.flag_names)}".rstrip()
    line = f"{name} {packet.source} > {packet.destination}"
    if packet.offset:
        return f"{line} fragment at {packet.offset}"
    if packet.broken:
        return f"{line}, its extension headers cut short"
    return f"{line} {icmp_word(packet) or f'type {packet.icmp_type}'}" if is_icmp(packet.protocol, packet.family) else line


def _end(family: int, address: str, port: int) -> str:
    return f"[{address}]:{port}" if family == 6 else f"{address}:{port}"


def _wanted(template: Template) -> str:
    """What a CT rule asks of connection tracking."""
    zone = "the zone that its mark says" if template.zone_by_mark else f"zone {template.zone}"
    ways = {1: ", in the original direction only", 2: ", in the reply direction only"}.get(template.zone_directions, "")
    parts = [f"a connection that begins with it will have the helper {template.helper}"] if template.helper else []
    if template.zone or template.zone_by_mark:
        parts.append(f"it is looked up in {zone}{ways}")
    return " and ".join(parts) or "it will be tracked as any other"


def acted_words(step: s.Acted, at: int) -> str:
    """What a target changed at a time (ns): "its mark becomes 0x1 (it was 0x0)"."""
    if step.dropped:
        return "it cannot be changed so, and is dropped"
    from fwtutor.netfilter.ipset.telling import told
    from fwtutor.netfilter.xtables.targets.classify import write_class

    before, after = step.before, step.after
    assert before is not None
    assert after is not None
    was, now = before.packet, after.packet
    values = [
        ("mark", f"0x{before.mark:x}", f"0x{after.mark:x}"),
        ("class", write_class(before.priority), write_class(after.priority)),
        ("hop limit" if now.family == 6 else "TTL", str(was.ttl), str(now.ttl)),
        ("traffic class" if now.family == 6 else "TOS byte", f"0x{was.tos:02x}", f"0x{now.tos:02x}"),
        ("MSS", *(_mss(packet) if was is not now else "" for packet in (was, now))),
    ]
    if before.entry is not None and after.entry is not None:
        values.append(("connection's mark", f"0x{before.entry.mark:x}", f"0x{after.entry.mark:x}"))
    said = [f"its {name} becomes {new} (it was {old})" for name, old, new in values if old != new]
    for change in step.changes:
        if change.key == MEMORY_KEY:
            said += told(change.before, change.after, at // JIFFY)
    if before.template != after.template and after.template is not None:
        said.append(_wanted(after.template))
    elif before.state != after.state:
        said.append(f"it is {after.state} from here on")
    return "; ".join(said) or "it is as it should be already, and nothing changes"


def _mss(packet: Packet) -> str:
    """What the MSS option of a TCP header says, in words."""
    size = header_size(packet) if packet.protocol == TCP and not packet.offset else None
    option = find_mss(packet, size) if size is not None else None
    return "none" if option is None else str(option.value)


def _rule(step: s.RuleTried) -> Explanation:
    rule, context = step.rule, step.context
    assert rule is not None
    assert context is not None
    kept = [change for change in step.changes if change.kind == MEMORY]
    conditions = rule.conditions(context, [change.before for change in kept], [change.after for change in kept])
    shown: list[Condition] = []
    for condition in conditions:
        shown.append(condition)
        if not condition.held:
            break
    if step.matched:
        reason = "it has no conditions" if not conditions else "; ".join(condition.because for condition in conditions)
        return Explanation(f"rule {step.number} matches: {reason} → {target_words(rule)}", tuple(shown))
    if shown and not shown[-1].held:
        missed = shown[-1]
        return Explanation(f"rule {step.number}: {missed.text} is false: {missed.because}", tuple(shown))
    return Explanation(f"rule {step.number}: the packet is cut short, so the match drops it", tuple(shown))


def target_words(rule: Rule) -> str:
    """What a matching rule does, in its own words: ACCEPT, "on to CHAIN", "count and go on"."""
    target = rule.target
    if isinstance(target, Jump):
        return f"{'goto' if target.goto else 'jump to'} {target.chain}"
    if isinstance(target, Continue):
        return "counted, and on to the next rule"
    return f"{target.name}, and on to the next rule" if target.goes_on else target.name


def _lookup(step: s.LookedUp, walk: Walk, entries: Iterable[Entry]) -> str:
    if not step.state:
        return f"dropped before any rule: {step.reason}"
    if step.state == INVALID:
        return f"INVALID: {step.reason}"
    if step.state == NEW:
        if step.found is not None:
            return "NEW: its entry exists, but nothing has come back yet; until a reply is seen, every packet this way is NEW"
        # Told afterwards, the table already holds the entry this packet made itself.
        near = nearest(step.tuple, (entry for entry in entries if step.tuple not in (entry.original, entry.reply)))
        parts = ["NEW: no entry has its tuple"]
        if walk.packet.protocol == TCP and walk.packet.flags & ACK:
            parts.append(PICKED_UP)
        return "; ".join([*parts, near] if near else parts)
    if step.state == RELATED and not (is_icmp(walk.packet.protocol, walk.packet.family) and step.found is not None):
        kept = "" if step.found is None else ", and nothing has come back yet"
        return f"RELATED: a helper expected the connection because of what it read in another one{kept}"
    if step.state == RELATED:
        return "RELATED: it is an ICMP error about a packet of a known connection"
    if step.state == ESTABLISHED:
        if step.direction == ORIGINAL:
            return "ESTABLISHED: its tuple is an entry's original one, and replies have been seen"
        first = step.found is not None and not step.found.status & SEEN_REPLY
        return "ESTABLISHED: its tuple is an entry's reply one" + (", and this is the first reply" if first else "")
    if is_icmp(walk.packet.protocol, walk.packet.family) and walk.packet.icmp_type in NOT_TRACKED:
        return "UNTRACKED: what a link says to itself, about neighbours, routers and groups, is not tracked"
    return "UNTRACKED: tracking was told to leave it alone"


def nearest(wanted: Tuple | None, entries: Iterable[Entry]) -> str:
    """Which entry differs from a tuple in the least, in words; "" when none is close."""
    found = nearest_entry(wanted, entries)
    return f"the nearest entry has {' and '.join(_differing(wanted, found[1]))}" if wanted is not None and found is not None else ""


def nearest_entry(wanted: Tuple | None, entries: Iterable[Entry]) -> tuple[Entry, Tuple] | None:
    """The entry that differs from a tuple in the least, at most in two of its parts, and which of its tuples it is."""
    best: tuple[int, Entry, Tuple] | None = None
    for entry in entries:
        for side in (entry.original, entry.reply):
            if wanted is None or (side.protocol, side.family) != (wanted.protocol, wanted.family):
                continue
            differs = len(_differing(wanted, side))
            if differs and differs <= 2 and (best is None or differs < best[0]):
                best = differs, entry, side
    return best[1:] if best is not None else None


def _differing(wanted: Tuple, side: Tuple) -> list[str]:
    return [f"{name} {theirs}, not {ours}" for name, ours, theirs in zip(*_named(wanted, side), strict=True) if ours != theirs]


def _named(wanted: Tuple, side: Tuple) -> tuple[tuple[str, ...], list[str], list[str]]:
    """The names of a tuple's parts, and both tuples' values of them."""
    names: tuple[str, ...] = ("source", "destination")
    if wanted.protocol in WITH_PORTS:
        names += ("source port", "destination port")
    elif is_icmp(wanted.protocol, wanted.family):
        names += ("id", "type")
    values = []
    for each in (wanted, side):
        last = each.dport >> 8 if is_icmp(wanted.protocol, wanted.family) else each.dport
        every = [format_address(each.family, each.src), format_address(each.family, each.dst), str(each.sport), str(last)]
        values.append(every[: len(names)])
    return names, values[0], values[1]


def _changed(step: s.StateChanged, at: int) -> str:
    before, after = step.before, step.after
    if before is None:
        return "a new entry"
    if after is None:
        return f"the entry is gone: it was {before.state or 'idle'}"
    parts = []
    if before.state != after.state:
        parts.append(f"{before.state} → {after.state}")
    if after.status & SEEN_REPLY and not before.status & SEEN_REPLY:
        parts.append("the first reply is seen: no longer [UNREPLIED]")
    if after.status & ASSURED and not before.status & ASSURED:
        parts.append(ASSURED_WORDS)
    if after.expires != before.expires:
        parts.append(f"forgotten in {after.seconds_left(at)} s")
    return "; ".join(parts) or "the tracker remembers the packet, nothing else changes"


def _told(walk: Walk) -> str:
    """What becomes of the word that a REJECT sends back: it passes OUTPUT like any packet of the box."""
    if not walk.answers:
        return ", and the sender is told nothing"
    answer = walk.answers[-1]
    if answer.verdict == "ACCEPT":
        return f", and the sender is told: {describe_tuple(answer)}"
    state = f", {answer.states[0][1]}," if answer.states else ""
    return f", and the word to its sender{state} is stopped on the way out: {describe_tuple(answer)}"


def _finished(walk: Walk, step: s.Finished) -> str:
    match step.verdict:
        case "ACCEPT":
            where = "it reaches the box's own programs" if step.to == "local" else f"it leaves by {step.to}"
            return f"ACCEPT: {where}"
        case "DISCARD":
            return f"the stack refuses it, no rule does: {step.reason}"
        case "REJECT":
            return f"REJECT: it ends here{_told(walk)}"
        case "HELD":
            return "a fragment: it waits for the rest"
    return f"DROP: {step.reason or 'it ends here'}, and nobody is told"


__all__ = ["Condition", "Explanation", "describe_packet", "nearest", "target_words", "why"]
