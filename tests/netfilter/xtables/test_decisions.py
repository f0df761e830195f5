"""How headers and matches decide, and that what they say about it is what they do."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import ASSURED, CONFIRMED, DST_NAT, REPLY, SECOND, SEEN_REPLY, SRC_NAT, Entry, Tuple
from fwtutor.netfilter.packet import ACK, FIN, SYN, TCP, UDP, Packet
from fwtutor.netfilter.routing import Routing
from fwtutor.netfilter.xtables import header
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.rule import Rule, StatefulMatch
from tests.netfilter.xtables.generate import rule as some_rule
from tests.netfilter.xtables.live import Ours


def address(text: str) -> int:
    return parse_address(text)[1]


ROUTING = Routing({"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, {}, {})
A, B = address("203.0.113.9"), address("192.168.0.20")


def rule(text: str, chain: str = "FORWARD") -> Rule:
    box = Ours()
    assert box.run("-N uc")[0] == box.run("-N ud")[0] == 0
    status, said = box.run(f"-A {chain} {text}")
    assert status == 0, said
    return box.ruleset.tables["filter"].chains[chain].rules[0]


def seen(raw: bytes, state: str = "NEW", entry: Entry | None = None, direction: int = 0, mark: int = 0) -> Context:
    context = Context(Packet(raw), 10 * SECOND)
    context.routing = ROUTING
    context.in_interface, context.out_interface = "wan", "lan0"
    context.state, context.entry, context.direction, context.mark = state, entry, direction, mark
    return context


def holds(one: Rule, context: Context) -> bool:
    """As the walk asks: header first, then the matches in order, ending at the first that is false or drops the packet."""
    test = header.compile(one.header)
    if test is not None and not test(context):
        return False
    for match in one.matches:
        held = match.evaluate(match.fresh(0, "legacy"), context)[0] if isinstance(match, StatefulMatch) else match.compile()(context)
        if not held or context.hot_drop:
            return False
    return True


def full(one: Rule) -> list[object]:
    """What its stateful matches remember when it is made."""
    return [match.fresh(0, "legacy") for match in one.matches if isinstance(match, StatefulMatch)]


def tcp(flags: int = SYN, sport: int = 4000, dport: int = 22, options: bytes = b"") -> bytes:
    return craft.tcp(A, B, sport, dport, flags, options=options)


def entry(status: int = CONFIRMED, expires: int = 130 * SECOND, protocol: int = TCP) -> Entry:
    original = Tuple(4, A, address("203.0.113.1"), protocol, 4000, 2222)
    reply = Tuple(4, B, A, protocol, 22, 4000)
    return Entry(1, original, reply, status, expires, 0, 0, None, None, 10 * SECOND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-s 203.0.113.0/24", True), ("! -s 203.0.113.0/24", False), ("-s 203.0.0.9/255.255.0.255", True), ("! -s 0.0.0.0/0", False),
        ("-d 192.168.0.20", True), ("-d 192.168.0.21", False), ("-i wan", True), ("-i wa", False), ("-i wa+", True), ("! -i w+", False),
        ("-i +", True), ("! -i +", False), ("-o lan", False), ("-o lan0", True), ("! -o eth+", True), ("-p tcp", True), ("! -p tcp", False),
        ("-p udp", False), ("! -p udp", True), ("-p mptcp", False), ("-f", False), ("! -f", True),
        ("-p tcp --dport 22", True), ("-p tcp --dport 20:22", True), ("-p tcp ! --dport 22", False), ("-p tcp ! --dport 0:65535", False),
        ("-p tcp --sport 1024:", True), ("-p tcp --sport :1023", False), ("-p tcp --syn", True), ("-p tcp ! --syn", False),
        ("-p tcp --tcp-flags ALL SYN", True), ("-p tcp --tcp-flags SYN,ACK SYN,ACK", False), ("-p tcp --tcp-flags NONE NONE", True),
        ("-p tcp --tcp-option 2", True), ("-p tcp ! --tcp-option 2", False), ("-p tcp --tcp-option 8", False),
        ("-p tcp --tcp-option 3", True),
        ("-p tcp -m multiport --dports 21:23,80", True), ("-p tcp -m multiport ! --dports 21:23,80", False),
        ("-p tcp -m multiport --sports 22", False), ("-p tcp -m multiport --ports 22,23", True),
        ("-p tcp -m multiport ! --ports 4000", False),
        ("-p udp -m multiport --ports 22", False), ("-p tcp -m multiport --sports 3999,4000", True),
        ("-m mark --mark 0x12", True), ("-m mark --mark 0x2/0xf", True), ("-m mark --mark 0x12/0xf", False), ("-m mark ! --mark 1", True),
        ("-m comment --comment x", True), ("-m state --state NEW", True), ("-m state ! --state NEW,RELATED", False),
    ],
)  # fmt: skip
def test_a_syn_to_22_fits_what_it_should(text: str, expected: bool) -> None:
    raw = tcp(options=b"\x02\x04\x05\xb4\x01\x03\x03\x07")
    one = rule(text)
    assert holds(one, seen(raw, mark=0x12)) is expected
    assert all(condition.held for condition in one.conditions(seen(raw, mark=0x12))) is expected


def test_conditions_say_the_packets_own_values() -> None:
    context = seen(tcp(FIN | ACK), state="INVALID")
    text = "-s 192.168.0.0/16 -i lan -p tcp --dport 80:443 --syn -m conntrack --ctstate NEW"
    said = [(condition.text, condition.held, condition.because) for condition in rule(text).conditions(context)]
    assert said == [
        ("-s 192.168.0.0/16", False, "the source is 203.0.113.9"),
        ("-i lan", False, "it came in by wan"),
        ("-p tcp", True, "the protocol is tcp"),
        ("--dport 80:443", False, "the destination port is 22"),
        ("--tcp-flags FIN,SYN,RST,ACK SYN", False, "the flags are FIN,ACK"),
        ("--ctstate NEW", False, "the packet is INVALID"),
    ]


def test_a_cut_tcp_header_drops_the_packet_at_once() -> None:
    raw = craft.ip(A, B, TCP, tcp()[20:39])
    one = rule("-p tcp --dport 22")
    context = seen(raw)
    assert not holds(one, context)
    assert context.hot_drop
    assert "dropped at once" in one.conditions(seen(raw))[-1].because


def test_multiport_reads_only_the_ports_and_drops_a_packet_that_ends_before_them() -> None:
    for protocol, text in ((TCP, "-p tcp"), (132, "-p sctp"), (136, "-p udplite")):
        one = rule(f"{text} -m multiport ! --dports 80")
        assert holds(one, seen(craft.ip(A, B, protocol, tcp()[20:24])))
        cut = seen(craft.ip(A, B, protocol, tcp()[20:23]))
        assert not holds(one, cut)
        assert cut.hot_drop
        later = seen(craft.ip(A, B, protocol, b"x" * 40, df=False, offset=8))
        assert not holds(one, later)
        assert not later.hot_drop


@pytest.mark.parametrize(("protocol", "name"), [(TCP, "tcp"), (UDP, "udp")])
def test_a_later_fragment_has_no_ports_and_only_one_at_8_is_dropped(protocol: int, name: str) -> None:
    one = rule(f"-p {name} ! --dport 22")
    for offset in (8, 16):
        context = seen(craft.ip(A, B, protocol, b"x" * 40, df=False, offset=offset))
        assert not holds(one, context)
        assert context.hot_drop is (name == "tcp" and offset == 8)
        assert not one.conditions(context)[-1].held


def test_tcp_options_cut_short_drop_the_packet_also_when_negated() -> None:
    raw = bytearray(tcp())
    raw[20 + 12] = 0xF0
    for text in ("-p tcp --tcp-option 2", "-p tcp ! --tcp-option 2"):
        context = seen(bytes(raw))
        assert not holds(rule(text), context)
        assert context.hot_drop
        assert not rule(text).conditions(context)[-1].held


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8", True), ("8/0", True), ("8/1", False), ("0", False), ("any", True), ("255/7", True), ("! any", False), ("! 8/1", True),
        ("! 8", False),
    ],
)  # fmt: skip
def test_an_echo_request_fits_its_type(text: str, expected: bool) -> None:
    negated = "! " if text.startswith("!") else ""
    one = rule(f"-p icmp {negated}--icmp-type {text.removeprefix('! ')}")
    raw = craft.icmp(A, B, 8)
    assert holds(one, seen(raw)) is expected
    assert all(condition.held for condition in one.conditions(seen(raw))) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--ctstate ESTABLISHED", True), ("! --ctstate ESTABLISHED", False), ("--ctstate SNAT", False), ("--ctstate DNAT", True),
        ("--ctstate NEW,DNAT", True), ("! --ctstate SNAT", True), ("--ctproto tcp", True), ("--ctproto udp", False),
        ("--ctorigsrc 203.0.113.0/24", True), ("--ctorigdst 192.168.0.20", False), ("--ctorigdst 203.0.113.1", True),
        ("--ctreplsrc 192.168.0.0/16", True), ("--ctreplsrc 192.168.7.7/16", True), ("! --ctrepldst 203.0.113.9", False),
        ("--ctorigsrcport 4000", True), ("--ctorigdstport 22", False), ("--ctorigdstport 2222", True), ("--ctreplsrcport 22", True),
        ("--ctrepldstport 3000:5000", True), ("! --ctrepldstport 3000:5000", False), ("--ctstatus ASSURED", True),
        ("--ctstatus EXPECTED,CONFIRMED", True), ("--ctstatus EXPECTED", False), ("--ctstatus NONE", False), ("! --ctstatus NONE", True),
        ("--ctexpire 120", True), ("--ctexpire 121:", False), ("! --ctexpire :119", True), ("--ctdir REPLY", True),
        ("--ctdir ORIGINAL", False),
        ("--ctstate ESTABLISHED --ctdir ORIGINAL", False), ("--ctstate ESTABLISHED --ctdir REPLY --ctproto 6", True),
    ],
)  # fmt: skip
def test_a_reply_fits_its_entry(text: str, expected: bool) -> None:
    one = rule(f"-m conntrack {text}")
    tied = entry(CONFIRMED | ASSURED | SEEN_REPLY | DST_NAT)
    context = seen(craft.tcp(B, A, 22, 4000, ACK), "ESTABLISHED", tied, REPLY)
    assert holds(one, context) is expected
    assert all(condition.held for condition in one.conditions(context)) is expected


def test_without_an_entry_only_ctstate_counts_when_it_holds() -> None:
    context = seen(tcp(ACK), "INVALID")
    one = rule("-m conntrack --ctstate INVALID --ctproto udp ! --ctstatus NONE --ctdir REPLY")
    assert holds(one, context)
    conditions = one.conditions(context)
    assert all(condition.held for condition in conditions)
    assert "only --ctstate counts" in conditions[1].because
    for text in ("--ctproto udp", "! --ctproto udp", "! --ctstatus NONE", "--ctstate NEW ! --ctproto udp"):
        assert not holds(rule(f"-m conntrack {text}"), context), text
        assert not all(condition.held for condition in rule(f"-m conntrack {text}").conditions(context)), text


def test_an_entry_not_kept_yet_has_a_timer_of_0() -> None:
    context = seen(tcp(), "NEW", entry(0, 120 * SECOND))
    assert holds(rule("-m conntrack --ctexpire 0"), context)
    assert not holds(rule("-m conntrack --ctexpire 1:"), context)


def test_what_was_not_looked_up_yet_is_invalid() -> None:
    context = seen(tcp(), "")
    for option in ("-m conntrack --ctstate", "-m state --state"):
        assert holds(rule(f"{option} INVALID,NEW"), context)
        assert not holds(rule(f"{option} NEW,UNTRACKED,RELATED,ESTABLISHED"), context)


def test_ports_demanded_exactly_are_known_to_the_index() -> None:
    assert rule("-p tcp --dport 22").matches[0].exact_ports() == (None, 22)
    assert rule("-p udp --sport 53 --dport 1024:").matches[0].exact_ports() == (53, None)
    assert rule("-p tcp ! --dport 22").matches[0].exact_ports() == (None, None)


def test_a_rule_with_a_state_switches_tracking_on() -> None:
    assert rule("-m state --state NEW").tracks
    assert rule("-m conntrack --ctdir REPLY").tracks
    assert not rule("-p tcp --syn -m mark --mark 1").tracks


ADDRESSES = st.sampled_from([A, B, address("10.1.2.3"), address("255.255.255.255"), address("1.2.9.4"), 0, address("203.0.113.1")])
PORTS = st.sampled_from([0, 22, 53, 80, 443, 1023, 1024, 6001, 65535])


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    src, dst = draw(ADDRESSES), draw(ADDRESSES)
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "other", "cut", "fragment"]))
    if kind == "tcp":
        options = draw(st.sampled_from([b"", b"\x02\x04\x05\xb4", b"\x01\x01\x08\x0a" + bytes(8), b"\x03\x00\x02\xff"]))
        return craft.tcp(src, dst, draw(PORTS), draw(PORTS), draw(st.integers(0, 255)), options=options)
    if kind == "udp":
        return craft.udp(src, dst, draw(PORTS), draw(PORTS))
    if kind == "icmp":
        return craft.icmp(src, dst, draw(st.sampled_from([0, 3, 8, 12, 40])), draw(st.integers(0, 3)))
    protocol = draw(st.sampled_from([1, 4, 6, 17, 47, 50, 58, 253]))
    offset = draw(st.sampled_from([8, 16, 1480])) if kind == "fragment" else 0
    return craft.ip(src, dst, protocol, draw(st.binary(max_size=24)), df=False, offset=offset)


@given(
    st.integers(), packets(), st.sampled_from(["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", ""]), st.integers(0, 1),
    st.integers(0, 2047), st.sampled_from([0, 1, 0x12, 0xFFFFFFFF]), st.sampled_from(["", "wan", "lo", "eth0", "a.b-c"]),
)  # fmt: skip
@settings(deadline=None, max_examples=600)
def test_what_is_said_is_what_is_done(seed: int, raw: bytes, state: str, direction: int, status: int, mark: int, interface: str) -> None:
    one = rule(some_rule(Random(seed), "FORWARD", 0.0).replace("0x16", "22"))
    tied = entry(status | (SRC_NAT if status & 3 else 0)) if state in ("NEW", "ESTABLISHED", "RELATED") else None
    contexts = [seen(raw, state, tied, direction, mark) for _ in range(2)]
    for context in contexts:
        context.in_interface = interface
    held = holds(one, contexts[0])
    assert held is all(condition.held for condition in one.conditions(contexts[1], full(one)))
    assert not contexts[1].hot_drop
    assert all(condition.text and condition.because for condition in one.conditions(contexts[1], full(one)))


def test_a_rule_may_have_as_many_matches_as_a_line_holds() -> None:
    box = Firewall({"wan": ["203.0.113.1/24"]})
    box.iptables("-A INPUT " + "-m mark --mark 0 " * 550 + "-j DROP")
    walk = box.receive(craft.udp(0xCB007109, 0xCB007101, 4000, 53), on="wan", at=0)
    assert walk.verdict == "DROP"
