"""The one-row bars: the lesson's question and progress on top, the tabs of a narrow screen, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from fwtutor.tui.actions import Action
from fwtutor.tui.spans import Line, Span, crop, ends, line, pill
from fwtutor.tui.widgets.lines import LineView


class TopLine(LineView):
    """The question, always: left what this is about, right how far one is."""

    DEFAULT_CSS = "TopLine { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title, self._news, self._right = "", "", ""

    def show(self, title: str, right: str, news: str = "") -> None:
        """Show a title and, at the right edge, progress; ``news`` before it stands out."""
        self._title, self._right, self._news = title, right, news
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        name = Span(" fwtutor ", "current") if width >= 100 else Span(" ")
        return (ends(Line((name, *line((self._title, "strong")).spans)), line((self._news, "accept"), (f"{self._right} ", "dim")), width),)


class TabBar(LineView):
    """Which pane a narrow screen shows; every tab can be clicked."""

    DEFAULT_CSS = "TabBar { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = tuple(tabs)
        self._active = self._tabs[0][0]

    def show(self, active: str) -> None:
        """Mark a tab as the one shown."""
        self._active = active
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        spans: list[Span] = [Span(" ")]
        for name, title in self._tabs:
            here = name == self._active
            click = f"screen.show_tab('{name}')"
            spans += pill(title, click) if here else [Span(f" {title} ", "dim", click)]
        return (ends(Line(tuple(spans)), line(Span("tab next pane ", "dim", "screen.next_pane")), width),)


class KeyBar(LineView):
    """The keys that work now, as many as fit; each is a button, and its tooltip says more."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $panel; overflow-y: hidden; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions: tuple[Action, ...] = ()
        self._note = ("", "")
        self._ranges: list[tuple[int, int, Action]] = []

    def show(self, actions: Sequence[Action], note: tuple[str, str] = ("", "")) -> None:
        """Show the keys of some actions; ``note`` gives the action of an id other words for now."""
        if (tuple(actions), note) != (self._actions, self._note):
            self._actions, self._note = tuple(actions), note
            self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        shown = list(self._actions)
        while shown and self._width(shown) > width:
            shown.remove(max(reversed(shown), key=lambda action: action.weight))
        spans: list[Span] = [Span(" ")]
        self._ranges = []
        used = 1
        for action in shown:
            row = self._item(action)
            spans += [Span(span.text, span.role, action.command) for span in row.spans]
            spans.append(Span("  "))
            self._ranges.append((used, used + row.width, action))
            used += row.width + 2
        return (crop(Line(tuple(spans[:-1])), width),)

    def _item(self, action: Action) -> Line:
        return line((action.shown, "key"), f" {self._note[1] if action.id == self._note[0] else action.label}")

    def _width(self, actions: Sequence[Action]) -> int:
        return 1 + sum(self._item(action).width + 2 for action in actions) - 2

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.tooltip = next((action.tooltip for start, end, action in self._ranges if start <= event.x < end), None)
