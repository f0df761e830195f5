"""Rules of further matches and targets put into a case that is drawn, and packets for which they decide both ways.

Drawn apart, so that the cases without are what they always were. Only what is as certain as the rest of a case: no rates, no chance, and
nothing of processors but that there are not so many. Knows nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from struct import pack

from fwtutor.kernel.observation import Item, Setup, Shot
from fwtutor.kernel.pools import FAR, NEAR, address
from fwtutor.kernel.random_rules import tracks
from fwtutor.kernel.rules_in_ipv6 import address as address6, address_text
from fwtutor.netfilter import craft

SHARE = 0.4
"""The share of cases that get some."""
_APART = 0.02
_BUILTIN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_ESP, _AH, _DCCP, _MH = 50, 51, 33, 135


def add(random: Random, setup: Setup, items: list[Item]) -> tuple[Setup, list[Item]]:
    """The case with some more rules, and packets between those it has."""
    family = 6 if setup.rules6 else 4
    rules = setup.rules6 or setup.rules
    drawn = _Drawn(random, family, rules, by_ticks=setup.variant == "legacy" or "-m limit" not in rules)
    lines, table, found = rules.splitlines(), "", list[str]()
    for line in lines:
        table = line[1:] if line.startswith("*") else table
        ends = line == "COMMIT" and table != "nat"
        found += [rule for _ in range(random.randint(1, 4)) if (rule := drawn.rule(table)) and ends]
        found.append(line)
        chain = line.split(" ")[1] if line.startswith("-A ") else ""
        if chain in _BUILTIN and table != "nat" and random.random() < 0.25:
            found.append(drawn.rule(table, chain))
    text = "".join(f"{line}\n" for line in found if line)
    more: list[Item] = []
    for item in items:
        more.append(item)
        if random.random() < 0.12:
            more.append(_shot(random, family)._replace(at=item.at))
    if "-m connlimit" in text and not any(item.at for item in more):
        # It cleans up once a tick, and where that passes within a packet, of two rules nobody knows which was asked in which.
        more = [item._replace(at=_APART * number) for number, item in enumerate(more)]
    return (replace(setup, rules6=text) if family == 6 else replace(setup, rules=text)), more


class _Drawn:
    """Draws rules for a family."""

    def __init__(self, random: Random, family: int, rules: str, *, by_ticks: bool) -> None:
        self.random, self.family, self.tracking, self.by_ticks = random, family, tracks(rules), by_ticks
        self.anew = any(f"-j {target} " in rules for target in ("MARK", "CONNMARK", "TOS", "DSCP", "HL"))
        """Whether a copy may be routed anew in OUTPUT."""

    def rule(self, table: str, chain: str = "") -> str:
        """One for a chain of a table, "" if nothing was drawn that may stand there."""
        random = self.random
        chains = {"filter": ("INPUT", "FORWARD", "OUTPUT"), "mangle": _BUILTIN, "raw": ("PREROUTING", "OUTPUT"),
                  "security": ("INPUT", "FORWARD", "OUTPUT")}  # fmt: skip
        chain = chain or random.choice(chains.get(table, _BUILTIN))
        match = random.choice(self._matches(table, chain))()
        target, needs = self._target(table, chain)
        if needs and match.startswith("-p"):
            match = ""
        return " ".join(word for word in (f"-A {chain}", needs, match, target) if word)

    def _not(self) -> str:
        return "! " if self.random.random() < 0.25 else ""

    def _matches(self, table: str, chain: str) -> list[Callable[[], str]]:
        found = [self._transport, self._transport, self._recent, self._counting, self._cpu]
        if self.family == 6:
            found += [self._extension] * 4
        if table in ("raw", "mangle") and chain == "PREROUTING":
            found += [self._rpfilter] * 2
        if self.tracking:
            found += [self._connection] * 3
        return found

    def _transport(self) -> str:
        random, no = self.random, self._not()
        ah = f"-p ah -m ah {no}--ahspi" if self.family == 4 else f"-m ah {no}--ahspi"
        chunks = random.choice(("any DATA", "all INIT", "only DATA,SACK", "any ABORT,INIT", "any DATA:B", "any SHUTDOWN,COOKIE_ECHO"))
        return random.choice((
            f"-p esp -m esp {no}--espspi {random.choice(('5', '1:4', '5:'))}", f"{ah} {random.choice(('5', '1:4', '5:'))}",
            f"-p tcp -m tcpmss {no}--mss {random.choice(('1460', '536:1400', '0:65535'))}",
            f"-p sctp -m sctp {no}--{random.choice(('sport', 'dport'))} {random.choice(('53', '22:80', '4000:'))}",
            f"-p sctp -m sctp {no}--chunk-types {chunks}",
            f"-p dccp -m dccp {no}--{random.choice(('sport', 'dport'))} {random.choice(('53', '22:80', '4000:'))}",
            f"-p dccp -m dccp {no}--dccp-types {random.choice(('REQUEST', 'DATA,ACK', 'INVALID', 'RESET,CLOSE,SYNC'))}",
            f"-p dccp -m dccp {no}--dccp-option 5",
        ))  # fmt: skip

    def _extension(self) -> str:
        random, no = self.random, self._not()
        return random.choice((
            "-m frag --fragmore", "-m frag --fragfirst", "-m frag --fraglast", f"-m frag {no}--fragid 1:99", "-m frag --fragres",
            f"-m rt {no}--rt-type {random.choice((0, 2))}", f"-m rt {no}--rt-segsleft {random.choice(('0', '1:2'))}",
            f"-m rt {no}--rt-len {random.choice((24, 8))}",
            f"-m hbh {no}--hbh-len 8", "-m hbh --hbh-opts 1:4", f"-m dst {no}--dst-len 8", "-m dst --dst-opts 1", "-m ah --ahres",
            f"-m ah {no}--ahlen {random.choice((12, 24))}",
            f"-m ipv6header {no}--header {random.choice(('prot', 'dst,prot', 'frag,prot', 'hop,prot'))}",
            f"-m ipv6header {no}--header {random.choice(('hop', 'dst', 'route', 'frag', 'auth', 'esp', 'none'))} --soft",
            f"-p mh -m mh {no}--mh-type {random.choice(('1:4', '5', '6:'))}",
        ))  # fmt: skip

    def _rpfilter(self) -> str:
        return f"-m rpfilter {self.random.choice(('', '--loose', '--accept-local', '--invert', '--validmark --invert'))}".strip()

    def _cpu(self) -> str:
        return f"-m cpu {self._not()}--cpu 4000000000"

    def _recent(self) -> str:
        random = self.random
        name = f"--name r{random.randint(1, 2)}"
        if random.random() < 0.4:
            return f"-m recent --set {name}"
        asked = random.choice(("--rcheck", "--update", "--remove"))
        more = "" if asked == "--remove" else random.choice(("", "", "--hitcount 3", "--rttl", "--hitcount 2 --rttl"))
        return f"-m recent {self._not()}{asked} {more} {name}".replace("  ", " ")

    def _counting(self) -> str:
        random, no = self.random, self._not()
        every = random.choice((1, 2, 3, 5))
        nth = f"-m statistic --mode nth {no}--every {every} --packet {random.randrange(every)}"
        return random.choice((nth, f"-m quota {no}--quota {random.choice((0, 100, 500, 3000))}"))

    def _connection(self) -> str:
        random, no = self.random, self._not()
        mode, amount = random.choice((("packets", "3"), ("packets", "2:5"), ("bytes", "200:"), ("avgpkt", "28:60")))
        size = random.choice((0, 16, 32) if self.family == 4 else (0, 64, 128))
        found = [
            f"-m connbytes {no}--connbytes {amount} --connbytes-mode {mode} --connbytes-dir {random.choice(('original', 'reply', 'both'))}",
            f"-m connlabel {no}--label {random.randint(1, 2)}", f"-m connlabel {no}--label {random.randint(1, 2)} --set",
        ]  # fmt: skip
        if self.by_ticks:
            side = random.choice(("saddr", "daddr"))
            found.append(f"-m connlimit --connlimit-{random.choice(('upto', 'above'))} {random.randint(0, 3)} --connlimit-mask {size} "
                         f"--connlimit-{side}")  # fmt: skip
        return random.choice(found)

    def _target(self, table: str, chain: str) -> tuple[str, str]:
        """Words of a target, and what its rule must demand."""
        random = self.random
        gateway = random.choice(("203.0.113.200", "192.168.0.99"))
        found = [("", "")] * 5 + [("-j ACCEPT", ""), ("-j DROP", ""), ("-j RETURN", ""), ("-j AUDIT --type accept", "")]
        found += [(f"-j NFQUEUE --queue-num {random.randint(0, 3)}{random.choice(('', ' --queue-bypass', ' --queue-bypass'))}", "")]
        if chain != "POSTROUTING":
            # The id of the box's own ICMP errors is drawn, and in a copy not told from that of others'.
            needs = random.choice(("-p tcp", "-p udp")) if chain == "OUTPUT" else "! -i lo"
            # What of a copy would come back to the box: docs/simplified.md.
            needs += " ! -d ff00::/8" if self.family == 6 else ""
            if self.anew:
                needs += " -m addrtype " + ("--dst-type UNICAST" if self.family == 4 else "! --dst-type LOCAL,ANYCAST")
            found.append((f"-j TEE --gateway {gateway if self.family == 4 else address_text(gateway)}", needs))
        if table == "mangle":
            strip = random.choice(("mss", "sack-permitted,timestamp", "wscale,4", "2,3,4,8"))
            found += [(f"-j TCPOPTSTRIP --strip-options {strip}", "-p tcp")] * 2 + [("-j CHECKSUM --checksum-fill", "")]
        return random.choice(found)


def _shot(random: Random, family: int) -> Shot:
    """A packet with a header that few conversations have."""
    ends = [address(random.choice(FAR)), address(random.choice(NEAR))]
    ends = ends if family == 4 else [address6(end) for end in ends]
    back = random.random() < 0.4
    src, dst = reversed(ends) if back else ends
    ports = [random.choice((53, 22, 4000, 80)) for _ in range(2)]
    kind = random.choice((_ESP, _AH, _DCCP, _DCCP, *((_MH,) if family == 6 else ())))
    if kind == _ESP:
        data = pack("!II", random.choice((1, 4, 5, 9)), 1) + bytes(8)
    elif kind == _AH:
        upper = craft.udp(src, dst, ports[0], ports[1], b"data", family=family)[20 if family == 4 else 40 :]
        data = pack("!BBHII", 17, random.choice((1, 4)), random.choice((0, 1)), random.choice((1, 4, 5, 9)), 1)
        data += bytes((data[1] + 2) * 4 - len(data)) + upper
    elif kind == _DCCP:
        type_, option = random.randrange(10), random.choice((b"", b"\5\4xx", b"\0\0\0\0"))
        rest = bytes({0: 8, 1: 16, 2: 4, 7: 16}.get(type_, 12)) + option
        data = pack("!HHBBHBBH", *ports, (12 + len(rest)) // 4, 0, 0, type_ << 1 | 1, 0, 0) + rest + b"data"
    else:
        data = bytes([59, 0, random.randint(0, 8), 0, 0, 0, 0, 0])
    if random.random() < 0.1:
        data = data[: random.randint(0, 14)]
    raw = craft.ip(src, dst, kind, data, family=family, id=random.randint(1, 65535), df=False)
    return Shot(raw, "lan" if back else "wan")
