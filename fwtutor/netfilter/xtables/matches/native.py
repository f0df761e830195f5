"""``-m tcp`` and ``-m udp`` as iptables-nft has them checked: not by the matches of those names, but byte by byte.

Ports and flags become comparisons of bytes at fixed places behind the IP header. Three things follow from that. A header cut
short matches nothing where a byte is missing, and is not dropped for it. A later fragment has its data compared as if it began
with a header: with tracking off, when fragments pass singly, that can be anything a sender likes. (Of IPv6, where the kernel
does not look for it, it is the packet's own beginning that is compared: its flow label may pass for a port.) And after ``! -p tcp`` the
bytes of any other protocol are compared as if they were ports. And ``! --sport A ! --dport B`` becomes one comparison of both:
it then fails only a packet that has both ports, where legacy fails one that has either. What cannot be so compared (a TCP
option, or no option at all) stays a match, and decides as in the legacy variant.
"""

from __future__ import annotations

from dataclasses import dataclass

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.header import all_of
from fwtutor.netfilter.xtables.matches.ports import Ports
from fwtutor.netfilter.xtables.matches.tcp import Tcp
from fwtutor.netfilter.xtables.matches.udp import Udp
from fwtutor.netfilter.xtables.options import Given
from fwtutor.netfilter.xtables.rule import Condition, Header, Match, Test
from fwtutor.netfilter.xtables.values import ALL_PORTS

_SPORT, _DPORT, _FLAGS = (0, 2), (2, 2), (13, 1)
"""Where the bytes are behind the IP header, and how many."""
_PLACES = {"sport": _SPORT, "dport": _DPORT, "flags": _FLAGS}
_SAID = {_SPORT: "a source port would", _DPORT: "a destination port would", _FLAGS: "TCP's flags would"}


def _read(context: Context, place: tuple[int, int]) -> int | None:
    """The number in those bytes; None where they are not all there."""
    packet = context.packet
    begin = place[0] + (0 if packet.family == 6 and packet.offset else packet.l4)
    end = begin + place[1]
    return None if end > len(packet.raw) else int.from_bytes(packet.raw[begin:end], "big")


def _neither(sport: Ports, dport: Ports) -> tuple[int, int] | None:
    """The two ports of ``! --sport A ! --dport B``, which become one comparison; port 0 never does."""
    if sport is None or dport is None or not sport.negated or not dport.negated:
        return None
    (a, b), (c, d) = sport.value, dport.value
    return (a, c) if a == b != 0 and c == d != 0 else None


def _ports_tests(sport: Ports, dport: Ports) -> list[Test]:
    both = _neither(sport, dport)
    if both is None:
        return [*_port_test(sport, _SPORT), *_port_test(dport, _DPORT)]

    def test(context: Context) -> bool:
        found = _read(context, _SPORT), _read(context, _DPORT)
        return None not in found and found != both

    return [test]


def _port_test(ports: Ports, place: tuple[int, int]) -> list[Test]:
    if ports is None:
        return []
    (low, high), negated = ports

    def test(context: Context) -> bool:
        port = _read(context, place)
        return port is not None and (low <= port <= high) != negated

    return [test]


def _flag_test(flags: Given[tuple[int, int]] | None) -> list[Test]:
    if flags is None:
        return []
    (mask, comp), negated = flags

    def test(context: Context) -> bool:
        byte = _read(context, _FLAGS)
        return byte is not None and (byte & mask == comp) != negated

    return [test]


def _together(tests: list[Test]) -> Test:
    test = all_of(tests)
    assert test is not None, "a native match demands something"
    return test


def _conditions(match: NativeTcp | NativeUdp, context: Context) -> tuple[Condition, ...]:
    packet = context.packet
    found = []
    both = _neither(match.sport, match.dport)
    for option, given in match.given():
        place = _PLACES[option.field]
        value = _read(context, place)
        if value is None:
            found.append(Condition(option.text(given), False, "the header is cut short before it"))
            continue
        low, high = given.value
        fits = value & low == high if place == _FLAGS else low <= value <= high
        _, because = option.judge(given.value, context)
        if both is not None and place != _FLAGS and fits and (_read(context, _SPORT), _read(context, _DPORT)) != both:
            fits, because = False, f"{because}, but iptables-nft has both ports compared as one number, and the other differs"
        if packet.protocol != match.protocol or not packet.has_l4:
            because = f"the bytes where {_SAID[place]} be say {value}"
        found.append(Condition(option.text(given), fits != given.negated, because))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class NativeTcp(Tcp):
    """Ports and flags, compared as bytes."""

    def compile(self) -> Test:
        return _together([*_ports_tests(self.sport, self.dport), *_flag_test(self.flags)])

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return _conditions(self, context)

    def misplaced(self, header: Header) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class NativeUdp(Udp):
    """Ports, compared as bytes."""

    def compile(self) -> Test:
        return _together(_ports_tests(self.sport, self.dport))

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        return _conditions(self, context)

    def misplaced(self, header: Header) -> str:
        return ""


def is_native(match: Match) -> bool:
    """Whether iptables-nft has it checked byte by byte, and so insists on ``-p`` with its protocol (be it negated)."""
    if isinstance(match, Tcp):
        return match.option is None and not (match.sport is match.dport is match.flags is None)
    return isinstance(match, Udp) and not (match.sport is match.dport is None)


def native(match: Match) -> Match | None:
    """The match as iptables-nft hands it to the kernel; None when nothing is left of it.

    What would demand nothing is left out, even with a ``!`` before it that has it hold for no packet.
    """
    if not is_native(match):
        return match
    if isinstance(match, Udp):
        kept = NativeUdp(_kept(match.sport), _kept(match.dport))
        return None if kept == NativeUdp() else kept
    assert isinstance(match, Tcp)
    flags = None if match.flags is None or not match.flags.value[0] else match.flags
    left = NativeTcp(_kept(match.sport), _kept(match.dport), None, flags)
    return None if left == NativeTcp() else left


def _kept(ports: Ports) -> Ports:
    return None if ports is None or ports.value == ALL_PORTS else ports


def merged(one: Match, other: Match) -> Match:
    """How the tool reads a second native match of a kind back: as one with the first, with the "!" of either."""
    if isinstance(one, NativeUdp) and isinstance(other, NativeUdp):
        return NativeUdp(_read_back(one.sport, other.sport), _read_back(one.dport, other.dport))
    assert isinstance(one, NativeTcp)
    assert isinstance(other, NativeTcp)
    flags = one.flags
    if other.flags is not None:
        flags = Given(other.flags.value, other.flags.negated or (flags is not None and flags.negated))
    return NativeTcp(_read_back(one.sport, other.sport), _read_back(one.dport, other.dport), None, flags)


def _read_back(before: Ports, ports: Ports) -> Ports:
    """A range from 0 on is one comparison, which gives only the other end; negated it is a plain "more than"."""
    if ports is None:
        return before
    (low, high), negated = ports
    first, last = ALL_PORTS if before is None else before.value
    inverted = before is not None and before.negated
    if low or low == high:
        return Given((low, high), negated or inverted)
    return Given((high + 1, last) if negated else (first, high), inverted)
