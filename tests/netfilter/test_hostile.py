"""Nothing a stranger sends makes the engine fail, and every packet gets a verdict."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from tests.netfilter.boxes import CLIENT, SERVER, box

RULES = """*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 --tcp-flags SYN,ACK SYN -j REJECT --reject-with tcp-reset
-A INPUT -p udp -m udp --sport 1:1000 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT ! -p tcp -j REJECT
COMMIT
"""
VERDICTS = {"ACCEPT", "DROP", "REJECT", "HELD", "DISCARD"}


def never_fails(raw: bytes) -> None:
    for walk in (box(RULES).receive(raw, on="wan", at=0), box(RULES).send(raw, at=0)):
        assert walk.verdict in VERDICTS
        assert walk.steps
        assert isinstance(walk.path, list)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=100).filter(lambda raw: not raw or raw[0] >> 4 != 6))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    never_fails(raw)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([1, 2, 6, 17, 33, 47, 50, 132, 136, 255]),
    st.binary(max_size=80),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 8, 64]),
)
def test_any_transport_bytes_in_a_sound_ip_packet_get_a_verdict(protocol: int, payload: bytes, df: bool, mf: bool, offset: int) -> None:
    never_fails(craft.ip(CLIENT, SERVER, protocol, payload, df=df, mf=mf, offset=offset))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 20), st.integers(0, 20))
def test_any_quoted_packet_in_an_icmp_error_gets_a_verdict(quoted: bytes, type: int, code: int) -> None:
    never_fails(craft.icmp(CLIENT, SERVER, type, code, 0, quoted))
