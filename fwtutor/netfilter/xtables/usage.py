"""What ``-h`` says here, behind the tool's version: the commands and options fwtutor knows, in its own words."""

from __future__ import annotations

from fwtutor.netfilter.xtables.errors import TOOLS, version

_USAGE = """{version}, as far as fwtutor simulates it

{tool} -A|-C|-D CHAIN RULE       append, check for, delete a rule
{tool} -I CHAIN [N] RULE         insert a rule as number N (1: first)
{tool} -R CHAIN N RULE           replace rule N
{tool} -D CHAIN N                delete rule N
{tool} -L|-S [CHAIN [N]]         list, print as commands
{tool} -F|-Z [CHAIN]             delete all rules, set counters to 0
{tool} -N CHAIN, -X [CHAIN]      make, delete a user chain
{tool} -E OLD NEW                rename a user chain
{tool} -P CHAIN ACCEPT|DROP      set the policy of a built-in chain

a RULE is made of
[!] -s, -d ADDRESS[/MASK][,...]    source, destination
[!] -i, -o NAME[+]                 interface it comes in by, leaves by
[!] -p PROTOCOL                    tcp, udp, {icmp}, or a number
{fragments}-m MATCH ...                       further conditions; -m MATCH -h explains one
-j TARGET|CHAIN, -g CHAIN          what happens to a packet that matches
-c PACKETS BYTES                   the counters to begin with
listing: -n numbers instead of names, -v more, -x exact numbers, --line-numbers
"""


def usage(family: int, variant: str) -> str:
    """The help of one tool."""
    fragments = "[!] -f                             later fragments only\n" if family == 4 else ""
    return _USAGE.format(
        version=version(family, variant), tool=TOOLS[family], icmp="icmp" if family == 4 else "icmpv6", fragments=fragments
    )  # fmt: skip
