"""What those who listen to connection tracking are told, and what ``conntrack -E`` prints of it. The kernel is asked in tests/kernel."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.conntrack.command import parse
from fwtutor.netfilter.messages import Listener, Message
from fwtutor.netfilter.packet import ACK, SYN
from fwtutor.netfilter.state import ENTRY
from fwtutor.netfilter.steps import Change
from tests.netfilter.conntrack.test_helpers import CLIENT, PORT, SERVER, Talk, box

TUPLES = "src=192.168.0.20 dst=198.51.100.80 sport=4000 dport=21 src=198.51.100.80 dst=192.168.0.20 sport=21 dport=4000"
UNREPLIED = TUPLES.replace("21 src", "21 [UNREPLIED] src")


class Heard(Talk):
    """A control connection of FTP to which somebody listens. One line of it gives a mark; at last somebody deletes it."""

    def __init__(self) -> None:
        self.listener, self.messages = Listener(), list[Message]()
        firewall = box()
        firewall.iptables("-t mangle -A FORWARD -i lan -p tcp -m length --length 63: -j CONNMARK --set-mark 5")
        super().__init__(firewall)
        self.say(0, PORT)
        entry = next(iter(firewall.state.entries.values()))
        self.messages += self.listener.changes([Change(ENTRY, entry.id, entry, None)], firewall.now + 500_000_000, ordered=True)

    def receive(self, raw: bytes, on: str) -> Walk:
        walk = super().receive(raw, on)
        self.messages += self.listener.walk(walk)
        return walk


def printed(line: str) -> list[str]:
    command = parse(line.split())
    return [row for message in Heard().messages if (row := command.heard(message))]


def test_a_message_is_printed_as_conntrack_prints_it() -> None:
    assert printed("-E") == [
        f"    [NEW] tcp      6 120 SYN_SENT {UNREPLIED} helper=ftp",
        f" [UPDATE] tcp      6 60 SYN_RECV {TUPLES} helper=ftp",
        f" [UPDATE] tcp      6 432000 ESTABLISHED {TUPLES} [ASSURED] helper=ftp",
        f" [UPDATE] tcp      6 300 {TUPLES} [ASSURED] mark=5 helper=ftp",
        f"[DESTROY] tcp      6 299 ESTABLISHED {TUPLES} [ASSURED] mark=5 [USERSPACE] progname=conntrack",
    ]
    expectation = (
        "proto=6 src=198.51.100.80 dst=192.168.0.20 sport=0 dport=1025 mask-src=255.255.255.255 mask-dst=255.255.255.255 "
        "sport=0 dport=65535 master-src=192.168.0.20 master-dst=198.51.100.80 sport=4000 dport=21 class=0 helper=ftp"
    )
    assert printed("-E expect") == [f"    [NEW] 300 {expectation}"]


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("-E -e NEW", "N"), ("-E -e n", "N"), ("-E -e new,destroy", "ND"), ("-E -e NEW -e UPDATES", "NUUU"), ("-E -e ALL", "NUUUD"),
        ("-E -e UPDATE -m 5", "U"), ("-E -p tcp --state ESTABLISHED", "UD"), ("-E -p udp", ""), ("-E -s 192.168.0.0/16 -b 4096", "NUUUD"),
        ("-E -p tcp --dport 22", ""), ("-E -f ipv6", ""), ("-E -w 3", ""), ("-E --any-nat", ""), ("--event --event-mask DESTROY", "D"),
        ("-E conntrack -e D", "D"),
    ],
)  # fmt: skip
def test_filters(line: str, kinds: str) -> None:
    assert "".join(row.strip()[1] for row in printed(line)) == kinds


def test_what_else_is_printed() -> None:
    (row,) = printed("-E -o timestamp,extended,id -e NEW")
    assert row == f"[1.000000]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT {UNREPLIED} helper=ftp id=1"
    assert printed("-E expect -o timestamp,id")[0].startswith("[6.000000]\t    [NEW] 300 proto=6 ")
    assert printed("-E expect -o timestamp,id")[0].endswith("helper=ftp")


def test_a_box_has_heard_nothing() -> None:
    """It keeps no record: who does asks a Listener."""
    assert box().run_conntrack(["-E"]) == ""


def test_of_whom_room_was_made_and_whose_time_is_over_the_end_is_told() -> None:
    firewall = Firewall({"lan": ["192.168.0.1/16"], "wan": ["203.0.113.1/24"]}, {"default": "wan"}, {"net.netfilter.nf_conntrack_max": 1})
    firewall.iptables("-A FORWARD -m conntrack --ctstate NEW")
    listener, shown = Listener(), list[tuple[str, int, int]]()
    for port, at in ((1, 1.0), (2, 2.0)):
        walk = firewall.receive(craft.udp(CLIENT, SERVER, port, 53, b"x"), "lan", at)
        shown += [(message.kind, message.entry.original.sport, message.at) for message in listener.walk(walk)]
    shown += [(message.kind, message.entry.original.sport, message.at) for message in listener.changes(firewall.advance(99), 99 * 10**9)]
    seconds = 10**9
    assert shown == [("NEW", 1, seconds), ("DESTROY", 1, 2 * seconds), ("NEW", 2, 2 * seconds), ("DESTROY", 2, 32 * seconds)]


def test_what_is_dropped_for_good_leaves_nothing_to_remember() -> None:
    firewall = box("*filter\n-A FORWARD -m conntrack --ctstate NEW -j DROP\nCOMMIT\n")
    listener = Listener()
    for number in range(3):
        assert listener.walk(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 80 + number, SYN, 1), "lan", number)) == []
    assert not listener._noted


def test_a_choice_of_ctevents_is_forgotten_with_its_entry() -> None:
    firewall = box("*raw\n-A PREROUTING -p udp -j CT --ctevents destroy\nCOMMIT\n")
    listener = Listener()
    assert listener.walk(firewall.receive(craft.udp(CLIENT, SERVER, 4000, 53, b"x"), "lan", 1)) == []
    assert listener._heeded
    (gone,) = listener.changes(firewall.advance(50), 50 * 10**9)
    assert gone.kind == "DESTROY"
    assert not listener._heeded


def test_the_first_rule_of_ct_chooses() -> None:
    rules = ["-A PREROUTING -p tcp -j CT --ctevents reply", "-A PREROUTING -p tcp -j CT --ctevents new"]
    firewall = box("*raw\n" + "\n".join(rules) + "\nCOMMIT\n")
    listener = Listener()
    assert listener.walk(firewall.receive(craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 1), "lan", 1)) == []
    (reply,) = listener.walk(firewall.receive(craft.tcp(SERVER, CLIENT, 80, 4000, SYN | ACK, 1, 2), "wan", 2))
    assert reply.about == {"reply", "protoinfo"}
