"""Dates in logs."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.datestamps import long_stamp, second_stamp, stamp


def test_syslog_s_has_no_year_and_a_day_of_two_places() -> None:
    assert stamp(1_704_067_207 * SECOND) == "Jan  1 00:00:07"
    assert stamp(1_764_164_492 * SECOND + 999_999_999) == "Nov 26 13:41:32"


def test_fail2ban_s_has_thousandths() -> None:
    assert long_stamp(1_764_164_470 * SECOND + 75_900_000) == "2025-11-26 13:41:10,075"
    assert second_stamp(1_764_164_470 * SECOND) == "2025-11-26 13:41:10"
