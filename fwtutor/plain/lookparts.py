"""Pages about a host (``telling.look``) as sentences with labels, so that each can be read alone: rules, connections, sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import Entry
from fwtutor.netfilter.state import ENTRY
from fwtutor.plain.speech import as_written, sentences, spoken
from fwtutor.telling import words
from fwtutor.telling.look.connections import ConnectionsPage, translations
from fwtutor.telling.look.rules import RulesPage
from fwtutor.telling.look.settings import SettingsPage
from fwtutor.telling.look.sockets import SocketsPage

if TYPE_CHECKING:
    from fwtutor.telling.look.page import Page

WIDE = 1 << 20
LOOKED_AT = 1_000
"""Rows of a page."""


def looked(page: Page, host: str, *, as_table: bool = False) -> list[str]:
    """A page about a host; where a filter leaves one row, everything about it. ``as_table``: as the host's own tool lists it."""
    count = page.count()
    said = [f"{host}: {page.counted()}{f': {page.complaint}' if page.complaint else ''}"]
    if not count:
        return [*said, page.nothing()]
    if as_table:
        return [*said, *as_written([page.row(y, WIDE) for y in range(min(count, LOOKED_AT))])]
    alone = page.about(0) if page.wanted and count == 1 else None
    if alone is not None:
        title, rows = alone
        told = as_written(rows(WIDE)) if page.verbatim else sentences(rows(WIDE))
        return [spoken(title), *told]
    if isinstance(page, RulesPage):
        rest = _rules(page)
    elif isinstance(page, ConnectionsPage):
        rest = [_connection(page, entry) for entry in page.entries]
    elif isinstance(page, SocketsPage):
        rest = [_socket(row) for row in page.table]
    else:
        rest = sentences(page.row(y, WIDE) for y in range(count))
        if isinstance(page, SettingsPage) and not page.wanted:
            rest = _short(rest)
        rest = [*([spoken(page.heads)] if page.heads else []), *rest]
    return [*said, *rest[:LOOKED_AT], *([f"and {len(rest) - LOOKED_AT} more: a filter shows fewer"] if len(rest) > LOOKED_AT else [])]


def explained(page: RulesPage, number: int, table: str, chain: str) -> list[str]:
    """Everything about one rule; nothing if there is none."""
    for y in range(page.count()):
        found = page.rule(y)
        if found is not None and (found[0].name, found[1].name, found[2]) == (table, chain, number):
            about = page.about(y)
            assert about is not None
            title, rows = about
            return [spoken(title), *sentences(rows(WIDE))]
    return []


def _rules(page: RulesPage) -> list[str]:
    said, named = [], None
    for table, chain, rules in page.chains():
        if not rules and page.wanted:
            continue
        tool = "" if table.family == 4 else "ip6tables "
        if (table.family, table.name) != named and not rules and chain.policy == "ACCEPT":
            continue
        counted = page.counted_by(table.policy_key(chain.name))
        policy = f"policy {chain.policy}, which has counted {counted}" if chain.policy else "a chain of its own, without policy"
        said.append(f"{tool}{table.name} {chain.name}: {policy}.")
        for number, rule in rules:
            said.append(f"{tool}{table.name} {chain.name} rule {number}: {rule.save()}: {page.counted_by(rule.id)}.")
        named = table.family, table.name
    return [*said, "look rule NUMBER [TABLE] [CHAIN] explains one."]


def _connection(page: ConnectionsPage, entry: Entry) -> str:
    seen = page.seen_as(entry)
    kind = f"{words.entry_kind(entry)} {words.entry_flags(entry)}".rstrip()
    both = f"original {words.entry_tuple(entry.original)}; reply {words.entry_tuple(entry.reply)}"
    parts = [f"{kind}, rules see {seen}, {words.standing(entry, 'kept', page.seen.at)}", both, *translations(entry)]
    fresh = (ENTRY, entry.id) in page.seen.fresh or not entry.confirmed
    return spoken("; ".join([*parts, *(["changed by the last packet"] if fresh else [])]) + ".")


def _socket(row: list[str]) -> str:
    protocol, state, waiting, backlog, local, peer, owner = row
    queue = f"; {waiting} of {backlog} connections wait to be accepted" if state == "LISTEN" else ""
    whose = owner.removeprefix('users:(("').removesuffix("))").replace('",user=', " as ")
    ends = f"at {local}" if state in ("LISTEN", "UNCONN") else f"{local} with {peer}"
    return f"{protocol} {state} {ends}{f', process {whose}' if whose else ''}{queue}."


def _short(rows: list[str]) -> list[str]:
    """Without what is as it always was."""
    title = "All other sysctls"
    if title not in rows:
        return rows
    at = rows.index(title)
    return [*rows[:at], f"and {len(rows) - at - 1} other sysctls, as they were at first: look sysctls WORD tells those with a word."]
