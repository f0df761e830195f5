"""Frames and what is in them: from a link layer's bytes to an IP packet, with what the link layer knew about it."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.badinput import BadInput


class Frame(NamedTuple):
    """One record of a capture, as the file has it."""

    number: int
    """Counts from 1, as Wireshark does."""
    at: int
    """ns since the epoch (or whatever the capture's clock began with)."""
    link_type: int
    interface: str | None
    data: bytes
    cut: bool
    """True when the capture kept fewer bytes than were on the wire."""
    outgoing: bool | None = None
    """What the file says about the direction, if it does."""
    swapped: bool = False
    """True when the file was written by a machine of the other byte order (matters for BSD's loopback only)."""


class Seen(NamedTuple):
    """One IP packet somebody saw. Where the source does not know something, the field is None."""

    number: int
    """Frame number in a capture, line number in a jsonl file; from 1."""
    at: int
    """ns; in a capture since its first IP packet."""
    interface: str | None
    raw: bytes
    outgoing: bool | None = None
    """True: made or sent on by the box; False: came in; None: not said."""
    mac: str | None = None
    """Source address of the frame, "00:11:22:33:44:55"."""
    link: str = "host"
    """"host", "broadcast" or "multicast": to whom the frame was addressed."""
    uid: int = 0
    gid: int = 0
    mark: int = 0
    counted: str = "packet"
    """What ``number`` counts: "packet" or "line"."""
    began: int | None = None
    """Of a capture: when its first IP packet was, in ns since 1970."""


NULL, ETHERNET, RAW_BSD, RAW_OPENBSD, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 1, 12, 14, 101, 108, 113, 228, 229, 276
_RAW = frozenset((RAW_BSD, RAW_OPENBSD, RAW, IPV4, IPV6))
_IP = (0x0800, 0x86DD)
_VLAN = (0x8100, 0x88A8, 0x9100)
_NAMES = {0x0806: "ARP", 0x8035: "RARP", 0x88CC: "LLDP", 0x8863: "PPPoE", 0x8864: "PPPoE", 0x8847: "MPLS", 0x888E: "EAPOL"}
_SLL_LINK = {0: "host", 1: "broadcast", 2: "multicast"}
_AF_INET6 = frozenset((10, 24, 28, 30))
"""AF_INET6 of Linux, NetBSD, FreeBSD and macOS: a loopback header has the number of the system it was made on."""


def unwrap(frame: Frame, file: str) -> Seen | str:
    """The IP packet in a frame, or a word for what it is instead ("ARP"). Raises BadInput for a link type unknown here."""
    data, kind = frame.data, frame.link_type
    if kind in _RAW:
        return _seen(frame, data)
    if kind == ETHERNET:
        return _ethernet(frame, data)
    if kind == LINUX_SLL:
        if len(data) < 16:
            return "truncated frame"
        return _cooked(frame, int.from_bytes(data[0:2], "big"), int.from_bytes(data[4:6], "big"), data[6:14], data, 14)
    if kind == LINUX_SLL2:
        if len(data) < 20:
            return "truncated frame"
        return _cooked(frame, data[10], data[11], data[12:20], data[:2] + data[20:], 0)
    if kind in (NULL, LOOP):
        if len(data) < 4:
            return "truncated frame"
        family = int.from_bytes(data[:4], "big" if kind == LOOP or frame.swapped else "little")
        return _seen(frame, data[4:]) if family == 2 or family in _AF_INET6 else f"of address family {family}"
    raise BadInput(f"{file}, packet {frame.number}: link type {kind} is not read here (Ethernet, Linux cooked, raw IP and loopback are)")


def _ethernet(frame: Frame, data: bytes) -> Seen | str:
    if len(data) < 14:
        return "truncated frame"
    link = "host" if not data[0] & 1 else "broadcast" if data[:6] == b"\xff" * 6 else "multicast"
    return _ethertype(frame, data, 12, data[6:12].hex(":"), link, frame.outgoing)


def _cooked(frame: Frame, packet_type: int, size: int, address: bytes, data: bytes, at: int) -> Seen | str:
    mac = address[:6].hex(":") if size == 6 else None
    outgoing = {0: False, 1: False, 2: False, 4: True}.get(packet_type, frame.outgoing)
    return _ethertype(frame, data, at, mac, _SLL_LINK.get(packet_type, "host"), outgoing)


def _ethertype(frame: Frame, data: bytes, at: int, mac: str | None, link: str, outgoing: bool | None) -> Seen | str:
    """Follows the type fields from offset ``at`` through VLAN tags."""
    kind = int.from_bytes(data[at : at + 2], "big")
    while kind in _VLAN and len(data) >= at + 6:
        at += 4
        kind = int.from_bytes(data[at : at + 2], "big")
    if kind in _IP:
        return _seen(frame, data[at + 2 :])._replace(mac=mac, link=link, outgoing=outgoing)
    return _NAMES.get(kind, f"of Ethernet type 0x{kind:04x}" if kind >= 0x600 else "of IEEE 802.3")


def _seen(frame: Frame, raw: bytes) -> Seen:
    return Seen(frame.number, frame.at, frame.interface, raw, frame.outgoing)
