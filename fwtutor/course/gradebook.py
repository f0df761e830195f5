"""Marks as a person reads them and as programs do: text, JSON, JUnit's XML, and a gradebook's CSV."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO
from xml.etree import ElementTree

from fwtutor.badinput import printable
from fwtutor.course.grading import Mark
from fwtutor.course.model import Lesson
from fwtutor.course.submissions import Submission, file_name, same_student


def grade_of(lesson: Lesson, mark: Mark) -> int:
    """From 0 to 100: of what must go on the share that does, times, of what must be kept out, the share that is.

    A firewall that lets all through, or nothing, does half of its work, and is worth nothing.
    """
    if mark.refused:
        return 0
    failed = {check for check, _, _ in mark.failures}
    grade = 100.0
    for keeps_out in (True, False):
        names = [check.name for check in lesson.checks if check.keeps_out == keeps_out]
        if names:
            grade *= 1 - len(failed.intersection(names)) / len(names)
    return round(grade)


def one_each(lesson: Lesson, submissions: Sequence[Submission], marks: Sequence[Mark]) -> list[Mark]:
    """One mark for each student: of several files the best counts, of equally good ones the last; which did is noted."""
    of: dict[str, list[Mark]] = {}
    for submission, mark in zip(submissions, marks, strict=True):
        of.setdefault(same_student(submission), []).append(mark)
    found: list[Mark] = []
    for several in of.values():
        best = max(reversed(several), key=lambda mark: (mark.passed, not mark.refused, grade_of(lesson, mark)))
        if len(several) > 1:
            others = ", ".join(file_name(mark.source) for mark in several if mark is not best)
            best = best._replace(
                note="; ".join(filter(None, (best.note, f"{file_name(best.source)} counts, as the best, and not {others}")))
            )
        found.append(best)
    return found


def text(lesson: Lesson, marks: Sequence[Mark]) -> str:
    """For people: each answer, the history by which it failed, and what the class chose."""
    lines: list[str] = []
    for mark in marks:
        not_passed = f"not passed, {grade_of(lesson, mark)} of 100"
        lines.append(f"{mark.student}: {'passed' if mark.passed else 'refused' if mark.refused else not_passed}")
        if mark.refused:
            lines.append(f"    {mark.source}: {mark.refused}")
        for check, happened, reason in mark.failures:
            lines += [f"    {check}: {happened}.", f"        {reason}"]
        if mark.note:
            lines.append(f"    note: {mark.note}")
        if mark.like:
            lines.append(f"    as the wrong answer {mark.like}: {_why(lesson)[mark.like]}")
    if len(marks) > 1:
        passed = sum(mark.passed for mark in marks)
        lines += ["", f"{passed} of {len(marks)} passed"]
        failed = Counter(check for mark in marks for check, _, _ in mark.failures)
        lines += [f"  {count:>4} failed {check}" for check, count in failed.most_common()]
        chosen = Counter(mark.like for mark in marks if mark.like)
        lines += [f"  {count:>4} answered as {name}: {_why(lesson)[name]}" for name, count in chosen.most_common()]
    return "\n".join(lines) + "\n"


def _why(lesson: Lesson) -> dict[str, str]:
    return {wrong.answer.source.rpartition("/")[2].rpartition(".")[0]: wrong.why for wrong in lesson.wrong}


def as_json(lesson: Lesson, marks: Sequence[Mark]) -> str:
    """One object: the lesson, and a list of answers."""
    answers = [
        {
            "student": mark.student,
            "source": mark.source,
            "grade": grade_of(lesson, mark),
            "passed": mark.passed,
            "refused": mark.refused or None,
            "failures": [{"check": check, "happened": happened, "reason": reason} for check, happened, reason in mark.failures],
            "like": mark.like or None,
            "note": mark.note or None,
        }
        for mark in marks
    ]
    return json.dumps({"lesson": lesson.name, "answers": answers}, indent=2, ensure_ascii=False) + "\n"


def junit(lesson: Lesson, marks: Sequence[Mark]) -> str:
    """A test suite of the lesson, a test case for each check of each answer."""
    suite = ElementTree.Element("testsuite", name=lesson.name)
    count = failed = errors = 0
    for mark in marks:
        happened = {check: (words, reason) for check, words, reason in mark.failures}
        for check in lesson.checks:
            case = ElementTree.SubElement(suite, "testcase", classname=printable(mark.student), name=check.name)
            count += 1
            if mark.refused:
                ElementTree.SubElement(case, "error", message=printable(mark.refused))
                errors += 1
            elif check.name in happened:
                words, reason = happened[check.name]
                ElementTree.SubElement(case, "failure", message=printable(words)).text = reason
                failed += 1
    suite.attrib |= {"tests": str(count), "failures": str(failed), "errors": str(errors)}
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode") + "\n"


def gradebook(lesson: Lesson, marks: Sequence[Mark]) -> str:
    """CSV: student, grade from 0 to 100, passed, and what to tell them, on one line."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(("student", "grade", "passed", "feedback"))
    for mark in marks:
        words = mark.refused or " ".join(f"{check}: {happened}. {reason}" for check, happened, reason in mark.failures)
        words = f"{words} ({mark.note})".strip() if mark.note else words
        writer.writerow(
            [_harmless(_on_one_line(mark.student)), grade_of(lesson, mark), "yes" if mark.passed else "no", _harmless(_on_one_line(words))]
        )
    return out.getvalue()


def _on_one_line(text: str) -> str:
    """Without the lines in which a tool points at a word of the line above."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip(" \t^~"))


def _harmless(cell: str) -> str:
    """Spreadsheets run what begins like a formula."""
    return f"'{cell}" if cell[:1] in ("\t", "\r") or cell.lstrip()[:1] in ("=", "+", "-", "@") else cell


FORMATS: dict[str, Callable[[Lesson, Sequence[Mark]], str]] = {"text": text, "json": as_json, "junit": junit, "csv": gradebook}
