"""Random walks again, with one thing changed: how the tests of why find out whether what it names is what decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.generate import case, is_timed
from fwtutor.kernel.observation import Order, Shot
from fwtutor.netfilter import Firewall
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.ipset.errors import SetRefused
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import RuleTried, Step
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.xtables.errors import RuleRefused


class Trial:
    """One walk of a random case, and the box just before it."""

    def __init__(self, firewall: Firewall, shot: Shot, name: str) -> None:
        self.firewall, self._shot, self.name = firewall, shot, name
        self._at = max(shot.at, firewall.now / SECOND)
        self._mark = firewall.checkpoint()
        self.walk = self._play(Packet(shot.raw))
        self.steps = self.walk.steps

    def _play(self, packet: Packet) -> Walk:
        if self._shot.on is None:
            return self.firewall.send(packet, at=self._at, mark=self._shot.mark)
        return self.firewall.receive(packet, self._shot.on, at=self._at, link=self._shot.link, mac=self._shot.mac)

    def again(self, change: Callable[[Firewall], object] = lambda _: None, packet: Packet | None = None) -> Walk | None:
        """The same once more, with something changed before it; None when the tool refuses the change. It leaves no trace."""
        self.firewall.rollback(self._mark)
        try:
            change(self.firewall)
            return self._play(packet or Packet(self._shot.raw))
        except RuleRefused:
            return None
        finally:
            self.firewall.rollback(self._mark)

    def commands(self, *lines: str) -> Walk | None:
        """The same after some commands of iptables, of the packet's family."""
        return self.again(lambda firewall: [firewall.iptables(line, family=self.walk.packet.family) for line in lines])

    def go_on(self) -> None:
        """What really happened happens, and is over."""
        self.firewall.rollback(self._mark)
        self._play(Packet(self._shot.raw))


class Place(NamedTuple):
    """A rule tried in a walk: where, and the how-manieth time."""

    table: str
    chain: str
    number: int
    time: int


def place_of(steps: tuple[Step, ...], wanted: RuleTried) -> Place:
    """Where and when a rule was tried."""
    same = [step for step in steps if isinstance(step, RuleTried) and _where(step) == _where(wanted)]
    return Place(*_where(wanted), next(time for time, step in enumerate(same) if step is wanted))


def tried_at(walk: Walk, place: Place) -> RuleTried | None:
    """The rule that was tried there and then; None if none was."""
    same = [step for step in walk.steps if isinstance(step, RuleTried) and _where(step) == place[:3]]
    return same[place.time] if place.time < len(same) else None


def _where(step: RuleTried) -> tuple[str, str, int]:
    return step.table, step.chain, step.number


def trials(first: int, count: int) -> Iterator[Trial]:
    """``count`` walks of the random cases from the seed ``first`` on."""
    seed = first
    while True:
        setup, items = case(seed, packets=14)
        if not is_timed(seed):
            firewall = engine_for(setup)
            for number, item in enumerate(items):
                if isinstance(item, Order):
                    _order(firewall, item)
                    continue
                trial = Trial(firewall, item, f"case {seed}, item {number}")
                yield trial
                count -= 1
                if not count:
                    return
                trial.go_on()
        seed += 1


def _order(firewall: Firewall, item: Order) -> None:
    try:
        if item.family:
            firewall.iptables(item.line, family=item.family)
        else:
            firewall.ipset(item.line)
    except (RuleRefused, SetRefused):
        pass
