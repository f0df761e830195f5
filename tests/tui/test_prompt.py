"""At the prompt: every line runs, every line is answered, and the answer can be read and says where to look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from textual import events
from textual.pilot import Pilot

from fwtutor.course.model import Goal, Lesson
from fwtutor.recording import Run
from fwtutor.telling.told import pointed, printed
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from tests.tui.conftest import BOTH, Playing, lab_of, make_lesson, pane_text, screen_text

ROW = "    0     0 ACCEPT     6    --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:1337 ctstate NEW"
ENTRY = (
    "tcp      6 431932 ESTABLISHED src=203.0.113.7 dst=203.0.113.1 sport=5002 dport=1337 "
    "src=203.0.113.1 dst=203.0.113.7 sport=1337 dport=5002 [ASSURED] mark=0 use=1"
)


async def enter(app: FwtutorApp, pilot: Pilot[int], host: str, text: str) -> None:
    """Enter a line at a host's prompt, as if it had been typed."""
    command = app.screen.query_one(CommandLine)
    command.choose(host)
    if not command.typing:
        await pilot.press("colon")
    command.field.value = text
    await pilot.press("enter")
    await pilot.pause()


# --- every line runs -----------------------------------------------------------------------------------------


async def burst(app: FwtutorApp, pilot: Pilot[int], text: str) -> None:
    """Send keys as a terminal does when they come faster than they are handled: all at once."""
    for letter in text:
        name = {"\n": "enter", "\x1b": "escape", ":": "colon", " ": "space"}.get(letter, letter)
        app.post_message(events.Key(name, "\r" if letter == "\n" else letter))
    for _ in range(6):
        await pilot.pause()


async def test_the_key_of_the_prompt_pressed_twice_opens_it_and_types_nothing(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "colon", "i", "d", "colon")
        assert app.screen.query_one(CommandLine).field.value == "id:"


async def test_no_line_of_a_burst_is_lost_and_none_runs_into_the_next(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "tab")
        await burst(app, pilot, "".join(f"iptables -A INPUT -p udp --dport {port} -j DROP\n" for port in range(1, 21)) + "draft")
        rules = lab_of(app).session.cursor.view.ruleset.tables["filter"].chains["INPUT"].rules
        assert [rule.save().split()[5] for rule in rules[3:]] == [str(port) for port in range(1, 21)]
        assert app.screen.query_one(CommandLine).field.value == "draft"


async def test_keys_of_a_burst_reach_the_prompt_that_the_first_of_them_opens(playing: Playing) -> None:
    async with playing(replace(make_lesson(), prompts=("server",))) as (app, pilot):
        await burst(app, pilot, ":iptables -P INPUT ACCEPT\n\x1b")
        lab = lab_of(app)
        assert app.screen is lab
        assert [entry.line for entry in lab.session.run.inputs] == ["iptables -P INPUT ACCEPT"]
        assert not app.screen.query_one(CommandLine).typing
        assert not app.screen.query_one(OutputView).display


async def test_a_line_runs_at_the_host_at_which_it_was_entered(playing: Playing) -> None:
    async with playing() as (app, pilot):
        command = app.screen.query_one(CommandLine)
        command.field.value = "iptables -A INPUT -p udp -j DROP"
        await command.field.action_submit()
        command.next_host()
        await pilot.pause()
        assert lab_of(app).session.run.inputs[0].host == "attacker"


# --- every line is answered ----------------------------------------------------------------------------------


@BOTH
async def test_success_after_a_refusal_is_said(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await enter(app, pilot, "server", "iptables -A INPUT -p tcp --dport sshx")
        assert "Refused: nothing has changed" in screen_text(app)
        await enter(app, pilot, "server", "iptables -I INPUT 2 -p udp -j DROP")
        text = screen_text(app)
        assert "Refused" not in text
        assert "done: rule 2 of INPUT added" in text


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("iptables -D INPUT 1", "done: rule 1 of INPUT deleted"),
        ("iptables -R INPUT 1 -p udp", "done: rule 1 of INPUT replaced"),
        ("iptables -F INPUT", "done: INPUT emptied (3 rules)"),
        ("iptables -P INPUT ACCEPT", "done: policy of INPUT is now ACCEPT"),
        ("iptables -P INPUT DROP", "done: it printed nothing, and changed nothing"),
        ("iptables -N door", "done: chain door made"),
        ("conntrack -L", "the table is empty: nothing is remembered here"),
        ("conntrack -L -p udp", "no entry is like that"),
        ("conntrack -D -s 192.0.2.1", "no entry is like that: nothing deleted"),
        ("conntrack -E", "nothing of that kind has been told so far"),
    ],
)
async def test_a_command_that_prints_nothing_says_what_it_did(playing: Playing, command: str, said: str) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", command)
        assert said in screen_text(app)


async def test_what_conntrack_told_is_read_in_rows(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("end")
        await enter(app, pilot, "server", "conntrack -E -e NEW -o timestamp")
        rows = [row.strip("│ ") for row in screen_text(app).split("\n")]
        at = next(number for number, row in enumerate(rows) if row.startswith("# t = "))
        assert rows[at].endswith("> 203.0.113.1:1337 SYN")
        assert rows[at + 1].endswith("[NEW] tcp      6 120 SYN_SENT")
        assert [row.split("=")[0] for row in rows[at + 2 : at + 4]] == ["src", "src"]


async def test_zeroed_counters_are_told(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        await enter(app, pilot, "server", "iptables -Z")
        assert "done: counters set" in screen_text(app)


async def test_a_refused_command_is_echoed_with_its_name_and_the_caret_below_its_place(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await enter(app, pilot, "server", "sudo iptables -A INPUT -p tcp --dport sshx -j ACCEPT")
        rows = screen_text(app).split("\n")
        at = next(n for n, row in enumerate(rows) if "sudo iptables -A INPUT" in row)
        assert rows[at + 1].index("^^^^") == rows[at].index("sshx")


async def test_one_escape_closes_the_answer_and_leaves_the_prompt(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", "iptables -L")
        await pilot.press("escape")
        assert not app.screen.query_one(OutputView).display
        assert not app.screen.query_one(CommandLine).typing


# --- where to look -------------------------------------------------------------------------------------------


async def test_another_hosts_rules_are_told_apart_from_those_on_the_screen(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "attacker", "iptables -A OUTPUT -p udp -j DROP")
        assert "attacker's own rules changed; the chain on screen is server's (tab: server#)" in screen_text(app)
        await enter(app, pilot, "server", "iptables -A INPUT -p udp -j DROP")
        assert "own rules changed" not in screen_text(app)


@BOTH
async def test_after_something_was_sent_it_says_how_to_watch_it(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await enter(app, pilot, "attacker", "connect 203.0.113.1:1337 from 4001")
        assert "esc, then space to watch it" in screen_text(app)
        assert " at t = " in screen_text(app)
        await pilot.press("escape")
        assert "attacker: connect 203.0.113.1:1337 from 4001" in screen_text(app)
        await pilot.press("space")
        walk = lab_of(app).session.cursor.walk
        assert walk is not None
        assert walk.packet.sport == 4001


async def test_the_prompt_tells_no_older_news_than_the_last_command(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "space")
        assert "attacker: connected to 203.0.113.1:1337 from port 4000" in screen_text(app)
        await enter(app, pilot, "attacker", "connect 203.0.113.1:1337 from 4001")
        await pilot.press("escape")
        assert "from port 4000" not in pane_text(app, "#command")


async def test_before_the_first_packet_there_is_no_past_to_change(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", "iptables -A INPUT -p udp -j DROP")
        text = " ".join(screen_text(app).split())
        assert "It holds from the start, before the first packet. u takes it back." in text
        assert "former run" not in text


async def test_a_branch_is_told_once_and_without_counting_runs(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        await enter(app, pilot, "server", "iptables -A INPUT -p udp -j DROP")
        assert "From here on it happens anew. Esc, then r: the former run. u: take this back." in screen_text(app)
        await enter(app, pilot, "server", "iptables -A INPUT -p icmp -j DROP")
        assert "former run" not in screen_text(app)
        await pilot.press("escape", "r")
        assert "The run without your commands." in screen_text(app)
        await pilot.press("r")
        assert "the last of them: server# iptables -A INPUT -p icmp -j DROP" in screen_text(app)


@dataclass(frozen=True)
class Unmet:
    """A condition that is never met, and knows why."""

    def met_at(self, run: Run) -> int | None:
        return None

    def missing(self, run: Run) -> str:
        return "the LAN cannot reach 22." if run.inputs else ""


def with_goal(lesson: Lesson) -> Lesson:
    return replace(lesson, goals=(*lesson.goals, Goal("lan", "let the LAN in", Unmet())))


async def test_an_unmet_goal_says_what_it_waits_for_after_a_command_that_counts(playing: Playing) -> None:
    async with playing(with_goal(make_lesson())) as (app, pilot):
        await enter(app, pilot, "server", "iptables -L INPUT")
        assert "not yet" not in screen_text(app)
        await enter(app, pilot, "server", "iptables -A INPUT -p udp -j DROP")
        assert "not yet: the LAN cannot reach 22." in screen_text(app)


# --- at which prompt -----------------------------------------------------------------------------------------


async def test_a_page_chooses_its_prompt_and_the_learner_may_leave_it(playing: Playing) -> None:
    lesson = make_lesson()
    lesson = replace(lesson, stages=(lesson.stages[0], replace(lesson.stages[1], prompt="server")))
    async with playing(lesson) as (app, pilot):
        command = app.screen.query_one(CommandLine)
        assert command.host == "attacker"
        assert "e.g. connect ADDR:PORT; help lists all there is" in screen_text(app)
        await pilot.press("end", "end")
        assert command.host == "server"
        await pilot.press("colon", "tab", "escape", "space")
        assert command.host == "attacker"


async def test_the_idle_prompt_of_the_watched_host_speaks_of_iptables(playing: Playing) -> None:
    async with playing(replace(make_lesson(), prompts=("server",))) as (app, _):
        assert "e.g. iptables -L -v -n" in screen_text(app)


# --- reading what was printed --------------------------------------------------------------------------------


def test_a_listing_too_wide_hangs_its_last_column() -> None:
    assert printed(ROW, 120) == [ROW]
    rows = printed(ROW, 96)
    assert len(rows) == 2
    assert rows[0].endswith("0.0.0.0/0            0.0.0.0/0")
    assert rows[1] == "        tcp dpt:1337 ctstate NEW"


def test_the_two_tuples_of_an_entry_stand_below_each_other() -> None:
    rows = printed(ENTRY, 76)
    assert rows[0] == "tcp      6 431932 ESTABLISHED"
    assert rows[1].startswith("    src=203.0.113.7 ")
    assert rows[2].startswith("    src=203.0.113.1 ")
    assert " ".join(" ".join(rows).split()) == " ".join(ENTRY.split())
    assert all(len(row) <= 76 for row in rows)


@pytest.mark.parametrize("width", [1, 12, 20, 40])
def test_any_line_is_broken_to_any_width_and_keeps_its_words(width: int) -> None:
    for text in (ROW, ENTRY, "x" * 100, "", " " * 50 + "y"):
        rows = printed(text, width)
        assert "".join("".join(rows).split()) == "".join(text.split())
        assert all(len(row) <= max(width, 12) for row in rows)


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("word", ["iptables", "1337", "sshx", "end"])
def test_carets_stand_below_their_word_in_whatever_row_it_lands(width: int, word: str) -> None:
    text = "iptables -A INPUT -p tcp --dport 1337 -m conntrack --ctstate NEW --sport sshx -j ACCEPT end"
    rows = pointed(text, text.index(word), len(word), width)
    at = next(n for n, row in enumerate(rows) if row.strip(" ^") == "")
    assert rows[at - 1][rows[at].index("^") :].startswith(word)
    assert rows[at].strip() == "^" * len(word)


async def test_a_long_output_is_scrolled_by_key_while_one_types_and_marked(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        for port in range(12):
            lab_of(app).journey.enter("server", f"iptables -A INPUT -p udp --dport {port + 1} -j DROP")
        await enter(app, pilot, "server", "iptables -L -n -v")
        panel = app.screen.query_one(OutputView)
        assert "PgDn more" in screen_text(app)
        assert "Chain OUTPUT" not in screen_text(app)
        assert panel.region.height >= 16
        for _ in range(4):
            await pilot.press("pagedown")
        assert "Chain OUTPUT" in screen_text(app)
        assert "PgDn more ↓  Esc" not in screen_text(app)
        assert app.screen.query_one(CommandLine).typing
        await pilot.press("pageup", "pageup", "pageup", "pageup")
        assert "Chain INPUT" in pane_text(app, "#output")


async def test_a_listing_at_eighty_columns_keeps_a_row_to_a_rule(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await enter(app, pilot, "server", "iptables -L INPUT -n -v")
        rows = screen_text(app).split("\n")
        assert any("ACCEPT" in row and row.rstrip(" │").endswith("tcp dpt:1337") for row in rows)
        head = next(row for row in rows if "pkts bytes target" in row)
        rule = next(row for row in rows if "192.168.0.0/16" in row and "ACCEPT" in row)
        assert rule.index("192.168.0.0/16") == head.index("source")
        assert rule.index("0.0.0.0/0") == head.index("destination")


async def test_o_shows_all_that_was_typed_and_said_at_a_host(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "attacker", "nmap -sS -p 22,1337 203.0.113.1")
        await pilot.press("escape", "escape", "end", "end", "o")
        await pilot.pause()
        shown = pane_text(app, "#output")
        assert "attacker# nmap -sS -p 22,1337 203.0.113.1" in shown
        assert "connected to 203.0.113.1:1337" in shown
        await pilot.press("escape")
        assert not app.screen.query_one(OutputView).display


async def test_o_opens_at_what_was_said_last(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        for number in range(5001, 5013):
            await enter(app, pilot, "attacker", f"send tcp 203.0.113.9:{number} > 203.0.113.1:22 SYN")
        await pilot.press("escape", "escape", "end", "end", "o")
        await pilot.pause()
        assert "203.0.113.9:5012" in pane_text(app, "#output")
        assert "203.0.113.9:5001" not in pane_text(app, "#output")


async def test_each_host_has_its_own_history_and_shift_tab_goes_the_other_way(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", "iptables -L")
        command = app.screen.query_one(CommandLine)
        await pilot.press("tab")
        assert command.host == "attacker"
        await pilot.press("up")
        assert command.field.value == ""
        await pilot.press("shift+tab")
        assert command.host == "server"
        await pilot.press("up")
        assert command.field.value == "iptables -L"


async def test_a_packet_in_anothers_name_is_told_at_the_wrong_prompt(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
        said = " ".join(pane_text(app, "#output").split())
        assert "203.0.113.9 is attacker's address, and you are at server's prompt: it is sent from here" in said
        await enter(app, pilot, "attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")
        assert "you are at" not in pane_text(app, "#output")


async def test_undo_says_what_it_took_back(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await enter(app, pilot, "server", "iptables -D INPUT 1")
        await pilot.press("escape", "u")
        assert "Taken back: server# iptables -D INPUT 1" in pane_text(app, "#output")
