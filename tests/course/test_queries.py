"""Questions about a run: the right packet, and netfilter's own words about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from fwtutor.course.loader import lessons_folder, load_lesson
from fwtutor.course.queries import Connected, EntrySeen, PacketAsk, PacketSeen, Pattern, Selection, packet_words
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from fwtutor.recording import Run, Scenario, Session

SERVER, ATTACKER = "203.0.113.1", "203.0.113.9"
_SRC, _DST = 0xCB007109, 0xCB007101


def tcp(flags: str, sport: int = 4000, dport: int = 22) -> Packet:
    return Packet(craft.tcp(_SRC, _DST, sport, dport, craft.flag_bits(flags)))


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
    ],
)
def test_a_pattern_fits_the_packets_it_names(text: str, packet: Packet, fits: bool) -> None:
    assert Pattern.parse(text).matches(packet) is fits


@pytest.mark.parametrize(
    "text",
    ["", "tcp", "tcp a > b", "tcp * *", "tcp * > *:0", "tcp * > *:65536", "tcp * > *:", "tcp * > * SYN more", "udp * > * SYN",
     "icmp *:5 > *", "icmp * > * ping", "icmp * > * 3/256", "sctp * > *", "tcp ::1 > *", "tcp * > * SYN++ACK", "tcp * > *:²"],
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


@pytest.mark.parametrize("text", ["tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN+ACK", "udp 203.0.113.9:5 > 203.0.113.1:53"])
def test_a_packet_is_told_as_a_pattern_names_it(text: str) -> None:
    packet = tcp("SA") if text.startswith("tcp") else Packet(craft.udp(_SRC, _DST, 5, 53))
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
    ],
)
def test_an_ask_is_answered_in_netfilter_s_words(run: Run, text: str, what: str, answer: str | None) -> None:
    assert PacketAsk(select(text), what).answer(run) == answer


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
