"""Running one iptables or ip6tables command line on a ruleset: what it changes, what it prints, or why it is refused.

A ruleset is a value: a command makes another one, and a refused command makes none. Parsing the line is ``parser``'s,
changing a table ``edit``'s, printing ``listing``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.ipset.sets import NO_SETS, Sets
from fwtutor.netfilter.xtables.draft import Place
from fwtutor.netfilter.xtables.edit import Draft, new_table
from fwtutor.netfilter.xtables.errors import BATCH, TABLE, TOOLS, RuleRefused, nearest, version
from fwtutor.netfilter.xtables.listing import list_commands, list_rules, rule_line
from fwtutor.netfilter.xtables.parsed import Parsed
from fwtutor.netfilter.xtables.parser import Parser
from fwtutor.netfilter.xtables.placing import wrong_table
from fwtutor.netfilter.xtables.rule import Continue, CounterKey, Counters, Jump, Rule, Ruleset, Table, Target
from fwtutor.netfilter.xtables.sentences import BAD_POLICY, FILE_EXISTS, INVALID, LOOP, NO_CHAIN, OUT_OF_RANGE, refused
from fwtutor.netfilter.xtables.targets import NOT_YET as TARGETS_NOT_YET, TARGETS
from fwtutor.netfilter.xtables.tokens import Token, shell_words

NewId = Callable[[], int]


@dataclass(slots=True, frozen=True)
class Outcome:
    """What a command did."""

    ruleset: Ruleset
    output: str = ""
    """What it printed."""
    counters: Mapping[CounterKey, tuple[int, int]] = field(default_factory=dict)
    """Counters to set: zeroed ones, and those of rules and policies that begin with other numbers than 0."""
    written: frozenset[str] = frozenset()
    """The tables that were written, if only as they were."""
    lines: Mapping[int, int] = field(default_factory=dict)
    """Of the rules a text made, by their ids: the line, counted from 1."""


def new_ruleset(family: int = 4, variant: str = "legacy") -> Ruleset:
    """A ruleset without tables. A table comes into being when a command or a save file names it."""
    return Ruleset(family, variant=variant)


def run_command(ruleset: Ruleset, line: str, *, counters: Counters, new_id: NewId, sets: Sets = NO_SETS) -> Outcome:
    """Run what follows the tool's name (the name itself, and ``sudo`` before it, may be there). Raises RuleRefused.

    ``sets``: those that rules may name.
    """
    parser = None
    try:
        parser = Parser(line, _own_words(ruleset, line), ruleset.family, ruleset.variant, sets=sets)
        return _run_command(ruleset, parser.parse(), line, counters, new_id)
    except RuleRefused as wrong:
        wrong.family, wrong.variant = ruleset.family, ruleset.variant
        wrong.before = parser.parsed.warning if parser else ""
        raise


def _own_words(ruleset: Ruleset, line: str) -> list[Token]:
    """The words behind the tool's name."""
    words = shell_words(line)
    if words and words[0].text == "sudo":
        del words[0]
    tool = TOOLS[ruleset.family]
    if words and words[0].text in (tool, f"{tool}-{ruleset.variant}"):
        del words[0]
    return words


def _run_command(ruleset: Ruleset, parsed: Parsed, line: str, counters: Counters, new_id: NewId) -> Outcome:
    if parsed.commands == "V":
        return Outcome(ruleset, f"{version(ruleset.family, ruleset.variant)}\n")
    if parsed.commands == "h":
        return Outcome(ruleset, parsed.output)
    draft = open_table(ruleset, parsed, line)
    output = parsed.warning + apply(draft, parsed, line, counters, new_id)
    try:
        return _done(ruleset, draft, output)
    except RuleRefused as wrong:
        raise _placed(wrong, parsed, line) from None


def _done(ruleset: Ruleset, draft: Draft, output: str) -> Outcome:
    changed = draft.finish()
    tables = dict(ruleset.tables)
    if draft.remains:
        tables[changed.name] = changed
    written = frozenset({changed.name} if draft.written else ())
    return Outcome(replace(ruleset, tables=MappingProxyType(tables)), output, draft.counters, written)


def run_together(
    ruleset: Ruleset, lines: Sequence[str], *, counters: Counters, new_id: NewId, sets: Sets = NO_SETS
) -> tuple[Outcome, int]:  # fmt: skip
    """Run as many commands from the front as one change of a table may hold, at least one: what they did, and how many they are.

    It is as if each had run alone, but takes no copy of a long chain for each. The outcome's ``lines`` count from 0. Raises RuleRefused
    for the first command only.
    """
    draft: Draft | None = None
    made, output, count = dict[int, int](), "", 0

    def next_id() -> int:
        number = new_id()
        made[number] = count
        return number

    try:
        for line in lines:
            parsed = Parser(line, _own_words(ruleset, line), ruleset.family, ruleset.variant, sets=sets).parse()
            if not _joins(parsed, draft):
                break
            draft = draft or open_table(ruleset, parsed, line)
            output += parsed.warning + apply(draft, parsed, line, counters, next_id)
            if draft.late:
                raise draft.late[0]
            count += 1
        if draft is not None and count > 1:
            return replace(_done(ruleset, draft, output), lines=made), count
        count = 0
    except RuleRefused:
        # One of them it was, or what they make together: fewer are tried, until it is the first.
        if count > 1:
            return run_together(ruleset, lines[: count // 2], counters=counters, new_id=new_id, sets=sets)
        count = 0
    made.clear()
    return replace(run_command(ruleset, lines[0], counters=counters, new_id=next_id, sets=sets), lines=made), 1


def _joins(parsed: Parsed, draft: Draft | None) -> bool:
    """Whether a command may be part of a change with those before it: it hides nothing that the kernel would have refused of them."""
    if draft is not None and (parsed.table != draft.name or (parsed.commands == "I" and draft.may_loop)):
        return False
    return parsed.commands in ("A", "I", "N") or (parsed.commands == "P" and parsed.counter is None)


def table_refused(ruleset: Ruleset, name: str, line: str, start: int, end: int) -> RuleRefused:
    """Why there is no such table."""
    if ruleset.variant == "nft":
        words = f"table '{name}' does not exist"
        return RuleRefused(words, line=line, start=start, end=end, manner=TABLE, hint=nearest(name, BUILTIN_CHAINS, "tables"))
    tool = TOOLS[ruleset.family]
    words = (
        f"can't initialize {tool} table `{name}': Table does not exist (do you need to insmod?)\n"
        f"Perhaps {tool} or your kernel needs to be upgraded."
    )
    return RuleRefused(words, line=line, start=start, end=end, manner=TABLE, hint=nearest(name, BUILTIN_CHAINS, "tables"))


def draft_of(ruleset: Ruleset, name: str, table: Table | None, around: Iterable[Table]) -> Draft:
    """A draft of a table, or (None) of one that is not there yet, among all those ``around``."""
    kind, nft = Draft, ruleset.variant == "nft"
    if nft:
        from fwtutor.netfilter.xtables.edit_nft import NftDraft as kind
    return kind(table or new_table(name, family=ruleset.family, there=not nft), table is not None, around)


def open_table(ruleset: Ruleset, parsed: Parsed, line: str) -> Draft:
    """A draft of the table a command names, made if it was not there. Raises RuleRefused."""
    name = parsed.table
    if name not in BUILTIN_CHAINS:
        start, end = parsed.table_token.span(None) if parsed.table_token else (0, len(line))
        raise table_refused(ruleset, name, line, start, end)
    return draft_of(ruleset, name, ruleset.tables.get(name), ruleset.tables.values())


def apply(draft: Draft, parsed: Parsed, line: str, counters: Counters, new_id: NewId) -> str:
    """Run a parsed command on a draft; what it prints. Raises RuleRefused, and then the draft is to be thrown away."""
    before = len(draft.late)
    try:
        rules = _rules(draft, parsed, new_id) if parsed.commands in "AIRDC" else []
        output = _run(draft, parsed, rules, counters)
        if parsed.commands in ("A", "I", "R") and draft.variant != "nft":
            _check(rules[0], parsed, line, draft)
    except RuleRefused as wrong:
        raise _placed(wrong, parsed, line) from None
    for late in draft.late[before:]:
        _placed(late, parsed, line)
    token = parsed.jump_token or parsed.chain_token
    if token is not None:
        place = Place(line, *token.span(None), draft.line_number)
        draft.places.update({rule.id: place for rule in rules if isinstance(rule.target, Jump) or rule.hooks() is not None})
    return output


def _placed(wrong: RuleRefused, parsed: Parsed, line: str) -> RuleRefused:
    """Point a refusal that came without a place at the word it is about."""
    if wrong.line:
        return wrong
    place: Token | None = parsed.chain_token
    if wrong.message.startswith("Index of"):
        place = parsed.number_token
    elif wrong.message in (LOOP, INVALID) or wrong.manner == BATCH:
        at_fault = (token for match, token in parsed.matches if wrong.manner == BATCH and match.misplaced(parsed.headers[0]))
        place = next(at_fault, parsed.jump_token) or parsed.chain_token
    elif wrong.message in (BAD_POLICY, FILE_EXISTS):
        place = parsed.name_token
    elif wrong.message.startswith(("Couldn't load target", "goto", "Chain '", "fwtutor does not simulate -j")):
        place = parsed.jump_token
    start, end = place.span(None) if place else (0, len(line))
    wrong.line, wrong.start, wrong.end = line, start, end
    return wrong


def _rules(draft: Draft, parsed: Parsed, new_id: NewId) -> list[Rule]:
    """The rules a command speaks of: one, or one for each pair of addresses."""
    target = _target(draft, parsed)
    new = parsed.commands in ("A", "I", "R")
    matches = tuple(match.kept(draft.variant, new) for match, _ in parsed.matches)
    return [draft.form(Rule(header, matches, target, new_id())) for header in parsed.headers]


def _target(draft: Draft, parsed: Parsed) -> Target:
    name = parsed.jump
    if not name:
        return Continue()
    nft = draft.variant == "nft"
    if nft and parsed.target is not None and name not in draft.declared:
        # A chain can be renamed to the name of a target; here the target is meant.
        return parsed.target.kept(draft.variant)
    if name in draft:
        return Jump(name, parsed.goto)
    if parsed.target is not None:
        return parsed.target.kept(draft.variant)
    users = [chain for chain in draft.order() if draft.policies[chain] is None]
    if nft and (parsed.goto or name not in TARGETS_NOT_YET[draft.family]):
        raise RuleRefused(f"Chain '{name}' does not exist", hint=nearest(name, users, "user chains"))
    if parsed.goto:
        raise RuleRefused(f"goto '{name}' is not a chain", hint=nearest(name, users, "user chains"))
    targets = TARGETS[draft.family]
    if name in TARGETS_NOT_YET[draft.family]:
        raise RuleRefused(f"fwtutor does not simulate -j {name} yet", hint=f"targets: {', '.join(sorted(targets))}")
    hint = nearest(name, [*targets, *users], "targets and chains")
    raise RuleRefused(f"Couldn't load target `{name}':No such file or directory", hint=hint)


def _check(rule: Rule, parsed: Parsed, line: str, draft: Draft) -> None:
    """What the kernel refuses of a rule, wherever it stands."""
    for match, token in parsed.matches:
        wrong = wrong_table(match, draft.name) or match.misplaced(rule.header)
        beyond, unknown = match.beyond(draft.variant), match.unknown()
        if wrong or beyond or unknown:
            refusal = refused(INVALID, wrong) if wrong else refused(OUT_OF_RANGE, beyond) if beyond else refused(NO_CHAIN, unknown)
            refusal.line, (refusal.start, refusal.end) = line, token.span(None)
            raise refusal
    if rival := draft.rivalled(rule):
        raise refused(INVALID, rival)
    if not isinstance(rule.target, Jump):
        wrong = wrong_table(rule.target, draft.name) or rule.target.misplaced(rule.header) or rule.target.needs(rule)
        if wrong:
            raise refused(INVALID, wrong)
        wrong = rule.target.unknown(rule.header)
        if wrong:
            refusal = refused(NO_CHAIN, wrong)
            refusal.line, (refusal.start, refusal.end) = line, parsed.jump_token.span(None) if parsed.jump_token else (0, len(line))
            raise refusal


def _run(draft: Draft, parsed: Parsed, rules: list[Rule], counters: Counters) -> str:
    command, chain = parsed.commands, parsed.chain
    shown = "".join(rule_line(rule) for rule in rules) if parsed.verbose and rules else ""
    if command in ("A", "I", "R"):
        name = draft.into(chain) if command != "R" else draft.chain(chain)
        for rule in rules:
            if command == "A":
                draft.append(name, rule)
            elif command == "I":
                draft.insert(name, parsed.number, rule)
            else:
                draft.replace(name, parsed.number, rule)
            if parsed.counter is not None and draft.rule_with_counter:
                draft.counters[rule.id] = parsed.counter
        return shown
    if command in ("D", "C"):
        for rule in rules:
            index = draft.find(chain or "", rule)
            if command == "D":
                draft.delete(chain or "", index)
        return shown
    if command == "d":
        draft.delete_number(draft.chain(chain), parsed.number)
    elif command == "N":
        draft.create(chain or "")
    elif command == "E":
        draft.rename(chain or "", parsed.name)
    elif command == "P":
        draft.set_policy(chain or "", parsed.name, parsed.counter if draft.policy_with_counter else None)
    elif command == "F":
        chains = draft.flushed(parsed.verbose) if chain is None else [draft.into(chain)]
        return _each(chains, parsed, draft.flush, "Flushing")
    elif command == "X":
        return _each(draft.dropped(parsed.verbose) if chain is None else [draft.chain(chain)], parsed, draft.drop, "Deleting")
    else:
        return _look(draft, parsed, counters)
    return ""


def _each(chains: Iterable[str], parsed: Parsed, act: Callable[[str], bool | None], word: str) -> str:
    """Do it to each of the chains; with -v, say so (unless ``act`` says False)."""
    said = ""
    wrong: RuleRefused | None = None
    for name in chains:
        told: bool | None = True
        try:
            told = act(name)
        except RuleRefused as one:
            # The tool goes on with the other chains, and then tells of the last that would not go.
            wrong = one
        said += f"{word} chain `{name}'\n" if parsed.verbose and told is not False else ""
    if wrong is not None:
        raise wrong
    return said


def _look(draft: Draft, parsed: Parsed, counters: Counters) -> str:
    """-L and -S, alone or with -Z, and -Z."""
    output = ""
    listing = "L" in parsed.commands or "S" in parsed.commands
    chain = parsed.chain
    if listing and chain is not None:
        chain = draft.listed(chain)
    table = draft.finish() if listing else None
    if table is not None and "L" in parsed.commands:
        words = {"n": "numeric", "v": "verbose", "x": "exact", "0": "line_numbers"}
        flags = {word: letter in parsed.options for letter, word in words.items()}
        output = list_rules(table, counters, chain=chain, number=parsed.number, **flags)
    elif table is not None:
        output = list_commands(table, counters, chain=chain, number=parsed.number, verbose=parsed.verbose)
    if "z" in parsed.commands:
        draft.zero_number(draft.numbered(chain), parsed.number)
    elif "Z" in parsed.commands:
        output += _each(draft.zeroed(chain, listing), parsed, draft.zero, "Zeroing")
    return output
