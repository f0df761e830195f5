"""The lab as a person meets it: what is seen, stepping and questions, commands, the screens over it."""

from __future__ import annotations

import pytest

from fwtutor.course.progress import Progress
from fwtutor.recording import Session
from fwtutor.telling.actions import APP, LAB
from fwtutor.telling.hosts import said_by_now
from fwtutor.telling.told import last_words
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from tests.tui.conftest import BOTH, QUESTION, RULES, STATELESS, Playing, lab_of, make_lesson, pane_text, screen_text, type_text

# --- what is seen --------------------------------------------------------------------------------------------


@BOTH
async def test_the_handshake_shows_its_three_states_in_order(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        seen = []
        for _ in range(3):
            await pilot.press("space")
            text = screen_text(app)
            seen.append(next(state for state in ("SYN_SENT", "SYN_RECV", "ESTABLISHED") if f"entry:  {state} " in text))
        assert seen == ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]
        assert "[ASSURED]" in screen_text(app)


@BOTH
async def test_the_refused_shot_shows_ctstate_verdict_and_that_nothing_was_kept(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION, "a", "space")
        text = screen_text(app)
        assert "packet:  NEW" in text
        assert "✖ DROP" in text
        assert "policy of INPUT" in text
        assert "nothing kept" in text
        assert text.count("tried, no") == 3
        assert "DROP by policy" in text


async def test_rule_steps_show_the_entry_as_not_kept_until_confirmed(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("3")
        texts = []
        for _ in range(25):
            await pilot.press("space")
            texts.append(screen_text(app))
            if "delivered" in pane_text(app, "#why") or "own programs" in pane_text(app, "#why"):
                break
        assert "packet:  ? " in texts[0]
        pending = [n for n, text in enumerate(texts) if "not kept yet" in text]
        kept = [n for n, text in enumerate(texts) if "forgotten in" in text]
        assert pending
        assert kept
        assert max(pending) < min(kept)


async def test_conditions_are_marked_up_to_the_first_that_is_false(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "3")
        for _ in range(30):
            await pilot.press("space")
            if "rule 3 of INPUT: no" in screen_text(app):
                break
        assert "-s 192.168.0.0/16✖ -p tcp -m tcp --dport 22 -j ACCEPT" in screen_text(app)


@BOTH
async def test_a_long_rule_keeps_its_target_in_sight(playing: Playing, size: tuple[int, int]) -> None:
    rule = "-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 1337 -m conntrack --ctstate NEW -j ACCEPT"
    async with playing(make_lesson(rules=f"*filter\n:INPUT DROP [0:0]\n{rule}\nCOMMIT\n"), size=size) as (app, pilot):
        lab_of(app).show_tab("firewall")
        await pilot.pause()
        row = next(row for row in screen_text(app).split("\n") if "-s 203.0.113.0/24" in row)
        assert "… -j ACCEPT" in row


async def test_rules_after_the_deciding_one_are_not_reached(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        text = screen_text(app)
        assert "MATCH → ACCEPT 2" in text
        assert text.count("not reached") == 2


async def test_without_a_state_rule_the_empty_table_is_explained(playing: Playing) -> None:
    async with playing(make_lesson(rules=STATELESS)) as (app, pilot):
        await pilot.press("space")
        assert "not tracked" in pane_text(app, "#band")
        assert "no rule here asks" in pane_text(app, "#connections")


@BOTH
async def test_question_ctstate_and_verdict_stay_on_every_tab(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        for _ in range(5):
            await pilot.press("tab")
            text = screen_text(app)
            assert "Am I one step nearer to 22?" in text
            assert "packet:  NEW" in text
            assert "✔ ACCEPT" in text


async def test_the_timeline_tells_no_verdict_before_it_is_seen(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION)
        assert "✖" not in screen_text(app)
        await pilot.press("a", "space")
        assert "✖" in pane_text(app, "#timeline")


async def test_goals_are_ticked_as_they_come_true(playing: Playing) -> None:
    async with playing() as (app, pilot):
        assert "▢ open a connection to 1337" in screen_text(app)
        await pilot.press("space")
        assert "✔ open a connection to 1337" in screen_text(app)
        assert "goals 1 of 2" in screen_text(app)


async def test_the_lesson_ends_with_the_sentence_to_take_home(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "end", "space")
        text = " ".join(screen_text(app).split())
        assert "So that is why" in text
        assert "On a real server" in text


# --- stepping ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("on", "back"), [("space", "backspace"), ("right", "left")])
async def test_stepping_on_and_back_is_the_same_place(playing: Playing, on: str, back: str) -> None:
    async with playing() as (app, pilot):
        await pilot.press(on, on)
        before = screen_text(app)
        await pilot.press(on)
        assert screen_text(app) != before
        await pilot.press(back)
        assert screen_text(app) == before


async def test_home_goes_before_everything(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "home")
        assert lab_of(app).session.cursor.index == -1
        assert "before the first packet" in screen_text(app)


@BOTH
async def test_no_key_goes_past_an_unanswered_question(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION)
        cursor = lab_of(app).session.cursor
        place = cursor.index, cursor.step
        for key in ("space", "right", "end", "p", "d"):
            await pilot.press(key)
            assert (cursor.index, cursor.step) == place
        await pilot.press("escape")
        asked = pane_text(app, "#ask" if size[0] == 120 else "#ask-narrow")
        assert "What will the firewall call the SYN to 22?" in asked
        assert "b ESTABLISHED" in asked
        assert "c RELATED" in asked


@BOTH
async def test_an_answer_says_right_or_wrong_and_why(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION, "b")
        text = pane_text(app, "#ask" if size[0] == 120 else "#ask-narrow")
        assert "✖ not ESTABLISHED. An entry is a pair of ports, too." in text
        assert "✔ NEW. Another port, another tuple." in text
        await pilot.press("space")
        assert "An entry is a pair" not in screen_text(app)


async def test_a_right_answer_is_told_so(playing: Playing, progress: Progress) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a")
        assert "✔ right: NEW" in screen_text(app)
        assert progress.path.exists()


async def test_play_steps_by_itself_and_any_step_stops_it(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("p")
        assert "playing" in screen_text(app)
        assert lab_of(app).session.cursor.index >= 0
        await pilot.press("space")
        assert "playing" not in screen_text(app)


# --- commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["colon", "slash"])
async def test_the_command_line_has_its_way_in_and_out(playing: Playing, key: str) -> None:
    async with playing() as (app, pilot):
        await pilot.press(key)
        line = app.screen.query_one(CommandLine)
        assert line.typing
        await pilot.press("space", "a", "right", "home", "end", "p", "1")
        assert line.field.value == " ap1"
        assert lab_of(app).session.cursor.index == -1
        await pilot.press("escape", "space")
        assert not line.typing
        assert lab_of(app).session.cursor.index >= 0


async def test_tab_changes_the_host_and_history_comes_back(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "tab")
        line = app.screen.query_one(CommandLine)
        assert line.host == "server"
        await type_text(pilot, "iptables -L")
        await pilot.press("enter", "x", "up")
        assert line.field.value == "iptables -L"
        await pilot.press("down")
        assert line.field.value == "x"
        assert "Chain INPUT (policy DROP" in screen_text(app)


async def test_a_command_changes_the_rules_and_undo_takes_it_back(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "tab")
        await type_text(pilot, "iptables -I INPUT -p udp -j DROP")
        await pilot.press("enter", "escape")
        assert "-p udp -j DROP" in screen_text(app)
        assert "4 rules" in screen_text(app)
        await pilot.press("escape", "u", "escape")
        assert "3 rules" in screen_text(app)


async def test_a_refusal_has_a_caret_under_the_place_and_changes_nothing(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "tab")
        await type_text(pilot, "iptables -A INPUT -p tcp --dport sshx -j ACCEPT")
        await pilot.press("enter")
        rows = screen_text(app).split("\n")
        said = next(n for n, row in enumerate(rows) if "sshx -j ACCEPT" in row)
        assert rows[said + 1].index("^^^^") == rows[said].index("sshx")
        assert "Refused" in screen_text(app)
        assert "3 rules" in screen_text(app)


async def test_what_a_host_hears_is_shown_beside_its_prompt(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "space", "space")
        assert "attacker: connected to 203.0.113.1:1337 from port 4000" in screen_text(app)
        await pilot.press("home")
        assert "connected to" not in screen_text(app)


async def test_undo_and_hint_say_when_there_is_nothing(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("u")
        assert "Nothing to undo" in screen_text(app)
        await pilot.press(*QUESTION, "a", "h")
        assert "There is no hint on this page" in screen_text(app)


@BOTH
async def test_hints_come_one_at_a_time(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("h")
        assert "Press space." in screen_text(app)
        assert "Really" not in screen_text(app)
        await pilot.press("h")
        assert "Really: press space." in screen_text(app)


async def test_the_output_panel_closes_with_escape(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("u")
        assert app.screen.query_one(OutputView).display
        await pilot.press("escape")
        assert not app.screen.query_one(OutputView).display


# --- screens over the lab ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_lists_every_key(playing: Playing, key: str) -> None:
    async with playing(size=(120, 100)) as (app, pilot):
        await pilot.press(key)
        text = " ".join(screen_text(app).split())
        for action in (*LAB, *APP):
            if action.listed:
                assert action.tooltip.split(".")[0][:30] in text
        await pilot.press("escape")
        assert app.screen is lab_of(app)


async def test_why_opens_in_full(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press(*QUESTION, "a", "space", "w")
        assert isinstance(app.screen, ReaderScreen)
        text = " ".join(screen_text(app).split())
        for _ in range(2):
            await pilot.press("pagedown")
            text += " ".join(screen_text(app).split())
        assert "✖ -s 192.168.0.0/16: the source is 203.0.113.9" in text


async def test_the_inspector_shows_bytes_and_layers(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("i")
        assert "There is no packet here" in screen_text(app)
        await pilot.press("space", "i")
        assert isinstance(app.screen, InspectorScreen)
        assert "00 34" in screen_text(app)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "ttl" in screen_text(app)
        assert "dport" in screen_text(app)


async def test_the_palette_has_every_action_of_the_lab(playing: Playing) -> None:
    async with playing() as (app, pilot):
        commands = {command.help for command in app.get_system_commands(app.screen)}
        without = {
            action.tooltip for action in LAB if action.id in ("lab.answer", "lab.a", "lab.b", "lab.c", "lab.d", "lab.undo", "lab.run")
        }
        assert {action.tooltip for action in LAB} - commands == without
        before = lab_of(app).session.cursor.index
        step = next(command for command in app.get_system_commands(app.screen) if command.title.startswith("Step"))
        await step.callback()
        await pilot.pause()
        assert lab_of(app).session.cursor.index > before


async def test_a_page_that_does_not_fit_says_so_and_space_reads_it_before_it_steps(playing: Playing) -> None:
    async with playing(make_lesson(text="A line that is read.\n\n" * 12), size=(80, 24)) as (app, pilot):
        await pilot.pause()
        screen = lab_of(app)
        assert "↓ more of this page" in screen_text(app)
        assert "read on" in screen_text(app)
        presses = 0
        while screen.reads:
            await pilot.press("space")
            await pilot.pause()
            presses += 1
            assert presses < 9
        assert (screen.session.cursor.index, "more of this page" in screen_text(app)) == (-1, False)
        await pilot.press("space")
        assert screen.session.cursor.index >= 0
        await pilot.press("backspace")
        assert screen.tab == "lesson"


def test_what_a_question_asks_about_is_on_no_console_before_it_is_answered() -> None:
    session = Session(make_lesson().scenario)
    session.cursor.to_end()
    last = session.run.world.hosts["attacker"].console[-1]
    assert last in said_by_now(session, "attacker")
    assert last not in said_by_now(session, "attacker", last.index)
    assert last.text not in last_words(session, ("attacker",), last.index)[0]


async def test_a_packet_that_is_sent_again_says_so_and_a_first_one_does_not(playing: Playing) -> None:
    async with playing(make_lesson(rules=RULES.replace("--dport 1337", "--dport 1338"))) as (app, pilot):
        await pilot.press("space")
        assert "Sent again" not in pane_text(app, "#why")
        await pilot.press("space")
        assert "Sent again by attacker" in pane_text(app, "#why")
        assert "sends its SYN again (1 of 10)" in pane_text(app, "#why")
        assert "it would have been" in pane_text(app, "#band")
