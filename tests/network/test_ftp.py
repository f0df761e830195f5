"""FTP between hosts, and what the firewall between them makes of it: with and without the helper, through NAT, and blind for TLS."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, SYN, TCP, Packet
from fwtutor.network.ftp.config import DEFAULT, PATH, read_config
from fwtutor.network.ftp.wire import read_extended, read_extended_passive, read_passive, read_port
from fwtutor.network.records import Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.worlds import lose_number, play, refused_at_once, said, settle

CLIENT, SERVER, ATTACKER, BOX = "192.168.0.20", "203.0.113.9", "203.0.113.66", "203.0.113.1"
CLIENT6, SERVER6 = "fd00:168::20", "2001:db8:113::9"
STATE = "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
CONTROL = "-A FORWARD -i lan -o wan -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT"
HELPER = "-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp"
GUARDED = f"*filter\n:FORWARD DROP\n{STATE}\n{CONTROL}\nCOMMIT\n"
HELPED = f"*raw\n{HELPER.removeprefix('-t raw ')}\nCOMMIT\n{GUARDED}"
MASQUERADING = f"*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n{HELPED}"
FILES = {"/srv/ftp/hello.txt": "hello from the server\n", "/srv/ftp/pub/note.txt": "a note\n", "/home/alice/mine.txt": "mine\n"}


def world(rules: str = "", settings: str = "", rules6: str = "") -> World:
    """A client in a LAN, a box, and on the other side a server and somebody else. ``settings`` stand in the server's vsftpd.conf too."""
    lan, wan = ("192.168.0.1/16", "fd00:168::1/64"), ("203.0.113.1/24", "2001:db8:113::1/64")
    client = {"default": ("eth0", "192.168.0.1"), "::/0": ("eth0", "fd00:168::1")}
    outside = {"default": ("eth0", "203.0.113.1"), "::/0": ("eth0", "2001:db8:113::1")}
    files = {**FILES, PATH: DEFAULT + settings} if settings else FILES
    forwarding = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
    alice = (UserSpec("alice", 1000, "secret"),)
    hosts = (
        HostSpec("client", {"eth0": ("192.168.0.20/16", "fd00:168::20/64")}, client, ("ssh:22",), files={"/up.txt": "from the client\n"}),
        HostSpec("box", {"lan": lan, "wan": wan}, rules=rules, rules6=rules6, sysctls=forwarding),
        HostSpec("server", {"eth0": ("203.0.113.9/24", f"{SERVER6}/64")}, outside, ("ftp:21",), users=alice, files=files),
        HostSpec("attacker", {"eth0": ("203.0.113.66/24",)}, {"default": ("eth0", "203.0.113.1")}, ("app:5000",)),
    )
    links = (LinkSpec("lan", ("client:eth0", "box:lan"), 0.001), LinkSpec("wan", ("box:wan", "server:eth0", "attacker:eth0"), 0.01))
    return World(Topology(hosts, links))


def asked(net: World, line: str, host: str = "client") -> list[str]:
    """What is said on the console after a line."""
    before = len(net.hosts[host].console)
    play(net, host, line)
    return said(net.hosts[host])[before:]


class Seen(NamedTuple):
    """A packet at the box."""

    packet: Packet
    state: str
    verdict: str

    @property
    def syn(self) -> bool:
        return self.packet.flags & (SYN | ACK) == SYN


def at_the_box(net: World) -> list[Seen]:
    walks = [record.walk for record in net.records if isinstance(record, Walked) and record.host == "box"]
    return [Seen(walk.packet, walk.states[0][1] if walk.states else "", walk.verdict) for walk in walks if walk.packet.protocol == TCP]


def data_at_the_box(net: World) -> list[Seen]:
    """Those of data connections, from either side."""
    return [seen for seen in at_the_box(net) if 21 not in (seen.packet.sport, seen.packet.dport)]


def log(net: World) -> list[str]:
    """What vsftpd has logged, without dates and numbers of processes."""
    lines = net.enter("server", "cat /var/log/vsftpd.log").output.splitlines()
    return [line.partition("] ")[2] for line in lines]


# --- the session -------------------------------------------------------------------------------------------------


def test_an_anonymous_visitor_lists_and_gets() -> None:
    told = asked(world(), f'ftp -a {SERVER} ls "cd pub" pwd "get note.txt -"')
    assert told[:7] == [
        f"Connected to {SERVER}.",
        "220 (vsFTPd 3.0.3)",
        "331 Please specify the password.",
        "230 Login successful.",
        "Remote system type is UNIX.",
        "Using binary mode to transfer files.",
        "ftp> ls",
    ]
    assert told[8:] == [
        "150 Here comes the directory listing.",
        "-rw-r--r--    1 0        0              22 Jan  1 00:00 hello.txt",
        "drwxr-xr-x    2 0        0            4096 Jan  1 00:00 pub",
        "226 Directory send OK.",
        "ftp> cd pub",
        "250 Directory successfully changed.",
        "ftp> pwd",
        "Remote directory: /pub",
        "ftp> get note.txt -",
        "remote: note.txt",
        told[18],
        "150 Opening BINARY mode data connection for note.txt (7 bytes).",
        "a note",
        "226 Transfer complete.",
        told[22],
        "221 Goodbye.",
    ]


def test_a_user_puts_what_is_a_file_then() -> None:
    net = world()
    assert "226 Transfer complete." in asked(net, f"ftp {SERVER} user alice secret put up.txt get mine.txt")
    assert net.hosts["server"].files.read("/home/alice/up.txt") == "from the client\n"
    assert net.hosts["client"].files.read("/mine.txt") == "mine\n"
    assert log(net)[:2] == [f'CONNECT: Client "::ffff:{CLIENT}"', f'[alice] OK LOGIN: Client "::ffff:{CLIENT}"']
    assert log(net)[2].startswith(f'[alice] OK UPLOAD: Client "::ffff:{CLIENT}", "/home/alice/up.txt", 16 bytes, ')
    assert log(net)[3].startswith(f'[alice] OK DOWNLOAD: Client "::ffff:{CLIENT}", "/home/alice/mine.txt", 5 bytes, ')


def test_a_session_asks_for_name_and_password_and_takes_what_is_typed() -> None:
    net = world()
    play(net, "client", f"ftp {SERVER}", 'say "alice" to 21', 'say "secret" to 21', 'say "ls" to 21', 'say "frob" to 21', 'say "bye" to 21')
    told = said(net.hosts["client"])
    assert told[2:9] == [
        f"Name ({SERVER}:root):",
        "331 Please specify the password.",
        "Password:",
        "230 Login successful.",
        "Remote system type is UNIX.",
        "Using binary mode to transfer files.",
        "ftp>",
    ]
    assert told[-5:] == ["226 Directory send OK.", "ftp>", "?Invalid command.", "ftp>", "221 Goodbye."]
    assert not net.hosts["client"].processes


def test_who_does_not_know_the_password_waits_and_is_thrown_out_after_three() -> None:
    net = world()
    told = asked(net, f'ftp {SERVER} "user alice 1" "user root x" "user nobody x" ls')
    assert told.count("530 Login incorrect.") == told.count("Login failed.") == 3
    assert told[-1] == "421 Service not available, remote server has closed connection."
    assert net.now > 3 * SECOND
    assert log(net)[1:] == [f'[{name}] FAIL LOGIN: Client "::ffff:{CLIENT}"' for name in ("alice", "root", "nobody")]


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ("ls", "530 Please login with USER and PASS."),
        ('"user anonymous x" "get nothing"', "550 Failed to open file."),
        ('"user anonymous x" "put up.txt"', "550 Permission denied."),
        ('"user anonymous x" "cd nowhere"', "550 Failed to change directory."),
        ('"user anonymous x" "cd ../../.." "get /etc/vsftpd.conf"', "550 Failed to open file."),
        ('"user alice secret" "get /var/log/auth.log -"', "550 Failed to open file."),
        ('"user alice secret" "get /etc/vsftpd.conf -"', "226 Transfer complete."),
        ('"user alice secret" "put up.txt /etc/up.txt"', "553 Could not create file."),
        ('"user alice secret" "put nothing"', "ftp: Can't open `nothing': No such file or directory"),
        ('"user alice secret" "get"', "usage: get remote-file [local-file]"),
        ('"user alice secret" "quote RETR mine.txt"', "425 Use PORT or PASV first."),
        ('"user alice secret" "quote PASV" "quote ABOR"', "225 No transfer to ABOR."),
        ('"user anonymous x" "user alice secret"', "530 Can't change from guest user."),
    ],
)
def test_what_goes_wrong_is_said_as_vsftpd_and_ftp_say_it(commands: str, words: str) -> None:
    assert words in asked(world(), f"ftp -n {SERVER} {commands}")


def test_who_says_nothing_is_thrown_out() -> None:
    net = world(settings="idle_session_timeout=20\n")
    play(net, "client", f"ftp -n {SERVER}")
    net.run_until(30 * SECOND)
    settle(net)
    assert said(net.hosts["client"])[-2:] == ["ftp>", "421 Timeout."]
    assert not net.hosts["client"].processes


def test_a_server_that_is_not_there() -> None:
    net = world()
    assert asked(net, f"ftp {ATTACKER}") == [
        f"ftp: Can't connect to `{ATTACKER}:21': Connection refused",
        f"ftp: Can't connect to `{ATTACKER}:ftp'",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ftp", "ftp: usage: ftp "),
        ("ftp -x server", "ftp: fwtutor does not know -x here"),
        ("ftp --data-port 99999 server", "ftp: port '99999' is no number"),
        ("ftp nowhere", "ftp: Can't lookup `nowhere:ftp': Name or service not known"),
        ("ftp server frob", "ftp: 'frob' is no command of ftp; there is ascii binary "),
        ("ftp -q 0 server", "ftp: invalid argument: '0': out of range"),
        ("curl gopher://server/", "curl: (1) Protocol 'gopher' not supported"),
        ("curl ftp://nowhere/", "curl: (6) Could not resolve host: nowhere"),
    ],
)
def test_a_line_that_cannot_be_read_is_answered_at_once(line: str, words: str) -> None:
    refused_at_once(world(), line, words)


def test_a_new_command_begins_with_each_word_that_is_one() -> None:
    told = asked(world(), f"ftp {SERVER} user alice secret passive ls")
    assert [line for line in told if line.startswith("ftp> ")] == ["ftp> user alice secret", "ftp> passive", "ftp> ls"]


# --- the configuration -------------------------------------------------------------------------------------------


def test_what_is_obeyed_by_default_stands_in_a_file() -> None:
    net = world()
    assert net.enter("server", "cat /etc/vsftpd.conf").output == DEFAULT


def test_the_configuration_is_read_anew_for_each_visitor() -> None:
    net = world()
    play(net, "server", 'echo "pasv_min_port=40000" >> /etc/vsftpd.conf', 'echo "pasv_max_port=40000" >> /etc/vsftpd.conf')
    assert "229 Entering Extended Passive Mode (|||40000|)" in asked(net, f"ftp -a {SERVER} ls")
    play(net, "server", 'echo "nonsense" >> /etc/vsftpd.conf')
    assert "229 Entering Extended Passive Mode (|||40000|)" in asked(net, f"ftp -a {SERVER} ls")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anonymous_enable=YES\nfrob=1\n", "line 2: unrecognised variable in config file: frob"),
        ("anonymous_enable = YES\n", "line 1: unrecognised variable in config file: anonymous_enable "),
        ("anonymous_enable=perhaps\n", "line 1: bad bool value in config file for: anonymous_enable"),
        ("anonymous_enable\n", "line 1: missing value in config file for: anonymous_enable"),
        ("pasv_min_port=many\n", "line 1: bad numeric value in config file for: pasv_min_port"),
    ],
)
def test_a_slip_in_the_configuration_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_config(text)
    with pytest.raises(ValueError, match=f"hosts.server.files./etc/vsftpd.conf: {words}"):
        HostSpec("server", {}, files={PATH: text})


def test_pasv_says_the_address_that_is_configured() -> None:
    net = world(settings="pasv_address=198.51.100.7\n")
    assert any(
        line.startswith("227 Entering Passive Mode (198,51,100,7,") for line in asked(net, f"ftp -nq 5 {SERVER} user ftp x epsv4 ls")
    )


# --- the firewall between ----------------------------------------------------------------------------------------


def test_without_the_helper_the_servers_own_connection_is_new_and_dropped_and_the_client_is_told_425() -> None:
    net = world(GUARDED)
    told = asked(net, f"ftp -A {SERVER} user anonymous x epsv4 ls")
    assert told[-3:] == ["200 PORT command successful. Consider using PASV.", "425 Failed to establish connection.", "221 Goodbye."]
    data = data_at_the_box(net)
    assert {(seen.state, seen.verdict, seen.packet.sport, seen.syn) for seen in data} == {("NEW", "DROP", 20, True)}
    # Each second at first; connect_timeout is 30 seconds here.
    assert len(data) == 9


@pytest.mark.parametrize("before", ["", "epsv4"])
def test_with_the_helper_it_is_related(before: str) -> None:
    net = world(HELPED)
    assert "hello from the server" in asked(net, f'ftp -A --data-port 40001 {SERVER} user anonymous x {before} "get hello.txt -"')
    data = data_at_the_box(net)
    assert [seen.state for seen in data[:3]] == ["RELATED", "ESTABLISHED", "ESTABLISHED"]
    assert (data[0].packet.sport, data[0].packet.dport) == (20, 40001)
    assert {seen.verdict for seen in data} == {"ACCEPT"}


def test_without_the_helper_the_clients_second_connection_is_dropped_too() -> None:
    net = world(GUARDED)
    told = asked(net, f"ftp -p -q 20 {SERVER} user anonymous x ls pwd")
    assert told[-4].startswith(f"ftp: Can't connect to `{SERVER}:")
    assert told[-4].endswith("': Connection timed out")
    assert told[-2:] == ["Remote directory: /", "221 Goodbye."]
    assert {(seen.state, seen.verdict) for seen in data_at_the_box(net)} == {("NEW", "DROP")}


@pytest.mark.parametrize("before", ["", "epsv4"])
def test_with_the_helper_the_second_one_is_related_as_well(before: str) -> None:
    net = world(HELPED)
    assert "hello from the server" in asked(net, f'ftp -p {SERVER} user anonymous x {before} "get hello.txt -"')
    data = data_at_the_box(net)
    assert (data[0].state, data[0].packet.src) == ("RELATED", net.hosts["client"].resolve("client", 4).value)  # type: ignore[union-attr]
    assert {seen.verdict for seen in data} == {"ACCEPT"}


def test_the_helper_must_meet_the_first_packet() -> None:
    net = world(GUARDED)
    play(net, "client", f"ftp -nA {SERVER}", 'say "user anonymous x" to 21')
    play(net, "box", f"iptables {HELPER}")
    play(net, "client", 'say "ls" to 21')
    assert "425 Failed to establish connection." in said(net.hosts["client"])


def test_an_expectation_is_spent_by_one_visitor() -> None:
    net = world(HELPED)
    asked(net, f"ftp -A --data-port 40001 {SERVER} user anonymous x ls")
    play(net, "attacker", f"send tcp {ATTACKER}:20 > {CLIENT}:40001 SYN seq=1", f"send tcp {SERVER}:21000 > {CLIENT}:40001 SYN seq=1")
    assert [(seen.state, seen.verdict) for seen in at_the_box(net)[-2:]] == [("NEW", "DROP")] * 2


@pytest.mark.parametrize(("way", "before"), [("-A", ""), ("-A", "epsv4"), ("-p", ""), ("-p", "epsv4")])
def test_through_masquerading_the_helper_says_the_boxs_address(way: str, before: str) -> None:
    net = world(MASQUERADING)
    assert "hello from the server" in asked(net, f'ftp {way} {SERVER} user anonymous x {before} "get hello.txt -"')
    if way == "-A":
        arrived = [packet.payload for packet in came_to(net, "server") if packet.payload.startswith((b"PORT", b"EPRT"))]
        assert arrived[0].startswith(b"PORT 203,0,113,1," if before else b"EPRT |1|203.0.113.1|")


def test_through_masquerading_without_the_helper_the_server_refuses_an_address_that_is_not_the_clients() -> None:
    net = world(f"*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n{GUARDED}")
    told = asked(net, f"ftp -A {SERVER} user anonymous x ls")
    assert told[-4:] == [
        "500 Illegal EPRT command.",
        "500 Illegal PORT command.",
        "ftp: Can't bind for data connection: Address already in use",
        "221 Goodbye.",
    ]


@pytest.mark.parametrize("way", ["-A", "-p"])
def test_the_helper_reads_ipv6_too(way: str) -> None:
    rules = f"*raw\n{HELPER.removeprefix('-t raw ')}\nCOMMIT\n{GUARDED}"
    net = world(rules6=rules)
    assert "hello from the server" in asked(net, f'ftp {way} {SERVER6} user anonymous x "get hello.txt -"')
    assert data_at_the_box(net)[0].state == "RELATED"
    net = world(rules6=GUARDED)
    assert "hello from the server" not in asked(net, f'ftp {way} {SERVER6} user anonymous x "get hello.txt -"')


# --- TLS ---------------------------------------------------------------------------------------------------------

TLS = "ssl_enable=YES\nallow_anon_ssl=YES\n"


@pytest.mark.parametrize("way", ["-A", "-p"])
def test_tls_works_where_nothing_is_in_the_way(way: str) -> None:
    net = world(settings=TLS)
    told = asked(net, f'ftp {way} --tls {SERVER} user alice secret ls "get mine.txt -" "put up.txt"')
    assert "mine" in told
    assert net.hosts["server"].files.read("/home/alice/up.txt") == "from the client\n"


def test_nobody_on_the_way_can_read_it() -> None:
    net = world(settings=TLS)
    asked(net, f'ftp -A --tls {SERVER} user alice secret "get mine.txt -"')
    crossed = b"".join(seen.packet.payload for seen in at_the_box(net))
    plain = crossed.partition(b"234 Proceed with negotiation.\r\n")[2]
    assert not [word for word in (b"USER", b"PASS", b"secret", b"EPRT", b"PORT", b"230", b"mine", b"226") if word in plain]
    # The greeting of a TLS client, and records with data.
    assert plain.startswith(b"\x16\x03\x01\x02\x00\x01")
    assert b"\x17\x03\x03" in plain


@pytest.mark.parametrize("way", ["-A", "-p"])
def test_tls_blinds_the_helper(way: str) -> None:
    net = world(HELPED, TLS)
    told = asked(net, f'ftp {way} -q 90 --tls {SERVER} user alice secret "get mine.txt -"')
    assert "mine" not in told
    assert any(line.startswith(("425 Failed to establish connection.", f"ftp: Can't connect to `{SERVER}:")) for line in told)
    assert {(seen.state, seen.verdict) for seen in data_at_the_box(net)} == {("NEW", "DROP")}
    assert not net.hosts["box"].firewall.state.expectations


def test_a_server_without_tls_says_so() -> None:
    assert asked(world(), f"ftp --tls {SERVER} ls")[-2:] == [
        "530 Please login with USER and PASS.",
        "ftp: the server does not negotiate TLS",
    ]


@pytest.mark.parametrize(
    ("settings", "line", "words"),
    [
        ("ssl_enable=YES\n", "ftp -n {} 'user alice secret'", "530 Non-anonymous sessions must use encryption."),
        ("ssl_enable=YES\n", "ftp -n --tls {} 'user anonymous x'", "530 Anonymous sessions may not use encryption."),
        (TLS, "ftp -n {} 'quote PROT P'", "503 PROT needs a secure connection."),
        (TLS, "ftp -n --tls {} 'user alice secret' 'quote PROT C' 'quote PASV' 'quote LIST'", "522 Data connections must be encrypted."),
    ],
)
def test_who_has_to_encrypt_is_told(settings: str, line: str, words: str) -> None:
    assert words in asked(world(settings=settings), line.format(SERVER))


def test_the_same_seed_gives_the_same_bytes() -> None:
    def crossing() -> list[bytes]:
        net = world(settings=TLS)
        asked(net, f"ftp --tls {SERVER} user alice secret ls")
        return [seen.packet.raw for seen in at_the_box(net)]

    assert crossing() == crossing()


# --- visitors who mean no good -----------------------------------------------------------------------------------

BOUNCE = f'"user anonymous x" "quote PORT {ATTACKER.replace(".", ",")},19,136" "quote LIST"'


def test_a_foreign_host_named_in_port_is_refused() -> None:
    net = world()
    assert "500 Illegal PORT command." in asked(net, f"ftp -n {SERVER} {BOUNCE}")
    assert "500 Illegal PORT command." in asked(net, f'ftp -n {SERVER} "user anonymous x" "quote PORT 192,168,0,20,0,22"')
    assert not came_to(net, "attacker")


def test_a_promiscuous_server_connects_to_whomever_it_is_told() -> None:
    net = world(settings="port_promiscuous=YES\n")
    assert "226 Directory send OK." in asked(net, f"ftp -n {SERVER} {BOUNCE}")
    assert (came_to(net, "attacker")[0].sport, came_to(net, "attacker")[0].dport) == (20, 5000)


def test_a_stranger_does_not_get_what_was_offered_to_another() -> None:
    net = world(settings="pasv_min_port=40000\npasv_max_port=40000\n")
    play(net, "client", f"ftp -n {SERVER}", 'say "user anonymous x" to 21', 'say "quote PASV" to 21')
    play(net, "attacker", f"connect {SERVER}:40000")
    play(net, "client", 'say "quote LIST" to 21')
    assert said(net.hosts["client"])[-2:] == ["425 Security: Bad IP connecting.", "ftp>"]


def test_a_helper_expects_nobody_for_a_port_command_that_names_another() -> None:
    net = world(HELPED, "port_promiscuous=YES\n")
    asked(net, f'ftp -n {SERVER} "user anonymous x" "quote PORT 192,168,0,1,156,65"')
    assert not net.hosts["box"].firewall.state.expectations


# --- curl --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "--disable-epsv", "-P -", "-P - --disable-eprt"])
def test_curl_gets_files_by_ftp(options: str) -> None:
    assert asked(world(HELPED), f"curl -s {options} ftp://{SERVER}/pub/note.txt") == ["a note"]
    assert asked(world(HELPED), f"curl -s {options} -u alice:secret ftp://{SERVER}/")[0].endswith(" mine.txt")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"ftp://{SERVER}/nothing", "curl: (78) The file does not exist"),
        (f"ftp://{SERVER}/nowhere/x", "curl: (9) Server denied you to change to the given directory"),
        (f"ftp://alice:x@{SERVER}/x", "curl: (67) Access denied: 530"),
        (f"ftp://{ATTACKER}/x", f"curl: (7) Failed to connect to {ATTACKER} port 21: Connection refused"),
    ],
)
def test_curl_says_what_went_wrong(place: str, words: str) -> None:
    assert asked(world(), f"curl {place}") == [words]


# --- whatever happens --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(0, 60, 3))
@pytest.mark.parametrize("way", ["-A", "-p"])
def test_a_transfer_outlives_any_one_packet(way: str, number: int) -> None:
    net = world(HELPED)
    lost = lose_number(net, number)
    assert "hello from the server" in asked(net, f'ftp {way} {SERVER} user anonymous x "get hello.txt -"')
    assert lost()


def test_a_file_of_many_segments_arrives_whole() -> None:
    text = "".join(f"line {number}\n" for number in range(6000))
    net = world(HELPED)
    net.hosts["server"].write("/srv/ftp/long.txt", text)
    asked(net, f"ftp -A {SERVER} user anonymous x get long.txt")
    assert net.hosts["client"].files.read("/long.txt") == text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="latin-1", exclude_characters='"\\\n\r'), max_size=40), max_size=6))
def test_a_server_survives_whatever_is_said(lines: list[str]) -> None:
    net = world()
    play(net, "attacker", f"connect {SERVER}:21", 'say "USER ftp"', 'say "PASS x"')
    for line in lines:
        net.enter("attacker", f'say "{line}"')
        settle(net)
    assert "226 Directory send OK." in asked(net, f"ftp -a {SERVER} ls")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_places_are_read_or_refused(text: str) -> None:
    for read in (read_port, read_extended, read_passive, read_extended_passive):
        read(text)


def came_to(net: World, host: str) -> list[Packet]:
    """The packets that the box sent on to a host."""
    records = [record for record in net.records if isinstance(record, Walked) and record.host == host]
    return [record.walk.packet for record in records if record.walk.in_interface is not None]
