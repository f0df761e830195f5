"""The choice of a network for a sandbox: what there is ready-made, each with a picture in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Center

from fwtutor.course.networks import ready_made, ready_network
from fwtutor.telling import glyphs
from fwtutor.telling.actions import APP, NETWORKS
from fwtutor.telling.network import hosts, links, qualities
from fwtutor.telling.spans import BLANK, Line, Span, line, wrap
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.reader import ReaderScreen
from fwtutor.tui.widgets.bars import KeyBar, TopLine
from fwtutor.tui.widgets.lines import LineView

OWN = (
    "A network of your own is a file like these: fwtutor sandbox FILE. --rules and --capture bring your rules and packets; "
    "docs/sandbox.md tells how."
)


class NetworksView(LineView):
    """The networks; the marked one is told in full."""

    def __init__(self) -> None:
        super().__init__()
        self.titles = ready_made()
        self.names = list(self.titles)
        self.chosen = 0
        self._row_of: dict[int, int] = {}

    def mark(self, number: int) -> None:
        """Mark a network and keep it in sight."""
        self.chosen = max(0, min(len(self.names) - 1, number))
        self.rebuild()
        self.scroll_to(y=max(0, self._row_of.get(self.chosen, 0) - 3), animate=False)

    def build(self, width: int) -> Sequence[Line]:
        rows: list[Line] = [BLANK]
        for number, name in enumerate(self.names):
            self._row_of[number] = len(rows)
            here, click = number == self.chosen, f"screen.open({number})"
            mark = Span(f"{glyphs.HERE} " if here else "  ", "current")
            title = line(mark, Span(name, "strong", click), "  ", Span(self.titles[name], "", click))
            found = [*wrap(title, width, 4), *(self._picture(name, width) if here else [])]
            rows += [*(row._replace(fill="row" if here else "") for row in found), BLANK]
        return [*rows, *wrap(line((OWN, "dim")), width)]

    @staticmethod
    def _picture(name: str, width: int) -> list[Line]:
        topology = ready_network(name)
        rows = []
        for link, (_, who) in zip(topology.links, links(topology), strict=True):
            rows += wrap(line("    ", (f"{link.name} ", "code"), (f"{qualities(link)}: ", "dim"), who), width, 8)
        for host, what in hosts(topology):
            rows += wrap(line("    ", (f"{host}: ", "dim"), what), width, 8)
        return rows


class NetworksScreen(RoleScreen[str]):
    """Ends with the name of the network chosen."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(NETWORKS), *bindings(APP)]
    CSS_PATH = "networks.tcss"
    ACTIONS = NETWORKS

    def compose(self) -> ComposeResult:
        yield TopLine()
        with Center():
            yield NetworksView()
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(TopLine).show("Sandbox: choose a network")
        self.query_one(KeyBar).show([*(action for action in NETWORKS if action.bar), *APP[:3]])
        self.query_one(NetworksView).mark(0)

    def action_move(self, by: int) -> None:
        view = self.query_one(NetworksView)
        view.mark(view.chosen + by)

    def action_open(self, number: int = -1) -> None:
        view = self.query_one(NetworksView)
        self.dismiss(view.names[view.chosen if number < 0 else number])

    def action_close(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        self.app.push_screen(ReaderScreen("Help", help_rows(NETWORKS, signs=False)))
