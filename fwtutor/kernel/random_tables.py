"""Random rules of the tables raw, mangle and security, and everywhere what acts on packets or asks what surrounds them.

Drawn as ``random_rules`` draws, which this knows nothing of.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, TO_MANY, WAN_BOX

CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
_COMES, _LEAVES = ("PREROUTING", "INPUT", "FORWARD"), ("FORWARD", "OUTPUT", "POSTROUTING")
_MARKS = ("0x0", "0x1", "0x2/0x3", "0x0/0xff", "0x1/0x1", "0xff00/0xff00")
_ADDRESSES = (*FAR, *NEAR, WAN_BOX, LAN_BOX, *TO_MANY)
_MACS = ("02:00:00:00:00:01", "02:00:00:00:00:09")
_TOS = ("--set-tos 0x10", "--set-tos 0/0x3f", "--or-tos 0x02", "--and-tos 0xfc", "--xor-tos 0xff", "--set-tos 0xb8/0xfc")
_TYPES = ("LOCAL", "UNICAST", "BROADCAST", "MULTICAST", "UNSPEC", "ANYCAST")


def _not(random: Random) -> str:
    return "! " if random.random() < 0.25 else ""


def match(random: Random, chain: str) -> str:
    """A match on what surrounds the packet; ``chain`` is a built-in one, or "" for user chains, which may be reached from everywhere."""
    kinds = ["connmark", "mark", "addrtype", "iprange", "length", "pkttype", "tos", "dscp", "contents", "contents"]
    kinds += ["owner"] if chain in ("OUTPUT", "POSTROUTING") else []
    kinds += ["mac"] if chain in _COMES else []
    kind = random.choice(kinds)
    no = _not(random)
    if kind in ("connmark", "mark"):
        return f"-m {kind} {no}--mark {random.choice(_MARKS)}"
    if kind == "contents":
        return contents(random, chain)
    if kind == "addrtype":
        words = [f"{_not(random)}--{side}-type {','.join(random.sample(_TYPES, random.randint(1, 2)))}" for side in ("src", "dst")]
        limits = [f"--limit-iface-{way}" for way, chains in (("in", _COMES), ("out", _LEAVES)) if chain in chains]
        limits = random.sample(limits, min(len(limits), random.randint(0, 1)))
        return f"-m addrtype {' '.join([*random.sample(words, random.randint(1, 2)), *limits])}"
    if kind == "iprange":
        words = []
        for side in ("src", "dst"):
            first, last = sorted(random.sample(_ADDRESSES, 2), key=lambda text: [int(part) for part in text.split(".")])
            words.append(f"{_not(random)}--{side}-range {first}-{last}")
        return f"-m iprange {' '.join(random.sample(words, random.randint(1, 2)))}"
    if kind == "length":
        return f"-m length {no}--length {random.choice(('40', '28', '0:60', '41:', '61:1500', '1000:65535', '48:52'))}"
    if kind == "pkttype":
        return f"-m pkttype {no}--pkt-type {random.choice(('unicast', 'broadcast', 'multicast'))}"
    if kind == "tos":
        return f"-m tos {no}--tos {random.choice(('0', '0x10', '0/0x3f', '0x02/0x02', '0xc0/0xc0', '0x10/0x1c'))}"
    if kind == "dscp":
        return f"-m dscp {no}--dscp {random.choice(('0', '4', '0x30', '46'))}"
    if kind == "mac":
        return f"-m mac {no}--mac-source {random.choice(_MACS)}"
    who = (f"{_not(random)}--uid-owner 0", f"{no}--uid-owner 5-1000", f"{_not(random)}--gid-owner 0", f"{no}--socket-exists")
    return f"-m owner {' '.join(sorted(random.sample(who[1:] if random.random() < 0.5 else (who[0], *who[2:]), random.randint(1, 2))))}"


_U32 = (
    "0>>22&0x3C@0>>16=22,53,80", "6&0xFF=6", "0>>22&0x3C@12>>26&0x3C=20", "8>>24=0:64", "0&0xFFFF=60:0xffff", "0>>22&0x3C@0>>22&0x3C@0=0",
    "12=0x0a000000:0xcb0071ff && 6&0xFF=17", "1000=0",
)  # fmt: skip
_TEXTS = (
    "--string GET",
    '--string "get" --icase',
    '--hex-string "|0000|" --from 40',
    '--hex-string "|00|"',
    "--string x --from 12 --to 60",
)
"""No single letter is looked for in what the kernel draws of an ICMP error of its own: the IP id, and the checksum over it."""


def contents(random: Random, chain: str) -> str:
    """A match on what is in the packet, or on what the box has not."""
    no = _not(random)
    way = random.choice(("in",) if chain in ("PREROUTING", "INPUT") else ("out",) if chain in ("OUTPUT", "POSTROUTING") else ("in", "out"))
    kinds = ["u32", "string", "ecn", "physdev"]
    kinds += ["policy", "devgroup"] if chain else []
    kind = random.choice(kinds)
    if kind == "u32":
        return f'-m u32 {no}--u32 "{random.choice(_U32)}"'
    if kind == "string":
        return f"-m string {no}{random.choice(_TEXTS)} --algo {random.choice(('bm', 'kmp'))}"
    if kind == "ecn":
        return f"-m ecn {no}--ecn-ip-ect {random.randint(0, 3)}"
    if kind == "physdev":
        return f"-m physdev {no}--physdev-in {random.choice(('wan', 'eth+'))}"
    if kind == "policy":
        return f"-m policy --dir {way} --pol {random.choice(('none', 'none', 'ipsec'))}"
    return f"-m devgroup {no}--{'src' if way == 'in' else 'dst'}-group {random.choice((0, 5, '0/7'))}"


def target(random: Random, table: str, chain: str) -> tuple[str, str]:
    """A target that acts and lets the walk go on, and what its rule must demand before it."""
    kinds = ["MARK", "MARK", "CONNMARK", "CONNMARK", "NFLOG", "TCPMSS"]
    kinds += ["TTL", "TOS", "DSCP"] * 2 if table == "mangle" else []
    kinds += ["CLASSIFY"] if chain in _LEAVES else []
    kinds += ["TRACE"] if table == "raw" else []
    kind = random.choice(kinds)
    needs, words = "", ""
    if kind in ("MARK", "CONNMARK"):
        words = f"--set-{random.choice(('mark', 'xmark'))} {random.choice(_MARKS)}"
        words = random.choice((words, words, "--or-mark 0x2", "--and-mark 0xff", "--xor-mark 3"))
    if kind == "CONNMARK":
        # Nothing is shifted to the left: in the end that would mark entries as those of strangers, which are not looked at.
        masks = random.choice(("", "", "--nfmask 0xff --ctmask 0xff00", "--mask 0x1", "--ctmask 0x3", "--right-shift-mark 4"))
        words = random.choice((words, f"--save-mark {masks}", f"--restore-mark {masks}", f"{words} --right-shift-mark 1")).strip()
    elif kind == "NFLOG":
        words = f"--nflog-group {random.choice((5, 7))}{random.choice(('', ' --nflog-prefix x'))}"
    elif kind == "TCPMSS":
        needs = random.choice(("-p tcp -m tcp --syn", "-p tcp -m tcp --tcp-flags SYN SYN", "-p tcp -m tcp --tcp-flags SYN,RST SYN"))
        words = f"--set-mss {random.choice((0, 100, 536, 1000, 1400, 65515))}"
        if chain in _LEAVES and random.random() < 0.5:
            words = "--clamp-mss-to-pmtu"
    elif kind == "TTL":
        words = f"--ttl-{random.choice(('set 1', 'set 0', 'set 2', 'set 64', 'inc 1', 'inc 200', 'dec 1', 'dec 63', 'dec 255'))}"
    elif kind == "TOS":
        words = random.choice(_TOS)
    elif kind == "DSCP":
        words = f"--set-dscp {random.choice((0, 4, 46, 63))}"
    elif kind == "CLASSIFY":
        words = "--set-class 1:2"
    return f"-j {kind} {words}".strip(), needs


def tables(random: Random, users: int, conditions: Callable[[str], str]) -> str:
    """Some of the tables, in iptables-save text; ``conditions`` draws a rule's usual ones in a chain."""
    lines = []
    for table in random.sample(list(CHAINS), random.randint(1, 3)):
        lines.append(f"*{table}")
        names = [f"x{number}" for number in range(random.randint(0, users))]
        lines += [f":{chain} {'DROP' if random.random() < 0.04 else 'ACCEPT'} [0:0]" for chain in CHAINS[table]]
        lines += [f":{name} - [0:0]" for name in names]
        for chain in CHAINS[table]:
            lines += [_rule(random, table, chain, chain, names, conditions) for _ in range(random.randint(0, 4))]
        for index, name in enumerate(names):
            lines += [_rule(random, table, name, "", names[index + 1 :], conditions) for _ in range(random.randint(0, 3))]
        lines.append("COMMIT")
    return "\n".join([*lines, ""])


def _rule(random: Random, table: str, chain: str, builtin: str, users: list[str], conditions: Callable[[str], str]) -> str:
    acts, needs = target(random, table, builtin)
    choice = random.random()
    if choice > 0.75:
        acts, needs = random.choice(("-j ACCEPT", "-j ACCEPT", "-j RETURN", "-j DROP", "")), ""
        if users and random.random() < 0.5:
            acts = f"-{random.choice('jg')} {random.choice(users)}"
    words = [needs]
    if not needs and random.random() < 0.35:
        words.append(conditions(builtin))
    if random.random() < 0.35 or (acts == "-j DROP" and not any(words)):
        words.append(match(random, builtin))
    return " ".join(word for word in (f"-A {chain}", *words, acts) if word)
