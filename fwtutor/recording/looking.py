"""Commands that change nothing, answered for any place of a run: they are no inputs, and make no branch."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.firewall import SYSCTLS
from fwtutor.netfilter.ipset.errors import SetRefused
from fwtutor.netfilter.rations import JIFFY
from fwtutor.netfilter.steps import Answered, Logged
from fwtutor.netfilter.xtables.commands import run_command
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.rule import Ruleset
from fwtutor.netfilter.xtables.savefile import save
from fwtutor.netfilter.xtables.script import uses
from fwtutor.netfilter.xtables.tokens import shell_words
from fwtutor.network.arguments import BadArgument
from fwtutor.network.prompt import family_of, read, refusal, run, set_refusal
from fwtutor.network.records import CommandRun, Record, Walked, kernel_log, log_line
from fwtutor.network.tools.shell import Refused
from fwtutor.recording.cursor import Cursor, View


def look(cursor: Cursor, host: str, line: str) -> CommandRun | None:
    """Answers a line that changes nothing, for the cursor's place; None for one that would (or does more than look).

    The record has index -1 and stands in no run.
    """
    view = cursor.view_of(host)
    there = cursor.run.world.hosts[host]
    # At the end all has happened, also what no place to stop is behind.
    upto = len(cursor.run.records) - 1 if cursor.at_end else cursor.index
    refused = False
    name = ""
    try:
        asked = read(there, line)
        if asked is None:
            output: str | None = ""
        elif asked.tool.only_looks(asked.rest):
            output, refused = run(there, line, upto=upto)
        else:
            name = f"{asked.tool.name}: "
            output = _answer(cursor, host, asked.tool.name, asked.rest)
    except (BadArgument, Refused) as error:
        output, refused = f"{name}{error}", True
    except RuleRefused as error:
        output, refused = refusal(error), True
    except SetRefused as error:
        output, refused = set_refusal(error), True
    if output is None:
        return None
    rules = view.rules(family_of(line))
    return CommandRun(-1, cursor.at, host, -1, 0, line, output, refused, rules, rules, (), True)


def _answer(cursor: Cursor, host: str, name: str, rest: str) -> str | None:
    view = cursor.view_of(host)
    rules = view.rules(family_of(name))
    if name in ("iptables", "ip6tables"):
        outcome = run_command(rules, rest, counters=view.counters, new_id=lambda: 0, sets=view.sets)
        changes = outcome.counters or not _same(rules, outcome.ruleset, listed=outcome.output != "")
        return None if changes else outcome.output
    if name in ("iptables-save", "ip6tables-save"):
        from fwtutor.network.tools.restoring import redirected, save_with_counters

        words, files = redirected(rest)
        return None if files else save(rules, view.counters if save_with_counters(words) else None)
    if name == "ipset":
        return ipset_at(view, rest, cursor.at)
    if name == "conntrack":
        from fwtutor.network.tools.rules import read_conntrack

        command = read_conntrack(rest)
        if command.listens:
            from fwtutor.network.listening import what_happened

            return what_happened(_records_at(cursor, host), command)
        return None if command.changes else command.shown(view.entries, view.expectations, cursor.at, view.held)
    if name == "dmesg":
        from fwtutor.network.tools.rules import check_dmesg

        check_dmesg(rest)
        return "".join(f"{line}\n" for line in log_at(cursor, host))
    if name == "sysctl" and rest in cursor.run.world.hosts[host].firewall.sysctls:
        return f"{rest} = {sysctls_at(cursor, host)[rest]}"
    return None


def ipset_at(view: View, rest: str, at: int) -> str | None:
    """What ipset says; None if it would change something."""
    from fwtutor.netfilter.ipset.command import run as run_ipset

    words = [token.text for token in shell_words(rest)]
    outcome = run_ipset(words, view.sets, uses({4: view.ruleset, 6: view.ruleset6}), at // JIFFY)
    if outcome.sets is not view.sets:
        return None
    if outcome.refused is not None:
        raise outcome.refused
    return outcome.output


def log_at(cursor: Cursor, host: str) -> list[str]:
    """The kernel's log at the cursor's place: what LOG rules have written; of a packet that is on its way, up to where it is."""
    run = cursor.run
    before = (run.records[index] for index in run.tracks[host].records if index < cursor.index)
    lines = kernel_log(before)
    record = cursor.record
    if isinstance(record, Walked) and record.host == host:
        for step in cursor.steps[: cursor.step]:
            found = [step] if isinstance(step, Logged) else step.walk.logged if isinstance(step, Answered) and step.walk else []
            lines += [log_line(record.at, logged) for logged in found if logged.group is None]
    return lines


def _records_at(cursor: Cursor, host: str) -> Iterator[Record]:
    """What has happened: of the cursor's place, only what is over there."""
    run = cursor.run
    over = cursor.step == len(cursor.steps)
    return (run.records[index] for index in run.tracks[host].records if index < cursor.index or (index == cursor.index and over))


def _same(before: Ruleset, after: Ruleset, listed: bool) -> bool:
    """Nothing changed; listing an unused table makes it exist, which is not worth a run of its own."""
    if not listed:
        return after == before
    shown = {
        name: table
        for name, table in after.tables.items()
        if name in before.tables or any(c.rules or c.policy != "ACCEPT" for c in table.chains.values())
    }
    return shown == dict(before.tables)


def sysctls_at(cursor: Cursor, host: str) -> dict[str, int]:
    """All sysctls of a host that are simulated, as they are at the cursor's place: as the last commands that set them printed them."""
    there, run = cursor.run.world.hosts[host], cursor.run
    values = {name: there.spec.sysctls.get(name, SYSCTLS.get(name, 0)) for name in there.firewall.sysctls}
    for index in run.tracks[host].records:
        if index > cursor.index:
            break
        record = run.records[index]
        if isinstance(record, CommandRun) and not record.refused and "sysctl" in record.line.split()[:2]:
            name, equals, value = record.output.partition(" = ")
            if equals and name in values:
                values[name] = int(value)
    return values
