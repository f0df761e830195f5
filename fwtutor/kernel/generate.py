"""Cases for the comparison: a seed makes a box, a ruleset and packets. The engine has no part in it."""

from __future__ import annotations

from ipaddress import IPv4Address
from random import Random

from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.pools import INTERFACES, TO_MANY
from fwtutor.kernel.random_rules import ruleset
from fwtutor.kernel.random_traffic import traffic

UNLIMITED = {"net.ipv4.icmp_ratelimit": 0}
"""ICMP answers are not rationed in random cases: the kernel's ration runs by its own clock, and is tested by itself."""


_SYSCTLS = {
    "tcp_loose": (0,),
    "tcp_be_liberal": (1,),
    "tcp_ignore_invalid_rst": (1,),
    "tcp_max_retrans": (0, 1, 2),
    "checksum": (0,),
    "tcp_timeout_syn_sent": (77, 1000),
    "tcp_timeout_established": (250, 7200),
    "tcp_timeout_close": (77, 400),
    "tcp_timeout_unacknowledged": (200,),
    "tcp_timeout_max_retrans": (45,),
    "udp_timeout": (50,),
    "icmp_timeout": (70,),
    "generic_timeout": (80,),
}
"""By the end of their names after nf_conntrack_: values worth trying. No timeout is so short that it ends within a case,
and none less than 120 is compared with a time left: the kernel does that in ticks of its clock."""


def case(seed: int, packets: int = 50) -> tuple[Setup, list[Shot]]:
    """The case of that number: always the same one."""
    random = Random(seed)
    sysctls = dict(UNLIMITED)
    for name, values in _SYSCTLS.items():
        if random.random() < 0.07:
            sysctls[f"net.netfilter.nf_conntrack_{name}"] = random.choice(values)
    if random.random() < 0.6:  # counters show what else would not: whether the tracker took a segment or ignored it
        sysctls["net.netfilter.nf_conntrack_acct"] = 1
    if random.random() < 0.04:
        sysctls["net.ipv4.ip_forward"] = 0
    routes: dict[str, str | tuple[str, str]] = {"default": "wan"}
    if random.random() < 0.2:
        routes = {"default": ("wan", "203.0.113.254"), "192.168.7.0/24": ("lan", "192.168.0.254")}
    mtus = {random.choice(("wan", "lan")): random.choice((576, 1000, 1041))} if random.random() < 0.1 else {}
    shots = traffic(random, packets)
    smallest = min(mtus.values(), default=1500)
    shots = [shot for shot in shots if shot.on is not None or _sendable(shot.raw, smallest)]
    return Setup(INTERFACES, ruleset(random), routes, sysctls, mtus), shots


def _sendable(raw: bytes, mtu: int) -> bool:
    """Whether the box may send it itself in a case.

    The raw socket refuses what is bigger than the MTU, before the firewall is asked.
    """
    return len(raw) <= mtu and str(IPv4Address(raw[16:20])) not in TO_MANY
