"""What is said of a place where a packet goes an unusual way: left alone by tracking, or stopped on its way through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.course.loader import find_lesson
from fwtutor.netfilter.packet import Packet
from fwtutor.network.records import Walked
from fwtutor.plain.parts import answered, connections, moment
from fwtutor.recording import Scenario, Scripted, Session
from fwtutor.telling.chain import chain_of
from fwtutor.telling.diagram import rows, shown
from fwtutor.telling.inspecting import inspected
from fwtutor.telling.otherwise import otherwise
from fwtutor.telling.reading import Histories, Place
from fwtutor.telling.reasons import explain, reasons
from fwtutor.telling.spans import Line
from fwtutor.telling.told import done_words
from fwtutor.tui.widgets.ask import answer_rows, ask_rows
from fwtutor.tui.widgets.band import ctstate
from tests.tui.conftest import RULES, make_lesson, topology
from tests.tui.test_panes import gateway

NOTRACK = "*raw\n-A PREROUTING -p tcp -m tcp --dport 1337 -j {}\nCOMMIT\n"
SYN = "send tcp 203.0.113.9:4000 > 203.0.113.1:1337 SYN"


def after_one(scenario: Scenario) -> Place:
    """The place where its first packet has ended."""
    session = Session(scenario)
    session.cursor.seek(session.run.stops[0])
    return Place.of(session)


def text(lines: list[Line]) -> str:
    return " ".join(" ".join(row.text for row in lines).split())


@pytest.mark.parametrize("target", ["NOTRACK", "CT --notrack"])
def test_a_packet_that_raw_has_left_alone_is_untracked_wherever_it_is_told_of(target: str) -> None:
    place = after_one(Scenario(topology(NOTRACK.format(target) + RULES), (Scripted(0, "attacker", SYN),), "server"))
    header = text(list(ctstate(place, 40)))
    assert "UNTRACKED" in header
    assert "raw says NOTRACK" in header
    diagram = text(rows(place, shown(place), 76))
    for said in (text(reasons(place, 76)), text(explain(place, 76)), diagram, "\n".join(moment(place))):
        assert "raw says NOTRACK, so connection tracking leaves this packet alone" in said
        assert "no rule asks" not in said
        assert "looked up yet" not in said


STOPS = "*filter\n:FORWARD {} [0:0]\n-A FORWARD -m {} -j DROP\nCOMMIT\n"
THROUGH = "send tcp 203.0.113.9:4000 > 192.168.0.20:80 SYN"


@pytest.mark.parametrize(("policy", "match"), [("ACCEPT", "ttl --ttl-eq 63"), ("DROP", "ttl --ttl-eq 64")])
def test_a_packet_stopped_in_forward_is_shown_as_forward_saw_it(policy: str, match: str) -> None:
    net = gateway()
    net = replace(net, hosts=(replace(net.hosts[0], rules=STOPS.format(policy, match)), *net.hosts[1:]))
    place = after_one(Scenario(net, (Scripted(0, "attacker", THROUGH),), "server"))
    assert place.verdict is not None
    assert place.verdict.verdict == "DROP"
    came, stopped = (Packet(version.raw) for version in inspected(place).versions)
    # The second Packet is read without ``taken``: the checksum of its header is right.
    assert (came.ttl, stopped.ttl, stopped.fault) == (64, 63, "")


def test_where_this_run_answers_otherwise_than_the_lessons_the_engine_says_why() -> None:
    lesson = make_lesson()
    session = Session(lesson.scenario)
    (asked,) = lesson.predictions
    assert otherwise(asked, session) is None
    # The lesson's run, so its author claims, has an entry for this packet; in this one nothing is left of it.
    elsewhere = replace(asked, expect="ESTABLISHED")
    found = otherwise(elsewhere, session)
    assert found is not None
    for picked, begins in ((0, "right: NEW"), (1, "not ESTABLISHED")):
        said = text(answer_rows(elsewhere, picked, elsewhere.answer(session.run), 76, found))
        assert begins in said
        assert "In this run, with your changes, the answer is NEW: no entry has its tuple" in said
        assert elsewhere.choices[picked].why not in said
        assert found.said in answered(elsewhere, picked, elsewhere.answer(session.run), found)[0]


def test_an_answer_that_none_of_the_choices_is_is_told_and_not_that_there_is_no_such_packet() -> None:
    lesson = make_lesson(rules=NOTRACK.format("NOTRACK").replace("1337", "22") + RULES)
    session = Session(lesson.scenario)
    (asked,) = lesson.predictions
    said = text(answer_rows(asked, 0, asked.answer(session.run), 76, otherwise(asked, session)))
    assert "not NEW. In this run, with your changes, the answer is UNTRACKED: raw says NOTRACK, so" in said
    assert "no such packet" not in said


def test_what_a_command_did_to_sets_is_told_and_not_called_counters() -> None:
    session = Session(make_lesson().scenario)
    told = [
        done_words(session.enter("server", line))
        for line in ("ipset create bad hash:ip timeout 60", "ipset add bad 10.0.0.1", "ipset del bad 10.0.0.1", "ipset destroy bad")
    ]
    assert told == [
        "done: the set bad is made",
        "done: 10.0.0.1 is put into the set bad for 60 s",
        "done: 10.0.0.1 is taken out of the set bad",
        "done: the set bad is gone",
    ]


def test_a_choice_of_several_words_is_quoted_where_it_stands_in_a_sentence() -> None:
    prediction = find_lesson("return-traffic").predictions[0]
    text = " ".join(row.text.strip() for row in ask_rows(prediction, 0, 2, 76))
    assert '✖ not "no rule: answers belong to questions". For you they do.' in text
    assert '✔ "INPUT\'s policy: DROP". It is a packet' in text


def test_what_a_reject_tells_the_sender_stands_above_the_rules_that_did_not_match() -> None:
    rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp --dport 1337 -j REJECT\nCOMMIT\n"
    place = after_one(Scenario(topology(rules), (Scripted(0, "attacker", SYN),), "server"))
    told = [row.text for row in reasons(place, 200)]
    assert [row.split(":")[0] for row in told if row.startswith("REJECT") or "rule 1" in row] == ["REJECT", "✖ rule 1 -i lo"]
    assert "the sender is told: icmp" in " ".join(told)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sysctl -w net.netfilter.nf_conntrack_tcp_loose=0", "done; it printed: net.netfilter.nf_conntrack_tcp_loose = 0."),
        ("iptables -S", "done: it printed something."),
        ("iptables -A INPUT -p udp -j DROP", "Here: rule 4 of INPUT added."),
    ],
)
def test_a_commands_own_word_is_told_where_it_is_a_line(line: str, said: str) -> None:
    place = after_one(Scenario(topology(RULES), (Scripted(0, "server", line),), "server"))
    assert text(reasons(place, 200)).startswith(f"{said} ")


@pytest.mark.parametrize(
    ("inside", "through", "typed", "shown_first"),
    [
        (1, 1, THROUGH, "INPUT"),
        (2, 1, THROUGH, "INPUT"),
        (1, 2, THROUGH, "FORWARD"),
        (1, 2, "send tcp 192.168.0.1:9 > 192.168.0.20:80 SYN", "OUTPUT"),
    ],
)
def test_before_a_packet_is_routed_the_chain_is_shown_that_the_box_is_there_for(
    inside: int, through: int, typed: str, shown_first: str
) -> None:
    rules = "*filter\n" + "-A INPUT -p udp -j DROP\n" * inside + "-A FORWARD -p udp -j DROP\n" * through + "COMMIT\n"
    net = gateway()
    net = replace(net, hosts=(replace(net.hosts[0], rules=rules), *net.hosts[1:]))
    sender = "server" if shown_first == "OUTPUT" else "attacker"
    session = Session(Scenario(net, (Scripted(0, sender, typed),), "server"))
    session.cursor.seek(next(index for index in session.run.stops if isinstance(session.run.records[index], Walked)), 0)
    assert chain_of(Place.of(session)) == ("filter", shown_first)


def test_before_a_packet_is_routed_the_chain_stays_that_was_looked_at() -> None:
    inward = "send tcp 203.0.113.9:1 > 203.0.113.1:22 SYN"
    script = [
        ("attacker", inward), ("attacker", THROUGH), ("attacker", inward), ("server", "iptables -A OUTPUT -p icmp -j DROP"),
        ("attacker", THROUGH), ("server", "iptables -N mine"), ("attacker", THROUGH),
    ]  # fmt: skip
    session = Session(Scenario(gateway(), tuple(Scripted(n, host, typed) for n, (host, typed) in enumerate(script)), "server"))
    shown_first = []
    for index in session.run.stops:
        record = session.run.records[index]
        if isinstance(record, Walked) and record.walk.in_interface == "wan":
            session.cursor.seek(index, 0)
            shown_first.append(chain_of(Place.of(session))[1])
    assert shown_first == ["INPUT", "INPUT", "FORWARD", "INPUT", "mine"]


def test_a_rule_of_another_chain_than_what_decided_is_told_with_its_chain() -> None:
    rules = "*filter\n:mine - [0:0]\n-A INPUT -j mine\n-A INPUT -i lo -j ACCEPT\n-A mine -s 10.0.0.0/8 -j ACCEPT\nCOMMIT\n"
    told = text(reasons(after_one(Scenario(topology(rules), (Scripted(0, "attacker", SYN),), "server")), 200))
    assert "✖ rule 1 of mine -s 10.0.0.0/8" in told
    assert "✖ rule 2 -i lo" in told


def test_what_is_not_tracked_in_one_family_may_be_in_the_other() -> None:
    """Each family's rules switch on tracking for their own: iptables asks there, ip6tables does not."""
    session = Session(find_lesson("second-firewall").scenario)
    seen = set()
    for stop in session.run.stops[:8]:
        session.cursor.seek(stop)
        place = Place.of(session)
        assert place.walk is not None
        seen.add(place.family)
        said = "\n".join([text(explain(place, 76)), text(rows(place, shown(place), 76)), *connections(place, Histories())])
        assert ("no rule of ip6tables asks for a connection's state, so nothing of IPv6 is tracked" in said) == (place.family == 6)
        assert "no rule here asks" not in said
    assert seen == {4, 6}
