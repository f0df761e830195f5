"""Printing rules as ``iptables -L`` and ``-S`` do, column by column.

Without ``-n``, protocols and ports are printed by the names of ``names``, our own table. Addresses are always
printed in numbers (but "anywhere"): nothing here resolves a name.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.addresses import ALL_ONES, format_address
from fwtutor.netfilter.xtables.names import LOADED_NAMES, protocol_name
from fwtutor.netfilter.xtables.rule import Chain, Continue, CounterKey, Counters, Header, Jump, Rule, Table, Target
from fwtutor.netfilter.xtables.values import format_network


def list_commands(
    table: Table, counters: Counters, *, chain: str | None = None, number: int = 0, verbose: bool = False
) -> str:  # fmt: skip
    """``-S``: the commands that would make the table, or one chain (which must exist), or one rule of it."""
    chains = list(table.chains.values()) if chain is None else [table.chains[chain]]
    lines = []
    if not number:
        for one in chains:
            if one.policy is not None:
                packets, size = counters.get(table.policy_key(one.name), (0, 0))
                lines.append(f"-P {one.name} {one.policy}" + (f" -c {packets} {size}" if verbose else ""))
            else:
                lines.append(f"-N {one.name}")
    for one in chains:
        for index, rule in enumerate(one.rules, 1):
            if number in (0, index):
                text = rule.save(counters.get(rule.id, (0, 0)) if verbose else None)
                lines.append(f"-A {one.name} {text}" if text else f"-A {one.name}")
    return "".join(f"{line}\n" for line in lines)


def list_rules(
    table: Table, counters: Counters, *, chain: str | None = None, number: int = 0, numeric: bool = False, verbose: bool = False,
    exact: bool = False, line_numbers: bool = False,
) -> str:  # fmt: skip
    """``-L``: the table, or one chain (which must exist), or one rule of it, without heading."""
    columns = Columns(table, counters, numeric, verbose, exact, line_numbers)
    chains = list(table.chains.values()) if chain is None else [table.chains[chain]]
    if number:
        return "".join(columns.row(index, rule) for index, rule in enumerate(chains[0].rules, 1) if index == number)
    return "\n".join(columns.heading(one) + "".join(columns.row(index, rule) for index, rule in enumerate(one.rules, 1)) for one in chains)


def rule_line(rule: Rule) -> str:
    """One rule in a single loose line, as ``-A ... -v`` prints it."""
    header = rule.header
    name = _target_name(rule.target)
    protocol = header.protocol & 0xFF
    named = f"{'!' if header.protocol_not else ' '}{protocol_name(protocol) if protocol in LOADED_NAMES else protocol}"
    came, goes = _interface(header.in_interface, header.in_not, True), _interface(header.out_interface, header.out_not, True)
    source = f"{'!' if header.src_not else ' '}{_address(header.src, header.family, True)}"
    destination = f"{'!' if header.dst_not else ' '}-> {_address(header.dst, header.family, True)}"
    return f"{name} {named} opt {_fragment(header)} in {came} out {goes} {source} {destination}  {_rest(rule, True)}\n"


def _target_name(target: Target) -> str:
    if isinstance(target, Jump):
        return target.chain
    return "" if isinstance(target, Continue) else target.listed or target.name


class Cells(NamedTuple):
    """What ``-L -v`` says of a rule, column by column. Protocol and addresses begin with ``!`` or a space."""

    target: str
    protocol: str
    fragment: str
    came: str
    goes: str
    source: str
    destination: str
    rest: str


def cells(rule: Rule, *, numeric: bool, numbered: bool) -> Cells:
    """The columns of a rule; ``numbered``: its protocol by its number."""
    header = rule.header
    protocol = header.protocol & 0xFF
    return Cells(
        _target_name(rule.target),
        f"{'!' if header.protocol_not else ' '}{protocol if numbered else protocol_name(protocol)}",
        _fragment(header),
        _interface(header.in_interface, header.in_not, numeric),
        _interface(header.out_interface, header.out_not, numeric),
        f"{'!' if header.src_not else ' '}{_address(header.src, header.family, numeric)}",
        f"{'!' if header.dst_not else ' '}{_address(header.dst, header.family, numeric)}",
        _rest(rule, numeric),
    )


class Columns:
    """How wide everything is, by the options of one listing."""

    def __init__(self, table: Table, counters: Counters, numeric: bool, verbose: bool, exact: bool, line_numbers: bool) -> None:
        self.table = table
        self.counters = counters
        self.numeric, self.verbose, self.exact, self.line_numbers = numeric, verbose, exact, line_numbers
        self.references: dict[str, int] = {}
        for chain in table.chains.values():
            for rule in chain.rules:
                if isinstance(rule.target, Jump):
                    self.references[rule.target.chain] = self.references.get(rule.target.chain, 0) + 1

    def counter(self, key: CounterKey) -> tuple[int, int]:
        return self.counters.get(key, (0, 0))

    def heading(self, chain: Chain) -> str:
        if chain.policy is None:
            said = f"{self.references.get(chain.name, 0)} references"
        else:
            said = f"policy {chain.policy}"
            if self.verbose:
                packets, size = (self.amount(value) for value in self.counter(self.table.policy_key(chain.name)))
                said += f" {packets} packets, {size} bytes"
        titles = "num  " if self.line_numbers else ""
        if self.verbose:
            titles += f"{'pkts':>8} {'bytes':>10} " if self.exact else f"{'pkts':>5} {'bytes':>5} "
        titles += f"{'target':<9}  {'prot':<4} opt"
        titles += f" {'in':<6} {'out':<6}  " if self.verbose else " "
        return f"Chain {chain.name} ({said})\n{titles}{'source':<19}  {'destination':<19} \n"

    def amount(self, value: int) -> str:
        """A number; without -x a big one is cut to thousands, millions and so on."""
        if self.exact or value <= 99_999:
            return str(value)
        for unit in "KMG":
            value = (value + 500) // 1000
            if value <= 9_999:
                return f"{value}{unit}"
        return f"{(value + 500) // 1000}T"

    def row(self, index: int, rule: Rule) -> str:
        said = cells(rule, numeric=self.numeric, numbered=self.numeric)
        row = f"{index:<4} " if self.line_numbers else ""
        if self.verbose:
            packets, size = (self.amount(value) for value in self.counter(rule.id))
            row += f"{packets:>8} {size:>8} " if self.exact else f"{packets:>5} {size:>5} "
        row += f"{said.target:<9} {said.protocol:<5} {said.fragment} "
        if self.verbose:
            row += f" {said.came:<6} {said.goes:<6} "
        return f"{row}{said.source:<20} {said.destination:<20} {said.rest}\n"


def _fragment(header: Header) -> str:
    return "--" if header.fragment is None else "-f" if header.fragment else "!f"


def _interface(name: str, negated: bool, numeric: bool) -> str:
    return ("!" if negated else "") + (name or ("*" if numeric else "any"))


def _address(value: tuple[int, int] | None, family: int, numeric: bool) -> str:
    address, mask = value or (0, 0)
    # ip6tables looks at the address: to it ::/1 is anywhere, too.
    if not numeric and not (mask if family == 4 else address):
        return "anywhere"
    return format_address(family, address) if mask == ALL_ONES[family] else format_network(address, mask, family)


def _rest(rule: Rule, numeric: bool) -> str:
    """What follows the addresses: a goto, then matches and target in words."""
    words = [(match.listing(numeric), match.spaced) for match in rule.matches]
    words.append((rule.target.listing(numeric), True))
    said = "".join(f" {word}" if spaced else word for word, spaced in words if word)
    return ("[goto] " if isinstance(rule.target, Jump) and rule.target.goto else "") + said
