"""``-j LOG``: the packet is written into the kernel's log, and the walk goes on. It decides nothing.

The line begins with ``--log-prefix`` (of which 29 bytes are kept) and then tells interfaces, addresses and headers; ``logline``
makes it. ``--log-level`` says how urgent it is, 0 (emerg) to 7 (debug), 4 without the option. The other options add to the line:
sequence numbers, TCP and IP options, the user whose program sent it (in OUTPUT), the parts of an Ethernet header by name.

Everybody who can send packets can fill the log: put ``-m limit`` before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.logline import Told
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.values import number, quoted
from fwtutor.netfilter.xtables.wording import Wording

KEPT = 29
"""Bytes of a prefix."""
LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
"""As they are listed, by number."""
WORDS = {"alert": 1, "crit": 2, "debug": 7, "emerg": 0, "error": 3, "info": 6, "notice": 5, "panic": 0, "warning": 4}
"""As they are read."""
DEFAULT_LEVEL = 4
USUAL_LEVEL = Given(DEFAULT_LEVEL)


def read_prefix(text: str) -> str:
    if not text:
        raise Unreadable("Argument must have a minimum length of 1 characters")
    if "\n" in text:
        raise Unreadable("Newlines not allowed in --log-prefix")
    return text.encode(errors="surrogateescape")[:KEPT].decode(errors="surrogateescape")


def read_level(text: str) -> int:
    level = number(text, 0, 7)
    if level is None:
        level = WORDS.get(text)
    if level is None:
        raise Unreadable(f'log level "{text}" unknown', hint=nearest(text, WORDS, "levels"))
    return level


def _switch(field: str, name: str, meaning: str) -> Option:
    return Option(field=field, names=(name,), arguments=0, read=lambda: True, invertible=False, meaning=meaning)


@dataclass(frozen=True, slots=True)
class Log(OptionTarget):
    """Written into the log, and on to the next rule."""

    name: ClassVar[str] = "LOG"
    goes_on: ClassVar[bool] = True
    meaning: ClassVar[str] = "the packet is written into the kernel's log, and goes on to the next rule"
    words: ClassVar[Wording] = {
        "": "are written into the kernel's log",
        "prefix": "behind the words {}",
        "level": "at level {}",
        "sequence": ";with TCP's sequence numbers",
        "tcp_options": ";with the TCP options",
        "ip_options": ";with the IP options",
        "uid": ";with the user whose program sent them",
        "macdecode": ";with the parts of their Ethernet header",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="prefix", names=("log-prefix",), argument="TEXT", read=read_prefix, write=quoted, invertible=False,
               meaning=f"what the line begins with, up to {KEPT} bytes"),
        Option(field="level", names=("log-level",), argument="LEVEL", read=read_level, invertible=False, choices=LEVELS,
               unsaved=lambda given: given.value == DEFAULT_LEVEL, meaning=f"0 to 7, or a word: {' '.join(WORDS)}"),
        _switch("sequence", "log-tcp-sequence", "tell TCP's sequence numbers"),
        _switch("tcp_options", "log-tcp-options", "tell the TCP options"),
        _switch("ip_options", "log-ip-options", "tell the IP options"),
        _switch("uid", "log-uid", "tell the user and group whose program sent it"),
        _switch("macdecode", "log-macdecode", "tell the parts of the Ethernet header by name"),
    )  # fmt: skip

    prefix: Given[str] | None = None
    level: Given[int] = USUAL_LEVEL
    sequence: Given[bool] | None = None
    tcp_options: Given[bool] | None = None
    ip_options: Given[bool] | None = None
    uid: Given[bool] | None = None
    macdecode: Given[bool] | None = None

    @property
    def begins(self) -> str:
        """What the line begins with."""
        return "" if self.prefix is None else self.prefix.value

    @property
    def told(self) -> Told:
        return Told(*(option is not None for option in (self.sequence, self.tcp_options, self.ip_options, self.uid)))

    def listing(self, numeric: bool) -> str:
        switches = {"tcp-sequence": (1, self.sequence), "tcp-options": (2, self.tcp_options), "ip-options": (4, self.ip_options),
                    "uid": (8, self.uid), "macdecode": (32, self.macdecode)}  # fmt: skip
        level = self.level.value
        if numeric:
            said = f"LOG flags {sum(bit for bit, option in switches.values() if option)} level {level}"
        else:
            said = " ".join([f"LOG level {LEVELS[level]}", *(word for word, (_, option) in switches.items() if option)])
        return said + (f' prefix "{self.begins}"' if self.begins else "")
