"""/etc/fail2ban/jail.local: the jail sshd, with the defaults of fail2ban 1.0 and of Debian, where it is enabled."""

from __future__ import annotations

import re
from configparser import DuplicateOptionError, DuplicateSectionError, MissingSectionHeaderError, ParsingError, RawConfigParser
from dataclasses import dataclass
from typing import Any

from fwtutor.netfilter.addresses import parse_address, parse_interface, prefix_mask
from fwtutor.network.ends import Address

PATH = "/etc/fail2ban/jail.local"
PERMANENT = -1
_IGNORED = (
    "action backend banaction_allports before chain destemail fail2ban_agent filter ignorecommand ignoreself journalmatch logencoding "
    "logpath maxlines maxmatches mta protocol sender usedns"
)
IGNORED = frozenset(_IGNORED.split())
"""Settings that mean nothing here."""
ACTIONS = {"iptables-multiport": "-m multiport --dports {port} ", "iptables-allports": "", "iptables": "--dport {port} "}
"""What each matches, besides the protocol."""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2_629_800, "y": 31_557_600}
_SPAN = re.compile(r"(\d{1,9})\s*([a-z]*)\s*", re.ASCII)
_ACTION = re.compile(r'([a-z-]+)(?:\[\s*blocktype\s*=\s*"?([A-Za-z0-9 -]+?)"?\s*\])?', re.ASCII)
_PORTS = re.compile(r"[a-z0-9]+(?::[0-9]+)?(?:,\s*[a-z0-9]+(?::[0-9]+)?)*", re.ASCII)


@dataclass(slots=True, frozen=True)
class Jail:
    """The jail sshd."""

    enabled: bool = True
    maxretry: int = 5
    findtime: int = 600
    """Seconds."""
    bantime: int = 600
    """Seconds; -1: for ever."""
    port: str = "ssh"
    ignoreip: tuple[str, ...] = ()
    action: str = "iptables-multiport"
    blocktype: str = ""
    """What a ban's rule does; empty: it rejects, as port unreachable."""

    def jump(self, chain: str) -> str:
        """The rule that leads to the chain."""
        return f"-p tcp {ACTIONS[self.action].format(port=self.port)}-j {chain}"

    def ban(self, address: Address) -> str:
        """The rule that keeps an address out."""
        reject = f"REJECT --reject-with {'icmp' if address.family == 4 else 'icmp6'}-port-unreachable"
        return f"-s {address} -j {self.blocktype or reject}"

    def ignores(self, address: Address) -> bool:
        """It is never banned."""
        return any(_means(text, address) for text in self.ignoreip)


def read_jail(text: str) -> Jail:
    """What a file says. Raises ValueError, with the line."""
    parser = RawConfigParser(strict=True, default_section="DEFAULT", empty_lines_in_values=False)
    try:
        parser.read_string(text)
    except MissingSectionHeaderError as error:
        raise ValueError(f"line {error.lineno}: {error.line.strip()!r} stands before the first section") from None
    except ParsingError as error:
        number = error.errors[0][0]
        # How the error quotes the line is not the same in all versions of Python.
        raise ValueError(f"line {number}: {text.split(chr(10))[number - 1].strip()!r} is no NAME = VALUE") from None
    except (DuplicateSectionError, DuplicateOptionError) as error:
        what = f"[{error.section}]" if isinstance(error, DuplicateSectionError) else f"{error.option} in [{error.section}]"
        raise ValueError(f"line {error.lineno}: {what} stands twice") from None
    for section in parser.sections():
        if section not in ("sshd", "INCLUDES"):
            raise ValueError(f"line {_line_of(text, section)}: [{section}]: there is only the jail sshd")
    settings = dict(parser.items("sshd")) if parser.has_section("sshd") else dict(parser.defaults())
    found: dict[str, Any] = {}
    for name, value in settings.items():
        try:
            if name == "banaction":
                found["action"], found["blocktype"] = _action(value)
            elif name in _READERS:
                found[name] = _READERS[name](value)
            elif name == "mode":
                if value != "normal":
                    raise ValueError(f"{value!r} is not simulated; there is normal")
            elif name not in IGNORED:
                raise ValueError("is no setting of a jail that is simulated")
        except ValueError as error:
            what = f"{name}: {value!r} {error}" if name in (*_READERS, "banaction") else f"{name} {error}"
            raise ValueError(f"line {_line_of(text, 'sshd', name)}: {what}") from None
    return Jail(**found)


def _line_of(text: str, section: str, name: str = "") -> int:
    """Where a section begins, or a setting that counts there is made: in it, or else in [DEFAULT]."""
    found: dict[tuple[str, str], int] = {}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            inside = line[1:].partition("]")[0]
            found[inside, ""] = number
        else:
            found[inside, re.split("[=:]", line, maxsplit=1)[0].strip().lower()] = number
    return found.get((section, name)) or found.get(("DEFAULT", name), 1)


def read_span(text: str) -> int:
    """Seconds: ``600``, ``10m``, ``1h 30m``. Raises ValueError."""
    total, at, text = 0, 0, text.strip().lower()
    while at < len(text):
        part = _SPAN.match(text, at)
        unit = part.group(2) if part else ""
        known = [name for name in UNITS if unit == name or (len(unit) > 2 and unit.rstrip("s") in _LONG[name])] if unit else ["s"]
        if part is None or not known:
            raise ValueError("is no length of time")
        total, at = total + int(part.group(1)) * UNITS[known[0]], part.end()
    if not text:
        raise ValueError("is no length of time")
    return total


_LONG = {
    "s": ("sec", "second"), "m": ("min", "minute"), "h": ("hou", "hour"), "d": ("day",), "w": ("wee", "week"), "mo": ("mon", "month"),
    "y": ("yea", "year"),
}  # fmt: skip


def _bantime(text: str) -> int:
    return PERMANENT if text.strip().startswith("-") else read_span(text)


def _enabled(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "on", "off", "1", "0"):
        raise ValueError("is neither true nor false")
    return text.lower() in ("true", "yes", "on", "1")


def _maxretry(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text)):
        raise ValueError("is no number of failures")
    return int(text)


def _port(text: str) -> str:
    if not _PORTS.fullmatch(text):
        raise ValueError("names no ports")
    return text.replace(" ", "")


def _ignoreip(text: str) -> tuple[str, ...]:
    words = tuple(text.replace(",", " ").split())
    for word in words:
        try:
            parse_interface(word) if "/" in word else parse_address(word)
        except ValueError:
            raise ValueError(f"names {word}, which is no address") from None
    return words


def _action(text: str) -> tuple[str, str]:
    found = _ACTION.fullmatch(text.strip())
    if found is None or found.group(1) not in ACTIONS:
        raise ValueError(f"is none of {', '.join(ACTIONS)}")
    return found.group(1), found.group(2) or ""


def _means(text: str, address: Address) -> bool:
    if "/" not in text:
        return Address(*parse_address(text)) == address
    family, value, length = parse_interface(text)
    return family == address.family and not (address.value ^ value) & prefix_mask(family, length)


_READERS = {
    "enabled": _enabled,
    "maxretry": _maxretry,
    "findtime": read_span,
    "bantime": _bantime,
    "port": _port,
    "ignoreip": _ignoreip,
}
