"""Commands as people hand them in: copied from a terminal with its prompt, behind sudo, or in another language than iptables'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fwtutor.network.prompt import configures

_PROMPT = re.compile(r"\[?(?:(?P<user>[a-z_][\w.-]*)@)?(?P<host>[A-Za-z0-9][\w.-]*)?(?(user)[: ]?[^\s#$]*)\s*[#$]\s+(?P<line>\S.*)\Z")
"""``server# LINE``, ``root@server:~# LINE``, ``$ LINE``; not ``# LINE``, which is a comment."""
_TOOL = re.compile(r"(?:sudo\s+)?(?:/\w+)*/?(?:ip6?tables(?:-\w+)*|ipset|sysctl|conntrack|netfilter-persistent|echo)\s")
_NFT = re.compile(
    r"(?:#!.*\bnft\b|(?:flush\s+ruleset|(?:(?:add|create)\s+)?table\s+(?:inet|ip6?|arp|bridge|netdev)\s+\S|(?:sudo\s+)?nft\s))"
)
NFT = "this looks like nft: the lessons' rules are iptables', as iptables-save writes them"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of those that say something."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith(("# ", "#\t")) and line.strip() != "#":
            yield number, line.strip()


def looks_like_commands(text: str) -> bool:
    """By its first line."""
    first = next((line for _, line in _lines(text)), "")
    return bool(_PROMPT.match(first) or _TOOL.match(first))


def looks_like_nft(text: str) -> bool:
    return any(_NFT.match(line.partition("# ")[2] or line) for _, line in [*_lines(text)][:3])


def read_commands(text: str, hosts: Iterable[str], places: Iterable[str], usual: str) -> tuple[tuple[str, str], ...]:
    """(host, command) of each line; of a line that names no host, ``usual``. Raises ValueError, naming the line.

    ``places``: the hosts at which the task is done. To look, or to send, is no answer: what came
    of it would be taken for what the answer does.
    """
    hosts = sorted(hosts)
    none, found = True, list[tuple[str, str]]()
    for number, line in _lines(text):
        prompt = _PROMPT.match(line)
        host, command = (prompt["host"] or usual, prompt["line"]) if prompt else (usual, line)
        if host not in hosts:
            # user@machine: the learner's own machine stands for the one the lesson is about.
            if prompt is None or not prompt["user"]:
                raise ValueError(f"line {number}: is not HOST# COMMAND, with one of {', '.join(hosts)}")
            host = usual
        command = re.sub(r"\Asudo\s+(?!-)", "", command)
        none = False
        if not configures(command):
            continue
        if host not in places:
            raise ValueError(f"line {number}: the task is done at {' and '.join(sorted(places))}, not at {host}")
        found.append((host, command))
    if none:
        raise ValueError("has no command")
    return tuple(found)
