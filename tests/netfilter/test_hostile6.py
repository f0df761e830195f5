"""Nothing a stranger sends over IPv6 makes the engine fail: any bytes, any chain of headers, any quote, any fragments."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from fwtutor.network.answers import closed_port_answers
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import ALL_NODES, CLIENT, LINK, SERVER, WAN, box6, fragment, ip6, options

RULES = (
    f"{EMPTY}-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j LOG --log-ip-options --log-tcp-options\n"
    "-A FORWARD -p tcp -m tcp --dport 22 --tcp-flags SYN,ACK SYN -j REJECT --reject-with tcp-reset\n"
    "-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT\n-A FORWARD ! -p tcp -j REJECT\nCOMMIT\n"
)
VERDICTS = {"ACCEPT", "DROP", "REJECT", "HELD", "DISCARD"}


def never_fails(*raws: bytes) -> None:
    firewall = box6(RULES, addresses=("2001:db8:1::1/64", "fe80::1/64"))
    for raw in raws:
        for walk in (firewall.receive(raw, on="wan", at=0), firewall.send(raw, at=0)):
            assert walk.verdict in VERDICTS
            assert walk.steps
            assert isinstance(walk.path, list)
            assert [logged.line for logged in walk.logged if not logged.line] == []
            if walk.delivered is not None:
                for answer in closed_port_answers(walk.delivered, 0, source=firewall.source_of_answer(walk.delivered)):
                    assert not Packet(answer).fault
    firewall.advance(3600)


addresses = st.sampled_from([CLIENT, SERVER, WAN, LINK, ALL_NODES, 0, 1])
headers = st.one_of(
    st.tuples(st.sampled_from([0, 60]), st.binary(max_size=20)),
    st.tuples(st.just(44), st.tuples(st.sampled_from([0, 0, 8, 16, 65528]), st.booleans(), st.sampled_from([1, 2]))),
    st.tuples(st.sampled_from([43, 51, 50, 59, 135]), st.binary(min_size=6, max_size=22)),
)


def chained(protocol: int, payload: bytes, chain: list[tuple[int, object]]) -> tuple[int, bytes]:
    for kind, said in chain:
        if isinstance(said, tuple):
            payload = fragment(protocol, *said) + payload
        elif kind in (0, 60):
            assert isinstance(said, bytes)
            payload = options(protocol, said) + payload
        else:
            assert isinstance(said, bytes)
            payload = bytes([protocol]) + said + payload
        protocol = kind
    return protocol, payload


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    never_fails(raw, bytes([0x60]) + raw)


@settings(max_examples=300, deadline=None)
@given(
    addresses, addresses, st.sampled_from([6, 17, 58, 1, 132, 136, 47, 200]), st.binary(max_size=70), st.lists(headers, max_size=5),
    st.integers(0, 200),
)  # fmt: skip
def test_any_chain_of_headers_gets_a_verdict(
    src: int, dst: int, protocol: int, payload: bytes, chain: list[tuple[int, object]], length: int
) -> None:
    raw = ip6(*chained(protocol, payload, chain), src=src, dst=dst)
    never_fails(raw, raw[: 40 + length])
    cut = raw[: 40 + length]
    never_fails(cut[:4] + (len(cut) - 40).to_bytes(2, "big") + cut[6:])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([0, 1, 2, 3, 4, 127, 137]), st.binary(max_size=60), st.lists(headers, max_size=3), st.integers(0, 140), st.booleans()
)  # fmt: skip
def test_any_quoted_packet_gets_a_verdict(type: int, payload: bytes, chain: list[tuple[int, object]], length: int, near: bool) -> None:
    quote = ip6(*chained(17, payload, chain))[:length]
    if type == 137:
        quote = bytes(32) + bytes([4, 1]) + bytes(6) + quote
    src = LINK if near else SERVER
    never_fails(craft.icmp(src, CLIENT, type, 0, 0, quote, family=6, ttl=255), craft.icmp(src, CLIENT, type, 0, 0, payload, family=6))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([6, 17, 58, 60, 44, 0]), st.sampled_from([0, 8, 16, 24, 65528]), st.booleans(), st.binary(max_size=33)),
        min_size=1, max_size=6,
    ),
    st.sampled_from([SERVER, WAN, ALL_NODES]),
)  # fmt: skip
def test_any_fragments_get_a_verdict(pieces: list[tuple[int, int, bool, bytes]], dst: int) -> None:
    never_fails(*(ip6(44, fragment(protocol, offset, more) + data, dst=dst) for protocol, offset, more, data in pieces))


def test_the_longest_chain_is_walked_to_its_end() -> None:
    raw = ip6(60, options(60) * 8000 + options(17) + bytes(8))
    assert Packet(raw).l4 == 40 + 8 * 8001


def test_a_packet_longer_than_its_length_could_say_is_refused() -> None:
    for size in (65536 - 8, 65536):
        raw = ip6(0, options(17) + bytes(100))
        never_fails(raw[:4] + b"\0\0" + raw[6:] + bytes(size))
    assert Packet(raw[:4] + b"\0\0" + raw[6:] + bytes(size)).fault == "a jumbogram, which no link here carries"
