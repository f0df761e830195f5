"""``tftp``: gets a file from a TFTP server, or puts one there."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.arguments import BadArgument, read_port, split_words
from fwtutor.network.ends import Address, Ends
from fwtutor.network.process import Process, Program
from fwtutor.network.services.tftp import (
    CLIENT,
    FOLDER,
    NETASCII,
    OCTET,
    READ,
    WRITE,
    Broken,
    Transfer,
    acknowledge,
    decoded,
    encoded,
    request,
)
from fwtutor.network.sockets import UdpSocket
from fwtutor.network.tools.files import path_of, read_file, write_file
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.shell import Refused, Shell, Tool

USAGE = "write tftp [-4|-6] [-v] [-m MODE] HOST [PORT] -c get FILE [NAME-HERE], or -c put FILE [NAME-THERE]"
MORE = f"""\
    -c get FILE fetches it, put FILE takes it there, and nothing is said when all went well · -v says what is done
    -m MODE: netascii (as it is unless said; ends of lines are two bytes on the wire) or octet (as it is)
    The server has the files below {FOLDER}, and takes new text only for those. It answers from another port than was asked:
    a firewall knows by -j CT --helper tftp that this belongs to it"""
MODES = {"ascii": NETASCII, "netascii": NETASCII, "binary": OCTET, "image": OCTET, "octet": OCTET}


class Order(NamedTuple):
    """What is to be done."""

    server: Address
    port: int
    name: str
    """Of the server, as it was given."""
    kind: int
    here: str
    there: str
    mode: str
    tells: bool


def _read(shell: Shell, rest: str) -> Order:
    words = split_words(rest)
    mode, tells, family = NETASCII, False, 0
    place = words.index("-c") if "-c" in words else len(words)
    left, command = words[:place], words[place + 1 :]
    found = []
    while left:
        word = left.pop(0)
        if word == "-m" and left:
            name = left.pop(0)
            if name not in MODES:
                raise Refused(f"invalid mode: {name[:40]}")
            mode = MODES[name]
        elif word == "-v":
            tells = True
        elif word in ("-4", "-6"):
            family = int(word[1])
        elif word[:1] == "-":
            raise Refused(USAGE)
        else:
            found.append(word)
    if not 1 <= len(found) <= 2 or not 2 <= len(command) <= 3 or command[0] not in ("get", "put"):
        raise Refused(USAGE)
    try:
        server = find_host(shell.host, found[0], family)
    except Refused:
        raise Refused(f"{found[0][:80]}: unknown host") from None
    try:
        port = read_port(found[1]) if len(found) > 1 else 69
    except BadArgument:
        raise Refused(f"{found[1][:40]}: bad port number") from None
    if command[0] == "get":
        there, here, kind = command[1], command[-1] if len(command) > 2 else command[1].rpartition("/")[2], READ
    else:
        here, there, kind = command[1], command[-1] if len(command) > 2 else command[1].rpartition("/")[2], WRITE
    if not here or not there or "\0" in there:
        raise Refused(USAGE)
    return Order(server, port, found[0], kind, here, there, mode, tells)


def _tftp(shell: Shell, rest: str) -> str:
    order, host = _read(shell, rest), shell.host
    source = host.source_for(order.server)
    if source is None:
        raise Refused(f"{order.name}: Network is unreachable")
    text = read_file(shell, order.here) if order.kind == WRITE else ""
    try:
        number = host.stack.free_port("udp", order.server, order.port)
    except OSError as error:
        raise Refused(error) from None
    if order.kind == READ:
        write_file(shell, order.here, "", anew=True)
    ends = Ends(source, number, order.server, order.port)
    host.run(Process(host, "tftp", lambda process: _carry_out(process, order, ends, path_of(shell, order.here), text), shell.user))
    if not order.tells:
        return ""
    line = f"Connected to {order.name} ({order.server}), port {order.port}\n"
    place = f"{order.name}:{order.there}"
    if order.kind == READ:
        return f"{line}getting from {place} to {order.here} [{order.mode}]"
    return f"{line}putting {order.here} to {place} [{order.mode}]"


def _carry_out(process: Process, order: Order, ends: Ends, path: str, text: str) -> Program:
    host, begin = process.host, process.host.now
    transfer = Transfer(process, UdpSocket(process, ends.port), ends, CLIENT, follows=True)
    asked = request(order.kind, order.there, order.mode)
    data = encoded(text, order.mode)
    try:
        if order.kind == READ:
            data = yield from transfer.receive_file(asked)
            host.write(path, decoded(data, order.mode))
        else:
            yield from transfer.send_file(data, asked)
    except Broken as error:
        process.say(str(error) or "Transfer timed out.")
        if str(error) and order.kind == READ:
            # Nothing has come; the real one acknowledges it all the same.
            transfer.say(acknowledge(1))
        return
    if order.tells:
        took = max((host.now - begin) / SECOND, 0.001)
        what = "Received" if order.kind == READ else "Sent"
        process.say(f"{what} {len(data)} bytes in {took:.1f} seconds [{len(data) * 8 / took:.0f} bit/s]")


TOOL = Tool(
    "tftp", "tftp HOST -c get|put FILE", "gets a file from a TFTP server, or puts one there", _tftp,
    ("-c", "-m", "-v", "get", "put"), more=MORE,
)  # fmt: skip
