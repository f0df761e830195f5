"""Keeping a connection alive: what ssh, sshd and TCP send into a silence, and what they say when nobody answers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.host import AUTH_LOG
from fwtutor.network.records import Walked
from fwtutor.network.ssh.client_config import read_client_config
from fwtutor.network.ssh.config import PATH, read_config
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.worlds import refused_at_once, said

KEY = "ssh-ed25519 AAAA... root@client"
ROOT = (UserSpec("root", 0),)
FORGETFUL = {"net.netfilter.nf_conntrack_tcp_timeout_established": 30, "net.netfilter.nf_conntrack_tcp_loose": 0}
CONFIG = "Host other\n ServerAliveInterval 5\nHost ser*\n ServerAliveInterval 20\n"
TRACKED = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -p tcp --syn -j ACCEPT\nCOMMIT\n"


def logged_in(options: str = "", sshd: str = "", own: str = "", sysctls: Mapping[str, int] | None = None) -> World:
    """A session that is open, and silent, for a minute."""
    files = {"/root/.ssh/authorized_keys": KEY, PATH: sshd}
    world = World(
        Topology(
            (
                HostSpec("client", {"e": ("10.0.0.1/24",)}, files={"/root/.ssh/id_ed25519.pub": KEY, "/root/.ssh/config": own}),
                HostSpec(
                    "server", {"e": ("10.0.0.2/24",)}, {}, ("ssh:22",), TRACKED, sysctls or {}, users=(UserSpec("root", 0),), files=files
                ),
            ),
            (LinkSpec("wire", ("client:e", "server:e"), 0.02),),
        )
    )
    world.enter("client", f"ssh {options} server")
    world.run_until(60 * SECOND)
    return world


def data(world: World, host: str, since: float = 2) -> list[tuple[int, int]]:
    """(second, bytes) of what a host has sent."""
    return [
        (round(record.at / SECOND), len(record.walk.packet.payload))
        for record in world.records
        if isinstance(record, Walked) and record.host == host and record.walk.in_interface is None
        if record.at > since * SECOND and record.walk.packet.payload
    ]


def log(world: World) -> str:
    return world.hosts["server"].files.read(AUTH_LOG) or ""


def alive(world: World) -> bool:
    return any(endpoint.state == "ESTABLISHED" for endpoint in world.hosts["server"].stack.endpoints.values())


def test_without_any_setting_a_silence_stays_one() -> None:
    world = logged_in()
    assert data(world, "client") == data(world, "server") == []


@pytest.mark.parametrize(
    ("options", "own"),
    [("-o ServerAliveInterval=20", ""), ("", CONFIG)],
)
def test_serveraliveinterval_asks_the_server_each_time_and_it_answers(options: str, own: str) -> None:
    world = logged_in(options, own=own)
    assert [at for at, _ in data(world, "client")] == [at for at, _ in data(world, "server")] == [20, 40]
    assert alive(world)


def test_clientaliveinterval_asks_the_client_after_two_of_them() -> None:
    """OpenSSH 9.2 with ClientAliveInterval 3 was seen to ask after six seconds."""
    world = logged_in(sshd="ClientAliveInterval 10\n")
    assert [at for at, _ in data(world, "server")] == [at for at, _ in data(world, "client")] == [20, 40]


def test_a_server_that_is_gone_is_given_up_after_serveralivecountmax_questions() -> None:
    world = logged_in("-o ServerAliveInterval=20 -o ServerAliveCountMax=2")
    world.enter("server", "iptables -F")
    world.run_until(140 * SECOND)
    assert said(world.hosts["client"])[-1] == "Timeout, server server not responding."
    assert not any(process.name == "ssh" for process in world.hosts["client"].processes)


def test_a_client_that_is_gone_is_given_up_and_the_log_says_so() -> None:
    world = logged_in(sshd="ClientAliveInterval 10\nClientAliveCountMax 2\n")
    world.enter("client", "iptables -P INPUT DROP")
    world.enter("client", "iptables -P OUTPUT DROP")
    world.run_until(140 * SECOND)
    assert "Timeout, client not responding from user root 10.0.0.1 port " in log(world)
    assert not world.hosts["server"].processes


@pytest.mark.parametrize(
    ("options", "sshd", "lives"),
    [
        ("", "", False),
        ("-o ServerAliveInterval=20", "", True),
        ("", "ClientAliveInterval 10\n", True),
        ("-o ServerAliveInterval=40", "", False),
    ],
)
def test_signs_of_life_keep_an_entry_if_they_come_in_time(options: str, sshd: str, lives: bool) -> None:
    world = logged_in(
        options, sshd, sysctls={"net.netfilter.nf_conntrack_tcp_timeout_established": 30, "net.netfilter.nf_conntrack_tcp_loose": 0}
    )
    world.run_until(200 * SECOND)
    assert bool(world.hosts["server"].firewall.state.entries) == lives


@pytest.mark.parametrize(("options", "sshd", "probes"), [("", "TCPKeepAlive no\n", 1), ("-o TCPKeepAlive=no", "TCPKeepAlive no\n", 0)])
def test_tcpkeepalive_probes_after_two_hours_unless_it_is_switched_off(options: str, sshd: str, probes: int) -> None:
    world = logged_in(options, sshd)
    start = len(world.records)
    world.run_until(7300 * SECOND)
    sent = [record for record in world.records[start:] if isinstance(record, Walked) and record.walk.in_interface is None]
    assert sum(record.host == "client" for record in sent) == probes


def test_files_and_options_are_read_as_ssh_reads_them() -> None:
    text = "Host !db *\n ServerAliveInterval 5\nHost *\n User alice\n ServerAliveInterval 9\n TCPKeepAlive no\n"
    config = read_client_config(["ServerAliveCountMax 7"], [("f", text)], "web")
    assert (config.interval, config.most, config.user, config.keepalive) == (5, 7, "alice", False)
    assert read_client_config([], [("f", text)], "db").interval == 9


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssh -o Nonsense=1 server", "ssh: command-line line 0: Bad configuration option: nonsense"),
        ("ssh -o ServerAliveInterval=x server", "ssh: command-line line 0: invalid time value."),
        ("ssh -o ServerAliveCountMax=-1 server", "ssh: command-line line 0: integer value invalid."),
        ("ssh -o TCPKeepAlive server", "ssh: command-line line 0: no argument after keyword 'tcpkeepalive'"),
    ],
)
def test_options_that_make_no_sense_are_refused(line: str, words: str) -> None:
    refused_at_once(logged_in(), line, words)


def test_a_lesson_s_file_with_a_slip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"files\./root/\.ssh/config: line 2: Bad configuration option: servralive"):
        HostSpec("a", {"e": ("10.0.0.1/24",)}, files={"/root/.ssh/config": "Host *\n ServrAlive 3\n"})


def test_sshd_reads_its_own() -> None:
    config = read_config("ClientAliveInterval 2m\nClientAliveCountMax 0\nTCPKeepAlive no\n")
    assert (config.alive_interval, config.alive_most, config.keepalive) == (120, 0, False)
