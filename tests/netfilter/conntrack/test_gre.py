"""GRE: its tuple, its times, and how an entry is listed."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall, Walk, craft
from fwtutor.netfilter.conntrack.gre import call_of
from tests.netfilter.boxes import CLIENT, SERVER, box

CALL = b"\x20\x01\x88\x0b\0\4\0\x4d"


def there(firewall: Firewall, data: bytes, at: float) -> Walk:
    return firewall.receive(craft.ip(CLIENT, SERVER, 47, data), on="wan", at=at)


def back(firewall: Firewall, data: bytes, at: float) -> Walk:
    return firewall.send(craft.ip(SERVER, CLIENT, 47, data), at=at)


@pytest.mark.parametrize(
    ("data", "call"),
    [(b"", 0), (CALL, 77), (CALL[:7], 0), (b"\x20\0" + CALL[2:], 0), (b"\x20\2" + CALL[2:], 0), (CALL[:2] + b"\x08\0" + CALL[4:], None)],
)
def test_only_a_whole_header_of_version_1_has_a_call(data: bytes, call: int | None) -> None:
    assert call_of(data, 0) == call


def test_an_entry_is_listed_with_its_keys() -> None:
    assert "srckey=0x0 dstkey=0x4d [UNREPLIED]" in (there(box(), CALL, 0).entry or "")


def test_a_tunnel_lives_30_seconds_and_180_once_both_have_spoken() -> None:
    firewall = box()
    entries = [walk.entry or "" for walk in (there(firewall, b"", 0), back(firewall, b"", 1), there(firewall, b"", 2))]
    assert [entry.split()[2] for entry in entries] == ["30", "30", "180"]
    assert ["[ASSURED]" in entry for entry in entries] == [False, False, True]


def test_an_entry_keeps_the_times_it_was_made_with() -> None:
    firewall = box()
    there(firewall, b"", 0)
    firewall.set_sysctl("net.netfilter.nf_conntrack_gre_timeout", 77)
    assert "47 30" in (there(firewall, b"", 1).entry or "")
    assert "47 77" in (there(firewall, CALL, 1).entry or "")
