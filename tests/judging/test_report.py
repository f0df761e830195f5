"""What ``kernel compare`` tells of a packet, from observations that no kernel made."""

from __future__ import annotations

from typing import Any

from fwtutor.judging.report import NO_CHAIN, Report
from fwtutor.kernel.compare import Comparison
from fwtutor.kernel.observation import Observation, Observed, Setup
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import SYN
from fwtutor.trace.people import Ink

RAW = craft.tcp(0xCB007109, 0xCB007101, 4000, 80, SYN)


def told(*packets: tuple[str | None, str], variant: str = "legacy", **more: Any) -> list[str]:
    seen = tuple(Observed(number, RAW, on, 0.0, 0, "ACCEPT", to, (), (), (), None, **more) for number, (on, to) in enumerate(packets))
    return list(Report(Comparison(Setup({}, variant=variant), (), Observation(seen, "", (), 0.0), ()), Ink(), verbose=True).lines())


def test_columns_stand_below_each_other_whatever_the_interfaces_are_called() -> None:
    rows = [row for row in told(("averylongiface0", "lan"), ("lan", "averylongiface0"), (None, "lan")) if "tcp" in row]
    for word in ("tcp", "ACCEPT", "agreed"):
        assert len({row.index(word) for row in rows}) == 1, rows


def test_where_iptables_nft_has_no_chain_that_is_said() -> None:
    assert [row for row in told(("wan", "lan"), variant="nft") if NO_CHAIN in row]
    assert not [row for row in told(("wan", "lan")) if NO_CHAIN in row]
