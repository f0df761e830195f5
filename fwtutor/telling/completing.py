"""What the word that is being typed at a host's prompt may become."""

from __future__ import annotations

from itertools import pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING

from fwtutor.netfilter.xtables.completing import Completion, Surroundings, Word
from fwtutor.network.tools.registry import TOOLS, complete as complete_words

if TYPE_CHECKING:
    from fwtutor.network.host import Host


def complete(host: Host, names: tuple[str, ...], line: str) -> Completion:
    """Words for the end of a line typed at ``host``: tools, their words, options of rules; ``names`` are the hosts one may name."""
    start = len(line) - len(line.rpartition(" ")[2])
    words = line[:start].split()
    tool = next((word for word in words if word != "sudo"), "")
    if tool in ("iptables", "ip6tables") and any(word.startswith("-") for word in words):
        from fwtutor.netfilter.xtables import completing

        offered = completing.complete(line, len(line), _around(host, words, 6 if tool == "ip6tables" else 4))
        if offered.words:
            return offered
    about = "" if tool else None
    found = complete_words(line, names)
    return Completion(start, len(line), tuple(Word(word, TOOLS[word].about if about is None else "") for word in found))


def _around(host: Host, words: list[str], family: int) -> Surroundings:
    table = next((after for before, after in pairwise(words) if before in ("-t", "--table")), "filter")
    here = host.firewall.ruleset(family).tables.get(table)
    chains = tuple(name for name, chain in here.chains.items() if chain.policy is None) if here else ()
    return Surroundings(table, family, chains, tuple(host.firewall.interfaces), ())


def grown(line: str, offered: Completion) -> str:
    """The line with as much of the word as is certain: all of it and a space, when there is one only."""
    texts = [word.text for word in offered.words]
    if len(texts) == 1:
        return f"{line[: offered.start]}{texts[0]} "
    return line[: offered.start] + (commonprefix(texts) or line[offered.start :])  # noqa: RUF071 - letters, not paths
