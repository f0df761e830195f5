"""What the kernel does with -j TEE, held against the engine: the copy on its way, what it looks like, and who gets none."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Observed, Setup, Shot
from fwtutor.netfilter import craft, ipoptions
from tests.kernel import six, talk
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, box
from tests.netfilter.six import FRAGMENT, fragment, ip6

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
HOST, OTHER = "192.168.0.99", "203.0.113.200"
"""Gateways on lan and on wan."""
TRACKED = "*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
THROUGH, OWN = (
    Shot(craft.udp(CLIENT, SERVER, 4000, 53, b"through", id=1), "lan"),
    Shot(craft.udp(BOX, SERVER, 4000, 53, b"own", id=1), None),
)
LARGE = Shot(craft.udp(CLIENT, SERVER, 4000, 53, bytes(1200), id=1, df=False), "lan")
TO_BOX = Shot(craft.tcp(STRANGER, BOX, 4000, 22, 2, 100, id=1), "wan")


def table(name: str, *rules: str) -> str:
    return "\n".join([f"*{name}", *(f"-A {rule}" for rule in rules), "COMMIT", ""])


def told(kernel: Kernel, setup: Setup, items: list[Item]) -> list[Observed]:
    comparison = compare(kernel, setup, items)
    assert not comparison.differences, f"{comparison}"
    return [packet for packet in comparison.observation.packets if packet.shot >= 0]


def copies(kernel: Kernel, variant: str, *rules: str, name: str = "mangle", tracked: bool = False) -> list[int]:
    """How many packets left for each of: one through the box, one of its own, one to it."""
    text = table(name, *rules) + (TRACKED if tracked else "")
    return [len(packet.out) for packet in told(kernel, replace(box(text), variant=variant), [THROUGH, OWN, TO_BOX])]


@VARIANTS
@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize(
    ("chain", "expected"), [("PREROUTING", [2, 1, 1]), ("INPUT", [1, 1, 1]), ("FORWARD", [2, 1, 0]), ("OUTPUT", [1, 2, 0]),
                            ("POSTROUTING", [2, 2, 0])],
)  # fmt: skip
def test_the_copy_passes_output_and_postrouting_and_goes_to_the_gateway(
    kernel: Kernel, variant: str, chain: str, expected: list[int], tracked: bool
) -> None:
    for gateway in (HOST, OTHER):
        rules = [f"{chain} -j TEE --gateway {gateway}", f"{chain} -m mark --mark 7", "OUTPUT -m length --length 0:50",
                 "POSTROUTING -m ttl --ttl-lt 64"]  # fmt: skip
        assert copies(kernel, variant, *rules, tracked=tracked) == expected


@VARIANTS
def test_in_raw_too_it_is_untracked(kernel: Kernel, variant: str) -> None:
    rules = ["PREROUTING -j TEE --gateway 192.168.0.99", "OUTPUT -p tcp -j TEE --gateway 203.0.113.200"]
    assert copies(kernel, variant, *rules, name="raw", tracked=True) == [2, 1, 1]


@VARIANTS
def test_two_copies_and_rules_between(kernel: Kernel, variant: str) -> None:
    rules = [f"FORWARD -j TEE --gateway {HOST}", "FORWARD -j MARK --set-mark 5", f"FORWARD -j TEE --gateway {OTHER}",
             "FORWARD -m mark --mark 5", "POSTROUTING -m mark --mark 5"]  # fmt: skip
    assert copies(kernel, variant, *rules, tracked=True) == [3, 1, 0]


@VARIANTS
@pytest.mark.parametrize("chain", ["OUTPUT", "POSTROUTING"])
def test_a_copy_can_be_dropped(kernel: Kernel, variant: str, chain: str) -> None:
    rules = [f"PREROUTING -j TEE --gateway {HOST}", f"{chain} -m ttl --ttl-lt 64 -j DROP"]
    told(kernel, replace(box(table("mangle", *rules)), variant=variant), [THROUGH, OWN, TO_BOX])


@VARIANTS
def test_it_leaves_by_the_interface_that_is_named(kernel: Kernel, variant: str) -> None:
    text = table("mangle", "FORWARD -j TEE --gateway 10.9.9.9 --oif lan", "FORWARD -j TEE --gateway 192.168.0.99 --oif nosuch")
    (packet,) = told(kernel, replace(box(text), variant=variant), [THROUGH])
    assert sorted(name for name, _ in packet.out) == ["lan", "lan", "wan"]


@VARIANTS
def test_without_a_way_there_is_no_copy(kernel: Kernel, variant: str) -> None:
    one = replace(box(table("mangle", "PREROUTING -j TEE --gateway 10.9.9.9")), routes={}, variant=variant)
    (packet,) = told(kernel, one, [TO_BOX])
    assert packet.out == ()


@VARIANTS
def test_the_sender_is_told_that_a_copy_is_too_big(kernel: Kernel, variant: str) -> None:
    one = replace(box(table("mangle", f"FORWARD -j TEE --gateway {HOST}")), mtus={"lan": 1000}, variant=variant)
    (packet,) = told(kernel, one, [LARGE])
    assert sorted(name for name, _ in packet.out) == ["lan", "wan"]


@VARIANTS
def test_a_copy_that_is_rejected_is_answered_from_an_address_towards_its_sender(kernel: Kernel, variant: str) -> None:
    text = table("mangle", f"PREROUTING -j TEE --gateway {HOST}") + table("filter", "OUTPUT -p udp -j REJECT")
    home = Shot(craft.udp(STRANGER, talk.address("127.1.2.3"), 4000, 53, b"home", id=1), "wan")
    here = Shot(craft.udp(STRANGER, BOX, 4000, 53, b"here", id=1), "wan")
    many = Shot(craft.udp(STRANGER, talk.address("239.1.2.3"), 4000, 53, b"many", id=1), "wan")
    told(kernel, replace(box(text), variant=variant), [home, here, many, THROUGH])


@VARIANTS
def test_a_copy_that_mangle_has_routed_anew_is_to_many_if_its_packet_is_and_then_gets_no_error(kernel: Kernel, variant: str) -> None:
    refusing = "OUTPUT -p udp -j REJECT"
    for anew in ("TOS --set-tos 0x10", "MARK --set-mark 9"):
        text = table("mangle", f"INPUT -j TEE --gateway {OTHER}", f"OUTPUT -j {anew}") + table("filter", refusing)
        for target in ("192.168.255.255", "224.0.0.1", "192.168.0.1"):
            shot = Shot(craft.udp(STRANGER, talk.address(target), 4000, 53, b"many", id=1), "lan")
            told(kernel, replace(box(text), variant=variant), [shot])


@VARIANTS
def test_a_copy_that_mangle_has_routed_anew_leaves_where_its_packet_does(kernel: Kernel, variant: str) -> None:
    text = table("mangle", f"FORWARD -j TEE --gateway {HOST}", "OUTPUT -j TOS --set-tos 0x10", "POSTROUTING -o wan -j LOG")
    (packet,) = told(kernel, replace(box(text), variant=variant), [THROUGH])
    assert [name for name, _ in packet.out] == ["wan", "wan"]


@VARIANTS
@pytest.mark.parametrize("end", ["DROP", "REJECT", "REJECT --reject-with tcp-reset", "NFQUEUE"])
@pytest.mark.parametrize("name", ["raw", "mangle", "filter", "security"])
def test_the_packet_goes_on_when_its_copy_was_refused_at_the_same_hook(kernel: Kernel, variant: str, end: str, name: str) -> None:
    copying = f"OUTPUT -p tcp -j TEE --gateway {HOST}"
    for other in ("filter",) if "REJECT" in end else ("mangle", "filter", "security"):
        for refusing in (f"OUTPUT -p tcp -m conntrack --ctstate UNTRACKED -j {end}", f"OUTPUT -p tcp -j {end}"):
            rules = [copying, "OUTPUT -m ttl --ttl-gt 1", "OUTPUT -m ttl --ttl-gt 1"]
            text = table(name, *rules, refusing) if name == other else table(name, *rules) + table(other, refusing)
            told(kernel, replace(box(text), variant=variant), [Shot(craft.tcp(BOX, STRANGER, 53, 1337, 2, 100, id=1), None)])


@VARIANTS
@pytest.mark.parametrize("name", ["filter", "security"])
def test_the_packet_goes_on_when_a_policy_has_dropped_its_copy(kernel: Kernel, variant: str, name: str) -> None:
    rules = ["OUTPUT -m conntrack ! --ctstate UNTRACKED -j ACCEPT"]
    dropping = table(name, *rules).replace(f"*{name}\n", f"*{name}\n:OUTPUT DROP [0:0]\n")
    text = table("mangle", f"OUTPUT -p tcp -j TEE --gateway {HOST}") + dropping
    told(kernel, replace(box(text), variant=variant), [Shot(craft.tcp(BOX, STRANGER, 53, 1337, 2, 100, id=1), None)])


@VARIANTS
def test_what_comes_back_of_a_packet_to_many_is_copied_like_any_that_comes_in(kernel: Kernel, variant: str) -> None:
    text = table("mangle", f"INPUT ! -i lo -j TEE --gateway {HOST}")
    for target in ("224.0.0.1", "203.0.113.255"):
        (packet,) = told(
            kernel, replace(box(text), variant=variant), [Shot(craft.udp(BOX, talk.address(target), 4000, 53, b"x", id=1), None)]
        )
        assert sorted(name for name, _ in packet.out) == ["lan", "wan"]


@VARIANTS
def test_whole_conversations_are_copied(kernel: Kernel, variant: str) -> None:
    talk_ = Tcp()
    items: list[Item] = [*talk_.open(), talk_.client("PA", 10), talk_.server("A"), talk_.client("R")]
    text = table("mangle", f"PREROUTING -j TEE --gateway {HOST}") + TRACKED
    assert [len(packet.out) for packet in told(kernel, replace(box(text), variant=variant), items)] == [2] * 6


@VARIANTS
def test_reports_of_groups_are_copied_too(kernel: Kernel, variant: str) -> None:
    here = talk.address("2001:db8:1::1")
    report = craft.icmp(talk.address("fe80::9"), here, 131, 0, 0, here.to_bytes(16, "big"), family=6, ttl=255)
    text = table("mangle", "INPUT -j TEE --gateway 2001:db8:3::7")
    assert not six.differences(kernel, replace(six.box(text), variant=variant), [Shot(report, "wan")])


@VARIANTS
@pytest.mark.parametrize("chain", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"])
def test_ipv6(kernel: Kernel, variant: str, chain: str) -> None:
    far, near = talk.address("2001:db8:9::9"), talk.address("2001:db8:2::80")
    here = talk.address("2001:db8:1::1")
    shots = [Shot(craft.udp(far, near, 5, 53, bytes(size), family=6), "wan") for size in (5, 1300)]
    shots += [Shot(craft.udp(far, here, 5, 53, b"here", family=6), "wan"), Shot(craft.udp(here, far, 5, 53, b"own", family=6), None)]
    for tee in ("2001:db8:3::7", "fe80::7", "2001:db8:3::7 --oif dmz", "2001:db8:3::7 --oif lan"):
        text = table("mangle", f"{chain} -j TEE --gateway {tee}", "POSTROUTING -m hl --hl-lt 64") + TRACKED
        assert not six.differences(kernel, replace(six.box(text), variant=variant), shots), tee


@VARIANTS
def test_a_bare_rule_ends_the_chain_of_packet_and_copy(kernel: Kernel, variant: str) -> None:
    text = table("mangle", f"OUTPUT -p tcp -j TEE --gateway {HOST}") + table("security", "OUTPUT -j RETURN", "OUTPUT -j MARK --set-mark 1")
    told(kernel, replace(box(text), variant=variant), [TO_BOX, Shot(craft.tcp(BOX, STRANGER, 53, 1337, 2, 100, id=1), None)])


@VARIANTS
@pytest.mark.parametrize("chain", ["PREROUTING", "FORWARD", "POSTROUTING"])
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [((552, 552, 552, 352), [1232, 776]), ((16, 24, 8), [48]), ((104, 1448), [1448, 104]), ((1248, 1248, 200), [1248, 1248, 200])],
)
def test_the_copy_of_a_datagram_that_came_in_fragments_is_cut_anew(
    kernel: Kernel, variant: str, chain: str, sizes: tuple[int, ...], expected: list[int]
) -> None:
    """Case 73119000358: as large as the largest that came, in IPv6 as large as any link takes; the packet itself leaves as it came."""
    far, near = talk.address("2001:db8:9::9"), talk.address("2001:db8:2::80")
    payload = craft.udp(far, near, 5, 53, bytes(number & 255 for number in range(sum(sizes) - 8)), family=6)[40:]
    cuts = list(pairwise([0, *accumulate(sizes)]))
    shots = [Shot(ip6(FRAGMENT, fragment(17, begin, end < len(payload)) + payload[begin:end], far, near), "wan") for begin, end in cuts]
    text = table("mangle", f"{chain} -j TEE --gateway 2001:db8:1::7") + TRACKED
    packet = told(kernel, replace(six.box(text), variant=variant), list(shots))[-1]
    left = {on: [len(raw) - 48 for name, raw in packet.out if name == on] for on in ("wan", "lan")}
    assert left == {"wan": expected, "lan": list(sizes)}


@VARIANTS
@pytest.mark.parametrize("df", [False, True])
@pytest.mark.parametrize("options", [b"", bytes([7, 7, 4, 0, 0, 0, 0, 0])])
@pytest.mark.parametrize("chain", ["PREROUTING", "FORWARD", "POSTROUTING"])
def test_fragments_of_a_copy_say_df_if_the_largest_that_came_did(
    kernel: Kernel, variant: str, chain: str, options: bytes, df: bool
) -> None:
    """The copy itself says DF whatever came. Options that need not be in later fragments are not, once the stack has read them."""
    payload = craft.udp(STRANGER, CLIENT, 5, 53, bytes(range(40)))[20:]
    pieces = [
        craft.ip(STRANGER, CLIENT, 17, payload[at:end], id=7, df=df, mf=end < 48, offset=at) for at, end in ((0, 16), (16, 40), (40, 48))
    ]
    shots = [Shot(ipoptions.with_options(piece, options) if options else piece, "wan") for piece in pieces]
    text = table("mangle", f"{chain} -j TEE --gateway {OTHER}") + TRACKED
    packet = told(kernel, replace(box(text), variant=variant), list(shots))[-1]
    copied = [raw for name, raw in packet.out if name == "wan"]
    assert [len(raw) - 20 - len(options) for raw in copied] == [24, 24]
    assert [raw[6] >> 6 & 1 for raw in copied] == [df, df]


@VARIANTS
@pytest.mark.parametrize(("chain", "on"), [("PREROUTING", "wan"), ("FORWARD", "wan"), ("POSTROUTING", "wan"), ("OUTPUT", None)])
def test_errors_about_a_copy_are_rationed(kernel: Kernel, variant: str, chain: str, on: str | None) -> None:
    """Case 88257001038: in IPv6 those about what else is refused in OUTPUT are not; of a copy's RST, for one."""
    far, near = talk.address("2001:db8:9::9"), talk.address("2001:db8:2::80")
    sent = "-A OUTPUT -p tcp --tcp-flags RST RST -j REJECT\n"
    sent += "-A OUTPUT -p tcp -m conntrack --ctstate UNTRACKED -j REJECT --reject-with tcp-reset\n"
    text = table("mangle", f"{chain} ! -p ipv6-icmp -m conntrack ! --ctstate UNTRACKED -j TEE --gateway 2001:db8:2::7")
    text += f"*filter\n{sent}-A OUTPUT -p udp -m conntrack --ctstate UNTRACKED -j REJECT\nCOMMIT\n"
    setup = replace(six.box(text, net__ipv6__icmp__ratelimit=1000), variant=variant)
    packets = told(kernel, setup, [Shot(craft.udp(far, near, 5, 53, b"", family=6), on)] * 8)
    assert [sum(raw[6] == 58 for _, raw in packet.out) for packet in packets] == [1] * 6 + [0] * 2
    if on:
        packets = told(kernel, setup, [Shot(craft.tcp(far, near, 5, 53, 2, 1, family=6), on)] * 8)
        assert [sum(raw[6] == 58 for _, raw in packet.out) for packet in packets] == [1] * 8


@VARIANTS
@pytest.mark.parametrize(
    ("chain", "sender", "dst"), [("INPUT", STRANGER, BOX), ("FORWARD", STRANGER, CLIENT), ("POSTROUTING", STRANGER, CLIENT)]
)
def test_what_refuses_a_copy_knows_its_options(kernel: Kernel, variant: str, chain: str, sender: int, dst: int) -> None:
    raw = ipoptions.with_options(craft.udp(sender, dst, 5, 53, b"abcd", id=4, df=False), bytes([7, 7, 4, 0, 0, 0, 0, 0]))
    text = table("mangle", f"{chain} -p udp -j TEE --gateway {HOST}") + table("filter", "OUTPUT -p udp -j REJECT")
    (packet,) = told(kernel, replace(box(text), variant=variant), [Shot(raw, "wan")])[:1]
    errors = [raw for _, raw in packet.out if raw[9] == 1]
    assert [raw[0] & 15 for raw in errors] == [7]
