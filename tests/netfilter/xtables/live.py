"""Asking the real iptables and ip6tables, legacy or nft, in a network namespace of its own, many commands at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fwtutor.kernel.namespace import own_lock
from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.ipset.command import restore as restore_sets
from fwtutor.netfilter.ipset.sets import NO_SETS
from fwtutor.netfilter.xtables.commands import Outcome, new_ruleset, run_command
from fwtutor.netfilter.xtables.errors import TOOLS, RuleRefused, version
from fwtutor.netfilter.xtables.rule import CounterKey
from fwtutor.netfilter.xtables.savefile import restore

SETS = """\
create s4 hash:ip timeout 60 counters
create p4 hash:ip,port skbinfo
create n4 hash:net
create s6 hash:ip family inet6
create p6 hash:ip,port family inet6 timeout 60
create ports bitmap:port range 0-1023
create all list:set
"""
"""The sets that rules may name."""
OUR_SETS = restore_sets(SETS, NO_SETS, lambda name: 0, 0).sets
NOISE = (
    "Try `",
    "Ignoring deprecated",
    "Perhaps ip",
    "warn: --nflog-range",
    "xt_iprange: range",
    "Warning: cannot open /etc/xtables/connlabel.conf",
)


def available(variant: str, family: int) -> str:
    """Why the live tool of a variant and family cannot be asked here; "" when it can."""
    if os.geteuid() != 0:
        return "needs root"
    tool = f"{TOOLS[family]}-{variant}"
    for program in ("ip", "ipset", tool, f"{tool}-restore", f"{tool}-save"):
        if shutil.which(program) is None:
            return f"needs {program}"
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    needed = version(family, variant)
    return "" if said == needed else f"needs {needed}, this is {said}"


class Live:
    """One namespace and one variant's tool. ``ask`` runs shell command lines there in one go."""

    def __init__(self, name: str, variant: str, family: int = 4) -> None:
        self.name, self.variant, self.family = name, variant, family
        self.tool = f"{TOOLS[family]}-{variant}"

    def ask(self, lines: list[str]) -> list[tuple[int, str]]:
        """Exit status and everything printed, of each line."""
        with TemporaryDirectory() as folder:
            script, *files = (Path(folder, name) for name in ("script", "said", "wrong", "status"))
            # A script in a file, the smallest shell, and no program beside the tool: what is started thousands of times takes the time.
            body = "".join(f"{{ {line}\n}} >&3 2>&4; printf '%d\\n' $? >&5; printf '\\036' >&3; printf '\\036' >&4\n" for line in lines)
            script.write_bytes(f"exec 3>{files[0]} 4>{files[1]} 5>{files[2]}\n{body}".encode(errors="surrogateescape"))
            command = ["ip", "netns", "exec", self.name, "sh", str(script)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            said, wrong, status = (file.read_bytes().decode(errors="surrogateescape") for file in files)
        answers = []
        for printed, refused, number in zip(said.split("\036"), wrong.split("\036"), status.split(), strict=False):
            # What a refused command printed before it was refused (with -v) is left out.
            answers.append((int(number), refused + (printed if number == "0" else "")))
        assert len(answers) == len(lines), done.stderr.decode()
        return answers

    def restore(self, text: str, *arguments: str) -> tuple[int, str]:
        """iptables-restore with this text."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, f"{self.tool}-restore", *arguments],
            input=text.encode(errors="surrogateescape"), capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr.decode(errors="surrogateescape")


@contextmanager
def namespace(variant: str = "legacy", family: int = 4, number: int = 0) -> Iterator[Live]:
    """A namespace for the time of the test. Skips with the reason where there can be none, but fails in CI."""
    reason = available(variant, family)
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the live tool must be asked in CI: {reason}")
        pytest.skip(reason)
    name = f"fwt-{variant}{family}-{os.getpid()}-{number}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "netns", "exec", name, "ipset", "restore"], input=SETS, text=True, check=True)
    if "XTABLES_LOCKFILE" not in os.environ:
        # The tool of another test, or of anybody on this machine, is no reason to be refused.
        own_lock()
    try:
        yield Live(name, variant, family)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


class Ours:
    """A ruleset of ours that commands are run on."""

    def __init__(self, variant: str = "legacy", family: int = 4) -> None:
        self.ruleset = new_ruleset(family, variant)
        self.counters: dict[CounterKey, tuple[int, int]] = {}
        self.ids = count(1)
        self.sets = OUR_SETS

    def new_id(self) -> int:
        return next(self.ids)

    def _take(self, outcome: Outcome) -> str:
        self.ruleset = outcome.ruleset
        self.counters.update(outcome.counters)
        return outcome.output

    def run(self, line: str) -> tuple[int, str]:
        """Exit status and what would be printed."""
        try:
            return 0, self._take(run_command(self.ruleset, line, counters=self.counters, new_id=self.new_id, sets=self.sets))
        except RuleRefused as wrong:
            assert wrong.line == line
            assert 0 <= wrong.start <= wrong.end <= len(line)
            return wrong.status, wrong.printed

    def restore(self, text: str, counters: bool = False, noflush: bool = False, only: str = "") -> str:
        """What is printed."""
        known = self.counters
        took = restore(
            text, self.ruleset, new_id=self.new_id, counters=counters, noflush=noflush, only=only, known=known, sets=self.sets
        )  # fmt: skip
        return self._take(took)


def clean(live: Live, table: str = "filter", chain: str = "") -> str:
    """The command that makes a table empty, but for a chain; nft without that then does not have it at all."""
    return f"{live.tool}-restore <<'.'\n{emptied(live, table, chain)}."


def emptied(live: Live, table: str = "filter", chain: str = "") -> str:
    """What a save file says that makes a table empty, but for a chain."""
    chains = [] if live.variant == "nft" else [f":{name} ACCEPT [0:0]" for name in BUILTIN_CHAINS[table]]
    return "\n".join([f"*{table}", *chains, *([f":{chain} - [0:0]"] if chain else []), "COMMIT", ""])


def saved(said: str) -> str:
    """What iptables-save prints, without its remarks."""
    return "".join(f"{line}\n" for line in said.split("\n") if line and not line.startswith("# "))


def differences(live: Live, sessions: list[list[str]], table: str = "filter") -> list[str]:
    """Run sessions on both; each difference as text."""
    asked: list[str] = []
    of = "" if table == "filter" else f"-t {table} "
    sessions = [[f"{of}{line}" for line in (*session, "-S -v")] for session in sessions]
    for session in sessions:
        asked += [clean(live, table, "uc"), *(f"{live.tool} {line}" for line in session)]
    answers = iter(live.ask(asked))
    found = []
    for session in sessions:
        ours = Ours(live.variant, live.family)
        assert ours.run(f"{of}-N uc") == next(answers)
        for line in session:
            status, said = next(answers)
            own_status, own = ours.run(line)
            if (own_status, words(own)) != (status, words(said)):
                found.append(f"{' ~ '.join(session)}\n  at {line}\n  live {status}: {words(said)}\n  ours {own_status}: {words(own)}")
    return found


def words(said: str) -> str:
    """What is printed, without the advice that always follows and the empty lines some messages end in."""
    lines = [line for line in said.split("\n") if not line.startswith(NOISE)]
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)
