"""Patterns as ssh's files have them: ``*`` and ``?``, lists with commas, ``!`` for what is not meant, networks."""

from __future__ import annotations

from fwtutor.netfilter.addresses import parse_network, prefix_mask
from fwtutor.network.ends import Address


def matches_pattern(text: str, pattern: str) -> bool:
    """``*`` stands for any letters, ``?`` for one."""
    # Where the last star was, and how much of the text it stands for so far.
    at = place = 0
    star, taken = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, taken = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            taken += 1
            at, place = taken, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def in_network(address: Address, text: str) -> bool:
    """Is it in the network ``text``? False too when that is none."""
    try:
        family, network, length = parse_network(text)
    except ValueError:
        return False
    return family == address.family and not (address.value ^ network) & prefix_mask(family, length)


def matches_host_list(patterns: str, address: Address, name: str) -> bool:
    """Does a list mean a client? One ``!`` that does settles it: no."""
    found = False
    for each in patterns.split(","):
        pattern = each.strip().lower()
        negated, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        hit = in_network(address, pattern) if "/" in pattern else False
        if hit or matches_pattern(str(address), pattern) or (name and matches_pattern(name.lower(), pattern)):
            if negated:
                return False
            found = True
    return found
