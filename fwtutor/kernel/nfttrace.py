"""The rule paths of iptables-nft's tables, from the kernel's nft trace messages, in the words of legacy TRACE.

The harness's own table tells of hooks, interfaces and packets in both variants (see ``watch``); its rules are traced like the tested
ones, so that each of its lines has its place among the messages. ``merged`` puts there what legacy TRACE would have said.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from fwtutor.kernel.netlink import FAMILIES, NLM_F_DUMP, Netfilter, attributes
from fwtutor.kernel.observation import Line
from fwtutor.kernel.rules import Rules
from fwtutor.kernel.watch import BEGIN, END, QUIET, WATCH

_SUBSYSTEM = 10
_TRACE, _GET_RULE = _SUBSYSTEM << 8 | 17, _SUBSYSTEM << 8 | 7
_GROUP = 9
_PATIENCE = 100
"""Milliseconds in which a message must come whose line is there."""

# Attribute and verdict numbers, as the kernel's user interface has them.
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE = 1, 2, 3
NFTA_TRACE_TABLE, NFTA_TRACE_CHAIN, NFTA_TRACE_RULE_HANDLE, NFTA_TRACE_TYPE, NFTA_TRACE_VERDICT, NFTA_TRACE_ID = 1, 2, 3, 4, 5, 6
NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN = 1, 2
NFT_TRACETYPE_POLICY, NFT_TRACETYPE_RULE = 1, 3
NF_DROP, NFT_JUMP, NFT_GOTO, NFT_RETURN = 0, -3, -4, -5


_Numbers = dict[tuple[str, bytes], int]
"""The number of each rule in its chain, by its table and handle."""


class _Way:
    """One packet's way through one table at one hook: where it is, and who called."""

    def __init__(self, table: str, hook: str) -> None:
        self.table, self.hook, self.chain = table, hook, hook
        self.callers: list[str] = []


class _Visit:
    """One packet at one hook: what was said of it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.inner: list[tuple[int, _Visit]] = []
        """Those of what a rule sent meanwhile (TEE), each with the number of lines before it."""
        self.way = _Way("", "")

    @property
    def over(self) -> bool:
        return bool(self.lines) and (self.lines[-1].table, self.lines[-1].chain) == (WATCH, END)

    @property
    def whole(self) -> Iterator[Line]:
        """All lines, those of inner visits where they were."""
        at = 0
        for place, visit in self.inner:
            yield from self.lines[at:place]
            yield from visit.whole
            at = place
        yield from self.lines[at:]

    def forget(self) -> None:
        """How the packet looked at the rules of the last table: they changed it, and no message says which had been by then."""
        for number in range(len(self.lines) - 1, -1, -1):
            line = self.lines[number]
            if line.table == WATCH:
                return
            if line.table == self.way.table:
                self.lines[number] = line._replace(packet=b"")


class NftTrace:
    """The namespace's nft trace messages."""

    def __init__(self, rules: Mapping[int, Rules], asking: Netfilter) -> None:
        """``rules``: by family."""
        self._rules, self._asking = rules, asking
        self._netfilter = Netfilter(_GROUP)
        self._numbered: dict[int, tuple[int, _Numbers]] = {}
        """By family: the rules' numbers, and after how many changes they had them."""

    def close(self) -> None:
        self._netfilter.close()

    def merged(self, lines: Sequence[Line], read: Callable[[], Sequence[Line]]) -> list[Line]:
        """``lines`` with those of the tested tables that have come since the last time.

        ``read`` gets more of them: a packet the kernel sends by itself can be on its way while they are read.
        """
        coming = deque(lines)

        def following() -> Line:
            if not coming:
                coming.extend(read())  # a rule has its line logged before its message is sent
            return coming.popleft()

        visits, every = list[_Visit](), list[_Visit]()
        current: dict[bytes, _Visit] = {}

        def here(packet: bytes) -> _Visit:
            known = current.get(packet, visits[-1])
            return visits[-1] if known.over else known

        def goes_on(visit: _Visit) -> None:
            """What began after it, and before it is told of again, was sent by its last rule."""
            while visit in visits and visits[-1] is not visit:
                place = visits.index(visit) + 1
                visit.inner.append((len(visit.lines), visits.pop(place)))

        for family, message in self._messages(lambda: bool(coming)):
            table, packet = _text(message[NFTA_TRACE_TABLE]), bytes(message[NFTA_TRACE_ID])
            if table == QUIET:
                continue  # a copy of a packet is traced as that is, from before the first chain that asks for it
            if table != WATCH:
                # Of a packet that was rejected the kernel says so after all that it says of the answer.
                visit = here(packet)
                if self._tell(visit, self._rules[family], message, self._numbers(family)):
                    visit.lines.append(following())
                goes_on(visit)
            elif NFTA_TRACE_RULE_HANDLE in message:
                line = following()
                if line.chain == BEGIN:
                    current[packet] = _Visit()
                    every.append(current[packet])
                    visits.append(current[packet])
                visit = here(packet)
                if line.chain != BEGIN and visit.way.table != "nat" and line.packet != visit.lines[-1].packet:
                    visit.forget()
                visit.lines.append(line)
                goes_on(visit)
        for visit in every:
            if visit.way.table == "mangle" or self._cuts(visit):  # and perhaps the last that saw it
                visit.forget()
        assert not coming, "a line that no message tells of"
        return [line for visit in visits for line in visit.whole]

    def _cuts(self, visit: _Visit) -> bool:
        """Whether the last table may have changed the packet, as TCPMSS does anywhere."""
        family = 6 if visit.lines[0].packet[:1] >= b"\x60" else 4
        return family in self._rules and self._rules[family].clamps(visit.way.table)

    def _messages(self, wanted: Callable[[], bool]) -> Iterator[tuple[int, dict[int, memoryview]]]:
        """Those that have come, with their family; while more are ``wanted``, those that come soon."""
        for _ in range(_PATIENCE):
            for message in self._netfilter.pending():
                if message.kind == _TRACE:
                    yield 6 if message.family == FAMILIES[6] else 4, attributes(message.payload)
            if not wanted():
                return
            time.sleep(0.001)

    def _tell(self, visit: _Visit, rules: Rules, message: dict[int, memoryview], numbers: _Numbers) -> bool:
        """Put what a message says where it belongs; whether it is of a rule that has just logged a line of its own."""
        table = _text(message[NFTA_TRACE_TABLE])
        kind, chain = _number(message[NFTA_TRACE_TYPE]), _text(message[NFTA_TRACE_CHAIN])
        way = visit.way
        if way.table != table:
            way = visit.way = _Way(table, visit.lines[0].hook)
        if kind == NFT_TRACETYPE_POLICY:
            while way.chain != way.hook:
                self._end_of(visit, rules)
            self._say(visit, chain, "policy", rules.count(table, chain) + 1)
            return False
        if kind != NFT_TRACETYPE_RULE or NFTA_TRACE_RULE_HANDLE not in message:
            return False  # the end of a chain, which is told by what comes next
        while way.chain != chain:
            self._end_of(visit, rules)
        number = numbers[table, bytes(message[NFTA_TRACE_RULE_HANDLE])]
        bare = rules.unconditional(table, chain, number)
        self._say(visit, chain, "rule" if not bare else "policy" if chain == way.hook else "return", number)
        verdict = attributes(message[NFTA_TRACE_VERDICT])
        code = struct.unpack("!i", verdict[NFTA_VERDICT_CODE])[0]
        if code in (NFT_JUMP, NFT_GOTO):
            if code == NFT_JUMP:
                way.callers.append(way.chain)
            way.chain = _text(verdict[NFTA_VERDICT_CHAIN])
        elif code == NFT_RETURN:
            way.chain = way.callers.pop() if way.callers else way.hook
        # Not where a match of the rule dropped the packet before its target was asked.
        return code != NF_DROP and rules.is_nflog(table, chain, number)

    def _say(self, visit: _Visit, chain: str, kind: str, number: int) -> None:
        visit.lines.append(visit.lines[-1]._replace(table=visit.way.table, chain=chain, kind=kind, number=number))

    def _end_of(self, visit: _Visit, rules: Rules) -> None:
        way = visit.way
        assert way.callers or way.chain != way.hook, "a chain nobody jumped to"
        self._say(visit, way.chain, "return", rules.count(way.table, way.chain) + 1)
        way.chain = way.callers.pop() if way.callers else way.hook

    def _numbers(self, family: int) -> _Numbers:
        """The number of each rule in its chain, by its table and handle."""
        changes = self._rules[family].changes
        known = self._numbered.get(family)
        if known is None or known[0] != changes:
            known = self._numbered[family] = changes, self._ask_for_numbers(family)
        return known[1]

    def _ask_for_numbers(self, family: int) -> _Numbers:
        seen: dict[tuple[str, str], int] = {}
        numbers: _Numbers = {}
        for answer in self._asking.ask(_GET_RULE, b"", NLM_F_DUMP, family=FAMILIES[family]):
            found = attributes(answer)
            table, chain = _text(found[NFTA_RULE_TABLE]), _text(found[NFTA_RULE_CHAIN])
            seen[table, chain] = numbers[table, bytes(found[NFTA_RULE_HANDLE])] = seen.get((table, chain), 0) + 1
        return numbers


def _text(data: memoryview) -> str:
    return bytes(data).rstrip(b"\0").decode("ascii", "replace")


def _number(data: memoryview) -> int:
    return int.from_bytes(data, "big")
