"""The network of a lesson: hosts and links as its TOML has them, checked as ``network.topology`` checks them."""

from __future__ import annotations

from typing import NoReturn

from fwtutor.course.answers import bare_firewall
from fwtutor.course.tables import Table
from fwtutor.network.topology import MAX_FILE, MAX_UID, HostSpec, LinkSpec, Topology, UserSpec


def read_topology(table: Table, watch: str, start: str, seed: int) -> Topology:
    """``[hosts.NAME]`` and ``[[links]]`` of a lesson; ``start`` are the rules of the host ``watch``. Raises LessonError."""
    hosts: list[HostSpec] = []
    for name, part in table.table("hosts").named_tables():
        interfaces: dict[str, tuple[str, ...]] = {}
        addresses = part.table("interfaces")
        for interface in addresses.fields():
            interfaces[interface] = addresses.texts(interface)
        routes: dict[str, str | tuple[str, str]] = {}
        if part.has("routes"):
            ways = part.table("routes")
            for destination in ways.fields():
                value = ways.raw(destination)
                if isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value):
                    routes[destination] = (value[0], value[1])
                elif isinstance(value, str):
                    routes[destination] = value
                else:
                    ways.fail("is neither an interface nor [interface, gateway]", destination)
        sysctls = _numbers(part, "sysctls", least=0, most=2**31 - 1)
        mtus = _numbers(part, "mtus", least=68, most=65536)
        users, files = _users(part), _files(part)
        services, title = part.texts("services"), part.text("title", "", limit=80)
        part.done()
        rules = start if name == watch else ""
        try:
            hosts.append(HostSpec(name, interfaces, routes, services, rules, sysctls, title, mtus, users, files))
        except ValueError as error:
            _topology_error(table, error)
        try:
            bare_firewall(hosts[-1])
        except ValueError as error:
            part.fail(str(error))
    if watch not in [host.name for host in hosts]:
        table.fail(f'there is no host "{watch}"', "watch")
    links: list[LinkSpec] = []
    for part in table.tables("links", required=True):
        name = part.text("name", limit=32)
        if name in [link.name for link in links]:
            part.fail(f'"{name}" is the name of another link', "name")
        joins, delay = part.texts("joins", required=True), part.seconds("delay", 0.02)
        links.append(LinkSpec(name, joins, delay, part.seconds("loss", 0.0), part.number("mtu", 0, least=0, most=65536)))
        part.done()
    try:
        return Topology(tuple(hosts), tuple(links), seed)
    except ValueError as error:
        _topology_error(table, error, [link.name for link in links])


def _numbers(part: Table, key: str, *, least: int, most: int) -> dict[str, int]:
    if not part.has(key):
        return {}
    table = part.table(key)
    return {name: table.number(name, least=least, most=most) for name in table.fields()}


def _files(part: Table) -> dict[str, str]:
    if not part.has("files"):
        return {}
    table = part.table("files")
    return {path: table.text(path, limit=MAX_FILE) for path in table.fields()}


def _users(part: Table) -> tuple[UserSpec, ...]:
    if not part.has("users"):
        return ()
    found = []
    table = part.table("users")
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
    table.fail(reason, *words)
