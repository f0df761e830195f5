"""Sandboxes from the command line's words: networks, one's own rules, a capture's packets where trace puts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.network.records import Walked
from fwtutor.sandbox.lab import as_lesson, page
from fwtutor.sandbox.making import make
from fwtutor.sandbox.model import taken
from fwtutor.sandbox.writing import save
from fwtutor.trace.box import parse_box
from fwtutor.trace.run import trace

ROOT = Path(__file__).parents[2]
CAPTURE, RULES = ROOT / "assets" / "handshake.pcap", ROOT / "assets" / "too-open.rules"


def test_a_captures_packets_walk_as_trace_walks_them_at_their_times() -> None:
    session = make("one-server", rules=RULES, capture=CAPTURE).opened()
    box = parse_box(["wan=203.0.113.1/24", "lan=192.168.0.1/16"], ["default=wan,via 203.0.113.254"], [])
    expected = [(each.walk.at, each.walk.verdict, each.walk.path, each.walk.states) for each in trace(box.firewall(RULES), CAPTURE)]
    walks = [record.walk for record in session.run.records if isinstance(record, Walked)]
    assert [(walk.at, walk.verdict, walk.path, walk.states) for walk in walks] == expected
    assert {record.host for record in session.run.records} == {"server"}


def test_a_captures_packets_reach_nobody_else_and_no_program() -> None:
    session = make("one-server", capture=CAPTURE).opened()
    assert all(isinstance(record, Walked) for record in session.run.records)
    assert not session.run.world.hosts["server"].stack.endpoints


def test_something_can_be_entered_between_two_packets_of_a_capture() -> None:
    session = make("one-server", rules=RULES, capture=CAPTURE).opened()
    session.cursor.seek(2)
    session.enter("server", "iptables -F INPUT")
    verdicts = [record.walk.verdict for record in session.run.records if isinstance(record, Walked)]
    assert verdicts[:3] == ["ACCEPT"] * 3
    assert "DROP" in verdicts[3:]
    assert session.run.records[3].line == "iptables -F INPUT"  # type: ignore[union-attr]


def test_another_host_can_be_watched_and_is_where_one_types_first() -> None:
    sandbox = make("office", watch="bob")
    assert sandbox.scenario.watch == sandbox.prompts[0] == "bob"
    with pytest.raises(BadInput, match="--watch eve: there is no such host; there are: firewall, alice"):
        make("office", watch="eve")


def test_rules_that_the_host_does_not_take_are_shown_with_their_line(tmp_path: Path) -> None:
    rules = tmp_path / "bad.rules"
    rules.write_text("*filter\n-A INPUT -j NOWHERE\nCOMMIT\n")
    with pytest.raises(BadInput, match=r"bad\.rules, line 2"):
        make("office", rules=rules)


def test_a_network_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="there is no network 'moon'; there are: dmz, docker"):
        make("moon")


def test_a_network_of_ones_own_is_a_file_like_the_ready_made_ones(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('network = "office"\ntitle = "mine"\n[hosts.alice]\nservices = []\n')
    sandbox = make(str(path))
    assert (sandbox.title, sandbox.scenario.topology.host("alice").services) == ("mine", ())


def test_a_single_box_is_a_network(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text('[hosts.box]\ninterfaces = { wan = ["203.0.113.1/24"] }\nroutes = { default = "wan" }\n')
    sandbox = make(str(path), rules=RULES, capture=CAPTURE)
    assert len(sandbox.opened().run.records) == 11


def test_what_was_entered_with_other_rules_is_not_given_new_ones(tmp_path: Path) -> None:
    session = make("office").opened()
    session.enter("alice", "ping -c 1 bob")
    save(taken(session, "t", ("alice",)), tmp_path / "a.fwt")
    assert make(str(tmp_path / "a.fwt")).runs[-1][0].line == "ping -c 1 bob"
    with pytest.raises(BadInput, match="its rules, packets and watched host are as they were"):
        make(str(tmp_path / "a.fwt"), rules=RULES)


def test_its_page_tells_who_is_where_and_what_lies_ahead() -> None:
    text = page(make("one-server", capture=CAPTURE))
    assert "11 packets of a capture lie ahead" in text
    assert "- **lan** (1 ms): server 192.168.0.1, alice 192.168.0.20" in text
    assert "Nothing happens here by itself" in page(make("office"))
    assert as_lesson(make("office")).free
