"""The simulated world sends the packets that real programs on the kernel sent: every scene, packet by packet (``assets/scenes``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.capture import read_packets
from tests.network.on_the_wire import Sent, difference, lines, since
from tests.network.playing import played
from tests.network.scenes import SCENES, Scene

RECORDED = Path(__file__).parents[2] / "assets" / "scenes"
NOT_YET = {"ping", "traceroute", "nmap", "ipv6", "mtu"}
"""What the simulation has not: scenes that need it are only read. Whoever builds it takes it out here, and has them compared."""


def needs(scene: Scene) -> set[str]:
    """What a scene asks of the simulation."""
    found = {line.split()[0] for _, _, line in scene.typed}
    if any("fd00:" in line for _, _, line in scene.typed):
        found.add("ipv6")
    if scene.mtu != 1500:
        found.add("mtu")
    return found


def recorded(name: str) -> list[Sent]:
    """Times are those of sending, ``in`` is empty for what the client sent: on the wire there are only it and its neighbour."""
    other = "server" if SCENES[name].where == "pair" else "box"
    path = RECORDED / f"{name}.jsonl"
    return [Sent(seen.at / 1e9, "client" if seen.outgoing else other, seen.raw) for seen in read_packets(path)]


@pytest.mark.parametrize("name", [name for name, scene in SCENES.items() if not scene.luck and not needs(scene) & NOT_YET])
def test_the_simulation_sends_what_the_kernel_sends(name: str) -> None:
    wrong = difference(recorded(name), since(played(SCENES[name])[0], SCENES[name].since))
    assert not wrong, wrong


@pytest.mark.parametrize("name", list(SCENES))
def test_every_recording_can_be_read_and_says_what_was_typed(name: str) -> None:
    assert lines(recorded(name))
    text = (RECORDED / f"{name}.txt").read_text()
    for _, host, line in SCENES[name].typed:
        assert f"{host}: {line}" in text


def test_no_recording_is_left_of_a_scene_that_is_gone() -> None:
    assert {path.stem for path in RECORDED.glob("*.jsonl")} == SCENES.keys()
