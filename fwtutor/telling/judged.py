"""What the kernel said when it was asked (``judge``), in rows: whether it agrees, then each packet with what became of it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from platform import release
from typing import TYPE_CHECKING

from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.script import CONNTRACK, PROGRAMS
from fwtutor.telling import glyphs, words
from fwtutor.telling.judge import Judgement
from fwtutor.telling.spans import BLANK, Line, crop_middle, line, wrap

if TYPE_CHECKING:
    from fwtutor.kernel.compare import Comparison, Difference
    from fwtutor.kernel.observation import Observed, Ordered

HOOKS = (PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING)
ELSEWHERE = "On a Linux machine with iptables this plays the lesson there; fwtutor kernel compare does the same for scripts."


def judgement_rows(found: Judgement, width: int) -> list[Line]:
    """All of it."""
    if found.comparison is None:
        rows = wrap(line(found.problem[:1].upper() + found.problem[1:]), width)
        return [*rows, BLANK, *wrap(line((ELSEWHERE, "dim")), width)]
    return [*_answer(found.comparison, width), *(row for note in found.notes for row in wrap(line((note, "dim")), width)), BLANK] + [
        row for rows in _packets(found.comparison, found, width) for row in rows
    ]


def _answer(found: Comparison, width: int) -> list[Line]:
    """The first row: do the two agree?"""
    count = len(found.observation.packets)
    packets = f"{count} packet{'s' if count != 1 else ''}"
    if not found.differences:
        said = line((f"{glyphs.TICK} Linux {release()} says the same", "accept"), f": {packets}, no difference")
        return wrap(said, width, 2)
    return [
        *wrap(line((f"{glyphs.CROSS} Linux {release()} says otherwise", "drop"), f" about one of {packets}"), width, 2),
        *wrap(line("The kernel is right, and fwtutor wrong: please tell us."), width, 2),
    ]


def _packets(found: Comparison, judged: Judgement, width: int) -> list[list[Line]]:
    rows = []
    differing = found.differences[0].number if found.differences else -2
    orders = list(found.observation.orders)
    for number, observed in enumerate(found.observation.packets):
        while orders and orders[0].before <= number:
            rows.append(_order(orders.pop(0), width))
        logged = judged.logged[number] if number < len(judged.logged) else ()
        lengths = judged.lengths[number] if number < len(judged.lengths) else {}
        rows.append(_packet(number, observed, logged, lengths, width, agreed=number != differing))
        if number == differing:
            rows.append(_differences(found.differences, width))
            return rows
    rows += [_order(order, width) for order in orders]
    if differing == -1:
        rows.append([line(("at the end", "heading")), *_differences(found.differences, width)])
    return rows


def _order(order: Ordered, width: int) -> list[Line]:
    """A command between two packets."""
    changed = "entries changed here: " if order.family == CONNTRACK else "rules changed here: "
    said = f"refused here (exit status {order.status}): " if order.status else changed
    return wrap(line(f"    {glyphs.COMMAND} ", (said, "change"), (f"{PROGRAMS[order.family]} {order.line}", "code")), width, 8)


def _packet(number: int, observed: Observed, logged: Sequence[str], lengths: Mapping[str, int], width: int, *, agreed: bool) -> list[Line]:
    """What the kernel did with a packet: a row for its fate; then what it was at each hook, and to the table; what LOG wrote."""
    packet = Packet(observed.raw)
    sign = (glyphs.TICK, "accept") if agreed else (glyphs.CROSS, "drop")
    what = packet.fault or f"{words.packet_tuple(packet)} {words.flags(packet)}".rstrip()
    going = f" {glyphs.ARROW} {observed.to}" if observed.to else ""
    verdict = line(f" {glyphs.DOT} ", (f"{observed.verdict}{going}", "accept" if observed.verdict == "ACCEPT" else "drop"))
    rows = [crop_middle(line((f"{number + 1:>3} ", "dim"), sign, f" {what}"), verdict, width)]
    told = _way(observed, lengths)
    if observed.entry is not None:
        entry = observed.entry
        flag = " [ASSURED]" if entry.status & 4 else "" if entry.status & 2 else " [UNREPLIED]"
        told.append(f"entry: {f'{entry.state}{flag}'.strip()} {entry.seconds} s")
    for row in _packed(told, width - 6):
        rows += wrap(line((f"      {row}", "dim")), width, 8)
    for text in logged:
        rows += wrap(line(("      LOG: ", "dim"), (text, "code")), width, 8)
    return rows


def _way(observed: Observed, lengths: Mapping[str, int]) -> list[str]:
    """Hook by hook: the packet's ctstate there, and which rules of which chains had their say."""
    hooks = [(f"{hook} {state}", hook) for hook, state in observed.states]
    told: list[str] = []
    for hook, said in _by_hook(observed.path, lengths):
        # Hooks at which no rule matched and none decides: only the state is to be told.
        place = next((number for number, (_, name) in enumerate(hooks) if name == hook), None)
        if place is not None:
            told += [text for text, _ in hooks[:place]]
            told.append(f"{hooks[place][0]}: {said}")
            hooks = hooks[place + 1 :]
        else:
            told.append(f"{hook}: {said}")
    return told + [text for text, _ in hooks]


def _by_hook(path: Sequence[str], lengths: Mapping[str, int]) -> list[tuple[str, str]]:
    """(hook, what the rules there said) in order, from TRACE's words: those tell of a chain's name, and a hook's chain has the hook's."""
    found: list[tuple[str, list[str]]] = []
    before = ""
    for text in path:
        table, chain, kind, number = text.split(":")
        ended = bool(found) and found[-1][1][-1].endswith(("policy", "policy)"))
        if not found or ended or (chain in HOOKS and chain != found[-1][0]):
            found.append((chain, []))
            before = chain
        step = {"rule": f"rule {number}", "policy": "policy"}.get(kind, "end of chain")
        if kind != "rule" and int(number) <= lengths.get(f"{table}:{chain}", 0):
            # A rule without conditions, by the number and the name that the screen has for it.
            step = f"rule {number} (the kernel's trace calls it {step})"
        found[-1][1].append(step if chain == before else f"{chain} {step}")
        before = chain
    return [(hook, ", ".join(steps)) for hook, steps in found]


def _packed(items: Sequence[str], width: int) -> list[str]:
    """Items beside each other as long as they fit; a row breaks between two of them."""
    rows: list[str] = []
    for item in items:
        longer = f"{rows[-1]} {glyphs.DOT} {item}" if rows else item
        if rows and len(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(item)
    return rows


def _differences(differences: Sequence[Difference], width: int) -> list[Line]:
    rows = []
    for difference in differences:
        rows.append(line((f"      {difference.what}", "heading")))
        for kernel, engine in difference.lines:
            rows += wrap(line(("        kernel  ", "dim"), kernel), width, 16)
            rows += wrap(line(("        engine  ", "dim"), engine), width, 16)
    return rows
