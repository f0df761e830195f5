"""A lesson in another language: ``lesson.de.md`` and ``lesson.de.toml`` beside ``lesson.md`` and ``lesson.toml``.

They have the same pages, and the same tables with nothing but texts in them; ids, and the answers of choices, say what a text
is of. So there is nothing in a translation that could make another lesson of it. What it does not have stays English.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from fwtutor.course.model import Check, Choice, Goal, Lesson, LessonError, Prediction, Stage
from fwtutor.course.pages import Page, read_pages
from fwtutor.course.tables import Table, read_text, shown_name
from fwtutor.network.topology import Topology

Thing = TypeVar("Thing", Goal, Check, Prediction, Choice)
_CODE = re.compile(r"`[^`\n]+`")


class Translation:
    """The texts of one language, each taken where the lesson's own is read. Raises LessonError for whatever fits nothing there."""

    def __init__(self, folder: Path, language: str) -> None:
        """``language`` "" is that of the lesson: nothing is translated."""
        self._md, name = shown_name(folder, f"lesson.{language}.md"), f"lesson.{language}.toml"
        there = bool(language) and os.path.lexists(folder / name)
        self._table = Table.parse(shown_name(folder, name), read_text(folder, name) if there else "")
        has_pages = bool(language) and os.path.lexists(folder / f"lesson.{language}.md")
        self._pages: Sequence[Page] = read_pages(folder, f"lesson.{language}.md", whole=False) if has_pages else ()
        self._there = there or has_pages
        self.missing: list[str] = []
        """The fields that stay English."""

    def text(self, key: str, own: str, limit: int = 4000) -> str:
        """A text of the lesson itself."""
        return self._text(self._table, key, own, limit) if self._there else own

    def topology(self, own: Topology) -> Topology:
        """The network, with its hosts' titles."""
        if not self._there:
            return own
        titles = dict[str, str]()
        for name, part in self._table.table("hosts", required=False).named_tables():
            if name not in [host.name for host in own.hosts]:
                part.fail(f'there is no host "{name[:40]}"')
            titles[name] = part.text("title", limit=80)
            part.done()
        self.missing += [f"hosts.{host.name}.title" for host in own.hosts if host.title and host.name not in titles]
        return replace(own, hosts=tuple(replace(host, title=titles.get(host.name, host.title)) for host in own.hosts)) if titles else own

    def stages(self, own: tuple[Stage, ...]) -> tuple[Stage, ...]:
        """The pages, with their hints and questions."""
        if not self._there:
            return own
        parts = self._table.tables("stages")
        if parts and len(parts) != len(own):
            self._table.fail(f"are {len(parts)}, and the lesson has {len(own)}", "stages")
        if self._pages and len(self._pages) != len(own):
            line = self._pages[-1].line
            raise LessonError(self._md, line, "", f"has {len(self._pages)} headings (## ...), and the lesson has {len(own)} stages")
        nothing = Table.parse(self._table.file, "")
        return tuple(self._stage(number, stage, parts[number] if parts else nothing) for number, stage in enumerate(own))

    def _stage(self, number: int, own: Stage, part: Table) -> Stage:
        page = self._pages[number] if self._pages else Page(0, own.title, "")
        heading = part.text("heading", page.heading, limit=60)
        if heading != page.heading:
            part.fail(f'is "{heading}", but the page\'s is "{page.heading}"', "heading")
        if not page.text:
            self.missing.append(f"{self._md}: {own.title}")
        hints = part.texts("hints")
        if hints and len(hints) != len(own.hints):
            part.fail(f"are {len(hints)}, and the lesson has {len(own.hints)}", "hints")
        if own.hints and not hints:
            self.missing.append(f"stages[{number + 1}].hints")
        asked = self._by(part, "predictions", "id", own.predictions)
        predictions = tuple(self._prediction(prediction, asked.get(prediction.id)) for prediction in own.predictions)
        part.done()
        return replace(own, title=page.heading, text=page.text or own.text, hints=hints or own.hints, predictions=predictions)

    def _prediction(self, own: Prediction, part: Table | None) -> Prediction:
        if part is None:
            self.missing.append(f"predictions: {own.id}")
            return own
        texts = self._by(part, "choices", "answer", own.choices)
        choices = tuple(self._choice(own, choice, texts.get(choice.answer)) for choice in own.choices)
        question = self._text(part, "question", own.question, 240, f"predictions: {own.id}")
        part.done()
        return replace(own, question=question, choices=choices)

    def _choice(self, asked: Prediction, own: Choice, part: Table | None) -> Choice:
        where = f"predictions: {asked.id}: {own.answer}"
        if part is None:
            self.missing.append(where)
            return own
        # Most choices are netfilter's own words, which nobody translates.
        text, why = part.text("text", own.text, limit=80), self._text(part, "why", own.why, 400, where)
        part.done()
        return replace(own, text=text, why=why)

    def goals(self, own: tuple[Goal, ...]) -> tuple[Goal, ...]:
        return self._texts(own, "goals", "id", "text", 80)

    def checks(self, own: tuple[Check, ...]) -> tuple[Check, ...]:
        return self._texts(own, "checks", "name", "reason", 4000)

    def done(self) -> None:
        """All of it has been taken: whatever is left is a mistake."""
        self._table.done()

    # --- inside -----------------------------------------------------------------------------------------

    def _texts(self, own: tuple[Thing, ...], key: str, by: str, what: str, limit: int) -> tuple[Thing, ...]:
        """Things that have one text each."""
        if not self._there:
            return own
        parts = self._by(self._table, key, by, own)
        made = []
        for thing in own:
            part, where = parts.get(getattr(thing, by)), f"{key}: {getattr(thing, by)}"
            if part is None:
                self.missing.append(where)
                made.append(thing)
                continue
            made.append(replace(thing, **cast("Any", {what: self._text(part, what, getattr(thing, what), limit, where)})))
            part.done()
        return tuple(made)

    @staticmethod
    def _by(table: Table, key: str, by: str, own: Sequence[Thing]) -> dict[str, Table]:
        """The tables of a list, by the id of what they translate."""
        found: dict[str, Table] = {}
        known = [getattr(thing, by) for thing in own]
        for part in table.tables(key):
            name = part.text(by, limit=80)
            if name not in known:
                part.fail(f'the lesson has none that is "{name[:40]}" here', by)
            if name in found:
                part.fail(f'"{name}" is translated twice', by)
            found[name] = part
        return found

    def _text(self, part: Table, key: str, own: str, limit: int, where: str = "") -> str:
        text = part.text(key, "", limit=limit).strip()
        if own and not text:
            self.missing.append(f"{where}: {key}" if where else key)
        return text or own


def differences(own: Lesson, other: Lesson) -> Iterator[tuple[str, str]]:
    """What a translation says otherwise that is the same in every language: what is to be typed. (Where, what)."""
    texts = [("on_server", own.on_server, other.on_server)]
    for stage, translated in zip(own.stages, other.stages, strict=True):
        texts += [(translated.title, stage.text, translated.text)]
        texts += [(f"{translated.title}: hints", *pair) for pair in zip(stage.hints, translated.hints, strict=True)]
    for where, before, after in texts:
        there, here = _CODE.findall(before), _CODE.findall(after)
        yield from ((where, f"has {code}, which the lesson has not") for code in here if code not in there)
        yield from ((where, f"has no {code}, which the lesson has") for code in there if code not in here)
