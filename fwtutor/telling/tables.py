"""What a pane shows as a text to take away: rules as iptables-save prints them, connections as conntrack -L does, packets as a capture."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.network.records import Walked
from fwtutor.recording.looking import look
from fwtutor.telling import words

if TYPE_CHECKING:
    from fwtutor.telling.reading import Place

_PCAP = pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101)
"""The head of a capture: times in ns, packets without a link layer."""


class Table(NamedTuple):
    """A text, what it is, and what its file is called unless somebody says otherwise."""

    what: str
    """Behind "3 lines of": ``iptables-save``."""
    text: str
    file: str
    capture: bytes = b""
    """The same as a capture: what is written where the file's name ends in .pcap."""

    @property
    def lines(self) -> int:
        return self.text.rstrip("\n").count("\n") + 1 if self.text.strip() else 0


def rules_table(place: Place) -> Table:
    """The rules the packet meets, with what they have counted so far."""
    six = place.rules.family == 6
    command = "ip6tables-save" if six else "iptables-save"
    return Table(command, _asked(place, f"{command} -c"), f"{place.watch}.rules{'6' if six else ''}")


def connections_table(place: Place) -> Table:
    """The entries that are kept, of both versions of IP."""
    text = "".join(_asked(place, f"conntrack -L -f {family}") for family in ("ipv4", "ipv6"))
    return Table("conntrack -L", text, f"{place.watch}-conntrack.txt")


def _asked(place: Place, line: str) -> str:
    """What the watched host's own tool prints here."""
    answer = look(place.session.cursor, place.watch, line)
    return "" if answer is None else answer.output


def moments_table(place: Place) -> Table:
    """The moments of the run up to here; as a capture: what came to the box, and what it sent of its own accord."""
    run = place.session.run
    rows: list[str] = []
    packets = [_PCAP]
    for index, record in enumerate(run.records[: place.index + 1]):
        walked = record if isinstance(record, Walked) and record.host == place.watch else None
        if walked is not None:
            seconds, ns = divmod(walked.walk.wall, 1_000_000_000)
            raw = walked.walk.packet.raw
            packets += [pack("<IIII", seconds, ns, len(raw), len(raw)), raw]
        if index in run.stops:
            under_way = index == place.index and place.walk is not None and place.finished is None
            result = f"  {words.result(walked)}" if walked is not None and not under_way else ""
            rows.append(f"{record.at / 1e9:9.3f}  {words.moment(record)}{result}\n")
    return Table("this run's moments", "".join(rows), f"{place.watch}.pcap", b"".join(packets))
