"""``ss``: the sockets of a host, now or at any place of a run."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.xtables.names import service_name
from fwtutor.network.ends import Address, Ends
from fwtutor.network.host import Host
from fwtutor.network.surroundings import User
from fwtutor.network.tools.options import read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool

STATES = {
    "ESTABLISHED": "ESTAB", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV", "FIN_WAIT_1": "FIN-WAIT-1", "FIN_WAIT_2": "FIN-WAIT-2",
    "TIME_WAIT": "TIME-WAIT", "CLOSE_WAIT": "CLOSE-WAIT", "LAST_ACK": "LAST-ACK", "CLOSING": "CLOSING",
}  # fmt: skip
"""As ss calls them."""
USUALLY_LEFT_OUT = ("LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV")
"""What is shown with -a only (and the first two with -l)."""
USAGE = "write ss [-t] [-u] [-l|-a] [-n] [-p] [-4|-6]"
MORE = """\
    -t TCP · -u UDP · -l only what listens · -a all · -n numbers, no names · -p whose: program and user · -4 -6 of one version of IP"""


class Socket(NamedTuple):
    """One line."""

    protocol: str
    state: str
    address: Address | None
    """None: any."""
    port: int
    peer: Address | None
    peer_port: int
    """0: none."""
    name: str
    user: User


def sockets_of(host: Host, upto: int | None) -> list[Socket]:
    """All sockets there were after the record ``upto`` (None: there are now)."""
    found = []
    listening = {("tcp", port, address): (each.name, each.user) for (address, port), each in host.stack.listeners.items()}
    listening |= {("udp", port, None): (each.name, each.user) for port, each in host.stack.datagrams.items()}
    for noted in reversed(host.ports):
        if upto is None or noted.record <= upto:
            break
        # It happened later: taken back.
        if noted.taken:
            listening.pop((noted.protocol, noted.port, None), None)
        else:
            listening[noted.protocol, noted.port, None] = noted.name, noted.user
    for (protocol, port, address), (name, user) in sorted(listening.items(), key=lambda each: (each[0][0] != "udp", each[0][1])):
        found.append(Socket(protocol, "LISTEN" if protocol == "tcp" else "UNCONN", address, port, None, 0, name, user))
    states: dict[Ends, str] = {}
    for record, ends, state in host.sockets:
        if upto is not None and record > upto:
            break
        states.pop(ends, None)
        if state != "CLOSED":
            states[ends] = state
    for ends, state in states.items():
        name, user = host.stack.owners.get(ends, ("", User("root", 0)))
        found.append(Socket("tcp", STATES.get(state, state), ends.address, ends.port, ends.peer, ends.peer_port, name, user))
    return found


def _ss(shell: Shell, rest: str) -> str:
    options = read_options(rest, "tulanp46", "", USAGE)
    if options.words:
        raise Refused(USAGE)
    given = options.given
    wanted = [name for letter, name in (("u", "udp"), ("t", "tcp")) if letter in given] or ["udp", "tcp"]
    rows = []
    for socket in sockets_of(shell.host, shell.upto):
        listens = socket.state in ("LISTEN", "UNCONN")
        if socket.protocol not in wanted or ("l" in given and not listens):
            continue
        if not {"a", "l"} & given.keys() and socket.state in USUALLY_LEFT_OUT:
            continue
        family = socket.address.family if socket.address is not None else 0
        if family and {"4", "6"} & given.keys() and str(family) not in given:
            continue
        rows.append(_row(socket, len(wanted) > 1, "n" in given, "p" in given))
    head = ([("Netid")] if len(wanted) > 1 else []) + ["State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"]
    table = [[*head, *(["Process"] if "p" in given else [])], *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(" ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table)


def _row(socket: Socket, with_protocol: bool, numbers: bool, whose: bool) -> list[str]:
    row = [socket.protocol] if with_protocol else []
    row += [socket.state, "0", "0", _place(socket.address, socket.port, socket, numbers)]
    row.append(_place(socket.peer, socket.peer_port, socket, numbers))
    if whose:
        row.append(f'users:(("{socket.name}",user={socket.user.name}))' if socket.name else "")
    return row


def _place(address: Address | None, port: int, socket: Socket, numbers: bool) -> str:
    where = "*" if address is None else f"[{address}]" if address.family == 6 else str(address)
    return f"{where}:{(str(port) if numbers else service_name(port, socket.protocol)) if port else '*'}"


TOOL = Tool("ss", "ss [-t] [-u] [-l|-a] [-n] [-p]", "sockets: what listens, which connections are open", _ss,
            ("-tnlp", "-tnp", "-tnlpua", "-t", "-u", "-l", "-a", "-n", "-p"), looks=True, more=MORE)  # fmt: skip
