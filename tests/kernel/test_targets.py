"""Facts about targets that act on packets, and about what asks where packets come from: held against the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.changing import find_mss, header_size
from fwtutor.netfilter.packet import SYN, TCP, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, agreed, box, filtering

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
MAC = "02:00:00:00:00:99"
MSS_1460 = b"\x02\x04\x05\xb4"


def mangle(*rules: str) -> str:
    return "\n".join(["*mangle", *rules, "COMMIT", ""])


def syn(options: bytes = MSS_1460, data: bytes = b"", flags: int = SYN) -> Shot:
    return Shot(craft.tcp(CLIENT, SERVER, 4000, 80, flags, 1, 0, 8192, data, options=options, id=1), "lan")


def counted(
    kernel: Kernel, rule: str, shots: Sequence[Shot], *, table: str = "filter", chain: str = "FORWARD", variant: str = "nft"
) -> list[int]:
    """Which of the packets a rule matched."""
    setup = replace(box(f"*{table}\n-A {chain} {rule}\nCOMMIT\n"), variant=variant)
    return [number for number, packet in enumerate(agreed(kernel, setup, shots)) if f"{table}:{chain}:rule:1" in packet.path]


def left(kernel: Kernel, rules: str, shot: Shot, variant: str = "nft", **mtus: int) -> Packet | None:
    """What left the box, if one packet did."""
    (packet, *_) = agreed(kernel, replace(box(rules), variant=variant, mtus=mtus), [shot])
    assert len(packet.out) < 2
    return Packet(packet.out[0][1]) if packet.out else None


# --- MARK and CONNMARK --------------------------------------------------------------------------------------


@VARIANTS
def test_a_mark_goes_with_the_packet_from_table_to_table(kernel: Kernel, variant: str) -> None:
    rules = "*raw\n-A PREROUTING -j MARK --set-mark 6\nCOMMIT\n" + mangle("-A FORWARD -m mark --mark 6 -j MARK --or-mark 9")
    setup = replace(box(rules + filtering("-A FORWARD -m mark --mark 0xf -j DROP")), variant=variant)
    assert agreed(kernel, setup, [syn()])[0].verdict == "DROP"


@VARIANTS
def test_a_saved_mark_is_found_again_by_the_reply(kernel: Kernel, variant: str) -> None:
    rules = mangle(
        "-A FORWARD -i lan -j MARK --set-mark 0x15", "-A FORWARD -i lan -j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff",
        "-A FORWARD -i wan -j CONNMARK --restore-mark", "-A FORWARD -i wan -m mark --mark 5", "-A FORWARD -m connmark --mark 5",
    )  # fmt: skip
    packets = agreed(kernel, replace(box(rules), variant=variant), Tcp().open())
    assert [entry.mark for packet in packets if (entry := packet.entry)] == [5, 5, 5]
    assert "mangle:FORWARD:rule:4" in packets[1].path
    assert "mangle:FORWARD:rule:5" in packets[1].path


@pytest.mark.parametrize(("shift", "mark"), [("--left-shift-mark 4", 0x120), ("--right-shift-mark 1", 9), ("--left-shift-mark 31", 0)])
def test_what_is_set_is_shifted_as_a_whole(kernel: Kernel, shift: str, mark: int) -> None:
    rules = mangle("-A PREROUTING -j CONNMARK --set-mark 2", f"-A FORWARD -j CONNMARK --set-xmark 0x10/0x10 {shift}")
    (packet,) = agreed(kernel, box(rules), [syn()])
    assert packet.entry is not None
    assert packet.entry.mark == mark


def test_in_raw_there_is_no_connection_yet_and_every_packet_is_invalid(kernel: Kernel) -> None:
    rules = "-A PREROUTING -j CONNMARK --set-mark 3\n-A PREROUTING -m conntrack --ctstate INVALID\n-A PREROUTING -m connmark ! --mark 9"
    packets = agreed(kernel, box(f"*raw\n{rules}\nCOMMIT\n"), Tcp().open())
    for packet in packets:
        assert packet.entry is not None
        assert packet.entry.mark == 0
        assert "raw:PREROUTING:rule:2" in packet.path
        assert "raw:PREROUTING:rule:3" not in packet.path


def test_a_reset_that_ends_its_connection_does_not_bring_it_back_by_marking_it(kernel: Kernel) -> None:
    talk = Tcp()
    shots = [talk.client("S"), talk.server("RA")]
    packets = agreed(kernel, box(mangle("-A FORWARD -j CONNMARK --or-mark 1")), shots)
    assert packets[0].entry is not None
    assert packets[1].entry is None


# --- TTL, TOS, DSCP ------------------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize(
    ("rule", "ttl"),
    [("PREROUTING -j TTL --ttl-set 9", 8), ("PREROUTING -j TTL --ttl-inc 255", 254), ("FORWARD -j TTL --ttl-dec 255", 0),
     ("POSTROUTING -j TTL --ttl-dec 1", 62), ("FORWARD -j TTL --ttl-set 0", 0)],
)  # fmt: skip
def test_the_ttl_stays_between_0_and_255_and_the_box_takes_one_off(kernel: Kernel, rule: str, ttl: int, variant: str) -> None:
    packet = left(kernel, mangle(f"-A {rule}"), syn(), variant)
    assert packet is not None
    assert (packet.ttl, packet.fault) == (ttl, "")


def test_a_ttl_set_before_routing_can_run_out_or_be_saved(kernel: Kernel) -> None:
    error = left(kernel, mangle("-A PREROUTING -j TTL --ttl-set 1"), syn())
    assert error is not None
    assert (error.icmp_type, error.dst) == (11, CLIENT)
    last = Shot(craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 1, id=1, ttl=1), "lan")
    assert left(kernel, mangle("-A PREROUTING -j TTL --ttl-inc 1"), last) is not None


@pytest.mark.parametrize("tos", [0, 1, 0x10, 0xB8, 0xFC, 0xFF])
@pytest.mark.parametrize(
    ("options", "after"),
    [("TOS --set-tos 0x10", lambda tos: 0x10), ("TOS --set-tos 0x0f/0xf0", lambda tos: tos & 0x0F ^ 0x0F),
     ("TOS --set-tos Minimize-Delay", lambda tos: tos & 0xC0 | 0x10), ("TOS --xor-tos 0xff", lambda tos: tos ^ 0xFF),
     ("DSCP --set-dscp 0x2e", lambda tos: tos & 3 | 0xB8), ("DSCP --set-dscp 0", lambda tos: tos & 3)],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)  # fmt: skip
def test_the_tos_byte_and_the_header_checksum_over_it(kernel: Kernel, tos: int, options: str, after: object) -> None:
    assert callable(after)
    shots = [Shot(craft.tcp(CLIENT, SERVER, 4000, port, SYN, 1, id=port, tos=tos), "lan") for port in range(40)]
    for packet in agreed(kernel, box(mangle(f"-A FORWARD -j {options}")), shots):
        leaves = Packet(packet.out[0][1])
        assert (leaves.tos, leaves.fault) == (after(tos), "")


# --- TCPMSS --------------------------------------------------------------------------------------------------


def mss(packet: Packet | None) -> int | None:
    assert packet is not None
    size = header_size(packet)
    assert size is not None
    option = find_mss(packet, size)
    return None if option is None else option.value


@VARIANTS
@pytest.mark.parametrize(("wanted", "after"), [(1000, 1000), (0, 0), (1460, 1460), (65515, 1460)])
def test_an_mss_is_lowered_never_raised(kernel: Kernel, wanted: int, after: int, variant: str) -> None:
    rules = mangle(f"-A FORWARD -p tcp -m tcp --syn -j TCPMSS --set-mss {wanted}")
    assert mss(left(kernel, rules, syn(b"\x01\x01" + MSS_1460 + b"\x01\x01"), variant)) == after


@VARIANTS
@pytest.mark.parametrize(("wan", "lan", "after"), [(1500, 1500, 1460), (1400, 1500, 1360), (1500, 1200, 1160), (68, 1500, 28)])
def test_what_fits_is_the_smaller_of_the_ways_on_and_back(kernel: Kernel, wan: int, lan: int, after: int, variant: str) -> None:
    rules = mangle("-A FORWARD -p tcp -m tcp --syn -j TCPMSS --clamp-mss-to-pmtu")
    assert mss(left(kernel, rules, syn(), variant, wan=wan, lan=lan)) == after


@VARIANTS
def test_what_fits_is_reckoned_for_where_it_goes_now_though_rules_see_where_it_went(kernel: Kernel, variant: str) -> None:
    """NAT's OUTPUT has sent it elsewhere: by lan, not by loopback."""
    security = "*security\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -o lo -p tcp -m tcp --syn -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n"
    setup = box(f"*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 203.0.113.1 -j DNAT --to-destination 192.168.0.20\nCOMMIT\n{security}")
    setup = replace(setup, mtus={"lan": 576}, variant=variant)
    raw = craft.tcp(BOX, BOX, 4000, 22, SYN, 1, 0, options=MSS_1460, id=1)
    (packet,) = agreed(kernel, setup, [Shot(raw, None)])
    assert [(name, mss(Packet(raw))) for name, raw in packet.out] == [("lan", 536)]


@pytest.mark.parametrize(
    ("options", "data", "after", "length"),
    [(b"", b"", 536, 44), (b"\x01\x01\x08\x0a" + bytes(8), b"", 536, 56), (b"", b"x", None, 41), (b"\x01" * 40, b"", None, 80),
     (b"\x01" * 36, b"", 536, 80), (b"\x02\x03\x01\x01", b"", 536, 48), (b"\x00" + MSS_1460 + b"\x00\x00\x00", b"", 1000, 48),
     (b"\x03\x00\x02\x04\x05\xb4\x01\x01", b"", 1000, 48)],
)  # fmt: skip
def test_an_option_is_put_in_where_there_is_room_and_no_data(
    kernel: Kernel, options: bytes, data: bytes, after: int | None, length: int
) -> None:
    packet = left(kernel, mangle("-A FORWARD -p tcp -m tcp --syn -j TCPMSS --set-mss 1000"), syn(options, data))
    assert mss(packet) == after
    assert packet is not None
    assert packet.length == length


def test_what_is_longer_is_counted_longer_from_there_on(kernel: Kernel) -> None:
    rules = mangle("-A FORWARD -p tcp -m tcp --syn -j TCPMSS --set-mss 1000", "-A FORWARD -m length --length 44 -j ACCEPT")
    (packet,) = agreed(kernel, box(rules), [syn(b"")])
    assert "mangle:FORWARD:rule:2" in packet.path


@pytest.mark.parametrize("doff", [0, 4, 9, 15])
def test_a_header_of_an_impossible_size_is_dropped(kernel: Kernel, doff: int) -> None:
    raw = bytearray(craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 1, id=1))
    raw[32] = doff << 4
    rules = mangle("-A FORWARD -p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 1000")
    (packet, *_) = agreed(kernel, box(rules), [Shot(bytes(raw), "lan")])
    assert (packet.verdict, packet.out) == ("DROP", ())


def test_nft_is_content_with_the_protocol(kernel: Kernel) -> None:
    packet = left(kernel, mangle("-A FORWARD -p tcp -j TCPMSS --set-mss 1000"), syn(flags=16), "nft")
    assert mss(packet) == 1000


# --- who sent it, and to whom ------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize(
    ("options", "program", "forwarded", "answer", "reset"),
    [("--uid-owner 0", True, False, False, False), ("--uid-owner 1-9", False, False, False, False),
     ("! --uid-owner 1-9", True, True, True, True), ("--gid-owner 0", True, False, False, False),
     ("--socket-exists", True, False, True, False), ("! --socket-exists", False, True, False, True),
     ("! --uid-owner 1 --gid-owner 0 --suppl-groups", True, False, False, False),
     ("--socket-exists ! --gid-owner 7", True, False, True, False)],
    ids=lambda value: value.replace(" ", "") if isinstance(value, str) else "",
)  # fmt: skip
def test_whose_program_sent_it(
    kernel: Kernel, options: str, program: bool, forwarded: bool, answer: bool, reset: bool, variant: str
) -> None:
    rules = mangle(f"-A POSTROUTING -m owner {options}") + filtering(
        "-A FORWARD -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset", "-A FORWARD -p udp -j REJECT"
    )
    shots = [
        Shot(craft.udp(BOX, STRANGER, 1, 2, id=1), None), syn(), Shot(craft.udp(CLIENT, SERVER, 1, 2, id=1), "lan"),
        Shot(craft.tcp(CLIENT, SERVER, 4000, 22, SYN, 1, id=1), "lan"), Shot(craft.icmp(STRANGER, BOX, 8, id=1), "wan"),
    ]  # fmt: skip
    setup = replace(box(rules), variant=variant)
    found = ["mangle:POSTROUTING:rule:1" in packet.path for packet in agreed(kernel, setup, shots)[:4]]
    assert found == [program, forwarded, answer, reset]


@pytest.mark.parametrize(
    ("to", "link"),
    [("224.0.0.1", "multicast"), ("255.255.255.255", "broadcast"), ("203.0.113.255", "broadcast"), ("203.0.113.1", "unicast")],
)
def test_what_comes_back_of_what_the_box_sends_is_of_the_kind_of_its_destination(kernel: Kernel, to: str, link: str) -> None:
    own = mangle(
        *(f"-A OUTPUT -m pkttype --pkt-type {kind}" for kind in ("unicast", "broadcast", "multicast")),
        *(f"-A PREROUTING -m pkttype --pkt-type {kind}" for kind in ("unicast", "broadcast", "multicast")),
        "-A PREROUTING -m mac ! --mac-source 02:00:00:00:00:01", "-A POSTROUTING -m owner --uid-owner 0",
    )  # fmt: skip
    (packet, *_) = agreed(kernel, box(own), [Shot(craft.udp(BOX, parse_address(to)[1], 1, 2, id=1), None)])
    kinds = ["unicast", "broadcast", "multicast"]
    assert "mangle:OUTPUT:rule:1" in packet.path
    assert [kind for number, kind in enumerate(kinds, 1) if f"mangle:PREROUTING:rule:{number}" in packet.path] == [link]
    assert "mangle:PREROUTING:rule:4" not in packet.path


@pytest.mark.parametrize("link", ["host", "broadcast", "multicast"])
def test_what_comes_in_a_frame_has_its_type_and_its_senders_address(kernel: Kernel, link: str) -> None:
    kind = {"host": "unicast"}.get(link, link)
    shots = [Shot(craft.udp(CLIENT, BOX, 1, 2, id=1), "lan", 0.0, 0, link, MAC)]
    assert counted(kernel, f"-m pkttype --pkt-type {kind} -m mac --mac-source {MAC}", shots, chain="INPUT") == [0]
    assert counted(kernel, f"-m pkttype ! --pkt-type {kind}", shots, chain="INPUT") == []
    assert counted(kernel, f"-m mac ! --mac-source {MAC}", shots, chain="INPUT") == []


def test_without_a_link_there_is_no_address_not_even_another(kernel: Kernel) -> None:
    assert counted(kernel, f"-m mac ! --mac-source {MAC}", [syn()]) == []


ADDRESSES = (
    "203.0.113.1",
    "192.168.0.1",
    "127.0.0.1",
    "203.0.113.255",
    "192.168.0.255",
    "255.255.255.255",
    "224.0.0.1",
    "198.51.100.80",
    "0.1.2.3",
)
SOURCES = [Shot(craft.udp(BOX, parse_address(text)[1], 1, 2, id=1), None) for text in ADDRESSES]


@pytest.mark.parametrize(
    ("options", "held"),
    [("--dst-type LOCAL", "203.0.113.1 192.168.0.1 127.0.0.1"), ("--dst-type BROADCAST", "203.0.113.255 255.255.255.255"),
     ("--dst-type MULTICAST", "224.0.0.1"), ("--dst-type UNICAST", "192.168.0.255 198.51.100.80 0.1.2.3"),
     ("--dst-type UNSPEC,ANYCAST,BLACKHOLE,UNREACHABLE,PROHIBIT,THROW,NAT,XRESOLVE", ""),
     ("! --dst-type UNICAST,MULTICAST", "203.0.113.1 192.168.0.1 127.0.0.1 203.0.113.255 255.255.255.255"),
     ("--dst-type LOCAL --limit-iface-out", "127.0.0.1"), ("--dst-type BROADCAST --limit-iface-out", "203.0.113.255 255.255.255.255"),
     ("--src-type LOCAL ! --dst-type LOCAL", "203.0.113.255 192.168.0.255 255.255.255.255 224.0.0.1 198.51.100.80 0.1.2.3"),
     ("--src-type LOCAL --limit-iface-out", "203.0.113.255 255.255.255.255 224.0.0.1 198.51.100.80 0.1.2.3")],
    ids=lambda value: value.replace(" ", ""),
)  # fmt: skip
def test_the_type_of_an_address(kernel: Kernel, options: str, held: str) -> None:
    found = counted(kernel, f"-m addrtype {options}", SOURCES, chain="OUTPUT")
    assert [ADDRESSES[number] for number in found] == held.split()


def test_a_reversed_range_holds_nothing_and_everything_with_an_exclamation_mark(kernel: Kernel) -> None:
    assert counted(kernel, "-m iprange --src-range 192.168.0.30-192.168.0.10", [syn()]) == []
    assert counted(kernel, "-m iprange ! --src-range 192.168.0.30-192.168.0.10", [syn()]) == [0]


@VARIANTS
@pytest.mark.parametrize(
    ("options", "told"),
    [("", ("", 44)), ("--nflog-prefix x", ("x", 44)), ("--nflog-size 21", ("", 21)), ("--nflog-size 99", ("", 44))],
)
def test_nflog_hands_on_what_it_is_told_to(kernel: Kernel, options: str, told: tuple[str, int], variant: str) -> None:
    rules = mangle("-A PREROUTING -j TTL --ttl-set 7", f"-A FORWARD -j NFLOG --nflog-group 5 {options}")
    (packet,) = agreed(kernel, replace(box(rules), variant=variant), [syn()])
    assert [(prefix, len(raw)) for prefix, raw in packet.logged] == [told]


# --- what came in fragments ----------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize("target", ["TCPMSS --set-mss 1400", "TTL --ttl-set 9", "TOS --or-tos 4"])
def test_what_came_in_fragments_leaves_in_other_ones_after_tcpmss(kernel: Kernel, target: str, variant: str) -> None:
    whole = craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 1, 0, 8192, bytes(1000), options=MSS_1460, id=7)
    rules = mangle(f"-A FORWARD -p tcp -m tcp --syn -j {target}", "-A FORWARD -m conntrack --ctstate NEW")
    packets = agreed(kernel, replace(box(rules), variant=variant), [Shot(piece, "lan") for piece in cut(whole, 400)])
    assert len(packets[-1].out) >= 3


def cut(whole: bytes, size: int) -> list[bytes]:
    """An IPv4 packet without options in fragments of that size, the last one shorter."""
    body = whole[20:]
    found = []
    for at in range(0, len(body), size):
        more = at + size < len(body)
        found.append(craft.ip(CLIENT, SERVER, TCP, body[at : at + size], id=7, df=False, mf=more, offset=at))
    return found
