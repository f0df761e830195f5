"""Facts about connections that belong together, as the kernel shows them: helpers, what they expect, what they drop and rewrite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from random import Random

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, PSH, RST, SYN, Packet
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, address, agreed, box

HELPED = """*raw
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p tcp -m tcp --dport 1337 -j CT --helper ftp
-A OUTPUT -p tcp -m tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p udp -m udp --dport 69 -j CT --helper tftp
-A PREROUTING -p tcp -m tcp --dport 6667 -j CT --helper irc
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m helper --helper ftp
-A FORWARD -m conntrack --ctstatus EXPECTED
COMMIT
"""
MASQUERADED = f"{HELPED}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.200\nCOMMIT\n"
OUTSIDE = BOX - 1 + 200


class Dialogue:
    """A control connection from the lan, whose numbers count themselves. ``outside``: the client's address as the server sees it."""

    def __init__(self, port: int = 21, sport: int = 4000, outside: int = CLIENT, seqs: tuple[int, int] = (1000, 5_000_000)) -> None:
        self.ports, self.outside, self.numbers = (sport, port), outside, list(seqs)
        self.hosts = [CLIENT, SERVER]
        self.longer = 0
        """By how much what the client said has become longer."""

    def segment(self, side: int, flags: int, text: bytes = b"", *, again: int | None = None) -> Shot:
        seq = self.numbers[side] if again is None else again
        if again is None:
            self.numbers[side] += len(text) + bool(flags & SYN)
        ack = self.numbers[1 - side] + (self.longer if side else 0) if flags & ACK else 0
        src, dst = self.hosts if side == 0 else (self.hosts[1], self.outside)
        raw = craft.tcp(src, dst, self.ports[side], self.ports[1 - side], flags, seq, ack, 8192, text, id=1)
        return Shot(raw, "wan" if side else "lan")

    def client(self, text: bytes) -> Shot:
        return self.segment(0, ACK | PSH, text)

    def server(self, text: bytes) -> Shot:
        return self.segment(1, ACK | PSH, text)

    def open(self) -> list[Shot]:
        """Up to where both have said a first line, which is never read."""
        return [
            self.segment(0, SYN), self.segment(1, SYN | ACK), self.segment(0, ACK), self.server(b"220 hi\r\n"), self.client(b"USER x\r\n"),
        ]  # fmt: skip


def syn(src: int, dst: int, sport: int, dport: int, on: str | None, flags: int = SYN) -> Shot:
    return Shot(craft.tcp(src, dst, sport, dport, flags, 1, 0, id=2), on)


def expected(packet: Observed) -> list[str]:
    return [one.awaited for one in packet.expectations or ()]


def states(packet: Observed) -> set[str]:
    return {state for _, state in packet.states}


ACTIVE = [b"PORT 192,168,0,20,4,1\r\n", b"EPRT |1|192.168.0.20|1025|\r\n", b"eprt !1!192.168.0.20!1025!\r\n"]
PASSIVE = [b"227 Entering Passive Mode (198,51,100,80,4,1)\r\n", b"229 Extended (|||1025|)\r\n", b"227 =198,51,100,80,4,1\r\n"]


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("line", [*ACTIVE, *PASSIVE])
def test_the_data_connection_is_related_until_it_is_answered(kernel: Kernel, variant: str, line: bytes) -> None:
    talk, passive = Dialogue(), line[:1] == b"2"
    src, dst, sport, on, there = (CLIENT, SERVER, 20, "lan", "wan") if passive else (SERVER, CLIENT, 20, "wan", "lan")
    shots = [*talk.open(), talk.segment(int(passive), ACK | PSH, line)]
    shots += [syn(src, dst, sport, 1025, on), syn(dst, src, 1025, sport, there, SYN | ACK), syn(src, dst, sport, 1025, on, ACK)]
    shots += [syn(src, dst, 21, 1025, on)]
    packets = agreed(kernel, replace(box(HELPED), variant=variant), shots)
    assert len(expected(packets[5])) == 1
    assert states(packets[6]) == {"RELATED"}
    assert expected(packets[6]) == []
    assert states(packets[7]) == {"ESTABLISHED"}
    assert states(packets[9]) == {"NEW"}  # it was used up


@pytest.mark.parametrize(("line", "unread"), [(ACTIVE[0], 1), (ACTIVE[1], 2), (PASSIVE[0], 2), (PASSIVE[1], 3)])
def test_a_line_that_comes_in_two_pieces_is_dropped_where_it_cannot_be_read(kernel: Kernel, line: bytes, unread: int) -> None:
    side = 1 if line[:1] == b"2" else 0
    shots: list[Shot] = []
    for cut in range(1, len(line)):
        # What others expect must not be in the way: each time it is expected from, or by, somebody else.
        talk = Dialogue(sport=4000 + cut)
        talk.hosts[1 - side] += cut
        talk.outside = talk.hosts[0]
        shots += talk.open()
        seq = talk.numbers[side]
        shots += [talk.segment(side, ACK | PSH, line[:cut]), talk.segment(side, ACK | PSH, line[cut:])]
        shots += [talk.segment(side, ACK | PSH, line, again=seq)]  # and again, whole
    packets = agreed(kernel, box(HELPED), shots)
    firsts, wholes = packets[5::8], packets[7::8]
    assert [packet.verdict for packet in firsts].count("ACCEPT") == unread
    assert {packet.verdict for packet in wholes} == {"ACCEPT"}


def test_every_byte_of_a_line_may_be_another(kernel: Kernel) -> None:
    shots: list[Shot] = []
    for number, line in enumerate((ACTIVE[0], ACTIVE[1])):
        for place in range(len(line)):
            for other in (b"", b"0", b"x", b" ", b"\0"):
                talk = Dialogue(sport=5000 + len(shots), port=21)
                shots += [*talk.open(), talk.client(line[:place] + other + line[place + number % 1 + 1 :])]
    agreed(kernel, box(HELPED), shots[:600])


def test_the_very_first_line_is_never_read(kernel: Kernel) -> None:
    talk = Dialogue()
    shots = [talk.segment(0, SYN), talk.segment(1, SYN | ACK), talk.segment(0, ACK), talk.client(ACTIVE[0]), talk.client(ACTIVE[0])]
    packets = agreed(kernel, box(HELPED), shots)
    assert [len(expected(packet)) for packet in packets[3:]] == [0, 1]


def test_one_at_a_time_is_expected_and_the_same_anew(kernel: Kernel) -> None:
    talk = Dialogue()
    shots = [*talk.open(), talk.client(ACTIVE[0]), talk.client(ACTIVE[0]), talk.client(b"PORT 192,168,0,20,4,2\r\n")]
    packets = agreed(kernel, box(HELPED), shots)
    assert [expected(packet)[0].split("dport=")[1] for packet in packets[5:]] == ["1025", "1025", "1026"]


def test_who_is_expected_already_by_another_is_refused_and_the_packet_dropped(kernel: Kernel) -> None:
    one, two = Dialogue(sport=4000), Dialogue(sport=4001)
    packets = agreed(kernel, box(HELPED), [*one.open(), one.client(ACTIVE[0]), *two.open(), two.client(ACTIVE[0])])
    assert [packets[5].verdict, packets[11].verdict] == ["ACCEPT", "DROP"]


def test_an_address_of_somebody_else_is_let_pass_and_not_expected(kernel: Kernel) -> None:
    talk = Dialogue()
    packets = agreed(kernel, box(HELPED), [*talk.open(), talk.client(b"PORT 198,51,100,53,0,22\r\n")])
    assert packets[5].verdict == "ACCEPT"
    assert expected(packets[5]) == []


def test_what_turns_out_to_be_invalid_uses_an_expectation_up(kernel: Kernel) -> None:
    talk = Dialogue()
    shots = [*talk.open(), talk.client(ACTIVE[0]), syn(SERVER, CLIENT, 20, 1025, "wan", ACK), syn(SERVER, CLIENT, 20, 1025, "wan")]
    packets = agreed(kernel, box(HELPED, tcp_loose=0), shots)
    assert [states(packet) for packet in packets[6:]] == [{"INVALID"}, {"NEW"}]


def test_expectations_go_with_their_connection(kernel: Kernel) -> None:
    talk = Dialogue()
    shots = [*talk.open(), talk.client(ACTIVE[0]), talk.segment(0, RST | ACK), talk.segment(0, SYN)]  # which begins it anew
    packets = agreed(kernel, box(HELPED), shots)
    assert [len(expected(packet)) for packet in packets[5:]] == [1, 1, 0]


def test_a_helper_where_an_application_echoes_is_a_trap(kernel: Kernel) -> None:
    """Whoever is echoed chooses what the server says: that the client may come in by ssh."""
    echo = b"227 x (198,51,100,80,0,22)\r\n"
    talk = Dialogue(port=1337)
    shots = [talk.segment(0, SYN), talk.segment(1, SYN | ACK), talk.segment(0, ACK), talk.client(b"hello\r\n"), talk.server(b"hello\r\n")]
    shots += [talk.client(echo), talk.server(echo), syn(CLIENT, SERVER, 4444, 22, "lan")]
    packets = agreed(kernel, box(HELPED), shots)
    assert states(packets[-1]) == {"RELATED"}


def test_tftp_expects_with_the_very_first_packet(kernel: Kernel) -> None:
    ask = Shot(craft.udp(CLIENT, SERVER, 4000, 69, b"\0\1file\0octet\0", id=1), "lan")
    answer = Shot(craft.udp(SERVER, CLIENT, 3333, 4000, b"\0\3\0\1data", id=2), "wan")
    stranger = Shot(craft.udp(STRANGER, CLIENT, 3333, 4000, b"\0\3\0\1data", id=3), "wan")
    packets = agreed(kernel, box(HELPED), [ask, stranger, answer, answer])
    assert [states(packet) for packet in packets] == [{"NEW"}, {"NEW"}, {"RELATED"}, {"RELATED"}]


def test_irc_expects_anybody_whom_the_client_invites(kernel: Kernel) -> None:
    talk = Dialogue(port=6667)
    invite = f"PRIVMSG you :\1DCC SEND file {CLIENT} 1025\1\r\n".encode()
    forged = f"PRIVMSG you :\1DCC SEND file {STRANGER} 1026\1\r\n".encode()
    shots = [*talk.open(), talk.client(forged), talk.client(invite), syn(STRANGER, CLIENT, 4444, 1025, "wan")]
    packets = agreed(kernel, box(HELPED), shots)
    assert expected(packets[5]) == []
    assert states(packets[7]) == {"RELATED"}


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("seqs", [(1000, 5_000_000), (2**32 - 20, 2**31 - 20)])
def test_the_address_is_rewritten_and_the_numbers_shifted_where_it_is_translated(
    kernel: Kernel, variant: str, seqs: tuple[int, int]
) -> None:
    talk = Dialogue(outside=OUTSIDE, seqs=seqs)
    shots = [*talk.open(), talk.client(ACTIVE[0])]
    talk.longer = len("203,0,113,200") - len("192,168,0,20")
    shots += [talk.server(b"200 ok\r\n"), talk.client(b"LIST\r\n"), talk.client(b"PORT 192,168,0,20,4,2\r\n")]
    talk.longer *= 2
    shots += [talk.server(b"200 ok\r\n"), talk.client(b"LIST\r\n"), syn(SERVER, OUTSIDE, 20, 1026, "wan")]
    packets = agreed(kernel, replace(box(MASQUERADED), variant=variant), shots)
    sent = [Packet(packet.out[0][1]) for packet in packets]
    assert sent[5].payload == b"PORT 203,0,113,200,4,1\r\n"
    assert sent[7].seq == Packet(shots[7].raw).seq + 1 & 0xFFFFFFFF
    assert sent[9].ack == Packet(shots[9].raw).ack - 2 & 0xFFFFFFFF
    assert sent[11].dst == CLIENT
    assert states(packets[11]) == {"RELATED"}


@pytest.mark.parametrize("line", [b"PORT 192,168,0,20,0,0\r\n", b"227 (198,51,100,80,0,0)\r\n"])
def test_where_it_is_translated_port_0_is_expected_but_the_line_is_dropped(kernel: Kernel, line: bytes) -> None:
    talk = Dialogue(outside=OUTSIDE)
    side = int(line[:1] == b"2")
    packets = agreed(kernel, box(MASQUERADED), [*talk.open(), talk.segment(side, ACK | PSH, line)])
    assert packets[5].verdict == "DROP"
    assert len(expected(packets[5])) == 1


def test_where_a_zone_is_nobody_of_another_is_expected(kernel: Kernel) -> None:
    rules = HELPED.replace("--dport 21 -j CT --helper ftp", "--dport 21 -j CT --helper ftp --zone 7").replace(
        "COMMIT", "-A PREROUTING -p tcp -m tcp --sport 21 -j CT --zone 7\nCOMMIT", 1
    )
    talk = Dialogue()
    packets = agreed(kernel, box(rules), [*talk.open(), talk.client(ACTIVE[0]), syn(SERVER, CLIENT, 20, 1025, "wan")])
    assert states(packets[6]) == {"NEW"}
    assert expected(packets[6]) != []


CLIENT6, SERVER6, OUTSIDE6 = (address(text) for text in ("2001:db8:1::20", "2001:db8:ffff::80", "2001:db8::200"))
RULES6 = "*raw\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n"
NAT6 = f"{RULES6}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 2001:db8::200\nCOMMIT\n"


def six(rules: str, variant: str) -> Setup:
    """The box with IPv6."""
    interfaces = {"wan": ("203.0.113.1/24", "2001:db8::1/64"), "lan": ("192.168.0.1/16", "2001:db8:1::1/64")}
    forwarding = {"net.ipv6.conf.all.forwarding": 1}
    return Setup(interfaces, "", {"2001:db8:ffff::/48": "wan"}, forwarding, variant=variant, rules6=rules)


class Dialogue6(Dialogue):
    def segment(self, side: int, flags: int, text: bytes = b"", *, again: int | None = None) -> Shot:
        seq = self.numbers[side]
        self.numbers[side] += len(text) + bool(flags & SYN)
        src, dst = (CLIENT6, SERVER6) if side == 0 else (SERVER6, self.outside)
        ack = self.numbers[1 - side] if flags & ACK else 0
        raw = craft.tcp(src, dst, self.ports[side], self.ports[1 - side], flags, seq, ack, 8192, text, family=6)
        return Shot(raw, "wan" if side else "lan")


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize(
    ("line", "rewritten"),
    [
        (b"EPRT |2|2001:db8:1::20|1025|\r\n", b"EPRT |2|2001:0db8:0000:0000:0000:0000:0000:0200|1025|\r\n"),
        (b"PORT 32,1,13,184,4,1\r\n", b"PORT 32,1,13,184,4,1\r\n"),
    ],
)  # fmt: skip
def test_ipv6_has_the_same(kernel: Kernel, variant: str, line: bytes, rewritten: bytes) -> None:
    for rules, outside, said in ((RULES6, CLIENT6, line), (NAT6, OUTSIDE6, rewritten)):
        talk = Dialogue6(outside=outside)
        call = Shot(craft.tcp(SERVER6, outside, 20, 1025, SYN, family=6), "wan")
        packets = agreed(kernel, six(rules, variant), [*talk.open(), talk.client(line), call])
        assert Packet(packets[5].out[0][1]).payload == said
        assert states(packets[6]) == {"RELATED"}


_MADE_UP = ("0", "1", "ffff", "00001", "12345", "a", "", "2001", "db8", "1.2.3.4", "1.2.3.256", "1.2.3", ":", "g", "|")


def test_ipv6_addresses_are_read_or_not_as_the_kernel_does(kernel: Kernel) -> None:
    random, shots = Random(6), list[Shot]()
    for number in range(80):
        talk = Dialogue6(sport=10000 + number, outside=CLIENT6)
        text = ":".join(random.choice(_MADE_UP) for _ in range(random.choice((1, 3, 6, 7, 8, 8, 9))))
        mark = random.choice("|||!.:")
        shots += [*talk.open(), talk.client(f"EPRT {mark}2{mark}{text}{mark}1025{mark}\r\n".encode())]
    verdicts = [packet.verdict for packet in agreed(kernel, six(RULES6, "legacy"), shots)[5::6]]
    assert {"ACCEPT", "DROP"} == set(verdicts)


ZONES = ["--zone 3", "--zone-orig 3", "--zone-reply 3", "--zone mark"]


@pytest.mark.parametrize("zone", ZONES)
def test_answers_are_found_only_in_their_zone(kernel: Kernel, zone: str) -> None:
    def through(back: str) -> list[set[str]]:
        rules = f"*raw\n-A PREROUTING -i lan -j CT {zone}\n{back}COMMIT\n"
        talk = Dialogue(port=80)
        shots: Sequence[Shot] = [talk.segment(0, SYN), talk.segment(1, SYN | ACK), talk.segment(0, ACK)]
        return [states(packet) for packet in agreed(kernel, box(rules), shots)]

    alone, together = through(""), through(f"-A PREROUTING -i wan -j CT {zone}\n")
    assert together[1] == {"ESTABLISHED"}
    assert (alone[1] == {"ESTABLISHED"}) == (zone in ("--zone-orig 3", "--zone mark"))


@pytest.mark.parametrize("places", [(32,), (32, 40)])
@pytest.mark.parametrize(("line", "side"), [(ACTIVE[1], 0), (PASSIVE[1], 1), (b"USER hello how are you\r\n", 0)])
@pytest.mark.parametrize("port", [21, 6667])
def test_what_the_ftp_helper_reads_is_cut_anew(kernel: Kernel, places: tuple[int, ...], line: bytes, side: int, port: int) -> None:
    """It joins fragments for good, others do not: these are cut where they were, if nobody wrote into them."""
    talk = Dialogue(port=port, outside=OUTSIDE)
    shots = talk.open()
    whole = talk.segment(side, ACK | PSH, line)
    segment, ends = whole.raw[20:], (int.from_bytes(whole.raw[12:16], "big"), int.from_bytes(whole.raw[16:20], "big"))
    for begin, end in pairwise([0, *places, len(segment)]):
        raw = craft.ip(*ends, 6, segment[begin:end], id=9, df=False, mf=end < len(segment), offset=begin)
        shots.append(whole._replace(raw=raw))
    pieces = agreed(kernel, box(MASQUERADED), shots)[-1].out
    assert len(pieces) == (2 if port == 21 else len(places) + 1)


@pytest.mark.parametrize("sizes", [(24,), (24, 8), (8,)])
def test_what_the_sip_helper_reads_is_cut_anew_and_what_the_tftp_helper_reads_is_not(kernel: Kernel, sizes: tuple[int, ...]) -> None:
    """The last piece is as long as may be: only those before it are cut at multiples of eight."""
    rules = MASQUERADED.replace("COMMIT", "-A PREROUTING -p udp -m udp --dport 5060 -j CT --helper sip\nCOMMIT", 1)
    for port, text in ((5060, b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n"), (69, b"\0\1file\0octet\0" + bytes(30))):
        datagram = craft.udp(CLIENT, SERVER, 4000, port, text)[20:]
        shots = []
        for begin, end in pairwise([0, *accumulate(sizes), len(datagram)]):
            raw = craft.ip(CLIENT, SERVER, 17, datagram[begin:end], id=9, df=False, mf=end < len(datagram), offset=begin)
            shots.append(Shot(raw, "lan"))
        agreed(kernel, box(rules), shots)
