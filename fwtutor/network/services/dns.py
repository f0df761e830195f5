"""A name server, and the messages one asks it with."""

from __future__ import annotations

from collections.abc import Mapping
from struct import error as StructError, pack, unpack_from

from fwtutor.netfilter.packet import Packet
from fwtutor.network.arguments import BadArgument
from fwtutor.network.ends import ANY, Address, ends_of
from fwtutor.network.stack import Datagrams, Stack

Names = Mapping[str, tuple[Address, ...]]
"""Whose addresses are which, by name in small letters."""
A, AAAA = 1, 28
_RECORD_OF = {4: A, 6: AAAA}


class Named(Datagrams):
    """A name server that knows the hosts of the topology, each as NAME and as NAME.example."""

    name = "dns"
    addresses = (ANY[4], ANY[6])

    def __init__(self, names: Names) -> None:
        self._names = names

    def received(self, stack: Stack, packet: Packet) -> None:
        reply = answer_query(packet.payload, self._names)
        if reply:
            stack.send_udp(ends_of(packet).turned, reply)


def dns_query(identity: int, name: str, family: int = 4) -> bytes:
    """A question for the address of ``name``, of a family. Raises BadArgument for what is no name."""
    labels = name.rstrip(".").encode("utf-8", "replace").split(b".")
    if not name.isascii() or not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise BadArgument(f"{name!r} is not a legal name")
    question = b"".join(bytes((len(label),)) + label for label in labels) + pack("!BHH", 0, _RECORD_OF[family], 1)
    return pack("!HHHHHH", identity, 0x0100, 1, 0, 0, 0) + question


def _read_question(message: bytes) -> tuple[str, int, int]:
    """(name, type, where the question ends). Raises ValueError or StructError on a broken message."""
    labels, at = [], 12
    while message[at : at + 1] not in (b"", b"\0"):
        length = message[at]
        if length > 63:
            raise ValueError("a pointer in a question")
        labels.append(message[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    (kind,) = unpack_from("!H", message, at + 1)
    unpack_from("!H", message, at + 3)
    return ".".join(labels).lower(), kind, at + 5


def answer_query(message: bytes, names: Names) -> bytes:
    """The answer to a DNS query: an address, NXDOMAIN, or nothing at all (b"") to what is no query."""
    if len(message) >= 12 and message[2] & 0xF8 == 0x10:
        return message[:2] + pack("!HHHHH", 0x9004, 0, 0, 0, 0)  # a request for its status, which no server implements
    if len(message) < 17 or message[2] & 0x80:
        return b""
    try:
        name, kind, end = _read_question(message)
    except (ValueError, StructError):
        return message[:2] + pack("!HHHHH", 0x8181, 0, 0, 0, 0)
    addresses = names.get(name)
    found = [address for address in addresses or () if _RECORD_OF[address.family] == kind]
    head = message[:2] + pack("!HHHHH", 0x8183 if addresses is None else 0x8180, 1, len(found), 0, 0)
    values = [address.value.to_bytes(4 if address.family == 4 else 16, "big") for address in found]
    return head + message[12:end] + b"".join(pack("!HHHIH", 0xC00C, kind, 1, 300, len(value)) + value for value in values)


def read_answer(message: bytes) -> tuple[int, str, Address | None]:
    """(id, name, first address) of a DNS answer; None: it has no address. Raises ValueError on a broken one."""
    try:
        identity, _, _, answers = unpack_from("!HHHH", message)
        name, _, end = _read_question(message)
        if not answers:
            return identity, name, None
        kind, length = unpack_from("!H", message, end + 2)[0], unpack_from("!H", message, end + 10)[0]
        value = message[end + 12 : end + 12 + length]
    except StructError as error:
        raise ValueError("a broken DNS message") from error
    family = {(A, 4): 4, (AAAA, 16): 6}.get((kind, len(value)))
    return identity, name, Address(family, int.from_bytes(value, "big")) if family and length == len(value) else None
