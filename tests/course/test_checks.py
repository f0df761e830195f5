"""Checks judge what happens: whole conversations go on, strays stay out, and a failure says which history failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from fwtutor.course.checks import Passes, court_of, judge
from fwtutor.course.ground import Ground
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Answer, Goal, Lesson
from fwtutor.course.strays import Strays
from fwtutor.course.trials import Exchange, IcmpError
from fwtutor.course.which import lessons_folder
from fwtutor.netfilter.packet import ACK, SYN, TCP, UDP
from fwtutor.network.arguments import read_address
from fwtutor.recording import Session


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return load_lesson(lessons_folder() / "too-open")


def rules(*lines: str, policy: str = "DROP") -> str:
    return "\n".join(["*filter", f":INPUT {policy} [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]", *lines, "COMMIT", ""])


STATE = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
APP = "-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT"
LAN = "-A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT"

SERVER = read_address("203.0.113.1")
VISIT = Exchange("attacker", ("connect 203.0.113.1:1337 from {port}", 'say "hello" to 1337', "close 1337"), TCP, SERVER, 1337)
DIG = Exchange("server", ("dig @198.51.100.53 web.example",), UDP, read_address("198.51.100.53"), 53)
STRAY = Strays("wan", SERVER, ("203.0.113.9",), tcp=(SYN, ACK), ports=(22,), only=True, source_ports=(4000,))
MTU = IcmpError(
    "server", ("connect 198.51.100.80:443 from {port}",), read_address("198.51.100.80"), 443, "wan", 3, 4, read_address("203.0.113.254")
)


@pytest.fixture
def failure(lesson: Lesson) -> Callable[..., str]:
    """What a trial says of some rules."""

    def failure(trial: Exchange | IcmpError | Strays, *lines: str, policy: str = "DROP") -> str:
        return trial.failure(Ground(lesson.scenario.topology, "server", rules(*lines, policy=policy)), Random("x"))

    return failure


Fails = Callable[..., str]


def test_a_whole_visit_passes(failure: Fails) -> None:
    assert failure(VISIT, STATE, APP) == ""


def test_a_half_open_visit_does_not(failure: Fails) -> None:
    said = failure(VISIT, "-A INPUT -p tcp -m tcp --dport 1337 -m conntrack --ctstate NEW -j ACCEPT")
    assert "nothing said ever reached 203.0.113.1:1337" in said
    assert "; the firewall stopped attacker's ACK from 203.0.113.9:" in said
    assert said.endswith("to 203.0.113.1:1337, by INPUT's policy")


def test_a_visit_that_cannot_begin_names_its_syn(failure: Fails) -> None:
    assert failure(VISIT, STATE).endswith("to 203.0.113.1:1337, by INPUT's policy")


def test_a_conversation_that_is_never_closed_is_not_finished(lesson: Lesson) -> None:
    open_ended = replace(VISIT, run=VISIT.run[:2])
    said = open_ended.failure(Ground(lesson.scenario.topology, "server", rules(STATE, APP)), Random("x"))
    assert "never closed" in said


def test_a_question_whose_answer_is_dropped_fails(failure: Fails) -> None:
    assert failure(DIG, STATE) == ""
    said = failure(DIG, APP)
    assert "no answer of 198.51.100.53:53 came back" in said
    assert "the firewall stopped dns's udp packet from 198.51.100.53:53 to 203.0.113.1:" in said


def test_a_router_s_word_needs_related(failure: Fails) -> None:
    assert failure(MTU, STATE) == ""
    said = failure(MTU, "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    assert said.startswith("ICMP 3/4 from 203.0.113.254 about tcp 203.0.113.1:")
    assert said.endswith(" was stopped, by INPUT's policy")


def test_a_stray_that_gets_in_is_named_with_the_rule_that_let_it(failure: Fails) -> None:
    assert failure(STRAY, STATE, APP) == ""
    said = failure(STRAY, STATE, "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT")
    assert said == "a SYN from 203.0.113.9:4000 to 203.0.113.1:22 came in by wan and got through, by rule 2 of INPUT"


def test_a_stray_ack_is_tried_as_well(failure: Fails) -> None:
    said = failure(STRAY, "-A INPUT -p tcp -m tcp --tcp-flags SYN NONE -j ACCEPT")
    assert said.startswith("an ACK from 203.0.113.9:")
    assert "to 203.0.113.1:22 came in" in said


def test_strays_come_after_what_was_opened_first(failure: Fails) -> None:
    hidden = replace(STRAY, first=(("attacker", "connect 203.0.113.1:1337 from 4000"),))
    assert failure(hidden, STATE, APP) == ""
    said = failure(hidden, policy="ACCEPT")
    assert said.startswith('after "connect 203.0.113.1:1337 from 4000" at attacker, a SYN from 203.0.113.9:4000 to 203.0.113.1:22')


@pytest.mark.parametrize(
    ("kind", "word"),
    [({"udp": True, "tcp": ()}, "udp"), ({"icmp": ((3, 4),), "tcp": ()}, "3/4"), ({"icmp": ((8, 0),), "tcp": ()}, "echo request")],
)
def test_udp_and_icmp_stray_too(failure: Fails, kind: dict[str, object], word: str) -> None:
    stray = replace(STRAY, **kind)  # type: ignore[arg-type]
    assert failure(stray, STATE, APP, LAN) == ""
    assert word in failure(stray, policy="ACCEPT")


def test_tcp_ports_excepted_are_not_tried(failure: Fails) -> None:
    stray = replace(STRAY, ports=(1337,), but=(1337,))
    assert failure(stray, policy="ACCEPT") == ""


# --- judging ------------------------------------------------------------------------------------------------


def test_rules_spelled_otherwise_pass_as_well(lesson: Lesson) -> None:
    other = rules(
        "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "-A INPUT -p icmp -m conntrack --ctstate RELATED -j ACCEPT",
        "-A INPUT -i lan -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 1337 -m conntrack --ctstate NEW -j ACCEPT",
    )
    assert str(judge(lesson, Answer("mine", other))) == "every check passed"


def test_commands_are_judged_on_top_of_what_the_script_left(lesson: Lesson) -> None:
    repair = Answer("mine", commands=(("server", "iptables -I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),))
    assert judge(lesson, repair).passed
    useless = Answer("mine", commands=(("server", "iptables -L"),))
    assert {failure.check.name for failure in judge(lesson, useless).failures} == {"own-dns", "own-https", "path-mtu"}


def test_a_refused_command_is_not_judged_but_told(lesson: Lesson) -> None:
    judgement = judge(lesson, Answer("mine", commands=(("server", "iptables -A INPUT --dport banana"),)))
    assert not judgement.passed
    assert "iptables -A INPUT --dport banana" in judgement.refused


def test_a_judgement_is_the_same_every_time(lesson: Lesson) -> None:
    answer = Answer("mine", rules(STATE, APP, LAN, "-A INPUT -p tcp -m tcp --sport 443 -j ACCEPT"))
    assert str(judge(lesson, answer)) == str(judge(lesson, answer))


def test_a_failed_check_gives_its_reason(lesson: Lesson) -> None:
    said = str(judge(lesson, Answer("mine", rules(STATE, APP))))
    assert said.startswith('lan-ssh: "ssh 192.168.0.1" at alice: nothing said ever reached 192.168.0.1:22; ')
    assert "; the firewall stopped alice's SYN from " in said
    assert said.endswith("SSH is for the LAN: Alice must get in, work, and leave.")


# --- the goal that is a repair ------------------------------------------------------------------------------


@pytest.fixture
def repaired(lesson: Lesson) -> Passes:
    return Passes(court_of(lesson), stage=6)


def test_nobody_has_repaired_what_nobody_touched(lesson: Lesson, repaired: Passes) -> None:
    assert repaired.met_at(Session(lesson.scenario).run) is None


def test_the_repair_is_met_at_the_command_that_makes_it(lesson: Lesson, repaired: Passes) -> None:
    session = Session(lesson.scenario)
    session.cursor.to_end()
    session.enter("server", "iptables -D INPUT 1")
    assert repaired.met_at(session.run) is None
    record = session.enter("server", "iptables -I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    assert repaired.met_at(session.run) == record.index


def test_a_repair_that_fails_is_told_what_it_fails_by(lesson: Lesson, repaired: Passes) -> None:
    session = Session(lesson.scenario)
    goal = Goal("repair", "repair it", repaired)
    session.cursor.to_end()
    assert goal.missing(session.run) == ""
    session.enter("server", "iptables -R INPUT 1 -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    assert goal.missing(session.run).startswith("When the server's upload is too big for a link on the way, a router says so")
    assert "ICMP 3/4 from 203.0.113.254 about tcp 203.0.113.1:" in goal.missing(session.run)
    session.enter("server", "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    assert goal.missing(session.run) == ""


def test_only_what_the_learner_did_to_the_rules_is_told_about(lesson: Lesson, repaired: Passes) -> None:
    session = Session(lesson.scenario)
    session.cursor.to_start()
    session.enter("server", "iptables -A INPUT -s 192.168.0.77 -j DROP")
    assert repaired.missing(session.run) == ""
    session.cursor.to_end()
    session.enter("server", "iptables -D INPUT 1")
    assert repaired.missing(session.run) != ""
    session.cursor.to_end()
    session.enter("attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
    assert repaired.missing(session.run) == ""


def test_other_goals_have_nothing_to_tell(lesson: Lesson) -> None:
    run = Session(lesson.scenario).run
    assert [goal.id for goal in lesson.goals if goal.missing(run)] == []


def test_rules_that_were_sound_before_the_break_are_no_repair(lesson: Lesson, repaired: Passes) -> None:
    session = Session(lesson.scenario)
    session.cursor.to_start()
    session.enter("server", "iptables -A INPUT -s 192.168.0.77 -j DROP")
    assert repaired.met_at(session.run) is None
