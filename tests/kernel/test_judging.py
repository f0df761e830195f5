"""``fwtutor kernel compare``, as it is typed: what it prints, its exit codes, as root and as root of a user namespace only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Order
from tests.kernel.talk import Tcp, agreed, box, filtering

ROOT = Path(__file__).parents[2]
RULES, CAPTURE = ROOT / "assets" / "too-open.rules", ROOT / "assets" / "handshake.pcap"
SYN = "tcp 192.168.0.20:4000 > 198.51.100.80:80 SYN"


def compare(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "fwtutor", "kernel", "compare", *arguments], environment)


def run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | (environment or {})
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


def test_a_quick_question(kernel: Kernel) -> None:
    done = compare("--rule", "-P FORWARD DROP", "--rule", "-A FORWARD -m conntrack --ctstate NEW -j ACCEPT", "--send", SYN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 packet, no difference\n", "")


def test_every_packet_is_told_when_asked_to(kernel: Kernel) -> None:
    done = compare("-v", "--send", SYN, "--send", "udp 203.0.113.9:1 > 203.0.113.1:9")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["1", "lan", *SYN.split(), "ACCEPT", "→", "wan", "agreed"]
    assert lines[1].endswith("states   PREROUTING NEW, FORWARD NEW, POSTROUTING NEW")
    assert lines[2].endswith("path     filter:FORWARD:policy:1")
    assert "SYN_SENT src=192.168.0.20 dst=198.51.100.80 sport=4000 dport=80 [UNREPLIED]" in lines[3]
    assert any("(box)" in line and "port unreachable" in line for line in lines), "the kernel's own answer is a packet of its own"
    assert lines[-1] == "3 packets, no difference"


def test_rules_and_a_capture(kernel: Kernel) -> None:
    done = compare("--rules", str(RULES), str(CAPTURE))
    assert (done.returncode, done.stdout) == (0, "11 packets, no difference\n"), done.stderr


@pytest.mark.parametrize("lesson", ["three-packets", "too-open"])
def test_the_lessons_traffic(kernel: Kernel, lesson: str) -> None:
    done = compare("--fast", lesson)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(" packets, no difference\n")


def test_cases_by_number(kernel: Kernel) -> None:
    done = compare("--seed", "0", "--count", "2", "--packets", "20")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("cases 0 to 1: ")


def test_a_difference_is_told_with_the_smallest_sequence_and_exit_code_1(kernel: Kernel, tmp_path: Path) -> None:
    """The engine is made to forget what the kernel knows: for how long a SYN is remembered."""
    (tmp_path / "sitecustomize.py").write_text(
        "import fwtutor.netfilter.firewall as f\nf.SYSCTLS['net.netfilter.nf_conntrack_tcp_timeout_syn_sent'] = 99\n"
    )
    done = compare("--send", "udp 203.0.113.9:1 > 8.8.8.8:9", "--send", SYN, environment={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert done.returncode == 1, done.stdout + done.stderr
    told, smallest = done.stdout.split("# the smallest sequence found that still differs (1 item), as a test:")
    lines = told.splitlines()
    assert lines[0].split() == ["2", "lan", *SYN.split(), "ACCEPT", "→", "wan", "differs"], "what agrees is not told"
    assert lines[2].split()[:5] == ["│", "kernel", "tcp", "6", "120"]
    assert lines[3].split()[:5] == ["│", "engine", "tcp", "6", "99"]
    assert lines[4] == "2 packets, kernel and engine differ at packet 2"
    scope: dict[str, Callable[[], None]] = {}
    exec(smallest, scope)
    scope["test_kernel_and_engine_agree"]()  # here the engine is the right one


def test_what_the_kernels_iptables_refuses_is_told(kernel: Kernel, tmp_path: Path) -> None:
    rules = tmp_path / "odd.rules"
    rules.write_text("*filter\n-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("iptables-legacy-restore", "echo 'line 2: no such weather' >&2; exit 1"), ("iptables-legacy-save", "exit 0")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    done = compare("--rules", str(rules), "--send", SYN, environment={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fwtutor: the kernel's iptables refuses these rules: line 2: no such weather\n"


@pytest.mark.parametrize("line", ["-A INPUT -p icmp", "-D FORWARD 1", "-N more", "-X", "-F INPUT", "-P INPUT DROP", "-R FORWARD 1 -p tcp"])
def test_any_command_of_legacy_iptables_forgets_what_the_policies_counted(kernel: Kernel, line: str) -> None:
    """The rules keep their counters. (iptables-nft keeps both.)"""
    setup = box(filtering("-A FORWARD -p tcp", chains=["spare"]))
    talk = Tcp()
    agreed(kernel, setup, [talk.client("S"), Order(line), talk.server("SA")])


@pytest.mark.parametrize("line", ["-S", "-C FORWARD -p tcp", "-A NOWHERE", "-X"])
def test_looking_and_what_changes_nothing_forgets_nothing(kernel: Kernel, line: str) -> None:
    agreed(kernel, box(filtering("-A FORWARD -p tcp")), [Tcp().client("S"), Order(line)])
