"""``-j SET``: the packet's addresses or ports are put into a set, or taken out of one, and the walk goes on.

``--exist`` lets what is in the set already begin anew; ``--timeout`` says for how many seconds it is there, where the set knows of time.
``--map-set`` gives the packet the mark (and the class) that its element in a set carries: only in mangle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from fwtutor.netfilter.hooks import FORWARD, MANGLE, OUTPUT, POSTROUTING
from fwtutor.netfilter.ipset.options import MOST_SECONDS
from fwtutor.netfilter.ipset.packets import Question, put_in, take_out, test
from fwtutor.netfilter.ipset.sets import MEMORY_KEY, NO_SETS, Element
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.matches.set import Named, set_option, told_sides
from fwtutor.netfilter.xtables.options import Given, Option, OptionTarget
from fwtutor.netfilter.xtables.rule import ActingTarget, SharedKey
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

_NO_TIMEOUT = 2**32 - 1


def _timeout(text: str) -> int:
    value = number(text, 0, _NO_TIMEOUT - 1)
    if value is None:
        raise Unreadable(f"Invalid value for option --timeout or out of range 0-{_NO_TIMEOUT - 1}")
    return value


def _yes() -> bool:
    return True


def _flag(name: str, meaning: str) -> Option:
    return Option(field=name.replace("-", "_"), names=(name,), arguments=0, read=_yes, meaning=meaning)


@dataclass(frozen=True, slots=True)
class SetTarget(OptionTarget, ActingTarget):
    """Into a set, or out of it."""

    name: ClassVar[str] = "SET"
    meaning: ClassVar[str] = "addresses or ports are put into a set that ipset made, or taken out of it"
    remembers: ClassVar[SharedKey | None] = MEMORY_KEY
    words: ClassVar[Wording] = {
        "add_set": lambda named, negated: f"have their {told_sides(named)} put into the set {named.name}",
        "exist": "+(anew, if it is there)",
        "timeout": "+(for {} seconds)",
        "del_set": lambda named, negated: f"have their {told_sides(named)} taken out of the set {named.name}",
        "map_set": lambda named, negated: f"get what their {told_sides(named)} has in the set {named.name}",
        "map_mark": "+(its mark)",
        "map_prio": "+(its priority)",
        "map_queue": "+(its queue)",
    }
    options: ClassVar[tuple[Option, ...]] = (
        set_option("add-set", "put into this set; src or dst for each part of its elements", field="add_set"),
        _flag("exist", "with --add-set: what is there already begins anew"),
        Option(field="timeout", names=("timeout",), argument="SECONDS", read=_timeout, meaning="with --add-set: for so long; 0 for good"),
        set_option("del-set", "taken out of this set", field="del_set"),
        set_option("map-set", "what its element in this set carries becomes the packet's (only in mangle):", field="map_set"),
        _flag("map-mark", "its mark"),
        _flag("map-prio", "its class"),
        _flag("map-queue", "its queue"),
    )  # fmt: skip

    add_set: Named | None = None
    exist: bool = False
    timeout: int | None = None
    del_set: Named | None = None
    map_set: Named | None = None
    map_mark: bool = False
    map_prio: bool = False
    map_queue: bool = False

    @classmethod
    def repeated(cls, option: Option) -> str:
        return f"--{option.names[0]} can be specified only once" if option.arguments == 2 else ""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if not {"add_set", "del_set", "map_set"} & given.keys():
            raise Unreadable("You must specify either `--add-set' or `--del-set' or `--map-set'")
        for field, words, needs in (
            ("exist", "Flag `--exist' can be used with `--add-set' only", "add_set"),
            ("timeout", "Option `--timeout' can be used with `--add-set' only", "add_set"),
            ("map_mark", "Flag `--map-mark' can be used with `--map-set' only", "map_set"),
            ("map_prio", "Flag `--map-prio' can be used with `--map-set' only", "map_set"),
            ("map_queue", "Flag `--map-queue' can be used with `--map-set' only", "map_set"),
        ):
            if field in given and needs not in given:
                raise Unreadable(words)
        if "map_set" in given and not {"map_mark", "map_prio", "map_queue"} & given.keys():
            raise Unreadable("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'")
        # A "!" is taken, and means nothing.
        return cls(**{field: one.value for field, one in given.items()})

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        values = [(option, getattr(self, option.field)) for option in self.options]
        return [(option, Given(value)) for option, value in values if value is not None and value is not False]

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets it names."""
        return tuple(named.name for named in (self.add_set, self.del_set, self.map_set) if named is not None)

    @property
    def tables_by_options(self) -> tuple[str, ...]:
        return (MANGLE,) if self.map_set is not None else ()

    @property
    def hooks_by_options(self) -> tuple[str, ...]:
        return (FORWARD, OUTPUT, POSTROUTING) if self.map_prio or self.map_queue else ()

    def act(self, context: Context) -> bool:
        sets, packet, tick = context.memory.get(MEMORY_KEY, NO_SETS), context.packet, context.at // JIFFY
        if self.add_set is not None:
            timeout = None if self.timeout is None else min(self.timeout, MOST_SECONDS)
            sets = put_in(sets, *_of(self.add_set, packet), timeout, self.exist, tick)
        if self.del_set is not None:
            sets = take_out(sets, *_of(self.del_set, packet), tick)
        if self.map_set is not None:
            name, _, sides = _of(self.map_set, packet)
            found = test(sets, name, packet, sides, Question(), tick)
            sets = found.sets
            if found.outcome > 0:
                self._map(context, found.element or Element())
        if sets is not NO_SETS:
            context.memory[MEMORY_KEY] = sets
        return True

    def _map(self, context: Context, element: Element) -> None:
        if self.map_mark:
            value, mask = element.mark
            context.mark = context.mark & ~mask ^ value
        if self.map_prio:
            context.priority = element.priority

    def listing(self, numeric: bool) -> str:
        words = []
        for option, one in self.given():
            words.append(f"{option.names[0]} {option.write(one.value)}" if option.arguments else option.names[0])
        return " ".join(words)


def _of(named: Named, packet: Any) -> tuple[str, Any, tuple[str, ...]]:
    return named.name, packet, named.sides
