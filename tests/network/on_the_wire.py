"""Packets of a scene as lines that can be compared: one packet a line, numbers relative, what is left to chance left out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from struct import unpack_from
from typing import NamedTuple

from fwtutor.netfilter.packet import ACK, FIN, SYN, TCP, UDP, Packet
from fwtutor.network.ends import Address, destination_of, source_of
from fwtutor.network.words import describe

ICMPV6 = 58
NEIGHBOURS = (135, 136)
FIRST_EPHEMERAL = 32768
SEGMENT = 1200
"""Bytes of what counts as a full segment, whatever the MTU."""
FAR = 130_000
"""So far apart no two numbers of one conversation are."""
EARLY, LATE, JITTER = 0.88, 1.2, 0.05


class Sent(NamedTuple):
    """A packet as it sets out on the wire."""

    at: float
    """Seconds since the first."""
    sender: str
    raw: bytes


class Reader:
    """Turns packets into lines; it remembers where each direction's numbers begin, and the ports that were drawn."""

    def __init__(self, closely: bool = True) -> None:
        self._closely = closely
        self._begins: dict[tuple[int, int, int, int], int] = {}
        self._ports: dict[int, str] = {}
        self._ids: dict[int, str] = {}
        self._full = False

    def line(self, sent: Sent) -> str:
        """``client: 4000 > 1337 PSH+ACK seq 1 ack 22 (4 bytes)``."""
        return f"{sent.sender}: {self.words(Packet(sent.raw))}"

    def words(self, packet: Packet, quoted: bool = False) -> str:
        """A packet, without its sender."""
        if packet.family == 4 and (packet.offset or packet.mf):
            return f"fragment at {packet.offset} of {packet.length - packet.l4} bytes{', more follow' if packet.mf else ''}"
        if packet.protocol == TCP:
            return self._tcp(packet, quoted)
        if packet.protocol == UDP:
            return f"udp {self._port(packet.sport)} > {self._port(packet.dport)} ({packet.length - packet.l4 - 8} bytes){self._ttl(packet)}"
        if packet.protocol in (1, ICMPV6):
            return self._icmp(packet)
        return describe(packet)

    def _ttl(self, packet: Packet) -> str:
        # What a traceroute counts; a scanner draws larger ones.
        return f" ttl {packet.ttl}" if packet.ttl < 32 else ""

    def _port(self, port: int) -> str:
        return self._ports.setdefault(port, f"p{len(self._ports) + 1}") if port >= FIRST_EPHEMERAL else str(port)

    def _tcp(self, packet: Packet, quoted: bool) -> str:
        way = (packet.src, packet.sport, packet.dst, packet.dport)
        back = (packet.dst, packet.dport, packet.src, packet.sport)
        text = f"{self._port(packet.sport)} > {self._port(packet.dport)}"
        if quoted and packet.length < packet.l4 + 20:
            return f"{text} seq {self._from(way, packet.seq)}"
        flags = "+".join(packet.flag_names) or "none"
        if packet.flags & SYN:
            self._begins[way] = packet.seq
        length = len(packet.payload)
        if length >= SEGMENT:
            # The kernel sets PSH at the end of what it keeps in one buffer, which depends on what the interface can do.
            flags = flags.replace("PSH+", "")
        text += f" {flags} seq {self._from(way, packet.seq)}"
        if packet.flags & ACK and (self._closely or not packet.flags & FIN):
            text += f" ack {self._from(back, packet.ack)}"
        text += f" ({length} bytes)" if length else ""
        # From the first full segment on the kernel's receive buffer grows; for IPv6 its window is one less at times.
        self._full = self._full or length >= SEGMENT
        wanted = packet.flags & SYN or not packet.window or not (self._full or packet.family == 6)
        if self._closely and wanted:
            text += f" win {packet.window}"
        return text + self._options(packet, back) + self._ttl(packet)

    def _from(self, way: tuple[int, int, int, int], number: int) -> int:
        """Relative to where the direction's numbers begin; 0 for one far from all before it (a scanner draws them anew)."""
        if number == 0:
            return 0
        begin = self._begins.get(way)
        if begin is None or (number - begin + 1) & 0xFFFFFFFF > FAR:
            begin = self._begins[way] = number
        return number - begin & 0xFFFFFFFF

    def _options(self, packet: Packet, back: tuple[int, int, int, int]) -> str:
        raw = packet.raw[packet.l4 + 20 : packet.l4 + packet.doff]
        words = []
        at = 0
        while at < len(raw) and raw[at]:
            if raw[at] == 1:
                at += 1
                continue
            if at + 1 >= len(raw) or raw[at + 1] < 2:
                break
            kind, length = raw[at], raw[at + 1]
            if kind == 2:
                words.append(f"mss {unpack_from('!H', raw, at + 2)[0]}")
            elif kind == 3 and self._closely:
                words.append(f"wscale {raw[at + 2]}")
            elif kind == 4:
                words.append("sackOK")
            elif kind == 5:
                blocks = [unpack_from("!II", raw, at + 2 + 8 * block) for block in range(length // 8)]
                words.append("sack " + " ".join(f"{self._from(back, one)}-{self._from(back, other)}" for one, other in blocks))
            elif kind != 3:
                words.append(f"option {kind}")
            at += length
        return f" <{', '.join(words)}>" if words else ""

    def _icmp(self, packet: Packet) -> str:
        name = "icmp" if packet.protocol == 1 else "icmp6"
        kind, code = packet.raw[packet.l4], packet.raw[packet.l4 + 1]
        echoes = {("icmp", 8): "echo request", ("icmp", 0): "echo reply", ("icmp6", 128): "echo request", ("icmp6", 129): "echo reply"}
        body = packet.raw[packet.l4 + 8 :]
        if (name, kind) in echoes:
            identity, number = unpack_from("!HH", packet.raw, packet.l4 + 4)
            told = self._ids.setdefault(identity, f"i{len(self._ids) + 1}")
            return f"{name} {echoes[name, kind]} id {told} seq {number} ({len(body)} bytes){self._ttl(packet)}"
        if name == "icmp6" and kind in NEIGHBOURS:
            target, flags = Address(6, int.from_bytes(body[:16], "big")), packet.raw[packet.l4 + 4] >> 5
            ends = f"from {source_of(packet)} to {destination_of(packet)}"
            return f"icmp6 {kind} flags {flags} about {target} {ends} hop limit {packet.ttl} ({packet.length} bytes)"
        (mtu,) = unpack_from("!I", packet.raw, packet.l4 + 4)
        about = Packet(body + bytes(max(0, _said_length(body) - len(body)))) if body else None
        text = f"{name} {kind}/{code}" + (f" mtu {mtu}" if mtu else "")
        # What lies behind the quotation's end is not there: only the first bytes of it are read.
        return text + (f" about [{self.words(about, quoted=len(body) < 40)}]" if about is not None else "") + self._ttl(packet)


def _only_acknowledges(packet: Packet) -> bool:
    return packet.protocol == TCP and packet.flags == ACK and not packet.payload


def _said_length(raw: bytes) -> int:
    if raw[0] >> 4 == 4:
        return int.from_bytes(raw[2:4], "big")
    return 40 + int.from_bytes(raw[4:6], "big")


def lines(packets: Sequence[Sent], closely: bool = True) -> list[str]:
    reader = Reader(closely)
    return [reader.line(sent) for sent in packets if closely or not _only_acknowledges(Packet(sent.raw))]


def told(packets: Sequence[Sent]) -> str:
    """For reading: each packet with its time, and the time since the one before."""
    before = 0.0
    text = []
    for sent, line in zip(packets, lines(packets), strict=True):
        text.append(f"{sent.at:9.3f} {sent.at - before:+8.3f}  {line}")
        before = sent.at
    return "\n".join(text)


def since(packets: Sequence[Sent], word: str) -> list[Sent]:
    """The packets from the first on in whose line ``word`` is."""
    first = next((number for number, line in enumerate(lines(packets)) if word in line), 0)
    return [packet._replace(at=packet.at - packets[first].at) for packet in packets[first:]]


def difference(recorded: Sequence[Sent], played: Sequence[Sent], closely: bool = True, slack: float = JITTER) -> str:
    """What differs, for reading; "" when nothing does.

    Each side must send the same in the same order, and as long after what it sent before. The kernel's timers may be late by up to an
    eighth of their length (what is typed then comes as much sooner), and go by round trips that a busy machine made longer.
    """
    real, simulated = lines(recorded, closely), lines(played, closely)
    senders = dict.fromkeys(packet.sender for packet in (*recorded, *played))
    by_sender = {name: [line for line in real if line.startswith(f"{name}: ")] for name in senders}
    if any(by_sender[name] != [line for line in simulated if line.startswith(f"{name}: ")] for name in senders):
        return "\n".join(difflib.unified_diff(real, simulated, "recorded on the kernel", "played in the simulation", lineterm="", n=100))
    if not closely:
        # What a program does is as late as it is.
        return ""
    wrong = []
    for name in senders:
        times = [[packet.at for packet in packets if packet.sender == name] for packets in (recorded, played)]
        for number, line in enumerate(by_sender[name][1:], 1):
            kernel, here = (each[number] - each[number - 1] for each in times)
            if not here * EARLY - slack <= kernel <= here * LATE + slack:
                wrong.append(f"{line}: {kernel:.3f} s after the one before on the kernel, {here:.3f} s in the simulation")
    return "\n".join(wrong)
