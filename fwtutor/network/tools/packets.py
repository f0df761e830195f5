"""What only this network has: single packets, and connections one holds in one's hand."""

from __future__ import annotations

from fwtutor.netfilter.packet import Packet
from fwtutor.network.arguments import read_number, read_port, split_words
from fwtutor.network.crafting import craft_packet
from fwtutor.network.ends import Ends, destination_of
from fwtutor.network.host import Host
from fwtutor.network.talk import Talk
from fwtutor.network.tcp import CLOSED, TIME_WAIT, Endpoint
from fwtutor.network.tools.opening import open_connection
from fwtutor.network.tools.options import find_place
from fwtutor.network.tools.shell import Refused, Shell, Tool

MAX_UPLOAD = 1_000_000
SEND_HELP = """\
send tcp ADDR:PORT > ADDR:PORT FLAGS [seq=N] [ack=N] [win=N] [ttl=N] [data="..."]
                              FLAGS as SYN or SYN+ACK or none; numbers left out are those of the host's own connection
send udp ADDR:PORT > ADDR:PORT [data="..."]
send icmp ADDR > ADDR echo|TYPE/CODE [id=N] [data="..."]              icmpv6 likewise
send icmp ADDR > ADDR 3/4 about tcp ADDR:PORT > ADDR:PORT [mtu=N]      a router's error, quoting such a packet"""


def _send(shell: Shell, rest: str) -> str:
    host = shell.host
    raw, tell = craft_packet(rest, host.draw("raw", host.lines), lambda ends: _own_numbers(host, ends), host.last_on_the_wire)
    packet = Packet(raw)
    if host.route_to(destination_of(packet)) is None:
        raise Refused("Network is unreachable")
    host.stack.send_raw(packet)
    return tell


def _own_numbers(host: Host, ends: Ends) -> tuple[int, int] | None:
    endpoint = host.stack.endpoints.get(ends)
    return endpoint.numbers if endpoint is not None else None


def _connect(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    port = None
    if len(words) == 3 and words[1] == "from":
        port = read_port(words[2])
    elif len(words) != 1:
        raise Refused("write connect HOST:PORT [from PORT]")
    endpoint = open_connection(shell, find_place(shell.host, words[0]), Talk(shell.host), port)
    return f"connecting {endpoint.name}"


def _pick(host: Host, port: str | None) -> Endpoint:
    """The connection meant: the youngest open one, or the youngest with that port at its far end, or else at its near one."""
    alive = [endpoint for endpoint in host.stack.endpoints.values() if endpoint.state not in (CLOSED, TIME_WAIT)]
    if port is None:
        mine = [endpoint for endpoint in alive if endpoint.opened_actively]
        if mine or alive:
            return (mine or alive)[-1]
        raise Refused("there is no open connection")
    number = read_port(port)
    # A host that talks to itself has both ends: what is said "to 7" is said by the other one.
    for end in (3, 1):
        for endpoint in reversed(alive):
            if endpoint.ends[end] == number:
                return endpoint
    raise Refused(f"no open connection has port {number} at either end")


def _say(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    port = None
    if len(words) == 3 and words[1] == "to":
        port = words[2]
    elif len(words) != 1:
        raise Refused('write say "TEXT" [to PORT]')
    endpoint = _pick(shell.host, port)
    data = words[0].encode("utf-8", "replace") + b"\n"
    if not endpoint.application.typed(endpoint, data):
        raise Refused("Broken pipe (this side is closed already)")
    return f"{len(data)} bytes to {endpoint.peer}"


def _upload(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    port = words[2] if len(words) == 3 and words[1] == "to" else None
    if len(words) != 1 and port is None:
        raise Refused("write upload BYTES [to PORT]")
    length = read_number(words[0], MAX_UPLOAD, "length")
    endpoint = _pick(shell.host, port)
    if not endpoint.send(b"#" * length):
        raise Refused("Broken pipe (this side is closed already)")
    return f"{length} bytes to {endpoint.peer}"


def _close(shell: Shell, rest: str) -> str:
    endpoint = _pick(shell.host, rest or None)
    endpoint.close()
    return f"closing {endpoint.name}"


def _reset(shell: Shell, rest: str) -> str:
    endpoint = _pick(shell.host, rest or None)
    endpoint.abort()
    return f"reset {endpoint.name}"


TOOLS = (
    Tool(
        "send", "send tcp ADDR:PORT > ADDR:PORT FLAGS ...", "a single packet of any kind; what comes back is shown", _send,
        ("tcp", "udp", "icmp", "icmpv6", "SYN", "SYN+ACK", "ACK", "FIN+ACK", "RST", "none", "echo", "about"), more=SEND_HELP,
    ),
    Tool("connect", "connect HOST:PORT [from PORT]", "opens a TCP connection", _connect, ("from",)),
    Tool("say", 'say "TEXT" [to PORT]', "says a line over it", _say, ("to",)),
    Tool("upload", "upload BYTES [to PORT]", "sends that many over it", _upload, ("to",)),
    Tool("close", "close [PORT]", "ends it with a FIN", _close),
    Tool("reset", "reset [PORT]", "ends it with a RST", _reset),
)  # fmt: skip
