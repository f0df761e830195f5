"""Reading ``nmap``'s command line."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.packet import TCP, UDP
from fwtutor.netfilter.xtables.names import named_ports, service_port
from fwtutor.network.arguments import BadArgument, read_address, read_port
from fwtutor.network.ends import Address
from fwtutor.network.host import Host
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.scans import SCANS, Scan
from fwtutor.network.tools.shell import Refused, Shell

MOST_PORTS, MOST_TARGETS, MOST_RETRIES = 2000, 64, 10
USAGE = "write nmap [-sS|-sT|-sA|-sF|-sN|-sX|-sM] [-sU] [-p PORTS] TARGET..."


class Request(NamedTuple):
    """What is to be scanned, and how."""

    scans: tuple[Scan, ...]
    targets: tuple[Address, ...]
    names: dict[Address, str]
    """How a target was named, if it was not by its address."""
    ports: dict[int, list[int]]
    """By protocol."""
    port: int | None = None
    sources: tuple[Address | None, ...] = (None,)
    """Whose address the probes come from; None is the host's own."""
    fragments: int = 0
    """Bytes of each; 0: whole packets."""
    ping: bool = True
    names_wanted: bool = True
    reasons: bool = False
    only_open: bool = False
    retries: int | None = None


def read_request(shell: Shell, words: list[str]) -> Request:
    """What a command line asks for. Raises Refused or BadArgument."""
    letters: list[str] = []
    texts: list[str] = []
    ports = ""
    fragments = family = 0
    request = Request((), (), {}, {})
    left = list(words)
    while left:
        word = left.pop(0)
        if word[:1] != "-":
            texts.append(word)
        elif word.startswith("-s") and len(word) > 2:
            letters += word[2:]
        elif word == "-f":
            fragments += 8
        elif word == "-6":
            family = 6
        elif word == "-Pn":
            request = request._replace(ping=False)
        elif word == "-n":
            request = request._replace(names_wanted=False)
        elif word == "--reason":
            request = request._replace(reasons=True)
        elif word == "--open":
            request = request._replace(only_open=True)
        elif word == "-r" or (word[:2] == "-T" and word[2:] in tuple("012345")):
            continue
        else:
            name = next((name for name in ("-p", "-g", "--source-port", "-D", "-S", "-e", "--max-retries") if word.startswith(name)), None)
            if name is None:
                raise Refused(f"fwtutor's nmap has no {word[:40]}; help nmap lists what it has")
            value = word[len(name) :].removeprefix("=") if len(word) > len(name) else left.pop(0) if left else ""
            if not value:
                raise Refused(f"option requires an argument -- '{name.lstrip('-')}'")
            if name == "-p":
                ports = value
            elif name in ("-g", "--source-port"):
                request = request._replace(port=read_port(value))
            elif name == "--max-retries":
                if not value.isdecimal() or not value.isascii() or len(value) > 2 or int(value) > MOST_RETRIES:
                    raise Refused(f"--max-retries {value[:40]!r} is no number from 0 to {MOST_RETRIES}")
                request = request._replace(retries=int(value))
            elif name == "-D":
                request = request._replace(sources=tuple(None if each == "ME" else read_address(each) for each in value.split(",")))
                if None not in request.sources:
                    request = request._replace(sources=(*request.sources, None))
            elif name == "-S":
                request = request._replace(sources=(read_address(value),))
    scans = _read_scans(shell, letters)
    if not texts:
        raise Refused(USAGE)
    if fragments and family == 6:
        raise Refused("fwtutor's nmap cuts IPv4 packets only (-f)")
    targets = tuple(dict.fromkeys(_find(shell.host, text, family) for text in texts))
    if len(targets) > MOST_TARGETS:
        raise Refused(f"{len(targets)} targets are more than {MOST_TARGETS}")
    for source in request.sources:
        if source is not None and source.family != targets[0].family:
            raise Refused(f"{source} is an IPv{source.family} address and {targets[0]} an IPv{targets[0].family} one")
    named = {_find(shell.host, text, family): text for text in texts if not _is_address(text)}
    wanted = {scan.protocol: _read_ports(ports, scan.protocol) for scan in scans}
    if request.port and any(scan.name == "connect" for scan in scans):
        raise Refused("-g does not go with -sT: connect(2) chooses the port; take a raw scan such as -sS")
    return request._replace(scans=scans, targets=targets, names=named, ports=wanted, fragments=fragments)


def _read_scans(shell: Shell, letters: list[str]) -> tuple[Scan, ...]:
    root = shell.user.uid == 0
    for letter in letters:
        if letter not in SCANS:
            raise Refused(f"fwtutor's nmap has no -s{letter}; it has {', '.join(f'-s{known}' for known in SCANS)}")
        if not root and letter != "T":
            raise Refused("You requested a scan type which requires root privileges.\nQUITTING!")
    scans = tuple(dict.fromkeys(SCANS[letter] for letter in letters)) or (SCANS["S" if root else "T"],)
    if sum(scan.protocol == TCP for scan in scans) > 1:
        raise Refused(
            "You specified more than one type of TCP scan. Please choose only one of -sA, -sT, -sF, -sM, -sN, -sS and -sX\nQUITTING!"
        )
    return scans


def _find(host: Host, text: str, family: int) -> Address:
    if "/" in text:
        raise Refused(f"fwtutor's nmap takes hosts, no networks: {text[:40]!r}")
    try:
        address = find_host(host, text, family)
    except Refused:
        raise Refused(f'Failed to resolve "{text[:80]}".') from None
    if host.source_for(address) is None:
        raise Refused(f"failed to determine route to {address}")
    return address


def _is_address(text: str) -> bool:
    try:
        read_address(text)
    except BadArgument:
        return False
    return True


def _read_ports(text: str, protocol: int) -> list[int]:
    """``22,80-90,http,U:53``. Raises Refused."""
    name = "udp" if protocol == UDP else "tcp"
    if not text:
        return named_ports(name)
    found: set[int] = set()
    kind = ""
    for part in text.split(","):
        if part[1:2] == ":" and part[0] in "TU":
            kind, part = part[0], part[2:]
        if kind and kind != name[0].upper():
            continue
        first, dash, last = part.partition("-")
        if not dash and part and not part.isdecimal():
            port = service_port(part, name)
            if port is None:
                raise Refused(f"Found no matches for the service mask '{part[:40]}' and your specified protocols\nQUITTING!")
            found.add(port)
            continue
        ends = first or "1", (last or "65535") if dash else first
        if not all(end.isascii() and end.isdecimal() and len(end) < 7 and int(end) < 65536 for end in ends):
            raise Refused("Ports specified must be between 0 and 65535 inclusive\nQUITTING!")
        if int(ends[0]) > int(ends[1]):
            raise Refused(f"Your port range {part} is backwards. Did you mean {ends[1]}-{ends[0]}?\nQUITTING!")
        if int(ends[1]) - int(ends[0]) >= MOST_PORTS:
            raise Refused(f"fwtutor's nmap asks about {MOST_PORTS} ports at most; {part} are {int(ends[1]) - int(ends[0]) + 1}")
        found.update(range(int(ends[0]), int(ends[1]) + 1))
    if len(found) > MOST_PORTS:
        raise Refused(f"fwtutor's nmap asks about {MOST_PORTS} ports at most; these are {len(found)}")
    return sorted(found)
