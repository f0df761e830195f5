"""Scans: the words a real scanner had for the same ports behind the same rules (``assets/scans``), and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fwtutor.netfilter.packet import ICMP, Packet
from fwtutor.network.records import Walked
from fwtutor.network.services.echoing import Echo, EchoDatagrams
from fwtutor.network.stack import Listener
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.scans import BOARDS, CLIENT, OPEN_TCP, OPEN_UDP, SERVER, Board, asked, table
from tests.network.worlds import cast, flags, pair, play, refused_at_once, routed, said, sent, settle

RECORDED = json.loads((Path(__file__).parents[2] / "assets" / "scans" / "words.json").read_text())
NO_RATION = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.icmp.ratelimit": 0}


def board_world(board: Board) -> World:
    hosts = tuple(
        HostSpec(name, {"eth0": (f"{addresses[4]}/24", f"{addresses[6]}/64")}, sysctls=NO_RATION)
        for name, addresses in (("client", CLIENT), ("server", SERVER))
    )
    world = World(Topology(hosts, (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02),)))
    stack = world.hosts["server"].stack
    for port in OPEN_TCP:
        stack.listen(None, port, Listener(Echo))
    for port in OPEN_UDP:
        stack.datagrams[port] = EchoDatagrams()
    for rule in board.rules:
        record = world.enter("server", f"{'iptables' if board.family == 4 else 'ip6tables'} {rule}")
        assert not record.refused, record.output
    return world


def scan(world: World, line: str, host: str = "client") -> list[str]:
    """What the scanner says, without the line with the time."""
    before = len(world.hosts[host].console)
    play(world, host, line)
    return said(world.hosts[host])[before:]


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, board in BOARDS.items() for kind in board.kinds])
def test_every_port_has_the_word_and_the_reason_a_real_scanner_gives_it(name: str, kind: str) -> None:
    board = BOARDS[name]
    assert table("\n".join(scan(board_world(board), asked(board, kind)))) == RECORDED[name][kind]


def test_what_was_recorded_is_what_there_is_to_compare() -> None:
    assert {name: set(kinds) for name, kinds in RECORDED.items()} == {name: set(board.kinds) for name, board in BOARDS.items()}
    assert all(len(ports) == len(BOARDS[name].ports) for name, kinds in RECORDED.items() for ports in kinds.values())


def test_a_scan_is_told_as_a_table() -> None:
    world = pair(("ssh:22", "app:1337"))
    record = world.enter("client", "nmap -p 21-23,1337 server")
    assert record.output == "Starting Nmap at 2024-01-01 00:00 UTC"
    settle(world)
    assert said(world.hosts["client"]) == [
        "Nmap scan report for server (10.0.0.2)",
        "Host is up (0.040s latency).",
        "",
        "PORT     STATE  SERVICE",
        "21/tcp   closed ftp",
        "22/tcp   open   ssh",
        "23/tcp   closed telnet",
        "1337/tcp open   unknown",
        "",
        "Nmap done: 1 IP address (1 host up) scanned in 0.04 seconds",
    ]


def test_many_ports_of_a_state_are_only_counted() -> None:
    world = pair(("ssh:22",))
    play(world, "server", "iptables -A INPUT -p tcp --dport 100:129 -j DROP")
    assert scan(world, "nmap -n -p 1-129 10.0.0.2")[1:5] == [
        "Host is up (0.040s latency).",
        "Not shown: 98 closed tcp ports (reset), 30 filtered tcp ports (no-response)",
        "PORT   STATE SERVICE",
        "22/tcp open  ssh",
    ]
    assert scan(world, "nmap -n -p 30-60 10.0.0.2")[2:4] == [
        "All 31 scanned ports on 10.0.0.2 are in ignored states.",
        "Not shown: 31 closed tcp ports (reset)",
    ]


def test_without_a_port_list_it_asks_about_those_that_have_a_name() -> None:
    world = pair(("ssh:22", "http:80"))
    lines = scan(world, "nmap --open 10.0.0.2")
    assert lines[3:6] == ["PORT   STATE SERVICE", "22/tcp open  ssh", "80/tcp open  http"]


def test_silence_is_asked_once_more_a_second_later_and_a_half_open_connection_is_reset_by_the_own_host() -> None:
    world = pair(("ssh:22",))
    play(world, "server", "iptables -A INPUT -p tcp --dport 23 -j DROP")
    records = play(world, "client", "nmap -Pn -p 22,23 10.0.0.2")
    mine = [record for record in records if isinstance(record, Walked) and record.host == "client" and record.walk.in_interface is None]
    told = [(record.at // 10**6, record.walk.packet.dport, "+".join(record.walk.packet.flag_names)) for record in mine]
    assert told == [(0, 22, "SYN"), (0, 23, "SYN"), (40, 22, "RST"), (1000, 23, "SYN")]
    assert {(record.walk.packet.window, record.walk.packet.df) for record in mine if "SYN" in record.walk.packet.flag_names} == {
        (1024, False)
    }


def test_a_connect_scan_completes_the_handshake_and_resets() -> None:
    records = play(pair(("ssh:22",)), "client", "sudo -u root nmap -sT -p 22 10.0.0.2")
    assert flags(sent(records, "client"))[:3] == ["SYN", "ACK", "RST+ACK"]


def test_fragments_are_eight_bytes_and_answered_like_the_whole() -> None:
    world = pair(("ssh:22",))
    lines = scan(world, "nmap -f -p 22,23 10.0.0.2")
    assert lines[4:6] == ["22/tcp open   ssh", "23/tcp closed telnet"]
    pieces = [packet for packet in sent(world.records, "client") if packet.mf or packet.offset]
    assert {packet.length - packet.l4 for packet in pieces} <= {8}


def test_decoys_send_the_same_and_only_the_own_answers_count() -> None:
    world = pair(("ssh:22",))
    records = play(world, "client", "nmap -n -D 10.0.0.77,ME,10.0.0.78 -p 22 10.0.0.2")
    syns = [packet for packet in sent(records, "client") if packet.flag_names == ("SYN",)]
    assert [packet.source for packet in syns] == ["10.0.0.77", "10.0.0.1", "10.0.0.78"]
    assert said(world.hosts["client"])[4] == "22/tcp open  ssh"


def test_with_another_s_address_the_answers_go_there() -> None:
    world = pair(("ssh:22",))
    assert "22/tcp filtered ssh" in scan(world, "nmap -Pn -n -S 10.0.0.77 -p 22 10.0.0.2")


def test_a_given_source_port_is_that_of_every_probe() -> None:
    records = play(pair(), "client", "nmap -g 53 -p 22,23 10.0.0.2")
    assert {packet.sport for packet in sent(records, "client")} == {53}


def test_a_host_behind_a_router_is_asked_whether_it_is_up() -> None:
    world = routed()
    records = play(world, "client", "nmap -n --reason -p 22 10.0.2.2")
    assert said(world.hosts["client"])[1] == "Host is up, received echo-reply ttl 63 (0.080s latency)."
    first = sent(records, "client")[:4]
    assert [packet.icmp_type if packet.protocol == ICMP else packet.dport for packet in first] == [8, 443, 80, 13]


def test_a_host_that_answers_nothing_seems_down() -> None:
    world = routed()
    play(world, "server", "iptables -P INPUT DROP")
    assert scan(world, "nmap -n -p 22 10.0.2.2") == [
        "Note: Host seems down. If it is really up, but blocking our ping probes, try -Pn",
        "Nmap done: 1 IP address (0 hosts up) scanned in 2.00 seconds",
    ]


def test_a_neighbour_that_drops_everything_is_up_and_nobody_is_down() -> None:
    world = pair()
    play(world, "server", "iptables -P INPUT DROP")
    assert scan(world, "nmap -n -p 22 10.0.0.2 10.0.0.9")[-1] == "Nmap done: 2 IP addresses (1 host up) scanned in 2.00 seconds"


def test_who_refused_is_named_where_it_was_not_the_target() -> None:
    world = routed()
    play(world, "box", "iptables -A FORWARD -p tcp --dport 22 -j REJECT --reject-with icmp-admin-prohibited")
    assert "22/tcp filtered ssh     admin-prohibited from 10.0.1.254 ttl 64" in scan(world, "nmap -Pn -n --reason -p 22 10.0.2.2")


def test_rationed_errors_make_a_udp_scan_slow_and_not_wrong() -> None:
    world = pair(())
    lines = scan(world, "nmap -sU -p 1-40 10.0.0.2")
    assert "Not shown: 40 closed udp ports (port-unreach)" in lines
    assert world.now > 20 * 10**9


def test_the_name_server_answers_the_scanner_and_other_services_do_not_answer_an_empty_datagram() -> None:
    assert "53/udp open  domain" in scan(World(cast()), "nmap -n -sU -p 53 198.51.100.53", "attacker")


def test_probes_the_own_rules_drop_are_told() -> None:
    world = pair()
    play(world, "client", "iptables -A OUTPUT -p tcp --dport 22 -j DROP")
    lines = scan(world, "nmap -n -p 22 --max-retries 0 10.0.0.2")
    assert lines[0] == "sendto: Operation not permitted (dropped on its way out)"
    assert "22/tcp filtered ssh" in lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nmap", "nmap: write nmap [-sS|"),
        ("nmap -sZ 10.0.0.2", "nmap: fwtutor's nmap has no -sZ; it has -sS, "),
        ("nmap -sS -sA 10.0.0.2", "nmap: You specified more than one type of TCP scan."),
        ("nmap --foo 10.0.0.2", "nmap: fwtutor's nmap has no --foo; help nmap lists"),
        ("nmap -p 99999 10.0.0.2", "nmap: Ports specified must be between 0 and 65535 inclusive"),
        ("nmap -p x 10.0.0.2", "nmap: Found no matches for the service mask 'x'"),
        ("nmap -p 9-2 10.0.0.2", "nmap: Your port range 9-2 is backwards. Did you mean 2-9?"),
        ("nmap -p- 10.0.0.2", "nmap: fwtutor's nmap asks about 2000 ports at most"),
        ("nmap 10.0.0.2 -p", "nmap: option requires an argument -- 'p'"),
        ("nmap nobody", 'nmap: Failed to resolve "nobody".'),
        ("nmap -6 10.0.0.2", 'nmap: Failed to resolve "10.0.0.2".'),
        ("nmap 10.0.0.0/24", "nmap: fwtutor's nmap takes hosts, no networks"),
        ("nmap -g 0 10.0.0.2", "nmap: port 0 is nobody's"),
        ("nmap -D x 10.0.0.2", "nmap: 'x' is no address"),
        ("nmap -S ::1 10.0.0.2", "nmap: ::1 is an IPv6 address and 10.0.0.2 an IPv4 one"),
        ("nmap --max-retries x 10.0.0.2", "nmap: --max-retries 'x' is no number from 0 to 10"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    refused_at_once(pair(), line, words)


def test_raw_scans_are_root_s() -> None:
    world = World(cast())
    assert world.enter("attacker", "nmap -sS 203.0.113.1").refused is False
    topology = Topology((HostSpec("a", {"e": ("10.0.0.1/24",)}, users=(UserSpec("alice", 1000),)),))
    record = World(topology).enter("a", "sudo -u alice nmap -sS 10.0.0.1")
    assert record.output == "nmap: You requested a scan type which requires root privileges.\nQUITTING!"


def test_the_same_seed_scans_with_the_same_packets() -> None:
    def packets() -> list[bytes]:
        return [packet.raw for packet in sent(play(pair(), "client", "nmap -p 20-30 10.0.0.2"), "client")]

    assert packets() == packets()
    assert all(37 <= Packet(raw).ttl <= 64 for raw in packets())
