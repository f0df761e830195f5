"""Going back: checkpoint and rollback, and the changes walks report."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.state import State
from tests.netfilter.boxes import CLIENT, SERVER, box

packets = st.builds(
    lambda forth, sport, dport, flags, seq, ack, udp: (
        forth,
        (craft.udp if udp else craft.tcp)(
            *((CLIENT, SERVER) if forth else (SERVER, CLIENT)),
            *((sport, dport) if forth else (dport, sport)),
            *(() if udp else (flags, seq, ack)),
        ),
    ),
    st.booleans(),
    st.integers(4000, 4002),
    st.integers(22, 23),
    st.sampled_from([2, 18, 16, 17, 4, 20]),
    st.integers(1000, 1002),
    st.integers(1000, 1002),
    st.booleans(),
)
Run = list[tuple[tuple[bool, bytes], float]]
runs = st.lists(st.tuples(packets, st.floats(0, 40)), max_size=12)


def play(firewall: Firewall, run: Run) -> list[object]:
    told = []
    for (arriving, raw), wait in run:
        at = firewall.now / 1e9 + wait
        walk = firewall.receive(raw, on="wan", at=at) if arriving else firewall.send(raw, at=at)
        told.append((walk.verdict, walk.states, walk.path, walk.entry, walk.out))
    return told


def seen(state: State) -> object:
    return (state.entries, state.index, state.counters, state.memory)


@settings(max_examples=60, deadline=None)
@given(runs, runs)
def test_rolling_back_restores_everything_and_the_future_repeats(first: Run, second: Run) -> None:
    firewall = box()
    play(firewall, first)
    mark = firewall.checkpoint()
    before = seen(firewall.state.copy())
    once = play(firewall, second)
    firewall.iptables("-A INPUT -p udp -j REJECT")
    firewall.rollback(mark)
    assert seen(firewall.state) == before
    assert play(firewall, second) == once


@settings(max_examples=60, deadline=None)
@given(runs)
def test_reverting_a_walks_changes_is_going_back_in_time(run: Run) -> None:
    firewall = box()
    view = firewall.state.copy()
    for (arriving, raw), wait in run:
        at = firewall.now / 1e9 + wait
        walk = firewall.receive(raw, on="wan", at=at) if arriving else firewall.send(raw, at=at)
        before = seen(view.copy())
        view.apply(walk.changes)
        assert seen(view) == seen(firewall.state)
        view.revert(walk.changes)
        assert seen(view) == before
        view.apply(walk.changes)


def test_going_back_the_stack_answers_again_what_it_was_given_last_then() -> None:
    firewall = Firewall({"wan": ("203.0.113.1/24",)}, {"default": "wan"})
    firewall.restore("*raw\n-A PREROUTING -p udp -j NOTRACK\n-A OUTPUT -m conntrack --ctstate RELATED\nCOMMIT\n")
    peer, own = 0xCB007102, 0xCB007101
    unread = craft.ip(peer, own, 200, bytes(8))
    firewall.receive(unread, on="wan", at=0)
    mark = firewall.checkpoint()
    error = craft.icmp(own, peer, 3, 2, 0, unread)
    before = firewall.send(error, at=1, by_stack=True)
    firewall.rollback(mark)
    firewall.receive(craft.udp(peer, own, 4000, 53), on="wan", at=1)
    firewall.rollback(mark)
    again = firewall.send(error, at=1, by_stack=True)
    assert before.path[0] == "raw:OUTPUT:rule:1"
    assert again.path == before.path


def test_going_back_takes_settings_back_too() -> None:
    firewall = box()
    mark = firewall.checkpoint()
    before = firewall.box.conntrack.settings
    firewall.set_sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    assert firewall.box.conntrack.settings != before
    firewall.rollback(mark)
    assert firewall.box.conntrack.settings == before


def test_boxes_that_load_the_same_text_share_nothing_that_changes() -> None:
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m limit --limit 1/hour --limit-burst 1 -j DROP\nCOMMIT\n"
    one, other = (Firewall(interfaces={"wan": ["203.0.113.1/24"]}) for _ in range(2))
    syn = craft.tcp(0xCB007109, 0xCB007101, 4000, 22, 2)
    lines = [one.load(text), other.load(text)]
    assert lines[0] == lines[1]
    saved = other.save()
    assert one.receive(syn, on="wan", at=0).verdict == "DROP"
    one.iptables("-A INPUT -j ACCEPT")
    assert other.save() == saved
    assert other.receive(syn, on="wan", at=0).verdict == "DROP"
    other.iptables("-A INPUT -j DROP")
    ids = [here.ruleset(4).tables["filter"].chains["INPUT"].rules[-1].id for here in (one, other)]
    assert ids == [max(lines[0]) + 1] * 2
