"""A packet as fields that a person fills in, and the ``send`` line they make: this packet again, but with another port.

``crafting`` reads the line; here it is only written, so whatever is wrong with a field is said by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet
from fwtutor.network.arguments import BadArgument
from fwtutor.network.crafting import FAMILY_OF, TAKEN, craft_packet

PORTED = ("tcp", "udp")
KINDS = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}


class Field(NamedTuple):
    """One thing to fill in."""

    name: str
    label: str
    kinds: tuple[str, ...]
    """Protocols that have it."""
    hint: str
    """What may stand there."""


FIELDS = (
    Field("kind", "protocol", tuple(TAKEN), "tcp, udp, icmp or icmpv6"),
    Field("source", "from", tuple(TAKEN), "an address; it need not be the sender's own"),
    Field("sport", "from port", PORTED, "0 to 65535"),
    Field("destination", "to", tuple(TAKEN), "an address"),
    Field("dport", "to port", PORTED, "0 to 65535"),
    Field("flags", "flags", ("tcp",), "SYN, SYN+ACK, ACK, FIN+ACK, RST ... or none"),
    Field("type", "type", tuple(FAMILY_OF), "echo, or TYPE/CODE"),
    Field("seq", "seq", tuple(kind for kind in TAKEN if "seq" in TAKEN[kind]), "empty: the connection's own, or any"),
    Field("ack", "ack", ("tcp",), "empty: the connection's own, or any"),
    Field("win", "window", ("tcp",), "empty: as usual"),
    Field("id", "id", tuple(FAMILY_OF), "empty: any"),
    Field("ttl", "ttl", tuple(TAKEN), "empty: 64"),
    Field("data", "data", tuple(TAKEN), "text"),
)
NEEDED = ("kind", "source", "sport", "destination", "dport", "flags", "type")
NAMES = tuple(field.name for field in FIELDS)


def fields_of(kind: str) -> tuple[Field, ...]:
    """The fields a protocol has; of one that is none, all that any has."""
    return tuple(field for field in FIELDS if kind not in TAKEN or kind in field.kinds)


def draft_of(packet: Packet | None, source: str = "", destination: str = "") -> dict[str, str]:
    """The fields of a packet, as text; of one that ``send`` cannot make (or none), those of a SYN between two addresses."""
    kind = KINDS.get(packet.protocol) if packet is not None and not packet.fault and not packet.offset else None
    if packet is None or kind is None:
        return {"kind": "tcp", "source": source, "destination": destination, "flags": "SYN"}
    source, destination = (format_address(packet.family, address) for address in (packet.src, packet.dst))
    draft = {"kind": kind, "source": source, "destination": destination}
    if kind in PORTED:
        draft |= {"sport": str(packet.sport), "dport": str(packet.dport)}
    if kind == "tcp":
        draft |= {"flags": "+".join(packet.flag_names) or "none", "seq": str(packet.seq), "win": str(packet.window)}
        draft |= {"ack": str(packet.ack)} if "ACK" in packet.flag_names else {}
    if kind in FAMILY_OF:
        echo = (packet.icmp_type, packet.icmp_code) in ((8, 0), (128, 0))
        rest = int.from_bytes(packet.raw[packet.l4 + 4 : packet.l4 + 8], "big")
        draft |= {"type": "echo" if echo else f"{packet.icmp_type}/{packet.icmp_code}", "id": str(rest >> 16), "seq": str(rest & 0xFFFF)}
    data = bytes(packet.payload) if kind in PORTED else b""
    if data and data.isascii() and data.decode("ascii").isprintable():
        draft["data"] = data.decode("ascii")
    return draft


def command(draft: Mapping[str, str]) -> str:
    """The line to enter. What is wrong with it, ``complaint`` says."""
    kind = draft.get("kind", "").strip()

    def value(name: str) -> str:
        return draft.get(name, "").strip()

    def place(address: str, port: str) -> str:
        if kind not in PORTED:
            return value(address)
        text = value(address)
        return f"[{text}]:{value(port)}" if ":" in text and text[:1] != "[" else f"{text}:{value(port)}"

    words = ["send", kind, place("source", "sport"), ">", place("destination", "dport")]
    words += [value("flags")] if kind == "tcp" else [value("type")] if kind in FAMILY_OF else []
    for name in TAKEN.get(kind, ()):
        if name == "data":
            text = draft.get("data", "").replace("\\", "\\\\").replace('"', '\\"')
            words += [f'data="{text}"'] if text else []
        elif value(name):
            words.append(f"{name}={value(name)}")
    return " ".join(filter(None, words))


def complaint(draft: Mapping[str, str]) -> str:
    """What is wrong with it, in ``send``'s words; "" if nothing is."""
    kind = draft.get("kind", "").strip()
    if kind not in TAKEN:
        return f"{kind!r} is none of {', '.join(TAKEN)}"
    missing = [field.label for field in fields_of(kind) if field.name in NEEDED and not draft.get(field.name, "").strip()]
    if missing:
        return f"{missing[0]} is empty"
    try:
        craft_packet(command(draft).removeprefix("send "), 0, lambda ends: None, lambda protocol, ends: None)
    except BadArgument as error:
        return str(error)
    return ""
