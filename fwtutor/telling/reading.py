"""What the screen shows at one place of a run: a reading of the cursor, and small questions put to it.

Everything here is derived from the record, its steps and the view; nothing is kept between places and nothing is run.
The words for what is read are ``words``'; drawing is the widgets'.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter import answers
from fwtutor.netfilter.conntrack.entry import ASSURED, NEW, SEEN_REPLY, UNTRACKED
from fwtutor.netfilter.conntrack.tuples import WITH_PORTS
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.derive import entry_changes
from fwtutor.netfilter.hooks import FORWARD
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.steps import (
    Acted,
    Answered,
    AnswerWithheld,
    ChainEntered,
    ChainLeft,
    Confirmed,
    EntryCreated,
    EntryForgotten,
    Finished,
    Gathered,
    Helped,
    HookEntered,
    Logged,
    LookedUp,
    PolicyApplied,
    Routed,
    RuleTried,
    StateChanged,
    Step,
    Translated,
)
from fwtutor.netfilter.xtables.rule import Jump
from fwtutor.network.records import CommandRun, TimerFired, Walked

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.entry import Entry, Tuple
    from fwtutor.netfilter.conntrack.expectation import Expectation
    from fwtutor.netfilter.walk import Walk
    from fwtutor.netfilter.xtables.rule import Ruleset
    from fwtutor.network.records import Record, Said
    from fwtutor.network.topology import Topology
    from fwtutor.recording import Session, View
    from fwtutor.recording.cursor import Cursor

KEPT, PENDING, GONE, DELETED = "kept", "pending", "gone", "deleted"
"""How a packet's entry stands: in the table, tied to the packet only, vanished with the packet, taken out of the table."""


@dataclass(slots=True, frozen=True)
class Place:
    """One reading of the cursor, shared by all panes."""

    session: Session
    index: int
    """Record index; -1 = before everything."""
    record: Record | None
    walk: Walk | None
    steps: tuple[Step, ...]
    done: int
    """How many of ``steps`` have happened."""
    view: View
    at: int
    """ns."""

    @classmethod
    def of(cls, session: Session, cursor: Cursor | None = None) -> Place:
        """The place where the session's cursor is, or another cursor on the same run."""
        cursor = session.cursor if cursor is None else cursor
        walk = cursor.walk
        steps = tuple(cursor.steps) if walk is not None else ()
        return cls(session, cursor.index, cursor.record, walk, steps, cursor.step, cursor.view, cursor.at)

    @property
    def happened(self) -> tuple[Step, ...]:
        return self.steps[: self.done]

    @property
    def now(self) -> Step | None:
        """The step that happened last."""
        return self.steps[self.done - 1] if 0 < self.done <= len(self.steps) else None

    @property
    def watch(self) -> str:
        return self.session.scenario.watch

    @property
    def finished(self) -> Finished | None:
        """The packet's end, once it has happened."""
        now = self.now
        if isinstance(now, Finished):
            return now
        return next((step for step in reversed(self.happened) if isinstance(step, Finished)), None)

    @property
    def verdict(self) -> Finished | None:
        """The packet's end, as soon as it is certain: the rule or policy with the last word decides, the entry follows from it."""
        finished = self.finished
        if finished is not None or decider(self.happened) is None:
            return finished
        rest = self.steps[self.done :]
        if not all(isinstance(step, Confirmed | EntryForgotten | Answered | AnswerWithheld | Finished) for step in rest):
            return None
        return next((step for step in rest if isinstance(step, Finished)), None)

    @property
    def looked_up(self) -> LookedUp | None:
        """The look-up that stamped the ctstate, once it has happened."""
        return next((step for step in reversed(self.happened) if isinstance(step, LookedUp)), None)

    @property
    def untracked(self) -> bool:
        """Did raw have connection tracking leave the packet alone? Then no look-up is to come."""
        acted = (step.after for step in self.happened if isinstance(step, Acted) and step.after is not None)
        return self.looked_up is None and any(seen.state == UNTRACKED for seen in acted)

    @property
    def hook(self) -> str:
        """The hook the packet is at, "" before the first."""
        return next((step.hook for step in reversed(self.happened) if isinstance(step, HookEntered)), "")

    @property
    def packet(self) -> Packet | None:
        """The packet as it is here: translated, changed by a target, put together of fragments, a hop older from FORWARD on."""
        packet = None if self.walk is None else self.walk.packet
        for step in self.happened:
            if isinstance(step, Translated):
                packet = step.after or packet
            elif isinstance(step, Acted):
                packet = packet if step.after is None else step.after.packet
            elif isinstance(step, Gathered):
                packet = step.whole or packet
            elif isinstance(step, HookEntered) and step.hook == FORWARD and packet is not None:
                packet = _a_hop_older(packet)
        return packet

    @property
    def mark(self) -> int:
        """The mark it carries here, as far as a rule set it."""
        acted = (step.after for step in reversed(self.happened) if isinstance(step, Acted) and step.after is not None)
        return next((seen.mark for seen in acted), 0)

    @property
    def routed(self) -> Routed | None:
        return next((step for step in self.happened if isinstance(step, Routed)), None)

    @property
    def tracking(self) -> bool:
        """Does any rule that the packet may meet need connection tracking?"""
        return self.rules.tracks

    @property
    def rules(self) -> Ruleset:
        """The ruleset the packet meets, or the command here is about; where neither is, of the family seen last."""
        return self.view.rules(self.family)

    @property
    def family(self) -> int:
        """4 or 6: whose firewall that is."""
        if isinstance(self.record, CommandRun):
            return self.record.after.family
        if self.walk is not None:
            return self.walk.packet.family
        records = self.session.run.records
        for at in range(self.index, -1, -1):
            record = records[at]
            if record.host == self.watch and isinstance(record, Walked):
                return record.walk.packet.family
            if record.host == self.watch and isinstance(record, CommandRun) and record.after is not record.before:
                return record.after.family
        return 4


class Frame(NamedTuple):
    """A chain that has not been left yet, and its rule tried last (0: none so far): in all but the innermost, the calling one."""

    table: str
    chain: str
    number: int


def frames_of(place: Place) -> list[Frame]:
    """The chain the packet is in or was in last, behind those that called it."""
    frames: list[Frame] = []
    jump: Jump | None = None
    for step in place.happened:
        if isinstance(step, ChainEntered):
            if jump is None or not frames or jump.chain != step.chain:
                frames = []
            elif jump.goto:
                # A goto leaves no way back to the chain it stands in.
                frames.pop()
            frames.append(Frame(step.table, step.chain, 0))
        elif isinstance(step, ChainLeft) and len(frames) > 1 and frames[-1].chain == step.chain:
            frames.pop()
        elif isinstance(step, RuleTried):
            if frames:
                frames[-1] = Frame(step.table, step.chain, step.number)
            jump = step.rule.target if step.matched and step.rule and isinstance(step.rule.target, Jump) else None
    return frames


def chain_of(place: Place) -> tuple[str, str]:
    """(table, chain) that the chain pane shows: where the packet is, the first one it will meet, or what a command changed."""
    frames = frames_of(place)
    if frames:
        return frames[-1].table, frames[-1].chain
    record = place.record
    changed = _changed_by(record, place.watch)
    if changed:
        return changed
    ahead = next((step for step in place.steps if isinstance(step, ChainEntered)), None)
    return (ahead.table, ahead.chain) if ahead and place.routed else _before_routing(place)


def _changed_by(record: Record | None, watch: str) -> tuple[str, str] | None:
    """The first chain that a command at the watched host has changed."""
    if isinstance(record, CommandRun) and record.host == watch:
        for table, after in record.after.tables.items():
            before = record.before.tables.get(table)
            for name, chain in after.chains.items():
                if before is not None and before.chains.get(name) != chain:
                    return table, name
    return None


LOOKED_BACK = 16
"""Moments before this one, at most, that are asked which chain was looked at."""


def _before_routing(place: Place) -> tuple[str, str]:
    """The chain to show while nothing may give away where a packet goes: that of the box's own packets, or the one that was looked at last.

    At first it is the longer one of INPUT and FORWARD: a box that has more rules for FORWARD is there to forward.
    """
    if place.walk is not None and place.walk.in_interface is None:
        return "filter", "OUTPUT"
    run, here = place.session.run, place.session.cursor.index
    for index in reversed(run.stops[: bisect_left(run.stops, here)][-LOOKED_BACK:]):
        record = run.records[index]
        changed = _changed_by(record, place.watch)
        if changed and changed[1] not in ("OUTPUT", "POSTROUTING"):
            return changed
        if isinstance(record, Walked) and record.host == place.watch and record.walk.in_interface is not None:
            met = next((step for step in record.walk.steps if isinstance(step, ChainEntered) and step.chain in ("INPUT", "FORWARD")), None)
            if met:
                return "filter", met.chain
    filtering = place.rules.tables.get("filter")
    return "filter", max(("INPUT", "FORWARD"), key=lambda name: len(filtering.chains[name].rules) if filtering else 0)


def rule_at(place: Place) -> RuleTried | PolicyApplied | None:
    """The rule or policy to look at: what happened last; after a chain that decided nothing, the rule that called it; else the decider."""
    now = place.now
    if isinstance(now, RuleTried | PolicyApplied):
        return now
    if isinstance(now, Logged | Acted):
        return next((step for step in reversed(place.happened) if isinstance(step, RuleTried)), None)
    if isinstance(now, ChainLeft):
        called = frames_of(place)[-1:]
        tries = (step for step in reversed(place.happened) if isinstance(step, RuleTried))
        return next((step for step in tries if called and called[0] == (step.table, step.chain, step.number)), None)
    return decider(place.happened)


def tried(place: Place, table: str, chain: str) -> tuple[dict[int, bool], str | None, bool]:
    """What happened in one chain at the packet's present hook: rule number -> matched, the policy applied, and whether it is over."""
    found: dict[int, bool] = {}
    policy: str | None = None
    over = False
    for step in place.happened:
        if isinstance(step, ChainEntered) and (step.table, step.chain) == (table, chain):
            found, policy, over = {}, None, False
        elif isinstance(step, RuleTried):
            if (step.table, step.chain) == (table, chain):
                found[step.number] = step.matched
            if step.matched and step.rule and not step.rule.target.goes_on and step.rule.target.name != "RETURN":
                over = True
        elif isinstance(step, PolicyApplied) and (step.table, step.chain) == (table, chain):
            policy, over = step.policy, True
        elif (isinstance(step, ChainLeft) and (step.table, step.chain) == (table, chain)) or isinstance(step, Finished):
            over = True
    return found, policy, over


def packet_entry(place: Place) -> tuple[Entry | None, str]:
    """The packet's own entry at this place, and how it stands (KEPT, PENDING, GONE, DELETED, "" when there is none)."""
    entry: Entry | None = None
    stands = ""
    for step in place.happened:
        if isinstance(step, LookedUp):
            entry, stands = step.found, KEPT if step.found else ""
        elif isinstance(step, EntryCreated):
            entry, stands = step.entry, PENDING
        elif isinstance(step, StateChanged):
            if step.after is None:
                entry, stands = step.before, DELETED
            elif entry is None or entry.id == step.after.id:
                entry, stands = step.after, stands if stands == PENDING else KEPT
        elif isinstance(step, Acted):
            if entry is not None and step.after is not None and step.after.entry is not None and step.after.entry.id == entry.id:
                entry = step.after.entry
        elif isinstance(step, Translated):
            gone = any(change.kind == "entry" and entry is not None and change.key == entry.id for change in step.changes)
            entry, stands = step.entry_after, DELETED if gone else stands
        elif isinstance(step, Helped):
            entry = step.after if entry is not None and step.after is not None and step.after.id == entry.id else entry
        elif isinstance(step, Confirmed):
            entry, stands = step.entry, KEPT
        elif isinstance(step, EntryForgotten):
            entry, stands = step.entry or entry, GONE
    return entry, stands


def entry_changed(place: Place) -> bool:
    """Has this packet changed its entry's state, or made it?"""
    return any(
        isinstance(step, EntryCreated | Confirmed)
        or (isinstance(step, Translated) and step.entry_before != step.entry_after)
        or (
            isinstance(step, StateChanged)
            and (step.after is None or step.before is None or _standing(step.before) != _standing(step.after))
        )
        for step in place.happened
    )


def _standing(entry: Entry) -> tuple[str, int]:
    """What of an entry is worth saying that it changed: not its timer."""
    return entry.state, entry.status & (SEEN_REPLY | ASSURED)


def expected(place: Place) -> list[Expectation]:
    """What helpers expect at this place, the youngest first."""
    view = place.view
    return [one for one in reversed(view.expectations.values()) if one.expires > place.at and one.master in view.entries]


def _a_hop_older(packet: Packet) -> Packet:
    """As FORWARD sees it: routing has counted the hop."""
    if packet.family == 4:
        return Packet(answers.with_lower_ttl(packet), taken=True)
    from fwtutor.netfilter import answers6

    return Packet(answers6.with_lower_hop_limit(packet))


FIELDS = ("source", "destination", "source port", "destination port")
"""What two tuples of one protocol can differ in."""


def nearest(place: Place) -> tuple[Entry | None, frozenset[tuple[int, str]]]:
    """For a packet that no entry knows: the entry that misses it by the least (at most two fields), and which of its fields.

    A field is (0 original or 1 reply, its name).
    """
    found = place.looked_up
    if found is None or found.tuple is None or found.found is not None or found.state != NEW:
        return None, frozenset()
    own, _ = packet_entry(place)
    best: tuple[int, Entry, frozenset[tuple[int, str]]] | None = None
    for entry in place.view.entries.values():
        if own is not None and entry.id == own.id:
            continue
        for direction, side in enumerate((entry.original, entry.reply)):
            missed = _differing(found.tuple, side)
            if missed and len(missed) <= 2 and (best is None or len(missed) < best[0]):
                best = len(missed), entry, frozenset((direction, name) for name in missed)
    return (best[1], best[2]) if best else (None, frozenset())


def _differing(wanted: Tuple, side: Tuple) -> list[str]:
    """The fields in which two tuples differ; none for tuples that cannot be compared."""
    if (side.protocol, side.family) != (wanted.protocol, wanted.family):
        return []
    pairs = zip(FIELDS, (wanted.src, wanted.dst, wanted.sport, wanted.dport), (side.src, side.dst, side.sport, side.dport), strict=True)
    return [name for name, ours, theirs in pairs if ours != theirs and (wanted.protocol in WITH_PORTS or "port" not in name)]


class Histories:
    """The states each entry of the watched host has been in, by record index; reads every record up to where one is, once."""

    def __init__(self) -> None:
        self._run: object = None
        self._read = 0
        self._states: dict[int, list[tuple[int, str]]] = {}

    def path(self, place: Place, entry: Entry) -> list[str]:
        """The states of an entry up to this place, in order; its present one is the last."""
        session, run = place.session, place.session.run
        if run is not self._run or len(run.records) < self._read:
            self._run, self._read, self._states = run, 0, {}
        for at in range(self._read, place.index + 1):
            record = run.records[at]
            if record.host == session.scenario.watch and isinstance(record, Walked):
                for change in entry_changes(record.walk):
                    if change.after is not None:
                        states = self._states.setdefault(change.after.id, [])
                        state = change.after.state
                        if state and (not states or states[-1][1] != state):
                            states.append((at, state))
        self._read = max(self._read, place.index + 1)
        # A packet under way has done part of its work only: its own states are those that have happened.
        last = place.index if place.walk is None or place.finished else place.index - 1
        path = [state for at, state in self._states.get(entry.id, ()) if at <= last]
        if last < place.index:
            made = (step.entry for step in place.happened if isinstance(step, EntryCreated))
            path += [new.state for new in made if new is not None and new.id == entry.id]
        return path if not entry.state or path[-1:] == [entry.state] else [*path, entry.state]


def host_of(place: Place, address: str) -> str:
    """Name of the host that owns an address, or the address itself when none does."""
    return owner_of(place.session.scenario.topology, address) or address


def owner_of(topology: Topology, address: str) -> str:
    """Name of the host that has an address on an interface; "" if none has."""
    for host in topology.hosts:
        for addresses in host.interfaces.values():
            if any(text.partition("/")[0] == address for text in addresses):
                return host.name
    return ""


def address_of(place: Place, host: str) -> str:
    """The first address a host has; "" if it has none."""
    interfaces = place.session.scenario.topology.host(host).interfaces
    return next((text.partition("/")[0] for addresses in interfaces.values() for text in addresses), "")


def sender(place: Place) -> str:
    """Who put the packet at this place on the wire: the host of the record that caused it, whatever its source address claims."""
    record, walk = place.record, place.walk
    if record is None or walk is None:
        return ""
    if walk.in_interface is None:
        return record.host
    if record.cause >= 0:
        host = place.session.run.records[record.cause].host
        if host != place.watch:
            return host
    return host_of(place, walk.packet.source)


def sent_again(place: Place) -> TimerFired | None:
    """The timer by which some host has sent the packet of this place once more; None if it is sent for the first time."""
    record, records = place.record, place.session.run.records
    while isinstance(record, Walked) and record.cause >= 0:
        before, packet = records[record.cause], record.walk.packet
        if isinstance(before, TimerFired):
            return before if " again" in before.what else None
        # On its way through other hosts it is the same packet; one that answers it is not.
        same = isinstance(before, Walked) and (before.walk.packet.seq, before.walk.packet.src) == (packet.seq, packet.src)
        record = before if same else None
    return None


def said_by_now(session: Session, host: str, before: int | None = None) -> list[Said]:
    """What a host's console shows at the cursor's place; of that only what was said before a record, if one is given."""
    cursor = session.cursor
    # After the last moment, what still happens at other hosts has happened too.
    said = session.run.world.hosts[host].console if cursor.at_end else cursor.said(host)
    return [each for each in said if before is None or each.index < before]


def built_between(place: Place, prompts: Sequence[str], host: str) -> tuple[str, str, str]:
    """For a packet that is built: the host it is sent from (``host`` is the present prompt's), its address, and whose it goes to.

    Who sent the packet here sends this one, too. Where there is none, it goes from some other host to the watched one, if that can be.
    """
    origin = sender(place)
    if origin in prompts:
        host = origin
    elif place.walk is None and host == place.watch:
        host = next((name for name in prompts if name != place.watch), host)
    others = (each.name for each in place.session.scenario.topology.hosts if each.name != place.watch)
    to = place.watch if host != place.watch else next(others, host)
    return host, address_of(place, host), address_of(place, to)


def heard(session: Session, hosts: Sequence[str], until: int | None = None) -> tuple[str, bool]:
    """The last line on the consoles of some hosts, as ``host: text``, and whether it came since the last moment but one."""
    cursor, stops = session.cursor, session.run.stops
    lines = []
    for host in hosts:
        said = said_by_now(session, host, until)
        if said:
            lines.append((said[-1].index, f"{host}: {said[-1].text}"))
    if not lines:
        return "", False
    index, text = max(lines)
    before = bisect_left(stops, cursor.index) - 1
    return text, index > (stops[before] if before >= 0 else -1)
