"""What SNAT, DNAT, MASQUERADE and REDIRECT have in common: how they are told addresses and ports, and their switches."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.conntrack.tuples import DCCP, SCTP
from fwtutor.netfilter.packet import ICMP, TCP, UDP
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.names import service_port
from fwtutor.netfilter.xtables.options import Demanded, Option, OptionTarget
from fwtutor.netfilter.xtables.values import NO_NAMES, colons, dotted, leading_number

_WITH_PORTS = (TCP, UDP, SCTP, DCCP, ICMP)
"""Protocols a rule may demand to be told ports."""
_IPV4 = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}")


class Ports(NamedTuple):
    """``low`` to ``high``; with ``base`` the port ``base`` becomes ``low``, and so on."""

    low: int
    high: int
    base: int | None = None


class To(NamedTuple):
    """Addresses and ports, or only one of them."""

    low: int | None
    high: int | None
    ports: Ports | None


def read_ports(text: str, demanded: Demanded, shifts: bool = False) -> Ports:
    """``80``, ``80-90``, ``80-90/1080``, or the name of a service. Raises Unreadable.

    ``shifts``: whether it can keep the last of these; whoever cannot keeps 0 instead.
    """
    # The tool does not look whether that is inverted: all but TCP are taken for TCP.
    if demanded.number not in _WITH_PORTS:
        raise Unreadable("Need TCP, UDP, SCTP or DCCP with port specification")
    found = leading_number(text, 0, 0xFFFF)
    if found is None:
        named = service_port(text)
        if named is None:
            raise Unreadable(f"Port `{text}' not valid")
        return Ports(named, named)
    low, rest = found
    if not rest:
        return Ports(low, low)
    if rest[0] == ":":
        raise Unreadable("Invalid port:port syntax - use dash")
    if rest[0] != "-":
        raise Unreadable(f"Garbage after port value: `{rest}'")
    text = rest[1:]
    found = leading_number(text, 0, 0xFFFF)
    if found is None:
        raise Unreadable(f"Port `{text}' not valid")
    high, rest = found
    if high < low:
        raise Unreadable(f"Port range `{text}' funky")
    if not rest:
        return Ports(low, high)
    if rest[0] != "/":
        raise Unreadable(f"Garbage after port range: `{rest}'")
    begin = leading_number(rest[1:], 1, 0xFFFF)
    base = service_port(rest[1:]) if begin is None else begin[0]
    if base is None:
        raise Unreadable(f"Port `{rest[1:]}' not valid")
    return Ports(low, high, base if shifts else 0)


def write_ports(ports: Ports) -> str:
    text = f"{ports.low}" if ports.low == ports.high else f"{ports.low}-{ports.high}"
    return text if ports.base is None else f"{text}/{ports.base}"


def read_to(family: int, shifts: bool) -> Callable[[str, Demanded], To]:
    """A reader of ``ADDRESS-ADDRESS:PORTS``, or, so that its colons are not taken for that one, ``[ADDRESS-ADDRESS]:PORTS``."""

    def read(text: str, demanded: Demanded) -> To:
        hosts, colon, rest = text, "", ""
        if "[" in text:
            hosts, bracket, behind = text.partition("[")[2].partition("]")
            if not bracket:
                raise Unreadable("Invalid address format")
            _, colon, rest = behind.partition(":")
        elif text.count(":") == 1:
            hosts, colon, rest = text.partition(":")
        ports = read_ports(rest, demanded, shifts) if colon else None
        if colon and not hosts:
            return To(None, None, ports)
        first, dash, last = hosts.partition("-")
        low = _address(first, family)
        return To(low, _address(last, family) if dash else low, ports)

    return read


def _address(text: str, family: int) -> int:
    address = colons(text) if family == 6 else dotted(text) if _IPV4.fullmatch(text) else None
    if address is None:
        raise Unreadable(f'Bad IP address "{text}"', hint=NO_NAMES if re.search("[g-zG-Z]", text) else "")
    return address


def write_to(family: int) -> Callable[[To], str]:
    def write(to: To) -> str:
        text = ""
        if to.low is not None and to.high is not None:
            text = format_address(family, to.low) + (f"-{format_address(family, to.high)}" if to.high != to.low else "")
            if family == 6 and to.ports is not None:
                text = f"[{text}]"
        return text if to.ports is None else f"{text}:{write_ports(to.ports)}"

    return write


def switch(field: str, name: str, meaning: str) -> Option:
    return Option(field=field, names=(name,), arguments=0, read=lambda: True, invertible=False, meaning=meaning)


RANDOM = switch("random", "random", "draw the port by lot")
FULLY = switch("fully", "random-fully", "draw the port by lot (as --random does, in kernels of today)")
PERSISTENT = switch("persistent", "persistent", "of several addresses a source gets the same one, whatever it connects to")


class Switched(OptionTarget):
    """A target with switches, which are listed by their names."""

    __slots__ = ()

    def switches(self) -> str:
        found = [(option, getattr(self, option.field)) for option in self.options if not option.arguments]
        return "".join(f" {option.names[0]}" for option, given in found if given is not None)
