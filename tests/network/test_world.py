"""The world: one record for each event, with its cause; nothing but the seed and the inputs decides what happens."""

from __future__ import annotations

import socket

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.records import CommandRun, TimerFired, Walked, changes_of
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.network.world import World
from tests.netfilter.boxes import STATEFUL
from tests.network.worlds import ALICE, SERVER, WEB, cast, fired, lose_number, packets_of, pair, play, said, settle, story

STRICT = STATEFUL.replace("-A INPUT -m", "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -m", 1)


def test_every_event_leaves_one_record_in_the_order_of_time() -> None:
    world = World(cast())
    world.enter("attacker", f"connect {SERVER}:1337")
    while not world.quiet:
        before = len(world.records)
        assert len(world.step()) == 1
        assert len(world.records) == before + 1
    assert [record.index for record in world.records] == list(range(len(world.records)))
    assert [record.at for record in world.records] == sorted(record.at for record in world.records)


def test_every_record_names_its_cause_and_no_two_the_same_way() -> None:
    world = World(cast(STATEFUL))
    play(world, "attacker", f"connect {SERVER}:1337 from 4000", "close", f"curl {SERVER}")
    world.run_until(world.now + 500 * SECOND)
    names = [(record.cause, record.ordinal, type(record)) for record in world.records]
    assert len(set(names)) == len(names)
    for record in world.records:
        assert -1 <= record.cause < record.index
        assert (record.cause == -1) == isinstance(record, CommandRun)


def test_a_packet_arrives_because_it_was_sent_and_is_answered_because_it_arrived() -> None:
    world = pair(())
    command, out, arrived, answer, back = play(world, "client", "send icmp 10.0.0.1 > 10.0.0.2 echo")
    assert (out.cause, arrived.cause, answer.cause, back.cause) == (command.index, out.index, arrived.index, answer.index)
    assert (out.at, arrived.at, answer.at, back.at) == (0, 20_000_000, 20_000_000, 40_000_000)


def test_a_retransmission_is_caused_by_the_timer_and_the_timer_by_who_set_it() -> None:
    world = pair()
    lose_number(world, 0)
    records = play(world, "client", "connect 10.0.0.2:1337")
    timer = fired(records)[0]
    again = world.records[timer.index + 1]
    assert timer.cause == records[0].index
    assert isinstance(again, Walked)
    assert again.cause == timer.index


def test_an_input_can_be_put_between_a_packet_and_its_answer() -> None:
    world = pair(())
    world.enter("client", "send icmp 10.0.0.1 > 10.0.0.2 echo")
    world.step()
    arrived = world.step()[0]
    assert arrived.host == "server"
    record = world.enter("server", "iptables -P OUTPUT DROP")
    assert (record.at, record.index) == (arrived.at, arrived.index + 1)
    answer = world.step()[0]
    assert isinstance(answer, Walked)
    assert answer.walk.verdict == "DROP"


def test_forwarded_packets_pass_the_box_between() -> None:
    world = World(cast())
    play(world, "alice", f"connect {SERVER}:1337")
    assert f"from {SERVER}:1337: hello from port 1337" in said(world.hosts["alice"])
    records = play(world, "attacker", f"send udp 203.0.113.9:1 > {ALICE}:2")
    # Nobody told the attacker the way to the LAN: on the link there is no such address.
    assert {record.host for record in records} == {"attacker"}
    records = play(world, "alice", f"send udp {ALICE}:1 > {WEB}:2")
    assert [record.host for record in records][:4] == ["alice", "alice", "server", "web"]


def test_the_box_talks_to_itself() -> None:
    world = World(cast())
    play(world, "server", "connect 127.0.0.1:1337", 'say "me"')
    assert said(world.hosts["server"])[-1] == "from 127.0.0.1:1337: me"


def test_a_rejected_connection_of_its_own_fails_at_once() -> None:
    world = World(cast())
    play(world, "server", "iptables -A OUTPUT -p tcp --dport 80 -j REJECT", f"connect {WEB}:80")
    assert said(world.hosts["server"]) == [f"{WEB}:80: Connection refused"]
    assert world.quiet


def test_a_packet_of_its_own_that_the_rules_drop_is_told() -> None:
    world = World(cast())
    play(world, "server", "iptables -P OUTPUT DROP", f"send udp {SERVER}:1 > {WEB}:2")
    assert said(world.hosts["server"]) == ["sendto: Operation not permitted (dropped on its way out)"]


def test_the_rules_of_the_start_hold_from_the_first_packet() -> None:
    world = World(cast(STATEFUL))
    play(world, "attacker", f"connect {SERVER}:1337 from 4000")
    assert len(said(world.hosts["attacker"])) == 2
    records = play(world, "attacker", f"send tcp 203.0.113.9:4000 > {SERVER}:22 SYN")
    last = records[-1]
    assert isinstance(last, Walked)
    assert (last.host, last.walk.verdict, last.walk.states) == ("server", "DROP", [["PREROUTING", "NEW"], ["INPUT", "NEW"]])


def test_an_entry_is_forgotten_when_its_time_is_over_and_that_keeps_nobody_waiting() -> None:
    world = World(cast(STATEFUL))
    play(world, "attacker", f"send udp 203.0.113.9:1 > {SERVER}:2", f"send tcp 203.0.113.9:1 > {SERVER}:1337 SYN")
    assert world.quiet
    forgotten = [record for record in world.run_until(world.now + 1000 * SECOND) if changes_of(record) and isinstance(record, TimerFired)]
    assert len(forgotten) == 1
    assert forgotten[0].host == "server"
    assert not world.hosts["server"].firewall.state.entries
    cause = world.records[forgotten[0].cause]
    assert isinstance(cause, Walked)
    assert cause.walk.packet.dport == 1337


def test_a_broadcast_reaches_everybody_on_the_link_and_nobody_answers() -> None:
    world = World(cast())
    records = play(world, "attacker", "send udp 203.0.113.9:1 > 203.0.113.255:9", "send icmp 203.0.113.9 > 203.0.113.255 echo")
    arrivals = [record for record in records if isinstance(record, Walked) and record.walk.in_interface is not None]
    assert sorted(record.host for record in arrivals) == sorted(["server", "dns", "web"] * 2)
    assert len(records) == 10


def test_what_is_sent_on_no_link_gets_nowhere() -> None:
    world = World(Topology((HostSpec("a", {"eth0": ("10.0.0.1/24",)}),)))
    assert len(play(world, "a", "send udp 10.0.0.1:1 > 10.0.0.255:2")) == 2
    assert world.quiet


def test_step_with_nothing_ahead_does_nothing() -> None:
    world = pair()
    assert world.step() == []
    assert not world.pending
    assert world.run_until(5) == []
    assert world.now == 5


def test_a_script_is_entered_at_its_time() -> None:
    world = pair()
    world.schedule(3 * SECOND, "client", "connect 10.0.0.2:9")
    world.schedule(2 * SECOND, "client", "help")
    assert not world.quiet
    records = settle(world)
    assert [(record.at, record.line) for record in records if isinstance(record, CommandRun)] == [
        (2 * SECOND, "help"),
        (3 * SECOND, "connect 10.0.0.2:9"),
    ]


def test_the_same_seed_and_inputs_give_the_same_records_and_another_seed_others() -> None:
    def run(seed: int) -> list[tuple[object, ...]]:
        world = World(cast(STATEFUL, seed))
        lose_number(world, 5)
        play(world, "attacker", f"connect {SERVER}:1337 from 4000", 'say "x"', f"ssh {SERVER}", "close 4000")
        play(world, "alice", f"ssh {SERVER}")
        play(world, "server", "dig web", f"curl https://{WEB}")
        return story(world.records)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_no_internet_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("somebody opened a socket")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    world = World(cast())
    play(world, "server", "dig web", f"curl {WEB}")
    assert said(world.hosts["server"])[-1] == "hello from the web"


SESSION = (f"ssh {SERVER}", "close")


@pytest.mark.parametrize("number", range(packets_of(World(cast(STRICT)), "alice", *SESSION)))
def test_losing_any_packet_of_an_ssh_session_through_a_strict_firewall_loses_nothing(number: int) -> None:
    world = World(cast(STRICT))
    lost = lose_number(world, number)
    records = play(world, "alice", *SESSION)
    assert lost()
    told = said(world.hosts["alice"])
    assert told[-2:] == [f"root@{SERVER}'s password:", f"Connection to {SERVER} port 22 closed."]
    assert not world.hosts["server"].stack.endpoints
    # What is sent again is never INVALID.
    assert not [r for r in records if isinstance(r, Walked) and r.walk.verdict == "DROP"]


def test_two_echo_servers_can_talk_for_ever_and_the_world_does_not_hide_it() -> None:
    world = World(
        Topology(
            (
                HostSpec("a", {"eth0": ("10.0.0.1/24",)}, {}, ("echo:7",)),
                HostSpec("b", {"eth0": ("10.0.0.2/24",)}, {}, ("echo:7",)),
            ),
            (LinkSpec("l", ("a:eth0", "b:eth0")),),
        )
    )
    world.enter("a", "send udp 10.0.0.1:7 > 10.0.0.2:7")
    for _ in range(100):
        world.step()
    assert not world.quiet


def test_an_unknown_host_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        pair().enter("nobody", "help")
    with pytest.raises(KeyError):
        pair().schedule(0, "nobody", "help")


def test_fragments_that_wait_in_vain_are_an_event_and_their_sender_is_told() -> None:
    world = pair(())
    client, server = (parse_address(text)[1] for text in ("10.0.0.1", "10.0.0.2"))
    first = fragments(craft.udp(client, server, 1, 2, bytes(900), df=False), 600)[0]
    world.hosts["client"].emit(first)
    records = world.run_until(40 * SECOND)
    given_up = next(record for record in records if isinstance(record, TimerFired))
    held, error, back = (record for record in records if isinstance(record, Walked) and record is not records[0])
    assert (given_up.at, given_up.cause, given_up.what) == (held.at + 30 * SECOND, held.index, "an incomplete datagram forgotten")
    assert (error.cause, error.at, error.walk.packet.icmp_type) == (given_up.index, given_up.at, 11)
    assert (back.host, back.cause) == ("client", error.index)
    assert not world.pending


def test_a_host_withholds_its_own_port_unreachables_when_their_ration_is_used_up() -> None:
    world = pair(())
    for _ in range(8):
        world.enter("client", "send udp 10.0.0.1:4000 > 10.0.0.2:9")
    records = world.run_until(SECOND // 2)
    errors = [
        record.walk for record in records if isinstance(record, Walked) and record.host == "server" and record.walk.in_interface is None
    ]
    assert [walk.verdict for walk in errors] == ["ACCEPT"] * 6 + ["DISCARD"] * 2
    assert "ration" in errors[-1].reason
    world.run_until(SECOND * 3 // 2)
    world.enter("client", "send udp 10.0.0.1:4000 > 10.0.0.2:9")
    records = world.run_until(2 * SECOND)
    assert [record.walk.verdict for record in records if isinstance(record, Walked)] == ["ACCEPT"] * 4


def test_reject_and_the_hosts_own_errors_share_the_ration() -> None:
    world = pair(())
    world.enter("server", "iptables -A INPUT -p udp --dport 10 -j REJECT")
    for port in (9, 9, 9, 10, 10, 10, 10, 9):
        world.enter("client", f"send udp 10.0.0.1:4000 > 10.0.0.2:{port}")
    world.run_until(SECOND // 2)
    back = [record for record in world.records if isinstance(record, Walked) and record.host == "client" and record.walk.in_interface]
    assert len(back) == 6


def test_a_link_loses_by_the_seed_and_by_its_mtu() -> None:
    def sent(loss: float, mtu: int, seed: int) -> list[int]:
        hosts = (
            HostSpec("client", {"eth0": ("10.0.0.1/24",)}),
            HostSpec("server", {"eth0": ("10.0.0.2/24",)}, services=("echo:7",)),
        )
        world = World(Topology(hosts, (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02, loss, mtu),), seed))
        for number in range(60):
            world.enter("client", f'send udp 10.0.0.1:{4000 + number} > 10.0.0.2:7 data="{"x" * number}"')
        settle(world)
        came = (record.walk.packet for record in world.records if isinstance(record, Walked) and record.host == "server")
        return [len(packet.payload) for packet in came if packet.dport == 7]

    assert sent(0.0, 0, 1) == list(range(60))
    assert sent(0.0, 68, 1) == list(range(41))
    some = sent(0.5, 0, 1)
    assert some == sent(0.5, 0, 1) != sent(0.5, 0, 2)
    assert 12 < len(some) < 48
    assert sent(1.0, 0, 1) == []


def test_the_kernel_answers_a_packet_before_it_takes_up_the_next() -> None:
    world = pair(("app:1337",))
    for port in (9, 1337):
        world.enter("client", f"send tcp 10.0.0.1:4000 > 10.0.0.2:{port} SYN")
    settle(world)
    at_server = [record.walk.packet for record in world.records if isinstance(record, Walked) and record.host == "server"]
    assert [(packet.sport, packet.dport) for packet in at_server][:4] == [(4000, 9), (9, 4000), (4000, 1337), (1337, 4000)]
