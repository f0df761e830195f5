"""A pane that fails takes nothing with it: what goes wrong in one is said in that pane, and the rest goes on.

Whatever a pane does comes from outside by one of a few ways: messages (keys, the mouse, timers), being shown something, being
laid out and painted. ``Guarded`` stands at all of them. What goes wrong in a screen or in the engine still ends the application.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from textual.message import Message
from textual.widget import Widget

WAYS_IN = ("show", "choose", "choose_rule", "hold", "turn", "rebuild", "get_content_height")
"""Methods of panes that others call."""


def _guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def safe(self: Guarded, *args: Any, **named: Any) -> Any:
        again = name == "show" and self.try_again()
        try:
            found = method(self, *args, **named)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this pane's alone
            self.fail(error)
            return self.instead(name)
        if again:
            self.recovered()
        return found

    return safe


class Guarded(Widget):
    """Base of widgets that may fail. It stands behind the other base, of which Textual takes styles and keys."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        for name in WAYS_IN:
            if name in cls.__dict__:
                setattr(cls, name, _guarded(name, cls.__dict__[name]))

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:  # noqa: BLE001
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Something went wrong: say so."""
        raise NotImplementedError

    def try_again(self) -> bool:
        """It is shown something new: maybe it goes well now. True if it had failed."""
        return False

    def recovered(self) -> None:
        """It went well again."""

    def instead(self, name: str) -> Any:
        """What a method gives that failed."""
        return None
