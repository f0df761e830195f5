"""A table being changed by iptables-nft: its own words, and what nf_tables refuses.

What the tool itself refuses it refuses at once. The kernel gets all changes together at the end: what it refuses (``late``)
comes when everything else was found good, in the order of the changes. And a built-in chain is not there until something
needs it: it is listed all the same, but packets pass it by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, NoReturn

from fwtutor.netfilter.xtables.edit import POLICIES, Draft, compared
from fwtutor.netfilter.xtables.errors import BATCH, TOOL, RuleRefused, nearest
from fwtutor.netfilter.xtables.jumps import Jumps, goes_to
from fwtutor.netfilter.xtables.native import translated
from fwtutor.netfilter.xtables.options import OptionMatch
from fwtutor.netfilter.xtables.placing import Fault, wrong_hook, wrong_table
from fwtutor.netfilter.xtables.rule import Header, Jump, Rule, Table
from fwtutor.netfilter.xtables.sentences import BAD_POLICY, BAD_RULE, NO_CHAIN, NOT_EMPTY, refused
from fwtutor.netfilter.xtables.targets.trace import Trace
from fwtutor.netfilter.xtables.values import EVERYWHERE

MAX_DEPTH = 15
"""Chains behind a built-in one, each entered from the one before."""
MAX_NAME = 255
"""Bytes of a chain's name that nf_tables takes from -E; the tool itself takes fewer everywhere else."""

_INVALID = "Invalid argument"
_TOO_DEEP = "Too many links"
_BUSY = "Device or resource busy"
_MISSING = "No such file or directory"


class NftDraft(Draft):
    """A changeable copy of a table of iptables-nft."""

    variant: ClassVar[str] = "nft"
    policy_with_counter: ClassVar[bool] = False

    def __init__(self, table: Table, exists: bool = True, around: Iterable[Table] = ()) -> None:
        super().__init__(table, exists, around)
        self.faults: dict[int, tuple[str, str]] = {}
        """What the kernel will say to a rule, wherever it stands, and why."""
        self.verbs: dict[int, tuple[str, str]] = {}
        """What put a rule that jumps, or may not be reached from everywhere, there, and into which chain."""

    # --- looking -------------------------------------------------------------------------------------------------

    def chain(self, name: str | None) -> str:
        found = super().chain(name)
        if found in self.absent:
            raise refused(NO_CHAIN, f"no command has put anything into {found} yet, and until then it does not exist")
        return found

    def into(self, name: str | None) -> str:
        found = super().chain(name)
        self._make(found)
        return found

    def _make(self, chain: str) -> None:
        """A built-in chain that something needs is made without a word on its policy, and so without a counter for that."""
        if chain in self.absent:
            self.absent.discard(chain)
            self.uncounted.add(chain)

    def listed(self, name: str | None) -> str:
        if name is None or name not in self.policies:
            words = f"chain `{name}' in table `{self.name}' is incompatible, use 'nft' tool."
            raise RuleRefused(words, manner=TOOL, hint=nearest(name or "", self.policies, "chains"))
        return name

    @property
    def rule_with_counter(self) -> bool:
        return self.family == 4  # ip6tables-nft forgets it, also in a save file

    @property
    def remains(self) -> bool:
        return self.exists or len(self.absent) < len(self.policies)

    def _refuse_late(self, change: str, why: str, what: str, hint: str = "") -> None:
        self.late.append(RuleRefused(f"{change} failed ({why}): {what}", manner=BATCH, hint=hint))

    # --- rules ---------------------------------------------------------------------------------------------------

    def form(self, rule: Rule) -> Rule:
        form = translated(rule)
        # The kernel judges by the protocol's number as it was given, and keeps a byte of it.
        parts = (*form.evaluated, *(() if isinstance(rule.target, Trace) else (rule.target,)))
        if fault := misplaced(form, rule.header) or next(filter(None, (wrong_table(part, self.name) for part in parts)), ""):
            self.faults[rule.id] = _INVALID, fault
        elif fault := next(filter(None, (match.beyond(self.variant) for match in rule.matches if isinstance(match, OptionMatch))), ""):
            self.faults[rule.id] = "Numerical result out of range", fault
        elif fault := next(filter(None, (match.unknown() for match in form.evaluated)), "") or rule.target.unknown(rule.header):
            self.faults[rule.id] = _MISSING, fault
        return form

    def _admit(self, rule: Rule, verb: str, chain: str) -> None:
        why, hint = self.faults.get(rule.id, (_INVALID, ""))
        target = rule.target
        if isinstance(target, Jump):
            if not hint and self.policies.get(target.chain) is not None:
                why, hint = "Operation not supported", f"{target.chain} is a built-in chain: only the kernel enters those"
                if target.chain in self.absent:
                    why = _MISSING
            self.may_loop = True
            self.verbs[rule.id] = verb, chain
        elif rule.hooks() is not None:
            self.may_loop = True
            self.verbs[rule.id] = verb, chain
            if self.policies[chain] is not None:
                hint = hint or wrong_hook(rule, chain)
        if hint or (hint := self.rivalled(rule)):
            self._refuse_late(verb, why, f"rule in chain {chain}", hint)

    def find(self, chain: str, rule: Rule) -> int:
        wanted = self._compared(rule)
        for index, other in enumerate(self.of(chain) if chain in self.policies else ()):
            if self._compared(other) == wanted:
                return index
        raise refused(BAD_RULE, f"no rule of {chain} is exactly this one: -S {chain} shows them")

    def _compared(self, rule: Rule) -> tuple[object, ...]:
        """What it compares of a rule. ip6tables-nft forgets the masks: to ``-D``, 2001:db8::/32 is 2001:db8::/48."""
        header = rule.header
        if self.family == 6:
            (src, _), (dst, _) = header.src or (0, 0), header.dst or (0, 0)
            header = replace(header, src=(src, 0), dst=(dst, 0))
        return header, compared(rule), rule.target

    def zero(self, chain: str) -> None:
        """Of a built-in chain it sends the policy along: the one there was before this command or file."""
        super().zero(chain)
        if self.policies[chain] is not None:
            self.policies[chain] = self.kept[chain].policy
            self.uncounted.discard(chain)

    def zero_number(self, chain: str, number: int) -> None:
        """Of a number too big it says nothing."""
        if number <= len(self.of(chain)):
            super().zero_number(chain, number)

    def numbered(self, name: str | None) -> str:
        if name is None or name not in self.policies or name in self.absent:
            raise refused(BAD_RULE, nearest(name or "", self.policies, "chains"))
        return name

    # --- chains --------------------------------------------------------------------------------------------------

    def flushed(self, verbose: bool) -> list[str]:
        """Only with -v, which names them, does it make the built-in chains that were not there."""
        if verbose:
            for name in list(self.absent):
                self._make(name)
        return [name for name in self.order() if name not in self.absent]

    def dropped(self, verbose: bool) -> list[str]:
        """The user chains, and the built-in ones that are as when they were made. Only with -v they are sorted."""
        order = self.order()
        builtin = [name for name in order if self.policies[name] is not None and name not in self.absent and self._idle(name)]
        return builtin + ([name for name in order if self.policies[name] is None] if verbose else list(self.made))

    def _idle(self, chain: str) -> bool:
        return self.policies[chain] == "ACCEPT" and not self.of(chain)

    def zeroed(self, chain: str | None, listing: bool) -> list[str]:
        if chain is not None and not listing:
            return [self.chain(chain)]
        wanted = [chain] if chain is not None else self.order()
        if listing and not self.exists:
            self._refuse_late("CHAIN_ZERO", _MISSING, f"chain {wanted[0]}", "there is no table yet: nothing to set to 0")
        if listing:
            # What it has just listed it takes to be there, and so makes it.
            for name in wanted:
                self._make(name)
        return [name for name in wanted if name not in self.absent]

    def drop(self, chain: str) -> bool:
        if self.policies[chain] not in (None, "ACCEPT"):
            raise refused(NOT_EMPTY, f"{chain} is a built-in chain whose policy is not ACCEPT")
        count = self.references(chain)
        if count or self.of(chain):
            hint = f"{count} rule{' jumps' if count == 1 else 's jump'} to {chain}" if count else f"{chain} has rules: -F {chain} first"
            self._refuse_late("CHAIN_DEL", _BUSY, f"chain {chain}", hint)
            return True
        if self.policies[chain] is None:
            self._forget(chain)
            return True
        self.absent.add(chain)
        self.counters[self.policy_key(chain)] = (0, 0)
        return False

    def set_policy(self, chain: str, policy: str, counter: tuple[int, int] | None = None) -> None:
        if policy not in POLICIES:
            raise refused(BAD_POLICY, f"policies: {', '.join(POLICIES)}")
        super().set_policy(chain, policy, counter)

    def rename(self, old: str, new: str) -> None:
        if new in self.policies:
            super().rename(old, new)  # which refuses it
        self.chain(old)
        if self.policies[old] is not None:
            raise refused("fwtutor does not rename built-in chains", "iptables-nft does, and can then neither list nor change them")
        size = len(new.encode(errors="surrogateescape"))
        if size > MAX_NAME:
            self._refuse_late("CHAIN_RENAME", "Numerical result out of range", f"chain {new}", f"{MAX_NAME} bytes are the most")
        elif old not in self.kept:
            self._refuse_late("CHAIN_RENAME", _MISSING, f"chain {new}", f"{old} is made by the same file: the kernel does not know it yet")
        else:
            self._rename(old, new)

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self) -> Table:
        if self.late:
            raise self.late[0]
        return super().finish()

    def _settle_counters(self) -> None:
        """Nothing to do: the kernel changes what it is told to, and no more."""

    def _met(self, chain: str) -> list[Rule]:
        return list(self.of(chain))

    def _directly(self, chain: str) -> bool:
        # It asks a rule in a user chain before it knows from where that is reached.
        return self.policies[chain] is not None

    def _misplaced(self, fault: Fault) -> RuleRefused:
        return self._blame(fault.newest, _INVALID, wrong_hook(fault.rule, fault.hook))

    def _looping(self, chains: list[str], ways: list[Rule]) -> NoReturn:
        raise self._too_long(ways, f"a packet could go round and round through {' -> '.join(chains)}")

    def _check_depth(self, depths: dict[str, int], chain: str, jumps: Jumps) -> None:
        if depths[chain] <= MAX_DEPTH:
            return
        # The deepest way there is.
        ways: list[Rule] = []
        at = chain
        while depths[at]:
            way = next(rule for rule in jumps[at] if depths[goes_to(rule)] == depths[at] - 1)
            ways.append(way)
            at = goes_to(way)
        raise self._too_long(ways, f"{depths[chain]} chains one behind the other are too many: {MAX_DEPTH} are the most")

    def _too_long(self, ways: list[Rule], hint: str) -> RuleRefused:
        """The rule to blame is the one that came last."""
        return self._blame(max(ways, key=lambda rule: rule.id), _TOO_DEEP, hint)

    def _blame(self, blamed: Rule, why: str, hint: str) -> RuleRefused:
        verb, chain = self.verbs.get(blamed.id, ("RULE_APPEND", ""))
        wrong = RuleRefused(f"{verb} failed ({why}): rule in chain {chain}", manner=BATCH, hint=hint)
        if blamed.id in self.places:
            wrong.line, wrong.start, wrong.end, wrong.line_number = self.places[blamed.id]
        return wrong


def misplaced(rule: Rule, header: Header) -> str:
    """Why the kernel refuses the rule, wherever it stands; "" if it does not."""
    for value, negated in ((header.src, header.src_not), (header.dst, header.dst_not)):
        if negated and value is not None and not value[1]:
            return f"no address is outside {EVERYWHERE[header.family]}"
    words = [match.misplaced(header) for match in rule.evaluated] + [rule.target.misplaced(header)]
    return next(filter(None, words), "")
