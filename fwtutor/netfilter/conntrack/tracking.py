"""Connection tracking: one packet in, the entry it belongs to and its ctstate out.

The order of things is the kernel's (nf_conntrack_in): ICMP errors first, then the look-up in both directions, a new entry
where there is none, the protocol's own judgement, and only then the mark that a reply was seen.
"""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.netfilter.conntrack import icmp, icmpv6, sctp, stateless, tcp
from fwtutor.netfilter.conntrack.entries import Entries
from fwtutor.netfilter.conntrack.entry import (
    ASSURED,
    CONFIRMED,
    ESTABLISHED,
    EXPECTED,
    HELPER,
    INVALID,
    NEW,
    ORIGINAL,
    RELATED,
    REPLY,
    SECOND,
    SEEN_REPLY,
    SEQ_ADJUST,
    UNTRACKED,
    Entry,
    Help,
    Master,
    Template,
    Tuple,
)
from fwtutor.netfilter.conntrack.expectations import Expectations, News
from fwtutor.netfilter.conntrack.gre import GreTrack
from fwtutor.netfilter.conntrack.helpers import HELPERS
from fwtutor.netfilter.conntrack.helpers.helper import Draw, Job
from fwtutor.netfilter.conntrack.settings import Settings
from fwtutor.netfilter.conntrack.tuples import GRE, SCTP, inverted, is_icmp, tuple_of
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.packet import TCP, Packet
from fwtutor.netfilter.state import State

REOPEN = "reopen"
NO_ZONES = (0, 0)
Track = tcp.TcpTrack | sctp.SctpTrack | GreTrack


class Tracked(NamedTuple):
    """What tracking found out about one packet."""

    key: Tuple | None
    """The packet's tuple; for an ICMP error, that of the packet it quotes."""
    found: Entry | None
    """The entry as it was before this packet; None when the packet's tuple had none."""
    entry: Entry | None
    """The entry the packet is tied to, as it is now; None when INVALID."""
    direction: int
    state: str
    """ctstate"""
    reason: str
    changes: tuple[tuple[Entry, Entry | None], ...]
    """(before, after) of confirmed entries, in order."""
    evicted: Entry | None = None
    """The entry among ``changes`` that was thrown out to make room in a full table."""
    full: bool = False
    """The table was full and nothing could be thrown out: the packet is dropped here."""
    again: bool = False
    """It was looked up twice: it is the SYN that begins anew what was closed."""
    news: tuple[News, ...] = ()
    """Expectations that were met, or went with entries."""


def _direction(entry: Entry, key: Tuple) -> int:
    """Which side of the entry a tuple is. Where both are the same (a socket talking to itself), the kernel finds the reply."""
    return REPLY if entry.reply == key else ORIGINAL


class Conntrack:
    """The tracker of one box. It changes ``state``'s entries and expectations and nothing else."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.state = state
        self.settings = settings
        self.expectations = Expectations(state)
        self.entries = Entries(state, self.expectations)
        self.labelling = False
        """Whether connections that begin have room for labels: while some rule asks for any."""
        self.next_id = 1
        """Of the next entry or expectation."""

    # --- packets -----------------------------------------------------------------------------------------

    def track(self, packet: Packet, at: int, arriving: bool, template: Template | None = None, mark: int = 0) -> Tracked:
        """Tie ``packet`` to an entry, at the time ``at`` (ns). ``arriving``: it is at PREROUTING, where checksums are verified.

        ``template``: what a CT rule wants; ``mark``: the packet's.
        """
        zones = NO_ZONES if template is None else template.zones(mark)
        if is_icmp(packet.protocol, packet.family):
            told = self._icmp(packet, arriving, zones)
            if told is not None:
                return told
        key = tuple_of(packet)
        if key is None:
            return Tracked(None, None, None, ORIGINAL, INVALID, "it has no ports to look up: a later fragment, or cut short", ())
        if zones == NO_ZONES:
            found = self.state.find(key)
            direction = ORIGINAL if found is None else _direction(found, key)
        else:
            key, found, direction = self._find_in(zones, key)
        changes: tuple[tuple[Entry, Entry | None], ...] = ()
        again = False
        if found is not None:
            if direction == REPLY or found.status & SEEN_REPLY:
                state = ESTABLISHED
            else:
                state = RELATED if found.status & EXPECTED else NEW
            judged = self._judge(found, packet, direction, at, arriving)
            if not isinstance(judged, str):
                after, invalid, deleted = judged
                if not invalid and direction == REPLY and not after.status & SEEN_REPLY:
                    after = after._replace(status=after.status | SEEN_REPLY)
                if deleted:
                    # The packet still carries what is no longer in the table.
                    self.entries.put(found, None)
                    return Tracked(key, found, after, direction, state, "", ((found, None),))
                if after is not found:
                    self.entries.put(found, after)
                    changes = ((found, after),)
                if invalid:
                    return Tracked(key, found, None, direction, INVALID, invalid, changes)
                return Tracked(key, found, after, direction, state, "", changes)
            if judged != REOPEN:
                return Tracked(key, found, None, direction, INVALID, judged, ())
            # The closed connection's entry goes, and the SYN is looked up again: it begins a new one.
            self.entries.put(found, None)
            changes, again = ((found, None),), True
        reply = inverted(key)
        if reply is None:
            return Tracked(key, None, None, ORIGINAL, INVALID, "an ICMP message that belongs to nothing", changes)
        evicted = None
        if 0 < self.settings.max <= len(self.state.entries):
            # Room is made before the packet is judged: also what turns out to be INVALID can throw an entry out.
            evicted = self.entries.evict()
            if evicted is None:
                reason = f"the connection table is full (nf_conntrack_max {self.settings.max}), and every entry in it is ASSURED"
                return Tracked(key, None, None, ORIGINAL, "", reason, changes, full=True)
            changes += ((evicted, None),)
        if zones != NO_ZONES:
            reply = reply._replace(zone=zones[1])
        new = self._begin(key, reply, packet, at, arriving, template)
        if isinstance(new, str):
            return Tracked(key, None, None, ORIGINAL, INVALID, new, changes, evicted)
        return Tracked(key, None, new, ORIGINAL, RELATED if new.status & EXPECTED else NEW, "", changes, evicted, again=again)

    def _find_in(self, zones: tuple[int, int], key: Tuple) -> tuple[Tuple, Entry | None, int]:
        """The tuple in its zone, the entry that has it, and in which direction: either has a zone of its own."""
        there, back = (key._replace(zone=zone) for zone in zones)
        if there == back:
            found = self.state.find(there)
            return there, found, ORIGINAL if found is None else _direction(found, there)
        for direction, wanted in ((ORIGINAL, there), (REPLY, back)):
            found = self.state.find_side(direction, wanted)
            if found is not None:
                return wanted, found, direction
        return there, None, ORIGINAL

    def _judge(self, entry: Entry, packet: Packet, direction: int, at: int, arriving: bool) -> tuple[Entry, str, bool] | str:
        """The entry after the packet, why the packet is INVALID ("" if not), whether the entry goes; or a bare reason; or REOPEN."""
        if packet.protocol == TCP:
            return self._judge_tcp(entry, packet, direction, at, arriving)
        check = arriving and self.settings.checksum
        if packet.protocol == SCTP:
            return sctp.fault(packet, check) or self._judge_sctp(entry, packet, direction, at)
        fault = stateless.fault(packet, check)
        if fault:
            return fault
        timeout, status = stateless.judge(entry, packet, at, self.settings)
        return self._refreshed(entry, packet, direction, at, timeout, status, entry.tracker), "", False

    def _judge_tcp(self, entry: Entry, packet: Packet, direction: int, at: int, arriving: bool) -> tuple[Entry, str, bool] | str:
        settings = self.settings
        fault = tcp.header_fault(packet) or (self._bad_checksum(packet) if arriving and settings.checksum else "")
        if fault:
            return fault
        offset = 0
        if entry.help is not None and entry.help.shift is not None:
            offset = entry.help.shift[1 - direction].at((packet.ack - 1) & 0xFFFFFFFF)
        verdict, track, timeout, assured, shorten, reason = tcp.judge(entry.tracker, entry.status, packet, direction, settings.tcp, offset)
        if verdict == "accept":
            status = entry.status | ASSURED if assured else entry.status
            if timeout < 0:
                return entry._replace(tracker=track), "", False
            return self._refreshed(entry, packet, direction, at, timeout * SECOND, status, track), "", False
        if verdict == "ignored":
            return entry._replace(tracker=track), "", False
        if verdict == "delete":
            return self._refreshed(entry, packet, direction, at, entry.expires - at, entry.status, track), "", True
        if verdict == "reopen":
            return REOPEN
        after = entry if track is entry.tracker else entry._replace(tracker=track)
        left = entry.expires - at
        if shorten and left >= 120 * SECOND and left > settings.tcp.unacknowledged * SECOND:
            after = after._replace(expires=at + settings.tcp.unacknowledged * SECOND)
        return after, reason, False

    def _judge_sctp(self, entry: Entry, packet: Packet, direction: int, at: int) -> tuple[Entry, str, bool]:
        track, reason, assured, refresh = sctp.judge(entry.tracker, packet, direction)
        status = entry.status | ASSURED if assured else entry.status
        if reason or not refresh:
            return entry if track == entry.tracker else entry._replace(tracker=track, status=status), reason, False
        return self._refreshed(entry, packet, direction, at, self.settings.sctp[track.state], status, track), "", False

    def _begin(self, key: Tuple, reply: Tuple, packet: Packet, at: int, arriving: bool, template: Template | None) -> Entry | str:
        """A new entry, not kept yet, or why the packet cannot begin one."""
        # Whom an expectation meets is not judged yet: also what turns out to be INVALID uses it up.
        met = self.expectations.meet(key, key.zone or reply.zone)
        settings = self.settings
        track: Track | None = None
        timeout: int | str
        protocol = packet.protocol
        check = arriving and settings.checksum
        if protocol == TCP:
            fault = tcp.header_fault(packet) or (self._bad_checksum(packet) if check else "")
            if fault:
                return fault
            begun = tcp.begin(packet, settings.tcp.loose)
            if isinstance(begun, str):
                return begun
            # What may begin a connection is within its windows: they are made of it.
            _, track, seconds, *_ = tcp.judge(begun, 0, packet, ORIGINAL, settings.tcp)
            timeout = seconds * SECOND
        elif protocol == SCTP:
            opened = sctp.fault(packet, check) or sctp.begin(packet)
            if isinstance(opened, str):
                return opened
            track, reason, *_ = sctp.judge(opened, packet, ORIGINAL, new=True)
            timeout = reason or settings.sctp[track.state]
        else:
            timeout = stateless.fault(packet, check) or stateless.begin(packet, settings)
            track = settings.gre if protocol == GRE else None
        if isinstance(timeout, str):
            return timeout
        counters = (1, packet.length, 0, 0) if settings.acct else None
        new = Entry(self.new_id(), key, reply, 0, timeout, at, 0, track, counters, at, labels=0 if self.labelling else None)
        if met is not None:
            one, master = met
            new = new._replace(
                status=EXPECTED, mark=master.mark, master=Master(master.id, master.helper),
                help=Help(one.child_helper) if one.child_helper else None,
            )  # fmt: skip
        elif template is not None and template.helper:
            new = new._replace(status=HELPER, help=Help(template.helper))
        return new

    def new_id(self) -> int:
        """The next number for an entry or an expectation."""
        self.next_id += 1
        return self.next_id - 1

    def _refreshed(self, entry: Entry, packet: Packet, direction: int, at: int, timeout: int, status: int, track: Track | None) -> Entry:
        counters = entry.counters
        if counters is not None:
            a, b, c, d = counters
            counters = (a + 1, b + packet.length, c, d) if direction == ORIGINAL else (a, b, c + 1, d + packet.length)
        return Entry(
            entry.id, entry.original, entry.reply, status, at + timeout, entry.started, entry.mark, track, counters, at, entry.leaves_by,
            entry.help, entry.master, entry.labels,
        )  # fmt: skip

    def help(
        self, packet: Packet, entry: Entry, direction: int, state: str, at: int, draw: Draw, abroad: bool
    ) -> tuple[Packet, Entry, str]:
        """Have the entry's helper read a packet that is about to leave. ``abroad``: not by loopback.

        Returns packet and entry as they are afterwards, and why the packet is dropped ("" if it is not).
        """
        help = entry.help
        assert help is not None
        helper = HELPERS[help.name]
        job = Job(packet, entry, direction, state, at, helper, self.expectations, self.new_id, draw)
        # Of an error about the connection most helpers read nothing they know; but its bytes are taken for numbers all the same.
        fault = helper.read(job) if helper.errors or packet.protocol == entry.original.protocol else ""
        if entry.status & SEQ_ADJUST and help.shift is not None and abroad and not fault:
            fault = job.shift_numbers(help.shift)
        if entry.status & CONFIRMED and entry.id not in self.state.entries:
            # It was deleted on this packet's account, and goes with it.
            self.expectations.orphan(entry.id)
            return job.packet, entry, fault
        after = entry
        if job.memory != help.memory or job.shift != help.shift:
            status = entry.status if job.shift is None else entry.status | SEQ_ADJUST
            after = entry._replace(help=help._replace(memory=job.memory, shift=job.shift), status=status)
        if job.lasts:
            after = after._replace(expires=job.lasts * SECOND + (at if entry.status & CONFIRMED else 0))
        if after is not entry and entry.status & CONFIRMED:
            self.entries.put(entry, after)
        return job.packet, after, fault

    def close(self, entry: Entry, at: int) -> tuple[Entry, Entry] | None:
        """A RST of our own making (REJECT) ends a kept TCP connection: (before, after), or None if there is nothing to end."""
        current = self.state.entries.get(entry.id)
        if current is None or not isinstance(current.tracker, tcp.TcpTrack) or current.tracker.state is tcp.State.CLOSE:
            return None
        track = current.tracker.copy()
        track.state = tcp.State.CLOSE
        after = current._replace(tracker=track, expires=at + self.settings.tcp.timeouts[tcp.State.CLOSE] * SECOND)
        self.entries.put(current, after)
        return current, after

    def forget_windows(self, family: int) -> list[tuple[Entry, Entry]]:
        """Tracking begins anew: windows of open connections are out of date, and learnt from their next segments.

        Returns (before, after) pairs. Those that are opening or closing keep theirs, as with the kernel.
        """
        changed = []
        for entry in list(self.state.entries.values()):
            if entry.original.family == family and isinstance(entry.tracker, tcp.TcpTrack) and entry.tracker.state is tcp.State.ESTABLISHED:
                track = entry.tracker.copy()
                track.original.maxwin = track.reply.maxwin = 0
                after = entry._replace(tracker=track)
                self.entries.put(entry, after)
                changed.append((entry, after))
        return changed

    # --- what is asked of a packet -----------------------------------------------------------------------

    def _icmp(self, packet: Packet, arriving: bool, zones: tuple[int, int]) -> Tracked | None:
        """ICMP's own judgement, made before any look-up: INVALID, UNTRACKED, RELATED by the packet an error quotes, or None to go on."""
        kind = icmp if packet.family == 4 else icmpv6
        fault = kind.fault(packet, arriving and self.settings.checksum)
        if fault:
            return Tracked(None, None, None, ORIGINAL, INVALID, fault, ())
        if packet.icmp_type in kind.NOT_TRACKED:
            return Tracked(None, None, None, ORIGINAL, UNTRACKED, "", ())
        if not kind.quotes(packet):
            return None
        inner = kind.quoted(packet)
        if isinstance(inner, str):
            return Tracked(None, None, None, ORIGINAL, INVALID, inner, ())
        return self._about(inner, packet, zones)

    def _about(self, inner: Tuple, packet: Packet, zones: tuple[int, int]) -> Tracked:
        """An error about a packet with the tuple ``inner``: RELATED, if that packet's sender is told about a connection there is."""
        other, entry, direction = inverted(inner), None, ORIGINAL
        if other is not None:
            other, entry, direction = self._find_in(zones, other)
        if other is None or entry is None:
            return Tracked(inner, None, None, ORIGINAL, INVALID, "no entry has the tuple of the packet it quotes", ())
        if packet.dst != other.dst:
            return Tracked(inner, entry, None, direction, INVALID, "it is not sent to the host whose packet it quotes", ())
        return Tracked(inner, entry, entry, direction, RELATED, "", ())

    def _bad_checksum(self, packet: Packet) -> str:
        segment = packet.raw[packet.l4 :]
        wrong = transport_checksum(packet.src, packet.dst, packet.protocol, segment, packet.family)
        return "its checksum is wrong" if wrong else ""
