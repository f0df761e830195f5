"""The command line from outside: what it prints where, its exit codes, and that nothing a person can do ends in a traceback."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CAPTURE, RULES = ROOT / "assets" / "handshake.pcap", ROOT / "assets" / "too-open.rules"
BOX = ("--interface", "wan=203.0.113.1/24", "--interface", "lan=192.168.0.1/16", "--route", "default=wan")
TRACE = ("trace", "--rules", str(RULES), *BOX)


class Done:
    """What a run left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in out + err, out + err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def fwtutor(home: Path, *arguments: str, stdin: str = "", environment: dict[str, str] | None = None) -> Done:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"} | (environment or {})
    done = subprocess.run(
        [sys.executable, "-m", "fwtutor", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def on_terminal(home: Path, *arguments: str, columns: int, lines: int, keys: bytes = b"", until: bytes = b"\0") -> Done:
    """Runs it on a pseudo terminal of that size; sends ``keys`` once ``until`` is drawn."""
    pid, fd = pty.fork()
    if pid == 0:
        # The size must be there before the program asks for it.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        os.execvpe(sys.executable, [sys.executable, "-m", "fwtutor", *arguments], environment)
    drawn, sent, end = b"", False, time.monotonic() + 60
    while time.monotonic() < end:
        if not sent and until in drawn:
            os.write(fd, keys)
            sent = True
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        drawn += data
    else:
        os.kill(pid, 9)
    os.close(fd)
    return Done(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), drawn.decode(errors="replace"), "")


# --- what works -------------------------------------------------------------------------------------------------


def test_version_is_one_line(home: Path) -> None:
    done = fwtutor(home, "--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("fwtutor 0.")


def test_help_names_every_command(home: Path) -> None:
    done = fwtutor(home, "--help")
    assert done.code == 0
    assert all(word in done.out for word in ("play", "trace", "rules", "lesson", "locate"))


def test_trace_prints_json_and_nothing_else_on_standard_output(home: Path) -> None:
    done = fwtutor(home, *TRACE, "--format", "json", str(CAPTURE))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert [each["n"] for each in found] == list(range(1, 12))
    assert [each["n"] for each in found if each["verdict"] == "DROP"] == [8]


def test_trace_writes_text_for_people_with_a_sum_at_the_end(home: Path) -> None:
    done = fwtutor(home, *TRACE, str(CAPTURE))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "11 packets: 10 ACCEPT, 1 DROP"
    assert "\x1b" not in done.out


def test_trace_writes_counters_and_table_as_they_are_at_the_end(home: Path, tmp_path: Path) -> None:
    counters, table = tmp_path / "counters", tmp_path / "table"
    done = fwtutor(home, *TRACE, "--counters", str(counters), "--conntrack", str(table), str(CAPTURE))
    assert done.code == 0
    assert "[5:271] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" in counters.read_text().splitlines()
    assert table.read_text().startswith("tcp      6 120 TIME_WAIT src=203.0.113.9 ")


def test_trace_is_the_same_every_time(home: Path) -> None:
    first, second = (fwtutor(home, *TRACE, "--format", "json", str(CAPTURE), environment={"PYTHONHASHSEED": seed}).out for seed in "12")
    assert first == second


def test_rules_prints_what_iptables_save_would(home: Path) -> None:
    done = fwtutor(home, "rules", str(RULES))
    assert (done.code, done.out) == (0, RULES.read_text())


def test_rules_prints_what_iptables_would_list(home: Path) -> None:
    commands = fwtutor(home, "rules", "-S", str(RULES))
    assert commands.out.splitlines()[0] == "-P INPUT DROP"
    listed = fwtutor(home, "rules", "-L", "-n", "-v", "--line-numbers", str(RULES))
    assert (commands.code, listed.code) == (0, 0)
    assert listed.out.startswith("Chain INPUT (policy DROP 0 packets, 0 bytes)\nnum ")


def test_rules_prints_the_counters_of_the_file_when_asked(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "counted.rules"
    path.write_text("*filter\n:INPUT DROP [4:240]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[7:420] -A INPUT -i lo -j ACCEPT\nCOMMIT\n")
    assert fwtutor(home, "rules", "-c", str(path)).out == path.read_text()
    assert "-A INPUT -i lo -c 7 420 -j ACCEPT" in fwtutor(home, "rules", "-S", "-v", str(path)).out
    assert fwtutor(home, "rules", "-L", "-v", str(path)).out.startswith("Chain INPUT (policy DROP 4 packets, 240 bytes)\n")
    assert "7" not in fwtutor(home, "rules", str(path)).out


def test_rules_says_what_each_rule_does(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text(
        "*filter\n:INPUT DROP [0:0]\n:web - [0:0]\n-A INPUT -p tcp --dport 80 -j web\n-A web ! -i wan -j ACCEPT\nCOMMIT\n", encoding="utf-8"
    )
    assert fwtutor(home, "rules", "--explain", str(path)).out.split("\n") == [
        "*filter",
        "-A INPUT -p tcp -m tcp --dport 80 -j web",
        "    Packets of TCP to port 80 go through the chain web.",
        ":INPUT DROP",
        "    What comes to the end of INPUT is dropped.",
        "-A web ! -i wan -j ACCEPT",
        "    Packets arriving at any interface but wan are accepted.",
        ":web -",
        "    What comes to the end of web goes back to where it came from.",
        "",
    ]


def test_rules_takes_one_table_of_a_file_or_only_checks_it(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("*nat\n-A OUTPUT -j NOPE\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n", encoding="utf-8")
    assert "-A INPUT -j ACCEPT" in fwtutor(home, "rules", "-T", "filter", "-S", str(path)).out
    tested = fwtutor(home, "rules", "-T", "filter", "-t", str(path))
    assert (tested.code, tested.out) == (0, "")
    assert fwtutor(home, "rules", "-t", str(path)).code == 2
    assert "no table raw in there" in fwtutor(home, "rules", "-T", "raw", str(path)).err
    assert fwtutor(home, "rules", "-T", "nope", str(path)).code == 2


def test_rules_adds_to_those_of_another_file(home: Path, tmp_path: Path) -> None:
    before, path = tmp_path / "before", tmp_path / "rules"
    before.write_text("*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n", encoding="utf-8")
    path.write_text("*filter\n-I INPUT -p tcp -j ACCEPT\nCOMMIT\n", encoding="utf-8")
    said = fwtutor(home, "rules", "-S", "--onto", str(before), str(path)).out
    assert said.startswith("-P INPUT DROP\n")
    assert said.endswith("-A INPUT -p tcp -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n")


def test_rules_points_at_what_can_never_match(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "dead.rules"
    rules = ["-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "", "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j DROP"]
    path.write_text("\n".join(["*filter", ":INPUT DROP [0:0]", ":own - [0:0]", *rules, "COMMIT\n"]))
    done = fwtutor(home, "rules", str(path))
    assert done.code == 0
    assert done.err == (
        f"fwtutor: {path}, filter own: no packet comes into this chain: no rule that is reached leads to it\n"
        f"fwtutor: {path}, line 6 (filter INPUT, rule 2): it never matches: rule 1 takes every packet it is for\n    {rules[2]}\n"
    )


def test_rules_may_name_sets_that_come_from_a_file(home: Path, tmp_path: Path) -> None:
    rules, sets, after = tmp_path / "sets.rules", tmp_path / "saved.sets", tmp_path / "after"
    text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -j SET --add-set seen src\nCOMMIT\n"
    rules.write_text(text)
    sets.write_text("create seen hash:ip counters\n")
    refused(fwtutor(home, "rules", str(rules)), "sets.rules, line 5: Set seen doesn't exist.", "--sets FILE")
    done = fwtutor(home, "rules", "--sets", str(sets), str(rules))
    assert (done.code, done.out) == (0, text)
    done = fwtutor(home, "trace", "--rules", str(rules), "--sets", str(sets), "--save-sets", str(after), *BOX, str(CAPTURE))
    assert done.code == 0
    assert after.read_text().splitlines()[-1].startswith("add seen 203.0.113.9 packets 1 bytes ")
    rules.write_text("ipset create seen hash:ip\niptables -A INPUT -m set --match-set seen src\nipset destroy seen\n")
    refused(fwtutor(home, "rules", str(rules)), "sets.rules, line 3: ipset: Set cannot be destroyed", "^^^")


def test_rules_of_ipv6(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "six.rules"
    path.write_text(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -s 2001:db8::/32 -j ACCEPT\nCOMMIT\n"
    )
    assert fwtutor(home, "rules", "-6", str(path)).out == path.read_text()
    assert fwtutor(home, "rules", str(path)).code == 2


def test_rules_are_those_of_the_variant(home: Path, tmp_path: Path) -> None:
    rules = tmp_path / "x.rules"
    rules.write_text("*filter\n-A INPUT ! -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n")
    assert "Invalid argument" in fwtutor(home, "rules", str(rules)).err
    assert "-A INPUT ! -p tcp -m tcp --dport 22 -j ACCEPT\n" in fwtutor(home, "rules", "--variant", "nft", str(rules)).out
    traced = fwtutor(home, "trace", "--variant", "nft", "--rules", str(rules), *BOX, "--in", "wan", str(CAPTURE))
    assert traced.code == 0, traced.err
    assert "ACCEPT" in traced.out


def test_tables_without_rules_are_printed_too_and_their_policies_are_in_the_path(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "saved.rules"
    path.write_text("*mangle\n:PREROUTING ACCEPT [5:300]\nCOMMIT\n" + RULES.read_text())
    done = fwtutor(home, "rules", str(path))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(RULES.read_text() + "*mangle\n:PREROUTING ACCEPT [0:0]\n")
    done = fwtutor(home, "trace", "--rules", str(path), *BOX, "--format", "json", str(CAPTURE))
    assert (done.code, done.err) == (0, "")
    assert '"path": ["mangle:PREROUTING:policy:1", ' in done.out


def test_lesson_list_names_the_lessons(home: Path) -> None:
    done = fwtutor(home, "lesson", "list")
    assert done.code == 0
    assert "too-open" in done.out
    assert "three-packets" in done.out


def test_locate_says_where_things_are(home: Path) -> None:
    done = fwtutor(home, "locate")
    assert done.code == 0
    assert str(home) in done.out
    assert str(ROOT / "lessons") in done.out


def test_reading_only_the_first_lines_is_no_error(home: Path) -> None:
    command = (
        f"{sys.executable} -m fwtutor trace --rules {RULES} {' '.join(BOX)} --format json {CAPTURE} | head -1; echo ${{PIPESTATUS[0]}}"
    )
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_a_full_disk_is_told(home: Path) -> None:
    command = f"{sys.executable} -m fwtutor rules {RULES} > /dev/full"
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert (done.returncode, done.stderr) == (2, "fwtutor: No space left on device\n")


@pytest.mark.parametrize("arguments", ["--version", "--help", f"rules {RULES}"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_nobody_can_have_is_told_and_ends_in_no_traceback(home: Path, arguments: str, unbuffered: str) -> None:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    for redirected, code, said in ((">/dev/full", 2, "fwtutor: No space left on device\n"), ("| true", 0, ""), (">&-", 0, "")):
        command = f"{sys.executable} -m fwtutor {arguments} {redirected}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", ">/dev/full 2>/dev/full", ">&- 2>&-"])
def test_bad_input_is_exit_code_2_also_when_nobody_can_be_told(home: Path, redirected: str) -> None:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    for arguments in ("rules /nowhere", "--nope", "lesson check /nowhere"):
        command = f"{sys.executable} -m fwtutor {arguments} {redirected}"
        assert subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, env=environment, check=False).returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_standard_streams_end_in_no_traceback(home: Path, closed: str) -> None:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    for arguments in (f"rules {RULES}", "rules /nowhere", ""):
        command = f"{sys.executable} -m fwtutor {arguments} {closed}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert done.returncode == (0 if str(RULES) in arguments else 2)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_comparison_nobody_can_read_does_not_say_that_all_agreed(home: Path, redirected: str) -> None:
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m fwtutor kernel compare --seed 1 --packets 1 {redirected}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("fwtutor: ")
    assert "Traceback" not in done.stderr


def test_a_rule_of_one_word_is_told_how_it_is_written(home: Path) -> None:
    done = fwtutor(home, "kernel", "compare", "--rule", "-F")
    assert done.code == 2
    assert "as in --rule=-F" in done.err


# --- what is refused --------------------------------------------------------------------------------------------


def refused(done: Done, *said: str) -> None:
    assert done.code == 2, (done.code, done.out, done.err)
    for words in said:
        assert words in done.err


def test_a_pipe_is_no_terminal(home: Path) -> None:
    for arguments in ((), ("play", "too-open")):
        refused(fwtutor(home, *arguments), "standard input is not a terminal", "fwtutor trace")


def test_a_tiny_terminal_is_refused_with_its_size(home: Path) -> None:
    done = on_terminal(home, columns=20, lines=5)
    assert done.code == 2
    assert "20 columns and 5 lines" in " ".join(done.out.split())


def test_a_lesson_that_is_not_there_is_told_before_anything_is_drawn(home: Path) -> None:
    done = on_terminal(home, "play", "no-such-lesson", columns=80, lines=24)
    assert done.code == 2
    assert "there is no lesson 'no-such-lesson'" in " ".join(done.out.split())


def test_the_application_opens_on_a_terminal_and_leaves_by_ctrl_q(home: Path) -> None:
    done = on_terminal(home, "play", "too-open", columns=120, lines=40, keys=b" \x11", until=b"Connections")
    assert done.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dance",), "dance"),
        (("trace", str(CAPTURE)), "--rules"),
        ((*TRACE, "--format", "xml", str(CAPTURE)), "xml"),
        ((*TRACE, "--rules6", str(RULES), "--format", "xtables", str(CAPTURE)), "xtables-monitor of iptables 1.8.9 gives up on IPv6"),
        ((*TRACE, "--format", "json", "--events", str(CAPTURE)), "--events tells them under each packet, in text"),
        ((*TRACE, "--rules6", "/nowhere", str(CAPTURE)), "/nowhere: No such file or directory"),
        ((*TRACE, "--in", "dmz", str(CAPTURE)), "--in dmz: the box has no interface of that name"),
        (("trace", "--rules", str(RULES), str(CAPTURE)), "--interface is missing"),
        ((*TRACE, "/nowhere/at.all"), "No such file or directory"),
        ((*TRACE, str(ROOT)), "Is a directory"),
        ((*TRACE, str(RULES)), "too-open.rules: this is no pcap, pcapng or jsonl file"),
        (("trace", "--rules", str(CAPTURE), *BOX, str(CAPTURE)), "handshake.pcap, line 1: not UTF-8 text"),
        (("rules", str(ROOT)), "Is a directory"),
        (("rules", "/nowhere"), "/nowhere: No such file or directory"),
        (("lesson", "check", "no-such-lesson"), "no-such-lesson"),
        (("play", "too-open", "--at", "soon"), "'soon' is not a whole number"),
        ((*TRACE, "--conntrack", "/nowhere/table", str(CAPTURE)), "--conntrack /nowhere/table: No such file or directory"),
        (("rules", "--sets", "/nowhere", str(RULES)), "/nowhere: No such file or directory"),
        (("rules", "--sets", str(RULES), str(RULES)), "too-open.rules, line 1: No command specified: unknown argument *filter"),
        ((*TRACE, "--save-sets", "/nowhere/sets", str(CAPTURE)), "--save-sets /nowhere/sets: No such file or directory"),
    ],
    ids=range(20),
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_exit_code_2(home: Path, arguments: tuple[str, ...], said: str) -> None:
    refused(fwtutor(home, *arguments), said)


def test_a_broken_rule_is_told_with_its_line_and_a_caret(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.rules"
    path.write_text(RULES.read_text().replace("-j ACCEPT\nCOMMIT", "-j ACCEPTT\nCOMMIT"))
    for arguments in (("rules", str(path)), ("trace", "--rules", str(path), *BOX, str(CAPTURE))):
        refused(fwtutor(home, *arguments), "broken.rules, line 7: ", "^^^^^^^")


def test_nothing_is_printed_of_a_capture_that_is_none(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(CAPTURE.read_bytes()[:30])
    done = fwtutor(home, *TRACE, str(path))
    refused(done, "cut.pcap, packet 1: the file ends within the packet's header")
    assert done.out == ""


def test_an_output_with_a_typing_error_is_told_before_the_trace(home: Path, tmp_path: Path) -> None:
    for option in ("--counters", "--conntrack"):
        for place, said in ((tmp_path, "Is a directory"), (tmp_path / "no" / "where", "No such file or directory")):
            done = fwtutor(home, *TRACE, option, str(place), str(CAPTURE))
            refused(done, f"{option} {place}: {said}")
            assert done.out == ""


def test_a_broken_line_of_packets_is_told_after_those_before_it(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "packets.jsonl"
    path.write_text('{"t": 0, "in": "wan", "hex": "45"}\n{"t": 1, "in": "wan", "hex": "4"}\n')
    done = fwtutor(home, *TRACE, "--format", "json", str(path))
    refused(done, 'packets.jsonl, line 2, field "hex"')
    assert len(done.out.splitlines()) == 1


def test_escape_codes_in_a_file_do_not_reach_the_terminal(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.rules"
    path.write_text("*filter\n-A INPUT \x1b[2J\nCOMMIT\n")
    done = fwtutor(home, "rules", str(path))
    refused(done, "evil.rules, line 2")
    assert "\x1b" not in done.err
    assert "\x1b" not in fwtutor(home, "--no\x1b[2J").err


def test_a_broken_lesson_is_told_by_file_line_and_field(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "lesson.toml").write_text("title = 5\n")
    (tmp_path / "mine" / "lesson.md").write_text("## One\n\ntext\n")
    refused(fwtutor(home, "lesson", "check", str(tmp_path / "mine")), "mine/lesson.toml:1: watch: is missing")
    done = on_terminal(home, "play", str(tmp_path / "mine"), columns=80, lines=24)
    assert done.code == 2
    assert "watch: is missing" in " ".join(done.out.split())


def test_a_damaged_progress_file_is_set_aside_and_nothing_is_lost(home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_text("{broken")
    done = on_terminal(home, columns=120, lines=40, keys=b"\x11", until=b"afresh")
    assert done.code == 0
    assert [path.read_text() for path in home.glob("progress.damaged-*.json")] == ["{broken"]


def test_ctrl_c_ends_it_without_a_word(home: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "packets.jsonl"
    os.mkfifo(fifo)
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "fwtutor", *TRACE, str(fifo)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    with fifo.open("w"):  # opens when the program has opened it to read: it is waiting for packets then
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


def test_a_mistake_of_ours_leaves_a_log_and_a_sentence(home: Path) -> None:
    code = (
        "import fwtutor.cli as cli, fwtutor.commands.locate as locate, sys\n"
        "locate.run = lambda arguments: 1 / 0\n"
        "sys.exit(cli.run(['locate']))\n"
    )  # fmt: skip
    environment = os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in (home / "fwtutor-crash.log").read_text()


# --- completion -------------------------------------------------------------------------------------------------

TRY = """
source <("$PYTHON" -m fwtutor completion bash)
fwtutor() { "$PYTHON" -m fwtutor "$@"; }
how=$(complete -p fwtutor); how=${how#*-F }
for line in "$@"; do
    read -ra COMP_WORDS <<< "$line"
    [[ $line != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )) COMPREPLY=()
    ${how% *} fwtutor "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
done
"""


def test_bash_completes_commands_options_values_lessons_networks_and_files(home: Path) -> None:
    wanted = {
        "fwtutor pl": "play",
        "fwtutor play new-": "new-and-established new-is-not-syn",
        "fwtutor play --pl": "--plain",
        "fwtutor lesson check too": "too-open",
        "fwtutor sandbox o": "office one-server",
        "fwtutor trace --format j": "json",
        "fwtutor rules assets/too": "assets/too-open.rules",
        "fwtutor completion ": "bash zsh fish",
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", TRY, "bash", *wanted],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
        env=os.environ | {"FWTUTOR_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.stderr == ""
    assert dict(zip(wanted, done.stdout.splitlines(), strict=True)) == wanted


@pytest.mark.parametrize(("shell", "first"), [("bash", "# AUTOMATICALLY"), ("zsh", "#compdef fwtutor"), ("fish", "# AUTOMATICALLY")])
def test_every_shell_gets_a_script_of_its_own(home: Path, shell: str, first: str) -> None:
    done = fwtutor(home, "completion", shell)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(first)
    assert "too-open" in done.out


def test_a_shell_that_is_not_known_is_refused(home: Path) -> None:
    done = fwtutor(home, "completion", "ksh")
    assert done.code == 2
    assert "invalid choice: 'ksh'" in done.err


# --- configuration ----------------------------------------------------------------------------------------------


def test_a_configuration_that_is_wrong_is_refused_before_anything_is_drawn(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[keys]\n"lab.step" = "l"\n')
    done = on_terminal(home, "play", "too-open", columns=80, lines=24)
    assert done.code == 2
    assert "\x1b" not in done.out
    assert 'config.toml:2: keys.lab.step: "l" is a key of lab.ladder too' in done.out
    assert sorted(path.name for path in home.iterdir()) == ["config.toml"]
    # Without a screen it would be asked for the language; what needs nothing of it does not read it.
    assert fwtutor(home, "play", "too-open", "--plain").code == 2
    assert fwtutor(home, "lesson", "list").code == 0


def test_the_language_of_lessons_may_be_configured(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('language = "de"\n')
    german = "Bin ich 22 einen Schritt näher?"
    assert german in fwtutor(home, "play", "too-open", "--plain").out
    assert german not in fwtutor(home, "play", "too-open", "--plain", "--language", "en").out
    assert german not in fwtutor(home, "play", "too-open", "--plain", environment={"FWTUTOR_LANGUAGE": "en"}).out


def test_config_prints_what_holds_and_locate_says_where_it_stands(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('theme = "light"\n')
    done = fwtutor(home, "config")
    assert done.code == 0
    assert 'theme = "light"' in done.out
    assert '"lab.step" = "space,right"' in done.out
    assert f"config    {home / 'config.toml'}" in fwtutor(home, "locate").out


# --- learners -------------------------------------------------------------------------------------------------


def test_progress_is_carried_from_learner_to_learner_by_one_file(home: Path, tmp_path: Path) -> None:
    carried = str(tmp_path / "carried.json")
    assert fwtutor(home, "play", "too-open", "--plain", "--learner", "anna", stdin="end\nhint\nquit\n").code == 0
    assert "1 used" in fwtutor(home, "progress", environment={"FWTUTOR_LEARNER": "anna"}).out
    assert fwtutor(home, "--learner", "anna", "progress", "export", carried).code == 0
    again = fwtutor(home, "progress", "export", carried)
    assert (again.code, "there is such a file already" in again.err) == (2, True)
    assert fwtutor(home, "progress", "import", carried, "--learner", "ben").out == "Taken in; further on now: too-open.\n"
    listed = fwtutor(home, "progress", "learners").out.splitlines()
    assert listed[0] == "(no name)  nothing yet"
    assert [line.split(maxsplit=1)[0] for line in listed[1:]] == ["anna", "ben"]
    assert "lessons finished, 1 of" in listed[1]
    assert listed[1].split(maxsplit=1)[1] == listed[2].split(maxsplit=1)[1]
    assert fwtutor(home, "quiz", "before", "--learner", "anna", stdin="a\n").code == 0
    assert ", quiz before: 1 of 13 answered" in fwtutor(home, "progress", "learners").out
    rows = fwtutor(home, "progress", "learners", "--format", "csv").out.splitlines()
    assert rows[0] == "learner,lessons finished,goals met,quiz before,quiz after,trouble"
    assert rows[1:] == [",0,0,,,", "anna,0,1,1 of 13 answered,,", "ben,0,1,,,"]


def test_lessons_are_read_in_the_language_of_the_option_or_the_locale(home: Path) -> None:
    play = ("play", "too-open", "--plain")
    assert fwtutor(home, *play, "--language", "de", stdin="quit\n").out.startswith("Ich bin drin, bei 1337.")
    assert fwtutor(home, *play, stdin="quit\n", environment={"LC_ALL": "de_DE.UTF-8"}).out.startswith("Ich bin drin, bei 1337.")
    assert fwtutor(home, *play, stdin="quit\n").out.startswith("I am inside 1337.")


def test_a_broken_file_and_a_name_that_leads_elsewhere_are_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"version": 1, "lessons": {"udp": {"hints": [1]}}}')
    bad = fwtutor(home, "progress", "import", str(tmp_path / "bad.json"))
    assert (bad.code, bad.out) == (2, "")
    assert "bad.json: field lessons.udp.hints" in bad.err
    assert fwtutor(home, "progress", "--learner", "../udp").code == 2
    assert "FWTUTOR_LEARNER" in fwtutor(home, "play", "udp", "--plain", environment={"FWTUTOR_LEARNER": "a/b"}).err
    assert not home.exists()
