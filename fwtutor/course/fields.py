"""The tables of a lesson that are questions: predictions, ``ask`` and ``when``, read into ``queries``; ids and names of hosts.

Those of its checks are ``checkfields``'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from fwtutor.course.checks import Court, Passes
from fwtutor.course.facts import WHATS
from fwtutor.course.listed import LESSON_NAME
from fwtutor.course.model import Ask, Choice, Condition, Prediction, Vary, Withheld
from fwtutor.course.patterns import Pattern
from fwtutor.course.queries import BYS, Connected, EntrySeen, MatchesAsk, PacketAsk, PacketSeen, Selection, Spoken, WordAsk
from fwtutor.course.tables import Table
from fwtutor.netfilter.packet import TCP

_BOUNDS = re.compile(r"(\d{1,5})-(\d{1,5})\Z", re.ASCII)
_RULE = re.compile(r"(\S{1,28}) (\d{1,5})\Z", re.ASCII)


def read_ask(part: Table, watch: str, hosts: tuple[str, ...], stages: int) -> Ask:
    """``{ packet = "...", what = "ctstate" }``, ``{ packet, rule = "INPUT 5", what = "matched" }`` or ``{ line = "22/tcp", word = 2 }``."""
    ask: Ask
    if part.has("line"):
        beginning, word = part.text("line", limit=80), part.number("word", 0, least=0, most=100)
        ask = WordAsk(_host(part, watch, hosts), watch, beginning, word, _by(part), _stage(part, stages))
    else:
        select = _selection(part, "packet", watch, hosts, stages)
        what = part.choice("what", (*WHATS, "matched"))
        if what == "matched":
            found = _RULE.match(part.text("rule", limit=40))
            if not found:
                part.fail("is not CHAIN NUMBER", "rule")
            ask = MatchesAsk(select, found[1], int(found[2]))
        else:
            ask = PacketAsk(select, what)
    part.done()
    return ask


def read_condition(part: Table, watch: str, hosts: tuple[str, ...], stages: int, court: Court | None, usual: int = 0) -> Condition:
    """A table with ``passes`` (if there is a court), ``connection``, ``entry`` (and ``packet``), ``packet``, or ``says``.

    ``usual`` is the stage that is meant when none is named; 0: any.
    """
    condition: Condition
    if court and part.has("passes"):
        if not part.flag("passes"):
            part.fail("can only be true", "passes")
        stage = part.number("stage", max(1, stages - 1), least=1, most=stages)
        # Checks that are held back are not here to be passed.
        condition = Passes(court, stage) if court.checks else Withheld()
    elif part.has("connection"):
        condition = Connected(_selection(part, "connection", watch, hosts, stages, protocol=TCP, usual=usual))
    elif part.has("entry"):
        condition = EntrySeen(_selection(part, "packet", watch, hosts, stages, usual=usual), part.text("entry", limit=60))
    elif part.has("packet"):
        facts = tuple((what, part.text(what, limit=120)) for what in WHATS if what != "entry" and part.has(what))
        condition = PacketSeen(_selection(part, "packet", watch, hosts, stages, usual=usual), facts)
    elif part.has("says"):
        condition = Spoken(_host(part, watch, hosts), part.text("says", limit=120), _by(part), _stage(part, stages, usual))
    else:
        part.fail(f"has none of packet, entry, connection, says{', passes' if court else ''}")
    part.done()
    return condition


def read_vary(part: Table) -> Vary:
    """``networks = { "203.0.113.0/24" = "198.18.0.0/15" }``, ``ports = { 1337 = "1100-1999" }``."""
    networks: list[tuple[IPv4Network | IPv6Network, IPv4Network | IPv6Network]] = []
    given = part.table("networks", required=False)
    for text in given.fields():
        network, pool = _network(given, text, text), _network(given, text, given.text(text, limit=50))
        if pool.version != network.version or pool.prefixlen > network.prefixlen:
            given.fail(f"{pool} is no network that has one like {network} in it", text)
        if any(network.overlaps(other) for other, _ in networks):
            given.fail("overlaps with another", text)
        networks.append((network, pool))
    ports: list[tuple[int, int, int]] = []
    numbers = part.table("ports", required=False)
    for text in numbers.fields():
        bounds = _BOUNDS.match(numbers.text(text, limit=20))
        if not (text.isascii() and text.isdigit() and text[0] != "0" and int(text) < 65536):
            numbers.fail("is no port", text)
        if bounds is None or not 1 <= int(bounds[1]) <= int(bounds[2]) <= 65535:
            numbers.fail("is none of what ports are drawn from, like 1100-1999", text)
        ports.append((int(text), int(bounds[1]), int(bounds[2])))
    part.done()
    if not networks and not ports:
        part.fail("has neither networks nor ports: nothing would vary")
    return Vary(tuple(networks), tuple(ports))


def _network(part: Table, key: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        part.fail(f'"{text[:50]}" is no network, like 203.0.113.0/24', key)


def _selection(part: Table, key: str, watch: str, hosts: tuple[str, ...], stages: int, protocol: int = 0, usual: int = 0) -> Selection:
    pattern = _parsed(part, key)
    if protocol and pattern.protocol != protocol:
        part.fail("is not tcp", key)
    nth = part.number("nth", 1, least=1, most=1000)
    return Selection(pattern, _host(part, watch, hosts), nth=nth, by=_by(part), stage=_stage(part, stages, usual))


def _host(part: Table, watch: str, hosts: tuple[str, ...]) -> str:
    host = part.text("at", watch)
    if host not in hosts:
        part.fail(f'there is no host "{host[:40]}"', "at")
    return host


def _by(part: Table) -> str:
    return part.choice("by", BYS, "anyone")


def _stage(part: Table, stages: int, usual: int = 0) -> int:
    return part.number("stage", usual, least=0, most=stages)


def _parsed(part: Table, key: str) -> Pattern:
    try:
        return Pattern.parse(part.text(key, limit=160))
    except ValueError as error:
        part.fail(str(error), key)


def read_prediction(part: Table, watch: str, hosts: Iterable[str], stages: int, ids: set[str]) -> Prediction:
    """A question with its choices; ``ids``: those taken already."""
    choices: list[Choice] = []
    for item in part.tables("choices", required=True):
        choices.append(Choice(item.text("text", limit=80), item.text("answer", limit=80), item.text("why", limit=400)))
        item.done()
    if not 2 <= len(choices) <= 4:
        part.fail("are not two to four", "choices")
    answers = [choice.answer for choice in choices]
    expect = part.text("expect", limit=80)
    if expect not in answers:
        part.fail(f'"{expect}" is the answer of none of the choices', "expect")
    for number, answer in enumerate(answers, 1):
        if answer in answers[: number - 1]:
            part.fail(f'"{answer}" is the answer of two choices', "choices", number, "answer")
    ask = read_ask(part.table("ask"), watch, tuple(hosts), stages)
    prediction = Prediction(read_id(part, ids), part.text("question", limit=240), tuple(choices), ask, expect)
    part.done()
    return prediction


def read_host(part: Table, hosts: Iterable[str], key: str = "host") -> str:
    """The name of a host there is."""
    name = part.text(key)
    if name not in hosts:
        part.fail(f'there is no host "{name[:40]}"', key)
    return name


def read_id(part: Table, taken: set[str], key: str = "id") -> str:
    """A name that nothing else of its kind has."""
    name = part.text(key, limit=40)
    if not LESSON_NAME.match(name):
        part.fail(f'"{name}" is not in lower-case words joined by hyphens', key)
    if name in taken:
        part.fail(f'"{name}" is used twice', key)
    taken.add(name)
    return name
