"""What the kernel did with each packet, in lines for people, and whether the engine says the same."""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.badinput import printable
from fwtutor.kernel.compare import Comparison, Difference
from fwtutor.kernel.observation import Observed, Ordered
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.script import PROGRAMS
from fwtutor.trace.people import Ink, describe

INDENT = " " * 6
CAME_WIDTH, PACKET_WIDTH, VERDICT_WIDTH = 5, 62, 16
NO_CHAIN = "none: iptables-nft has no chain at the hooks this packet passed, so no rule is asked"


class Report:
    """``verbose``: every packet; else only the one at which the two differ."""

    def __init__(self, comparison: Comparison, ink: Ink, *, verbose: bool) -> None:
        self._comparison = comparison
        self._ink = ink
        self._verbose = verbose
        packets = comparison.observation.packets
        self._came_width = max((CAME_WIDTH, *(len(observed.on or "") for observed in packets)))
        self._verdict_width = max((VERDICT_WIDTH, *(len(self._fate(observed)) for observed in packets)))

    def lines(self) -> Iterator[str]:
        """Packet by packet up to the first difference, then what differs at the end; nothing when there is nothing to tell."""
        observation = self._comparison.observation
        differences = self._comparison.differences
        if self._verbose and not any(observed.states for observed in observation.packets):
            yield self._ink.faint("no rule asks for connection tracking, so there is none: no ctstates, no entries")
        place = differences[0].number if differences else -1
        orders = list(observation.orders)
        for number, observed in enumerate(observation.packets):
            while orders and orders[0].before <= number:
                yield from self._order(orders.pop(0))
            here = differences if number == place else ()
            if self._verbose or here:
                yield from self.packet(number + 1, observed, here)
            if here:
                return
        for order in orders:
            yield from self._order(order)
        if differences:
            yield self._ink.paint("at the end", "1;31")
            yield from self._differences(differences)

    def packet(self, number: int, observed: Observed, differences: tuple[Difference, ...]) -> Iterator[str]:
        """One packet: what the kernel did with it, and where the engine says otherwise."""
        ink = self._ink
        agreed = ink.paint("differs", "1;31") if differences else ink.faint("agreed")
        came = observed.on or "(box)"
        text = printable(describe(Packet(observed.raw)))
        fate = self._fate(observed)
        verdict = ink.verdict(observed.verdict, fate)
        padding = " " * (self._verdict_width - len(fate) + 2)
        yield f"{number:>4}  {came:<{self._came_width}} {text:<{PACKET_WIDTH}} {verdict}{padding}{agreed}"
        if self._verbose:
            for label, said in _details(observed, self._comparison.setup.variant):
                yield self._detail(label, said)
            for heard in self._comparison.observation.heard or ():
                if heard.number == number - 1:
                    yield self._detail("event", heard.text)
        yield from self._differences(differences)

    def _fate(self, observed: Observed) -> str:
        return f"{observed.verdict} {self._ink.arrow} {observed.to}" if observed.to else observed.verdict

    def summary(self) -> str:
        """The last line: how many packets, and whether the two differ."""
        return total(len(self._comparison.observation.packets), self._comparison.differences, self._ink)

    def _order(self, order: Ordered) -> Iterator[str]:
        if self._verbose:
            yield f"      {PROGRAMS[order.family]} {printable(order.line)}" + (f"  (exit status {order.status})" if order.status else "")

    def _differences(self, differences: tuple[Difference, ...]) -> Iterator[str]:
        for difference in differences:
            yield self._detail(difference.what, "", "1;31")
            for kernel, engine in difference.lines:
                yield self._detail("  kernel", kernel)
                yield self._detail("  engine", engine)

    def _detail(self, label: str, text: str, code: str = "2") -> str:
        return f"{INDENT}{self._ink.faint(self._ink.bar)} {self._ink.paint(f'{label:<8}', code)} {printable(text)}".rstrip()


def total(packets: int, differences: tuple[Difference, ...], ink: Ink, what: str = "") -> str:
    """``12 packets, no difference``."""
    count = f"{what}{packets} packet{'s' if packets != 1 else ''}"
    if not differences:
        return f"{count}, {ink.paint('no difference', '1;32')}"
    number = differences[0].number
    where = f"at packet {number + 1}" if number >= 0 else "at the end"
    return f"{count}, {ink.paint(f'kernel and engine differ {where}', '1;31')}"


def _details(observed: Observed, variant: str) -> Iterator[tuple[str, str]]:
    if observed.states:
        yield "states", ", ".join(f"{hook} {state}" for hook, state in observed.states)
    if observed.path:
        yield "path", " ".join(observed.path)
    elif variant == "nft" and observed.verdict == "ACCEPT":
        yield "path", NO_CHAIN
    for prefix, _ in observed.logged:
        yield "log", f"LOG wrote a line that begins with {prefix!r}" if prefix else "LOG wrote a line"
    for name, raw in observed.out:
        if raw != observed.raw and (name != observed.to or describe(Packet(raw)) != describe(Packet(observed.raw))):
            yield "sent", f"{name}: {describe(Packet(raw))}"
    if observed.settled and observed.states and observed.entry is None:
        yield "entry", "none"
    elif observed.entry is not None:
        yield "entry", " ".join(str(observed.entry).split())
