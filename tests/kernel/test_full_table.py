"""A full connection table: what still passes, what is dropped and where, and who is thrown out to make room.

The limit itself cannot be set in a namespace, so all but a few of the kernel's own places are taken by strangers first, which takes
some seconds.
"""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from fwtutor.kernel.crowd import add_strangers, count
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.namespace import enter, furnish
from fwtutor.kernel.netlink import Netfilter
from fwtutor.kernel.observation import Shot
from fwtutor.kernel.rules import Rules
from fwtutor.netfilter import craft
from tests.kernel.talk import BOX, CLIENT, SERVER, Tcp, agreed, box, ctstates, filtering

RULES = filtering("-A FORWARD -m state --state NEW", "-A FORWARD -m state --state INVALID", "-A OUTPUT -m state --state NEW -j ACCEPT")


def udp(port: int, *, ttl: int = 64) -> Shot:
    return Shot(craft.udp(CLIENT, SERVER, port, 53, b"x", id=1, ttl=ttl), "lan")


def test_with_nothing_to_throw_out_what_is_new_is_dropped_before_any_rule(kernel: Kernel) -> None:
    """Two places, both taken by connections that are ASSURED: known packets pass, new ones end before tracking has judged them."""
    one, two = Tcp(4000), Tcp(4001)
    opened = [*one.open(), *two.open()]
    error = Shot(craft.icmp(SERVER, CLIENT, 3, 3, 0, opened[0].raw[:28], id=1), "wan")
    bad_checksum = udp(5)._replace(raw=udp(5).raw[:26] + b"\1\1" + udp(5).raw[28:])
    echo_reply = Shot(craft.icmp(CLIENT, SERVER, 0, 0, 1 << 16, id=1), "lan")
    dropped = [
        udp(5), udp(5), Tcp(4002).client("S"), Tcp(4003).client("FA"), Tcp(4003).client("SF"), bad_checksum, echo_reply, udp(5, ttl=1),
        Shot(craft.ip(CLIENT, SERVER, 17, b"sixsix", id=1), "lan"), Shot(craft.udp(CLIENT, BOX, 5, 6, id=1), "lan"),
        Shot(craft.udp(BOX, SERVER, 5, 6, id=1), None),
    ]  # fmt: skip
    invalid = [Shot(craft.icmp(CLIENT, SERVER, 9, 0, 0, id=1), "lan"), Shot(craft.ip(CLIENT, SERVER, 17, b"six", id=1), "lan")]
    packets = agreed(kernel, box(RULES, max=2), [*opened, one.client("PA", 9), error, *dropped, *invalid, two.server("A", 5)])
    for packet in packets[8 : 8 + len(dropped)]:
        assert (packet.verdict, packet.states, packet.path) == ("DROP", (), ()), "the rules, and even mangle, never see it"
    rest = packets[:8] + packets[8 + len(dropped) :]
    assert [packet.verdict for packet in rest] == ["ACCEPT"] * len(rest)
    assert ctstates(rest) == ["NEW", "ESTABLISHED", "ESTABLISHED"] * 2 + ["ESTABLISHED", "RELATED", "INVALID", "INVALID", "ESTABLISHED"]


def test_a_packet_that_is_rejected_or_dropped_needs_a_place_only_for_its_time(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p udp -m state --state NEW -j REJECT")
    packets = agreed(kernel, box(rules, max=2), [*Tcp().open(), udp(1), udp(2), udp(3), Tcp(4001).client("S")])
    assert [packet.verdict for packet in packets] == ["ACCEPT"] * 3 + ["REJECT"] * 3 + ["ACCEPT"]


def test_a_closed_connection_that_begins_anew_has_a_place(kernel: Kernel) -> None:
    talk = Tcp()
    closed = [*talk.open(), talk.client("FA"), talk.server("FA"), talk.client("A")]
    packets = agreed(kernel, box(RULES, max=1), [*closed, udp(1), Tcp(client_seq=90_000).client("S")])
    assert [packet.verdict for packet in packets[-2:]] == ["DROP", "ACCEPT"]
    assert ctstates(packets)[-1] == "NEW"


# --- early drop: which entries go is the kernel's secret, so the engine is not asked -------------------------------------


def _flood() -> tuple[list[int], int, list[bool]]:
    """A full table without an ASSURED entry meets 200 new packets: (the count after each, how many left).

    And then 200 FINs of nothing known, with a new packet after each to fill the table up: whether the FIN took an entry with it.
    """
    enter()
    tuns = furnish(box(RULES))
    Rules(RULES)
    netfilter = Netfilter()
    size = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
    add_strangers(netfilter, size, assured=False)

    def passes(shot: Shot) -> bool:
        os.write(tuns["lan"], shot.raw)
        try:
            return bool(os.read(tuns["wan"], 1500))
        except BlockingIOError:
            return False

    counts, left, gone = [], 0, []
    for port in range(200):
        left += passes(udp(port))
        counts.append(count() - size)
    port = 1000
    for _ in range(200):
        while count() < size:
            passes(udp(port := port + 1))
        passes(Tcp(port := port + 1).client("FA"))
        gone.append(count() < size)
    netfilter.close()
    return counts, left, gone


@pytest.mark.usefixtures("kernel")
def test_entries_that_are_not_assured_make_room_also_for_what_turns_out_invalid() -> None:
    """A packet throws out one or several, and never too few: it always passes. Room is made before tracking has judged the packet."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        counts, left, gone = pool.apply(_flood)
    assert left == 200
    assert max(counts) == 0
    assert min(counts) < 0, "several at once"
    assert all(gone), "a FIN that begins nothing costs somebody their entry"
