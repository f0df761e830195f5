"""Facts about address translation: when nat's rules are asked, what a connection is given, and how packets look then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Order, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, SYN, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, TRACKING, address, agreed, box, filtering

OTHER, ELSEWHERE = address("192.168.0.21"), address("192.168.7.7")
SNAT = "-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1"
DNAT = "-A PREROUTING -i wan -p tcp -j DNAT --to-destination 192.168.0.20:8080"
BOTH = pytest.mark.parametrize("variant", ["legacy", "nft"])


def nat(*rules: str, variant: str = "legacy", filter: str = TRACKING, **sysctls: int) -> Setup:
    return replace(box(filter + "\n".join(["*nat", *rules, "COMMIT", ""]), **sysctls), variant=variant)


def syn(src: int, dst: int, on: str | None, sport: int = 4000, dport: int = 80, seq: int = 1) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, SYN, seq, id=1), on)


def syn_ack(src: int, dst: int, on: str | None, sport: int = 80, dport: int = 4000) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, SYN | ACK, 9, 2, id=1), on)


def udp(src: int, dst: int, on: str | None, sport: int = 4000, dport: int = 53) -> Shot:
    return Shot(craft.udp(src, dst, sport, dport, b"abc", id=1), on)


def echo(src: int, dst: int, on: str | None, number: int = 7, kind: int = 8) -> Shot:
    return Shot(craft.icmp(src, dst, kind, 0, number << 16 | 1, b"xyz", id=1), on)


def left(observed: Observed) -> Packet:
    """The one packet that left the box."""
    ((_, raw),) = observed.out
    return Packet(raw)


def visits(packets: tuple[Observed, ...]) -> list[int]:
    """How often each packet was shown to rules of nat."""
    return [sum(words.startswith("nat:") for words in packet.path) for packet in packets]


# --- when rules are asked ------------------------------------------------------------------------------------------


@BOTH
def test_rules_are_asked_about_the_first_packet_only(kernel: Kernel, variant: str) -> None:
    shots = [syn(CLIENT, SERVER, "lan"), syn(CLIENT, SERVER, "lan"), syn_ack(SERVER, BOX, "wan")]
    rules = (":PREROUTING ACCEPT [0:0]", SNAT)
    assert visits(agreed(kernel, nat(*rules, variant=variant), shots)) == [2, 0, 0]


@BOTH
def test_rules_are_asked_again_when_the_first_packet_was_dropped(kernel: Kernel, variant: str) -> None:
    setup = nat(DNAT, filter=filtering("-A FORWARD -p tcp -j DROP"), variant=variant)
    assert visits(agreed(kernel, setup, [syn(STRANGER, BOX, "wan")] * 3)) == [1, 1, 1]


@BOTH
def test_what_belongs_to_nothing_is_not_translated(kernel: Kernel, variant: str) -> None:
    stray = Shot(craft.tcp(CLIENT, SERVER, 4000, 80, SYN | ACK, 1, 1, id=1), "lan")
    (packet,) = agreed(kernel, nat(SNAT, variant=variant), [stray])
    assert (visits((packet,)), left(packet).src) == ([0], CLIENT)


@BOTH
def test_a_packet_to_itself_meets_nat_on_its_way_out_only(kernel: Kernel, variant: str) -> None:
    chains = [f":{chain} ACCEPT [0:0]" for chain in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")]
    packet = agreed(kernel, nat(*chains, SNAT, variant=variant), [udp(BOX, BOX, None)])[0]
    assert [words.split(":")[1] for words in packet.path if words.startswith("nat")] == ["OUTPUT", "POSTROUTING"]


@BOTH
def test_input_translates_sources_behind_filter(kernel: Kernel, variant: str) -> None:
    setup = nat("-A INPUT -p udp -j SNAT --to-source 192.168.77.1", variant=variant)
    packet = agreed(kernel, setup, [udp(STRANGER, BOX, "wan")])[0]
    assert [words for words in packet.path if "INPUT" in words][:2] == ["filter:INPUT:policy:1", "nat:INPUT:rule:1"]


@BOTH
def test_a_reset_by_reject_is_shown_to_rules_that_the_packet_has_not_met(kernel: Kernel, variant: str) -> None:
    setup = nat(DNAT, SNAT, filter=filtering("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"), variant=variant)
    (packet,) = agreed(kernel, setup, [syn(STRANGER, BOX, "wan")])
    assert [words.split(":")[1] for words in packet.path if words.startswith("nat")] == ["PREROUTING", "POSTROUTING"]
    assert (left(packet).src, left(packet).sport) == (BOX, 80)


# --- what is chosen ------------------------------------------------------------------------------------------------


@BOTH
def test_the_port_is_kept_while_answers_are_told_apart(kernel: Kernel, variant: str) -> None:
    first, second, third = agreed(
        kernel, nat(SNAT, variant=variant), [syn(CLIENT, SERVER, "lan"), syn(OTHER, SERVER, "lan"), syn(OTHER, STRANGER, "lan")]
    )
    assert left(first).sport == 4000
    assert left(second).sport != 4000
    # Where another connection of the same source has been given a port, that is tried first.
    assert left(third).sport == left(second).sport


@BOTH
@pytest.mark.parametrize(("port", "low", "high"), [(100, 1, 511), (700, 600, 1023), (4000, 1024, 65535)])
def test_another_port_is_of_the_same_kind(kernel: Kernel, variant: str, port: int, low: int, high: int) -> None:
    shots = [udp(CLIENT + number, SERVER, "lan", port) for number in range(4)]
    ports = [left(packet).sport for packet in agreed(kernel, nat(SNAT, variant=variant), shots)]
    assert ports[0] == port
    assert len(set(ports)) == 4
    assert all(low <= each <= high for each in ports)


@pytest.mark.parametrize("persistent", ["", " --persistent"])
def test_an_address_of_several_is_the_same_for_the_same_ends(kernel: Kernel, persistent: str) -> None:
    setup = nat(f"-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.10-203.0.113.90{persistent}")
    shots = [udp(CLIENT + near, SERVER + far, "lan", 4000 + 10 * near + far) for near in range(4) for far in range(6)]
    given = [left(packet).src for packet in agreed(kernel, setup, shots)]
    assert (len(set(given)) <= 4) == bool(persistent)


@BOTH
@pytest.mark.parametrize("empty", ["", ":PREROUTING ACCEPT [0:0]"])
def test_while_there_is_a_nat_table_ports_give_way_without_a_rule(kernel: Kernel, variant: str, empty: str) -> None:
    # The box's own connection has the port that the other was given.
    setup = nat(empty, "-A POSTROUTING -s 192.168.0.21 -j SNAT --to-source 203.0.113.1", variant=variant)
    packets = agreed(kernel, setup, [udp(OTHER, SERVER, "lan"), udp(BOX, SERVER, None)])
    assert left(packets[0]).sport != left(packets[1]).sport


@BOTH
def test_a_destination_gives_way_by_its_sources_port(kernel: Kernel, variant: str) -> None:
    setup = nat("-A PREROUTING -i lan -j DNAT --to-destination 198.51.100.80", variant=variant)
    first, second = agreed(kernel, setup, [udp(CLIENT, SERVER, "lan"), udp(CLIENT, STRANGER, "lan")])
    assert (left(first).dst, left(second).dst, left(first).dport, left(second).dport) == (SERVER, SERVER, 53, 53)
    assert left(first).sport != left(second).sport


@BOTH
def test_of_several_destination_ports_the_first_is_taken(kernel: Kernel, variant: str) -> None:
    setup = nat("-A PREROUTING -i lan -p tcp -j DNAT --to-destination :8080-8089", variant=variant)
    shots = [syn(CLIENT, SERVER, "lan", 4000 + number, 80) for number in range(3)]
    # Two destinations that become one: then there are two connections between the same ends.
    shots += [syn(CLIENT, SERVER, "lan", 4000, 81), syn(CLIENT, SERVER, "lan", 4000, 82)]
    assert [left(packet).dport for packet in agreed(kernel, setup, shots)] == [8080, 8080, 8080, 8081, 8082]


@BOTH
def test_ports_are_shifted(kernel: Kernel, variant: str) -> None:
    setup = nat("-A PREROUTING -i lan -p tcp -j DNAT --to-destination 198.51.100.80:1000-1009/80", variant=variant)
    shots = [syn(CLIENT, STRANGER, "lan", 4000, port) for port in (80, 83, 90, 79)]
    # What lies beyond begins anew, and gives way to what is there.
    assert [left(packet).dport for packet in agreed(kernel, setup, shots)] == [1000, 1003, 1001, 1005]


@BOTH
def test_a_connection_that_is_over_makes_way_for_a_newer_number(kernel: Kernel, variant: str) -> None:
    setup = nat("-A POSTROUTING -o wan -p tcp -j SNAT --to-source 203.0.113.1:5000", variant=variant)
    reset = Shot(craft.tcp(SERVER, BOX, 80, 5000, ACK | 4, 10, 2, id=1), "wan")
    shots = [syn(CLIENT, SERVER, "lan", seq=1), syn_ack(SERVER, BOX, "wan", dport=5000), reset]
    shots += [syn(OTHER, SERVER, "lan", seq=seq) for seq in (0, 1, 2000)]
    older, same, newer = agreed(kernel, setup, shots)[3:]
    assert (older.verdict, same.verdict, newer.verdict) == ("DROP", "DROP", "ACCEPT")


@BOTH
def test_without_a_free_port_the_packet_is_dropped(kernel: Kernel, variant: str) -> None:
    setup = nat("-A POSTROUTING -o wan -p udp -j SNAT --to-source 203.0.113.1:5000-5001", variant=variant)
    packets = agreed(kernel, setup, [udp(CLIENT + number, SERVER, "lan") for number in range(4)])
    assert [packet.verdict for packet in packets] == ["ACCEPT", "ACCEPT", "DROP", "DROP"]


@BOTH
@pytest.mark.parametrize("rule", ["MASQUERADE --random", "MASQUERADE --random-fully", "SNAT --to-source 203.0.113.1 --random"])
def test_a_port_drawn_by_lot_is_any(kernel: Kernel, variant: str, rule: str) -> None:
    setup = nat(f"-A POSTROUTING -o wan -j {rule}", variant=variant)
    agreed(kernel, setup, [udp(CLIENT, SERVER, "lan"), syn(CLIENT, SERVER, "lan", 100), echo(CLIENT, SERVER, "lan")])


@BOTH
def test_networks_are_mapped_host_by_host(kernel: Kernel, variant: str) -> None:
    rules = (
        "-A PREROUTING -i wan -d 203.0.113.0/24 -j NETMAP --to 192.168.5.0/24",
        "-A POSTROUTING -s 192.168.5.0/24 -j NETMAP --to 203.0.113.0/24",
    )
    here = address("192.168.5.7")
    inward, outward = agreed(kernel, nat(*rules, variant=variant), [udp(STRANGER, BOX + 6, "wan"), udp(here, SERVER, "lan")])
    assert (left(inward).dst, left(outward).src) == (here, BOX + 6)


@BOTH
def test_redirect_is_to_the_box_where_the_packet_came_in(kernel: Kernel, variant: str) -> None:
    rules = ("-A PREROUTING -p tcp -j REDIRECT --to-ports 8080", "-A OUTPUT -p tcp -j REDIRECT")
    packets = agreed(kernel, nat(*rules, variant=variant), [syn(CLIENT, SERVER, "lan"), syn(BOX, SERVER, None)])
    assert [packet.to for packet in packets] == ["local", "local"]


# --- how packets look ----------------------------------------------------------------------------------------------


@BOTH
def test_a_wrong_checksum_stays_wrong(kernel: Kernel, variant: str) -> None:
    raw = craft.tcp(CLIENT, SERVER, 4000, 80, SYN, 1, id=1)
    wrong = raw[:36] + bytes([raw[36] ^ 0x55]) + raw[37:]
    (packet,) = agreed(kernel, nat(SNAT, variant=variant, checksum=0), [Shot(wrong, "lan")])
    after = left(packet)
    assert craft.transport_checksum(after.src, after.dst, 6, after.raw[20:])


@BOTH
def test_udp_without_a_checksum_gets_none(kernel: Kernel, variant: str) -> None:
    raw = craft.udp(CLIENT, SERVER, 4000, 53, b"abc", id=1)
    (packet,) = agreed(kernel, nat(SNAT, variant=variant), [Shot(raw[:26] + b"\0\0" + raw[28:], "lan")])
    assert left(packet).raw[26:28] == b"\0\0"


@BOTH
@pytest.mark.parametrize("size", [4, 8, 20, 100])
def test_an_error_about_a_translated_packet_is_translated_inside_and_out(kernel: Kernel, variant: str, size: int) -> None:
    out = craft.tcp(BOX, SERVER, 4000, 80, SYN, 1, id=1)
    error = craft.icmp(STRANGER, BOX, 3, 1, 0, out[: 20 + size], id=1)
    packets = agreed(kernel, nat(SNAT, variant=variant), [syn(CLIENT, SERVER, "lan"), Shot(error, "wan")])
    if size < 8:
        assert packets[1].verdict == "DROP"
        return
    told = left(packets[1])
    assert (told.src, told.dst) == (STRANGER, CLIENT)
    assert int.from_bytes(told.raw[40:44], "big") == CLIENT


@BOTH
def test_an_error_from_behind_a_translated_host_seems_to_be_that_hosts(kernel: Kernel, variant: str) -> None:
    seen = craft.tcp(STRANGER, CLIENT, 4000, 8080, SYN, 1, id=1)
    error = craft.icmp(ELSEWHERE, STRANGER, 3, 1, 0, seen[:28], id=1)
    packets = agreed(kernel, nat(DNAT, variant=variant), [syn(STRANGER, BOX, "wan"), Shot(error, "lan")])
    assert left(packets[1]).src == BOX


@BOTH
def test_the_boxs_own_error_about_a_translated_packet_quotes_it_as_it_was_sent(kernel: Kernel, variant: str) -> None:
    late = Shot(craft.tcp(STRANGER, BOX, 4000, 80, SYN, 1, id=1, ttl=1), "wan")
    (packet,) = agreed(kernel, nat(DNAT, variant=variant), [late])
    told = left(packet)
    assert (told.src, int.from_bytes(told.raw[44:48], "big")) == (BOX, BOX)


@BOTH
def test_redirects_of_translated_connections_are_dropped(kernel: Kernel, variant: str) -> None:
    out = craft.udp(BOX, SERVER, 4000, 53, b"abc", id=1)
    told = craft.icmp(STRANGER, BOX, 5, 1, STRANGER + 1, out, id=1)
    packets = agreed(kernel, nat(SNAT, variant=variant), [udp(CLIENT, SERVER, "lan"), Shot(told, "wan")])
    assert packets[1].verdict == "DROP"


@BOTH
@pytest.mark.parametrize("protocol", [33, 47, 50, 132, 136])
def test_other_protocols(kernel: Kernel, variant: str, protocol: int) -> None:
    def packet(src: int, dst: int, sport: int, dport: int) -> bytes:
        ports = sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
        if protocol == 132:
            return craft.sctp(src, dst, sport, dport, 0, craft.sctp_init(1, 5), id=1)
        if protocol == 136:
            body = ports + b"\0\x08\0\0abcd"
            total = craft.transport_checksum(src, dst, 17, body[:8] + b"abcd")
            return craft.ip(src, dst, 136, body[:6] + total.to_bytes(2, "big") + b"abcd", id=1)
        return craft.ip(src, dst, protocol, b"\0\1\x88\x0b\0\0\0\7abcd" if protocol == 47 else ports + bytes(12), id=1)

    shots = [Shot(packet(host, SERVER, 4000, 80), "lan") for host in (CLIENT, OTHER)]
    agreed(kernel, nat(SNAT, variant=variant), [*shots, Shot(packet(SERVER, BOX, 80, 4000), "wan")])


@BOTH
def test_pieces_are_translated_as_a_whole(kernel: Kernel, variant: str) -> None:
    whole = craft.udp(CLIENT, SERVER, 4000, 53, bytes(range(200)), id=7, df=False)
    first = craft.ip(CLIENT, SERVER, 17, whole[20:124], id=7, df=False, mf=True)
    second = craft.ip(CLIENT, SERVER, 17, whole[124:], id=7, df=False, offset=104)
    agreed(kernel, nat(SNAT, variant=variant), [Shot(first, "lan"), Shot(second, "lan")])


# --- where packets go ----------------------------------------------------------------------------------------------


@BOTH
def test_what_the_box_sends_is_routed_again_and_filter_still_knows_the_former_way(kernel: Kernel, variant: str) -> None:
    rules = filtering("-A OUTPUT -o wan -p udp", "-A OUTPUT -o lan -p udp") + TRACKING.replace("-A FORWARD", "-A INPUT")
    setup = nat("-A OUTPUT -d 198.51.100.80 -j DNAT --to-destination 192.168.0.20", filter=rules.split("*filter")[1].join(["*filter", ""]),
                variant=variant)  # fmt: skip
    packet = agreed(kernel, setup, [udp(BOX, SERVER, None)])[0]
    assert packet.to == "lan"
    assert "filter:OUTPUT:rule:1" in packet.path
    assert "filter:OUTPUT:rule:2" not in packet.path


@BOTH
def test_what_is_from_the_loopback_network_does_not_leave_translated_either(kernel: Kernel, variant: str) -> None:
    home = address("127.0.0.1")
    setup = nat("-A OUTPUT -p udp -j DNAT --to-destination 198.51.100.80", variant=variant)
    assert agreed(kernel, setup, [udp(home, home, None)])[0].verdict == "DROP"


@BOTH
def test_a_destination_in_the_loopback_network_is_a_martian(kernel: Kernel, variant: str) -> None:
    setup = nat("-A PREROUTING -p udp -j DNAT --to-destination 127.0.0.1", variant=variant)
    assert agreed(kernel, setup, [udp(STRANGER, BOX, "wan")])[0].verdict == "DISCARD"


@BOTH
def test_masquerading_on_loopback_takes_another_interfaces_address(kernel: Kernel, variant: str) -> None:
    home = address("127.0.0.1")
    setup = nat("-A POSTROUTING -j MASQUERADE", variant=variant)
    agreed(kernel, setup, [udp(home, home, None), udp(BOX, STRANGER, None), udp(address("192.168.0.1"), STRANGER, None)])


@BOTH
@pytest.mark.parametrize("protocol", [1, 6, 17, 132, 136])
@pytest.mark.parametrize("acct", [0, 1])
def test_a_given_port_that_a_connection_older_than_nat_has_is_not_looked_for_elsewhere(
    kernel: Kernel, variant: str, protocol: int, acct: int
) -> None:
    def packet(src: int, on: str | None) -> Shot:
        if protocol == 1:
            return echo(src, SERVER, on, 5000)
        if protocol == 6:
            return syn(src, SERVER, on, 5000)
        if protocol == 132:
            return Shot(craft.sctp(src, SERVER, 5000, 80, 0, craft.sctp_init(1, 5), id=1), on)
        if protocol == 136:
            body = b"\x13\x88\0\x35\0\x08\0\0"
            total = craft.transport_checksum(src, SERVER, 17, body)
            return Shot(craft.ip(src, SERVER, 136, body[:6] + total.to_bytes(2, "big"), id=1), on)
        return udp(src, SERVER, on, 5000)

    names = {1: "icmp", 6: "tcp", 17: "udp", 132: "sctp"}
    rule = f"-p {names[protocol]} -j SNAT --to-source 203.0.113.1:5000" if protocol in names else "-j SNAT --to-source :5000"
    if protocol == 136:
        rule = "! -p tcp -j SNAT --to-source 203.0.113.1:5000"
    items = [packet(BOX, None), Order(f"-t nat -A POSTROUTING -o wan {rule}"), packet(CLIENT, "lan"), packet(CLIENT, "lan")]
    packets = agreed(kernel, replace(box(TRACKING, acct=acct), variant=variant), items)
    assert [packet.verdict for packet in packets] == ["ACCEPT", "DROP", "DROP"]
