"""``-m owner``: whose program sent the packet. Only in OUTPUT and POSTROUTING, where the box's own packets pass.

What the box only forwards has no sender here, and neither has a reset that REJECT sends; such a packet matches only when
everything asked has a ``!``. What the box's stack itself sends (answers to pings, ICMP errors) comes out of a socket, but of
nobody's: ``--socket-exists`` holds, and no user does.

Programs are members of their own group only here, so ``--suppl-groups`` changes nothing for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import OUTPUT, POSTROUTING
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, Header, Test
from fwtutor.netfilter.xtables.values import leading_number
from fwtutor.netfilter.xtables.wording import Wording

USERS = {
    "root": 0, "daemon": 1, "bin": 2, "sys": 3, "sync": 4, "games": 5, "man": 6, "lp": 7, "mail": 8, "news": 9, "uucp": 10, "proxy": 13,
    "www-data": 33, "backup": 34, "list": 38, "irc": 39, "nobody": 65534,
}  # fmt: skip
GROUPS = {
    "root": 0, "daemon": 1, "bin": 2, "sys": 3, "adm": 4, "tty": 5, "disk": 6, "lp": 7, "mail": 8, "news": 9, "uucp": 10, "man": 12,
    "proxy": 13, "kmem": 15, "dialout": 20, "fax": 21, "voice": 22, "cdrom": 24, "floppy": 25, "tape": 26, "sudo": 27, "audio": 29,
    "dip": 30, "www-data": 33, "backup": 34, "operator": 37, "list": 38, "irc": 39, "src": 40, "shadow": 42, "utmp": 43, "video": 44,
    "sasl": 45, "plugdev": 46, "staff": 50, "games": 60, "users": 100, "nogroup": 65534,
}  # fmt: skip
"""Debian's, which every system of that kind begins with; who else there may be on a machine is not looked up."""
MOST = 2**32 - 2
Range = tuple[int, int]
FIRST = 'owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"'


def read_owner(option: str, names: Mapping[str, int]) -> Callable[[str], Range]:
    """A name or number, or a range of numbers."""

    def read(text: str) -> Range:
        if text in names:
            return names[text], names[text]
        first = leading_number(text, 0, MOST)
        last = first
        if first is not None and first[1][:1] in ("-", ":"):
            last = leading_number(first[1][1:], 0, MOST)
        if first is None or last is None or last[1]:
            hint = "a number, a range of numbers, or a name every Debian has"
            raise Unreadable(f'owner: Bad value for "--{option}" option: "{text}"', hint=hint)
        return first[0], last[0]

    return read


def write_owner(value: Range) -> str:
    return str(value[0]) if value[0] == value[1] else f"{value[0]}-{value[1]}"


def _judge(place: int, word: str) -> Callable[[Range, Context], tuple[bool, str]]:
    def judge(value: Range, context: Context) -> tuple[bool, str]:
        if context.owner is None:
            return False, "no program sent it"
        number = context.owner[place]
        return value[0] <= number <= value[1], f"the program that sent it runs as {word} {number}"

    return judge


def judge_socket(value: bool, context: Context) -> tuple[bool, str]:
    if context.owner is not None:
        return True, "it came out of a program's socket"
    return context.socket, "it came out of the stack's own socket" if context.socket else "it came out of no socket"


@dataclass(frozen=True, slots=True)
class Owner(OptionMatch):
    """Whose program sent it."""

    name: ClassVar[str] = "owner"
    meaning: ClassVar[str] = "whose program sent the packet"
    hooks: ClassVar[tuple[str, ...]] = (OUTPUT, POSTROUTING)
    words: ClassVar[Wording] = {
        "socket": "that come out of a socket|that do not come out of a socket",
        "user": "of programs of user {}|of programs of any user but {}",
        "group": "of programs of group {}|of programs of any group but {}",
        "also": "+(or that are in it besides)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="socket", names=("socket-exists",), arguments=0, read=lambda: True, judge=judge_socket,
               meaning="it came out of a socket"),
        Option(field="user", names=("uid-owner",), argument="USER[-USER]", read=read_owner("uid-owner", USERS), write=write_owner,
               judge=_judge(0, "user"), meaning="its program runs as this user"),
        Option(field="group", names=("gid-owner",), argument="GROUP[-GROUP]", read=read_owner("gid-owner", GROUPS), write=write_owner,
               judge=_judge(1, "group"), meaning="its program runs in this group"),
        Option(field="also", names=("suppl-groups",), arguments=0, read=lambda: True, invertible=False,
               after=("group", FIRST), judge=lambda value, context: (True, "it has no other groups"),
               meaning="the other groups of the program count too"),
    )  # fmt: skip

    socket: Given[bool] | None = None
    user: Given[Range] | None = None
    group: Given[Range] | None = None
    also: Given[bool] | None = None

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not given:
            raise Unreadable("owner: At least one of --uid-owner, --gid-owner or --socket-exists is required")
        return cls(**given)

    def misplaced(self, header: Header) -> str:
        for who in (self.user, self.group):
            if who is not None and who.value[0] > who.value[1]:
                return "a range that ends before it begins"
        return ""

    def compile(self) -> Test:
        return lambda context: all(condition.held for condition in self.conditions(context))

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = OptionMatch.conditions(self, context)
        if self.also is None or context.owner is not None or context.socket:
            return found
        # Without a socket everything asked must have a "!", and this has none.
        return (*found[:-1], found[-1]._replace(held=False, because="it came out of no socket"))

    def listing(self, numeric: bool) -> str:
        words = []
        if self.socket is not None:
            words.append(f"{'! ' if self.socket.negated else ''}owner socket exists")
        for word, who, names in (("UID", self.user, USERS), ("GID", self.group, GROUPS)):
            if who is not None:
                (low, high), negated = who
                named = "" if numeric or low != high else next((name for name, number in names.items() if number == low), "")
                words.append(f"{'! ' if negated else ''}owner {word} match {named or write_owner(who.value)}")
        if self.also is not None:
            words.append("incl. suppl. groups")
        return " ".join(words)
