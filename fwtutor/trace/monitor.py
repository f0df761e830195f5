"""What ``xtables-monitor --trace`` would print, were every packet traced: a PACKET line at each chain of table filter, a TRACE line a rule.

As that program (iptables 1.8.9) has it, also where it is odd: RETURN is a bare number, and the end of a user chain no line. Trace ids
count from 1. What only a link knows (MACSRC= and so on) is left out, as are the rules of raw that would switch tracing on.
"""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.events import ANSWER, TABLE, Shown
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN, TCP, UDP, URG, Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.compiled import ACCEPT, DROP, GOTO, HOT_DROP, JUMP, MATCHED, POLICY, RETURN, Hit
from fwtutor.netfilter.xtables.rule import Jump, Rule
from fwtutor.trace.run import Traced

LOOPBACK = "lo"
RETURNS = "0xfffffffb"
"""What the program prints for RETURN, as it has no word for it."""
_FLAGS = ((SYN, "SYN"), (ACK, "ACK"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (URG, "URG"))
_PORTED = {TCP: 20, UDP: 4, 33: 4, 132: 4, 136: 4}
"""Protocols whose ports are shown, and how many bytes of their header must be there for it."""
_WORDS = {ACCEPT: "ACCEPT", DROP: "DROP", RETURN: RETURNS}


class Monitor:
    """Writes packet after packet, and numbers them."""

    def __init__(self, firewall: Firewall) -> None:
        self._last = 0
        self._handles: dict[int, int] = {}
        """By a rule's id: the number the kernel gives rules and chains of a table as they come into being, chains first."""
        for table in firewall.ruleset().tables.values():
            rules = sorted(rule.id for chain in table.chains.values() for rule in chain.rules)
            self._handles |= {id: len(table.chains) + place for place, id in enumerate(rules, 1)}

    def lines(self, traced: Traced) -> Iterator[str]:
        """One packet, and what the box's own stack answered."""
        for walk in traced.walks:
            yield from self.walk(walk)

    def walk(self, walk: Walk) -> list[str]:
        """The lines of one walk; of a packet that met no chain of filter, its PACKET line alone."""
        lines, later = self._walk(walk)
        return lines + later

    def _walk(self, walk: Walk) -> tuple[list[str], list[str]]:
        """(lines, and those that come after everything else: of what comes round over loopback)."""
        number, inside = self._next(), walk.in_interface or ""
        first: list[str] = []
        lines: list[str] = []
        later: list[str] = []
        waiting: list[str] = []
        for event in walk.events:
            if event[0] == ANSWER:
                if not lines and not waiting:
                    lines.append(self._packet(number, walk.packet, inside, "", 0))
                answer, after = self._walk(event[1])
                # A rule that answers tells of itself when it has answered.
                lines += answer + waiting
                later += after
                waiting = []
            if event[0] != TABLE:
                continue
            lines += waiting
            shown: Shown = event[3]
            if shown.in_interface == LOOPBACK and not inside:
                number, inside = self._next(), LOOPBACK  # it comes round, and is another packet
                lines, first = [], lines
            told = [line for hit in event[2] for line in self._hit(number, hit)]
            if told:
                # The PACKET line comes with the first of the others.
                told.insert(0, self._packet(number, shown.packet, shown.in_interface, shown.out_interface, shown.mark))
            kept = len(told)
            if event[2] and _answers(event[2][-1]):
                kept = 0 if kept == 2 else kept - 1
            lines, waiting = lines + told[:kept], told[kept:]
        lines += waiting
        if first:
            return first, lines + later
        return lines or [self._packet(number, walk.packet, inside, "", 0)], later

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _hit(self, number: int, hit: Hit) -> Iterator[str]:
        chain = hit.chain
        place = f" TRACE: 2 {number:08x} {chain.table}:{chain.chain.name}"
        if hit.what == POLICY:
            yield f"{place}:policy:{chain.chain.policy} "
        elif hit.what == MATCHED:
            rule = chain.rules[hit.position]
            verdict = _verdict(rule, chain.actions[hit.position])
            yield f"{place}:rule:0x{self._handles[rule.id]:x}:{verdict}  -4 -t {chain.table} -A {chain.chain.name} {rule.save()}".rstrip()
        else:
            assert hit.what == HOT_DROP or chain.chain.policy is None

    def _packet(self, number: int, packet: Packet, inside: str, outside: str, mark: int) -> str:
        words = [f"PACKET: 2 {number:08x}"]
        words += [f"IN={inside}"] if inside else []
        words += ["LOOPBACK"] if inside == LOOPBACK else []
        words += [f"OUT={outside}"] if outside else []
        words += _header(packet)
        words += [f"MARK=0x{mark:x}"] if mark else []
        return " ".join(words) + " "


def _answers(hit: Hit) -> bool:
    return hit.what == MATCHED and hit.chain.rules[hit.position].target.name == "REJECT"


def _verdict(rule: Rule, action: int) -> str:
    if isinstance(rule.target, Jump):
        return f"{'GOTO' if action == GOTO else 'JUMP'}:{rule.target.chain}" if action in (JUMP, GOTO) else ""
    return _WORDS.get(action) or ("DROP" if rule.target.name == "REJECT" else "CONTINUE")


def _header(packet: Packet) -> list[str]:
    """The words of the IP header and of what of the next one is shown."""
    if packet.fault:
        return [f"LEN={len(packet.raw)}"]
    raw = packet.raw
    flags = raw[6] >> 5
    words = [f"SRC={packet.source}", f"DST={packet.destination}", f"LEN={packet.length}", f"TOS=0x{packet.tos:x}", f"TTL={raw[8]}"]
    words += [f"ID={int.from_bytes(raw[4:6], 'big')}"]
    words += [word for bit, word in ((4, "CE"), (2, "DF"), (1, "MF")) if flags & bit]
    offset = int.from_bytes(raw[6:8], "big") & 0x1FFF
    words += [f"FRAG:{offset}"] if offset else []
    options = raw[20 : (raw[0] & 15) * 4]
    words += [f"OPT ({options.hex()})"] if options else []
    body = raw[(raw[0] & 15) * 4 :]
    if packet.protocol in _PORTED and len(body) >= _PORTED[packet.protocol]:
        words += [f"SPORT={int.from_bytes(body[:2], 'big')}", f"DPORT={int.from_bytes(body[2:4], 'big')}"]
        if packet.protocol == TCP:
            words += [word for bit, word in _FLAGS if body[13] & bit]
    return words
