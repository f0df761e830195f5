"""IPv6 addresses by what they are for, and which one a box sends from."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, scopes
from fwtutor.netfilter.addresses import format_address, parse_address


def a(text: str) -> int:
    return parse_address(text)[1]


@pytest.mark.parametrize(
    ("text", "scope"),
    [("::1", 2), ("fe80::1", 2), ("fec0::1", 5), ("2001:db8::1", 14), ("fd00::1", 14), ("ff01::1", 1), ("ff05::2", 5), ("ff0e::1", 14)],
)
def test_scopes(text: str, scope: int) -> None:
    assert scopes.scope(a(text)) == scope


def test_the_group_where_a_neighbour_is_looked_for() -> None:
    assert format_address(6, scopes.solicited_node(a("2001:db8::12:3456"))) == "ff02::1:ff12:3456"


BOX = Firewall(
    {"wan": ["2001:db8:1::1/64", "fe80::1/64"], "lan": ["2001:db8:2::1/64", "fd00:2::1/64", "fe80::2/64"]},
    {"default": ("wan", "2001:db8:1::fe")},
)


@pytest.mark.parametrize(
    ("destination", "interface", "source"),
    [
        ("2001:db8:9::9", "", "2001:db8:1::1"),  # that of the interface it leaves by
        ("2001:db8:9::9", "lan", "2001:db8:2::1"),  # of what came in by another: that one's
        ("fd00:9::9", "", "2001:db8:1::1"),  # also to another kind of address
        ("fd00:2::9", "", "fd00:2::1"),  # among those of an interface, one of the same kind
        ("2001:db8:2::80", "", "2001:db8:2::1"),
        ("fe80::9", "lan", "fe80::2"),  # on a link, that link's
        ("fe80::9", "wan", "fe80::1"),
        ("2001:db8:2::1", "wan", "2001:db8:2::1"),  # itself
    ],
)
def test_a_box_sends_from_the_address_that_fits_best(destination: str, interface: str, source: str) -> None:
    assert format_address(6, BOX.routing.source_for6(a(destination), interface)) == source


def test_the_youngest_of_equal_addresses_is_taken() -> None:
    box = Firewall({"wan": ["2001:db8:1::1/64", "2001:db8:1::2/64"]})
    assert format_address(6, box.source_for(a("2001:db8:1::f00"), 6)) == "2001:db8:1::2"


def test_without_a_way_there_is_no_source() -> None:
    assert Firewall({"wan": ["2001:db8:1::1/64"]}).source_for(a("2001:db8:9::9"), 6) == 0


def test_ipv6_needs_links_of_1280_bytes() -> None:
    with pytest.raises(ValueError, match="MTU 1279 of wan, which has an IPv6 address"):
        Firewall({"wan": ["2001:db8:1::1/64"]}, mtus={"wan": 1279})
