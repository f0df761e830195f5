"""What the link has a say in: packets that came in a frame for everybody. Played through TAP devices; all else goes without a link."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, Tcp, address, box, filtering

RULES = filtering(
    "-A INPUT -p udp -m udp --dport 99 -j REJECT",
    "-A INPUT -p tcp -m tcp --dport 99 -j REJECT --reject-with tcp-reset",
    "-A INPUT -m conntrack --ctstate INVALID",
    "-A FORWARD -p tcp -m tcp --dport 81 -j REJECT",
)
MAC = "02:00:00:00:00:99"
MANY = pytest.mark.parametrize("link", ["broadcast", "multicast"])


def played(kernel: Kernel, raw: bytes, link: str) -> tuple[Observed, list[Packet]]:
    """(what became of it, what the box's own stack answered), on which kernel and engine agree."""
    found = compare(kernel, box(RULES), [Shot(raw, "lan", 0.0, 0, link, MAC)])
    assert not found.differences, str(found)
    first, *answers = found.observation.packets
    return first, [Packet(answer.raw) for answer in answers]


def test_a_frame_for_the_box_is_what_a_packet_without_a_link_is(kernel: Kernel) -> None:
    talk = Tcp()
    shots = talk.open()
    bare = compare(kernel, box(), shots).observation
    framed = compare(kernel, box(), [shot._replace(mac=MAC) for shot in shots])
    assert not framed.differences, str(framed)
    assert [(packet.path, packet.states, packet.out) for packet in framed.observation.packets] == [
        (packet.path, packet.states, packet.out) for packet in bare.packets
    ]


@MANY
@pytest.mark.parametrize("raw", [craft.tcp(CLIENT, SERVER, 1, port, 2, id=1, ttl=ttl) for port, ttl in ((80, 64), (81, 64), (80, 1))])
def test_it_is_not_forwarded_and_nobody_is_told(kernel: Kernel, link: str, raw: bytes) -> None:
    first, answers = played(kernel, raw, link)
    assert (first.verdict, first.out, answers) == ("DISCARD", (), [])


@MANY
def test_for_the_box_itself_it_is_delivered(kernel: Kernel, link: str) -> None:
    for raw in (craft.tcp(CLIENT, BOX, 1, 80, 2, id=1), craft.udp(CLIENT, BOX, 1, 80, id=1), craft.ip(CLIENT, BOX, 50, bytes(8), id=1)):
        first, answers = played(kernel, raw, link)
        assert (first.verdict, first.to) == ("ACCEPT", "local")
        assert not answers, "no reset, no error: it may have been meant for others"


@MANY
@pytest.mark.parametrize("kind", [8, 13])
def test_queries_of_icmp_are_answered_all_the_same(kernel: Kernel, link: str, kind: int) -> None:
    _, answers = played(kernel, craft.icmp(CLIENT, BOX, kind, 0, 1 << 16, bytes(12), id=1), link)
    assert [answer.icmp_type for answer in answers] == [0 if kind == 8 else 14]


@MANY
def test_reject_tells_nobody_but_for_a_reset(kernel: Kernel, link: str) -> None:
    first, _ = played(kernel, craft.udp(CLIENT, BOX, 1, 99, id=1), link)
    assert (first.verdict, first.out) == ("REJECT", ())
    first, _ = played(kernel, craft.tcp(CLIENT, BOX, 1, 99, 2, id=1), link)
    assert (first.verdict, len(first.out)) == ("REJECT", 1)


@pytest.mark.parametrize("link", ["host", "broadcast", "multicast"])
@pytest.mark.parametrize("to", ["192.168.255.255", "224.0.0.1", "224.0.0.5", "255.255.255.255"])
def test_what_is_for_many_by_its_address_is_so_by_any_frame(kernel: Kernel, link: str, to: str) -> None:
    first, answers = played(kernel, craft.udp(CLIENT, address(to), 1, 80, id=1), link)
    assert first.verdict == ("DISCARD" if to == "224.0.0.5" else "ACCEPT")
    assert not answers
