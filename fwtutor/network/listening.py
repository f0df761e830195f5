"""What connection tracking of a host has told so far: ``conntrack -E``, of a run that is recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fwtutor.netfilter.conntrack.command import Command
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.messages import Listener, Message
from fwtutor.netfilter.why import describe_packet
from fwtutor.network.records import Record, TimerFired, Walked

MOST_HEARD = 2_000
"""Lines that are kept: the last ones."""


def what_happened(records: Iterable[Record], command: Command) -> str:
    """What somebody who runs ``command`` from the beginning has read; above what each record told stands, behind a ``#``, what it was."""
    listener = Listener()
    lines = deque[str](maxlen=MOST_HEARD)
    for record in records:
        heard = [line for message in _messages(listener, record) if (line := command.heard(message))]
        if heard:
            lines += [f"# t = {record.at / SECOND:.3f} s: {_what(record)}", *heard]
    return "".join(f"{line}\n" for line in lines)


def _messages(listener: Listener, record: Record) -> list[Message]:
    if isinstance(record, Walked):
        return listener.walk(record.walk)
    return listener.changes(record.changes, record.at, ordered=not isinstance(record, TimerFired))


def _what(record: Record) -> str:
    if isinstance(record, Walked):
        return describe_packet(record.walk.packet)
    return record.what if isinstance(record, TimerFired) else record.line
