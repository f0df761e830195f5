"""Reveal: a packet's beats come in their order, in little time, and never in the way of the next key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fwtutor.course.loader import find_lesson
from fwtutor.netfilter.steps import LookedUp, PolicyApplied, RuleTried
from fwtutor.network.records import TimerFired
from fwtutor.recording import Session
from fwtutor.telling.reading import Place
from fwtutor.tui import reveal
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.reveal import Beat, Reveal, beats
from fwtutor.tui.widgets.lesson import Standing
from tests.tui.conftest import RULES, Playing, lab_of, make_lesson, pane_text

STANDING = Standing(0, frozenset({"open"}), 0, frozenset({"open"}), False)


def place_of(session: Session, stop: int, step: int | None = None) -> Place:
    session.cursor.seek(session.run.stops[stop], step)
    return Place.of(session)


def the_refused(session: Session) -> Place:
    """The place of the SYN to 22, that the policy drops."""
    places = (place_of(session, stop) for stop in range(len(session.run.stops)))
    return next(place for place in places if place.finished and place.finished.verdict == "DROP")


def test_beats_are_look_up_then_rules_then_policy_then_entry() -> None:
    session = Session(make_lesson().scenario)
    place = the_refused(session)
    assert place.walk is not None
    found = beats(place.walk, place.steps, 1, len(place.steps))
    kinds = [type(place.steps[beat.done - 1]).__name__ for beat in found if beat.lit is None]
    assert kinds == ["LookedUp", "EntryCreated", "RuleTried", "RuleTried", "RuleTried", "PolicyApplied", "EntryForgotten"]
    third = [beat for beat in found if beat.lit is not None and getattr(place.steps[beat.done - 1], "number", 0) == 2]
    assert [beat.lit for beat in third] == list(range(len(third)))
    assert len(third) >= 2


def test_a_thousand_rules_are_a_few_beats() -> None:
    rule = "-A INPUT -s 198.51.100.7/32 -j DROP\n"
    session = Session(make_lesson(rules=RULES.replace("COMMIT", rule * 1000 + "COMMIT")).scenario)
    place = the_refused(session)
    assert place.walk is not None
    found = beats(place.walk, place.steps, 1, len(place.steps))
    assert len(found) <= reveal.MOST
    assert isinstance(place.steps[found[0].done - 1], LookedUp)
    assert [beat.done for beat in found] == sorted(beat.done for beat in found)


def test_between_two_places_next_to_each_other_there_is_only_the_lighting() -> None:
    session = Session(make_lesson().scenario)
    place = place_of(session, 0)
    assert place.walk is not None
    at = next(number for number, step in enumerate(place.steps, 1) if isinstance(step, RuleTried) and step.number == 2)
    assert beats(place.walk, place.steps, at - 1, at) == [Beat(at, 0), Beat(at, 1)]
    policy = next((number for number, step in enumerate(place.steps, 1) if isinstance(step, PolicyApplied)), None)
    assert policy is None


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something to be so."""
    for _ in range(int(seconds / 0.01)):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


def revealing(app: FwtutorApp) -> tuple[Reveal, Session, list[str]]:
    return Reveal(lab_of(app)), lab_of(app).session, []


async def test_the_band_waits_for_the_wire_and_then_goes_beat_by_beat(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as (app, _pilot):
        shower, session, done = revealing(app)
        monkeypatch.setattr(reveal, "LONGEST", 0.05)
        place = place_of(session, 0)
        cursor = session.cursor.index, session.cursor.step
        shower.show(place, STANDING, lambda: done.append("there"), moved=True)
        assert "packet: ?" in pane_text(app, "#band")
        assert "goals" not in done
        seen: list[str] = []

        def look() -> bool:
            band, chain, goals = pane_text(app, "#band"), pane_text(app, "#chain"), pane_text(app, "#goals")
            for name, true in (
                ("stamped", "packet: NEW" in band),
                ("pending", "not kept yet" in band),
                ("trying", "trying" in chain),
                ("matched", "MATCH → ACCEPT" in chain),
                ("verdict", "✔ ACCEPT" in band),
                ("kept", "entry: SYN_SENT the TCP tracker" in band or "the TCP tracker" in band),
                ("goal", "✔ open" in goals),
            ):
                if true and name not in seen:
                    seen.append(name)
            return bool(done)

        await until(look)
        look()
        assert seen == ["stamped", "pending", "trying", "matched", "verdict", "kept", "goal"]
        assert (session.cursor.index, session.cursor.step) == cursor


async def test_the_next_step_is_never_held_up(playing: Playing) -> None:
    async with playing() as (app, pilot):
        shower, session, done = revealing(app)
        shower.show(place_of(session, 0), STANDING, lambda: done.append("first"), moved=True)
        shower.show(place_of(session, 1), STANDING, lambda: done.append("second"), moved=True)
        await pilot.pause()
        assert done == ["second"]
        assert "SYN+ACK" in pane_text(app, "#band")
        assert "✔ ACCEPT" in pane_text(app, "#band")


async def test_asking_again_does_not_cut_it_short_and_a_step_back_does(playing: Playing) -> None:
    async with playing() as (app, pilot):
        shower, session, done = revealing(app)
        place = place_of(session, 0)
        shower.show(place, STANDING, lambda: done.append("first"), moved=True)
        shower.show(place, STANDING, lambda: done.append("again"), moved=False)
        assert done == []
        shower.show(place_of(session, 0, 0), STANDING, lambda: done.append("back"), moved=False)
        assert done == ["back"]
        await pilot.pause(0.8)
        assert done == ["back"]


async def test_where_nothing_moves_there_are_no_beats(playing: Playing) -> None:
    async with playing() as (app, pilot):
        shower, session, done = revealing(app)
        shower.show(place_of(session, 0), STANDING, lambda: done.append("there"), moved=False)
        assert done == ["there"]
        await pilot.pause()
        assert "✔ ACCEPT" in pane_text(app, "#band")


def test_a_moment_without_a_packet_shows_the_rules_of_the_family_seen_last() -> None:
    """A timer in a lesson of IPv6 once showed IPv4's."""
    session = Session(find_lesson("icmpv6").scenario)
    idle = [stop for stop in session.run.stops if isinstance(session.run.records[stop], TimerFired)]
    assert idle
    for stop in idle:
        session.cursor.seek(stop)
        assert Place.of(session).rules.family == 6
