"""What ``nmap`` says of a host: its ports as a table, those of a common state only counted."""

from __future__ import annotations

from collections.abc import Callable

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.packet import UDP
from fwtutor.netfilter.xtables.names import service_name
from fwtutor.network.ends import Address
from fwtutor.network.host import Host
from fwtutor.network.tools.scanline import Request
from fwtutor.network.tools.scans import OPEN, Word

MOST_SHOWN = 25
"""Ports of a state that are listed; of more only the number is told (but of open ones)."""


def report(
    say: Callable[[str], None],
    host: Host,
    request: Request,
    target: Address,
    why: str,
    latency: int | None,
    words: list[tuple[int, int, Word]],
) -> None:
    name = request.names.get(target) or (host.name_of(target) if request.names_wanted else "")
    shown_name = f"{name} ({target})" if name else str(target)
    say(f"Nmap scan report for {shown_name}")
    reason = f", received {why}" if request.reasons else ""
    say(f"Host is up{reason}{'' if latency is None else f' ({_two_digits(latency / SECOND)}s latency)'}.")
    groups: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    for protocol, _, word in words:
        counts[word.state] = counts.get(word.state, 0) + 1
        key = word.state, protocol, word.reason
        groups[key] = groups.get(key, 0) + 1
    hidden = {state for state, count in counts.items() if state != OPEN and (count > MOST_SHOWN or request.only_open)}
    listed = [(protocol, port, word) for protocol, port, word in words if word.state not in hidden]
    if not listed:
        say(f"All {len(words)} scanned ports on {shown_name} are in ignored states.")
    folded = [
        f"{count} {state} {'udp' if protocol == UDP else 'tcp'} ports ({reason})"
        for (state, protocol, reason), count in sorted(groups.items(), key=lambda group: -group[1])
        if state in hidden
    ]
    say(f"Not shown: {', '.join(folded)}" if folded else "")
    if listed:
        rows = [("PORT", "STATE", "SERVICE", *(["REASON"] if request.reasons else []))]
        for protocol, port, word in listed:
            kind = "udp" if protocol == UDP else "tcp"
            service = service_name(port, kind)
            known = "unknown" if service == str(port) else service
            rows.append((f"{port}/{kind}", word.state, known, *([word.why] if request.reasons else [])))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            say(" ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    say("")


def _two_digits(seconds: float) -> str:
    """``0.041``, ``0.0000090``: two digits that count."""
    digits, exponent = f"{seconds:.1e}".split("e")
    places = max(0, 1 - int(exponent))
    return f"{float(digits) * 10 ** int(exponent):.{places}f}"
