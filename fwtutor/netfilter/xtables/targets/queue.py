"""``-j NFQUEUE`` and ``-j QUEUE``: the packet is handed to a program that decides. Here there is none, and it is dropped.

That is what the kernel does, too, while no program listens to the queue. With ``--queue-bypass`` it then lets the packet go on, past
what is left of the table. ``--queue-balance`` spreads the connections over several queues, ``--queue-cpu-fanout`` by the processor instead.
QUEUE is queue 0, and legacy's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.values import bounded, number_range
from fwtutor.netfilter.xtables.wording import Wording

MOST = 0xFFFF


def read_balance(text: str) -> tuple[int, int]:
    first, last = number_range(text, "NFQUEUE", "queue-balance", MOST)
    if ":" not in text:
        raise Unreadable(f'Bad range "{text}"')
    if first >= last:
        raise Unreadable(f"{first} should be less than {last}")
    return first, last


def _yes() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Nfqueue(OptionTarget):
    """Handed to a program, of which there is none."""

    name: ClassVar[str] = "NFQUEUE"
    meaning: ClassVar[str] = "a program decides; there is none here, so the packet is dropped"
    words: ClassVar[Wording] = {
        "": "are handed to a program that decides",
        "number": ";by queue {}",
        "balance": lambda ends, negated: f";by one of the queues {ends[0]} to {ends[1]}",
        "bypass": ";or accepted where none listens",
        "fanout": ";chosen by the processor",
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="number", names=("queue-num",), argument="N", read=bounded("NFQUEUE", "queue-num", 0, MOST), invertible=False,
               meaning="the program that listens to this queue (without the option: 0)"),
        Option(field="balance", names=("queue-balance",), argument="FIRST:LAST", read=read_balance, invertible=False,
               write=lambda value: f"{value[0]}:{value[1]}", meaning="one of these queues for each connection"),
        Option(field="bypass", names=("queue-bypass",), arguments=0, read=_yes, invertible=False,
               meaning="where no program listens, accept"),
        Option(field="fanout", names=("queue-cpu-fanout",), arguments=0, read=_yes, invertible=False,
               meaning="with --queue-balance: by the processor, not by the connection"),
    )  # fmt: skip

    number: int = 0
    balance: tuple[int, int] | None = None
    bypass: bool = False
    fanout: bool = False

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        cls.exclude(given, "number", "balance")
        if "fanout" in given and "balance" not in given:
            raise Unreadable('NFQUEUE: option "--queue-cpu-fanout" also requires "--queue-balance".')
        return cls(**{field: one.value for field, one in given.items()})

    @property
    def decides(self) -> str:
        return "ACCEPT" if self.bypass else "DROP"

    def misplaced(self, header: Header) -> str:
        return f"{MOST} queues at once are the most" if self.balance == (0, MOST) else ""

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        wanted = ("balance" if self.balance else "number", *(["bypass"] if self.bypass else []), *(["fanout"] if self.fanout else []))
        return [(option, Given(getattr(self, option.field))) for option in self.options if option.field in wanted]

    def listing(self, numeric: bool) -> str:
        words = f"NFQUEUE balance {self.balance[0]}:{self.balance[1]}" if self.balance else f"NFQUEUE num {self.number}"
        return words + (" bypass" if self.bypass else "") + (" cpu-fanout" if self.fanout else "")


@dataclass(frozen=True, slots=True)
class Queue(OptionTarget):
    """The same, of old."""

    name: ClassVar[str] = "QUEUE"
    meaning: ClassVar[str] = "a program decides (queue 0); there is none here, so the packet is dropped"
    words: ClassVar[Wording] = {
        "": "are handed to a program that decides",
    }

    absent: bool = False

    @property
    def decides(self) -> str:
        return "DROP"

    def kept(self, variant: str) -> Queue:
        return replace(self, absent=variant == "nft")

    def unknown(self, header: Header) -> str:
        return "iptables-nft knows no QUEUE: -j NFQUEUE is the same" if self.absent else ""
