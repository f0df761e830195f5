"""Questions about a run: the right packet, and netfilter's own words about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from fwtutor.course.loader import load_lesson
from fwtutor.course.patterns import Pattern, packet_words
from fwtutor.course.queries import Connected, EntrySeen, MatchesAsk, PacketAsk, PacketSeen, Selection, Spoken, WordAsk
from fwtutor.course.which import lessons_folder
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from fwtutor.network.records import Walked
from fwtutor.recording import Run, Scenario, Session

SERVER, ATTACKER = "203.0.113.1", "203.0.113.9"
_SRC, _DST = 0xCB007109, 0xCB007101


def tcp(flags: str, sport: int = 4000, dport: int = 22) -> Packet:
    return Packet(craft.tcp(_SRC, _DST, sport, dport, craft.flag_bits(flags)))


_SRC6, _DST6 = 0x20010DB8 << 96 | 9, 0x20010DB8 << 96 | 1
TCP6 = Packet(craft.tcp(_SRC6, _DST6, 4000, 22, craft.flag_bits("S"), family=6))
ECHO6 = Packet(craft.icmp(_SRC6, _DST6, 128, family=6))


def select(text: str, **given: object) -> Selection:
    return replace(Selection(Pattern.parse(text), "server"), **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_lesson(lessons_folder() / "too-open").scenario


@pytest.fixture(scope="module")
def run(scenario: Scenario) -> Run:
    return Run(scenario)


# --- patterns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "packet", "fits"),
    [
        ("tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN", tcp("S"), True),
        ("tcp 203.0.113.9:4001 > 203.0.113.1:22 SYN", tcp("S"), False),
        ("tcp 203.0.113.9:4000 > 203.0.113.1:23 SYN", tcp("S"), False),
        ("tcp 203.0.113.8 > 203.0.113.1", tcp("S"), False),
        ("tcp 203.0.113.9 > 203.0.113.2", tcp("S"), False),
        ("tcp * > *:22", tcp("S"), True),
        ("tcp * > *", tcp("PA"), True),
        ("tcp * > * SYN", tcp("SA"), False),
        ("tcp * > * SYN+ACK", tcp("SA"), True),
        ("tcp * > * SYN,ACK", tcp("SA"), True),
        ("tcp * > * ACK", tcp("PA"), True),
        ("tcp * > * ACK", tcp("FA"), False),
        ("udp * > *", tcp("S"), False),
        ("udp * > *:53", Packet(craft.udp(_SRC, _DST, 5, 53)), True),
        ("icmp * > * echo", Packet(craft.icmp(_SRC, _DST, 8)), True),
        ("icmp * > * 3/4", Packet(craft.icmp(_SRC, _DST, 3, 4)), True),
        ("icmp * > * 3/4", Packet(craft.icmp(_SRC, _DST, 3, 3)), False),
        ("icmp * > *", Packet(craft.icmp(_SRC, _DST, 3, 3)), True),
        ("tcp [2001:db8::9]:4000 > [2001:db8::1]:22 SYN", TCP6, True),
        ("tcp 2001:db8::9 > *:22", TCP6, True),
        ("tcp * > *:22", TCP6, True),
        ("tcp 203.0.113.9:4000 > *", TCP6, False),
        ("tcp [2001:db8::8]:4000 > *", TCP6, False),
        ("icmpv6 * > * echo", ECHO6, True),
        ("icmpv6 2001:db8::9 > 2001:db8::1 128/0", ECHO6, True),
        ("icmp * > *", ECHO6, False),
    ],
)
def test_a_pattern_fits_the_packets_it_names(text: str, packet: Packet, fits: bool) -> None:
    assert Pattern.parse(text).matches(packet) is fits


@pytest.mark.parametrize(
    "text",
    ["", "tcp", "tcp a > b", "tcp * *", "tcp * > *:0", "tcp * > *:65536", "tcp * > *:", "tcp * > * SYN more", "udp * > * SYN",
     "icmp *:5 > *", "icmp * > * ping", "icmp * > * 3/256", "sctp * > *", "tcp ::1 > 192.0.2.1", "icmp ::1 > *", "icmpv6 192.0.2.1 > *",
     "tcp * > * SYN++ACK", "tcp * > *:²"],
)  # fmt: skip
def test_a_pattern_that_makes_no_sense_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Pattern.parse(text)


@given(st.text(alphabet="tcpud imSYNACK>*:0123456789./+ ", max_size=40))
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        Pattern.parse(text)
    except ValueError as error:
        assert str(error)


def test_the_other_direction_has_the_ends_swapped() -> None:
    back = Pattern.parse("tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN").reversed()
    assert back == Pattern.parse("tcp 203.0.113.1:22 > 203.0.113.9:4000")
    assert Pattern.parse("tcp [2001:db8::9]:4000 > *:22").reversed() == Pattern.parse("tcp *:22 > [2001:db8::9]:4000")


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN+ACK", tcp("SA")),
        ("udp 203.0.113.9:5 > 203.0.113.1:53", Packet(craft.udp(_SRC, _DST, 5, 53))),
        ("icmp 203.0.113.9 > 203.0.113.1 3/3", Packet(craft.icmp(_SRC, _DST, 3, 3))),
        ("tcp [2001:db8::9]:4000 > [2001:db8::1]:22 SYN", TCP6),
        ("icmpv6 2001:db8::9 > 2001:db8::1 135/0", Packet(craft.icmp(_SRC6, _DST6, 135, family=6))),
    ],
)
def test_a_packet_is_told_as_a_pattern_names_it(text: str, packet: Packet) -> None:
    assert packet_words(packet) == text
    assert Pattern.parse(text).matches(packet)


# --- asks ---------------------------------------------------------------------------------------------------

OPENING = "tcp 203.0.113.9:4000 > 203.0.113.1:1337"
ATTACK = "tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN"


@pytest.mark.parametrize(
    ("text", "what", "answer"),
    [
        (OPENING + " SYN", "ctstate", "NEW"),
        (OPENING + " SYN", "entry", "SYN_SENT [UNREPLIED]"),
        (OPENING + " SYN", "decided", "INPUT rule 2"),
        (OPENING + " SYN", "to", "local"),
        (OPENING + " ACK", "entry", "ESTABLISHED [ASSURED]"),
        (OPENING + " ACK", "decided", "INPUT rule 1"),
        ("tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK", "ctstate", "ESTABLISHED"),
        ("tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK", "entry", "SYN_RECV"),
        ("tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK", "to", "wan"),
        ("tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK", "decided", "OUTPUT policy"),
        (ATTACK, "ctstate", "NEW"),
        (ATTACK, "verdict", "DROP"),
        (ATTACK, "decided", "INPUT policy"),
        (ATTACK, "to", "nowhere"),
        (ATTACK, "entry", "nothing kept"),
        ("tcp * > *:4711", "ctstate", None),
        (OPENING + " SYN", "answer", "SYN+ACK"),
        (OPENING + " SYN", "seconds", "120"),
        (OPENING + " SYN", "tried", "2"),
        (ATTACK, "answer", "silence"),
        (ATTACK, "tried", "3"),
        (ATTACK, "left", "nothing"),
        ("tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK", "left", "tcp 203.0.113.1:1337 > 203.0.113.9:4000 SYN+ACK"),
    ],
)
def test_an_ask_is_answered_in_netfilter_s_words(run: Run, text: str, what: str, answer: str | None) -> None:
    assert PacketAsk(select(text), what).answer(run) == answer


def test_packets_that_matched_a_rule_are_counted(run: Run) -> None:
    visit = MatchesAsk(select("tcp 203.0.113.9:4000 > 203.0.113.1:1337", stage=1), "INPUT", 2)
    assert visit.answer(run) == "1"
    assert replace(visit, number=1).answer(run) == "2"
    assert visit.record(run) == PacketAsk(select(OPENING + " SYN"), "ctstate").record(run)
    assert replace(visit, select=select("tcp * > *:4711")).answer(run) is None


def test_a_word_of_what_a_tool_prints_falls_due_before_the_packets_that_give_it_away(scenario: Scenario) -> None:
    session = Session(scenario)
    session.cursor.to_end()
    session.enter("attacker", "nmap -sS -p 22,1337 203.0.113.1")
    ask = WordAsk("attacker", "server", "1337/tcp", 2)
    assert ask.answer(session.run) == "open"
    assert replace(ask, beginning="22/tcp").answer(session.run) == "filtered"
    assert replace(ask, beginning="22/tcp", word=0).answer(session.run) == "filtered ssh"
    assert replace(ask, word=9).answer(session.run) == ""
    assert replace(ask, by="script").answer(session.run) is None
    due = ask.record(session.run)
    assert due is not None
    record = session.run.records[due]
    assert isinstance(record, Walked)
    assert (record.host, record.walk.packet.dport in (22, 80, 443, 1337)) == ("server", True)


def test_what_is_said_is_met_where_it_is_said(scenario: Scenario) -> None:
    session = Session(scenario)
    session.cursor.to_end()
    session.enter("alice", "ssh 192.168.0.1")
    heard = Spoken("alice", "'s password:", by="learner").met_at(session.run)
    assert heard is not None
    assert Spoken("alice", "'s password:", by="script").met_at(session.run) is None
    assert Spoken("server", "'s password:").met_at(session.run) is None


def test_the_nth_and_the_stage_pick_another_packet(run: Run) -> None:
    first = PacketAsk(select(OPENING + " SYN"), "ctstate")
    second = PacketAsk(select(OPENING + " SYN", nth=2), "ctstate")
    staged = PacketAsk(select(OPENING + " SYN", stage=2), "ctstate")
    assert (first.answer(run), second.answer(run), staged.answer(run)) == ("NEW", "ESTABLISHED", "ESTABLISHED")
    assert second.record(run) == staged.record(run) != first.record(run)


def test_the_host_picks_the_walk(run: Run) -> None:
    sent = PacketAsk(Selection(Pattern.parse(ATTACK), "attacker"), "to")
    assert sent.answer(run) == "eth0"


# --- conditions ---------------------------------------------------------------------------------------------


def test_a_condition_waits_for_all_its_facts(run: Run) -> None:
    dropped = PacketSeen(select("tcp * > *:22 SYN"), (("verdict", "DROP"), ("ctstate", "NEW")))
    assert dropped.met_at(run) == PacketAsk(select(ATTACK), "verdict").record(run)
    assert PacketSeen(select("tcp * > *:22 SYN"), (("verdict", "ACCEPT"),)).met_at(run) is None


def test_an_entry_is_seen_when_its_words_are_all_so(run: Run) -> None:
    order = [EntrySeen(select("tcp * > *"), words).met_at(run) for words in ("SYN_SENT [UNREPLIED]", "ESTABLISHED [ASSURED]")]
    assert None not in order
    assert order == sorted(order, key=lambda index: index or 0)
    assert EntrySeen(select("tcp * > *"), "ESTABLISHED").met_at(run) is None


def test_what_the_script_does_is_not_by_the_learner(scenario: Scenario) -> None:
    session = Session(scenario)
    mine = PacketSeen(select(ATTACK, by="learner"), (("decided", "INPUT policy"),))
    assert mine.met_at(session.run) is None
    session.cursor.to_end()
    session.enter("attacker", "send " + ATTACK)
    assert mine.met_at(session.run) is not None
    scripted = PacketAsk(select(ATTACK, by="script", nth=3), "verdict")
    assert scripted.answer(session.run) is None


def test_a_connection_is_complete_with_the_third_packet(run: Run) -> None:
    opened = Connected(select("tcp 203.0.113.9 > 203.0.113.1:1337")).met_at(run)
    assert opened == PacketAsk(select(OPENING + " ACK"), "entry").record(run)


def test_half_open_is_not_a_connection() -> None:
    run = Run(load_lesson(lessons_folder() / "three-packets").scenario)
    half = select("tcp 203.0.113.7:5001 > 203.0.113.1:1337")
    assert EntrySeen(half, "ESTABLISHED [ASSURED]").met_at(run) is not None
    assert Connected(half).met_at(run) is None
    assert Connected(select("tcp 203.0.113.7:5000 > 203.0.113.1:1337")).met_at(run) is not None


def test_a_question_about_a_packet_elsewhere_falls_due_before_the_last_thing_one_sees_before_it() -> None:
    lesson = load_lesson(lessons_folder() / "invalid")
    run = Run(lesson.scenario)
    prediction = next(each for each in lesson.predictions if each.id == "news")
    due, packet = prediction.due_at(run), prediction.ask.record(run)
    assert due is not None
    assert packet is not None
    assert run.records[packet].host == "alice"
    assert due == max(stop for stop in run.stops if stop < packet)


@pytest.mark.parametrize(("host", "met"), [("attacker", True), ("server", False)])
def test_what_a_box_sends_to_itself_in_anothers_name_came_from_nobody(host: str, met: bool) -> None:
    """Typed at the wrong prompt, it ticked "make a hole: reach 22"."""
    lesson = load_lesson(lessons_folder() / "too-open")
    session = Session(replace(lesson.scenario, script=()))
    session.enter("server", "iptables -I INPUT -m conntrack --ctstate NEW -j ACCEPT")
    session.enter(host, "send tcp 203.0.113.9:4022 > 203.0.113.1:22 SYN")
    goal = next(goal for goal in lesson.goals if goal.id == "hole")
    assert (goal.met_at(session.run) is not None) is met
