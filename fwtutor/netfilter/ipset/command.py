"""The program ipset: a command line to what it does with the sets of a box, and what it prints.

Reading options is ``options``', elements ``reading``'s, printing ``listing``'s. A command makes other ``Sets``, a refused one none,
but that of several elements those before the one at fault are added, or gone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from fwtutor.netfilter.ipset import changing, listing
from fwtutor.netfilter.ipset.errors import NO_SUCH_SET, USAGE, VERSION, NotInSet, SetRefused, syntax
from fwtutor.netfilter.ipset.options import created, read
from fwtutor.netfilter.ipset.reading import ProtocolMisfit, elements, spoken
from fwtutor.netfilter.ipset.sets import NO_SETS, IpSet, Sets
from fwtutor.netfilter.ipset.types import BY_OLD_NAME, NOT_YET, TYPES, SetType
from fwtutor.netfilter.keeping import Kept

LONGEST_NAME = 31
MOST_SETS = 65534
MAX_TEXT = 32 * 1024 * 1024
"""Characters of what is restored."""

_COMMANDS = {
    "create": ("create", "new", "-N"), "add": ("add", "-A"), "del": ("del", "-D"), "test": ("test", "-T"),
    "destroy": ("destroy", "-X", "x"), "list": ("list", "-L"), "save": ("save", "-S"), "restore": ("restore", "-R"),
    "flush": ("flush", "-F"), "rename": ("rename", "-E", "e"), "swap": ("swap", "-W", "w"), "help": ("help", "-h", "-H"),
    "version": ("version", "-v", "-V"), "quit": ("quit",),
}  # fmt: skip
"""In the order in which the tool looks for what a word begins."""
_TWO = ("create", "add", "del", "test", "rename", "swap")
"""Commands that must be told two things."""
_FLAGS = {
    "-exist": "exist", "-!": "exist", "-quiet": "quiet", "-q": "quiet", "-sorted": "sorted", "-s": "sorted", "-name": "name", "-n": "name",
    "-terse": "terse", "-t": "terse", "-resolve": "resolve", "-r": "resolve",
}  # fmt: skip
_WITH_VALUE = {"-output": "output", "-o": "output", "-file": "file", "-f": "file"}


class Asked(NamedTuple):
    """A command line: the command, what it is told, and the options that may stand anywhere."""

    command: str
    words: tuple[str, ...]
    flags: frozenset[str]
    output: str


class Outcome(NamedTuple):
    """What a command did."""

    sets: Sets
    output: str = ""
    refused: SetRefused | None = None
    """Why it did not do (all of) what it was told."""


Uses = Callable[[str], int]
"""How many rules name a set."""


def parse(words: Sequence[str]) -> Asked:
    """What a command line asks for. Raises SetRefused."""
    flags, output, rest = set[str](), "", list[str]()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name = word.removeprefix("-") if word.startswith("--") else word
        if name in _FLAGS:
            flags.add(_FLAGS[name])
        elif name in _WITH_VALUE:
            if not waiting:
                raise SetRefused(f"Missing mandatory argument to option {word}", status=USAGE)
            value = waiting.pop(0)
            if _WITH_VALUE[name] == "file":
                raise SetRefused("fwtutor has no files here: leave -file away")
            if value not in ("plain", "save", "xml"):
                raise syntax(f"unknown output mode '{value}'")
            if value == "xml":
                raise SetRefused("fwtutor does not print sets as xml", hint="output modes: plain, save")
            output = value
        else:
            rest.append(word)
    if not rest:
        raise SetRefused("No command specified.", status=USAGE)
    command = _command(rest[0])
    if not command:
        raise SetRefused(f"No command specified: unknown argument {rest[0]}", status=USAGE)
    return Asked(command, tuple(rest[1:]), frozenset(flags), output)


def _command(word: str) -> str:
    long = word[2:] if word.startswith("--") else word if not word.startswith("-") else ""
    for command, names in _COMMANDS.items():
        if word in names or (long and any(name.startswith(long) for name in names if name[0] != "-")):
            return command
    return ""


_NOT_CHECKED = "There are missing mandatory flags but can't check them. It's a bug, please report the problem."


def run(words: Sequence[str], sets: Sets, uses: Uses, tick: int, seed: int = 0) -> Outcome:
    """Run what follows ``ipset``; ``seed``: of what the kernel would draw by lot for a new set."""
    asked = None
    try:
        asked = parse(words)
        outcome = _Run(asked, sets, uses, tick, seed).run()
    except ProtocolMisfit as wrong:
        # What the tool has noted then, it tells in its own way; or not at all.
        command = asked.command if asked else ""
        told = command == "add" or (command == "test" and wrong.of_nets)
        said = f"{wrong}\nInvalid {command} command: missing setname" if told else _NOT_CHECKED
        outcome = Outcome(sets, refused=SetRefused(said))
    except SetRefused as wrong:
        outcome = Outcome(sets, refused=wrong)
    if outcome.refused is not None:
        outcome.refused.silent = asked is not None and "quiet" in asked.flags
    return outcome


def restore(text: str, sets: Sets, uses: Uses, tick: int, seed: int = 0, exist: bool = False) -> Outcome:
    """What ``ipset save`` printed, one command a line; here all of it or nothing."""
    before = sets
    if len(text) > MAX_TEXT:
        return Outcome(before, refused=SetRefused(f"the text has {len(text)} characters, {MAX_TEXT} are the most"))
    for line_number, line in enumerate(text.split("\n"), 1):
        words = split(line)
        if not words or words[0].startswith("#") or words == ["COMMIT"]:
            continue
        outcome = run([*words, "-exist"] if exist else words, sets, uses, tick, seed)
        if outcome.refused is not None:
            outcome.refused.line_number = line_number
            return outcome._replace(sets=before)
        sets = outcome.sets
    return Outcome(sets)


def split(line: str) -> list[str]:
    """The words of a line that is restored: a comment stands in double quotes."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


class _Run:
    """One command."""

    def __init__(self, asked: Asked, sets: Sets, uses: Uses, tick: int, seed: int) -> None:
        self.asked, self.sets, self.uses, self.tick, self.seed = asked, sets, uses, tick, seed

    def run(self) -> Outcome:
        command, words = self.asked.command, self.asked.words
        if command == "version":
            return Outcome(self.sets, f"ipset {VERSION}, protocol version: 7\n")
        if command in ("help", "quit"):
            return Outcome(self.sets, _help() if command == "help" else "")
        if command == "restore":
            raise SetRefused("there is nothing to restore here: write the commands of the file one by one")
        if command in _TWO and len(words) < 2:
            which = "second mandatory" if words else "mandatory"
            raise SetRefused(f"Missing {which} argument to command {command}", status=USAGE)
        if command not in _TWO or command in ("rename", "swap"):
            more = words[2 if command in _TWO else 1 :]
            if more:
                raise SetRefused(f"Unknown argument {more[0]}", status=USAGE)
        for name in words[: 2 if command in ("rename", "swap") else 1]:
            _check_name(name)
        act = {
            "create": self._create, "add": self._add, "del": self._delete, "test": self._test, "destroy": self._destroy,
            "list": self._list, "save": self._list, "flush": self._flush, "rename": self._rename, "swap": self._swap,
        }[command]  # fmt: skip
        return act()

    @property
    def _exist(self) -> bool:
        return "exist" in self.asked.flags

    def _named(self, name: str) -> IpSet:
        one = self.sets.get(name)
        if one is None:
            raise SetRefused(NO_SUCH_SET)
        return one

    def _used(self, name: str) -> int:
        return self.uses(name) + self.sets.uses(name)

    def _create(self) -> Outcome:
        name, type_name, *rest = self.asked.words
        kind = _type(type_name)
        given = read(rest, kind, "create")
        # The kernel draws it by lot.
        initval = zlib.crc32(f"{self.seed} {name}".encode(errors="surrogateescape"))
        one = IpSet(name, kind, created(kind, given.values, initval))
        known = self.sets.get(name)
        if known is not None:
            # How a hash is laid out does not count.
            before, after = (each._replace(hashsize=0, initval=0, bucketsize=0) for each in (known.options, one.options))
            if not (self._exist and known.type is kind and before == after):
                raise SetRefused("Set cannot be created: set with the same name already exists")
            return Outcome(self.sets, given.warning)
        if len(self.sets) >= MOST_SETS:
            raise SetRefused(f"fwtutor keeps {MOST_SETS} sets at most")
        return Outcome(self.sets.put(one), given.warning)

    def _add(self) -> Outcome:
        name, text, *rest = self.asked.words
        one = self._named(name)
        if one.type.lists:
            given = read(rest, one.type, "add").values
            text = _listed(text, given)
            wrong = changing.misfit(given, one)
            if wrong:
                raise SetRefused(wrong)
            self._check_listed(text, given)
            return Outcome(self.sets.put(changing.enlist(one, text, given, self.tick, self._exist)))
        wanted = elements(text, one)
        given = read(rest, one.type, "add", one.options.family).values
        misfit = changing.misfit(given, one)
        fault = misfit or wanted.fault if one.type.hashes else wanted.fault or misfit
        if fault:
            raise SetRefused(fault)
        return self._changed(changing.add(one, wanted.keys, given, self.tick, self._exist))

    def _delete(self) -> Outcome:
        name, text, *rest = self.asked.words
        one = self._named(name)
        if one.type.lists:
            given = read(rest, one.type, "del").values
            text = _listed(text, given)
            self._check_listed(text, given)
            return Outcome(self.sets.put(changing.delist(one, text, given, self.tick, self._exist)))
        wanted = elements(text, one)
        read(rest, one.type, "del")
        if wanted.fault:
            raise SetRefused(wanted.fault)
        return self._changed(changing.delete(one, wanted.keys, self.tick, self._exist))

    def _changed(self, changed: changing.Changed) -> Outcome:
        refused = SetRefused(changed.fault) if changed.fault else None
        return Outcome(self.sets.put(changed.one), refused=refused)

    def _check_listed(self, name: str, given: dict[str, str]) -> None:
        """What is to be in a list of sets must be a set, and no list."""
        other = self.sets.get(name)
        if other is None:
            raise SetRefused("Set to be added/deleted/tested as element does not exist.")
        if other.type.lists:
            raise SetRefused("Sets with list:set type cannot be added to the set.")
        for side in ("before", "after"):
            if side in given and given[side] not in self.sets:
                raise SetRefused("The set to which you referred with 'before' or 'after' does not exist.")

    def _test(self) -> Outcome:
        name, text, *rest = self.asked.words
        one, said = self._named(name), text
        if one.type.lists:
            given = read(rest, one.type, "test").values
            text = said = _listed(text, given)
            # Also of one that is to be before it.
            said += "".join(f" after {given[side]}" for side in ("before", "after") if side in given)
            try:
                self._check_listed(text, given)
                there = changing.is_listed(one, text, given, self.tick)
            except SetRefused:
                there = False
        else:
            wanted = elements(text, one)
            said = spoken(text, one)
            given = read(rest, one.type, "test").values
            if wanted.several:
                raise SetRefused(wanted.several)
            there = not wanted.fault and self._holds(one, next(iter(wanted.keys)), "nomatch" in given)
        if not there:
            return Outcome(self.sets, refused=NotInSet(f"{said} is NOT in set {name}."))
        return Outcome(self.sets, "" if "quiet" in self.asked.flags else f"Warning: {said} is in set {name}.\n")

    def _holds(self, one: IpSet, key: tuple[int, ...], nomatch: bool) -> bool:
        from fwtutor.netfilter.ipset.packets import looked_up

        element = looked_up(one, key, self.tick)
        return element is not None and (not element.nomatch or nomatch)

    def _destroy(self) -> Outcome:
        names = self.asked.words or tuple(one.name for one in self.sets)
        for name in names:
            self._named(name)
            # Also when the list that it is in would go, too.
            if self._used(name):
                raise SetRefused("Set cannot be destroyed: it is in use by a kernel component")
        if not self.asked.words:
            return Outcome(NO_SETS)
        return Outcome(self.sets.without(names[0]))

    def _flush(self) -> Outcome:
        sets = self.sets
        for one in [self._named(name) for name in self.asked.words] or list(sets):
            sets = sets.put(replace(one, members=Kept(), listed=(), lengths=()))
        return Outcome(sets)

    def _list(self) -> Outcome:
        flags, saving = self.asked.flags, (self.asked.output or self.asked.command) == "save"
        output = list[str]()
        for one in [self._named(name) for name in self.asked.words] or list(self.sets):
            if "name" in flags and not saving:
                output.append(f"{one.name}\n")
            elif saving:
                output.append(listing.save(one, self.tick))
            else:
                blank = "\n" if output else ""
                output.append(blank + listing.plain(one, self.tick, self._used(one.name), "terse" not in flags))
        return Outcome(self.sets, "".join(output))

    def _rename(self) -> Outcome:
        name, new = self.asked.words
        self._named(name)
        if self._used(name):
            raise SetRefused("Set cannot be renamed: it is in use by another system")
        if new in self.sets:
            raise SetRefused("Set cannot be renamed: a set with the new name already exists")
        return Outcome(self.sets.renamed(name, new))

    def _swap(self) -> Outcome:
        name, other = self.asked.words
        one = self._named(name)
        second = self.sets.get(other)
        if second is None:
            raise SetRefused("Sets cannot be swapped: the second set does not exist")
        if one.type is not second.type or one.options.family != second.options.family:
            raise SetRefused("The sets cannot be swapped: their type does not match")
        return Outcome(self.sets.swapped(name, other))


def _listed(text: str, given: dict[str, str]) -> str:
    """The set that an element of a list names; as it once was written, what it is to be before or after stands there too."""
    if "," not in text[:-1]:
        return text
    name, _, rest = text.partition(",")
    side, _, other = rest.partition(",")
    if side not in ("before", "after") or not other:
        raise SetRefused("you must specify elements as setname,[before|after],setname")
    given[side] = other
    return name


def _check_name(name: str) -> None:
    if len(name.encode(errors="surrogateescape")) > LONGEST_NAME:
        raise syntax(f"setname '{name}' is longer than {LONGEST_NAME} characters")


def _type(name: str) -> SetType:
    kind = TYPES.get(name) or BY_OLD_NAME.get(name)
    if kind is not None:
        return kind
    hint = f"set types: {', '.join(TYPES)}"
    if name in NOT_YET:
        raise SetRefused(f"fwtutor does not simulate sets of the type {name}", hint=hint)
    raise SetRefused(f"Syntax error: typename '{name}' is unknown", hint=hint)


def _help() -> str:
    return """\
ipset create SETNAME TYPE [OPTIONS]      ipset add|del|test SETNAME ELEMENT [OPTIONS]
ipset list|save|flush|destroy [SETNAME]  ipset rename|swap SETNAME SETNAME
-exist (-!) what is there already, or not any more, is no fault   -quiet (-q)
-name (-n) names alone   -terse (-t) no elements   -output (-o) plain|save
Types: """ + ", ".join(TYPES) + "\n"  # fmt: skip
