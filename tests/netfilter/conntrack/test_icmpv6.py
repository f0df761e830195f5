"""What connection tracking makes of ICMPv6: questions and answers, errors and what they quote, what is not tracked at all."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, craft
from fwtutor.netfilter.addresses import parse_address
from tests.netfilter.six import AH, CLIENT, DESTINATION, FRAGMENT, HOP, NEIGHBOUR, NONE, SERVER, box6, datagram, fragment, ip6, options

UDP = ip6(17, datagram())
ECHO = craft.icmp(CLIENT, SERVER, 128, 0, 7 << 16 | 1, b"ping", family=6)
ROUTER = parse_address("fe80::5")[1]


def known() -> Firewall:
    """A box that knows a UDP stream and an echo request of the client's."""
    firewall = box6()
    for raw in (UDP, ECHO):
        firewall.receive(raw, on="wan", at=0)
    return firewall


def state(raw: bytes, on: str = "lan") -> str:
    return known().receive(raw, on=on, at=0).states[0][1]


def error(quote: bytes, type: int = 1, code: int = 4, src: int = SERVER, dst: int = CLIENT) -> bytes:
    return craft.icmp(src, dst, type, code, 0, quote, family=6)


@pytest.mark.parametrize("type", range(127, 161))
def test_which_types_begin_an_entry_and_which_are_not_tracked(type: int) -> None:
    new, untracked = {128, 139}, {130, 131, 132, 133, 134, 135, 136, 143, 151, 152}
    wanted = "NEW" if type in new else "UNTRACKED" if type in untracked else "INVALID"
    assert box6().receive(craft.icmp(CLIENT, SERVER, type, 0, 1, bytes(24), family=6), on="wan", at=0).states[0][1] == wanted


def test_an_echo_reply_has_the_requests_id_and_code() -> None:
    assert state(craft.icmp(SERVER, CLIENT, 129, 0, 7 << 16 | 1, b"ping", family=6)) == "ESTABLISHED"
    assert state(craft.icmp(SERVER, CLIENT, 129, 1, 7 << 16 | 1, b"ping", family=6)) == "INVALID"
    assert state(craft.icmp(SERVER, CLIENT, 129, 0, 8 << 16 | 1, b"ping", family=6)) == "INVALID"


@pytest.mark.parametrize("type", [0, 1, 2, 3, 4, 5, 100, 127])
def test_every_type_below_128_is_an_error(type: int) -> None:
    assert state(error(UDP, type)) == "RELATED"


@pytest.mark.parametrize(
    ("quote", "wanted"),
    [
        (UDP[:44], "RELATED"), (UDP[:43], "INVALID"), (UDP[:39], "INVALID"), (b"", "INVALID"), (b"\x45" + UDP[1:], "RELATED"),
        (ip6(DESTINATION, options(17) + datagram()), "RELATED"), (ip6(HOP, options(17) + datagram()), "RELATED"),
        (ip6(AH, bytes([17, 1, 0, 0]) + bytes(8) + datagram()), "RELATED"), (ip6(FRAGMENT, fragment(17, 0, True) + datagram()), "RELATED"),
        (ip6(FRAGMENT, fragment(17, 8, True) + datagram()), "INVALID"), (ip6(DESTINATION, b"\x11"), "INVALID"), (ip6(NONE, b""), "INVALID"),
        (ECHO, "RELATED"), (ECHO[:47], "INVALID"), (ip6(17, datagram(port=54)), "INVALID"),
        (craft.icmp(CLIENT, SERVER, 135, 0, 0, bytes(20), family=6), "INVALID"),
    ],
)  # fmt: skip
def test_what_an_error_must_quote(quote: bytes, wanted: str) -> None:
    assert state(error(quote)) == wanted


def test_an_error_may_come_from_any_router_but_must_go_to_whom_it_is_about() -> None:
    assert state(error(UDP, src=NEIGHBOUR)) == "RELATED"
    assert state(error(UDP, dst=NEIGHBOUR)) == "INVALID"


def test_checksums_are_verified_with_the_addresses() -> None:
    wrong = bytearray(error(UDP))
    wrong[42] ^= 1
    assert state(bytes(wrong)) == "INVALID"
    asked = bytearray(craft.icmp(CLIENT, SERVER, 135, 0, 0, bytes(20), family=6))
    asked[42] ^= 1
    assert state(bytes(asked)) == "INVALID"


def redirect(src: int = ROUTER, hops: int = 255, code: int = 0, option: int = 4, length: int = 8) -> bytes:
    told = ROUTER.to_bytes(16, "big") + SERVER.to_bytes(16, "big") + bytes([option, length]) + bytes(6) + UDP
    return craft.icmp(src, CLIENT, 137, code, 0, told, family=6, ttl=hops)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (redirect(), "RELATED"), (redirect(length=2), "RELATED"), (redirect(length=0), "INVALID"), (redirect(hops=64), "INVALID"),
        (redirect(SERVER), "INVALID"), (redirect(code=1), "INVALID"), (redirect(option=2), "INVALID"),
        (craft.icmp(ROUTER, CLIENT, 137, 0, 0, bytes(32), family=6, ttl=255), "INVALID"),
    ],
)  # fmt: skip
def test_a_redirect_of_a_neighbour_is_about_the_packet_it_quotes(raw: bytes, wanted: str) -> None:
    assert state(raw) == wanted


def test_the_icmp_of_the_other_version_is_nobodys() -> None:
    assert state(ip6(1, bytes([8, 0, 0, 0, 0, 0, 0, 0]))) == "INVALID"
    assert state(ip6(NONE, bytes(8))) == "INVALID"
    assert state(ip6(50, bytes(8))) == "NEW"
