"""Reading the options of the everyday tools, as getopt does; names of hosts as they resolve them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fwtutor.network.arguments import BadArgument, read_address, read_place, read_port, split_words
from fwtutor.network.ends import Address
from fwtutor.network.host import Host
from fwtutor.network.tools.shell import Refused


class Options(NamedTuple):
    """What was given."""

    given: Mapping[str, str]
    """Option -> its value, "" for one without."""
    words: list[str]
    """What is no option."""

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number. Raises Refused in getopt's manner."""
        if name not in self.given:
            return default
        text = self.given[name]
        if not text.isascii() or not text.isdecimal() or len(text) > 12:
            raise Refused(f"invalid argument: '{text[:40]}'")
        if not least <= int(text) <= most:
            raise Refused(f"invalid argument: '{text}': out of range: {least} <= value <= {most}")
        return int(text)

    def seconds(self, name: str, default: float, least: float, most: float) -> float:
        """A number of seconds, fractions allowed. Raises Refused."""
        text = self.given.get(name, str(default))
        try:
            value = float(text)
        except ValueError:
            raise Refused(f"invalid argument: '{text[:40]}'") from None
        if not least <= value <= most:
            raise Refused(f"invalid argument: '{text[:40]}': out of range: {least:g} <= value <= {most:g}")
        return value


def read_options(rest: str, flags: str, valued: str, usage: str) -> Options:
    """Reads a line: ``flags`` are the letters of options that stand alone, ``valued`` of those with a value. Raises Refused."""
    given: dict[str, str] = {}
    words: list[str] = []
    left = split_words(rest)
    while left:
        word = left.pop(0)
        if len(word) < 2 or word[0] != "-":
            words.append(word)
            continue
        for place, letter in enumerate(word[1:], 1):
            if letter in valued:
                value = word[place + 1 :]
                if not value and not left:
                    raise Refused(f"option requires an argument -- '{letter}'\n{usage}")
                given[letter] = value or left.pop(0)
                break
            if letter not in flags:
                raise Refused(f"fwtutor does not know -{letter[:1]} here\n{usage}")
            given[letter] = ""
    return Options(given, words)


def find_host(host: Host, text: str, family: int = 0) -> Address:
    """The address of a host that is named by its address or its name. Raises Refused in the resolver's words."""
    try:
        address = read_address(text)
    except BadArgument:
        found = host.resolve(text, family)
        if found is None:
            words = "Address family for hostname not supported" if host.resolve(text) else "Name or service not known"
            raise Refused(f"{text[:80]}: {words}") from None
        return found
    if family not in (0, address.family):
        raise Refused(f"{text}: Address family for hostname not supported")
    return address


def find_place(host: Host, text: str, default_port: int | None = None) -> tuple[Address, int]:
    """``HOST:PORT``, the host named by its address or its name. Raises BadArgument, or Refused for a name nobody has."""
    name, colon, port = text.partition(":")
    if text[:1] == "[" or text.count(":") > 1 or not name or not name.strip("0123456789."):
        return read_place(text, default_port)
    if not colon and default_port is None:
        raise BadArgument(f"{text!r} names no port; write HOST:PORT")
    address = find_host(host, name)
    return address, read_port(port) if colon or default_port is None else default_port
