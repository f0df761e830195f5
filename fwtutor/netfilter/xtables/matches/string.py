"""``-m string``: whether a text occurs in the packet, headers included.

``--from`` and ``--to`` count from the IP header: the text must begin at or behind the one and end before the other. With ``--icase``
letters are compared as the kernel makes them capitals: those of Latin-1, too, whatever the text is encoded in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.values import bounded

MOST = 0xFFFF
LONGEST = 128
BEGIN, END = Given(0), Given(MOST)
ALGORITHMS = ("bm", "kmp")
_SMALL = (*range(0x61, 0x7B), *range(0xDF, 0xF7), *range(0xF8, 0x100))
CAPITALS = bytes(byte - 32 if byte in _SMALL else byte for byte in range(256))
_DIGITS = frozenset(b"0123456789abcdefABCDEF")


def read_text(text: str) -> bytes:
    raw = text.encode(errors="surrogateescape")
    if len(raw) > LONGEST:
        raise Unreadable(f'STRING too long "{text}"', hint=f"{LONGEST} bytes are the most")
    return raw


def read_hex(text: str) -> bytes:
    """Bytes in hexadecimal stand between bars, and a backslash takes what follows it as it is."""
    raw = text.encode(errors="surrogateescape")
    if not raw:
        raise Unreadable("STRING must contain at least one char")
    found = bytearray()
    at, inside, end = 0, False, len(raw)
    while at < end:
        literal = raw[at] == ord("\\")
        if literal and inside:
            raise Unreadable("Cannot include literals in hex data")
        if raw[at] == ord("|"):
            inside = not inside
            while inside and raw[at + 1 : at + 2] == b" ":
                at += 1
            at += 1
            if at >= end:
                break
        if literal:
            if at + 1 >= end:
                raise Unreadable("Bad literal placement at end of string")
            found.append(raw[at + 1])
            at += 2
        elif inside:
            found.append(_byte(raw, at))
            at += 3 if raw[at + 2] == ord(" ") else 2
        else:
            found.append(raw[at])
            at += 1
        if len(found) > LONGEST:
            raise Unreadable(f'STRING too long "{text}"', hint=f"{LONGEST} bytes are the most")
    return bytes(found)


def _byte(raw: bytes, at: int) -> int:
    if at + 1 >= len(raw):
        raise Unreadable("Odd number of hex digits")
    if at + 2 >= len(raw):
        raise Unreadable("Invalid hex block")
    for digit in raw[at : at + 2]:
        if digit not in _DIGITS:
            raise Unreadable(f"Invalid hex char '{bytes([digit]).decode(errors='surrogateescape')}'")
    return int(raw[at : at + 2], 16)


def printable(pattern: bytes) -> bool:
    """Whether the tool shows it as a text, not in hexadecimal."""
    return all(0x20 <= byte < 0x7F for byte in pattern) and not pattern.endswith(b"\\")


def quoted(pattern: bytes) -> str:
    if not printable(pattern):
        return f'"|{pattern.hex()}|"'
    return '"' + "".join(f"\\{letter}" if letter in '"\\' else letter for letter in pattern.decode()) + '"'


def _plain(field: str, name: str, argument: str, read: Any, meaning: str, invertible: bool = False) -> Option:
    return Option(field=field, names=(name,), argument=argument, read=read, invertible=invertible, meaning=meaning)


@dataclass(frozen=True, slots=True)
class String(OptionMatch):
    """A text in the packet."""

    name: ClassVar[str] = "string"
    meaning: ClassVar[str] = "a text somewhere in the packet"
    options: ClassVar[tuple[Option, ...]] = (
        _plain("pattern", "string", "TEXT", read_text, "this text occurs", invertible=True),
        _plain("hexadecimal", "hex-string", "TEXT", read_hex, "the same, with bytes in hexadecimal between bars: '|0d 0a|'",
               invertible=True),
        _plain("algorithm", "algo", "bm|kmp", str, "how it is looked for: the outcome is the same"),
        _plain("begin", "from", "OFFSET", bounded("string", "from", 0, MOST), "not before this byte of the packet"),
        _plain("end", "to", "OFFSET", bounded("string", "to", 0, MOST), "and all of it before this one"),
        Option(field="icase", names=("icase",), arguments=0, read=lambda: True, invertible=False, meaning="small letters are capitals"),
    )  # fmt: skip

    pattern: Given[bytes]
    algorithm: Given[str]
    begin: Given[int] = BEGIN
    end: Given[int] = END
    icase: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if "pattern" not in given and "hexadecimal" not in given:
            raise Unreadable("STRING match: You must specify `--string' or `--hex-string'")
        if "algorithm" not in given:
            raise Unreadable('string: option "--algo" must be specified')
        cls.exclude(given, "pattern", "hexadecimal")
        kept = dict(given)
        if "hexadecimal" in kept:
            kept["pattern"] = kept.pop("hexadecimal")
        return cls(**kept)

    def phrases(self) -> list[str]:
        within = f" from byte {self.begin.value}" if self.begin.value else ""
        within += f" up to byte {self.end.value}" if self.end.value != MOST else ""
        letters = ", in small letters or capitals" if self.icase is not None else ""
        how = f" (looked for by {self.algorithm.value})"
        return [f"that {'do not contain' if self.pattern.negated else 'contain'} {quoted(self.pattern.value)}{within}{letters}{how}"]

    def misplaced(self, header: Header) -> str:
        if self.begin.value > self.end.value:
            return "--from is behind --to"
        if self.algorithm.value == "fsm":
            return f"fwtutor looks for texts by {' and '.join(ALGORITHMS)} only"
        return "" if self.pattern.value else "the text to look for is empty"

    def unknown(self) -> str:
        return "" if self.algorithm.value in ALGORITHMS else f"algorithms: {' '.join(ALGORITHMS)}"

    def found(self, raw: bytes) -> int:
        """Where the text occurs first; -1: nowhere."""
        pattern = self.pattern.value
        if self.icase is not None:
            raw, pattern = raw.translate(CAPITALS), pattern.translate(CAPITALS)
        return raw.find(pattern, self.begin.value, self.end.value)

    def compile(self) -> Test:
        negated = self.pattern.negated
        return lambda context: (self.found(context.kept.raw) >= 0) != negated

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        at = self.found(context.kept.raw)
        within = "" if (self.begin.value, self.end.value) == (0, MOST) else " in that part"
        because = f"the packet has it at byte {at}" if at >= 0 else f"the packet does not have it{within}"
        return (Condition(self.save(), (at >= 0) != self.pattern.negated, because),)

    def save(self) -> str:
        kind = "string" if printable(self.pattern.value) else "hex-string"
        words = [f"{'! ' if self.pattern.negated else ''}--{kind} {quoted(self.pattern.value)}", f"--algo {self.algorithm.value}"]
        words += [f"--from {self.begin.value}"] if self.begin.value else []
        words += [f"--to {self.end.value}"] if self.end.value != MOST else []
        return " ".join([*words, *(["--icase"] if self.icase is not None else [])])

    def listing(self, numeric: bool) -> str:
        words = [f"STRING match {'!' if self.pattern.negated else ''} {quoted(self.pattern.value)} ALGO name {self.algorithm.value}"]
        words += [f"FROM {self.begin.value}"] if self.begin.value else []
        words += [f"TO {self.end.value}"] if self.end.value != MOST else []
        return " ".join([*words, *(["ICASE"] if self.icase is not None else [])])
