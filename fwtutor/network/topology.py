"""Topology: which hosts there are and which links join them, as values. Making them live is ``world``'s.

A wrong value raises ValueError that begins with the path of the field, as a lesson's author wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fwtutor.netfilter.addresses import parse_address, parse_interface, parse_network

SERVICES = ("ssh", "app", "dns", "http", "https", "echo")
"""What a host can be told to run; ``services`` in its module says what each does."""

MAX_DELAY = 60.0
MAX_HOSTS = 64


@dataclass(slots=True, frozen=True)
class HostSpec:
    """One host: its interfaces' addresses, its routes, what it runs, its rules at the start (iptables-save text)."""

    name: str
    interfaces: Mapping[str, tuple[str, ...]]
    """Interface name -> addresses with prefix length; ``lo`` always exists and is not named."""
    routes: Mapping[str, str | tuple[str, str]] = field(default_factory=dict)
    """CIDR or "default" -> interface, or (interface, gateway)."""
    services: tuple[str, ...] = ()
    """``"ssh:22"``: what runs, and on which port."""
    rules: str = ""
    sysctls: Mapping[str, int] = field(default_factory=dict)
    title: str = ""
    """What a person calls it; its name if empty."""

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
        for service in self.services:
            parse_service(service, f"{where}.services")

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
                parse_address(gateway)
            except ValueError:
                raise ValueError(f"{where}: {gateway!r} is no address") from None


@dataclass(slots=True, frozen=True)
class LinkSpec:
    """One segment: whoever is joined to it reaches the others after ``delay`` seconds."""

    name: str
    joins: tuple[str, ...]
    """``"host:interface"``."""
    delay: float = 0.02


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
            for end in link.joins:
                if end not in ends:
                    raise ValueError(f"links.{link.name}.joins: {end!r} is no interface of a host (host:interface)")
                if end in joined:
                    raise ValueError(f"links.{link.name}.joins: {end!r} is already joined to {joined[end]}")
                joined[end] = link.name
        owners: dict[str, str] = {}
        for host in self.hosts:
            for interface, addresses in host.interfaces.items():
                for text in addresses:
                    address = text.partition("/")[0]
                    if address in owners:
                        raise ValueError(f"hosts.{host.name}.interfaces.{interface}: {address} is already {owners[address]}'s")
                    owners[address] = host.name

    def host(self, name: str) -> HostSpec:
        """The host of that name. Raises KeyError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)


def parse_service(text: str, where: str = "services") -> tuple[str, int]:
    """``"ssh:22"`` as ("ssh", 22). Raises ValueError naming ``where``."""
    name, _, port = text.partition(":")
    if name not in SERVICES:
        raise ValueError(f"{where}: {name!r} is none of {', '.join(SERVICES)}")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{where}: {text!r} names no port between 1 and 65535")
    return name, int(port)
