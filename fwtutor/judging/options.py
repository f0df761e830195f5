"""The options of ``fwtutor kernel compare``. Imports nothing else, so that the command line can have them for free."""

from __future__ import annotations

import argparse
from pathlib import Path

MOST_SEED, MOST_COUNT, MOST_PACKETS = 2**63 - 1, 100_000, 5000
EPILOG = """\
Three ways to ask: packets at a ruleset (--rules FILE PACKETS, or --rule and
--send for a quick question), the traffic of a LESSON at its watched host, or
random cases (--seed N). Needs root, or: unshare -rn fwtutor kernel compare ...
Exit codes: 0 no difference, 1 kernel and engine differ, 2 it cannot be asked."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="?", metavar="PACKETS|LESSON", help=".pcap, .pcapng (gz too) or .jsonl; or a lesson's name or folder")
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument("--rules", type=Path, metavar="FILE", help="what iptables-save printed")
    rules.add_argument(
        "--rule", action="append", default=[], metavar="'-A ...'", help="the words of an iptables command; repeatable. "
        "Without any rule everything passes, and is tracked",
    )  # fmt: skip
    parser.add_argument(
        "--rules6",
        type=Path,
        metavar="FILE",
        help="what ip6tables-save printed; without it the box has no IPv6, and such packets are left out",
    )
    parser.add_argument("--sets", type=Path, metavar="FILE", help="the sets that rules name: what ipset save printed")
    parser.add_argument(
        "--send", action="append", default=[], metavar="'TEXT'",
        help="a packet, as the lab's send has it: 'tcp 192.168.0.20:4000 > 198.51.100.80:80 SYN'; '@2.5 udp ...': at 2.5 s; repeatable",
    )  # fmt: skip
    parser.add_argument("--seed", type=_number(0, MOST_SEED), metavar="N", help="the random case of that number")
    parser.add_argument("--count", type=_number(1, MOST_COUNT), metavar="K", help="with --seed: the cases N to N+K-1")
    parser.add_argument("--packets", type=_number(1, MOST_PACKETS), metavar="P", help="with --seed: packets in each case (50)")
    parser.add_argument("--variant", choices=("legacy", "nft"), help="whose iptables: legacy unless given (--seed: the case's own)")
    parser.add_argument(
        "--interface", action="append", default=[], metavar="NAME=ADDR/LEN[,ADDR/LEN...][,mtu=N]",
        help="as in trace; without one the box has wan=203.0.113.1/24, lan=192.168.0.1/16 and default=wan "
        "(with --rules6 also 2001:db8:1::1/64, 2001:db8:2::1/64 and ::/0=wan)",
    )  # fmt: skip
    parser.add_argument("--route", action="append", default=[], metavar="CIDR=NAME[,via ADDR]", help="as in trace")
    parser.add_argument("--sysctl", action="append", default=[], metavar="KEY=VALUE", help="as in trace")
    parser.add_argument("--in", dest="came_in", metavar="NAME", help="where packets came in, for captures without interface names")
    parser.add_argument("--fast", action="store_true", help="leave out the time between packets")
    parser.add_argument("--events", action="store_true", help="listen to connection tracking, too: what conntrack -E prints (told with -v)")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what the kernel did with every packet")


class _number:
    """Reads a whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __call__(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 20 or not self._least <= int(text) <= self._most:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {self._least} to {self._most}")
        return int(text)
