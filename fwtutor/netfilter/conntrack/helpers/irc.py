"""The IRC helper: it reads what a client says to the server, and expects whom it invites to a direct connection (DCC).

The message must begin the segment, behind blanks and line ends: ``PRIVMSG nick :^ADCC SEND file address port``. The address, one decimal
number, must be one that the client has, on either side of the box; else the invitation is forged, and nobody is expected.
"""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import REPLY
from fwtutor.netfilter.conntrack.helpers.helper import Helper, Job, Kind, segment
from fwtutor.netfilter.conntrack.helpers.numbers import HALF, WORD, read_number
from fwtutor.netfilter.packet import TCP

READ = 4095
"""Bytes of a segment that are looked at."""
SHORTEST_BEFORE = 10
"""Bytes of ``PRIVMSG x ``."""
SHORTEST = 26
"""Bytes of the shortest invitation, from its colon's blank on."""
SHORTEST_TAIL = 12
"""Bytes of the shortest address and port, with the line's end."""
INVITATIONS = (b"SEND ", b"CHAT ", b"MOVE ", b"TSEND ", b"SCHAT ")


def read(job: Job) -> str:
    if job.to_client or not job.established:
        return ""
    data = segment(job.packet)[:READ]
    at = 0
    while at < len(data) - SHORTEST_BEFORE and data[at] in b" \r\n":
        at += 1
    if at < len(data) - SHORTEST_BEFORE:
        if data[at : at + 8].upper() != b"PRIVMSG ":
            return ""
        at += 8
    while at < len(data) - SHORTEST:
        at = data.find(b" :", at)
        if at < 0 or at >= len(data) - SHORTEST:
            return ""
        at += 2
        if data[at : at + 5] != b"\1DCC ":
            return ""
        at += 5
        word = next((word for word in INVITATIONS if data.startswith(word, at)), None)
        if word is not None:
            return _invited(job, data, at + len(word))
    return ""


def _invited(job: Job, data: bytes, at: int) -> str:
    found = _address_and_port(data, at)
    if found is None:
        return ""
    address, port, start, end = found
    if not port or address not in (job.here.src, job.back.dst):
        return ""
    one = job.draft(TCP, None, job.back.dst, port)
    if not job.translated:
        return job.propose(one)
    return job.announce_translated(one, REPLY, start, end, lambda port: f"{job.entry.reply.dst} {port}".encode())


def _address_and_port(data: bytes, begin: int) -> tuple[int, int, int, int] | None:
    """What follows the name of the file, and where it begins and ends."""
    blank = data.find(b" ", begin)
    if blank < 0 or begin < blank > len(data) - SHORTEST_TAIL or b"\n" not in data[blank:]:
        return None
    address, at = read_number(data, blank + 1)
    while data[at : at + 1] == b" ":
        at += 1
    port, at = read_number(data, at)
    return address & WORD, port & HALF, blank + 1, at


IRC = Helper("irc", frozenset({(4, TCP)}), (Kind("dcc", 8, 300),), read)
