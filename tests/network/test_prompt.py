"""The prompt: what is typed wrongly is answered with what is wrong, and never ends in an exception."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.network import tools
from fwtutor.network.records import Walked
from fwtutor.network.segments import read_options
from fwtutor.network.tools.registry import TOOLS
from fwtutor.network.tools.shell import Tool
from fwtutor.network.world import World
from tests.network.worlds import cast, flags, pair, play, refused_at_once, said, sent, settle


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("frobnicate", "frobnicate: command not found; there is "),
        ("connect", "connect: write connect HOST:PORT"),
        ("connect 10.0.0.2", "connect: '10.0.0.2' names no port"),
        ("connect 10.0.0.300:1", "connect: '10.0.0.300' is no address"),
        ("connect 10.0.0.2:99999", "connect: port '99999' is no number from 0 to 65535"),
        ("connect 10.0.0.2:0", "connect: port 0 is nobody's"),
        ("connect 10.0.0.2:80 from x", "connect: port 'x' is no number"),
        ("say", 'say: write say "TEXT"'),
        ('say "x', "say: a quotation mark is not closed"),
        ("say x", "say: there is no open connection"),
        ("close 7", "close: no open connection has port 7"),
        ("reset", "reset: there is no open connection"),
        ("curl", "curl: write curl"),
        ("curl gopher://10.0.0.2", "curl: (1) Protocol 'gopher' not supported"),
        ("curl web", "curl: (6) Could not resolve host: web"),
        ("dig", "dig: write dig"),
        ("dig web", "dig: there is no name server here"),
        ("dig @10.0.0.2 a..b", "dig: 'a..b' is not a legal name"),
        ("dig @10.0.0.2 bücher.example", "dig: 'bücher.example' is not a legal name"),
        ("ssh", "ssh: usage: ssh"),
        ("sysctl", "sysctl: write KEY"),
        ("sysctl net.nothing", "sysctl: cannot stat /proc/sys/net/nothing: No such file or directory"),
        ("sysctl net.ipv4.ip_forward=x", 'sysctl: setting key "net.ipv4.ip_forward": Invalid argument'),
        ("sysctl net.ipv4.ip_forward=-1", 'sysctl: setting key "net.ipv4.ip_forward": Invalid argument'),
        ("sleep", "sleep: invalid time interval ''"),
        ("sleep nan", "sleep: invalid time interval 'nan'"),
        ("conntrack -G", "conntrack: fwtutor does not simulate -G (--get)"),
        ("conntrack -E -u ASSURED", "conntrack: Illegal option `--status' with this command"),
        ("conntrack -E -e foo", "conntrack: Bad parameter `foo'"),
        ("ipset", "ipset: No command specified."),
        ("ipset add banned 10.0.0.9", "ipset: The set with the given name does not exist"),
        ("ipset create banned hash:foo", "ipset: Syntax error: typename 'hash:foo' is unknown\nset types: hash:ip, "),
        ("iptables -A INPUT -m set --match-set banned src", "Set banned doesn't exist."),
        ("iptables-save -t", "iptables-save: unknown option '-t'"),
        ("send", "send: '' is none of tcp, udp, icmp"),
        ("send sctp 1 > 2", "send: 'sctp' is none of tcp, udp, icmp"),
        ("send tcp 10.0.0.1:1", "send: write tcp ADDR:PORT > ADDR:PORT FLAGS"),
        ("send tcp 10.0.0.1:1 > 10.0.0.2:2", "send: name the flags"),
        ("send tcp 10.0.0.1:1 > 10.0.0.2:2 SIN", "send: 'SIN' is none of the flags"),
        ("send tcp 10.0.0.1:1 > 10.0.0.2:2 SYN seq=-1", "send: seq '-1' is no number"),
        ("send tcp 10.0.0.1:1 > 10.0.0.2:2 SYN mss=1", "send: tcp takes no mss="),
        ("send tcp 10.0.0.1 > 10.0.0.2:2 SYN", "send: '10.0.0.1' names no port"),
        ("send udp 10.0.0.1:1 > 10.0.0.2:2 SYN", "send: 'SYN': udp has no flags"),
        ("send icmp 10.0.0.1 > 10.0.0.2 ping", "send: 'ping' is none of echo"),
        ("send icmp 10.0.0.1 > 10.0.0.2 300/1", "send: type '300' is no number"),
        ("send icmp 10.0.0.1 > 10.0.0.2 3/4 about udp", "send: write icmp ADDR > ADDR TYPE/CODE about tcp"),
        ("send icmp 10.0.0.1 > 10.0.0.2 echo about tcp 10.0.0.2:1 > 10.0.0.1:2", "send: 'echo' is no error"),
        ("send icmp 10.0.0.1 > 10.0.0.2 3/3 about tcp 10.0.0.2:1 > 10.0.0.1:2 mtu=9", "send: an error takes no mtu=; 3/4 takes mtu="),
        ("upload", "upload: write upload BYTES"),
        ("upload x", "upload: length 'x' is no number from 0 to 1000000"),
        ("upload 9", "upload: there is no open connection"),
        ("send icmp fe80::1 > 10.0.0.2 echo", "send: fe80::1 is an IPv6 address and 10.0.0.2 an IPv4 one"),
        ("send icmp fe80::1 > fe80::2 echo", "send: fe80::1 is an IPv6 address; write icmpv6"),
        ("connect [2001:db8::1", "connect: '[2001:db8::1' names no port"),
        ("connect 2001:db8::1", "connect: '2001:db8::1' names no port; write [ADDR]:PORT"),
        ("x" * 5000, "a line may have 4096 characters"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    refused_at_once(pair(), line, words)


def test_a_refused_rule_says_what_iptables_says_with_a_caret_under_the_place() -> None:
    world = pair()
    record = world.enter("client", "iptables -A INPUT -j NOWHERE")
    assert record.refused
    assert "NOWHERE" in record.output
    assert record.output.splitlines()[-2].strip() == "^^^^^^^"
    assert record.after is record.before


def test_ipset_makes_sets_that_rules_may_name() -> None:
    world = pair()
    play(world, "server", "ipset create banned hash:ip timeout 9", "ipset add banned 10.0.0.1")
    play(world, "server", "sudo iptables -A INPUT -m set --match-set banned src -j DROP")
    play(world, "client", "send udp 10.0.0.1:4 > 10.0.0.2:5")
    walks = [record.walk for record in world.records if isinstance(record, Walked) and record.host == "server"]
    assert [walk.verdict for walk in walks] == ["DROP"]
    assert world.enter("server", "ipset save").output.splitlines()[-1].startswith("add banned 10.0.0.1 timeout ")
    answer = world.enter("server", "ipset test banned 10.0.0.7")
    assert (answer.output, answer.refused) == ("10.0.0.7 is NOT in set banned.", True)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("-m contrack --ctstate NEW", "did you mean conntrack? matches: addrtype, ah, "),
        ("-j REJCT", "did you mean REJECT? targets and chains: ACCEPT, AUDIT, "),
        ("-p tcp --dprt 22", "did you mean --dport or --sport?"),
        ("-p tcp --dport htp", "did you mean http?"),
        ("-p udp --dport domian", "did you mean domain?"),
        ("--ctstate NEW", "--ctstate is known after -m conntrack"),
    ],
)
def test_a_refused_name_has_the_nearest_that_exists_as_a_hint(rule: str, hint: str) -> None:
    assert pair().enter("client", f"iptables -A INPUT {rule}").output.splitlines()[-1].startswith(hint)


def test_without_a_route_nothing_is_sent() -> None:
    world = World(cast())
    world.hosts["attacker"].firewall.routing.routes.clear()
    for line in ("connect 8.8.8.8:1", "ssh 8.8.8.8", "curl 8.8.8.8", "dig @8.8.8.8 x", "send udp 203.0.113.9:1 > 8.8.8.8:2"):
        record = world.enter("attacker", line)
        assert record.refused
        assert "Network is unreachable" in record.output
    assert world.quiet


def test_dmesg_prints_what_log_rules_wrote() -> None:
    world = pair()
    play(world, "server", 'iptables -A INPUT -m limit --limit 1/hour --limit-burst 2 -j LOG --log-prefix "seen: "')
    assert world.enter("server", "dmesg").output == ""
    play(world, "client", "send udp 10.0.0.1:4 > 10.0.0.2:5", "send udp 10.0.0.1:4 > 10.0.0.2:5", "send udp 10.0.0.1:4 > 10.0.0.2:5")
    lines = world.enter("server", "dmesg").output.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[    0.02")
    assert "] seen: IN=eth0 OUT= MAC= SRC=10.0.0.1 DST=10.0.0.2 LEN=28 " in lines[0]
    assert lines[0].endswith(" PROTO=UDP SPT=4 DPT=5 LEN=8")
    assert world.enter("client", "dmesg").output == ""
    assert world.enter("client", "dmesg -w").refused


def test_conntrack_prints_what_has_happened_and_what_made_it_so() -> None:
    world = pair()
    play(world, "server", "iptables -A INPUT -m conntrack --ctstate NEW")
    assert world.enter("server", "conntrack -E").output == ""
    play(world, "client", "send udp 10.0.0.1:4 > 10.0.0.2:5")
    world.enter("server", "conntrack -F")
    tuples = "src=10.0.0.1 dst=10.0.0.2 sport=4 dport=5 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=5 dport=4"
    heard = world.enter("server", "conntrack -E").output.splitlines()
    assert heard[0].startswith("# t = 0.0")
    assert heard[0].endswith(" s: udp 10.0.0.1:4 > 10.0.0.2:5")
    assert heard[1] == f"    [NEW] udp      17 30 {tuples}"
    assert heard[2].endswith(" s: conntrack -F")
    assert heard[3].startswith("[DESTROY] udp      17 ")
    assert heard[3].endswith(f" {tuples} [USERSPACE] progname=conntrack")
    assert world.enter("server", "conntrack -E -e NEW -p udp").output.splitlines() == heard[:2]
    assert world.enter("client", "conntrack -E").output == ""


def test_every_tool_is_found_by_its_name_and_none_is_forgotten() -> None:
    assert [tool.name for tool in TOOLS.values()] == list(TOOLS)
    modules = [import_module(f"{tools.__name__}.{found.name}") for found in iter_modules(tools.__path__)]
    found = [thing for module in modules for thing in (vars(module).get("TOOL"), *vars(module).get("TOOLS", ()))]
    assert {tool.name for tool in found if isinstance(tool, Tool)} | {"help"} == set(TOOLS)


def test_help_names_every_command() -> None:
    output = pair().enter("client", "help").output
    assert all(name in output for name in TOOLS)


def test_sudo_comments_and_empty_lines_are_taken_as_a_shell_takes_them() -> None:
    world = pair()
    assert world.enter("client", "sudo iptables -P INPUT DROP").output == ""
    assert "-P INPUT DROP" in world.enter("client", "iptables -S").output
    for line in ("", "   ", "# nothing"):
        assert not world.enter("client", line).refused


def test_rules_are_entered_listed_and_saved() -> None:
    world = pair()
    record = world.enter("client", "iptables -A INPUT -p tcp --dport 22 -j DROP")
    assert not record.refused
    assert record.after is not record.before
    assert "-A INPUT -p tcp -m tcp --dport 22 -j DROP" in world.enter("client", "iptables-save").output
    assert "[0:0] -A INPUT" in world.enter("client", "iptables-save -c").output


def test_zeroing_counters_is_a_change_the_record_holds() -> None:
    world = pair(())
    play(world, "server", "iptables -A INPUT -p icmp")
    play(world, "client", "send icmp 10.0.0.1 > 10.0.0.2 echo")
    record = world.enter("server", "iptables -Z")
    assert {change.after for change in record.changes} <= {None, (0, 0)}
    assert (1, 28) in {change.before for change in record.changes}


def test_conntrack_lists_what_is_kept() -> None:
    world = pair(())
    play(world, "server", "iptables -A INPUT -m conntrack --ctstate NEW")
    play(world, "client", "send icmp 10.0.0.1 > 10.0.0.2 echo id=5")
    assert "src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=5" in world.enter("server", "conntrack -L").output


def test_a_sysctl_is_shown_and_set() -> None:
    world = pair()
    key = "net.netfilter.nf_conntrack_tcp_loose"
    assert world.enter("client", f"sysctl {key}").output == f"{key} = 1"
    assert world.enter("client", f"sysctl -w {key}=0").output == f"{key} = 0"
    assert world.hosts["client"].firewall.sysctls[key] == 0


def test_send_fills_in_the_numbers_of_the_hosts_own_connection() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    mine = next(iter(world.hosts["client"].stack.endpoints.values())).numbers
    packet = sent(play(world, "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:1337 ACK"), "client")[0]
    assert (packet.seq, packet.ack) == mine


def test_send_takes_free_ports_flags_and_numbers() -> None:
    world = pair()
    line = 'send tcp 10.9.9.9:0 > 10.0.0.2:0xffff FIN+PSH|URG seq=7 ack=9 win=3 ttl=4 data="hi there"'
    packet = sent(play(world, "client", line), "client")[0]
    assert (packet.source, packet.sport, packet.dport) == ("10.9.9.9", 0, 65535)
    assert (packet.seq, packet.ack, packet.window, packet.ttl) == (7, 9, 3, 4)
    assert flags([packet]) == ["FIN+PSH+URG"]
    assert packet.payload == b"hi there"


def test_what_a_raw_packet_brings_back_is_told() -> None:
    world = pair()
    play(world, "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:1337 SYN", "send udp 10.0.0.1:4000 > 10.0.0.2:9")
    told = said(world.hosts["client"])
    assert told[0].startswith("received: tcp 10.0.0.2:1337 > 10.0.0.1:4000 SYN+ACK")
    assert told[1] == "received: icmp 10.0.0.2 > 10.0.0.1 3/3 about udp 10.0.0.1:4000 > 10.0.0.2:9"


def test_a_host_that_sent_a_syn_past_its_sockets_resets_the_answer() -> None:
    records = play(pair(), "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:1337 SYN")
    assert flags(sent(records, "client")) == ["SYN", "RST"]


def test_an_error_quotes_the_last_such_packet_on_the_wire() -> None:
    world = pair()
    play(world, "server", "iptables -A INPUT -p icmp -m conntrack --ctstate RELATED")
    play(world, "client", "connect 10.0.0.2:1337 from 4000", "upload 900")
    last = sent(world.records, "server")[-1]
    walked = play(world, "client", "send icmp 10.9.9.9 > 10.0.0.2 3/4 about tcp 10.0.0.2:1337 > 10.0.0.1:4000 mtu=1200")
    walk = next(record.walk for record in walked if isinstance(record, Walked) and record.host == "server")
    assert walk.packet.source == "10.9.9.9"
    assert walk.packet.raw[walk.packet.l4 + 4 :] == b"\0\0" + (1200).to_bytes(2, "big") + last.raw[:28]
    assert walk.states == [["PREROUTING", "RELATED"], ["INPUT", "RELATED"]]


def test_an_error_about_a_packet_that_never_was_is_related_to_nothing() -> None:
    world = pair()
    play(world, "server", "iptables -A INPUT -p icmp -m conntrack --ctstate RELATED")
    for protocol in ("tcp", "udp"):
        walked = play(world, "client", f"send icmp 10.0.0.1 > 10.0.0.2 3/3 about {protocol} 10.0.0.2:1337 > 10.0.0.1:4000")
        walk = next(record.walk for record in walked if isinstance(record, Walked) and record.host == "server")
        assert [state for _, state in walk.states] == ["INVALID", "INVALID"]


def test_a_new_connection_begins_with_what_an_error_said_of_the_path() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000", "upload 900")
    play(world, "server", "send icmp 10.0.0.2 > 10.0.0.1 3/4 about tcp 10.0.0.1:4000 > 10.0.0.2:1337 mtu=1400")
    syn = sent(play(world, "client", "connect 10.0.0.2:1337 from 4001"), "client")[0]
    assert (read_options(syn).mss, syn.window) == (1360, 65280)


def test_too_big_in_flight_is_sent_again_in_smaller_pieces() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000", "iptables -A INPUT -p tcp -j DROP")
    world.enter("client", "upload 1400")
    world.run_until(world.now + 10_000_000)
    world.enter("client", "send icmp 10.9.9.9 > 10.0.0.1 3/4 about tcp 10.0.0.1:4000 > 10.0.0.2:1337 mtu=1300")
    start = len(world.records)
    world.run_until(world.now + 10_000_000)
    assert [len(packet.payload) for packet in sent(world.records[start:], "client") if packet.protocol == 6] == [1260, 140]


def test_connecting_twice_from_the_same_port_is_refused() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    record = world.enter("client", "connect 10.0.0.2:1337 from 4000")
    assert record.output == "connect: Cannot assign requested address"


def test_every_question_goes_out_from_another_port() -> None:
    world = World(cast())
    records = play(world, "attacker", "dig @198.51.100.53 web.example", "dig @198.51.100.53 web.example")
    assert len({packet.sport for packet in sent(records, "attacker")}) == 2


def test_say_close_and_reset_find_the_connection_by_either_port() -> None:
    world = pair(("app:1337", "echo:7"))
    play(world, "client", "connect 10.0.0.2:1337 from 4000", "connect 10.0.0.2:7 from 4001")
    play(world, "client", "say a to 1337", "say b to 4001", "say c")
    assert [line for line in said(world.hosts["client"]) if line.startswith("from") and "hello" not in line] == [
        "from 10.0.0.2:1337: a",
        "from 10.0.0.2:7: b",
        "from 10.0.0.2:7: c",
    ]
    play(world, "client", "close 7")
    assert world.enter("client", "say d to 7").refused


def test_what_a_host_says_to_itself_is_said_by_the_end_that_is_far_from_the_port() -> None:
    world = pair(("echo:7",))
    play(world, "server", "connect 127.0.0.1:7 from 5000", "say a to 7")
    spoken = [packet for packet in sent(world.records, "server") if packet.payload]
    assert [(packet.sport, packet.dport) for packet in spoken] == [(5000, 7), (7, 5000)]


def test_sleep_lets_time_pass() -> None:
    world = pair()
    play(world, "client", "sleep 2.5")
    assert world.now == 2_500_000_000


WORDS = st.sampled_from(
    [*TOOLS, "tcp", "udp", "icmp", ">", "10.0.0.2:1337", "10.0.0.2", "10.0.0.1:4000", "SYN", "ACK", "echo", "from", "to", "4000",
     "-A", "INPUT", "-j", "DROP", '"', "seq=1", "data=x", "-L", "https://10.0.0.2", "@10.0.0.2", "web", "net.ipv4.ip_forward=1",
     "\\", "'", "0", "-p", "!", "server", "-sS", "-sU", "-Pn", "-c", "-s", "-n", "-l", "-u", "-z", "-T", "-I", "-f", "-D", "1-30", "ME",
     "5", "syn", "count", "rate", "198.51.100.0/24", "get", "route", "addr", "/etc/hosts", ">>", "|", "nc", "1001", "301", "fe80::1",
     "[::1]:7"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(max_size=60)), max_size=5))
def test_no_line_makes_it_stumble(lines: list[str]) -> None:
    world = pair(("app:1337", "ssh:22"))
    for line in lines:
        world.enter("client", line)
        for _ in range(30):
            world.step()
    settle_some(world)


def settle_some(world: World) -> None:
    for _ in range(200):
        if world.quiet:
            return
        assert all(isinstance(record, Walked) or record.at <= world.now for record in world.step())


def test_settling_is_what_the_tests_think_it_is() -> None:
    world = pair()
    world.enter("client", "connect 10.0.0.2:1337")
    assert not world.quiet
    settle(world)
    assert world.quiet
