"""What a history showed, as a sentence tells it: whose packet it was, from where to where, and which rule or policy had the say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fwtutor.course.facts import decided
from fwtutor.course.patterns import flag_words, packet_words
from fwtutor.course.queries import Connected, PacketSeen, Spoken
from fwtutor.netfilter.packet import TCP, UDP, Packet
from fwtutor.network.ends import destination_of, source_of, write_place
from fwtutor.network.records import Walked

if TYPE_CHECKING:
    from fwtutor.course.model import Condition
    from fwtutor.netfilter.walk import Walk
    from fwtutor.network.records import Record


def packet_told(packet: Packet, sender: str = "") -> str:
    """``alice's SYN from 192.168.0.20:5000 to 198.51.100.80:80``; without the host that made it, ``a SYN from ...``."""
    source, destination = source_of(packet), destination_of(packet)
    if packet.protocol in (TCP, UDP):
        kind = flag_words(packet).replace("no flags", "tcp packet without flags") if packet.protocol == TCP else "udp packet"
        ways = f"from {write_place(source, packet.sport)} to {write_place(destination, packet.dport)}"
    else:
        name, _, rest = packet_words(packet).partition(" ")
        kind = f"{name.replace('icmp', 'ICMP')} {rest.partition(' > ')[2].partition(' ')[2]}".strip()
        ways = f"from {source} to {destination}"
    article = "an" if kind.startswith(("A", "R", "I")) else "a"
    return f"{f'{sender}{chr(39)}s' if sender else article} {kind} {ways}"


def walk_told(records: Sequence[Record], record: Walked) -> str:
    """The packet of a record, with the host that made it, whatever address it wrote on it."""
    return packet_told(record.walk.packet, _sender(records, record))


def _sender(records: Sequence[Record], record: Walked) -> str:
    while record.walk.in_interface is not None and record.cause >= 0:
        cause = records[record.cause]
        # Whoever did not pass a packet on, and yet sent one because of it, made that one.
        if not isinstance(cause, Walked) or cause.walk.to in (None, "local"):
            return cause.host
        record = cause
    return record.host


def by_whom(walk: Walk) -> str:
    """``, by rule 2 of INPUT``, ``, by INPUT's policy``; "" if no rule was asked."""
    chain, _, end = decided(walk).partition(" ")
    if chain == "no":
        return ""
    return f", by {end} of {chain}" if end.startswith("rule") else f", by {chain}'s policy"


def never_told(condition: Condition, records: Sequence[Record], index: int) -> str:
    """What must never be seen was seen, at that record."""
    record = records[index]
    if isinstance(condition, Spoken):
        return f'{condition.host} read "{condition.text}"'
    if not isinstance(record, Walked):
        return f"there was {condition}"
    if isinstance(condition, Connected):
        return f"the connection {condition.select.pattern.text} was opened at {record.host}"
    to = record.walk.to
    came = "was stopped" if to is None else f"reached {record.host}" if to == "local" else f"got through {record.host} to {to}"
    facts = condition.facts if isinstance(condition, PacketSeen) else ()
    asked = "".join(f", {_fact(what, value)}" for what, value in facts if what not in ("to", "verdict", "decided"))
    return f"{walk_told(records, record)} {came}{by_whom(record.walk)}{asked}"


def must_told(condition: Condition) -> str:
    """What must be seen was not."""
    if isinstance(condition, Spoken):
        return f'{condition.host} never read "{condition.text}"'
    if isinstance(condition, Connected):
        return f"the connection {condition.select.pattern.text} never came about"
    if isinstance(condition, PacketSeen):
        wanted = " and ".join(_did(what, value) for what, value in condition.facts)
        return f"no {condition.select.pattern.text} {wanted}" if wanted else f"there was no {condition.select.pattern.text}"
    return f"there was no {condition}"


def _did(what: str, value: str) -> str:
    """What a packet should have done, as a verb."""
    if what == "to":
        return "arrived" if value == "local" else "went nowhere" if value == "nowhere" else f"went out by {value}"
    told = {"ctstate": "was {}", "left": "left as {}", "answer": "was answered by {}", "verdict": "got the verdict {}"}
    return told.get(what, f"had the {what} {{}}").format(value)


def _fact(what: str, value: str) -> str:
    if what == "to":
        return "that arrived" if value == "local" else "that went nowhere" if value == "nowhere" else f"that went out by {value}"
    told = {"ctstate": "as {}", "left": "leaving as {}", "answer": "answered by {}", "verdict": "with the verdict {}"}
    return told.get(what, f"{what} {{}}").format(value)
