"""What ssh obeys: its command line (``-o``), ~/.ssh/config, /etc/ssh/ssh_config. Of what is said twice the first counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fwtutor.network.ssh.config import read_count, read_span, read_yes
from fwtutor.network.ssh.keys import home_of
from fwtutor.network.ssh.patterns import matches_pattern

GLOBAL = "/etc/ssh/ssh_config"
_IGNORED = (
    "addkeystoagent addressfamily batchmode bindaddress checkhostip ciphers compression connectionattempts connecttimeout controlmaster "
    "controlpath controlpersist escapechar forwardagent forwardx11 globalknownhostsfile gssapiauthentication hashknownhosts "
    "hostkeyalgorithms identitiesonly kexalgorithms localforward loglevel macs passwordauthentication preferredauthentications "
    "proxycommand proxyjump pubkeyauthentication remoteforward requesttty sendenv setenv stricthostkeychecking userknownhostsfile "
    "visualhostkey"
)
KNOWN = frozenset(_IGNORED.split())
"""Keywords ssh knows that mean nothing here."""


@dataclass(slots=True, frozen=True)
class ClientConfig:
    """What is said for a host, with ssh's defaults; empty: nothing is."""

    user: str = ""
    port: str = ""
    host: str = ""
    """Where to go instead of what was typed."""
    key: str = ""
    interval: int = 0
    """Seconds of silence after which the server is asked for a sign of life; 0: it is not."""
    most: int = 3
    """How many of these may be without an answer."""
    keepalive: bool = True
    """TCP's own, of two hours."""


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "user": ("user", str),
    "port": ("port", str),
    "hostname": ("host", str),
    "identityfile": ("key", str),
    "serveraliveinterval": ("interval", read_span),
    "serveralivecountmax": ("most", read_count),
    "tcpkeepalive": ("keepalive", read_yes),
}


def path_of(user: str) -> str:
    """A user's own file."""
    return f"{home_of(user)}/.ssh/config"


def read_client_config(options: Iterable[str], files: Iterable[tuple[str, str]], host: str) -> ClientConfig:
    """What is said for ``host``, as it was typed, by ``-o`` options and files (path, text). Raises ValueError in ssh's words."""
    found: dict[str, Any] = {}
    for option in options:
        _take(found, option, "command-line line 0")
    for path, text in files:
        meant = True
        for number, line in enumerate(text.splitlines(), 1):
            words = _words(line)
            if words and words[0].lower() == "host":
                meant = _means(words[1:], host)
            elif words:
                _take(found if meant else {}, line, f"{path} line {number}")
    return ClientConfig(**found)


def check_client_config(text: str) -> None:
    """Raises ValueError, with the line, when ssh could not read that file."""
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        if words and words[0].lower() != "host":
            _take({}, line, f"line {number}")


def _words(line: str) -> list[str]:
    return [word.strip('"') for word in line.partition("#")[0].replace("=", " ", 1).split()]


def _means(patterns: list[str], host: str) -> bool:
    """One ``!`` that does settles it: no."""
    if any(matches_pattern(host, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(matches_pattern(host, pattern) for pattern in patterns if not pattern.startswith("!"))


def _take(found: dict[str, Any], line: str, where: str) -> None:
    words = _words(line) or [""]
    keyword, values = words[0].lower(), words[1:]
    try:
        if keyword == "match":
            raise ValueError("Match blocks are not simulated")
        if keyword in _READERS:
            if not values:
                raise ValueError(f"no argument after keyword {keyword!r}")
            field, read = _READERS[keyword]
            value = read(values[0])
            found.setdefault(field, value)
        elif keyword not in KNOWN:
            raise ValueError(f"Bad configuration option: {words[0].lower()}")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
