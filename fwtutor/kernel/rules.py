"""The tested ruleset on the real kernel. What makes the kernel tell what it does with packets stands beside it: see ``watch``."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable

from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.namespace import run
from fwtutor.kernel.observation import Line
from fwtutor.kernel.watch import ask_for_states, watch

_QUOTED = re.compile(r'"(\\.|[^"\\])*"')
_TRACKING = re.compile(
    r" -m (conntrack|state|connmark|connlimit|connbytes|connlabel|cluster|helper) "
    r"| -j (CT\b(?! --notrack)|(CONNMARK|CONNSECMARK|SNAT|DNAT|MASQUERADE|REDIRECT|NETMAP)\b)"
)
_REJECT = re.compile(r" -j REJECT --reject-with \S+$")
_ENDS = re.compile(r" -j (DROP|REJECT --reject-with \S+|NFQUEUE (?!.*--queue-bypass).*)$")
"""Where a packet goes no further. (No program listens to a queue.)"""
_UNCONDITIONAL = re.compile(r"-A \S+ -j (ACCEPT|DROP|RETURN)$")
_HELPER = re.compile(r" -j CT .*--helper ")
_ZONE = re.compile(r" --zone(?:-orig|-reply)? (\d+)")
_ZONE_BY_MARK, _MARK = re.compile(r" --zone(-orig|-reply)? mark"), re.compile(r"mark (0x\w+)/")
_TOOLS = {4: "iptables", 6: "ip6tables"}


class Rules:
    """The ruleset under test, loaded."""

    def __init__(self, text: str, variant: str = "legacy", family: int = 4, marks: Iterable[int] = ()) -> None:
        """Load ``text`` (iptables-save format) with the tool of ``variant``. Raises RulesetRefused.

        ``marks``: those that packets begin with.
        """
        self._family = family
        self._tool = f"{_TOOLS[family]}-{variant}"
        self.names_hot_drops = variant == "nft"
        """Whether the trace names the rule whose match dropped a packet at once."""
        self._marks = {*marks}
        self.changes = 0
        """How often they may have become others."""
        watch(family, between=variant == "nft")
        self._load(text if text.endswith("\n") else text + "\n")
        self._read()
        self._asked: tuple[bool, set[int]] = False, set()
        self._ask()

    def _load(self, text: str) -> None:
        try:
            run([f"{self._tool}-restore", "-w"], text, RulesetRefused)
        except RulesetRefused as problem:
            if "do you need to insmod" in str(problem):  # iptables' words for a kernel that lacks a table, or all of them
                raise KernelUnavailable(f"this kernel lacks a table (modules ip_tables, iptable_filter): {problem}") from None
            raise

    def _ask(self) -> None:
        wanted = self.tracks, self._zones()
        if wanted != self._asked:
            ask_for_states(self._family, on=self.tracks, zones=sorted(wanted[1]))
            self._asked = wanted

    def _zones(self) -> set[int]:
        """Zones that connections can come to be in, by these rules."""
        saved = "\n".join(_QUOTED.sub('""', rule) for rules in self._rules.values() for rule in rules)
        zones = {int(number) for number in _ZONE.findall(saved)}
        if _ZONE_BY_MARK.search(saved):
            zones |= {mark & 0xFFFF for mark in (*self._marks, *(int(number, 16) for number in _MARK.findall(saved)))}
        return zones - {0}

    def _read(self) -> None:
        self.changes += 1
        saved = self.save(counters=False)
        self.tracks = bool(_TRACKING.search(_QUOTED.sub('""', saved)))
        """True when a rule switches connection tracking on. Only then may the harness ask for ctstates: asking would switch it on too."""
        self._dropping: set[tuple[str, str]] = set()
        # As the kernel has them, one rule a line: TRACE counts these.
        self._rules: dict[tuple[str, str], list[str]] = {}
        table = ""
        for line in saved.splitlines():
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":") and line.split(" ")[1] == "DROP":
                self._dropping.add((table, line[1:].split(" ")[0]))
            elif line.startswith("-A "):
                self._rules.setdefault((table, line.split(" ", 2)[1]), []).append(line)

    def order(self, line: str) -> tuple[int, str]:
        """Run the tool with the words of ``line``; its exit status and what it said."""
        try:
            words = shlex.split(line)
        except ValueError as problem:
            raise RulesetRefused(f"{line}: {problem}") from None
        done = subprocess.run([self._tool, *words], capture_output=True, text=True, check=False)
        self._read()
        self._ask()
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

    def ends(self, line: Line) -> bool:
        """Whether a packet went no further than to that rule or policy."""
        rules = self._rules.get((line.table, line.chain), [])
        if 0 < line.number <= len(rules):
            return bool(_ENDS.search(rules[line.number - 1]))
        return line.kind == "policy" and (line.table, line.chain) in self._dropping

    def log_prefix(self, table: str, chain: str, number: int) -> str | None:
        """The prefix ("" without one) when that rule's target is LOG, else None."""
        rules = self._rules.get((table, chain), [])
        words = shlex.split(rules[number - 1]) if number <= len(rules) and " -j LOG" in rules[number - 1] else []
        if "LOG" not in words or words[words.index("LOG") - 1] != "-j":
            return None
        return words[words.index("--log-prefix") + 1] if "--log-prefix" in words else ""

    def clamps(self, table: str) -> bool:
        """Whether a rule of that table has the target TCPMSS."""
        return any(" -j TCPMSS " in rule for (name, _), rules in self._rules.items() if name == table for rule in rules)

    def is_nflog(self, table: str, chain: str, number: int) -> bool:
        """Whether that rule's target is NFLOG."""
        rules = self._rules.get((table, chain), [])
        return number <= len(rules) and " -j NFLOG" in rules[number - 1] and "NFLOG" in shlex.split(rules[number - 1])

    @property
    def helps(self) -> bool:
        """Whether a rule gives connections a helper."""
        return any(_HELPER.search(_QUOTED.sub('""', rule)) for rules in self._rules.values() for rule in rules)

    @property
    def groups(self) -> set[int]:
        """The groups that rules log to with NFLOG."""
        words = [shlex.split(rule) for rules in self._rules.values() for rule in rules if " -j NFLOG" in rule]
        return {int(one[one.index("--nflog-group") + 1]) if "--nflog-group" in one else 0 for one in words}

    def save(self, *, counters: bool) -> str:
        """The tested tables as iptables-save prints them, without comment lines."""
        # All of them, and not one by its name: asked for one, iptables-nft's prints built-in chains that are not there.
        saved = run([f"{self._tool}-save", *(["-c"] if counters else [])], "", RulesetRefused)
        return "".join(line + "\n" for line in saved.splitlines() if not line.startswith("#"))
