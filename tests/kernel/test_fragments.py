"""Fragments in and out of order, doubled, missing, overlapping, mangled: kernel and engine put the same datagrams together."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.packet import checksum
from tests.kernel.talk import address, filtering

TRACKED = filtering("-A FORWARD -m state --state NEW", "-A FORWARD -p udp -m udp --dport 53 -j ACCEPT", "-A INPUT -p icmp -j REJECT")
UNTRACKED = filtering("-A FORWARD -p udp -m udp --dport 53 -j ACCEPT", "-A FORWARD -f -j ACCEPT")
WAYS = (("203.0.113.9", "192.168.0.20", "wan"), ("192.168.0.20", "203.0.113.9", "lan"), ("203.0.113.9", "203.0.113.1", "wan"))


def _mended(raw: bytearray) -> bytes:
    raw[2:4] = len(raw).to_bytes(2, "big")
    raw[10:12] = b"\0\0"
    raw[10:12] = checksum(bytes(raw[:20])).to_bytes(2, "big")
    return bytes(raw)


def _datagram(random: Random, number: int, ways: Sequence[tuple[str, str, str]]) -> tuple[list[bytes], str]:
    """The fragments of a datagram, some of it gone wrong, and where they come in."""
    src, dst, on = random.choice(ways)
    ends = address(src), address(dst)
    name = random.choice([7, 7, 8, 1000 + number])
    data = random.randbytes(random.choice([0, 10, 100, 500, 1400, 2000, 3000]))
    raw = random.choice(
        [
            craft.udp(*ends, 5000, 53, data, id=name, df=False),
            craft.tcp(*ends, 5000, 80, random.choice([2, 16, 24]), 100, 0, payload=data, id=name, df=False),
            craft.icmp(*ends, 8, 0, 7 << 16 | 1, data, id=name, df=False),
            craft.ip(*ends, 253, data, id=name, df=False),
        ]
    )
    pieces = fragments(raw, random.choice([100, 300, 576, 1000, 1500]))
    what = random.randrange(8)
    if what == 0:
        random.shuffle(pieces)
    elif what == 1:
        pieces.append(random.choice(pieces))
    elif what == 2 and len(pieces) > 1:
        pieces.pop(random.randrange(len(pieces)))
    elif what == 3 and len(pieces) > 1:
        moved = bytearray(random.choice(pieces))
        field = (moved[6] << 8 | moved[7]) + random.choice([1, -1, 2])
        moved[6:8] = (field & 0xFFFF).to_bytes(2, "big")
        pieces.insert(random.randrange(len(pieces)), _mended(moved))
    elif what == 4:
        pieces = [_mended(bytearray(piece[:6]) + bytes([piece[6] | random.choice([0, 0x40])]) + piece[7:]) for piece in pieces]
    elif what == 5 and len(pieces) > 1:
        pieces[0] = _mended(bytearray(pieces[0][: -random.randrange(1, 8)]))
    return pieces, on


def case(seed: int) -> tuple[Setup, list[Shot]]:
    random = Random(seed)
    interfaces = {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}
    mtus = random.choice([{}, {}, {"lan": 576}, {"wan": 1000}])
    # Untracked, what is for the box passes PREROUTING in pieces and INPUT whole, and the harness could not tell that it is the same.
    rules, ways = random.choice([(TRACKED, WAYS), (TRACKED, WAYS), (UNTRACKED, WAYS[:2])])
    shots = [Shot(piece, on, 0.0) for number in range(12) for pieces, on in [_datagram(random, number, ways)] for piece in pieces]
    return Setup(interfaces, rules, {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 0}, mtus), shots


@pytest.mark.parametrize("seed", range(25))
def test_kernel_and_engine_put_the_same_datagrams_together(kernel: Kernel, seed: int) -> None:
    comparison = compare(kernel, *case(seed))
    assert not comparison.differences, f"{comparison}"
