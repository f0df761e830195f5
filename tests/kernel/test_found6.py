"""What random IPv6 cases found, each as small as it could be made."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import BY_ITSELF, Item, Observation, Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, TCP, UDP
from fwtutor.netfilter.settings6 import FORWARDING
from tests.kernel.test_following import VARIANTS
from tests.netfilter.boxes import EMPTY
from tests.netfilter.six import AH, DESTINATION, FRAGMENT, ROUTING, fragment, ip6, options


def a(text: str) -> int:
    return parse_address(text)[1]


BOX, LAN_BOX, STRANGER, NEAR, FAR = map(a, ("2001:db8:113::1", "fd00:168::1", "2001:db8:113::9", "fd00:168::14", "2001:db8:51::35"))
ROUTERS, ALL_NODES, LOOPBACK = a("2001:db8:113::"), a("ff02::1"), a("::1")


def played(
    kernel: Kernel, items: list[Item], rules: str = "", *, variant: str = "legacy", routes: bool = True, sysctls: Mapping[str, int] = {}
) -> Observation:
    setup = Setup(
        {"wan": ("2001:db8:113::1/64",), "lan": ("fd00:168::1/64",)}, "", {"::/0": ("wan", "2001:db8:113::fe")} if routes else {},
        {"net.ipv6.icmp.ratelimit": 0, **sysctls},
        variant=variant, rules6=f"{EMPTY}-A INPUT -m conntrack --ctstate INVALID\n{rules}COMMIT\n",
    )  # fmt: skip
    found = compare(kernel, setup, items)
    assert not found.differences, str(found)
    return found.observation


def agreed(kernel: Kernel, items: list[Item], rules: str = "", **given: Any) -> tuple[Observed, ...]:
    return played(kernel, items, rules, **given).packets


def echo(src: int, dst: int, on: str | None) -> Shot:
    return Shot(craft.icmp(src, dst, 128, 0, 7 << 16, b"odd", family=6), on)


@pytest.mark.parametrize("routes", [True, False])
@pytest.mark.parametrize("dst", [ALL_NODES, ROUTERS])
def test_an_echo_of_what_was_for_many_leaves_where_that_came_from_or_not_at_all(kernel: Kernel, dst: int, routes: bool) -> None:
    packets = agreed(kernel, [echo(NEAR, dst, "wan")], routes=routes)
    assert [name for packet in packets[1:] for name, _ in packet.out] == (["wan"] if routes else [])


def test_an_echo_of_what_was_for_the_box_alone_leaves_by_its_route(kernel: Kernel) -> None:
    _, answer = agreed(kernel, [echo(NEAR, BOX, "wan")])
    assert answer.to == "lan"


def test_a_neighbour_is_answered_where_he_asked(kernel: Kernel) -> None:
    asked = craft.icmp(STRANGER, LAN_BOX, 135, 0, 0, LAN_BOX.to_bytes(16, "big"), family=6, ttl=255)
    _, answer = agreed(kernel, [Shot(asked, "lan")])
    assert answer.to == "lan"


def test_a_reset_to_1_leaves_by_where_the_address_is_at_home(kernel: Kernel) -> None:
    """The stack takes what came around by loopback to have come from there, and ::1 has no way on that link but the default route."""
    _, answer = agreed(kernel, [Shot(craft.tcp(LOOPBACK, BOX, 4000, 80, SYN, 1, 0, family=6), None)])
    assert answer.to == "wan"


def test_an_error_to_1_stays_in_the_box(kernel: Kernel) -> None:
    _, answer = agreed(kernel, [Shot(craft.udp(LOOPBACK, BOX, 4000, 80, b"odd", family=6), None)])
    assert answer.to == "local"


@VARIANTS
def test_a_reset_of_the_stack_came_out_of_no_socket(kernel: Kernel, variant: str) -> None:
    shots: list[Item] = [Shot(craft.tcp(FAR, BOX, 4000, 80, SYN, 1, 0, family=6), "wan"), echo(FAR, BOX, "wan")]
    packets = agreed(kernel, shots, "-A OUTPUT -m owner --socket-exists\n", variant=variant)
    assert ["filter:OUTPUT:rule:1" in packet.path for packet in packets] == [False, False, False, True]


@pytest.mark.parametrize("size", range(10))
@pytest.mark.parametrize("good", [True, False])
def test_reject_sums_up_what_is_too_short_for_udp(kernel: Kernel, size: int, good: bool) -> None:
    data = bytes(size)
    if good:
        total = craft.transport_checksum(FAR, NEAR, 17, data, 6)
        data = total.to_bytes(2, "big") + data[2:] if size >= 2 else data
    (packet,) = agreed(kernel, [Shot(craft.ip(FAR, NEAR, 17, data, family=6), "wan")], "-A FORWARD -j REJECT\n")
    assert packet.verdict in ("REJECT", "DROP")


@VARIANTS
@pytest.mark.parametrize("side", ["src", "dst"])
def test_an_address_of_routers_is_anycast_on_its_own_link_alone(kernel: Kernel, variant: str, side: str) -> None:
    rules = "".join(f"-A OUTPUT -m addrtype --{side}-type {kind} --limit-iface-out\n" for kind in ("ANYCAST", "UNREACHABLE"))
    shots = [Shot(craft.udp(BOX, dst, 4000, 80, b"odd", family=6), None) for dst in (ROUTERS, STRANGER, NEAR, FAR, LAN_BOX)]
    agreed(kernel, [*shots], rules, variant=variant)


@VARIANTS
def test_the_stack_complains_of_an_option_before_any_hook(kernel: Kernel, variant: str) -> None:
    options = bytes([17, 0, 0xDE, 4, 1, 2, 3, 4])
    raw = craft.ip(NEAR, FAR, 0, options + craft.udp(NEAR, FAR, 4000, 80, b"odd", family=6)[40:], family=6)
    (packet,) = agreed(kernel, [Shot(raw, "lan")], variant=variant)
    assert (packet.verdict, [hook for hook, _ in packet.states]) == ("DISCARD", ["OUTPUT", "POSTROUTING"])


@VARIANTS
def test_the_reset_of_reject_to_a_link_local_host_takes_the_default_route(kernel: Kernel, variant: str) -> None:
    """Where the box has no link-local address there is no route on that link, and nobody tells the reset by which it should go."""
    (packet,) = agreed(
        kernel, [Shot(craft.tcp(a("fe80::9"), LAN_BOX, 80, 80, SYN, 7, family=6), "lan")],
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n", variant=variant,
    )  # fmt: skip
    assert [name for name, _ in packet.out] == ["wan"]


@VARIANTS
@pytest.mark.parametrize("dst", [BOX, ROUTERS])
def test_the_stack_is_too_busy_with_an_echo_to_refuse_it_with_an_error(kernel: Kernel, variant: str, dst: int) -> None:
    """Its ICMP has one socket, which is sending the echo when REJECT wants it. What neighbours are told, and resets, go by others."""
    _, answer = agreed(kernel, [echo(STRANGER, dst, "wan")], "-A OUTPUT -j REJECT\n", variant=variant)
    assert answer.path == ("filter:OUTPUT:rule:1",)


@VARIANTS
def test_of_what_else_the_stack_sends_it_is_told_by_an_error(kernel: Kernel, variant: str) -> None:
    asked = craft.icmp(STRANGER, BOX, 135, 0, 0, BOX.to_bytes(16, "big"), family=6, ttl=255)
    for shot in (Shot(asked, "wan"), Shot(craft.tcp(STRANGER, BOX, 4000, 80, SYN, 1, 0, family=6), "wan")):
        _, answer = agreed(kernel, [shot], "-A OUTPUT -j REJECT\n", variant=variant)
        assert answer.path == ("filter:OUTPUT:rule:1",) * 2


@VARIANTS
@pytest.mark.parametrize("forwarding", [0, 1])
def test_what_is_routed_again_to_the_boxs_address_as_a_router_stays_in_it(kernel: Kernel, variant: str, forwarding: int) -> None:
    shots: list[Item] = [Shot(craft.udp(BOX, ROUTERS, 4000, 80, b"odd", family=6), None)]
    shots += [Shot(craft.tcp(ROUTERS, BOX, 80, 80, SYN, 7, family=6), "lan")]
    rules = "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n*mangle\n-A OUTPUT -j TOS --set-tos 0x10\n"
    packets = agreed(kernel, shots, rules, variant=variant, sysctls={FORWARDING: forwarding})
    assert [("INPUT" in dict(packet.states), len(packet.out)) for packet in packets[:1]] == [(forwarding == 1, 1 - forwarding)]


OPTION_TO_COMPLAIN_OF = options(UDP, bytes([0x84, 2, 0, 0]))
RELATED = "-m conntrack --ctstate RELATED"


@VARIANTS
@pytest.mark.parametrize(
    ("first", "headers", "code"),
    [
        (AH, bytes([UDP, 1]) + bytes(10), 1), (DESTINATION, OPTION_TO_COMPLAIN_OF, 2), (ROUTING, bytes([UDP, 0, 9, 1]) + bytes(4), 0),
        (FRAGMENT, fragment(FRAGMENT, 0, False) + fragment(UDP, 0, False), 0),
    ],
)  # fmt: skip
def test_that_headers_cannot_be_read_is_told_with_the_entry_tied_before_raw(
    kernel: Kernel, variant: str, first: int, headers: bytes, code: int
) -> None:
    raw = ip6(first, headers + craft.udp(STRANGER, BOX, 4000, 80, family=6)[40:], STRANGER, BOX)
    _, error = agreed(kernel, [Shot(raw, "wan")], f"COMMIT\n*raw\n-A OUTPUT {RELATED}\n", variant=variant)
    assert (error.raw[40:42], error.path[0]) == (bytes([4, code]), "raw:OUTPUT:rule:1")


@VARIANTS
def test_an_error_is_related_to_a_connection_that_its_packet_has_ended(kernel: Kernel, variant: str) -> None:
    """A RST behind an Authentication header, which nobody reads, takes with it the entry of what was not answered yet."""
    reset = ip6(AH, bytes([TCP, 1]) + bytes(10) + craft.tcp(FAR, BOX, 80, 4000, RST, 1, family=6)[40:], FAR, BOX)
    shots: list[Item] = [Shot(craft.tcp(BOX, FAR, 4000, 80, ACK, 1, 1, family=6), None), Shot(reset, "wan")]
    *_, error = agreed(kernel, shots, variant=variant)
    assert dict(error.states)["OUTPUT"] == "RELATED"


@VARIANTS
def test_an_error_about_an_invalid_packet_is_looked_up_behind_raw(kernel: Kernel, variant: str) -> None:
    """There is a connection that has its ports, but the packet was none of it."""
    odd = ip6(AH, bytes([TCP, 1]) + bytes(10) + craft.tcp(FAR, BOX, 80, 4000, SYN | FIN, 1, family=6)[40:], FAR, BOX)
    shots: list[Item] = [Shot(craft.tcp(BOX, FAR, 4000, 80, ACK, 1, 1, family=6), None), Shot(odd, "wan")]
    *_, error = agreed(kernel, shots, f"COMMIT\n*raw\n-A OUTPUT {RELATED}\n", variant=variant)
    assert (error.path[0], dict(error.states)["OUTPUT"]) == ("raw:OUTPUT:policy:2", "RELATED")


def pieces(dst: int) -> list[Item]:
    """A datagram of the box, in three fragments of 80 bytes or less."""
    whole = craft.udp(BOX, dst, 4000, 53, bytes(range(68)), family=6)[40:]
    return [Shot(ip6(FRAGMENT, fragment(UDP, at, at < 64) + whole[at : at + 32], BOX, dst), None) for at in (0, 32, 64)]


MANGLING = "-A INPUT -p udp --dport 53 -j ACCEPT\nCOMMIT\n*mangle\n-A PREROUTING -j MARK --set-mark 4\n-A POSTROUTING\n"


@VARIANTS
@pytest.mark.parametrize(("dst", "hooks"), [(BOX, ["PREROUTING", "INPUT"]), (ALL_NODES, ["POSTROUTING", "PREROUTING", "INPUT"])])
def test_what_was_put_together_to_be_tracked_comes_back_to_the_box_in_pieces(
    kernel: Kernel, variant: str, dst: int, hooks: list[str]
) -> None:
    """They are tied already, and are not gathered again before the stack does so, behind INPUT."""
    *_, last = agreed(kernel, pieces(dst), MANGLING, variant=variant)[:3]
    assert [hook for hook, _ in last.states] == ["OUTPUT", "POSTROUTING", *hooks * 3]


@VARIANTS
@pytest.mark.parametrize("dst", [BOX, ALL_NODES])
def test_pieces_of_an_invalid_datagram_are_gathered_again_and_untracked_ones_are_not(kernel: Kernel, variant: str, dst: int) -> None:
    odd = craft.tcp_segment(BOX, dst, 4000, 53, SYN | FIN, 1, payload=bytes(28), family=6)
    invalid: list[Item] = [Shot(ip6(FRAGMENT, fragment(TCP, at, at < 32) + odd[at : at + 32], BOX, dst), None) for at in (0, 32)]
    untracked = "COMMIT\n*raw\n-A OUTPUT -p udp -j NOTRACK\n"
    counts = [[hook for hook, _ in agreed(kernel, shots, rules, variant=variant)[number].states].count("PREROUTING")
              for shots, rules, number in ((invalid, "", 1), (pieces(dst), untracked, 2))]  # fmt: skip
    assert counts == [1, 3]


@pytest.mark.parametrize("dst", [BOX, ALL_NODES])
@pytest.mark.parametrize(
    ("lost", "uses"),
    [
        ("-A INPUT -p udp --dport 53 -j DROP\n", 1),
        ("-A INPUT -p udp --dport 53 -j ACCEPT\n-A INPUT -p udp -m length --length 80 -j DROP\n", 2),
        ("-A INPUT -p udp -m length --length 60 -j DROP\n", 2),
    ],
)
def test_of_the_fragments_that_wait_the_first_holds_its_entry(kernel: Kernel, dst: int, lost: str, uses: int) -> None:
    assert [entry.use for entry in played(kernel, pieces(dst), lost).conntrack] == [uses]


@VARIANTS
def test_that_the_rest_never_came_is_told_with_the_entry_the_first_fragment_holds(kernel: Kernel, variant: str) -> None:
    """Its time was over long before."""
    quick = {"net.ipv6.ip6frag_time": 2, "net.netfilter.nf_conntrack_udp_timeout": 1}
    rules = f"-A INPUT -p udp -m length --length 0:79 -j DROP\nCOMMIT\n*raw\n-A OUTPUT {RELATED}\n"
    shots = [*pieces(BOX), echo(STRANGER, BOX, "wan")._replace(at=3.5)]
    told = [packet for packet in agreed(kernel, shots, rules, variant=variant, sysctls=quick) if packet.shot == BY_ITSELF]
    assert [packet.path[0] for packet in told] == ["raw:OUTPUT:rule:1"]


@pytest.mark.parametrize("dst", [BOX, LAN_BOX])
@pytest.mark.parametrize("routes", [True, False])
def test_an_echo_to_1_stays_in_the_box(kernel: Kernel, dst: int, routes: bool) -> None:
    _, answer = agreed(kernel, [echo(LOOPBACK, dst, None)], routes=routes)
    assert answer.to == "local"


@VARIANTS
@pytest.mark.parametrize("change", ["MARK --set-mark 1", "HL --hl-set 9", "TOS --set-tos 2"])
def test_what_is_routed_again_is_not_bound_to_the_link_it_answers_on(kernel: Kernel, variant: str, change: str) -> None:
    """An echo of what was for all, and a reset to ::1, leave by the link on which that came in, until mangle changes them."""
    rules = f"COMMIT\n*mangle\n-A OUTPUT -j {change}\n"
    shots = [echo(NEAR, ALL_NODES, "wan"), Shot(craft.tcp(LOOPBACK, BOX, 4000, 80, SYN, 1, 0, family=6), None)]
    assert [agreed(kernel, [shot], variant=variant)[-1].to for shot in shots] == ["wan", "wan"]
    assert [agreed(kernel, [shot], rules, variant=variant)[-1].to for shot in shots] == ["lan", "local"]


@VARIANTS
def test_a_reset_to_1_behind_a_translation_stays_in_the_box(kernel: Kernel, variant: str) -> None:
    rules = "COMMIT\n*nat\n-A POSTROUTING -j MASQUERADE\n"
    _, answer = agreed(kernel, [Shot(craft.tcp(LOOPBACK, BOX, 4000, 80, SYN, 1, 0, family=6), None)], rules, variant=variant)
    assert (answer.raw[24:40], answer.to) == (BOX.to_bytes(16, "big"), "local")


@VARIANTS
def test_an_error_of_the_stack_quotes_what_it_was_handed_and_leaves_with_what_was_sent(kernel: Kernel, variant: str) -> None:
    rules = "COMMIT\n*nat\n-A PREROUTING -p udp -j REDIRECT --to-ports 22\n"
    _, error = agreed(kernel, [Shot(craft.udp(FAR, BOX, 4000, 1337, b"odd", family=6), "wan")], rules, variant=variant)
    ((_, left),) = error.out
    assert [int.from_bytes(raw[90:92], "big") for raw in (error.raw, left)] == [22, 1337]


@VARIANTS
@pytest.mark.parametrize("hook", ["OUTPUT", "POSTROUTING", ""])
def test_what_has_no_hops_left_behind_postrouting_comes_back_from_a_group_and_does_not_leave(
    kernel: Kernel, variant: str, hook: str
) -> None:
    raw = craft.udp(BOX, ALL_NODES, 4000, 1337, b"odd", ttl=1 if hook else 0, family=6)
    rules = f"COMMIT\n*mangle\n-A {hook} -j HL --hl-dec 1\n" if hook else ""
    (sent,) = agreed(kernel, [Shot(raw, None)], rules, variant=variant)
    assert (sent.verdict, sent.to, sent.out) == ("ACCEPT", "local", ())


@VARIANTS
@pytest.mark.parametrize("condition", ["--gid-owner 0", "--uid-owner 0", "--socket-exists"])
def test_the_copy_of_what_goes_to_a_group_is_nobodys(kernel: Kernel, variant: str, condition: str) -> None:
    rules = f"COMMIT\n*mangle\n-A POSTROUTING -m owner {condition}\n"
    (sent,) = agreed(kernel, [Shot(craft.udp(BOX, ALL_NODES, 4000, 1337, b"odd", family=6), None)], rules, variant=variant)
    assert sent.path.count("mangle:POSTROUTING:policy:2") == 2
    assert sent.path.count("mangle:POSTROUTING:rule:1") == 1


# Of nft with all four bytes the kernel's trace says nothing.
@pytest.mark.parametrize(("variant", "left"), [("legacy", 2), ("legacy", 3), ("legacy", 4), ("nft", 2), ("nft", 3)])
def test_of_a_routing_header_rules_want_four_bytes_to_find_a_protocol_behind_it(kernel: Kernel, variant: str, left: int) -> None:
    raw = ip6(ROUTING, bytes([58, 2, 0, 0])[:left], FAR, NEAR)
    agreed(kernel, [Shot(raw, "wan")], "-A FORWARD -p tcp\n-A FORWARD ! -p tcp\n-A FORWARD -j ACCEPT\n", variant=variant)


OUTSIDE = a("2001:db8:113::2")
HELPED = "COMMIT\n*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n*nat\n-A POSTROUTING -o wan -j SNAT --to-source "


@VARIANTS
@pytest.mark.parametrize("sizes", [(24,), (32,), (24, 8), (40,), ()])
@pytest.mark.parametrize(
    ("text", "side"), [(b"EPRT |2|fd00:168::14|1025|\r\n", 0), (b"229 ok (|||0001025|)\r\n", 1), (b"USER hello how are you\r\n", 0)]
)
def test_what_the_ftp_helper_reads_leaves_in_one_piece(
    kernel: Kernel, variant: str, sizes: tuple[int, ...], text: bytes, side: int
) -> None:
    """It joins fragments for good, so that they are cut anew: not at all where all of it fits. Of a datagram said to be whole, too."""
    numbers = [1000, 5000]

    def segment(side: int, flags: int, text: bytes = b"") -> bytes:
        (src, dst), (sport, dport) = ((NEAR, FAR), (4000, 21)) if side == 0 else ((FAR, OUTSIDE), (21, 4000))
        raw = craft.tcp(src, dst, sport, dport, flags, numbers[side], numbers[1 - side], 8192, text, family=6)
        numbers[side] += len(text) + bool(flags & SYN)
        return raw

    links = ("lan", "wan")
    said = [(0, SYN, b""), (1, SYN | ACK, b""), (0, ACK, b""), (1, ACK, b"220 hi\r\n"), (0, ACK, b"USER x\r\n")]
    shots: list[Item] = [Shot(segment(who, flags, line), links[who]) for who, flags, line in said]
    raw = segment(side, ACK, text)
    cuts = [0, *accumulate(sizes), len(raw) - 40]
    for begin, end in pairwise(cuts):
        piece = fragment(TCP, begin, end < len(raw) - 40) + raw[40 + begin : 40 + end]
        ends = (int.from_bytes(raw[8:24], "big"), int.from_bytes(raw[24:40], "big"))
        shots.append(Shot(ip6(FRAGMENT, piece, *ends), links[side]))
    packets = agreed(kernel, shots, f"{HELPED}2001:db8:113::2\n", variant=variant)
    assert [len(packet.out) for packet in packets[5:]] == [0] * len(sizes) + [1]


@VARIANTS
def test_errors_about_what_is_refused_in_output_are_not_rationed(kernel: Kernel, variant: str) -> None:
    """They are about a packet that has no device yet, and loopback's stands in for it. In FORWARD the seventh waits."""
    rules = "-A OUTPUT -p tcp -j REJECT\n-A FORWARD -p tcp -j REJECT\n"
    sysctls = {"net.ipv6.icmp.ratelimit": 2000}
    own = Shot(craft.tcp(FAR, BOX, 4000, 22, SYN, 1, 0, family=6), None)
    foreign = Shot(craft.tcp(STRANGER, NEAR, 4000, 22, SYN, 1, 0, family=6), "wan")
    packets = agreed(kernel, [own] * 8, rules, variant=variant, sysctls=sysctls)
    assert [len(packet.out) for packet in packets] == [1] * 8
    packets = agreed(kernel, [foreign] * 8, rules, variant=variant, sysctls=sysctls)
    assert [len(packet.out) for packet in packets] == [1] * 6 + [0] * 2


@VARIANTS
def test_an_error_about_a_packet_too_big_teaches_the_box_nothing(kernel: Kernel, variant: str) -> None:
    """Case 6005005744; so that packets do not depend on those before them, the harness has the kernel forget what it was taught."""
    echoed = craft.icmp(BOX, FAR, 129, 0, 5, b"some", family=6)
    taught = Shot(craft.icmp(FAR, BOX, 2, 0, 1300, echoed, family=6), "wan")
    syn = craft.tcp(NEAR, FAR, 4000, 80, SYN, 100, 0, options=b"\2\4\5\xb4", family=6)
    clamping = "*mangle\n-A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n"
    observed = played(kernel, [taught, Shot(syn, "lan")], f"COMMIT\n{clamping}*filter\n", variant=variant).packets[-1]
    assert observed.out[0][1][-2:] == (1440).to_bytes(2, "big")
