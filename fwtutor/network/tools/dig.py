"""``dig``: asks a name server."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.arguments import split_words
from fwtutor.network.ends import Ends, ends_of
from fwtutor.network.services.dns import dns_query, read_answer
from fwtutor.network.stack import Datagrams, Stack
from fwtutor.network.surroundings import Surroundings, Timer
from fwtutor.network.tools.options import find_host
from fwtutor.network.tools.shell import Refused, Shell, Tool

DIG_TRIES = 3
DIG_TIMEOUT = 5 * SECOND


class Dig(Datagrams):
    """``dig``: asks up to three times, five seconds apart."""

    name = "dig"

    def __init__(self, around: Surroundings, name: str, ends: Ends, family: int) -> None:
        self._around = around
        self._ends = ends
        self._identity = around.draw("dns id", name, ends.port) & 0xFFFF
        self._query = dns_query(self._identity, name, family)
        self._name = name
        self._tries = 0
        self._timer: Timer | None = None

    def ask(self, stack: Stack) -> None:
        """Sends the question (again)."""
        self._tries += 1
        stack.datagrams[self._ends.port] = self
        stack.send_udp(self._ends, self._query)
        self._timer = self._around.arm(DIG_TIMEOUT, lambda: self._timed_out(stack))

    def received(self, stack: Stack, packet: Packet) -> None:
        try:
            identity, _, address = read_answer(packet.payload)
        except ValueError:
            return
        if identity != self._identity or ends_of(packet).turned != self._ends:
            return
        self._around.say(f"dig: {self._name} is {address}" if address else f"dig: {self._name}: NXDOMAIN")
        self._done(stack)

    def unreachable(self, stack: Stack, why: str, ends: Ends) -> None:
        self._around.say(f"dig: communications error to {self._ends.peer}#53: {why.lower()}")
        self._done(stack)

    def _timed_out(self, stack: Stack) -> str:
        self._timer = None
        server = self._ends.peer
        self._around.say(f"dig: communications error to {server}#53: timed out")
        if self._tries < DIG_TRIES:
            self.ask(stack)
            return f"dig asks {server} again ({self._tries} of {DIG_TRIES})"
        self._around.say("dig: no servers could be reached")
        self._done(stack)
        return f"dig gives up on {server} after {DIG_TRIES} tries"

    def _done(self, stack: Stack) -> None:
        if self._timer is not None:
            self._around.cancel(self._timer)
        stack.datagrams.pop(self._ends.port, None)


def _dig(shell: Shell, rest: str) -> str:
    host = shell.host
    words = split_words(rest)
    servers = [word[1:] for word in words if word.startswith("@")]
    names = [word for word in words if not word.startswith("@") and word.upper() not in ("A", "AAAA")]
    family = 6 if any(word.upper() == "AAAA" for word in words) else 4
    if len(names) != 1 or len(servers) > 1:
        raise Refused("write dig [@SERVER] NAME [AAAA]")
    if servers:
        server = find_host(host, servers[0])
    elif host.resolver is not None:
        server = host.resolver
    else:
        raise Refused("there is no name server here; write dig @SERVER NAME")
    source = host.source_for(server)
    if source is None:
        raise Refused(f"{server}#53: Network is unreachable")
    try:
        ends = Ends(source, host.stack.free_port("udp", server), server, 53)
        Dig(host, names[0], ends, family).ask(host.stack)
    except OSError as error:
        raise Refused(error) from None
    return f"asking {server} for {names[0]}"


TOOL = Tool("dig", "dig [@SERVER] NAME [AAAA]", "asks a name server", _dig, ("AAAA",))
