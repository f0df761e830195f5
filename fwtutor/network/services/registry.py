"""Starting the services of ``topology.SERVICES``."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.application import Application
from fwtutor.network.ends import Address
from fwtutor.network.services.dns import Named, Names
from fwtutor.network.services.echoing import Echo, EchoDatagrams, EchoingApp
from fwtutor.network.services.http import Httpd, Httpsd
from fwtutor.network.services.ssh import Sshd
from fwtutor.network.stack import Listener, Stack
from fwtutor.network.surroundings import User
from fwtutor.network.topology import ServiceSpec

TCP_SERVICES: dict[str, Callable[[], Application]] = {
    "ssh": Sshd,
    "app": EchoingApp,
    "http": Httpd,
    "https": Httpsd,
    "echo": Echo,
}


def install(stack: Stack, service: ServiceSpec, user: User, names: Names) -> None:
    """Starts a service of ``topology.SERVICES`` on a stack."""
    if service.name in TCP_SERVICES:
        address = Address(*parse_address(service.address)) if service.address else None
        stack.listeners[address, service.port] = Listener(TCP_SERVICES[service.name], user, service.name)
    if service.name == "echo":
        stack.datagrams[service.port] = EchoDatagrams()
    elif service.name == "dns":
        stack.datagrams[service.port] = Named(names)
    if service.port in stack.datagrams:
        stack.datagrams[service.port].user = user
