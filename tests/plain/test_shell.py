"""Plain mode: what is told of a lab, line by line, and what each command does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.course.loader import find_lesson, load_course
from fwtutor.course.progress import Progress
from fwtutor.plain.commands import COMMANDS, OF_SCREENS, understood
from fwtutor.plain.shell import Shell
from fwtutor.plain.speech import spoken
from fwtutor.sandbox.lab import as_lesson
from fwtutor.sandbox.making import make
from fwtutor.sandbox.reading import read
from fwtutor.telling.actions import LAB
from tests.tui.conftest import make_course, make_lesson

DRAWN = set("─━│┄╭╮╰╯├┤┬┴┼▌▐▶◀▸◆◌●◷✔✖▢→↔·…\x1b\r")
Tell = Callable[..., str]


class Listener:
    """A shell, and what it said since somebody last asked."""

    def __init__(self, progress: Progress) -> None:
        self.lines: list[str] = []
        self.shell = Shell(make_course(), progress, self.lines.append)

    def tell(self, *commands: str) -> str:
        """Says the commands; what was said to them."""
        self.lines.clear()
        for each in commands:
            self.shell.hear(each)
        return "\n".join(self.lines)


@pytest.fixture
def lab(tmp_path: Path) -> Listener:
    listener = Listener(Progress(tmp_path / "progress.json"))
    listener.shell.open(make_lesson())
    return listener


def sandbox(tmp_path: Path, network: str = "one-server") -> Listener:
    listener = Listener(Progress(tmp_path / "progress.json"))
    made = make(network)
    listener.shell.open(as_lesson(made), made.opened())
    return listener


def test_a_lab_opens_with_its_question_its_page_and_its_goals(lab: Listener) -> None:
    said = "\n".join(lab.lines)
    assert said.startswith("Am I one step nearer to 22?\nPage 1 of 2: A door\nStep, and look. Twice.\nGoals, 0 of 2 met:\n")
    assert "open: see 22 refuse you" in said
    assert said.endswith("You are at the prompt of attacker. help lists all commands.")


def test_a_step_tells_the_packet_its_ctstate_its_verdict_and_its_entry(lab: Listener) -> None:
    said = lab.tell("step")
    assert "Moment 1 of" in said
    assert "from attacker: tcp 203.0.113.9:4000 to 203.0.113.1:1337, SYN, 52 bytes, ttl 64, came in by wan." in said
    assert "ctstate: NEW: no entry has its tuple" in said
    assert "Verdict: ACCEPT by rule 2 of INPUT, delivered to server." in said
    assert "Entry: tcp SYN_SENT [UNREPLIED], forgotten in 120 s, changed by this packet." in said
    assert "Goal met: open a connection to 1337." in said


def test_a_review_asks_what_was_wrong_and_the_lab_waits_for_its_end(lab: Listener) -> None:
    lab.shell.progress.predict("tiny", "shot", "RELATED", right=False)
    lab.tell("step")
    asked = lab.tell("review")
    assert "Question 1 of 1, from Too open?, A step nearer?." in asked
    assert "  3  -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT" in asked
    assert lab.shell.prompt == "answer"
    told = lab.tell("b")
    assert 'Wrong: b, "ESTABLISHED". An entry is a pair of ports, too.\nThe right answer is a, "NEW". Another port, another tuple.' in told
    assert "NEW: no entry has its tuple" in told
    assert lab.tell("") == "None of them is right yet.\nOne waits for the next time.\nBack in the lesson: Too open?"
    assert 'Right: a, "NEW"' in lab.tell("review", "a")
    lab.tell("on")
    assert lab.tell("review").startswith("Review.\nThere is nothing to ask again")
    assert "Moment 2" in lab.tell("")


def test_an_empty_line_steps_and_back_goes_back(lab: Listener) -> None:
    assert "Moment 2" in lab.tell("", "")
    assert "Moment 1" in lab.tell("back")
    assert "Before the first packet" in lab.tell("back")
    assert lab.tell("back") == "This is the beginning."


def test_by_rule_each_step_is_told_with_its_reason(lab: Listener) -> None:
    said = lab.tell("3", *["step"] * 9)
    assert "rule 1 of INPUT: no" in said
    assert "no, --ctstate RELATED,ESTABLISHED: the packet is NEW" in said
    assert "rule 2 of INPUT matches: ACCEPT" in said
    assert "No verdict yet" in lab.tell("back", "back", "back", "place")


def test_the_chain_is_told_with_what_came_of_each_rule_and_its_counters(lab: Listener) -> None:
    said = lab.tell("step", "chain").split("\n")
    assert said[-5:] == [
        "server: filter INPUT, 3 rules, policy DROP.",
        "rule 1: -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT: tried, no; 0 packets, 0 bytes",
        "rule 2: -p tcp -m tcp --dport 1337 -j ACCEPT: MATCH: ACCEPT; 1 packet, 52 bytes",
        "rule 3: -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT: not reached; 0 packets, 0 bytes",
        "policy: DROP: not reached; 0 packets, 0 bytes",
    ]


def test_a_question_holds_the_way_until_it_is_answered_and_the_answer_is_kept(lab: Listener) -> None:
    said = lab.tell("end", "end", "end")
    assert "Page 2 of 2: A step nearer?" in said
    assert "Question, before you step: What will the firewall call the SYN to 22?\na: NEW\nb: ESTABLISHED\nc: RELATED" in said
    assert "Question, before you step" in lab.tell("step")
    assert (
        lab.tell("b")
        == 'Wrong: b, "ESTABLISHED". An entry is a pair of ports, too.\nThe right answer is a, "NEW". Another port, another tuple.'
    )
    assert lab.shell.progress.lessons["tiny"].predictions == {"shot": "ESTABLISHED"}
    said = lab.tell("step")
    assert "Verdict: DROP by policy of INPUT." in said
    assert "So that is why:\nChange one port and you are a stranger.\nOn a real server:" in said


def test_play_tells_each_moment_and_stops_at_a_page(lab: Listener) -> None:
    said = lab.tell("p")
    assert said.count("Moment ") >= 4
    assert "Page 2 of 2" in said


def test_hints_come_one_after_another_and_round_again(lab: Listener) -> None:
    assert lab.tell("h") == "Hint 1 of 2:\nPress space."
    assert lab.tell("hint", "hint").endswith("There are no more on this page: they come round again.")


def test_a_line_goes_to_the_present_prompt_to_anothers_or_to_the_tool_it_names(lab: Listener) -> None:
    assert lab.tell(": iptables -L INPUT").startswith("attacker# iptables -L INPUT\nChain INPUT (policy ACCEPT)")
    assert lab.tell("server# iptables -S INPUT").startswith("server# iptables -S INPUT\n-P INPUT DROP")
    assert lab.tell("at server", "conntrack -L").startswith("You are at the prompt of server.\nserver# conntrack -L")
    assert "Refused: nothing has changed." in lab.tell("iptables -A NOWHERE -j DROP")


def test_a_command_in_the_past_makes_another_run_and_undo_and_other_run_go_between_them(lab: Listener) -> None:
    said = lab.tell("end", "go 1", "server# iptables -F INPUT")
    assert "done: INPUT emptied (3 rules)" in said
    assert "From here on it happens anew" in said
    assert lab.tell("runs").split("\n")[:2] == [
        "Run 1 of 2: without commands of yours.", "Run 2 of 2, where you are: server# iptables -F INPUT.",
    ]  # fmt: skip
    told = lab.tell("compare")
    assert "14 of 15 packets up to the next question differ" in told
    assert "Moment 4: tcp 203.0.113.9:4000 to 203.0.113.1:1337 ACK: DROP by policy of INPUT; in the other run ACCEPT by rule 1 of" in told
    assert "entry: tcp SYN_SENT [UNREPLIED], in the other run tcp ESTABLISHED [ASSURED]" in told
    assert "Run 1 of 2, where you are: without commands of yours." in lab.tell("r")
    assert "Not done: there is no run 3; runs lists them, 1 to 2." in lab.tell("other 3")
    assert "Taken back: server# iptables -F INPUT. The run with it is kept" in lab.tell("other 2", "undo")
    assert "You have not entered a command" in lab.tell("u")


def test_this_packet_again_but_with_another_port(lab: Listener) -> None:
    said = lab.tell("step", "again dport=22 ttl=9")
    assert "attacker# send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN seq=" in said
    assert "sent by attacker at t = " in said
    assert "step watches it" in said
    assert "203.0.113.9:4000 to 203.0.113.1:22, SYN, 52 bytes, ttl 9" in lab.tell("p")
    assert "Not done: 'cat' is not FIELD=VALUE" in lab.tell("again cat")
    assert "to port is empty" in lab.tell("go 1", "again dport=")
    assert "flags: flags; SYN, SYN+ACK" in lab.tell("again")


def test_connections_moments_and_the_console_are_lists(lab: Listener) -> None:
    said = lab.tell("end", "connections").split("\n")[-1]
    assert said.startswith("this packet's: tcp ESTABLISHED [ASSURED], forgotten in ")
    assert "reply 203.0.113.1:1337 to 203.0.113.9:4000; states so far: SYN_SENT, then SYN_RECV, then ESTABLISHED" in said
    assert lab.tell("moments").startswith("1: t = 0.020 s: 203.0.113.9:4000 to 203.0.113.1:1337 SYN, NEW: ACCEPT")
    assert "connected to 203.0.113.1:1337 from port 4000" in lab.tell("console")
    assert "link wan, 20 ms: server 203.0.113.1, attacker 203.0.113.9" in lab.tell("hosts")


def test_the_inspector_tells_layers_and_bytes(lab: Listener) -> None:
    said = lab.tell("step", "inspect bytes")
    assert "TCP:\n  sport: 4000" in said
    assert "0000  45 00 00 34" in said


def test_what_cannot_be_done_is_said_and_counted(lab: Listener) -> None:
    assert "There is no command 'fly'" in lab.tell("fly")
    assert "Not done: no question waits for an answer" in lab.tell("a")
    assert "Not done: go takes the number of a moment" in lab.tell("go home")
    assert "Not done: at takes one of attacker or server" in lab.tell("at moon")
    assert lab.shell.not_understood == 4
    assert lab.tell("# a remark") == ""


def test_a_lesson_begins_anew_when_it_is_said_twice(lab: Listener) -> None:
    assert "Say it again" in lab.tell("step", "s")
    assert "Say it again" in lab.tell("place", "s")
    assert "Page 1 of 2" in lab.tell("s")


def test_a_lesson_is_kept_as_a_sandbox_which_never_replaces_a_file_unasked(lab: Listener, tmp_path: Path) -> None:
    path = tmp_path / "a.fwt"
    assert lab.tell("step", "server# iptables -F", f"save {path}").endswith(f"Kept in {path}; fwtutor sandbox {path} opens it.")
    assert read(path).opened().run.inputs[0].line == "iptables -F"
    assert f"save over {path} replaces it" in lab.tell(f"save {path}")
    assert "Kept in" in lab.tell(f"save over {path}")


def test_a_sandbox_has_a_page_and_no_goals(tmp_path: Path) -> None:
    lab = sandbox(tmp_path)
    said = "\n".join(lab.lines)
    assert "Nothing happens here by itself: send something." in said
    assert "- wan (10 ms): server 203.0.113.1, attacker 203.0.113.9, router 203.0.113.254" in said
    assert "Goals" not in said
    assert lab.tell("step").startswith("Nothing more happens by itself")
    assert lab.tell("goals") == "A sandbox has no goals."
    assert "Moment 2 of" in lab.tell("attacker# connect 203.0.113.1:22", "step")
    assert not (tmp_path / "progress.json").exists()


def test_a_sandbox_in_which_something_was_typed_is_left_by_saying_so_twice(tmp_path: Path) -> None:
    lab = sandbox(tmp_path)
    assert lab.tell("q") == ""
    assert lab.shell.over
    lab.shell.over = False
    assert "save keeps it in a file" in lab.tell("server# iptables -F", "server# ip6tables -A INPUT -j DROP", "q")
    assert not lab.shell.over
    lab.tell("q")
    assert lab.shell.over


def test_packets_that_are_none_are_told_of_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "weird.fwt"
    raws = ("45", "00", "60000000", "4500001400000000400100000a0000010a000001", "ff" * 64)
    packets = ", ".join(f"{{ ns = {number}, in = 'eth0', hex = '{raw}' }}" for number, raw in enumerate(raws))
    path.write_text(f"packets = [{packets}, {{ ns = 9, hex = '45' }}]\n[hosts.box]\ninterfaces = {{ eth0 = ['10.0.0.1/24'] }}\n")
    lab, made = Listener(Progress(tmp_path / "progress.json")), read(path)
    lab.shell.open(as_lesson(made), made.opened())
    for _ in range(6):
        assert "an unreadable packet" in lab.tell("step", "why", "chain", "connections", "inspect", "again")
    assert lab.tell("moments").count("DISCARD") == 6


def test_every_one_of_the_labs_actions_is_here_or_is_a_matter_of_screens() -> None:
    of_screens = {"answer", "sizes", "pane_back", "pageup", "pagedown", "sandbox", "ways_out"}
    here = {command.do for command in COMMANDS}
    without = {action for action in LAB if action.id.removeprefix("lab.") not in here}
    names = {"left_square_bracket": "[", "right_square_bracket": "]", "full_stop": "."}
    told = {action for action in without if names.get(action.keys, action.keys) in OF_SCREENS}
    assert {action.id for action in without - told} == {f"lab.{name}" for name in of_screens}
    assert not {*OF_SCREENS} & {name for command in COMMANDS for name in (*command.letters, *command.names)}
    assert all(hasattr(Shell, f"do_{command.do}") for command in COMMANDS)


def test_no_two_commands_have_a_name_in_common() -> None:
    names = [name for command in COMMANDS for name in (*command.letters, *command.names)]
    assert len(names) == len(set(names))
    for name in names:
        found = understood(name)
        assert found is not None
        assert name in (*found[0].letters, *found[0].names)


def test_nothing_that_is_said_is_drawn(lab: Listener) -> None:
    walk = [
        "3",
        *["step"] * 12,
        "w",
        "chain",
        "1",
        "end",
        "w",
        "connections",
        "moments",
        "help",
        "page",
        "goals",
        "hosts",
        "hint",
        "end",
        "end",
        "a",
        "w",
    ]
    assert not DRAWN & set(lab.tell(*walk))


@given(st.text(st.sampled_from("a1 → ✔✖·─\x1b…")))
def test_rows_of_ours_are_spoken_without_signs(text: str) -> None:
    said = spoken(text.replace("\x1b", ""))
    assert not DRAWN & set(said)


@given(st.lists(st.text(max_size=30), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_line_is_answered(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    lab = Listener(Progress(tmp_path_factory.mktemp("p") / "progress.json"))
    lab.shell.open(make_lesson())
    said = lab.tell(*(line for line in lines if not line.strip().startswith(("S", "save"))))
    assert "\x1b" not in said


def test_plain_mode_loads_neither_textual_nor_scapy() -> None:
    code = "import fwtutor.plain.talk, fwtutor.commands.sandbox, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.partition(".")[0] for name in loaded} & {"textual", "scapy", "asyncio"}


def test_the_real_lessons_can_be_played_to_their_end_in_plain_mode(tmp_path: Path) -> None:
    course = load_course()
    for lesson in course.lessons:
        lab = Listener(Progress(tmp_path / f"{lesson.name}.json"))
        lab.shell.course = course
        lab.shell.open(lesson)
        for _ in range(200):
            lab.tell("p")
            question = lab.shell.journey.question
            if question is None and lab.shell.journey.stage == lab.shell.journey.last_stage and lab.shell.session.cursor.at_end:
                break
            if question is not None:
                right = question.answer(lab.shell.session.run)
                assert right is not None
                assert lab.tell("abcd"[right]).startswith("Right: ")
        assert lab.shell.session.cursor.at_end
        assert lab.shell.not_understood == 0


def test_a_failed_check_is_seen_as_a_run_and_left_for_ones_own(tmp_path: Path) -> None:
    lesson = find_lesson("too-open")
    progress = Progress(tmp_path / "progress.json")
    for prediction in lesson.predictions:
        progress.predict("too-open", prediction.id, prediction.expect)
    listener = Listener(progress)
    listener.shell.open(lesson)
    listener.tell(*["end"] * 12)
    said = listener.tell("server# iptables -I INPUT 1 -p udp --sport 53 -j ACCEPT")
    assert "no, not yet: The server fetches its updates by HTTPS. (own-https)" in said
    assert "see it shows that, with your rules." in said
    own = listener.shell.session
    place = own.cursor.index
    said = listener.tell("see it")
    assert 'Your answer was tried: "curl https://198.51.100.80" at server: nothing said ever reached' in said
    assert "ctstate: ESTABLISHED" in said
    assert "Verdict: DROP by policy of INPUT." in said
    assert "rule 1 of INPUT: no" in listener.tell("why")
    assert "mine goes back" in listener.tell("s")
    assert "Your own run" in listener.tell("iptables -F", "mine")
    assert (listener.shell.session, own.cursor.index, len(own.run.inputs)) == (own, place, 1)
    assert "Say it again to see the solution" in listener.tell("solution")
    assert "solution comes first" in listener.tell("type it")
    assert "It replaces" in listener.tell("solution")
    assert "Goal met: repair the administrator's rule." in listener.tell("type it")
    assert "What you had given up is there again." in listener.tell("undo", "undo")
    assert "as it began" in listener.tell("task anew")
    assert "typed nothing here" in listener.tell("task anew")


def test_whoever_spoils_what_had_passed_is_told_and_when_it_is_well_again(tmp_path: Path) -> None:
    lesson = find_lesson("too-open")
    progress = Progress(tmp_path / "progress.json")
    for prediction in lesson.predictions:
        progress.predict("too-open", prediction.id, prediction.expect)
    listener = Listener(progress)
    listener.shell.open(lesson)
    listener.tell(*["end"] * 12)
    assert "Goal met: repair" in listener.tell("solution", "solution", "type it")
    assert "pass" not in listener.tell("server# iptables -A INPUT -p udp --dport 9 -j DROP")
    said = listener.tell("server# iptables -A INPUT -p udp --dport 31337 -j ACCEPT")
    assert "your rules no longer pass: From outside only 1337 may be reached" in said
    assert "see it shows that, with your rules." in said
    assert "no longer" not in listener.tell("attacker# connect 203.0.113.1:1337", "server# iptables -S")
    assert "31337 came in by wan and got through" in listener.tell("see it", "mine")
    assert "your rules no longer pass" in listener.tell("server# iptables -I INPUT -p tcp --dport 1337 -j DROP")
    assert "again" not in listener.tell("server# iptables -D INPUT 1").replace("once more", "")
    assert "your rules pass again" in listener.tell("server# iptables -D INPUT -p udp --dport 31337 -j ACCEPT")
    assert progress.of("too-open").goals >= {"repair"}


def test_the_glossary_answers_for_a_word_and_for_the_moment(lab: Listener) -> None:
    lab.tell("step")
    said = lab.tell("glossary")
    assert said.startswith("NEW: A packet of the original direction")
    assert "All words:" in said
    assert lab.tell("G half open").startswith("handshake: SYN, SYN+ACK, ACK")
    assert "did you mean" in lab.tell("glossary polcy")


def test_look_tells_any_host_page_by_page_as_it_is_here(lab: Listener) -> None:
    lab.tell("step")
    said = lab.tell("look connections")
    assert said.startswith(
        "server: 1 connection\ntcp SYN_SENT [UNREPLIED], rules see NEW, forgotten in 120 s; original 203.0.113.9:4000 to "
    )
    assert "filter INPUT rule 2: -p tcp -m tcp --dport 1337 -j ACCEPT: 1 packet, 52 bytes, changed by the last packet." in lab.tell(
        "f rules"
    )
    assert "dpt:1337" in lab.tell("look rules as table")
    assert lab.tell("look rule 2").startswith("filter INPUT rule 2") or lab.lines
    assert "Not done: filter INPUT has no rule 9" in lab.tell("look rule 9")
    lab.shell.not_understood = 0
    assert "tcp SYN-SENT 203.0.113.9:4000 with 203.0.113.1:1337" in lab.tell("look sock attacker")
    # One that is left is told about in full; of a file that is what it holds.
    assert "original: 203.0.113.9:4000 to 203.0.113.1:1337: NEW, for no answer was seen yet" in lab.tell("look connections server 1337 tcp")
    assert "203.0.113.9 attacker" in lab.tell("look logs server hosts").split("\n")
    assert lab.tell("look logs 203.0.113.9").split("\n")[1:] == ["203.0.113.9 attacker"]
    assert lab.tell("look rules nosuch") == "server: 3 rules\nNo rule here has nosuch.\nHosts: server and attacker."
    assert lab.shell.not_understood == 0
    assert lab.tell("look chair").startswith("Not done: there is no page 'chair'")


def test_one_jumps_marks_and_is_told_what_the_screens_of_the_lab_show(lab: Listener) -> None:
    assert "Moment 3 of" in lab.tell("go 1", "next state change", "n")
    assert "Moment 2 of" in lab.tell("N")
    assert "Moment 1 of" in lab.tell("last match of rule 2 of INPUT")
    assert "There is no match of rule 2 of INPUT before this moment." in lab.tell("last match of rule 2")
    assert "Marked" in lab.tell("*")
    assert lab.tell("go 0.06s", "bookmarks").endswith("Bookmark: moment 1, t = 0.020 s: 203.0.113.9:4000 to 203.0.113.1:1337 SYN")
    assert "Moment 1 of" in lab.tell("last bookmark")
    assert "Moment 2, t = 0.020 s: SYN+ACK from the other side: SYN_SENT to SYN_RECV." in lab.tell("go 3", "y")
    assert "Moment 1, t = 0.020 s: attacker, then server: tcp 203.0.113.9:4000 to 203.0.113.1:1337 SYN." in lab.tell("l")
    assert "Not done: next and last take one of: drop" in lab.tell("next moon")
    assert "Page 2 of 2" in lab.tell("next drop")
    assert "First the question: what lies behind it is not told yet." in lab.tell("n")
    assert "The question comes before moment 6" in lab.tell("go 6")
    assert lab.shell.journey.session.run.inputs == []


def test_keys_of_the_screen_never_reach_a_hosts_shell(lab: Listener) -> None:
    for key in ("e", "v", "l", "n", "N", "y", "*", "z", "j", "H", "g", "escape", "tab", "[", "."):
        assert not lab.tell(key).startswith(("attacker# ", "server# "))
    assert "Moment 1 of" in lab.tell("space")


def test_going_back_over_a_page_says_where_one_is_and_not_the_page_again(lab: Listener) -> None:
    assert "This is the end of the page: step turns it." in lab.tell("end")
    lab.tell("end")
    assert lab.tell("back") == "Moved to page 1 of 2: A door; moment 5 of 6. page tells its text."


def test_what_hosts_say_is_told_once_line_by_line_or_counted(lab: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.tell("end").count("Heard at attacker: ") == 2
    assert "Heard" not in lab.tell("end", "back")
    monkeypatch.setattr("fwtutor.plain.lab.HEARD", 1)
    assert "Heard at attacker: 2 new lines; console tells them." in lab.tell("home", "home", "end")


def test_a_verdict_says_what_was_logged_answered_and_what_a_packet_says(tmp_path: Path) -> None:
    lab = sandbox(tmp_path)
    lab.tell("iptables -A INPUT -p udp -j LOG", "iptables -A INPUT -p udp -j REJECT")
    said = lab.tell('attacker# send udp 203.0.113.9:5 > 203.0.113.1:9 data="who is there?"', "step")
    assert 'Says: "who is there?"' in said
    assert "Verdict: REJECT by rule 2 of INPUT; answered with icmp 203.0.113.1 to 203.0.113.9 port unreachable." in said
    assert "Logged: by rule 1 of INPUT." in said
    assert "send tcp 192.168.0.20: > 203.0.113.1: SYN" in lab.tell("iptables -A INPUT -j DROP", "x")


def test_who_comes_back_is_told_that_what_was_typed_is_not_kept(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.json")
    lesson = find_lesson("first-match")
    for prediction in lesson.predictions:
        progress.predict("first-match", prediction.id, prediction.expect)
    for told in (False, True):
        listener = Listener(progress)
        listener.shell.open(lesson)
        assert ("What you typed is not kept between sittings" in "\n".join(listener.lines)) is told
        listener.tell("home", *["end"] * 12)
        listener.shell.leave()


def test_help_is_short_and_says_more_when_asked(lab: Listener) -> None:
    assert len(lab.tell("help").split("\n")) < 40
    assert "task anew" in lab.tell("help all")
    assert lab.tell("help compare").startswith("v, compare runs, compare [N]: ")
    assert "Not done: there is no command 'moon'" in lab.tell("help moon")


def test_a_state_that_changes_is_told_as_from_one_to_the_other() -> None:
    assert spoken("entry: SYN_RECV → ESTABLISHED; forgotten in 5 days") == "entry: SYN_RECV to ESTABLISHED; forgotten in 5 days"
    assert spoken("rule 1 of INPUT matches → jump to A") == "rule 1 of INPUT matches: jump to A"
