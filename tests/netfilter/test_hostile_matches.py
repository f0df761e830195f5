"""Nothing a stranger sends makes the matches on headers and contents fail, or keeps them busy; what they say of it can always be told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import RuleTried
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.matches.u32 import MOST, read_tests, value_of
from fwtutor.netfilter.xtables.savefile import restore
from tests.netfilter.six import CLIENT, SERVER
from tests.netfilter.xtables.live import Ours

BOTH = (
    "-p esp -m esp ! --espspi 5:9", "-m ecn --ecn-ip-ect 2", "-p tcp -m ecn ! --ecn-tcp-ece --ecn-tcp-cwr",
    "-p tcp -m tcpmss ! --mss 0:1400",
    "-p sctp -m sctp --sport 1:5 ! --chunk-types all DATA:B,INIT", "-p sctp -m sctp --chunk-types only ABORT:t",
    "-p dccp -m dccp --dccp-option 5",

      "-p dccp -m dccp ! --dccp-types ACK --dport 5", '-m u32 --u32 "0>>22&0x3C@0>>16=0:65535 && 0xffffffff=0"',
    '-m u32 ! --u32 "4@4@4@4@4=0"',
    '-m string --hex-string "|ff00|" --algo bm --icase --from 3', "-m string ! --string aaaaab --algo kmp --to 60", "-m cpu --cpu 0",
    "-m policy --dir in --pol none", "-m physdev ! --physdev-is-in", "-m devgroup --src-group 1/1",
)  # fmt: skip
ONLY = {
    4: ("-p ah -m ah --ahspi 5",),
    6: ("-m ah --ahspi 1: ! --ahlen 24 --ahres", "-m frag --fragid :5 --fraglen 9 --fragres --fragfirst --fragmore", "-m frag --fraglast",
        "-m rt --rt-type 0 --rt-segsleft 1:9 ! --rt-len 8 --rt-0-res --rt-0-addrs ::1,::2 --rt-0-not-strict",
        "-m rt --rt-type 0 --rt-0-addrs ::1",
        "-m hbh --hbh-opts 5:2,1,0,194", "-m dst ! --dst-len 8 --dst-opts 1", "-m ipv6header --header dst,prot",
        "-p mh -m mh --mh-type 1:5",
        "-m ipv6header ! --header hop --soft"),
}  # fmt: skip
RULES = {
    family: "\n".join(["*mangle", *(f"-A PREROUTING {each}" for each in (*BOTH, *ONLY[family], "-m rpfilter --loose")), "COMMIT", ""])
    for family in (4, 6)
}


def told(raw: bytes, family: int, variant: str) -> None:
    """Every rule is asked about it, by its test and for its words, and the two agree."""
    box = Ours(variant, family)
    box.ruleset = restore(RULES[family], box.ruleset, new_id=box.new_id).ruleset
    packet = Packet(raw)
    if packet.fault:
        return
    for rule in box.ruleset.tables["mangle"].chains["PREROUTING"].rules:
        context = Context(packet, 0)
        context.in_interface, context.routing = "wan", FIREWALL.routing
        if all(condition.held for condition in rule.header.conditions(context)):
            for match in rule.evaluated:
                held = match.compile()(context)
                said = match.conditions(context)
                assert said
                assert all(condition.because for condition in said)
                assert held == all(condition.held for condition in said), (rule.save(), raw.hex())


FIREWALL = Firewall({"wan": ["203.0.113.1/24", "2001:db8:1::1/64"]}, {"default": ("wan", "203.0.113.254")})


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@settings(max_examples=120, deadline=None)
@given(protocol=st.sampled_from([1, 6, 17, 33, 50, 51, 132, 253]), data=st.binary(max_size=90), offset=st.sampled_from([0, 0, 0, 8, 1480]))
def test_any_packet_is_told_of(variant: str, protocol: int, data: bytes, offset: int) -> None:
    told(craft.ip(0xCB007109, 0xC6336450, protocol, data, offset=offset), 4, variant)


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@settings(max_examples=150, deadline=None)
@given(
    protocol=st.sampled_from([0, 6, 43, 44, 50, 51, 59, 60, 132, 135]),
    data=st.binary(max_size=90),
    kinds=st.lists(st.sampled_from([0, 43, 44, 51, 60])),
)
def test_any_chain_of_headers_is_told_of(variant: str, protocol: int, data: bytes, kinds: list[int]) -> None:
    for kind in kinds[:6]:
        data, protocol = bytes([protocol, 4 if kind == 51 else 0, 0, 0, 0, 0, 0, 5]) + bytes(16 if kind == 51 else 0) + data, kind
    told(craft.ip(CLIENT, SERVER, protocol, data, family=6), 6, variant)


def test_u32_stops_where_the_packet_does() -> None:
    (test,) = read_tests("0" + "@0xffffffff" * (MOST - 1) + "=0")
    assert value_of(test, b"\xff" * 65535) is None
    (far,) = read_tests("4294967295=0")
    assert value_of(far, bytes(65535)) is None


def test_a_text_that_almost_occurs_everywhere_is_looked_for_in_no_time() -> None:
    box = Ours()
    assert box.run(f"-A INPUT -m string --string {'a' * 127}b --algo bm --icase") == (0, "")
    (rule,) = box.ruleset.tables["filter"].chains["INPUT"].rules
    packet = Packet(craft.ip(1, 2, 17, b"a" * 65000))
    assert not rule.matches[0].compile()(Context(packet, 0))


def test_what_legacy_counts_and_then_drops_is_told_once() -> None:
    box = Firewall({"wan": ["203.0.113.1/24"]}, {})
    box.restore("*mangle\n-A PREROUTING -p sctp -m sctp ! --chunk-types any DATA -j ACCEPT\nCOMMIT\n")
    walk = box.receive(craft.ip(0xCB007109, 0xCB007101, 132, bytes(16)), on="wan", at=0)
    assert walk.verdict == "DROP"
    assert [step.matched for step in walk.steps if isinstance(step, RuleTried)] == [True]
    assert "[1:36] -A PREROUTING" in box.save(counters=True)
