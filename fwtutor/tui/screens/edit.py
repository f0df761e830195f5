"""The editor: a host's chains and sysctls as text, with what each rule means, what is wrong with it, and what may be written.

It ends with what is to be entered (a Plan), or None. What lines mean is ``sheets``', the commands are ``recording.editing``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import TextArea

from fwtutor.netfilter.hooks import FILTER
from fwtutor.recording import Session
from fwtutor.recording.editing import Draft, Plan, plan
from fwtutor.telling import glyphs
from fwtutor.telling.actions import APP, EDIT
from fwtutor.telling.spans import BLANK, Line, Span, crop, line, pill, wrap
from fwtutor.telling.told import pointed
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.apply import ApplyScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.pick import PickScreen
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.sheets import ChainSheet, sheets_of
from fwtutor.tui.widgets.bars import KeyBar, TopLine
from fwtutor.tui.widgets.lines import LineView
from fwtutor.tui.widgets.rule_area import RuleArea

if TYPE_CHECKING:
    from fwtutor.telling.tables import Table

ROOMY = 34
"""Rows from which the advice has more of them."""
OFFERED = 24
"""Words at most that are listed as fitting."""


class SheetBar(LineView):
    """Which sheets there are: those of filter, those with rules, those open; each can be clicked."""

    DEFAULT_CSS = "SheetBar { height: 1; overflow-y: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self._items: Sequence[tuple[int, str, bool, bool]] = ()

    def show(self, items: Sequence[tuple[int, str, bool, bool]]) -> None:
        """(number, title, is it the one open, is it changed)."""
        self._items = items
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        spans = [Span(" ")]
        for number, title, here, changed in self._items:
            click = f"screen.open({number})"
            text = f"{title} {glyphs.CHANGED}" if changed else title
            spans += pill(text, click) if here else [Span(f" {text} ", "change" if changed else "dim", click)]
        return (crop(Line(tuple(spans)), width),)


class Advice(LineView):
    """What the line means or what is wrong with it, and what may be written where the cursor is."""

    def __init__(self, area: RuleArea, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.area = area

    def build(self, width: int) -> Sequence[Line]:
        return [*self._meaning(width), *self._offers(width)]

    def _meaning(self, width: int) -> list[Line]:
        meaning = self.area.meaning
        if meaning.problem is None:
            return wrap(line((meaning.says, "dim" if meaning.quiet else "strong")), width)
        problem = meaning.problem
        text = self.area.document.get_line(self.area.row)
        rows: list[Line] = []
        if text.isprintable() and text:
            marked = pointed(text, problem.start, problem.end - problem.start, width)
            rows += [line((row, "" if row.strip(" ^") else "drop")) for row in marked]
        rows += wrap(line((f"{glyphs.CROSS} ", "drop"), problem.message), width, 2)
        return rows + (wrap(line("  ", (problem.hint, "dim")), width, 2) if problem.hint else [])

    def _offers(self, width: int) -> list[Line]:
        offered, chosen = self.area.offers
        if not offered.words:
            return []
        first = max(0, chosen - OFFERED // 3)
        words = offered.words[first : first + OFFERED]
        size = min(max(len(word.text) for word in words), width // 2)
        rows = [BLANK]
        for number, word in enumerate(words, first):
            here = number == chosen
            sign = Span(f"{glyphs.HERE} " if here else "  ", "current")
            row = line(sign, (f"{word.text:<{size}}  ", "current" if here else "code"), (word.about, "dim"))
            rows.append(crop(row, width)._replace(fill="row" if here else ""))
        return rows


class EditScreen(RoleScreen[Plan | None]):
    """A host's rules, to be written otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EDIT), *bindings([action for action in APP if action.priority])]
    CSS_PATH = "edit.tcss"
    ACTIONS = EDIT

    def __init__(self, session: Session, host: str, table: str = FILTER, chain: str = "INPUT", family: int = 4) -> None:
        super().__init__()
        self._session, self._host = session, host
        self._sheets = sheets_of(session, host)
        wanted = (family, table, chain)
        self._open = next((n for n, s in enumerate(self._sheets) if isinstance(s, ChainSheet) and s.name == wanted), 0)
        self._areas: dict[int, RuleArea] = {}
        self._leaving = False

    def compose(self) -> ComposeResult:
        area = self._areas[self._open] = RuleArea(self._sheets[self._open])
        yield TopLine()
        yield SheetBar()
        with Vertical(id="areas"):
            yield area
        yield Advice(area, id="advice")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([action for action in EDIT if action.bar])
        self.area.focus()
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= ROOMY, "-roomy")

    @property
    def area(self) -> RuleArea:
        """The text that is open."""
        return self._areas[self._open]

    @property
    def _changed(self) -> list[RuleArea]:
        return [area for area in self._areas.values() if area.changed]

    def table(self) -> Table:
        from fwtutor.telling.tables import Table

        return Table(self.area.sheet.title, self.area.text.rstrip("\n") + "\n", f"{self._host}.rules.txt")

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        changed = len(self._changed)
        said = f"{glyphs.CHANGED} changed" if changed else "unchanged"
        self.query_one(TopLine).show(f"Edit {self._host}", said)
        items = []
        for number, sheet in enumerate(self._sheets):
            area = self._areas.get(number)
            filter4 = isinstance(sheet, ChainSheet) and sheet.name[:2] == (4, FILTER)
            if filter4 or area is not None or sheet.filled:
                items.append((number, sheet.title, number == self._open, area is not None and area.changed))
        self.query_one(SheetBar).show(items)
        advice = self.query_one(Advice)
        advice.area = self.area
        advice.set_title(f"{self.area.sheet.title} {glyphs.DOT} {self.area.sheet.about(self.area.text)}", "tab completes")
        advice.rebuild()
        _, chosen = self.area.offers
        if chosen < 0:
            advice.scroll_to(y=0, animate=False)

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        self._leaving = False
        self._show()

    def on_text_area_selection_changed(self, message: TextArea.SelectionChanged) -> None:
        self._show()

    # --- what keys do -----------------------------------------------------------------------------------

    def action_complete(self, by: int) -> None:
        self.area.complete(by)
        self._show()

    def action_delete(self) -> None:
        self.area.delete_rule()

    def action_duplicate(self) -> None:
        self.area.duplicate()

    def action_move(self, by: int) -> None:
        self.area.move_rule(by)

    def action_switch(self) -> None:
        self.area.switch()

    def action_undo(self) -> None:
        self.area.undo()

    def action_redo(self) -> None:
        self.area.redo()

    def action_chains(self) -> None:
        rows = []
        for number, sheet in enumerate(self._sheets):
            area = self._areas.get(number)
            changed = area is not None and area.changed
            text = area.text if area is not None else None
            empty = not sheet.filled and not changed
            sign = (f"{glyphs.CHANGED} " if changed else "  ", "change")
            rows.append(line(sign, (f"{sheet.title:<26}", "dim" if empty else "strong"), (sheet.about(text), "dim")))
        self.app.push_screen(PickScreen("Which chain?", rows, self._open), self._chosen)

    def _chosen(self, number: int | None) -> None:
        if number is not None:
            self.action_open(number)

    def action_open(self, number: int) -> None:
        self._open = number
        if number not in self._areas:
            self._areas[number] = RuleArea(self._sheets[number])
            self.query_one("#areas").mount(self._areas[number])
        for at, area in self._areas.items():
            area.display = at == number
        self.area.focus()
        self._show()

    def action_help(self) -> None:
        self.app.push_screen(ReaderScreen("Help", help_rows(EDIT, "One rule a line, as it stands behind -A CHAIN. " + ABOUT, signs=False)))

    # --- the end ----------------------------------------------------------------------------------------

    def action_apply(self) -> None:
        for area in self._changed:
            for number, problem in area.sheet.problems(area.text):
                self.action_open(next(at for at, each in self._areas.items() if each is area))
                area.move_cursor((number, problem.start))
                self.app.bell()
                self.notify("This rule first: iptables would not take it.", timeout=3)
                return
        draft = Draft()
        for area in self._changed:
            area.sheet.take(area.text, draft)
        first = plan(self._session, self._host, draft, first=True)
        here = plan(self._session, self._host, draft, first=False)
        if not here.lines:
            self.notify("Nothing is changed: the rules say what they said.", timeout=3)
            return
        self.app.push_screen(ApplyScreen(self._session, first, here, self._applied))

    def _applied(self, made: Plan) -> None:
        self.dismiss(made)

    def action_leave(self) -> None:
        if self._changed and not self._leaving:
            self._leaving = True
            self.notify("Esc again leaves without what you wrote; ctrl+s applies it.", timeout=4)
            return
        self.dismiss(None)


ABOUT = (
    "The last line of a built-in chain is its policy; a chain of your own is made at the prompt (iptables -N NAME). "
    "An empty line is no rule, and neither is one behind a #. "
    "ctrl+s shows the commands that make the rules so, and enters them: before everything, so that the same traffic runs again, or here."
)
