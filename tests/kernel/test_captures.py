"""Real FTP sessions (``assets/ftp``), replayed on kernel and engine: what happens to every packet under different rules is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.capture import read_packets
from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observation, Setup, Shot

SESSIONS = Path(__file__).parents[2] / "assets" / "ftp"
INTERFACES = {"wan": ("203.0.113.1/24", "2001:db8:113::1/64"), "lan": ("192.168.0.1/16", "fd00:168::1/64")}
CLOSED = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m helper --helper ftp -m conntrack --ctstate RELATED
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
"""
"""Only the control connection may begin by itself."""
LISTENING = "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
TRANSLATING = "*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n"


def replayed(kernel: Kernel, session: str, rules: str) -> Observation:
    shots = [Shot(seen.raw, seen.interface) for seen in read_packets(SESSIONS / f"{session}.pcapng")]
    six = session.endswith("6")
    setup = Setup(INTERFACES, "" if six else rules, rules6=rules if six else "")
    comparison = compare(kernel, setup, shots)
    assert not comparison.differences, str(comparison)
    return comparison.observation


def accepted(observation: Observation) -> set[bool]:
    """Whether packets of the control connection (port 21), and of the data connection, got through: all, none, or some of each."""
    return {packet.verdict == "ACCEPT" for packet in observation.packets}


@pytest.mark.parametrize("session", ["pasv", "epsv", "port", "eprt", "epsv6", "eprt6"])
def test_with_the_helper_the_data_connection_is_related_and_without_it_refused(kernel: Kernel, session: str) -> None:
    assert accepted(replayed(kernel, session, LISTENING + CLOSED)) == {True}
    assert accepted(replayed(kernel, session, CLOSED)) == {True, False}


@pytest.mark.parametrize("session", ["pasv-snat", "port-snat", "eprt-snat"])
def test_through_a_translating_box_what_the_client_names_is_translated_too(kernel: Kernel, session: str) -> None:
    seen = replayed(kernel, session, LISTENING + TRANSLATING + CLOSED)
    assert accepted(seen) == {True}
    sent = [raw for packet in seen.packets for name, raw in packet.out if name == "wan"]
    assert not any(b"192,168,0,20" in raw or b"|192.168.0.20|" in raw for raw in sent)
