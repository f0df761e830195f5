"""The part every rule has: addresses, interfaces, protocol, fragment. How it is printed, decides, and says why.

``compile`` makes the test the walk runs, ``conditions`` the sentences a person reads; both follow the same rules: all
parts present must hold, and a part that is absent always does. A missing interface has the empty name.
"""

from __future__ import annotations

from fwtutor.netfilter import exthdrs
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.exthdrs import AUTHENTICATION
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.values import format_network

_NO_HEADER = -1


def _parts(header: Header) -> list[tuple[str, bool]]:
    """Each part as iptables-save writes it, and whether it does print it; in its order."""
    found = []
    for letter, value, negated in (("s", header.src, header.src_not), ("d", header.dst, header.dst_not)):
        if value is not None:
            found.append((f"{'! ' if negated else ''}-{letter} {format_network(*value, header.family)}", True))
    for letter, name, negated in (("i", header.in_interface, header.in_not), ("o", header.out_interface, header.out_not)):
        if name:
            # "+" alone fits every name: the legacy tool keeps it, and does not print it.
            found.append((f"{'! ' if negated else ''}-{letter} {name}", name != "+" or header.plus_listed))
    if header.protocol:
        found.append((f"{'! ' if header.protocol_not else ''}-p {protocol_name(header.protocol)}", True))
    if header.fragment is not None:
        found.append(("-f" if header.fragment else "! -f", True))
    return found


def save(header: Header) -> str:
    """As iptables-save prints it."""
    return " ".join(text for text, printed in _parts(header) if printed)


def fits(pattern: str, name: str) -> bool:
    """Whether an interface's name is the pattern, or begins as a pattern with a trailing ``+`` does."""
    return name.startswith(pattern[:-1]) if pattern.endswith("+") else name == pattern


def conditions(header: Header, context: Context) -> tuple[Condition, ...]:
    """The parts present, each with whether it holds and the packet's own value."""
    packet = context.packet
    held: list[tuple[bool, str]] = []
    if header.src is not None:
        said = f"the source is {format_address(packet.family, packet.src)}"
        held.append(((packet.src & header.src[1] == header.src[0]) != header.src_not, said))
    if header.dst is not None:
        said = f"the destination is {format_address(packet.family, packet.dst)}"
        held.append(((packet.dst & header.dst[1] == header.dst[0]) != header.dst_not, said))
    if header.in_interface:
        came = f"it came in by {context.in_interface}" if context.in_interface else "it did not come in by any interface"
        held.append((fits(header.in_interface, context.in_interface) != header.in_not, came))
    if header.out_interface:
        goes = f"it leaves by {context.out_interface}" if context.out_interface else "no outgoing interface is chosen"
        held.append((fits(header.out_interface, context.out_interface) != header.out_not, goes))
    if header.protocol:
        name = protocol_name(packet.protocol) if packet.protocol else "0"
        if lacks_protocol(packet):
            held.append((False, "its extension headers break off, and so it has no protocol"))
        else:
            held.append(((packet.protocol == header.protocol) != header.protocol_not, f"the protocol is {name}"))
    if header.fragment is not None:
        said = "it is a later fragment" if packet.offset else "it is not a later fragment"
        held.append((bool(packet.offset) == header.fragment, said))
    return tuple(Condition(text, holds, because) for (text, _), (holds, because) in zip(_parts(header), held, strict=True))


def compile(header: Header, variant: str = "legacy") -> Test | None:
    """A function that says whether the packet fits; None when every packet does."""
    tests: list[Test] = []
    if header.protocol and header.family == 4:
        tests.append(_protocol(header.protocol, header.protocol_not))
    if header.dst is not None:
        tests.append(_destination(*header.dst, header.dst_not))
    if header.src is not None:
        tests.append(_source(*header.src, header.src_not))
    if header.in_interface:
        tests.append(_incoming(header.in_interface, header.in_not))
    if header.out_interface:
        tests.append(_outgoing(header.out_interface, header.out_not))
    if header.fragment is not None:
        tests.append((lambda c: c.packet.offset != 0) if header.fragment else (lambda c: c.packet.offset == 0))
    if header.protocol and header.family == 6:
        # Looked for at last, as a packet in which none is found is dropped at once.
        tests.append((_protocol6 if variant == "legacy" else _protocol6_nft)(header.protocol, header.protocol_not))
    return all_of(tests)


def lacks_protocol(packet: Packet) -> bool:
    """Whether rules find none in it: its extension headers break off. Of a routing header they want four bytes, tracking only two."""
    return packet.broken or (packet.l4 > len(packet.raw) and packet.family == 6 and exthdrs.find(packet.raw, _NO_HEADER) is None)


def _protocol(protocol: int, negated: bool) -> Test:
    return (lambda c: c.packet.protocol != protocol) if negated else (lambda c: c.packet.protocol == protocol)


def _protocol6(protocol: int, negated: bool) -> Test:
    """Legacy drops a packet whose chain of IPv6 extension headers is broken where a rule asks for its protocol."""

    def test(context: Context) -> bool:
        if lacks_protocol(context.packet):
            context.hot_drop = True
            return False
        return (context.packet.protocol == protocol) != negated

    return test


def _protocol6_nft(protocol: int, negated: bool) -> Test:
    """For iptables-nft such a packet has none, which fits nothing; and one with an Authentication header has that."""

    def test(context: Context) -> bool:
        packet = context.packet
        seen = AUTHENTICATION if packet.authentication else packet.protocol
        return (seen == protocol) != negated and not (lacks_protocol(packet) and not packet.authentication)

    return test


MANY = 9
"""Tests from which on they are asked one after the other, and not nested."""


def all_of(tests: list[Test]) -> Test | None:
    """One function for all of them, asked in order until one is false; None for none."""
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    first, second = tests[0], tests[1]
    if len(tests) == 2:
        return lambda c: first(c) and second(c)
    if len(tests) == 3:
        third = tests[2]
        return lambda c: first(c) and second(c) and third(c)
    if len(tests) > MANY:
        return lambda c: all(test(c) for test in tests)
    rest = all_of(tests[2:])
    assert rest is not None
    return lambda c: first(c) and second(c) and rest(c)


def _source(address: int, mask: int, negated: bool) -> Test:
    return (lambda c: c.packet.src & mask != address) if negated else (lambda c: c.packet.src & mask == address)


def _destination(address: int, mask: int, negated: bool) -> Test:
    return (lambda c: c.packet.dst & mask != address) if negated else (lambda c: c.packet.dst & mask == address)


def _incoming(pattern: str, negated: bool) -> Test:
    if pattern.endswith("+"):
        prefix = pattern[:-1]
        return lambda c: c.in_interface.startswith(prefix) != negated
    return (lambda c: c.in_interface != pattern) if negated else (lambda c: c.in_interface == pattern)


def _outgoing(pattern: str, negated: bool) -> Test:
    if pattern.endswith("+"):
        prefix = pattern[:-1]
        return lambda c: c.out_interface.startswith(prefix) != negated
    return (lambda c: c.out_interface != pattern) if negated else (lambda c: c.out_interface == pattern)
