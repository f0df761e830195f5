"""The applications measured: ``python -m benchmarks.apps NAME``. ``panes`` and ``cursor`` are what ours is held against."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Footer, Static

PACKETS = 10_000
PANES = ("Lesson", "Wire", "Chain", "Packet", "Why", "Connections")


class Panes(App[None]):
    """Six panes with nothing in them: what Textual itself costs."""

    CSS = "Static { border: round white; height: 1fr; } Vertical { width: 1fr; }"
    BINDINGS = [("space", "refresh", "step")]

    def compose(self) -> ComposeResult:
        with Horizontal():
            for column in range(2):
                with Vertical():
                    for name in PANES[column * 3 : column * 3 + 3]:
                        pane = Static()
                        pane.border_title = name
                        yield pane
        yield Footer()


class Cursor(App[None]):
    """A DataTable of 200 rows, whose cursor moves."""

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        rows = self.query_one(DataTable)
        rows.add_columns("number", "source", "destination", "verdict")
        for number in range(200):
            rows.add_row(str(number), "203.0.113.9:4000", "203.0.113.1:1337", "ACCEPT")
        rows.focus()


def long() -> None:
    """The lesson of the origin question with a run of many packets in the place of its own, and nothing asked."""
    gc.disable()  # as the command does; the application enables it again
    from fwtutor.course.loader import find_lesson, load_course
    from fwtutor.recording import Scripted
    from fwtutor.tui.app import run

    lesson = find_lesson("too-open")
    script = tuple(
        Scripted(0, "attacker", f"send udp 203.0.113.9:{1024 + number % 60000} > 203.0.113.1:53", number * 0.001)
        for number in range(PACKETS)
    )
    stage = replace(lesson.stages[0], predictions=(), hints=())
    lesson = replace(lesson, scenario=replace(lesson.scenario, script=script, stages=1), stages=(stage,), goals=(), checks=(), wrong=())
    run(load_course, lesson)


if __name__ == "__main__":
    match sys.argv[1]:
        case "panes":
            Panes().run()
        case "cursor":
            Cursor().run()
        case "long":
            long()
