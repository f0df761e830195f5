"""Proving a lesson: that its start does not pass and its solution does, that its wrong answers fail for the reason they name,
that its predictions are what the engine computes. ``fwtutor lesson list`` and ``lesson check`` are here too, as text and exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fwtutor.course.checks import Judgement, court_of, failures_of
from fwtutor.course.language import languages
from fwtutor.course.loader import load_course, load_lesson
from fwtutor.course.model import Answer, Lesson, LessonError
from fwtutor.course.quiz import has_quiz, load_quiz
from fwtutor.course.tables import shown_name
from fwtutor.course.translation import differences
from fwtutor.course.varying import left_over, load_variant
from fwtutor.course.which import lessons_folder
from fwtutor.network.records import CommandRun
from fwtutor.recording import Run, Session

QUIZ = "quiz"
"""What the course's quiz is called where lessons are called by their names."""
DROP_EVERYTHING = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n"
ACCEPT_EVERYTHING = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
TITLE = 20
"""Characters of a lesson's title at most: so many the course's map and the lists have room for."""
HELD_BACK = "its checks and answers are held back from students: take the copy that has them"


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing about a lesson that is not as it must be."""

    lesson: str
    where: str
    """The file or field: ``"wrong/not-invalid.rules"``, ``"predictions: syn-to-22"``."""
    said: str

    def __str__(self) -> str:
        return f"{self.lesson}: {self.where}: {self.said}"


def check_lesson(lesson: Lesson) -> list[Finding]:
    """Everything that is wrong with a loaded lesson; empty when it is proven."""
    return [*_check_title(lesson), *_check_answers(lesson), *_check_run(lesson), *_check_way(lesson)]


def check_variants(lesson: Lesson, students: Sequence[str] = ("one", "two", "three")) -> list[Finding]:
    """What is wrong with the lesson as it is drawn for some students, if anything may vary. Raises LessonError."""
    found: list[Finding] = []
    for name, line, beginning in left_over(lesson):
        found.append(Finding(lesson.name, f"{name}:{line}", f"says {beginning}, which stays as it is when vary.networks are drawn"))
    for student in students if lesson.vary.anything else ():
        for finding in check_lesson(load_variant(lesson.folder, None, student)):
            found.append(Finding(finding.lesson, finding.where, f"{finding.said} (as drawn for {student})"))
    return found


def _translations(lesson: Lesson, findings: list[Finding]) -> Iterable[str]:
    """What there is to say of each translation; what is wrong with them joins the findings. Raises LessonError."""
    for language in languages(lesson.folder):
        other = load_lesson(lesson.folder, answers=False, language=language)
        findings += [Finding(lesson.name, f"{language}: {where}", said) for where, said in differences(lesson, other)]
        missing = other.untranslated
        yield f"{language}: {len(missing)} texts missing, the first is {missing[0]}" if missing else f"{language}: all texts"


def _check_title(lesson: Lesson) -> Iterable[Finding]:
    if len(lesson.title) > TITLE:
        yield Finding(lesson.name, "title", f'"{lesson.title}" has {len(lesson.title)} characters, and the lists have room for {TITLE}')


def _check_answers(lesson: Lesson) -> Iterable[Finding]:
    court = court_of(lesson)
    # Where IPv6 has rules they are part of the answer; elsewhere it stays as it is.
    six = bool(lesson.scenario.topology.host(lesson.scenario.watch).rules6)
    for where, rules, rules6 in (
        ("start.rules", "", ""),
        ("drop everything", DROP_EVERYTHING, DROP_EVERYTHING if six else ""),
        ("accept everything", ACCEPT_EVERYTHING, ACCEPT_EVERYTHING if six else ""),
    ):
        if court.judge(Answer(where, rules, rules6), hasty=True).passed:
            yield Finding(lesson.name, where, "passes every check, and must not")
    assert lesson.solution is not None
    solution = court.judge(lesson.solution)
    if not solution.passed:
        yield Finding(lesson.name, lesson.solution.source, f"does not pass: {solution}")
    for wrong in lesson.wrong:
        judgement = court.judge(wrong.answer)
        if judgement.passed:
            yield Finding(lesson.name, wrong.answer.source, f"passes every check, and must fail {wrong.check}")
        elif not failures_of(judgement.failures, wrong.check):
            yield Finding(lesson.name, wrong.answer.source, f"does not fail {wrong.check}, but {_names(judgement)}")


def _names(judgement: Judgement) -> str:
    return judgement.refused or ", ".join(failure.check.name for failure in judgement.failures)


def _check_run(lesson: Lesson) -> Iterable[Finding]:
    run = Run(lesson.scenario)
    if run.cut:
        yield Finding(lesson.name, "stages", "the traffic never comes to an end")
    for record in run.records:
        if isinstance(record, CommandRun) and record.refused and record.cause < 0:
            yield Finding(lesson.name, "stages", f"{record.host}# {record.line}: refused: {record.output.strip()}")
    due = -1
    for prediction in lesson.predictions:
        where = f"predictions: {prediction.id}"
        computed, place = prediction.computed(run), prediction.due_at(run)
        if computed is None or place is None:
            yield Finding(lesson.name, where, "the run has no such packet")
            continue
        if computed != prediction.expect:
            yield Finding(lesson.name, where, f'expects "{prediction.expect}", and the engine says "{computed}"')
        if place <= due:
            yield Finding(lesson.name, where, "falls due before the prediction it comes after")
        due = place
    for stage, first in enumerate(run.stage_starts):
        for prediction in lesson.stages[stage].predictions:
            place = prediction.due_at(run)
            if place is not None and run.stage_of(place) != stage:
                yield Finding(lesson.name, f"predictions: {prediction.id}", "is about a packet of another stage")
        if first >= len(run.records):
            yield Finding(lesson.name, f"stages: {lesson.stages[stage].title}", "nothing happens in it, so nobody would ever come to it")


def _check_way(lesson: Lesson) -> Iterable[Finding]:
    """Does what the stages say to do meet every goal?"""
    met: set[str] = set()
    session = Session(lesson.scenario)

    def look() -> None:
        met.update(goal.id for goal in lesson.goals if goal.met_at(session.run) is not None)

    look()
    for number, stage in enumerate(lesson.stages):
        if stage.deeds:
            session.cursor.seek(session.run.stage_starts[number] - 1)
        for deed in stage.deeds:
            record = session.enter(deed.host, deed.line)
            if record.refused:
                yield Finding(lesson.name, f"stages: {stage.title}: do", f"{deed.host}# {deed.line}: refused: {record.output.strip()}")
            look()
            if deed.undo:
                session.undo()
    for goal in lesson.goals:
        if goal.id not in met:
            yield Finding(lesson.name, f"goals: {goal.id}", "is not met by what the stages say to do")


# --- what the command line says -----------------------------------------------------------------------------


def lesson_list(root: Path | None = None) -> tuple[str, int]:
    """``fwtutor lesson list``: the course as text, and the exit code."""
    try:
        course = load_course(root)
    except LessonError as error:
        return str(error), 2
    lines: list[str] = []
    width = max((len(lesson.name) for lesson in course.lessons), default=0)
    for chapter in course.chapters:
        lines.append(chapter.title)
        lines += [f"  {lesson.name:<{width}} {lesson.question}  ({lesson.minutes} min)" for lesson in chapter.lessons]
    lines += [f"cannot be loaded: {error}" for error in course.broken]
    return "\n".join(lines), 2 if course.broken else 0


def lesson_check(names: Sequence[str] = (), root: Path | None = None) -> tuple[str, int]:
    """``fwtutor lesson check [NAME...]``: what was proven, as text, and the exit code (0 proven, 1 findings, 2 not loadable).

    "quiz" is the course's quiz, which is among all there is. A name with a slash in it, or of a folder that is there and not
    among the course's lessons, is a folder.
    """
    root = root if root is not None else lessons_folder()
    lines: list[str] = []
    code = 0
    try:
        folders = [_folder(root, name) for name in names if name != QUIZ] if names else [lesson.folder for lesson in _all(root)]
    except LessonError as error:
        return str(error), 2
    for folder in folders:
        try:
            lesson = load_lesson(folder)
            if lesson.held_back:
                raise LessonError(shown_name(folder, "lesson.toml"), 0, "held_back", HELD_BACK)
            findings: list[Finding] = []
            told = list(_translations(lesson, findings))
            findings += [*check_lesson(lesson), *check_variants(lesson)]
        except LessonError as error:
            lines.append(str(error))
            code = 2
            continue
        if findings:
            lines += [str(finding) for finding in findings]
            code = max(code, 1)
        else:
            proven = f"{len(lesson.checks)} checks, {len(lesson.wrong)} wrong answers, {len(lesson.predictions)} predictions"
            told += ["three variants"] if lesson.vary.anything else []
            lines.append(f"{lesson.name}: proven ({'; '.join([proven, *told])})")
    if QUIZ in names or (not names and has_quiz(root)):
        try:
            lines.append(f"{QUIZ}: proven ({len(load_quiz(root).questions)} questions)")
        except LessonError as error:
            lines.append(str(error))
            code = 2
    return "\n".join(lines), code


def _all(root: Path) -> Sequence[Lesson]:
    course = load_course(root)
    if course.broken:
        raise course.broken[0]
    return course.lessons


def _folder(root: Path, name: str) -> Path:
    inside = root / name
    if "/" not in name and inside.is_dir():
        return inside
    if Path(name).is_dir():
        return Path(name).absolute()
    raise LessonError(name, 0, "", f"there is no such lesson in {root}, and no such folder")
