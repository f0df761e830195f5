"""What ``-m tcp`` and ``-m udp`` share: the two port options, and the test that the header is there at all."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.names import service_name
from fwtutor.netfilter.xtables.options import Given, Option
from fwtutor.netfilter.xtables.rule import Condition, Test
from fwtutor.netfilter.xtables.values import ALL_PORTS, format_range, service

Ports = Given[tuple[int, int]] | None
"""First and last port. None: any."""


def port_options(read: Callable[[str], tuple[int, int]]) -> tuple[Option, Option]:
    """``--sport`` and ``--dport``, each a port or a range. All ports are kept but, as by the tool, not printed."""

    def option(field: str, short: str, word: str, of: Callable[[Packet], int]) -> Option:
        def judge(ports: tuple[int, int], context: Context) -> tuple[bool, str]:
            port = of(context.packet)
            return ports[0] <= port <= ports[1], f"the {word} port is {port}"

        return Option(
            field=field, names=(f"{word}-port", short), saved=short, argument="PORT[:PORT]", read=read, write=format_range,
            judge=judge, unsaved=lambda given: given.value == ALL_PORTS, meaning=f"the {word} port is this one, or in this range",
        )  # fmt: skip

    return option("sport", "sport", "source", lambda packet: packet.sport), option(
        "dport", "dport", "destination", lambda packet: packet.dport
    )


def port_range(text: str, protocol: str) -> tuple[int, int]:
    """A port or a range by the older reader; an empty end is the first or the last port. Raises Unreadable."""
    low, colon, high = text.partition(":")
    if not colon:
        port = service(text, protocol)
        return port, port
    first = service(low, protocol) if low else 0
    last = service(high, protocol) if high else 0xFFFF
    if first > last:
        raise Unreadable("invalid portrange (min > max)")
    return first, last


def simplified(given: dict[str, Given[tuple[int, int]]]) -> None:
    """All ports, not negated, demand nothing: for the tool it is as if the option were not there."""
    for field in ("sport", "dport"):
        if given.get(field) == (ALL_PORTS, False):
            del given[field]


def port_tests(sport: Ports, dport: Ports) -> list[Test]:
    """Functions that say whether the packet's ports fit."""
    tests: list[Test] = []
    if dport is not None:
        (low, high), negated = dport
        if low == high:
            tests.append((lambda c: c.packet.dport != low) if negated else (lambda c: c.packet.dport == low))
        else:
            tests.append((lambda c: not low <= c.packet.dport <= high) if negated else (lambda c: low <= c.packet.dport <= high))
    if sport is not None:
        (first, last), inverted = sport
        if first == last:
            tests.append((lambda c: c.packet.sport != first) if inverted else (lambda c: c.packet.sport == first))
        else:
            tests.append((lambda c: not first <= c.packet.sport <= last) if inverted else (lambda c: first <= c.packet.sport <= last))
    return tests


def exact(ports: Ports) -> int | None:
    """The one port demanded, if it is one."""
    return ports.value[0] if ports is not None and not ports.negated and ports.value[0] == ports.value[1] else None


def with_header(tests: list[Test], drop_offset: int = 0) -> Test:
    """All ``tests``, for packets that have the header; a packet cut short is dropped at once.

    Later fragments never match. ``drop_offset``: an IPv4 fragment that begins here (in bytes) is dropped at once too,
    because it could overwrite flags that were already judged.
    """

    def headless(context: Context) -> bool:
        offset = context.packet.offset
        if not offset or (offset == drop_offset and context.packet.family == 4):
            context.hot_drop = True
        return False

    if not tests:
        return lambda c: c.packet.has_l4 or headless(c)
    if len(tests) == 1:
        one = tests[0]
        return lambda c: one(c) if c.packet.has_l4 else headless(c)
    if len(tests) == 2:
        first, second = tests
        return lambda c: first(c) and second(c) if c.packet.has_l4 else headless(c)
    return lambda c: all(test(c) for test in tests) if c.packet.has_l4 else headless(c)


def missing_header(name: str, context: Context, drop_offset: int = 0, said: str = "") -> tuple[Condition, ...]:
    """The one condition that fails when the packet has no such header; () when it has. ``said``: the protocol, if not the match's name."""
    packet = context.packet
    if packet.has_l4:
        return ()
    upper = said or name.upper()
    if not packet.offset:
        return (Condition(f"-m {name}", False, f"the {upper} header is cut short: the packet is dropped at once"),)
    if packet.offset == drop_offset and packet.family == 4:
        return (Condition(f"-m {name}", False, f"this fragment begins inside the {upper} header: it is dropped at once"),)
    return (Condition(f"-m {name}", False, f"this is a later fragment: the {upper} header was in the first"),)


def listed_ports(sport: Ports, dport: Ports, protocol: str, numeric: bool) -> list[str]:
    """The ports as ``-L`` prints them: ``dpt:22``, ``spts:!1024:65535``."""
    found = []
    for word, ports in (("spt", sport), ("dpt", dport)):
        if ports is None:
            continue
        low, high = (str(port) if numeric else service_name(port, protocol) for port in ports.value)
        one = ports.value[0] == ports.value[1]
        found.append(f"{word}{'' if one else 's'}:{'!' if ports.negated else ''}{low if one else f'{low}:{high}'}")
    return found
