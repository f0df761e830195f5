"""What ``iptables -h`` says here, behind the tool's version: the commands and options fwtutor knows, in its own words."""

from __future__ import annotations

USAGE = """{version}, as far as fwtutor simulates it

iptables -A|-C|-D CHAIN RULE       append, check for, delete a rule
iptables -I CHAIN [N] RULE         insert a rule as number N (1: first)
iptables -R CHAIN N RULE           replace rule N
iptables -D CHAIN N                delete rule N
iptables -L|-S [CHAIN [N]]         list, print as commands
iptables -F|-Z [CHAIN]             delete all rules, set counters to 0
iptables -N CHAIN, -X [CHAIN]      make, delete a user chain
iptables -E OLD NEW                rename a user chain
iptables -P CHAIN ACCEPT|DROP      set the policy of a built-in chain

a RULE is made of
[!] -s, -d ADDRESS[/MASK][,...]    source, destination
[!] -i, -o NAME[+]                 interface it comes in by, leaves by
[!] -p PROTOCOL                    tcp, udp, icmp, or a number
[!] -f                             later fragments only
-m MATCH ...                       further conditions; -m MATCH -h explains one
-j TARGET|CHAIN, -g CHAIN          what happens to a packet that matches
-c PACKETS BYTES                   the counters to begin with
listing: -n numbers instead of names, -v more, -x exact numbers, --line-numbers
"""
