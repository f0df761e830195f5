"""The simulated world sends the packets that real programs on the kernel sent: every scene, packet by packet (``assets/scenes``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fwtutor.capture import read_packets
from fwtutor.network.records import CommandRun
from tests.network.on_the_wire import Sent, difference, lines, since
from tests.network.playing import played
from tests.network.scenes import SCENES

RECORDED = Path(__file__).parents[2] / "assets" / "scenes"


def recorded(name: str) -> list[Sent]:
    """Times are those of sending, ``in`` is empty for what the client sent: on the wire there are only it and its neighbour."""
    other = "server" if SCENES[name].where == "pair" else "box"
    path = RECORDED / f"{name}.jsonl"
    return [Sent(seen.at / 1e9, "client" if seen.outgoing else other, seen.raw) for seen in read_packets(path)]


def said(name: str) -> str:
    """What the program of a scene with one printed."""
    _, _, text = (RECORDED / f"{name}.txt").read_text().partition("\n--- client: ")
    return text.partition("\n")[2]


COMPARED = [name for name, scene in SCENES.items() if not scene.luck]


@pytest.mark.parametrize("name", COMPARED)
def test_the_simulation_sends_what_the_kernel_sends(name: str) -> None:
    scene = SCENES[name]
    # Of what a host does to know its neighbours every step may be late, and the next counts from there.
    late = {"slack": 0.3} if scene.ethernet else {}
    wrong = difference(recorded(name), since(played(scene)[0], scene.since), scene.closely, **late)
    assert not wrong, wrong


ENDED = "--- client: a connection ends: "


@pytest.mark.parametrize("name", [name for name in COMPARED if SCENES[name].typed[-1][1:] != ("client", "leave")])
def test_a_program_hears_of_the_end_in_the_same_words(name: str) -> None:
    """(But for one that has closed its socket, which hears nothing.)"""
    wanted = [line.removeprefix(ENDED) for line in (RECORDED / f"{name}.txt").read_text().splitlines() if line.startswith(ENDED)]
    _, world = played(SCENES[name])
    # "10.0.1.2:1337: Connection refused"
    told = [line.text.partition(": ") for line in world.hosts["client"].console]
    places = ("10.0.1.2:", "10.0.1.77:", "10.0.2.77:", "[fd00:1::2]:", "[fd00:1::77]:")
    assert [why for place, _, why in told if place.startswith(places) and why] == wanted


PORTS = ("7", "22", "23", "24", "1337")
"""Closed, dropped, rejected with an ICMP error, rejected with a reset (by UDP: closed), open."""


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("nmap-T", "closed filtered closed closed open"),
        ("nmap-S", "closed filtered filtered closed open"),
        ("nmap-S-fragments", "closed filtered filtered closed open"),
        ("nmap-A", "unfiltered filtered filtered unfiltered unfiltered"),
        ("nmap-F", "closed open|filtered filtered closed open|filtered"),
        ("nmap-N", "closed open|filtered filtered closed open|filtered"),
        ("nmap-X", "closed open|filtered filtered closed open|filtered"),
        ("nmap-M", "closed open|filtered filtered closed closed"),
        ("nmap-U", "closed open|filtered closed closed open"),
    ],
)
def test_a_scan_has_a_word_for_each_port(name: str, states: str) -> None:
    lines = [line.split() for line in said(name).splitlines()]
    found = {words[0].partition("/")[0]: words[1] for words in lines if len(words) == 3 and "/" in words[0]}
    assert found == dict(zip(PORTS, states.split(), strict=True))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ping", "3 packets transmitted, 3 received, 0% packet loss"),
        ("ping6", "2 packets transmitted, 2 received, 0% packet loss"),
        ("ping-dropped", "2 packets transmitted, 0 received, 100% packet loss"),
        ("ping-rejected", "From 10.0.1.2 icmp_seq=1 Destination Port Unreachable"),
        ("ping-ttl", "From 10.0.1.254 icmp_seq=1 Time to live exceeded"),
        ("ping-too-large", "From 10.0.1.254 icmp_seq=1 Frag needed and DF set (mtu = 1400)"),
        ("traceroute", " 1  10.0.1.254 "),
        ("traceroute-icmp", " 2  10.0.2.2 "),
        ("traceroute-dropped", " 2  *\n 3  *\n"),
        ("traceroute-rejected", " !X\n"),
        ("curl", "hello from the web"),
        ("curl-refused", "(exit code 7)"),
    ],
)
def test_a_tool_says_what_came_of_it(name: str, words: str) -> None:
    assert words in said(name)


TIME = re.compile(r"\d+\.?\d* ?ms|\(.*latency\)|in .* seconds|= .* ms")
PORT = re.compile(r"(\d+/\w+ +\S+) .*")
"""Of a scanner's table: its names of services are its own."""
OTHERWISE = ("Starting Nmap", "(exit code")
"""How lines begin in which the simulation says something else, or nothing."""
TOOLS = [name for name, scene in SCENES.items() if scene.typed[-1][2].split()[0] in ("nmap", "ping", "tftp", "traceroute")]


def without_times(lines: list[str]) -> list[str]:
    kept = [PORT.sub(r"\1", line) for line in lines if not line.startswith(OTHERWISE)]
    return [" ".join(TIME.sub("TIME", line).split()) for line in kept]


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_says_in_the_simulation_what_the_real_one_says_but_for_times(name: str) -> None:
    _, world = played(SCENES[name])
    console = [line.text for line in world.hosts["client"].console]
    typed = [line for each in world.records if isinstance(each, CommandRun) and each.host == "client" for line in each.output.splitlines()]
    assert without_times([*typed, *console]) == without_times(said(name).partition("\n\n--- server:")[0].splitlines())


CHANGES = re.compile(r"\|\|\|\d+\||\d+,\d+\)|`10.0.1.2:\d+'|[\d:]+ \([\d.]+ KiB/s\)|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d")
"""In a session of FTP: ports, how fast it was, dates."""
SESSIONS = [name for name in COMPARED if "ftp" in name and name != "curl-ftp-refused"]
"""(curl does not name the port it could not connect to, but 21.)"""


@pytest.mark.parametrize("name", SESSIONS)
def test_ftp_says_in_the_simulation_what_the_real_one_says_but_for_ports_and_times(name: str) -> None:
    _, world = played(SCENES[name])
    # Whose input is no terminal prints no prompts, and not what is typed there.
    here = [line.text for line in world.hosts["client"].console if not line.text.startswith(("ftp> ", "EPSV/EPRT on"))]
    there = [line for line in said(name).splitlines() if not line.startswith(("(exit code", "EPSV/EPRT on"))]
    assert [CHANGES.sub("...", line) for line in here] == [CHANGES.sub("...", line) for line in there]


@pytest.mark.parametrize("name", list(SCENES))
def test_every_recording_can_be_read_and_says_what_was_typed(name: str) -> None:
    assert lines(recorded(name)) or name.startswith("nobody-")
    text = (RECORDED / f"{name}.txt").read_text()
    for _, host, line in SCENES[name].typed:
        assert f"{host}: {line}" in text


def test_no_recording_is_left_of_a_scene_that_is_gone() -> None:
    assert {path.stem for path in RECORDED.glob("*.jsonl")} == SCENES.keys()
