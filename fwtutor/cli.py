"""The command line: thin. It reads arguments, imports what a command needs, and turns every bad input into a sentence and exit code 2."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from fwtutor import __version__
from fwtutor.badinput import BadInput, printable

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from fwtutor.netfilter import Firewall

RULES_FILE = "what iptables-save printed, or a list of iptables, ip6tables and ipset commands"
"""What a file of rules may be, in the words of the help."""
OK, NO, BAD = 0, 1, 2
"""Exit codes: all well; the answer is no; bad input."""
BROKEN, INTERRUPTED = 70, 130
"""Exit codes nobody hopes for: a mistake of ours; ctrl-C."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; the value is the exit code. No exception leaves it that a person could have caused."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - closed before we began (>&-)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        code = _obey(arguments)
        sys.stdout.flush()
    except BadInput as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # Whoever read us has read enough.
        _drop_output()
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    except Exception as error:  # noqa: BLE001 - the outermost place there is: a mistake of ours, of which people see a sentence
        return _broken(error)
    return code


def _obey(arguments: Sequence[str]) -> int:
    try:
        parsed = _parser(arguments).parse_args(arguments)
    except SystemExit as end:
        # Help was printed, or a complaint about the arguments.
        _complain("")
        return int(end.code or OK)
    code: int = parsed.run(parsed)
    return code


def _refuse(message: str) -> int:
    """Says on standard error what is wrong. Names and lines from files may hold escape codes, which the terminal is not to see."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    _complain(f"fwtutor: {printable(message)}\n")
    return BAD


def _complain(text: str) -> None:
    """To standard error; where nobody can be told, the exit code still says it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _drop_output(sys.stderr)


def _drop_output(stream: TextIO | None = None) -> None:
    """What is still to be written to standard output goes nowhere; else Python would try once more, and complain, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def _note(text: str) -> None:
    _refuse(text)


def _broken(error: Exception) -> int:
    """Writes the traceback to a file and says where it is."""
    import traceback
    from tempfile import gettempdir

    from fwtutor.course.progress import home

    details = f"fwtutor {__version__}, Python {sys.version}\n{' '.join(sys.argv[1:])}\n\n" + "".join(traceback.format_exception(error))
    place = "could not be written to a file"
    for place_for_logs in (home, lambda: Path(gettempdir())):
        try:
            folder = place_for_logs()
            log = folder / "fwtutor-crash.log"
            folder.mkdir(parents=True, exist_ok=True)
            log.write_text(details, encoding="utf-8", errors="backslashreplace")
        except (OSError, BadInput):
            continue
        place = f"are in {log}"
        break
    _refuse(f"this should not have happened: {type(error).__name__}: {error}\nThe details {place}. What you had done is kept.")
    return BROKEN


# --- commands -------------------------------------------------------------------------------------------------


def _open(arguments: argparse.Namespace) -> int:
    return _application(None, None)


def _play(arguments: argparse.Namespace) -> int:
    return _application(arguments.lesson, arguments.at)


def _application(name: str | None, at: int | None) -> int:
    """Opens the application, when there is a terminal that can show it."""
    for stream, word in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.stderr, "error")):
        if stream is None or not stream.isatty():
            raise BadInput(f"standard {word} is not a terminal; fwtutor needs one to draw on. For scripts there is fwtutor trace")
    if os.environ.get("TERM") == "dumb":
        raise BadInput("this terminal cannot move its cursor (TERM is dumb)")
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
    from fwtutor.course.loader import find_lesson, load_course
    from fwtutor.course.model import LessonError
    from fwtutor.tui.app import run as run_application
    from fwtutor.tui.screens.too_small import LEAST

    size = os.get_terminal_size(sys.stdout.fileno())
    # A terminal that says 0 x 0 does not know its size; Textual then takes 80 x 24.
    if 0 < size.columns < LEAST[0] or 0 < size.lines < LEAST[1]:
        raise BadInput(
            f"this terminal has {size.columns} columns and {size.lines} lines, and the lab needs at least {LEAST[0]} x {LEAST[1]} "
            "(80 x 24 is good, 120 x 40 shows everything)"
        )
    try:
        # A lesson asked for is read alone: the others are when the map is first opened.
        lesson = None if name is None else find_lesson(name)
        course = partial(load_course, answers=False)
        whole = course if lesson is not None else course()
    except LessonError as error:
        raise BadInput(str(error)) from None
    return run_application(whole, lesson, at)


def _trace(arguments: argparse.Namespace) -> int:
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
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise BadInput(f"{option} {path}: {'Is a directory' if path.is_dir() else 'No such file or directory'}")
    box = parse_box(arguments.interface, arguments.route, arguments.sysctl, arguments.variant)
    firewall = box.firewall(arguments.rules, _note, arguments.rules6, arguments.sets)
    ipv6 = arguments.rules6 is not None or bool(firewall.ruleset(6).tables)
    packets = trace(
        firewall, arguments.packets, fallback=arguments.came_in, answer=arguments.answer, ipv6=ipv6, note=_note, clock=arguments.clock
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

        report = Report(firewall, Ink(_colour(), _unicode()), events=arguments.events)
        header = report.header() + "\n"
        for traced in packets:
            # Only now: nothing is printed of a file that turns out to be none.
            sys.stdout.writelines([header, *(line + "\n" for line in report.lines(traced))])
            header = ""
        sys.stdout.write(report.summary() + "\n")
    if arguments.counters is not None:
        _write(arguments.counters, "--counters", firewall.save(counters=True))
    if arguments.counters6 is not None:
        _write(arguments.counters6, "--counters6", firewall.save(family=6, counters=True))
    if arguments.conntrack is not None:
        _write(arguments.conntrack, "--conntrack", firewall.conntrack())
    if arguments.save_sets is not None:
        _write(arguments.save_sets, "--save-sets", firewall.save_sets())
    return OK


def _write(path: Path, option: str, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{option} {path}: {error.strerror}") from None


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _rules(arguments: argparse.Namespace) -> int:
    from fwtutor.netfilter import Firewall
    from fwtutor.review.report import findings
    from fwtutor.trace.box import load_rules, load_sets

    firewall = Firewall(interfaces={}, variant=arguments.variant)
    if arguments.sets is not None:
        load_sets(firewall, arguments.sets)
    family = 6 if arguments.ipv6 else 4
    counters = arguments.counters or arguments.verbose
    if arguments.onto is not None:
        load_rules(firewall, arguments.onto, _note, counters, family)
    lines = load_rules(firewall, arguments.file, _note, counters, family, noflush=arguments.onto is not None, only=arguments.table)
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
            _note(f"{arguments.file}, {finding}")
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


def _compare(arguments: argparse.Namespace) -> int:
    from fwtutor.judging.command import compare
    from fwtutor.trace.people import Ink

    # The exit code is an answer here: it is not to say that all agreed when nobody could read what did.
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise BadInput("standard output is closed: the answer cannot be written")
    try:
        return OK if compare(arguments, _say_line, _note, Ink(_colour(), _unicode())) else NO
    except BrokenPipeError:
        _drop_output()
        raise BadInput("standard output was closed before the whole answer was written") from None


def _say_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _lesson_list(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_list

    return _say(*lesson_list())


def _lesson_check(arguments: argparse.Namespace) -> int:
    from fwtutor.course.proof import lesson_check

    return _say(*lesson_check(arguments.lesson))


def _say(text: str, code: int) -> int:
    """An answer goes to standard output, a complaint about what was given to standard error."""
    if code == BAD and "\n" not in text:
        return _refuse(text)
    if code == BAD:
        _complain(printable(text) + "\n")
    else:
        sys.stdout.write(printable(text) + "\n")
    return code


def _locate(arguments: argparse.Namespace) -> int:
    from fwtutor.course.loader import lessons_folder
    from fwtutor.course.progress import home

    for name, path in (("program", Path(__file__).resolve().parent), ("lessons", lessons_folder()), ("progress", home())):
        sys.stdout.write(printable(f"{name:<9} {path}\n"))
    return OK


# --- arguments ------------------------------------------------------------------------------------------------


class _Arguments(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are fit for a terminal, whatever was given."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("argument --rule: expected"):
            message += "; one word that begins with - is written with =, as in --rule=-F"
        super().error(printable(message))

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            file.write(message)  # where it goes wrong, that is told, and not passed over as argparse would
        else:
            super()._print_message(message, file)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """For these arguments: of the commands that are not among them it knows no more than their help."""
    parser = _Arguments(
        prog="fwtutor",
        description="An interactive tutor for Linux stateful firewalls. Without a command it opens the course map.",
        epilog="Exit codes: 0 all well, 1 the answer is no, 2 bad input.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=_open)
    parser.add_argument("--version", action="version", version=f"fwtutor {__version__}", help="print the version and leave")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, words, add in (
        ("play", "open a lesson", _add_play),
        ("trace", "what a ruleset does with packets from a file, and why", _add_trace),
        ("rules", "check a ruleset, and print it", _add_rules),
        ("lesson", "list the lessons, or prove them sound", _add_lesson),
        ("kernel", "ask the running kernel whether it does the same", _add_kernel),
        ("locate", "where the program, its lessons and your progress are", _add_locate),
    ):
        command = commands.add_parser(name, help=words, allow_abbrev=False)
        if name in arguments:
            add(command)
    return parser


def _add_lesson(lesson: argparse.ArgumentParser) -> None:
    actions = lesson.add_subparsers(metavar="ACTION", title="actions", required=True)
    actions.add_parser("list", help="all lessons, by chapter", allow_abbrev=False).set_defaults(run=_lesson_list)
    check = actions.add_parser("check", help="prove that solutions solve, wrong answers fail, predictions are true", allow_abbrev=False)
    check.add_argument("lesson", nargs="*", metavar="LESSON", help="names of lessons, or folders; all lessons unless given")
    check.set_defaults(run=_lesson_check)


def _add_kernel(kernel: argparse.ArgumentParser) -> None:
    asking = kernel.add_subparsers(metavar="ACTION", title="actions", required=True)
    _add_compare(
        asking.add_parser("compare", help="packet by packet, engine and kernel; exit code 1 where they differ", allow_abbrev=False)
    )


def _add_locate(locate: argparse.ArgumentParser) -> None:
    locate.set_defaults(run=_locate)


def _add_play(play: argparse.ArgumentParser) -> None:
    play.add_argument("lesson", metavar="LESSON", help="its name, see `fwtutor lesson list`; or a folder")
    play.add_argument("--at", type=_whole, metavar="STEP", help="begin at this step of the lesson (counted from 1)")
    play.set_defaults(run=_play)


def _add_trace(trace: argparse.ArgumentParser) -> None:
    trace.add_argument(
        "--rules",
        type=Path,
        required=True,
        metavar="FILE",
        help=RULES_FILE,
    )
    trace.add_argument("--rules6", type=Path, metavar="FILE", help="the same of ip6tables-save; without it, IPv6 packets are left out")
    _add_sets(trace)
    _add_variant(trace)
    trace.add_argument(
        "--interface", action="append", default=[], metavar="NAME=ADDR/LEN[,ADDR/LEN...][,mtu=N]", help="repeatable; lo always exists"
    )
    trace.add_argument(
        "--route", action="append", default=[], metavar="CIDR=NAME[,via ADDR]", help="repeatable; default=NAME for all the rest"
    )
    trace.add_argument(
        "--sysctl", action="append", default=[], metavar="KEY=VALUE", help="repeatable; net.ipv4.ip_forward is 1 unless given"
    )
    trace.add_argument(
        "--format",
        choices=("text", "json", "xtables", "events"),
        default="text",
        help="xtables: as xtables-monitor --trace; events: as conntrack -E -o timestamp",
    )
    trace.add_argument(
        "--clock", type=_clock, metavar="TIME",
        help="when the first packet came, for -m time (UTC, like 2024-12-24T18:00; otherwise what the capture says, or 2024-01-01)"
    )  # fmt: skip
    trace.add_argument("--events", action="store_true", help="in text: under each packet, what conntrack -E would have printed")
    trace.add_argument("--counters", type=Path, metavar="FILE", help="write iptables-save -c text there, as it is after the last packet")
    trace.add_argument("--counters6", type=Path, metavar="FILE", help="the same of ip6tables-save")
    trace.add_argument("--conntrack", type=Path, metavar="FILE", help="write conntrack -L text there, as it is after the last packet")
    trace.add_argument("--save-sets", type=Path, metavar="FILE", help="write ipset save text there, as it is after the last packet")
    trace.add_argument("--in", dest="came_in", metavar="NAME", help="where packets came in, for captures without interface names")
    trace.add_argument("--answer", action="store_true", help="the box's own stack answers too, as a host with every port closed")
    trace.add_argument("packets", type=Path, metavar="PACKETS", help=".pcap, .pcapng (gz too) or .jsonl")
    trace.set_defaults(run=_trace)


def _add_compare(compare: argparse.ArgumentParser) -> None:
    from fwtutor.judging.options import add_options

    add_options(compare)
    compare.set_defaults(run=_compare)


def _add_rules(rules: argparse.ArgumentParser) -> None:
    rules.add_argument("file", type=Path, metavar="FILE", help=RULES_FILE)
    _add_sets(rules)
    rules.add_argument("-6", dest="ipv6", action="store_true", help="it is what ip6tables-save printed")
    _add_variant(rules)
    rules.add_argument(
        "-T",
        "--table",
        default="",
        choices=("raw", "mangle", "nat", "filter", "security"),
        metavar="TABLE",
        help="as iptables-restore -T: read this table only",
    )
    rules.add_argument("--onto", type=Path, metavar="FILE", help="as iptables-restore -n: add the rules to those of this other file")
    rules.add_argument("-t", "--test", action="store_true", help="as iptables-restore -t: only check, and print nothing if all is well")
    shape = rules.add_mutually_exclusive_group()
    shape.add_argument("-S", dest="as_commands", action="store_true", help="print it as iptables -S would")
    shape.add_argument("-L", dest="as_list", action="store_true", help="print it as iptables -L would")
    shape.add_argument("--explain", action="store_true", help="print each rule, and what it does in a sentence")
    rules.add_argument("-n", dest="numeric", action="store_true", help="with -L: numbers, no names")
    rules.add_argument("-v", dest="verbose", action="store_true", help="with -L or -S: the file's counters, and interfaces")
    rules.add_argument("-x", dest="exact", action="store_true", help="with -v: exact counters")
    rules.add_argument("--line-numbers", dest="numbers", action="store_true", help="with -L: number the rules")
    rules.add_argument("-c", dest="counters", action="store_true", help="as iptables-save -c: with the file's counters")
    rules.set_defaults(run=_rules)


def _add_sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", type=Path, metavar="FILE", help="the sets that rules name: what ipset save printed")


def _add_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--variant",
        choices=("legacy", "nft"),
        default="legacy",
        help="whose rules they are: iptables-legacy's (unless given) or iptables-nft's",
    )


def _clock(text: str) -> int:
    """ns since 1970."""
    from fwtutor.netfilter.wallclock import parse

    try:
        return parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it like 2024-12-24T18:00:00 (UTC)") from None


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < len(text) < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
