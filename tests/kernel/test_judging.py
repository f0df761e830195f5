"""``fwtutor kernel compare``, as it is typed: what it prints, its exit codes, as root and as root of a user namespace only."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fwtutor import cli
from fwtutor.course.loader import find_lesson
from fwtutor.course.quiz import load_quiz
from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Order
from fwtutor.netfilter.xtables.script import CONNTRACK
from fwtutor.recording import Run
from fwtutor.telling.judge import Judge
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


RULES6 = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -i lan -p tcp --dport 80 --syn -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
COMMIT
"""
SIX = (
    "tcp [2001:db8:2::20]:4000 > [2001:db8:9::80]:80 SYN",
    "tcp [2001:db8:9::80]:80 > [2001:db8:2::20]:4000 SYN+ACK",
    "tcp [2001:db8:9::80]:81 > [2001:db8:2::20]:4000 SYN",
    "icmpv6 2001:db8:2::20 > 2001:db8:2::1 echo",
)


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_rules_of_ipv6_beside_those_of_ipv4(kernel: Kernel, tmp_path: Path, variant: str) -> None:
    (tmp_path / "six").write_text(RULES6)
    sent = [word for text in (*SIX, SYN) for word in ("--send", text)]
    done = compare("-v", "--variant", variant, "--rules6", str(tmp_path / "six"), "--rule", "-A FORWARD -p udp -j DROP", *sent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("6 packets, no difference\n")
    assert "filter:FORWARD:policy:3" in done.stdout


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


# --- an ordinary user --------------------------------------------------------------------------------------------

PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
ORDINARY = """\
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/python /mnt/fwtutor /mnt/packages
mount --bind "$1" /mnt/python
mount --bind "$2" /mnt/fwtutor
mount --bind "$3" /mnt/packages
mknod -m "$4" /mnt/tun c 10 200
mount --bind /mnt/tun /dev/net/tun
shift 4
cd /
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all env PYTHONPATH=/mnt/fwtutor:/mnt/packages "$@"
"""
"""Whatever folders these tests lie in, nobody can read them here; and /dev/net/tun is open to all, as udev has it on most systems."""


def as_nobody(*command: str, mode: str = "666") -> subprocess.CompletedProcess[str]:
    """``fwtutor``, with the words ``command`` before the program, run by a user without any rights, in a mount namespace of its own."""
    *before, arguments = command
    return python_as_nobody(["-m", "fwtutor", *shlex.split(arguments)], before, mode)


def python_as_nobody(arguments: list[str], before: Sequence[str] = (), mode: str = "666") -> subprocess.CompletedProcess[str]:
    program = [*before, str(Path("/mnt/python") / PYTHON.relative_to(sys.base_prefix)), *arguments]
    packages = sysconfig.get_paths()["purelib"]
    return run(["unshare", "-m", "sh", "-ec", ORDINARY, "-", sys.base_prefix, str(ROOT), packages, mode, *program])


@pytest.fixture(scope="module")
def user_namespaces(kernel: Kernel) -> None:
    if not PYTHON.exists():
        pytest.skip(f"no {PYTHON}")
    done = as_nobody("unshare", "-rn", "--version")
    if done.returncode:
        pytest.skip(f"no user namespaces for everybody here: {done.stderr.strip()}")


@pytest.mark.usefixtures("user_namespaces")
@pytest.mark.parametrize("arguments", ["--seed 1 --count 2", "--seed 1 --variant nft", "--fast three-packets", f"--send '{SYN}'"])
def test_an_ordinary_user_asks_in_a_user_namespace(arguments: str) -> None:
    done = as_nobody("unshare", "-rn", f"kernel compare {arguments}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stdout.endswith(", no difference\n")


@pytest.mark.usefixtures("user_namespaces")
def test_an_ordinary_user_is_told_how_to_ask() -> None:
    done = as_nobody(f"kernel compare --send '{SYN}'")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"run it as: unshare -rn fwtutor kernel compare --send '{SYN}'" in done.stderr


@pytest.mark.usefixtures("user_namespaces")
def test_a_tun_device_that_is_closed_to_others_is_told_of() -> None:
    done = as_nobody("unshare", "-rn", f"kernel compare --send '{SYN}'", mode="600")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/dev/net/tun may not be opened by this user" in done.stderr


@pytest.mark.parametrize(
    ("faked", "said"),
    [
        (
            {"iptables-legacy-restore": "echo \"can't initialize iptables table \\`filter': do you need to insmod?\" >&2; exit 3"},
            "lacks a table",
        ),
        ({"nft": "echo 'line 2 failed' >&2; exit 1"}, "modules nf_tables, .*line 2 failed"),
        ({"ip": "echo 'Operation not supported' >&2; exit 1"}, "Operation not supported"),
    ],
)
def test_what_a_kernel_lacks_is_said(kernel: Kernel, tmp_path: Path, faked: dict[str, str], said: str) -> None:
    for name, text in faked.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = compare("--send", SYN, environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(f"the kernel cannot be asked here: .*{said}", done.stderr), done.stderr


def test_without_the_programs_it_says_which_to_install(kernel: Kernel, tmp_path: Path) -> None:
    done = compare("--send", SYN, environment={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "the program iptables-legacy-restore is missing (package iptables)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to ask"),
        (("no-such-lesson",), "there is no lesson 'no-such-lesson'"),
        (("missing.pcap",), "missing.pcap: No such file or directory"),
        (("--count", "3", "--send", SYN), "--count goes with --seed"),
        (("--seed", "3", "--send", SYN), "does not go with --send"),
        (("--seed", "3", "three-packets"), "does not go with PACKETS or LESSON"),
        (("--seed", "-3"), "is not a whole number"),
        (("three-packets", "--interface", "wan=1.2.3.4/8"), "a lesson has its own box"),
        (("--rules", "nowhere.rules", "--send", SYN), "nowhere.rules: No such file"),
        (("--rules", str(RULES), str(RULES)), "this is no pcap, pcapng or jsonl file"),
        (("--rules", str(RULES), str(CAPTURE), "--in", "dmz"), "--in dmz: the box has no interface of that name"),
        (("--rules", str(RULES), str(CAPTURE), "--send", SYN), "packets come from one of them"),
        (("--sysctl", "net.ipv4.tcp_syncookies=1", "--send", SYN), "net.ipv4.tcp_syncookies means nothing here"),
        (("--sysctl", "net.ipv4.tcp_fin_timeout=1", "--send", SYN), "net.ipv4.tcp_fin_timeout is not simulated"),
        (("--send", "udp [2001:db8:2::20]:1 > [2001:db8:2::1]:2"), "without rules for it (--rules6) the box has no IPv6"),
        (("--rules6", "nowhere.rules6", "--send", SYN), "nowhere.rules6: No such file"),
        (("--rules6", str(RULES), "three-packets"), "takes no --rules6"),
        (("--interface", "lo=10.0.0.1/8", "--send", "udp 10.0.0.2:1 > 10.0.0.1:2"), "lo"),
    ],
)
def test_bad_input_is_named(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: a new one takes a second to start."""
    code = cli.run(["kernel", "compare", *arguments])
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert said in printed.err


# --- the lab ------------------------------------------------------------------------------------------------------


def test_the_lab_asks_the_same_kernel(kernel: Kernel) -> None:
    run = Run(find_lesson("three-packets").scenario)
    judgement = Judge(run, run.stops[6]).ask()
    assert judgement.problem == ""
    assert judgement.comparison is not None
    assert not judgement.comparison.differences, str(judgement.comparison)
    assert len(judgement.comparison.observation.packets) >= 5


@pytest.mark.parametrize("question", ["stray-ack", "answer-without-question", "to-oneself", "rejecting", "behind-nat"])
def test_the_quiz_is_right_about_the_kernel(kernel: Kernel, question: str) -> None:
    run = next(each for each in load_quiz().questions if each.prediction.id == question).session.run
    judgement = Judge(run, len(run.records) - 1).ask()
    assert judgement.comparison is not None, judgement.problem
    assert not judgement.comparison.differences, str(judgement.comparison)


def test_nobody_waits_for_what_was_stopped(kernel: Kernel) -> None:
    judge = Judge(Run(find_lesson("too-open").scenario), 10)
    judge.stop()
    assert judge.ask().comparison is None


@pytest.mark.usefixtures("user_namespaces")
def test_the_lab_of_an_ordinary_user_asks_in_a_user_namespace() -> None:
    ask = (
        "from fwtutor.course.loader import find_lesson; from fwtutor.recording import Run; from fwtutor.telling.judge import Judge; "
        "print(Judge(Run(find_lesson('three-packets').scenario), 5).ask().comparison)"
    )
    done = python_as_nobody(["-c", ask])
    assert done.stdout.endswith("packets, no difference\n"), done.stdout + done.stderr


def test_where_user_namespaces_are_forbidden_that_is_said(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "unshare"
    program.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Kernel(user_namespace=True) as forbidden, pytest.raises(KernelUnavailable, match="nobody else may make a namespace to be root in"):
        forbidden.play(box(), Tcp().open())


def test_entries_that_are_deleted_between_packets_are_deleted_on_the_kernel(kernel: Kernel) -> None:
    talk = Tcp()
    first = talk.open()
    items = [*first, Order("-D -p tcp", family=CONNTRACK), talk.client("A"), Order("-F", family=CONNTRACK), talk.client("A")]
    packets = agreed(kernel, box("*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n"), items)
    assert [packet.states[0][1] for packet in packets][-3:] == ["ESTABLISHED", "NEW", "NEW"]
