"""The pcapng file format: sections of blocks. Read are section headers, interfaces and packets; other blocks are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from struct import Struct
from typing import NamedTuple

from fwtutor.badinput import BadInput
from fwtutor.capture.frames import Frame
from fwtutor.capture.pcap import MAX_FRAME

MAGIC = b"\x0a\x0d\x0d\x0a"
SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6

MAX_BLOCK = 1 << 24
MAX_INTERFACES = 4096

_IF_NAME, _IF_TSRESOL, _IF_TSOFFSET, _EPB_FLAGS = 2, 9, 14, 2


class _Interface(NamedTuple):
    link_type: int
    snap: int
    name: str | None
    ticks: int
    """Ticks a second of its time stamps."""
    offset: int
    """Seconds to add."""


class _Damaged(Exception):
    """The block is not what it should be; the reader adds the place."""


def read_pcapng(file: BufferedIOBase, name: str) -> Iterator[Frame]:
    """The frames of an open file. Raises BadInput where the file is damaged or ends too early."""
    order = "<"
    number = 0
    interfaces: list[_Interface] = []
    while head := file.read(8):
        where = f"{name}, after packet {number}" if number else name
        if len(head) < 8:
            raise BadInput(f"{where}: the file ends within a block's header")
        start = b""
        if head[:4] == MAGIC:
            start = file.read(4)
            order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(start, "")
            if not order:
                raise BadInput(f"{where}: a section header without its byte-order magic")
            interfaces = []
        kind, length = Struct(order + "II").unpack(head)
        if length % 4 or not 12 <= length <= MAX_BLOCK or (start and length < 28):
            raise BadInput(f"{where}: a block of {length} bytes; the file is damaged")
        body = start + file.read(length - 8 - len(start))
        if len(body) < length - 8:
            raise BadInput(f"{where}: the file ends within a block")
        body = body[:-4]
        if kind not in (INTERFACE, OLD_PACKET, SIMPLE, ENHANCED):
            continue
        try:
            if kind == INTERFACE:
                if len(interfaces) >= MAX_INTERFACES:
                    raise _Damaged(f"more than {MAX_INTERFACES} interfaces")
                interfaces.append(_interface(body, order))
            else:
                number += 1
                where = f"{name}, packet {number}"
                yield _frame(kind, body, order, interfaces, number)
        except _Damaged as error:
            raise BadInput(f"{where}: {error}") from None


def _options(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    head = Struct(order + "HH")
    at = 0
    while at + 4 <= len(data):
        code, size = head.unpack_from(data, at)
        if code == 0:
            return
        if at + 4 + size > len(data):
            raise _Damaged(f"option {code} is longer than its block")
        yield code, data[at + 4 : at + 4 + size]
        at += 4 + (size + 3 & ~3)


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        raise _Damaged("an interface block of less than 20 bytes")
    link_type, _, snap = Struct(order + "HHI").unpack_from(body)
    name, ticks, offset = None, 1_000_000, 0
    for code, value in _options(body[8:], order):
        if code == _IF_NAME:
            name = value.rstrip(b"\0").decode("utf-8", "replace")
        elif code == _IF_TSRESOL and len(value) == 1:
            # Beyond 10^-19 or 2^-63 a 64-bit time stamp could not reach a second.
            exponent = value[0] & 0x7F
            ticks = 1 << min(exponent, 63) if value[0] & 0x80 else 10 ** min(exponent, 19)
        elif code == _IF_TSOFFSET and len(value) == 8:
            offset = Struct(order + "q").unpack(value)[0]
    # "any" is libpcap's name for all interfaces at once: no interface of a box.
    return _Interface(link_type, snap, None if name == "any" else name, ticks, offset)


def _frame(kind: int, body: bytes, order: str, interfaces: list[_Interface], number: int) -> Frame:
    high = low = index = 0
    if kind == SIMPLE:
        if len(body) < 4:
            raise _Damaged("a packet block without a length")
        original = Struct(order + "I").unpack_from(body)[0]
        at, size = 4, original
    else:
        if len(body) < 20:
            raise _Damaged("a packet block of less than 32 bytes")
        index, high, low, size, original = Struct(order + ("IIIII" if kind == ENHANCED else "HxxIIII")).unpack_from(body)
        at = 20
    if index >= len(interfaces):
        raise _Damaged(f"it names interface {index}, which the file does not describe")
    interface = interfaces[index]
    if kind == SIMPLE:
        size = min(original, interface.snap or original)
    if size > MAX_FRAME or at + size > len(body):
        raise _Damaged(f"a captured length of {size} bytes in a block of {len(body) + 12}")
    outgoing = None
    if kind == ENHANCED:
        for code, value in _options(body[at + (size + 3 & ~3) :], order):
            if code == _EPB_FLAGS and len(value) == 4:
                outgoing = {1: False, 2: True}.get(Struct(order + "I").unpack(value)[0] & 3)
    ns = (high << 32 | low) * 1_000_000_000 // interface.ticks + interface.offset * 1_000_000_000
    return Frame(number, ns, interface.link_type, interface.name, body[at : at + size], original > size, outgoing, order == ">")
