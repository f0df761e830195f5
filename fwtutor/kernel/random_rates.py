"""Rules of hashlimit, of recent with seconds, and of what hops are left, put into a case that is drawn.

Drawn apart, as ``random_matches`` is. Rates are such that no bucket gets its next token within a burst of packets, and entries are kept
for longer than a case takes: when the kernel throws them out is its own affair. Knows nothing of the engine.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fwtutor.kernel.observation import Setup

SHARE = 0.15
"""The share of cases that get some."""
_CHAINS = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}
_RATES = ("1/sec --hashlimit-burst 1", "1/sec --hashlimit-burst 3", "20/min --hashlimit-burst 3", "1/min --hashlimit-burst 7",
          "1/hour --hashlimit-burst 2", "2/day --hashlimit-burst 5")  # fmt: skip
_MODES = ("", "srcip", "srcip", "dstip", "srcip,dstip", "srcip,dstport", "srcport", "srcip,srcport,dstip,dstport")


def add(random: Random, setup: Setup) -> Setup:
    """The same with some more rules."""
    family = 6 if setup.rules6 else 4
    rules = setup.rules6 or setup.rules
    # iptables-nft's limit wants the case told in nanoseconds; what is here counts ticks.
    by_ticks = setup.variant == "legacy" or "-m limit" not in rules
    found, table, names, begun = list[str](), "", 0, True
    for line in rules.splitlines():
        if line.startswith("*"):
            table, begun = line[1:], False
        first = not begun and (line.startswith("-A") or line == "COMMIT")
        begun = begun or first
        if table in _CHAINS and (first or line == "COMMIT"):
            for _ in range(random.randint(0, 2)):
                names += 1
                found.append(f"-A {random.choice(_CHAINS[table])} {_match(random, family, names, by_ticks)} {_target(random)}".rstrip())
        found.append(line)
    text = "".join(f"{line}\n" for line in found)
    return replace(setup, rules6=text) if family == 6 else replace(setup, rules=text)


def _match(random: Random, family: int, number: int, by_ticks: bool) -> str:
    kinds = (_hashlimit, _hashlimit, _recent, _hops) if by_ticks else (_hops,)
    return random.choice(kinds)(random, family, number)


def _hashlimit(random: Random, family: int, number: int) -> str:
    mode = random.choice(_MODES)
    words = f"-m hashlimit --hashlimit-{random.choice(('upto', 'above'))} {random.choice(_RATES)}"
    words += f" --hashlimit-mode {mode}" if mode else ""
    words += f" --hashlimit-name h{number} --hashlimit-htable-expire 3600000"
    for side in ("src", "dst"):
        if f"{side}ip" in mode and random.random() < 0.4:
            words += f" --hashlimit-{side}mask {random.choice((0, 16, 24, 25) if family == 4 else (0, 48, 64, 127))}"
    needs = "-p tcp " if random.random() < 0.3 else ""
    return needs + words


def _recent(random: Random, family: int, number: int) -> str:
    name = f"--name s{random.randint(1, 2)} --{random.choice(('rsource', 'rdest'))}"
    if random.random() < 0.4:
        return f"-m recent --set {name}"
    more = random.choice(("", " --hitcount 2", " --hitcount 4", " --reap"))
    return f"-m recent {_not(random)}--{random.choice(('rcheck', 'update'))} --seconds {random.choice((1, 2, 3, 60))}{more} {name}"


def _hops(random: Random, family: int, number: int) -> str:
    name, hops = "ttl" if family == 4 else "hl", random.choice((1, 2, 62, 63, 64))
    how = random.choice((f"--{name}-lt", f"--{name}-gt", f"{_not(random)}--{name}-eq"))
    return f"-m {name} {how} {hops}"


def _not(random: Random) -> str:
    return "! " if random.random() < 0.25 else ""


def _target(random: Random) -> str:
    return random.choice(("", "", "", "-j ACCEPT", "-j DROP", "-j RETURN", "-j LOG"))
