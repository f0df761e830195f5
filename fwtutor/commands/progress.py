"""``fwtutor progress``: what was learned; progress out as one file, and in; who learns here; predictions asked again."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput, on_one_line, printable
from fwtutor.commands.options import add_language, add_learner, language_of
from fwtutor.commands.output import OK, note, say, say_line

if TYPE_CHECKING:
    from fwtutor.course.model import Course
    from fwtutor.course.progress import Progress

WIDEST = 100


def add(parser: argparse.ArgumentParser) -> None:
    add_learner(parser)
    add_language(parser)
    parser.set_defaults(run=_show)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    out = actions.add_parser("export", help="write all of it to one file", allow_abbrev=False)
    out.add_argument("file", type=Path, metavar="FILE")
    out.add_argument("--replace", action="store_true", help="write over a file that is there")
    out.set_defaults(run=_export)
    into = actions.add_parser("import", help="take in such a file; what is further on counts, and nothing is lost", allow_abbrev=False)
    into.add_argument("file", type=Path, metavar="FILE")
    into.set_defaults(run=_import)
    review = actions.add_parser("review", help="predictions that were wrong, asked again, as lines of text", allow_abbrev=False)
    review.set_defaults(run=_review)
    who = actions.add_parser("learners", help="who learns here, how far they are, and what they had in the quiz", allow_abbrev=False)
    who.add_argument("--format", choices=("text", "csv"), default="text", help="csv: a row each, for a spreadsheet")
    who.set_defaults(run=_learners)
    for action in (out, into, review):
        add_learner(action)
    add_language(review)


def load_kept(learner: str | None) -> Progress:
    """The learner's progress; a damaged one is reported."""
    from fwtutor.course.learners import folder_of
    from fwtutor.course.progress import load_progress

    progress = load_progress(folder_of(learner))
    if progress.notice:
        note(progress.notice)
    return progress


def load_whole(language: str | None) -> Course:
    """The course, in the language asked for. Raises BadInput."""
    from fwtutor.course.loader import load_course
    from fwtutor.course.model import LessonError

    try:
        return load_course(answers=False, language=language_of(language))
    except LessonError as error:
        raise BadInput(str(error)) from None


def _show(arguments: argparse.Namespace) -> int:
    from fwtutor.telling import glyphs
    from fwtutor.telling.learned import summary_rows

    progress = load_kept(arguments.learner)
    rows = summary_rows(
        load_whole(arguments.language), progress, min(WIDEST, get_terminal_size().columns), review="fwtutor progress review"
    )
    texts = [row.text.rstrip() for row in rows]
    return say("\n".join(glyphs.to_ascii(text) if glyphs.wants_ascii() else text for text in texts), OK)


def _export(arguments: argparse.Namespace) -> int:
    from fwtutor.course.carrying import export

    progress = load_kept(arguments.learner)
    try:
        export(progress, arguments.file, replace=arguments.replace)
    except OSError as error:
        raise BadInput(f"{arguments.file}: {error.strerror}") from None
    return say(f"Written to {arguments.file}: fwtutor progress import takes it in, here or elsewhere.", OK)


def _import(arguments: argparse.Namespace) -> int:
    from fwtutor.course.carrying import take_in

    progress = load_kept(arguments.learner)
    news = take_in(progress, arguments.file)
    progress.save()
    if not news:
        return say("Taken in: it knew nothing that was not here already.", OK)
    return say(f"Taken in; further on now: {', '.join(map(on_one_line, news))}.", OK)


def _review(arguments: argparse.Namespace) -> int:
    from fwtutor.course.questions import Review
    from fwtutor.plain.talk import ask

    progress = load_kept(arguments.learner)
    return ask(Review(load_whole(arguments.language), progress), progress)


def _learners(arguments: argparse.Namespace) -> int:
    from fwtutor.course.learners import folder_of, learners
    from fwtutor.course.progress import FILE_NAME, Progress
    from fwtutor.course.progressfile import WHENS, Damaged, read
    from fwtutor.course.quiz import asked_of, score_words
    from fwtutor.course.standing import summary

    course = load_whole(arguments.language)
    goals, asked = sum(len(lesson.goals) for lesson in course.lessons), asked_of(course.folder)
    names = ["", *learners()]
    width = max(len(name) for name in (*names, "(no name)"))
    rows: list[tuple[str | int, ...]] = [("learner", "lessons finished", "goals met", "quiz before", "quiz after", "trouble")]
    for name in names:
        path = folder_of(name) / FILE_NAME
        row: tuple[str | int, ...]
        try:
            progress = Progress(path, *read(path))
            found = summary(course, progress)
            scores = [score_words(progress, when, asked) for when in WHENS]
            row = name, len(found.finished), found.total("met"), *scores, ""
            said = f"{len(found.finished)} of {found.lessons} lessons finished, {found.total('met')} of {goals} goals met"
            said += "".join(f", quiz {when}: {score}" for when, score in zip(WHENS, scores, strict=True) if score)
        except FileNotFoundError:
            row, said = (name, 0, 0, "", "", ""), "nothing yet"
        except Damaged as error:
            said = f"{path} is damaged: {error}"
            row = name, "", "", "", "", said
        rows.append(row)
        if arguments.format == "text":
            say_line(printable(f"{name or '(no name)':<{width}}  {said}"))
    if arguments.format == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
    sys.stdout.flush()
    return OK
