"""The elements of sets as they are written: from text to keys, and back. Numbers, addresses and ports as ipset reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES, format_address, parse_address, prefix_mask
from fwtutor.netfilter.ipset.errors import SetRefused, syntax
from fwtutor.netfilter.ipset.icmpnames import ICMP_NAMES, ICMPV6_NAMES
from fwtutor.netfilter.ipset.sets import IpSet, Key
from fwtutor.netfilter.ipset.types import BARE_PORT, IP, NET, PORT
from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP
from fwtutor.netfilter.xtables.names import protocol_name, protocol_number, service_port

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")
SCTP, UDPLITE = 132, 136
WITH_PORTS = (TCP, UDP, SCTP, UDPLITE)
BITS = {4: 32, 6: 128}
_INVALID_CIDR = "The value of the CIDR parameter of the IP address is invalid"
NULL = "Null-valued element, cannot be stored in a hash type of set"


def number(text: str, low: int, high: int) -> int:
    """A number in C notation, no larger than 64 bits hold. Raises SetRefused."""
    found = _NUMBER.fullmatch(text)
    digits = found[2] if found else ""
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX"
    if not found or (octal and not re.fullmatch("[0-7]+", digits)):
        raise syntax(f"'{text}' is invalid as number")
    value = int(digits, 8 if octal else 0) if len(digits) < 30 else high + 1
    if found[1] == "-":
        value = -value
    if not low <= value <= high:
        raise syntax(f"'{text}' is out of range {low}-{high}")
    return value


def address(text: str, family: int) -> int:
    """One address in numbers. Raises SetRefused."""
    value = _address4(text) if family == 4 else _address6(text)
    if value is None:
        hint = "fwtutor resolves no names: write the address in numbers" if re.fullmatch(r"[a-zA-Z][\w.-]*", text) else ""
        raise SetRefused(f"Syntax error: cannot parse {text}: resolving to IPv{family} address failed", hint=hint)
    return value


def _address4(text: str) -> int | None:
    """One to four numbers, the last of which fills what is left (``10.1`` is 10.0.0.1)."""
    parts = text.split(".")
    if len(parts) > 4 or not all(re.fullmatch("[0-9]{1,12}", part) for part in parts):
        return None
    if any(len(part) > 1 and part[0] == "0" and re.search("[89]", part) for part in parts):
        return None
    values = [int(part, 8 if len(part) > 1 and part[0] == "0" else 10) for part in parts]
    room = 8 * (5 - len(parts))
    if any(value > 255 for value in values[:-1]) or values[-1] >= 1 << room:
        return None
    value = 0
    for part in values[:-1]:
        value = value << 8 | part
    return value << room | values[-1]


def _address6(text: str) -> int | None:
    try:
        family, value = parse_address(text)
    except ValueError:
        return None
    return value if family == 6 and "%" not in text else None


class Span(NamedTuple):
    """Addresses from one to another; ``length``: of a net that was given as one, None of what was not."""

    first: int
    last: int
    length: int | None = None
    backwards: bool = False
    """Whether the last was said first."""


def span(text: str, family: int) -> Span:
    """``ADDRESS``, ``ADDRESS/LENGTH`` or ``FROM-TO``. Raises SetRefused."""
    host, slash, length = text.partition("/")
    if slash and host and length:
        bits = number(length, 0, BITS[family])
        value = address(host, family)
        mask = prefix_mask(family, bits)
        return Span(value & mask, value | (ALL_ONES[family] ^ mask), bits)
    first, dash, last = text.partition("-")
    if dash and first and last and not slash:
        ends = address(first, family), address(last, family)
        return Span(min(ends), max(ends), backwards=ends[0] > ends[1])
    value = address(text, family)
    return Span(value, value, BITS[family])


def is_range(text: str) -> bool:
    first, dash, last = text.partition("-")
    return bool(dash and first and last) and "/" not in text


def nets(addresses: Span, family: int) -> Iterator[tuple[int, int]]:
    """The fewest nets, as (address, length), that make up a range, from its first address on."""
    if addresses.length is not None:
        yield addresses.first, addresses.length
        return
    first, width = addresses.first, BITS[family]
    while first <= addresses.last:
        low = (first & -first).bit_length() - 1 if first else width
        room = (addresses.last - first + 1).bit_length() - 1
        bits = min(low, room)
        yield first, width - bits
        first += 1 << bits


def port_of(text: str, protocol: int) -> int:
    """A port's number or its service's name. Raises SetRefused, in the words for ``text``."""
    try:
        return number(text, 0, 0xFFFF)
    except SetRefused as wrong:
        named = service_port(text, protocol_name(protocol))
        if named is not None:
            return named
        # The tool then looks for a number in what it took for the protocol's name.
        name = protocol_name(protocol)
        raise SetRefused(f"{wrong}\nSyntax error: '{name}' is invalid as number\ncannot parse '{text}' as a {name} port") from None


class ProtocolMisfit(SetRefused):
    """A protocol of the other family."""

    of_nets = False
    """Whether the set's elements have nets in them."""


class Ports(NamedTuple):
    """Ports of one protocol, from one to another."""

    protocol: int
    first: int
    last: int


def ports(text: str, family: int) -> Ports:
    """``[PROTOCOL:]PORT[-PORT]``, and what stands there for protocols without ports. Raises SetRefused."""
    name, colon, rest = text.partition(":")
    if not colon or not rest:
        return _port_range(text, TCP)
    protocol = _protocol(name)
    if protocol in WITH_PORTS:
        return _port_range(rest, protocol)
    for number_of, said, where, names in ((ICMP, "ICMP", 4, ICMP_NAMES), (ICMPV6, "ICMPv6", 6, ICMPV6_NAMES)):
        if protocol != number_of:
            continue
        if family != where:
            only = "inet" if where == 4 else "inet6"
            raise ProtocolMisfit(f"Syntax error: Protocol {said} can be used with family {only} only")
        value = _icmp(rest, said, names)
        return Ports(protocol, value, value)
    if _zero(rest) is None:
        raise syntax(f"Protocol {name} can be used with pseudo port value 0 only.")
    return Ports(protocol, 0, 0)


def _protocol(name: str) -> int:
    known = protocol_number(name)
    try:
        return known if known is not None else number(name, 0, 255)
    except SetRefused:
        raise syntax(f"cannot parse '{name}' as a protocol") from None


def _zero(text: str) -> int | None:
    try:
        return number(text, 0, 0)
    except SetRefused:
        return None


def _icmp(text: str, said: str, names: dict[str, tuple[int, int]]) -> int:
    found = names.get(text)
    if found is None:
        kind, slash, code = text.partition("/")
        try:
            if not slash:
                raise syntax("")
            found = number(kind, 0, 255), number(code, 0, 255)
        except SetRefused:
            raise SetRefused(f"Cannot parse {text} as an {said} type/code.") from None
    return found[0] << 8 | found[1]


def _port_range(text: str, protocol: int) -> Ports:
    first, dash, last = text.partition("-")
    if not dash or not first or not last:
        value = port_of(text, protocol)
        return Ports(protocol, value, value)
    ends = port_of(first, protocol), port_of(last, protocol)
    return Ports(protocol, min(ends), max(ends))


# --- elements ------------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """The elements that a text names, in order, as many as there are."""

    keys: Iterator[Key]
    fault: str = ""
    """Why the kernel takes none of them."""
    several: str = ""
    """Why the tool does not test them: it asks for one at a time."""


_SEPARATORS = (("Elem separator", "none"), ("Two elem separators", "one"), ("Three elem separators", "two"))


def elements(text: str, one: IpSet) -> Wanted:
    """What an element's text says for a set. Raises SetRefused for what the tool cannot read."""
    kind = one.type
    words = text.split(",")
    if len(words) > 1 and "" in words:
        if len(kind.parts) == 1:
            address(text, one.options.family or 4)
        raise syntax(f"{'Third' if words[1] == '' and len(words) == 3 else 'Second'} element is missing from {text}.")
    if len(words) > len(kind.parts):
        several, supported = _SEPARATORS[len(kind.parts) - 1]
        raise syntax(f"{several} in {text}, but settype {kind.name} supports {supported}.")
    if len(words) < len(kind.parts):
        raise syntax(f"{('Second', 'Third')[len(words) - 1]} element is missing from {text}.")
    places = enumerate(zip(words, kind.parts, strict=True))
    try:
        parts = [_part(word, part, place, one) for place, (word, part) in places]
    except ProtocolMisfit as wrong:
        if one.options.family == 6 and len(words) == 3:
            try:  # the tool reads on, and takes what follows for IPv4's
                span(words[2], 4)
            except SetRefused as further:
                raise SetRefused(f"{wrong}\n{further}") from None
        wrong.of_nets = NET in kind.parts
        raise
    wanted = _wanted(parts, one) if kind.hashes else _bitmap(parts[0], one)
    return wanted._replace(several=next(filter(None, (_several(part, one) for part in parts)), ""))


def _several(part: Span | Ports, one: IpSet) -> str:
    what = ""
    if isinstance(part, Ports):
        what = "FROM-TO port" if part.first != part.last else ""
    elif one.type.name != "hash:ip":
        several = part.first != part.last and one.type.net is None
        what = "FROM-TO IP" if part.length is None else "IP/CIDR" if several else ""
    name = {4: "inet", 6: "inet6"}.get(one.options.family, "unspec")
    return f"{what} range is not allowed in command test with set type {one.type.name} and family {name}" if what else ""


def _part(word: str, part: str, place: int, one: IpSet) -> Span | Ports:
    family = one.options.family
    if part == PORT:
        return ports(word, family)
    if part == BARE_PORT:
        found = ports(word, family or 4)
        if found.protocol not in (TCP, UDP):
            raise syntax("Only protocols TCP and UDP are valid")
        return found
    plain = part == IP and (family == 6 or place > 0)
    single = "/" not in word or word.endswith(f"/{BITS[family]}")
    if plain and (is_range(word) or not single):
        raise syntax(f"plain IP address must be supplied: {word}")
    if part == NET and family == 6 and is_range(word):
        raise syntax(f"IP address or IP/cidr must be specified: {word}")
    return span(word, family)


def _bitmap(part: Span | Ports, one: IpSet) -> Wanted:
    assert isinstance(part, Ports)
    low, high = one.options.ports
    fault = "" if low <= part.first and part.last <= high else "Element is out of the range of the set"
    return Wanted(((port,) for port in range(part.first, part.last + 1)), fault)


def _wanted(parts: list[Span | Ports], one: IpSet) -> Wanted:
    family, mask = one.options.family, one.options.mask
    choices: list[Iterator[Key]] = []
    fault = ""
    for part, kind in zip(parts, one.type.parts, strict=True):
        if isinstance(part, Ports):
            choices.append(iter([(part.protocol, port) for port in range(part.first, part.last + 1)]))
            continue
        if part.length == 0:
            fault = fault or _INVALID_CIDR
        if kind == NET:
            if part.length is None and part[:2] == (0, ALL_ONES[family]):
                fault = fault or "Invalid range, covers the whole address space"
            choices.append(nets(part, family))
            continue
        used = ALL_ONES[family] if mask is None else mask
        if not part.first & used:
            null = NULL if one.type.name == "hash:ip" else "Kernel error received: Invalid argument"
            fault = fault or (null if one.type.masks else "")
        choices.append(_addresses(part, one))
    if len(choices) == 1:
        return Wanted(choices[0], fault)
    # All but the first can be had again and again; the first may be long.
    rest = [list(choice) for choice in choices[1:]]
    return Wanted((sum(keys, first) for first in choices[0] for keys in product(*rest)), fault)


def _addresses(part: Span, one: IpSet) -> Iterator[Key]:
    """Each address once, as far as the set tells them from each other when they come one by one."""
    mask, width = one.options.mask, BITS[one.options.family]
    value, last, step = part.first, part.last, 1
    if mask is not None and one.options.netmask:
        value, step = value & mask, 1 << width - one.options.netmask
    elif mask is not None:
        # Only what was said first is masked: from there it reaches to what was said last, or as far as the net is wide.
        begun, ended = (last, value) if part.backwards else (value, last)
        begun &= mask
        value, last = sorted((begun, ended if part.length is None else begun + (1 << width - part.length) - 1))
    while value <= last:
        yield (value,)
        value += step


def written(key: Key, one: IpSet) -> str:
    """An element as ipset prints it."""
    family, said, at = one.options.family, list[str](), 0
    for part in one.type.parts:
        if part == IP:
            said.append(format_address(family, key[at]))
            at += 1
        elif part == NET:
            length = f"/{key[at + 1]}" if key[at + 1] != BITS[family] else ""
            said.append(format_address(family, key[at]) + length)
            at += 2
        elif part == BARE_PORT:
            said.append(str(key[at]))
        else:
            said.append(_written_port(key[at], key[at + 1]))
            at += 2
    return ",".join(said)


def _written_port(protocol: int, port: int) -> str:
    names = {ICMP: ICMP_NAMES, ICMPV6: ICMPV6_NAMES}.get(protocol)
    name = protocol_name(protocol) if protocol else "0"
    if names is None:
        return f"{name}:{port}"
    found = next((known for known, value in names.items() if value == (port >> 8, port & 0xFF)), None)
    return f"{name}:{found or f'{port >> 8}/{port & 0xFF}'}"


def spoken(text: str, one: IpSet) -> str:
    """The text of an element that could be read, as ipset says it again."""
    said = list[str]()
    for word, part in zip(text.split(","), one.type.parts, strict=False):
        if part == PORT:
            found = ports(word, one.options.family)
            said.append(_written_port(found.protocol, found.first))
        elif part == BARE_PORT:
            said.append(str(ports(word, 4).first))
        else:
            host, slash, length = word.partition("/")
            ends = [host] if slash else word.split("-")
            said.append("-".join(format_address(one.options.family, address(end, one.options.family)) for end in ends) + slash + length)
    return ",".join(said)
