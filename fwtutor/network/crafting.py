"""The language of ``send``: one packet with the fields one names, the rest filled in as a host would."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, FLAG_NAMES, SYN, TCP, UDP, Packet
from fwtutor.network.arguments import BadArgument, read_address, read_number, read_place, split_words
from fwtutor.network.ends import Address, Ends
from fwtutor.network.errors import ERRORS
from fwtutor.network.segments import MSS, SYN_WINDOW, WINDOW, syn_options
from fwtutor.network.words import ICMP_NAMES, describe

FLAG_BITS = {name: bit for bit, name in FLAG_NAMES}
ICMP_TYPES = {family: {name: number for number, name in names.items()} for family, names in ICMP_NAMES.items()}
MOST = {"seq": 0xFFFFFFFF, "ack": 0xFFFFFFFF, "win": 0xFFFF, "ttl": 255, "id": 0xFFFF, "mtu": 0xFFFF}
_ICMP_TAKES = ("id", "seq", "ttl", "data")
TAKEN = {"tcp": ("seq", "ack", "win", "ttl", "data"), "udp": ("ttl", "data"), "icmp": _ICMP_TAKES, "icmpv6": _ICMP_TAKES}
FAMILY_OF = {"icmp": 4, "icmpv6": 6}
MAX_DATA = 1400
TOO_BIG = {4: (3, 4), 6: (2, 0)}
"""Fragmentation needed, packet too big: the one error of each family that names an MTU."""
USUAL_MTU = 1400

Numbers = Callable[[Ends], tuple[int, int] | None]
"""(seq, ack) of the host's own connection with these ends, if it has one."""
Seen = Callable[[int, Ends], Packet | None]
"""The last packet of a protocol with these ends that was on the wire, if there was one: what a router could quote."""


def craft_packet(text: str, drawn: int, own_numbers: Numbers, seen: Seen) -> tuple[bytes, str]:
    """(the packet, the packet in words) from ``tcp A:P > B:Q FLAGS seq=N ...``. Raises BadArgument naming what is wrong.

    TCP numbers left out are those of the host's own connection with these ports, or else come from ``drawn``.
    """
    words = split_words(text.replace(">", " > ") if '"' not in text and "'" not in text else text)
    if not words or words[0] not in TAKEN:
        raise BadArgument(f"{words[0] if words else ''!r} is none of {', '.join(TAKEN)}; try: tcp ADDR:PORT > ADDR:PORT SYN")
    kind = words[0]
    if kind in FAMILY_OF and "about" in words:
        raw = _icmp_error(words, drawn, seen)
        return raw, f"sent: {describe(Packet(raw))} {' '.join(words[words.index('about') :])}"
    if len(words) < 4 or words[2] != ">":
        place = "ADDR" if kind in FAMILY_OF else "ADDR:PORT"
        raise BadArgument(f"write {kind} {place} > {place}{' FLAGS' if kind == 'tcp' else ''}")
    rest = words[4:]
    fields = {word.partition("=")[0]: word.partition("=")[2] for word in rest if "=" in word}
    for name in fields:
        if name not in TAKEN[kind]:
            raise BadArgument(f"{kind} takes no {name}=; it takes {', '.join(f'{field}=' for field in TAKEN[kind])}")
    numbers = {name: read_number(value, MOST[name], name) for name, value in fields.items() if name in MOST}
    data = fields.get("data", "").encode("utf-8", "replace")
    if len(data) > MAX_DATA:
        raise BadArgument(f"data has {len(data)} bytes, {MAX_DATA} fit")
    bare = [word for word in rest if "=" not in word]
    if kind in FAMILY_OF:
        raw = _icmp(_two_addresses(words[1], words[3], FAMILY_OF[kind]), bare, numbers, data, drawn)
    else:
        raw = {"tcp": _tcp, "udp": _udp}[kind](_two_places(words[1], words[3]), bare, numbers, data, drawn, own_numbers)
    return raw, f"sent: {describe(Packet(raw))}"


def _two_places(source: str, target: str) -> Ends:
    ends = Ends(*read_place(source, zero=True), *read_place(target, zero=True))
    _one_family(ends.address, ends.peer)
    return ends


def _two_addresses(source: str, target: str, family: int) -> tuple[Address, Address]:
    both = read_address(source), read_address(target)
    _one_family(*both)
    if both[0].family != family:
        raise BadArgument(f"{both[0]} is an IPv{both[0].family} address; write {'icmp' if family == 6 else 'icmpv6'}")
    return both


def _one_family(source: Address, target: Address) -> None:
    if source.family != target.family:
        raise BadArgument(f"{source} is an IPv{source.family} address and {target} an IPv{target.family} one; no packet has both")


def _tcp(ends: Ends, bare: list[str], numbers: dict[str, int], data: bytes, drawn: int, own: Numbers) -> bytes:
    if len(bare) != 1:
        raise BadArgument("name the flags in one word: SYN or SYN+ACK or none")
    flags = read_flags(bare[0])
    seq, ack = own(ends) or (drawn, drawn * 2654435761 + 1 & 0xFFFFFFFF)
    (family, src), sport, (_, dst), dport = ends
    opening = flags & (SYN | ACK) == SYN
    return craft.tcp(
        src, dst, sport, dport, flags, numbers.get("seq", seq), numbers.get("ack", ack if flags & ACK else 0),
        numbers.get("win", SYN_WINDOW if flags & SYN else WINDOW), data, syn_options(MSS[family]) if opening else b"",
        family=family, ttl=numbers.get("ttl", 64), id=drawn & 0xFFFF,
    )  # fmt: skip


def _udp(ends: Ends, bare: list[str], numbers: dict[str, int], data: bytes, drawn: int, own: Numbers) -> bytes:
    if bare:
        raise BadArgument(f"{bare[0]!r}: udp has no flags")
    (family, src), sport, (_, dst), dport = ends
    return craft.udp(src, dst, sport, dport, data, family=family, ttl=numbers.get("ttl", 64), id=drawn & 0xFFFF)


def _icmp(both: tuple[Address, Address], bare: list[str], numbers: dict[str, int], data: bytes, drawn: int) -> bytes:
    (family, src), (_, dst) = both
    if len(bare) != 1:
        raise BadArgument(f"name the type: {', '.join(ICMP_TYPES[family])} or TYPE/CODE")
    known = _icmp_kind(bare[0], family)
    sequence = numbers.get("seq", 1)
    if sequence > 0xFFFF:
        raise BadArgument(f"seq '{sequence}' is no number from 0 to 65535")
    rest = numbers.get("id", drawn >> 16) << 16 | sequence
    if family == 4 and known[0] in (13, 14) and not data:
        data = bytes(12)
    return craft.icmp(src, dst, *known, rest, data, family=family, ttl=numbers.get("ttl", 64), id=drawn & 0xFFFF)


def _icmp_error(words: list[str], drawn: int, seen: Seen) -> bytes:
    """``icmp A > B 3/4 about tcp A:P > B:Q [mtu=N]``: quotes the last such packet there was, or else one made up."""
    options = [word for word in words if "=" in word]
    words = [word for word in words if "=" not in word]
    if len(words) != 10 or (words[2], words[5], words[8]) != (">", "about", ">") or words[6] not in ("tcp", "udp"):
        raise BadArgument(f"write {words[0]} ADDR > ADDR TYPE/CODE about tcp ADDR:PORT > ADDR:PORT")
    (family, src), (_, dst) = _two_addresses(words[1], words[3], FAMILY_OF[words[0]])
    type, code = _icmp_kind(words[4], family)
    errors = ERRORS[family]
    too_big = TOO_BIG[family]
    if type not in errors:
        raise BadArgument(f"{words[4]!r} is no error, and quotes no packet; {too_big[0]}/{too_big[1]} does")
    mtu = USUAL_MTU if (type, code) == too_big else 0
    for word in options:
        name, _, value = word.partition("=")
        if name != "mtu" or not mtu:
            raise BadArgument(f"an error takes no {name}=; {too_big[0]}/{too_big[1]} takes mtu=")
        mtu = read_number(value, MOST["mtu"], "mtu")
    ends = _two_places(words[7], words[9])
    _one_family(ends.address, Address(family, src))
    protocol = TCP if words[6] == "tcp" else UDP
    quoted = seen(protocol, ends)
    if quoted is None:
        nobody: Numbers = lambda _: (drawn, drawn)  # noqa: E731
        quoted = Packet(_tcp(ends, ["ACK"], {}, b"", drawn, nobody) if protocol == TCP else _udp(ends, [], {}, b"", drawn, nobody))
    # The IP header and 8 bytes of what it carried: the least a router must quote, and enough to know the ports by.
    return craft.icmp(src, dst, type, code, mtu, quoted.raw[: quoted.l4 + 8], family=family, df=False, id=drawn & 0xFFFF)


def _icmp_kind(text: str, family: int) -> tuple[int, int]:
    """``echo`` or ``TYPE/CODE``. Raises BadArgument."""
    known = ICMP_TYPES[family].get(text)
    if known is not None:
        return known
    kind, slash, code = text.partition("/")
    if not slash:
        raise BadArgument(f"{text!r} is none of {', '.join(ICMP_TYPES[family])} and no TYPE/CODE")
    return read_number(kind, 255, "type"), read_number(code, 255, "code")


def read_flags(text: str) -> int:
    """``SYN+ACK`` (or SYN,ACK, SYN|ACK, none) as a flag byte. Raises BadArgument naming the flag that is none."""
    if text.lower() == "none":
        return 0
    flags = 0
    for name in text.upper().replace("+", ",").replace("|", ",").split(","):
        if name not in FLAG_BITS:
            raise BadArgument(f"{name!r} is none of the flags {', '.join(FLAG_BITS)}")
        flags |= FLAG_BITS[name]
    return flags
