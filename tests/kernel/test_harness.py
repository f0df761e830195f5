"""The harness itself: what it says when it cannot run, what it leaves behind (nothing), and that it sees differences."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fwtutor.kernel.compare import compare, hold
from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.generate import case
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import KernelEntry, Observation, Shot
from fwtutor.kernel.shrink import reproduction, shrink
from fwtutor.netfilter import craft
from tests.kernel.talk import BOX, STRANGER, Tcp, box, filtering


def of_the_host(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(KernelUnavailable, match="needs root"):
        Kernel()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "iptables-legacy-save" else f"/sbin/{name}")
    with pytest.raises(KernelUnavailable, match="iptables-legacy-save is missing"):
        Kernel()
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(KernelUnavailable, match="only be asked on Linux"):
        Kernel()


def test_a_refused_ruleset_is_told_in_iptables_words(kernel: Kernel) -> None:
    with pytest.raises(RulesetRefused, match="line: 2"):
        kernel.play(box("*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"), [])
    assert kernel.play(box(), Tcp().open()).packets, "the next run is not harmed"


def test_a_sysctl_that_does_not_exist_is_named(kernel: Kernel) -> None:
    with pytest.raises(KernelUnavailable, match=r"net\.netfilter\.nf_conntrack_wishes"):
        kernel.play(box(wishes=1), [])


def test_what_the_harness_itself_stumbles_over_is_said_in_one_line_and_harms_no_other_run(kernel: Kernel) -> None:
    with pytest.raises(KernelUnavailable) as caught:
        kernel.play(box(), [Tcp().client("S")._replace(on="nowhere")])
    assert re.fullmatch(r"that is a mistake of fwtutor's, .*KeyError: 'nowhere' \(player\.py, line \d+\)", str(caught.value))
    assert "Traceback" in caught.value.__notes__[0], "for whoever mends it"
    assert kernel.play(box(), Tcp().open()).packets


def test_a_run_that_fails_leaves_nothing_open(kernel: Kernel) -> None:
    """Two programs want the same port: what was open by then is closed, or each such run would keep a namespace for ever."""
    descriptors = Path(f"/proc/{kernel.pid}/fd")
    kernel.play(box(), [])
    before = sorted(os.listdir(descriptors))
    with pytest.raises(KernelUnavailable, match="Address already in use"):
        kernel.play(replace(box(), quiet=(("tcp", 80), ("tcp", 80))), [])
    assert sorted(os.listdir(descriptors)) == before


def test_the_host_notices_nothing(kernel: Kernel) -> None:
    looks = [["ip", "-o", "link"], ["ip", "route"], ["iptables-legacy-save"], ["cat", "/proc/sys/net/ipv4/ip_forward"]]
    before = [of_the_host(look) for look in looks]
    kernel.play(box(filtering("-A INPUT -j DROP")), Tcp().open())
    assert [of_the_host(look) for look in looks] == before


def test_nothing_is_left_when_it_is_killed(kernel: Kernel) -> None:
    """The namespace has no name and no process but the helper, so with the helper it is gone."""
    own = os.readlink("/proc/self/ns/net")
    with Kernel() as other:
        other.play(box(), Tcp().open())
        theirs = os.readlink(f"/proc/{other.pid}/ns/net")
        assert theirs != own
        os.kill(other.pid, signal.SIGKILL)
        with pytest.raises(KernelUnavailable, match="died"):
            other.play(box(), [])
    links = [process / "ns/net" for process in Path("/proc").glob("[0-9]*")]
    assert theirs not in {_target(link) for link in links}


def test_nothing_is_left_when_the_parent_is_killed(kernel: Kernel) -> None:
    script = "import time; from fwtutor.kernel.kernel import Kernel; print(Kernel().pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        gone = os.pidfd_open(helper)
        parent.kill()
        assert select.select([gone], [], [], 10)[0], "the helper ends by itself"
        os.close(gone)


def test_nothing_is_left_when_the_parent_is_killed_in_the_middle_of_a_job(kernel: Kernel) -> None:
    script = """
from fwtutor.kernel.kernel import Kernel
from tests.kernel.talk import Tcp, box
kernel = Kernel()
print(kernel.pid, flush=True)
kernel.play(box(), [Tcp().client("S")._replace(at=600.0)])
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        gone = os.pidfd_open(helper)
        assert not select.select([gone], [], [], 1)[0], "it waits for the packet's time"
        parent.kill()
        assert select.select([gone], [], [], 60)[0], "it does not wait for a word from its parent"
        os.close(gone)


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""  # that process has ended meanwhile


def test_entries_read_as_the_conntrack_program_prints_them() -> None:
    original, reply = "src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2", "src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1"
    fresh = KernelEntry(6, original, reply, 0, 120, 0, "SYN_SENT", 1)
    assert str(fresh) == f"tcp      6 120 SYN_SENT {original} [UNREPLIED] {reply} mark=0 use=1"
    counted = KernelEntry(17, original, reply, 6, 120, 5, "", 1, (1, 2), (3, 4))
    assert str(counted) == f"udp      17 120 {original} packets=1 bytes=2 {reply} packets=3 bytes=4 [ASSURED] mark=5 use=1"


@pytest.mark.skipif(shutil.which("conntrack") is None, reason="the program conntrack is missing")
def test_entries_are_those_the_conntrack_program_lists(kernel: Kernel) -> None:
    """Held against the program itself, run in the helper's namespace."""
    shots = [*Tcp().open(), Shot(craft.udp(STRANGER, BOX, 1, 2, id=1), "wan"), Shot(craft.icmp(STRANGER, BOX, 8, 0, 5 << 16, id=1), "wan")]
    shots += [Shot(craft.ip(STRANGER, BOX, 50, b"", id=1), "wan")]
    listed = kernel.play(box(acct=1), shots).conntrack
    enter = ["nsenter", "-t", str(kernel.pid), "-n"]
    program = of_the_host([*enter, "conntrack", "-L"]).splitlines()
    assert len(listed) == 4
    assert sorted(_without_seconds(line) for line in program) == sorted(_without_seconds(str(entry)) for entry in listed)


def _without_seconds(line: str) -> list[str]:
    words = line.split()
    return words[:2] + words[3:]


def test_the_stacks_answers_come_after_what_they_answer(kernel: Kernel) -> None:
    observed = kernel.play(box(), [Tcp().client("S"), Shot(_syn(), "wan"), Tcp().server("R")]).packets
    assert [(packet.shot, packet.on) for packet in observed] == [(0, "lan"), (1, "wan"), (-1, None), (2, "wan")]
    assert not observed[1].settled
    assert observed[2].out[0][0] == "wan"


def _syn() -> bytes:
    return craft.tcp(STRANGER, BOX, 4000, 22, 2, 1, id=1)


def test_a_difference_is_found_told_and_made_small(kernel: Kernel) -> None:
    """With the engine given another sysctl than the kernel, a picked-up connection tells them apart."""
    talk = Tcp()
    shots = [*Tcp(5000).open(), talk.client("A"), *Tcp(6000).open()]
    setup = box()
    observation = kernel.play(setup, shots)
    assert hold(setup, observation) == []
    wrong = hold(replace(setup, sysctls={**setup.sysctls, "net.netfilter.nf_conntrack_tcp_loose": 0}), observation)
    assert [difference.number for difference in wrong] == [3] * len(wrong)
    assert {difference.what for difference in wrong} >= {"states", "entry"}


def test_every_part_of_an_observation_is_compared(kernel: Kernel) -> None:
    setup = box(filtering("-A FORWARD -m state --state NEW -j ACCEPT"))
    observation = kernel.play(setup, [Tcp().client("S")])
    packet = observation.packets[0]
    changed = {
        "verdict": replace(packet, verdict="DROP"),
        "to": replace(packet, to="lan"),
        "path": replace(packet, path=("filter:FORWARD:rule:2",)),
        "states": replace(packet, states=packet.states[:-1]),
        "out": replace(packet, out=((packet.out[0][0], packet.out[0][1] + b"x"),)),
        "entry": replace(packet, entry=packet.entry and packet.entry._replace(mark=1)),
    }
    for what, other in changed.items():
        assert [difference.what for difference in hold(setup, replace(observation, packets=(other,)))] == [what]
    assert [difference.what for difference in hold(setup, replace(observation, rules=""))] == ["counters"]
    assert [difference.what for difference in hold(setup, replace(observation, conntrack=()))] == ["conntrack"]


def test_time_left_may_only_be_what_a_tick_makes_of_it(kernel: Kernel) -> None:
    observation = kernel.play(box(), [Tcp().client("S")])
    packet = observation.packets[0]
    assert packet.entry is not None
    for seconds, differs in ((119, False), (121, True), (118, True)):
        other = replace(packet, entry=packet.entry._replace(seconds=seconds))
        assert bool(hold(box(), replace(observation, packets=(other,)))) == differs


def test_a_tick_in_doubt_is_decided_by_what_followed(kernel: Kernel) -> None:
    """The entry was gone when the second packet came; whether it could be depends on which side of a tick that was."""
    ask = Shot(craft.udp(STRANGER, BOX, 4000, 53, id=1), "wan")
    dropping = filtering("-A INPUT -m state --state NEW -j ACCEPT", "-A OUTPUT -j DROP")
    setup = box(dropping, udp_timeout=1, acct=1)
    observation = kernel.play(setup, [ask, ask._replace(at=1.2)])
    packets = list(observation.packets)
    second = next(number for number, packet in enumerate(packets) if packet.shot == 1)
    for late, agrees in ((packets[second].at, True), (0.5, False)):
        packets[second] = replace(packets[second], at=0.5, late=late)
        assert (hold(setup, replace(observation, packets=tuple(packets))) == []) == agrees


def test_cases_come_from_their_seed_alone() -> None:
    assert case(7) == case(7)
    assert case(7) != case(8)


def test_a_report_reads_well_and_can_be_repeated(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = box(filtering("-A FORWARD -p tcp", "[7:280] -A FORWARD -p udp", "-A FORWARD -m state --state NEW"))
    shots = [*Tcp(5000).open(), *Tcp(6000).open()]
    monkeypatch.setattr("fwtutor.kernel.compare.hold", lambda setup, observation, walks: hold(setup, _forged(observation), walks))
    found = compare(kernel, setup, shots)
    assert "differ at packet 1 of 6: in on lan <Packet tcp 192.168.0.20:5000 > 198.51.100.80:80 SYN>" in str(found)
    assert "  kernel: nowhere\n  engine: wan" in str(found)
    small = shrink(kernel, found)
    assert len(small.items) == 1
    assert small.setup.rules.count("-A FORWARD") == 1, "all rules but the one that switches tracking on"
    written = reproduction(small)
    assert all(repr(part) in written for part in (small.setup.rules, small.setup.variant))
    scope: dict[str, Callable[[], None]] = {}
    exec(written, scope)
    with pytest.raises(AssertionError, match="nowhere"):
        scope["test_kernel_and_engine_agree"]()
    monkeypatch.undo()
    scope["test_kernel_and_engine_agree"]()


def _forged(observation: Observation) -> Observation:
    """As if the kernel had sent the first packet elsewhere."""
    first, *others = observation.packets
    return replace(observation, packets=(replace(first, to="nowhere"), *others))


def test_entries_of_two_zones_are_told_apart_in_whatever_order_the_kernel_names_them(kernel: Kernel) -> None:
    rules = "*raw\n-A PREROUTING -m tos --tos 0x10 -j CT --zone 3\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n"
    setup = box(rules)
    shots = [Shot(craft.udp(STRANGER, BOX, 4000, 53, b"odd", id=1, tos=tos), "wan") for tos in (0, 0x10, 0)]
    observation = kernel.play(setup, shots)
    assert len(observation.conntrack) == 2
    for entries in (observation.conntrack, observation.conntrack[::-1]):
        assert not hold(setup, replace(observation, conntrack=entries))


def test_where_nothing_is_played_nothing_differs(kernel: Kernel) -> None:
    assert not compare(kernel, box(), []).differences
