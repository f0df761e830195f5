"""Opening a connection from a prompt."""

from __future__ import annotations

from fwtutor.network.application import Application
from fwtutor.network.ends import Address, Ends
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.shell import Refused, Shell


def open_connection(shell: Shell, destination: tuple[Address, int], application: Application, port: int | None = None) -> Endpoint:
    """Opens one, as the shell's user. Raises Refused."""
    host = shell.host
    source = host.source_for(destination[0])
    if source is None:
        raise Refused(f"connect to {destination[0]}: Network is unreachable")
    try:
        if port is None:
            port = host.stack.free_port("tcp", *destination)
        return host.stack.connect(Ends(source, port, *destination), application, shell.user)
    except OSError as error:
        raise Refused(error) from None
