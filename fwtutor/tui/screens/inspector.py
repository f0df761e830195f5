"""The packet inspector: scapy's layers, field by field, and the bytes. scapy is imported when this first opens, in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from fwtutor.netfilter.packet import Packet
from fwtutor.telling import glyphs, words
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.screens.reader import ReaderScreen, Sheet

Layers = list[tuple[str, list[tuple[str, str]]]]
"""What ``fwtutor.wire.dissect`` gives: layers with their fields as text."""


class InspectorScreen(ReaderScreen):
    """One packet taken apart. The bytes show at once; the layers follow as soon as scapy has been imported."""

    @dataclass
    class Dissected(Message):
        """scapy has taken the packet apart."""

        layers: Layers

    def __init__(self, packet: Packet) -> None:
        super().__init__("Packet inspector", self._sheet)
        self._packet = packet
        self._layers: Layers | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._dissect, thread=True, exclusive=True, name="dissect")

    def _dissect(self) -> None:
        from fwtutor.wire import dissect

        self.post_message(self.Dissected(dissect(self._packet.raw)))

    def on_inspector_screen_dissected(self, message: Dissected) -> None:
        self._layers = message.layers
        self.query_one(Sheet).rebuild()

    def _sheet(self, width: int) -> Sequence[Line]:
        packet = self._packet
        rows = [line((words.packet_tuple(packet), "strong"), "  ", (words.flags(packet), "current")), BLANK]
        if self._layers is None:
            rows += [line((f"taking it apart{glyphs.MORE}", "dim"))]
        for name, fields in self._layers or ():
            rows += [line((name, "heading"))]
            size = min(max((len(key) for key, _ in fields), default=0), 20)
            for key, value in fields:
                rows += wrap(line((f"  {key:<{size}}  ", "dim"), value), width, size + 4)
            rows.append(BLANK)
        rows += [line((f"{len(packet.raw)} bytes", "heading")), *hex_rows(packet.raw)]
        return rows


def hex_rows(raw: bytes) -> list[Line]:
    """A hex dump: offset, sixteen bytes, the printable ones as text."""
    rows = []
    for at in range(0, len(raw), 16):
        part = raw[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        first, second = part[:8].hex(" "), part[8:].hex(" ")
        rows.append(line((f"  {at:04x}  ", "dim"), f"{first:<23}  {second:<23}", (f"  {text}", "code")))
    return rows
