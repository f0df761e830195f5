"""The SIP helper in the engine alone: what is said of it, going back and forth, hostile payloads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.helpers.ipv4text import read_ipv4
from fwtutor.netfilter.conntrack.helpers.ipv6text import read_ipv6
from fwtutor.netfilter.packet import ACK, PSH, SYN
from fwtutor.netfilter.steps import ExpectationForgotten, ExpectationMet, Expected, Helped
from fwtutor.netfilter.why import why

RULES = """*raw
-A PREROUTING -p udp -m udp --dport 5060 -j CT --helper sip
-A PREROUTING -p tcp -m tcp --dport 5060 -j CT --helper sip
COMMIT
"""
NAT = f"{RULES}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.200\nCOMMIT\n"
NAT6 = f"{RULES}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 2001:db8::200\nCOMMIT\n"
CLIENT, SERVER, OUTSIDE = (parse_address(text)[1] for text in ("192.168.0.20", "198.51.100.80", "203.0.113.200"))
CLIENT6, SERVER6, OUTSIDE6 = (parse_address(text)[1] for text in ("2001:db8:1::20", "2001:db8:ffff::80", "2001:db8::200"))
INVITE = b"""INVITE sip:b@198.51.100.80 SIP/2.0\r
Via: SIP/2.0/UDP 192.168.0.20:5060;rport=5060;received=1.2.3.4;maddr=192.168.0.20\r
CSeq: 1 INVITE\r
Contact: <sip:a@192.168.0.20>, <sip:a@192.168.0.20:5061>;expires=9\r
Content-Length: 100\r
\r
v=0\r
o=- 1 1 IN IP4 192.168.0.20\r
c=IN IP4 192.168.0.20\r
m=audio 4000 RTP/AVP 0\r
"""
REGISTER = INVITE.replace(b"INVITE", b"REGISTER")
REGISTER_FOR = REGISTER.replace(b"Content-Length", b"Expires: 60\r\nContent-Length")
OK = b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@192.168.0.20>;expires=9\r\nExpires: 60\r\n\r\n"


def box(rules: str = RULES, rules6: str = RULES) -> Firewall:
    firewall = Firewall(
        {"wan": ["203.0.113.1/24", "2001:db8::1/64"], "lan": ["192.168.0.1/16", "2001:db8:1::1/64"]},
        {"default": "wan", "2001:db8:ffff::/48": ("wan", "2001:db8::fe")}, {"net.ipv6.conf.all.forwarding": 1},
        mtus={"wan": 65535, "lan": 65535},
    )  # fmt: skip
    firewall.restore(rules)
    firewall.restore(rules6, family=6)
    return firewall


class Talk:
    """Messages through the box, a second between packets."""

    def __init__(self, firewall: Firewall, *, tcp: bool = False, family: int = 4, translated: bool = False) -> None:
        self.firewall, self.tcp, self.family, self.at, self.numbers = firewall, tcp, family, 0.0, [1000, 5000]
        self.ends = (CLIENT, SERVER) if family == 4 else (CLIENT6, SERVER6)
        outside = OUTSIDE if family == 4 else OUTSIDE6
        self.seen = self.ends[1], outside if translated else self.ends[0]
        for side, flags in ((0, SYN), (1, SYN | ACK), (0, ACK)) if tcp else ():
            self.say(side, b"", flags)

    def say(self, side: int, text: bytes, flags: int = ACK | PSH) -> Walk:
        src, dst = self.ends[side], self.seen[side]
        if self.tcp:
            raw = craft.tcp(src, dst, 5060, 5060, flags, self.numbers[side], self.numbers[1 - side], 65535, text, family=self.family)
            self.numbers[side] += len(text) + bool(flags & SYN)
        else:
            raw = craft.udp(src, dst, 5060, 5060, text, family=self.family)
        self.at += 1
        return self.firewall.receive(raw, "wan" if side else "lan", self.at)


def words(walk: Walk) -> list[str]:
    kinds = (Helped, Expected, ExpectationMet, ExpectationForgotten)
    return [why(walk, step).text for step in walk.steps if isinstance(step, kinds)]


def test_a_registration_is_told_in_words() -> None:
    talk = Talk(box())
    asked, agreed = words(talk.say(0, REGISTER_FOR)), words(talk.say(1, OK))
    assert asked[-1] == (
        "the helper sip holds a place for 180 s: for udp from 198.51.100.80 to 192.168.0.20:5060, who is let in when the other side agrees"
    )
    assert agreed[-1] == (
        "the helper sip expects udp from 198.51.100.80 to 192.168.0.20:5060 for 9 s: the first packet of each will be RELATED"
    )
    came = talk.firewall.receive(craft.udp(SERVER, CLIENT, 5070, 5060, b"x"), "wan", 3.0)
    assert "udp from 198.51.100.80 to 192.168.0.20:5060 was expected by the helper sip, and here it is: RELATED" in words(came)
    assert len(talk.firewall.state.expectations) == 1


def test_what_is_rewritten_is_told_by_its_first_line() -> None:
    (told, *_) = words(Talk(box(NAT), translated=True).say(0, INVITE))
    assert told.startswith('the address named in it is translated too: "Via: SIP/2.0/UDP 192.168.0.20:5060;')
    assert 'becomes "Via: SIP/2.0/UDP 203.0.113.200:5060;' in told


def test_a_message_that_would_be_too_long_is_dropped() -> None:
    invite = INVITE.ljust(65535 - 28, b"x")
    assert Talk(box()).say(0, invite).verdict == "ACCEPT"
    walk = Talk(box(NAT), translated=True).say(0, invite)
    assert (walk.verdict, walk.reason) == ("DROP", "the helper sip drops it: with the translated address it would be too long")


WORDS = (
    INVITE, REGISTER, OK, OK.replace(b"REGISTER", b"INVITE"), INVITE[:60], INVITE[-90:], b"BYE sip:b SIP/2.0\r\nCSeq: 1 BYE\r\n",
    b"SIP/2.0 200 OK\r\n", b"\r\n", b"\r\n ", b"m: ", b"v: UDP ", b"l: 9\r\n\r\n", b"sip:", b"@", b",", b";expires=", b"\nm=audio ",
    b"4000 ", b"9" * 30, b"0" * 20, b"[2001:db8:1::20]", b"::1.2.3.4", b"192.168.0.20", b"IN IP6 2001:db8:1::20\r\n", b"c=", b"\nv=0",
    b"\0", b"\xff",
)  # fmt: skip
PIECES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=30), max_size=8).map(b"".join)


@settings(deadline=None)
@given(st.booleans(), st.sampled_from([4, 6]), st.booleans(), st.lists(st.tuples(st.integers(0, 1), PIECES), max_size=6))
def test_no_payload_raises_and_every_effect_can_be_undone(
    tcp: bool, family: int, translated: bool, messages: list[tuple[int, bytes]]
) -> None:
    firewall = box(NAT, NAT6) if translated else box()
    talk = Talk(firewall, tcp=tcp, family=family, translated=translated)
    mark = firewall.checkpoint()
    before = firewall.conntrack(), firewall.expectations()
    for side, text in messages:
        if family == 6:
            text = text.replace(b"192.168.0.20", b"[2001:db8:1::20]").replace(b"IP4 [2001:db8:1::20]", b"IP6 2001:db8:1::20")
        walk = talk.say(side, text)
        assert walk.steps
        assert all(why(walk, step) is not None for step in walk.steps if isinstance(step, Helped | Expected))
    firewall.rollback(mark)
    assert (firewall.conntrack(), firewall.expectations()) == before


LONG = [
    b"sip:,",
    b"sip:a@,",
    b"sip:192.168.0.20:5070,",
    b"\r\nm:",
    b"\r\n m:",
    b"\nm=text 1",
    b"\nm=audio 0",
    b"\nl:0\r\n\r\n",
    b"\r",
    b"1",
    b":",
    b"1.",
    b"sip:[",
]


@pytest.mark.parametrize("translated", [False, True])
@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("piece", LONG)
def test_the_longest_payloads_are_read_to_their_end(piece: bytes, tcp: bool, translated: bool) -> None:
    talk = Talk(box(NAT) if translated else box(), tcp=tcp, translated=translated)
    for begin in (REGISTER, INVITE, REGISTER[:-90] + b"\r\nm: ", b"SIP/2.0 200 OK\r\nCSeq: 0 REGISTER\r\nm: "):
        walk = talk.say(0, begin + piece * (60000 // len(piece)))
        assert any(isinstance(step, Helped) for step in walk.steps)
        talk.say(1, b"", ACK)  # which acknowledges it


@pytest.mark.parametrize("digits", [b"0", b"1"])
def test_numbers_of_any_length_are_read(digits: bytes) -> None:
    many = digits * 5000
    assert read_ipv4(many + b".2.3.4;", 0, 5007) == ((0x020304, 5006) if digits == b"0" else None)
    assert read_ipv6(b"::" + many + b".2.3.4|", 0, ord("|")) == ((0x020304, 5008) if digits == b"0" else None)
