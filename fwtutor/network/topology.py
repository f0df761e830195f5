"""Topology: which hosts there are and which links join them, as values. Making them live is ``world``'s.

A wrong value raises ValueError that begins with the path of the field, as a lesson's author wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fwtutor.netfilter.addresses import parse_address, parse_interface, parse_network, prefix_mask
from fwtutor.netfilter.routing import LEAST_MTU6
from fwtutor.netfilter.scopes import is_link_local
from fwtutor.network.configuration import check_file

SERVICES = {
    "ssh": ("tcp",), "app": ("tcp",), "dns": ("tcp", "udp"), "http": ("tcp",), "https": ("tcp",), "echo": ("tcp", "udp"), "ftp": ("tcp",),
    "tftp": ("udp",),
    "fail2ban": (),
}  # fmt: skip
"""What a host can be told to run, and over what; ``services`` in its module says what each does."""

MAX_DELAY = 60.0
MAX_HOSTS = 64
MAX_FILE = 65536
MAX_UID = 65533
ROOT = "root"


@dataclass(slots=True, frozen=True)
class UserSpec:
    """Somebody who has an account on a host. ``root`` (uid 0) has one everywhere, and needs none of these."""

    name: str
    uid: int
    """Also the id of the user's own group."""
    password: str = ""
    """What sshd and vsftpd let this user in with; empty: no password does."""

    def __post_init__(self) -> None:
        if not self.name.isascii() or not self.name.replace("-", "a").replace("_", "a").isalnum() or len(self.name) > 32:
            raise ValueError(f"{self.name!r} is no user name")
        if (self.uid == 0) != (self.name == ROOT) or not 0 <= self.uid <= MAX_UID:
            raise ValueError(f"uid {self.uid} of {self.name} is not between 1 and {MAX_UID} (0 is root's)")


@dataclass(slots=True, frozen=True)
class ServiceSpec:
    """What runs: ``ssh:22``, ``http:127.0.0.1:8080``, ``app:1337 as app``, ``ssh:22 without libwrap``, ``fail2ban``.

    ``app:1337 backlog 5 at most 20``: 20 connections are served at once, 6 more may wait.
    """

    name: str
    port: int
    address: str = ""
    """The one address that is listened on; empty: all."""
    user: str = ROOT
    libwrap: bool = True
    """sshd is linked with libwrap, and so obeys hosts.allow and hosts.deny, as Debian's is."""
    backlog: int = 0
    """How many connections may wait to be accepted (Linux lets one more); 0: as many as is usual for the service."""
    at_once: int = 0
    """How many connections are served at once; 0: as is usual."""


@dataclass(slots=True, frozen=True)
class HostSpec:
    """One host: its interfaces' addresses, its routes, what it runs, its rules at the start (iptables-save text)."""

    name: str
    interfaces: Mapping[str, tuple[str, ...]]
    """Interface name -> addresses with prefix length; ``lo`` always exists and is not named."""
    routes: Mapping[str, str | tuple[str, str]] = field(default_factory=dict)
    """CIDR or "default" -> interface, or (interface, gateway)."""
    services: tuple[str, ...] = ()
    """``"ssh:22"``: what runs, and on which port; see ServiceSpec."""
    rules: str = ""
    sysctls: Mapping[str, int] = field(default_factory=dict)
    title: str = ""
    """What a person calls it; its name if empty."""
    mtus: Mapping[str, int] = field(default_factory=dict)
    """Bytes, by interface; 1500 where it is not said."""
    users: tuple[UserSpec, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Path -> text: what services are configured by (/etc/hosts.allow, /etc/ssh/sshd_config ...)."""
    rules6: str = ""
    """As ``rules``, of IPv6 (ip6tables-save text)."""

    def __post_init__(self) -> None:
        where = f"hosts.{self.name}"
        if not self.name or not all(letter.isalnum() or letter in "-_" for letter in self.name) or len(self.name) > 32:
            raise ValueError(f"hosts: {self.name!r} is no host name")
        for interface, addresses in self.interfaces.items():
            if not interface or len(interface) > 15 or "/" in interface or any(letter.isspace() for letter in interface):
                raise ValueError(f"{where}.interfaces: {interface!r} is no interface name")
            for text in addresses:
                try:
                    parse_interface(text)
                except ValueError:
                    raise ValueError(f"{where}.interfaces.{interface}: {text!r} is no address with a prefix length") from None
        for destination, route in self.routes.items():
            self._check_route(f"{where}.routes.{destination}", destination, route)
        for interface, mtu in self.mtus.items():
            self._check_mtu(f"{where}.mtus.{interface}", interface, mtu)
        names, uids = [user.name for user in self.users], [user.uid for user in self.users]
        for user in self.users:
            if names.count(user.name) > 1 or uids.count(user.uid) > 1:
                raise ValueError(f"{where}.users.{user.name}: two users have this {'name' if names.count(user.name) > 1 else 'uid'}")
        for path, text in self.files.items():
            if not path.startswith("/") or path.endswith("/") or "/../" in path or not path.isprintable() or len(path) > 200:
                raise ValueError(f"{where}.files: {path!r} is no absolute path")
            if len(text) > MAX_FILE:
                raise ValueError(f"{where}.files.{path}: {len(text)} characters are more than {MAX_FILE}")
            try:
                check_file(path, text)
            except ValueError as error:
                raise ValueError(f"{where}.files.{path}: {error}") from None
        self._check_services(f"{where}.services")

    @property
    def running(self) -> tuple[ServiceSpec, ...]:
        """``services``, read."""
        return tuple(parse_service(text) for text in self.services)

    def _check_services(self, where: str) -> None:
        used: dict[tuple[str, int], list[ServiceSpec]] = {}
        for text in self.services:
            service = parse_service(text, where)
            if service.user != ROOT and service.user not in [user.name for user in self.users]:
                raise ValueError(f"{where}: {text!r}: {self.name} has no user {service.user!r}")
            if service.address and not self._owns(service.address):
                raise ValueError(f"{where}: {text!r}: {self.name} has no address {service.address}")
            for protocol in SERVICES[service.name]:
                there = used.setdefault((protocol, service.port), [])
                if any(not (other.address and service.address) or other.address == service.address for other in there):
                    raise ValueError(f"{where}: {text!r}: {there[0].name} uses {protocol} port {service.port} already")
                there.append(service)

    def _owns(self, text: str) -> bool:
        wanted = parse_address(text)
        own = [parse_address(each.partition("/")[0]) for addresses in self.interfaces.values() for each in addresses]
        return wanted in own or wanted == (6, 1) or (wanted[0] == 4 and wanted[1] >> 24 == 127)

    def _check_mtu(self, where: str, interface: str, mtu: int) -> None:
        if interface not in self.interfaces:
            raise ValueError(f"{where}: {self.name} has no interface {interface!r}")
        least = LEAST_MTU6 if any(":" in text for text in self.interfaces[interface]) else 68
        if not least <= mtu <= 65536:
            raise ValueError(f"{where}: {mtu} is not between {least} and 65536")

    def _check_route(self, where: str, destination: str, route: str | tuple[str, str]) -> None:
        if destination != "default":
            try:
                parse_network(destination)
            except ValueError:
                raise ValueError(f"{where}: {destination!r} is neither a network nor 'default'") from None
        interface, gateway = (route, "") if isinstance(route, str) else route
        if interface not in self.interfaces:
            raise ValueError(f"{where}: {self.name} has no interface {interface!r}")
        if gateway:
            try:
                hop = parse_address(gateway)
            except ValueError:
                raise ValueError(f"{where}: {gateway!r} is no address") from None
            near = [parse_interface(text) for text in self.interfaces[interface]]
            if near and not any(hop[0] == family and not (hop[1] ^ own) & prefix_mask(family, length) for family, own, length in near):
                raise ValueError(
                    f"{where}: the gateway {gateway} is in no network of {interface} ({', '.join(self.interfaces[interface])})"
                )


@dataclass(slots=True, frozen=True)
class LinkSpec:
    """One segment: whoever is joined to it reaches the others after ``delay`` seconds."""

    name: str
    joins: tuple[str, ...]
    """``"host:interface"``."""
    delay: float = 0.02
    loss: float = 0.0
    """The share of packets that are lost, from 0 to 1; which ones, the seed says."""
    mtu: int = 0
    """Longer packets are lost without a word, in bytes; 0: none are."""
    discovery: bool = False
    """Its hosts look for their IPv6 neighbours by messages, which their rules may drop; otherwise they know them."""
    arp: bool = True
    """Who sends to somebody who is not there hears of it; otherwise (as on a line to the wide world) it is lost without a word."""


@dataclass(slots=True, frozen=True)
class Topology:
    """All hosts and links; checked against each other."""

    hosts: tuple[HostSpec, ...]
    links: tuple[LinkSpec, ...] = ()
    seed: int = 0
    """From it come the initial sequence numbers and the ephemeral ports."""

    def __post_init__(self) -> None:
        names = [host.name for host in self.hosts]
        if len(names) > MAX_HOSTS:
            raise ValueError(f"hosts: {len(names)} are more than {MAX_HOSTS}")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"hosts.{name}: two hosts have this name")
        ends = {f"{host.name}:{interface}" for host in self.hosts for interface in host.interfaces}
        joined: dict[str, str] = {}
        for link in self.links:
            if not 0 <= link.delay <= MAX_DELAY:
                raise ValueError(f"links.{link.name}.delay: {link.delay!r} is not between 0 and {MAX_DELAY:g} seconds")
            if not 0 <= link.loss <= 1:
                raise ValueError(f"links.{link.name}.loss: {link.loss!r} is not between 0 and 1")
            if link.mtu and not 68 <= link.mtu <= 65536:
                raise ValueError(f"links.{link.name}.mtu: {link.mtu} is not between 68 and 65536")
            for end in link.joins:
                if end not in ends:
                    raise ValueError(f"links.{link.name}.joins: {end!r} is no interface of a host (host:interface)")
                if end in joined:
                    raise ValueError(f"links.{link.name}.joins: {end!r} is already joined to {joined[end]}")
                joined[end] = link.name
        owners: dict[tuple[int, int], str] = {}
        for host in self.hosts:
            for interface, addresses in host.interfaces.items():
                for text in addresses:
                    family, address, _ = parse_interface(text)
                    if (family, address) in owners and not (family == 6 and is_link_local(address)):
                        where = f"hosts.{host.name}.interfaces.{interface}"
                        raise ValueError(f"{where}: {text.partition('/')[0]} is already {owners[family, address]}'s")
                    owners[family, address] = host.name

    def host(self, name: str) -> HostSpec:
        """The host of that name. Raises KeyError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)


_SERVICE = re.compile(
    r"(?P<name>[^: ]*)(?P<colon>:?)(?P<address>.*:|)(?P<port>[^: ]*)"
    r"(?: as (?P<user>\S+))?(?P<unlinked> without libwrap)?(?: backlog (?P<backlog>\d{1,5}))?(?: at most (?P<most>\d{1,5}))?"
)


def parse_service(text: str, where: str = "services") -> ServiceSpec:
    """``NAME[:[ADDRESS:]PORT] [as USER] [without libwrap] [backlog N] [at most N]``. Raises ValueError naming ``where``."""
    found = _SERVICE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{where}: {text!r} is none of NAME:PORT, with 'as USER', 'without libwrap', 'backlog N', 'at most N' in that order"
        )
    name, port, user = found["name"], found["port"], found["user"] or ROOT
    if name not in SERVICES:
        raise ValueError(f"{where}: {name!r} is none of {', '.join(SERVICES)}")
    if found["unlinked"] and name != "ssh":
        raise ValueError(f"{where}: {text!r}: only ssh may be without libwrap")
    limits = int(found["backlog"] or 0), int(found["most"] or 0)
    if "0" in (found["backlog"], found["most"]):
        raise ValueError(f"{where}: {text!r}: 0 connections are too few")
    if any(limits) and "tcp" not in SERVICES[name]:
        raise ValueError(f"{where}: {text!r}: {name} has no connections")
    if not SERVICES[name]:
        if found["colon"]:
            raise ValueError(f"{where}: {text!r}: {name} has no port")
        return ServiceSpec(name, 0, "", user)
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65536):
        raise ValueError(f"{where}: {text!r} names no port between 1 and 65535")
    address = found["address"].removesuffix(":").removeprefix("[").removesuffix("]")
    if address:
        try:
            parse_address(address)
        except ValueError:
            raise ValueError(f"{where}: {address!r} is no address") from None
    return ServiceSpec(name, int(port), address, user, not found["unlinked"], *limits)
