"""The box as the options of ``fwtutor trace`` describe it: interfaces, routes, sysctls, rules. Every error names the option."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fwtutor.badinput import BadInput, on_one_line
from fwtutor.netfilter import Firewall, RuleRefused
from fwtutor.netfilter.addresses import parse_address, parse_interface, parse_network
from fwtutor.netfilter.firewall import MAX_SYN_BACKLOG, SOMAXCONN, SYNCOOKIES
from fwtutor.netfilter.ipset.errors import SetRefused
from fwtutor.netfilter.xtables.script import is_script
from fwtutor.safefiles import open_regular

MAX_RULES_FILE = 64 << 20
"""Bytes; a ruleset of 100,000 rules takes about 8 MB."""
MTU_LEAST, MTU_MOST = 68, 65535
SHOWN_BEFORE, SHOWN, MAX_HINT = 60, 120, 1000
"""Characters of a faulty line that are shown: so many before the place, so many in all; and those of a hint."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Box:
    """What ``Firewall`` is made from."""

    interfaces: dict[str, list[str]] = field(default_factory=dict)
    mtus: dict[str, int] = field(default_factory=dict)
    routes: dict[str, str | tuple[str, str]] = field(default_factory=dict)
    sysctls: dict[str, int] = field(default_factory=lambda: {"net.ipv4.ip_forward": 1})
    variant: str = "legacy"

    def firewall(
        self, rules: Path, note: Note = lambda text: None, rules6: Path | None = None, sets: Path | None = None
    ) -> Firewall:  # fmt: skip
        """The box, with its rules loaded. ``note`` gets a sentence about what they lack. Raises BadInput."""
        try:
            firewall = Firewall(self.interfaces, self.routes, self.sysctls, self.variant, self.mtus)
        except ValueError as error:
            raise BadInput(str(error)) from None
        if sets is not None:
            load_sets(firewall, sets)
        load_rules(firewall, rules, note)
        if rules6 is not None:
            load_rules(firewall, rules6, note, family=6)
        return firewall


def load_rules(
    firewall: Firewall, path: Path, note: Note = lambda text: None, counters: bool = False, family: int = 4, *, noflush: bool = False,
    only: str = "",
) -> Mapping[int, int]:  # fmt: skip
    """Loads rules from a file: iptables-save text (ip6tables-save's for family 6), with its ``counters`` if wanted, or a list of commands.

    ``noflush``: adds them to those there are; ``only``: those of one table, of a text that has several.
    Returns the line of each rule, by its id. Raises BadInput that shows the line and the place in it.
    """
    text = _read(path, "a rules file is what iptables-save prints")
    if only and is_script(text):
        raise BadInput(f"{path}: a list of commands; one table can be picked from what iptables-save prints")
    try:
        lines = firewall.load(text, family, counters, noflush, only)
    except RuleRefused as error:
        raise BadInput(refusal(f"{path}{f', line {error.line_number}' if error.line_number else ''}", error)) from None
    if not any(firewall.ruleset(each).tables for each in (4, 6)):
        what = f"no table {only}" if only else "no rules"
        note(f"{path}: {what} in there; a box without rules lets everything through")
    return lines


def load_sets(firewall: Firewall, path: Path) -> str:
    """Loads sets from a file, as ``ipset save`` prints them; what it says. Raises BadInput that names the line."""
    text = _read(path, "a file of sets is what ipset save prints")
    try:
        firewall.restore_sets(text)
    except SetRefused as error:
        lines = [f"{path}, line {error.line_number}: {error}", text.split("\n")[error.line_number - 1], error.hint]
        raise BadInput("\n    ".join(on_one_line(line)[:MAX_HINT] for line in lines if line)) from None
    return text


def _read(path: Path, what: str) -> str:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_RULES_FILE + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_RULES_FILE:
        raise BadInput(f"{path}: larger than {MAX_RULES_FILE >> 20} MB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}, line {line}: not UTF-8 text; {what}") from None


def refusal(place: str, error: RuleRefused) -> str:
    """What is wrong with a rule, and below it the line with a caret under the fault."""
    return "\n    ".join([f"{place}: {error}", *_shown(error)])


def _shown(error: RuleRefused) -> list[str]:
    """The line (what is near the place, if it is long), a caret under the place, and the hint: as they look on a screen."""
    shown = []
    line = error.line.replace("\t", " ")
    if line.strip():
        begin = max(0, error.start - SHOWN_BEFORE) if len(line) > SHOWN else 0
        end = begin + SHOWN
        before, place, after = (on_one_line(part) for part in (line[begin : error.start], line[error.start : error.end], line[error.end :]))
        before, after = ("..." if begin else "") + before, after[: max(0, end - error.end)] + ("..." if end < len(line) else "")
        place = place[: end - error.start]
        shown = [before + place + after, " " * len(before) + "^" * max(1, len(place))]
    if error.hint:
        shown.append(error.hint if len(error.hint) <= MAX_HINT else error.hint[:MAX_HINT] + "...")
    return shown


def parse_box(interfaces: Sequence[str], routes: Sequence[str], sysctls: Sequence[str], variant: str = "legacy") -> Box:
    """The options' values as written on the command line. Raises BadInput."""
    box = Box(variant=variant)
    for text in interfaces:
        _interface(box, text)
    if not box.interfaces:
        raise BadInput("--interface is missing: name at least one, like --interface wan=203.0.113.1/24")
    for text in routes:
        _route(box, text)
    for text in sysctls:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"--sysctl {text}: KEY=VALUE is wanted, like net.ipv4.ip_forward=0")
        if not re.fullmatch("-?[0-9]{1,20}", value.strip()):
            raise BadInput(f"--sysctl {text[:100]}: {value[:60]!r} is not a whole number")
        if key.strip().replace("/", ".") in (SOMAXCONN, MAX_SYN_BACKLOG, SYNCOOKIES):
            raise BadInput(f"--sysctl {key.strip()} means nothing here: sockets go by it, and a box of which one knows the rules has none")
        box.sysctls[key.strip()] = int(value)
    return box


def _interface(box: Box, text: str) -> None:
    option = f"--interface {text}"
    name, equals, rest = text.partition("=")
    if not equals or not rest:
        raise BadInput(f"{option}: NAME=ADDRESS/LENGTH is wanted, like wan=203.0.113.1/24")
    if not name or len(name) > 15 or name in (".", "..") or not name.isprintable() or any(c in "/:,%" or c.isspace() for c in name):
        raise BadInput(
            f"{option}: {name!r} is no name for an interface (1 to 15 characters; no space, no control character, none of / : %)"
        )
    if name in box.interfaces:
        raise BadInput(f"{option}: {name} was already given; one option takes all its addresses, separated by commas")
    addresses: list[str] = []
    for part in rest.split(","):
        if part.startswith("mtu="):
            box.mtus[name] = _mtu(part[4:], option)
            continue
        if "/" not in part:
            raise BadInput(f"{option}: {part!r} has no prefix length, like 203.0.113.1/24")
        try:
            parse_interface(part)
        except ValueError:
            raise BadInput(f"{option}: {part!r} is not ADDRESS/LENGTH") from None
        addresses.append(part)
    box.interfaces[name] = addresses


def _mtu(text: str, option: str) -> int:
    if not text.isascii() or not text.isdigit() or not MTU_LEAST <= int(text[:9]) <= MTU_MOST:
        raise BadInput(f"{option}: {text!r} is no MTU ({MTU_LEAST} to {MTU_MOST})")
    return int(text)


def _route(box: Box, text: str) -> None:
    option = f"--route {text}"
    target, equals, rest = text.partition("=")
    name, comma, via = rest.partition(",")
    if not equals or not target or not name:
        raise BadInput(f"{option}: CIDR=NAME is wanted, like 10.0.0.0/8=lan or default=wan,via 203.0.113.254")
    if target != "default":
        try:
            parse_network(target)
        except ValueError as error:
            raise BadInput(f"{option}: {error}") from None
    if name not in box.interfaces and name != "lo":
        raise BadInput(f"{option}: there is no interface {name!r} (given: {', '.join(box.interfaces)})")
    if not comma:
        box.routes[target] = name
        return
    word, _, gateway = via.strip().partition(" ")
    try:
        if word != "via":
            raise ValueError
        parse_address(gateway.strip())
    except ValueError:
        raise BadInput(f"{option}: after the comma, `via ADDRESS` is wanted") from None
    box.routes[target] = (name, gateway.strip())
