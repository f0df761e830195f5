"""What gzip packed, as a plain stream. A few bytes that unpack to no end are refused: no capture is as dull as that."""

from __future__ import annotations

import gzip
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from fwtutor.badinput import BadInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_RATIO = 600
"""Bytes out for each byte in. gzip can make 1030; the dullest of captures, a packet full of zeros again and again, comes to 420."""
ANYWAY = 1 << 24
"""Bytes that may come out before anybody asks."""
BUFFER = 1 << 16


def unpacked(file: BufferedReader, name: str) -> BufferedReader:
    """A reader of what is packed in ``file``. Reading raises what gzip raises for damaged data, and BadInput for a bomb."""
    return BufferedReader(_Unpacked(file, name), BUFFER)


class _Counted:
    """As much of a file as gzip needs, and how many bytes it took: a pipe cannot tell where it is."""

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self.taken = 0

    def read(self, size: int, /) -> bytes:
        data = self.file.read(size)
        self.taken += len(data)
        return data

    def seek(self, position: int, /) -> int:
        return self.file.seek(position)


class _Unpacked(RawIOBase):
    def __init__(self, file: BufferedReader, name: str) -> None:
        self.packed = _Counted(file)
        self.gzip = gzip.GzipFile(fileobj=self.packed, mode="rb")
        self.name = name
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        # As far as it goes: what stands before a damage is still wanted.
        data = self.gzip.read1(len(view))
        view[: len(data)] = data
        self.given += len(data)
        if self.given > ANYWAY and self.given > self.packed.taken * MAX_RATIO:
            raise BadInput(f"{self.name}: it unpacks to more than {MAX_RATIO} times its size; that is no capture")
        return len(data)
