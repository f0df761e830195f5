"""What connection tracking makes of SCTP, GRE and DCCP: each fact holds for kernel and engine alike."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.sctp import DATA, INVALID, TABLE, Kind, State
from fwtutor.netfilter.craft import sctp_chunk, sctp_init
from tests.kernel.talk import CLIENT, SERVER, agreed, box, ctstates, seconds, tcp_states as sctp_states

MINE, THEIRS = 0xAAAA, 0xBBBB
"""The tags the client and the server ask for: the other side's packets have them."""
OTHER = 0x1234


class Sctp:
    """An association through the box. ``client(Kind.INIT)`` and ``server(Kind.INIT_ACK)`` make the next packet of a side."""

    def __init__(self, port: int = 4000) -> None:
        self.port = port

    def client(self, *kinds: int, tag: int | None = None, asks: int = MINE, flags: int = 0) -> Shot:
        return self._packet(0, kinds, THEIRS if tag is None else tag, asks, flags)

    def server(self, *kinds: int, tag: int | None = None, asks: int = THEIRS, flags: int = 0) -> Shot:
        return self._packet(1, kinds, MINE if tag is None else tag, asks, flags)

    def _packet(self, side: int, kinds: tuple[int, ...], tag: int, asks: int, flags: int) -> Shot:
        chunks = b"".join(sctp_init(kind, asks) if kind in (1, 2) else sctp_chunk(kind, b"1234", flags) for kind in kinds)
        return self.raw(side, chunks, 0 if kinds == (Kind.INIT,) and tag in (MINE, THEIRS) else tag)

    def raw(self, side: int, chunks: bytes, tag: int) -> Shot:
        src, dst, sport, dport = (CLIENT, SERVER, self.port, 80) if side == 0 else (SERVER, CLIENT, 80, self.port)
        return Shot(craft.sctp(src, dst, sport, dport, tag, chunks, id=1), "lan" if side == 0 else "wan")

    def until(self, state: State) -> list[Shot]:
        """Packets after which the entry is in ``state``."""
        if state is State.NONE:
            return []
        if state is State.HEARTBEAT_SENT:
            return [self.client(Kind.HEARTBEAT)]
        shots = [self.client(Kind.INIT), self.server(Kind.INIT_ACK), self.client(Kind.COOKIE_ECHO), self.server(Kind.COOKIE_ACK)]
        if state <= State.ESTABLISHED:
            return shots[: {State.CLOSED: 1, State.COOKIE_WAIT: 2, State.COOKIE_ECHOED: 3, State.ESTABLISHED: 4}[state]]
        shots.append(self.server(Kind.SHUTDOWN) if state is State.SHUTDOWN_RECD else self.client(Kind.SHUTDOWN))
        return [*shots, self.server(Kind.SHUTDOWN_ACK)] if state is State.SHUTDOWN_ACK_SENT else shots


# --- the table -------------------------------------------------------------------------------------------

CELLS = [(direction, kind, state) for direction in (0, 1) for kind in Kind for state in State if (direction, state) != (1, State.NONE)]


@pytest.fixture(scope="module")
def probed(kernel: Kernel) -> dict[tuple[int, Kind, State], tuple[Observed, Observed | None]]:
    """By cell: the probe as it went, and the packet before it."""
    shots: list[Shot] = []
    probes: dict[tuple[int, Kind, State], int] = {}
    for port, cell in enumerate(CELLS, 10000):
        direction, kind, state = cell
        talk = Sctp(port)
        shots += talk.until(state)
        probes[cell] = len(shots)
        # Where the tag of a side is not known yet it is 0.
        known = state not in ((State.NONE, State.CLOSED), (State.HEARTBEAT_SENT,))[direction] or kind in (
            Kind.HEARTBEAT,
            Kind.HEARTBEAT_ACK,
        )
        shots.append((talk.client, talk.server)[direction](kind, tag=None if known else 0))
    packets = agreed(kernel, box(), shots)
    return {cell: (packets[number], packets[number - 1] if cell[2] else None) for cell, number in probes.items()}


@pytest.mark.parametrize(("direction", "kind", "state"), CELLS, ids=lambda value: getattr(value, "name", str(value)))
def test_the_table_is_the_kernels(
    probed: dict[tuple[int, Kind, State], tuple[Observed, Observed | None]], direction: int, kind: Kind, state: State
) -> None:
    probe, before = probed[direction, kind, state]
    if before is not None:
        assert sctp_states([before]) == [state.name], "the way there did not lead there"
    cell = TABLE[direction][kind][state]
    after = state.name if state else "-"
    assert sctp_states([probe]) == [cell.name if isinstance(cell, State) else after]
    assert (ctstates([probe]) == ["INVALID"]) == (cell == INVALID)


# --- an association --------------------------------------------------------------------------------------


def test_an_association_from_its_init_to_its_end(kernel: Kernel) -> None:
    talk = Sctp()
    packets = agreed(kernel, box(), [*talk.until(State.ESTABLISHED), talk.client(DATA), talk.client(Kind.SHUTDOWN),
                                     talk.server(Kind.SHUTDOWN_ACK), talk.client(Kind.SHUTDOWN_COMPLETE)])  # fmt: skip
    assert sctp_states(packets) == [
        "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_ACK_SENT", "CLOSED",
    ]  # fmt: skip
    assert ctstates(packets) == ["NEW", *["ESTABLISHED"] * 7]


TIMES = {
    State.CLOSED: ("closed", 10), State.COOKIE_WAIT: ("cookie_wait", 3), State.COOKIE_ECHOED: ("cookie_echoed", 3),
    State.ESTABLISHED: ("established", 210), State.SHUTDOWN_SENT: ("shutdown_sent", 3), State.SHUTDOWN_RECD: ("shutdown_recd", 3),
    State.SHUTDOWN_ACK_SENT: ("shutdown_ack_sent", 3), State.HEARTBEAT_SENT: ("heartbeat_sent", 30),
}  # fmt: skip


@pytest.mark.parametrize("state", TIMES)
def test_each_state_has_its_time_and_its_sysctl(kernel: Kernel, state: State) -> None:
    name, time = TIMES[state]
    entry = agreed(kernel, box(), Sctp().until(state))[-1].entry
    assert entry is not None
    assert time - 1 <= entry.seconds <= time
    assert seconds(agreed(kernel, box(**{f"sctp_timeout_{name}": 500}), Sctp().until(state)))[-1] == 500


def test_it_is_assured_once_a_chunk_has_established_it(kernel: Kernel) -> None:
    packets = agreed(kernel, box(), Sctp().until(State.ESTABLISHED))
    assert ["[ASSURED]" in str(packet.entry) for packet in packets] == [False, False, False, True]


def test_it_is_established_and_assured_even_by_a_packet_that_a_later_chunk_makes_invalid(kernel: Kernel) -> None:
    talk = Sctp()
    packets = agreed(kernel, box(), [*talk.until(State.COOKIE_ECHOED), talk.server(Kind.COOKIE_ACK, Kind.ABORT, tag=OTHER)])
    assert (ctstates(packets)[-1], sctp_states(packets)[-1]) == ("INVALID", "ESTABLISHED")
    assert "[ASSURED]" in str(packets[-1].entry)


# --- the header and the chunks ----------------------------------------------------------------------------


def test_a_wrong_checksum_is_invalid_where_packets_arrive_unless_checksums_are_switched_off(kernel: Kernel) -> None:
    shot = Sctp().client(Kind.INIT)
    wrong = shot._replace(raw=shot.raw[:28] + bytes(4) + shot.raw[32:])
    assert ctstates(agreed(kernel, box(), [wrong])) == ["INVALID"]
    assert ctstates(agreed(kernel, box(checksum=0), [wrong])) == ["NEW"]


@pytest.mark.parametrize("room", range(4, 17))
def test_a_header_cut_short_is_invalid_and_so_is_a_packet_without_a_whole_chunk_header(kernel: Kernel, room: int) -> None:
    whole = Sctp().client(Kind.HEARTBEAT).raw[20:]
    packets = agreed(kernel, box(checksum=0), [Shot(craft.ip(CLIENT, SERVER, 132, whole[:room], id=1), "lan")])
    assert ctstates(packets) == ["NEW" if room >= 16 else "INVALID"]


def test_an_init_cut_short_begins_nothing(kernel: Kernel) -> None:
    chunk = sctp_init(Kind.INIT, MINE)
    packets = agreed(kernel, box(), [Sctp(port).raw(0, chunk[:room], 0) for port, room in ((1, 19), (2, 20))])
    assert ctstates(packets) == ["INVALID", "NEW"]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((DATA, Kind.HEARTBEAT), "ESTABLISHED"),
        ((Kind.COOKIE_ACK, DATA), "ESTABLISHED"),
        ((DATA, Kind.COOKIE_ACK), "INVALID"),
        ((DATA, Kind.COOKIE_ECHO), "INVALID"),
        ((Kind.INIT_ACK, DATA), "INVALID"),
        ((DATA, Kind.INIT_ACK), "INVALID"),
        ((Kind.SHUTDOWN_COMPLETE, DATA), "INVALID"),
        ((Kind.SHUTDOWN, DATA), "ESTABLISHED"),
        ((64, 13), "ESTABLISHED"),
    ],
)
def test_some_chunks_must_be_first_and_some_alone(kernel: Kernel, kinds: tuple[int, ...], expected: str) -> None:
    talk = Sctp()
    assert ctstates(agreed(kernel, box(), [*talk.until(State.ESTABLISHED), talk.client(*kinds)]))[-1] == expected


@pytest.mark.parametrize(("length", "expected"), [(0, "INVALID"), (1, "ESTABLISHED"), (3, "ESTABLISHED"), (65535, "ESTABLISHED")])
def test_a_chunk_of_length_0_is_invalid_and_no_other_length(kernel: Kernel, length: int, expected: str) -> None:
    talk = Sctp()
    chunk = b"\0\0" + length.to_bytes(2, "big") + b"\x40\0\0\x04"
    assert ctstates(agreed(kernel, box(), [*talk.until(State.ESTABLISHED), talk.raw(0, chunk, THEIRS)]))[-1] == expected


@pytest.mark.parametrize("kind", [DATA, Kind.ABORT, Kind.SHUTDOWN_COMPLETE, Kind.COOKIE_ACK, 3])
def test_what_can_only_belong_to_an_association_begins_none(kernel: Kernel, kind: int) -> None:
    assert ctstates(agreed(kernel, box(), [Sctp().client(kind, tag=0)])) == ["INVALID"]


# --- verification tags -----------------------------------------------------------------------------------


def test_a_packet_with_another_tag_than_its_receiver_asked_for_is_invalid(kernel: Kernel) -> None:
    talk = Sctp()
    packets = agreed(
        kernel, box(), [*talk.until(State.ESTABLISHED), talk.client(DATA), talk.client(DATA, tag=MINE), talk.client(DATA, tag=0)]
    )
    assert ctstates(packets)[-3:] == ["ESTABLISHED", "INVALID", "INVALID"]


@pytest.mark.parametrize("kind", [Kind.ABORT, Kind.SHUTDOWN_COMPLETE])
@pytest.mark.parametrize(("tag", "flags", "expected"), [(THEIRS, 0, "CLOSED"), (MINE, 1, "CLOSED"), (MINE, 0, ""), (THEIRS, 1, "")])
def test_an_end_has_the_receivers_tag_or_with_the_t_bit_the_senders(
    kernel: Kernel, kind: Kind, tag: int, flags: int, expected: str
) -> None:
    talk = Sctp()
    packets = agreed(kernel, box(), [*talk.until(State.SHUTDOWN_ACK_SENT), talk.client(kind, tag=tag, flags=flags)])
    assert (ctstates(packets)[-1] != "INVALID") == bool(expected)
    assert sctp_states(packets)[-1] == (expected or "SHUTDOWN_ACK_SENT")


def test_an_init_has_the_tag_0(kernel: Kernel) -> None:
    packets = agreed(
        kernel, box(), [Sctp().client(Kind.INIT, tag=OTHER), *Sctp().until(State.COOKIE_WAIT), Sctp().client(Kind.INIT, tag=OTHER)]
    )
    assert ctstates(packets) == ["INVALID", "NEW", "ESTABLISHED", "INVALID"]


def test_an_init_sent_again_does_not_keep_a_closed_association(kernel: Kernel) -> None:
    talk = Sctp()
    packets = agreed(kernel, box(acct=1), [talk.client(Kind.INIT), talk.client(Kind.INIT), talk.client(Kind.INIT)])
    assert ctstates(packets) == ["NEW"] * 3
    assert packets[-1].entry is not None
    assert packets[-1].entry.original_counters == (1, 52)


def test_an_init_ack_may_change_its_mind_until_the_cookie_is_acknowledged(kernel: Kernel) -> None:
    talk = Sctp()
    other = talk.server(Kind.INIT_ACK, asks=OTHER)
    before = agreed(kernel, box(), [*talk.until(State.COOKIE_ECHOED), other])
    after = agreed(kernel, box(), [*talk.until(State.ESTABLISHED), other, talk.client(Kind.INIT), other])
    anew = agreed(
        kernel, box(), [*talk.until(State.ESTABLISHED), talk.client(Kind.INIT, asks=7), talk.server(Kind.INIT_ACK, asks=OTHER, tag=7)]
    )
    assert ctstates(before)[-1] == "ESTABLISHED"
    assert ctstates(after)[-3:] == ["INVALID", "ESTABLISHED", "INVALID"]
    assert ctstates(anew)[-2:] == ["ESTABLISHED", "ESTABLISHED"]


def test_when_both_have_begun_an_init_ack_must_repeat_the_init(kernel: Kernel) -> None:
    talk = Sctp()
    inits = [talk.client(Kind.INIT), talk.server(Kind.INIT)]
    packets = agreed(kernel, box(), [*inits, talk.server(Kind.INIT_ACK, asks=OTHER), talk.server(Kind.INIT_ACK)])
    assert ctstates(packets)[-2:] == ["INVALID", "ESTABLISHED"]


def test_a_heartbeat_with_another_tag_passes_uncounted_and_its_ack_proves_it_right(kernel: Kernel) -> None:
    talk = Sctp()
    beat, answer = talk.client(Kind.HEARTBEAT, tag=OTHER), talk.server(Kind.HEARTBEAT_ACK, tag=7)
    packets = agreed(
        kernel, box(acct=1), [*talk.until(State.ESTABLISHED), answer, beat, answer, talk.server(DATA, tag=7), talk.server(DATA)]
    )
    assert ctstates(packets)[4:] == ["INVALID", "ESTABLISHED", "ESTABLISHED", "ESTABLISHED", "INVALID"]
    assert [packet.entry.original_counters[0] for packet in packets[3:6] if packet.entry and packet.entry.original_counters] == [2, 2, 2]


def test_a_heartbeat_with_another_tag_and_data_is_invalid(kernel: Kernel) -> None:
    talk = Sctp()
    assert ctstates(agreed(kernel, box(), [*talk.until(State.ESTABLISHED), talk.client(Kind.HEARTBEAT, DATA, tag=OTHER)]))[-1] == "INVALID"


def test_an_icmp_error_about_an_association_is_related(kernel: Kernel) -> None:
    talk = Sctp()
    error = Shot(craft.icmp(SERVER, CLIENT, 3, 2, 0, talk.client(Kind.INIT).raw[:28], id=1), "wan")
    assert ctstates(agreed(kernel, box(), [talk.client(Kind.INIT), error])) == ["NEW", "RELATED"]


# --- GRE and DCCP ----------------------------------------------------------------------------------------

PLAIN = b"\0\0\x08\0" + bytes(20)


def gre(data: bytes, *, back: bool = False) -> Shot:
    return Shot(craft.ip(*((SERVER, CLIENT) if back else (CLIENT, SERVER)), 47, data, id=1), "wan" if back else "lan")


def call(number: int, *, version: int = 1, carries: int = 0x880B) -> bytes:
    """Enhanced GRE's header, and some data."""
    return b"".join(part.to_bytes(2, "big") for part in (0x2000 | version, carries, 4, number)) + b"data"


def keys(packets: tuple[Observed, ...]) -> list[str]:
    return ["-" if packet.entry is None else packet.entry.original.split("srckey=")[1] for packet in packets]


def test_gre_is_assured_and_lives_longer_from_the_second_packet_after_a_reply(kernel: Kernel) -> None:
    packets = agreed(kernel, box(), [gre(PLAIN), gre(PLAIN), gre(PLAIN, back=True), gre(PLAIN)])
    assert ctstates(packets) == ["NEW", "NEW", "ESTABLISHED", "ESTABLISHED"]
    assert seconds(packets) == [30, 30, 30, 180]
    assert ["[ASSURED]" in str(packet.entry) for packet in packets] == [False, False, False, True]
    assert seconds(agreed(kernel, box(gre_timeout=50, gre_timeout_stream=70), [gre(PLAIN), gre(PLAIN, back=True), gre(PLAIN)])) == [
        50,
        50,
        70,
    ]


def test_gre_keys_do_not_tell_tunnels_apart(kernel: Kernel) -> None:
    keyed = b"\x20\0\x08\0\0\0\0\x2a" + bytes(20)
    assert ctstates(agreed(kernel, box(), [gre(PLAIN), gre(keyed, back=True)])) == ["NEW", "ESTABLISHED"]


@pytest.mark.parametrize("version", range(8))
def test_only_version_1_has_its_call_in_the_tuple(kernel: Kernel, version: int) -> None:
    assert keys(agreed(kernel, box(), [gre(call(77, version=version))])) == ["0x0 dstkey=0x4d" if version == 1 else "0x0 dstkey=0x0"]


def test_without_the_helper_the_two_sides_of_a_call_are_two_connections(kernel: Kernel) -> None:
    packets = agreed(kernel, box(), [gre(call(77)), gre(call(77), back=True), gre(call(78)), gre(call(0)), gre(call(0), back=True)])
    assert ctstates(packets) == ["NEW", "NEW", "NEW", "NEW", "ESTABLISHED"]


def test_enhanced_gre_that_carries_no_ppp_is_invalid(kernel: Kernel) -> None:
    assert ctstates(agreed(kernel, box(), [gre(call(77, carries=0x0800)), gre(call(77, carries=0x0800)[:7])])) == ["INVALID", "NEW"]


@pytest.mark.parametrize("room", [0, 1, 3, 4, 7])
def test_a_gre_header_cut_short_is_not_invalid(kernel: Kernel, room: int) -> None:
    assert keys(agreed(kernel, box(), [gre(call(77)[:room])])) == ["0x0 dstkey=0x0"]


def test_dccp_is_tracked_by_its_addresses_and_listed_with_the_ports_0(kernel: Kernel) -> None:
    shots = [Shot(craft.ip(CLIENT, SERVER, 33, bytes([0, 80, 0, port]) + bytes(12), id=1), "lan") for port in (1, 2)]
    comparison = compare(kernel, box(), shots)
    assert not comparison.differences, f"{comparison}"
    (entry,) = comparison.observation.conntrack
    assert str(entry).startswith("dccp     33 ")
    assert " sport=0 dport=0 [UNREPLIED] " in str(entry)
