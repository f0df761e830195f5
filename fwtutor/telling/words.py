"""The words of the screen, in one place: packets, states, times and verdicts as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.entry import ESTABLISHED, EXPECTED, NEW, RELATED, SECOND
from fwtutor.netfilter.conntrack.listing import NAMES
from fwtutor.netfilter.conntrack.tuples import GRE, WITH_PORTS
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.icmpwords import icmp_word
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP
from fwtutor.netfilter.steps import PolicyApplied
from fwtutor.network.records import CommandRun, Record, TimerFired, Walked
from fwtutor.telling import glyphs
from fwtutor.telling.reading import DELETED, GONE, KEPT, PENDING, Place

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry, Tuple
    from fwtutor.netfilter.conntrack.expectation import Expectation
    from fwtutor.netfilter.packet import Packet

SAID = 100
"""Characters of a line that a packet carries."""
VERDICT_SIGNS = {"ACCEPT": glyphs.TICK, "DROP": glyphs.CROSS, "REJECT": glyphs.CROSS, "DISCARD": glyphs.CROSS, "HELD": glyphs.WAIT}

RAW_SAYS_SO = "raw says NOTRACK"
LEFT_ALONE = f"{RAW_SAYS_SO}, so connection tracking leaves this packet alone: it is not looked up, and gets no entry"
"""Of a packet that is UNTRACKED by a rule."""


def unasked(place: Place) -> str:
    """Why no packet like those of this place is tracked: each family's rules switch on tracking for their own."""
    other = 4 if place.family == 6 else 6
    if not place.view.rules(other).tracks:
        return "no rule here asks for a connection's state, so nothing is tracked"
    tool = "iptables" if place.family == 4 else "ip6tables"
    return f"no rule of {tool} asks for a connection's state, so nothing of IPv{place.family} is tracked"


def protocol(number: int) -> str:
    """``"tcp"``, or ``"proto 50"`` for one without a name."""
    return NAMES.get(number, f"proto {number}")


def endpoint(family: int, address: int, port: int | None) -> str:
    """``203.0.113.9:4000``; IPv6 in brackets when there is a port."""
    text = format_address(family, address)
    if port is None:
        return text
    return f"[{text}]:{port}" if family == 6 else f"{text}:{port}"


def flags(packet: Packet) -> str:
    """``SYN+ACK``; for other protocols what kind of message it is."""
    if packet.protocol == TCP:
        return "+".join(packet.flag_names) or "no flags"
    if packet.protocol in (ICMP, ICMPV6):
        return icmp_word(packet) or f"type {packet.icmp_type} code {packet.icmp_code}"
    return ""


def packet_tuple(packet: Packet) -> str:
    """``tcp 203.0.113.9:4000 → 203.0.113.1:22``."""
    ports = packet.protocol in (TCP, UDP)
    source = endpoint(packet.family, packet.src, packet.sport if ports else None)
    destination = endpoint(packet.family, packet.dst, packet.dport if ports else None)
    return f"{protocol(packet.protocol)} {source} {glyphs.ARROW} {destination}"


def entry_ends(tuple_: Tuple) -> tuple[tuple[str, str], tuple[str, str], str]:
    """One direction of an entry in pieces: (address, port) twice, the ports with their colon, and what else there is of it."""
    ports = tuple_.protocol in WITH_PORTS
    source = endpoint(tuple_.family, tuple_.src, tuple_.sport if ports else None)
    destination = endpoint(tuple_.family, tuple_.dst, tuple_.dport if ports else None)
    extra = f" id {tuple_.sport}" if tuple_.protocol in (ICMP, ICMPV6) else ""
    if tuple_.protocol == GRE and (tuple_.sport or tuple_.dport):
        extra = f" call {tuple_.sport or tuple_.dport}"
    if not ports:
        return (source, ""), (destination, ""), extra
    cut = [text.rindex(":") for text in (source, destination)]
    return (source[: cut[0]], source[cut[0] :]), (destination[: cut[1]], destination[cut[1] :]), extra


def entry_ends_of(tuple_: Tuple) -> tuple[str, str]:
    """Source and destination, each with its port."""
    source, destination, _ = entry_ends(tuple_)
    return "".join(source), "".join(destination)


def entry_tuple(tuple_: Tuple) -> str:
    """One direction of an entry, without the protocol."""
    source, destination, extra = entry_ends(tuple_)
    return f"{''.join(source)} {glyphs.ARROW} {''.join(destination)}{extra}"


def entry_state(entry: Entry) -> str:
    """The state TCP's or SCTP's tracker keeps, or that there is none: conntrack keeps none for other protocols."""
    return entry.state or "no state"


def entry_kind(entry: Entry) -> str:
    """``tcp SYN_SENT``, or ``udp, no state``."""
    name = protocol(entry.original.protocol)
    return f"{name} {entry.state}" if entry.state else f"{name}, no state"


def entry_flags(entry: Entry) -> str:
    """``[ASSURED]``, ``[UNREPLIED]``, or "" as conntrack prints them."""
    if entry.assured:
        return "[ASSURED]"
    return "" if entry.seen_reply else "[UNREPLIED]"


def seen_as(entry: Entry) -> str:
    """What rules see of a further packet of the side that began, if nothing is wrong with it; of the answers it is ESTABLISHED."""
    if entry.seen_reply:
        return ESTABLISHED
    return RELATED if entry.status & EXPECTED else NEW


def expected_tuple(one: Expectation) -> str:
    """``192.0.2.1 → 10.0.0.5:40000``: who may come; what may be anything is left out, of an address it is said."""
    source = endpoint(one.tuple.family, one.tuple.src, None) if one.src_mask else "anybody"
    if one.sport_mask:
        source = endpoint(one.tuple.family, one.tuple.src, one.tuple.sport) if one.src_mask else f"anybody:{one.tuple.sport}"
    return f"{source} {glyphs.ARROW} {endpoint(one.tuple.family, one.tuple.dst, one.tuple.dport)}"


def amount(packets: int, size: int) -> str:
    """``1 packet, 60 bytes``."""
    return f"{packets} packet{'' if packets == 1 else 's'}, {size} bytes"


def duration(seconds: int) -> str:
    """``119 s``, ``10 min``, ``2 h``, ``5 days``: short, rounded where nobody counts seconds."""
    if seconds < 600:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    if seconds < 172800:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} days"


def forgotten(record: TimerFired) -> str:
    """What a timer did; forgotten entries by their tuples."""
    gone = [change.before for change in record.changes if change.kind == "entry" and change.after is None and change.before is not None]
    what = record.what.replace(" > ", f" {glyphs.ARROW} ")
    return f"{what}: {', '.join(f'{protocol(e.original.protocol)} {entry_tuple(e.original)}' for e in gone)}" if gone else what


def standing(entry: Entry, stands: str, at: int) -> str:
    """``forgotten in 119 s``, ``not kept yet``, ``nothing kept``, ``deleted``."""
    if stands == PENDING or (stands == KEPT and not entry.confirmed):
        return "not kept yet"
    if stands == GONE:
        return "nothing kept"
    if stands == DELETED:
        return "deleted"
    return f"forgotten in {duration(entry.seconds_left(at))}"


def clock(at: int) -> str:
    """``t = 1.250 s``."""
    return f"t = {at / SECOND:.3f} s"


def decided_by(place: Place) -> str:
    """What decided so far: ``rule 2 of INPUT``, ``policy of INPUT``, "" when nothing has."""
    finished = place.verdict
    if finished and (finished.reason or finished.verdict == "DISCARD"):
        return finished.reason or "refused by the stack"
    step = decider(place.happened)
    if step is None:
        return ""
    chain = chain_name(step.table, step.chain)
    return f"policy of {chain}" if isinstance(step, PolicyApplied) else f"rule {step.number} of {chain}"


def chain_name(table: str, chain: str) -> str:
    """``INPUT``; of another table than filter ``raw PREROUTING``."""
    return chain if table == "filter" else f"{table} {chain}"


def payload_text(packet: Packet) -> str:
    """``"PORT 192,168,0,20,156,65"``: the first line of what TCP or UDP carries, in quotes; "" if that is no text."""
    data = b"" if packet.fault or packet.offset or packet.protocol not in (TCP, UDP) else bytes(packet.payload)
    first, _, rest = data.strip(b"\r\n").partition(b"\n")
    text = first.rstrip(b"\r")
    if not text or not text.isascii() or not text.decode("ascii").isprintable():
        return ""
    more = f", and {len(rest)} bytes more" if rest else ""
    return f'"{text.decode("ascii")[:SAID]}{"..." if len(text) > SAID else ""}"{more}'


def destination(to: str | None, watch: str) -> str:
    """Where an accepted packet went."""
    if to is None:
        return ""
    return f"delivered to {watch}" if to == "local" else f"out by {to}"


def verdict_role(verdict: str) -> str:
    """Which role a verdict is drawn in."""
    return "accept" if verdict == "ACCEPT" else "change" if verdict == "HELD" else "drop"


def moment(record: Record) -> str:
    """A record in a few"""
    if isinstance(record, CommandRun):
        return f"{record.host}# {record.line}"
    if isinstance(record, TimerFired):
        return f"timer: {forgotten(record)}"
    # Flags say that it is TCP.
    packet = record.walk.packet
    return f"{packet_tuple(packet)}  {flags(packet)}".removeprefix("tcp ").rstrip()


def result(record: Walked) -> str:
    """What became of a packet: ``NEW → ACCEPT``."""
    walk = record.walk
    states = walk.states
    return f"{states[0][1]} {glyphs.ARROW} {walk.verdict}" if states else walk.verdict
