"""IPv6 as the kernel does it: header chains, scopes, sizes, fragments and what waits too long, errors and their rations, REJECT."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, product

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN
from fwtutor.netfilter.xtables.targets.reject import KINDS
from tests.kernel.headers6 import Headers
from tests.kernel.six import box, differences, unlike_answers
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import CLIENT, LAN, SERVER, TRACK6, WAN, datagram, fragments, ip6

REJECTS = "".join(
    f"-A {chain} -p {protocol} -m {protocol} --dport {port} -j REJECT --reject-with {kind}\n"
    for chain in ("INPUT", "FORWARD")
    for port, (kind, _, _) in enumerate(KINDS[6], 1)
    for protocol in (("tcp",) if kind == "tcp-reset" else ("tcp", "udp"))
)
COUNTED = "".join(
    f"-A {chain} {match}\n"
    for chain in ("INPUT", "FORWARD")
    for match in (
        "-s 2001:db8:9::/48 -d 2001:db8:2::/64 -p tcp", "! -p udp", "-p 60", "-p 59", "-i wan ! -p ipv6-icmp",
        "-p tcp -m multiport --dports 1,80",
        "-p udp -m multiport ! --sports 10000:10100", "-p ipv6-icmp -m icmp6 --icmpv6-type 1", "-p ipv6-icmp -m icmp6 --icmpv6-type 128/0",
        "-p ipv6-icmp -m icmp6 ! --icmpv6-type 135", "-p udp -m udp --sport 10000:20000", "-p tcp -m tcp --tcp-flags SYN,RST SYN", "-p 132",
    )
)  # fmt: skip
OTHERS = "".join(
    f"-A FORWARD -p {protocol} -j REJECT --reject-with icmp6-adm-prohibited\n" for protocol in (33, 47, 50, 51, 132, 135, 136, 200)
)
RULES = f"{EMPTY}{COUNTED}{REJECTS}{OTHERS}COMMIT\n"
TRACKED = f"{EMPTY}-A FORWARD -m conntrack --ctstate INVALID\n{COUNTED}{REJECTS}{OTHERS}COMMIT\n"


def a(text: str) -> int:
    return parse_address(text)[1]


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("rules", [RULES, TRACKED], ids=["plain", "tracked"])
@pytest.mark.parametrize("seed", range(2))
def test_random_headers(kernel: Kernel, seed: int, rules: str, variant: str) -> None:
    assert differences(kernel, replace(box(rules), variant=variant), Headers(seed).shots(300)) == []


@pytest.mark.parametrize("rules", [f"{EMPTY}COMMIT\n", TRACK6], ids=["plain", "tracked"])
@pytest.mark.parametrize("seed", range(3))
def test_what_a_host_without_sockets_answers(kernel: Kernel, seed: int, rules: str) -> None:
    sources = (CLIENT, CLIENT, SERVER, a("2001:db8:1::5"), a("fe80::9"), 0)
    destinations = (WAN, WAN, LAN, a("ff02::1"), a("ff02::2"), a("2001:db8:1::"))
    assert unlike_answers(kernel, box(rules), Headers(seed, sources, destinations).shots(300)) == []


@pytest.mark.parametrize("forwarding", [0, 1])
def test_addresses_of_every_kind(kernel: Kernel, forwarding: int) -> None:
    sources = (
        "2001:db8:9::9",
        "2001:db8:1::5",
        "2001:db8:2::80",
        "fe80::9",
        "::",
        "2001:db8:1::1",
        "2001:db8:2::",
        "::1",
    )
    destinations = (
        "2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::80", "2001:db8:1::5", "2001:db8:9::9", "2001:db8:77::1", "2001:db8:66::6",
        "2001:db8:1::", "fe80::9", "fec0::1", "ff00::1", "ff01::1", "ff02::1", "ff02::2", "ff02::5", "ff05::2", "ff0e::5", "::", "::1",
    )  # fmt: skip
    shots = [
        Shot(craft.udp(a(src), a(dst), 1000 + number, 53, b"x", family=6, ttl=hops), on)
        for number, (src, dst, hops, on) in enumerate(product(sources, destinations, (64, 1), ("wan", "lan")))
    ]
    assert differences(kernel, box(net__ipv6__conf__all__forwarding=forwarding), shots) == []


def test_a_reset_for_every_combination_of_flags(kernel: Kernel) -> None:
    rules = f"{EMPTY}-A FORWARD -m conntrack --ctstate NEW\n-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n"
    shots = [
        Shot(craft.tcp(CLIENT, dst, 1000 + flags, 80, flags, 100, 200, payload=b"hello", family=6, tos=0xB9), "wan")
        for flags in range(64)
        for dst in (SERVER, WAN)
    ]
    assert differences(kernel, box(rules), shots) == []


def test_a_connection_from_its_syn_to_its_end(kernel: Kernel) -> None:
    def segment(there: bool, flags: int, seq: int, ack: int, payload: bytes = b"") -> Shot:
        ends = (CLIENT, SERVER, 4000, 80) if there else (SERVER, CLIENT, 80, 4000)
        return Shot(craft.tcp(*ends, flags, seq, ack, payload=payload, family=6), "wan" if there else "lan")

    shots = [
        segment(True, SYN, 100, 0), segment(False, SYN | ACK, 500, 101), segment(True, ACK, 101, 501),
        segment(True, ACK, 101, 501, b"hello"), segment(False, ACK, 501, 106), segment(False, FIN | ACK, 501, 106),
        segment(True, FIN | ACK, 106, 502), segment(False, ACK, 502, 107), segment(True, RST, 107, 0), segment(True, SYN, 9000, 0),
    ]  # fmt: skip
    assert differences(kernel, box(), shots) == []


@pytest.mark.parametrize("mark", range(4))
def test_fragments_that_know_of_ecn(kernel: Kernel, mark: int) -> None:
    shots = []
    for number, (second, third) in enumerate(product(range(4), repeat=2)):
        cut = fragments(datagram(size=40), (16, 16, 16), id=number)
        for raw, bits in zip(cut, (mark, second, third), strict=True):
            shots.append(Shot(raw[:1] + bytes([raw[1] | bits << 4]) + raw[2:], "wan"))
    assert differences(kernel, box(), shots) == []


@pytest.mark.parametrize("size", [1232, 1233, 1400, 1452])
def test_sizes_on_a_link_of_1280_bytes(kernel: Kernel, size: int) -> None:
    far = a("2001:db8:77::7")
    whole = ip6(17, datagram(dst=far, size=size), dst=far)
    cut = [
        fragments(datagram(dst=far, size=2000), sizes, dst=far, id=number)
        for number, sizes in enumerate(((1000, 1008), (1232, 776), (1240, 768)))
    ]
    error = craft.icmp(CLIENT, far, 1, 4, 0, bytes(size), family=6)
    shots = [Shot(raw, "wan") for raw in (whole, error, *chain.from_iterable(cut))]
    assert differences(kernel, box(), shots) == []


def test_the_sender_of_a_datagram_that_stays_incomplete_is_told_if_its_head_came(kernel: Kernel) -> None:
    setup = box(net__netfilter__nf_conntrack_frag6_timeout=1)
    first, last = fragments(datagram(size=40), (24, 24), id=1)
    other = fragments(datagram(size=40), (24, 24), id=2)[1]
    shots = [Shot(first, "wan"), Shot(other, "wan"), Shot(ip6(17, datagram()), "wan", at=1.5), Shot(last, "wan")]
    assert differences(kernel, setup, shots) == []


def test_the_rations_of_errors(kernel: Kernel) -> None:
    def late(src: int, count: int, at: float = 0.0) -> list[Shot]:
        return [Shot(craft.udp(src, SERVER, 1, 2 + number, b"", family=6, ttl=1), "wan", at=at) for number in range(count)]

    setup = box(net__ipv6__icmp__ratelimit=300)
    near, whom = a("2001:db8:1::5"), a("2001:db8:1::6")
    turned = [Shot(craft.udp(near, whom, 1, 2, b"", family=6), "wan")]
    assert differences(kernel, setup, [*late(CLIENT, 10), *late(near, 8), *turned, *late(whom, 8), *late(CLIENT, 4, 0.7)]) == []


def test_redirects(kernel: Kernel) -> None:
    setup = Setup(
        {"wan": ("2001:db8:1::1/64", "fe80::1/64"), "lan": ("2001:db8:2::1/64",)}, "",
        {"default": ("wan", "2001:db8:1::fe"), "2001:db8:aa::/48": ("wan", "fe80::fe")}, {"net.ipv6.icmp.ratelimit": 1000}, rules6=TRACK6,
    )  # fmt: skip
    sources = ("fe80::9", "2001:db8:1::5", "2001:db8:9::9", "2001:db8:2::5")
    destinations = ("fe80::8", "fe80::9", "2001:db8:1::7", "2001:db8:1::5", "2001:db8:77::7", "2001:db8:aa::1")
    shots = [
        Shot(craft.udp(a(src), a(dst), 1 + number, 2, bytes(number % 3 * 600), family=6), "wan")
        for number, (src, dst) in enumerate(product(sources, destinations * 2))
    ]
    assert differences(kernel, setup, shots) == []


def test_what_the_box_itself_sends(kernel: Kernel) -> None:
    shots = [
        Shot(raw, None)
        for dst in (CLIENT, SERVER, WAN, LAN, a("2001:db8:1::"), a("2001:db8:66::6"), a("ff02::9"), a("ff05::9"))
        for raw in (craft.udp(WAN, dst, 1000, 53, b"x", family=6), craft.udp(WAN, dst, 1001, 53, b"x", family=6, ttl=0))
    ]
    assert differences(kernel, box(), shots) == []


@pytest.mark.parametrize("on", ["wan", "lan", None])
def test_an_echo_for_many_from_an_address_of_the_boxs_other_link_is_answered_by_the_link_it_came_by(kernel: Kernel, on: str | None) -> None:
    setup = replace(box(), routes={"default": ("wan", "2001:db8:1::fe")})
    targets = (a("ff02::1"), a("ff02::2"), a("2001:db8:1::"), a("2001:db8:2::"))
    shots = [
        Shot(craft.icmp(src, dst, 128, 0, 7 << 16 | n, b"x", family=6), on) for n, (src, dst) in enumerate(product((WAN, LAN), targets))
    ]
    assert differences(kernel, setup, shots) == []
