"""The body of the lab, with or without anything in its panes."""

from __future__ import annotations

from textual.containers import Vertical


class Body(Vertical):
    """What holds the panes: ``lab.tcss`` knows them by it."""
