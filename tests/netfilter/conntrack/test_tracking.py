"""Entries of UDP, ICMP and other protocols; what drops leave behind; time; when tracking runs at all."""

from __future__ import annotations

from fwtutor.netfilter import Firewall, Walk, craft
from tests.netfilter.boxes import CLIENT, LAN_HOST, SERVER, TRACK_ALL, Talk, address, box, ctstate

DROP_ALL = TRACK_ALL.replace(":INPUT ACCEPT", ":INPUT DROP")


def ask(firewall: Firewall, at: float) -> Walk:
    return firewall.receive(craft.udp(CLIENT, SERVER, 5000, 53, b"?"), on="wan", at=at)


def answer(firewall: Firewall, at: float) -> Walk:
    return firewall.send(craft.udp(SERVER, CLIENT, 53, 5000, b"!"), at=at)


def test_a_connection_stays_new_until_the_first_reply() -> None:
    firewall = box()
    assert [ctstate(ask(firewall, at)) for at in (0, 1, 2)] == ["NEW", "NEW", "NEW"]
    assert ctstate(answer(firewall, 3)) == "ESTABLISHED"
    assert ctstate(ask(firewall, 4)) == "ESTABLISHED"


def test_udp_lives_30_seconds_and_120_once_it_is_a_stream() -> None:
    firewall = box()
    assert "17 30" in (ask(firewall, 0).entry or "")
    assert "17 30" in (answer(firewall, 0.5).entry or "")
    assert "[ASSURED]" not in (ask(firewall, 1).entry or "")
    late = ask(firewall, 2.5).entry or ""
    assert "17 120" in late
    assert "[ASSURED]" in late


def test_the_first_reply_does_not_yet_make_a_stream() -> None:
    firewall = box()
    ask(firewall, 0)
    assert "17 30" in (answer(firewall, 5).entry or "")


def test_echo_is_a_connection_and_an_answer_nobody_asked_for_is_invalid() -> None:
    firewall = box()
    ping = craft.icmp(CLIENT, SERVER, 8, 0, 7 << 16 | 1, b"x")
    pong = craft.icmp(SERVER, CLIENT, 0, 0, 7 << 16 | 1, b"x")
    assert ctstate(firewall.receive(ping, on="wan", at=0)) == "NEW"
    assert ctstate(firewall.send(pong, at=0.1)) == "ESTABLISHED"
    assert "type=8 code=0 id=7 src=" in firewall.conntrack()
    assert ctstate(box().send(pong, at=0)) == "INVALID"


def error_quoting(raw: bytes, to: int, size: int = 28, code: int = 3) -> bytes:
    return craft.icmp(address("198.51.100.7"), to, 3, code, 0, raw[:size])


def test_an_icmp_error_about_a_known_connection_is_related_whoever_sends_it() -> None:
    firewall = box()
    out = craft.udp(SERVER, CLIENT, 5000, 53, b"?")
    firewall.send(out, at=0)
    assert ctstate(firewall.receive(error_quoting(out, SERVER), on="wan", at=1)) == "RELATED"
    assert ctstate(firewall.receive(error_quoting(out, SERVER, 24), on="wan", at=2)) == "RELATED"
    assert ctstate(firewall.receive(error_quoting(out, SERVER, 23), on="wan", at=3)) == "INVALID"


def test_an_icmp_error_quoting_no_live_tuple_or_sent_to_another_host_is_invalid() -> None:
    firewall = box()
    out = craft.udp(SERVER, CLIENT, 5000, 53, b"?")
    assert ctstate(firewall.receive(error_quoting(out, SERVER), on="wan", at=0)) == "INVALID"
    firewall.send(out, at=1)
    assert ctstate(firewall.receive(error_quoting(out, LAN_HOST), on="wan", at=2)) == "INVALID"


def test_an_icmp_error_changes_nothing_of_the_entry() -> None:
    firewall = box()
    out = craft.udp(SERVER, CLIENT, 5000, 53, b"?")
    firewall.send(out, at=0)
    before = firewall.state.copy().entries
    firewall.receive(error_quoting(out, SERVER), on="wan", at=5)
    assert firewall.state.entries == before


def test_unknown_protocols_are_tracked_by_address_for_600_seconds() -> None:
    walk = box().receive(craft.ip(CLIENT, SERVER, 50, b"\0" * 16), on="wan", at=0)
    assert walk.entry == "unknown  50 600 src=203.0.113.9 dst=203.0.113.1 [UNREPLIED] src=203.0.113.1 dst=203.0.113.9 mark=0 use=1"


def test_a_dropped_first_packet_leaves_nothing_and_the_next_is_new_again() -> None:
    firewall = box(DROP_ALL)
    for at in (0, 1):
        walk = ask(firewall, at)
        assert (walk.verdict, ctstate(walk), walk.entry) == ("DROP", "NEW", None)
    assert firewall.conntrack() == ""


def test_a_reply_dropped_by_a_rule_still_changed_the_entry() -> None:
    firewall = box()
    ask(firewall, 0)
    firewall.iptables("-A OUTPUT -p udp -j DROP")
    assert answer(firewall, 1).verdict == "DROP"
    assert ctstate(ask(firewall, 2)) == "ESTABLISHED"


def test_a_wrong_checksum_is_invalid_on_arrival_unless_nobody_checks() -> None:
    raw = bytearray(craft.udp(CLIENT, SERVER, 5000, 53, b"?"))
    raw[-1] ^= 1
    assert ctstate(box().receive(bytes(raw), on="wan", at=0)) == "INVALID"
    assert ctstate(box(net__netfilter__nf_conntrack_checksum=0).receive(bytes(raw), on="wan", at=0)) == "NEW"


def test_an_expired_entry_is_gone_at_its_time_and_not_before() -> None:
    firewall = box()
    ask(firewall, 0)
    assert firewall.next_timer() == 30.0
    assert "17 0 " in firewall.conntrack(at=29.9)
    assert firewall.conntrack(at=30.0) == ""
    assert firewall.advance(29.9) == []
    assert len(firewall.advance(30.0)) == 1
    assert firewall.next_timer() is None


def test_a_packet_in_time_moves_the_timer() -> None:
    firewall = box()
    ask(firewall, 0)
    ask(firewall, 20)
    assert firewall.advance(31) == []
    assert firewall.next_timer() == 50.0


def test_without_a_rule_that_needs_it_nothing_is_tracked() -> None:
    firewall = box("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p udp -j ACCEPT\nCOMMIT\n")
    walk = ask(firewall, 0)
    assert (walk.states, walk.entry, firewall.conntrack()) == ([], None, "")


def test_a_connection_opened_while_tracking_was_off_is_picked_up_by_its_next_packet() -> None:
    firewall = box("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
    talk = Talk(firewall)
    talk.open()
    assert talk.state == ""
    firewall.restore(TRACK_ALL)
    assert ctstate(talk.say(0, "PA", b"hello")) == "NEW"


def test_accounting_counts_both_directions() -> None:
    firewall = box(net__netfilter__nf_conntrack_acct=1)
    ask(firewall, 0)
    answer(firewall, 1)
    assert firewall.conntrack().count("packets=1 bytes=29") == 2
