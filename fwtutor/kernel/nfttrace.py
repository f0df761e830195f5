"""The rule paths of iptables-nft's table filter, from the kernel's nft trace messages, in the words of legacy TRACE.

The harness's own tables tell of hooks, interfaces and packets in both variants (see ``rules``); what is read here is only
the way through the tested rules at each hook, which ``merged`` puts where legacy TRACE would have had it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from fwtutor.kernel.netlink import NLM_F_DUMP, Netfilter, attributes
from fwtutor.kernel.observation import Line
from fwtutor.kernel.rules import Rules

_SUBSYSTEM = 10
_TRACE, _GET_RULE = _SUBSYSTEM << 8 | 17, _SUBSYSTEM << 8 | 7
_GROUP = 9
_NFPROTO_IPV4 = 2

# Attribute and verdict numbers, as the kernel's user interface has them.
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE = 1, 2, 3
NFTA_TRACE_TABLE, NFTA_TRACE_CHAIN, NFTA_TRACE_RULE_HANDLE, NFTA_TRACE_TYPE, NFTA_TRACE_VERDICT, NFTA_TRACE_ID = 1, 2, 3, 4, 5, 6
NFTA_TRACE_NETWORK_HEADER, NFTA_TRACE_TRANSPORT_HEADER = 8, 9
NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN = 1, 2
NFT_TRACETYPE_POLICY, NFT_TRACETYPE_RULE = 1, 3
NFT_JUMP, NFT_GOTO, NFT_RETURN = -3, -4, -5

BASE_CHAINS = ("INPUT", "FORWARD", "OUTPUT")


class _Visit:
    """One packet's way through table filter at one hook."""

    def __init__(self, hook: str, packet: bytes) -> None:
        self.hook, self.packet = hook, packet
        self.words: list[tuple[str, str, int]] = []
        """(chain, kind, number)"""
        self.chain = hook
        self.callers: list[str] = []


class NftTrace:
    """The namespace's nft trace messages."""

    def __init__(self, rules: Rules, asking: Netfilter) -> None:
        self._rules, self._asking = rules, asking
        self._netfilter = Netfilter(_GROUP)

    def close(self) -> None:
        self._netfilter.close()

    def merged(self, lines: Sequence[Line]) -> list[Line]:
        """``lines`` with those of table filter that have come since the last time, each after its packet's line of mangle."""
        visits = self._visits()
        if not visits:
            return list(lines)
        found: list[Line] = []
        for line in lines:
            found.append(line)
            if line.table == "mangle" and line.kind in ("rule", "policy"):
                for index, visit in enumerate(visits):
                    if visit.hook == line.hook and _is_of(visit.packet, line.packet):
                        found += [
                            line._replace(table="filter", chain=chain, kind=kind, number=number) for chain, kind, number in visit.words
                        ]
                        del visits[index]
                        break
        assert not visits, "a way through table filter that no packet took"
        return found

    def _visits(self) -> list[_Visit]:
        messages = [attributes(payload) for kind, payload in self._netfilter.pending() if kind == _TRACE]
        messages = [message for message in messages if _text(message[NFTA_TRACE_TABLE]) == "filter"]
        if not messages:
            return []
        numbers = self._numbers()
        visits: list[_Visit] = []
        current: dict[bytes, _Visit] = {}
        for message in messages:
            packet = bytes(message[NFTA_TRACE_ID])
            if NFTA_TRACE_NETWORK_HEADER in message:
                headers = bytes(message[NFTA_TRACE_NETWORK_HEADER])
                size = (headers[0] & 15) * 4
                headers = headers[:size] + bytes(message.get(NFTA_TRACE_TRANSPORT_HEADER, b"")) if len(headers) >= size else headers
                current[packet] = _Visit(_text(message[NFTA_TRACE_CHAIN]), headers)
                visits.append(current[packet])
            self._tell(current[packet], message, numbers)
        return visits

    def _tell(self, visit: _Visit, message: dict[int, memoryview], numbers: dict[bytes, int]) -> None:
        kind, chain = _number(message[NFTA_TRACE_TYPE]), _text(message[NFTA_TRACE_CHAIN])
        if kind == NFT_TRACETYPE_POLICY:
            while visit.chain not in BASE_CHAINS:
                self._end_of(visit)
            visit.words.append((chain, "policy", self._rules.count("filter", chain) + 1))
            return
        if kind != NFT_TRACETYPE_RULE or NFTA_TRACE_RULE_HANDLE not in message:
            return  # the end of a chain, which is told by what comes next
        while visit.chain != chain:
            self._end_of(visit)
        number = numbers[bytes(message[NFTA_TRACE_RULE_HANDLE])]
        bare = self._rules.unconditional("filter", chain, number)
        visit.words.append((chain, "rule" if not bare else "policy" if chain in BASE_CHAINS else "return", number))
        verdict = attributes(message[NFTA_TRACE_VERDICT])
        code = struct.unpack("!i", verdict[NFTA_VERDICT_CODE])[0]
        if code in (NFT_JUMP, NFT_GOTO):
            if code == NFT_JUMP:
                visit.callers.append(visit.chain)
            visit.chain = _text(verdict[NFTA_VERDICT_CHAIN])
        elif code == NFT_RETURN:
            visit.chain = visit.callers.pop() if visit.callers else visit.hook

    def _end_of(self, visit: _Visit) -> None:
        assert visit.callers or visit.chain != visit.hook, "a chain nobody jumped to"
        visit.words.append((visit.chain, "return", self._rules.count("filter", visit.chain) + 1))
        visit.chain = visit.callers.pop() if visit.callers else visit.hook

    def _numbers(self) -> dict[bytes, int]:
        """The number of each rule in its chain, by its handle."""
        seen: dict[str, int] = {}
        numbers: dict[bytes, int] = {}
        for answer in self._asking.ask(_GET_RULE, _NFPROTO_IPV4, 0, b"", NLM_F_DUMP):
            found = attributes(answer)
            if _text(found[NFTA_RULE_TABLE]) == "filter":
                chain = _text(found[NFTA_RULE_CHAIN])
                seen[chain] = numbers[bytes(found[NFTA_RULE_HANDLE])] = seen.get(chain, 0) + 1
        return numbers


def _is_of(headers: bytes, packet: bytes) -> bool:
    """Whether ``headers`` (IP header and the first bytes after it) are those of ``packet``, at the same hook."""
    size = (packet[0] & 15) * 4
    return headers[2:20] == packet[2:20] and headers[size : size + 20] == packet[size : size + len(headers[size : size + 20])]


def _text(data: memoryview) -> str:
    return bytes(data).rstrip(b"\0").decode("ascii", "replace")


def _number(data: memoryview) -> int:
    return int.from_bytes(data, "big")
