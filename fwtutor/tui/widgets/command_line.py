"""The command line: a prompt at one of the lab's hosts, with history; and the panel that shows what came of a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from fwtutor.tui.spans import Line, Span, clean, line, wrap
from fwtutor.tui.widgets.lines import LineView

LONGEST = 4000
"""Characters a command may have."""
IDLE = "press : and type, e.g. iptables -L -v -n"


class CommandInput(Input):
    """The text field; it owns the keys that mean something else in the lab.

    | key | does |
    | :-- | :-- |
    | escape | back to the lab |
    | up, down | commands entered before |
    | tab | the next host's prompt |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave", "Back to the lab", show=False, id="type.leave"),
        Binding("up", "recall(-1)", "Older command", show=False, id="type.older"),
        Binding("down", "recall(1)", "Newer command", show=False, id="type.newer"),
        Binding("tab,shift+tab", "screen.next_prompt", "Other host", show=False, id="type.host"),
    ]

    def __init__(self) -> None:
        super().__init__(placeholder=IDLE, max_length=LONGEST, compact=True, select_on_focus=False)
        self.history: list[str] = []
        self._at = 0
        self._draft = ""

    def remember(self, text: str) -> None:
        """Put a command in the history, and start a new one."""
        if text and (not self.history or self.history[-1] != text):
            self.history.append(text)
        self._at, self._draft, self.value = len(self.history), "", ""

    def action_recall(self, direction: int) -> None:
        if self._at == len(self.history):
            self._draft = self.value
        self._at = max(0, min(len(self.history), self._at + direction))
        self.value = self._draft if self._at == len(self.history) else self.history[self._at]
        self.cursor_position = len(self.value)


class Prompt(LineView):
    """``server# `` in front of the field; a click goes to the next host."""

    DEFAULT_CSS = "Prompt { width: auto; height: 1; overflow-y: hidden; }"

    def __init__(self) -> None:
        super().__init__()
        self.host = ""
        self._active = False

    def show(self, host: str, *, active: bool) -> None:
        """Show a host's prompt; bright while one types."""
        self.host, self._active = host, active
        self.styles.width = len(clean(host)) + 4
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        return (line(" ", Span(f"{self.host}# ", "current" if self._active else "dim", "screen.next_prompt")),)


class CommandLine(Horizontal):
    """The prompt and its field."""

    DEFAULT_CSS = """
    CommandLine { height: 1; }
    CommandLine CommandInput { width: 1fr; height: 1; border: none; padding: 0; background: transparent; }
    CommandLine CommandInput.-news > .input--placeholder { color: $foreground; }
    CommandLine CommandInput:focus { background: $fw-row; }
    """

    @dataclass
    class Entered(Message):
        """A command was entered at a host."""

        host: str
        text: str

    def __init__(self, hosts: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hosts = tuple(hosts)
        self.host = self._hosts[0]
        self._heard = ""

    def compose(self) -> ComposeResult:
        yield Prompt()
        yield CommandInput()

    @property
    def field(self) -> CommandInput:
        return self.query_one(CommandInput)

    @property
    def typing(self) -> bool:
        """Has the field the focus?"""
        return self.field.has_focus

    def on_mount(self) -> None:
        self.refresh_prompt()

    def refresh_prompt(self) -> None:
        """Draw the prompt anew: the host or the focus changed."""
        self.query_one(Prompt).show(self.host, active=self.typing)
        self.field.placeholder = "" if self.typing else self._heard or IDLE

    def hear(self, text: str, news: bool) -> None:
        """What was last said on a console, shown while nobody types; ``news`` stands out."""
        self._heard = clean(text)
        self.field.set_class(news, "-news")
        self.refresh_prompt()

    def next_host(self) -> None:
        """Go over to the next host's prompt."""
        self.host = self._hosts[(self._hosts.index(self.host) + 1) % len(self._hosts)]
        self.refresh_prompt()

    def on_descendant_focus(self) -> None:
        self.refresh_prompt()

    def on_descendant_blur(self) -> None:
        self.refresh_prompt()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if text:
            self.field.remember(text)
            self.post_message(self.Entered(self.host, text))


class OutputView(LineView):
    """What a command printed, a refusal with its caret, a hint, a notice: above the prompt, until the next step or escape."""

    DEFAULT_CSS = "OutputView { height: auto; max-height: 60%; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()

    def show(self, title: str, lines: Sequence[Line], *, wrong: bool = False) -> None:
        """Open with these lines."""
        self._lines = tuple(lines)
        self.display = True
        self.set_class(wrong, "-wrong")
        self.set_title(title, "Esc closes")
        self.refresh(layout=True)
        self.call_after_refresh(self._opened)

    def _opened(self) -> None:
        self.rebuild()
        self.scroll_to(y=0, animate=False)

    def close(self) -> bool:
        """Close; False if it was not open."""
        was = self.display
        self.display = False
        return was

    def build(self, width: int) -> Sequence[Line]:
        return [row for item in self._lines for row in wrap(item, width)]
