"""fail2ban follows the auth log, bans by rules of its own, and unbans by the clock; whoever guesses passwords meets it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ends import Address
from fwtutor.network.fail2ban.config import Jail, read_jail, read_span
from fwtutor.network.fail2ban.failures import Counter, failed_from
from fwtutor.network.host import AUTH_LOG
from fwtutor.network.prompt import configures
from fwtutor.network.records import CommandRun, TimerFired
from fwtutor.network.services.fail2ban import LOG
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from fwtutor.recording.compare import compare
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Scenario, Scripted
from fwtutor.recording.session import Session
from tests.network.worlds import play, said, settle, story

JAIL = "/etc/fail2ban/jail.local"
WORDS = "\n".join(["123456", "password", "qwerty", "letmein", "dragon", "toor", "monkey"])
GUESSING = "bruteforce -l root -P words ssh://server"


def topology(jail: str = "", services: tuple[str, ...] = ("ssh:22", "fail2ban"), config: str = "PermitRootLogin yes\n") -> Topology:
    """An attacker with a list of words, and a server."""
    users = (UserSpec("root", 0, "toor"), UserSpec("alice", 1000, "secret"))
    files: Mapping[str, str] = {"/etc/ssh/sshd_config": config, **({JAIL: jail} if jail else {})}
    return Topology(
        (
            HostSpec("server", {"eth0": ("10.0.0.2/24", "2001:db8::2/64")}, {"default": "eth0"}, services, users=users, files=files),
            HostSpec("attacker", {"eth0": ("10.0.0.1/24", "2001:db8::1/64")}, {"default": "eth0"}, files={"/words": WORDS}),
        ),
        (LinkSpec("wire", ("server:eth0", "attacker:eth0"), 0.02),),
    )


def lines_of(world: World, path: str) -> list[str]:
    return (world.hosts["server"].files.read(path) or "").splitlines()


def ran(world: World) -> list[str]:
    """The commands that programs of the server ran."""
    return [record.line for record in world.records if isinstance(record, CommandRun) and record.host == "server" and record.cause >= 0]


# --- guessing --------------------------------------------------------------------------------------------------


def test_guessing_finds_a_weak_password_over_the_network_alone() -> None:
    world = World(topology(services=("ssh:22",)))
    play(world, "attacker", GUESSING)
    assert said(world.hosts["attacker"]) == [
        "[DATA] 7 login tries, attacking ssh://10.0.0.2:22",
        "[22][ssh] host: 10.0.0.2   login: root   password: toor",
        "1 valid password found; 6 of 7 tried, in 1 connections",
    ]
    assert [line.partition("]: ")[2].split(" for ")[0] for line in lines_of(world, AUTH_LOG)][:6] == [
        *["Failed password"] * 5,
        "Accepted password",
    ]


def test_each_connection_has_as_many_tries_as_sshd_allows_and_a_port_of_its_own() -> None:
    world = World(topology(services=("ssh:22",), config="PermitRootLogin no\nMaxAuthTries 3\n"))
    play(world, "attacker", GUESSING)
    assert said(world.hosts["attacker"])[-1] == "0 valid passwords found; 7 of 7 tried, in 3 connections"
    ports = {line.partition(" port ")[2].split()[0] for line in lines_of(world, AUTH_LOG) if "Failed password" in line}
    assert len(ports) == 3


def test_keys_only_makes_guessing_senseless() -> None:
    world = World(topology(services=("ssh:22",), config="PasswordAuthentication no\n"))
    play(world, "attacker", GUESSING)
    assert said(world.hosts["attacker"])[1:] == [
        "[ERROR] ssh://10.0.0.2:22 does not support password authentication (it takes publickey)",
        "0 valid passwords found; 0 of 7 tried, in 1 connections",
    ]


def test_a_closed_port_is_told() -> None:
    world = World(topology(services=()))
    play(world, "attacker", "bruteforce -l root -p x ssh://10.0.0.2:2222")
    assert said(world.hosts["attacker"])[1] == "[ERROR] could not connect to ssh://10.0.0.2:2222 - Connection refused"


@pytest.mark.parametrize(
    "line", ["bruteforce", "bruteforce -l root ssh://server", "bruteforce -l root -P nowhere ssh://server", "bruteforce -l a -p b ssh://x"]
)
def test_what_cannot_be_guessed_at_is_refused(line: str) -> None:
    assert World(topology()).enter("attacker", line).refused


# --- bans ------------------------------------------------------------------------------------------------------


def test_a_ban_is_the_real_one_s_commands_and_cuts_what_runs() -> None:
    world = World(topology("[sshd]\nmaxretry = 3\n"))
    play(world, "attacker", GUESSING)
    assert ran(world) == [
        "iptables -w -N f2b-sshd",
        "iptables -w -A f2b-sshd -j RETURN",
        "iptables -w -I INPUT -p tcp -m multiport --dports ssh -j f2b-sshd",
        "iptables -w -I f2b-sshd 1 -s 10.0.0.1 -j REJECT --reject-with icmp-port-unreachable",
    ]
    assert world.enter("server", "iptables -S").output.splitlines()[3:] == [
        "-N f2b-sshd",
        "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd",
        "-A f2b-sshd -s 10.0.0.1/32 -j REJECT --reject-with icmp-port-unreachable",
        "-A f2b-sshd -j RETURN",
    ]
    told = said(world.hosts["attacker"])
    assert told[1] == "[ERROR] ssh://10.0.0.2:22: no answer for 30 seconds"
    assert told[2:4] == ["[ERROR] could not connect to ssh://10.0.0.2:22 - Connection refused"] * 2
    assert told[-1].startswith("0 valid passwords found; ")


def test_its_log_is_in_its_words() -> None:
    world = World(topology("[sshd]\nmaxretry = 2\n"))
    play(world, "attacker", GUESSING)
    lines = [line for line in lines_of(world, LOG) if "[sshd]" in line]
    assert lines[0] == "2024-01-01 00:00:00,220 fail2ban.filter         [1001]: INFO    [sshd] Found 10.0.0.1 - 2024-01-01 00:00:00"
    assert [line.partition("]: ")[2] for line in lines[1:]] == [
        "INFO    [sshd] Found 10.0.0.1 - 2024-01-01 00:00:00",
        "NOTICE  [sshd] Ban 10.0.0.1",
    ]


def test_the_clock_unbans_and_nothing_polls() -> None:
    world = World(topology("[DEFAULT]\nbantime = 10m\n[sshd]\nmaxretry = 2\n"))
    play(world, "attacker", "sshpass -p x ssh server", "sshpass -p x ssh server", "ssh server")
    assert said(world.hosts["attacker"])[-1] == "ssh: connect to host server port 22: Connection refused"
    assert world.quiet
    before = len(world.records)
    world.run_until(602 * SECOND)
    assert ran(world)[-1] == "iptables -w -D f2b-sshd -s 10.0.0.1 -j REJECT --reject-with icmp-port-unreachable"
    timers = [record for record in world.records[before:] if isinstance(record, TimerFired) and "fail2ban" in record.what]
    assert [record.what for record in timers] == ["fail2ban: a ban is over"]
    play(world, "attacker", "sshpass -p toor ssh server whoami")
    assert said(world.hosts["attacker"])[-1] == "root"
    assert "NOTICE  [sshd] Unban 10.0.0.1" in lines_of(world, LOG)[-1]


def test_ipv6_is_banned_by_ip6tables() -> None:
    world = World(topology("[sshd]\nmaxretry = 1\nbanaction = iptables-allports\n"))
    play(world, "attacker", "sshpass -p x ssh root@2001:db8::2")
    assert ran(world) == [
        "ip6tables -w -N f2b-sshd",
        "ip6tables -w -A f2b-sshd -j RETURN",
        "ip6tables -w -I INPUT -p tcp -j f2b-sshd",
        "ip6tables -w -I f2b-sshd 1 -s 2001:db8::1 -j REJECT --reject-with icmp6-port-unreachable",
    ]


def test_failures_are_counted_in_a_window() -> None:
    world = World(topology("[sshd]\nmaxretry = 2\nfindtime = 60\n"))
    play(world, "attacker", "sshpass -p x ssh server")
    world.run_until(200 * SECOND)
    play(world, "attacker", "sshpass -p x ssh server")
    assert ran(world) == []
    play(world, "attacker", "sshpass -p x ssh server")
    assert ran(world)


def test_whom_it_ignores() -> None:
    world = World(topology("[sshd]\nmaxretry = 1\nignoreip = 127.0.0.1/8 10.0.0.9/24\n"))
    play(world, "attacker", "sshpass -p x ssh server")
    assert ran(world) == []
    assert lines_of(world, LOG)[-1].endswith("[sshd] Ignore 10.0.0.1 by ip")


def test_the_client_bans_unbans_and_tells() -> None:
    world = World(topology("[sshd]\nbanaction = iptables-multiport[blocktype=DROP]\n"))
    play(world, "server", "fail2ban-client set sshd banip 192.0.2.7 2001:db8::7")
    assert [line for line in ran(world) if " 1 " in line] == [
        "iptables -w -I f2b-sshd 1 -s 192.0.2.7 -j DROP",
        "ip6tables -w -I f2b-sshd 1 -s 2001:db8::7 -j DROP",
    ]
    assert world.enter("server", "fail2ban-client set sshd unbanip 192.0.2.7").output == "1\n"
    settle(world)
    assert world.enter("server", "fail2ban-client status sshd").output.splitlines() == [
        "Status for the jail: sshd",
        "|- Filter",
        "|  |- Currently failed: 0",
        "|  |- Total failed:     0",
        "|  `- File list:        /var/log/auth.log",
        "`- Actions",
        "   |- Currently banned: 1",
        "   |- Total banned:     2",
        "   `- Banned IP list:   2001:db8::7",
    ]
    assert world.enter("server", "fail2ban-client status").output.endswith("`- Jail list:      sshd\n")
    assert world.enter("server", "fail2ban-client status nginx").output == "fail2ban-client: Sorry but the jail 'nginx' does not exist"
    assert world.enter("attacker", "fail2ban-client status").output.endswith("Is fail2ban running?")
    assert world.enter("server", "sudo -u alice fail2ban-client status").refused


def test_a_flushed_chain_is_made_again() -> None:
    world = World(topology("[sshd]\nmaxretry = 1\n"))
    play(world, "server", "fail2ban-client set sshd banip 192.0.2.7", "iptables -F")
    play(world, "attacker", "sshpass -p x ssh server")
    assert [line.split(" ", 2)[2] for line in ran(world)[4:]] == [
        "-A f2b-sshd -j RETURN",
        "-I INPUT -p tcp -m multiport --dports ssh -j f2b-sshd",
        "-I f2b-sshd 1 -s 10.0.0.1 -j REJECT --reject-with icmp-port-unreachable",
    ]


def test_a_jail_that_is_not_enabled_does_nothing_until_it_is_reloaded() -> None:
    world = World(topology("[sshd]\nenabled = false\nmaxretry = 1\n"))
    play(world, "attacker", "sshpass -p x ssh server")
    assert (ran(world), lines_of(world, LOG)) == ([], [])
    play(world, "server", f'echo "[sshd]" > {JAIL}', f'echo "maxretry = 1" >> {JAIL}', "fail2ban-client reload")
    play(world, "attacker", "sshpass -p x ssh server")
    assert ran(world)


def test_a_reload_is_part_of_an_answer_and_a_ban_by_hand_is_not() -> None:
    assert configures("fail2ban-client reload")
    assert not configures("fail2ban-client status sshd")
    assert not configures("fail2ban-client set sshd banip 192.0.2.7")


# --- looking back ----------------------------------------------------------------------------------------------


def scenario() -> Scenario:
    return Scenario(topology("[sshd]\nmaxretry = 2\n"), (Scripted(0, "attacker", "sshpass -p x ssh server"),), watch="server")


def test_the_cursor_sees_what_a_program_changed_and_when() -> None:
    session = Session(scenario())
    session.enter("attacker", "sshpass -p x ssh server")
    session.cursor.to_end()
    banned = "-s 10.0.0.1/32 -j REJECT"
    assert banned in session.enter("server", "iptables -S").output
    assert "Currently banned: 1" in session.enter("server", "fail2ban-client status sshd").output
    index = next(record.index for record in session.run.records if isinstance(record, CommandRun) and " -N " in record.line)
    for place, there in ((index - 1, False), (index, True)):
        session.cursor.seek(place)
        assert ("f2b-sshd" in session.enter("server", "iptables -S").output) == there
    assert "Currently banned: 0" in (session.cursor.seek(3), session.enter("server", "fail2ban-client status sshd").output)[1]
    assert "Failed password" not in session.enter("server", "tail /var/log/auth.log").output
    session.cursor.to_end()
    assert "Failed password" in session.enter("server", "tail /var/log/auth.log").output


def test_undo_branch_and_replay_tell_the_same_story() -> None:
    session = Session(scenario())
    first = story(session.run.records)
    session.enter("attacker", "sshpass -p x ssh server")
    second = story(session.run.records)
    assert story(Run(scenario(), session.run.inputs).records) == second
    assert session.undo()
    assert story(session.run.records) == first
    session.cursor.seek(10)
    session.enter("server", "fail2ban-client set sshd banip 10.0.0.1")
    assert any(isinstance(record, CommandRun) and " -I f2b-sshd" in record.line for record in session.run.records)
    assert story(Run(scenario(), session.run.inputs).records) == story(session.run.records)


def test_two_runs_are_compared_by_what_caused_a_program_s_command() -> None:
    one, other = Run(scenario()), Run(scenario())
    for run in (one, other):
        run.enter("attacker", "sshpass -p x ssh server")
    pairs = [pair for pair in compare(one, other) if isinstance(pair[0], CommandRun)]
    assert all(a is not None and b is not None and a.index == b.index for a, b in pairs)
    assert len(pairs) == 6


# --- files and lines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sshd]\nmaxretry = many\n", "line 2: maxretry: 'many' is no number of failures"),
        ("[sshd]\nbantime = 10q\n", "line 2: bantime: '10q' is no length of time"),
        ("[sshd]\nbanaction = ufw\n", "line 2: banaction: 'ufw' is none of iptables-multiport, "),
        ("[sshd]\nmaxretries = 3\n", "line 2: maxretries is no setting of a jail"),
        ("[sshd]\nignoreip = home\n", "line 2: ignoreip: 'home' names home, which is no address"),
        ("[sshd]\nmode = aggressive\n", "line 2: mode 'aggressive' is not simulated"),
        ("[nginx]\nenabled = true\n", "line 1: [nginx]: there is only the jail sshd"),
        ("maxretry = 3\n", "line 1: 'maxretry = 3' stands before the first section"),
    ],
)
def test_a_slip_in_jail_local_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^hosts\.a\.files\.") as caught:
        HostSpec("a", {}, files={JAIL: text})
    assert str(caught.value).removeprefix(f"hosts.a.files.{JAIL}: ").startswith(words)


def test_a_jail_has_the_defaults_of_debian() -> None:
    assert read_jail("") == Jail(True, 5, 600, 600, "ssh", (), "iptables-multiport", "")
    assert read_jail("[DEFAULT]\nbantime=1h\n[sshd]\nport=22,2222\nbantime = -1\n") == Jail(bantime=-1, port="22,2222")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("10m", 600),
        ("1h", 3600),
        ("1h 30min", 5400),
        ("2 days", 172800),
        ("1w", 604800),
        ("1mo", 2629800),
        ("1year", 31557600),
    ],
)
def test_spans_of_time(text: str, seconds: int) -> None:
    assert read_span(text) == seconds


PREFIX = "Nov 26 13:41:32 server sshd[299]: "


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("Failed password for root from 10.9.9.9 port 41038 ssh2", True),
        ("Failed password for invalid user a from 1.2.3.4 from 10.9.9.9 port 41038 ssh2", True),
        ("Failed publickey for alice from 10.9.9.9 port 1 ssh2: ED25519 SHA256:x", False),
        ("Failed publickey for invalid user bob from 10.9.9.9 port 1 ssh2", True),
        ("Invalid user mallory from 10.9.9.9 port 41052", True),
        ("error: maximum authentication attempts exceeded for root from 10.9.9.9 port 41038 ssh2 [preauth]", True),
        ("ROOT LOGIN REFUSED FROM 10.9.9.9 port 51484 [preauth]", True),
        ("User bob from 10.9.9.9 not allowed because not listed in AllowUsers", True),
        ("refused connect from myself (10.9.9.9)", True),
        ("Disconnecting authenticating user root 10.9.9.9 port 41038: Too many authentication failures [preauth]", False),
        ("Connection closed by authenticating user root 10.9.9.9 port 60211 [preauth]", False),
        ("Accepted password for alice from 10.9.9.9 port 57436 ssh2", False),
        ("Failed password for root from nowhere port 1 ssh2", False),
    ],
)
def test_what_is_a_failure(line: str, failed: bool) -> None:
    """As fail2ban 1.0.2 of Debian 12 was seen to count sshd's lines."""
    assert (failed_from(PREFIX + line) == Address(*parse_address("10.9.9.9"))) == failed


def test_old_failures_count_by_their_rate() -> None:
    counter, who = Counter(), Address(4, 1)
    assert [counter.add(who, at * SECOND, 60 * SECOND) for at in (0, 10, 20, 30)] == [1, 2, 3, 4]
    # Four in 90 seconds are 2.7 in 60.
    assert counter.add(who, 90 * SECOND, 60 * SECOND) == 4
    assert (counter.current(100 * SECOND, 60 * SECOND), counter.current(200 * SECOND, 60 * SECOND)) == (1, 0)


@given(st.text(alphabet="sshd[1]: Failed password for User from 10.not allowed because(\n", max_size=90), st.text(max_size=60))
def test_no_text_makes_it_stumble(line: str, text: str) -> None:
    failed_from(PREFIX + line)
    failed_from(text)
    for jail in (text, f"[sshd]\n{line}", f"[sshd]\nbantime = {text}"):
        with suppress(ValueError):
            read_jail(jail)
