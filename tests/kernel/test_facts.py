"""What the kernel does with UDP, ICMP, forwarding, answers and chains, said as facts; each holds for kernel and engine alike."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, address, agreed, box, ctstates, filtering, seconds


def ask(port: int = 4000, id: int = 1) -> Shot:
    return Shot(craft.udp(CLIENT, SERVER, port, 53, b"question", id=id), "lan")


def answer(port: int = 4000) -> Shot:
    return Shot(craft.udp(SERVER, CLIENT, 53, port, b"answer", id=1), "wan")


def echo(kind: int = 8, *, number: int = 7, back: bool = False) -> Shot:
    ends = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    return Shot(craft.icmp(*ends, kind, 0, number << 16 | 1, b"ping", id=1), "wan" if back else "lan")


def error(about: Shot, *, quoted: int = 28, router: int = SERVER, to: int = CLIENT, kind: int = 3, code: int = 3) -> Shot:
    return Shot(craft.icmp(router, to, kind, code, 0, about.raw[:quoted], id=1), "wan")


def test_udp_is_new_until_answered(kernel: Kernel) -> None:
    packets = agreed(kernel, box(), [ask(), ask(), answer(), ask()])
    assert ctstates(packets) == ["NEW", "NEW", "ESTABLISHED", "ESTABLISHED"]
    assert seconds(packets) == [30] * 4


def test_udp_is_a_stream_after_two_seconds(kernel: Kernel) -> None:
    shots = [ask(), answer(), ask(), ask()._replace(at=2.3), answer()._replace(at=2.3)]
    packets = agreed(kernel, box(), shots)
    assert [bool(packet.entry and packet.entry.status & 4) for packet in packets] == [False, False, False, True, True]
    assert seconds(packets)[2:4] == [30, 120]


def test_an_entry_is_forgotten_when_its_time_is_over(kernel: Kernel) -> None:
    shots = [ask(), ask()._replace(at=0.6), ask()._replace(at=2.2), answer()._replace(at=3.9)]
    packets = agreed(kernel, box(udp_timeout=1), shots)
    assert ctstates(packets) == ["NEW"] * 4


@pytest.mark.parametrize("length", [0, 7, 17, 65535])
def test_a_udp_length_that_cannot_be_is_invalid(kernel: Kernel, length: int) -> None:
    raw = ask().raw
    packets = agreed(kernel, box(), [Shot(raw[:24] + length.to_bytes(2, "big") + b"\0\0" + raw[28:], "lan")])
    assert ctstates(packets) == ["INVALID"]


def test_udp_may_go_without_a_checksum(kernel: Kernel) -> None:
    raw = ask().raw
    packets = agreed(kernel, box(), [Shot(raw[:26] + b"\0\0" + raw[28:], "lan"), Shot(raw[:26] + b"\1\1" + raw[28:], "lan")])
    assert ctstates(packets) == ["NEW", "INVALID"]


def test_an_unknown_protocol_lives_ten_minutes(kernel: Kernel) -> None:
    there, back = Shot(craft.ip(CLIENT, SERVER, 50, b"esp", id=1), "lan"), Shot(craft.ip(SERVER, CLIENT, 50, b"", id=1), "wan")
    packets = agreed(kernel, box(), [there, there, back, there])
    assert ctstates(packets) == ["NEW", "NEW", "ESTABLISHED", "ESTABLISHED"]
    assert seconds(packets) == [600] * 4


def test_echo_pairs_by_id(kernel: Kernel) -> None:
    packets = agreed(kernel, box(), [echo(), echo(), echo(0, back=True), echo(0, back=True, number=8), echo()])
    assert ctstates(packets) == ["NEW", "NEW", "ESTABLISHED", "INVALID", "ESTABLISHED"]


@pytest.mark.parametrize("kind", range(20))
def test_only_four_icmp_types_begin(kernel: Kernel, kind: int) -> None:
    assert ctstates(agreed(kernel, box(), [echo(kind)])) == ["NEW" if kind in (8, 13, 15, 17) else "INVALID"]


def test_errors_about_an_entry_are_related(kernel: Kernel) -> None:
    first = ask()
    shots = [first, error(first), error(first, quoted=24), error(first, quoted=23), error(first, router=STRANGER)]
    shots.append(error(first, to=address("192.168.7.7")))
    packets = agreed(kernel, box(), shots)
    assert ctstates(packets) == ["NEW", "RELATED", "RELATED", "INVALID", "RELATED", "INVALID"]


def test_an_error_about_a_tcp_connection_does_not_end_it(kernel: Kernel) -> None:
    talk = Tcp()
    opening = talk.open()
    packets = agreed(kernel, box(), [*opening, error(opening[0]), talk.client("A", 5)])
    assert ctstates(packets)[-2:] == ["RELATED", "ESTABLISHED"]


def test_an_error_about_nothing_known_is_invalid(kernel: Kernel) -> None:
    assert ctstates(agreed(kernel, box(), [error(ask()), error(echo())])) == ["INVALID", "INVALID"]


def test_a_dropped_packet_leaves_no_entry(kernel: Kernel) -> None:
    packets = agreed(kernel, box(filtering("-A FORWARD -m state --state NEW -j DROP")), [ask(), ask(), answer()])
    assert ctstates(packets) == ["NEW", "NEW", "NEW"]
    assert all(packet.entry is None for packet in packets)


def test_a_dropped_reply_still_changes_the_entry(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(filtering("-A FORWARD -i wan -j DROP", "-A FORWARD -m state --state NEW")), talk.open())
    assert [packet.entry.state for packet in packets if packet.entry] == ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]


UNREACHABLE = [f"icmp-{word}-unreachable" for word in ("net", "host", "port", "proto")]
PROHIBITED = [f"icmp-{word}-prohibited" for word in ("net", "host", "admin")]


@pytest.mark.parametrize("kind", UNREACHABLE + PROHIBITED)
def test_reject_answers_with_an_icmp_error(kernel: Kernel, kind: str) -> None:
    rules = filtering("-A FORWARD -m state --state NEW", f"-A FORWARD -j REJECT --reject-with {kind}")
    (packet,) = agreed(kernel, box(rules), [ask()])
    assert packet.verdict == "REJECT"
    assert packet.states[-1] == ("POSTROUTING", "RELATED")
    assert [name for name, _ in packet.out] == ["lan"]
    assert packet.entry is None


def test_reject_is_traced_before_its_answer(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p udp -j REJECT", "-A OUTPUT -p icmp")
    (packet,) = agreed(kernel, box(rules), [ask()])
    assert packet.path == ("filter:FORWARD:rule:1", "filter:OUTPUT:rule:1", "filter:OUTPUT:policy:2")


def test_reject_with_tcp_reset(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --dport 80 -j REJECT --reject-with tcp-reset", "-A FORWARD -m state --state NEW")
    talk = Tcp()
    packets = agreed(kernel, box(rules), [talk.client("S"), talk.client("A", 10), talk.client("R"), talk.client("FA", 3)])
    assert [len(packet.out) for packet in packets] == [1, 1, 0, 1], "a RST gets no RST"


def test_a_reset_by_reject_closes_the_entry(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --tcp-flags PSH PSH -j REJECT --reject-with tcp-reset", "-A FORWARD -m state --state NEW")
    talk = Tcp()
    packets = agreed(kernel, box(rules), [*talk.open(), talk.client("PA", 10)])
    assert packets[-1].entry is not None
    assert (packets[-1].entry.state, seconds(packets)[-1]) == ("CLOSE", 10)


@pytest.mark.parametrize("kind", range(20))
def test_reject_answers_only_icmp_that_asks_or_answers(kernel: Kernel, kind: int) -> None:
    rules = filtering("-A FORWARD -p icmp -j REJECT", "-A FORWARD -m state --state NEW")
    shot = error(ask(), kind=kind, code=0) if kind in (3, 4, 5, 11, 12) else echo(kind)
    (packet,) = agreed(kernel, box(rules), [shot])
    assert len(packet.out) == (kind in (0, 8, 13, 14, 15, 16, 17, 18))


def test_reject_is_rationed(kernel: Kernel) -> None:
    setup = Setup(box().interfaces, filtering("-A FORWARD -j REJECT"), {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 1000})
    packets = agreed(kernel, setup, [ask()] * 30)
    assert sum(len(packet.out) for packet in packets) == 6


def test_the_ration_comes_back(kernel: Kernel) -> None:
    setup = Setup(box().interfaces, filtering("-A FORWARD -j REJECT"), {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 1000})
    packets = agreed(kernel, setup, [*[ask()] * 8, ask()._replace(at=0.5), *[ask()._replace(at=1.3)] * 2])
    assert [len(packet.out) for packet in packets] == [1] * 6 + [0, 0, 0, 1, 0]


def test_resets_are_not_rationed(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset")
    setup = Setup(box().interfaces, rules, {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 1000})
    packets = agreed(kernel, setup, [Tcp(port).client("S") for port in range(1000, 1030)])
    assert sum(len(packet.out) for packet in packets) == 30


@pytest.mark.parametrize("ttl", [0, 1, 2])
def test_a_spent_ttl_never_reaches_forward(kernel: Kernel, ttl: int) -> None:
    rules = filtering("-A FORWARD -m state --state NEW", "-A OUTPUT -m state --state RELATED")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.udp(CLIENT, SERVER, 4000, 53, id=1, ttl=ttl), "lan")])
    if ttl == 2:
        assert (packet.verdict, packet.to) == ("ACCEPT", "wan")
    else:
        assert packet.verdict == "DISCARD"
        assert packet.path == ("filter:OUTPUT:rule:1", "filter:OUTPUT:policy:2")
        assert packet.entry is None


def test_a_header_checksum_of_feff_becomes_0000(kernel: Kernel) -> None:
    """The TTL's change is added to the checksum, and a sum of 0xffff is folded to 0."""
    at_stake = next(raw for id in range(65536) if (raw := craft.udp(CLIENT, SERVER, 4000, 53, id=id))[10:12] == b"\xfe\xff")
    (packet,) = agreed(kernel, box(), [Shot(at_stake, "lan")])
    assert packet.out[0][1][10:12] == b"\0\0"


def test_a_packet_without_a_way_is_refused(kernel: Kernel) -> None:
    setup = Setup(box().interfaces, filtering("-A FORWARD -m state --state NEW"), {}, {"net.ipv4.icmp_ratelimit": 0})
    (packet,) = agreed(kernel, setup, [ask()])
    assert packet.verdict == "DISCARD"
    assert packet.out[0][0] == "lan"


@pytest.mark.parametrize(("ratelimit", "answered"), [(0, [0, 1, 2, 3, 4]), (1000, [0, 1])])
def test_no_route_is_rationed_by_itself(kernel: Kernel, ratelimit: int, answered: list[int]) -> None:
    """Five answers at once, even without a general ration; with one, both draw on the same bucket."""
    rules = filtering("-A FORWARD -m state --state NEW")
    setup = Setup(box().interfaces, rules, {}, {"net.ipv4.icmp_ratelimit": ratelimit})
    packets = agreed(kernel, setup, [ask()] * 20)
    assert [number for number, packet in enumerate(packets) if packet.out] == answered


def test_fragments_pass_singly_while_nothing_is_tracked(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -f -j ACCEPT", "-A FORWARD ! -f", "-A FORWARD -p udp -m udp --dport 53 -j DROP", forward="DROP")
    datagram = ask().raw[20:] + bytes(20)
    first = craft.ip(CLIENT, SERVER, 17, datagram[:16], id=5, df=False, mf=True)
    later = craft.ip(CLIENT, SERVER, 17, datagram[16:], id=5, df=False, offset=16)
    tiny = craft.ip(CLIENT, SERVER, 6, bytes(20), id=6, df=False, offset=8)
    packets = agreed(kernel, box(rules), [Shot(first, "lan"), Shot(later, "lan"), Shot(tiny, "lan")])
    assert [packet.verdict for packet in packets] == ["DROP", "ACCEPT", "ACCEPT"]


def test_a_packet_too_big_is_refused(kernel: Kernel) -> None:
    plain = box()
    setup = Setup(plain.interfaces, plain.rules, plain.routes, plain.sysctls, {"wan": 1000})
    (packet,) = agreed(kernel, setup, [Shot(craft.udp(CLIENT, SERVER, 1, 2, bytes(1000), id=1), "lan")])
    assert packet.verdict == "DISCARD"
    assert packet.out[0][1][20:22] == b"\3\4"


@pytest.mark.parametrize("source", ["127.0.0.1", "203.0.113.1", "192.168.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"])
def test_martian_sources_are_refused(kernel: Kernel, source: str) -> None:
    (packet,) = agreed(kernel, box(), [Shot(craft.udp(address(source), SERVER, 1, 2, id=1), "lan")])
    assert packet.verdict == "DISCARD"
    assert packet.states == (("PREROUTING", "NEW"),)


def test_a_subnets_broadcast_may_be_a_source(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box(), [Shot(craft.udp(address("203.0.113.255"), CLIENT, 1, 2, id=1), "wan")])
    assert packet.verdict == "ACCEPT"


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        ("240.0.0.1", "ACCEPT"), ("127.0.0.1", "DISCARD"), ("0.0.0.0", "DISCARD"), ("239.1.2.3", "DISCARD"),
        ("224.0.0.1", "ACCEPT"), ("203.0.113.255", "ACCEPT"), ("255.255.255.255", "ACCEPT"),
    ],
)  # fmt: skip
def test_odd_destinations(kernel: Kernel, target: str, verdict: str) -> None:
    (packet,) = agreed(kernel, box(), [Shot(craft.udp(STRANGER, address(target), 1, 2, id=1), "wan")])
    assert packet.verdict == verdict


def test_a_damaged_header_meets_no_rule(kernel: Kernel) -> None:
    raw = ask().raw
    shots = [Shot(raw[:19], "lan"), Shot(raw[:10] + b"\1" + raw[11:], "lan"), Shot(raw[:-1], "lan")]
    for packet in agreed(kernel, box(), shots):
        assert (packet.verdict, packet.path, packet.states) == ("DISCARD", (), ())


def test_padding_is_cut_off(kernel: Kernel) -> None:
    (packet,) = agreed(kernel, box(), [Shot(ask().raw + b"padding", "lan")])
    assert len(packet.out[0][1]) == len(ask().raw)


def test_goto_returns_where_the_last_jump_came_from(kernel: Kernel) -> None:
    rules = filtering(
        "-A FORWARD -p udp -j one", "-A FORWARD -p udp", "-A one -g two", "-A one -p udp", "-A two -p udp", "-A two -p udp -j RETURN",
        "-A two -p udp -j DROP", chains=("one", "two"),
    )  # fmt: skip
    (packet,) = agreed(kernel, box(rules), [ask()])
    assert packet.path == (
        "filter:FORWARD:rule:1", "filter:one:rule:1", "filter:two:rule:1", "filter:two:rule:2", "filter:FORWARD:rule:2",
        "filter:FORWARD:policy:3",
    )  # fmt: skip


def test_traces_quirks(kernel: Kernel) -> None:
    """TRACE takes an unconditional verdict for the chain's end: "policy" in a built-in chain, "return" in a user chain."""
    for target in ("ACCEPT", "DROP", "RETURN"):
        (packet,) = agreed(kernel, box(filtering("-A FORWARD -p udp -j one", f"-A one -j {target}", chains=("one",))), [ask()])
        assert packet.path[1] == "filter:one:return:1"
        (packet,) = agreed(kernel, box(filtering("-A FORWARD -p udp", f"-A FORWARD -j {target}")), [ask()])
        assert packet.path[1] == "filter:FORWARD:policy:2"
    (packet,) = agreed(kernel, box(filtering("-A FORWARD -m comment --comment why -j ACCEPT")), [ask()])
    assert packet.path == ("filter:FORWARD:rule:1",)


def test_without_an_entry_a_ctstate_that_holds_is_enough(kernel: Kernel) -> None:
    matches = ("--ctstate INVALID --ctproto 17", "--ctproto 6", "! --ctproto 6")
    rules = filtering(*(f"-A FORWARD -m conntrack {match}" for match in matches))
    (packet,) = agreed(kernel, box(rules), [Tcp().client("FA")])
    assert packet.states[-1][1] == "INVALID"
    assert packet.path == ("filter:FORWARD:rule:1", "filter:FORWARD:policy:4")


def test_ctstatus_none_never_matches(kernel: Kernel) -> None:
    matches = ("--ctstatus NONE", "! --ctstatus NONE", "--ctstatus CONFIRMED")
    rules = filtering(*(f"-A FORWARD -m conntrack {match}" for match in matches))
    packets = agreed(kernel, box(rules), [ask(), ask()])
    assert packets[0].path == ("filter:FORWARD:rule:2", "filter:FORWARD:policy:4")
    assert packets[1].path == ("filter:FORWARD:rule:2", "filter:FORWARD:rule:3", "filter:FORWARD:policy:4")


def test_the_boxs_own_packets(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -p udp -m udp --dport 99 -j DROP", "-A OUTPUT -m state --state NEW", "-A INPUT -i wan")
    sent = Shot(craft.udp(BOX, SERVER, 4000, 53, id=9), None)
    back = Shot(craft.udp(SERVER, BOX, 53, 4000, id=9), "wan")
    dropped = Shot(craft.udp(BOX, SERVER, 4000, 99, id=9), None)
    packets = agreed(kernel, box(rules), [sent, back, dropped])
    assert [(packet.verdict, packet.to) for packet in packets] == [("ACCEPT", "wan"), ("ACCEPT", "local"), ("DROP", None)]
    assert ctstates(packets) == ["NEW", "ESTABLISHED", "NEW"]


def test_loopback_goes_through_four_hooks(kernel: Kernel) -> None:
    rules = filtering("-A INPUT -i lo -j ACCEPT", "-A OUTPUT -m state --state NEW")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.icmp(BOX, BOX, 0, 0, 1, id=9), None)])
    assert [hook for hook, _ in packet.states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "INPUT"]


def test_the_stacks_own_answers_pass_the_firewall(kernel: Kernel) -> None:
    """A SYN to a closed port: the kernel's reset is a packet of the box, and the engine judges it the same."""
    rules = filtering("-A INPUT -m state --state NEW -j ACCEPT", "-A OUTPUT -m state --state ESTABLISHED", output="DROP")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.tcp(STRANGER, BOX, 4000, 22, 2, 1, id=1), "wan")])
    assert (packet.verdict, packet.to) == ("ACCEPT", "local")


@pytest.mark.parametrize(("sysctls", "answered"), [((0, 50), 0), ((1000, 0), 1)])
def test_one_ration_is_for_all_destinations_together(kernel: Kernel, sysctls: tuple[int, int], answered: int) -> None:
    """What chance has no part in: nothing is ever added, or never kept."""
    named = dict(zip(("net.ipv4.icmp_msgs_per_sec", "net.ipv4.icmp_msgs_burst"), sysctls, strict=True))
    setup = Setup(box().interfaces, filtering("-A FORWARD -j REJECT"), {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 0, **named})
    packets = agreed(kernel, setup, [Shot(craft.udp(CLIENT + number, SERVER, 1, 2, id=1), "lan") for number in range(3)])
    assert sum(len(packet.out) for packet in packets) == answered


def test_the_ration_for_all_is_about_as_many_as_its_burst(kernel: Kernel) -> None:
    """By chance each error costs nothing, one or two; the engine's cost one."""
    sysctls = {"net.ipv4.icmp_ratelimit": 1000, "net.ipv4.icmp_msgs_per_sec": 200, "net.ipv4.icmp_msgs_burst": 200}
    setup = Setup(box().interfaces, filtering("-A FORWARD -j REJECT"), {"default": "wan"}, sysctls)
    shots = [Shot(craft.udp(CLIENT + number, SERVER, 1, 2, id=1), "lan") for number in range(1000)]
    sent = sum(len(packet.out) for packet in kernel.play(setup, shots).packets)
    firewall = engine_for(setup)
    assert sum(len(firewall.receive(shot.raw, on="lan", at=0).out) for shot in shots) == 200
    assert 100 <= sent < 700
