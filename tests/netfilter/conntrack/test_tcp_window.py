"""TCP beyond the table: windows, resets, pick-up, timeouts, ASSURED; each as seen on a running kernel."""

from __future__ import annotations

import pytest

from tests.netfilter.boxes import Talk, box, ctstate, loose


def opened(window: int = 64240, **sysctls: int) -> Talk:
    talk = Talk(box(**sysctls), window)
    talk.open()
    return talk


def left(talk: Talk) -> int:
    return next(iter(talk.firewall.state.entries.values())).seconds_left(talk.firewall.now)


def test_the_handshake_is_new_established_established_and_assured_by_the_third_packet() -> None:
    talk = Talk(box())
    assert [ctstate(talk.say(0, "S")), talk.state, left(talk)] == ["NEW", "SYN_SENT", 120]
    assert [ctstate(talk.say(1, "SA")), talk.state, left(talk)] == ["ESTABLISHED", "SYN_RECV", 60]
    entry = next(iter(talk.firewall.state.entries.values()))
    assert entry.seen_reply
    assert not entry.assured
    walk = talk.say(0, "A")
    assert [ctstate(walk), talk.state, left(talk)] == ["ESTABLISHED", "ESTABLISHED", 432000]
    assert "[ASSURED]" in (walk.entry or "")


def test_a_repeated_syn_is_new_again_and_does_not_renew_the_timer() -> None:
    talk = Talk(box())
    talk.say(0, "S")
    talk.next[0] = 1000
    assert ctstate(talk.say(0, "S")) == "NEW"
    assert left(talk) == 119


def test_unacknowledged_data_shortens_the_timeout_until_the_ack() -> None:
    talk = opened()
    talk.say(0, "PA", b"hello")
    assert left(talk) == 300
    talk.say(1, "A")
    assert left(talk) == 432000


def test_a_zero_window_shortens_the_timeout() -> None:
    talk = opened()
    talk.say(1, "A", window=0)
    assert left(talk) == 300


def test_the_fourth_identical_ack_shortens_the_timeout() -> None:
    talk = opened()
    assert [talk.say(1, "A") and left(talk) for _ in range(4)] == [432000, 432000, 432000, 300]


def test_data_up_to_a_window_beyond_the_right_edge_passes_and_one_more_is_invalid() -> None:
    talk = opened(8192)
    edge = talk.next[0] + 8192
    assert ctstate(talk.say(0, "PA", b"x", seq=edge + 8191)) == "INVALID"
    talk = opened(8192)
    assert ctstate(talk.say(0, "A", seq=edge)) == "ESTABLISHED"
    assert ctstate(talk.say(0, "A", seq=edge + 8191)) == "ESTABLISHED"
    assert ctstate(talk.say(0, "A", seq=edge + 8193 + 8191)) == "INVALID"


def test_acknowledging_what_was_never_sent_is_invalid_unless_liberal() -> None:
    assert ctstate(opened().say(0, "A", ack=5001 + 100000)) == "INVALID"
    liberal = opened(net__netfilter__nf_conntrack_tcp_be_liberal=1)
    assert ctstate(liberal.say(0, "A", ack=5001 + 100000)) == "ESTABLISHED"


def test_old_data_passes_without_renewing_anything() -> None:
    talk = opened()
    walk = talk.say(0, "PA", b"x", seq=(talk.next[0] - 70000) % 2**32)
    assert ctstate(walk) == "ESTABLISHED"
    assert left(talk) == 432000 - 1


@pytest.mark.parametrize("flags", ["SA", "FA", "RA", "R"])
def test_only_a_syn_or_an_ack_begins_a_connection(flags: str) -> None:
    assert ctstate(Talk(box()).say(0, flags)) == "INVALID"


def test_a_lone_ack_is_picked_up_as_new_and_not_with_loose_0() -> None:
    talk = Talk(box())
    assert [ctstate(talk.say(0, "A", ack=7)), talk.state, left(talk)] == ["NEW", "ESTABLISHED", 300]
    assert ctstate(Talk(box(**loose(0))).say(0, "A", ack=7)) == "INVALID"


def test_a_picked_up_connection_is_assured_by_its_third_packet() -> None:
    talk = Talk(box())
    talk.say(0, "A", ack=5000)
    assert "[ASSURED]" not in (talk.say(1, "A").entry or "")
    assert "[ASSURED]" in (talk.say(0, "A").entry or "")


def test_a_reset_that_is_exact_closes_and_one_inside_the_window_does_not() -> None:
    talk = opened()
    talk.say(0, "R")
    assert [talk.state, left(talk)] == ["CLOSE", 10]
    talk = opened()
    talk.say(0, "R", seq=talk.next[0] + 10)
    assert talk.state == "ESTABLISHED"


def test_a_reset_below_what_was_acknowledged_is_invalid() -> None:
    talk = opened()
    talk.say(0, "PA", b"x" * 100)
    talk.say(1, "A")
    assert ctstate(talk.say(0, "R", seq=1001)) == "INVALID"
    assert talk.state == "ESTABLISHED"


def test_a_refused_syn_leaves_no_entry_and_the_reset_is_established() -> None:
    talk = Talk(box())
    talk.say(0, "S")
    walk = talk.say(1, "RA", seq=0)
    assert (ctstate(walk), walk.entry) == ("ESTABLISHED", None)


def test_simultaneous_open() -> None:
    talk = Talk(box())
    states = []
    for side, flags, fields in ((0, "S", {}), (1, "S", {}), (0, "SA", {"seq": 1000}), (1, "SA", {"seq": 5000}), (0, "A", {})):
        talk.say(side, flags, **fields)
        states.append(talk.state)
    assert states == ["SYN_SENT", "SYN_SENT2", "SYN_RECV", "SYN_RECV", "ESTABLISHED"]


def test_a_syn_from_the_server_in_an_open_connection_is_invalid_and_from_the_client_is_not() -> None:
    assert ctstate(opened().say(1, "S")) == "INVALID"
    assert ctstate(opened().say(0, "S")) == "ESTABLISHED"


def test_a_challenge_ack_in_last_ack_is_believed_only_the_second_time() -> None:
    talk = opened()
    for side, flags in ((0, "FA"), (1, "A"), (1, "FA")):
        talk.say(side, flags)
    assert talk.state == "LAST_ACK"
    talk.say(0, "S", seq=90000)
    talk.say(1, "A")
    assert talk.state == "LAST_ACK"
    talk.say(1, "A")
    assert talk.state == "TIME_WAIT"


def test_sequence_numbers_go_around_the_corner() -> None:
    talk = Talk(box())
    talk.next = [2**32 - 2, 2**32 - 1]
    for side, flags in ((0, "S"), (1, "SA"), (0, "A")):
        talk.next = [number % 2**32 for number in talk.next]
        talk.say(side, flags)
    talk.next = [number % 2**32 for number in talk.next]
    assert ctstate(talk.say(0, "PA", b"hello")) == "ESTABLISHED"
    assert talk.state == "ESTABLISHED"
