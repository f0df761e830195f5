"""What ip6tables does otherwise than iptables, and how its headers and matches decide. The live tools judge its words elsewhere."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import CONFIRMED, SECOND, Entry, Tuple
from fwtutor.netfilter.packet import ICMPV6, SYN, TCP
from fwtutor.netfilter.xtables.rule import Rule
from fwtutor.netfilter.xtables.savefile import save
from fwtutor.netfilter.xtables.targets.reject import CODES, Reject, Reject6
from tests.netfilter.xtables.generate import command, rule as some_rule
from tests.netfilter.xtables.live import Ours
from tests.netfilter.xtables.test_decisions import full, holds, seen


def address(text: str) -> int:
    return parse_address(text)[1]


A, B = address("2001:db8:9::9"), address("2001:db8::20")


def ours(*lines: str, variant: str = "legacy") -> Ours:
    box = Ours(variant, 6)
    for line in lines:
        assert box.run(line)[0] == 0, line
    return box


def rule(text: str) -> Rule:
    box = ours("-N uc", "-N ud", f"-A FORWARD {text}")
    return box.ruleset.tables["filter"].chains["FORWARD"].rules[0]


@pytest.mark.parametrize("prefix", ["", "ip6tables ", "sudo ip6tables ", "ip6tables-legacy -t filter ", "-6 "])
def test_a_command_may_be_written_as_on_a_server(prefix: str) -> None:
    assert save(ours(f"{prefix}-A INPUT -s fe80::1/10").ruleset).count("-A INPUT -s fe80::/10\n") == 1


def test_the_word_is_that_of_the_family() -> None:
    assert ours().run("iptables -L")[1].startswith("Bad argument `iptables'\n")
    assert Ours().run("ip6tables -L")[1].startswith("Bad argument `ip6tables'\n")
    assert ours(variant="nft").run("ip6tables-nft -V") == (0, "ip6tables v1.8.9 (nf_tables)\n")


def test_the_other_familys_switch_is_refused_and_in_a_save_file_passed_over() -> None:
    assert ours().run("-4 -L")[1].startswith("ip6tables v1.8.9 (legacy): -4 is for iptables; this is ip6tables\n")
    assert Ours().run("-6 -L")[1].startswith("iptables v1.8.9 (legacy): -6 is for ip6tables; this is iptables\n")
    box = ours()
    box.restore("*filter\n-4 -A NOPE --foo\n-6 -A INPUT -s ::1\nCOMMIT\n")
    assert "-A INPUT -s ::1/128\n" in save(box.ruleset)


@pytest.mark.parametrize(
    ("family", "line", "hint"),
    [
        (6, "-A INPUT -s 10.0.0.0/8", "address of IPv4"), (4, "-A INPUT -s 2001:db8::1", "address of IPv6"),
        (6, "-A INPUT -s example.org", "resolves no names"), (6, "-A INPUT -m icmp", "did you mean icmp6?"),
        (6, "-A INPUT -p icmp --icmp-type 8", "--icmpv6-type"), (6, "-A INPUT -p icmp6", "icmpv6"),
        (6, "-A INPUT --icmpv6-type 128", "-p ipv6-icmp"),
        (6, "-A INPUT -p icmpv6 --icmpv6-type echo-rquest", "did you mean echo-request?"),
        (6, "-A INPUT -j REJECT --reject-with icmp-port-unreachable", "did you mean icmp6-port-unreachable?"),
        (6, "-A INPUT -m conntrack --ctorigsrc 10.0.0.1", "address of IPv4"),
    ],
)  # fmt: skip
def test_a_refusal_hints_at_what_may_be_meant(family: int, line: str, hint: str) -> None:
    from fwtutor.netfilter.xtables.commands import run_command
    from fwtutor.netfilter.xtables.errors import RuleRefused

    box = Ours(family=family)
    with pytest.raises(RuleRefused) as caught:
        run_command(box.ruleset, line, counters={}, new_id=box.new_id)
    assert hint in caught.value.hint


def test_an_extension_header_as_protocol_is_warned_of_once_it_is_read() -> None:
    warning = "Warning: never matched protocol: ipv6-frag. use extension match instead.\n"
    assert ours().run("-A INPUT -p ipv6-frag -j DROP") == (0, warning)
    assert ours().run("-A INPUT ! -p ipv6-frag -j DROP") == (0, "")
    assert ours().run("-A INPUT -p ipv6-frag -j NOPE")[1].startswith(f"{warning}ip6tables v1.8.9 (legacy): Couldn't load target")
    assert ours().restore("*filter\n-A INPUT -p ipv6-frag\nCOMMIT\n") == warning


def test_iptables_has_no_hop_limit_and_ip6tables_no_ttl_and_no_icmp() -> None:
    for family, names in ((4, ("hl", "icmp6")), (6, ("ttl", "icmp"))):
        for name in names:
            assert f"Couldn't load match `{name}'" in Ours(family=family).run(f"-A INPUT -m {name}")[1]


def test_nft_forgets_the_masks_when_it_looks_for_a_rule_and_the_counters_of_a_new_one() -> None:
    box = ours("-A INPUT -s 2001:db8::/32 -c 7 8", "-A INPUT -s 2001:db8::/48 -c 9 10", "-D INPUT -s 2001:db8::/64", variant="nft")
    assert box.run("-S INPUT -v")[1].endswith("\n-A INPUT -s 2001:db8::/48 -c 0 0\n")
    assert ours("-A INPUT -s 2001:db8::/32").run("-D INPUT -s 2001:db8::/48")[0] == 1


def test_reject_answers_with_icmpv6_unless_told_to_reset() -> None:
    (default,) = (Reject6(),)
    assert isinstance(default, Reject)
    assert rule("-j REJECT").target == default
    assert CODES[default.kind] == 4
    assert rule("-p tcp -j REJECT --reject-with tcp").save() == "-p tcp -j REJECT --reject-with tcp-reset"
    assert rule("-j REJECT --reject-with no").save() == "-j REJECT --reject-with icmp6-no-route"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-s 2001:db8::/32", True), ("! -s 2001:db8::/33", False), ("-s ::9/::ffff", True), ("! -s ::/0", False), ("-s ::", False),
        ("-d 2001:db8::20", True), ("-d 2001:db8::21", False), ("-p tcp", True), ("-p icmp", False), ("! -p 58", True),
        ("-p tcp --dport 22", True), ("-p tcp -m multiport --dports 21:23", True), ("-p tcp --syn", True),
        ("-m hl --hl-eq 64", True), ("-m hl --hl-lt 64", False), ("-m hl --hl-gt 63", True), ("-m hl ! --hl-eq 64", False),
        ("-m hl ! --hl-eq 1 -m hl --hl-lt 65", True),
    ],
)  # fmt: skip
def test_a_syn_to_22_fits_what_it_should(text: str, expected: bool) -> None:
    context = seen(craft.tcp(A, B, 4000, 22, SYN, family=6))
    one = rule(text)
    assert holds(one, context) is expected
    assert all(condition.held for condition in one.conditions(context)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("128", True), ("128/0", True), ("128/1", False), ("129", False), ("255", False), ("! 128/1", True), ("! ping", False),
        ("echo-request", True), ("neighbour-solicitation", False),
    ],
)  # fmt: skip
def test_an_echo_request_fits_its_type(text: str, expected: bool) -> None:
    negated = "! " if text.startswith("!") else ""
    one = rule(f"-p icmpv6 {negated}--icmpv6-type {text.removeprefix('! ')}")
    context = seen(craft.icmp(A, B, 128, family=6))
    assert holds(one, context) is expected
    conditions = one.conditions(context)
    assert all(condition.held for condition in conditions) is expected
    assert conditions[-1].because == "the message is type 128 code 0, echo-request"


def test_a_cut_icmpv6_header_drops_the_packet_at_once() -> None:
    raw = craft.ip(A, B, ICMPV6, b"\x80\0\0\0\0\0\0", family=6)
    one = rule("-p icmpv6 ! --icmpv6-type 1")
    context = seen(raw)
    assert not holds(one, context)
    assert context.hot_drop
    assert one.conditions(seen(raw))[-1].because == "the ICMPv6 header is cut short: the packet is dropped at once"


def test_an_entry_is_looked_at_by_its_addresses() -> None:
    tied = Entry(1, Tuple(6, A, B, TCP, 4000, 22), Tuple(6, B, A, TCP, 22, 4000), CONFIRMED, 130 * SECOND, 0, 0, None, None, 10 * SECOND)
    context = seen(craft.tcp(A, B, 4000, 22, SYN, family=6), "ESTABLISHED", tied)
    for text, expected in (
        ("--ctorigsrc 2001:db8:9::/48", True), ("! --ctorigsrc 2001:db8:9::9", False), ("--ctreplsrc 2001:db8::7/112", True),
        ("--ctrepldst ::1", False),
    ):  # fmt: skip
        one = rule(f"-m conntrack {text}")
        assert holds(one, context) is expected
        assert one.conditions(context)[0].held is expected
    assert rule("-m conntrack --ctorigsrc ::1").conditions(context)[0].because == "the entry's original source is 2001:db8:9::9"


ADDRESSES = st.sampled_from([A, B, address("fe80::1"), address("::5"), address("::ffff:1.2.3.4"), 0, address("2001:db8::1")])


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    src, dst, limit = draw(ADDRESSES), draw(ADDRESSES), draw(st.sampled_from([0, 16, 63, 64, 255]))
    port = st.sampled_from([0, 22, 53, 1023, 65535])
    kind = draw(st.sampled_from(["tcp", "udp", "icmp", "other"]))
    if kind == "tcp":
        return craft.tcp(src, dst, draw(port), draw(port), draw(st.integers(0, 255)), family=6, ttl=limit)
    if kind == "udp":
        return craft.udp(src, dst, draw(port), draw(port), family=6, ttl=limit)
    if kind == "icmp":
        return craft.icmp(src, dst, draw(st.sampled_from([1, 128, 135, 137])), draw(st.integers(0, 4)), family=6, ttl=limit)
    return craft.ip(src, dst, draw(st.sampled_from([1, 6, 17, 47, 58, 59])), draw(st.binary(max_size=24)), family=6, ttl=limit)


@given(st.integers(), packets(), st.sampled_from(["NEW", "INVALID", "UNTRACKED", ""]))
@settings(deadline=None, max_examples=300)
def test_what_is_said_is_what_is_done(seed: int, raw: bytes, state: str) -> None:
    one = rule(some_rule(Random(seed), "FORWARD", 0.0, 6).replace("0x16", "22"))
    contexts = [seen(raw, state) for _ in range(2)]
    held = holds(one, contexts[0])
    assert held is all(condition.held for condition in one.conditions(contexts[1], full(one)))
    assert all(condition.text and condition.because for condition in one.conditions(contexts[1], full(one)))


@given(st.integers())
@settings(deadline=None, max_examples=100)
def test_a_random_command_is_refused_or_survives_saving(seed: int) -> None:
    draw = Random(seed)
    box = ours("-N uc", "-N ud")
    for _ in range(8):
        box.run(command(draw, "legacy", 6))
    again = Ours(family=6)
    again.restore(save(box.ruleset, box.counters), counters=True)
    assert save(again.ruleset, again.counters) == save(box.ruleset, box.counters)


@given(st.text(st.sampled_from("0123456789abcdef:.%/ ,x"), max_size=20))
def test_any_address_is_taken_or_refused_within_the_line(text: str) -> None:
    Ours(family=6).run(f"-A INPUT -s '{text}'")
    Ours(family=6).run(f"-A INPUT -m conntrack --ctorigsrc '{text}'")
