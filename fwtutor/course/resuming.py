"""Resuming: what somebody typed in a lesson, kept with the place, and entered again when the lesson is opened. A part of ``journey``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.course.progressfile import MAX_TYPED_BYTES, Typed, fitting
from fwtutor.recording.inputs import out_of_place, print_of
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fwtutor.course.progressfile import LessonProgress
    from fwtutor.recording import Session

CHANGED = "What you typed is not entered again: the lesson has changed since."


def keep(part: LessonProgress, session: Session, pages: Mapping[Input, int], whole: int) -> None:
    """Note what was typed in the run one is in. ``whole``: the scenario's number."""
    inputs = session.run.inputs
    typed = [Typed(past.stage, past.after, past.at, past.host, past.line, pages.get(past, 0)) for past in inputs]
    part.typed, part.typed_in = fitting(typed), whole if typed else 0


def typed_again(part: LessonProgress, session: Session) -> tuple[dict[Input, int], str]:
    """Enters what was kept, as a run of its own in which the session then is: by input its page, and what to say if it cannot be.

    What a file says is not trusted: nothing is entered that has not its place in the run.
    """
    if not part.typed:
        return {}, ""
    pages = {Input(each.stage, each.after, each.ns, each.host, each.line): each.page for each in part.typed}
    names = {host.name for host in session.scenario.topology.hosts}
    size = sum(len(past.line) for past in pages)
    if part.typed_in != print_of(session.scenario) or not names.issuperset(past.host for past in pages) or size > MAX_TYPED_BYTES:
        return {}, CHANGED
    run = Run(session.scenario, list(pages))
    if len(run.inputs) != len(pages) or out_of_place(run, list(pages)) is not None:
        return {}, CHANGED
    session.take_up(run)
    return pages, ""
