"""The network of a lesson: hosts and links as its TOML has them, checked as ``network.topology`` checks them.

There are networks ready-made, in ``fwtutor/networks``: a lesson names one, and says only what is different in its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from fwtutor.course.answers import bare_firewall
from fwtutor.course.tables import Table
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.network.topology import MAX_FILE, MAX_UID, HostSpec, LinkSpec, Topology, UserSpec

_FOLDER = Path(__file__).resolve().parent.parent / "networks"
MAX_RULES = 65536


def ready_made() -> dict[str, str]:
    """The networks there are, by name, with what each is."""
    names = sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))
    return {name: _parsed(name).text("title", limit=80) for name in names}


def ready_network(name: str, seed: int = 0) -> Topology:
    """One of them. Raises KeyError when there is none of that name."""
    if name not in ready_made():
        raise KeyError(name)
    table = _parsed(name)
    table.text("title")
    topology = _topology(table, {}, (), seed)
    table.done()
    return topology


def _parsed(name: str) -> Table:
    return Table.parse(f"networks/{name}.toml", (_FOLDER / f"{name}.toml").read_text("utf-8"))


def read_topology(table: Table, watch: str, start: str, seed: int, start6: str | None = None) -> Topology:
    """``[hosts.NAME]`` and ``[[links]]`` of a lesson; ``start`` and ``start6`` are the rules of the host ``watch``. Raises LessonError."""
    base = Topology(())
    if table.has("network"):
        base = ready_network(table.choice("network", tuple(ready_made())), seed)
    topology = _topology(table, {host.name: host for host in base.hosts}, base.links, seed)
    if watch not in [host.name for host in topology.hosts]:
        table.fail(f'there is no host "{watch}"', "watch")

    def started(host: HostSpec) -> HostSpec:
        return replace(host, rules=start, rules6=host.rules6 if start6 is None else start6) if host.name == watch else host

    return replace(topology, hosts=tuple(started(host) for host in topology.hosts))


def _topology(table: Table, known: Mapping[str, HostSpec], links: tuple[LinkSpec, ...], seed: int) -> Topology:
    hosts = dict(known)
    for name, part in table.table("hosts", required=not known).named_tables():
        hosts[name] = _host(table, part, name, known.get(name))
    found = list(links)
    for part in table.tables("links", required=not links):
        name = part.text("name", limit=32)
        if name in [link.name for link in found]:
            part.fail(f'"{name}" is the name of another link', "name")
        joins, delay = part.texts("joins", required=True), part.seconds("delay", 0.02)
        found.append(
            LinkSpec(
                name,
                joins,
                delay,
                part.seconds("loss", 0.0),
                part.number("mtu", 0, least=0, most=65536),
                part.flag("discovery"),
                part.flag("arp", True),
            )
        )
        part.done()
    try:
        return Topology(tuple(hosts.values()), tuple(found), seed)
    except ValueError as error:
        _topology_error(table, error, [link.name for link in found[len(links) :]])


def _host(table: Table, part: Table, name: str, known: HostSpec | None) -> HostSpec:
    """A host of its own, or one that is known with other values in the fields that are given."""
    given: dict[str, Any] = {}
    if known is None or part.has("interfaces"):
        addresses = part.table("interfaces")
        given["interfaces"] = {interface: addresses.texts(interface) for interface in addresses.fields()}
    if part.has("routes"):
        given["routes"] = _routes(part.table("routes"))
    if part.has("sysctls"):
        given["sysctls"] = _numbers(part.table("sysctls"), least=0, most=2**31 - 1)
    if part.has("mtus"):
        given["mtus"] = _numbers(part.table("mtus"), least=68, most=65536)
    if part.has("users"):
        given["users"] = _users(part.table("users"))
    if part.has("files"):
        texts = part.table("files")
        given["files"] = {**(known.files if known else {}), **{path: texts.text(path, limit=MAX_FILE) for path in texts.fields()}}
    if part.has("services"):
        given["services"] = part.texts("services")
    for key, limit in (("title", 80), ("rules", MAX_RULES), ("rules6", MAX_RULES)):
        if part.has(key):
            given[key] = part.text(key, limit=limit)
    part.done()
    try:
        host = HostSpec(name, **given) if known is None else replace(known, **given)
    except ValueError as error:
        _topology_error(table, error)
    try:
        bare_firewall(host)
    except ValueError as error:
        part.fail(str(error))
    for key, family in (("rules", 4), ("rules6", 6)):
        if key in given:
            _check(part, host, key, family)
    return host


def _check(part: Table, host: HostSpec, key: str, family: int) -> None:
    try:
        bare_firewall(host).load(getattr(host, key), family=family)
    except RuleRefused as error:
        part.fail(f"line {error.line_number}: {str(error).strip()}", key)


def _routes(ways: Table) -> dict[str, str | tuple[str, str]]:
    routes: dict[str, str | tuple[str, str]] = {}
    for destination in ways.fields():
        value = ways.raw(destination)
        if isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value):
            routes[destination] = (value[0], value[1])
        elif isinstance(value, str):
            routes[destination] = value
        else:
            ways.fail("is neither an interface nor [interface, gateway]", destination)
    return routes


def _numbers(table: Table, *, least: int, most: int) -> dict[str, int]:
    return {name: table.number(name, least=least, most=most) for name in table.fields()}


def _users(table: Table) -> tuple[UserSpec, ...]:
    found = []
    for name, user in table.named_tables():
        uid, password = user.number("uid", least=0, most=MAX_UID), user.text("password", "", limit=100)
        user.done()
        try:
            found.append(UserSpec(name, uid, password))
        except ValueError as error:
            table.fail(str(error), name)
    return tuple(found)


def _topology_error(table: Table, error: ValueError, links: list[str] | None = None) -> NoReturn:
    """Topology names the field in its own way, as the first word: ``hosts.server.routes.default: ...``."""
    field, _, reason = str(error).partition(": ")
    if not reason:
        table.fail(str(error), "hosts")
    words: list[str | int] = list(field.split(".", 3))
    if words[0] == "links" and links and len(words) > 1 and words[1] in links:
        words[1] = links.index(str(words[1])) + 1
    inside = re.match(r"line (\d+): ", reason) if words[2:3] == ["files"] else None
    if inside:
        table.fail_inside(reason, int(inside[1]), *words)
    table.fail(reason, *words)
