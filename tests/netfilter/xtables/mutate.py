"""Rules made from rules: every option of every match and target at its limits and beyond them, negated, twice, cut short, alone.

The rules to begin with are the hand-picked ones; which options there are the registries say, so that a new match is tried as soon as
it has a line in ``bases.txt``. All is drawn from a seed.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.matches import MATCHES
from fwtutor.netfilter.xtables.options import Extension, Option
from fwtutor.netfilter.xtables.targets import TARGETS

HERE = Path(__file__).parent
NUMBERS = [
    str(number) for limit in (1, 4, 7, 15, 31, 63, 127, 255, 1023, 0x7FFF, 0xFFFF, 0xFFFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
    for number in (limit, limit + 1)
]  # fmt: skip
WORDS = (
    "", "0", "-1", "+1", "x", "1x", "x1", " 1", "1 ", "0x", "0x10", "0X1f", "010", "08", "1.5", "1e3", "0.5", ".", ":", "1:2", "2:1", "1:",
    ":1", "1:2:3", "1:x", "x:1", "1-2", "2-1", "1-", "-", "1-2-3", ",", "1,2", "1,", ",1", "1,,2", "1,x", "/", "1/2", "1/", "/1", "1/2/3",
    "1/x", "0/0", "0x10/0xf0", "!", "--", "ALL", "NONE", "all", "none", "any",
    "ANY", "tcp", "http", "INPUT", "a b", "é", '"', "\\", "%s", "a" * 15,
    "a" * 16, "a" * 31, "a" * 32, "a" * 63, "a" * 64, "a" * 127, "a" * 128, "a" * 255, "a" * 256, "+", "eth0", "eth+",
    "1.2.3.4", "1.2.3.4/33", "1.2.3.4/255.0.255.0", "1.2.3.4-1.2.3.5", "1.2.3.5-1.2.3.4", "1.2.3", "256.1.1.1",
    "1.2.3.4:80", "1.2.3.4:80-90", "::1", "::1/129", "::1/ffff::", "::1-::2", "::2-::1", "[::1]:80", "::ffff:1.2.3.4",
)  # fmt: skip
PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmpv6", "esp", "ah", "dccp", "udplite", "mh", "all", "0", "6", "253", "256", "foo")
EXTRAS = (
    "foo", "!", "-f", "-c 1 2", "-i eth0", "-o eth0", "-s 1.2.3.4", "-d ::1", "-n", "-x", "-v", "-p tcp", "-g uc", "--syn", "--dport 22",
    "--ctstate NEW", "-j LOG", "-m comment --comment x", "-w", "-w 5", "-4", "-6", "--",
)  # fmt: skip
"""What is put somewhere into a rule."""


@dataclass(frozen=True)
class Base:
    """A rule to begin with."""

    table: str
    chain: str
    words: tuple[str, ...]


@dataclass
class Stock:
    """What rules of one family are made from."""

    family: int
    kinds: dict[str, type[Extension]]
    """Matches as "-m NAME", targets as "-j NAME"."""
    bases: list[Base] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    """Of each long option, what the bases give it."""

    def add(self, base: Base) -> None:
        self.bases.append(base)
        for place, word in enumerate(base.words):
            if word.startswith("--") and base.words[place + 1 : place + 2] and base.words[place + 1][:1] not in ("-", "!"):
                known = self.values.setdefault(word, [])
                if base.words[place + 1] not in known:
                    known.append(base.words[place + 1])

    def of(self, kind: str, option: Option | None = None) -> list[Base]:
        """The bases in which that match or target has that option, by any of its names."""
        name = tuple(kind.split(" "))
        found = [base for base in self.bases if name in list(pairwise(base.words))]
        names = {f"--{known}" for known in option.names} if option else set()
        return [base for base in found if names.intersection(base.words)] if option else found


def stock(family: int) -> Stock:
    """All there is for one family."""
    kinds: dict[str, type[Extension]] = {f"-m {name}": kind for name, kind in MATCHES[family].items()}
    kinds.update({f"-j {name}": kind for name, kind in TARGETS[family].items()})
    made = Stock(family, kinds)
    for line in _lines("bases.txt"):
        families, line = line.split(" ", 1)
        if str(family) in families:
            made.add(_base(line))
    for name in ("options.txt", "options6.txt")[: 1 if family == 4 else 2]:
        for line in _lines(name):
            made.add(_base(line))
    return made


def _lines(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text().splitlines() if line and line[0] != "#"]


def _base(line: str) -> Base:
    table, chain, rule = line.split(" ", 2)
    return Base(table, chain, tuple(shlex.split(rule)))


def rule(draw: Random, stock: Stock, kind: str, option: Option | None) -> tuple[str, str]:
    """A table and a command that puts a rule with that option (any of that kind, None) into it, most often spoilt somehow."""
    known = stock.of(kind, option) or stock.of(kind)
    base = draw.choice(known)
    words = list(base.words)
    table, chain = base.table, base.chain
    for _ in range(draw.choice((0, 1, 1, 1, 1, 1, 1, 2, 2, 3))):
        _change(draw, stock, words, kind, option)
    if draw.random() < 0.08:
        table = draw.choice(list(BUILTIN_CHAINS))
    if draw.random() < 0.15 or chain not in BUILTIN_CHAINS[table]:
        chain = draw.choice((*BUILTIN_CHAINS[table], "uc"))
    return table, f"-A {chain} {' '.join(shlex.quote(word) for word in words)}"


def _change(draw: Random, stock: Stock, words: list[str], kind: str, option: Option | None) -> None:
    owned = [known.names for known in stock.kinds[kind].options]
    names = [f"--{name}" for name in (option.names if option else draw.choice(owned) if owned else ())]
    places = [place for place, word in enumerate(words) if word in names]
    place = draw.choice(places) if places else None
    what = draw.choice(
        ("value",) * 8
        + ("negate", "double", "bare", "drop", "another", "another", "abbreviate", "equals", "extra", "protocol", "module", "move")
    )  # fmt: skip
    if place is None and what in ("value", "negate", "double", "bare", "drop", "abbreviate", "equals", "move"):
        what = "another"
    end = place + 1 if place is not None else 0
    while place is not None and end < len(words) and words[end][:1] not in ("-", "!"):
        end += 1
    match what:
        case "value":
            assert place is not None
            words[place + 1 : end] = [value(draw, stock, words[place])]
        case "negate":
            assert place is not None
            words.insert(place, "!")
        case "double":
            assert place is not None
            words[end:end] = words[place:end]
        case "bare":
            assert place is not None
            del words[end - 1 if end > place + 1 else place + 1 : end]
        case "drop":
            assert place is not None
            del words[place:end]
        case "another" if owned:
            at = words.index(kind.split(" ")[1]) + 1 if kind.split(" ")[1] in words else len(words)
            name = f"--{draw.choice(draw.choice(owned))}"
            takes = next(known.arguments for known in stock.kinds[kind].options if name[2:] in known.names)
            words[at:at] = ["!"] * (draw.random() < 0.2) + [name] + [value(draw, stock, name) for _ in range(takes)]
        case "abbreviate":
            assert place is not None
            words[place] = words[place][: draw.randint(3, len(words[place]))]
        case "equals" if end > (place or 0) + 1:
            assert place is not None
            words[place : place + 2] = ["=".join(words[place : place + 2])]
        case "extra":
            at = draw.randint(0, len(words))
            words[at:at] = draw.choice(EXTRAS).split(" ")
        case "protocol":
            at = words.index("-p") if "-p" in words else -1
            if at < 0:
                words[0:0] = ["-p", draw.choice(PROTOCOLS)]
            elif draw.random() < 0.3:
                del words[at : at + 2]
            elif draw.random() < 0.3:
                words.insert(at, "!")
            elif words[at + 1 : at + 2]:
                words[at + 1] = draw.choice(PROTOCOLS)
        case "module":
            at = next((at for at, pair in enumerate(pairwise(words)) if " ".join(pair) == kind), -1)
            if at >= 0 and draw.random() < 0.5:
                del words[at : at + 2]
            else:
                words[max(at, 0) : max(at, 0)] = kind.split(" ")
        case "move":
            assert place is not None
            moved = words[place:end]
            del words[place:end]
            at = draw.randint(0, len(words))
            words[at:at] = moved
        case _:
            pass


def value(draw: Random, stock: Stock, name: str) -> str:
    """Something to give to an option: what it takes, or nearly takes, or a number, or anything."""
    known = stock.values.get(name, [])
    how = draw.random()
    if known and how < 0.25:
        return draw.choice(known)
    if known and how < 0.5:
        return _spoilt(draw, draw.choice(known))
    if how < 0.7:
        return draw.choice(NUMBERS)
    return draw.choice(WORDS)


def _spoilt(draw: Random, word: str) -> str:
    """A word with a letter more, less or otherwise, or in other letters, or with another behind it."""
    place = draw.randint(0, len(word))
    match draw.randint(0, 5):
        case 0:
            return word[:place] + word[place + 1 :]
        case 1:
            return word[:place] + draw.choice("019af,:/-!.x +") + word[place:]
        case 2:
            return word.swapcase()
        case 3:
            return word[:place]
        case 4:
            return word + draw.choice(",:/-") + word
        case _:
            return word[:place] + draw.choice("019af,:/-.x") + word[place + 1 :]
