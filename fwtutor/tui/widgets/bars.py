"""The one-row bars: the lesson's question and progress on top, the tabs of a narrow screen, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from fwtutor.telling import glyphs
from fwtutor.telling.actions import Action
from fwtutor.telling.spans import Line, Span, crop, ends, line, pill
from fwtutor.tui import keymap
from fwtutor.tui.widgets.lines import LineView


class TopLine(LineView):
    """The question, always: left what this is about, right how far one is."""

    DEFAULT_CSS = "TopLine { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._right: tuple[str, ...] = ()

    def show(self, title: str, *right: str) -> None:
        """Show a title and, at the right edge, how far one is; of that the last parts give way to the title."""
        self._title, self._right = title, right
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        left = line(Span(" fwtutor ", "current") if width >= 100 else Span(" "), (self._title, "strong"))
        right = [part for part in self._right if part]
        while len(right) > 1 and left.width + len("   ".join(right)) + 2 > width:
            right.pop()
        return (ends(left, line((f"{'   '.join(right)} ", "dim")), width),)


class TabBar(LineView):
    """Which pane a narrow screen shows; every tab can be clicked."""

    DEFAULT_CSS = "TabBar { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = tuple(tabs)
        self._active = self._tabs[0][0]
        self._goal = ""

    def show(self, active: str, goal: str = "") -> None:
        """Mark a tab as the one shown; beside the tabs stands the goal that is open."""
        self._active, self._goal = active, goal
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        spans: list[Span] = [Span(" ")]
        for name, title in self._tabs:
            here = name == self._active
            click = f"screen.show_tab('{name}')"
            spans += pill(title, click) if here else [Span(f" {title} ", "dim", click)]
        tabs = Line(tuple(spans))
        goal = crop(line(Span(f"{glyphs.BOX} ", "dim"), self._goal), width - tabs.width - 2) if self._goal else Line()
        return (ends(tabs, Line((*goal.spans, Span(" "))), width),)


class KeyBar(LineView):
    """The keys that work now; each is a button, and its tooltip says more. Those that do not fit have a page of their own."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions: tuple[Action, ...] = ()
        self._note = ("", "")
        self._more: Action | None = None
        self._page = 0
        self._ranges: list[tuple[int, int, Action]] = []

    def show(self, actions: Sequence[Action], note: tuple[str, str] = ("", ""), more: Action | None = None) -> None:
        """Show the keys of some actions; ``note`` gives the action of an id other words for now, ``more`` turns the page."""
        if (tuple(actions), note) != (self._actions, self._note):
            self._actions, self._note, self._page = tuple(actions), note, self._page if self._actions == tuple(actions) else 0
            self._more = more
            self.rebuild()

    def turn(self) -> None:
        """Show the other keys."""
        self._page = 1 - self._page
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        spans: list[Span] = [Span(" ")]
        self._ranges = []
        used = 1
        for action in self._shown(width):
            row = self._item(action)
            spans += [Span(span.text, span.role, action.command) for span in row.spans]
            spans.append(Span("  "))
            self._ranges.append((used, used + row.width, action))
            used += row.width + 2
        return (crop(Line(tuple(spans[:-1])), width),)

    def _shown(self, width: int) -> list[Action]:
        first = list(self._actions)
        if self._width(first) <= width:
            return first
        end = [self._more] if self._more else []
        while first and self._width([*first, *end]) > width:
            first.remove(max(reversed(first), key=lambda action: action.weight))
        if not self._page:
            return [*first, *end]
        second = [action for action in self._actions if action not in first]
        while second and self._width([*second, *end]) > width:
            second.pop()
        return [*second, *end]

    def _item(self, action: Action) -> Line:
        return line((keymap.shown(action), "key"), f" {self._note[1] if action.id == self._note[0] else action.label}")

    def _width(self, actions: Sequence[Action]) -> int:
        return 1 + sum(self._item(action).width + 2 for action in actions) - 2

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.tooltip = next((action.tooltip for start, end, action in self._ranges if start <= event.x < end), None)
