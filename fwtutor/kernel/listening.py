"""What the kernel tells of connections and expectations as things happen to them: ``conntrack -E`` without the program.

A message is queued before the write that caused it returns, but for that of an entry whose time is over: that the kernel finds out later.
"""

from __future__ import annotations

import re

from fwtutor.kernel import ctnetlink
from fwtutor.kernel.netlink import NLM_F_CREATE, Message, Netfilter, attributes
from fwtutor.kernel.observation import Heard
from fwtutor.kernel.tuples import word

_ENTRIES, _EXPECTATIONS = (1, 2, 3), (4, 6)
"""Groups of netlink: new, changed, gone; that one for changed expectations gets nothing."""
_EXPECTATION = 2
"""The subsystem; the other one is entries'."""
_DELETED = 2


_SECONDS = re.compile(r"^(\w+ +\d+) \d+")


class Listening:
    """Somebody who listens, in this process's namespace.

    He must be there when the rules come: a rule of CT remembers which events it chose only while somebody listens, and who that is and
    in which namespace does not matter to the kernel.
    """

    def __init__(self) -> None:
        self._netfilter = Netfilter(*_EXPECTATIONS)

    def begin(self) -> None:
        """Listen to what happens to entries from now on: to that of strangers, who are made before, there is too much to listen."""
        self._netfilter.join(_ENTRIES)

    def heard(self, number: int) -> list[Heard]:
        """What was told since the last time, on account of the packet of that number and its answers."""
        return [found for message in self._netfilter.pending() if (found := _read(message, number)) is not None]

    def close(self) -> None:
        self._netfilter.close()


def _read(message: Message, number: int) -> Heard | None:
    subsystem, what = divmod(message.kind, 256)
    kind = "DESTROY" if what == _DELETED else "NEW" if message.flags & NLM_F_CREATE else "UPDATE"
    if subsystem == _EXPECTATION:
        one = ctnetlink.read_expectation(message.payload)
        return Heard(number, kind, str(one).split(" ", 1)[1], one.seconds, True)
    found = attributes(message.payload)
    if word(found, ctnetlink.CTA_MARK) & ctnetlink.STRANGER:
        return None
    line, seconds = _line(message.payload, found)
    return Heard(number, kind, line, seconds, False)


def _line(payload: memoryview, found: dict[int, memoryview]) -> tuple[str, int]:
    """As conntrack prints it, without the seconds: what is not in the message is not printed."""
    entry = ctnetlink.read_entry(payload)
    line = _SECONDS.sub(r"\1", str(entry)).rpartition(" use=")[0]
    return line if ctnetlink.CTA_MARK in found else line.replace(" mark=0", ""), entry.seconds
