"""The pcap file format: one header, then records. Microseconds or nanoseconds, either byte order."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from struct import Struct

from fwtutor.badinput import BadInput
from fwtutor.capture.frames import Frame

MAGICS: dict[bytes, tuple[str, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1),
}  # fmt: skip
"""The first four bytes: byte order, and how many ns the fraction of a time stamp counts."""

MAX_FRAME = 1 << 18
"""Bytes; what libpcap takes as the largest frame too. A larger length is a damaged file, not a packet."""


def read_pcap(file: BufferedIOBase, name: str) -> Iterator[Frame]:
    """The frames of an open file. Raises BadInput where the file is damaged or ends too early."""
    header = file.read(24)
    if len(header) < 24:
        raise BadInput(f"{name}: the file ends within its header")
    order, unit = MAGICS[header[:4]]
    link_type = Struct(order + "I").unpack_from(header, 20)[0] & 0xFFFF
    record = Struct(order + "IIII")
    number = 0
    while head := file.read(16):
        number += 1
        if len(head) < 16:
            raise BadInput(f"{name}, packet {number}: the file ends within the packet's header")
        seconds, fraction, size, original = record.unpack(head)
        if size > MAX_FRAME:
            raise BadInput(f"{name}, packet {number}: a captured length of {size} bytes; the file is damaged")
        data = file.read(size)
        if len(data) < size:
            raise BadInput(f"{name}, packet {number}: the file ends within the packet ({len(data)} of {size} bytes)")
        yield Frame(number, seconds * 1_000_000_000 + fraction * unit, link_type, None, data, original > size, None, order == ">")
