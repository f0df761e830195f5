"""Matches that remember, in IPv6: the conversations of their tests in IPv4, said again, and connections of other kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from tests.kernel import (
    test_matches_connlimit as connlimit,
    test_matches_counting as counting,
    test_matches_hashlimit as hashlimit,
    test_matches_recent as recent,
)
from tests.kernel.deciding import both_ways, in_ipv6, played, setup
from tests.kernel.talk import CLIENT, SERVER, Tcp, address

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def verdicts(kernel: Kernel, variant: str, rules: list[str], items: list[Item]) -> str:
    """A or D, packet by packet, in IPv6."""
    return "".join(packet.verdict[0] for packet in played(kernel, *in_ipv6(setup(variant, *rules), items)))


@VARIANTS
def test_hashlimit(kernel: Kernel, variant: str) -> None:
    rules = [f"-m hashlimit {one} --hashlimit-name t{number}" for number, one in enumerate(hashlimit.OPTIONS)]
    both_ways(kernel, variant, "FORWARD", rules, hashlimit.hail(3, 220), family=6)
    rates = [
        f"-m hashlimit --hashlimit-{one} --hashlimit-rate-match --hashlimit-htable-expire 60000 --hashlimit-name r{n}"
        for n, one in enumerate(hashlimit.RATES)
    ]
    both_ways(kernel, variant, "FORWARD", rates, hashlimit.hail(3, 220), family=6)


@VARIANTS
def test_recent(kernel: Kernel, variant: str) -> None:
    rules = []
    for number, options in enumerate(recent.ASKING):
        mask = "--mask 255.255.255.252" if "--mask" in options else "--rdest" if "--rdest" in options else ""
        rules += [f"-A INPUT -p udp --dport 51 -m recent --set {mask} --name l{number}",
                  f"-A INPUT -p udp --dport 53 -m recent --remove --name l{number}",
                  f"-A INPUT -p udp ! --dport 51 -m recent {options} --name l{number}"]  # fmt: skip
    packets = played(kernel, *in_ipv6(setup(variant, *rules), recent.hail(8, 330, 0.02)))
    asked = [packet for packet in packets if packet.raw[43] != 51]
    for number, options in enumerate(recent.ASKING):
        held = sum(f"filter:INPUT:rule:{3 * number + 3}" in packet.path for packet in asked)
        assert 20 <= held <= len(asked) - 20, (options, held, len(asked))


@VARIANTS
def test_connlimit(kernel: Kernel, variant: str) -> None:
    options = [
        f"-m connlimit {limit} {mask} {side}"
        for limit in ("--connlimit-above 3", "--connlimit-upto 4", "! --connlimit-upto 2", "! --connlimit-above 4")
        for mask in ("", "--connlimit-mask 24", "--connlimit-mask 0") for side in ("--connlimit-saddr", "--connlimit-daddr")
    ]  # fmt: skip
    both_ways(kernel, variant, "FORWARD", options, connlimit.crowd(4, 130), family=6)


@VARIANTS
def test_connbytes_quota_and_statistic(kernel: Kernel, variant: str) -> None:
    amounts = {"packets": ("5", "3:9"), "bytes": ("2000", "500:3000"), "avgpkt": ("400", "200:500")}
    options = [
        f"-m connbytes {negated}--connbytes {amount} --connbytes-dir {way} --connbytes-mode {mode}"
        for mode, given in amounts.items() for amount in given for way in ("original", "reply", "both") for negated in ("", "! ")
    ]  # fmt: skip
    both_ways(kernel, variant, "FORWARD", options, counting.talk(3, 200), family=6)
    others = [f"-m quota {no}--quota {size}" for no in ("", "! ") for size in (2000, 3000)]
    others += [f"-m statistic --mode nth {no}--every {every} --packet 1" for no in ("", "! ") for every in (2, 3, 4)]
    both_ways(kernel, variant, "INPUT", others, [counting.udp(number % 9) for number in range(90)], family=6)


@VARIANTS
def test_what_a_full_table_and_an_idle_bucket_do(kernel: Kernel, variant: str) -> None:
    rule = "-m hashlimit --hashlimit-upto 1000/sec --hashlimit-burst 1000 --hashlimit-mode srcip --hashlimit-name a"
    rules = [f"-A INPUT {rule} --hashlimit-htable-size 2 --hashlimit-htable-max 3 -j ACCEPT", "-A INPUT -j ACCEPT"]
    assert verdicts(kernel, variant, rules, [hashlimit.udp(hashlimit.STRANGER + number) for number in (0, 1, 2, 3, 0, 4, 2)]) == "AAADADA"


@VARIANTS
def test_a_list_of_one_family_knows_nothing_of_the_other(kernel: Kernel, variant: str) -> None:
    """Rules of both families that name a list share it; an address of one is never one of the other."""
    four = setup(variant, "-A INPUT -p udp --dport 51 -m recent --set --name l", "-A INPUT -m recent --rcheck --name l -j ACCEPT")
    six, (asked,) = in_ipv6(setup(variant, "-A INPUT -m recent --rcheck --name l -j ACCEPT"), [recent.udp()])
    both = replace(four, interfaces={name: (*four.interfaces[name], *six.interfaces[name]) for name in ("wan", "lan")}, rules6=six.rules6)
    items: list[Item] = [recent.udp(port=51), recent.udp(), asked]
    assert "".join(packet.verdict[0] for packet in played(kernel, both, items)) == "AAD"


ZONED = """*raw
-A PREROUTING -p udp -m udp --sport 7000:7999 -j CT --zone 1
-A PREROUTING -p udp -m udp --sport 8000:8999 -j CT --zone-orig 2
COMMIT
"""


@VARIANTS
@pytest.mark.parametrize("family", [4, 6])
def test_connlimit_counts_by_zone(kernel: Kernel, variant: str, family: int) -> None:
    rules = [f"-A FORWARD -m connlimit --connlimit-above {number} --connlimit-mask 0" for number in range(4)]
    one = setup(variant, *rules, "-A FORWARD -j ACCEPT")
    one = replace(one, rules=ZONED + one.rules)
    items = connlimit.spaced([connlimit.udp(port) for port in (1, 7001, 8001, 2, 7002, 8002, 7003, 1, 7001, 3, 8003)])
    played(kernel, *((one, items) if family == 4 else in_ipv6(one, items)))


@VARIANTS
@pytest.mark.parametrize("family", [4, 6])
def test_connlimit_and_what_is_related(kernel: Kernel, variant: str, family: int) -> None:
    """An error about a connection is tied to its entry, and comes by the other way: so its own tuple is none that is counted."""
    rules = [f"-A FORWARD -m connlimit --connlimit-above {number} --connlimit-mask 0" for number in range(4)]
    one = setup(variant, *rules, "-A FORWARD -j ACCEPT")
    about = [connlimit.udp(port).raw for port in (1, 2, 3)]
    errors = [Shot(craft.icmp(SERVER, CLIENT, 3, 3, 0, raw[:28], id=1), "wan") for raw in about]
    shots = [connlimit.udp(1), errors[0], connlimit.udp(2), errors[1], errors[2], connlimit.udp(1), errors[0], *Tcp().open(), errors[1]]
    items = connlimit.spaced(shots)
    played(kernel, *((one, items) if family == 4 else in_ipv6(one, items)))


@VARIANTS
def test_connlimit_and_connections_that_were_expected(kernel: Kernel, variant: str) -> None:
    raw = "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
    rules = [f"-A FORWARD -m connlimit --connlimit-above {number} --connlimit-mask 0" for number in range(4)]
    one = setup(variant, *rules, "-A FORWARD -j ACCEPT")

    def segment(there: bool, sport: int, dport: int, flags: str, seq: int, ack: int, data: bytes = b"") -> Shot:
        src, dst = (CLIENT, SERVER) if there else (SERVER, CLIENT)
        return Shot(craft.tcp(src, dst, sport, dport, craft.flag_bits(flags), seq, ack, 8192, data, id=1), "lan" if there else "wan")

    words = (b"USER me\r\n", b"PORT 192,168,0,20,200,1\r\n")
    shots = [segment(True, 4000, 21, "S", 100, 0), segment(False, 21, 4000, "SA", 500, 101), segment(True, 4000, 21, "A", 101, 501)]
    seq = 101
    for word in words:
        shots += [segment(True, 4000, 21, "PA", seq, 501, word), segment(False, 21, 4000, "A", 501, seq + len(word))]
        seq += len(word)
    shots += [segment(False, 20, 51201, "S", 900, 0), segment(True, 51201, 20, "SA", 700, 901), segment(False, 20, 51201, "A", 901, 701)]
    shots += [connlimit.udp(1), segment(False, 20, 51201, "A", 901, 701), connlimit.udp(1)]
    packets = played(kernel, replace(one, rules=raw + one.rules), connlimit.spaced(shots))
    assert packets[7].states[-1][1] == "RELATED"


def test_addresses_are_as_they_should_be() -> None:
    """The translation keeps different hosts apart."""
    assert address("192.168.0.20") == CLIENT
    _, said = in_ipv6(setup("legacy"), [connlimit.udp(1), Order("-A INPUT -s 192.168.0.20")])
    assert said[1] == Order("-A INPUT -s fd00:168::14", family=6)
