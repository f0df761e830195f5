"""Random dialogues of FTP, IRC and TFTP, cut and repeated at every byte, and the connections they agree upon.

Knows nothing of the engine; the rules that give these connections helpers are ``random_helped``'s. Packets are made in IPv6 where the
case is to be: a dialogue names addresses, and says them at other lengths. IRC has no helper there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address
from random import Random
from struct import pack
from typing import NamedTuple

from fwtutor.kernel.observation import Shot
from fwtutor.kernel.pools import FAR, LAN_BOX, NEAR, WAN_BOX, Ends, address
from fwtutor.kernel.random_helped import DATA, FTP, IRC, TFTP, TRAP, Outside
from fwtutor.kernel.rules_in_ipv6 import address as address6
from fwtutor.netfilter import craft
from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN

_MASK = 0xFFFFFFFF

_CLIENT = ("USER x", "PASS y", "PASV", "EPSV", "EPSV ALL", "LIST", "NOOP", "TYPE I", "PORTAL 1,2", "QUIT", "")
_SERVER = ("220 welcome", "331 who", "230 in", "200 PORT ok", "150 here", "226 done", "2", "22", "500 no", "")


class _View(NamedTuple):
    """Two ends, and what each calls the other."""

    ends: Ends
    names: tuple[int, int]
    """The address at which the client sees the server, and the server the client."""
    family: int = 4

    def address(self, number: int) -> int:
        """An address of IPv4, or what stands for it."""
        return number if self.family == 4 else address6(number)


class _Call(NamedTuple):
    """Somebody said where he listens."""

    view: _View
    side: int
    """Who said so."""
    address: int
    port: int
    protocol: int


def helped_traffic(random: Random, count: int, shown: Outside | None, family: int = 4) -> list[Shot]:
    """``count`` packets of a few conversations with helpers."""
    shots: list[Shot] = []
    agreed: list[_Call] = []
    ends = _view(random, shown, family)

    def begin() -> Iterator[Shot]:
        return _conversation(random, ends if random.random() < 0.7 else _view(random, shown, family), agreed)

    conversations = [begin() for _ in range(random.randint(1, 3))]
    while len(shots) < count:
        place = random.randrange(len(conversations))
        shot = next(conversations[place], None)
        if shot is None or random.random() < 0.02:
            conversations[place] = begin()
        if shot is None:
            continue
        if random.random() < 0.97:  # else lost on its way
            shots.append(shot)
        if random.random() < 0.06:
            shots.append(shot)
        if random.random() < 0.03 and shots:
            shots.append(random.choice(shots))
        if agreed and random.random() < 0.12:
            shots += _called(random, agreed)
    return shots[:count]


def _view(random: Random, shown: Outside | None, family: int) -> _View:
    """Ends as they see each other."""
    ends = client, server = _ends(random)
    names = [server[0], client[0]]
    if shown is not None and random.random() < 0.95:
        if shown.source and client[1] == "lan" and server[1] == "wan":
            names[1] = address(shown.source)
        if shown.server and client[1] == "wan" and server[1] == "lan":
            names[0] = address(WAN_BOX)
            ends = client, (address(shown.server), "lan")
    view = _View(ends, (names[0], names[1]), family)
    (one, on), (other, there) = ends
    return view._replace(
        ends=((view.address(one), on), (view.address(other), there)), names=(view.address(names[0]), view.address(names[1]))
    )


def _ends(random: Random) -> Ends:
    far, near = (address(random.choice(FAR)), "wan"), (address(random.choice(NEAR)), "lan")
    box: tuple[int, str | None] = (address(WAN_BOX), None)
    kind = random.random()
    if kind < 0.6:
        return near, far
    if kind < 0.75:
        return far, near
    if kind < 0.87:
        return far, box
    if kind < 0.95:
        return box, far
    if kind < 0.98:
        return box, (address(random.choice((WAN_BOX, LAN_BOX))), None)
    return near, (address(LAN_BOX), None)


def _conversation(random: Random, view: _View, agreed: list[_Call]) -> Iterator[Shot]:
    kind = random.random()
    if kind < (0.68 if view.family == 4 else 0.84):
        return _Talk(random, view, random.choice((FTP, FTP, FTP, TRAP)), agreed).ftp()
    if kind < 0.84:
        return _Talk(random, view, IRC, agreed).irc()
    return _tftp(random, view, agreed)


class _Talk:
    """A TCP connection whose sides say lines, which come in pieces."""

    def __init__(self, random: Random, view: _View, port: int, agreed: list[_Call]) -> None:
        self.random, self.view, self.ends, self.agreed = random, view, view.ends, agreed
        self.longer = [0, 0]
        """By how much what a side said has become longer on its way, as far as can be guessed."""
        self.ports = random.choice((4000, 4001, 50000)), port
        self.numbers = [self._fresh(), self._fresh()]

    def _fresh(self) -> int:
        random = self.random
        return random.choice((random.getrandbits(32), -random.randint(1, 120) & _MASK, (1 << 31) - random.randint(1, 120)))

    def _segment(self, side: int, flags: int, payload: bytes = b"", seq: int | None = None) -> Shot:
        (src, on), dst = self.ends[side], self.view.names[side]
        if seq is None:
            seq = self.numbers[side]
            self.numbers[side] = seq + len(payload) + bool(flags & SYN) + bool(flags & FIN) & _MASK
        ack = self.numbers[1 - side] + self.longer[1 - side] & _MASK if flags & ACK else 0
        options = b"\2\4\5\xb4\4\2" if flags & SYN and self.random.random() < 0.5 else b""
        if flags == ACK and self.random.random() < 0.1:
            options = b"\1\1\5\x0a" + pack("!II", ack + 5 & _MASK, ack + random_length(self.random) & _MASK)
        raw = craft.tcp(
            src, dst, self.ports[side], self.ports[1 - side], flags, seq, ack, 60000, payload, options,
            id=(seq ^ len(payload)) & 0xFFFF or 1, family=self.view.family,
        )  # fmt: skip
        return Shot(raw, on)

    def _open(self) -> Iterator[Shot]:
        yield self._segment(0, SYN)
        yield self._segment(1, SYN | ACK)
        yield self._segment(0, ACK)

    def _say(self, side: int, text: bytes) -> Iterator[Shot]:
        """A line, in as many segments as it pleases, some of them again."""
        random = self.random
        if random.random() < 0.05:
            yield self._segment(side, ACK | PSH, text, (self.numbers[side] + random.choice((-1, 1, -len(text), 7))) & _MASK)
            return
        self._guess(side, text)
        cuts = sorted(random.sample(range(len(text)), min(len(text), random.choice((0, 0, 0, 1, 1, 2))))) if text else []
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            seq = self.numbers[side]
            yield self._segment(side, ACK | PSH, text[begin:end])
            if random.random() < 0.15:  # again, and perhaps with more of it
                yield self._segment(side, ACK | PSH, text[begin : random.choice((end, len(text)))], seq)
        if random.random() < 0.5:
            yield self._segment(1 - side, ACK)

    def _guess(self, side: int, text: bytes) -> None:
        """How much longer it will be on the other side, if it is what a helper rewrites."""
        inside, seen = self.ends[side][0], self.view.names[1 - side]
        if self.view.family == 6:
            named = _NAMED6.search(text)
            if named and inside != seen:
                self.longer[side] += len(_full(seen)) - len(named[1])
            return
        if inside != seen and self.random.random() < 0.9:
            for old, new in ((format_address(4, inside), format_address(4, seen)), (str(inside), str(seen))):
                for word, other in ((old, new), (old.replace(".", ","), new.replace(".", ","))):
                    if word.encode() in text:
                        self.longer[side] += len(other) - len(word)
                        return

    def _end_of_line(self) -> bytes:
        return self.random.choice((b"\r\n",) * 9 + (b"\n", b"\r", b"", b" \r\n"))

    def _spoiled(self, text: bytes) -> bytes:
        random = self.random
        if not text or random.random() < 0.85:
            return text
        place = random.randrange(len(text))
        with_what = random.choice(
            (b"", b" ", b"0", b"9", b",", b"|", b"\r", b"\n", b"\0", b"(", b"x", text[place:], bytes([random.getrandbits(8)]))
        )
        return text[:place] + with_what + text[place + random.choice((0, 1)) :]

    def ftp(self) -> Iterator[Shot]:
        random = self.random
        if random.random() < 0.95:
            yield from self._open()
        if random.random() < 0.85:
            yield from self._say(1, b"220 hi\r\n")
            yield from self._say(0, b"USER x\r\n")
        for _ in range(random.randint(2, 14)):
            side = random.choice((0, 1)) if self.ports[1] != TRAP else random.choice((0, 0, 1))
            choice = random.random()
            if choice < 0.55:
                text = self._address_line(side if random.random() < 0.93 else 1 - side, self.ends[side][0])
            else:
                text = random.choice((_CLIENT, _SERVER)[side]).encode()
            line = self._spoiled(text + self._end_of_line())
            if self.ports[1] == TRAP and side == 0:
                yield from self._say(0, line)
                side = 1  # which echoes
            if random.random() < 0.1:
                line += self._spoiled(self._address_line(side, self.ends[side][0]) + self._end_of_line())
            yield from self._say(side, line)
        if random.random() < 0.5:
            yield self._segment(random.choice((0, 1)), random.choice((RST, FIN | ACK)))

    def _address_line(self, side: int, own: int) -> bytes:
        """PORT, EPRT, 227 or 229, mostly as it should be."""
        random = self.random
        if random.random() < 0.12:
            others = (address(random.choice(FAR)), address(WAN_BOX))
            own = random.choice((self.ends[0][0], self.ends[1][0], *(self.view.address(number) for number in others)))
        port = random.choice(DATA) if random.random() < 0.95 else random.choice((0, 65536, 66561, 99999))
        self.agreed.append(_Call(self.view, side, own, port & 0xFFFF, 6))
        ipv6 = self.view.family == 6
        # Six numbers have no room for an address of IPv6: they stand for its beginning.
        dotted = format_address(4, own >> 96 if ipv6 else own)
        six = f"{dotted.replace('.', ',')},{port >> 8},{port & 255}"
        if random.random() < 0.05:
            six = random.choice(
                (f"{six},", f",{six}", six.replace(",", ".", 1), f"0{six}", f"{six}0", f"256,{six}", six.rpartition(",")[0])
            )
        delimiter = random.choice("||||!a1~ ")
        if side == 0:
            words = random.choice(("PORT", "port", "PoRt", "EPRT", "EPRT", "eprt"))
            gap = random.choice((" ", " ", " ", "  ", "", "\t", "x "))
            if words.upper() == "PORT":
                return f"{words}{gap}{six}".encode()
            kind, named = (random.choice("2222221"), _spelled(random, own)) if ipv6 else (random.choice("1111112"), dotted)
            return f"{words}{gap}{delimiter}{kind}{delimiter}{named}{delimiter}{port}{delimiter}".encode()
        if random.random() < 0.5:
            return random.choice(("227 Entering ({}).", "227 {}", "227 =({}", "227 ({})", "227-({})", "227 a1b({})")).format(six).encode()
        inside = f"{delimiter}{delimiter}{delimiter}{port}{delimiter}"
        return random.choice(("229 Extended ({})", "229 ({})", "229 {}", "229 (x)({})", "229 ok ( {})")).format(inside).encode()

    def irc(self) -> Iterator[Shot]:
        random = self.random
        if random.random() < 0.95:
            yield from self._open()
        if random.random() < 0.8:
            yield from self._say(1, b":irc NOTICE hello\r\n")
        for _ in range(random.randint(2, 12)):
            side = 0 if random.random() < 0.85 else 1
            yield from self._say(side, self._spoiled(self._invitation(self.ends[side][0])))

    def _invitation(self, own: int) -> bytes:
        random = self.random
        if random.random() < 0.15:
            own = random.choice((self.ends[1][0], address(WAN_BOX), 1, own + (1 << 32)))
        port = random.choice(DATA) if random.random() < 0.93 else random.choice((0, 65536, 65537 + 1024))
        self.agreed.append(_Call(self.view, 0, own & _MASK, port & 0xFFFF, 6))
        kind = random.choice(("SEND", "CHAT", "MOVE", "TSEND", "SCHAT", "send", "XSEND", "RESUME", "SEND CHAT", "SEND SEND"))
        name = random.choice(("f", "file.txt", "", "chat", "a b"))
        before = random.choice(("", "", "", " ", "\r\n", "\n\n  ", "x", "JOIN #a\r\n"))
        word = random.choice(("PRIVMSG", "PRIVMSG", "PRIVMSG", "privmsg", "NOTICE", "PRIVMSGX"))
        target = random.choice(("nick", "n", "#chan", "nick :", ""))
        gap = random.choice((" ", " ", "  ", ""))
        last = random.choice(("\1\n", "\1\n", "\1\r\n", "\n", " 123\1\n", "\1", "\r"))
        return f"{before}{word} {target} :\1DCC {kind} {name} {own}{gap}{port}{last}".encode()


_NAMED6 = re.compile(rb"\|2\|([0-9a-f:.]+)\|", re.IGNORECASE)


def _full(address: int) -> str:
    """An IPv6 address with all its zeros, as the kernel writes it."""
    return IPv6Address(address).exploded


def _spelled(random: Random, address: int) -> str:
    """An IPv6 address as somebody may write it, mostly the usual way."""
    short = str(IPv6Address(address))
    if random.random() < 0.7:
        return short
    quad = f"{IPv6Address(address >> 32 << 32).exploded[:30]}{format_address(4, address & _MASK)}"
    wrong = (f"{short}::", short.replace("::", ":"), f"{short}:1", f"0{short}", "::", f"::{short}")
    return random.choice((_full(address), short.upper(), quad) * 2 + wrong)


def _tftp(random: Random, view: _View, agreed: list[_Call]) -> Iterator[Shot]:
    """Questions and the answers from a port of the server's own."""
    client, server = view.ends
    (to_server, to_client), family = view.names, view.family
    port, own = random.choice((4000, 4001)), random.choice(DATA)
    while True:
        choice = random.random()
        if choice < 0.5:
            payload = random.choice((b"\0\1f\0octet\0", b"\0\2f\0octet\0", b"\0\3\0\1", b"\0\4\0\1", b"\0", b"", b"\1\0", b"\0\1"))
            agreed.append(_Call(view, 0, client[0], port, 17))
            yield Shot(craft.udp(client[0], to_server, port, TFTP, payload, id=1, family=family), client[1])
        elif choice < 0.6:
            payload = random.choice((b"\0\3\0\1x", b"\0\1x\0", b""))
            yield Shot(craft.udp(server[0], to_client, TFTP, port, payload, id=2, family=family), server[1])
        elif choice < 0.85:
            yield Shot(craft.udp(server[0], to_client, own, port, b"\0\3\0\1data", id=3, family=family), server[1])
        elif choice < 0.95:
            yield Shot(craft.udp(client[0], to_server, port, own, b"\0\4\0\1", id=4, family=family), client[1])
        else:
            port, own = random.choice((4000, 4001)), random.choice(DATA)


def _called(random: Random, agreed: list[_Call]) -> list[Shot]:
    """Somebody comes where somebody else said he listens."""
    call = random.choice(agreed[-6:])
    family = call.view.family
    other = 1 - call.side if random.random() < 0.93 else call.side
    (src, on), (own, there) = call.view.ends[other], call.view.ends[1 - other]
    dst, back = call.view.names[other], call.view.names[1 - other]
    if call.address != call.view.ends[call.side][0]:
        dst = call.address  # a foreign one
    if random.random() < 0.07:
        src, on = call.view.address(address(random.choice(FAR))), "wan"
    sport, port = random.choice((20, 20, 4444)), call.port
    if call.protocol == 17:
        return [Shot(craft.udp(src, dst, sport, port, b"\0\3\0\1", id=5, family=family), on)]
    seq = random.getrandbits(32)
    first = craft.tcp(src, dst, sport, port, random.choice((SYN, SYN, SYN, SYN, ACK, SYN | ACK, RST)), seq, 0, id=6, family=family)
    if random.random() < 0.05:
        at = 36 if family == 4 else 56
        first = first[:at] + bytes([first[at] ^ 1]) + first[at + 1 :]  # a wrong checksum
    shots = [Shot(first, on)]
    if random.random() < 0.6:
        shots.append(Shot(craft.tcp(own, back, port, sport, SYN | ACK, 77, seq + 1 & _MASK, id=7, family=family), there))
        shots.append(Shot(craft.tcp(src, dst, sport, port, ACK | PSH, seq + 1 & _MASK, 78, payload=b"x", id=8, family=family), on))
    return shots


def random_length(random: Random) -> int:
    return random.choice((6, 20, 100))
