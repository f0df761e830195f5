"""Loading lessons and the course: every field read, every mistake named with file, line and field. Nothing is evaluated.

The shape of the tables is here; reading them with distrust is ``tables``, queries and trials are ``fields``',
answers are ``answers``'.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fwtutor.course.answers import check_rules, read_solution, read_wrong
from fwtutor.course.checkfields import read_check
from fwtutor.course.checks import Court, places
from fwtutor.course.fields import read_condition, read_host, read_id, read_prediction, read_vary
from fwtutor.course.listed import LESSON_NAME, Listed, find, read_listed
from fwtutor.course.model import Chapter, Check, Course, Deed, Goal, Lesson, LessonError, Stage, Vary
from fwtutor.course.networks import read_topology
from fwtutor.course.pages import read_pages
from fwtutor.course.tables import Table, read_text, read_text_if_there, shown_name
from fwtutor.course.translation import Translation
from fwtutor.course.which import lessons_folder
from fwtutor.network.topology import HostSpec
from fwtutor.recording import Scenario, Scripted

MAX_EACH = 64
"""Goals of one lesson, and checks."""


def load_course(root: Path | None = None, *, answers: bool = True, language: str = "") -> Course:
    """The course in ``root`` (default ``lessons_folder()``). A broken lesson is kept in ``Course.broken``, the rest loads.

    ``answers`` and ``language`` are as ``load_lesson`` has them.

    Raises LessonError if course.toml itself cannot be used.
    """
    root = root if root is not None else lessons_folder()
    listed = _translated(root, language, read_listed(root))
    chapters: list[Chapter] = []
    broken: list[LessonError] = []
    for chapter in listed.chapters:
        lessons: list[Lesson] = []
        for name in chapter.names:
            try:
                lessons.append(load_lesson(root / name, chapter=chapter.title, answers=answers, language=language))
            except LessonError as error:
                broken.append(error)
        chapters.append(Chapter(chapter.title, chapter.about, tuple(lessons)))
    return Course(listed.title, root, tuple(chapters), tuple(broken), listed.exam, language)


def _translated(root: Path, language: str, listed: Listed) -> Listed:
    """The course's title and its chapters' texts, as ``course.de.toml`` has them; chapters in the same order. Raises LessonError."""
    name = f"course.{language}.toml"
    if not language or not os.path.lexists(root / name):
        return listed
    table = Table.parse(shown_name(root, name), read_text(root, name))
    title, chapters = table.text("title", listed.title, limit=100), list(listed.chapters)
    parts = table.tables("chapters")
    if parts and len(parts) != len(chapters):
        table.fail(f"are {len(parts)}, and the course has {len(chapters)}", "chapters")
    for number, part in enumerate(parts):
        own = chapters[number]
        chapters[number] = own._replace(title=part.text("title", own.title, limit=60), about=part.text("about", own.about, limit=200))
        part.done()
    table.done()
    return listed._replace(title=title, chapters=chapters)


def find_lesson(name: str, language: str = "") -> Lesson:
    """A lesson of the course by its name, or any by its folder, to be played: no other is read, and no answers.

    Raises BadInput, and LessonError where it is broken.
    """
    folder, chapter = find(name)
    return load_lesson(folder, chapter=chapter, answers=False, language=language)


def load_lesson(folder: Path, *, chapter: str = "", answers: bool = True, language: str = "") -> Lesson:
    """The lesson in a folder. Raises LessonError for the first thing that is wrong.

    ``answers``: with the solution and the answers that must fail, which a proof needs and nobody who plays. ``language``: the
    code of the one whose texts are read, as far as there are any; "" is the lesson's own.
    """
    folder = folder.absolute()
    if not LESSON_NAME.match(folder.name):
        raise LessonError(folder.name, 0, "", "a lesson's folder is named in lower-case words joined by hyphens")
    table = Table.parse(shown_name(folder, "lesson.toml"), read_text(folder, "lesson.toml"))
    seed = table.number("seed", 0, least=0, most=2**32 - 1)
    watch = table.text("watch", limit=32)
    start = read_text(folder, "start.rules")
    start6 = read_text_if_there(folder, "start.rules6")
    vary = _vary(table)
    words = Translation(folder, language)
    topology = words.topology(read_topology(table, watch, start, seed, start6))
    hosts = {host.name: host for host in topology.hosts}
    check_rules(hosts[watch], start, shown_name(folder, "start.rules"))
    if start6 is not None:
        check_rules(hosts[watch], start6, shown_name(folder, "start.rules6"), family=6)
    prompts = _prompts(table, hosts)
    stages, script = _stages(table, folder, hosts, watch, prompts)
    scenario = Scenario(topology=topology, script=script, watch=watch, stages=len(stages))
    held_back = table.flag("held_back")
    checks = words.checks(_checks(table, watch, hosts, held_back=held_back))
    court = Court(scenario, checks, seed, places(watch, stages))
    lesson = Lesson(
        name=folder.name,
        title=words.text("title", table.text("title", limit=40), 40),
        question=words.text("question", table.text("question", limit=120), 120),
        minutes=table.number("minutes", least=1, most=120),
        chapter=chapter,
        folder=folder,
        scenario=scenario,
        stages=words.stages(stages),
        goals=words.goals(_goals(table, court, watch, hosts, len(stages))),
        therefore=words.text("therefore", table.text("therefore").strip()),
        next=words.text("next", table.text("next", "").strip()),
        prompts=prompts,
        on_server=words.text("on_server", table.text("on_server").strip()),
        checks=checks,
        seed=seed,
        solution=read_solution(folder, hosts, watch) if answers and not held_back else None,
        wrong=read_wrong(folder, hosts, watch, {check.name for check in checks}) if answers and not held_back else (),
        held_back=held_back,
        vary=vary,
    )
    table.done()
    words.done()
    if language:
        lesson = replace(lesson, language=language, untranslated=tuple(words.missing))
    return lesson


def _vary(table: Table) -> Vary:
    if not table.has("vary"):
        return Vary()
    if table.has("network"):
        table.fail("only what stands in the lesson's own files can vary, and this network is ready-made", "vary")
    return read_vary(table.table("vary"))


# --- stages, goals, checks ----------------------------------------------------------------------------------


def _stages(
    table: Table, folder: Path, hosts: Mapping[str, HostSpec], watch: str, prompts: tuple[str, ...]
) -> tuple[tuple[Stage, ...], tuple[Scripted, ...]]:
    pages = read_pages(folder, "lesson.md")
    parts = table.tables("stages", required=True)
    file = shown_name(folder, "lesson.md")
    if len(parts) != len(pages):
        line = pages[len(parts)].line if len(pages) > len(parts) else 0
        raise LessonError(file, line, "", f"has {len(pages)} headings (## ...), and lesson.toml has {len(parts)} stages")
    stages: list[Stage] = []
    script: list[Scripted] = []
    ids: set[str] = set()
    for number, (part, (line, title, text)) in enumerate(zip(parts, pages, strict=True)):
        heading = part.text("heading", limit=60)
        if heading != title:
            part.fail(f'is "{heading}", but lesson.md:{line} says "{title}"', "heading")
        before = -1.0
        for event in part.tables("traffic"):
            host, run, at = read_host(event, hosts), event.text("run", limit=400), event.seconds("at", 0.0)
            if at < before:
                event.fail("is earlier than the line before it", "at")
            before = at
            event.done()
            script.append(Scripted(number, host, run, at))
        predictions = tuple(read_prediction(item, watch, hosts, len(parts), ids) for item in part.tables("predictions"))
        prompt = part.text("prompt", "", limit=32)
        if prompt and prompt not in prompts:
            part.fail(f'"{prompt}" is none of the lesson\'s prompts', "prompt")
        stages.append(Stage(title, text, predictions, part.texts("hints"), prompt, _deeds(part, hosts)))
        part.done()
    return tuple(stages), tuple(script)


def _deeds(part: Table, hosts: Mapping[str, HostSpec]) -> tuple[Deed, ...]:
    deeds: list[Deed] = []
    for item in part.tables("do"):
        deeds.append(Deed(read_host(item, hosts), item.text("run", limit=400), item.flag("undo")))
        item.done()
    return tuple(deeds)


def _goals(table: Table, court: Court, watch: str, hosts: Mapping[str, HostSpec], stages: int) -> tuple[Goal, ...]:
    ids: set[str] = set()
    goals: list[Goal] = []
    for part in table.tables("goals", required=True):
        when = read_condition(part.table("when"), watch, tuple(hosts), stages, court)
        goals.append(Goal(read_id(part, ids), part.text("text", limit=80), when))
        part.done()
    if len(goals) > MAX_EACH:
        table.fail(f"are more than {MAX_EACH}", "goals")
    return tuple(goals)


def _checks(table: Table, watch: str, hosts: Mapping[str, HostSpec], *, held_back: bool) -> tuple[Check, ...]:
    names: set[str] = set()
    if held_back and table.has("checks"):
        table.fail("are here, and held_back says they are not", "checks")
    parts = table.tables("checks", required=not held_back)
    if len(parts) > MAX_EACH:
        table.fail(f"are more than {MAX_EACH}", "checks")
    return tuple(read_check(part, read_id(part, names, "name"), watch, hosts) for part in parts)


def _prompts(table: Table, hosts: Mapping[str, HostSpec]) -> tuple[str, ...]:
    prompts = table.texts("prompts", required=True)
    for number, name in enumerate(prompts, 1):
        if name not in hosts:
            table.fail(f'there is no host "{name[:40]}"', "prompts", number)
        if name in prompts[: number - 1]:
            table.fail(f'"{name}" is listed twice', "prompts", number)
    return prompts
