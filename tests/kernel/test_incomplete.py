"""Datagrams that stay incomplete: who is told, and who not. net.ipv4.ipfrag_time is a second here."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fwtutor.kernel.compare import compare, engine_for
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import BY_ITSELF, Observed, Setup, Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.answers import fragments
from tests.kernel.talk import address, box, filtering

TRACKED = filtering("-A INPUT -m state --state NEW", "-A OUTPUT -m state --state INVALID", "-A OUTPUT -m state --state RELATED")
UNTRACKED = filtering("-A INPUT -p udp", "-A OUTPUT -p icmp")
FAR, BOX, NEAR = "203.0.113.9", "203.0.113.1", "192.168.0.20"


def pieces(src: str, dst: str, *which: int, on: str | None = "wan", kind: int = 0, id: int = 77) -> list[Shot]:
    ends = address(src), address(dst)
    udp = craft.udp(*ends, 5000, 53, bytes(300), id=id, df=False)
    cut = fragments(craft.icmp(*ends, kind, 0, 1 << 16, bytes(300), id=id, df=False) if kind else udp, 140)
    return [Shot(cut[number], on) for number in which]


def by_itself(kernel: Kernel, rules: str, shots: Sequence[Shot], **sysctls: int) -> list[Observed]:
    """What the box sent after a second."""
    end = Shot(craft.udp(address(NEAR), address(FAR), 1, 2, id=1), "lan", at=1.5)
    setup = box(rules)
    sysctls = {**setup.sysctls, "net.ipv4.ipfrag_time": 1, **{f"net.ipv4.{name}": value for name, value in sysctls.items()}}
    comparison = compare(kernel, Setup(setup.interfaces, rules, setup.routes, sysctls), [*shots, end])
    assert not comparison.differences, f"{comparison}"
    return [observed for observed in comparison.observation.packets if observed.shot == BY_ITSELF]


@pytest.mark.parametrize("rules", [TRACKED, UNTRACKED])
@pytest.mark.parametrize("which", [(0,), (0, 1), (2, 0)])
def test_who_sent_the_first_fragment_to_the_box_is_told(kernel: Kernel, rules: str, which: tuple[int, ...]) -> None:
    (error,) = by_itself(kernel, rules, pieces(FAR, BOX, *which))
    assert error.raw[20:22] == bytes((11, 1))
    assert error.raw[28:] == pieces(FAR, BOX, 0)[0].raw, "it quotes the first fragment"
    assert error.states in ((), (("OUTPUT", "INVALID"), ("POSTROUTING", "INVALID")))


def test_about_a_connection_it_is_related(kernel: Kernel) -> None:
    known = Shot(craft.udp(address(FAR), address(BOX), 5000, 53, b"x", id=1), "wan")
    (error,) = by_itself(kernel, filtering("-A INPUT -m state --state NEW -j ACCEPT"), [known, *pieces(FAR, BOX, 0)])
    assert error.states == (("OUTPUT", "RELATED"), ("POSTROUTING", "RELATED"))


@pytest.mark.parametrize(
    ("src", "dst", "which", "on", "kind"),
    [
        (FAR, BOX, 1, "wan", 0), (FAR, NEAR, 0, "wan", 0), (BOX, FAR, 0, None, 0), (BOX, BOX, 0, None, 0), (FAR, BOX, 0, "wan", 3),
        (FAR, "203.0.113.255", 0, "wan", 0), (FAR, "224.0.0.1", 0, "wan", 0), ("127.0.0.1", BOX, 0, "wan", 0), (BOX, BOX, 0, "wan", 0),
    ],
)  # fmt: skip
def test_nobody_is_told(kernel: Kernel, src: str, dst: str, which: int, on: str | None, kind: int) -> None:
    """No first fragment; not the box's own; sent by it; to many; about an ICMP error; from where nobody can be."""
    assert not by_itself(kernel, TRACKED, pieces(src, dst, which, on=on, kind=kind))


def test_it_is_rationed_like_other_errors(kernel: Kernel) -> None:
    """In which order those of one tick are given up is the kernel's affair: they are only counted."""
    shots = [shot for number in range(9) for shot in pieces(FAR, BOX, 0, id=number)]
    end = Shot(craft.udp(address(NEAR), address(FAR), 1, 2, id=1), "lan", at=1.5)
    setup = box(TRACKED)
    setup = Setup(setup.interfaces, TRACKED, setup.routes, {"net.ipv4.icmp_ratelimit": 1000, "net.ipv4.ipfrag_time": 1})
    observed = kernel.play(setup, [*shots, end]).packets
    assert sum(len(packet.out) for packet in observed if packet.shot == BY_ITSELF) == 6
    firewall = engine_for(setup)
    for shot in shots:
        firewall.receive(shot.raw, on="wan", at=0)
    firewall.advance(1)
    assert sum(len(walk.out) for walk in firewall.caused) == 6
