"""Starting the services of ``topology.SERVICES``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.application import Application
from fwtutor.network.ends import ANY, Address
from fwtutor.network.services.dns import Named, NamedStream, Names, Zone
from fwtutor.network.services.echoing import Echo, EchoDatagrams
from fwtutor.network.services.http import Httpd, Httpsd
from fwtutor.network.stack import Listener
from fwtutor.network.surroundings import User
from fwtutor.network.topology import ServiceSpec

if TYPE_CHECKING:
    from fwtutor.network.host import Host
    from fwtutor.network.services.ssh import Sshd

TCP_SERVICES: dict[str, Callable[[], Application]] = {
    "http": Httpd,
    "https": Httpsd,
    "echo": Echo,
}

LIMITS: dict[str, tuple[int, int | None]] = {
    "ssh": (128, None), "http": (511, 150), "https": (511, 150), "echo": (10, None), "app": (128, None),
    "ftp": (32, None), "dns": (5, None),
}  # fmt: skip
"""(Backlog, connections served at once; None: all) unless a lesson says otherwise: as OpenSSH, Apache, inetd, many a script,
vsftpd and dnsmasq have it."""
SEPARATE = ("ssh", "dns")
"""What listens with a socket for each family; the others have one for both."""


def _sshd(host: Host, user: User, libwrap: bool) -> Callable[[], Application]:
    """sshd, which is imported when the first visitor comes."""

    @cache
    def server() -> Sshd:
        from fwtutor.network.services.ssh import Sshd

        return Sshd(host, user, libwrap)

    return lambda: server().serve()


def install(host: Host, service: ServiceSpec, user: User, names: Names) -> None:
    """Starts a service of ``topology.SERVICES`` on a host."""
    stack = host.stack
    if service.name == "fail2ban":
        from fwtutor.network.services.fail2ban import Fail2ban

        host.run(Fail2ban(host, user))
        return
    if service.name == "tftp":
        from fwtutor.network.process import Process
        from fwtutor.network.services import tftp

        host.run(Process(host, "in.tftpd", partial(tftp.serve, port=service.port), user))
        return
    serve: Callable[[], Application] | None
    if service.name == "ssh":
        serve = _sshd(host, user, service.libwrap)
    elif service.name == "ftp":
        from fwtutor.network.services.ftp import Ftpd

        serve = Ftpd(host, user).serve
    elif service.name == "app":
        from fwtutor.network.services.insecure import serve as serve_insecurely

        serve = partial(serve_insecurely, host, user)
    elif service.name == "dns":
        zone = Zone(host, names)
        stack.datagrams[service.port] = Named(zone)
        serve = partial(NamedStream, zone)
    else:
        serve = TCP_SERVICES.get(service.name)
    if serve is not None:
        backlog, at_once = LIMITS[service.name]
        backlog, at_once = service.backlog or backlog, service.at_once or at_once
        places: list[Address | None] = [None]
        if service.address:
            places = [Address(*parse_address(service.address))]
        elif service.name in SEPARATE:
            places = [ANY[4], ANY[6]]
        for place in places:
            stack.listen(place, service.port, Listener(serve, user, service.name, backlog, at_once))
    if service.name == "echo":
        stack.datagrams[service.port] = EchoDatagrams()
    if service.port in stack.datagrams:
        stack.datagrams[service.port].user = user
