"""What the kernel does with sets of addresses, held against the engine: the match, the target, and what is in the sets then."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.in_ipv6 import packet as in_ipv6
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.deciding import both_ways, setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, address, box, filtering

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def udp(source: int = STRANGER, at: float = 0.0, port: int = 53) -> Shot:
    return Shot(craft.udp(source, BOX, 4000, port, b"question", id=1), "wan", at)


def hail(seed: int, count: int) -> list[Item]:
    """Packets of several protocols from a few hosts near each other to the box, some in fragments or cut short."""
    draw = random.Random(seed)
    items = list[Item]()
    for _ in range(count):
        source = STRANGER + draw.choice((0, 1, 2, 3, 16, 32, 64))
        sport, dport = draw.choice((4000, 4001)), draw.choice((53, 80, 81, 2048))
        kind = draw.randrange(8)
        if kind < 3:
            raw = craft.udp(source, BOX, sport, dport, b"question", id=1)
        elif kind < 5:
            raw = craft.tcp(source, BOX, sport, dport, draw.choice((2, 16)), 100, id=1)
        elif kind == 5:
            raw = craft.icmp(source, BOX, draw.choice((8, 0, 13)), 0, 1 << 16 | 1, b"ping", id=1)
        elif kind == 6:
            raw = craft.ip(source, BOX, draw.choice((47, 50, 132, 136)), bytes([15, 160, 0, 80]) * 8, id=1)
        else:
            raw = craft.udp(source, BOX, sport, dport, bytes(draw.choice((4, 40))), id=1)[: draw.choice((20, 24, 30, 60))]
            raw = craft.ip(source, BOX, 17, raw[20:], id=1)
        items.append(Shot(raw, "wan"))
    return items


SETS = """\
create ip hash:ip
add ip 203.0.113.9
add ip 203.0.113.11
add ip 203.0.113.25
create masked hash:ip netmask 28
add masked 203.0.113.9
create counted hash:ip counters
add counted 203.0.113.9
add counted 203.0.113.10 packets 20 bytes 900
add counted 203.0.113.11 packets 5 bytes 70000
create still hash:ip counters
add still 203.0.113.10 packets 20 bytes 900
add still 203.0.113.11 packets 7 bytes 900
create net hash:net
add net 203.0.113.0/27
add net 203.0.113.10 nomatch
add net 203.0.113.64/26
create nomatch hash:net counters
add nomatch 203.0.113.0/24
add nomatch 203.0.113.8/30 nomatch
add nomatch 203.0.113.9
create port hash:ip,port
add port 203.0.113.9,udp:4000
add port 203.0.113.9,tcp:4001
add port 203.0.113.10,udp:4000-4001
add port 203.0.113.11,icmp:ping
add port 203.0.113.12,icmp:0/0
add port 203.0.113.9,gre:0
add port 203.0.113.25,sctp:4000
add port 203.0.113.10,udplite:4000
add port 203.0.113.1,udp:53
add port 203.0.113.1,tcp:80
create netport hash:net,port
add netport 203.0.113.8/30,udp:53
add netport 203.0.113.9,tcp:53
add netport 203.0.113.9,udp:80 nomatch
add netport 203.0.113.0/24,udp:80
add netport 203.0.113.0/24,tcp:80-81 nomatch
create three hash:ip,port,ip
add three 203.0.113.9,udp:53,203.0.113.1
add three 203.0.113.10,tcp:80-81,203.0.113.1
add three 203.0.113.11,udp:80-81,203.0.113.1
create threenet hash:ip,port,net
add threenet 203.0.113.8-203.0.113.15,udp:53,203.0.113.0/25
add threenet 203.0.113.8-203.0.113.15,tcp:80-81,203.0.113.0/25
add threenet 203.0.113.1,udp:4000,203.0.113.8/29
add threenet 203.0.113.1,tcp:4000,203.0.113.0/24
add threenet 203.0.113.1,tcp:4000,203.0.113.9 nomatch
add threenet 203.0.113.1,tcp:4001,203.0.113.0/25 nomatch
create ports bitmap:port range 50-90
add ports 53
add ports 81-85
create six hash:ip family inet6
add six 2001:db8::1
create lists list:set counters
add lists port
add lists net packets 30
add lists ip
"""
ASKING = (
    "--match-set ip src", "! --match-set ip src", "--match-set masked src", "! --match-set masked src", "--match-set net src",
    "! --match-set net src", "--match-set net src --return-nomatch", "! --match-set net src --return-nomatch",
    "--match-set nomatch src", "--match-set nomatch src --return-nomatch", "--match-set port src,src", "! --match-set port src,src",
    "--match-set port dst,dst", "--match-set netport src,dst", "! --match-set netport src,dst",
    "--match-set netport src,dst --return-nomatch", "--match-set three src,dst,dst", "--match-set threenet src,dst,dst",
    "--match-set threenet dst,src,src", "--match-set threenet dst,src,src --return-nomatch", "--match-set ports dst",
    "! --match-set ports dst", "--match-set lists src,src", "! --match-set lists src", "--match-set lists src,src --packets-gt 60",
    "--match-set counted src", "--match-set counted src ! --update-counters", "--match-set still src --packets-eq 20 ! --update-counters",
    "--match-set still src ! --packets-eq 20 ! --update-counters", "--match-set counted src --packets-gt 300",
    "! --match-set counted src --packets-gt 300", "--match-set counted src --packets-lt 300", "--match-set counted src --bytes-gt 30000",
    "--match-set counted src --bytes-lt 30000", "--match-set counted src ! --bytes-eq 900 ! --update-counters",
    "--match-set counted src --packets-gt 100 --bytes-lt 90000", "--match-set lists src,src ! --update-subcounters",
    "--match-set lists src,src ! --update-counters", "--match-set nomatch src --packets-gt 90",
    "--match-set ip src -m set --match-set ip src",
)  # fmt: skip


@VARIANTS
def test_every_option_decides_both_ways(kernel: Kernel, variant: str) -> None:
    rules = [f"-m set {options}" for options in ASKING]
    both_ways(kernel, variant, "INPUT", rules, hail(5, 400), sets=SETS)


@VARIANTS
def test_what_can_hold_nothing_never_does(kernel: Kernel, variant: str) -> None:
    """Too few sides for the parts."""
    for named in ("port src", "three src,dst", "netport dst"):
        one = replace(setup(variant, f"-A INPUT -m set --match-set {named} -j ACCEPT"), sets=SETS)
        assert verdicts(kernel, one, hail(6, 30)) == "D" * 30
        one = replace(setup(variant, f"-A INPUT -m set ! --match-set {named} -j ACCEPT"), sets=SETS)
        assert verdicts(kernel, one, hail(6, 30)) == "A" * 30


FIRST = "-A INPUT -p udp --dport 51 -j SET "


@VARIANTS
def test_what_a_rule_puts_in_begins_to_count_and_goes_when_its_time_is_over(kernel: Kernel, variant: str) -> None:
    sets = "create a hash:ip timeout 1 counters\ncreate b hash:ip\ncreate c hash:ip timeout 0\n"
    rules = [
        *(f"{FIRST}--add-set {named} src" for named in ("a", "b", "c")),
        f"{FIRST}--add-set c dst --timeout 2",
        *(f"-A INPUT -p udp --dport {port} -m set --match-set {named} -j ACCEPT"
          for port, named in ((53, "a src"), (54, "b src"), (55, "c src"), (56, "c dst"))),
    ]  # fmt: skip
    first = [udp(port=port) for port in (53, 54, 55, 56)]
    later = [[udp(at=at, port=port) for port in (53, 54, 55, 56)] for at in (0.5, 1.5, 2.5)]
    one = replace(setup(variant, *rules), sets=sets)
    assert (
        verdicts(kernel, one, [*first, udp(port=51), *first, *later[0], *later[1], *later[2]])
        == "DDDD" + "D" + "AAAA" * 2 + "DAAA" + "DAAD"
    )


@VARIANTS
@pytest.mark.parametrize(("options", "left"), [("", "AAD"), ("--exist", "AAA"), ("--exist --timeout 9", "AAA"), ("--timeout 9", "AAD")])
def test_exist_lets_what_is_there_begin_anew(kernel: Kernel, variant: str, options: str, left: str) -> None:
    rules = [f"{FIRST}--add-set a src {options}", "-A INPUT -m set --match-set a src -j ACCEPT"]
    one = replace(
        setup(variant, *rules),
        sets="create a hash:ip timeout 2 counters comment skbinfo\nadd a 203.0.113.9 packets 7 comment old skbmark 0x5\n",
    )
    assert verdicts(kernel, one, [udp(), udp(port=51, at=1.5), udp(at=2.5)]) == left


@VARIANTS
def test_a_net_is_put_in_as_long_as_the_longest_there_is(kernel: Kernel, variant: str) -> None:
    rules = [f"{FIRST}--add-set n src", "-A INPUT -p udp --dport 52 -j SET --del-set n src", "-A INPUT -m set --match-set n src -j ACCEPT"]
    items = [udp(), udp(port=51), udp(STRANGER + 1), udp(STRANGER + 40), udp(STRANGER + 1, port=52), udp()]
    one = setup(variant, *rules)
    assert verdicts(kernel, replace(one, sets="create n hash:net\n"), items) == "DADDDA"
    assert verdicts(kernel, replace(one, sets="create n hash:net\nadd n 10.0.0.0/8\nadd n 10.0.0.0/28\n"), items) == "DAADDD"
    assert verdicts(kernel, replace(one, sets="create n hash:net\nadd n 203.0.113.0/27 nomatch\n"), items) == "DDDDDD"


@VARIANTS
def test_a_list_of_sets_takes_what_the_first_of_them_takes(kernel: Kernel, variant: str) -> None:
    sets = (
        "create p hash:ip,port\ncreate six hash:ip family inet6\ncreate full hash:ip maxelem 1\nadd full 1.1.1.1\ncreate a hash:ip\n"
        "create b hash:ip timeout 9 counters\ncreate l list:set timeout 1\nadd l p\nadd l six\nadd l full\nadd l a\nadd l b timeout 0\n"
    )
    rules = [f"{FIRST}--add-set l src", "-A INPUT -p udp --dport 52 -j SET --del-set l src", "-A INPUT -m set --match-set l src -j ACCEPT"]
    items = [udp(), udp(port=51), udp(port=51), udp(), udp(port=52), udp(), udp(port=52), udp(), udp(port=51, at=1.5), udp(at=1.5)]
    assert verdicts(kernel, replace(setup(variant, *rules), sets=sets), items) == "DAAAAADDAA"


@VARIANTS
def test_a_full_set_takes_what_is_there_already_and_no_more(kernel: Kernel, variant: str) -> None:
    rules = [f"{FIRST}--add-set a src", "-A INPUT -m set --match-set a src -j ACCEPT"]
    items = [udp(port=51), udp(STRANGER + 1, port=51), udp(STRANGER + 2, port=51), udp(), udp(STRANGER + 1), udp(STRANGER + 2)]
    assert verdicts(kernel, replace(setup(variant, *rules), sets="create a hash:ip maxelem 2\n"), items) == "AADAAD"


MANGLE = "*mangle\n-A PREROUTING -j SET --map-set m src --map-mark\n-A FORWARD -j SET --map-set m src --map-prio --map-queue\nCOMMIT\n"


@VARIANTS
def test_a_mark_comes_out_of_a_set(kernel: Kernel, variant: str) -> None:
    sets = (
        "create m hash:net skbinfo counters\nadd m 203.0.113.9 skbmark 0x5\nadd m 203.0.113.10 skbmark 0x10/0xf0\nadd m 203.0.113.11\n"
        "add m 203.0.113.12 skbprio 1:2 skbqueue 3\nadd m 203.0.113.0/24 skbmark 0xff/0x0\nadd m 203.0.113.64/26 nomatch\n"
    )
    rules = [f"-A INPUT -p udp --dport {port} -m mark --mark {mark} -j ACCEPT" for port, mark in ((53, 5), (54, 0x10), (55, 0xFF), (56, 0))]
    one = replace(box(MANGLE + filtering(*rules, input="DROP")), variant=variant, sets=sets)
    items = [udp(STRANGER + more, port=port) for more in (0, 1, 2, 3, 20, 60) for port in (53, 54, 55, 56)]
    through: list[Item] = [Shot(craft.udp(CLIENT, SERVER, 4000, 53, b"x", id=1), "lan")]
    assert verdicts(kernel, one, [*items, *through]) == "ADDD" + "DADD" + "DDDA" * 2 + "DDAD" + "DDDA" + "A"


@VARIANTS
def test_commands_between_packets(kernel: Kernel, variant: str) -> None:
    rules = ["-A INPUT -m set --match-set a src -j ACCEPT"]
    items: list[Item] = [
        udp(), Order("add a 203.0.113.9", family=0), udp(), Order("-exist add a 203.0.113.9", family=0),
        Order("add a 203.0.113.9", family=0),
        Order("destroy a", family=0), Order("rename a c", family=0), Order("swap a b", family=0), udp(), udp(STRANGER + 1),
        Order("del a 203.0.113.9", family=0), Order("test a 203.0.113.10", family=0), Order("flush", family=0), udp(STRANGER + 1),
        Order("-F"), Order("destroy a", family=0), Order("-A INPUT -m set --match-set a src"), Order("-A INPUT -m set --match-set b src"),
        Order("create a hash:net", family=0), Order("add a 203.0.113.0/24 timeout 5", family=0), Order("destroy", family=0), udp(),
    ]  # fmt: skip
    sets = "create a hash:ip\ncreate b hash:ip\nadd b 203.0.113.10\n"
    assert verdicts(kernel, replace(setup(variant, *rules), sets=sets), items) == "DADADD"


@VARIANTS
def test_who_says_0_0_0_0_is_in_no_set_of_addresses(kernel: Kernel, variant: str) -> None:
    rules = [f"-A INPUT -p udp --dport {port} -m set --match-set {named} -j ACCEPT"
             for port, named in ((53, "n src"), (54, "p src,dst"), (55, "m src"))]  # fmt: skip
    rules += ["-A INPUT -j SET --add-set a src", "-A INPUT -j SET --add-set n src", "-A INPUT -j SET --add-set p src,dst"]
    sets = "create a hash:ip\ncreate m hash:ip netmask 8\ncreate n hash:net\nadd n 0.0.0.0/1\ncreate p hash:ip,port\n"
    items = [Shot(craft.udp(source, 0xFFFFFFFF, 68, port, b"x", id=1), "wan") for port in (53, 54, 55) for source in (0, 0x00010203)]
    assert compare(kernel, replace(setup(variant, *rules), sets=sets), items).differences == ()


SIX = """\
create seen hash:ip family inet6 counters
create ip hash:ip family inet6
add ip 2001:db8:113::9
add ip 2001:db8:113::11
create masked hash:ip family inet6 netmask 124
add masked 2001:db8:113::9
create net hash:net family inet6 counters
add net 2001:db8:113::/122
add net 2001:db8:113::10 nomatch
add net 2001:db8:113::40/123
create port hash:ip,port family inet6
add port 2001:db8:113::9,udp:4000
add port 2001:db8:113::9,tcp:4001
add port 2001:db8:113::10,udp:4000-4001
add port 2001:db8:113::9,icmpv6:ping
add port 2001:db8:113::9,gre:0
add port 2001:db8:113::9,ipv6-nonxt:0
create ports bitmap:port range 50-90
add ports 53
add ports 80
create four hash:ip
create lists list:set
add lists four
add lists port
"""
ASKING6 = (
    "ip src",
    "masked src",
    "net src",
    "net src --return-nomatch",
    "port src,src",
    "ports dst",
    "lists src,src",
    "net src --packets-gt 99",
)


def hail6(seed: int, count: int) -> list[Item]:
    """The hail said in IPv6, with extension headers in some of it."""
    draw, found = random.Random(seed), list[Item]()
    sources = [address(f"2001:db8:113::{end}") for end in ("9", "10", "11", "12", "55")]
    for item in hail(seed, count):
        assert isinstance(item, Shot)
        raw = in_ipv6(draw, item.raw)
        if len(raw) < 40 or raw[0] >> 4 != 6:
            continue
        raw = raw[:8] + draw.choice(sources).to_bytes(16, "big") + raw[24:]
        found.append(item._replace(raw=raw))
    return found


@VARIANTS
def test_every_set_of_ipv6_decides_both_ways(kernel: Kernel, variant: str) -> None:
    lines = [f"-A {chain} -m set {no}--match-set {named}" for chain in ("PREROUTING",) for named in ASKING6 for no in ("", "! ")]
    rules = "\n".join(["*mangle", *lines, "-A PREROUTING -j SET --add-set seen src", "COMMIT", ""])
    made = Setup({"wan": ("2001:db8:113::1/64",)}, "", {}, {"net.ipv6.icmp.ratelimit": 0}, variant=variant, rules6=rules, sets=SIX)
    comparison = compare(kernel, made, hail6(9, 300))
    assert comparison.differences == (), str(comparison)
    packets = [packet for packet in comparison.observation.packets if packet.shot >= 0 and packet.path]
    for number, line in enumerate(lines[: 2 * len(ASKING6)], 1):
        held = sum(f"mangle:PREROUTING:rule:{number}" in packet.path for packet in packets)
        assert 20 <= held <= len(packets) - 20, (line, held, len(packets))
