"""Hosts at a place of a run: whose an address is, who sends, and what their consoles have said by now."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fwtutor.network.records import TimerFired, Walked
from fwtutor.telling.reading import Place

if TYPE_CHECKING:
    from fwtutor.network.records import Said
    from fwtutor.network.topology import Topology
    from fwtutor.recording import Session


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
