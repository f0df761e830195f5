"""Sets for random cases: ipset's text, rules that name the sets, and commands of ipset between packets. Knows nothing of the engine.

They are added to a case that is complete without them, of either family, so that rules of all kinds stand around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from fwtutor.kernel.observation import Item, Order, Setup
from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, PORTS, WAN_BOX
from fwtutor.kernel.rules_in_ipv6 import rule
from fwtutor.netfilter.xtables.script import IPSET

SHARE = 0.12
"""The share of cases with sets."""
CHANGED = 0.3
"""Of those, the share in which somebody changes what is in them."""
_HOSTS = (*FAR, *NEAR, WAN_BOX, LAN_BOX)
_NETS = (
    *_HOSTS,
    "203.0.113.0/24",
    "203.0.113.0/28",
    "192.168.0.0/16",
    "192.168.0.16/29",
    "198.51.100.0/25",
    "198.51.100.64/26",
    "128.0.0.0/1",
)
_TYPES = (
    "hash:ip",
    "hash:ip",
    "hash:net",
    "hash:net",
    "hash:ip,port",
    "hash:net,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "bitmap:port",
)
_SIDES = {
    1: ("src", "dst"),
    2: ("src,src", "src,dst", "dst,dst", "dst,src"),
    3: ("src,dst,dst", "src,src,dst", "dst,src,src", "dst,dst,src"),
}
_COUNTERS = (
    "--packets-gt 2",
    "--packets-lt 4",
    "--packets-eq 1",
    "! --packets-eq 0",
    "--bytes-gt 200",
    "--bytes-lt 500",
    "! --bytes-eq 40",
)


class _Named:
    """A set as far as rules must know it."""

    def __init__(self, name: str, kind: str, timed: bool) -> None:
        self.name, self.kind = name, kind
        # How long a prefix a rule adds goes by those there are, and by those that are over until the kernel clears them away.
        self.timed = timed and "net" not in kind
        self.parts = 1 if kind in ("bitmap:port", "list:set") else kind.count(",") + 1


def add(random: Random, setup: Setup, items: list[Item]) -> tuple[Setup, list[Item]]:
    """The same case with sets."""
    family = 6 if setup.rules6 else 4
    say: Callable[[str], str] = (lambda text: rule(random, text)) if family == 6 else str
    sets = [_Named(f"s{number}", random.choice(_TYPES), random.random() < 0.4) for number in range(random.randint(1, 4))]
    text = "".join(_made(random, one, family, say) for one in sets)
    if random.random() < 0.4:
        lists = _Named("all", "list:set", False)
        chosen = random.sample(sets, random.randint(1, len(sets)))
        # What is over in a list goes on to be counted until the kernel clears it away, and when that is nobody knows.
        text += f"create all list:set{random.choice(('', '', ' timeout 600', ' timeout 0'))}{_options(random, lists)}\n" + "".join(
            f"add all {one.name}\n" for one in chosen
        )
        lists.parts = max(one.parts for one in chosen)
        sets.append(lists)
    rules = _with_rules(random, setup.rules6 or setup.rules, sets)
    if "-j TEE" in rules:
        # A mark may have a copy routed anew, and then back to the box: docs/simplified.md.
        rules = re.sub(" --map-set .* --map-mark", "", rules)
    made = replace(setup, sets=text, rules6=rules) if family == 6 else replace(setup, sets=text, rules=rules)
    if random.random() < CHANGED:
        items = list(items)
        for _ in range(random.choice((1, 2, 4))):
            place = random.randint(0, len(items))
            at = items[place].at if place < len(items) else items[-1].at if items else 0.0
            items.insert(place, Order(_order(random, random.choice(sets), family, say), at, IPSET))
    return made, items


def _options(random: Random, one: _Named) -> str:
    words = [f"timeout {random.choice((0, 1, 2, 3, 600))}"] if one.timed else []
    words += [word for word in ("counters", "comment", "skbinfo") if random.random() < 0.4]
    return "".join(f" {word}" for word in words)


def _made(random: Random, one: _Named, family: int, say: Callable[[str], str]) -> str:
    own = "range 0-5000" if one.kind == "bitmap:port" else f"family {'inet' if family == 4 else 'inet6'}"
    if one.kind == "hash:ip" and random.random() < 0.2:
        own += f" netmask {random.choice((24, 28, 31)) if family == 4 else random.choice((64, 120, 124))}"
    # In the place of an element whose time is over the kernel takes another, or the same again, though the set is full.
    if one.kind != "bitmap:port" and random.random() < 0.2 and not one.timed:
        own += f" maxelem {random.choice((1, 2, 3))}"
    lines = [f"create {one.name} {one.kind} {own}{_options(random, one)}"]
    if "maxelem" not in own:
        # Behind a mask two of them may be the same.
        most = 5 if "netmask" not in own else 1
        lines += dict.fromkeys(f"add {one.name} {_element(random, one.kind, say)}" for _ in range(random.randint(0, most)))
    return "".join(f"{line}\n" for line in _told_apart(lines))


def _told_apart(lines: list[str]) -> list[str]:
    """Without what names the same net as one before, if only as nomatch."""
    return list({line.removesuffix(" nomatch"): line for line in lines}.values())


def _element(random: Random, kind: str, say: Callable[[str], str]) -> str:
    if kind == "bitmap:port":
        return str(random.choice((*PORTS[:6], 5000)))
    parts = []
    for part in kind.removeprefix("hash:").split(","):
        if part == "port":
            parts.append(f"{random.choice(('tcp', 'tcp', 'udp', 'sctp', 'udplite'))}:{random.choice(PORTS)}")
        else:
            parts.append(say(random.choice(_NETS if part == "net" else _HOSTS)))
    return ",".join(parts) + (" nomatch" if "net" in kind and random.random() < 0.25 else "")


def _with_rules(random: Random, text: str, sets: list[_Named]) -> str:
    """Rules about sets among those of the text: first in their chains, or between the others."""
    lines = text.splitlines()
    if random.random() < 0.3 and "*mangle" not in lines:
        lines = ["*mangle", "COMMIT", *lines]
    for _ in range(random.randint(1, 5)):
        tables = [line[1:] for line in lines if line in ("*filter", "*mangle", "*raw")]
        table = random.choice(tables)
        begin = lines.index(f"*{table}")
        end = lines.index("COMMIT", begin)
        chains = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "raw": ("PREROUTING", "OUTPUT")}.get(table)
        chain = random.choice(chains or ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"))
        first = next((place for place in range(begin + 1, end) if not lines[place].startswith(":")), end)
        place = random.choice((first, random.randint(first, end)))
        lines.insert(place, f"-A {chain} {_rule(random, table, sets)}")
    return "".join(f"{line}\n" for line in lines)


def _rule(random: Random, table: str, sets: list[_Named]) -> str:
    acting = random.random() < 0.45
    matches = " ".join(_match(random, random.choice(sets)) for _ in range(random.choice((0, 1) if acting else (1, 1, 1, 2))))
    if acting:
        return f"{matches} {_target(random, table, sets)}".strip()
    return f"{matches} {random.choice(('', '', '-j ACCEPT', '-j ACCEPT', '-j DROP', '-j RETURN'))}".strip()


def _sides(random: Random, one: _Named) -> str:
    # Too few of them hold nothing; too many are as good as enough.
    parts = one.parts if random.random() < 0.93 else random.randint(1, 3)
    return random.choice(_SIDES[parts])


def _match(random: Random, one: _Named) -> str:
    words = [f"-m set {'! ' if random.random() < 0.25 else ''}--match-set {one.name} {_sides(random, one)}"]
    words += ["--return-nomatch"] if random.random() < 0.15 else []
    words += [f"! --update-{what}" for what in ("counters", "subcounters") if random.random() < 0.1]
    words += [random.choice(_COUNTERS)] if random.random() < 0.2 else []
    return " ".join(words)


def _target(random: Random, table: str, sets: list[_Named]) -> str:
    words = ["-j SET"]
    choice = random.random()
    if choice < 0.75:
        one = random.choice(sets)
        words.append(f"--add-set {one.name} {_sides(random, one)}")
        words += ["--exist"] if random.random() < 0.5 else []
        words += [f"--timeout {random.choice((0, 1, 2, 600))}"] if random.random() < 0.3 else []
    if choice > 0.6:
        one = random.choice(sets)
        words.append(f"--del-set {one.name} {_sides(random, one)}")
    if table == "mangle" and random.random() < 0.2:
        one = random.choice(sets)
        words.append(f"--map-set {one.name} {_sides(random, one)} --map-mark")
    return " ".join(words)


def _order(random: Random, one: _Named, family: int, say: Callable[[str], str]) -> str:
    if one.kind == "list:set":
        return random.choice(("flush all", "del all s0", "add all s0", "-exist add all s0", "test all s0"))
    element = _element(random, one.kind, say)
    bare = element.removesuffix(" nomatch")
    exist = random.choice(("", "-exist "))
    if one.timed:
        # One that is over may still be there, with what it had counted.
        element += " packets 1 bytes 40"
    return random.choice((
        f"{exist}add {one.name} {element}", f"{exist}add {one.name} {element}", f"{exist}del {one.name} {bare}",
        f"test {one.name} {bare}", f"flush {one.name}", f"add {one.name} {element} timeout 2", f"destroy {one.name}",
        f"swap {one.name} s0", f"-exist add {one.name} {bare} packets 3 bytes 99",
    ))  # fmt: skip
