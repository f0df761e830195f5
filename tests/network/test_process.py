"""Programs: generators that wait for their sockets and for the time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ICMP
from fwtutor.network.ends import Address
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.records import TimerFired, Walked
from fwtutor.network.sockets import Connection, RawSocket, Serving, UdpSocket
from fwtutor.network.stack import Listener
from fwtutor.network.surroundings import User
from fwtutor.network.world import World
from tests.network.worlds import flags, pair, play, said, sent, settle

SERVER = Address(4, 10 << 24 | 2)
CLIENT = Address(4, 10 << 24 | 1)
ALICE = User("alice", 1000)


def start(world: World, host: str, program: Callable[[Process], Program], user: User = ALICE) -> Process:
    where = world.hosts[host]
    return where.run(Process(where, "test", program, user))


def test_a_client_reads_line_by_line_and_its_socket_is_closed_when_it_ends() -> None:
    world = pair(("app:1337",))

    def client(process: Process) -> Program:
        connection = Connection(process)
        assert (yield from connection.connect(SERVER, 1337, 4000)) == ""
        process.say(repr((yield from connection.line())))
        connection.send(b"one\ntwo\n")
        process.say(repr((yield from connection.read(5))))
        process.say(repr((yield from connection.line())))

    process = start(world, "client", client)
    settle(world)
    assert said(world.hosts["client"]) == ["b'hello from port 1337\\n'", "b'one\\nt'", "b'wo\\n'"]
    assert process.over
    assert not world.hosts["client"].processes
    assert [endpoint.state for endpoint in world.hosts["client"].stack.endpoints.values()] == ["TIME_WAIT"]


def test_a_refused_connection_is_told_in_words() -> None:
    world = pair()

    def client(process: Process) -> Program:
        process.say((yield from Connection(process).connect(SERVER, 9)))

    start(world, "client", client)
    settle(world)
    assert said(world.hosts["client"]) == ["Connection refused"]


def test_a_server_is_one_process_for_each_connection() -> None:
    world = pair(())
    here = world.hosts["server"]

    def serve(process: Process, connection: Connection) -> Program:
        while line := (yield from connection.line()):
            connection.send(line.upper())

    here.stack.listen(None, 7, Listener(lambda: Serving(here, "shouter", serve, ALICE), ALICE, "shouter"))
    for port in (4000, 4001):
        world.enter("client", f"connect 10.0.0.2:7 from {port}")
    settle(world)
    assert [process.name for process in here.processes] == ["shouter", "shouter"]
    for port in (4000, 4001):
        world.enter("client", f'say "abc{port}" to {port}')
    settle(world)
    assert said(world.hosts["client"])[2:] == ["from 10.0.0.2:7: ABC4000", "from 10.0.0.2:7: ABC4001"]
    world.enter("client", "close 4000")
    settle(world)
    assert len(here.processes) == 1


def test_packets_belong_to_the_user_of_the_program() -> None:
    world = pair(("app:1337",))
    world.enter("client", "iptables -A OUTPUT -p tcp -m owner --uid-owner 1000 -j ACCEPT")
    world.enter("client", "iptables -A OUTPUT -p udp -m owner --gid-owner 1000 -j ACCEPT")
    world.enter("client", "iptables -P OUTPUT DROP")

    def client(process: Process) -> Program:
        process.say((yield from Connection(process).connect(SERVER, 1337)))
        UdpSocket(process, 5000).send(b"x", SERVER, 9)
        yield Wait(world.now + SECOND)

    start(world, "client", client)
    start(world, "client", client, User("bob", 1001))
    world.run_until(2 * SECOND)
    assert said(world.hosts["client"]) == [""]
    own = [record.walk for record in world.records if isinstance(record, Walked) and record.walk.packet.src == CLIENT.value]
    assert {walk.verdict for walk in own if walk.packet.flag_names == ("ACK",)} == {"ACCEPT"}
    assert {walk.verdict for walk in own if walk.packet.flag_names == ("SYN",)} == {"ACCEPT", "DROP"}


def test_the_time_that_was_waited_for_is_a_record_in_the_program_s_words() -> None:
    world = pair()

    def sleeper(process: Process) -> Program:
        assert not (yield Wait(world.now + 3 * SECOND, "sleeper wakes"))
        process.say("awake")

    start(world, "client", sleeper)
    settle(world)
    assert world.now == 3 * SECOND
    assert [record.what for record in world.records if isinstance(record, TimerFired)] == ["sleeper wakes"]
    assert said(world.hosts["client"]) == ["awake"]


def test_a_udp_socket_hears_answers_and_errors() -> None:
    world = pair(("echo:7",))

    def client(process: Process) -> Program:
        socket = UdpSocket(process, 5000)
        socket.send(b"abc", SERVER, 7)
        first = yield from socket.receive()
        socket.send(b"abc", SERVER, 9)
        second = yield from socket.receive()
        third = yield from socket.receive(Wait(world.now + SECOND))
        assert first is not None
        assert second is not None
        process.say(f"{first.data!r} from {first.ends.there}; {second.error} of {second.ends.there}; {third}")

    start(world, "client", client)
    settle(world)
    assert said(world.hosts["client"]) == ["b'abc' from 10.0.0.2:7; Connection refused of 10.0.0.2:9; None"]
    assert not world.hosts["client"].stack.datagrams


def test_a_raw_socket_hears_what_it_wants() -> None:
    world = pair()

    def pinger(process: Process) -> Program:
        raw = RawSocket(process, lambda packet: packet.protocol == ICMP and packet.icmp_type == 0)
        sent = world.now
        raw.send(craft.icmp(CLIENT.value, SERVER.value, 8, rest=7 << 16 | 1, payload=b"x" * 56))
        answer = yield from raw.receive()
        assert answer is not None
        at, packet = answer
        process.say(f"{len(packet.payload)} bytes from {packet.source}: {(at - sent) / 1e6:.1f} ms")

    start(world, "client", pinger)
    settle(world)
    assert said(world.hosts["client"]) == ["56 bytes from 10.0.0.2: 40.0 ms"]
    assert not world.hosts["client"].stack.hearing


def reader(reads: bool) -> Callable[[Process], Program]:
    """A program that waits for ever, and reads the greeting before that or does not."""

    def program(process: Process) -> Program:
        connection = Connection(process)
        yield from connection.connect(SERVER, 1337, 4000)
        if reads:
            yield from connection.line()
        while True:
            yield Wait()

    return program


@pytest.mark.parametrize(("reads", "last", "state"), [(True, "ACK", ["TIME_WAIT"]), (False, "RST+ACK", [])])
def test_a_killed_program_closes_its_sockets_with_a_reset_if_something_came_that_it_did_not_read(
    reads: bool, last: str, state: list[str]
) -> None:
    world = pair(("app:1337",))
    process = start(world, "client", reader(reads))
    settle(world)
    process.kill()
    settle(world)
    assert flags(sent(world.records, "client"))[-1] == last
    assert [endpoint.state for endpoint in world.hosts["client"].stack.endpoints.values()] == state


def test_what_comes_to_a_socket_that_is_closed_is_reset() -> None:
    world = pair(("http:80",))
    play(world, "client", "connect 10.0.0.2:80 from 4000")
    world.enter("client", "upload 10")
    server = world.hosts["server"]
    server.stack.endpoints[next(iter(server.stack.endpoints))].leave()
    world.run_until(world.now + SECOND)
    assert flags(sent(world.records, "server"))[-1] == "RST"
