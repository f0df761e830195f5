"""How FTP says where to connect to (RFC 959, RFC 2428), and how its answers are read."""

from __future__ import annotations

import re
from typing import NamedTuple

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address

ANONYMOUS = ("anonymous", "ftp")
_PASSIVE = re.compile(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_EXTENDED = re.compile(r"\((.)\1\1(\d+)\1\)")


class Reply(NamedTuple):
    """What a server answers; a code of 0: it has gone, or never answered."""

    code: int
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The last line."""
        return self.lines[-1] if self.lines else ""


def write_port(address: Address, port: int) -> str:
    """``192,168,0,20,156,65``."""
    return ",".join(str(part) for part in [*address.value.to_bytes(4, "big"), port >> 8, port & 0xFF])


def write_extended(address: Address, port: int) -> str:
    """``|1|192.168.0.20|40001|``, ``|2|fd00::20|40001|``."""
    return f"|{1 if address.family == 4 else 2}|{address}|{port}|"


def read_port(text: str) -> tuple[Address, int] | None:
    """What PORT names; None: it cannot be read."""
    parts = text.strip().split(",")
    if len(parts) != 6 or not all(part.isascii() and part.isdecimal() and len(part) < 4 and int(part) < 256 for part in parts):
        return None
    numbers = bytes(int(part) for part in parts)
    return Address(4, int.from_bytes(numbers[:4], "big")), int.from_bytes(numbers[4:], "big")


def read_extended(text: str) -> tuple[Address, int] | None:
    """What EPRT names; None: it cannot be read."""
    parts = text[1:-1].split(text[:1] or "|")
    if len(text) < 2 or text[0] != text[-1] or len(parts) != 3 or parts[0] not in ("1", "2"):
        return None
    try:
        address = Address(*parse_address(parts[1]))
    except ValueError:
        return None
    port = int(parts[2]) if parts[2].isascii() and parts[2].isdecimal() and len(parts[2]) < 6 else 65536
    return (address, port) if address.family == (4 if parts[0] == "1" else 6) and port < 65536 else None


def read_passive(text: str) -> tuple[Address, int] | None:
    """What the answer to PASV names; None: nothing."""
    found = _PASSIVE.search(text[4:])
    return read_port(found[0]) if found else None


def read_extended_passive(text: str) -> int | None:
    """The port that the answer to EPSV names; None: none."""
    found = _EXTENDED.search(text)
    return int(found[2]) if found and len(found[2]) < 6 and int(found[2]) < 65536 else None
