"""A history that failed, as a lab: so that one can step through it, with one's own rules in it, and ask why."""

from __future__ import annotations

from pathlib import Path

from fwtutor.course.checks import Failed
from fwtutor.course.model import TRIED, Answer, Lesson, Stage
from fwtutor.course.reenacting import Reenacted
from fwtutor.recording import Session

NAME = "history"
IN_THE_LAB = (
    "You stand at the packet that decided: `w` says why. `space` and `backspace` step, `Home` goes before it all; what you typed comes "
    "first. Try other rules here, if you like: nothing of it stays. `m` goes back to your own run, where you left it."
)


def as_lab(lesson: Lesson, failed: Failed, again: Reenacted, ways: str = IN_THE_LAB) -> tuple[Lesson, Session]:
    """The lab, and its session at the deciding moment. ``ways``: how to look around and back, as prose."""
    check, yet = failed.failure.check, "No longer" if failed.lapsed else "Not yet"
    text = f"{check.reason}\n\n**{TRIED}:** {again.text}.\n\n{ways}"
    scenario = again.run.scenario
    session = Session(scenario, [again.run])
    session.cursor.seek(again.index)
    made = Lesson(
        name=NAME, title="What failed", question=f"{yet}: {check.reason}", minutes=0, chapter="", folder=Path(), scenario=scenario,
        stages=(Stage("What failed", text),), goals=(), therefore="", next="",
        prompts=tuple(dict.fromkeys((*lesson.prompts, scenario.watch))), on_server="", checks=(), seed=lesson.seed, solution=Answer(""),
    )  # fmt: skip
    return made, session
