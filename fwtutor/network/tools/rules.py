"""The firewall's own tools: iptables and its kin, ipset, conntrack, dmesg, sysctl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.firewall import SYSCTLS
from fwtutor.network.arguments import split_words
from fwtutor.network.tools.shell import Refused, Shell, Tool

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.command import Command


def _iptables(shell: Shell, rest: str) -> str:
    return shell.host.firewall.iptables(rest)


def _ip6tables(shell: Shell, rest: str) -> str:
    return shell.host.firewall.iptables(rest, family=6)


def _ipset(shell: Shell, rest: str) -> str:
    return shell.host.firewall.ipset(rest, at=shell.host.now / SECOND)


def _conntrack(shell: Shell, rest: str) -> str:
    command = read_conntrack(rest)
    if command.listens:
        from fwtutor.network.listening import what_happened

        return what_happened(shell.host.records, command)
    return shell.host.firewall.run_conntrack(split_words(rest), at=shell.host.now / SECOND)


def read_conntrack(rest: str) -> Command:
    """What ``conntrack REST`` asks for. Raises Refused."""
    from fwtutor.netfilter.conntrack.command import parse
    from fwtutor.netfilter.conntrack.options import ConntrackRefused

    try:
        return parse(split_words(rest))
    except ConntrackRefused as error:
        raise Refused(str(error)) from None


def _dmesg(shell: Shell, rest: str) -> str:
    check_dmesg(rest)
    return "".join(f"{line}\n" for line in shell.host.kernel_log)


def check_dmesg(rest: str) -> None:
    """Raises Refused unless ``dmesg REST`` is dmesg alone."""
    if rest:
        raise Refused(f"unknown option {rest!r}; it takes none, and prints what LOG rules wrote")


def _sysctl(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if words[:1] in (["-w"], ["-n"]):
        words = words[1:]
    if len(words) != 1:
        raise Refused("write KEY or KEY=VALUE")
    key, given, value = words[0].partition("=")
    sysctls = shell.host.firewall.sysctls
    name = key.strip().replace("/", ".")
    if name not in sysctls:
        raise Refused(f"cannot stat /proc/sys/{name.replace('.', '/')}: No such file or directory")
    if given:
        if shell.user.uid:
            raise Refused(f'permission denied on key "{name}"')
        try:
            shell.host.firewall.set_sysctl(name, int(value) if len(value) < 12 else -1)
        except ValueError:
            raise Refused(f'setting key "{name}": Invalid argument ({value!r} is no whole number from 0 to 2147483647)') from None
    return f"{name} = {sysctls[name]}"


def _changes_rules(rest: str) -> bool:
    return bool(rest) and not any(word in _LISTING for word in rest.split())


def _changes_sets(rest: str) -> bool:
    return rest.split(" ")[0] not in ("", "list", "save", "test", "help", "version")


_LISTING = ("-L", "-S", "-C", "--list", "--list-rules", "--check", "-h", "--help", "-V", "--version")
_LIKE_IPTABLES = ("-A", "-I", "-D", "-R", "-P", "-F", "-L", "-S", "-N", "-X", "-Z", "-t", "-p", "-s", "-d", "-i", "-o", "-m", "-j")
_LIKE_CONNTRACK = ("-L", "-C", "-D", "-F", "-E", "expect")
_LIKE_IPSET = ("create", "add", "del", "test", "list", "save", "flush", "destroy")
TOOLS = (
    Tool(
        "iptables",
        "iptables ...",
        "the rules of IPv4, in iptables' own language",
        _iptables,
        _LIKE_IPTABLES,
        root=True,
        configures=_changes_rules,
    ),
    Tool("ip6tables", "ip6tables ...", "the rules of IPv6", _ip6tables, _LIKE_IPTABLES, root=True, configures=_changes_rules),
    Tool("conntrack", "conntrack -L|-C|-D|-F|-E [expect] ...", "connection tracking's table", _conntrack, _LIKE_CONNTRACK, root=True),
    Tool("ipset", "ipset create|add|del|test|list ...", "sets of addresses", _ipset, _LIKE_IPSET, root=True, configures=_changes_sets),
    Tool("dmesg", "dmesg", "what LOG rules wrote", _dmesg),
    Tool("sysctl", "sysctl KEY[=VALUE]", "the kernel's settings", _sysctl, tuple(SYSCTLS), configures=lambda rest: "=" in rest),
)
