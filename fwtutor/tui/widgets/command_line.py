"""The command line: a prompt at one of the lab's hosts, with history; and the panel that shows what came of a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from fwtutor.telling import glyphs
from fwtutor.telling.spans import Line, Span, clean, line
from fwtutor.tui import keymap
from fwtutor.tui.widgets.field import Field
from fwtutor.tui.widgets.lines import LineView, as_text

LONGEST = 4000
"""Characters a command may have."""
IDLE = "press {key} and type, e.g. iptables -L -v -n"
ELSEWHERE = "press {key} and type, e.g. connect ADDR:PORT; help lists all there is"
"""The same at a host whose firewall is not the one on the screen."""


class CommandInput(Field):
    """The text field; it owns the keys that mean something else in the lab.

    | key | does |
    | :-- | :-- |
    | escape | back to the lab |
    | up, down | commands entered before |
    | tab | completes the word; on an empty line: the next host's prompt |
    | shift+tab | the prompt of the host before |
    | pageup, pagedown | scroll what was printed |
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave", "Back to the lab", show=False, id="type.leave"),
        Binding("up", "recall(-1)", "Older command", show=False, id="type.older"),
        Binding("down", "recall(1)", "Newer command", show=False, id="type.newer"),
        Binding("tab", "complete", "Complete", show=False, id="type.complete"),
        Binding("shift+tab", "screen.next_prompt(-1)", "Other host", show=False, id="type.host"),
    ]

    def __init__(self, enter: Callable[[str], None]) -> None:
        super().__init__(placeholder=IDLE.format(key=keymap.named("lab.command")), max_length=LONGEST, compact=True, select_on_focus=False)
        self._enter = enter
        self._histories: dict[str, list[str]] = {}
        self._host = ""
        self._at = 0
        self._draft = ""

    @property
    def history(self) -> list[str]:
        """What was entered at the present host."""
        return self._histories.setdefault(self._host, [])

    def at(self, host: str) -> None:
        """Go over to a host: each has a history of its own."""
        if host != self._host:
            self._host = host
            self._at = len(self.history)

    def remember(self, text: str) -> None:
        """Put a command in the history, and start a new one."""
        if text and (not self.history or self.history[-1] != text):
            self.history.append(text)
        self._at, self._draft, self.value = len(self.history), "", ""

    def takes(self, key: str) -> bool:
        """Is this key, no letter, bound here?"""
        return key in self._bindings.key_to_bindings

    async def _on_key(self, event: events.Key) -> None:
        # Textual lets a bound key go all the way up to the application before it acts, and letters that come after it
        # overtake it while the application is busy: two lines typed fast would become one. Here every key waits its turn.
        if not event.is_printable and self.takes(event.key):
            event.stop()
            event.prevent_default()
            await self.run_action(self._bindings.key_to_bindings[event.key][-1].action)
        elif event.character == ":" and not self.value:
            # The key that opens the prompt, pressed once more by who did not see that it is open: no command begins with it.
            event.stop()
            event.prevent_default()

    async def action_submit(self) -> None:
        """Take the line and run it, before anything that is typed after it."""
        text = self.value.strip()
        if text:
            self.remember(text)
            self._enter(text)
        else:
            await self.run_action("screen.submit_nothing")

    async def action_complete(self) -> None:
        """The word before the cursor, as far as it is certain; on an empty line, the next host."""
        if not self.value.strip():
            await self.run_action("screen.next_prompt")
            return
        before, after = self.value[: self.cursor_position], self.value[self.cursor_position :]
        line = self.screen.query_one(CommandLine).complete(before)
        if line == before:
            self.app.bell()
        self.value, self.cursor_position = line + after, len(line)

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


class Notice(LineView):
    """A sentence in the prompt's place while nobody types: a goal met, the end of a page, what comes next."""

    DEFAULT_CSS = "Notice { width: 1fr; height: 1; overflow-y: hidden; display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self.said = Line()

    def show(self, row: Line) -> None:
        """Say it."""
        self.said = row
        self.rebuild()

    def build(self, width: int) -> Sequence[Line]:
        return (Line((Span(" "), *(span._replace(click=span.click or "screen.command") for span in self.said.spans))),)


class CommandLine(Horizontal):
    """The prompt and its field; while nobody types, what was last heard, or a notice in their place."""

    DEFAULT_CSS = """
    CommandLine { height: 1; }
    CommandLine CommandInput { width: 1fr; height: 1; border: none; padding: 0; background: transparent; }
    CommandLine CommandInput > .input--placeholder { color: $fw-dim; }
    CommandLine CommandInput.-news > .input--placeholder { color: $foreground; }
    CommandLine CommandInput.-alone { padding: 0 0 0 1; }
    CommandLine CommandInput:focus { background: $fw-row; }
    """

    def __init__(
        self, hosts: Sequence[str], watch: str, enter: Callable[[str, str], None], complete: Callable[[str, str], str], *,
        id: str | None = None,
    ) -> None:  # fmt: skip
        """``enter`` is given a host and a line to run, ``complete`` a host and a line, and gives the line with its last word grown."""
        super().__init__(id=id)
        self._complete = complete
        self._hosts = tuple(hosts)
        self._watch = watch
        self._enter = enter
        self.host = self._hosts[0]
        self._heard = ""

    def compose(self) -> ComposeResult:
        yield Prompt()
        yield CommandInput(self._entered)
        yield Notice()

    def _entered(self, text: str) -> None:
        self._enter(self.host, text)

    def complete(self, text: str) -> str:
        """The line with its last word grown, as far as that is certain."""
        return self._complete(self.host, text)

    @property
    def field(self) -> CommandInput:
        return self.query_one(CommandInput)

    @property
    def typing(self) -> bool:
        """Has the field the focus?"""
        return self.screen.focused is self.field

    def on_mount(self) -> None:
        self.refresh_prompt()

    def refresh_prompt(self) -> None:
        """Draw the prompt anew: the host or the focus changed."""
        self.query_one(Prompt).show(self.host, active=self.typing)
        self.field.at(self.host)
        idle = (IDLE if self.host == self._watch else ELSEWHERE).format(key=keymap.named("lab.command"))
        self.field.placeholder = "" if self.typing else self._heard or idle
        notice = self.query_one(Notice)
        told = bool(notice.said.spans) and not self.typing
        self.field.display = not told
        # What another host said does not stand behind this one's prompt.
        others = not self.typing and bool(self._heard) and not self._heard.startswith(f"{self.host}: ")
        self.query_one(Prompt).display = not told and not others
        self.field.set_class(others, "-alone")
        notice.display = told

    def notice(self, row: Line) -> None:
        """Say something in the prompt's place until something else is shown; an empty line takes it away."""
        self.query_one(Notice).show(row)
        self.refresh_prompt()

    def type(self) -> None:
        """Give the field the focus, at once."""
        self.notice(Line())
        self.screen.set_focus(self.field)

    def choose(self, host: str) -> None:
        """Go to a host's prompt, if one may type there."""
        if host in self._hosts:
            self.host = host
            self.refresh_prompt()

    def hear(self, text: str, news: bool) -> None:
        """What was last said on a console, shown while nobody types; ``news`` stands out."""
        self._heard = clean(text)
        self.field.set_class(news, "-news")
        self.refresh_prompt()

    def next_host(self, by: int = 1) -> None:
        """Go over to the next host's prompt."""
        self.host = self._hosts[(self._hosts.index(self.host) + by) % len(self._hosts)]
        self.refresh_prompt()

    def on_descendant_focus(self) -> None:
        self.refresh_prompt()

    def on_descendant_blur(self) -> None:
        self.refresh_prompt()


Rows = Callable[[int], Sequence[Line]]
"""Rows for a width."""


class OutputView(LineView):
    """What a command printed, a refusal with its caret, a hint, a notice: above the prompt, until the next step or escape."""

    DEFAULT_CSS = "OutputView { height: auto; max-height: 80%; display: none; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Rows = lambda width: ()
        self._title = ""
        self._last = False

    def show(self, title: str, rows: Rows, *, wrong: bool = False, last: bool = False) -> None:
        """Open with the rows made for the panel's width; ``last``: at the end of them."""
        self._make, self._title, self._last = rows, title, last
        self.display = True
        self.set_class(wrong, "-wrong")
        self._tell()
        self.refresh(layout=True)
        self.call_after_refresh(self._opened)

    def _opened(self) -> None:
        self.rebuild()
        # Where nothing else of the screen moved, Textual has laid it out but not painted it.
        self.screen.refresh()
        self.call_after_refresh(self._laid_out)
        self.scroll_to(y=0, animate=False)
        self._tell()

    def _laid_out(self) -> None:
        """How much there is below is known only now."""
        if self._last:
            self.scroll_to(y=self.max_scroll_y, animate=False)
        self._tell()

    def _tell(self) -> None:
        """Title, and on the lower border the keys: is there more?"""
        more = self.max_scroll_y > round(self.scroll_y)
        keys = f"PgDn more {glyphs.DOWN}  " if more else f"PgUp {glyphs.UP}  " if self.max_scroll_y else ""
        self.set_title(self._title, f"{keys}Esc closes")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell()

    def on_resize(self) -> None:
        super().on_resize()
        self._tell()

    def turn(self, direction: int) -> bool:
        """Scroll by most of a page; False if the panel is not open."""
        if self.display:
            self.scroll_relative(y=direction * max(1, self.size.height - 1), animate=False)
        return bool(self.display)

    def close(self) -> bool:
        """Close; False if it was not open."""
        was = self.display
        self.display = False
        return was

    def build(self, width: int) -> Sequence[Line]:
        return self._make(width)

    def as_text(self) -> str:
        # As it was printed: what is broken here for want of room is not broken there.
        return as_text(self._make(1 << 20))
