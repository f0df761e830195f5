"""Helpers and what they expect, in the engine alone: going back and forth, time, hostile payloads, both families, in words."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import EXPECTED, HELPER
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.helpers.ipv6text import read_ipv6
from fwtutor.netfilter.packet import ACK, PSH, SYN
from fwtutor.netfilter.steps import Acted, ExpectationForgotten, ExpectationMet, Expected, Helped
from fwtutor.netfilter.why import why

RULES = """*raw
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p udp -m udp --dport 69 -j CT --helper tftp
-A PREROUTING -p tcp -m tcp --dport 6667 -j CT --helper irc
COMMIT
*filter
-A FORWARD -m helper --helper ftp
COMMIT
"""
RULES6 = RULES.replace("-A PREROUTING -p tcp -m tcp --dport 6667 -j CT --helper irc\n", "")
NAT = f"{RULES}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.200\nCOMMIT\n"


def address(text: str) -> int:
    return parse_address(text)[1]


CLIENT, SERVER = address("192.168.0.20"), address("198.51.100.80")
CLIENT6, SERVER6 = address("2001:db8:1::20"), address("2001:db8:ffff::80")


def box(rules: str = RULES) -> Firewall:
    firewall = Firewall(
        {"wan": ["203.0.113.1/24", "2001:db8::1/64"], "lan": ["192.168.0.1/16", "2001:db8:1::1/64"]},
        {"default": "wan", "2001:db8:ffff::/48": ("wan", "2001:db8::fe")}, {"net.ipv6.conf.all.forwarding": 1},
    )  # fmt: skip
    firewall.restore(rules)
    firewall.restore(RULES6, family=6)
    return firewall


class Talk:
    """A control connection through the box, a second between packets."""

    def __init__(self, firewall: Firewall, port: int = 21, family: int = 4) -> None:
        self.firewall, self.port, self.family, self.at = firewall, port, family, 0.0
        self.ends = (CLIENT, SERVER) if family == 4 else (CLIENT6, SERVER6)
        self.next = [1000, 5000]
        for side, flags, text in ((0, SYN, b""), (1, SYN | ACK, b""), (0, ACK, b""), (1, ACK, b"220 hi\r\n"), (0, ACK, b"USER x\r\n")):
            self.say(side, text, flags)

    def say(self, side: int, text: bytes, flags: int = ACK | PSH) -> Walk:
        src, dst = self.ends if side == 0 else self.ends[::-1]
        sport, dport = (4000, self.port) if side == 0 else (self.port, 4000)
        raw = craft.tcp(src, dst, sport, dport, flags, self.next[side], self.next[1 - side], payload=text, family=self.family)
        self.next[side] += len(text) + bool(flags & SYN)
        return self.receive(raw, "wan" if side else "lan")

    def receive(self, raw: bytes, on: str) -> Walk:
        self.at += 1
        return self.firewall.receive(raw, on, self.at)

    def call(self, port: int = 1025, **fields: int) -> Walk:
        """The server comes where the client said it listens."""
        return self.receive(craft.tcp(self.ends[1], self.ends[0], 20, port, SYN, family=self.family), "wan")


PORT = b"PORT 192,168,0,20,4,1\r\n"


def awaited(firewall: Firewall) -> list[Expectation]:
    return list(firewall.state.expectations.values())


def test_the_child_knows_its_master_and_has_its_mark() -> None:
    firewall = box(RULES.replace("*filter", "*mangle\n-A FORWARD -p tcp -m tcp --dport 21 -j CONNMARK --set-mark 7\nCOMMIT\n*filter"))
    talk = Talk(firewall)
    talk.say(0, PORT)
    child = talk.call().tracked
    master = next(entry for entry in firewall.state.entries.values() if entry.helper == "ftp")
    assert child is not None
    assert child.master is not None
    assert (child.master.id, child.mark, child.status & EXPECTED, master.status & HELPER) == (master.id, 7, EXPECTED, HELPER)
    assert firewall.state.uses(master) == 2


def test_expectations_come_and_go_with_going_back_and_forth() -> None:
    firewall = box()
    talk = Talk(firewall)
    before = firewall.checkpoint()
    talk.say(0, PORT)
    between = firewall.checkpoint()
    known = firewall.expectations()
    talk.call()
    assert firewall.expectations() == ""
    firewall.rollback(between)
    assert firewall.expectations() == known != ""
    assert firewall.next_timer() is not None
    firewall.rollback(before)
    assert firewall.expectations() == ""
    assert not firewall.state.expected_at
    assert not firewall.state.expected_by


def test_an_expectation_lives_for_five_minutes() -> None:
    firewall = box(RULES.replace("COMMIT", "COMMIT", 1))
    talk = Talk(firewall)
    talk.say(0, PORT)
    talk.say(1, b"200 ok\r\n")  # which acknowledges it: the connection lives on for days
    came = awaited(firewall)[0].expires / 1e9
    assert came == talk.at - 1 + 300
    firewall.advance(came - 0.5)
    assert awaited(firewall)
    changes = firewall.advance(came)
    assert [change.kind for change in changes] == ["expectation"]
    assert not awaited(firewall)


def test_deleting_the_connection_deletes_what_it_expects() -> None:
    firewall = box()
    talk = Talk(firewall)
    talk.say(0, PORT)
    mark = firewall.checkpoint()
    assert "helper=ftp" in firewall.run_conntrack(["-D", "-p", "tcp", "--dport", "21"])
    assert not awaited(firewall)
    firewall.rollback(mark)
    assert awaited(firewall)


def test_a_line_that_would_make_its_packet_too_long_is_dropped_and_nobody_is_expected() -> None:
    firewall, ends = box(NAT), ((CLIENT, SERVER, 4000, 21), (SERVER, address("203.0.113.200"), 21, 4000))
    numbers, walks = [1000, 5000], []
    long = PORT.ljust(65535 - 40, b"x")
    lines = ((0, SYN, b""), (1, SYN | ACK, b""), (0, ACK, b""), (1, ACK, b"220 hi\r\n"), (0, ACK, b"USER x\r\n"), (0, ACK, long))
    for at, (side, flags, text) in enumerate(lines):
        raw = craft.tcp(*ends[side], flags, numbers[side], numbers[1 - side], 65535, text, df=False)
        numbers[side] += len(text) + bool(flags & SYN)
        walks.append(firewall.receive(raw, "wan" if side else "lan", float(at)))
    assert [walk.verdict for walk in walks] == ["ACCEPT"] * 5 + ["DROP"]
    assert walks[-1].reason == "the helper ftp drops it: with the translated address it would be too long"
    assert not awaited(firewall)


@pytest.mark.parametrize(
    "line", [b"EPRT |2|2001:db8:1::20|1025|\r\n", b"PORT 32,1,13,184,4,1\r\n", b"EPRT !2!2001:db8:1:0:0:0:0:20!1025!\r\n"]
)
def test_ipv6_has_an_address_in_eprt_or_its_beginning_in_port(line: bytes) -> None:
    talk = Talk(box(), family=6)
    talk.say(0, line)
    assert [one.tuple.dst for one in awaited(talk.firewall)] == [CLIENT6]
    walk = talk.call()
    assert {state for _, state in walk.states} == {"RELATED"}
    assert [step.matched for step in walk.steps if hasattr(step, "matched") and step.table == "filter"] == [True]


@pytest.mark.parametrize(
    ("text", "address_"),
    [
        (b"::1|", "::1"), (b"1::2:3:4:5:6:7:8|", None), (b"1:2:3:4:5:6:7::|", "1:2:3:4:5:6:7:0"),
        (b"1:2:3:4:5:6:1.2.3.4|", "1:2:3:4:5:6:102:304"),
        (b"::ffff:1.2.3.4|", "::ffff:102:304"), (b"0000001::|", "1::"), (b"1:2:3:4:5:6:7|", None), (b"1::2::3|", None),
        (b"12345::|", None), (b"::1.2.3.256|", None), (b"|", None), (b":1|", None),
    ],
)  # fmt: skip
def test_ipv6_addresses_are_read_up_to_their_mark(text: bytes, address_: str | None) -> None:
    found = read_ipv6(text, 0, ord("|"))
    assert (found and found[0]) == (None if address_ is None else address(address_))


def test_each_happening_has_a_step_and_a_sentence() -> None:
    talk = Talk(box())
    said, call = talk.say(0, PORT), talk.call()
    again = talk.say(0, PORT[:7])
    steps = {type(step): (walk, step) for walk in (said, call, again) for step in walk.steps}
    sentences = [why(*steps[kind]).text for kind in (Expected, ExpectationMet, Helped)]
    assert sentences == [
        "the helper ftp expects tcp from 198.51.100.80 to 192.168.0.20:1025 for 300 s: its first packet will be RELATED",
        "tcp from 198.51.100.80 to 192.168.0.20:1025 was expected by the helper ftp, and here it is: RELATED",
        "the helper ftp drops it: it ends, or goes wrong, in the middle of PORT",
    ]
    assert again.verdict == "DROP"
    talk.say(0, PORT)
    talk.say(0, PORT.replace(b"4,1", b"4,2"))
    gone = [step for step in talk.say(0, PORT).steps if isinstance(step, ExpectationForgotten)]
    assert [step.why for step in gone] == ["evicted"]


@pytest.mark.parametrize(
    ("target", "sentence", "state"),
    [
        ("CT --helper ftp", "a connection that begins with it will have the helper ftp", "NEW"),
        ("CT --zone-orig 4", "it is looked up in zone 4, in the original direction only", "NEW"),
        ("CT --zone mark --helper ftp", "a connection that begins with it will have the helper ftp and it is", "NEW"),
        ("CT", "it will be tracked as any other", "NEW"),
        ("NOTRACK", "it is UNTRACKED from here on", "UNTRACKED"),
        ("CT --notrack", "it is UNTRACKED from here on", "UNTRACKED"),
    ],
)
def test_what_ct_wants_is_said_and_the_first_rule_counts(target: str, sentence: str, state: str) -> None:
    rules = f"*raw\n-A PREROUTING -p tcp -j {target}\n-A PREROUTING -p tcp -j CT --zone 9\nCOMMIT\n"
    rules += "*filter\n-A INPUT -m state --state NEW\nCOMMIT\n"
    walk = box(rules).receive(craft.tcp(CLIENT, SERVER, 4000, 21, SYN), "lan", 1.0)
    acted = [step for step in walk.steps if isinstance(step, Acted)]
    assert why(walk, acted[0]).text.startswith(sentence)
    assert walk.zone != 9
    assert {found for _, found in walk.states} == {state}


PIECES = st.lists(st.sampled_from([
    PORT, PORT[:9], b"EPRT |1|192.168.0.20|1025|\r\n", b"EPRT |1|", b"227 (198,51,100,80,4,1)\r\n", b"229 (|||1025|)\r\n",
    b"227 ", b"\n", b"|",
    f"PRIVMSG x :\1DCC SEND f {CLIENT} 1025\1\n".encode(), b"PRIVMSG ", b"\1DCC CHAT ", b" :", b"99999999999999999999", b"\0", b"\xff",
]) | st.binary(max_size=40), max_size=6).map(b"".join)  # fmt: skip


@given(st.sampled_from([21, 6667]), st.sampled_from([RULES, NAT]), st.lists(st.tuples(st.integers(0, 1), PIECES), max_size=8))
def test_no_payload_raises_and_every_effect_can_be_undone(port: int, rules: str, lines: list[tuple[int, bytes]]) -> None:
    talk = Talk(box(rules), port)
    if rules == NAT:
        talk.ends = (CLIENT, SERVER)
    mark = talk.firewall.checkpoint()
    before = talk.firewall.conntrack(), talk.firewall.expectations()
    for side, text in lines:
        walk = talk.say(side, text)
        assert walk.steps
    talk.call()
    talk.firewall.rollback(mark)
    assert (talk.firewall.conntrack(), talk.firewall.expectations()) == before


@given(st.binary(max_size=60), st.booleans())
def test_no_datagram_to_tftp_raises(payload: bytes, back: bool) -> None:
    firewall = box()
    firewall.receive(craft.udp(CLIENT, SERVER, 4000, 69, payload), "lan", 1.0)
    firewall.receive(craft.udp(SERVER, CLIENT, 69 if back else 3333, 4000, payload), "wan", 2.0)
    assert len(awaited(firewall)) <= 1
