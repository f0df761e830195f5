"""The live tools are the judges, each of its variant: what it takes, what it refuses and in which words, every byte it lists."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.savefile import save
from tests.netfilter.xtables.generate import command, ruleset_text
from tests.netfilter.xtables.live import Live, Ours, clean, differences, emptied, namespace, saved, words

HERE = Path(__file__).parent


def read_sessions(name: str) -> list[list[str]]:
    return [line.split("~") for line in (HERE / name).read_text().splitlines() if not line.startswith("#")]


SESSIONS = {4: read_sessions("sessions.txt"), 6: read_sessions("sessions6.txt")}
VARIANTS = [(variant, family) for family in (4, 6) for variant in ("legacy", "nft")]
RESTORES = {family: (HERE / name).read_text().split("=====\n")[1:] for family, name in ((4, "restores.txt"), (6, "restores6.txt"))}


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda param: "".join(map(str, param)))
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    with namespace(*request.param) as one:
        yield one


def test_hand_picked_commands_are_taken_and_refused_in_the_tools_words(live: Live) -> None:
    found = differences(live, SESSIONS[live.family])
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:40])


def test_generated_commands_are_taken_and_refused_in_the_tools_words(live: Live) -> None:
    draw = random.Random(20240601)
    sessions = [[command(draw, live.variant, live.family) for _ in range(12)] for _ in range(60)]
    found = differences(live, sessions)
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


@pytest.mark.parametrize("seed", range(6))
def test_a_generated_ruleset_is_saved_and_listed_byte_for_byte(live: Live, seed: int) -> None:
    text = ruleset_text(random.Random(seed), 60, live.family)
    status, said = live.restore(text, "-c")
    ours = Ours(live.variant, live.family)
    assert (status, said) == (0, ours.restore(text, counters=True))
    flags = [
        f"{list_} {n} {v} {x} {numbers}"
        for list_ in ("-L", "-L INPUT", "-L uc", "-L INPUT 7") for n in ("", "-n") for v in ("", "-v") for x in ("", "-x")
        for numbers in ("", "--line-numbers")
    ] + ["-S", "-S -v", "-S FORWARD -v", "-S uc", "-S INPUT 5", "-S INPUT 5 -v"]  # fmt: skip
    answers = live.ask([f"{live.tool} {line}" for line in flags])
    for line, (status, said) in zip(flags, answers, strict=True):
        assert ours.run(line) == (status, said), line
    (_, plain), (_, counted) = live.ask([f"{live.tool}-save -t filter", f"{live.tool}-save -c -t filter"])
    assert save(ours.ruleset, ours.counters) == saved(counted)
    # Without -c only the rules' counters are left out.
    rules = [line for line in save(ours.ruleset).split("\n") if not line.startswith(":")]
    assert rules == [line for line in saved(plain).split("\n") if not line.startswith(":")]


BEFORE = """*filter
:INPUT DROP [11:12]
:FORWARD ACCEPT [13:14]
:ud - [0:0]
:uc - [0:0]
[1:2] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[3:4] -A INPUT -j uc
[5:6] -A uc -j ud
[7:8] -A ud -j RETURN
COMMIT
"""
"""What is there when a save file comes."""


def name(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, tuple) else re.sub(r"\W+", "-", str(value))[:60]


@pytest.mark.parametrize("flags", ["", "-c", "-n", "-n -c"])
def test_save_files_are_taken_or_refused_at_the_same_line(live: Live, flags: str, tmp_path: Path) -> None:
    texts = RESTORES[live.family]
    before = tmp_path / "before"
    # What the file before left in other tables must not stay.
    before.write_text("".join(emptied(live, table) for table in BUILTIN_CHAINS if table != "filter") + BEFORE)
    asked = []
    for number, text in enumerate(texts):
        file = tmp_path / f"{number}"
        file.write_bytes(text.encode(errors="surrogateescape"))
        tool = live.tool
        asked += [f"{tool}-restore -c < {before}", f"{tool}-restore {flags} < {file} >/dev/null", f"{tool} -S", f"{tool}-save -c"]
    answers = live.ask(asked)
    for number, text in enumerate(texts):
        begun, restored, rules, counted = answers[4 * number :][:4]
        assert begun == (0, ""), text
        taken_or_refused(live, text, flags, restored, rules, counted)


def taken_or_refused(
    live: Live, text: str, flags: str, restored: tuple[int, str], rules: tuple[int, str], counted: tuple[int, str]
) -> None:
    status, said = restored
    ours = Ours(live.variant, live.family)
    ours.restore(BEFORE, counters=True)
    try:
        ours.restore(text, counters="-c" in flags, noflush="-n" in flags)
    except RuleRefused as wrong:
        assert status != 0, f"live takes it; ours: {wrong} at line {wrong.line_number} of {text}"
        number = re.search(r"(?:at line:?|line) (\d+)", said)
        assert number is not None, text
        if "failed" not in said or (live.variant == "nft" and not said.endswith("failed\n")):
            assert wrong.message in said, text
        if "failed" not in said if live.variant == "legacy" else "does not exist" not in said:
            assert wrong.line_number == int(number[1]), (said, text)
        else:
            # Some faults the tool finds only when it commits; ours names the rule itself.
            assert wrong.line_number <= int(number[1]), text
        return
    assert (status, words(said)) == (0, ""), text
    assert ours.run("-S") == rules, text
    kept, theirs = save(ours.ruleset, ours.counters), saved(counted[1])
    # Of legacy, a table that was ever asked for is there from then on.
    for table in BUILTIN_CHAINS:
        if f"*{table}\n" not in kept:
            theirs = theirs.replace(emptied(live, table), "")
    assert kept == theirs, text


ONE_TABLE = (
    "*nat\ngarbage here\n:X Y\n[1:2 -A\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*nope\n-A OUTPUT -j NOPE\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*nat\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n*nat\n-A OUTPUT -j ACCEPT\n",
    "*filter\n-A INPUT -j ACCEPT\n*nat\n-A OUTPUT -j ACCEPT\nCOMMIT\n",
    "garbage\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "COMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*nat\n-A OUTPUT -j ACCEPT\nCOMMIT\ngarbage\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*\nfoo\nCOMMIT\n*filter\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "*raw\nCOMMIT\n",
)


@pytest.mark.parametrize("text", ONE_TABLE, ids=name)
def test_one_table_of_a_save_file_is_taken_as_the_tool_takes_it(live: Live, text: str) -> None:
    live.ask([clean(live)])
    assert live.restore(BEFORE, "-c") == (0, "")
    status, said = live.restore(text, "-T", "filter")
    ours = Ours(live.variant, live.family)
    ours.restore(BEFORE, counters=True)
    try:
        ours.restore(text, only="filter")
    except RuleRefused as wrong:
        assert status != 0
        assert f"line {wrong.line_number}" in said.replace("line: ", "line ")
    else:
        assert (status, said) == (0, "")
    assert ours.run("-S") == live.ask([f"{live.tool} -S"])[0]


@pytest.mark.parametrize("size", [1, 64, 200, 255])
def test_comments_of_any_bytes_are_kept_as_the_tool_keeps_them(live: Live, size: int) -> None:
    draw = random.Random(size)
    lines = []
    for _ in range(20):
        raw = bytes(draw.choice([byte for byte in range(1, 256) if byte not in (0x1E, 0x1F)]) for _ in range(size))
        text = raw.decode(errors="surrogateescape").replace("'", "'\\''")
        lines.append(f"-A INPUT -m comment --comment '{text}'")
    ours = Ours(live.variant, live.family)
    answers = live.ask([clean(live), *(f"{live.tool} {line}" for line in lines), f"{live.tool} -S", f"{live.tool} -L INPUT"])
    for line, answer in zip([*lines, "-S", "-L INPUT"], answers[1:], strict=True):
        assert ours.run(line) == answer
