"""``fwtutor trace``: what a ruleset does with the packets of a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.commands.options import RULES_FILE, add_sets, add_variant
from fwtutor.commands.output import OK, check_target, colour, note, unicode, write_target


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rules",
        type=Path,
        required=True,
        metavar="FILE",
        help=RULES_FILE,
    )
    parser.add_argument("--rules6", type=Path, metavar="FILE", help="the same of ip6tables-save; without it, IPv6 packets are left out")
    add_sets(parser)
    add_variant(parser)
    parser.add_argument(
        "--interface", action="append", default=[], metavar="NAME=ADDR/LEN[,ADDR/LEN...][,mtu=N]", help="repeatable; lo always exists"
    )
    parser.add_argument(
        "--route", action="append", default=[], metavar="CIDR=NAME[,via ADDR]", help="repeatable; default=NAME for all the rest"
    )
    parser.add_argument(
        "--sysctl", action="append", default=[], metavar="KEY=VALUE", help="repeatable; net.ipv4.ip_forward is 1 unless given"
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "xtables", "events"),
        default="text",
        help="xtables: as xtables-monitor --trace; events: as conntrack -E -o timestamp",
    )
    parser.add_argument(
        "--clock", type=_clock, metavar="TIME",
        help="when the first packet came, for -m time (UTC, like 2024-12-24T18:00; otherwise what the capture says, or 2024-01-01)"
    )  # fmt: skip
    parser.add_argument("--events", action="store_true", help="in text: under each packet, what conntrack -E would have printed")
    parser.add_argument("--counters", type=Path, metavar="FILE", help="write iptables-save -c text there, as it is after the last packet")
    parser.add_argument("--counters6", type=Path, metavar="FILE", help="the same of ip6tables-save")
    parser.add_argument("--conntrack", type=Path, metavar="FILE", help="write conntrack -L text there, as it is after the last packet")
    parser.add_argument("--save-sets", type=Path, metavar="FILE", help="write ipset save text there, as it is after the last packet")
    parser.add_argument("--in", dest="came_in", metavar="NAME", help="where packets came in, for captures without interface names")
    parser.add_argument("--answer", action="store_true", help="the box's own stack answers too, as a host with every port closed")
    parser.add_argument("packets", type=Path, metavar="PACKETS", help=".pcap, .pcapng (gz too) or .jsonl")
    parser.set_defaults(run=run)


def _clock(text: str) -> int:
    """ns since 1970."""
    from fwtutor.netfilter.wallclock import LATEST, parse

    try:
        when = parse(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it like 2024-12-24T18:00:00 (UTC)") from None
    if not 0 <= when <= LATEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not between the years 1970 and 2100")
    return when


def run(arguments: argparse.Namespace) -> int:
    from fwtutor.trace.box import parse_box
    from fwtutor.trace.run import trace

    if arguments.rules6 is not None and arguments.format == "xtables":
        raise BadInput("--format xtables: xtables-monitor of iptables 1.8.9 gives up on IPv6 rules; leave --rules6 away, or take json")
    if arguments.events and arguments.format != "text":
        raise BadInput(f"--events tells them under each packet, in text; --format {arguments.format} has no place for them")
    written = (
        ("--counters", arguments.counters), ("--counters6", arguments.counters6), ("--conntrack", arguments.conntrack),
        ("--save-sets", arguments.save_sets),
    )  # fmt: skip
    for option, path in written:
        # A long trace is not to end in a typing error.
        if path is not None:
            given = (arguments.packets, arguments.rules, arguments.rules6, arguments.sets)
            check_target(option, path, (each for each in given if each is not None))
    wanted = [path.absolute() for _, path in written if path is not None]
    for option, path in written:
        if path is not None and wanted.count(path.absolute()) > 1 and (path.is_file() or not path.exists()):
            raise BadInput(f"{option} {path}: another option writes to that file too")
    box = parse_box(arguments.interface, arguments.route, arguments.sysctl, arguments.variant)
    firewall = box.firewall(arguments.rules, note, arguments.rules6, arguments.sets)
    ipv6 = arguments.rules6 is not None or bool(firewall.ruleset(6).tables)
    packets = trace(
        firewall, arguments.packets, fallback=arguments.came_in, answer=arguments.answer, ipv6=ipv6, note=note, clock=arguments.clock
    )
    if arguments.format == "json":
        from fwtutor.trace.machine import json_line

        for traced in packets:
            sys.stdout.write(json_line(traced) + "\n")
    elif arguments.format == "xtables":
        from fwtutor.trace.monitor import Monitor

        monitor = Monitor(firewall)
        for traced in packets:
            sys.stdout.writelines(line + "\n" for line in monitor.lines(traced))
    elif arguments.format == "events":
        from fwtutor.trace.listening import Events

        events = Events(timestamps=True)
        for traced in packets:
            sys.stdout.writelines(line + "\n" for line in events.lines(traced))
    else:
        from fwtutor.trace.people import Ink, Report

        report = Report(firewall, Ink(colour(), unicode()), events=arguments.events)
        header = report.header() + "\n"
        for traced in packets:
            # Only now: nothing is printed of a file that turns out to be none.
            sys.stdout.writelines([header, *(line + "\n" for line in report.lines(traced))])
            header = ""
        sys.stdout.write(report.summary() + "\n")
    if arguments.counters is not None:
        write_target("--counters", arguments.counters, firewall.save(counters=True))
    if arguments.counters6 is not None:
        write_target("--counters6", arguments.counters6, firewall.save(family=6, counters=True))
    if arguments.conntrack is not None:
        write_target("--conntrack", arguments.conntrack, firewall.conntrack())
    if arguments.save_sets is not None:
        write_target("--save-sets", arguments.save_sets, firewall.save_sets())
    return OK
