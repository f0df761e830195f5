"""The tables of a lesson that are histories: ``[[checks]]``, read into ``trials``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from ipaddress import ip_address, ip_network
from random import Random

from fwtutor.course.fields import read_condition
from fwtutor.course.ground import PLACEHOLDER, USUAL_DRAWS, draw_all, fill
from fwtutor.course.model import Check, Condition, Trial
from fwtutor.course.patterns import parse_endpoint, parse_flags, parse_icmp
from fwtutor.course.strays import Strays
from fwtutor.course.tables import Table
from fwtutor.course.trials import Conditions, Cost, Exchange, History, IcmpError, Traffic
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP
from fwtutor.network.ends import Address
from fwtutor.network.topology import HostSpec

Hosts = Mapping[str, HostSpec]
_ERRORS = {4: (3, 4, 5, 11, 12), 6: (1, 2, 3, 4)}


def read_check(part: Table, name: str, watch: str, hosts: Hosts) -> Check:
    """One of ``[[checks]]``; its ``name`` is read already."""
    kind = part.choice("kind", tuple(_KINDS))
    trial = _KINDS[kind](part, watch, hosts)
    keeps_out = isinstance(trial, Strays) or (isinstance(trial, History) and not trial.must)
    check = Check(name, part.text("reason", limit=240), trial, keeps_out)
    part.done()
    return check


def _exchange(part: Table, watch: str, hosts: Hosts) -> Trial:
    protocol, address, port = _peer(part, hosts)
    times = part.number("times", 2, least=1, most=20)
    served = _place(part, "served", part.text("served", limit=60), hosts) if part.has("served") else None
    everyone = part.texts("everyone")
    _check_networks(part, "everyone", everyone, address.family)
    return Exchange(_host(part, "host", hosts), part.texts("run", required=True), protocol, address, port, times, served, everyone)


def _icmp_error(part: Table, watch: str, hosts: Hosts) -> Trial:
    _, address, port = _peer(part, hosts)
    router = _address(part, "router", part.text("router", limit=40))
    try:
        type, code = parse_icmp(part.text("error", limit=10))
    except ValueError as error:
        part.fail(str(error), "error")
    if type not in _ERRORS[router.family]:
        part.fail(f"type {type} is no error", "error")
    if router.family != address.family:
        part.fail("is of the other version of IP", "router")
    interface, run = _interface(part, hosts[watch]), part.texts("run", required=True)
    return IcmpError(_host(part, "host", hosts), run, address, port, interface, type, code, router)


def _strays(part: Table, watch: str, hosts: Hosts) -> Trial:
    destination = _address(part, "destination", part.text("destination", limit=40))
    sources = part.texts("sources", required=True)
    _check_networks(part, "sources", sources, destination.family)
    flags: list[int] = []
    for number, text in enumerate(part.texts("tcp"), 1):
        try:
            flags.append(0 if text == "none" else parse_flags(text))
        except ValueError as error:
            part.fail(str(error), "tcp", number)
    icmp: list[tuple[int, int]] = []
    for number, text in enumerate(part.texts("icmp"), 1):
        try:
            icmp.append(parse_icmp(text, ICMP if destination.family == 4 else ICMPV6))
        except ValueError as error:
            part.fail(str(error), "icmp", number)
    first = _lines(part, "first", hosts, {})
    udp, only = part.flag("udp"), part.flag("only")
    ports = part.numbers("ports", least=1, most=65535)
    if not (flags or icmp or udp):
        part.fail("has none of tcp, udp, icmp: it would try nothing")
    if only and not ports:
        part.fail("is given without ports: it would try nothing", "only")
    return Strays(
        _interface(part, hosts[watch]),
        destination,
        sources,
        tuple(flags),
        udp,
        tuple(icmp),
        ports,
        part.numbers("but", least=1, most=65535),
        only,
        part.numbers("source_ports", least=1, most=65535),
        first,
        part.flag("anybody"),
    )


def _check_networks(part: Table, key: str, texts: tuple[str, ...], wanted: int) -> None:
    for number, text in enumerate(texts, 1):
        try:
            family = ip_network(text).version
        except ValueError:
            part.fail(f'"{text[:40]}" is neither an address nor a network', key, number)
        if family != wanted:
            part.fail(f"is not IPv{wanted}, as the destination is", key, number)


def _history(part: Table, watch: str, hosts: Hosts) -> Trial:
    traffic = _traffic(part, hosts)
    must = tuple(_conditions(item, traffic, watch, hosts) for item in part.tables("must"))
    never = tuple(_conditions(item, traffic, watch, hosts) for item in part.tables("never"))
    if not (must or never):
        part.fail("has neither must nor never: it could never fail")
    return History(traffic, must, never, part.number("times", 1, least=1, most=20))


def _cost(part: Table, watch: str, hosts: Hosts) -> Trial:
    return Cost(_traffic(part, hosts), part.number("most", least=0, most=100_000), part.number("share", 100, least=1, most=100))


_KINDS = {"exchange": _exchange, "icmp-error": _icmp_error, "strays": _strays, "history": _history, "cost": _cost}


def _traffic(part: Table, hosts: Hosts) -> Traffic:
    draws: dict[str, str] = {}
    if part.has("draw"):
        names = part.table("draw")
        for name in names.fields():
            draws[name] = names.text(name, limit=200)
            try:
                draw_all({name: draws[name]}, Random(0))
            except ValueError as error:
                names.fail(str(error), name)
    already = _lines(part, "already", hosts, draws)
    lines: list[tuple[float, str, str]] = []
    for item in part.tables("traffic", required=True):
        at, host, run = item.seconds("at", lines[-1][0] if lines else 0.0), _host(item, "host", hosts), item.text("run", limit=400)
        if lines and at < lines[-1][0]:
            item.fail("is earlier than the line before it", "at")
        _check_drawn(item, run, draws)
        item.done()
        lines.append((at, host, run))
    return Traffic(tuple(lines), draws, already)


def _lines(part: Table, key: str, hosts: Hosts, draws: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for item in part.tables(key):
        host, run = _host(item, "host", hosts), item.text("run", limit=400)
        _check_drawn(item, run, draws)
        item.done()
        found.append((host, run))
    return tuple(found)


def _check_drawn(item: Table, run: str, draws: Mapping[str, str]) -> None:
    for name in PLACEHOLDER.findall(run):
        if name not in draws and name not in USUAL_DRAWS:
            item.fail(f"nothing is drawn for {{{name}}}", "run")


def _conditions(part: Table, traffic: Traffic, watch: str, hosts: Hosts) -> Conditions:
    """Read for every draw anew: only then it is known what it says. Once here, so that mistakes are told with their line."""
    read = partial(_condition, part, watch, tuple(hosts))
    read(draw_all({**USUAL_DRAWS, **traffic.draws}, Random(0)))
    return read


def _condition(part: Table, watch: str, hosts: tuple[str, ...], drawn: Mapping[str, str]) -> Condition:
    return read_condition(part.filled(lambda text: fill(text, drawn)), watch, hosts, 2, None, usual=2)


def _peer(part: Table, hosts: Hosts) -> tuple[int, Address, int]:
    """``with = "tcp ADDRESS:PORT"``, the address being some host's."""
    words = part.text("with", limit=60).split()
    if len(words) != 2 or words[0] not in ("tcp", "udp"):
        part.fail("is not tcp ADDRESS:PORT or udp ADDRESS:PORT", "with")
    return (TCP if words[0] == "tcp" else UDP), *_place(part, "with", words[1], hosts)


def _place(part: Table, key: str, text: str, hosts: Hosts) -> tuple[Address, int]:
    try:
        address, port = parse_endpoint(text)
    except ValueError as error:
        part.fail(str(error), key)
    if address is None or port is None:
        part.fail("names no address or no port", key)
    owned = {own.partition("/")[0] for host in hosts.values() for owns in host.interfaces.values() for own in owns}
    if str(address) not in owned and not ip_address(str(address)).is_loopback:
        part.fail(f"no host has the address {address}", key)
    return address, port


def _host(part: Table, key: str, hosts: Hosts) -> str:
    name = part.text(key, limit=40)
    if name not in hosts:
        part.fail(f'there is no host "{name}"', key)
    return name


def _interface(part: Table, host: HostSpec) -> str:
    name = part.text("on", limit=20)
    if name not in host.interfaces:
        part.fail(f'{host.name} has no interface "{name}"', "on")
    return name


def _address(part: Table, key: str, text: str) -> Address:
    try:
        address, port = parse_endpoint(text)
    except ValueError as error:
        part.fail(str(error), key)
    if address is None or port is not None:
        part.fail("is not an address", key)
    return address
