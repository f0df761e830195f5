"""Matches that look at the packet or at what surrounds it, option by option: true and false, whole packets, cut ones and fragments.

Every rule of a list is asked about every packet, in both variants and both families, and kernel and engine must agree on each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from struct import pack

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ICMP, Packet
from tests.kernel import six, talk
from tests.netfilter.six import CLIENT, SERVER, fragment

TOOLS = pytest.mark.parametrize(("variant", "family"), [(variant, family) for variant in ("legacy", "nft") for family in (4, 6)])
LEAST, PACKETS = 20, 400
ENDS = {4: (talk.STRANGER, talk.SERVER), 6: (CLIENT, SERVER)}
Body = tuple[int, bytes]
"""A protocol and what follows the IP header."""


def packet(random: Random, family: int, body: Body, tos: int = 0) -> bytes:
    """Around a body an IP header, now and then that of a fragment; sometimes the end is missing."""
    protocol, data = body
    src, dst = ENDS[family]
    chance = random.random()
    offset = 8 * random.randint(1, 3) if chance < 0.08 else 0
    if chance > 0.9:
        data = data[: random.randint(0, min(len(data), 24))]
    if family == 4:
        return craft.ip(src, dst, protocol, data, id=random.randint(1, 0xFFFF), df=False, mf=bool(offset), offset=offset, tos=tos)
    if offset:
        protocol, data = 44, fragment(protocol, offset, True) + data
    return craft.ip(src, dst, protocol, data, family=6, tos=tos)


def rules_of(matches: list[str], table: str = "mangle") -> str:
    rules = [f"-A PREROUTING {each}" for each in (*matches, "-j DROP")]
    return "\n".join([f"*{table}", *rules, "COMMIT", ""])


def decided(
    kernel: Kernel, matches: list[str], raws: list[bytes], variant: str, family: int, table: str = "mangle"
) -> list[tuple[int, int]]:
    """Of each rule how often it was found true and false, as kernel and engine both say."""
    rules = rules_of(matches, table)
    setup = talk.box(rules) if family == 4 else six.box(rules)
    shots = [Shot(raw, "wan") for raw in raws]
    comparison = compare(kernel, replace(setup, variant=variant), shots)
    assert not comparison.differences, f"{comparison}"
    found = [[0, 0] for _ in matches]
    for observed in comparison.observation.packets:
        hit = {int(word.rpartition(":")[2]) for word in observed.path if word.startswith(f"{table}:PREROUTING:rule")}
        # The last rule is reached by what no match dropped; the kernel may call it by another name.
        last = len(matches) if observed.path else max(hit, default=0)
        for number in range(1, last + 1):
            found[number - 1][number not in hit] += 1
    return [(true, false) for true, false in found]


def both_ways(
    kernel: Kernel, matches: list[str], make: Callable[[Random], Body], variant: str, family: int, tos: bool = False, least: int = LEAST
) -> None:
    random = Random(f"{matches[0]} {family}")
    raws = [packet(random, family, make(random), random.randint(0, 255) if tos else 0) for _ in range(PACKETS)]
    counts = decided(kernel, matches, raws, variant, family)
    wrong = [(match, count) for match, count in zip(matches, counts, strict=True) if min(count) < least]
    assert not wrong, f"too seldom true or false: {wrong}"


SPIS = (0, 5, 5, 7, 9, 9, 10, 0xFFFFFFFF)


def esp(random: Random) -> Body:
    return 50, pack("!II", random.choice(SPIS), 1) + bytes(8)


def ah(random: Random) -> Body:
    return 51, pack("!BBHII", 6, random.choice((1, 4, 4, 5)), random.choice((0, 0, 1)), random.choice(SPIS), 1) + bytes(20)


@TOOLS
def test_esp(kernel: Kernel, variant: str, family: int) -> None:
    options = ("--espspi 5", "! --espspi 9", "--espspi 5:9", "! --espspi 5:9", "--espspi 7:", "--espspi :7")
    both_ways(kernel, [f"-p esp -m esp {each}" for each in options], esp, variant, family)


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_ah_in_ipv4(kernel: Kernel, variant: str) -> None:
    options = ("--ahspi 5", "! --ahspi 9", "--ahspi 5:9", "! --ahspi 5:9", "--ahspi 7:", "--ahspi :7")
    both_ways(kernel, [f"-p ah -m ah {each}" for each in options], ah, variant, 4)


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_ah_in_ipv6(kernel: Kernel, variant: str) -> None:
    options = ("--ahspi 5", "! --ahspi 5:9", "--ahspi 7:", "--ahlen 24", "! --ahlen 24", "--ahres", "--ahspi 5:10 --ahlen 24 --ahres")
    both_ways(kernel, [f"-m ah {each}" for each in options], ah, variant, 6)


def tcp(random: Random) -> Body:
    options = random.choice((
        b"", b"\2\4\x05\xb4", b"\1\1\2\4\x02\x18", b"\3\3\7\1\2\4\x05\xb4", b"\2\4\0\0", b"\2\3\5\1", b"\2\0\0\0", b"\4\0\2\4\1\0\0\0",
        b"\0\0\2\4\5\xb4\0\0", b"\1\1\1\2", b"\5\x0aabcdefgh\2\4", b"\3\4\1\2\4\2\2\4\5\xb4\0\0",
    ))  # fmt: skip
    head = bytearray(craft.tcp_segment(1, 2, 4000, 80, random.randint(0, 255), options=options, payload=b"x" * random.randint(0, 9)))
    if random.random() < 0.07:
        head[12] = random.choice((0x40, 0xF0, 0x00, 0x70))
    return 6, bytes(head)


@TOOLS
def test_ecn(kernel: Kernel, variant: str, family: int) -> None:
    ect = [f"-m ecn {no}--ecn-ip-ect {value}" for no in ("", "! ") for value in range(4)]
    flags = ("--ecn-tcp-ece", "! --ecn-tcp-ece", "--ecn-tcp-cwr", "! --ecn-tcp-cwr", "--ecn-tcp-cwr ! --ecn-tcp-ece")
    both_ways(kernel, [*ect, *(f"-p tcp -m ecn {each}" for each in flags)], tcp, variant, family, tos=True)


@TOOLS
def test_tcpmss(kernel: Kernel, variant: str, family: int) -> None:
    options = ("--mss 1460", "! --mss 1460", "--mss 536:1460", "! --mss 0:535", "--mss 0:1459", "! --mss 1000:")
    both_ways(kernel, [f"-p tcp -m tcpmss {each}" for each in options], tcp, variant, family)


def sctp(random: Random) -> Body:
    chunks = b""
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        value = bytes(random.choice((0, 1, 4, 12)))
        chunks += craft.sctp_chunk(random.choice((0, 0, 0, 1, 2, 6, 6, 14, 64, 192)), value, random.choice((0, 1, 2, 3, 4, 8)))
    if random.random() < 0.06:
        chunks += bytes(4)
    if random.random() < 0.06:
        chunks += b"\0\0"
    return 132, pack("!HHII", random.choice((5, 7, 9)), random.choice((5, 7, 9)), 1, 2) + chunks


@TOOLS
def test_sctp_ports(kernel: Kernel, variant: str, family: int) -> None:
    options = ("--sport 5", "! --sport 5", "--dport 5:7", "! --dport 5:7", "--sport 7: --dport :7", "! --sport 5 ! --dport 7")
    both_ways(kernel, [f"-p sctp -m sctp {each}" for each in options], sctp, variant, family)


CHUNKS = (
    "any DATA", "any INIT,ABORT", "all DATA", "all DATA,ABORT", "only DATA", "only DATA,INIT,INIT_ACK", "any DATA:B", "any DATA:b",
    "any DATA:Be", "all DATA:u", "only DATA:i,ABORT:T,ABORT", "any ABORT:T", "any ABORT:t,SHUTDOWN_COMPLETE:t", "any I_DATA,FORWARD_TSN",
    "any I_DATA:B",
)  # fmt: skip


@TOOLS
@pytest.mark.parametrize("negated", ["", "! "], ids=["plain", "negated"])
@pytest.mark.parametrize("chunks", CHUNKS)
def test_sctp_chunks(kernel: Kernel, variant: str, family: int, chunks: str, negated: str) -> None:
    def make(random: Random) -> Body:
        return (
            sctp(random)
            if random.random() < 0.7
            else (132, pack("!HHII", 5, 7, 1, 2) + craft.sctp_chunk(random.choice((0, 0, 6, 64)), b"", 3))
        )

    random = Random(f"{chunks} {family}")
    raws = [packet(random, family, make(random)) for _ in range(60)]
    decided(kernel, [f"-p sctp -m sctp {negated}--chunk-types {chunks}"], raws, variant, family)


def dccp(random: Random) -> Body:
    kind, extended = random.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15)), random.random() < 0.5
    behind = bytes((4 if extended else 0) + {0: 4, 1: 12, 2: 0, 7: 12}.get(kind, 8 if kind < 10 else 12))
    options = random.choice((b"", b"\0\0\0\0", b"\5\4xx", b"\1\5\3x", b"\x20\2\1\5", b"\5\0\5\1"))
    size = (12 + len(behind) + len(options)) // 4
    size = random.choice((0, 2, 60)) if random.random() < 0.06 else size
    ports = random.choice((5, 7, 9)), random.choice((5, 7, 9))
    return 33, pack("!HHBBHBBH", *ports, size, 0, 0, kind << 1 | extended, 0, 0) + behind + options + b"data"


@TOOLS
def test_dccp(kernel: Kernel, variant: str, family: int) -> None:
    options = (
        "--sport 5", "! --dport 5:7", "--dccp-types REQUEST,RESPONSE,DATA", "! --dccp-types ACK,DATAACK,CLOSE,RESET",
        "--dccp-types INVALID,SYNC",
        "--dccp-option 5",
    )  # fmt: skip
    both_ways(kernel, [f"-p dccp -m dccp {each}" for each in options], dccp, variant, family)


@TOOLS
def test_a_dccp_option_that_must_not_be_there(kernel: Kernel, variant: str, family: int) -> None:
    both_ways(kernel, ["-p dccp -m dccp ! --dccp-option 5"], dccp, variant, family)


def anything(random: Random) -> Body:
    words = ("GET ", "get ", "aab", "aaab", "abab", "x", "\r\n", "\0", "Ab", "\xe9\xc9", "ba")
    text = "".join(random.choice(words) for _ in range(random.randint(0, 8))).encode("latin-1")
    return 17, craft.udp(1, 2, random.choice((5, 53)), random.choice((53, 80)), text, family=4)[20:]


@TOOLS
def test_u32(kernel: Kernel, variant: str, family: int) -> None:
    tests = (
        "0&0xFFFF=28:36", "0>>22&0x3C@0>>16=53", "0&0=0,5:7 && 0>>22&0x3C@0&0xFFFF=80", "0>>22&0x3C@8=0x47455420,0x67657420",
        "24&0xff=1:0x7f",
        "32=0:0xffffffff", "36&0=0", "0<<24>>24=1:31", "0>>22&0x3C@4>>17@0&0=0", "20&0xFFFF=53 && 20>>16=5",
    ) if family == 4 else (
        "4>>16=0:14", "40>>16=53", "4&0@40&0xFFFF=80", "48=0x47455420,0x67657420", "44&0xff=1:0x7f", "52=0:0xffffffff", "56&0=0",
        "44<<8>>24=1:127", "44>>15@0&0=0", "40&0xFFFF=53 && 40>>16=5",
    )  # fmt: skip
    rules = [f'-m u32 {no}--u32 "{each}"' for each in tests for no in ("", "! ")]
    both_ways(kernel, rules, anything, variant, family)


@TOOLS
def test_string(kernel: Kernel, variant: str, family: int) -> None:
    head = 28 if family == 4 else 48
    texts = (
        '--string "GET "', '--string "get " --icase', "--string abab", "--string aab", "--string AAB --icase",
        "--hex-string \"|0d0a|\"", "--hex-string \"|e9c9|\" --icase", "--hex-string \"|0d|\" --from 44",
        f"--string aab --from {head} --to {head + 8}",
        f"--string ba --from {head + 2}", f"--string x --to {head + 4}", f"--string aaab --from {head} --to {head + 12} --icase",
    )  # fmt: skip
    rules = [f"-m string {no}{each} --algo {algorithm}" for algorithm in ("bm", "kmp") for each in texts for no in ("", "! ")]
    random = Random(f"string {family}")
    # Long enough, so that what is asked for comes often, and cut nowhere.
    raws = [craft.ip(*ENDS[family], 17, anything(random)[1] + anything(random)[1][8:], family=family, id=7) for _ in range(PACKETS)]
    counts = decided(kernel, rules, raws, variant, family)
    wrong = [(match, count) for match, count in zip(rules, counts, strict=True) if min(count) < LEAST]
    assert not wrong, f"too seldom true or false: {wrong}"


@TOOLS
def test_bm_and_kmp_find_what_is_there(kernel: Kernel, variant: str, family: int) -> None:
    random = Random(f"ab {family}")
    texts = ["".join(random.choice("abB") for _ in range(random.randint(1, 9))) for _ in range(40)]
    rules = [f"-m string --string {text} --algo {algo}{random.choice(('', ' --icase'))}" for text in texts for algo in ("bm", "kmp")]
    bodies = ["".join(random.choice("abBA") for _ in range(random.randint(0, 60))).encode() for _ in range(40)]
    raws = [craft.udp(*ENDS[family], 5, 53, body, family=family) for body in bodies]
    decided(kernel, rules, raws, variant, family)


@TOOLS
def test_what_there_is_nothing_of_in_the_box(kernel: Kernel, variant: str, family: int) -> None:
    true = ("-m policy --dir in --pol none", "-m physdev ! --physdev-in x ! --physdev-is-bridged", "-m physdev ! --physdev-is-in",
            "-m physdev ! --physdev-out x ! --physdev-is-out", "-m devgroup --src-group 0", "-m devgroup --src-group 8/7",
            "-m devgroup ! --src-group 5", "-m cpu ! --cpu 4000000000")  # fmt: skip
    false = ("-m policy --dir in --pol ipsec", "-m policy --dir in --pol ipsec --strict --proto esp", "-m physdev --physdev-in +",
             "-m physdev ! --physdev-in x --physdev-is-in", "-m physdev --physdev-is-bridged", "-m physdev --physdev-is-out",
             "-m devgroup ! --src-group 0", "-m devgroup --src-group 5", "-m cpu --cpu 4000000000")  # fmt: skip
    raws = [craft.udp(*ENDS[family], 5, 53, family=family) for _ in range(LEAST)]
    counts = decided(kernel, [*true, *false], raws, variant, family)
    assert counts == [(LEAST, 0)] * len(true) + [(0, LEAST)] * len(false)


VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def header(kind: int, following: int, random: Random) -> bytes:
    """One extension header."""
    if kind == 44:
        first = random.random() < 0.7
        place = random.choice((0, 1)) if first else random.choice((8, 9, 0x18))
        return pack("!BBHI", following, random.choice((0, 0, 0, 1)), place | random.choice((0, 0, 0, 2, 4)), random.choice((5, 7, 9, 10)))
    if kind == 43:
        hops = random.choice(((), (1,), (1, 2), (2, 1), (1, 3, 2), (3, 1)))
        kind_of_route = random.choice((0, 0, 0, 2))
        body = b"".join(hop.to_bytes(16, "big") for hop in hops)
        return pack("!BBBBI", following, 2 * len(hops), kind_of_route, random.choice((0, 1, 2, 3)), random.choice((0, 0, 0, 1))) + body
    options = random.choice(
        (b"\1\4\0\0\0\0", b"\5\2\0\0\1\0", b"\0\0\5\2\0\0", *(b"\x1e\4\0\1\0\0\1\6" + bytes(6),) * 2, *(b"\5\2\0\0\5\7",) * 2)
    )
    return bytes([following, (len(options) + 2) // 8 - 1]) + options


def chained(random: Random, kinds: tuple[int, ...], damaged: bool = True, most: int = 3) -> bytes:
    """A packet with a chain of such headers, sometimes cut short, sometimes with a length changed."""
    chosen = random.choices(kinds, k=random.randint(0, most))
    upper = random.choice((17, 17, 59, 50))
    data = craft.udp(CLIENT, SERVER, 5, 53, b"data", family=6)[40:]
    for kind in reversed(chosen):
        if kind == 51:
            data = pack("!BBHII", upper, random.choice((1, 4)), 0, 5, 1) + bytes(12) + data
        else:
            data = header(kind, upper, random) + data
        upper = kind
    if damaged and random.random() < 0.12:
        data = data[: random.randint(0, 40)]
    if damaged and len(data) > 1 and random.random() < 0.08:
        data = data[:1] + bytes([random.choice((0, 1, 3, 40, 255))]) + data[2:]
    return craft.ip(CLIENT, SERVER, upper, data, family=6)


def both_ways6(kernel: Kernel, rules: list[str], kinds: tuple[int, ...], variant: str, count: int = 900, least: int = LEAST) -> None:
    random = Random(rules[0])
    # Of a chain that breaks off the trace of nf_tables says nothing, and what calls itself IPv4's ICMP has no tuple to be asked for.
    raws = [chained(random, kinds, variant == "legacy") for _ in range(count)]
    counts = decided(kernel, rules, [raw for raw in raws if Packet(raw).protocol != ICMP], variant, 6)
    wrong = [(match, each) for match, each in zip(rules, counts, strict=True) if min(each) < least]
    assert not wrong, f"too seldom true or false: {wrong}"


@VARIANTS
def test_frag(kernel: Kernel, variant: str) -> None:
    options = ("", "--fragid 5", "! --fragid 5:9", "--fragid 7:", "--fraglen 8", "! --fraglen 8", "--fragres", "--fragfirst", "--fragmore",
               "--fraglast", "--fragid :7 --fragfirst --fraglast")  # fmt: skip
    both_ways6(kernel, [f"-m frag {each}".strip() for each in options], (44, 44, 60), variant)


@VARIANTS
def test_rt(kernel: Kernel, variant: str) -> None:
    options = (
        "", "--rt-type 0", "! --rt-type 0", "--rt-segsleft 1", "! --rt-segsleft 1:2", "--rt-len 24", "! --rt-len 24",
        "--rt-type 0 --rt-0-res",
        "--rt-type 0 --rt-0-addrs ::1,::2", "--rt-type 0 --rt-0-addrs ::1,::2 --rt-0-not-strict",
        "--rt-type 0 --rt-0-addrs ::1 --rt-0-not-strict",
        "--rt-type 0 --rt-0-res --rt-0-addrs ::1", "--rt-type 0 --rt-0-addrs ::1,::2,::3,::4 --rt-0-not-strict",
    )  # fmt: skip
    both_ways6(kernel, [f"-m rt {each}".strip() for each in options[:-1]], (43, 43, 43, 60), variant, 1800)
    random = Random("rt")
    decided(kernel, [f"-m rt {options[-1]}"], [chained(random, (43,), False) for _ in range(100)], variant, 6)


@VARIANTS
@pytest.mark.parametrize(("name", "kind"), [("hbh", 0), ("dst", 60)])
def test_options(kernel: Kernel, variant: str, name: str, kind: int) -> None:
    options = ("", "--x-len 8", "! --x-len 8", "--x-opts 1", "--x-opts 5:2", "--x-opts 5:2,1:0", "--x-opts 0,0,5", "--x-opts 30,1:6",
               "--x-opts 5:2,5", "--x-opts 1:4 --x-len 8")  # fmt: skip
    rules = [f"-m {name} {each.replace('--x', f'--{name}')}".strip() for each in options]
    both_ways6(kernel, rules, (kind, kind, kind, 43), variant, 1800)


@VARIANTS
def test_ipv6header(kernel: Kernel, variant: str) -> None:
    options = ("--header prot", "! --header prot", "--header dst,prot", "--header dst --soft", "! --header dst --soft",
        "--header hop,route --soft",
               "! --header hop,route --soft", "--header esp --soft", "--header none --soft", "--header frag,prot --soft",
               "--header auth --soft",
               "! --header auth,frag --soft")  # fmt: skip
    both_ways6(kernel, [f"-m ipv6header {each}" for each in options], (0, 43, 44, 51, 60), variant, 1800)


def mobility(random: Random) -> Body:
    return 135, bytes([59 if random.random() < 0.95 else 6, 0, random.randint(0, 9), 0, 0, 0, 0, 0])


@VARIANTS
def test_mh(kernel: Kernel, variant: str) -> None:
    options = ("--mh-type 1:4", "! --mh-type 1:4", "--mh-type bu:", "! --mh-type home-test-init")
    both_ways(kernel, [f"-p mh -m mh {each}" for each in options], mobility, variant, 6)


@TOOLS
def test_rpfilter(kernel: Kernel, variant: str, family: int) -> None:
    texts = {
        4: ("203.0.113.9", "203.0.113.1", "192.168.0.1", "192.168.3.4", "198.51.100.7", "203.0.113.255", "0.0.0.0", "224.0.0.5", "10.9.9.9",
            "255.255.255.255", "192.168.255.255", "203.0.113.0"),
        6: ("2001:db8:1::5", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:2::80", "2001:db8:9::9", "2001:db8:77::7", "2001:db8:66::6",
            "fe80::9", "::", "2001:db8:2::", "2001:db8:1::"),
    }[family]  # fmt: skip
    options = (
        "",
        "--loose",
        "--validmark",
        "--accept-local",
        "--invert",
        "--loose --accept-local",
        "--loose --invert",
        "--accept-local --invert",
    )
    to = {4: ("198.51.100.80", "192.168.0.7"), 6: ("2001:db8:2::80", "2001:db8:9::9")}[family]
    raws = [
        (craft.udp(parse_address(text)[1], parse_address(dst)[1], 5, 53, family=family), on)
        for text in texts for dst in to for on in ("wan", "lan")
    ]  # fmt: skip
    matches = [f"-m rpfilter {each}".strip() for each in options]
    for table in ("raw", "mangle"):
        setup = talk.box(rules_of(matches, table)) if family == 4 else six.box(rules_of(matches, table))
        comparison = compare(kernel, replace(setup, variant=variant), [Shot(raw, on) for raw, on in raws * 2])
        assert not comparison.differences, f"{comparison}"


@VARIANTS
def test_of_a_datagram_put_together_bm_looks_at_each_fragment_and_kmp_at_all(kernel: Kernel, variant: str) -> None:
    """The engine looks at all of it in either case: docs/simplified.md."""
    body = craft.udp(talk.STRANGER, talk.SERVER, 5, 53, b"aaaaNEEDLEaaaa")[20:]
    ends = talk.STRANGER, talk.SERVER, 17
    shots = [
        Shot(craft.ip(*ends, body[:16], id=9, df=False, mf=True), "wan"),
        Shot(craft.ip(*ends, body[16:], id=9, df=False, offset=16), "wan"),
    ]
    for algorithm, found in (("bm", False), ("kmp", True)):
        rules = f"*mangle\n-A FORWARD -m conntrack --ctstate NEW -m string --string NEEDLE --algo {algorithm}\nCOMMIT\n"
        setup = replace(talk.box(rules), variant=variant)
        assert ("mangle:FORWARD:rule:1" in kernel.play(setup, shots).packets[-1].path) is found
        if found:
            assert not compare(kernel, setup, shots).differences


@pytest.mark.parametrize("target", ["-j ACCEPT", "", "-j LOG", "-j MARK --set-xmark 0x1/0xffffffff", "-j u"])
def test_legacy_counts_what_a_negation_made_a_match_of_and_drops_it(kernel: Kernel, target: str) -> None:
    body = pack("!HHII", 5, 7, 1, 2) + bytes(4)
    rule = f"-A PREROUTING -p sctp -m sctp ! --chunk-types any DATA {target}".strip()
    shots = [Shot(craft.ip(talk.STRANGER, talk.SERVER, 132, body, id=1), "wan")]
    comparison = compare(kernel, talk.box(f"*mangle\n:u - [0:0]\n{rule}\n-A u -j ACCEPT\nCOMMIT\n"), shots)
    assert not comparison.differences, f"{comparison}"
    assert f"[1:36] {rule}".replace("  ", " ") in comparison.observation.rules


@VARIANTS
def test_in_ipv6_a_default_route_is_no_way_back_to_who_lives_elsewhere(kernel: Kernel, variant: str) -> None:
    matches = ("-m rpfilter", "-m rpfilter --accept-local", "-m rpfilter --loose", "-m rpfilter --invert")
    setup = replace(six.box(rules_of(list(matches))), variant=variant, routes={"::/0": "wan"})
    sources = [parse_address(text)[1] for text in ("2001:db8:2::80", "2001:db8:9::9", "2001:db8:1::5", "fe80::9")]
    shots = [Shot(craft.udp(source, CLIENT, 5, 53, family=6), on) for source in sources for on in ("wan", "lan")]
    comparison = compare(kernel, setup, shots)
    assert not comparison.differences, f"{comparison}"
