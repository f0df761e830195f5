"""nc, ss, ip, the files, what runs, the time: in the words of the tools one knows."""

from __future__ import annotations

import pytest

from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from fwtutor.recording.scenario import Scenario
from fwtutor.recording.session import Session
from tests.network.worlds import cast, pair, play, printed, refused_at_once, routed, said, settle


def users() -> World:
    alice = UserSpec("alice", 1000)
    hosts = (HostSpec("a", {"e": ("10.0.0.1/24", "fd00::1/64")}, services=("app:1337 as alice", "ssh:10.0.0.1:22"), users=(alice,)),)
    return World(Topology(hosts))


# --- nc ----------------------------------------------------------------------------------------------------------


def test_nc_opens_a_connection_that_say_and_close_are_for() -> None:
    world = pair(("app:1337",))
    play(world, "client", "nc server 1337", "say hello", "close")
    assert "from 10.0.0.2:1337: hello" in said(world.hosts["client"])


def test_nc_listens_for_one_connection() -> None:
    world = pair(())
    assert printed(world, "server", "nc -l 4444") == ["listening on tcp port 4444"]
    record = world.enter("server", "nc -l 4444")
    assert record.output == "nc: Address already in use"
    play(world, "client", "nc -p 5000 server 4444", "say one", "nc server 4444")
    assert said(world.hosts["server"]) == ["Connection received from 10.0.0.1:5000", "from 10.0.0.1:5000: one"]
    assert said(world.hosts["client"])[-1] == "10.0.0.2:4444: Connection refused"
    play(world, "server", "say two")
    assert "from 10.0.0.2:4444: two" in said(world.hosts["client"])
    play(world, "client", "close 4444")
    assert not world.hosts["server"].processes


def test_a_killed_nc_closes_what_it_has() -> None:
    world = pair(())
    play(world, "server", "nc -l 4444", "nc -l 4445")
    play(world, "client", "nc server 4444")
    play(world, "server", "kill 1001 1002")
    assert said(world.hosts["client"])[-1] == "connection to 10.0.0.2:4444 closed"
    assert not world.hosts["server"].stack.listeners


def test_what_echo_says_goes_through_nc() -> None:
    world = pair(("echo:7",))
    play(world, "client", "echo hi | nc -u -w 2 server 7", "echo ho | nc server 7", "echo he | nc -u server 9")
    told = said(world.hosts["client"])
    assert told[0] == "from 10.0.0.2:7: hi"
    assert "from 10.0.0.2:7: ho" in told
    assert told[-1] == "nc: 10.0.0.2 port 9: Connection refused"


def test_nc_hears_datagrams() -> None:
    world = pair(())
    play(world, "server", "nc -l -u 5353")
    play(world, "client", "echo one | nc -u -p 6000 server 5353")
    assert said(world.hosts["server"]) == ["from 10.0.0.1:6000: one"]


def test_nc_looks_whether_a_port_is_open() -> None:
    world = pair(("ssh:22",))
    play(world, "server", "iptables -A INPUT -p tcp --dport 24 -j DROP")
    play(world, "client", "nc -z server 22", "nc -zv server 23", "nc -z -w 2 server 24")
    assert said(world.hosts["client"]) == [
        "Connection to 10.0.0.2 22 port [tcp/ssh] succeeded!",
        "nc: connect to 10.0.0.2 port 23 (tcp) failed: Connection refused",
        "nc: connect to 10.0.0.2 port 24 (tcp) failed: Operation now in progress",
    ]


# --- ss ----------------------------------------------------------------------------------------------------------


def test_ss_lists_what_listens_and_whose_it_is() -> None:
    assert printed(users(), "a", "ss -tlnp") == [
        "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
        'LISTEN 0      128    10.0.0.1:22        0.0.0.0:*         users:(("ssh",user=root))',
        'LISTEN 0      128    *:1337             *:*               users:(("app",user=alice))',
    ]


def test_ss_lists_connections_with_their_states() -> None:
    world = pair(("app:1337", "echo:7"))
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    assert printed(world, "client", "ss -tn")[1:] == ["ESTAB 0      0      10.0.0.1:4000      10.0.0.2:1337"]
    play(world, "client", "close")
    assert printed(world, "client", "ss -tn")[1:] == []
    assert printed(world, "client", "ss -tna")[1:] == ["TIME-WAIT 0      0      10.0.0.1:4000      10.0.0.2:1337"]
    assert [line.split()[:2] for line in printed(world, "server", "ss -na")[1:]] == [
        ["udp", "UNCONN"],
        ["tcp", "LISTEN"],
        ["tcp", "LISTEN"],
    ]


def test_without_n_ports_have_their_names() -> None:
    assert "10.0.0.1:ssh" in printed(users(), "a", "ss -l")[1]


def test_what_only_looks_is_answered_for_any_place_of_a_run() -> None:
    scenario = Scenario(topology=cast(), watch="server")
    session = Session(scenario)
    session.enter("server", "nc -l 4444")
    before = session.cursor.index
    session.enter("attacker", "nc server 4444")
    session.enter("server", "echo one > /tmp/x")
    session.enter("server", "kill 1001")
    runs = len(session.runs)
    asked = {line: session.enter("server", line).output for line in ("ss -tnl", "ss -tna", "ps", "cat /tmp/x", "date")}
    assert "4444" not in asked["ss -tnl"]
    assert "1001" not in asked["ps"]
    assert asked["cat /tmp/x"] == "one\n"
    session.cursor.seek(before)
    then = {line: session.enter("server", line).output for line in ("ss -tnl", "ss -tna", "ps", "cat /tmp/x", "date")}
    assert "0.0.0.0:4444" in then["ss -tnl"]
    assert "ESTAB" not in then["ss -tna"]
    assert "  1001 root nc" in then["ps"]
    assert then["cat /tmp/x"] == "cat: /tmp/x: No such file or directory"
    assert then["date"] < asked["date"]
    assert len(session.runs) == runs


# --- ip ----------------------------------------------------------------------------------------------------------


def test_ip_shows_addresses_and_links() -> None:
    world = routed(1400)
    assert printed(world, "box", "ip link")[-1] == (
        "3: far: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP mode DEFAULT group default qlen 1000"
    )
    assert printed(world, "client", "ip addr show dev eth0")[1:] == [
        "    inet 10.0.1.1/24 scope global eth0",
        "       valid_lft forever preferred_lft forever",
        "    inet6 fd00:1::1/64 scope global",
        "       valid_lft forever preferred_lft forever",
    ]
    assert printed(world, "client", "ip -6 a")[1].strip() == "inet6 ::1/128 scope host"


def test_ip_shows_routes() -> None:
    world = routed()
    assert printed(world, "client", "ip route") == [
        "10.0.1.0/24 dev eth0 proto kernel scope link src 10.0.1.1",
        "10.0.2.0/24 via 10.0.1.254 dev eth0",
    ]
    assert printed(world, "client", "ip -6 route") == [
        "fd00:1::/64 dev eth0 proto kernel metric 256 pref medium",
        "fd00:2::/64 via fd00:1::fe dev eth0 metric 1024 pref medium",
    ]
    assert printed(World(cast()), "alice", "ip r")[0] == "default via 192.168.0.1 dev eth0"


def test_ip_says_how_one_gets_there() -> None:
    world = routed()
    assert printed(world, "client", "ip route get 10.0.2.2")[0] == "10.0.2.2 via 10.0.1.254 dev eth0 src 10.0.1.1 uid 0 "
    assert printed(world, "client", "ip route get 10.0.1.9")[0] == "10.0.1.9 dev eth0 src 10.0.1.1 uid 0 "
    assert printed(world, "client", "ip route get 10.0.1.1")[0] == "local 10.0.1.1 dev lo src 10.0.1.1 uid 0 "


# --- files, programs, time ---------------------------------------------------------------------------------------


def test_files_are_written_added_to_and_read() -> None:
    world = pair()
    for line in ("echo sshd: 10.0.0.0/24 > /etc/hosts.allow", "echo 'ALL: ALL' >> /etc/hosts.allow", "echo -n x >> /etc/hosts.allow"):
        assert printed(world, "server", line) == []
    assert printed(world, "server", "cat /etc/hosts.allow") == ["sshd: 10.0.0.0/24", "ALL: ALL", "x"]
    assert printed(world, "server", "tail -n 2 /etc/hosts.allow") == ["ALL: ALL", "x"]
    assert printed(world, "server", "tail -1 etc/hosts.allow") == ["x"]
    assert printed(world, "server", "ls /etc") == ["hosts", "hosts.allow"]
    assert printed(world, "server", "ls") == ["etc"]
    assert printed(world, "server", "echo 10.9.9.9 box > /etc/hosts") == []
    assert world.hosts["server"].resolve("box") is not None
    assert printed(world, "server", "echo a  b 'c  d'") == ["a b c  d"]


def test_only_root_writes_where_it_matters() -> None:
    world = users()
    assert world.enter("a", "sudo -u alice echo x > /etc/hosts.allow").output == "echo: /etc/hosts.allow: Permission denied"
    assert not world.enter("a", "sudo -u alice echo x > /tmp/x").refused
    assert not world.enter("a", "sudo -u alice echo x > /home/alice/.ssh/authorized_keys").refused


def test_what_runs_has_a_number_and_can_be_ended() -> None:
    world = users()
    play(world, "a", "sudo -u alice nc -l 4000")
    assert printed(world, "a", "ps") == [
        "   PID USER  COMMAND",
        "   301 alice app:1337",
        "   302 root  ssh:22",
        "  1001 alice nc",
    ]
    assert world.enter("a", "kill 301").output == "kill: (301) - a service of the topology; it stays"
    assert printed(world, "a", "sudo -u alice kill -9 1001") == []
    assert world.enter("a", "kill 1001").output == "kill: (1001) - No such process"


def test_ending_another_s_program_is_not_permitted() -> None:
    world = users()
    play(world, "a", "nc -l 4000")
    assert world.enter("a", "sudo -u alice kill 1001").output == "kill: (1001) - Operation not permitted"


def test_a_stopped_ping_is_silent() -> None:
    world = pair()
    world.enter("client", "ping -c 100 10.0.0.2")
    world.run_until(2_500_000_000)
    world.enter("client", "kill 1001")
    settle(world)
    assert len(said(world.hosts["client"])) == 3


def test_the_time_is_that_of_the_simulation() -> None:
    world = pair()
    world.run_until(3_661_000_000_000)
    assert printed(world, "client", "date") == ["Mon Jan  1 01:01:01 UTC 2024"]


def test_names_stand_for_hosts() -> None:
    world = World(cast())
    play(
        world,
        "attacker",
        "connect server:1337 from 4000",
        "curl web",
        "curl https://web/",
        "dig @dns web.example",
        "dig @dns web.example AAAA",
    )
    told = said(world.hosts["attacker"])
    assert told[0] == "connected to 203.0.113.1:1337 from port 4000"
    assert told.count("curl: HTTP/1.1 200 OK") == 2
    assert "dig: web.example is 198.51.100.80" in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nc", "nc: write nc [-u]"),
        ("nc server", "nc: write nc [-u]"),
        ("nc server x", "nc: port 'x' is no number"),
        ("nc nobody 22", "nc: nobody: Name or service not known"),
        ("nc -l", "nc: write nc [-u]"),
        ("nc -l 22 23", "nc: write nc [-u]"),
        ("nc -u server 9", "nc: what is to be sent? write echo TEXT | nc -u HOST PORT"),
        ("nc -zu server 9", "nc: of a UDP port nc -z learns nothing"),
        ("nc -k -l 4", "nc: fwtutor does not know -k here\nwrite nc"),
        ("ss x", "ss: write ss"),
        ("ss -Z", "ss: fwtutor does not know -Z here"),
        ("ip", "ip: write ip"),
        ("ip foo", 'ip: Object "foo" is unknown, try "help ip".'),
        ("ip addr foo", 'ip: Command "foo" is unknown, try "help ip".'),
        ("ip addr add 10.0.0.9/24 dev eth0", "ip: fwtutor's ip shows and changes nothing"),
        ("ip addr show dev wlan0", 'ip: Device "wlan0" does not exist.'),
        ("ip route add default via 10.0.0.9", "ip: fwtutor's ip shows and changes nothing"),
        ("ip route get", "ip: need at least a destination address"),
        ("ip route get x", 'ip: Error: any valid prefix is expected rather than "x".'),
        ("ip route get fd00::1", "ip: RTNETLINK answers: Network is unreachable"),
        ("cat", "cat: write cat FILE"),
        ("cat /x", "cat: /x: No such file or directory"),
        ("cat /etc", "cat: /etc: Is a directory"),
        ("tail -n x /etc/hosts", "tail: invalid number of lines: 'x'"),
        ("tail -f /etc/hosts", "tail: fwtutor's tail does not follow"),
        ("tail", "tail: write tail"),
        ("ls /nowhere", "ls: cannot access '/nowhere': No such file or directory"),
        ("ls -l", "ls: write ls [DIRECTORY]"),
        ("echo x > /etc", "echo: /etc: Is a directory"),
        ("echo x >", "echo: write echo TEXT > FILE"),
        ("echo x | cat", "echo: what echo says can be handed to nc alone"),
        ("echo 'x", "echo: a quotation mark is not closed"),
        ("echo x > /etc/../x", "echo: '/etc/../x' is no path"),
        ("kill", "kill: write kill PID"),
        ("kill x", "kill: x: arguments must be process IDs"),
        ("kill 7", "kill: (7) - No such process"),
        ("ps -Z", "ps: write ps"),
        ("date -s 1", "date: write date"),
        ("curl nobody", "curl: (6) Could not resolve host: nobody"),
        ("dig @nobody x", "dig: nobody: Name or service not known"),
        ("connect nobody:1", "connect: nobody: Name or service not known"),
        ("connect server", "connect: 'server' names no port; write HOST:PORT"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    world = World(
        Topology(
            (HostSpec("client", {"eth0": ("10.0.0.1/24",)}), HostSpec("server", {"eth0": ("10.0.0.2/24",)})),
            (LinkSpec("wire", ("client:eth0", "server:eth0")),),
        )
    )
    refused_at_once(world, line, words)
