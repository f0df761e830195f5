"""Cases for the comparison: a seed makes a box, a ruleset and packets. The engine has no part in it.

Most cases are played as fast as they go. In the others time passes for real: timeouts are a few seconds, and the packets come
in bursts some seconds apart, so that entries expire, UDP becomes a stream and rations fill up again.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from fwtutor.kernel import in_ipv6, random_ftp, random_helped, random_matches, random_nat, random_rates, random_sets, random_sip
from fwtutor.kernel.observation import Item, Order, Setup
from fwtutor.kernel.pools import INTERFACES
from fwtutor.kernel.random_rules import TRANSPARENT, order, ruleset, tracks
from fwtutor.kernel.random_traffic import traffic

VARIANTS = ("legacy", "nft")
TIMED = 0.12
"""The share of cases in which time passes for real."""
EXACT = 0.15
"""Of those, the share in which bursts are whole seconds apart: timers end in the very tick in which the next packet comes."""
_PREFIX = "net.netfilter.nf_conntrack_"

_SYSCTLS = {
    "tcp_loose": (0,),
    "tcp_be_liberal": (1,),
    "tcp_ignore_invalid_rst": (1,),
    "tcp_max_retrans": (0, 1, 2),
    "checksum": (0,),
    "tcp_timeout_syn_sent": (77, 1000),
    "tcp_timeout_syn_recv": (78,),
    "tcp_timeout_established": (250, 7200),
    "tcp_timeout_fin_wait": (45,),
    "tcp_timeout_close_wait": (79,),
    "tcp_timeout_last_ack": (80,),
    "tcp_timeout_time_wait": (45,),
    "tcp_timeout_close": (77, 400),
    "tcp_timeout_unacknowledged": (200, 45),
    "tcp_timeout_max_retrans": (45,),
    "udp_timeout": (50,),
    "icmp_timeout": (70,),
    "generic_timeout": (80,),
    "gre_timeout": (50,),
    "gre_timeout_stream": (90,),
    "sctp_timeout_closed": (60,),
    "sctp_timeout_cookie_wait": (50,),
    "sctp_timeout_cookie_echoed": (70,),
    "sctp_timeout_established": (80, 7200),
    "sctp_timeout_shutdown_sent": (50,),
    "sctp_timeout_shutdown_recd": (60,),
    "sctp_timeout_shutdown_ack_sent": (70,),
    "sctp_timeout_heartbeat_sent": (80,),
}
"""By the end of their names after nf_conntrack_: values worth trying. None lies next to an end of a range of ctexpire's."""

_SHORT = {
    "tcp_timeout_syn_sent": (1, 2, 3),
    "tcp_timeout_syn_recv": (1, 2, 3),
    "tcp_timeout_established": (2, 3, 4, 432000),
    "tcp_timeout_fin_wait": (1, 2),
    "tcp_timeout_close_wait": (1, 2),
    "tcp_timeout_last_ack": (1, 2),
    "tcp_timeout_time_wait": (1, 2, 3),
    "tcp_timeout_close": (1, 2, 3),
    "tcp_timeout_unacknowledged": (1, 2, 300),
    "tcp_timeout_max_retrans": (1, 2, 300),
    "udp_timeout": (1, 2, 3, 30),
    "udp_timeout_stream": (2, 3, 4, 120),
    "icmp_timeout": (1, 2),
    "generic_timeout": (1, 2),
    "gre_timeout": (1, 2),
    "gre_timeout_stream": (2, 3, 180),
    "sctp_timeout_closed": (1, 2),
    "sctp_timeout_cookie_wait": (1, 2),
    "sctp_timeout_cookie_echoed": (1, 2),
    "sctp_timeout_established": (2, 3, 210),
    "sctp_timeout_heartbeat_sent": (1, 2),
}
"""Timeouts that end within a case."""


def is_timed(seed: int) -> bool:
    """Whether real time passes in the case of that number: playing it takes seconds, nearly all of them asleep."""
    return Random(seed).random() < TIMED


def case(seed: int, packets: int = 50, variant: str | None = None) -> tuple[Setup, list[Item]]:
    """The case of that number: always the same one. ``variant`` None: the seed's own."""
    random = Random(seed)
    timed = random.random() < TIMED
    drawn = random.choice(VARIANTS)
    helping, saying = Random(f"helpers {seed}"), Random(f"ipv6 {seed}")
    if not timed and helping.random() < random_helped.SHARE:
        calling = Random(f"calls {seed}")
        if calling.random() < random_sip.SHARE:
            setup, calls = random_sip.case(calling, packets, _sysctls(calling, timed=False), variant or drawn)
            return setup, list(calls)
        return _helped(helping, packets, variant or drawn, saying)
    sysctls = _sysctls(random, timed)
    rules = ruleset(random, variant or drawn)
    changed = random.random() < ORDERS
    # Drawn apart, so that the other cases are what they always were.
    translating = Random(f"translation {seed}")
    if translating.random() < random_nat.SHARE:
        lots = rules == TRANSPARENT
        made = random_nat.plan(translating, lots=lots)
        rules += made.rules
        changed = False
    else:
        made = None
    routes, mtus = _network(random, tracks(rules))
    # What changes the rules may switch tracking off, or on.
    if made is None:
        shots = traffic(random, packets, None if changed else tracks(rules))
    else:
        shots = random_nat.traffic(random, packets, made)
    smallest = min(mtus.values(), default=1500)
    shots = [shot for shot in shots if shot.on is not None or _sendable(shot.raw, smallest, "default" in routes)]
    items: list[Item] = list(shots)
    if changed:
        _put_orders(random, items, rules, variant or drawn)
    elif made is not None and translating.random() < ORDERS:
        for _ in range(translating.choice((1, 1, 2, 4))):
            items.insert(translating.randint(0, len(items)), Order(random_nat.order(translating, lots=lots)))
    # iptables-nft's limit counts in nanoseconds, and with it so must the case; what else is rationed then is not exact to the tick.
    limited = "-m limit" in rules or any(isinstance(item, Order) and "-m limit" in item.line for item in items)
    by_ticks = (variant or drawn) == "legacy" or not limited
    if not by_ticks:
        sysctls.pop("net.ipv4.conf.all.send_redirects", None)
    if timed:
        items = _spread(random, items, exact=by_ticks)
    setup = Setup(INTERFACES, rules, routes, sysctls, mtus, variant or drawn)
    if saying.random() < in_ipv6.SHARE:
        setup, items = in_ipv6.case(saying, setup, items)
    # A later order is drawn for the rules as they were.
    adding, listing, rating = (Random(f"{what} {seed}") for what in ("matches", "sets", "rates"))
    as_drawn = not any(isinstance(item, Order) for item in items)
    if as_drawn and adding.random() < random_matches.SHARE:
        setup, items = random_matches.add(adding, setup, items)
    if as_drawn and rating.random() < random_rates.SHARE:
        setup = random_rates.add(rating, setup)
    return random_sets.add(listing, setup, items) if listing.random() < random_sets.SHARE else (setup, items)


def _helped(random: Random, packets: int, variant: str, saying: Random) -> tuple[Setup, list[Item]]:
    """A case in which helpers read dialogues, in nearly half of them across a translation."""
    shown = random_helped.outside(random) if random.random() < 0.45 else None
    rules = random_helped.helped_rules(random, shown)
    ipv6 = saying.random() < in_ipv6.SHARE
    items: list[Item] = [*random_ftp.helped_traffic(random, packets, shown, 6 if ipv6 else 4)]
    setup = Setup(INTERFACES, rules, {"default": "wan"}, _sysctls(random, timed=False), {}, variant)
    return in_ipv6.case(saying, setup, items) if ipv6 else (setup, items)


def _sysctls(random: Random, timed: bool) -> dict[str, int]:
    sysctls = {}
    for name, values in _SYSCTLS.items():
        if random.random() < 0.09:
            sysctls[_PREFIX + name] = random.choice(values)
    if timed:
        sysctls.update({_PREFIX + name: random.choice(values) for name, values in _SHORT.items() if random.random() < 0.7})
    if random.random() < 0.6:  # counters show what else would not: whether the tracker took a segment or ignored it
        sysctls[_PREFIX + "acct"] = 1
    if random.random() < 0.02:  # a FIN and a RST out of the window shorten what has more than 120 s left
        sysctls.update({_PREFIX + "tcp_timeout_established": random.choice((121, 119)), _PREFIX + "tcp_timeout_unacknowledged": 45})
    if random.random() < 0.04:
        sysctls["net.ipv4.ip_forward"] = 0
    if random.random() < 0.08:
        sysctls["net.ipv4.conf.all.send_redirects"] = 1
    # Rations are whole seconds, so that they fill up between bursts and never within one.
    sysctls["net.ipv4.icmp_ratelimit"] = random.choice((1000, 2000, 0)) if random.random() < 0.4 else 0
    if sysctls["net.ipv4.icmp_ratelimit"] and random.random() < 0.3:
        sysctls["net.ipv4.icmp_ratemask"] = random.choice((0x808, 0x1000, 0xFFFF, 0))
    return sysctls


def _network(random: Random, tracked: bool) -> tuple[dict[str, str | tuple[str, str]], dict[str, int]]:
    """Routes and MTUs. Where nothing is tracked links are narrow more often: only there are fragments cut again."""
    routes: dict[str, str | tuple[str, str]] = {"default": "wan"}
    choice = random.random()
    if choice < 0.2:
        routes = {"default": ("wan", "203.0.113.254"), "192.168.7.0/24": ("lan", "192.168.0.254")}
    elif choice < 0.27:
        routes = {"198.51.100.64/26": "wan"}  # and to 198.51.100.53 there is none
    mtus = {random.choice(("wan", "lan")): random.choice((576, 1000, 1041))} if random.random() < (0.2 if tracked else 0.5) else {}
    return routes, mtus


def _sendable(raw: bytes, mtu: int, routed: bool) -> bool:
    """Whether the box may send it itself in a case.

    The raw socket refuses what is bigger than the MTU, before the firewall is asked, and puts in a source where there is none; and of
    a fragment for which there is no way the harness could not tell whether it waits for the rest.
    """
    if not routed and raw[6:8] not in (b"\x40\0", b"\0\0"):
        return False
    return len(raw) <= mtu and raw[12:16] != bytes(4)


def _spread(random: Random, items: list[Item], *, exact: bool) -> list[Item]:
    """The items in bursts. Mostly no two bursts are near a whole number of seconds apart: timers there end between them, not in one."""
    count = random.choice((2, 3, 5, 6, 7))
    if random.random() < EXACT and exact:
        turns = sorted(random.choices(range(count), k=len(items)))
        return [item._replace(at=float(turn)) for item, turn in zip(items, turns, strict=True)]
    fractions = random.sample(range(count), count)
    seconds, starts = 0, [0.0]
    for before, after in pairwise(fractions):
        seconds += (after < before) + random.choice((0, 0, 0, 1, 1, 2) if count < 6 else (0, 0, 1))
        starts.append(seconds + (after - fractions[0]) / count)
    turns = sorted(random.choices(range(count), k=len(items)))
    return [item._replace(at=starts[turn]) for item, turn in zip(items, turns, strict=True)]


def _put_orders(random: Random, items: list[Item], rules: str, variant: str) -> None:
    """Somebody changes the rules between two packets; sometimes tracking ends with the last rule, and begins anew."""
    if random.random() < 0.15 and items:
        place = random.randrange(len(items))
        items[place:place] = [Order("-F"), Order("-A FORWARD -m state --state NEW")]
    for _ in range(random.choice((1, 1, 2, 4))):
        items.insert(random.randint(0, len(items)), Order(order(random, rules, variant)))


ORDERS = 0.15
"""The share of cases with changes of the rules."""
