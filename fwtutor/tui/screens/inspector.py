"""The packet inspector: scapy's layers, field by field, and the bytes; as the packet came, and as it is now or as it left.

scapy is imported when this first opens, in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import ModalScreen

from fwtutor.telling import glyphs, inspecting, words
from fwtutor.telling.actions import INSPECT
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, line
from fwtutor.tui.bindings import bindings
from fwtutor.tui.roles import RoleScreen
from fwtutor.tui.widgets.bars import KeyBar
from fwtutor.tui.widgets.fields import FieldsView, HexView
from fwtutor.tui.widgets.form import Rows

if TYPE_CHECKING:
    from fwtutor.telling.tables import Table
    from fwtutor.wire import Field, Layer

ROOMY = 34
"""Rows from which more of the bytes are shown."""


class InspectorScreen(RoleScreen[None], ModalScreen[None]):
    """One packet taken apart. The bytes show at once; the layers follow as soon as scapy has been imported."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(INSPECT)]
    CSS_PATH = "inspector.tcss"
    ACTIONS = INSPECT
    AUTO_FOCUS = ""

    @dataclass
    class Dissected(Message):
        """scapy has taken the packet apart; in each version."""

        layers: list[list[Layer]]

    def __init__(self, place: Place) -> None:
        super().__init__()
        assert place.walk is not None
        self._packet = place.walk.packet
        self._found = inspecting.inspected(place)
        self._fields = FieldsView()
        self._fields.names = tuple(version.name for version in self._found.versions)
        self._hex = HexView()

    def compose(self) -> ComposeResult:
        yield Rows(id="about")
        yield self._fields
        yield self._hex
        yield KeyBar()

    def on_mount(self) -> None:
        two = len(self._found.versions) > 1
        self.query_one(KeyBar).show([each for each in INSPECT if each.bar and (two or each.id not in ("inspect.other", "inspect.next"))])
        self._show()
        self.run_worker(self._dissect, thread=True, exclusive=True, name="dissect")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= ROOMY, "-roomy")
        self._show()

    def _dissect(self) -> None:
        from fwtutor.wire import dissect

        try:
            layers = [dissect(version.raw) for version in self._found.versions]
        except Exception as error:  # noqa: BLE001 - what a stranger's bytes may do to scapy
            self.app.call_from_thread(self._fields.fail, error)
            return
        self.post_message(self.Dissected(layers))

    def on_inspector_screen_dissected(self, message: Dissected) -> None:
        from fwtutor.wire import pairs

        self._fields.headers = pairs(message.layers[0], message.layers[-1])
        # Where the two differ is what one wants to see first.
        self._fields.chosen = next((number for number, pair in enumerate(self._fields.fields) if pair.differs), 0)
        self._show()

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        view, versions = self._fields, self._found.versions
        self.query_one("#about", Rows).show(*self._about())
        view.set_title("Packet inspector", f"field {view.chosen + 1} of {len(view.fields)}" if view.fields else "")
        view.choose(view.chosen)
        version, other = versions[view.side], versions[1 - view.side].raw if len(versions) > 1 else b""
        field = self._chosen()
        start, end = (field.start, field.end) if field else (0, 0)
        which = f" {glyphs.DOT} {_span(start, end)}: {field.name}" if field and end > start else ""
        ahead = "tab the other" if len(versions) > 1 else ""
        name = f"A{version.name[1:]} {glyphs.DOT} " if len(versions) > 1 else ""
        self._hex.set_title(f"{name}{len(version.raw)} bytes{which}", ahead)
        self._hex.show(version.raw, other, start, end)

    def _about(self) -> Sequence[Line]:
        packet = self._packet
        rows = [line((words.packet_tuple(packet), "strong"), "  ", (words.flags(packet), "current"))]
        if len(self._found.versions) > 1:
            said = inspecting.differing(self._fields.headers)
            rows.append(line((f"{glyphs.UNLIKE} ", "change"), said or f"it came so, and is otherwise now{glyphs.MORE}"))
        else:
            rows.append(line((self._found.note, "dim")))
        return rows

    def _chosen(self) -> Field | None:
        """The chosen field, as the version that is shown has it."""
        view = self._fields
        pair = view.fields[view.chosen] if view.fields else None
        return None if pair is None else (pair.before, pair.after)[view.side]

    def table(self) -> Table:
        from fwtutor.telling.tables import Table
        from fwtutor.wire import hex_dump

        said = inspecting.lines(self._found, self._fields.headers, [hex_dump(version.raw) for version in self._found.versions])
        return Table("this packet", "\n".join([*(row.text for row in self._about()), *said]) + "\n", "packet.txt")

    # --- what keys do -----------------------------------------------------------------------------------

    def action_choose(self, number: int) -> None:
        self._fields.chosen = max(0, min(number, len(self._fields.fields) - 1))
        self._show()

    def action_move(self, by: int) -> None:
        self.action_choose(self._fields.chosen + by)

    def action_layer(self, by: int) -> None:
        """The first field of the next layer; back: of this one, or of the one before."""
        starts, at = [], 0
        for _, rows in self._fields.headers:
            starts.append(at)
            at += len(rows)
        here = self._fields.chosen
        ahead = [start for start in starts if (start > here if by > 0 else start < here)]
        if ahead:
            self.action_choose(ahead[0] if by > 0 else ahead[-1])

    def action_differing(self, by: int) -> None:
        """The next field in which the two versions differ; from the last on to the first."""
        fields, here = self._fields.fields, self._fields.chosen
        order = [(here + by * step) % len(fields) for step in range(1, len(fields) + 1)] if fields else []
        found = next((number for number in order if fields[number].differs), None)
        if len(self._found.versions) > 1 and found is not None:
            self.action_choose(found)

    def action_byte(self, byte: int) -> None:
        """The field that has a byte; of several the smallest."""
        side = self._fields.side
        fields = [(pair.before, pair.after)[side] for pair in self._fields.fields]
        found = [(f.end - f.start, number) for number, f in enumerate(fields) if f is not None and f.start <= byte < f.end]
        if found:
            self.action_choose(min(found)[1])

    def action_other(self) -> None:
        if len(self._found.versions) > 1:
            self._fields.side = 1 - self._fields.side
            self._show()

    def action_help(self) -> None:
        from fwtutor.tui.screens.help import help_rows
        from fwtutor.tui.screens.reader import ReaderScreen

        self.app.push_screen(ReaderScreen("Help", help_rows(INSPECT, ABOUT, signs=False)))

    def action_close(self) -> None:
        self.dismiss()


ABOUT = (
    "Every field of the packet's headers, and below the bytes it is read from: the marked field's bytes are marked there. "
    "Where the firewall made another packet of it, the two stand side by side, and the fields that differ are marked."
)


def _span(start: int, end: int) -> str:
    return f"byte {start}" if end - start == 1 else f"bytes {start}-{end - 1}"
