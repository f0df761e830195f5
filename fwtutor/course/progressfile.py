"""What a progress file says: its JSON, read with distrust and written. Where it lies and who writes it is ``progress``'s.

A file is what somebody carries from one machine to another, too (``carrying``), so whatever is wrong with one is named by its field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fwtutor.badinput import on_one_line
from fwtutor.safefiles import NOT_REGULAR, open_regular

VERSION = 1
MAX_BYTES = 4 * 1024 * 1024
MAX_NUMBER = 10**9
MAX_NS = 10**17
MAX_PRINT = 2**32 - 1
WHENS = ("before", "after")
"""The course: when its quiz is taken."""


MAX_TYPED = 200
"""Lines of one lesson that are kept."""
MAX_TYPED_BYTES = 20_000
"""Of those lines, as they stand in the file: all lessons together stay far below what a file may have."""


class Damaged(ValueError):
    """Why a progress file is not one."""


class Typed(NamedTuple):
    """A line that was entered in the run one was in: ``recording.scenario.Input``, and on which page (from 0)."""

    stage: int
    after: int
    ns: int
    host: str
    line: str
    page: int


@dataclass(slots=True)
class LessonProgress:
    """One lesson's part."""

    goals: set[str] = field(default_factory=set)
    """Ids of goals met, ever; a goal once met stays met."""
    predictions: dict[str, str] = field(default_factory=dict)
    """Prediction id -> the ``answer`` value of the choice picked first."""
    stage: int = 0
    """Stage (from 0) last looked at."""
    record: int = -1
    """Record index of the cursor, -1 = before everything."""
    step: int = 0
    """How many steps of that record had happened, 0 = all: somebody may leave in the middle of a packet."""
    bookmarks: list[int] = field(default_factory=list)
    """Record indices of moments of the lesson's own run."""
    right: dict[str, bool] = field(default_factory=dict)
    """Prediction id -> was that first answer what the engine said of the run one was in? Older files do not say."""
    mended: set[str] = field(default_factory=set)
    """Ids of predictions answered wrongly, and then rightly when they were asked again."""
    hints: dict[int, int] = field(default_factory=dict)
    """Stage (from 0) -> how many of its hints were ever asked for."""
    solutions: set[int] = field(default_factory=set)
    """Stages (from 0) whose solution was shown."""
    typed: list[Typed] = field(default_factory=list)
    """What makes the run one was in what it is: entered again when the lesson is opened, for everything is deterministic."""
    typed_in: int = 0
    """A number that stands for the lesson's own run, as it was when they were typed: in another one they mean nothing."""


Quiz = dict[str, dict[str, bool]]
"""``"before"`` and ``"after"`` the course: question id -> was it answered rightly?"""


class Contents(NamedTuple):
    """All that a file says."""

    lessons: dict[str, LessonProgress]
    last: str
    quiz: Quiz


def read(path: Path) -> Contents:
    """Raises FileNotFoundError, and Damaged with the field and the reason."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        if getattr(error, "strerror", None) == NOT_REGULAR:
            raise Damaged(f"it {NOT_REGULAR}") from None
        raise Damaged(f"it cannot be read ({getattr(error, 'strerror', None) or error})") from None
    return parse(data)


def parse(data: bytes) -> Contents:
    """Raises Damaged."""
    if len(data) > MAX_BYTES:
        raise Damaged(f"it is larger than {MAX_BYTES} bytes")
    try:
        content = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Damaged(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Damaged(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise Damaged("its numbers are too long or its brackets too deep") from None
    if not isinstance(content, dict):
        raise Damaged("it is not a JSON object")
    if type(content.get("version")) is not int or content["version"] != VERSION:
        raise Damaged(f"field version is {_shown(content.get('version'))}, this program writes {VERSION}")
    lessons, last, quiz = content.get("lessons", {}), content.get("last", ""), content.get("quiz", {})
    if not isinstance(lessons, dict):
        raise Damaged("field lessons is not an object")
    if not isinstance(last, str):
        raise Damaged("field last is not a string")
    if not isinstance(quiz, dict):
        raise Damaged("field quiz is not an object")
    answers = {when: _flags(f"quiz.{when}", quiz[when]) for when in WHENS if when in quiz}
    return Contents({name: read_part(f"lessons.{_cut(name)}", part) for name, part in lessons.items()}, last, answers)


def read_part(name: str, part: object) -> LessonProgress:
    """One lesson's, in the field ``name`` of a file. Raises Damaged."""
    if not isinstance(part, dict):
        raise Damaged(f"field {name} is not an object")
    predictions = part.get("predictions", {})
    if not isinstance(predictions, dict) or not all(isinstance(answer, str) for answer in predictions.values()):
        raise Damaged(f"field {name}.predictions is not an object of strings")
    stage, record, step = part.get("stage", 0), part.get("record", -1), part.get("step", 0)
    for field_name, value, least in (("stage", stage, 0), ("record", record, -1), ("step", step, 0)):
        if not _whole(value, least):
            raise Damaged(f"field {name}.{field_name} is not a whole number from {least}")
    bookmarks = part.get("bookmarks", [])
    if not isinstance(bookmarks, list) or not all(_whole(each, 0) for each in bookmarks):
        raise Damaged(f"field {name}.bookmarks is not a list of whole numbers from 0")
    hints = part.get("hints", {})
    if not isinstance(hints, dict) or not all(_number(key) and _whole(told, 0) for key, told in hints.items()):
        raise Damaged(f"field {name}.hints does not name pages by their numbers, and hints by theirs")
    solutions = part.get("solutions", [])
    if not isinstance(solutions, list) or not all(_whole(each, 0) for each in solutions):
        raise Damaged(f"field {name}.solutions is not a list of whole numbers from 0")
    typed_in = part.get("typed_in", 0)
    if not _whole(typed_in, 0, MAX_PRINT):
        raise Damaged(f"field {name}.typed_in is not a whole number from 0")
    return LessonProgress(
        goals=_ids(f"{name}.goals", part.get("goals", [])),
        predictions=dict(predictions),
        stage=stage,
        record=record,
        step=step,
        bookmarks=sorted(set(bookmarks)),
        right=_flags(f"{name}.right", part.get("right", {})),
        mended=_ids(f"{name}.mended", part.get("mended", [])),
        hints={int(key): told for key, told in hints.items()},
        solutions=set(solutions),
        typed=_typed(f"{name}.typed", part.get("typed", [])),
        typed_in=typed_in,
    )


def _typed(name: str, value: object) -> list[Typed]:
    if not isinstance(value, list) or len(value) > MAX_TYPED:
        raise Damaged(f"field {name} is not a list of at most {MAX_TYPED} lines")
    found = []
    for number, each in enumerate(value, 1):
        if not isinstance(each, dict) or each.keys() != set(Typed._fields):
            raise Damaged(f"field {name}[{number}] is not an object of {', '.join(Typed._fields)}")
        numbers = all(_whole(each[key], 0, MAX_NS if key == "ns" else MAX_NUMBER) for key in ("stage", "after", "ns", "page"))
        if not numbers or not all(isinstance(each[key], str) for key in ("host", "line")):
            raise Damaged(f"field {name}[{number}] has no whole numbers from 0, and texts, where they belong")
        found.append(Typed(**each))
    return found


def fitting(typed: list[Typed]) -> list[Typed]:
    """As many of the lines as are kept: the first ones, for those behind rest on them."""
    room = MAX_TYPED_BYTES
    for number, each in enumerate(typed):
        room -= len(json.dumps(each.line))
        if number == MAX_TYPED or room < 0:
            return typed[:number]
    return typed


def _ids(name: str, value: object) -> set[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Damaged(f"field {name} is not a list of strings")
    return set(value)


def _flags(name: str, value: object) -> dict[str, bool]:
    if not isinstance(value, dict) or not all(isinstance(flag, bool) for flag in value.values()):
        raise Damaged(f"field {name} is not an object of true and false")
    return dict(value)


def _whole(value: object, least: int, most: int = MAX_NUMBER) -> bool:
    return type(value) is int and least <= value <= most


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return on_one_line(text if len(text) <= 40 else text[:40] + "...")


def written(contents: Contents) -> str:
    """The file's text. What there is none of is not named."""
    lessons = {name: written_part(part) for name, part in contents.lessons.items()}
    content = {"version": VERSION, "last": contents.last, "lessons": lessons, **_those_there({"quiz": contents.quiz})}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def written_part(part: LessonProgress) -> dict[str, object]:
    """One lesson's, for a file that is JSON."""
    return {
        "goals": sorted(part.goals),
        "predictions": part.predictions,
        "stage": part.stage,
        "record": part.record,
        **_those_there({"step": part.step, "bookmarks": part.bookmarks, "right": part.right}),
        **_those_there({"mended": sorted(part.mended), "hints": part.hints, "solutions": sorted(part.solutions)}),
        **({"typed": [each._asdict() for each in part.typed], "typed_in": part.typed_in} if part.typed else {}),
    }


def _those_there(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value}
