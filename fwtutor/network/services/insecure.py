"""SuperInsecureApp, on 1337: greets, and says every line again. It hands what it is told to printf as the format.

A line with ``%n`` in it so takes the app over: from then on, lines on that connection are orders, carried out as the app's user:

- ``id``: who that is.
- ``connect ADDR:PORT``: opens a connection from the app's host, and relays bytes both ways until either side ends it.
- ``listen PORT``: waits for one instead.
- ``exit``: closes.

It sends packets of its own, and goes wherever its host may go: no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.network.arguments import BadArgument, read_number, read_place
from fwtutor.network.process import FOREVER, Process, Program
from fwtutor.network.sockets import Connection, Serving
from fwtutor.network.stack import Listener
from fwtutor.network.surroundings import User
from fwtutor.network.words import shown

if TYPE_CHECKING:
    from fwtutor.network.host import Host

BUG = b"%n"
MAX_LINE = 65536
ORDERS = "id, connect ADDR:PORT, listen PORT, exit"


def serve(host: Host, user: User) -> Serving:
    """What serves a connection to the app."""
    return Serving(host, "app", _app, user)


def _app(process: Process, connection: Connection) -> Program:
    connection.send(f"hello from port {connection.ends.port}\n".encode())
    while (line := (yield from connection.line())) is not None and len(line) <= MAX_LINE:
        if BUG in line:
            yield from _taken_over(process, connection)
            return
        connection.send(line)


def _taken_over(process: Process, attacker: Connection) -> Program:
    _tell(attacker, f"taken over: this is {process.user.name} now (uid {process.user.uid}); orders: {ORDERS}")
    while (line := (yield from attacker.line())) is not None:
        order, _, rest = shown(line).strip().partition(" ")
        try:
            if order == "exit":
                return
            if order == "id":
                _tell(attacker, f"uid={process.user.uid}({process.user.name}) gid={process.user.uid}({process.user.name})")
            elif order == "connect":
                yield from _connect(process, attacker, rest.strip())
            elif order == "listen":
                yield from _listen(process, attacker, rest.strip())
            else:
                _tell(attacker, f"{order}: not found; orders: {ORDERS}")
        except (BadArgument, OSError) as error:
            _tell(attacker, f"{order}: {error}")


def _tell(attacker: Connection, text: str) -> None:
    attacker.send(f"{text}\n".encode())


def _connect(process: Process, attacker: Connection, place: str) -> Program:
    address, port = read_place(place)
    other = Connection(process)
    why = yield from other.connect(address, port)
    _tell(attacker, why or f"connected to {place}")
    if not why:
        yield from _relay(attacker, other, place)


def _listen(process: Process, attacker: Connection, text: str) -> Program:
    port = read_number(text, 65535, "port")
    stack = process.host.stack
    if port < 1024 and process.user.uid:
        raise OSError("Permission denied")
    if not port:
        raise OSError("Address already in use")
    other = Connection(process)
    stack.listen(None, port, Listener(lambda: other, process.user, "app", backlog=0, at_once=1))
    _tell(attacker, f"listening on port {port}")
    try:
        while other.endpoint is None and attacker.why is None and not attacker.finished:
            yield FOREVER
    finally:
        stack.stop_listening(None, port)
    if other.endpoint is not None:
        _tell(attacker, f"connection from {other.ends.there}")
        yield from _relay(attacker, other, other.ends.there)


def _relay(attacker: Connection, other: Connection, place: str) -> Program:
    """Bytes both ways, until one of them has no more to say."""
    while True:
        for one, two in ((attacker, other), (other, attacker)):
            if one.buffer:
                two.send(one.take(len(one.buffer)))
        if attacker.finished or attacker.why is not None:
            break
        if other.finished or other.why is not None:
            _tell(attacker, f"{place}: {other.why}" if other.why else f"connection to {place} closed")
            break
        yield FOREVER
    other.close()
