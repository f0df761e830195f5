"""Help that waits to be asked for, as a learner at 80x24 asks for it."""

from __future__ import annotations

from fwtutor.course.loader import find_lesson
from fwtutor.course.progress import Progress
from fwtutor.recording.run import Run
from fwtutor.tui.screens.glossary import GlossaryScreen
from fwtutor.tui.screens.history import HistoryScreen
from fwtutor.tui.screens.more_help import MoreHelpScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.screens.solution import SolutionScreen
from fwtutor.tui.settings import Settings
from tests.tui.conftest import Playing, lab_of, make_course, make_lesson, pane_text, screen_text, type_text

NARROW = (80, 24)
WRONG = "iptables -I INPUT 1 -p udp --sport 53 -j ACCEPT"


def at_the_repair(progress: Progress) -> None:
    """Too open, its questions answered, left where the last page but one begins."""
    lesson = find_lesson("too-open")
    for prediction in lesson.predictions:
        progress.predict("too-open", prediction.id, prediction.expect)
    run = Run(lesson.scenario)
    progress.place("too-open", 6, max(stop for stop in run.stops if stop < run.stage_starts[6]))


async def test_a_failed_check_opens_as_a_run_and_one_key_comes_back(playing: Playing, progress: Progress) -> None:
    at_the_repair(progress)
    async with playing(find_lesson("too-open"), size=NARROW) as (app, pilot):
        lab = lab_of(app)
        lab.enter("server", WRONG)
        await pilot.pause()
        said = pane_text(app, "#output")
        assert "not yet: The server fetches its updates by HTTPS. (own-https)" in said
        assert "Enter sees it happen, with your rules" in said
        await pilot.press("2", "right_square_bracket", "colon")
        place, inputs = (lab.session.cursor.index, lab.journey.stage), list(lab.session.run.inputs)
        # On an empty line of the prompt, too.
        await pilot.press("enter")
        await pilot.pause()
        history = app.screen
        assert isinstance(history, HistoryScreen)
        assert history.manner == lab.manner == Settings(step="hook", pace=2.0)
        text = screen_text(app)
        for words in (
            "Not yet: The server fetches",
            "SYN+ACK",
            "packet:  ESTABLISHED",
            "DROP by policy",
            "-p udp -m udp --sport 53",
            "m your own run",
        ):
            assert words in text
        await pilot.press("backspace", "w")
        assert isinstance(app.screen, ReaderScreen)
        await pilot.press("escape", "colon")
        await type_text(pilot, "iptables -F")
        await pilot.press("enter", "escape", "s", "h", "H", "m")
        await pilot.pause()
        assert app.screen is lab
        assert ((lab.session.cursor.index, lab.journey.stage), list(lab.session.run.inputs)) == (place, inputs)
        # It is there for later, as the first of the kinds of help.
        await pilot.press("escape", "H", "f")
        await pilot.pause()
        assert isinstance(app.screen, HistoryScreen)


async def test_whoever_spoils_what_had_passed_is_told_so(playing: Playing, progress: Progress) -> None:
    at_the_repair(progress)
    async with playing(find_lesson("too-open"), size=NARROW) as (app, pilot):
        lab = lab_of(app)
        lab.journey.enter_solution()
        lab.show()
        assert "repair" in progress.of("too-open").goals
        lab.enter("server", "iptables -A INPUT -p udp --dport 31337 -j ACCEPT")
        await pilot.pause()
        said = " ".join(pane_text(app, "#output").split())
        assert "your rules no longer pass: From outside only 1337 may be reached" in said
        assert "Enter sees it happen, with your rules" in said
        lab.enter("attacker", "connect 203.0.113.1:1337")
        await pilot.pause()
        assert "pass" not in pane_text(app, "#output")
        lab.enter("server", "iptables -D INPUT -p udp --dport 31337 -j ACCEPT")
        await pilot.pause()
        assert "your rules pass again" in pane_text(app, "#output")


async def test_the_solution_is_shown_when_it_is_meant_and_typed_when_it_is_wanted(playing: Playing, progress: Progress) -> None:
    at_the_repair(progress)
    async with playing(find_lesson("too-open"), size=NARROW) as (app, pilot):
        lab = lab_of(app)
        await pilot.press("space")
        lab.enter("server", WRONG)
        await pilot.press("H")
        assert isinstance(app.screen, MoreHelpScreen)
        await pilot.press("l")
        await pilot.pause()
        assert "a hint first" in screen_text(app)
        assert not progress.of("too-open").solutions
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, SolutionScreen)
        assert progress.of("too-open").solutions == {6}
        assert "It replaces" in screen_text(app)
        await pilot.press("escape")
        assert [each.line for each in lab.session.run.inputs] == [WRONG]
        lab.journey.hints[6] = 3
        await pilot.press("H", "l", "enter")
        await pilot.pause()
        assert "repair" in lab.journey.met
        assert [each.line for each in lab.session.run.inputs] == [
            "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        ]
        await pilot.press("u", "u")
        assert [each.line for each in lab.session.run.inputs] == [WRONG]
        await pilot.press("H", "t")
        await pilot.pause()
        assert not lab.session.run.inputs
        assert "page 7 as it began" in pane_text(app, "#command")


async def test_the_glossary_opens_on_the_word_the_eye_is_on_and_finds_others(playing: Playing) -> None:
    async with playing(size=NARROW) as (app, pilot):
        await pilot.press("space", "G")
        await pilot.pause()
        glossary = app.screen
        assert isinstance(glossary, GlossaryScreen)
        assert glossary.term is not None
        assert glossary.term.term == "NEW"
        assert "a SYN can be ESTABLISHED" in " ".join(screen_text(app).split()).replace("││ ", "").replace("│ ", "")
        await pilot.press("enter")
        assert isinstance(app.screen, ReaderScreen)
        await pilot.press("escape", "m", "a", "s", "q")
        assert glossary.term.term == "MASQUERADE"
        await pilot.press("z", "z", "enter")
        assert glossary.term is None
        assert "no such word" in screen_text(app)
        await pilot.press("escape")
        assert app.screen is glossary
        await pilot.press("end", "escape")
        assert app.screen is lab_of(app)
        # Of a tab it is that tab's word, of a pane that pane's.
        await pilot.press("tab", "tab", "G")
        assert isinstance(app.screen, GlossaryScreen)
        assert app.screen.term is not None
        assert app.screen.term.term == "SYN_SENT"


async def test_a_word_of_the_lesson_that_is_clicked_opens_the_glossary_there_and_others_do_nothing(playing: Playing) -> None:
    async with playing(make_lesson(text="The policy of INPUT is a policy.")) as (app, pilot):
        await pilot.click("#lesson", offset=(2, 1))
        await pilot.pause()
        assert app.screen is lab_of(app)
        await pilot.click("#lesson", offset=(8, 1))
        await pilot.pause()
        assert isinstance(app.screen, GlossaryScreen)
        assert app.screen.term is not None
        assert app.screen.term.term == "policy"


async def test_a_finished_lesson_is_looked_up_on_the_map_and_another_tells_nothing(playing: Playing, progress: Progress) -> None:
    lesson = make_lesson()
    async with playing(on_map=True, course=make_course(lesson), size=NARROW) as (app, pilot):
        await pilot.press("v")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "stand here when all goals are met" in screen_text(app)
        assert "stranger" not in screen_text(app)
        await pilot.press("escape")
        for goal in lesson.goals:
            progress.meet(lesson.name, goal.id)
        progress.predict(lesson.name, "shot", "RELATED")
        await pilot.press("v")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = screen_text(app)
        for words in ("Change one port and you are a stranger", "you said RELATED", "NEW → DROP"):
            assert words in text
