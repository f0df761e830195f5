"""What random cases found about ports that NAT draws by lot, when the connection has ended by the time anybody asks; and about zones."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, RST, SYN, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, address, agreed, box, filtering

INSIDE = address("192.168.0.1")


def nat(*rules: str, filter: str = "", **sysctls: int) -> Setup:
    return box(filtering(filter) + "\n".join(["*nat", *rules, "COMMIT", ""]), **sysctls)


def left(kernel: Kernel, setup: Setup, shots: list[Shot]) -> list[Packet]:
    """What kernel and engine both say left the box, the stack's answers too."""
    seen = compare(kernel, setup, shots)
    assert not seen.differences, str(seen)
    return [Packet(raw) for packet in seen.observation.packets for _, raw in packet.out]


def given(packet: Observed) -> list[str]:
    """The tuples of the answers to what the packet began."""
    return [entry.reply for entry in packet.begun]


def syn(src: int, dst: int, on: str | None, sport: int = 4000, dport: int = 80, flags: int = SYN) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, flags, 1, 1 if flags & ACK else 0, id=1), on)


def unanswered(shot: Shot) -> Shot:
    """What the stack gives no answer, because its checksum is wrong: conntrack must be told not to look at that."""
    raw = bytearray(shot.raw)
    raw[36] ^= 1
    return shot._replace(raw=bytes(raw))


def test_a_connection_that_the_stack_refused_draws_again_when_it_begins_again(kernel: Kernel) -> None:
    """The box's own connection has the same ends, and so its port must give way; the RST goes to the port that was asked from."""
    own, theirs = syn(BOX, STRANGER, None, 80), syn(STRANGER, BOX, "wan", 80)
    setup = nat("-A POSTROUTING -p tcp -j SNAT --to-source 203.0.113.3:4000-4000", checksum=0)
    _, *resets = left(kernel, setup, [own, theirs, theirs, unanswered(theirs)])
    assert [(packet.sport, packet.dport) for packet in resets] == [(80, 80), (80, 80)]


def test_a_connection_of_the_box_to_itself_draws_again_when_it_begins_again(kernel: Kernel) -> None:
    own = syn(BOX, address("203.0.113.77"), None, 80, 22)
    rules = ("-A OUTPUT -j DNAT --to-destination 203.0.113.1", "-A POSTROUTING -p tcp -j MASQUERADE --to-ports 4000-4200")
    packets = agreed(kernel, nat(*rules, filter="-A INPUT -m mark --mark 0x1 -j DROP"), [own, own._replace(mark=1)])
    assert [(packet.verdict, len(given(packet))) for packet in packets] == [("ACCEPT", 1), ("DROP", 1)]


def test_a_port_that_gave_way_is_kept_once_nobody_else_has_it(kernel: Kernel) -> None:
    """Two connections of the same ends, one of which a rule has sent elsewhere; what was refused begins again after that is reset."""
    own, back = syn(INSIDE, BOX, None, 1337, 50000), syn(BOX, INSIDE, None, 50000, 1337)
    reset = syn(CLIENT, INSIDE, "lan", 50000, 1337, RST | ACK)
    setup = nat("-A OUTPUT -d 203.0.113.1 -j DNAT --to-destination 192.168.0.20", checksum=0)
    packets = agreed(kernel, setup, [own, back, reset, unanswered(back)])
    kept = "src=192.168.0.1 dst=203.0.113.1 sport=1337 dport=50000"
    assert [kept in given(packet) for packet in packets] == [False, False, False, True]


@pytest.mark.parametrize("protocol", [17, 132])
def test_an_error_about_a_connection_whose_port_gave_way_quotes_the_port_it_was_asked_from(kernel: Kernel, protocol: int) -> None:
    """Both times: when the port gave way, and when nobody else had it any more."""
    if protocol == 17:
        out, come = craft.udp(BOX, STRANGER, 53, 80, id=1), craft.udp(STRANGER, BOX, 80, 53, id=1)
    else:
        head = bytes.fromhex("0035005000001000b3379d5d05000005ad000000"), bytes.fromhex("0050003500000000e6561560")
        chunk = bytes.fromhex("0100001400001000000100000001000100000001")
        out, come = craft.ip(BOX, STRANGER, 132, head[0], id=1), craft.ip(STRANGER, BOX, 132, head[1] + chunk, id=1)
    setup = nat("-A OUTPUT -j DNAT --to-destination 192.168.0.20", udp_timeout=1, sctp_timeout_closed=1, sctp_timeout_cookie_wait=1)
    asked = Shot(come, "wan")
    _, *errors = left(kernel, setup, [Shot(out, None), asked, asked._replace(at=2.5)])
    assert [packet.raw[48:50] for packet in errors] == [(80).to_bytes(2, "big")] * 2


def test_two_connections_with_the_same_ends_in_different_zones_are_two(kernel: Kernel) -> None:
    """What is in the table at the end is held against what has the same tuples in the same zone."""
    rules = "*raw\n-A PREROUTING -i wan -j CT --zone 3\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n"
    asked = [Shot(craft.udp(CLIENT, SERVER, port, 53, b"x", id=1), "lan") for port in range(4000, 4010)]
    seen = compare(kernel, box(rules, acct=1), [*asked, *(shot._replace(on="wan") for shot in asked), *asked])
    assert not seen.differences, str(seen)
    found = sorted((entry.zone, entry.original_counters) for entry in seen.observation.conntrack)
    assert found == [(0, (2, 58))] * 10 + [(3, (1, 29))] * 10
