"""Textual's bindings, made from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding

from fwtutor.telling.actions import Action


def bindings(actions: Sequence[Action]) -> list[Binding]:
    """Textual's bindings of those actions that have keys."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=False,
            key_display=action.shown,
            tooltip=action.tooltip,
            id=action.id,
            priority=action.priority,
        )
        for action in actions
        if action.keys
    ]
