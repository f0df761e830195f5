"""The program conntrack: which entries a line means, and what it says to lines that make no sense."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.options import ConntrackRefused
from tests.netfilter.conntrack.test_helpers import CLIENT, PORT, SERVER, Talk, box

STRANGER = parse_address("203.0.113.9")[1]


def talked() -> Firewall:
    talk = Talk(box())
    talk.say(0, PORT)
    talk.receive(craft.udp(CLIENT, STRANGER, 40001, 53, b"x"), "lan")
    talk.receive(craft.icmp(CLIENT, SERVER, 8, 0, 77 << 16 | 1), "lan")
    return talk.firewall


@pytest.mark.parametrize(
    ("line", "protocols"),
    [
        ("-L", "tcp udp icmp"), ("--dump", "tcp udp icmp"), ("-L conntrack", "tcp udp icmp"), ("-L dying", ""), ("-L -p tcp", "tcp"),
        ("-L -p 17", "udp"), ("-L -p TCP", "tcp"), ("-L -ptcp", "tcp"), ("-L --protonum=tcp", "tcp"), ("-L -p tcp --dport 21", "tcp"),
        ("-L -p tcp --dport 22", ""), ("-L -p tcp --dport ftp", ""), ("-L -p udp --sport 40001", "udp"),
        ("-L -s 192.168.0.0/16", "tcp udp icmp"),
        ("-L -d 203.0.113.9", "udp"), ("-L -r 203.0.113.9", "udp"), ("-L -q 192.168.0.20", "tcp udp icmp"), ("-L -u ASSURED", "tcp"),
        ("-L -u assured,SEEN_REPLY", "tcp"), ("-L -u UNREPLIED", "udp icmp"), ("-L -u EXPECTED", ""),
        ("-L -p tcp --state ESTABLISHED", "tcp"),
        ("-L -p tcp --state CLOSE", ""), ("-L -m 0", "tcp udp icmp"), ("-L -m 1/0xff", ""), ("-L -w 3", ""), ("-L -w 0", "tcp udp icmp"),
        ("-L -f ipv4", "tcp udp icmp"), ("-L -f ipv6", ""), ("-L -n", ""), ("-L -j", ""), ("-L -p icmp --icmp-type 8", "icmp"),
        ("-L -p icmp --icmp-id 78", ""), ("-L -p tcp word", "tcp"), ("-L -p tcp -o timestamp,k,l,u", "tcp"),
    ],
)  # fmt: skip
def test_filters(line: str, protocols: str) -> None:
    printed = talked().run_conntrack(line.split())
    assert " ".join(row.split()[0] for row in printed.splitlines()) == protocols


def test_what_is_expected_is_listed_counted_and_flushed() -> None:
    firewall = talked()
    assert firewall.run_conntrack(["-L", "expect"]).startswith(
        "298 proto=6 src=198.51.100.80 dst=192.168.0.20 sport=0 dport=1025 mask-src="
    )
    assert firewall.run_conntrack(["-C", "expect"]) == "1\n"
    assert "expectation table has been emptied" in firewall.run_conntrack(["-F", "expect"])
    assert firewall.run_conntrack(["-C", "expect"]) == "0\n"
    assert firewall.run_conntrack(["-C"]) == "3\n"


def test_what_is_deleted_is_printed_and_can_be_undone() -> None:
    firewall = talked()
    mark = firewall.checkpoint()
    assert firewall.run_conntrack(["-D", "-p", "udp"]).startswith("udp      17 ")
    assert firewall.run_conntrack(["-D", "-p", "udp"]) == ""
    firewall.run_conntrack(["-F"])
    assert firewall.conntrack() == ""
    firewall.rollback(mark)
    assert firewall.run_conntrack(["-C"]) == "3\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-L foo", "unknown type `foo'"), ("-L -p foo", "`foo' unsupported protocol"), ("-L -f foo", "`foo' unsupported protocol"),
        ("-L --dport 21", "unknown option `--dport'"), ("-L -p udp --state ESTABLISHED", "unknown option `--state'"),
        ("-L -p tcp --state foo", "unknown TCP state `foo'"), ("-L -u foo", "Bad parameter `foo'"), ("-L -o foo", "Bad parameter `foo'"),
        ("-L -D", "Invalid commands combination"), ("-L -s foo", "Invalid IP address `foo'"), ("-L -s 192.168.0.0/33", "Invalid netmask"),
        ("-L -f", "option `-f' requires an argument"), ("-C -p tcp", "Illegal option `--protonum' with this command"),
        ("-F -p tcp", "Illegal option `--protonum' with this command"),
        ("-L expect -s 1.2.3.4", "Illegal option `--src' with this command"),
        ("--foo", "unknown option `--foo'"), ("-G", "fwtutor does not simulate -G (--get)"), ("", "no command specified"),
        ("-E -e foo", "Bad parameter `foo'"), ("-E -e NEW,ALL,", "Bad parameter `'"), ("-E -e ,NEW", "Bad parameter `,NEW'"),
        ("-E -e NEW|DESTROY", "Bad parameter `NEW|DESTROY'"), ("-E -e", "option `-e' requires an argument"),
        ("-E foo", "unknown type `foo'"), ("-E dying", "Can't do that command with tables `dying' and `unconfirmed'"),
        ("-E -u ASSURED", "Illegal option `--status' with this command"), ("-E -L", "Invalid commands combination"),
        ("-E expect -e NEW", "Illegal option `--event-mask' with this command"),
        ("-E expect -p tcp", "Illegal option `--protonum' with this command"),
        ("-E expect -b 4096", "Illegal option `--buffer-size' with this command"),
        ("-L -e ALL", "Illegal option `--event-mask' with this command"), ("-D -b 1", "Illegal option `--buffer-size' with this command"),
        ("-E -b", "option `-b' requires an argument"), ("-L -o foo,id", "Bad parameter `foo,id'"),
        ("-E -o xml", "fwtutor does not simulate -o xml"), ("-F -o id", "Illegal option `--output' with this command"),
    ],
)  # fmt: skip
def test_refusals(line: str, words: str) -> None:
    with pytest.raises(ConntrackRefused) as refused:
        talked().run_conntrack(line.split())
    assert str(refused.value).startswith(words)
