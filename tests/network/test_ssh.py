"""sshd and ssh: who comes in by what, what stands in the log then, and in whose words."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ends import Address
from fwtutor.network.host import AUTH_LOG
from fwtutor.network.process import Process, Program
from fwtutor.network.records import CommandRun, Walked
from fwtutor.network.sockets import Connection
from fwtutor.network.ssh import wire
from fwtutor.network.ssh.config import read_config
from fwtutor.network.ssh.wire import ssh_message
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.worlds import play, said, settle

KEY, OTHER = "ssh-ed25519 AAAA... alice@laptop", "ssh-ed25519 AAAA... mallory@laptop"
CONFIG, KEYS, ROOT_KEYS = "/etc/ssh/sshd_config", "/home/alice/.ssh/authorized_keys", "/root/.ssh/authorized_keys"
HERE, THERE = "10.0.0.1", "10.0.0.2"
AGAIN = "Permission denied, please try again."
LEFT = "Connection closed by authenticating user alice A port P [preauth]"


def house(files: Mapping[str, str] | None = None, service: str = "ssh:22", key: str = KEY) -> World:
    """A client, whose root has a key if that is not empty, and a server with sshd."""
    users = (UserSpec("alice", 1000, "secret"), UserSpec("bob", 1001, "hunter2"), UserSpec("root", 0, "toor"))
    own = {"/root/.ssh/id_ed25519.pub": key} if key else {}
    return World(
        Topology(
            (
                HostSpec("client", {"eth0": ("10.0.0.1/24", "2001:db8::1/64")}, {"default": "eth0"}, files=own),
                HostSpec(
                    "server", {"eth0": ("10.0.0.2/24", "2001:db8::2/64")}, {"default": "eth0"}, (service,), users=users, files=files or {}
                ),
            ),
            (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02),),
        )
    )


def log(world: World) -> list[str]:
    """The auth log, without dates, process numbers and the client's address and port."""
    lines = (world.hosts["server"].files.read(AUTH_LOG) or "").splitlines()
    found = []
    for line in lines:
        text = line.partition("]: ")[2]
        words = text.split(" ")
        if "port" in words:
            number = words[words.index("port") + 1]
            text = text.replace(number.rstrip(":").partition(":")[0], "P")
        found.append(text.replace(HERE, "A").replace("2001:db8::1", "A"))
    return found


def told(world: World, *lines: str) -> list[str]:
    """What the client's console says after these lines."""
    play(world, "client", *lines)
    return said(world.hosts["client"])


# --- coming in -------------------------------------------------------------------------------------------------


def test_a_password_lets_in_and_the_log_says_who_came_and_went() -> None:
    world = house(key="")
    assert told(world, "sshpass -p secret ssh alice@server whoami") == ["alice"]
    assert log(world) == [
        "Accepted password for alice from A port P ssh2",
        "Received disconnect from A port P:11: disconnected by user",
        "Disconnected from user alice A port P",
    ]
    line = (world.hosts["server"].files.read(AUTH_LOG) or "").splitlines()[0]
    assert line.startswith("Jan  1 00:00:00 server sshd[1001]: Accepted password for alice from 10.0.0.1 port ")
    assert not world.hosts["server"].processes
    assert not world.hosts["client"].processes


def test_a_key_lets_in_without_a_word_and_stands_in_the_log() -> None:
    world = house({KEYS: f"# mine\n{KEY}\n"})
    assert told(world, "ssh alice@server whoami") == ["alice"]
    assert log(world)[0].startswith("Accepted publickey for alice from A port P ssh2: ED25519 SHA256:")


def test_another_s_key_does_not_and_leaves_no_line_before_the_end() -> None:
    world = house({KEYS: KEY, CONFIG: "PasswordAuthentication no\n"}, key=OTHER)
    assert told(world, "ssh alice@server whoami") == ["alice@server: Permission denied (publickey)."]
    assert log(world) == [LEFT]


def test_a_password_is_asked_for_three_times_and_say_answers() -> None:
    world = house(key="")
    assert told(world, "ssh alice@10.0.0.2", 'say "x" to 22', "say y to 22", "say z to 22") == [
        "alice@10.0.0.2's password:",
        AGAIN,
        "alice@10.0.0.2's password:",
        AGAIN,
        "alice@10.0.0.2's password:",
        "alice@10.0.0.2: Permission denied (publickey,password).",
    ]
    assert log(world) == [
        *["Failed password for alice from A port P ssh2"] * 3,
        LEFT,
    ]


def test_whoever_is_no_user_is_asked_all_the_same() -> None:
    world = house(key="")
    assert told(world, "sshpass -p x ssh mallory@server") == [AGAIN]
    assert log(world) == [
        "Invalid user mallory from A port P",
        "Failed password for invalid user mallory from A port P ssh2",
        "Connection closed by invalid user mallory A port P [preauth]",
    ]


def test_six_wrong_passwords_in_one_connection_are_too_many() -> None:
    world = house(key="")

    def guesses(process: Process) -> Program:
        connection = Connection(process)
        yield from connection.connect(Address(4, 10 << 24 | 2), 22)
        connection.send(wire.CLIENT_BANNER + ssh_message(wire.NEWKEYS))
        for _ in range(9):
            connection.send(ssh_message(wire.USERAUTH_REQUEST, "alice", "ssh-connection", "password", False, "wrong"))
        while (yield from connection.read()):
            pass

    client = world.hosts["client"]
    client.run(Process(client, "guesses", guesses))
    settle(world)
    assert log(world) == [
        *["Failed password for alice from A port P ssh2"] * 6,
        "error: maximum authentication attempts exceeded for alice from A port P ssh2 [preauth]",
        "Disconnecting authenticating user alice A port P: Too many authentication failures [preauth]",
    ]


@pytest.mark.parametrize(
    ("setting", "line", "answer", "first"),
    [
        ("", "sshpass -p toor ssh root@server whoami", AGAIN, "Failed password for root from A"),
        ("PermitRootLogin yes", "sshpass -p toor ssh root@server whoami", "root", "Accepted password for root from A"),
        ("permitrootlogin No", "sshpass -p toor ssh root@server whoami", AGAIN, "Failed password for root"),
        ("PasswordAuthentication=no", "ssh alice@server", "alice@server: Permission denied (publickey).", "Connection closed by auth"),
        ("AllowUsers bob", "sshpass -p secret ssh alice@server", AGAIN,
         "User alice from A not allowed because not listed in AllowUsers"),
        ("AllowUsers bob alice@10.0.1.0/24", "sshpass -p secret ssh alice@server", AGAIN, "User alice from"),
        ("AllowUsers bob alice@10.0.0.0/24", "sshpass -p secret ssh alice@server whoami", "alice",
         "Accepted password"),
        ("DenyUsers a*", "sshpass -p secret ssh alice@server", AGAIN,
         "User alice from A not allowed because listed in DenyUsers"),
        ("MaxAuthTries 1", "sshpass -p x ssh alice@server", "Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures",
         "Failed password for alice"),
    ],
)  # fmt: skip
def test_sshd_config_is_obeyed(setting: str, line: str, answer: str, first: str) -> None:
    world = house({CONFIG: f"{setting}\nX11Forwarding yes\n"}, key="")
    assert told(world, line)[0] == answer
    assert log(world)[0].startswith(first)


@pytest.mark.parametrize(("setting", "answer"), [("prohibit-password", "root"), ("no", "root@server: Permission denied (publickey).")])
def test_root_with_a_key(setting: str, answer: str) -> None:
    world = house({CONFIG: f"PermitRootLogin {setting}\nPasswordAuthentication no\n", ROOT_KEYS: KEY})
    assert told(world, "ssh server whoami") == [answer]
    refused = ["ROOT LOGIN REFUSED FROM A port P", "ROOT LOGIN REFUSED FROM A port P [preauth]"]
    assert (log(world)[:2] == refused) == (setting == "no")


@pytest.mark.parametrize(
    ("pattern", "lets_in"),
    [
        ("10.0.0.0/24", True),
        ("10.0.0.*,!10.0.0.1", False),
        ("client", True),
        ("192.168.0.0/16,10.0.0.1", True),
        ("10.0.1.0/24", False),
        ("*", True),
    ],
)
def test_from_says_where_a_key_is_good(pattern: str, lets_in: bool) -> None:
    world = house({KEYS: f'from="{pattern}" {KEY}\n', CONFIG: "PasswordAuthentication no\n"})
    assert (told(world, "ssh alice@server whoami") == ["alice"]) == lets_in
    if not lets_in:
        assert log(world)[0] == (
            f"{KEYS}:1: Authentication tried for alice with correct key but not from a permitted host "
            f"(host=client, ip=A, required={pattern.replace(HERE, 'A')})."
        )


def test_command_is_run_whatever_one_wants() -> None:
    world = house({KEYS: f'restrict,command="echo \\"backup only\\"" {KEY}\n'})
    assert told(world, "ssh alice@server whoami") == ["backup only"]


def test_restrict_gives_no_terminal() -> None:
    world = house({KEYS: f"restrict {KEY}\n"})
    assert told(world, "ssh alice@server", "say whoami to 22") == ["PTY allocation request failed on channel 0", "alice"]


def test_a_session_takes_commands_until_exit_and_they_are_records() -> None:
    world = house({KEYS: KEY})
    lines = told(world, "ssh alice@server", 'say "whoami" to 22', 'say "iptables -F" to 22', 'say "sudo id" to 22', "say exit to 22")
    assert lines == [
        "alice@server:~$ ",
        "alice",
        "alice@server:~$ ",
        "iptables: Permission denied (you must be root)",
        "alice@server:~$ ",
        "alice is not in the sudoers file.",
        "alice@server:~$ ",
        "Connection to server closed.",
    ]
    ran = [record for record in world.records if isinstance(record, CommandRun) and record.host == "server"]
    assert [record.line for record in ran] == [f"sudo -u alice {line}" for line in ("whoami", "iptables -F", "sudo id")]
    assert all(isinstance(world.records[record.cause], Walked) and not record.learner for record in ran)


def test_root_changes_rules_from_afar() -> None:
    world = house({ROOT_KEYS: KEY})
    told(world, "ssh server iptables -A INPUT -p tcp --dport 1337 -j DROP")
    record = next(record for record in world.records if isinstance(record, CommandRun) and record.host == "server")
    assert record.before is not record.after
    assert "--dport 1337" in world.enter("server", "iptables -S").output


def test_who_does_not_log_in_in_time_is_put_out() -> None:
    world = house({CONFIG: "LoginGraceTime 30\n"}, key="")
    told(world, "ssh alice@server")
    assert world.quiet, "waiting keeps nobody"
    world.run_until(31 * SECOND)
    settle(world)
    assert said(world.hosts["client"])[-1] == "Connection closed by 10.0.0.2 port 22"
    assert not world.hosts["server"].processes


# --- libwrap ---------------------------------------------------------------------------------------------------


def test_hosts_deny_ends_it_before_the_banner() -> None:
    world = house({"/etc/hosts.deny": "sshd: ALL\n", KEYS: KEY})
    assert told(world, "ssh alice@server") == [
        "kex_exchange_identification: read: Connection reset by peer",
        "Connection reset by 10.0.0.2 port 22",
    ]
    assert log(world) == ["refused connect from A (A)"]


def test_hosts_allow_comes_first() -> None:
    assert told(house({"/etc/hosts.deny": "ALL: ALL\n", "/etc/hosts.allow": "sshd: 10.0.0.\n", KEYS: KEY}), "ssh alice@server id -u")
    world = house({"/etc/hosts.deny": "ALL: ALL\n", "/etc/hosts.allow": "sshd: [2001:db8::]/64\n", KEYS: KEY})
    assert told(world, "ssh alice@2001:db8::2 whoami") == ["alice"]
    assert log(world)[0].startswith("Accepted publickey for alice from A port P")


def test_without_libwrap_nobody_looks_into_hosts_deny() -> None:
    world = house({"/etc/hosts.deny": "ALL: ALL\n", KEYS: KEY}, service="ssh:22 without libwrap")
    assert told(world, "ssh alice@server whoami") == ["alice"]


def test_files_are_read_anew_for_each_visitor_and_a_broken_one_changes_nothing() -> None:
    world = house({KEYS: KEY})
    play(world, "server", 'echo "PubkeyAuthentication no" > /etc/ssh/sshd_config')
    assert told(world, "ssh alice@server whoami") == ["alice@server's password:"]
    play(world, "client", "close 22")
    play(world, "server", 'echo "Nonsense yes" > /etc/ssh/sshd_config')
    assert told(world, "ssh alice@server whoami")[-1] == "alice@server's password:"


# --- the client's words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("-j REJECT --reject-with tcp-reset", "ssh: connect to host server port 22: Connection refused"),
        ("-j REJECT --reject-with icmp-host-prohibited", "ssh: connect to host server port 22: No route to host"),
        ("-j DROP", "ssh: connect to host server port 22: Connection timed out"),
    ],
)
def test_a_firewall_in_between_is_told_as_ssh_tells_it(rule: str, words: str) -> None:
    world = house()
    play(world, "server", f"iptables -A INPUT -p tcp --dport 22 {rule}")
    assert told(world, "ssh server") == [words]


def test_ssh_v_tells_each_step() -> None:
    world = house({KEYS: KEY})
    lines = told(world, "ssh -v alice@server whoami")
    assert "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2p1 Debian-2" in lines
    assert lines[-2:] == ['debug1: Authenticated to server ([10.0.0.2]:22) using "publickey".', "alice"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssh nobody.example", "ssh: Could not resolve hostname nobody.example: Name or service not known"),
        ("ssh -p x server", "ssh: port 'x' is no number"),
        ("ssh -i /nokey server", "ssh: Warning: Identity file /nokey not accessible"),
        ("ssh -z server", "ssh: unknown option or missing argument -- -z"),
        ("sshpass ssh server", "sshpass: write sshpass -p PASSWORD ssh ..."),
    ],
)
def test_what_cannot_be_is_refused(line: str, words: str) -> None:
    record = house().enter("client", line)
    assert record.refused
    assert record.output.startswith(words)


def test_a_key_is_named_by_its_file() -> None:
    world = house({KEYS: OTHER})
    play(world, "client", f"echo {OTHER} > /tmp/found.pub")
    assert told(world, "ssh -i /tmp/found alice@server whoami") == ["alice"]


def test_ssh_is_run_as_whoever_types_it() -> None:
    users = (UserSpec("alice", 1000, "secret"),)
    hosts = (
        HostSpec("client", {"eth0": ("10.0.0.1/24",)}, {"default": "eth0"}, users=users, files={"/home/alice/.ssh/id_ed25519.pub": KEY}),
        HostSpec("server", {"eth0": ("10.0.0.2/24",)}, {"default": "eth0"}, ("ssh:22",), users=users, files={KEYS: KEY}),
    )
    world = World(Topology(hosts, (LinkSpec("wire", ("client:eth0", "server:eth0"), 0.02),)))
    play(world, "client", "iptables -A OUTPUT -p tcp --dport 22 -m owner ! --uid-owner 1000 -j REJECT")
    assert told(world, "ssh alice@server whoami", "sudo -u alice ssh server whoami") == [
        "ssh: connect to host server port 22: Connection refused",
        "alice",
    ]
    refused = "cat: /var/log/auth.log: Permission denied"
    assert told(world, "sudo -u alice ssh server cat /var/log/auth.log")[-1] == refused


# --- strangers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said_to_it", "answer", "lines"),
    [
        ("GET / HTTP/1.0", "Invalid SSH identification string.",
         ['error: kex_exchange_identification: client sent invalid protocol identifier "GET / HTTP/1.0"',
          "banner exchange: Connection from A port P: invalid format"]),
        ("SSH-1.5-x", "Protocol major versions differ.",
         ["error: Protocol major versions differ: 2 vs. 1", "banner exchange: Connection from A port P: could not read protocol version"]),
    ],
)  # fmt: skip
def test_what_is_no_ssh_is_told_so(said_to_it: str, answer: str, lines: list[str]) -> None:
    world = house()
    play(world, "client", "connect 10.0.0.2:22", f'say "{said_to_it}"')
    assert f"from {THERE}:22: {answer}" in said(world.hosts["client"])
    assert log(world) == lines


def test_a_visitor_who_says_nothing_and_goes_is_logged() -> None:
    world = house()
    play(world, "client", "connect 10.0.0.2:22", "close 22")
    assert log(world) == ["error: kex_exchange_identification: Connection closed by remote host", "Connection closed by A port P"]
    play(world, "client", "connect 10.0.0.2:22", "reset 22")
    assert log(world)[2:] == ["error: kex_exchange_identification: read: Connection reset by peer", "Connection reset by A port P"]


REQUESTS = st.tuples(st.sampled_from(["alice", "root", "x\ny"]), st.sampled_from(["none", "password", "publickey"]), st.binary(max_size=40))
MESSAGES = st.one_of(
    st.binary(max_size=60),
    st.tuples(st.integers(0, 255), st.binary(max_size=60)).map(lambda pair: ssh_message(pair[0], raw=pair[1])),
    REQUESTS.map(lambda three: ssh_message(wire.USERAUTH_REQUEST, three[0], "ssh-connection", three[1], raw=three[2])),
    st.sampled_from(
        [
            ssh_message(wire.KEX_ECDH_INIT, raw=wire.KEX_KEY),
            ssh_message(wire.USERAUTH_REQUEST, "alice", "ssh-connection", "password", False, "secret"),
            ssh_message(wire.CHANNEL_OPEN, "session", 0, 1, 2),
            ssh_message(wire.CHANNEL_REQUEST, 0, "shell", True),
            ssh_message(wire.CHANNEL_REQUEST, 0, "exec", True, "id\nid"),
            ssh_message(wire.CHANNEL_DATA, 0, b"whoami\n\xff\n"),
            ssh_message(wire.CHANNEL_DATA, 0, b"exit\nexit\n"),
            ssh_message(wire.DISCONNECT, 11, "", ""),
        ]
    ),
)


@given(st.lists(MESSAGES, max_size=8))
def test_no_messages_make_sshd_stumble(messages: list[bytes]) -> None:
    world = house({KEYS: KEY})
    play(world, "client", "connect 10.0.0.2:22 from 4000")
    (endpoint,) = world.hosts["client"].stack.endpoints.values()
    endpoint.send(wire.CLIENT_BANNER + ssh_message(wire.NEWKEYS))
    for message in messages:
        endpoint.send(message)
    for _ in range(2000):
        if not world.quiet:
            world.step()
    assert world.quiet
    assert all("\n" not in line for line in log(world))


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=6), st.booleans())
def test_no_server_makes_ssh_stumble(pieces: list[bytes], greets: bool) -> None:
    world = house(service="echo:22")
    world.enter("client", "ssh server")
    settle(world)
    for endpoint in list(world.hosts["server"].stack.endpoints.values()):
        if greets:
            endpoint.send(b"SSH-2.0-x\r\n" + ssh_message(wire.SERVICE_ACCEPT))
        for piece in pieces:
            endpoint.send(piece)
    for _ in range(2000):
        if not world.quiet:
            world.step()
    assert world.quiet


# --- MaxStartups (as OpenSSH 9.2 does it) ------------------------------------------------------------------------------


def test_visitors_beyond_maxstartups_are_dropped_and_the_log_has_the_first_and_how_many_they_were() -> None:
    world = house({CONFIG: "MaxStartups 3\n"})
    world.enter("client", "hold server:22 count 6 rate 10")
    world.run_until(world.now + 2 * SECOND)
    assert said(world.hosts["client"])[:1] == ["hold: 6 of 6 connections to 10.0.0.2:22 are open"]
    first, second = log(world)
    assert first == "error: beginning MaxStartups throttling"
    assert re.fullmatch(r"drop connection #3 from \[A\]:\d+ on \[10\.0\.0\.2\]:22 past MaxStartups", second)
    world.hosts["client"].processes[0].kill()
    play(world, "client", "ssh server whoami")
    assert "exited MaxStartups throttling after 00:00:01, 3 connections dropped" in log(world)


def test_whoever_has_logged_in_does_not_count() -> None:
    world = house({CONFIG: "MaxStartups 1\n", KEYS: KEY})
    play(world, "client", "ssh alice@server", "ssh alice@server whoami")
    assert said(world.hosts["client"])[-1] == "alice"


def test_between_begin_and_full_chance_decides() -> None:
    world = house({CONFIG: "MaxStartups 2:50:40\n"})
    world.enter("client", "hold server:22 count 40 rate 100")
    world.run_until(world.now + 2 * SECOND)
    kept = sum(process.name == "sshd" for process in world.hosts["server"].processes)
    assert 3 <= kept < 30


@pytest.mark.parametrize("text", ["0", "10:30", "10:0:100", "10:101:100", "10:30:5", "x", "1:2:3:4"])
def test_a_maxstartups_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line 1: Illegal MaxStartups"):
        read_config(f"MaxStartups {text}\n")
