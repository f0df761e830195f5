"""Rules and packets for which every option of every match decides both ways; ``test_every_option`` plays and counts them.

A board is a list of conditions in one chain, none of which ends the way of a packet, and packets that meet them all, in either family.
Nothing here waits: what goes by time goes by bursts and by times that are long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from fwtutor.kernel.observation import Item, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import ICMP, Packet
from fwtutor.netfilter.xtables.matches.eui64 import interface_id
from tests.kernel import talk, test_matches5 as headers

COUNT = 120
"""Packets of most boards: with two kinds in turn, enough of either."""


class Board(NamedTuple):
    """``rules``: what stands between chain and target, that ``shots`` meet in that chain of mangle."""

    rules: tuple[str, ...]
    shots: tuple[Item, ...]
    chain: str = "PREROUTING"
    before: str = ""
    """Rules of other tables, as save text."""
    first: tuple[str, ...] = ()
    """Rules of the chain that are met before, and not counted."""
    sets: str = ""
    """What ``ipset restore`` reads first."""


class World(NamedTuple):
    """Who talks, in a family."""

    family: int
    far: int
    near: int
    box: int

    def text(self, number: int) -> str:
        return format_address(self.family, number)

    def udp(self, sport: int = 4000, dport: int = 53, size: int = 8, *, back: bool = False, **given: int) -> Shot:
        """From the host on wan to the one on lan, or back."""
        src, dst = (self.near, self.far) if back else (self.far, self.near)
        raw = craft.udp(src, dst, sport, dport, bytes(size), family=self.family, id=1, **given)
        return Shot(raw, "lan" if back else "wan")

    def tcp(
        self, sport: int, dport: int, flags: str, seq: int = 0, ack: int = 0, data: bytes = b"", options: bytes = b"", *, back: bool = False
    ) -> Shot:
        src, dst = (self.near, self.far) if back else (self.far, self.near)
        bits = craft.flag_bits(flags)
        raw = craft.tcp(src, dst, sport, dport, bits, seq, ack, 8192, data, options, family=self.family, id=1)
        return Shot(raw, "lan" if back else "wan")

    def of(self, protocol: int, data: bytes, tos: int = 0) -> Shot:
        return Shot(craft.ip(self.far, self.near, protocol, data, family=self.family, id=1, tos=tos), "wan")


WORLDS = {
    4: World(4, talk.SERVER, talk.CLIENT, talk.BOX),
    6: World(6, *(talk.address(text) for text in ("2001:db8:9::9", "2001:db8:2::80", "2001:db8:1::1"))),
}


def both(*options: str, match: str = "") -> tuple[str, ...]:
    """Each of the options, and negated."""
    return tuple(f"{match} {no}{option}".strip() for option in options for no in ("", "! "))


def bodies(world: World, make: Callable[[Random], tuple[int, bytes]], tos: bool = False, count: int = 300) -> tuple[Item, ...]:
    draw = Random(f"{make.__name__} {world.family}")
    return tuple(Shot(headers.packet(draw, world.family, make(draw), draw.randint(0, 255) if tos else 0), "wan") for _ in range(count))


def compressed(random: Random) -> tuple[int, bytes]:
    return 108, bytes([6, 0, 0, random.choice((0, 5, 7, 9))]) + bytes(4)


def icmp(random: Random, family: int) -> tuple[int, bytes]:
    kind = random.choice((8, 0, 3, 11) if family == 4 else (128, 129, 1, 3))
    return (1 if family == 4 else 58), craft.icmp(*headers.ENDS[family], kind, 0, 1, b"x" * 40, family=family)[20 if family == 4 else 40 :]


def transport(world: World) -> Iterator[Board]:
    """Ports, flags, options: what is in the headers of transport."""
    ports = both("--sport 5", "--dport 5:7", "--source-port 5", "--destination-port 5:7")
    draw = Random(1)
    shots = [
        world.tcp(draw.choice((5, 9)), draw.choice((6, 9)), draw.choice(("S", "A", "SA", "FA")), options=draw.choice((b"", b"\2\4\5\xb4")))
        for _ in range(COUNT)
    ]
    tcp = (*ports, *both("--syn", "--tcp-flags SYN,ACK SYN", "--tcp-option 2"))
    yield Board(tuple(f"-p tcp -m tcp {each}" for each in tcp), tuple(shots))
    datagrams = tuple(world.udp(draw.choice((5, 9)), draw.choice((6, 9))) for _ in range(COUNT))
    yield Board(tuple(f"-p udp -m udp {each}" for each in ports), datagrams)
    lists = both("--sports 5,7", "--dports 6:8", "--ports 5,6", "--source-ports 5", "--destination-ports 6")
    yield Board(tuple(f"-p udp -m multiport {each}" for each in lists), datagrams)
    yield Board((*both("--mss 1460", "--mss 536:1460", match="-p tcp -m tcpmss"),), bodies(world, headers.tcp))
    flags = both("--ecn-tcp-ece", "--ecn-tcp-cwr", match="-p tcp -m ecn")
    yield Board((*both("--ecn-ip-ect 0", "--ecn-ip-ect 2", match="-m ecn"), *flags), bodies(world, headers.tcp, tos=True))
    chunks = both("--sport 5", "--dport 5:7", "--chunk-types any DATA", "--chunk-types all DATA,ABORT", match="-p sctp -m sctp")
    yield Board(chunks, bodies(world, headers.sctp))
    types = both("--sport 5", "--dport 5:7", "--dccp-types REQUEST,DATA,ACK", "--dccp-option 5", match="-p dccp -m dccp")
    yield Board(types, bodies(world, headers.dccp, count=600))
    yield Board(both("--espspi 5", "--espspi 5:9", match="-p esp -m esp"), bodies(world, headers.esp))
    yield Board(both("--ipcompspi 5:7", "--ipcompspi 0 --compres", match="-p ipcomp -m ipcomp"), bodies(world, compressed))
    named = ("icmp", "icmp", "echo-request") if world.family == 4 else ("icmpv6", "icmp6", "echo-request")
    yield Board(both(f"--{named[0]}-type {named[2]}" if world.family == 4 else f"--icmpv6-type {named[2]}",
                     match=f"-p {named[0]} -m {named[1]}"), bodies(world, partial_named(icmp, world.family)))  # fmt: skip


def partial_named(make: Callable[[Random, int], tuple[int, bytes]], family: int) -> Callable[[Random], tuple[int, bytes]]:
    found = partial(make, family=family)
    found.__name__ = make.__name__  # type: ignore[attr-defined]
    return found


def extension(world: World) -> Iterator[Board]:
    """IPv6's extension headers, and what IPv4 has instead."""
    if world.family == 4:
        yield Board(both("--ahspi 5", "--ahspi 5:9", match="-p ah -m ah"), bodies(world, headers.ah))
        return
    yield Board((*both("--ahspi 5", "--ahlen 24", match="-m ah"), "-m ah --ahres"), bodies(world, headers.ah))
    kinds = {
        "frag": ((44, 44, 60), ("--fragid 5", "! --fragid 5:9", "--fraglen 8", "! --fraglen 8", "--fragres", "--fragfirst", "--fragmore",
                                "--fraglast")),
        "rt": ((43, 43, 43, 60), ("--rt-type 0", "! --rt-type 0", "--rt-segsleft 1", "--rt-len 24", "! --rt-len 24",
                                  "--rt-type 0 --rt-0-res",
                                  "--rt-type 0 --rt-0-addrs ::1,::2", "--rt-type 0 --rt-0-addrs ::1,::2 --rt-0-not-strict")),
        "hbh": ((0, 0, 0, 43), ("--hbh-len 8", "! --hbh-len 8", "--hbh-opts 5:2", "--hbh-opts 1")),
        "dst": ((60, 60, 60, 43), ("--dst-len 8", "! --dst-len 8", "--dst-opts 5:2", "--dst-opts 1")),
        "ipv6header": ((0, 43, 44, 51, 60), ("--header prot", "! --header dst --soft", "--header dst --soft")),
    }  # fmt: skip
    for name, (found, options) in kinds.items():
        draw = Random(name)
        raws = [headers.chained(draw, found, damaged=False) for _ in range(1500 if name == "rt" else 900)]
        shots = tuple(Shot(raw, "wan") for raw in raws if Packet(raw).protocol != ICMP)
        yield Board(tuple(f"-m {name} {option}" for option in options), shots)
    yield Board(both("--mh-type bu:", "--mh-type 1:4", match="-p mh -m mh"), bodies(world, headers.mobility))


def contents(world: World) -> Iterator[Board]:
    """What is in a packet, and its IP header."""
    draw = Random(3)
    texts = ("--string GET", "--string get --icase", '--hex-string "|0d0a|"', "--string ab --from 44", "--string ab --to 60")
    words = (b"GET ", b"get ", b"\r\n", b"ab", b"xy")
    raws = [
        craft.udp(world.far, world.near, 5, 53, b"".join(draw.choice(words) for _ in range(draw.randint(0, 6))), family=world.family, id=7)
        for _ in range(COUNT)
    ]
    rules = tuple(f"{one} --algo {algo}" for one in both(*texts, match="-m string") for algo in ("bm", "kmp"))
    at = 22 if world.family == 4 else 42
    rules += both(f'--u32 "{at - 2}&0xFFFF=53"', f'--u32 "{at + 6}>>24=0x47"', match="-m u32")
    yield Board(rules, tuple(Shot(raw, "wan") for raw in raws))
    hops = "ttl" if world.family == 4 else "hl"
    rules = both(f"--{hops}-eq 64", "--tos 0x10", match="")
    rules = (
        *both(f"--{hops}-eq 64", match=f"-m {hops}"), f"-m {hops} --{hops}-lt 64", f"-m {hops} --{hops}-gt 63",
        *both("--tos 0x10", match="-m tos"), *both("--dscp 4", "--dscp-class EF", match="-m dscp"),
        *both("--length 0:60", match="-m length"),
    )  # fmt: skip
    kinds = ((0x10, 64, 2), (0xB8, 63, 80), (0x10, 63, 80), (0xB8, 64, 2))
    yield Board(rules, tuple(world.udp(size=size, tos=tos, ttl=ttl) for _ in range(COUNT // 4) for tos, ttl, size in kinds))


def surroundings(world: World) -> Iterator[Board]:
    """Addresses, interfaces, links, sockets, marks."""
    far = world.text(world.far)
    others = tuple(Shot(craft.udp(world.far, world.box, 5, port, family=world.family, id=1), "wan") for port in range(9, 9 + COUNT // 2))
    through = tuple(world.udp(5, port, back=port % 2 == 0) for port in range(9, 9 + COUNT))
    rules = (
        *both(f"--src-range {far}-{far}", f"--dst-range {far}-{far}", match="-m iprange"),
        *both("--dst-type LOCAL", "--src-type UNICAST", match="-m addrtype"), "-m addrtype ! --src-type UNICAST",
        "-m addrtype --dst-type LOCAL --limit-iface-in", '-m comment --comment "always"',
    )  # fmt: skip
    bad = tuple(Shot(craft.udp(world.box, world.near, 5, port, family=world.family, id=1), "lan") for port in range(30))
    yield Board(rules, (*through, *others, *bad))
    yield Board(("-m addrtype --src-type UNICAST --limit-iface-out", "-m addrtype ! --src-type UNICAST --limit-iface-out",
                 *both("--dst-group 0", match="-m devgroup")), through, "FORWARD")  # fmt: skip
    loose = ("", "--loose", "--validmark", "--accept-local --loose", "--invert", "--invert --accept-local")
    wrong = tuple(shot._replace(on="lan") for shot in through if shot.on == "wan")
    yield Board(tuple(f"-m rpfilter {each}".strip() for each in loose), (*through, *wrong, *bad))
    marks = "*raw\n-A PREROUTING -p udp -m udp --sport 5 -j MARK --set-mark 5\nCOMMIT\n"
    mixed = tuple(world.udp(5 + number % 2, 9 + number) for number in range(COUNT))
    keep = ("-p udp -m udp --sport 5 -j CONNMARK --set-mark 7",)
    yield Board((*both("--mark 5", match="-m mark"), *both("--mark 7", match="-m connmark")), mixed, before=marks, first=keep)
    nothing = both("--physdev-in x", "--physdev-is-in", "--physdev-is-bridged", "--physdev-out x", "--physdev-is-out", match="-m physdev")
    none = ("-m policy --dir in --pol none", "-m policy --dir in --pol ipsec")
    ends = "--tunnel-src 10.0.0.1 --tunnel-dst 10.0.0.2" if world.family == 4 else "--tunnel-src ::1 --tunnel-dst ::2"
    ipsec = (f"-m policy --dir in --pol ipsec --strict --reqid 1 --spi 5 --proto esp --mode tunnel {ends} --next --reqid 2",)
    one = both("--src-group 0", match="-m devgroup") + both("--cpu 4000000000", match="-m cpu")
    yield Board((*nothing, *none, *ipsec, *one), through)
    own = tuple(Shot(craft.udp(world.box, world.far, 5, port, family=world.family, id=1), None) for port in range(9, 40))
    owners = both("--uid-owner 0", "--gid-owner 0", "--gid-owner 0 --suppl-groups", "--socket-exists", match="-m owner")
    yield Board(owners, own, "OUTPUT")
    yield from links(world)


def links(world: World) -> Iterator[Board]:
    mac, other = "02:00:00:00:00:09", "02:00:00:00:00:08"
    made = world.far & ~(2**64 - 1) | interface_id(mac)
    shots = [
        Shot(craft.udp(world.far if number % 4 or world.family == 4 else made, world.near, 5, number + 9, family=world.family, id=1), "wan",
             link="broadcast" if number % 2 else "host", mac=mac if number % 4 < 2 else other)
        for number in range(COUNT)
    ]  # fmt: skip
    rules = both(f"--mac-source {mac}", match="-m mac") + both("--pkt-type broadcast", match="-m pkttype")
    yield Board((*rules, *(["-m eui64"] if world.family == 6 else [])), tuple(shots))


def connections(world: World) -> Iterator[Board]:
    """What connection tracking knows."""
    near, far = world.text(world.near), world.text(world.far)
    shots: list[Item] = []
    for port in range(4000, 4030):
        shots += [world.udp(port, 53, back=True), world.udp(53, port), world.udp(port, 53, back=True)]
        shots += [
            world.tcp(port, 80, "S", 100, back=True),
            world.tcp(80, port, "SA", 500, 101),
            world.tcp(port, 80, "A", 101, 501, back=True),
        ]
        shots += [world.tcp(port, 99, "R", back=True)]
    options = (
        "--ctstate NEW", "--ctstate INVALID", "--ctproto 17", f"--ctorigsrc {near}", "--ctorigsrcport 4000:4014", "--ctorigdstport 53",
        "--ctreplsrcport 53", "--ctrepldstport 4000:4014", "--ctstatus SEEN_REPLY",
        f"--ctorigdst {far}", f"--ctreplsrc {far}", f"--ctrepldst {near}",
    )  # fmt: skip
    rules = (*both(*options, match="-m conntrack"), "-m conntrack --ctdir ORIGINAL", "-m conntrack --ctdir REPLY",
             *both("--state NEW", match="-m state"),
             # Of an entry not kept yet the kernel reckons with how long it has been running.
             *both("--ctexpire 0:60", match="-m conntrack --ctstatus CONFIRMED"))  # fmt: skip
    labels = (*both("--label 7", match="-m connlabel"), "-p udp -m connlabel --label 8 --set", "-p udp -m connlabel ! --label 8 --set")
    yield Board((*rules, *labels), tuple(shots),
                first=("-p udp -m connlabel --label 7 --set",))  # fmt: skip
    amounts = tuple(
        f"-m connbytes {no}--connbytes {size} --connbytes-dir {way} --connbytes-mode {mode}"
        for mode, size in (("packets", "2"), ("bytes", "100"), ("avgpkt", "45:500")) for way in ("original", "reply", "both")
        for no in ("", "! ")
    )  # fmt: skip
    yield Board(amounts, tuple(shots))
    yield helped(world)
    many = [
        world.udp(port, 53, back=True)._replace(at=0.025 * number) for number, port in enumerate((*range(4000, 4060), *range(4030, 4060)))
    ]
    yield Board(
        ("-m connlimit --connlimit-upto 25 --connlimit-mask 0", "-m connlimit --connlimit-above 25 --connlimit-mask 24 --connlimit-saddr",
         "-m connlimit --connlimit-upto 25 --connlimit-daddr", "-m connlimit ! --connlimit-above 25"), tuple(many))  # fmt: skip


def helped(world: World) -> Board:
    """A connection that FTP announces, and the one that announced it."""
    raw = "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
    address = f"1|{world.text(world.near)}" if world.family == 4 else f"2|{world.text(world.near)}"
    said = (b"USER me\r\n", f"EPRT |{address}|51201|\r\n".encode())
    seq, shots = 101, [world.tcp(4000, 21, "S", 100, back=True), world.tcp(21, 4000, "SA", 500, 101)]
    shots.append(world.tcp(4000, 21, "A", 101, 501, back=True))
    for line in said:
        shots += [world.tcp(4000, 21, "PA", seq, 501, line, back=True), world.tcp(21, 4000, "A", 501, seq + len(line))]
        seq += len(line)
    shots += [world.tcp(20, 51201, "S", 900), world.tcp(51201, 20, "SA", 700, 901, back=True)]
    shots += [world.tcp(20, 51201, "A", 901 + number, 701, b"x") for number in range(40)]
    shots += [world.tcp(4000, 21, "A", seq, 501, back=True)] * 40
    return Board(both("--helper ftp", match="-m helper"), tuple(shots), before=raw)


def counting(world: World) -> Iterator[Board]:
    """What remembers packets."""
    shots = tuple(world.udp(4000, 53, 8) for _ in range(COUNT))
    wide = 32 if world.family == 4 else 128
    many = "--hashlimit-burst 40"
    named = (
        f"--hashlimit-upto 1/min {many}", f"--hashlimit-above 1/min {many}", f"--hashlimit-upto 1/min {many} --hashlimit-mode srcip",
        f"--hashlimit-upto 1/min {many} --hashlimit-htable-size 3 --hashlimit-htable-max 50",
        f"--hashlimit-upto 1/min {many} --hashlimit-htable-expire 900000 --hashlimit-htable-gcinterval 100000",
        f"--hashlimit-upto 1/min {many} --hashlimit-mode srcip,dstip --hashlimit-srcmask {wide // 2} --hashlimit-dstmask {wide - 1}",
        f"--hashlimit-upto 1/min {many} --hashlimit-rate-match",
        "--hashlimit-upto 40/hour --hashlimit-rate-match --hashlimit-rate-interval 900",
    )  # fmt: skip
    rules = (
        "-m limit --limit 1/min --limit-burst 40", *(f"-m hashlimit {one} --hashlimit-name n{number}" for number, one in enumerate(named)),
        *both("--quota 2000", match="-m quota"), *both("--every 3 --packet 1", match="-m statistic --mode nth"),
        "-m statistic --mode random --probability 1", "-m statistic --mode random --probability 0",
    )  # fmt: skip
    yield Board(rules, shots)
    yield remembered(world)


def remembered(world: World) -> Board:
    """-m recent: who speaks to port 51 is put on a list, and nobody is asked about then."""
    mask = "255.255.255.0" if world.family == 4 else "ffff:ffff:ffff:ffff::"
    asking = (
        "--rcheck", "! --rcheck", "--update", "--remove", "--rcheck --seconds 600", "--update --seconds 600 --reap",
        "--rcheck --hitcount 2",
        "--rcheck --rttl", f"--rcheck --mask {mask}", "--rcheck --rsource", "--rcheck --rdest",
    )  # fmt: skip
    rules: list[str] = []
    for number, one in enumerate(asking):
        words = f"--mask {mask}" if "--mask" in one else "--rdest" if "--rdest" in one else ""
        rules += [f"-p udp -m udp --dport 51 -m recent --set {words} --name l{number}".replace("  ", " "),
                  f"-p udp -m udp ! --dport 51 -m recent {one} --name l{number}"]  # fmt: skip
    rules += ["-m recent --set --name always", "-m recent ! --set --name never"]
    shots = []
    for number in range(110):
        src, dst = world.far + number % 55 * 0x100, world.near + number % 55
        if world.family == 6:
            src = world.far + (number % 55 << 64)
        if number % 2 or number < 55:
            shots.append(Shot(craft.udp(src, dst, 5, 50, family=world.family, id=1), "wan"))
        if number % 55 < 30:
            shots += [Shot(craft.udp(src, dst, 5, 51, family=world.family, id=1), "wan")] * (1 + number % 2)
            shots += [Shot(craft.udp(src, dst, 5, 50, family=world.family, id=1, ttl=64 - number % 2), "wan")] * 2
    return Board(tuple(rules), tuple(shots))


def clock(world: World) -> Iterator[Board]:
    """-m time: of an hour around now and of one that is not, whatever the time is."""
    now = datetime.now(UTC)
    hours = [f"{now + timedelta(hours=hour):%H:%M:%S}" for hour in (-1, 1, 2)]
    today, other = ((f"{now + timedelta(days=day):%a}", f"{now + timedelta(days=day + 1):%a}") for day in (0, 3))
    days = [now.day, (now + timedelta(days=1)).day]
    open_, shut = f"--timestart {hours[0]} --timestop {hours[1]}", f"--timestart {hours[1]} --timestop {hours[2]}"
    rules = (
        "--datestart 2001-01-01", "--datestart 2037-01-01", "--datestop 2001-01-01", "--datestop 2037-01-01", open_, shut,
        *both(f"--weekdays {','.join(today)}", f"--weekdays {','.join(other)}", f"--monthdays {days[0]},{days[1]}"),
        *(f"{one} {zone}" for one in (open_, shut) for zone in ("--kerneltz", "--localtz", "--utc")),
        *(f"--timestart 23:59:59 --timestop 23:59:59 --contiguous --datestart {year}" for year in (2001, 2037)),
    )  # fmt: skip
    yield Board(tuple(f"-m time {one}" for one in rules), tuple(world.udp(5, port) for port in range(40)))


def sets(world: World) -> Iterator[Board]:
    """-m set: every other packet is from whom the sets have."""
    far, inet = world.text(world.far), "inet" if world.family == 4 else "inet6"
    made = "".join(
        f"create {name} family {inet} {options}\n" for name, options in (("a hash:ip", ""), ("n hash:net", ""), ("c hash:ip", "counters"))
    )
    made += f"add a {far}\nadd n {far} nomatch\nadd c {far} packets 10 bytes 1000\ncreate all list:set counters\nadd all a\n"
    counted = (
        f"--{what}-{how}"
        for what, equal in (("packets", 10), ("bytes", 1000))
        for how in (f"eq {equal}", f"lt {equal + 1}", f"gt {equal - 1}")
    )
    rules = (
        *both("--match-set a src", "--set a src"), "--match-set n src --return-nomatch", "--match-set all src ! --update-subcounters",
        *(f"--match-set c src {one} ! --update-counters" for one in counted),
    )  # fmt: skip
    yield Board(tuple(f"-m set {one}" for one in rules), tuple(world.udp(5, port, back=port % 2 == 0) for port in range(COUNT)), sets=made)


BOARDS: tuple[Callable[[World], Iterator[Board]], ...] = (
    transport, extension, contents, surroundings, connections, counting, clock, sets,
)  # fmt: skip
