"""A full table (nf_conntrack_max): early drop, and what is dropped when nothing can be thrown out."""

from __future__ import annotations

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.packet import SYN
from fwtutor.netfilter.steps import EarlyDropped, LookedUp
from fwtutor.netfilter.why import why
from tests.netfilter.boxes import CLIENT, SERVER, Talk, address, box, ctstate


def small(places: int) -> Firewall:
    return box(net__netfilter__nf_conntrack_max=places)


def syn(firewall: Firewall, number: int, at: float) -> Walk:
    """One of a flood: every source another."""
    return firewall.receive(craft.tcp(address("198.18.0.0") + number, SERVER, 1024 + number, 1337, SYN, number), on="wan", at=at)


def test_a_flood_throws_out_its_own_and_never_grows_beyond_the_limit() -> None:
    firewall = small(10)
    walks = [syn(firewall, number, number / 100) for number in range(50)]
    assert all(walk.verdict == "ACCEPT" for walk in walks)
    assert sorted(entry.original.sport - 1024 for entry in firewall.state.entries.values()) == list(range(40, 50)), "the oldest go"


def test_a_flood_cannot_throw_out_an_assured_connection() -> None:
    firewall = small(3)
    talk = Talk(firewall)
    talk.open()
    walks = [syn(firewall, number, 10 + number) for number in range(20)]
    assert all(walk.verdict == "ACCEPT" for walk in walks)
    assert (
        ctstate(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 1337, 16, talk.next[0], talk.next[1]), on="wan", at=40)) == "ESTABLISHED"
    )


def test_a_connection_half_open_can_be_thrown_out() -> None:
    firewall = small(1)
    Talk(firewall).say(0, "S")
    walk = syn(firewall, 1, 2)
    (step,) = [step for step in walk.steps if isinstance(step, EarlyDropped)]
    assert step.entry is not None
    assert step.entry.original.sport == 4000
    assert [change.after for change in step.changes] == [None]
    assert "not ASSURED" in why(walk, step).text


def test_with_nothing_to_throw_out_a_new_packet_is_dropped_and_says_why() -> None:
    firewall = small(1)
    Talk(firewall).open()
    walk = syn(firewall, 1, 9)
    assert (walk.verdict, walk.to, walk.path, walk.states, walk.entry) == ("DROP", None, [], [], None)
    assert "nf_conntrack_max 1" in walk.reason
    looked_up = next(step for step in walk.steps if isinstance(step, LookedUp))
    assert "table is full" in why(walk, looked_up).text
    assert "table is full" in why(walk, walk.steps[-1]).text


def test_an_entry_whose_time_is_over_makes_room() -> None:
    firewall = small(1)
    talk = Talk(firewall)
    talk.open()
    talk.say(0, "R")
    assert syn(firewall, 1, talk.at + 9).verdict == "DROP"
    assert syn(firewall, 2, talk.at + 10).verdict == "ACCEPT"


def test_the_limit_is_per_box_and_zero_is_none() -> None:
    firewall = small(0)
    for number in range(30):
        syn(firewall, number, number)
    assert len(firewall.state.entries) == 30


def test_what_packets_of_the_box_need_is_held_against_the_limit_too() -> None:
    firewall = small(1)
    Talk(firewall).open()
    assert firewall.send(craft.udp(SERVER, CLIENT, 5, 6), at=9).verdict == "DROP"


def test_going_back_brings_back_who_was_thrown_out() -> None:
    firewall = small(5)
    for number in range(5):
        syn(firewall, number, number)
    before = firewall.conntrack(at=4)
    mark = firewall.checkpoint()
    for _ in range(2):
        for number in range(5, 12):
            syn(firewall, number, number)
        assert sorted(entry.original.sport - 1024 for entry in firewall.state.entries.values()) == [7, 8, 9, 10, 11]
        firewall.rollback(mark)
        assert sorted(firewall.conntrack(at=4).splitlines()) == sorted(before.splitlines())
