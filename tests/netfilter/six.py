"""What the engine's tests of IPv6 share: a router, addresses, and packets with extension headers."""

from __future__ import annotations

from struct import pack

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from tests.netfilter.boxes import EMPTY

WAN, LAN, CLIENT, SERVER, NEIGHBOUR, LINK = (
    parse_address(text)[1] for text in ("2001:db8:1::1", "2001:db8:2::1", "2001:db8:9::9", "2001:db8:2::80", "2001:db8:1::5", "fe80::9")
)
ALL_NODES, ALL_ROUTERS = (parse_address(text)[1] for text in ("ff02::1", "ff02::2"))

HOP, ROUTING, FRAGMENT, ESP, AH, NONE, DESTINATION = 0, 43, 44, 50, 51, 59, 60
TRACK6 = f"{EMPTY}-A FORWARD -m conntrack --ctstate INVALID\nCOMMIT\n"


def box6(rules: str = TRACK6, addresses: tuple[str, ...] = ("2001:db8:1::1/64",), mtu: int = 1500, **sysctls: int) -> Firewall:
    """A router between wan and lan, whose default route leads out by wan; ``addresses`` are wan's, ``mtu`` is lan's."""
    firewall = Firewall(
        {"wan": addresses, "lan": ["2001:db8:2::1/64"]},
        {"default": ("wan", "2001:db8:1::fe")},
        {name.replace("__", "."): value for name, value in sysctls.items()},
        mtus={"lan": mtu},
    )
    firewall.restore(rules, family=6)
    return firewall


def ip6(protocol: int, payload: bytes, src: int = CLIENT, dst: int = SERVER, hops: int = 64) -> bytes:
    return craft.ip(src, dst, protocol, payload, family=6, ttl=hops)


def datagram(src: int = CLIENT, dst: int = SERVER, port: int = 53, size: int = 8) -> bytes:
    """A UDP datagram without its IPv6 header."""
    return craft.udp(src, dst, 1000, port, bytes(size), family=6)[40:]


def options(following: int, body: bytes = b"") -> bytes:
    """A header of options, padded as the stack likes it."""
    room = -(2 + len(body)) % 8
    padding = b"" if not room else b"\0" if room == 1 else bytes([1, room - 2]) + bytes(room - 2)
    return bytes([following, (len(body) + len(padding) + 2) // 8 - 1]) + body + padding


def fragment(following: int, offset: int, more: bool, id: int = 7) -> bytes:
    """A Fragment header; ``offset`` in bytes."""
    return pack("!BBHI", following, 0, offset | more, id)


def fragments(payload: bytes, sizes: tuple[int, ...], protocol: int = 17, dst: int = SERVER, id: int = 7) -> list[bytes]:
    """A datagram's fragments, of these sizes."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(ip6(FRAGMENT, fragment(protocol, at, at + size < len(payload), id) + payload[at : at + size], dst=dst))
        at += size
    return pieces
