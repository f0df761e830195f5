"""The kinds of scan as data: what a probe is, and what a port is called after what came back. Sending and waiting is ``nmap``'s."""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, FIN, ICMP, PSH, RST, SYN, TCP, UDP, URG, Packet
from fwtutor.network.ends import Address, source_of
from fwtutor.network.errors import is_icmp, read_error

OPEN, CLOSED, FILTERED, UNFILTERED, OPEN_FILTERED = "open", "closed", "filtered", "unfiltered", "open|filtered"
WINDOW, SYN_OPTIONS = 1024, pack("!BBH", 2, 4, 1460)
PAYLOADS = {7: b"\r\n\r\n", 53: b"\0\0\x10\0" + bytes(8)}
"""What UDP ports are sent whose servers say nothing to an empty datagram: two lines, and a name server a request for its status."""
UNREACHABLE = {
    4: {0: "net-unreach", 1: "host-unreach", 2: "proto-unreach", 3: "port-unreach", 9: "net-prohibited", 10: "host-prohibited",
        13: "admin-prohibited"},
    6: {0: "no-route", 1: "admin-prohibited", 3: "host-unreach", 4: "port-unreach", 5: "admin-prohibited", 6: "reject-route"},
}  # fmt: skip
"""What ICMP's and ICMPv6's codes are called as a reason."""
PORT_UNREACHABLE = {4: 3, 6: 4}
CONNECTING = {
    "Connection refused": (CLOSED, "conn-refused"),
    "Network is unreachable": (FILTERED, "net-unreach"),
    "No route to host": (FILTERED, "host-unreach"),
    "Protocol not available": (FILTERED, "proto-unreach"),
    "Permission denied": (FILTERED, "admin-prohibited"),
}
"""What connect(2)'s words say of a port."""


class Scan(NamedTuple):
    """One kind."""

    name: str
    """As a person calls it."""
    flags: int
    """Of the TCP segment sent."""
    silence: str
    """What a port is called that nothing is heard of."""
    reset: str = CLOSED
    """And after a RST."""
    protocol: int = TCP


SCANS = {
    "S": Scan("SYN", SYN, FILTERED),
    "T": Scan("connect", SYN, FILTERED),
    "A": Scan("ACK", ACK, FILTERED, UNFILTERED),
    "F": Scan("FIN", FIN, OPEN_FILTERED),
    "N": Scan("Null", 0, OPEN_FILTERED),
    "X": Scan("Xmas", FIN | PSH | URG, OPEN_FILTERED),
    "M": Scan("Maimon", FIN | ACK, OPEN_FILTERED),
    "U": Scan("UDP", 0, OPEN_FILTERED, protocol=UDP),
}
"""By the letter behind ``-s``."""


class Word(NamedTuple):
    """What is said of a port."""

    state: str
    reason: str
    """What came back."""
    ttl: int = 0
    """That it came with; 0: it is not said."""
    by: str = ""
    """Who sent it, if that was not the target."""

    @property
    def why(self) -> str:
        """As ``--reason`` has it."""
        return f"{self.reason}{f' from {self.by}' if self.by else ''}{f' ttl {self.ttl}' if self.ttl else ''}"


def probe(scan: Scan, source: Address, port: int, target: Address, there: int, number: int, ttl: int, identity: int) -> bytes:
    """The packet that asks about a port; ``number`` is what its sequence numbers are drawn from."""
    (family, src), (_, dst) = source, target
    if scan.protocol == UDP:
        return craft.udp(src, dst, port, there, PAYLOADS.get(there, b""), family=family, ttl=ttl, id=identity, df=False)
    acknowledges = bool(scan.flags & ACK)
    return craft.tcp(
        src, dst, port, there, scan.flags, 0 if acknowledges else number, number if acknowledges else 0, WINDOW,
        b"", SYN_OPTIONS if scan.flags == SYN else b"", family=family, ttl=ttl, id=identity, df=False,
    )  # fmt: skip


def asked_about(scan: Scan, packet: Packet, target: Address, source: Address, port: int) -> int | None:
    """Which port of the target an answer is about; None if it is no answer to a probe of ours."""
    if packet.protocol == scan.protocol:
        mine = source_of(packet) == target and packet.dport == port
        return packet.sport if mine else None
    if not is_icmp(packet) or (error := read_error(packet)) is None:
        return None
    about = error.about
    mine = about.protocol == scan.protocol and (about.src, about.dst, about.sport) == (source.value, target.value, port)
    return about.dport if mine else None


def judge(scan: Scan, packet: Packet, target: Address) -> Word | None:
    """What an answer says of the port; None: nothing."""
    if packet.protocol == UDP:
        return Word(OPEN, "udp-response", packet.ttl)
    if packet.protocol == TCP:
        if packet.flags & RST:
            return Word(scan.reset, "reset", packet.ttl)
        if packet.flags & (SYN | ACK) == SYN | ACK and scan.flags == SYN:
            return Word(OPEN, "syn-ack", packet.ttl)
        return None
    family, kind, code = packet.family, packet.icmp_type, packet.icmp_code
    by = "" if source_of(packet) == target else str(source_of(packet))
    if kind == (3 if packet.protocol == ICMP else 1) and code in UNREACHABLE[family]:
        closed = scan.protocol == UDP and code == PORT_UNREACHABLE[family] and not by
        return Word(CLOSED if closed else FILTERED, UNREACHABLE[family][code], packet.ttl, by)
    if kind == (11 if packet.protocol == ICMP else 3):
        return Word(FILTERED, "time-exceeded", packet.ttl, by)
    return None


def in_fragments(raw: bytes, size: int) -> list[bytes]:
    """An IPv4 packet cut into pieces of ``size`` bytes of what it carries."""
    packet = Packet(raw)
    carried = raw[packet.l4 :]
    return [
        craft.ip(
            packet.src, packet.dst, packet.protocol, carried[at : at + size], ttl=packet.ttl, tos=packet.tos, id=packet.id, df=False,
            mf=at + size < len(carried), offset=at,
        )
        for at in range(0, len(carried), size)
    ]  # fmt: skip
