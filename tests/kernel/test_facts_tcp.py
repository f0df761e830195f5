"""What the kernel does with TCP, said as facts; each holds for kernel and engine alike."""

from __future__ import annotations

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from tests.kernel.talk import CLIENT, SERVER, Tcp, agreed, box, ctstates, filtering, seconds, tcp_states


def test_opening_and_closing_walks_through_the_states(kernel: Kernel) -> None:
    talk = Tcp()
    shots = [*talk.open(), talk.client("A", 100), talk.server("A")]
    shots += [talk.client("FA"), talk.server("A"), talk.server("FA"), talk.client("A")]
    packets = agreed(kernel, box(), shots)
    assert tcp_states(packets) == [
        "SYN_SENT", "SYN_RECV", "ESTABLISHED", "ESTABLISHED", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
    ]  # fmt: skip
    assert ctstates(packets) == ["NEW"] + ["ESTABLISHED"] * 8
    assert seconds(packets) == [120, 60, 432000, 300, 432000, 120, 60, 30, 120]
    assured = [bool(packet.entry and packet.entry.status & 4) for packet in packets]
    assert assured == [False, False] + [True] * 7, "the third packet makes it ASSURED"


def test_tracking_is_off_until_a_rule_asks(kernel: Kernel) -> None:
    packets = agreed(kernel, box(filtering("-A FORWARD -p tcp")), Tcp().open())
    assert ctstates(packets) == ["", "", ""]
    assert tcp_states(packets) == ["-", "-", "-"]


@pytest.mark.parametrize("flags", ["SA", "FA", "R", "RA", "F"])
def test_only_syn_or_ack_can_begin(kernel: Kernel, flags: str) -> None:
    packets = agreed(kernel, box(), [Tcp().client(flags)])
    assert ctstates(packets) == ["INVALID"]
    assert tcp_states(packets) == ["-"]


def test_an_ack_is_picked_up_as_established(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [talk.client("A"), talk.server("A"), talk.client("A")])
    assert ctstates(packets) == ["NEW", "ESTABLISHED", "ESTABLISHED"]
    assert tcp_states(packets) == ["ESTABLISHED"] * 3
    assert seconds(packets)[0] == 300
    assert [bool(packet.entry and packet.entry.status & 4) for packet in packets] == [False, False, True]


def test_without_loose_an_ack_begins_nothing(kernel: Kernel) -> None:
    packets = agreed(kernel, box(tcp_loose=0), [Tcp().client("A")])
    assert ctstates(packets) == ["INVALID"]


@pytest.mark.parametrize("flags", ["", "F", "SF", "SR", "FPU", "U", "P", "SAF", "RF"])
def test_flags_no_tcp_sends_are_invalid(kernel: Kernel, flags: str) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client(flags)])
    assert ctstates(packets)[-1] == "INVALID"
    assert tcp_states(packets)[-1] == "ESTABLISHED"


@pytest.mark.parametrize("flags", ["SE", "SPU", "SC"])
def test_odd_but_possible_syns_begin(kernel: Kernel, flags: str) -> None:
    assert ctstates(agreed(kernel, box(), [Tcp().client(flags)])) == ["NEW"]


@pytest.mark.parametrize(("beyond", "ctstate"), [(0, "ESTABLISHED"), (8191, "ESTABLISHED"), (8192, "INVALID")])
def test_data_may_overshoot_the_window_by_one_window(kernel: Kernel, beyond: int, ctstate: str) -> None:
    talk = Tcp(window=8192)
    packets = agreed(kernel, box(), [*talk.open(), talk.client("A", seq=8192 + beyond)])
    assert ctstates(packets)[-1] == ctstate


@pytest.mark.parametrize(("distance", "ctstate"), [(0, "ESTABLISHED"), (1, "INVALID"), (-66000, "ESTABLISHED")])
def test_acknowledging_unseen_data_is_invalid(kernel: Kernel, distance: int, ctstate: str) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("A", ack=distance)])
    assert ctstates(packets)[-1] == ctstate


@pytest.mark.parametrize("distance", [8192 * 2, 100_000])
def test_liberal_believes_any_window(kernel: Kernel, distance: int) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(tcp_be_liberal=1), [*talk.open(), talk.client("A", 1, seq=distance)])
    assert ctstates(packets)[-1] == "ESTABLISHED"


def test_liberal_does_not_help_an_ack_after_an_unanswered_syn(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(tcp_be_liberal=1), [talk.client("S"), talk.client("A")])
    assert ctstates(packets) == ["NEW", "INVALID"]


def test_a_syn_in_an_open_connection_passes_unbelieved(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("S", seq=77_000), talk.server("S", seq=77_000)])
    assert ctstates(packets)[-2:] == ["ESTABLISHED", "INVALID"]
    assert tcp_states(packets)[-2:] == ["ESTABLISHED", "ESTABLISHED"]


def test_an_answered_unbelieved_syn_resynchronises(kernel: Kernel) -> None:
    talk = Tcp()
    opening = talk.open()
    again = Tcp(client_seq=900_000, server_seq=800_000)
    packets = agreed(kernel, box(), [*opening, *again.open()])
    assert tcp_states(packets)[-3:] == ["ESTABLISHED", "SYN_RECV", "ESTABLISHED"]
    assert all(packet.entry and packet.entry.status & 4 for packet in packets[3:]), "it stays ASSURED"


EXACTNESS = [(0, "ESTABLISHED", "CLOSE"), (-1, "INVALID", "ESTABLISHED"), (1, "ESTABLISHED", "ESTABLISHED")]


@pytest.mark.parametrize(("distance", "ctstate", "state"), EXACTNESS)
def test_only_an_exact_reset_closes(kernel: Kernel, distance: int, ctstate: str, state: str) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("A", 10), talk.server("A"), talk.client("R", seq=distance)])
    assert ctstates(packets)[-1] == ctstate
    assert tcp_states(packets)[-1] == state


def test_a_reset_answering_a_syn_leaves_nothing(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [talk.client("S"), talk.server("RA")])
    assert ctstates(packets) == ["NEW", "ESTABLISHED"]
    assert tcp_states(packets) == ["SYN_SENT", "-"]


def test_repeated_syns_stay_new(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [talk.client("S"), talk.client("S", seq=-1), talk.client("S", seq=-1)])
    assert ctstates(packets) == ["NEW"] * 3


def test_both_may_begin_at_once(kernel: Kernel) -> None:
    talk = Tcp()
    shots = [talk.client("S"), talk.server("S"), talk.server("SA", seq=-1), talk.client("SA", seq=-1), talk.server("A")]
    assert tcp_states(agreed(kernel, box(), shots)) == ["SYN_SENT", "SYN_SENT2", "SYN_RECV", "SYN_RECV", "ESTABLISHED"]


def test_fins_crossing_make_last_ack(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("FA"), talk.server("FA", ack=-1)])
    assert tcp_states(packets)[-2:] == ["FIN_WAIT", "LAST_ACK"]


def test_a_syn_after_the_end_is_new(kernel: Kernel) -> None:
    talk = Tcp()
    shots = [*talk.open(), talk.client("FA"), talk.server("FA"), talk.client("A")]
    packets = agreed(kernel, box(), [*shots, talk.client("S", seq=500_000)])
    assert ctstates(packets)[-1] == "NEW"
    assert tcp_states(packets)[-2:] == ["TIME_WAIT", "SYN_SENT"]


def test_a_syn_after_the_peers_reset_is_not(kernel: Kernel) -> None:
    talk = Tcp()
    shots = [*talk.open(), talk.server("R"), talk.client("S")]
    packets = agreed(kernel, box(), [*shots, talk.server("SA")])
    assert ctstates(packets)[-2:] == ["ESTABLISHED", "ESTABLISHED"]
    assert tcp_states(packets)[-3:] == ["CLOSE", "CLOSE", "SYN_RECV"]


def test_four_equal_acks_shorten_the_life(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("A"), talk.client("A"), talk.client("A"), talk.client("A")])
    assert seconds(packets)[2:] == [432000, 432000, 432000, 300, 300]


def test_a_closed_window_shortens_the_life(kernel: Kernel) -> None:
    talk = Tcp()
    packets = agreed(kernel, box(), [*talk.open(), talk.client("A", win=0), talk.client("A")])
    assert seconds(packets)[2:] == [432000, 300, 432000]


def test_a_wrong_checksum_is_invalid_only_while_checked(kernel: Kernel) -> None:
    shot = Tcp().client("S")
    broken = shot._replace(raw=shot.raw[:36] + bytes([shot.raw[36] ^ 255]) + shot.raw[37:])
    assert ctstates(agreed(kernel, box(), [broken])) == ["INVALID"]
    assert ctstates(agreed(kernel, box(checksum=0), [broken])) == ["NEW"]


def test_a_truncated_header_is_dropped_by_a_match_for_tcp(kernel: Kernel) -> None:
    cut = craft.ip(CLIENT, SERVER, 6, Tcp().client("S").raw[20:38], id=1)
    (packet,) = agreed(kernel, box(filtering("-A FORWARD -p tcp -m tcp --dport 80", "-A FORWARD -m state --state NEW")), [Shot(cut, "lan")])
    assert (packet.verdict, packet.path) == ("DROP", ())
