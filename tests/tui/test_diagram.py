"""The TCP state diagram says what the table says, at any width, and stands where the connection is."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.conntrack.tcp import State
from fwtutor.netfilter.packet import SYN
from fwtutor.recording import Scenario, Scripted, Session
from fwtutor.recording.states import arrows
from fwtutor.telling.diagram import SHORT, Shown, choices, diagram, head, label, rows, shown
from fwtutor.telling.reading import Place
from tests.tui.conftest import topology

NOTHING = Shown(None, "", (), None)


@pytest.fixture(scope="module")
def session() -> Session:
    script = (
        Scripted(0, "attacker", "connect 203.0.113.1:1337 from 4000"),
        Scripted(0, "attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:1337 SYN", 0.5),
        Scripted(0, "attacker", "send tcp 203.0.113.9:4001 > 203.0.113.1:22 SYN", 1.0),
        Scripted(0, "attacker", "send tcp 203.0.113.9:4002 > 203.0.113.1:22 SYN+ACK", 1.5),
    )
    return Session(Scenario(topology(), script, "server"))


def at(session: Session, number: int, step: int | None = None) -> Place:
    """The place after so many moments."""
    session.cursor.seek(session.run.stops[number - 1], step)
    return Place.of(session)


def text(place: Place, width: int = 76) -> str:
    return "\n".join(row.text for row in rows(place, shown(place), width))


def test_every_arrow_of_the_table_is_told() -> None:
    told = [row.text for row in diagram(NOTHING, 200)]
    lines = {next(state for state in State if f"{SHORT[state]} " in row): row for row in told if row[3:5].strip()}
    below = {row: told[number + 1] for number, row in enumerate(told[:-1])}
    for state in State:
        for arrow in arrows(state):
            name = label(arrow.segments)
            aside = f"{name} to {arrow.new.name}" in lines[state]
            down = f"│ {name}" in below.get(lines[state], "")
            common = f"{name} in all but" in lines[arrow.new] and SHORT[state] not in lines[arrow.new].split("in all but")[1]
            assert aside or down or common, (arrow, lines[state])


def test_the_state_it_is_in_stands_out_and_those_it_was_in_are_ticked(session: Session) -> None:
    said = text(at(session, 3)).split("\n")
    assert any(row.startswith(" ▶ ES ▐ESTABLISHED▌") for row in said)
    assert [row[3:5] for row in said if row.startswith(" ✔ ") and row[3:5].strip()] == ["NO", "SS", "SR"]
    assert any("│ ACK →" in row and "this packet" in row for row in said)


def test_the_row_of_the_table_that_decided_is_shown_with_its_cell_marked(session: Session) -> None:
    said = text(at(session, 2))
    assert "this packet: SYN+ACK from the other side: SYN_SENT ▸ SYN_RECV" in said
    assert "▐SS▌" in said
    assert "▐SR▌" in said


def test_before_its_tuple_is_looked_up_a_packet_has_changed_nothing(session: Session) -> None:
    place = at(session, 2, 1)
    assert "this packet has not been looked up yet" in text(place)
    assert shown(place).now is None


def test_an_ignored_segment_leaves_the_state_and_says_so(session: Session) -> None:
    number = next(
        n for n in range(1, len(session.run.stops) + 1)
        if (place := at(session, n)).walk is not None and place.at > 500_000_000 and place.walk.packet.flags == SYN
    )  # fmt: skip
    assert "ignored: let through, and ESTABLISHED stays" in text(at(session, number))


def test_a_packet_that_no_entry_has_shows_the_row_and_no_state(session: Session) -> None:
    place = at(session, len(session.run.stops))
    said = " ".join(text(place).split())
    assert "INVALID in (no entry): no entry has its tuple, and a SYN+ACK cannot begin a connection" in said
    assert "no entry has it" in head(place, shown(place))
    assert shown(place).present is None


def test_an_entry_that_vanished_with_its_packet_has_no_state(session: Session) -> None:
    number = next(n for n in range(1, len(session.run.stops) + 1) if (p := at(session, n)).walk and p.walk.packet.sport == 4001)
    place = at(session, number)
    assert "nothing kept" in head(place, shown(place))
    assert shown(place).present is None


def test_another_connection_can_be_chosen(session: Session) -> None:
    place = at(session, len(session.run.stops))
    entry = choices(place)[0]
    assert shown(place, entry.id).entry == entry
    assert "this moment is no packet of this connection" in "\n".join(row.text for row in rows(place, shown(place, entry.id), 76))


@pytest.mark.parametrize("width", [40, 76, 100, 116, 196])
def test_it_fits_in_its_width(session: Session, width: int) -> None:
    for number in range(1, len(session.run.stops) + 1):
        place = at(session, number)
        assert all(row.width <= width for row in rows(place, shown(place), width))
