"""``trace --format xtables``: the shape. That it is the real program's is held in tests/kernel."""

from __future__ import annotations

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.trace.monitor import Monitor

CLIENT, SERVER, BOX = (parse_address(text)[1] for text in ("192.168.0.20", "198.51.100.80", "192.168.0.1"))
RULES = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
-A web -p tcp -j RETURN
-A FORWARD -p tcp -m tcp --dport 80 -g web
-A FORWARD -p udp -j REJECT
COMMIT
"""


def monitored() -> tuple[Firewall, Monitor]:
    firewall = Firewall({"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]}, {"default": "wan"})
    firewall.restore(RULES)
    return firewall, Monitor(firewall)


def test_a_line_for_the_packet_at_each_chain_and_one_for_each_rule_that_matched() -> None:
    firewall, monitor = monitored()
    syn = craft.tcp(CLIENT, SERVER, 4000, 80, 2, 1, id=7, ttl=9)
    ends = "SRC=192.168.0.20 DST=198.51.100.80"
    for number in (1, 2):
        assert monitor.walk(firewall.receive(syn, "lan", 0)) == [
            f"PACKET: 2 0000000{number} IN=lan OUT=wan {ends} LEN=40 TOS=0x0 TTL=8 ID=7 DF SPORT=4000 DPORT=80 SYN ",
            f" TRACE: 2 0000000{number} filter:FORWARD:rule:0x6:GOTO:web  -4 -t filter -A FORWARD -p tcp -m tcp --dport 80 -g web",
            f" TRACE: 2 0000000{number} filter:web:rule:0x5:0xfffffffb  -4 -t filter -A web -p tcp -j RETURN",
            f" TRACE: 2 0000000{number} filter:FORWARD:policy:DROP ",
        ]


def test_an_answer_comes_before_the_rule_that_gave_it() -> None:
    firewall, monitor = monitored()
    lines = monitor.walk(firewall.receive(craft.udp(CLIENT, SERVER, 4000, 53, b"x"), "lan", 0))
    assert [(line.split()[0], line.split()[2]) for line in lines] == [
        ("PACKET:", "00000002"), ("TRACE:", "00000002"), ("PACKET:", "00000001"), ("TRACE:", "00000001"),
    ]  # fmt: skip
    assert lines[3].startswith(" TRACE: 2 00000001 filter:FORWARD:rule:0x7:DROP  -4 -t filter -A FORWARD -p udp -j REJECT")


def test_a_packet_that_meets_no_chain_has_its_own_line_only() -> None:
    firewall, monitor = monitored()
    assert monitor.walk(firewall.receive(craft.udp(BOX, SERVER, 1, 2, id=1), "lan", 0)) == [
        "PACKET: 2 00000001 IN=lan SRC=192.168.0.1 DST=198.51.100.80 LEN=28 TOS=0x0 TTL=64 ID=1 DF SPORT=1 DPORT=2 "
    ]
    assert monitor.walk(firewall.receive(b"\x45\0", "lan", 0)) == ["PACKET: 2 00000002 IN=lan LEN=2 "]
