"""What nf_conntrack_acct counts: each fact holds for kernel and engine alike."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from typing import cast

import pytest

from fwtutor.kernel.compare import compare, engine_for
from fwtutor.kernel.ctnetlink import lookup
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.namespace import enter, furnish, set_sysctls
from fwtutor.kernel.netlink import Netfilter
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.kernel.rules import Rules
from fwtutor.kernel.tuples import tuple_of
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.conntrack.entry import Tuple
from fwtutor.netfilter.packet import Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, TRACKING, Tcp, address, agreed, box, filtering


def udp(size: int = 10, *, back: bool = False, df: bool = True) -> Shot:
    ends, ports = ((SERVER, CLIENT), (53, 4000)) if back else ((CLIENT, SERVER), (4000, 53))
    return Shot(craft.udp(*ends, *ports, bytes(size), id=1, df=df), "wan" if back else "lan")


def counted(packets: Sequence[Observed]) -> list[tuple[int, int, int, int] | None]:
    """(packets, bytes) there and back, of the entry after each packet."""
    found = []
    for packet in packets:
        entry = packet.entry
        has = entry is not None and entry.original_counters is not None and entry.reply_counters is not None
        found.append((*entry.original_counters, *entry.reply_counters) if has else None)
    return found


def test_bytes_are_those_of_the_ip_packet_by_direction(kernel: Kernel) -> None:
    packets = agreed(kernel, box(acct=1), [udp(10), udp(0), udp(100, back=True)])
    assert counted(packets) == [(1, 38, 0, 0), (2, 66, 0, 0), (2, 66, 1, 128)]


def test_without_acct_an_entry_has_no_counters(kernel: Kernel) -> None:
    assert counted(agreed(kernel, box(acct=0), [udp(), udp(back=True)])) == [None, None]


def test_padding_of_the_link_is_not_counted(kernel: Kernel) -> None:
    shot = udp(10)
    assert counted(agreed(kernel, box(acct=1), [shot._replace(raw=shot.raw + bytes(8))])) == [(1, 38, 0, 0)]


def test_icmp_errors_are_counted_nowhere(kernel: Kernel) -> None:
    error = Shot(craft.icmp(SERVER, CLIENT, 3, 3, 0, udp().raw[:28], id=1), "wan")
    assert counted(agreed(kernel, box(acct=1), [udp(), error, udp()]))[-1] == (2, 76, 0, 0)


def test_a_syn_sent_again_before_an_answer_is_not_counted(kernel: Kernel) -> None:
    talk = Tcp()
    syn = talk.client("S")
    assert counted(agreed(kernel, box(acct=1), [syn, syn, talk.server("SA"), syn])) == [
        (1, 40, 0, 0), (1, 40, 0, 0), (1, 40, 1, 40), (1, 40, 1, 40),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "numbers"),
    [("S", {"seq": 0}), ("SA", {"seq": 0}), ("A", {"seq": 200_000}), ("A", {"seq": -200_000}), ("A", {"ack": 200_000}), ("SF", {"seq": 0})],
)
def test_what_is_ignored_or_invalid_is_not_counted(kernel: Kernel, flags: str, numbers: dict[str, int]) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(acct=1), [*talk.open(), talk.client(flags, **numbers)])
    assert counted(packets)[-1] == (2, 80, 1, 40)


def test_a_reset_before_any_answer_takes_the_entry_and_its_counters_along(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(acct=1), [talk.client("S"), talk.server("RA"), Tcp().client("S")])
    assert counted(packets) == [(1, 40, 0, 0), None, (1, 40, 0, 0)]


def test_a_datagram_in_fragments_is_one_packet_of_its_whole_length(kernel: Kernel) -> None:
    pieces = [Shot(piece, "lan") for piece in fragments(udp(3000, df=False).raw, 1000)]
    assert counted(agreed(kernel, box(acct=1), [*pieces, udp(0)]))[-1] == (2, 3028 + 28, 0, 0)


def test_a_known_packet_that_a_rule_drops_is_counted_all_the_same(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -i wan -j DROP", "-A FORWARD -m state --state NEW")
    assert counted(agreed(kernel, box(rules, acct=1), [udp(), udp(back=True), udp(back=True)]))[-1] == (1, 38, 2, 76)


def test_a_packet_refused_by_the_stack_is_counted_all_the_same(kernel: Kernel) -> None:
    spent = Shot(craft.udp(CLIENT, SERVER, 4000, 53, b"x", id=1, ttl=1), "lan")
    assert counted(agreed(kernel, box(acct=1), [udp(), spent]))[-1] == (2, 67, 0, 0)


def test_a_reset_of_reject_is_not_counted_and_what_it_answers_is(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --tcp-flags PSH PSH -j REJECT --reject-with tcp-reset", "-A FORWARD -m state --state NEW")
    talk = Tcp()
    packets = agreed(kernel, box(rules, acct=1), [*talk.open(), talk.client("PA", 10)])
    assert counted(packets)[-1] == (3, 130, 1, 40)


def test_an_error_of_reject_is_not_counted(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -i wan -j REJECT", "-A FORWARD -m state --state NEW")
    assert counted(agreed(kernel, box(rules, acct=1), [udp(), udp(back=True)]))[-1] == (1, 38, 1, 38)


def test_a_packet_to_the_box_itself_is_counted_once(kernel: Kernel) -> None:
    """It passes four hooks, and is looked up at the first of them."""
    (packet,) = agreed(kernel, box(acct=1), [Shot(craft.ip(BOX, address("192.168.0.1"), 2, b"igmp", id=9), None)])
    assert [hook for hook, _ in packet.states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT"]
    assert counted([packet]) == [(1, 24, 0, 0)]


def test_the_stacks_answers_are_counted_as_replies(kernel: Kernel) -> None:
    found = compare(kernel, box(acct=1), [Shot(craft.icmp(STRANGER, BOX, 8, 0, 1 << 16, b"ping", id=9), "wan")] * 3)
    assert not found.differences, f"{found}"
    (entry,) = found.observation.conntrack
    assert (entry.original_counters, entry.reply_counters) == ((3, 96), (3, 96))


def test_a_bad_checksum_is_not_counted(kernel: Kernel) -> None:
    invalid = udp()._replace(raw=udp().raw[:26] + b"\1\1" + udp().raw[28:])
    assert counted(agreed(kernel, box(acct=1), [udp(), invalid, udp()]))[-1] == (2, 76, 0, 0)


ACCT = "net.netfilter.nf_conntrack_acct"


def _switched() -> list[tuple[bool, tuple[int, int] | None]]:
    """Two connections, the first begun without accounting, and it switched on, off and on: (with counters, what the original side has)."""
    enter()
    tuns = furnish(box())
    Rules(TRACKING)
    netfilter = Netfilter()
    found = []
    for switch, shot in SWITCHES:
        set_sysctls({ACCT: switch})
        os.write(tuns[shot.on or ""], shot.raw)
        entry = lookup(netfilter, cast(Tuple, tuple_of(Packet(shot.raw))))
        assert entry is not None
        found.append((entry.original_counters is not None, entry.original_counters))
    netfilter.close()
    return found


OTHER = Shot(craft.udp(CLIENT, SERVER, 4001, 53, bytes(10), id=1), "lan")
SWITCHES = ((0, udp()), (1, udp()), (1, OTHER), (0, OTHER), (0, udp()), (1, OTHER))


@pytest.mark.usefixtures("kernel")
def test_the_switch_matters_when_an_entry_is_made_and_never_again() -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        observed = pool.apply(_switched)
    assert observed == [(False, None), (False, None), (True, (1, 38)), (True, (2, 76)), (False, None), (True, (3, 114))]
    firewall = engine_for(box())
    for (switch, shot), (_, counters) in zip(SWITCHES, observed, strict=True):
        firewall.set_sysctl(ACCT, switch)
        entry = firewall.receive(shot.raw, on="lan", at=0).tracked
        assert entry is not None
        assert (None if entry.counters is None else entry.counters[:2]) == counters
