"""``fwtutor rules``: a ruleset checked, and printed as the tools would."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fwtutor.badinput import printable
from fwtutor.commands.options import RULES_FILE, add_sets, add_variant
from fwtutor.commands.output import OK, note

if TYPE_CHECKING:
    from fwtutor.netfilter import Firewall


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=RULES_FILE)
    add_sets(parser)
    parser.add_argument("-6", dest="ipv6", action="store_true", help="it is what ip6tables-save printed")
    add_variant(parser)
    parser.add_argument(
        "-T",
        "--table",
        default="",
        choices=("raw", "mangle", "nat", "filter", "security"),
        metavar="TABLE",
        help="as iptables-restore -T: read this table only",
    )
    parser.add_argument("--onto", type=Path, metavar="FILE", help="as iptables-restore -n: add the rules to those of this other file")
    parser.add_argument("-t", "--test", action="store_true", help="as iptables-restore -t: only check, and print nothing if all is well")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("-S", dest="as_commands", action="store_true", help="print it as iptables -S would")
    shape.add_argument("-L", dest="as_list", action="store_true", help="print it as iptables -L would")
    shape.add_argument("--explain", action="store_true", help="print each rule, and what it does in a sentence")
    parser.add_argument("-n", dest="numeric", action="store_true", help="with -L: numbers, no names")
    parser.add_argument("-v", dest="verbose", action="store_true", help="with -L or -S: the file's counters, and interfaces")
    parser.add_argument("-x", dest="exact", action="store_true", help="with -v: exact counters")
    parser.add_argument("--line-numbers", dest="numbers", action="store_true", help="with -L: number the rules")
    parser.add_argument("-c", dest="counters", action="store_true", help="as iptables-save -c: with the file's counters")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.netfilter import Firewall
    from fwtutor.review.report import findings
    from fwtutor.trace.box import load_rules, load_sets

    firewall = Firewall(interfaces={}, variant=arguments.variant)
    if arguments.sets is not None:
        load_sets(firewall, arguments.sets)
    family = 6 if arguments.ipv6 else 4
    counters = arguments.counters or arguments.verbose
    if arguments.onto is not None:
        load_rules(firewall, arguments.onto, note, counters, family)
    lines = load_rules(firewall, arguments.file, note, counters, family, noflush=arguments.onto is not None, only=arguments.table)
    if arguments.test:
        return OK
    # A list of commands may make rules of both.
    families = [each for each in (4, 6) if firewall.ruleset(each).tables] or [family]
    for each in families:
        text = _ruleset_text(arguments, firewall, each)
        if len(families) > 1:
            text = f"# {'iptables' if each == 4 else 'ip6tables'}\n{text}"
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    for each in families:
        for finding in findings(firewall.ruleset(each), lines):
            note(f"{arguments.file}, {finding}")
    return OK


def _ruleset_text(arguments: argparse.Namespace, firewall: Firewall, family: int) -> str:
    if arguments.explain:
        from fwtutor.review.explained import explained

        return "".join(f"{line}\n" for line in explained(firewall.ruleset(family)))
    if arguments.as_commands or arguments.as_list:
        options = "".join(f" {flag}" for flag, wanted in (("-v", arguments.verbose), ("-x", arguments.exact)) if wanted)
        if arguments.as_list:
            options += "".join(f" {flag}" for flag, wanted in (("-n", arguments.numeric), ("--line-numbers", arguments.numbers)) if wanted)
        letter = "-S" if arguments.as_commands else "-L"
        tables = firewall.ruleset(family).tables or ("filter",)
        return "".join(firewall.iptables(f"-t {table} {letter}{options}", family) for table in tables)
    return firewall.save(family, counters=arguments.counters)
