"""Starting the services of ``topology.SERVICES``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.application import Application
from fwtutor.network.ends import Address
from fwtutor.network.services import insecure
from fwtutor.network.services.dns import Named, Names
from fwtutor.network.services.echoing import Echo, EchoDatagrams
from fwtutor.network.services.fail2ban import Fail2ban
from fwtutor.network.services.ftp import Ftpd
from fwtutor.network.services.http import Httpd, Httpsd
from fwtutor.network.services.ssh import Sshd
from fwtutor.network.stack import Listener
from fwtutor.network.surroundings import User
from fwtutor.network.topology import ServiceSpec

if TYPE_CHECKING:
    from fwtutor.network.host import Host

TCP_SERVICES: dict[str, Callable[[], Application]] = {
    "http": Httpd,
    "https": Httpsd,
    "echo": Echo,
}


def install(host: Host, service: ServiceSpec, user: User, names: Names) -> None:
    """Starts a service of ``topology.SERVICES`` on a host."""
    stack = host.stack
    if service.name == "fail2ban":
        host.run(Fail2ban(host, user))
        return
    if service.name == "ssh":
        serve: Callable[[], Application] | None = Sshd(host, user, service.libwrap).serve
    elif service.name == "ftp":
        serve = Ftpd(host, user).serve
    elif service.name == "app":
        serve = partial(insecure.serve, host, user)
    else:
        serve = TCP_SERVICES.get(service.name)
    if serve is not None:
        address = Address(*parse_address(service.address)) if service.address else None
        stack.listeners[address, service.port] = Listener(serve, user, service.name)
    if service.name == "echo":
        stack.datagrams[service.port] = EchoDatagrams()
    elif service.name == "dns":
        stack.datagrams[service.port] = Named(names)
    if service.port in stack.datagrams:
        stack.datagrams[service.port].user = user
