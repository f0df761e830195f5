"""The tested ruleset on the real kernel, and beside it the harness's own rules that make the kernel tell what it does.

Kept for the harness are the tables raw (TRACE), mangle (one rule a ctstate, so that a TRACE line says which) and security
(empty: it comes after filter, so a line of it says that filter let the packet pass). Their counters and lines are filtered out.
They are iptables-legacy's also beside a ruleset of iptables-nft: the kernel runs both, in the order of the tables.
"""

from __future__ import annotations

import re
import shlex
import subprocess

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import run

OWN_RESTORE = "iptables-legacy-restore"
OWN_TABLES = ("raw", "mangle", "security")
STATES = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED")
"""By the number (from 1) of the mangle rule that stands for each."""
HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")

_QUOTED = re.compile(r'"(\\.|[^"\\])*"')
_TRACKING = re.compile(
    r" -m (conntrack|state|connmark|connlimit|connbytes|helper) | -j (CT|CONNMARK|SNAT|DNAT|MASQUERADE|REDIRECT|NETMAP)\b"
)
_REJECT = re.compile(r" -j REJECT --reject-with \S+$")
_UNCONDITIONAL = re.compile(r"-A \S+ -j (ACCEPT|DROP|RETURN)$")
_LISTENING = "*raw\n:fwtutor - [0:0]\n-A fwtutor -j TRACE\nCOMMIT\n"
"""The kernel makes trace messages of iptables-nft's tables only while one of them has a TRACE rule; no packet comes by this one."""


class Rules:
    """The ruleset under test, loaded."""

    def __init__(self, text: str, variant: str = "legacy") -> None:
        """Load ``text`` (iptables-save format) with the tool of ``variant``. Raises RulesetRefused."""
        own = [name for name in _tables(text) if name in OWN_TABLES]
        if own:
            raise RulesetRefused(f"the table {own[0]} is the harness's own: it cannot be tested yet")
        self._tool = f"iptables-{variant}"
        self.names_hot_drops = variant == "nft"
        """Whether the trace names the rule whose match dropped a packet at once."""
        self._load(text if text.endswith("\n") else text + "\n")
        if variant == "nft":
            run([f"{self._tool}-restore", "-w", "--noflush"], _LISTENING, RulesetRefused)
        self._read()
        self._ask_for_traces()

    def _load(self, text: str) -> None:
        try:
            run([f"{self._tool}-restore", "-w"], text, RulesetRefused)
        except RulesetRefused as problem:
            if "do you need to insmod" in str(problem):  # iptables' words for a kernel that lacks a table, or all of them
                raise KernelUnavailable(f"this kernel lacks a table (modules ip_tables, iptable_filter): {problem}") from None
            raise

    def _ask_for_traces(self) -> None:
        """Load the harness's own rules."""
        try:
            run([OWN_RESTORE, "-w"], _own_rules(self.tracks), KernelUnavailable)
        except KernelUnavailable as problem:
            needed = "xt_TRACE, xt_conntrack, iptable_raw, iptable_mangle, iptable_security"
            raise KernelUnavailable(f"this kernel cannot tell what packets meet (modules {needed}): {problem}") from None

    def _read(self) -> None:
        saved = self.save(counters=False)
        self.tracks = bool(_TRACKING.search(_QUOTED.sub('""', saved)))
        """True when a rule switches connection tracking on. Only then may the harness ask for ctstates: asking would switch it on too."""
        # As the kernel has them, one rule a line: TRACE counts these.
        self._rules: dict[tuple[str, str], list[str]] = {}
        table = ""
        for line in saved.splitlines():
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith("-A "):
                self._rules.setdefault((table, line.split(" ", 2)[1]), []).append(line)

    def order(self, line: str) -> tuple[int, str]:
        """Run the tool with the words of ``line``; its exit status and what it said."""
        try:
            words = shlex.split(line)
        except ValueError as problem:
            raise RulesetRefused(f"{line}: {problem}") from None
        done = subprocess.run([self._tool, *words], capture_output=True, text=True, check=False)
        tracked = self.tracks
        self._read()
        if self.tracks != tracked:
            self._ask_for_traces()
        return done.returncode, done.stderr if done.returncode else done.stdout

    def count(self, table: str, chain: str) -> int:
        """How many rules a chain has."""
        return len(self._rules.get((table, chain), []))

    def unconditional(self, table: str, chain: str, number: int) -> bool:
        """Whether that rule is a bare ACCEPT, DROP or RETURN, which TRACE cannot tell from the chain's end."""
        rules = self._rules.get((table, chain), [])
        return number <= len(rules) and bool(_UNCONDITIONAL.match(rules[number - 1]))

    def rejects(self, table: str, chain: str, number: int) -> bool:
        """Whether that rule's target is REJECT."""
        rules = self._rules.get((table, chain), [])
        return number <= len(rules) and bool(_REJECT.search(rules[number - 1]))

    def log_prefix(self, table: str, chain: str, number: int) -> str | None:
        """The prefix ("" without one) when that rule's target is LOG, else None."""
        rules = self._rules.get((table, chain), [])
        words = shlex.split(rules[number - 1]) if number <= len(rules) and " -j LOG" in rules[number - 1] else []
        if "LOG" not in words or words[words.index("LOG") - 1] != "-j":
            return None
        return words[words.index("--log-prefix") + 1] if "--log-prefix" in words else ""

    def save(self, *, counters: bool) -> str:
        """The tested tables as iptables-save prints them, without comment lines."""
        saved, table = [], ""
        # All of them, and not one by its name: asked for one, iptables-nft's prints built-in chains that are not there.
        for line in run([f"{self._tool}-save", *(["-c"] if counters else [])], "", RulesetRefused).splitlines():
            if line.startswith("*"):
                table = line[1:]
            if table not in OWN_TABLES and not line.startswith("#"):
                saved.append(line + "\n")
        return "".join(saved)


def _tables(text: str) -> list[str]:
    return [line[1:].strip() for line in text.splitlines() if line.startswith("*")]


def _own_rules(tracks: bool) -> str:
    lines = ["*raw", "-A PREROUTING -j TRACE", "-A OUTPUT -j TRACE", "COMMIT", "*mangle"]
    if tracks:
        lines += [f"-A {hook} -m conntrack --ctstate {state} -j ACCEPT" for hook in HOOKS for state in STATES]
    lines += ["COMMIT", "*security", "COMMIT"]
    return "\n".join(lines) + "\n"
