"""The tables of a lesson that are questions and histories: ``ask``, ``when`` and ``[[checks]]``, read into ``queries`` and ``trials``."""

from __future__ import annotations

from collections.abc import Mapping

from fwtutor.course.checks import Court, Passes
from fwtutor.course.model import Ask, Check, Condition, Trial
from fwtutor.course.queries import (
    BYS,
    WHATS,
    Connected,
    EntrySeen,
    PacketAsk,
    PacketSeen,
    Pattern,
    Selection,
    parse_endpoint,
    parse_flags,
    parse_icmp,
)
from fwtutor.course.tables import Table
from fwtutor.course.trials import Exchange, IcmpError, Strays
from fwtutor.netfilter.addresses import parse_network
from fwtutor.netfilter.packet import TCP, UDP
from fwtutor.network.topology import HostSpec


def read_ask(part: Table, watch: str, hosts: tuple[str, ...], stages: int) -> Ask:
    """``{ packet = "...", what = "ctstate" }``."""
    ask = PacketAsk(_selection(part, "packet", watch, hosts, stages), part.choice("what", WHATS))
    part.done()
    return ask


def read_condition(part: Table, watch: str, hosts: tuple[str, ...], stages: int, court: Court) -> Condition:
    """A table with ``passes``, ``connection``, ``entry`` (and ``packet``), or ``packet``."""
    condition: Condition
    if part.has("passes"):
        if not part.flag("passes"):
            part.fail("can only be true", "passes")
        condition = Passes(court, part.number("stage", stages, least=1, most=stages))
    elif part.has("connection"):
        condition = Connected(_selection(part, "connection", watch, hosts, stages, protocol=TCP))
    elif part.has("entry"):
        condition = EntrySeen(_selection(part, "packet", watch, hosts, stages), part.text("entry", limit=60))
    elif part.has("packet"):
        facts = tuple((what, part.text(what, limit=60)) for what in WHATS if what != "entry" and part.has(what))
        condition = PacketSeen(_selection(part, "packet", watch, hosts, stages), facts)
    else:
        part.fail("has none of packet, entry, connection, passes")
    part.done()
    return condition


def _selection(part: Table, key: str, watch: str, hosts: tuple[str, ...], stages: int, protocol: int = 0) -> Selection:
    host = part.text("at", watch)
    if host not in hosts:
        part.fail(f'there is no host "{host[:40]}"', "at")
    pattern = _parsed(part, key)
    if protocol and pattern.protocol != protocol:
        part.fail("is not tcp", key)
    return Selection(
        pattern,
        host,
        nth=part.number("nth", 1, least=1, most=1000),
        by=part.choice("by", BYS, "anyone"),
        stage=part.number("stage", 0, least=0, most=stages),
    )


def _parsed(part: Table, key: str) -> Pattern:
    try:
        return Pattern.parse(part.text(key, limit=120))
    except ValueError as error:
        part.fail(str(error), key)


# --- checks -------------------------------------------------------------------------------------------------


def read_check(part: Table, name: str, watch: str, hosts: Mapping[str, HostSpec]) -> Check:
    """One of ``[[checks]]``; its ``name`` is read already."""
    kind = part.choice("kind", tuple(_KINDS))
    check = Check(name, part.text("reason", limit=240), _KINDS[kind](part, watch, hosts))
    part.done()
    return check


def _exchange(part: Table, watch: str, hosts: Mapping[str, HostSpec]) -> Trial:
    protocol, address, port = _peer(part, hosts)
    times = part.number("times", 2, least=1, most=20)
    return Exchange(_host(part, "host", hosts), part.texts("run", required=True), protocol, address, port, times)


def _icmp_error(part: Table, watch: str, hosts: Mapping[str, HostSpec]) -> Trial:
    _, address, port = _peer(part, hosts)
    try:
        type, code = parse_icmp(part.text("error", limit=10))
    except ValueError as error:
        part.fail(str(error), "error")
    if type not in (3, 4, 5, 11, 12):
        part.fail(f"type {type} is no error", "error")
    router = _address(part, "router", part.text("router", limit=40))
    interface, run = _interface(part, hosts[watch]), part.texts("run", required=True)
    return IcmpError(_host(part, "host", hosts), run, address, port, interface, type, code, router)


def _strays(part: Table, watch: str, hosts: Mapping[str, HostSpec]) -> Trial:
    sources = part.texts("sources", required=True)
    for number, text in enumerate(sources, 1):
        try:
            family = parse_network(text)[0]
        except ValueError:
            part.fail(f'"{text[:40]}" is neither an address nor a network', "sources", number)
        if family != 4:
            part.fail("is not IPv4", "sources", number)
    flags: list[int] = []
    for number, text in enumerate(part.texts("tcp"), 1):
        try:
            flags.append(parse_flags(text))
        except ValueError as error:
            part.fail(str(error), "tcp", number)
    icmp: list[tuple[int, int]] = []
    for number, text in enumerate(part.texts("icmp"), 1):
        try:
            icmp.append(parse_icmp(text))
        except ValueError as error:
            part.fail(str(error), "icmp", number)
    first: list[tuple[str, str]] = []
    for item in part.tables("first"):
        first.append((_host(item, "host", hosts), item.text("run", limit=400)))
        item.done()
    udp, only = part.flag("udp"), part.flag("only")
    ports = part.numbers("ports", least=1, most=65535)
    if not (flags or icmp or udp):
        part.fail("has none of tcp, udp, icmp: it would try nothing")
    if only and not ports:
        part.fail("is given without ports: it would try nothing", "only")
    return Strays(
        _interface(part, hosts[watch]),
        _address(part, "destination", part.text("destination", limit=40)),
        sources,
        tuple(flags),
        udp,
        tuple(icmp),
        ports,
        part.numbers("but", least=1, most=65535),
        only,
        part.numbers("source_ports", least=1, most=65535),
        tuple(first),
    )


_KINDS = {"exchange": _exchange, "icmp-error": _icmp_error, "strays": _strays}


def _peer(part: Table, hosts: Mapping[str, HostSpec]) -> tuple[int, str, int]:
    """``with = "tcp ADDRESS:PORT"``, the address being some host's."""
    words = part.text("with", limit=60).split()
    if len(words) != 2 or words[0] not in ("tcp", "udp"):
        part.fail("is not tcp ADDRESS:PORT or udp ADDRESS:PORT", "with")
    try:
        address, port = parse_endpoint(words[1])
    except ValueError as error:
        part.fail(str(error), "with")
    if address is None or port is None:
        part.fail("names no address or no port", "with")
    text = words[1].partition(":")[0]
    if not any(text == own.partition("/")[0] for host in hosts.values() for owns in host.interfaces.values() for own in owns):
        part.fail(f"no host has the address {text}", "with")
    return (TCP if words[0] == "tcp" else UDP), text, port


def _host(part: Table, key: str, hosts: Mapping[str, HostSpec]) -> str:
    name = part.text(key, limit=40)
    if name not in hosts:
        part.fail(f'there is no host "{name}"', key)
    return name


def _interface(part: Table, host: HostSpec) -> str:
    name = part.text("on", limit=20)
    if name not in host.interfaces:
        part.fail(f'{host.name} has no interface "{name}"', "on")
    return name


def _address(part: Table, key: str, text: str) -> str:
    try:
        address, port = parse_endpoint(text)
    except ValueError as error:
        part.fail(str(error), key)
    if address is None or port is not None:
        part.fail("is not an address", key)
    return text
