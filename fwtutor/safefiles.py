"""Files opened and written with distrust: what is no file is not waited for, and what is written is there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

NOT_REGULAR = "is not a regular file"
_HANDED_OVER = ("/dev/stdin", "/dev/fd/")
"""What a shell has opened for us already: ``<(...)``, and what is piped in."""


def open_regular(path: Path) -> BinaryIO:
    """Opened for reading. OSError where it is a named pipe or a device: one would be waited for, the other read, for ever."""
    if str(path).startswith(_HANDED_OVER):
        return path.open("rb")
    # So a pipe is opened at once, whoever writes to it, and looked at: nobody can put another in its place meanwhile.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def write_whole(path: Path, data: bytes, *, replace: bool = True, private: bool = False) -> None:
    """The file has all of the data, or is as it was before; a link in its place is replaced, not followed.

    ``private``: nobody else may read it. Raises FileExistsError where there is one and it is not to be replaced, and OSError.
    """
    if path.exists() and not path.is_file():
        what = errno.EISDIR if path.is_dir() else errno.EINVAL
        raise OSError(what, os.strerror(what) if path.is_dir() else NOT_REGULAR, str(path))
    # A name that nobody can know before: else somebody might have laid a link there.
    handle, name = tempfile.mkstemp(prefix=".fwtutor-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            temporary.chmod(0o666 & ~_umask())
        if replace:
            temporary.replace(path)
        else:
            _take_name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _take_name(temporary: Path, path: Path) -> None:
    """Gives the file its name, unless somebody has it: a link is made or not made, and nothing comes between."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "there is a file of that name", str(path)) from None
        temporary.replace(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
