"""What the kernel tells those who listen to connection tracking (``conntrack -E``); the engine tells the same in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fwtutor.kernel.compare import compare, happens_again
from fwtutor.kernel.generate import case, is_timed
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Heard, Item, Setup, Shot
from fwtutor.kernel.shrink import reproduction, shrink
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, RST
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, TRACKING, Tcp, address, box, filtering
from tests.kernel.test_helpers import ACTIVE, HELPED, Dialogue, syn

ACCOUNTED = {"acct": 1}


def told(kernel: Kernel, setup: Setup, items: Sequence[Item]) -> list[Heard]:
    """What the kernel told, and the engine too."""
    comparison = compare(kernel, replace(setup, listens=True), items)
    assert not comparison.differences, f"{comparison}"
    assert comparison.observation.heard is not None
    return list(comparison.observation.heard)


def words(heard: Sequence[Heard]) -> list[str]:
    """Kind and state, or the other protocol's name: ``NEW SYN_SENT``, ``UPDATE udp``."""
    found = []
    for message in heard:
        name, _, state = message.line.split()[:3]
        state = "" if "=" in state else state
        found.append(f"{message.kind} {'expectation' if message.expectation else state or name}")
    return found


def raw(*rules: str, filter: str = TRACKING) -> str:
    return filter + "\n".join(["*raw", *rules, "COMMIT", ""])


def udp(side: int = 0, at: float = 0.0, port: int = 53) -> Shot:
    ends = (CLIENT, SERVER, 4000, port) if side == 0 else (SERVER, CLIENT, port, 4000)
    return Shot(craft.udp(*ends, b"abc", id=1), "wan" if side else "lan", at)


# --- what is told, and when ----------------------------------------------------------------------------------------------


def test_a_tcp_connection_tells_of_its_states_and_of_nothing_else(kernel: Kernel) -> None:
    talk = Tcp()
    talked = [*talk.open(), talk.client("PA", 9), talk.server("A"), talk.client("FA"), talk.server("FA"), talk.client("A")]
    heard = told(kernel, box(), talked)
    assert words(heard) == [
        "NEW SYN_SENT", "UPDATE SYN_RECV", "UPDATE ESTABLISHED", "UPDATE FIN_WAIT", "UPDATE LAST_ACK", "UPDATE TIME_WAIT",
    ]  # fmt: skip
    assert ["[UNREPLIED]" in one.line for one in heard] == [True] + [False] * 5
    assert ["[ASSURED]" in one.line for one in heard] == [False] * 2 + [True] * 4
    assert not any("mark=" in one.line for one in heard)


def test_a_reset_is_a_state_and_one_that_answers_a_syn_is_the_end(kernel: Kernel) -> None:
    talk = Tcp()
    assert words(told(kernel, box(), [*talk.open(), talk.server("R")]))[-1] == "UPDATE CLOSE"
    refused = Tcp(port=4001)
    heard = told(kernel, box(**ACCOUNTED), [refused.client("S"), refused.server("RA")])
    assert words(heard) == ["NEW SYN_SENT", "DESTROY CLOSE"]
    assert "packets=1 bytes=40 [UNREPLIED]" in heard[-1].line
    assert heard[-1].line.endswith("packets=1 bytes=40")


def test_counters_are_told_at_the_end_only(kernel: Kernel) -> None:
    talk = Tcp()
    closed = [*talk.open(), talk.client("FA"), talk.server("FA"), talk.client("A"), Tcp(client_seq=90_000).client("S")]
    heard = told(kernel, box(**ACCOUNTED), closed)
    assert words(heard)[-2:] == ["DESTROY TIME_WAIT", "NEW SYN_SENT"]
    assert ["packets=" in one.line for one in heard] == [one.kind == "DESTROY" for one in heard]


def test_an_answer_to_a_syn_that_was_ignored_is_news_though_the_state_is_the_same(kernel: Kernel) -> None:
    first, again = Tcp(), Tcp(client_seq=90_000)
    shots = [first.client("S"), first.server("SA"), again.client("S"), Tcp(client_seq=90_001, server_seq=70_000_000).server("SA")]
    assert words(told(kernel, box(), shots)) == ["NEW SYN_SENT", "UPDATE SYN_RECV", "UPDATE SYN_RECV"]


def test_udp_tells_of_the_first_answer_and_of_being_a_stream(kernel: Kernel) -> None:
    shots = [udp(), udp(), udp(1), udp(), udp(1), udp(0, 2.3), udp(1)]
    heard = told(kernel, box(), shots)
    assert words(heard) == ["NEW udp", "UPDATE udp", "UPDATE udp"]
    assert [one.number for one in heard] == [0, 2, 5]
    assert [one.seconds for one in heard][2] in (119, 120)


def test_echoes_tell_of_the_first_answer(kernel: Kernel) -> None:
    ask = Shot(craft.icmp(CLIENT, SERVER, 8, 0, 7 << 16 | 1, id=1), "lan")
    answer = Shot(craft.icmp(SERVER, CLIENT, 0, 0, 7 << 16 | 1, id=1), "wan")
    assert words(told(kernel, box(), [ask, ask, answer, answer, ask])) == ["NEW icmp", "UPDATE icmp"]


def test_gre_tells_of_the_first_answer_and_of_being_assured(kernel: Kernel) -> None:
    there, back = (
        Shot(craft.ip(*ends, 47, bytes([0x20, 0, 8, 0, 0, 0, 0, 5]), id=1), on)
        for ends, on in (((CLIENT, SERVER), "lan"), ((SERVER, CLIENT), "wan"))
    )
    heard = told(kernel, box(), [there, back, there])
    assert [(one.kind, "[ASSURED]" in one.line) for one in heard] == [("NEW", False), ("UPDATE", False), ("UPDATE", True)]


def test_what_a_dropped_packet_changed_is_told_with_the_next(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctstate ESTABLISHED -j DROP")
    talk = Tcp()
    heard = told(kernel, box(rules), [*talk.open(), talk.server("A")])
    assert [(one.number, text) for one, text in zip(heard, words(heard), strict=True)] == [(0, "NEW SYN_SENT"), (2, "UPDATE ESTABLISHED")]
    assert "[UNREPLIED]" not in heard[1].line


def test_what_is_not_kept_is_not_told(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -m conntrack --ctstate NEW -j DROP")
    assert told(kernel, box(rules), [udp(), Tcp().client("S"), udp()]) == []
    rejected = filtering("-A FORWARD -m conntrack --ctstate NEW -j REJECT")
    assert told(kernel, box(rejected), [udp(), udp()]) == []


def test_a_rejected_connection_is_closed_and_its_reset_tells_that(kernel: Kernel) -> None:
    rules = filtering("-A FORWARD -p tcp -m length --length 100:200 -m conntrack --ctstate ESTABLISHED -j REJECT --reject-with tcp-reset")
    talk = Tcp()
    heard = told(kernel, box(rules), [*talk.open(), talk.client("PA", 90), talk.server("A"), talk.server("R")])
    assert (heard[-1].number, words(heard)[-1]) == (3, "UPDATE CLOSE")


def test_a_mark_is_told_when_it_is_another_and_says_nothing_of_the_state(kernel: Kernel) -> None:
    rules = "*mangle\n-A FORWARD -p tcp -m length --length 60: -j CONNMARK --set-mark 5\nCOMMIT\n"
    talk = Tcp()
    heard = told(kernel, box(TRACKING + rules), [*talk.open(), talk.client("PA", 90), talk.client("PA", 90), talk.client("FA")])
    assert words(heard)[2:] == ["UPDATE ESTABLISHED", "UPDATE tcp", "UPDATE FIN_WAIT"]
    assert ["mark=5" in one.line for one in heard] == [False] * 3 + [True] * 2


def test_a_mark_that_is_0_again_is_printed(kernel: Kernel) -> None:
    rules = "".join(f"-A FORWARD -m length --length {size} -j CONNMARK --set-mark {mark}\n" for size, mark in ((31, 5), (32, 0)))
    shots = [Shot(craft.udp(CLIENT, SERVER, 4000, 53, bytes(size), id=1), "lan") for size in (3, 4, 4)]
    heard = told(kernel, box(f"{TRACKING}*mangle\n{rules}COMMIT\n"), shots)
    assert [(one.kind, one.line.split()[-1]) for one in heard] == [("NEW", "mark=5"), ("UPDATE", "mark=0")]


def test_translation_is_in_the_tuples_and_no_event(kernel: Kernel) -> None:
    rules = TRACKING + "*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1\nCOMMIT\n"
    answer = Shot(craft.udp(SERVER, BOX, 53, 4000, b"abc", id=1), "wan")
    heard = told(kernel, box(rules), [udp(), answer])
    assert [(one.kind, "dst=203.0.113.1" in one.line) for one in heard] == [("NEW", True), ("UPDATE", True)]


def test_what_the_box_sends_to_itself_is_told_once(kernel: Kernel) -> None:
    packet = Shot(craft.udp(BOX, BOX, 4000, 53, b"abc", id=1), None)
    assert words(told(kernel, replace(box(), quiet=(("udp", 53),)), [packet, packet])) == ["NEW udp"]


def test_when_the_time_is_over_no_seconds_are_told(kernel: Kernel) -> None:
    """That it is over the kernel finds out when it looks for something in the same place of its table, or comes by."""
    heard = told(kernel, box(udp_timeout=1), [udp(), udp(0, 2.5), udp(1, 2.6)])
    assert [(one.kind, one.seconds) for one in heard if one.kind == "DESTROY"] == [("DESTROY", 0)]


def test_where_there_is_no_room_nothing_is_told(kernel: Kernel) -> None:
    talks = [Tcp(4000 + number) for number in range(2)]
    shots = [shot for talk in talks for shot in talk.open()]
    heard = told(kernel, box(max=2), [*shots, udp(), talks[0].client("FA")])
    assert words(heard)[-1] == "UPDATE FIN_WAIT"


def test_zones_are_told(kernel: Kernel) -> None:
    rules = raw("-A PREROUTING -i lan -j CT --zone-orig 7", "-A PREROUTING -p udp -j CT --zone 9")
    heard = told(kernel, box(rules), [udp(), Shot(craft.udp(STRANGER, CLIENT, 1, 2, id=1), "wan")])
    assert ["zone-orig=7" in heard[0].line, heard[1].line.endswith("zone=9")] == [True, True]


def test_ipv6_has_the_same(kernel: Kernel) -> None:
    one, other = address("fd00:168::14"), address("2001:db8:51::35")
    setup = Setup(
        {"wan": ("203.0.113.1/24", "2001:db8:113::1/64"), "lan": ("192.168.0.1/16", "fd00:168::1/64")}, TRACKING,
        {"::/0": "wan", "default": "wan"}, rules6=TRACKING,
    )  # fmt: skip
    there, back = (
        Shot(craft.udp(*ends, b"abc", family=6), on) for ends, on in (((one, other, 4000, 53), "lan"), ((other, one, 53, 4000), "wan"))
    )
    heard = told(kernel, setup, [there, back])
    assert words(heard) == ["NEW udp", "UPDATE udp"]
    assert "src=fd00:168::14 dst=2001:db8:51::35" in heard[0].line


def test_sctp_tells_of_its_states(kernel: Kernel) -> None:
    def chunk(side: int, tag: int, data: bytes) -> Shot:
        ends = (CLIENT, SERVER, 4000, 80) if side == 0 else (SERVER, CLIENT, 80, 4000)
        return Shot(craft.sctp(*ends, tag, data, id=1), "wan" if side else "lan")

    shots = [chunk(0, 0, craft.sctp_init(1, 0x11)), chunk(1, 0x11, craft.sctp_init(2, 0x22)), chunk(0, 0x22, craft.sctp_chunk(10, b"1234"))]
    shots += [chunk(1, 0x11, craft.sctp_chunk(11)), chunk(0, 0x22, craft.sctp_chunk(6))]
    heard = told(kernel, box(), shots)
    assert words(heard) == ["NEW CLOSED", "UPDATE COOKIE_WAIT", "UPDATE COOKIE_ECHOED", "UPDATE ESTABLISHED", "UPDATE CLOSED"]


# --- what is chosen with the target CT -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--ctevents new,destroy", ["NEW SYN_SENT"]),
        ("--ctevents reply", ["UPDATE SYN_RECV"]),
        ("--ctevents assured,mark", ["UPDATE ESTABLISHED"]),
        ("--ctevents protoinfo", ["NEW SYN_SENT", "UPDATE SYN_RECV", "UPDATE ESTABLISHED", "UPDATE FIN_WAIT"]),
        ("--expevents new", []),
        ("--ctevents related", []),
    ],
)
def test_who_chooses_hears_a_message_if_anything_in_it_is_of_what_was_chosen(kernel: Kernel, options: str, expected: list[str]) -> None:
    talk = Tcp()
    rules = raw(f"-A PREROUTING -p tcp -j CT {options}")
    assert words(told(kernel, box(rules), [*talk.open(), talk.client("FA")])) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["NEW expectation", "DESTROY expectation", "NEW expectation", "DESTROY expectation"]),
        (" --ctevents new", []),
        (" --expevents new", ["NEW expectation", "NEW expectation"]),
    ],
)
def test_expectations_are_told_as_they_come_and_go(kernel: Kernel, options: str, expected: list[str]) -> None:
    rules = HELPED.replace("--dport 21 -j CT --helper ftp", f"--dport 21 -j CT --helper ftp{options}")
    talk = Dialogue()
    shots = [*talk.open(), talk.client(ACTIVE[0]), talk.client(ACTIVE[0]), syn(SERVER, CLIENT, 20, 1025, "wan")]
    heard = told(kernel, box(rules), shots)
    assert [text for text in words(heard) if "expectation" in text] == expected


def test_who_was_expected_is_new_and_goes_with_a_connection(kernel: Kernel) -> None:
    talk = Dialogue()
    shots = [*talk.open(), talk.client(ACTIVE[0]), talk.segment(0, RST | ACK), talk.segment(0, 2)]
    heard = told(kernel, box(HELPED), shots)
    assert words(heard)[-4:] == ["UPDATE CLOSE", "DESTROY CLOSE", "DESTROY expectation", "NEW SYN_SENT"]
    assert [one.line.endswith("helper=ftp") for one in heard if not one.expectation] == [True] * 4 + [False, True]


def test_a_rewritten_stream_is_no_event(kernel: Kernel) -> None:
    rules = f"{HELPED}*nat\n-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.200\nCOMMIT\n"
    talk = Dialogue(outside=BOX - 1 + 200)
    heard = told(kernel, box(rules), [*talk.open(), talk.client(ACTIVE[0])])
    assert words(heard)[3:] == ["NEW expectation"]


def test_tftp_expects_before_its_connection_is_told(kernel: Kernel) -> None:
    ask = Shot(craft.udp(CLIENT, SERVER, 4000, 69, b"\0\1file\0octet\0", id=1), "lan")
    assert words(told(kernel, box(HELPED), [ask])) == ["NEW expectation", "NEW udp"]


def test_who_is_expected_anew_is_expected_no_longer_before(kernel: Kernel) -> None:
    ask = Shot(craft.udp(CLIENT, SERVER, 4000, 69, b"\0\1file\0octet\0", id=1), "lan")
    heard = told(kernel, box(HELPED), [ask, ask])
    assert words(heard) == ["NEW expectation", "NEW udp", "DESTROY expectation", "NEW expectation"]


# --- random cases --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [seed for seed in range(70) if not is_timed(seed)] + [seed for seed in range(200) if is_timed(seed)][:4])
def test_kernel_and_engine_tell_the_same(kernel: Kernel, seed: int) -> None:
    setup, items = case(seed, 60)
    found = compare(kernel, replace(setup, listens=True), items)
    assert found.observation.heard is not None
    if found.differences and happens_again(kernel, found):
        small = shrink(kernel, found)
        pytest.fail(f"{small}\n\n{reproduction(small)}", pytrace=False)
