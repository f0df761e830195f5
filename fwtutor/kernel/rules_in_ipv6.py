"""Addresses and rules of IPv4 said again in IPv6: see ``in_ipv6``."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from random import Random

from fwtutor.kernel.random_rules import UNDRAWN

_ADDRESSES = {
    "0.0.0.0": "::", "255.255.255.255": "ff02::2", "203.0.113.255": "ff02::1", "192.168.255.255": "ff02::1", "224.0.0.1": "ff02::1",
    "239.1.2.3": "ff05::1:3", "127.0.0.1": "::1", "127.1.2.3": "::1", "203.0.113.0": "2001:db8:113::", "240.0.0.1": "fe80::9",
    "0.1.2.3": "3fff::1:2:3",
}  # fmt: skip
_NETWORKS = {"203.0.113.": "2001:db8:113::", "192.168.": "fd00:168::", "198.51.100.": "2001:db8:51::"}
"""By how an address begins."""
_ODD_MASK = "ffff:ffff::ffff"
_WITH_PORTS = ("udp", "sctp")
"""What rules of NAT with ports for ICMP are about instead: of IPv6's the tool refuses them."""
_TYPE_WORDS = (
    "destination-unreachable", "no-route", "communication-prohibited", "beyond-scope", "address-unreachable", "port-unreachable",
    "failed-policy", "reject-route", "packet-too-big", "time-exceeded", "ttl-exceeded", "ttl-zero-during-transit",
    "ttl-zero-during-reassembly", "parameter-problem", "bad-header", "unknown-header-type", "unknown-option", "echo-request", "ping",
    "echo-reply", "pong", "router-solicitation", "router-advertisement", "neighbour-solicitation", "neighbour-advertisement", "redirect",
    "128", "129", "1", "1/4", "2", "3/0", "128/0", "135", "255",
)  # fmt: skip
_REJECTS = (
    "icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail", "icmp6-reject-route",
)  # fmt: skip


def address(number: int) -> int:
    """The IPv6 address that stands for an IPv4 address."""
    text = str(IPv4Address(number))
    if text in _ADDRESSES:
        return int(IPv6Address(_ADDRESSES[text]))
    for prefix, network in _NETWORKS.items():
        if text.startswith(prefix):
            return int(IPv6Address(network)) + int(text.rpartition(".")[2]) + (int(text.split(".")[2]) << 16 if prefix == "192.168." else 0)
    return int(IPv6Address("2001:db8:ffff::")) + number


def address_text(text: str) -> str:
    return str(IPv6Address(address(int(IPv4Address(text)))))


_IPV4 = re.compile(r"\b(\d+\.\d+\.\d+\.\d+)(/\d+\.\d+\.\d+\.\d+|/\d+)?")
_TRANSLATION = re.compile(r"(--to-source|--to-destination) ([\d.]+)?(?:-([\d.]+))?(:\S+)?")
_PORTS = re.compile(r"--to-ports |--to-(source|destination) \S*:")
_RANGE = re.compile(r"(?<=-range )([0-9a-f:]+)-([0-9a-f:]+)")


def _length(network: str, length: int) -> int:
    """Of the prefix that stands for an IPv4 network's."""
    if length < 16:
        return length
    if (network, length) in (("203.0.113.0", 24), ("192.168.0.0", 16), ("192.168.0.0", 24)):
        return 64
    return 112 if network.startswith("192.168.") and length == 24 else 96 + length


def _in_order(found: re.Match[str]) -> str:
    low, high = sorted((IPv6Address(found[1]), IPv6Address(found[2])))
    return f"{low}-{high}"


def _translation(found: re.Match[str]) -> str:
    """Addresses stand in brackets where ports follow, several in one pair."""
    option, first, last, ports = found.groups()
    texts = sorted((address_text(text) for text in (first, last) if text), key=IPv6Address)
    written = "-".join(texts)
    return f"{option} {f'[{written}]' if written and ports else written}{ports or ''}"


def rules(random: Random, text: str) -> str:
    """iptables-save text as ip6tables' would have it. IRC's helper reads no IPv6, and a rule with it is refused."""
    return "".join(f"{rule(random, line)}\n" for line in text.splitlines() if "-j CT --helper irc" not in line)


def is_fixed(text: str) -> bool:
    """Whether rules are one of the rulesets that are not drawn, said again."""
    return _without_words(text) in {_without_words(rules(Random(0), fixed)) for fixed in UNDRAWN}


def _without_words(text: str) -> str:
    """Without what is drawn when a rule is said again."""
    return re.sub(r"--(icmpv6-type|reject-with) icmp\S+|--icmpv6-type \S+", "", text)


def rule(random: Random, line: str) -> str:
    """A line of it, or a command's words."""

    def network(found: re.Match[str]) -> str:
        mask = found[2] or ""
        if "." in mask:
            return f"{address_text(found[1])}/{_ODD_MASK}"
        return address_text(found[1]) + (f"/{_length(found[1], int(mask[1:]))}" if mask else "")

    if _PORTS.search(line):
        line = re.sub(r"-p icmp\b", lambda _: f"-p {random.choice(_WITH_PORTS)}", line)
    line = _TRANSLATION.sub(_translation, line)
    line = _RANGE.sub(_in_order, _IPV4.sub(network, line))
    line = re.sub(r" (! )?-f\b", "", line)
    line = re.sub(r"--icmp-type \S+", lambda _: f"--icmpv6-type {random.choice(_TYPE_WORDS)}", line)
    line = re.sub(r"-m icmp\b", "-m icmp6", re.sub(r"-p icmp\b", "-p ipv6-icmp", line)).replace("--ctproto icmp", "--ctproto 58")
    line = re.sub(r"--reject-with icmp-\S+", lambda _: f"--reject-with {random.choice(_REJECTS)}", line)
    line = re.sub(r"--set-mss (\d+)", lambda found: f"--set-mss {min(int(found[1]), 65495)}", line)
    line = re.sub(r"(?<=-type )[A-Z,]+", lambda found: found[0].replace("BROADCAST", "ANYCAST"), line)
    return re.sub(r"-m ttl (! )?--ttl", r"-m hl \1--hl", line).replace("-j TTL --ttl", "-j HL --hl")
