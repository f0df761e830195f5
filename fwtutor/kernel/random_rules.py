"""Random rulesets for table filter, in iptables-save text. Drawn from a ``random.Random``; knows nothing of the engine.

Addresses, ports and marks come from small pools shared with the traffic, so that rules and packets meet.
"""

from __future__ import annotations

import re
from random import Random

from fwtutor.kernel import random_tables
from fwtutor.kernel.pools import FAR, NEAR, PORTS, WAN_BOX

_NETWORKS = (*FAR, *NEAR, WAN_BOX, "203.0.113.0/24", "192.168.0.0/16", "198.51.100.0/25", "0.0.0.0/1", "192.168.0.0/255.255.0.255")
_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "SNAT", "DNAT")
_STATUS = ("NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")
_FLAGS = ("SYN", "ACK", "FIN", "RST", "URG", "PSH")
_REJECTS = (
    "icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable",
    "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited",
)  # fmt: skip
_ICMP = (
    "any", "echo-reply", "pong", "destination-unreachable", "network-unreachable", "host-unreachable", "protocol-unreachable",
    "port-unreachable", "fragmentation-needed", "source-route-failed", "network-unknown", "host-unknown", "network-prohibited",
    "host-prohibited", "TOS-network-unreachable", "TOS-host-unreachable", "communication-prohibited", "host-precedence-violation",
    "precedence-cutoff", "source-quench", "redirect", "network-redirect", "host-redirect", "TOS-network-redirect",
    "TOS-host-redirect", "echo-request", "ping", "router-advertisement", "router-solicitation", "time-exceeded", "ttl-exceeded",
    "ttl-zero-during-transit", "ttl-zero-during-reassembly", "parameter-problem", "ip-header-bad", "required-option-missing",
    "timestamp-request", "timestamp-reply", "address-mask-request", "address-mask-reply",
)  # fmt: skip
_EXPIRE = ("0", "1:2", "0:25", "26:28", "31:50", "55:58", "61:90", "100:118", "130:290", "301:431000", "0:118", "31:4294967295")
"""Ranges of seconds left whose ends are not next to any timeout: the kernel's clock ticks while we look."""
_BUILTIN = ("INPUT", "FORWARD", "OUTPUT")

_LIMITS = (
    "", "--limit 1/sec --limit-burst 1", "--limit 1/sec", "--limit 60/min --limit-burst 20", "--limit 30/min --limit-burst 2",
    "--limit 20/min --limit-burst 3", "--limit 7/min --limit-burst 1", "--limit 1/min --limit-burst 7", "--limit 1/hour --limit-burst 2",
    "--limit 2/day --limit-burst 5", "--limit 1/day --limit-burst 3", "--limit 10000/sec --limit-burst 100",
    "--limit 57935/day --limit-burst 9", "--limit 10000/sec --limit-burst 10000",
)  # fmt: skip
"""No two bursts of packets are near a whole number of seconds apart, so no bucket gets its next token within one."""
_NFT_LIMITS = (*_LIMITS, "--limit 1/day --limit-burst 5", "--limit 1/hour --limit-burst 60")
"""Legacy finds these out of range."""
_LOGS = (
    "", "--log-prefix x", '--log-prefix "two words: "', "--log-level 7", "--log-level debug --log-prefix 12345678901234567890123456789",
    "--log-uid --log-ip-options", "--log-tcp-sequence --log-tcp-options --log-macdecode", '--log-prefix "-j REJECT "',
)  # fmt: skip

PLAIN = """*filter
:INPUT {input} [0:0]
:FORWARD {forward} [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j ACCEPT
-A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan -o wan -j ACCEPT
-A FORWARD -p tcp -m tcp --syn --dport 80 -j ACCEPT
-A FORWARD -j REJECT
COMMIT
"""
"""What people really run: half of the cases use it, so that conversations live long enough to go wrong."""

TRANSPARENT = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate NEW
-A FORWARD -m conntrack --ctstate INVALID
COMMIT
"""


_POLICIES = ("ACCEPT", "DROP")
UNDRAWN = frozenset((TRANSPARENT, *(PLAIN.format(input=one, forward=other) for one in _POLICIES for other in _POLICIES)))


def is_fixed(rules: str) -> bool:
    """Whether a ruleset made here is one of those that are not drawn."""
    return rules in UNDRAWN


_TRACKS = re.compile(r" (-m (conntrack|state|connmark)|-j (CONNMARK|SNAT|DNAT|MASQUERADE|REDIRECT|NETMAP))\b")


def tracks(rules: str) -> bool:
    """Whether a ruleset made here switches connection tracking on."""
    return bool(_TRACKS.search(rules))


def order(random: Random, rules: str, variant: str) -> str:
    """A command that any of the rulesets made here takes: what follows the word iptables."""
    own = rules[rules.index("*filter") :].partition("COMMIT")[0]
    users = [chain for chain in re.findall(r"^:(\S+)", own, re.MULTILINE) if chain not in _BUILTIN]
    chains = (*_BUILTIN, *users)
    chain = random.choice(_BUILTIN)
    choice = random.random()
    if choice < 0.3:
        return f"-I {chain} {_rule(random, chain, users, True, variant)}".rstrip()
    if choice < 0.5:
        return f"-A {chain} {_rule(random, chain, users, True, variant)}".rstrip()
    if choice < 0.65:
        return f"-P {chain} {random.choice(('ACCEPT', 'DROP'))}"
    if choice < 0.8:
        return f"-F {random.choice(chains)}"
    if choice < 0.9:
        return "-F"
    return random.choice(("-Z", f"-Z {random.choice(chains)}"))


def ruleset(random: Random, variant: str) -> str:
    """One ruleset, of matches and targets the variant decides alike however fast the packets come."""
    kind = random.random()
    if kind < 0.2:
        return PLAIN.format(input=random.choice(_POLICIES), forward=random.choice(_POLICIES))
    if kind < 0.5:
        return TRANSPARENT
    users = [f"u{number}" for number in range(random.randint(0, 4))]
    lines = ["*filter"]
    # A chain that is not named under nft is made by its first rule, or not at all.
    unnamed = [name for name in _BUILTIN if random.random() < 0.1 and variant == "nft"]
    lines += [f":{name} {random.choice(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]" for name in _BUILTIN if name not in unnamed]
    lines += [f":{name} - [0:0]" for name in users]
    tracking = random.random() < 0.9
    for name in _BUILTIN:
        long = random.random() < 0.06
        for _ in range(random.randint(20, 45) if long else random.randint(0, 5)):
            rule = _narrow if long and random.random() < 0.8 else _rule
            lines.append(f"-A {name} {rule(random, name, users, tracking, variant)}".rstrip())
    for index, name in enumerate(users):
        for _ in range(random.randint(0, 4)):
            # Only to later chains: a loop would be refused.
            lines.append(f"-A {name} {_rule(random, '', users[index + 1 :], tracking, variant)}".rstrip())
    text = "\n".join([*lines, "COMMIT", ""])
    if random.random() < 0.6:
        text += random_tables.tables(random, 2, lambda chain: " ".join(_conditions(random, chain, tracking, variant)[1]))
    return text


def _not(random: Random) -> str:
    return "! " if random.random() < 0.25 else ""


def _rule(random: Random, builtin: str, users: list[str], tracking: bool, variant: str) -> str:
    if random.random() < 0.06:
        acts, needs = random_tables.target(random, "filter", builtin)
        return f"{needs or ' '.join(_conditions(random, builtin, tracking, variant)[1])} {acts}".strip()
    protocol, parts = _conditions(random, builtin, tracking, variant)
    if random.random() < 0.1:
        parts.append(random_tables.match(random, builtin))
    return " ".join([*parts, _target(random, protocol, users)])


def _conditions(random: Random, builtin: str, tracking: bool, variant: str) -> tuple[str, list[str]]:
    """The usual conditions of a rule: the protocol it demands, and the words."""
    parts = []
    if random.random() < 0.25:
        parts.append(f"{_not(random)}-s {random.choice(_NETWORKS)}")
    if random.random() < 0.2:
        parts.append(f"{_not(random)}-d {random.choice(_NETWORKS)}")
    if builtin not in ("OUTPUT", "POSTROUTING") and random.random() < 0.2:
        parts.append(f"{_not(random)}-i {random.choice(('wan', 'lan', 'w+', 'lo', 'wa', '+'))}")
    if builtin not in ("INPUT", "PREROUTING") and random.random() < 0.2:
        parts.append(f"{_not(random)}-o {random.choice(('wan', 'lan', 'l+', 'la+', 'lo'))}")
    protocol, matches = _protocol(random)
    parts += matches
    if random.random() < 0.05:
        parts.append(f"{_not(random)}-f")
    if tracking and random.random() < 0.4:
        parts.append(_conntrack(random))
    if random.random() < 0.08:
        parts.append(f"-m mark {_not(random)}--mark {random.choice(('0x0', '0x1', '0x0/0xff', '0x1/0x1'))}")
    if random.random() < 0.08:
        parts.append(f"-m comment --comment {random.choice(('plain', chr(34) + 'two words' + chr(34), chr(34) + '-j REJECT' + chr(34)))}")
    if random.random() < 0.12:
        _put_limit(random, parts, variant)
    return protocol, parts


def _put_limit(random: Random, parts: list[str], variant: str) -> None:
    """Among the other matches, since what stands before it keeps packets from its bucket."""
    limit = random.choice(_LIMITS if variant == "legacy" else _NFT_LIMITS)
    parts.insert(random.randint(0, len(parts)), f"-m limit {limit}".rstrip())


def _narrow(random: Random, builtin: str, users: list[str], tracking: bool, variant: str) -> str:
    """A rule that few packets fit, so that they come far in a long chain."""
    parts = []
    if random.random() < 0.4:
        parts.append(f"-s {random.choice(_NETWORKS)}")
    if random.random() < 0.4:
        parts.append(f"-d {random.choice(_NETWORKS)}")
    if builtin != "OUTPUT" and random.random() < 0.3:
        parts.append(f"-i {random.choice(('wan', 'lan'))}")
    if builtin != "INPUT" and random.random() < 0.3:
        parts.append(f"-o {random.choice(('wan', 'lan'))}")
    protocol = random.choice(("tcp", "tcp", "udp"))
    options = random.choice((("--sport",), ("--dport",), ("--dport",), ("--sport", "--dport")))
    parts.append(" ".join([f"-p {protocol} -m {protocol}", *(f"{option} {random.choice(PORTS)}" for option in options)]))
    if tracking and random.random() < 0.1:
        parts.append(_conntrack(random))
    if random.random() < 0.1:
        _put_limit(random, parts, variant)
    return " ".join([*parts, _target(random, protocol, users)])


def _protocol(random: Random) -> tuple[str, list[str]]:
    """(protocol as a rule demands it, the rule's words)."""
    if random.random() < 0.12:
        protocol = random.choice(("tcp", "tcp", "udp", "udp", "udplite", "sctp", "sctp", "dccp"))
        return protocol, [f"-p {protocol}", _multiport(random)]
    choice = random.random()
    if choice < 0.3:
        return "tcp", ["-p tcp", *_tcp(random)]
    if choice < 0.5:
        return "udp", ["-p udp", *([f"-m udp {_ports(random)}"] if random.random() < 0.6 else [])]
    if choice < 0.65:
        kind = random.choice(("8", "0", "3", "3/3", "3/13", "11", "13", "255", "8/0", "12/1", *_ICMP))
        return "icmp", ["-p icmp", *([f"-m icmp {_not(random)}--icmp-type {kind}"] if random.random() < 0.7 else [])]
    if choice < 0.75:
        return "", [f"{_not(random)}-p {random.choice(('50', '6', '17', 'icmp', '253'))}"]
    return "", []


def _ports(random: Random) -> str:
    words = []
    for option in ("--sport", "--dport"):
        if random.random() < 0.55:
            low = random.choice(PORTS)
            high = random.choice((low, low, random.choice(PORTS), random.choice(PORTS), 65535))
            text = str(low) if high == low else f"{min(low, high)}:{max(low, high)}"
            words.append(f"{random.choice(('', '', '! '))}{option} {text}")
    return " ".join(words)


def _multiport(random: Random) -> str:
    listed = []
    count = random.choice((1, 2, 3, 7, 15))
    for _ in range(count):
        low, high = sorted(random.sample((*PORTS, 0, 1024, 65535), 2))
        # A range counts as two ports, of which there may be 15.
        listed.append(str(low) if count == 15 or random.random() < 0.7 else f"{low}:{high}")
    return f"-m multiport {_not(random)}--{random.choice(('sports', 'dports', 'ports'))} {','.join(listed)}"


def _tcp(random: Random) -> list[str]:
    words = []
    if random.random() < 0.6 and (ports := _ports(random)):
        words.append(ports)
    choice = random.random()
    if choice < 0.15:
        words.append(f"{_not(random)}--syn")
    elif choice < 0.3:
        mask = random.sample(_FLAGS, random.randint(1, 6))
        held = [flag for flag in mask if random.random() < 0.4]
        flags, kept = random.choice(((",".join(mask), ",".join(held) or "NONE"),) * 4 + (("ALL", ",".join(held) or "NONE"), ("ALL", "ALL")))
        words.append(f"{_not(random)}--tcp-flags {flags} {kept}")
    elif choice < 0.44:
        words.append(f"{_not(random)}--tcp-option {random.choice((2, 3, 4, 5, 7, 8, 30))}")
    return ["-m tcp " + " ".join(words)] if words else []


def _conntrack(random: Random) -> str:
    states = random.sample(_STATES, random.randint(1, 3))
    if random.random() < 0.25:
        plain = [state for state in states if state not in ("SNAT", "DNAT")] or ["NEW"]
        return f"-m state {_not(random)}--state {','.join(plain)}"
    words = []
    if random.random() < 0.7:
        words.append(f"{_not(random)}--ctstate {','.join(states)}")
    if random.random() < 0.25:
        words.append(f"{_not(random)}--ctstatus {','.join(random.sample(_STATUS, random.randint(1, 2)))}")
    if random.random() < 0.12:
        option = random.choice(("--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--ctrepldst"))
        words.append(f"{_not(random)}{option} {random.choice((*FAR, *NEAR, '192.168.0.0/16', '203.0.113.0/24'))}")
    if random.random() < 0.1:
        words.append(f"{_not(random)}--ctproto {random.choice(('tcp', 'udp', 'icmp', '50'))}")
    if random.random() < 0.1:
        option = random.choice(("--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport", "--ctrepldstport"))
        low = random.choice(PORTS)
        words.append(f"{_not(random)}{option} {low if random.random() < 0.6 else f'{low}:65535'}")
    if random.random() < 0.1:
        # Of an entry not kept yet the kernel reckons with how long it has been running.
        words = [word for word in words if "--ctstatus" not in word]
        words.append(f"--ctstatus CONFIRMED {_not(random)}--ctexpire {random.choice(_EXPIRE)}")
    if random.random() < 0.15 or not words:
        words.append(f"--ctdir {random.choice(('ORIGINAL', 'REPLY'))}")
    return "-m conntrack " + " ".join(words)


def _target(random: Random, protocol: str, users: list[str]) -> str:
    if random.random() < 0.12:
        return f"-j LOG {random.choice(_LOGS)}".rstrip()
    choice = random.random()
    if choice < 0.3:
        return "-j ACCEPT"
    if choice < 0.42:
        return "-j DROP"
    if choice < 0.55:
        if protocol == "tcp" and random.random() < 0.5:
            return "-j REJECT --reject-with tcp-reset"
        return f"-j REJECT --reject-with {random.choice(_REJECTS)}"
    if choice < 0.63:
        return "-j RETURN"
    if choice < 0.85 and users:
        return f"-{random.choice('jjg')} {random.choice(users)}"
    return ""
