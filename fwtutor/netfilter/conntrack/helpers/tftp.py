"""The TFTP helper: who asks to read or to write (operation 1 or 2) is answered by the server from a port of its own choice."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import REPLY
from fwtutor.netfilter.conntrack.expectation import Follow
from fwtutor.netfilter.conntrack.helpers.helper import Helper, Job, Kind
from fwtutor.netfilter.packet import UDP

ASKS = (b"\0\1", b"\0\2")


def read(job: Job) -> str:
    packet, back = job.packet, job.entry.reply
    if packet.raw[packet.l4 + 8 : packet.l4 + 10] not in ASKS:
        return ""
    one = job.draft(UDP, back.src, back.dst, back.dport)
    if job.translated:
        one = one._replace(follows=Follow(REPLY, job.entry.original.sport))
    return job.propose(one)


TFTP = Helper("tftp", frozenset({(4, UDP), (6, UDP)}), (Kind("data", 1, 300),), read)
