"""What the rules of an answer speak of: the ports, addresses and protocols to aim at, whoever wrote them and wherever they stand.

Drawn packets hardly ever meet a rule that is for one port of 65536. So both ends of all ranges in force are tried too, and their
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.addresses import ALL_ONES

if TYPE_CHECKING:
    from fwtutor.review.sets import Ints

MOST_RANGES = 16
"""Of one condition, that are aimed at."""


class Aim(NamedTuple):
    """What one rule speaks of; () of what it does not."""

    sources: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    source_ports: tuple[int, ...] = ()
    protocols: tuple[int, ...] = ()
    icmp: tuple[tuple[int, int], ...] = ()
    """(type, code)"""


def aims(firewall: Firewall, family: int) -> tuple[list[Aim], list[Aim]]:
    """One for each rule of all tables and chains that speaks of anything, and one for all sets; then those of rules that only drop."""
    from fwtutor.review.regions import Regions

    ruleset = firewall.ruleset(family)
    regions = Regions(ruleset)
    found: dict[Aim, None] = {}
    drops: dict[Aim, None] = {}
    for table in ruleset.tables.values():
        for chain in table.chains.values():
            for rule in chain.rules:
                boxes = [box for part in regions.parts(rule) for box in part.may]
                icmp = sorted({code for box in boxes for first, last in _ranges(box.get("type")) for code in (first, last)})
                only_drops = rule.target.name in ("DROP", "REJECT")
                (drops if only_drops else found)[
                    Aim(
                        _edges(boxes, "src", ALL_ONES[family]),
                        _edges(boxes, "dport", 0xFFFF),
                        _edges(boxes, "sport", 0xFFFF),
                        tuple(sorted({end for box in boxes for ends in _ranges(box.get("protocol")) for end in ends if end < 256})),
                        tuple((code >> 8, code & 0xFF) for code in icmp if code <= 0xFFFF),
                    )
                ] = None
    found[_of_sets(firewall.ipset("save"), family)] = None
    return [aim for aim in found if any(aim)], [aim for aim in drops if any(aim)]


def in_turn(each: Iterable[Iterator[Any]]) -> Iterator[Any]:
    """One of each, as long as any has one: nobody hides behind many others."""
    left = list(each)
    while left:
        still: list[Iterator[Any]] = []
        for items in left:
            for item in items:
                yield item
                still.append(items)
                break
        left = still


def _ranges(values: Ints | None) -> tuple[tuple[int, int], ...]:
    return values.ranges[:MOST_RANGES] if values is not None else ()


def _edges(boxes: Iterable[Any], field: str, last: int) -> tuple[int, ...]:
    """The ends and the middle of its ranges first, and then what is just outside."""
    ranges = [ends for box in boxes for ends in _ranges(box.get(field))]
    ranges = [(low, min(high, last)) for low, high in ranges if (low, high) != (0, last)]
    inside = [value for low, high in ranges for value in (low, high, (low + high) // 2, min(low + 1, high))]
    outside = [value for low, high in ranges for value in (low - 1, high + 1)]
    return tuple(value for value in dict.fromkeys((*inside, *outside)) if 0 <= value <= last)


def _of_sets(saved: str, family: int) -> Aim:
    from fwtutor.review.sets import Ints

    sources: list[dict[str, Ints]] = []
    ports: list[dict[str, Ints]] = []
    for line in saved.splitlines()[: 8 * MOST_RANGES]:
        words = line.split()
        for text in words[2].split(",") if words[:1] == ["add"] else ():
            port = text.rpartition(":")[2]
            if port.isdigit():
                ports.append({"dport": Ints([(int(port), int(port))])})
                continue
            try:
                network = ip_network(text, strict=False)
            except ValueError:
                continue
            if network.version == family:
                sources.append({"src": Ints([(int(network.network_address), int(network.broadcast_address))])})
    return Aim(_edges(sources, "src", ALL_ONES[family]), _edges(ports, "dport", 0xFFFF))
