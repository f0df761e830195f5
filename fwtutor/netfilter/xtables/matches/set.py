"""``-m set``: the packet's addresses or ports are in a set that ``ipset`` made.

``--match-set NAME SIDES`` says for each part of the set's elements whether it is the source's or the destination's. In a set with counters
the element that is found counts the packet, unless ``! --update-counters`` says it does not; ``--packets-gt`` and the like ask what it has
counted then, this packet among them. ``--return-nomatch`` turns around what nets say that are in the set as ``nomatch``. What is in the
set, and when it is over, is ``ipset``'s to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from fwtutor.netfilter.ipset.command import LONGEST_NAME
from fwtutor.netfilter.ipset.packets import Counted, Found, Question, test
from fwtutor.netfilter.ipset.sets import MEMORY_KEY, Sets
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable, nearest
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Condition, SharedKey, StatefulMatch
from fwtutor.netfilter.xtables.values import number
from fwtutor.netfilter.xtables.wording import Wording

MOST_SIDES = 6
_MOST = 2**64 - 1


class Named(NamedTuple):
    """A set, and for each part of its elements whose it is: ``src`` or ``dst``."""

    name: str
    sides: tuple[str, ...]


def read_named(name: str, sides: str, sets: Sets, family: int) -> Named:
    """What is said of a set that there is. Raises Unreadable."""
    if len(name.encode(errors="surrogateescape")) > LONGEST_NAME:
        raise Unreadable(f"setname `{name}' too long, max {LONGEST_NAME} characters.")
    one = sets.get(name)
    if one is None:
        known = [each.name for each in sets]
        hint = nearest(name, known, "sets") if known else "there are no sets: make some with ipset (--sets FILE on the command line)"
        raise Unreadable(f"Set {name} doesn't exist.\n", hint=hint)
    if one.options.family not in (0, family):
        raise Unreadable(f"The protocol family of set {name} is IPv{one.options.family}, which is not applicable.\n")
    words = sides.split(",")
    for place, word in enumerate(words):
        if place == MOST_SIDES:
            raise Unreadable(f"Can't be more src/dst options than {MOST_SIDES}.")
        if word not in ("src", "dst"):
            raise Unreadable("You must spefify (the comma separated list of) 'src' or 'dst'.")
    return Named(name, tuple(words))


def write_named(named: Named) -> str:
    return f"{named.name} {','.join(named.sides)}"


def told_sides(named: Named) -> str:
    """What of a packet is looked for."""
    return " and ".join("source" if side == "src" else "destination" for side in named.sides)


def told_named(named: Named, negated: bool) -> str:
    return f"whose {told_sides(named)} {'are' if len(named.sides) > 1 else 'is'}{' not' if negated else ''} in the set {named.name}"


def told_counter(what: str) -> Callable[[Any, bool], str]:
    words = {"eq": "just", "ne": "other than", "lt": "fewer than", "gt": "more than"}
    return lambda counted, negated: f"+(and has {'not ' if negated else ''}counted {words[counted.how]} {counted.value} {what})"


def set_option(name: str, meaning: str, *, field: str, invertible: bool = True, remark: str = "") -> Option:
    """An option that names a set."""
    return Option(
        field=field, names=(name,), argument="NAME src|dst[,...]", arguments=2, read=read_named, write=write_named, of_sets=True,
        invertible=invertible, remark=remark, meaning=meaning,
    )  # fmt: skip


def _counter(how: str) -> Callable[[str], Counted]:
    def read(text: str) -> Counted:
        value = number(text, 0, _MOST)
        if value is None:
            raise Unreadable(f"Cannot parse {text} as a counter value")
        return Counted(how, value)

    return read


def _yes() -> bool:
    return True


def _counters(what: str) -> tuple[Option, ...]:
    words = {"eq": "just N", "lt": "fewer than N", "gt": "more than N"}
    return tuple(
        Option(field=what, names=(f"{what}-{how}",), argument="N", read=_counter(how), write=lambda counted: str(counted.value),
               invertible=how == "eq", meaning=f"the element has counted {said} {what}")
        for how, said in words.items()
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetMatch(StatefulMatch, OptionMatch):
    """Addresses and ports in a set."""

    name: ClassVar[str] = "set"
    meaning: ClassVar[str] = "addresses or ports are in a set that ipset made"
    lasting: ClassVar[bool] = True
    words: ClassVar[Wording] = {
        "named": told_named,
        "return_nomatch": "+(as nomatch)",
        "update_counters": "+(which counts them)|+(which does not count them)",
        "update_subcounters": "+(whose sets count them)|+(whose sets do not count them)",
        "packets": told_counter("packets"),
        "bytes": told_counter("bytes"),
    }
    options: ClassVar[tuple[Option, ...]] = (
        set_option("match-set", "in this set; src or dst for each part of its elements", field="named"),
        set_option("set", "the same, as it once was written", field="named", remark="--set option deprecated, please use --match-set\n"),
        Option(field="return_nomatch", names=("return-nomatch",), arguments=0, read=_yes, invertible=False,
               meaning="a net that is in the set as nomatch holds, another does not"),
        Option(field="update_counters", names=("update-counters",), arguments=0, read=_yes,
               meaning="the element found counts the packet, as it does anyway"),
        Option(field="update_subcounters", names=("update-subcounters",), arguments=0, read=_yes,
               meaning="the same of the elements of the sets in a list:set"),
        *_counters("packets"),
        *_counters("bytes"),
    )  # fmt: skip

    named: Given[Named]
    return_nomatch: bool = False
    update_counters: bool = True
    update_subcounters: bool = True
    packets: Counted | None = None
    bytes: Counted | None = None

    @classmethod
    def repeated(cls, option: Option) -> str:
        if option.field == "named":
            return "--match-set can be specified only once"
        return f"only one of the --{option.field}-[eq|lt|gt] is allowed" if option.field in ("packets", "bytes") else ""

    @classmethod
    def lacking(cls, option: Option) -> str:
        return "--match-set requires two args."

    @classmethod
    def uninvertible(cls, option: Option) -> str:
        what = "flag" if option.field == "return_nomatch" else "option"
        return f"--{option.names[0]} {what} cannot be inverted"

    @classmethod
    def gather(cls, given: dict[str, Given[Any]], option: Option, value: Given[Any]) -> None:
        # What was once said with a "!" stays said.
        if option.field not in given or not given[option.field].negated:
            given[option.field] = value

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        if "named" not in given:
            raise Unreadable("You must specify `--match-set' with proper arguments")
        counts, skips = dict[str, Counted](), set[str]()
        for field, one in given.items():
            if isinstance(one.value, Counted):
                counts[field] = one.value._replace(how="ne") if one.negated else one.value
            elif one.negated:
                skips.add(field)
        flags = "return_nomatch" in given, "update_counters" not in skips, "update_subcounters" not in skips
        return cls(given["named"], *flags, counts.get("packets"), counts.get("bytes"))

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        said: dict[str, Given[Any]] = {"match-set": self.named}
        if self.return_nomatch:
            said["return-nomatch"] = Given(True)
        for name, counts in (("update-counters", self.update_counters), ("update-subcounters", self.update_subcounters)):
            if not counts:
                said[name] = Given(True, negated=True)
        for what, counted in (("packets", self.packets), ("bytes", self.bytes)):
            if counted is not None:
                negated = counted.how == "ne"
                said[f"{what}-{'eq' if negated else counted.how}"] = Given(counted, negated)
        return [(option, said[option.names[0]]) for option in self.options if option.names[0] in said]

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets it names."""
        return (self.named.value.name,)

    # --- deciding ------------------------------------------------------------------------------------------------

    @property
    def shared(self) -> SharedKey:
        return MEMORY_KEY

    def fresh(self, at: int, variant: str) -> Any:
        raise TypeError("sets are there before the rules that name them")

    def _ask(self, before: Sets, context: Context) -> Found:
        question = Question(self.return_nomatch, self.update_counters, self.update_subcounters, self.packets, self.bytes)
        named = self.named.value
        return test(before, named.name, context.packet, named.sides, question, context.at // JIFFY)

    def evaluate(self, before: Any, context: Context) -> tuple[bool, Any]:
        found = self._ask(before, context)
        return (found.outcome > 0) != self.named.negated, found.sets

    def recall(self, before: Any, context: Context) -> tuple[Condition, ...]:
        found = self._ask(before, context)
        what, name = asked_of(self.named.value, context), self.named.value.name
        if found.element is None:
            said = f"{what} is not in the set {name}"
            if self.packets or self.bytes:
                said += ", or has counted otherwise"
        else:
            said = f"{what} is in the set {name} as {found.what}{' nomatch' if found.element.nomatch else ''}"
        return (Condition(self.save(), (found.outcome > 0) != self.named.negated, said),)

    def listing(self, numeric: bool) -> str:
        words = []
        for option, one in self.given():
            name = f"{'! ' if one.negated else ''}{option.names[0]}"
            words.append(f"{name} {option.write(one.value)}" if option.arguments else name)
        return " ".join(words)


def asked_of(named: Named, context: Context) -> str:
    """The packet's addresses that a set is asked about, in words."""
    packet = context.packet
    sides = {"src": ("source", packet.source), "dst": ("destination", packet.destination)}
    return " and ".join(f"the {word} {address}" for word, address in dict.fromkeys(sides[side] for side in named.sides))
