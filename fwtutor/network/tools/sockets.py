"""``ss``: the sockets of a host, now or at any place of a run."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.xtables.names import service_name
from fwtutor.network.ends import ANY, Address, Ends
from fwtutor.network.host import Host
from fwtutor.network.stack import Owner
from fwtutor.network.surroundings import ROOT_USER
from fwtutor.network.tools.options import read_options
from fwtutor.network.tools.shell import Refused, Shell, Tool

STATES = {
    "ESTABLISHED": "ESTAB", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV", "FIN_WAIT_1": "FIN-WAIT-1", "FIN_WAIT_2": "FIN-WAIT-2",
    "TIME_WAIT": "TIME-WAIT", "CLOSE_WAIT": "CLOSE-WAIT", "LAST_ACK": "LAST-ACK", "CLOSING": "CLOSING",
}  # fmt: skip
"""As ss calls them."""
USUALLY_LEFT_OUT = ("LISTEN", "UNCONN", "TIME-WAIT", "SYN-RECV")
"""What is shown with -a only (and the first two with -l)."""
HEADS = ("Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process")
USAGE = "write ss [-t] [-u] [-l|-a] [-n] [-p] [-4|-6]"
MORE = """\
    -t TCP · -u UDP · -l only what listens · -a all · -n numbers, no names · -p whose: program and user · -4 -6 of one version of IP"""


class Socket(NamedTuple):
    """One line."""

    protocol: str
    state: str
    address: Address | None
    """None: any of both families."""
    port: int
    peer: Address | None
    peer_port: int
    """0: none."""
    owner: Owner
    waiting: int = 0
    backlog: int = 0

    @property
    def family(self) -> int:
        """Of the socket: one for both versions of IP is one of IPv6."""
        return 6 if self.owner.dual or self.address is None else self.address.family


def _any(address: Address | None) -> Address | None:
    """The peers of what listens there."""
    return None if address is None else ANY[address.family]


def _order(socket: Socket) -> tuple[bool, int, bool, int]:
    listens = socket.state in ("LISTEN", "UNCONN")
    return socket.protocol != "udp", socket.family, not listens, socket.port if listens else 0


Place = tuple[str, int, Address | None]
"""Protocol, port, address."""


def sockets_of(host: Host, upto: int | None) -> list[Socket]:
    """All sockets there were after the record ``upto`` (None: there are now)."""
    found = [
        Socket(place[0], "LISTEN" if place[0] == "tcp" else "UNCONN", place[2], place[1], _any(place[2]), 0, owner, waiting, backlog)
        for place, (owner, waiting, backlog) in _listening(host, upto).items()
    ]
    states: dict[Ends, str] = {}
    for record, ends, state in host.sockets:
        if upto is not None and record > upto:
            break
        states.pop(ends, None)
        if state != "CLOSED":
            states[ends] = state
    for ends, state in states.items():
        owner = host.stack.owners.get(ends, Owner("", ROOT_USER))
        found.append(Socket("tcp", STATES.get(state, state), ends.address, ends.port, ends.peer, ends.peer_port, owner))
    # As the kernel tells them: what is of IPv4, then what is of IPv6; what listens first.
    return sorted(found, key=_order)


def _listening(host: Host, upto: int | None) -> dict[Place, tuple[Owner, int, int]]:
    """What listens: whose it is, how many connections wait, how many may."""
    found: dict[Place, tuple[Owner, int, int]] = {}
    for (address, port), each in host.stack.listeners.items():
        found["tcp", port, address] = Owner(each.name, each.user, address is None), len(each.waiting), each.backlog
    for port, datagrams in host.stack.datagrams.items():
        for address in datagrams.addresses:
            found["udp", port, address] = Owner(datagrams.name, datagrams.user, address is None), 0, 0
    if upto is None:
        return found
    for noted in reversed(host.ports):
        if noted.record <= upto:
            break
        # It happened later: taken back.
        place = (noted.protocol, noted.port, noted.address)
        if noted.taken:
            found.pop(place, None)
        else:
            found[place] = Owner(noted.name, noted.user, noted.address is None), 0, noted.backlog
    waiting: dict[Place, int] = {}
    for queue in host.queues:
        if queue.record > upto:
            break
        waiting["tcp", queue.port, queue.address] = queue.length
    return {place: (owner, waiting.get(place, 0), backlog) for place, (owner, _, backlog) in found.items()}


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
        if {"4", "6"} & given.keys() and str(socket.family) not in given:
            continue
        rows.append(cells(socket, len(wanted) > 1, "n" in given, "p" in given))
    head = HEADS[len(wanted) <= 1 : None if "p" in given else -1]
    table = [list(head), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(" ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table)


def cells(socket: Socket, with_protocol: bool, numbers: bool, whose: bool) -> list[str]:
    """One socket under ``HEADS``: the first and the last of them only if they are asked for."""
    row = [socket.protocol] if with_protocol else []
    row += [socket.state, str(socket.waiting), str(socket.backlog), _place(socket.address, socket.port, socket, numbers)]
    row.append(_place(socket.peer, socket.peer_port, socket, numbers))
    if whose:
        row.append(f'users:(("{socket.owner.name}",user={socket.owner.user.name}))' if socket.owner.name else "")
    return row


def _place(address: Address | None, port: int, socket: Socket, numbers: bool) -> str:
    # A socket for both versions has an address of IPv6 also where the packets are of IPv4.
    if address is None:
        where = "*"
    elif address.family == 6 or socket.owner.dual:
        where = f"[{address}]" if address.family == 6 else f"[::ffff:{address}]"
    else:
        where = str(address)
    return f"{where}:{(str(port) if numbers else service_name(port, socket.protocol)) if port else '*'}"


TOOL = Tool("ss", "ss [-t] [-u] [-l|-a] [-n] [-p]", "sockets: what listens, which connections are open", _ss,
            ("-tnlp", "-tnp", "-tnlpua", "-t", "-u", "-l", "-a", "-n", "-p"), looks=True, more=MORE)  # fmt: skip
