"""Address translation in the engine alone: lots come from a seed, what happened can be undone, and each translation is told."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import DST_NAT, DST_NAT_DONE, SRC_NAT, SRC_NAT_DONE
from fwtutor.netfilter.conntrack.nat.applying import adjusted
from fwtutor.netfilter.conntrack.nat.jhash import jhash2, scaled
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.packet import ACK, SYN, Packet, checksum
from fwtutor.netfilter.steps import Translated
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import why

CLIENT, OTHER, SERVER, BOX = (parse_address(text)[1] for text in ("192.168.0.20", "192.168.0.21", "198.51.100.80", "203.0.113.1"))
SNAT = "*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n"


def box(rules: str = SNAT, seed: int = 0) -> Firewall:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"}, seed=seed)
    firewall.restore(rules)
    return firewall


def syn(src: int, port: int = 4000) -> bytes:
    return craft.tcp(src, SERVER, port, 80, SYN, 1)


def left(walk: Walk) -> Packet:
    return Packet(walk.out[0][1])


def translations(walk: Walk) -> list[Translated]:
    return [step for step in walk.steps if isinstance(step, Translated)]


def test_the_table_lists_the_answers_as_translated() -> None:
    firewall = box()
    firewall.receive(syn(CLIENT), "lan", at=0)
    assert "src=198.51.100.80 dst=203.0.113.1 sport=80 dport=4000" in firewall.conntrack()
    (entry,) = firewall.state.entries.values()
    assert entry.status & SRC_NAT
    assert not entry.status & DST_NAT
    assert entry.status & (SRC_NAT_DONE | DST_NAT_DONE) == SRC_NAT_DONE | DST_NAT_DONE
    assert firewall.state.find(entry.reply) is entry is firewall.state.find(entry.original)


def test_the_same_seed_draws_the_same_lots() -> None:
    def drawn(seed: int) -> list[int]:
        firewall = box(seed=seed)
        return [left(firewall.receive(syn(CLIENT + number), "lan", at=0)).sport for number in range(5)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_going_back_draws_the_same_lots_again() -> None:
    firewall = box()
    firewall.receive(syn(CLIENT), "lan", at=0)
    mark = firewall.checkpoint()
    before = firewall.state.copy()
    first = left(firewall.receive(syn(OTHER), "lan", at=1)).sport
    firewall.rollback(mark)
    assert (firewall.state.entries, firewall.state.index, firewall.state.sources) == (before.entries, before.index, before.sources)
    assert firewall.state.memory == before.memory
    assert left(firewall.receive(syn(OTHER), "lan", at=1)).sport == first


def test_the_changes_of_a_walk_lead_forward_and_back() -> None:
    firewall = box()
    firewall.receive(syn(CLIENT), "lan", at=0)
    before = firewall.state.copy()
    walk = firewall.receive(syn(OTHER), "lan", at=1)
    after = firewall.state.copy()
    before.apply(walk.changes)
    assert (before.entries, before.memory, before.counters) == (after.entries, after.memory, after.counters)
    before.revert(walk.changes)
    assert list(before.entries) == [1]


def test_each_translation_is_a_step_with_before_and_after() -> None:
    firewall = box()
    (step,) = translations(firewall.receive(syn(CLIENT), "lan", at=0))
    assert step.before is not None
    assert step.after is not None
    assert (step.end, step.before.source, step.after.source) == ("src", "192.168.0.20", "203.0.113.1")
    original, now = step.originals
    assert original == now
    reply, translated = step.replies
    assert reply is not None
    assert translated is not None
    assert (reply.dst, translated.dst) == (CLIENT, BOX)
    (back,) = translations(firewall.receive(craft.tcp(SERVER, BOX, 80, 4000, SYN | ACK, 1, 2), "wan", at=1))
    assert back.end == "dst"
    assert back.replies[0] == back.replies[1] == translated


def test_why_a_packet_is_translated() -> None:
    firewall = box()
    walk = firewall.receive(syn(CLIENT), "lan", at=0)
    assert why(walk, translations(walk)[0]).text == (
        "its source 192.168.0.20:4000 becomes 203.0.113.1:4000; answers will go to 203.0.113.1:4000 and come from 198.51.100.80:80"
        "; rule 1 of POSTROUTING says so: SNAT"
    )
    walk = firewall.receive(syn(CLIENT), "lan", at=1)
    assert why(walk, translations(walk)[0]).text == (
        "its source 192.168.0.20:4000 becomes 203.0.113.1:4000, as was decided for the connection's first packet"
    )
    error = craft.icmp(SERVER, BOX, 3, 1, 0, craft.tcp(BOX, SERVER, 4000, 80, SYN, 1))
    walk = firewall.receive(error, "wan", at=2)
    assert why(walk, translations(walk)[0]).text == (
        "it is an error about a translated packet: its destination 203.0.113.1 becomes 192.168.0.20, "
        "and the packet it quotes is translated back"
    )


def test_a_rule_that_changes_nothing_is_no_translation() -> None:
    firewall = box("*nat\n-A POSTROUTING -j SNAT --to-source 192.168.0.20\nCOMMIT\n")
    assert not translations(firewall.receive(syn(CLIENT), "lan", at=0))


@pytest.mark.parametrize("rules", ["*nat\nCOMMIT\n", "*nat\n-A POSTROUTING -j ACCEPT\nCOMMIT\n"])
def test_rules_without_a_target_of_nat_track_nothing(rules: str) -> None:
    firewall = box(rules)
    firewall.receive(syn(CLIENT), "lan", at=0)
    assert not firewall.tracking
    assert not firewall.conntrack()


def test_masquerade_drops_where_the_box_has_no_address() -> None:
    firewall = Firewall({"wan": [], "lan": []}, {"default": "wan"})
    firewall.restore("*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n")
    assert firewall.receive(syn(CLIENT), "lan", at=0).verdict == "DROP"
    assert not firewall.conntrack()


def test_the_hash_is_the_kernels() -> None:
    # Of one address in network order on a machine of the other order, with another as the seed.
    assert jhash2([0x1400A8C0, 0, 0, 0], 0) == jhash2([0x1400A8C0, 0, 0, 0], 0)
    assert jhash2([], 0) == 0xDEADBEEF
    assert scaled(0xFFFFFFFF, 10) == 9
    assert scaled(0, 10) == 0


@pytest.mark.parametrize("sum", [0, 1, 0x1234, 0xFFFE, 0xFFFF])
def test_a_sum_adjusted_is_the_sum_of_what_it_is_now(sum: int) -> None:
    old, new = b"\x12\x34\x56\x78", b"\xff\xff\x00\x01"
    whole = sum.to_bytes(2, "big") + old
    after = adjusted(sum, old, new)
    assert after != 0xFFFF
    assert checksum(whole) % 0xFFFF == checksum(after.to_bytes(2, "big") + new) % 0xFFFF


def test_what_was_masqueraded_does_not_leave_by_another_interface() -> None:
    # No route changes in a Firewall: so the entry is made to be of another link.
    firewall = box("*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n")
    firewall.receive(syn(CLIENT), "lan", at=0)
    (entry,) = firewall.state.entries.values()
    assert entry.leaves_by == "wan"
    firewall.box.conntrack.entries.put(entry, entry._replace(leaves_by="dsl"))
    walk = firewall.receive(syn(CLIENT), "lan", at=1)
    assert (walk.verdict, firewall.conntrack()) == ("DROP", "")
    assert "would leave by another interface" in why(walk, translations(walk)[0]).text
    assert left(firewall.receive(syn(CLIENT), "lan", at=2)).src == BOX
