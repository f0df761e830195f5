"""``python -m benchmarks.rulesets``: rulesets people really have on the kernel and the engine, packets aimed at each of their rules.

They lie in ``tests/kernel/rulesets``. Printed are, of each, the packets compared, how many rules were hit, and why others were not.
Exit code 1 when kernel and engine differ, when the kernel comes to a rule that ``fwtutor rules`` holds for dead, or when a rule was
missed and nobody knows why.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fwtutor.kernel.aimed import VOLLEY, Aimer, Progress
from fwtutor.kernel.compare import compare, engine_for, happens_again
from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Observation, Order, Setup
from fwtutor.kernel.rulelines import Line, callers, hooks
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.hooks import FORWARD, OUTPUT
from fwtutor.netfilter.xtables import script
from fwtutor.review.dead import dead

FOLDER = Path(__file__).parents[1] / "tests/kernel/rulesets"
VARIANTS = ("legacy", "nft")
PACKETS = 150
"""Of a case."""
DOUBTS = 4
"""How often a rule is aimed at that is known not to be hit."""
Routes = dict[str, str | tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a ruleset lives."""

    interfaces: dict[str, tuple[str, ...]]
    routes: Routes = field(default_factory=lambda: dict(_OUT))
    quiet: tuple[tuple[str, int], ...] = ()
    """As in Setup."""


_OUT: Routes = {"default": "eth0", "::/0": "eth0"}
_WORLD, _OFFICE = ("203.0.113.1/24", "2001:db8:1::1/64", "fe80::1/64"), ("192.168.0.1/16", "2001:db8:2::1/64")
_DMZ = ("10.10.10.1/24", "2001:db8:3::1/64")
ROUTER = Box({"eth0": _WORLD, "eth1": _OFFICE, "eth2": _DMZ}, {**_OUT, "239.1.0.0/16": "eth1", "239.2.0.0/16": "eth2"})
BOXES = {
    "admin": Box({"eth0": _WORLD, "eth1": _OFFICE, "tun0": ("10.8.0.1/24",)}),
    "docker": Box({
        "eth0": _WORLD, "docker0": ("172.17.0.1/16", "fd00:d0c::1/64"), "br-5f1c2a3b4c5d": ("172.18.0.1/16",),
        "br-routed": ("2001:db8:3::1/64",),
    }),
    "ferm-dmz": Box(
        {"eth0": ("192.168.0.1/24",), "eth1": ("193.43.91.203/24",), "eth2": ("192.168.1.1/24",)}, {"default": "eth1"}
    ),
    "ferm-dsl": Box({"eth0": ("192.168.0.1/24",), "eth1": ("192.168.1.1/24",), "ppp0": ("203.0.113.1/24",)}, {"default": "ppp0"}),
    # Where nothing is answered, connections last, and can be too many.
    "ferm-flood": replace(ROUTER, quiet=(("tcp", 80), ("tcp", 443))),
    "kube-proxy": Box(
        {"eth0": _WORLD, "cni0": ("10.244.0.1/24", "fd00:10:244::1/64")},
        {**_OUT, "10.244.1.0/24": ("eth0", "203.0.113.7"), "fd00:10:244:1::/64": ("eth0", "2001:db8:1::7")},
    ),
    "libvirt": Box({"eth0": _WORLD, "virbr0": ("192.168.122.1/24",), "virbr1": ("10.10.10.1/24",), "virbr2": ("192.168.100.1/24",)},
        {**_OUT, "10.20.0.0/16": ("virbr1", "10.10.10.2")},
    ),
    "openwrt": Box(
        {"eth1": _WORLD, "br-lan": _OFFICE, "eth0.3": ("10.10.10.1/24",)}, {"default": "eth1", "::/0": "eth1"}
    ),
}  # fmt: skip
"""By the name of the ruleset; all others are a router's."""


@dataclass(frozen=True, slots=True)
class Made:
    """A ruleset and its box."""

    name: str
    family: int
    variant: str
    setup: Setup
    orders: tuple[Order, ...] = ()
    """The commands that make it, where it is a list of commands."""
    asked: Setup | None = None
    """What the kernel is given, where that is not ``setup``: no rules before the commands."""


def rulesets(variant: str, only: str = "") -> Iterator[Made]:
    """All that are there, in the alphabet's order."""
    for path in sorted(FOLDER.glob("*.*")):
        name = path.name
        if only not in name or path.suffix not in (".rules", ".rules6", ".sh") or path.stem == "make":
            continue
        box = BOXES.get(path.stem, ROUTER)
        if path.suffix == ".sh":
            yield from _commands(path, box, variant)
            continue
        family = 6 if path.suffix == ".rules6" else 4
        yield Made(name, family, variant, _setup(box, variant, family, path.read_text()))


def _setup(box: Box, variant: str, family: int, rules: str) -> Setup:
    # A box without IPv6 has no addresses of it: then there is nothing of it to be looked after.
    kept = {name: tuple(one for one in addresses if family == 6 or ":" not in one) for name, addresses in box.interfaces.items()}
    routes = {network: way for network, way in box.routes.items() if family == 6 or ":" not in network}
    sysctls = {"net.ipv4.icmp_ratelimit": 0, **({"net.ipv6.icmp.ratelimit": 0} if family == 6 else {})}
    rules4, rules6 = (rules, "") if family == 4 else ("", rules)
    return Setup(kept, rules4, routes, sysctls, {}, variant, box.quiet, rules6=rules6)


def _commands(path: Path, box: Box, variant: str) -> Iterator[Made]:
    text = path.read_text()
    orders = tuple(Order(command.line.strip(), family=command.family) for command in script.read(text))
    for family in (4, 6):
        made = Firewall({}, variant=variant)
        made.run_script(text)
        setup = _setup(box, variant, family, made.save(family=family))
        own = tuple(order for order in orders if order.family == family)
        yield Made(f"{path.name} ({'IPv4' if family == 4 else 'IPv6'})", family, variant, setup, own, _setup(box, variant, family, ""))


@dataclass(slots=True)
class Told:
    """What came of one ruleset."""

    packets: int = 0
    rules: int = 0
    missed: list[tuple[Line, str]] = field(default_factory=list)
    """With the reason; "" where none is known."""
    not_dead: list[Line] = field(default_factory=list)
    """What the kernel came to, though ``fwtutor rules`` says it cannot."""
    pace: float = 0.0
    """Seconds from one packet to the next, where it went fastest."""
    differences: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)


def play(kernel: Kernel, made: Made, seed: int, packets: int) -> Told:
    """At least so many packets compared."""
    from random import Random

    told, progress, hit = Told(), Progress(), set[str]()
    known, here = review(made), review(made, ("lo", *made.setup.interfaces))
    rules: list[Line] = []
    excused = set[str]()
    turn = 0
    while told.packets < packets:
        aimer = Aimer(made.setup, made.family, Random(f"{made.name} {seed} {turn}"), progress)
        rules, shots = aimer.rules, aimer.shots(PACKETS)
        turn += 1
        items: list[Item] = [*made.orders, *shots]
        found = compare(kernel, made.asked or made.setup, items)
        told.packets += len(found.observation.packets)
        told.pace = min(told.pace or 1.0, _pace(found.observation))
        hit |= counted(found.observation.rules6 if made.family == 6 else found.observation.rules)
        excused = excused or {line.words for line in rules if why_not(made, line, known, here, rules)}
        # What only the engine hit, as the kernel drew other lots, is aimed at again; what has an excuse is not for ever.
        progress.hit = hit | {words for words in excused if progress.turns[words] >= DOUBTS}
        if found.differences:
            said = f"{made.name} {made.variant} seed {seed} turn {turn - 1}: {found}"
            (told.differences if happens_again(kernel, found) else told.exceptions).append(said)
    told.rules = len(rules)
    told.missed = [
        (line, why_not(made, line, known, here, rules) or too_slow(line, rules, told.pace)) for line in rules if line.words not in hit
    ]
    told.not_dead = [line for line in rules if line.words in hit and line.words in known]
    return told


def _pace(observation: Observation) -> float:
    times = [packet.late for packet in observation.packets]
    return (times[-1] - times[0]) / len(times)


def counted(saved: str) -> set[str]:
    """The rules that have counted a packet, in TRACE's words."""
    table, counts, hit = "", dict[str, int](), set[str]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, counts = line[1:], {}
        elif seen := re.match(r"\[(\d+):\d+\] -A (\S+)", line):
            counts[seen[2]] = counts.get(seen[2], 0) + 1
            if seen[1] != "0":
                hit.add(f"{table}:{seen[2]}:rule:{counts[seen[2]]}")
    return hit


def review(made: Made, interfaces: Iterable[str] | None = None) -> dict[str, str]:
    """Why rules are never hit, as ``fwtutor rules`` says it; those of chains nothing comes into among them."""
    ruleset = engine_for(made.setup).ruleset(made.family)
    found = dict[str, str]()
    for one in dead(ruleset, interfaces):
        numbers = [one.number] if one.number else range(1, len(ruleset.tables[one.table].chains[one.chain].rules) + 1)
        found.update({f"{one.table}:{one.chain}:rule:{number}": one.why for number in numbers})
    return found


_NOWHERE = (
    (r"--dst-type ANYCAST", "IPv4 has no such addresses", 4),
    (r"-s (224\.0\.0\.0/4|127\.0\.0\.0/8) |--src-type (BROADCAST|MULTICAST) ", "the stack refuses what comes from there", 4),
    (r"-d (224\.0\.0\.251|239\.255\.255\.250)/32 ", "the box is not in that group", 4),
    (r"-A IN_internal_allow -d fe80::/64 ", "of the box's links only eth0 has such an address, and that is in another zone", 6),
    (r"-d ff02::(f|fb)/128 ", "the box is not in that group", 6),
    (r"-A ufw-not-local (-m limit|-j DROP)", "what comes into INPUT is for the box, for all or for a group, and rules before take that", 4),
    (
        r"-A ufw6-before-input .*--icmpv6-type (14[124-9]|153) ",
        "to connection tracking such messages are no connection's and begin none: they are INVALID, and the rules before drop that",
        6,
    ),
    (r"--icmpv6-type 137 ", "a redirect is RELATED or INVALID, and rules before take both", 6),
    (r"-A (fw-dmz|fw-loc|OUTPUT) -d ff00::/8 ", "what the box sends to groups, and to no link, leaves by eth0", 6),
    (r"-A FORWARD -i lo ", "nothing comes by lo that is to be forwarded", 0),
    (r"-A PREROUTING_ZONES -g PRE_public|-A PRE_public ", "what comes by lo was asked about in OUTPUT", 0),
    (r"-A FORWARD -m mark ! --mark 0x0/0xff ", "the rule before sets the mark to 0", 6),
    (r" -f ", "connection tracking puts fragments together before", 4),
    (r"--uid-owner (?!0\b)", "here all is sent by root", 0),
    (r"--icmp-type (3|4|5|11|12)\b(?!.*--ctstate)", "errors are RELATED or INVALID, and rules before take both", 4),
    (r"--icmpv6-type [1-4]\b(?!.*--ctstate)", "errors are RELATED or INVALID, and rules before take both", 6),
    (r"-A scans -p tcp .* (NONE|FIN,PSH,URG) -m recent", "such segments are INVALID, or NEW without SYN: the chain bad drops both", 0),
    (
        r"-A (in_in|pr_in_\w+) (?!.*(SYN SYN|FLOOD)).*(tcp-flags|MALFORMED|w/o SYN)",
        "such segments are INVALID or NEW: FORWARD drops both",
        0,
    ),
    (r"-A pr_in_(nsn12|mxs15|mnl16|mbd17) -j DROP", "such segments are INVALID or NEW: FORWARD drops both", 0),
    (r"-A fw-vip -m addrtype --dst-type (BROADCAST|MULTICAST)", "the zone vip has no such addresses", 4),
)
"""(in a rule's text, why nothing comes to it, of which family: 0 for both)"""
_GIVEN = re.compile(r"--helper (\S+)")


def why_not(made: Made, line: Line, known: Mapping[str, str], here: Mapping[str, str], rules: Sequence[Line]) -> str:
    """Why a rule was not hit; "" if nobody knows. ``here``: what is dead with the interfaces of the box alone."""
    if line.words in known:
        return known[line.words]
    if line.words in here:
        return f"in this box {here[line.words]}"
    text = f"{line.text} "
    for pattern, why, family in _NOWHERE:
        if family in (0, made.family) and re.search(pattern, text):
            return why
    helped = {found[1] for each in rules if each.target == "CT" and (found := _GIVEN.search(each.text))}
    if line.target != "CT" and (wanted := _GIVEN.search(text)) and wanted[1] not in helped:
        return "no rule gives a connection that helper"
    reached = hooks(callers(rules), line)
    if not helped and OUTPUT not in reached and re.search(r"-p tcp .*--ctstate RELATED ", text):
        return "without helpers no connection of TCP is expected"
    if reached == {FORWARD} and re.search(r"--dst-type (BROADCAST|MULTICAST) |-d (ff00::/8|224\.0\.0\.\S+) ", text):
        return "what goes to many is not forwarded"
    return ""


_RATE = re.compile(r"--(?:hash)?limit(?:-above|-upto)? (\d+)/sec(?:.*?-burst (\d+))?")


def too_slow(line: Line, rules: Sequence[Line], pace: float) -> str:
    """Whether packets came too slowly for a limit in it or before it in its chain to be used up; "" if not."""
    before = (each for each in rules if (each.table, each.chain) == (line.table, line.chain) and each.number <= line.number)
    for found in filter(None, (_RATE.search(each.text) for each in before)):
        rate, burst = int(found[1]), int(found[2] or 5)
        if burst + VOLLEY * rate * pace >= VOLLEY:
            return f"{VOLLEY} packets in a row, one each {pace * 1000:.0f} ms, do not use up {rate} a second and {burst} at once"
    return ""


def show(made: Made, told: Told, took: float) -> None:
    missed = len(told.missed)
    sys.stdout.write(
        f"{made.name:26} {made.variant:7} {told.packets:6,} packets {told.rules:4} rules {told.rules - missed:4} hit {missed:4} not"
        f" {len(told.differences)} differences {len(told.exceptions)} exceptions {took:4.0f} s\n"
    )
    for line, why in told.missed:
        sys.stdout.write(f"    {line.table} {line.chain} {line.number}: {why or '(why?) ' + line.text}\n")
    for line in told.not_dead:
        sys.stdout.write(f"    NOT DEAD: {line.table} {line.text}\n")
    for text in told.differences + told.exceptions:
        sys.stdout.write(f"\n{text}\n\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rulesets", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="decides what is played")
    parser.add_argument("--packets", type=int, default=3000, help="packets to play at least, of each ruleset and variant")
    parser.add_argument("--only", default="", help="rulesets whose names have this in them")
    parser.add_argument("--variant", choices=VARIANTS, help="only as this one's")
    options = parser.parse_args()
    good = True
    try:
        with Kernel() as kernel:
            for variant in [options.variant] if options.variant else VARIANTS:
                for made in rulesets(variant, options.only):
                    began = time.monotonic()
                    told = play(kernel, made, options.seed, options.packets)
                    show(made, told, time.monotonic() - began)
                    good = good and not told.differences and not told.not_dead and all(why for _, why in told.missed)
    except KernelUnavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
