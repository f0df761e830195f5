"""What may stand at a place of a rule: matches, targets, options and their words, from the tables that parse them, with their help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.matches import MATCHES
from fwtutor.netfilter.xtables.options import Extension, Option
from fwtutor.netfilter.xtables.rule import Match, Target
from fwtutor.netfilter.xtables.targets import TARGETS
from fwtutor.netfilter.xtables.tokens import shell_words


class Word(NamedTuple):
    """Something one may write, and what it means."""

    text: str
    about: str


class Completion(NamedTuple):
    """What may take the place of ``line[start:end]``, the word one is at."""

    start: int
    end: int
    words: tuple[Word, ...] = ()


class Surroundings(NamedTuple):
    """What a rule may name besides matches and targets."""

    table: str = "filter"
    family: int = 4
    chains: tuple[str, ...] = ()
    """User chains one may jump to."""
    interfaces: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


CORE = (
    Word("-p", "protocol: tcp, udp, icmp ..."), Word("-s", "source address or network"), Word("-d", "destination address or network"),
    Word("-i", "interface it comes in by"), Word("-o", "interface it leaves by"), Word("-m", "a match: further conditions"),
    Word("-j", "what happens to a packet that matches"), Word("-g", "go to a chain, and do not come back"),
    Word("!", "not: turns the next condition around"),
)  # fmt: skip
PROTOCOLS = {4: ("tcp", "udp", "icmp", "sctp", "dccp", "gre", "esp", "ah"), 6: ("tcp", "udp", "ipv6-icmp", "sctp", "dccp", "gre", "esp")}
_VERDICTS = {
    "ACCEPT": "let it through", "DROP": "throw it away, and tell nobody", "RETURN": "back to the calling chain, or to the policy",
}  # fmt: skip
_FLAGS = ("SYN", "ACK", "FIN", "RST", "URG", "PSH", "ALL", "NONE")
_NAMES = {
    "-m": "match", "--match": "match", "-j": "jump", "--jump": "jump", "-g": "goto", "--goto": "goto",
    "-p": "protocol", "--protocol": "protocol",
    "-i": "interface", "--in-interface": "interface", "-o": "interface", "--out-interface": "interface",
}  # fmt: skip
"""What an option of the tool's own is given."""


def complete(line: str, at: int, around: Surroundings) -> Completion:
    """What may stand where the cursor is, in ``line`` at ``at``: the words that begin as the present one does."""
    start, end = _word_at(line, at)
    if start == at < end:
        # Before a word nothing is being written.
        return Completion(at, at)
    try:
        before = [token.text for token in shell_words(line[:start])]
    except RuleRefused:
        return Completion(start, end)
    typed = line[start:at]
    kinds = _loaded(before, around.family)
    last = before[-1] if before else ""
    kind = _NAMES.get(last, "")
    option, place = _asked(before, kinds)
    if kind:
        words = _named(kind, around)
    elif option is not None:
        # Of a list only the last word is still open.
        head = typed.rpartition(",")[0]
        start += len(head) + bool(head)
        typed = line[start:at]
        words = _values(option, place, around)
    else:
        words = _options(kinds, before, typed)
    return Completion(start, end, tuple(word for word in words if word.text.startswith(typed) and word.text != typed))


def _word_at(line: str, at: int) -> tuple[int, int]:
    start = at
    while start > 0 and line[start - 1] not in " \t":
        start -= 1
    end = at
    while end < len(line) and line[end] not in " \t":
        end += 1
    return start, end


def _loaded(words: Sequence[str], family: int) -> list[type[Extension]]:
    """The matches and the target whose options are known behind these words."""
    matches, targets = MATCHES[family], TARGETS[family]
    found: list[type[Extension]] = []
    for before, word in zip(["", *words], words, strict=False):
        kind: type[Match] | type[Target] | None = None
        if before in ("-m", "--match", "-p", "--protocol"):
            kind = matches.get(word)
        elif before in ("-j", "--jump"):
            kind = targets.get(word)
        if kind is not None and issubclass(kind, Extension) and kind not in found:
            found.append(kind)
    return found


def _asked(words: Sequence[str], kinds: Iterable[type[Extension]]) -> tuple[Option | None, int]:
    """The option whose argument comes next, and the argument's number from 0; None: no option waits for one."""
    known = {f"--{name}": option for kind in kinds for option in kind.options for name in option.names}
    for place, word in enumerate(reversed(words[-2:])):
        option = known.get(word)
        if option is not None:
            return (option, place) if place < option.arguments else (None, 0)
    return None, 0


def _named(kind: str, around: Surroundings) -> list[Word]:
    if kind == "match":
        return [Word(name, match.meaning) for name, match in sorted(MATCHES[around.family].items())]
    if kind == "protocol":
        return [Word(name, "") for name in PROTOCOLS[around.family]]
    if kind == "interface":
        return [Word(name, "") for name in around.interfaces]
    own = [Word(name, "a chain of your own") for name in around.chains]
    if kind == "goto":
        return own
    targets = []
    for name, target in sorted(TARGETS[around.family].items()):
        if not target.tables or around.table in target.tables:
            targets.append(Word(name, _VERDICTS.get(name, target.meaning)))
    first = [word for word in targets if word.text in ("ACCEPT", "DROP", "REJECT")]
    return [*first, *own, *(word for word in targets if word not in first)]


def _values(option: Option, place: int, around: Surroundings) -> list[Word]:
    if option.of_sets:
        return [Word(name, "a set") for name in around.sets] if not place else [Word("src", "the source"), Word("dst", "the destination")]
    if option.names[0] == "tcp-flags":
        return [Word(flag, "of these flags ..." if not place else "... these are set, and no others") for flag in _FLAGS]
    if option.choices:
        return [Word(name, option.meaning) for name in option.choices]
    parts = option.argument.split("|")
    return [Word(part, option.meaning) for part in parts if part.isalpha()] if len(parts) > 1 else []


def _options(kinds: Iterable[type[Extension]], before: Sequence[str], typed: str) -> list[Word]:
    inverted = bool(before) and before[-1] == "!"
    found = []
    for kind in kinds:
        for option in kind.options:
            names = [f"--{name}" for name in (option.saved, *option.names) if name]
            if (option.invertible or not inverted) and not any(name in before for name in names):
                # Of several names the one that is being typed, else the one that is saved.
                name = next((name for name in names if name.startswith(typed)), names[0])
                found.append(Word(name, f"{option.argument}  {option.meaning}".strip()))
    core = [word for word in CORE if word.text == "-m" or word.text not in before]
    if inverted:
        core = [word for word in core if word.text not in ("!", "-m", "-j", "-g")]
    if any(word in before for word in ("-j", "-g", "--jump", "--goto")):
        core = [word for word in core if word.text not in ("-j", "-g")]
    return [*found, *core]
