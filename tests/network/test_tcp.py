"""TCP endpoints: opening, sending, losing, retransmitting, closing, as a Linux host does it."""

from __future__ import annotations

from random import Random

import pytest

from fwtutor.netfilter import craft
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import ACK, FIN, RST, SYN, Packet
from fwtutor.network.segments import read_options, sack_blocks
from fwtutor.network.states import CLOSE_WAIT, ESTABLISHED, FIN_WAIT_2, TIME_WAIT
from fwtutor.network.world import World
from tests.network.worlds import fired, flags, lose_number, packets_of, pair, play, said, seconds, sent, settle

CLIENT, SERVER = 0x0A000001, 0x0A000002
CONVERSATION = ("connect 10.0.0.2:1337 from 4000", 'say "one"', 'say "two"', "close")


def endpoint_state(world: World, host: str) -> list[str]:
    return [endpoint.state for endpoint in world.hosts[host].stack.endpoints.values()]


def test_a_connection_opens_with_three_packets_and_closes_with_three() -> None:
    """A FIN waits a moment for an answer that carries its acknowledgement, and a program that closes at once is quick enough."""
    world = pair(("echo:7",))
    opening = play(world, "client", "connect 10.0.0.2:7")
    assert flags(sent(opening, "client")) == ["SYN", "ACK"]
    assert flags(sent(opening, "server")) == ["SYN+ACK"]
    closing = play(world, "client", "close")
    assert flags(sent(closing, "client")) == ["FIN+ACK", "ACK"]
    assert flags(sent(closing, "server")) == ["FIN+ACK"]


def test_the_syn_looks_like_linux() -> None:
    syn = sent(play(pair(), "client", "connect 10.0.0.2:1337"), "client")[0]
    options = read_options(syn)
    assert (syn.window, options.mss, options.scale, options.sack, syn.ttl, syn.df) == (64240, 1460, 7, True, 64, True)
    assert syn.raw[40:].hex() == "020405b40101040201030307"


def test_every_line_comes_back_and_both_sides_end_the_connection() -> None:
    world = pair()
    play(world, "client", *CONVERSATION)
    assert said(world.hosts["client"]) == [
        "connected to 10.0.0.2:1337 from port 4000",
        "from 10.0.0.2:1337: hello from port 1337",
        "from 10.0.0.2:1337: one",
        "from 10.0.0.2:1337: two",
        "connection to 10.0.0.2:1337 closed",
    ]
    assert endpoint_state(world, "client") == [TIME_WAIT]
    assert endpoint_state(world, "server") == []


@pytest.mark.parametrize("number", range(packets_of(pair(), "client", *CONVERSATION)))
def test_losing_any_one_packet_loses_nothing(number: int) -> None:
    world = pair()
    lost = lose_number(world, number)
    records = play(world, "client", *CONVERSATION)
    assert lost()
    assert [line for line in said(world.hosts["client"]) if line.startswith("from")] == [
        "from 10.0.0.2:1337: hello from port 1337",
        "from 10.0.0.2:1337: one",
        "from 10.0.0.2:1337: two",
    ]
    assert said(world.hosts["client"])[-1] == "connection to 10.0.0.2:1337 closed"
    assert endpoint_state(world, "server") == []
    assert endpoint_state(world, "client") == [TIME_WAIT]
    assert not [packet for packet in sent(records, "client") + sent(records, "server") if packet.flags & RST]


@pytest.mark.parametrize("number", range(packets_of(pair(), "client", *CONVERSATION)))
def test_losing_any_two_packets_in_a_row_loses_nothing(number: int) -> None:
    world = pair()
    lose_number(world, number)
    lose_number(world, number + 1)
    play(world, "client", *CONVERSATION)
    assert said(world.hosts["client"])[-1] == "connection to 10.0.0.2:1337 closed"
    assert endpoint_state(world, "server") == []


@pytest.mark.parametrize(
    ("number", "who", "what"),
    [(0, "client", "SYN"), (1, "client", "SYN"), (3, "server", "data")],
    ids=["the SYN", "the SYN+ACK", "the greeting"],
)
def test_the_one_who_misses_an_answer_sends_again(number: int, who: str, what: str) -> None:
    world = pair()
    lose_number(world, number)
    timers = fired(play(world, "client", "connect 10.0.0.2:1337"))
    assert timers[0].host == who
    assert f"sends its {what} again" in timers[0].what


def test_a_lost_syn_is_sent_again_after_a_second_and_a_lost_greeting_after_the_round_trip_and_200_ms() -> None:
    world = pair()
    lose_number(world, 0)
    assert [seconds(timer) for timer in fired(play(world, "client", "connect 10.0.0.2:1337"))] == [1.0]
    world = pair()
    lose_number(world, 3)  # SYN, SYN+ACK, ACK, greeting
    assert [seconds(timer) for timer in fired(play(world, "client", "connect 10.0.0.2:1337"))] == [pytest.approx(0.06 + 0.04 + 0.2)]


def test_an_unanswered_syn_is_sent_eleven_times_in_131_seconds() -> None:
    """Four retransmissions a second apart (tcp_syn_linear_timeouts), then six with back-off (tcp_syn_retries)."""
    world = pair()
    world.lose(lambda link, sender, packet: True)
    records = play(world, "client", "connect 10.0.0.2:1337")
    assert [seconds(timer) for timer in fired(records)] == [1, 2, 3, 4, 5, 7, 11, 19, 35, 67, 131]
    assert flags(sent(records, "client")) == ["SYN"] * 11
    assert len({packet.seq for packet in sent(records, "client")}) == 1
    assert said(world.hosts["client"]) == ["10.0.0.2:1337: Connection timed out"]
    assert endpoint_state(world, "client") == []


def test_an_unanswered_syn_ack_is_sent_six_times_and_then_forgotten() -> None:
    world = pair()
    world.lose(lambda link, sender, packet: sender == "server")
    play(world, "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:1337 SYN")
    assert flags(sent(world.records, "server")) == ["SYN+ACK"] * 6
    assert seconds(world.records[-1]) == pytest.approx(0.02 + 63 + 6 * 0.004)
    assert endpoint_state(world, "server") == []


def test_data_nobody_acknowledges_is_given_up_after_a_loss_probe_and_fifteen_tries() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    world.lose(lambda link, sender, packet: True)
    records = play(world, "client", 'say "hello?"')
    assert flags(sent(records, "client")) == ["PSH+ACK"] * 17
    assert said(world.hosts["client"])[-1] == "10.0.0.2:1337: Connection timed out"
    gaps = [later.at - earlier.at for earlier, later in zip(fired(records), fired(records)[1:], strict=False)]
    assert gaps[2] == 2 * gaps[1] == 4 * gaps[0]
    assert gaps[-1] == 120 * SECOND


def test_a_closed_port_refuses() -> None:
    world = pair()
    records = play(world, "client", "connect 10.0.0.2:9")
    assert flags(sent(records, "server")) == ["RST+ACK"]
    assert said(world.hosts["client"]) == ["10.0.0.2:9: Connection refused"]


def test_reset_ends_the_connection_on_both_sides_at_once() -> None:
    world = pair()
    records = play(world, "client", "connect 10.0.0.2:1337", "reset")
    assert flags(sent(records, "client"))[-1] == "RST+ACK"
    assert endpoint_state(world, "client") == endpoint_state(world, "server") == []


def test_a_syn_into_an_open_connection_gets_a_challenge_and_ends_nothing() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    records = play(world, "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:1337 SYN seq=1")
    assert flags(sent(records, "server")) == ["ACK"]
    assert endpoint_state(world, "server") == [ESTABLISHED]
    play(world, "client", 'say "still here"')
    assert said(world.hosts["client"])[-1] == "from 10.0.0.2:1337: still here"


def test_a_reset_must_name_exactly_the_next_number() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    records = play(world, "client", f"send tcp 10.0.0.1:4000 > 10.0.0.2:1337 RST seq={here.numbers[0] + 1 & 0xFFFFFFFF}")
    assert flags(sent(records, "server")) == ["ACK"]
    assert endpoint_state(world, "server") == [ESTABLISHED]
    play(world, "client", f"send tcp 10.0.0.1:4000 > 10.0.0.2:1337 RST seq={here.numbers[0]}")
    assert endpoint_state(world, "server") == []


@pytest.mark.parametrize("word", ["ACK", "SYN,ACK"])
def test_a_listening_port_answers_a_stray_ack_with_a_reset(word: str) -> None:
    records = play(pair(), "client", f"send tcp 10.0.0.1:4000 > 10.0.0.2:1337 {word} ack=77")
    answer = sent(records, "server")[0]
    assert (answer.flags, answer.seq) == (RST, 77)


@pytest.mark.parametrize("word", ["FIN", "none", "FIN,PSH,URG", "RST", "SYN,FIN"])
def test_a_listening_port_ignores_what_a_scanner_sends(word: str) -> None:
    assert sent(play(pair(), "client", f"send tcp 10.0.0.1:4000 > 10.0.0.2:1337 {word}"), "server") == []


def test_time_wait_lasts_sixty_seconds_and_keeps_nobody_waiting() -> None:
    world = pair()
    play(world, "client", *CONVERSATION)
    ended = world.now
    assert world.quiet
    world.run_until(ended + 61 * SECOND)
    assert endpoint_state(world, "client") == []
    assert "TIME_WAIT of" in fired(world.records)[-1].what


def test_a_repeated_fin_is_acknowledged_again_from_time_wait() -> None:
    world = pair()
    lose_number(world, packets_of(pair(), "client", *CONVERSATION) - 1)
    records = play(world, "client", *CONVERSATION)
    assert flags(sent(records, "server")).count("FIN+ACK") == 2
    assert endpoint_state(world, "server") == []


def test_a_connection_in_time_wait_makes_room_for_a_new_syn() -> None:
    world = pair(("http:80",))
    play(world, "client", "connect 10.0.0.2:80 from 5000", 'say "GET /\r\n\r"')
    assert endpoint_state(world, "server") == [TIME_WAIT]
    old = next(iter(world.hosts["server"].stack.endpoints.values())).numbers
    # The client has forgotten all of it by now, the server waits.
    world.hosts["client"].stack.endpoints.clear()
    world.enter("client", f"send tcp 10.0.0.1:5000 > 10.0.0.2:80 SYN seq={old[1] + 1000 & 0xFFFFFFFF}")
    answer = sent(settle(world), "server")[0]
    assert flags([answer]) == ["SYN+ACK"]
    assert answer.seq == old[0] + 65537 & 0xFFFFFFFF


def test_a_long_message_goes_in_segments_no_larger_than_the_peers_mss() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    text = "x" * 4000
    records = play(world, "client", f"say {text}")
    assert [len(packet.payload) for packet in sent(records, "client") if packet.payload] == [1460, 1460, 1081]
    assert sum(len(packet.payload) for packet in sent(records, "server")) == 4001


@pytest.mark.parametrize("number", range(40))
def test_losing_a_piece_of_a_long_message_loses_nothing(number: int) -> None:
    world = pair(("echo:7",))
    play(world, "client", "connect 10.0.0.2:7")
    assert lose_number(world, number)() is False
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    assert here.send(b"0123456789" * 2000)
    records = settle(world)
    back = {packet.seq: packet.payload for packet in sent(records, "server") if packet.payload}
    assert b"".join(back[seq] for seq in sorted(back)) == b"0123456789" * 2000


def test_what_came_too_early_is_kept_and_named_in_a_sack() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    lose_number(world, 0)
    records = play(world, "client", f"say {'x' * 2500}")
    dup = sent(records, "server")[0]
    assert dup.doff == 32
    assert dup.raw[40:44].hex() == "0101050a"
    assert [len(packet.payload) for packet in sent(records, "client") if packet.payload] == [1460, 1041, 1460]


def test_a_too_big_error_makes_segments_smaller() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    refused = 0

    def small_path(link: str, sender: str, packet: Packet) -> bool:
        nonlocal refused
        if packet.length > 1400:
            refused += 1
            error = craft.icmp(0x0A000009, packet.src, 3, 4, 1400, packet.raw[:48], df=False)
            world.hosts[sender].stack.receive(Packet(error))
            return True
        return False

    world.lose(small_path)
    records = play(world, "client", f"say {'x' * 3000}")
    assert refused
    for host in ("client", "server"):
        fitting = [packet for packet in sent(records, host) if packet.length <= 1400]
        assert len({packet.seq + number for packet in fitting for number in range(len(packet.payload))}) == 3001


@pytest.mark.parametrize(
    ("code", "why"),
    [(0, "Network is unreachable"), (1, "No route to host"), (3, "Connection refused"), (13, "No route to host")],
)
def test_an_icmp_error_ends_an_attempt_to_connect_in_its_own_words(code: int, why: str) -> None:
    world = pair()
    world.lose(lambda link, sender, packet: True)
    world.enter("client", "connect 10.0.0.2:1337")
    syn = sent(world.step(), "client")[0]
    world.hosts["client"].stack.receive(Packet(craft.icmp(SERVER, CLIENT, 3, code, 0, syn.raw[:28])))
    assert said(world.hosts["client"]) == [f"10.0.0.2:1337: {why}"]
    assert world.quiet


def test_an_icmp_error_does_not_end_an_open_connection() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    world.enter("client", 'say "x"')
    data = sent(world.step(), "client")[0]
    world.hosts["client"].stack.receive(Packet(craft.icmp(SERVER, CLIENT, 3, 1, 0, data.raw[:28])))
    settle(world)
    assert endpoint_state(world, "client") == [ESTABLISHED]


def test_both_sides_can_open_at_once() -> None:
    world = pair(())
    world.enter("client", "connect 10.0.0.2:5000 from 4000")
    world.enter("server", "connect 10.0.0.1:4000 from 5000")
    settle(world)
    assert endpoint_state(world, "client") == endpoint_state(world, "server") == [ESTABLISHED]


def test_both_sides_can_close_at_once() -> None:
    world = pair(())
    world.enter("client", "connect 10.0.0.2:5000 from 4000")
    world.enter("server", "connect 10.0.0.1:4000 from 5000")
    settle(world)
    world.enter("client", "close")
    world.enter("server", "close")
    settle(world)
    assert endpoint_state(world, "client") == endpoint_state(world, "server") == [TIME_WAIT]


def test_who_closed_still_hears_what_the_other_side_says() -> None:
    world = pair(())
    world.enter("client", "connect 10.0.0.2:5000 from 4000")
    world.enter("server", "connect 10.0.0.1:4000 from 5000")
    settle(world)
    # The server's application would close in answer; here it has more to say first.
    there = next(iter(world.hosts["server"].stack.endpoints.values()))
    there.application.ended = lambda endpoint: None  # type: ignore[method-assign]
    play(world, "client", "close")
    assert endpoint_state(world, "client") == [FIN_WAIT_2]
    assert there.state == CLOSE_WAIT
    play(world, "server", 'say "one more thing"')
    assert said(world.hosts["client"])[-1] == "from 10.0.0.2:5000: one more thing"
    play(world, "server", "close")
    assert endpoint_state(world, "client") == [TIME_WAIT]


def test_sequence_numbers_and_ports_come_from_the_seed() -> None:
    def syn(seed: int) -> Packet:
        return sent(play(pair(seed=seed), "client", "connect 10.0.0.2:1337"), "client")[0]

    assert syn(1).raw == syn(1).raw
    assert syn(1).seq != syn(2).seq
    assert 32768 <= syn(1).sport < 61000
    assert syn(1).sport != syn(2).sport


def test_two_connections_to_one_place_get_two_ports() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337", "connect 10.0.0.2:1337")
    assert len({packet.sport for packet in sent(world.records, "client")}) == 2


def test_a_segment_with_a_wrong_checksum_is_dropped_without_a_word() -> None:
    world = pair()
    raw = bytearray(craft.tcp(CLIENT, SERVER, 4000, 1337, SYN, 1))
    raw[37] ^= 1
    world.hosts["server"].stack.receive(Packet(bytes(raw)))
    assert world.quiet
    assert not world.hosts["server"].stack.endpoints


def test_an_answer_to_a_syn_with_a_wrong_acknowledgement_is_reset_and_the_attempt_goes_on() -> None:
    world = pair()
    world.lose(lambda link, sender, packet: sender == "server")
    world.enter("client", "connect 10.0.0.2:1337 from 4000")
    world.step()
    world.hosts["client"].stack.receive(Packet(craft.tcp(SERVER, CLIENT, 1337, 4000, SYN | ACK, 5, 12345)))
    assert sent(world.step(), "client")[0].seq == 12345
    assert endpoint_state(world, "client") == ["SYN_SENT"]


def test_a_shut_window_is_probed_until_it_opens() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337 from 4000")
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    seq, ack = here.numbers
    here.receive(Packet(craft.tcp(SERVER, CLIENT, 1337, 4000, ACK, ack, seq, window=0)))
    records = play(world, "client", 'say "through"')
    assert "window probe" in fired(records)[0].what
    assert said(world.hosts["client"])[-1] == "from 10.0.0.2:1337: through"


def test_a_fin_that_comes_before_the_data_waits_for_it() -> None:
    world = pair(())
    world.enter("client", "connect 10.0.0.2:5000 from 4000")
    world.enter("server", "connect 10.0.0.1:4000 from 5000")
    settle(world)
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    seq, ack = here.numbers
    here.receive(Packet(craft.tcp(SERVER, CLIENT, 5000, 4000, FIN | ACK, ack + 3, seq)))
    assert here.state == ESTABLISHED
    here.receive(Packet(craft.tcp(SERVER, CLIENT, 5000, 4000, ACK, ack, seq, payload=b"abc")))
    assert here.state != ESTABLISHED
    assert "from 10.0.0.2:5000: abc" in said(world.hosts["client"])
    assert here.numbers[1] == ack + 4 & 0xFFFFFFFF


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_lost_everything_arrives_in_order(seed: int) -> None:
    lot = Random(seed)
    world = pair(("echo:7",), delay=lot.choice((0.001, 0.02, 0.2)))
    play(world, "client", "connect 10.0.0.2:7")
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    came = bytearray()
    here.application.received = lambda endpoint, data: came.extend(data)  # type: ignore[method-assign]
    share = lot.choice((0.02, 0.1, 0.2))
    world.lose(lambda link, sender, packet: lot.random() < share)
    sent_data = lot.randbytes(20_000)
    for start in range(0, 20_000, 5_000):
        here.send(sent_data[start : start + 5_000])
        settle(world)
    assert bytes(came) == sent_data


def test_a_program_that_does_not_read_shuts_the_window_and_gets_everything_when_it_does() -> None:
    world = pair(())
    world.enter("client", "connect 10.0.0.2:5000 from 4000")
    world.enter("server", "connect 10.0.0.1:4000 from 5000")
    settle(world)
    there = next(iter(world.hosts["server"].stack.endpoints.values()))
    came = bytearray()
    there.application.received = lambda endpoint, data: came.extend(data)  # type: ignore[method-assign]
    there.hold()
    world.enter("client", "upload 100000")
    world.run_until(world.now + 20 * SECOND)
    assert sent(world.records, "server")[-1].window == 0
    assert not came
    assert len({timer.what for timer in fired(world.records) if "window probe" in timer.what}) == 1
    there.read()
    settle(world)
    assert came == b"#" * 100_000


def test_who_leaves_something_unread_resets() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    here.hold()
    play(world, "client", 'say "one"')
    here.leave()
    assert flags(sent(settle(world), "client")) == ["RST+ACK"]
    assert endpoint_state(world, "server") == []


def test_who_has_left_answers_more_data_with_a_reset() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    here = next(iter(world.hosts["client"].stack.endpoints.values()))
    there = next(iter(world.hosts["server"].stack.endpoints.values()))
    there.application.ended = lambda endpoint: None  # type: ignore[method-assign]
    here.leave()
    settle(world)
    play(world, "server", 'say "anybody?"')
    assert flags(sent(world.records, "client"))[-2:] == ["FIN+ACK", "RST"]
    assert endpoint_state(world, "client") == endpoint_state(world, "server") == []


def test_what_nobody_answers_is_acknowledged_after_forty_milliseconds() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337", 'say "one"')  # and the answer: from now on the server waits for its program
    start = world.now
    records = play(world, "client", "upload 3")
    assert flags(sent(records, "server")) == ["ACK"]
    assert [timer.at - start for timer in fired(records)] == [SECOND // 50 + SECOND // 25]


def test_a_silence_is_broken_after_two_hours_and_ended_by_nine_probes_without_answer() -> None:
    world = pair()
    play(world, "client", "connect 10.0.0.2:1337")
    next(iter(world.hosts["client"].stack.endpoints.values())).keep_alive()
    heard = world.now
    world.run_until(heard + 7300 * SECOND)
    assert endpoint_state(world, "client") == endpoint_state(world, "server") == [ESTABLISHED]
    world.lose(lambda link, sender, packet: True)
    world.run_until(heard + 20_000 * SECOND)
    assert endpoint_state(world, "client") == []
    assert said(world.hosts["client"])[-1] == "10.0.0.2:1337: Connection timed out"
    probes = [timer for timer in fired(world.records) if "whether anybody is there" in timer.what]
    assert len(probes) == 1 + 9


def test_a_segment_that_comes_twice_is_told_of_in_a_sack() -> None:
    world = pair(("echo:7",))
    play(world, "client", "connect 10.0.0.2:7 from 4000")
    there = next(iter(world.hosts["server"].stack.endpoints.values()))
    seq, ack = there.numbers[1], there.numbers[0]
    segment = Packet(craft.tcp(CLIENT, SERVER, 4000, 7, ACK, seq, ack, payload=b"abc"))
    there.receive(segment)
    world.run_until(world.now)
    there.receive(segment)
    answer = sent(world.step(), "server")[0]
    assert sack_blocks(answer) == [(seq, seq + 3 & 0xFFFFFFFF)]
