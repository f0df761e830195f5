"""Plain mode from outside: standard input and output, how it ends, what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import Done, fwtutor

ROOT = Path(__file__).parents[2]
CAPTURE, RULES = ROOT / "assets" / "handshake.pcap", ROOT / "assets" / "too-open.rules"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def progress(home: Path) -> dict[str, object]:
    lesson = json.loads((home / "progress.json").read_text())["lessons"]["too-open"]
    assert isinstance(lesson, dict)
    return lesson


def test_a_lesson_is_played_by_lines_and_its_end_keeps_the_place(home: Path) -> None:
    done = fwtutor(home, "play", "too-open", "--plain", stdin="step\nend\n")
    assert (done.code, done.err) == (0, "")
    assert "> step\nMoment 1 of" in done.out
    assert "Goal met: open a connection to 1337." in done.out
    assert progress(home)["goals"] == ["open-1337"] or progress(home)["goals"]
    again = fwtutor(home, "play", "too-open", "--plain")
    assert "Moment 5 of" in again.out


def test_a_lesson_begins_at_the_page_that_is_asked_for_whatever_is_asked_before(home: Path) -> None:
    shown = fwtutor(home, "play", "too-open", "--plain", "--at", "4", stdin="step\n").out
    assert "Page 4 of 8: Make a hole" in shown
    assert "Question" not in shown
    assert "\nserver> step\nMoment" in shown
    assert fwtutor(home, "play", "too-open", "--plain", "--at", "9").code == 2


def test_a_script_that_asked_for_something_impossible_ends_with_2(home: Path) -> None:
    assert fwtutor(home, "play", "too-open", "--plain", stdin="fly\nstep\n").code == 2
    assert fwtutor(home, "play", "no-such-lesson", "--plain").code == 2


def test_quit_ends_it_before_the_input_does(home: Path) -> None:
    done = fwtutor(home, "play", "too-open", "--plain", stdin="q\nstep\n")
    assert done.code == 0
    assert "Moment" not in done.out


def test_ctrl_c_ends_it_tidily_and_keeps_the_progress(home: Path) -> None:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    running = subprocess.Popen(
        [sys.executable, "-m", "fwtutor", "play", "too-open", "--plain"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("step\n")
    running.stdin.flush()
    while "Verdict" not in running.stdout.readline():
        pass
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    done = Done(running.returncode, out, err)
    assert (done.code, done.err) == (130, "")
    assert progress(home)["record"] != -1


def test_bytes_that_are_no_text_are_answered(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fwtutor", "play", "too-open", "--plain"],
        input=b"\xff\xfe\n\x1b[31m\nattacker# echo \xc3 > /tmp/x\n", capture_output=True, timeout=60, check=False,
        env=os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 2
    assert b"There is no command" in done.stdout
    assert b"\x1b" not in done.stdout
    assert b"Traceback" not in done.stderr


def test_a_sandbox_in_plain_mode_plays_a_capture_against_ones_own_rules_and_is_kept(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.fwt"
    given = ("sandbox", "one-server", "--rules", str(RULES), "--capture", str(CAPTURE), "--plain")
    done = fwtutor(home, *given, stdin=f"step\n: iptables -F\nend\nsave {path}\n")
    assert done.code == 0
    assert "11 packets of a capture lie ahead" in done.out
    assert "Verdict: ACCEPT by rule 2 of INPUT" in done.out
    assert "Verdict: DROP by policy of INPUT" in done.out
    again = fwtutor(home, "sandbox", str(path), "--plain")
    assert "Moment 12 of 12" in again.out
    assert fwtutor(home, "sandbox", str(path), "--plain", "--rules", str(RULES)).code == 2


def test_without_a_network_the_networks_are_told_in_words(home: Path) -> None:
    done = fwtutor(home, "sandbox", "--plain")
    assert done.code == 0
    assert "office: a LAN, a firewall that translates, and the world\n  wan: firewall 203.0.113.1, attacker" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("moon",), "there is no network 'moon'"),
        (("./moon.fwt",), "moon.fwt: there is no such file"),
        (("office", "--watch", "eve"), "--watch eve"),
        (("office", "--capture", str(RULES)), "this is no pcap, pcapng or jsonl file"),
        (("office", "--capture", str(CAPTURE), "--in", "eth7"), "--in eth7: the box has no interface of that name"),
        (("--watch", "bob"), "name the network"),
    ],
)
def test_what_is_wrong_with_a_sandbox_is_a_sentence_and_exit_code_2(home: Path, arguments: tuple[str, ...], said: str) -> None:
    done = fwtutor(home, "sandbox", "--plain", *arguments)
    assert done.code == 2
    assert said in done.err
