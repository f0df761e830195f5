"""``-j REJECT``: the packet is dropped, and its sender is told so, by an ICMP error or (for TCP) a reset.

Only in the filter table. ``tcp-reset`` needs a rule that says ``-p tcp``. Which packets are never answered, and how
often, is ``netfilter.reject``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import FILTER
from fwtutor.netfilter.packet import TCP
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.wording import Wording

TCP_RESET = "tcp-reset"
DEFAULT = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
KINDS: dict[int, tuple[tuple[str, str, int | None], ...]] = {
    4: (
        ("icmp-net-unreachable", "net-unreach", 0), ("icmp-host-unreachable", "host-unreach", 1),
        ("icmp-proto-unreachable", "proto-unreach", 2), ("icmp-port-unreachable", "port-unreach", 3),
        ("icmp-net-prohibited", "net-prohib", 9), ("icmp-host-prohibited", "host-prohib", 10),
        (TCP_RESET, "tcp-rst", None), ("icmp-admin-prohibited", "admin-prohib", 13),
    ),
    6: (
        ("icmp6-no-route", "no-route", 0), ("icmp6-adm-prohibited", "adm-prohibited", 1),
        ("icmp6-addr-unreachable", "addr-unreach", 3), ("icmp6-port-unreachable", "port-unreach", 4),
        (TCP_RESET, TCP_RESET, None), ("icmp6-policy-fail", "policy-fail", 5), ("icmp6-reject-route", "reject-route", 6),
    ),
}  # fmt: skip
"""By family: name, alias and ICMP code, in the tool's order. A beginning of either is taken for the first that fits."""

CODES = {name: code for kinds in KINDS.values() for name, _, code in kinds if code is not None}
"""The ICMP code of each kind that is answered by an ICMP destination unreachable (type 3, of ICMPv6 type 1)."""


def read_kind(family: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        for name, alias, _ in KINDS[family]:
            if name.startswith(text.lower()) or alias.startswith(text.lower()):
                return name
        raise Unreadable(f'unknown reject type "{text}"', hint=nearest(text, [line[0] for line in KINDS[family]], "types"))

    return read


def _option(family: int) -> Option:
    kinds = " ".join(line[0] for line in KINDS[family])
    return Option(field="kind", names=("reject-with",), argument="TYPE", read=read_kind(family), invertible=False,
                  choices=tuple(line[0] for line in KINDS[family]),
                  meaning=f"the answer: {kinds} (without the option: {DEFAULT[family]})")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reject(OptionTarget):
    """Dropped, and the sender is told."""

    name: ClassVar[str] = "REJECT"
    tables: ClassVar[tuple[str, ...]] = (FILTER,)
    meaning: ClassVar[str] = "the packet is dropped, and its sender is told"
    words: ClassVar[Wording] = {
        "kind": "are dropped, and their sender is told so by {}",
    }
    options: ClassVar[tuple[Option, ...]] = (_option(4),)

    kind: str = DEFAULT[4]
    """The answer's name in full, as "icmp-port-unreachable" or "tcp-reset"."""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        return cls(given["kind"].value) if given else cls()

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        return [(self.options[0], Given(self.kind))]

    def misplaced(self, header: Header) -> str:
        if self.kind == TCP_RESET and (header.protocol != TCP or header.protocol_not):
            return "--reject-with tcp-reset works only in a rule that says -p tcp: nothing else has a reset"
        return ""

    def listing(self, numeric: bool) -> str:
        return f"reject-with {self.kind}"


@dataclass(frozen=True, slots=True)
class Reject6(Reject):
    """The same with ICMPv6's answers."""

    options: ClassVar[tuple[Option, ...]] = (_option(6),)

    kind: str = DEFAULT[6]
