"""What is looked at when all words of a command line are read: whether they go together, and the headers they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from fwtutor.netfilter.hooks import NAT
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Extension, Given, OptionTarget
from fwtutor.netfilter.xtables.parsed import Loaded
from fwtutor.netfilter.xtables.reading import MAX_NAME, Reading, too_long
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.values import networks

MAX_AT_ONCE = 4096
"""Rules one command may make: lists of addresses multiply."""
_ORDER = "nsdpjvxio0cf"
"""Options in the order in which the tool looks for one that does not belong to the command."""
_LEGAL = {
    **dict.fromkeys("AIR", "sdpjviocf"), **dict.fromkeys("DC", "sdpjviof"), **dict.fromkeys("dFZzNXES", "v"), "P": "vc", "L": "nvx0",
}  # fmt: skip
"""Which options each command takes; d is -D with a number, z is -Z with one."""


NO_DROP = '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n'


def finish(line: Reading) -> None:
    """Complete what the line asks for. Raises RuleRefused."""
    parsed = line.parsed
    if "W" in line.places and "w" not in line.places:
        line.refuse("--wait-interval only makes sense with --wait", line.places["W"])
    if parsed.table == NAT and (parsed.jump == "DROP" or (parsed.commands == "P" and parsed.name == "DROP")):
        line.refuse(NO_DROP, parsed.jump_token or parsed.name_token)
    for one in line.loaded:
        parsed.matches.append((_build(line, one), one.token))
    if line.target is not None:
        target = _build(line, line.target)
        assert isinstance(target, OptionTarget)
        parsed.target = target
    if line.scanner.next < len(line.scanner.words):
        line.refuse("unknown arguments found on commandline", line.scanner.words[line.scanner.next])
    if not parsed.commands:
        line.refuse("no command specified")
    if line.invert:
        line.refuse("nothing appropriate following !", line.scanner.words[-1])
    _addresses(line)
    _legal(line)
    chain = parsed.chain
    if chain is not None and too_long(chain):
        line.refuse(f"chain name `{chain}' too long (must be under {MAX_NAME + 1} chars)", parsed.chain_token)
    if parsed.commands in "ADIRC":
        for letter, chains in (("o", ("PREROUTING", "INPUT")), ("i", ("POSTROUTING", "OUTPUT"))):
            if letter in parsed.options and chain in chains:
                way = "is leaving" if letter == "o" else "came in"
                line.refuse(f"Can't use -{letter} with {chain}", line.places[letter], hint=f"no packet there {way} by an interface")
        if line.variant == "nft":
            _demanded(line)


def _demanded(line: Reading) -> None:
    """What is checked byte by byte needs its protocol in the rule; whether with a ``!`` is not looked at."""
    from fwtutor.netfilter.xtables.matches.native import is_native

    for match, token in line.parsed.matches:
        if is_native(match) and line.number_of_protocol != match.protocol:
            line.refuse(f"{match.name.upper()} match requires '-p {match.name}'", token)


@lru_cache(maxsize=4096)
def _built(build: Callable[[Mapping[str, Given[Any]]], Extension], given: tuple[tuple[str, Given[Any]], ...]) -> Extension:
    """Matches and targets are values: many rules share one that says the same."""
    return build(dict(given))


def _build(line: Reading, one: Loaded) -> Any:
    try:
        return _built(one.kind.build, tuple(one.given.items()))
    except Unreadable as wrong:
        line.refuse(str(wrong), one.token, wrong.part, wrong.hint)


def _addresses(line: Reading) -> None:
    sources = line.read(networks, line.source, line.family)
    destinations = line.read(networks, line.destination, line.family)
    lists = len(sources) > 1 or len(destinations) > 1
    if lists and ("s" in line.inverted or "d" in line.inverted):
        place = line.source if len(sources) > 1 else line.destination
        line.refuse("! not allowed with multiple source or destination IP addresses", place)
    if len(sources) * len(destinations) > MAX_AT_ONCE:
        line.refuse(f"these lists make {len(sources) * len(destinations)} rules, {MAX_AT_ONCE} at once are the most", line.source)
    if line.parsed.commands == "R" and lists:
        line.refuse("Replacement rule does not specify a unique address", line.source if len(sources) > 1 else line.destination)
    line.parsed.headers = [_header(line, source, destination) for source, destination in product(sources, destinations)]


def _header(line: Reading, source: tuple[int, int], destination: tuple[int, int]) -> Header:
    inverted = line.inverted
    return Header(
        line.family, src=source if source != (0, 0) or "s" in inverted else None, src_not="s" in inverted,
        dst=destination if destination != (0, 0) or "d" in inverted else None, dst_not="d" in inverted,
        in_interface=line.interfaces["i"], in_not="i" in inverted,
        out_interface=line.interfaces["o"], out_not="o" in inverted,
        protocol=line.number_of_protocol, protocol_not="p" in inverted,
        fragment=("f" not in inverted) if "f" in line.parsed.options else None,
    )  # fmt: skip


def _legal(line: Reading) -> None:
    allowed = "".join(_LEGAL[letter] for letter in line.parsed.commands)
    for letter in _ORDER:
        if letter in line.parsed.options and letter not in allowed:
            line.refuse(f"Illegal option `-{letter}' with this command", line.places[letter])
