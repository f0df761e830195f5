"""Pictures of the screen, as files: what the application does when it is asked for one. ``app`` has the rest."""

from __future__ import annotations

import io
import itertools
import os

from textual import events
from textual.app import App
from textual.css.query import DOMQuery
from textual.widget import Widget

NAME = "picture"
"""Not Textual's own name for it, for its message takes a folder's name for markup."""


class Shots(App[int]):
    """The action, and what came of it."""

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """A picture of what there is now, in the folder one works in, as a sandbox that is kept; never over another file."""
        self.clear_notifications()
        toasts = self.screen.query("Toast")
        if toasts:
            # What was said of the picture before lies over the screen, and does not belong to it.
            self.call_later(self._without, toasts, filename, path)
        else:
            self._take(filename, path)

    async def _without(self, toasts: DOMQuery[Widget], filename: str | None, path: str | None) -> None:
        await toasts.remove()
        self.screen.call_after_refresh(self._take, filename, path)

    def _take(self, filename: str | None, path: str | None) -> None:
        try:
            folder = path or os.getcwd()
            if filename is None:
                numbered = (f"fwtutor-{number}.svg" for number in itertools.count(1))
                filename = next(name for name in numbered if not os.path.lexists(os.path.join(folder, name)))
            self.deliver_text(
                io.StringIO(self.export_screenshot()),
                save_directory=folder,
                save_filename=filename,
                open_method="browser",
                mime_type="image/svg+xml",
                name=NAME,
            )
        except OSError as error:
            self._not_written(error)

    def on_delivery_complete(self, event: events.DeliveryComplete) -> None:
        if event.name == NAME and event.path is not None:
            self.notify(f"A picture of this screen: {event.path.name} in {event.path.parent}", markup=False)

    def on_delivery_failed(self, event: events.DeliveryFailed) -> None:
        if event.name == NAME:
            self._not_written(event.exception)

    def _not_written(self, error: BaseException) -> None:
        why = getattr(error, "strerror", None) or error
        self.notify(f"No picture could be written to this folder: {why}", severity="error", markup=False)
