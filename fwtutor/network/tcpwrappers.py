"""/etc/hosts.allow and /etc/hosts.deny, as libwrap reads them: hosts_access(5). The first line that means a client settles it.

Who is let in by no line of the one and kept out by no line of the other is let in. Names come from the host's own /etc/hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address
from fwtutor.network.ssh.patterns import in_network, matches_pattern

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
_OPTIONS = "allow banners deny keepalive linger nice rfc931 severity setenv spawn twist umask user"
OPTIONS = frozenset(_OPTIONS.split())
WILDCARDS = frozenset(("ALL", "LOCAL", "KNOWN", "UNKNOWN", "PARANOID"))


class Client(NamedTuple):
    """Who connects; ``name`` is looked up only when a pattern asks for it."""

    address: Address
    name: Callable[[], str]
    """His name by the host's own files; "" when it knows none."""


class Line(NamedTuple):
    """A line of either file: for which daemons, which clients, and what it does instead of what its file is for."""

    number: int
    daemons: list[str]
    clients: list[str]
    options: list[str]


def lets_in(allow: str, deny: str, daemon: str, client: Client) -> bool:
    """May the client speak to the daemon? ``allow`` and ``deny`` are the two files' texts."""
    for text, verdict in ((allow, True), (deny, False)):
        for line in read_lines(text):
            if _in_list(line.daemons, lambda word: word == "ALL" or word.partition("@")[0].lower() == daemon) and _in_list(
                line.clients, lambda word: _means(word, client)
            ):
                return {"allow": True, "deny": False}.get(line.options[-1].lower() if line.options else "", verdict)
    return True


def read_lines(text: str, strict: bool = False) -> list[Line]:
    """Lines that can be read; ``strict``: raises ValueError for one that cannot."""
    found: list[Line] = []
    for number, raw in enumerate(text.replace("\\\n", "").splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        parts = _split(raw)
        options = [part.strip() for part in parts[2:]]
        if strict:
            _check(number, parts, options)
        if len(parts) > 1:
            found.append(Line(number, _words(parts[0]), _words(parts[1]), options))
    return found


def _check(number: int, parts: list[str], options: list[str]) -> None:
    if len(parts) < 2:
        raise ValueError(f'line {number}: missing ":" separator')
    for option in options:
        name = option.split()[0].lower() if option.split() else ""
        if name not in OPTIONS:
            raise ValueError(f'line {number}: bad option name: "{name}"')
    for word in _words(parts[1]):
        if word[:1] == "@" or (word[:1] == "/" and "/" not in word[1:]):
            raise ValueError(f"line {number}: {word!r}: netgroups and files of patterns are not simulated")
        if "/" in word and not _network(word):
            raise ValueError(f"line {number}: {word!r} is no network")


def _split(line: str) -> list[str]:
    """Parts between colons that are not within brackets."""
    parts, depth = [""], 0
    for letter in line:
        depth += (letter == "[") - (letter == "]")
        if letter == ":" and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _in_list(words: list[str], means: Callable[[str], bool]) -> bool:
    """Is one of the words meant, up to EXCEPT, and none of those behind it (which may have an EXCEPT of their own)?"""
    for number, word in enumerate(words):
        if word == "EXCEPT":
            return False
        if means(word):
            rest = words[number:]
            return "EXCEPT" not in rest or not _in_list(rest[rest.index("EXCEPT") + 1 :], means)
    return False


def _means(pattern: str, client: Client) -> bool:
    if pattern == "ALL":
        return True
    if pattern in WILDCARDS:
        name = client.name()
        return {"KNOWN": bool(name), "UNKNOWN": not name, "LOCAL": bool(name) and "." not in name}.get(pattern, False)
    if "/" in pattern or pattern.startswith("["):
        return in_network(client.address, _network(pattern)) if "/" in pattern else str(client.address) == _plain(pattern)
    if pattern.endswith("."):
        return str(client.address).startswith(pattern)
    if pattern.startswith("."):
        return client.name().lower().endswith(pattern.lower())
    if matches_pattern(str(client.address), pattern):
        return True
    # What has a letter (and is no IPv6 address) may be a name.
    return any(letter.isalpha() or letter in "*?" for letter in pattern) and matches_pattern(client.name().lower(), pattern.lower())


def _plain(pattern: str) -> str:
    try:
        return str(Address(*parse_address(pattern[1:].removesuffix("]"))))
    except ValueError:
        return ""


def _network(pattern: str) -> str:
    """``[2001:db8::]/32``, ``192.168.0.0/255.255.0.0`` as address/length; "" when it is none."""
    address, _, length = pattern.replace("[", "").replace("]", "").partition("/")
    if "." in length:
        try:
            _, mask = parse_address(length)
        except ValueError:
            return ""
        ones = mask.bit_count()
        if mask != (1 << 32) - (1 << 32 - ones):
            return ""
        length = str(ones)
    try:
        family, _ = parse_address(address)
    except ValueError:
        return ""
    return f"{address}/{length}" if length.isdecimal() and len(length) < 4 and int(length) <= (32 if family == 4 else 128) else ""
