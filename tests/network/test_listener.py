"""Listeners: what is half open and what waits has room up to a backlog, and what a host does when there is none, is Linux's."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import Packet
from fwtutor.network.application import Application
from fwtutor.network.listener import COOKIE_MSS, Listener
from fwtutor.network.segments import read_options
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.sockets import sockets_of
from fwtutor.network.topology import parse_service
from fwtutor.network.world import World
from tests.network.worlds import flags, pair, play, printed, routed, said, sent

NO_COOKIES = "sysctl net.ipv4.tcp_syncookies=0"
SPOOFED = "from 198.51.100.0/24"


class Quiet(Application):
    """Reads, says nothing, and does not close."""

    def ended(self, endpoint: Endpoint) -> None:
        pass


def listening(backlog: int, at_once: int | None = None) -> World:
    """A server with a backlog on port 9000."""
    world = pair((), arp=False)
    world.hosts["server"].stack.listen(None, 9000, Listener(Quiet, name="quiet", backlog=backlog, at_once=at_once))
    return world


def flooded(world: World, count: int, seconds: float = 2) -> list[Packet]:
    """What the server answers to so many spoofed SYNs at once (most come before the first answer is sent again)."""
    start = len(world.records)
    world.enter("client", f"flood syn server:9000 count {count} rate 1000 {SPOOFED}")
    world.run_until(world.now + round(seconds * SECOND))
    return sent(world.records[start:], "server")


def half_open(world: World) -> int:
    return sum(endpoint.state == "SYN_RECV" for endpoint in world.hosts["server"].stack.endpoints.values())


# --- SYNs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backlog", "most", "kept"), [(4, 128, 5), (8, 128, 9), (64, 16, 13), (100, 32, 25), (100, 128, 97), (0, 128, 1)])
def test_without_cookies_one_more_than_the_backlog_and_three_quarters_of_max_syn_backlog_are_kept(
    backlog: int, most: int, kept: int
) -> None:
    """As a Linux 6.18 kept them."""
    world = listening(backlog)
    play(world, "server", NO_COOKIES, f"sysctl net.ipv4.tcp_max_syn_backlog={most}")
    flooded(world, 140, 0.5)
    assert half_open(world) == kept


def test_what_is_half_open_is_shown_when_all_is_asked_for() -> None:
    world = listening(1)
    flooded(world, 1, 0.5)
    assert not printed(world, "server", "ss -tn")[1:]
    assert [line.split()[0] for line in printed(world, "server", "ss -tan")] == ["State", "LISTEN", "SYN-RECV"]


def test_somaxconn_bounds_the_backlog_of_whoever_listens_afterwards() -> None:
    world = pair(())
    play(world, "server", "sysctl net.core.somaxconn=3")
    world.hosts["server"].stack.listen(None, 9000, Listener(Quiet, backlog=100))
    assert printed(world, "server", "ss -tln")[1].split()[:4] == ["LISTEN", "0", "3", "*:9000"]


def test_with_syncookies_0_a_flood_keeps_honest_clients_out() -> None:
    world = listening(4)
    play(world, "server", NO_COOKIES)
    flooded(world, 20, 0.5)
    world.enter("client", "connect server:9000 from 4000")
    world.run_until(world.now + 5 * SECOND)
    assert not said(world.hosts["client"])[2:]
    assert {endpoint.state for endpoint in world.hosts["client"].stack.endpoints.values()} == {"SYN_SENT"}


def test_with_syncookies_1_they_get_through_and_what_is_half_open_stays_bounded() -> None:
    world = listening(4)
    flooded(world, 20, 0.5)
    assert half_open(world) == 5
    world.enter("client", "connect server:9000 from 4000")
    world.run_until(world.now + SECOND)
    assert "connected to 10.0.0.2:9000 from port 4000" in said(world.hosts["client"])
    assert half_open(world) == 5


def test_a_cookie_is_a_syn_ack_with_nothing_but_the_mss() -> None:
    world = listening(1)
    answers = [read_options(packet) for packet in flooded(world, 3, 0.5)]
    assert [(options.mss, options.sack, options.scale) for options in answers] == [(1460, True, 7), (1460, True, 7), (1460, False, None)]


def test_with_syncookies_2_every_answer_is_a_cookie() -> None:
    world = listening(100)
    play(world, "server", "sysctl net.ipv4.tcp_syncookies=2")
    assert not any(read_options(packet).sack for packet in flooded(world, 3, 0.5))
    assert half_open(world) == 0


@pytest.mark.parametrize(
    ("mss", "kept"), [(500, 536), (536, 536), (1299, 536), (1300, 1300), (1439, 1300), (1440, 1440), (1459, 1440), (8960, 1460)]
)
def test_a_cookie_remembers_the_mss_roughly(mss: int, kept: int) -> None:
    """As ``getsockopt(TCP_MAXSEG)`` said on the real thing."""
    assert next((each for each in COOKIE_MSS[4] if each <= mss), COOKIE_MSS[4][-1]) == kept


def cookied() -> World:
    """A server whose only answer was a cookie, to client port 4000; the client does not acknowledge it."""
    world = listening(100)
    play(world, "server", "sysctl net.ipv4.tcp_syncookies=2")
    play(world, "client", "iptables -A OUTPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP")
    world.enter("client", "connect server:9000 from 4000")
    world.run_until(world.now + SECOND)
    return world


def open_on_the_server(world: World) -> list[str]:
    return [endpoint.state for endpoint in world.hosts["server"].stack.endpoints.values()]


def test_a_cookie_is_taken_for_two_minutes_at_most() -> None:
    for wait, states in ((50, ["ESTABLISHED"]), (130, [])):
        world = cookied()
        world.run_until(world.now + wait * SECOND)
        play(world, "client", "iptables -F")
        world.enter("client", 'say "hello"')
        world.run_until(world.now + SECOND)
        assert open_on_the_server(world) == states


def test_a_made_up_cookie_is_reset() -> None:
    world = listening(0)
    flooded(world, 3, 0.5)
    start = len(world.records)
    play(world, "client", "send tcp 10.0.0.1:4000 > 10.0.0.2:9000 ACK seq=1 ack=1")
    assert flags([packet for packet in sent(world.records[start:], "server") if packet.dport == 4000]) == ["RST"]


def test_of_ipv6_too() -> None:
    world = routed()
    server = world.hosts["server"]
    server.stack.listen(None, 9000, Listener(Quiet, backlog=1))
    play(world, "server", "sysctl net.ipv4.tcp_syncookies=2")
    play(world, "client", "connect [fd00:2::2]:9000 from 4000")
    assert [endpoint.state for endpoint in server.stack.endpoints.values()] == ["ESTABLISHED"]


def test_another_syn_in_the_window_of_a_half_open_connection_ends_it() -> None:
    world = listening(5)
    world.enter("client", "send tcp 198.51.100.7:4000 > 10.0.0.2:9000 SYN seq=1000")
    world.run_until(world.now + SECOND // 10)
    assert half_open(world) == 1
    start = len(world.records)
    world.enter("client", "send tcp 198.51.100.7:4000 > 10.0.0.2:9000 SYN seq=5000")
    world.run_until(world.now + SECOND // 10)
    answer = sent(world.records[start:], "server")[0]
    assert (answer.flag_names, answer.seq, answer.ack, half_open(world)) == (("RST", "ACK"), 0, 5001, 0)


# --- how long half-open connections are kept ---------------------------------------------------------------------------------


def answers_by_port(backlog: int, times: dict[float, int]) -> list[int]:
    """How many SYN+ACKs each SYN got within 16 seconds; ``times``: when how many of them come."""
    world = listening(backlog)
    play(world, "server", NO_COOKIES)
    port = 4000
    for at, many in times.items():
        world.run_until(round(at * SECOND))
        for _ in range(many):
            world.enter("client", f"send tcp 198.51.100.7:{port} > 10.0.0.2:9000 SYN")
            port += 1
    world.run_until(16 * SECOND)
    came = [packet.dport for packet in sent(world.records, "server")]
    return [came.count(each) for each in range(4000, port)]


def test_a_queue_not_half_full_keeps_them_all() -> None:
    assert answers_by_port(8, {0: 4}) == [5] * 4


def test_a_fuller_one_gives_up_after_two_retransmissions_until_it_is_not() -> None:
    assert sorted(answers_by_port(8, {0: 6})) == [3, 3, 5, 5, 5, 5]


def test_the_fewer_young_ones_there_are_the_sooner_the_old_are_given_up() -> None:
    """With one young among eleven three of ten are; with two among twelve none is, that early."""
    assert sorted(answers_by_port(16, {0: 10, 6.9: 1}))[:3] == [3, 3, 3]
    assert sorted(answers_by_port(16, {0: 10, 6.9: 2})[:10]).count(3) == 0


# --- what waits to be accepted -------------------------------------------------------------------------------------------------


def test_what_is_not_accepted_waits_and_its_data_with_it() -> None:
    world = listening(2, at_once=1)
    play(world, "client", "connect server:9000 from 4000", "connect server:9000 from 4001", 'say "hello"')
    assert [line.split()[1:3] for line in printed(world, "server", "ss -tln")[1:]] == [["1", "2"]]
    first, second = world.hosts["server"].stack.endpoints.values()
    assert [type(endpoint.application).__name__ for endpoint in (first, second)] == ["Quiet", "Unaccepted"]
    first.abort()
    assert isinstance(second.application, Quiet)
    assert printed(world, "server", "ss -tln")[1].split()[1] == "0"


def test_when_one_more_than_the_backlog_wait_syns_are_ignored_with_cookies_too() -> None:
    world = listening(2, at_once=1)
    world.enter("client", "hold server:9000 count 6 rate 10")
    world.run_until(world.now + 3 * SECOND)
    states = [endpoint.state for endpoint in world.hosts["client"].stack.endpoints.values()]
    assert states == ["ESTABLISHED"] * 4 + ["SYN_SENT"] * 2


def test_a_listener_that_closes_resets_who_waits_and_forgets_what_is_half_open() -> None:
    world = listening(2, at_once=0)
    play(world, "client", "connect server:9000 from 4000")
    world.enter("client", "send tcp 198.51.100.7:4000 > 10.0.0.2:9000 SYN")
    world.run_until(world.now + SECOND // 10)
    start = len(world.records)
    world.hosts["server"].stack.stop_listening(None, 9000)
    world.run_until(world.now + 3 * SECOND)
    assert flags(sent(world.records[start:], "server")) == ["RST+ACK"]
    assert said(world.hosts["client"])[-1] == "10.0.0.2:9000: Connection reset by peer"


def test_hold_exhausts_what_serves_so_many_at_once_and_a_visitor_waits_without_an_answer() -> None:
    world = pair(("http:80 backlog 5 at most 10",))
    world.enter("client", "hold server:80 count 12")
    world.run_until(world.now + SECOND)
    world.enter("client", "curl server")
    world.run_until(world.now + 3 * SECOND)
    assert said(world.hosts["client"]) == ["hold: 12 of 12 connections to 10.0.0.2:80 are open"]
    world.hosts["client"].processes[0].kill()
    world.run_until(world.now + SECOND)
    assert "hello from the web" in said(world.hosts["client"])


def test_what_waited_is_told_for_any_place_of_a_run() -> None:
    world = listening(3, at_once=1)
    play(world, "client", "connect server:9000 from 4000", "connect server:9000 from 4001")
    before = len(world.records) - 1
    play(world, "client", "reset 4000")

    def waiting(upto: int | None) -> list[int]:
        return [each.waiting for each in sockets_of(world.hosts["server"], upto) if each.state == "LISTEN"]

    assert (waiting(before), waiting(None)) == ([1], [0])


@pytest.mark.parametrize(
    ("text", "limits"),
    [("app:1337 backlog 5 at most 20", (5, 20)), ("ssh:22 without libwrap backlog 9", (9, 0)), ("app:1 at most 3", (0, 3))],
)
def test_a_lesson_says_how_many(text: str, limits: tuple[int, int]) -> None:
    service = parse_service(text)
    assert (service.backlog, service.at_once) == limits


@pytest.mark.parametrize(
    "text", ["app:1337 at most 0", "app:1337 backlog x", "tftp:69 backlog 3", "fail2ban at most 3", "app:1337 at most"]
)
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^services: "):
        parse_service(text)
