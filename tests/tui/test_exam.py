"""An exam in the application: no help, no verdict, and the file that is handed in."""

from __future__ import annotations

from pathlib import Path

from fwtutor.course.loader import find_lesson, load_course
from fwtutor.course.progress import Unkept
from fwtutor.course.sitting import Sitting
from fwtutor.plain import parts
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.widgets.lesson import ending
from tests.tui.conftest import lab_of, screen_text, type_text


async def test_an_exam_keeps_what_is_typed_and_says_nothing_of_whether_it_passes(tmp_path: Path) -> None:
    sitting = Sitting("Ada", exam=True, folder=tmp_path)
    app = FwtutorApp(lambda: load_course(answers=False), Unkept(), find_lesson("too-open"), 7, sitting=sitting)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shown = screen_text(app)
        assert "Repair it" in shown
        assert "   exam " in shown.splitlines()[0] + " "
        assert "(judged when handed in)" in shown
        await pilot.press("h")
        assert "whoever set this task holds them back" in screen_text(app)
        await pilot.press("escape", "colon")
        await type_text(pilot, "iptables -R INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        await pilot.press("enter")
        assert "kept in too-open-ada.answer, to be handed in" in screen_text(app)
        await pilot.press("escape", "end", "end", "end")
        assert "repair" not in lab_of(app).journey.met
    assert [path.name for path in tmp_path.iterdir()] == ["too-open-ada.answer"]


async def test_whoever_left_an_exam_comes_back_to_what_he_typed(tmp_path: Path) -> None:
    for sitting in (Sitting("Ada", exam=True, folder=tmp_path), Sitting("Ada", exam=True, folder=tmp_path)):
        app = FwtutorApp(lambda: load_course(answers=False), Unkept(), find_lesson("first-match"), sitting=sitting)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            back = "You go on with first-match-ada.answer" in screen_text(app)
            assert back is bool(list(tmp_path.iterdir()))
            assert "finished" not in screen_text(app)
            if not back:
                await pilot.press("colon")
                await type_text(pilot, "iptables -A INPUT -p udp -j DROP")
                await pilot.press("enter")
            assert [each.line for each in lab_of(app).session.run.inputs] == ["iptables -A INPUT -p udp -j DROP"]


async def test_a_folder_s_name_may_look_like_markup(tmp_path: Path) -> None:
    folder = tmp_path / "a[" / "red]b"
    folder.mkdir(parents=True)
    app = FwtutorApp(lambda: load_course(answers=False), Unkept(), find_lesson("too-open"), sitting=Sitting(exam=True, folder=folder))
    async with app.run_test(size=(120, 40)) as pilot:
        app.notify(app.sitting.said(), timeout=60, markup=True)
        await pilot.press("ctrl+c")
        await pilot.pause()
        first, last = list(app._notifications)[-2:]
        assert (str(folder) in first.message, first.markup, last.message) == (True, False, "^q leaves fwtutor.")


def test_the_last_page_of_an_exam_does_not_say_what_it_was_about(tmp_path: Path) -> None:
    lesson = Sitting("Ada", exam=True, folder=tmp_path).prepared(find_lesson("too-open"))
    for said in ([row.text for row in ending(lesson, 80)], parts.ending(lesson)):
        assert "That was the last page." in "\n".join(said)
        assert "why" not in "\n".join(said)
