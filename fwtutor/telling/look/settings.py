"""What a host is set to: how full its table of connections is, what became of its packets, its sysctls, its sets of addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fwtutor.netfilter.firewall import SYSCTLS
from fwtutor.netfilter.sysctl_words import in_order, meaning
from fwtutor.network.records import Walked
from fwtutor.recording.looking import ipset_at, sysctls_at
from fwtutor.telling import glyphs
from fwtutor.telling.look.page import Page, has_words
from fwtutor.telling.spans import BLANK, Line, line, wrap

FORWARD = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
"""Those one always wants to know."""
MAX = "net.netfilter.nf_conntrack_max"
NAME = 48
"""Cells for a sysctl and its value."""


class SettingsPage(Page):
    """Counters first, then what was set otherwise, then the sets, then all other sysctls."""

    name = "sysctls"
    things = "sysctls"
    filtered = False
    empty = "Nothing here has these words."

    def read(self) -> None:
        self._rows: list[tuple[Line, str]] = []
        """Rows, and the sysctl each is about."""
        values = sysctls_at(self.seen.cursor, self.seen.name)
        self._all = len(values)
        names = in_order([*values])
        first = (*FORWARD, *(name for name in names if values[name] != SYSCTLS.get(name, 0) and name not in FORWARD))
        self._part("Counters", [[row] for row in self._counters(values[MAX])])
        self._part("Forwarding, and what is not as it was at first", [[self._sysctl(name, values[name])] for name in first])
        self._part("Sets of addresses, as ipset list prints them", self._sets())
        self._part("All other sysctls", [[self._sysctl(name, values[name])] for name in names if name not in first])

    def _part(self, title: str, groups: list[list[tuple[Line, str]]]) -> None:
        """Groups of rows under a title; a filter takes or leaves whole groups."""
        found = [row for group in groups if has_words(" ".join(row.text for row, _ in group), self.wanted) for row in group]
        if found:
            self._rows += [*([(BLANK, "")] if self._rows else []), (line((title, "heading")), ""), *found]

    def _counters(self, most: int) -> Iterator[tuple[Line, str]]:
        view, at = self.seen.view, self.seen.at
        entries = sum(entry.expires > at for entry in view.entries.values())
        expected = sum(one.expires > at and one.master in view.entries for one in view.expectations.values())
        yield line("  connections kept", f"{entries:>8}", (f"  of at most {most} (nf_conntrack_max)" if most else "  no limit", "dim")), MAX
        yield line("  connections expected", f"{expected:>4}"), ""
        fates = Counter(record.walk.verdict for record in self.seen.records() if isinstance(record, Walked))
        told = ", ".join(f"{fates[name]} {name}" for name in ("ACCEPT", "DROP", "REJECT", "HELD", "DISCARD") if fates[name])
        yield line("  packets so far", f"{fates.total():>10}", (f": {told}" if told else "", "dim")), ""

    def _sysctl(self, name: str, value: int) -> tuple[Line, str]:
        default = SYSCTLS.get(name, 0)
        other = value != default
        text = f"{name} = {value}"
        beside = f"(at first {default})  " if other else ""
        about = meaning(name)
        told = (f"{text:<{NAME}}  ", "change" if other else "")
        return line("  ", told, (beside, "change"), (f"{glyphs.DOT} {about}" if about else "", "dim")), name

    def _sets(self) -> list[list[tuple[Line, str]]]:
        """A group for each set."""
        found: list[list[tuple[Line, str]]] = []
        for row in (ipset_at(self.seen.view, "list", self.seen.at) or "").splitlines():
            if row.startswith("Name:") or not found:
                found.append([])
            found[-1].append((line("  ", (row, "strong" if row.startswith("Name:") else "")) if row else BLANK, ""))
        return found

    def count(self) -> int:
        return len(self._rows)

    def total(self) -> int:
        return self._all

    def row(self, y: int, width: int) -> Line:
        return self._rows[y][0]

    def brief(self, y: int, width: int) -> Sequence[Line]:
        _, name = self._rows[y]
        return wrap(line((f"{name}: ", "code"), meaning(name)), width) if name else ()
