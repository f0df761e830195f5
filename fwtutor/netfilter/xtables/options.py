"""Options of matches and targets as a declared table: parsing, help, saving and explaining read the same lines.

An extension's file lists its ``Option`` lines; each value it was given becomes a ``Given`` in the field of that name.
How a line is cut into words and which word is an option is ``parser``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.rule import Condition, Header, Match, Target, Test
from fwtutor.netfilter.xtables.wording import Wording, filled

Value = TypeVar("Value")


class Given(NamedTuple, Generic[Value]):
    """What an option was given: its value, and whether a ``!`` stood before it."""

    value: Value
    negated: bool = False


class Demanded(NamedTuple):
    """The protocol a line has demanded so far: 0 for none; inverted: all but this one."""

    number: int
    inverted: bool = False


def _never(given: Given[Any]) -> bool:
    return False


def _silent(value: Any) -> str:
    return ""


def _unsaid(value: Any, context: Context) -> tuple[bool, str]:
    return True, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of an extension."""

    field: str
    """The dataclass field its value goes to; two options with the same field exclude each other."""
    names: tuple[str, ...]
    """Long names without the dashes; the first is the one messages use."""
    meaning: str
    """One line for the help."""
    read: Callable[..., Any]
    """From the argument's text (or two, or none) to the value: pure, as what it makes of a text is remembered. Raises Unreadable
    with the tool's words."""
    of_protocol: bool = False
    """``read`` wants to know also which protocol the line has demanded so far (``Demanded``)."""
    of_sets: bool = False
    """``read`` (of two arguments) wants to know also which sets there are, and the rules' family."""
    write: Callable[[Any], str] = str
    """The value as iptables-save prints it."""
    judge: Callable[[Any, Context], tuple[bool, str]] = _unsaid
    """Whether the value, not negated, fits the packet, and the packet's own value in words."""
    argument: str = ""
    """How the help writes the argument; "" for an option without one."""
    arguments: int = 1
    choices: tuple[str, ...] = ()
    """Words its argument may be, or be a list of, for who wants to be offered some."""
    saved: str = ""
    """The name iptables-save uses, when it is not the first of ``names``."""
    invertible: bool = True
    required: bool = False
    after: tuple[str, str] = ("", "")
    """The field of an option that must stand before it, and what the tool says when it does not."""
    remark: str = ""
    """What the tool says as soon as it meets the option, though it may take it."""
    warns: Callable[[Any], str] = _silent
    """What the tool says about a value that it takes."""
    unsaved: Callable[[Given[Any]], bool] = _never
    """True for what the tool keeps but does not print."""

    def text(self, given: Given[Any]) -> str:
        """As iptables-save writes it: ``! --dport 22``."""
        name = f"{'! ' if given.negated else ''}--{self.saved or self.names[0]}"
        return f"{name} {self.write(given.value)}" if self.arguments else name

    def help(self) -> str:
        """One line of ``-m NAME -h``."""
        names = ", ".join(f"--{name}" for name in self.names)
        return f"{'[!] ' if self.invertible else '    '}{names}{' ' + self.argument if self.argument else ''}\n        {self.meaning}"


class Extension:
    """What matches and targets with options share. Subclasses are frozen dataclasses with a field for each option."""

    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names ``-m`` takes for it."""
    meaning: ClassVar[str] = ""
    """What it is for: the first line of its help."""
    options: ClassVar[tuple[Option, ...]] = ()
    """In the order in which they are saved and explained."""
    words: ClassVar[Wording] = {}
    """What they say of packets."""

    read_again: ClassVar[frozenset[str]] = frozenset()
    """Fields of options that the tool reads before it complains that they are there already."""

    @classmethod
    def build(cls, given: Mapping[str, Given[Any]]) -> Self:
        """The extension with these options. Raises Unreadable when a required one is missing."""
        for option in cls.options:
            if option.required and option.field not in given:
                raise Unreadable(f'{cls.name}: option "--{option.names[0]}" must be specified')
        return cls(**given)

    @classmethod
    def repeated(cls, option: Option) -> str:
        """What the tool says when an option is given twice; "" if it takes that."""
        return f'{cls.name}: option "--{option.names[0]}" can only be used once.'

    @classmethod
    def uninvertible(cls, option: Option) -> str:
        """What the tool says when a ``!`` stands before an option that takes none."""
        return f'{cls.name}: option "--{option.names[0]}" cannot be inverted.'

    @classmethod
    def lacking(cls, option: Option) -> str:
        """What the tool says when an option has one argument and needs two."""
        return f"--{option.names[0]} requires two args."

    @classmethod
    def premature(cls, given: Mapping[str, Given[Any]], option: Option) -> str:
        """What the tool says when an option comes before one that it needs; "" if it does not."""
        needs, words = option.after
        return words if needs and needs not in given else ""

    @classmethod
    def gather(cls, given: dict[str, Given[Any]], option: Option, value: Given[Any]) -> None:
        """Keep what an option was given. Raises Unreadable when it may not stand here."""
        given[option.field] = value

    @classmethod
    def help(cls) -> str:
        """``-m NAME -h``."""
        kind = "target" if issubclass(cls, Target) else "match"
        return "\n".join([f"{cls.name} {kind}: {cls.meaning}", *(option.help() for option in cls.options)]) + "\n"

    @classmethod
    def exclude(cls, given: Mapping[str, Given[Any]], *fields: str) -> None:
        """Refuse two options that exclude each other; ``fields`` in the order in which the tool looks for the second."""
        found = [option for option in cls.options if option.field in fields and option.field in given]
        others = [field for field in fields if field in given and field != found[0].field]
        if others:
            second = next(option for option in found if option.field == others[0])
            raise Unreadable(f'{cls.name}: option "--{found[0].names[0]}" cannot be used together with "--{second.names[0]}".')

    def given(self) -> Sequence[tuple[Option, Given[Any]]]:
        """The options it has, in order; of several names for one field, the one that is saved."""
        found: dict[str, tuple[Option, Given[Any]]] = {}
        for option in self.options:
            value = getattr(self, option.field)
            if value is not None:
                found.setdefault(option.field, (option, value))
        return list(found.values())

    def phrases(self) -> list[str]:
        """What it says of packets, in a rule's sentence."""
        found = [filled(self.words[""], None, "", False)] if "" in self.words else []
        for option, given in self.given():
            if not option.unsaved(given):
                words = self.words.get(option.field, f"with {option.text(given)}")
                found.append(filled(words, given.value, option.write(given.value) if option.arguments else "", given.negated))
        return [phrase for phrase in found if phrase]

    def save(self) -> str:
        """The options as iptables-save prints them."""
        return " ".join(option.text(given) for option, given in self.given() if not option.unsaved(given))

    def misplaced(self, header: Header) -> str:
        """Why the kernel refuses it in a rule with this header; "" if it does not."""
        return ""


class OptionMatch(Extension, Match):
    """A match whose options are a table."""

    protocol: ClassVar[int] = 0
    """The protocol the rule must demand, un-negated; 0 = any."""

    def misplaced(self, header: Header) -> str:
        if self.protocol and (header.protocol != self.protocol or header.protocol_not):
            return f"-m {self.name} works only in a rule that says -p {protocol_name(self.protocol)}"
        return ""

    def kept(self, variant: str, new: bool) -> OptionMatch:
        """As the kernel gives it back, where a variant's tool stores it in another form; ``new``: in a rule that is being made."""
        return self

    def beyond(self, variant: str) -> str:
        """Why the kernel finds its numbers out of range; "" if it does not."""
        return ""

    def compile(self) -> Test:
        asked = [(option.judge, given.value, given.negated) for option, given in self.given()]
        return lambda context: all(judge(value, context)[0] != negated for judge, value, negated in asked)

    def conditions(self, context: Context) -> tuple[Condition, ...]:
        found = []
        for option, given in self.given():
            fits, because = option.judge(given.value, context)
            found.append(Condition(option.text(given), fits != given.negated, because))
        return tuple(found)


class OptionTarget(Extension, Target):
    """A target whose options are a table."""

    def kept(self, variant: str) -> OptionTarget:
        """As the kernel gives it back, where a variant's tool stores it in another form."""
        return self
