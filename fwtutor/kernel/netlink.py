"""Netlink messages by hand, without a dependency: just what it takes to read traces (TRACE and nft), and to read and make entries."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK = 270, 1, 10

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_CREATE = 1, 4, 0x300, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_TYPE_MASK = 0x3FFF
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NFNETLINK = struct.Struct("!BBH")
_BUFFER = 1 << 16
_RECEIVE_QUEUE = 8 << 20
"""Bytes. One packet's TRACE lines must fit: nobody reads while the kernel walks it."""

_OVERFLOW = (
    "the kernel had more to tell of one packet than the receive queue has room for (as root, without a user namespace, it is larger)"
)


class NetlinkError(OSError):
    """The kernel refused a netlink request; ``errno`` says why."""


def attribute(kind: int, payload: bytes, *, nested: bool = False) -> bytes:
    """One attribute, padded to four bytes."""
    size = 4 + len(payload)
    return _ATTRIBUTE.pack(size, kind | (0x8000 if nested else 0)) + payload + b"\0" * (-size % 4)


def attributes(data: bytes | memoryview) -> dict[int, memoryview]:
    """The attributes in ``data`` by type (the last of each, as the kernel sends each once)."""
    found: dict[int, memoryview] = {}
    view = memoryview(data)
    at, end = 0, len(view)
    while at + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(view, at)
        if size < 4 or at + size > end:
            break
        found[kind & NLA_TYPE_MASK] = view[at + 4 : at + size]
        at += size + 3 & ~3
    return found


class Message(NamedTuple):
    """One that came without being asked for."""

    kind: int
    family: int
    resource: int
    """The log group, where it is about a log."""
    payload: memoryview
    flags: int = 0


class Netfilter:
    """A netlink socket to netfilter in the namespace of the process that opens it."""

    def __init__(self, *groups: int) -> None:
        """``groups``: whose messages come without being asked for."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        try:
            self._prepare(groups)
        except BaseException:
            self.close()
            raise

    def _prepare(self, groups: Sequence[int]) -> None:
        self._socket.bind((0, 0))
        # CAP_ACK: an error need not carry the whole request back.
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        SO_RCVBUFFORCE = 33
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _RECEIVE_QUEUE)
        except PermissionError:  # root of a user namespace only: as much as everybody may have
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_QUEUE)
        self.join(groups)

    def join(self, groups: Iterable[int]) -> None:
        """Have the messages of these groups come, too."""
        for group in groups:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def close(self) -> None:
        self._socket.close()

    def batch(self, kind: int, bodies: Sequence[bytes]) -> None:
        """Create things, one a body, in one go. Raises NetlinkError for the first that is refused."""
        self._socket.send(b"".join(_message(kind, body, NLM_F_CREATE) for body in bodies))
        for got, payload, _ in self._queued():
            if got == NLMSG_ERROR:
                _raise_refusal(payload)

    def ask(self, kind: int, body: bytes, flags: int = NLM_F_ACK, *, resource: int = 0, family: int = socket.AF_INET) -> list[memoryview]:
        """Send and collect the answers (without their nfnetlink header) until the acknowledgement or the end of a dump."""
        self._socket.send(_message(kind, body, flags, resource, family))
        answers: list[memoryview] = []
        while True:
            for got, payload, _ in messages(self._socket.recv(_BUFFER)):
                if got == NLMSG_ERROR:
                    _raise_refusal(payload)
                    return answers
                if got == NLMSG_DONE:
                    return answers
                answers.append(payload[4:])

    def pending(self) -> Iterator[Message]:
        """Whatever is queued now; never waits."""
        for kind, payload, flags in self._queued():
            family, _, resource = _NFNETLINK.unpack_from(payload)
            yield Message(kind, family, resource, payload[4:], flags)

    def _queued(self) -> Iterator[tuple[int, memoryview, int]]:
        while True:
            try:
                data = self._socket.recv(_BUFFER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno == errno.ENOBUFS:
                    raise NetlinkError(errno.ENOBUFS, _OVERFLOW) from problem
                raise
            yield from messages(data)


def _message(kind: int, body: bytes, flags: int, resource: int = 0, family: int = socket.AF_INET) -> bytes:
    """``kind`` is subsystem << 8 | message; family 0 is about any."""
    payload = _NFNETLINK.pack(family, 0, resource) + body
    return _HEADER.pack(16 + len(payload), kind, NLM_F_REQUEST | flags, 0, 0) + payload


def _raise_refusal(payload: memoryview) -> None:
    """Raise what an NLMSG_ERROR says, unless it is an acknowledgement: error 0."""
    code = -struct.unpack_from("=i", payload)[0]
    if code:
        raise NetlinkError(code, os.strerror(code))


def messages(data: bytes) -> Iterator[tuple[int, memoryview, int]]:
    """The messages in one datagram, as (type, payload, flags)."""
    view = memoryview(data)
    at = 0
    while at + 16 <= len(view):
        size, kind, flags, _, _ = _HEADER.unpack_from(view, at)
        if size < 16:
            return
        yield kind, view[at + 16 : at + size], flags
        at += size + 3 & ~3
