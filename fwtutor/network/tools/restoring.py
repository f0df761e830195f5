"""Rules in files: iptables-save into one, iptables-restore from one, with a way back (iptables-apply), and what Debian's package
netfilter-persistent does with them at boot. The tools of IPv6 are the same ones, with another family.
"""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.firewall import Firewall
from fwtutor.netfilter.hooks import BUILTIN_CHAINS
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.network.arguments import BadArgument, read_number, split_marked, split_words
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.tools.files import read_file, write_file
from fwtutor.network.tools.shell import Refused, Shell, Tool

AT_BOOT = {4: "/etc/iptables/rules.v4", 6: "/etc/iptables/rules.v6"}
"""Where netfilter-persistent keeps them."""
_NAMES = {4: "iptables", 6: "ip6tables"}
_TIMEOUT, _LONGEST = 10, 100_000
"""Seconds that iptables-apply waits: unless told, and at most."""
_ASKS = "Can you establish NEW connections to the machine? (y/N)"


def redirected(rest: str) -> tuple[list[str], dict[str, str]]:
    """The words of a line, and the files behind its ``<``, ``>`` and ``>>``. Raises BadArgument."""
    found = split_marked(rest, "<>|")
    words: list[str] = []
    files: dict[str, str] = {}
    while found:
        word = found.pop(0)
        if set(word) & set("<>|"):
            if word not in ("<", ">", ">>") or not found or word in files:
                raise BadArgument(f"{word} is more than is understood here; write < FILE or > FILE")
            files[word] = found.pop(0)
        else:
            words.append(word)
    return words, files


def save_with_counters(words: list[str]) -> bool:
    """Whether ``iptables-save WORDS`` wants counters. Raises Refused for an option that is not known."""
    if words not in ([], ["-c"], ["--counters"]):
        raise Refused(f"unknown option {' '.join(words)!r}; it takes -c, or nothing")
    return bool(words)


def _save(family: int) -> Callable[[Shell, str], str]:
    def run(shell: Shell, rest: str) -> str:
        words, files = redirected(rest)
        text = shell.host.firewall.save(family, counters=save_with_counters(words))
        if "<" in files or len(files) > 1:
            raise Refused("write > FILE, or >> FILE to add to it")
        for how, name in files.items():
            write_file(shell, name, text, how == ">")
        return "" if files else text

    return run


def _restore(family: int) -> Callable[[Shell, str], str]:
    def run(shell: Shell, rest: str) -> str:
        words, files = redirected(rest)
        options = {"-c": "counters", "--counters": "counters", "-n": "noflush", "--noflush": "noflush"}
        flags = {options[word]: True for word in words if word in options}
        names = [word for word in words if word not in options] + [name for how, name in files.items() if how == "<"]
        if len(names) != 1 or names[0].startswith("-") or set(files) - {"<"}:
            raise Refused(f"write {_NAMES[family]}-restore [-c] [-n] < FILE")
        _load(shell.host.firewall, family, read_file(shell, names[0]), **flags)
        return ""

    return run


def _load(firewall: Firewall, family: int, text: str, counters: bool = False, noflush: bool = False) -> None:
    """All of it or nothing. Raises Refused, naming the line."""
    try:
        firewall.restore(text, family, counters=counters, noflush=noflush)
    except RuleRefused as error:
        raise Refused(f"line {error.line_number} failed, and nothing of the file is in force: {str(error).strip()}") from None


# --- with a way back --------------------------------------------------------------------------------------


class Applying(Process):
    """iptables-apply, waiting to be told that all is well."""

    def __init__(self, shell: Shell, family: int, seconds: int) -> None:
        super().__init__(shell.host, f"{_NAMES[family]}-apply", lambda _: self._wait(family, seconds), shell.user)

    def _wait(self, family: int, seconds: int) -> Program:
        until = self.host.now + seconds * SECOND
        yield Wait(until, f"{self.name}: {seconds} seconds are over, and nobody has said y")
        self.say("Timeout. Something happened (or did not). Better play it safe...")
        yield from self.execute(f"{_NAMES[family]}-restore < {kept_in(family)}")
        self.say("Reverting to old iptables rules... done.")


def kept_in(family: int) -> str:
    """The file with the rules that there were before."""
    return f"/tmp/{_NAMES[family]}-apply.before"


def _apply(family: int) -> Callable[[Shell, str], str]:
    def run(shell: Shell, rest: str) -> str:
        words, seconds = split_words(rest), _TIMEOUT
        if words[:1] in (["-t"], ["--timeout"]) and len(words) > 1:
            seconds, words = read_number(words[1], _LONGEST, "timeout"), words[2:]
        if len(words) != 1 or words[0].startswith("-"):
            raise Refused(f"write {_NAMES[family]}-apply [-t SECONDS] FILE")
        if _waiting(shell):
            raise Refused("another one still waits for an answer: y or n")
        text, before = read_file(shell, words[0]), shell.host.firewall.save(family)
        _load(shell.host.firewall, family, text)
        write_file(shell, kept_in(family), before, anew=True)
        shell.host.run(Applying(shell, family, seconds))
        return f"Applying new {_NAMES[family]} rules from '{words[0]}'... done.\n{_ASKS}\n"

    return run


def _waiting(shell: Shell) -> Applying | None:
    return next((process for process in shell.host.processes if isinstance(process, Applying)), None)


def _yes(shell: Shell, rest: str) -> str:
    waiting = _waiting(shell)
    if waiting is None:
        raise Refused("nobody has asked; it is an answer to iptables-apply")
    waiting.kill()
    return "... then my job is done. See you next time.\n"


# --- at boot ----------------------------------------------------------------------------------------------


def _persistent(shell: Shell, rest: str) -> str:
    """IPv4 at once; what is done to IPv6's rules is a record of its own, as a record is about one family."""
    host = shell.host
    if rest == "save":
        for family, path in AT_BOOT.items():
            write_file(shell, path, host.firewall.save(family), anew=True)
        return "".join(
            f"run-parts: executing /usr/share/netfilter-persistent/plugins.d/{name} save\n" for name in ("15-ip4tables", "25-ip6tables")
        )
    if rest == "flush":
        _load(host.firewall, 4, _nothing(host.firewall, 4))
        if any(
            chain.rules or chain.policy != "ACCEPT" for table in host.firewall.ruleset(6).tables.values() for chain in table.chains.values()
        ):
            write_file(shell, _EMPTY6, _nothing(host.firewall, 6), anew=True)
            host.execute(f"ip6tables-restore < {_EMPTY6}", lambda _: None)
        return ""
    if rest not in ("start", "reload"):
        raise Refused("write netfilter-persistent save, start, reload or flush")
    said = ""
    text, text6 = (host.files.read(path) for path in AT_BOOT.values())
    if text is None:
        said += "Warning: skipping IPv4 (no rules to load)\n"
    else:
        _load(host.firewall, 4, text)
    if text6 is None:
        said += "Warning: skipping IPv6 (no rules to load)\n"
    else:
        host.execute(f"ip6tables-restore < {AT_BOOT[6]}", lambda _: None)
    return said


_EMPTY6 = "/tmp/ip6tables.empty"


def _nothing(firewall: Firewall, family: int) -> str:
    """The tables there are as they are after a boot: no rule, no chain of anybody's own, and every policy ACCEPT."""
    lines: list[str] = []
    for name in firewall.ruleset(family).tables:
        lines += [f"*{name}", *(f":{chain} ACCEPT [0:0]" for chain in BUILTIN_CHAINS[name]), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)


def _into_a_file(rest: str) -> bool:
    return ">" in rest


def _any(rest: str) -> bool:
    return bool(rest)


def _tools(family: int) -> tuple[Tool, ...]:
    name = _NAMES[family]
    save, restore, apply = (f"{name}-{verb}" for verb in ("save", "restore", "apply"))
    return (
        Tool(save, f"{save} [-c] [> FILE]", "prints all of them", _save(family), ("-c", ">"), root=True, configures=_into_a_file),
        Tool(restore, f"{restore} [-c] [-n] < FILE", "puts a file's in force", _restore(family), ("<",), root=True, configures=_any),
        Tool(apply, f"{apply} [-t SECONDS] FILE", "back, unless one says y", _apply(family), ("-t",), root=True, configures=_any),
    )


TOOLS = (
    *_tools(4),
    *_tools(6),
    Tool("y", "y", "yes, to what iptables-apply asks", _yes, root=True, configures=lambda rest: not rest),
    Tool(
        "netfilter-persistent",
        "netfilter-persistent save|start|flush",
        "keeps rules for the next boot, loads them",
        _persistent,
        ("save", "start", "reload", "flush"),
        root=True,
        configures=_any,
        more="    save writes /etc/iptables/rules.v4 and rules.v6; start is what happens at boot; flush leaves what a boot finds.",
    ),
)
