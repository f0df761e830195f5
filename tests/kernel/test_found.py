"""What random cases found: each was a difference between kernel and engine once, and is a fact now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare, hold
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Order, Setup, Shot
from fwtutor.kernel.random_options import with_ip_options
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from fwtutor.netfilter.packet import ACK, SYN, Packet, checksum
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp, address, agreed, box, ctstates, filtering
from tests.kernel.test_following import VARIANTS

REJECTING = filtering("-A INPUT -j REJECT", "-A FORWARD -j REJECT")


def from_to(src: str, dst: str, on: str = "wan") -> Shot:
    return Shot(craft.icmp(address(src), address(dst), 8, 0, 1 << 16, b"odd", id=1), on)


@pytest.mark.parametrize("size", [0, 4, 17, 19])
def test_less_than_a_header_is_not_sent(kernel: Kernel, size: int) -> None:
    (packet,) = agreed(kernel, box(), [Shot(craft.udp(BOX, STRANGER, 53, 4000, id=1)[:size], None)])
    assert (packet.verdict, packet.path) == ("DISCARD", ())


@pytest.mark.parametrize(("src", "dst"), [("0.1.2.3", "192.168.0.20"), ("203.0.113.9", "0.1.2.3"), ("240.0.0.1", "192.168.0.20")])
def test_of_net_zero_only_the_very_address_is_a_martian(kernel: Kernel, src: str, dst: str) -> None:
    (packet,) = agreed(kernel, box(), [from_to(src, dst)])
    assert packet.verdict == "ACCEPT"


@pytest.mark.parametrize(
    ("src", "dst", "verdict"),
    [
        ("0.0.0.0", "255.255.255.255", "ACCEPT"), ("0.0.0.0", "0.0.0.0", "ACCEPT"), ("0.0.0.0", "203.0.113.255", "DISCARD"),
        ("0.0.0.0", "203.0.113.1", "DISCARD"), ("127.0.0.1", "255.255.255.255", "DISCARD"), ("224.0.0.1", "255.255.255.255", "DISCARD"),
        ("255.255.255.255", "0.0.0.0", "DISCARD"), ("203.0.113.9", "0.0.0.0", "DISCARD"), ("203.0.113.1", "255.255.255.255", "DISCARD"),
        ("203.0.113.1", "203.0.113.255", "DISCARD"), ("192.168.0.1", "203.0.113.1", "DISCARD"),
        ("203.0.113.9", "255.255.255.255", "ACCEPT"),
        ("127.0.0.1", "203.0.113.1", "DISCARD"), ("203.0.113.9", "127.0.0.1", "DISCARD"), ("0.0.0.0", "224.0.0.1", "ACCEPT"),
        ("203.0.113.1", "224.0.0.1", "DISCARD"), ("127.0.0.1", "224.0.0.1", "DISCARD"), ("0.0.0.0", "239.1.2.3", "DISCARD"),
        ("203.0.113.9", "224.0.0.1", "ACCEPT"), ("0.1.2.3", "224.0.0.1", "ACCEPT"), ("8.8.8.8", "224.0.0.1", "ACCEPT"),
        ("203.0.113.0", "203.0.113.1", "ACCEPT"),
    ],
)  # fmt: skip
def test_martians_at_both_ends(kernel: Kernel, src: str, dst: str, verdict: str) -> None:
    raw = craft.ip(address(src), address(dst), 253, b"odd", id=1)
    (packet,) = agreed(kernel, box(filtering("-A INPUT -m state --state NEW -j ACCEPT")), [Shot(raw, "wan")])
    assert packet.verdict == verdict


def test_a_packet_without_a_way_is_told_so_even_when_it_claims_to_be_from_the_box(kernel: Kernel) -> None:
    """Whether the source can be is looked at after the destination: the error goes to the box itself."""
    setup = Setup(box().interfaces, filtering("-A FORWARD -m state --state NEW"), {}, {"net.ipv4.icmp_ratelimit": 0})
    (packet,) = agreed(kernel, setup, [from_to("203.0.113.1", "198.51.100.53")])
    assert packet.path == ("filter:OUTPUT:policy:1", "filter:INPUT:policy:1")


@pytest.mark.parametrize("protocol", [number for number in range(256) if number not in (1, 6, 17, 33, 47, 58)])
def test_reject_verifies_the_checksum_of_most_protocols(kernel: Kernel, protocol: int) -> None:
    """Of all but these few the kernel sums the whole packet as if it were one, and answers only when that is right."""
    (packet,) = agreed(kernel, box(REJECTING), [Shot(craft.ip(STRANGER, BOX, protocol, b"\1\2\3\4\5\6\7\10" * 3, id=1), "wan")])
    assert len(packet.out) == (protocol in (50, 51, 132, 136))


UDPLITE = 136


def udplite(coverage: int, total: int | None, *, pseudo: int = 17, data: bytes = b"light weight") -> Shot:
    """``pseudo``: the protocol number in the pseudo header."""
    head = b"".join(number.to_bytes(2, "big") for number in (4000, 53, coverage))
    if total is None:
        size = 8 + len(data)
        covered = (head + b"\0\0" + data)[: coverage or size]
        addresses = CLIENT.to_bytes(4, "big") + SERVER.to_bytes(4, "big")
        total = craft.checksum(addresses + b"\0" + bytes([pseudo]) + size.to_bytes(2, "big") + covered)
    return Shot(craft.ip(CLIENT, SERVER, UDPLITE, head + total.to_bytes(2, "big") + data, id=1), "lan")


@pytest.mark.parametrize("coverage", [0, 8, 9, 12, 19, 20])
def test_udplite_is_verified_as_if_it_were_udp(kernel: Kernel, coverage: int) -> None:
    """What UDP-Lite itself would call right is INVALID: the pseudo header is summed with UDP's number."""
    assert ctstates(agreed(kernel, box(), [udplite(coverage, None)])) == ["NEW"]
    assert ctstates(agreed(kernel, box(), [udplite(coverage, None, pseudo=UDPLITE)])) == ["INVALID"]
    assert ctstates(agreed(kernel, box(checksum=0), [udplite(coverage, 1), udplite(coverage, 0)])) == ["NEW", "INVALID"]


@pytest.mark.parametrize("coverage", [1, 7, 21, 65535])
def test_udplite_must_cover_its_header_and_no_more_than_there_is(kernel: Kernel, coverage: int) -> None:
    assert ctstates(agreed(kernel, box(), [udplite(coverage, None)])) == ["INVALID"]


def test_a_second_reset_by_reject_does_not_keep_the_entry_alive(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m tcp --tcp-flags PSH PSH -j REJECT --reject-with tcp-reset", "-A FORWARD -m state --state NEW")
    talk = Tcp()
    first, second = talk.client("PA", 10), talk.client("SP", seq=0)
    shots = [*talk.open(), first, second._replace(at=2.5)]
    packets = agreed(kernel, box(rules), shots)
    assert [packet.entry.seconds // 3 for packet in packets[-2:] if packet.entry] == [3, 2]


def test_the_stacks_own_errors_are_rationed_out_of_the_same_bucket(kernel: Kernel) -> None:
    """Three port unreachables for closed ports leave three of six for REJECT."""
    setup = Setup(box().interfaces, filtering("-A FORWARD -j REJECT"), {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 1000})
    to_the_box = Shot(craft.udp(STRANGER, BOX, 4000, 9, b"x", id=1), "wan")
    through = Shot(craft.udp(STRANGER, CLIENT, 4000, 9, b"x", id=1), "wan")
    packets = agreed(kernel, setup, [to_the_box] * 3 + [through] * 5)
    assert [len(packet.out) for packet in packets] == [0, 0, 0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("refusing", ["-A OUTPUT -o lo -p tcp --tcp-flags RST RST", "-A INPUT -i lo -p tcp --tcp-flags RST RST"])
def test_a_reset_of_reject_refused_in_turn_is_quoted_with_half_a_checksum(kernel: Kernel, refusing: str) -> None:
    """What the box sends as if from elsewhere is reset by a RST to the box itself, whose checksum is still to be finished."""
    rules = filtering(f"{refusing} -j REJECT", "-A OUTPUT -o wan -p tcp -j REJECT --reject-with tcp-reset")
    shot = Shot(craft.tcp(BOX, STRANGER, 4000, 22, 16, 2147416590, 4294966313, id=1), None)
    (packet,) = agreed(kernel, box(rules), [shot])
    assert [Packet(raw).icmp_type for _, raw in packet.out] == [3]


def test_a_big_answer_of_the_stack_leaves_in_fragments(kernel: Kernel) -> None:
    whole = craft.icmp(STRANGER, BOX, 8, 0, 7 << 16 | 1, bytes(2900), id=9, df=False)
    packets = agreed(kernel, box(), [Shot(piece, "wan") for piece in fragments(whole, 1500)])
    assert ctstates(packets) == ["", "NEW"]


def test_a_box_that_rejects_its_own_packet_to_itself_answers_from_where_that_went(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -d 127.0.0.1 -p udp -j REJECT", "-A OUTPUT -s 203.0.113.1 -p icmp -j DROP")
    shot = Shot(craft.udp(BOX, address("127.0.0.1"), 4000, 53, id=1), None)
    (packet,) = agreed(kernel, box(rules), [shot])
    assert "filter:INPUT:policy:1" in packet.path, "its error comes from 127.0.0.1"


def test_redirects_and_missing_routes_are_rationed_out_of_one_memory(kernel: Kernel) -> None:
    """A neighbour that was to be told of a shorter way, even about a packet that gets no answer, has saved nothing."""
    sysctls = {"net.ipv4.conf.all.send_redirects": 1, "net.ipv4.icmp_ratelimit": 0}
    setup = Setup(box().interfaces, box().rules, {"198.51.100.64/26": "wan"}, sysctls)
    neighbour, other = address("192.168.7.7"), address("192.168.0.20")
    around = Shot(craft.icmp(neighbour, other, 3, 3, 0, craft.udp(other, neighbour, 1, 2, id=1), id=1), "lan")
    nowhere = Shot(craft.udp(neighbour, address("198.51.100.53"), 4000, 53, id=1), "lan")
    assert [len(packet.out) for packet in agreed(kernel, setup, [nowhere])] == [1]
    assert [len(packet.out) for packet in agreed(kernel, setup, [around, nowhere])] == [1, 0]


def test_when_tracking_begins_anew_open_connections_learn_their_windows_again(kernel: Kernel) -> None:
    """Believed is the next segment of each side, wherever it is; those after it are judged by it. Others keep what they know."""
    anew = [Order("-F"), Order("-A FORWARD -m conntrack --ctstate INVALID")]
    talk, opening, closing = Tcp(4000), Tcp(4001), Tcp(4002)
    before = [*talk.open(), *opening.open()[:2], *closing.open(), closing.client("FA")]
    after = [
        talk.client("A", 10, seq=1_000_000), talk.client("A", 10, seq=9_000_000), talk.server("A", ack=5_000_000),
        talk.server("A", ack=1_000_010), opening.client("A", 10, seq=1_000_000), closing.server("A", 10, seq=1_000_000),
    ]  # fmt: skip
    packets = agreed(kernel, box(acct=1), [*before, *anew, *after])
    assert ctstates(packets)[len(before) :] == ["ESTABLISHED", "INVALID", "INVALID", "ESTABLISHED", "INVALID", "INVALID"]


def test_an_error_to_a_multicast_group_goes_one_hop_far(kernel: Kernel) -> None:
    shot = Shot(craft.udp(address("239.1.2.3"), STRANGER, 4000, 53, id=1), None)
    (packet,) = agreed(kernel, box(filtering("-A OUTPUT -p udp -j REJECT")), [shot])
    assert [Packet(raw).ttl for _, raw in packet.out] == [1]


def test_the_copy_of_what_the_box_sends_to_many_is_logged_too(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -j LOG --log-prefix out", "-A INPUT -j LOG --log-prefix in")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.ip(BOX, address("192.168.255.255"), 89, b"", id=1), None)])
    assert [prefix for prefix, _ in packet.logged] == ["out", "in"]


def test_a_reset_of_reject_is_logged(kernel: Kernel) -> None:
    rules = filtering("-A OUTPUT -j LOG --log-prefix out", "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset")
    (packet,) = agreed(kernel, box(rules), [Tcp().client("S")])
    assert [prefix for prefix, _ in packet.logged] == ["out"]


@pytest.mark.parametrize("refusing", ["", "-A INPUT -i lo -p udp -j REJECT"])
def test_what_comes_by_loopback_is_answered_without_a_ration(kernel: Kernel, refusing: str) -> None:
    """Also when the answer goes out: the box claims to be somebody else. The errors are the stack's own, or REJECT's."""
    setup = Setup(box().interfaces, filtering(refusing), {"default": "wan"}, {"net.ipv4.icmp_ratelimit": 1000})
    observation = kernel.play(setup, [Shot(craft.udp(STRANGER, BOX, 4000, 9, id=1), None)] * 9)
    assert not hold(setup, observation)
    assert sum(len(packet.out) for packet in observation.packets) == 9


def test_an_error_about_a_missing_route_costs_what_was_saved_beyond_its_own_burst(kernel: Kernel) -> None:
    """At one error in two seconds twelve seconds are saved: one error takes two of them, and the next leaves four of the other ten."""
    rules = filtering("-A FORWARD -j REJECT")
    setup = Setup(box().interfaces, rules, {"198.51.100.64/26": "wan"}, {"net.ipv4.icmp_ratelimit": 2000})
    refused = Shot(craft.udp(STRANGER, address("198.51.100.80"), 4000, 53, id=1), "wan")
    nowhere = Shot(craft.udp(STRANGER, address("198.51.100.1"), 4000, 53, id=1), "wan")
    packets = agreed(kernel, setup, [refused, nowhere, refused, refused])
    assert [len(packet.out) for packet in packets] == [1, 1, 1, 0]


def test_a_reset_without_a_way_back_closes_nothing(kernel: Kernel) -> None:
    rules = filtering("-A INPUT -p tcp -m conntrack --ctstatus CONFIRMED -j REJECT --reject-with tcp-reset")
    shot = Shot(craft.tcp(address("198.51.100.53"), BOX, 80, 50000, 2, 1, id=1), "wan")
    packets = agreed(kernel, Setup(box().interfaces, rules, {"198.51.100.64/26": "wan"}, box().sysctls), [shot, shot])
    assert [packet.entry.state for packet in packets if packet.entry] == ["SYN_SENT", "SYN_SENT"]


@pytest.mark.parametrize("source", ["239.1.2.3", "255.255.255.255"])
def test_a_reset_to_many_needs_no_route(kernel: Kernel, source: str) -> None:
    """The box to itself, in somebody's name who is no host."""
    rules = filtering("-A INPUT -p tcp -j REJECT --reject-with tcp-reset", "-A FORWARD -m state --state NEW")
    setup = Setup(box().interfaces, rules, {"198.51.100.64/26": "wan"}, {})
    (packet,) = agreed(kernel, setup, [Shot(craft.tcp(address(source), BOX, 53, 4000, 16, 1, 1, id=1), None)])
    assert len(packet.out) == 1


def test_the_mask_can_ration_echo_replies_too(kernel: Kernel) -> None:
    sysctls = {"net.ipv4.icmp_ratelimit": 1000, "net.ipv4.icmp_ratemask": 0xFFFF}
    setup = Setup(box().interfaces, filtering("-A FORWARD -m state --state NEW"), {"default": "wan"}, sysctls)
    observation = kernel.play(setup, [from_to("203.0.113.9", "203.0.113.1")] * 9)
    assert not hold(setup, observation)
    assert sum(len(packet.out) for packet in observation.packets) == 6


def test_a_reset_has_no_checksum_of_zero(kernel: Kernel) -> None:
    """What is left to be summed up on the way out becomes 0xffff, as in UDP, where zero would mean that there is no checksum."""
    rules = filtering("-A INPUT -p tcp -j REJECT --reject-with tcp-reset")
    refused = craft.tcp(address("198.51.100.53"), BOX, 53, 53, 2, 0xD24876B2, id=1)
    (packet,) = agreed(kernel, box(rules), [Shot(refused, "wan")])
    ((_, reset),) = packet.out
    assert reset[36:38] == b"\xff\xff"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_datagram_of_the_box_has_the_mark_of_its_first_fragment(kernel: Kernel, order: tuple[int, ...]) -> None:
    rules = filtering("-A OUTPUT -m mark --mark 0x1", "-A INPUT -m state --state NEW")
    pieces = fragments(craft.udp(BOX, STRANGER, 4000, 53, bytes(100), id=7, df=False), 68)
    shots = [Shot(pieces[number], None, mark=1 if number == 0 else 2) for number in order]
    assert agreed(kernel, box(rules), shots)[-1].path == ("filter:OUTPUT:rule:1", "filter:OUTPUT:policy:2")


@pytest.mark.parametrize(("prefix", "last", "to"), [(30, "203.0.113.3", "local"), (31, "203.0.113.1", "wan")])
def test_a_link_of_two_has_no_broadcast_address(kernel: Kernel, prefix: int, last: str, to: str) -> None:
    """RFC 3021. The last address of a /30 is everybody, and so the box too; of a /31 it is the other host."""
    own = "203.0.113.0" if prefix == 31 else "203.0.113.1"
    setup = Setup({"wan": (f"{own}/{prefix}",), "lan": ("192.168.0.1/16",)}, filtering(), {})
    (packet,) = agreed(kernel, setup, [Shot(craft.udp(CLIENT, address(last), 4000, 9, b"x", id=9), "lan")])
    assert (packet.verdict, packet.to) == ("ACCEPT", to)


REFUSED = "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"


@pytest.mark.parametrize(("again", "answers"), [(False, 0), (True, 1)])
def test_a_syn_that_begins_anew_is_verified_twice_and_then_believed(kernel: Kernel, again: bool, answers: int) -> None:
    """What the stack writes into IP options makes the header's checksum wrong, and REJECT's RST is not sent: but for this SYN."""
    rules = filtering("-A FORWARD -m state --state NEW")
    tcp = Tcp()
    syn = tcp.client("S")
    # In CLOSE another SYN begins anew.
    before = [syn, tcp.server("SA"), tcp.client("R")] if again else []
    odd = syn._replace(raw=with_ip_options(syn.raw, b"\0\1\1\1"))
    packet = agreed(kernel, box(rules), [*before, Order(REFUSED), odd])[-1]
    assert len(packet.out) == answers


@pytest.mark.parametrize("data", [b"\0", b"\0\0", b"\1", b"\0" * 7, b"\xff\xff", b"\0" * 8, b"\0" * 9, b"\0" * 8 + b"\1"])
def test_icmp_of_nothing_but_zeros_has_a_right_checksum(kernel: Kernel, data: bytes) -> None:
    """What is summed is the whole packet; the IP header adds nothing, but it is not nothing."""
    rules = filtering("-A FORWARD -m state --state INVALID -j REJECT")
    (packet,) = agreed(kernel, box(rules), [Shot(craft.ip(STRANGER, CLIENT, 1, data, id=1), "wan")])
    assert len(packet.out) == (not any(data))


@pytest.mark.parametrize("data", [b"", bytes(5)])
def test_an_answer_of_nothing_but_zeros_is_an_answer(kernel: Kernel, data: bytes) -> None:
    asked = Shot(craft.icmp(CLIENT, SERVER, 8, 0, 0, data, id=1), "lan")
    zeros = Shot(craft.ip(SERVER, CLIENT, 1, bytes(8) + data, id=1), "wan")
    assert ctstates(agreed(kernel, box(), [asked, zeros])) == ["NEW", "ESTABLISHED"]


def test_no_error_leaves_the_box_from_an_address_of_loopback(kernel: Kernel) -> None:
    """It would go back the way of the source route that a packet to the box itself has, and cannot."""
    options = bytes.fromhex("440c0def00000000cb007100830b08c0a80014c0a8001407")
    raw = with_ip_options(craft.tcp(BOX, address("127.0.0.1"), 22, 80, 24, 1, 1, id=1), options)
    (packet,) = agreed(kernel, box(), [Shot(raw, None)])
    assert not packet.out


def test_udp_lite_is_a_stream_with_the_first_packet_behind_an_answer(kernel: Kernel) -> None:
    """UDP has to last two seconds for that."""

    def lite(src: int, dst: int, sport: int, dport: int) -> bytes:
        head = sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + b"\0\x08"
        total = checksum(head + b"\0\0", src + dst + 17 + 8)
        return craft.ip(src, dst, 136, head + total.to_bytes(2, "big"), id=1)

    asked, answered = Shot(lite(CLIENT, SERVER, 4000, 53), "lan"), Shot(lite(SERVER, CLIENT, 53, 4000), "wan")
    packets = agreed(kernel, box(), [asked, answered, asked])
    assert ["ASSURED" in str(packet.entry) for packet in packets] == [False, False, True]


def test_what_comes_around_by_loopback_is_verified_there_if_it_was_invalid(kernel: Kernel) -> None:
    """And so REJECT sends its RST, whatever was written into the IP options meanwhile."""
    rules = filtering("-A INPUT -i lo -p tcp -m state --state INVALID -j REJECT --reject-with tcp-reset")
    raw = craft.tcp(BOX, BOX, 4000, 22, 41, 1, 1, id=1)  # FIN, PSH and URG
    (packet,) = agreed(kernel, box(rules), [Shot(with_ip_options(raw, bytes.fromhex("440c0501") + bytes(8)), None)])
    assert packet.verdict == "REJECT"


def test_an_error_of_the_stack_is_tied_to_its_entry_before_raw(kernel: Kernel) -> None:
    """raw's CONNMARK in OUTPUT changes the mark of the connection that the refused packet began."""
    rules = (
        "*raw\n-A OUTPUT -j CONNMARK --set-mark 0\nCOMMIT\n*mangle\n-A INPUT -j CONNMARK --set-mark 5\nCOMMIT\n"
        "*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
    )
    seen = compare(kernel, box(rules), [Shot(craft.ip(SERVER, BOX, 253, b"nobody knows it", id=1), "wan")])
    assert not seen.differences, str(seen)
    assert [packet.verdict for packet in seen.observation.packets] == ["ACCEPT", "ACCEPT"]
    assert [entry.mark for entry in seen.observation.conntrack] == [0]


def test_a_port_at_which_somebody_is_expected_may_be_drawn_by_lot(kernel: Kernel) -> None:
    """Two connections, translated to one address, that both announce the same port of their server: the second is told another."""
    rules = (
        "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
        "*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.2\nCOMMIT\n*filter\n-A FORWARD\nCOMMIT\n"
    )
    shots = []
    for port in (4000, 4001):
        for source, target, sport, dport, flags, seq, ack, data in (
            ("192.168.7.7", "198.51.100.80", port, 21, SYN, 1, 0, b""),
            ("198.51.100.80", "203.0.113.2", 21, port, SYN | ACK, 1, 2, b""),
            ("192.168.7.7", "198.51.100.80", port, 21, ACK, 2, 2, b""),
            ("198.51.100.80", "203.0.113.2", 21, port, ACK, 2, 2, b"220 here\r\n"),
            ("198.51.100.80", "203.0.113.2", 21, port, ACK, 12, 2, b"227 x (198,51,100,80,4,2)\r\n"),
        ):
            raw = craft.tcp(address(source), address(target), sport, dport, flags, seq, ack, payload=data, id=1)
            shots.append(Shot(raw, "lan" if source.startswith("192") else "wan"))
    packets = agreed(kernel, box(rules), shots)
    assert len(packets[-1].expectations or ()) == 2


def test_an_error_about_a_closed_port_is_looked_up_behind_raw(kernel: Kernel) -> None:
    """Whose protocol the stack knows, that packet has been freed of its entry before anybody looks for a port."""
    rules = "*raw\n-A OUTPUT -j CONNMARK --set-mark 7\nCOMMIT\n*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
    seen = compare(kernel, box(rules), [Shot(craft.udp(SERVER, BOX, 4000, 53, id=1), "wan")])
    assert not seen.differences, str(seen)
    assert [entry.mark for entry in seen.observation.conntrack] == [0]


def test_an_error_about_an_invalid_packet_is_looked_up_behind_raw(kernel: Kernel) -> None:
    """There is an association that has its ports, but the COOKIE ECHO was none of it."""
    rules = "*raw\n-A OUTPUT -m conntrack --ctstate RELATED\nCOMMIT\n*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
    began = Shot(craft.sctp(BOX, SERVER, 4000, 22, 0, craft.sctp_init(1, 7), id=1), None)
    odd = Shot(craft.sctp(SERVER, BOX, 22, 4000, 9, craft.sctp_chunk(10), id=1), "wan")
    seen = compare(kernel, box(rules), [began, odd])
    assert not seen.differences, str(seen)
    error = seen.observation.packets[-1]
    assert (error.path[0], dict(error.states)["OUTPUT"]) == ("raw:OUTPUT:policy:2", "RELATED")


@pytest.mark.parametrize("df", [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("dst", [BOX, address("203.0.113.255")])
def test_what_comes_around_in_pieces_may_be_cut_again(kernel: Kernel, dst: int, df: tuple[bool, bool]) -> None:
    """A datagram to the box itself is cut for loopback, and put together without DF; to everybody the copy comes back before."""
    rules = "*filter\n-A INPUT -m conntrack --ctstate NEW -j LOG\nCOMMIT\n*mangle\n-A OUTPUT -j LOG\nCOMMIT\n"
    whole = craft.udp(BOX, dst, 4000, 53, bytes(24), id=7)[20:]
    shots = [Shot(craft.ip(BOX, dst, 17, whole[at : at + 16], id=7, mf=not at, offset=at, df=df[at > 0]), None) for at in (0, 16)]
    _, last = agreed(kernel, box(rules), shots)
    assert [Packet(raw).df for _, raw in last.logged] == [df[0], df[0] and dst != BOX]


@VARIANTS
def test_pieces_of_an_untracked_datagram_are_gathered_behind_prerouting(kernel: Kernel, variant: str) -> None:
    rules = "*raw\n-A OUTPUT -j NOTRACK\nCOMMIT\n*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
    whole = craft.udp(BOX, BOX, 4000, 53, bytes(24), id=7)[20:]
    shots = [Shot(craft.ip(BOX, BOX, 17, whole[at : at + 16], id=7, mf=not at, offset=at), None) for at in (0, 16)]
    _, last = agreed(kernel, replace(box(rules), variant=variant), shots)
    assert [hook for hook, _ in last.states] == ["OUTPUT", "POSTROUTING", "PREROUTING", "PREROUTING", "INPUT"]


def test_a_fragment_to_the_box_itself_that_waits_has_gone_nowhere(kernel: Kernel) -> None:
    """Without tracking it comes as far as behind PREROUTING."""
    shot = Shot(craft.ip(BOX, BOX, 17, bytes(16), id=7, mf=True), None)
    (packet,) = agreed(kernel, box(filtering("-A INPUT -j ACCEPT")), [shot])
    assert packet.to is None


@pytest.mark.parametrize("state", ["NEW", "ESTABLISHED"])
def test_what_an_answer_marks_its_packet_meets_marked(kernel: Kernel, state: str) -> None:
    """The redirect is of the packet's connection, and sent while the packet is on its way."""
    rules = "*mangle\n-A FORWARD -m connmark --mark 1\n-A OUTPUT -j CONNMARK --set-mark 1\nCOMMIT\n"
    setup = replace(box(rules), routes={"default": ("wan", "203.0.113.254")}, sysctls={"net.ipv4.conf.all.send_redirects": 1})
    out = Shot(craft.udp(STRANGER, SERVER, 4000, 53, id=1), "wan")
    shots = [out] if state == "NEW" else [out._replace(on="lan"), Shot(craft.udp(SERVER, STRANGER, 53, 4000, id=2), "wan"), out]
    seen = compare(kernel, setup, shots)
    assert not seen.differences, str(seen)
    assert "mangle:FORWARD:rule:1" in seen.observation.packets[-1].path
