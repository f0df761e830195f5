"""Ways through a lesson: held at a question, told where one is, led on at the end; and no key that does two things."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from fwtutor.course.progress import Progress
from fwtutor.network.records import CommandRun
from fwtutor.recording import Run
from fwtutor.telling.actions import APP, LAB
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.course_map import CourseMap
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.widgets.ask import AskView
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from tests.tui.conftest import BOTH, QUESTION, Playing, lab_of, make_course, make_lesson, pane_text, screen_text


def place(app: FwtutorApp) -> tuple[int, int, int]:
    lab = lab_of(app)
    return lab.journey.stage, lab.session.cursor.index, lab.session.cursor.step


def last_row(app: FwtutorApp) -> str:
    return screen_text(app).split("\n")[-1]


# --- held at a question --------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("key", ["space", "end", "p"])
async def test_a_question_in_the_way_says_so_in_its_title_and_covers_nothing(playing: Playing, size: tuple[int, int], key: str) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION, key)
        text = screen_text(app)
        assert "answer a to c first" in text
        assert not app.screen.query_one(OutputView).display
        for choice in ("a NEW", "b ESTABLISHED", "c RELATED"):
            assert choice in text
        await pilot.press("a")
        assert "answer a to c first" not in screen_text(app)


async def test_the_border_of_a_question_flashes_where_things_move_only(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "space")
        assert not any(view.has_class("-flash") for view in app.screen.query(AskView))
    monkeypatch.delenv("FWTUTOR_STILL")
    async with playing() as (app, pilot):
        # It opens where it was left: at the question.
        await pilot.press("space")
        assert any(view.has_class("-flash") for view in app.screen.query(AskView))


@BOTH
async def test_the_key_bar_offers_the_answers_while_they_are_wanted(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        assert "answer" not in last_row(app)
        await pilot.press(*QUESTION)
        assert "a-c answer" in last_row(app)
        assert "step" not in last_row(app)
        await pilot.press("a")
        assert "a-c answer" not in last_row(app)
        assert "step" in last_row(app)


@BOTH
async def test_an_answered_question_is_explained_again_at_its_moment(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION, "b", "space")
        assert "An entry is a pair" not in screen_text(app)
        await pilot.press("backspace")
        asked = pane_text(app, "#ask" if size[0] == 120 else "#ask-narrow")
        assert "What will the firewall call the SYN to 22?" in asked
        assert "✖ not ESTABLISHED. An entry is a pair of ports, too." in asked
        assert "✔ NEW." in asked


async def test_the_palette_offers_no_answers_without_a_question(playing: Playing) -> None:
    async with playing() as (app, pilot):
        assert not [command for command in app.get_system_commands(app.screen) if command.title.startswith("Answer")]
        await pilot.press(*QUESTION)
        titles = [command.title for command in app.get_system_commands(app.screen) if command.title.startswith("Answer")]
        assert titles == ["Answer  (a-d)", "Answer a  (a)", "Answer b  (b)", "Answer c  (c)"]


# --- pages ---------------------------------------------------------------------------------------------------


@BOTH
async def test_end_stops_where_the_page_does_and_says_how_to_go_on(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        lab = lab_of(app)
        await pilot.press("backspace", "end", "backspace", "end")
        assert lab.journey.stage == 0
        assert "the end of this page: space turns it" in screen_text(app)
        await pilot.press("end")
        assert lab.journey.stage == 1
        assert lab.journey.question is None


async def test_home_goes_to_the_page_and_then_to_the_start(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "a", "space", "home")
        stage, index, _ = place(app)
        assert stage == 1
        assert index >= 0
        await pilot.press("home")
        assert place(app) == (0, -1, 0)


async def test_play_says_at_a_new_page_that_it_goes_on_from_there(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("end", "p")
        text = screen_text(app)
        assert lab_of(app).journey.stage == 1
        assert "next page: p goes on" in text
        assert "playing" not in text


@pytest.mark.parametrize("key", ["w", "i", "k", "question_mark", "t", "M", "tab", "h", "u", "colon", "ctrl+p", "2", "r", "s"])
@BOTH
async def test_any_key_that_means_something_else_stops_playing(playing: Playing, size: tuple[int, int], key: str) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("p")
        lab = lab_of(app)
        assert lab._playing
        await pilot.press(key)
        assert not lab._playing
        assert lab._beat is None


# --- goals and the end ---------------------------------------------------------------------------------------


@BOTH
async def test_a_goal_met_is_named_and_the_title_stays_whole(playing: Playing, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("space")
        rows = screen_text(app).split("\n")
        assert "Am I one step nearer to 22?" in rows[0]
        assert "✔ goal met: open a connection to 1337" in screen_text(app)
        await pilot.press("space")
        assert "goal met" not in screen_text(app)


async def test_a_narrow_screen_shows_the_goal_that_is_open_on_every_tab(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        for _ in range(4):
            assert "▢ open a connection to 1337" in pane_text(app, "#tabs")
            await pilot.press("tab")
        await pilot.press("space", "space")
        assert "▢ see 22 refuse you" in pane_text(app, "#tabs")


async def test_a_long_title_takes_room_from_the_clock_and_not_the_other_way(playing: Playing) -> None:
    question = "What does a firewall make of all of this, and of that as well?"
    async with playing(replace(make_lesson(), question=question), size=(80, 24)) as (app, _):
        top = screen_text(app).split("\n")[0]
        assert question in top
        assert "goals 0 of 2" in top


async def finish(pilot: Pilot[int]) -> None:
    await pilot.press(*QUESTION, "a", "end")


@BOTH
async def test_a_lesson_that_is_done_says_so_and_shows_why(playing: Playing, size: tuple[int, int]) -> None:
    lesson = make_lesson(text="\n\n".join(f"Paragraph {n}." for n in range(60)))
    lesson = replace(lesson, stages=(lesson.stages[0], replace(lesson.stages[1], text=lesson.stages[0].text)))
    async with playing(lesson, size=size) as (app, pilot):
        await finish(pilot)
        assert "m course map" in pane_text(app, "#command")
        for key in ("space", "end", "p"):
            await pilot.press(key)
            await pilot.pause()
            text = " ".join(screen_text(app).split())
            assert "done: " in text
            assert "So that is why" in text
            assert not lab_of(app)._playing


async def test_a_goal_met_by_what_was_typed_is_said_where_it_was_typed(playing: Playing) -> None:
    lesson = make_lesson()
    goals = (*lesson.goals, replace(lesson.goals[0], id="typed", text="do it yourself", when=Typed()))
    async with playing(replace(lesson, goals=goals), size=(80, 24)) as (app, pilot):
        await pilot.press("colon")
        for command, told in (("conntrack -F", "goal met: do it yourself"), ("conntrack -C", "goal met")):
            app.screen.query_one(CommandLine).field.value = command
            await pilot.press("enter")
            assert (f"✔ {told}" in pane_text(app, "#output")) == (command == "conntrack -F")


async def test_an_end_with_goals_open_says_what_is_left(playing: Playing) -> None:
    lesson = make_lesson()
    lesson = replace(lesson, goals=(*lesson.goals, replace(lesson.goals[0], id="never", text="do it yourself", when=Never())))
    async with playing(lesson, size=(80, 24)) as (app, pilot):
        await finish(pilot)
        await pilot.press("space")
        told = pane_text(app, "#command")
        assert "h hint, or go back and do it earlier. Still to do: ▢ do it" in told
        assert "So that is why" not in screen_text(app)


async def test_what_is_below_the_end_of_a_lesson_is_read_on_with_space(playing: Playing) -> None:
    lesson = replace(make_lesson(), on_server="\n\n".join(f"Command {n}." for n in range(20)))
    async with playing(lesson, size=(80, 24)) as (app, pilot):
        await finish(pilot)
        await pilot.press("space")
        await pilot.pause()
        assert "So that is why" in screen_text(app)
        assert "read on" in last_row(app)
        for _ in range(4):
            if lab_of(app).reads:
                await pilot.press("space")
                await pilot.pause()
        assert "Command 19." in screen_text(app)
        assert "read on" not in last_row(app)


async def test_a_page_begins_with_the_prompt_and_not_with_what_was_said_on_the_one_before(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("end")
        assert "attacker: connected to" in pane_text(app, "#command") or "goal met" in pane_text(app, "#command")
        await pilot.press("space")
        assert lab_of(app).journey.stage == 1
        assert "press : and type" in pane_text(app, "#command")


class Typed:
    def met_at(self, run: Run) -> int | None:
        return next((index for index, record in enumerate(run.records) if isinstance(record, CommandRun) and record.learner), None)


class Never:
    def met_at(self, run: object) -> int | None:
        return None


async def test_enter_goes_on_to_the_next_lesson_when_this_one_is_done(playing: Playing) -> None:
    course = make_course(make_lesson(name="first"), make_lesson(name="second", title="Second"))
    async with playing(course.lessons[0], course=course) as (app, pilot):
        await pilot.press("enter")
        assert lab_of(app).lesson.name == "first"
        await finish(pilot)
        assert "Enter next lesson" in pane_text(app, "#command")
        await pilot.press("enter")
        await pilot.pause()
        assert lab_of(app).lesson.name == "second"
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(app.screen, CourseMap)


async def test_a_finished_lesson_opens_where_it_was_and_offers_to_start_over(playing: Playing, progress: Progress) -> None:
    async with playing() as (app, pilot):
        await finish(pilot)
        await pilot.press("backspace")
        left = place(app)
    async with playing() as (app, pilot):
        assert place(app)[:2] == left[:2]
        assert "you have finished this lesson: s starts over" in pane_text(app, "#command")
        await pilot.press("s")
        await pilot.pause()
        assert place(app) == (0, -1, 0)
        assert "finished" not in pane_text(app, "#command")


async def test_starting_over_in_the_middle_asks_for_the_key_twice(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space", "s")
        assert place(app)[1] >= 0
        assert "s again begins this lesson anew" in pane_text(app, "#command")
        await pilot.press("s")
        await pilot.pause()
        assert place(app) == (0, -1, 0)


# --- hints ---------------------------------------------------------------------------------------------------


async def test_hints_are_numbered_and_come_round(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        for number, words in ((1, "Press space."), (2, "Really: press space."), (1, "Press space.")):
            await pilot.press("h")
            await pilot.pause()
            assert f"Hint {number} of 2" in screen_text(app)
            assert words in screen_text(app)
        assert "There are no more on this page" in screen_text(app)


async def test_a_wide_screen_says_that_there_are_no_more_hints(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("h", "h")
        assert "no more" not in screen_text(app)
        await pilot.press("h")
        assert "that is hint 1 of 2: there are no more on this page" in screen_text(app)


# --- keys ----------------------------------------------------------------------------------------------------


async def test_every_key_of_the_bar_is_on_one_of_its_two_pages(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        first = last_row(app)
        await pilot.press("full_stop")
        second = last_row(app)
        assert second != first
        for key in ("␣→ step", "p play", "h hint", ": type", "? help", ". more"):
            assert key in first
        for key in ("w why", "i inspect", "m map", ". more"):
            assert key in second
        await pilot.press("full_stop")
        assert last_row(app) == first


async def test_undo_is_offered_once_there_is_something_to_take_back(playing: Playing) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        assert "u undo" not in last_row(app)
        lab_of(app).journey.enter("server", "iptables -A INPUT -p udp -j DROP")
        await pilot.press("space")
        assert "u undo" in last_row(app)


async def test_help_begins_with_the_words_and_has_one_row_for_the_answers(playing: Playing) -> None:
    async with playing(size=(120, 100)) as (app, pilot):
        await pilot.press("question_mark")
        text = screen_text(app)
        assert text.index("Words and signs") < text.index("At the prompt") < text.index("Go on, go back")
        assert text.count("Answer the question") == 1
        assert "a-d" in text


async def test_the_map_has_help_of_its_keys_only(playing: Playing) -> None:
    async with playing(on_map=True) as (app, pilot):
        await pilot.press("question_mark")
        assert "Words and signs" not in screen_text(app)
        assert "The lesson above." in screen_text(app)


@pytest.mark.parametrize("key", ["i", "w", "question_mark"])
async def test_space_and_backspace_over_the_lab_scroll_and_reach_nothing_behind(playing: Playing, key: str) -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("space")
        before = place(app)
        await pilot.press(key)
        assert isinstance(app.screen, ReaderScreen | InspectorScreen)
        await pilot.press("space", "space", "backspace", "space", "backspace", "backspace", "right", "left", "end", "home")
        assert isinstance(app.screen, ReaderScreen | InspectorScreen)
        await pilot.press("escape")
        assert app.screen is lab_of(app)
        assert place(app) == before


def test_suspending_is_an_action_with_a_key() -> None:
    suspend = next(action for action in APP if action.id == "app.suspend")
    assert suspend.keys == "ctrl+z"
    assert suspend.priority
    assert hasattr(FwtutorApp, f"action_{suspend.name.removeprefix('app.')}")


async def test_ctrl_z_suspends_wherever_one_is(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    suspended: list[str] = []
    monkeypatch.setattr(FwtutorApp, "action_suspend_process", lambda app: suspended.append(type(app.screen).__name__))
    async with playing() as (_app, pilot):
        await pilot.press("ctrl+z", "colon", "ctrl+z", "escape", "question_mark", "ctrl+z")
    assert suspended == ["LabScreen", "LabScreen", "ReaderScreen"]


def test_actions_that_page_come_before_the_field_and_the_panes() -> None:
    assert {action.keys for action in LAB if action.priority} == {"pageup", "pagedown"}
