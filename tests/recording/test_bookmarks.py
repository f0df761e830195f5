"""Bookmarks belong to moments, in whatever runs those are."""

from __future__ import annotations

from fwtutor.recording import Session
from fwtutor.recording.bookmarks import Bookmarks
from tests.recording.scenes import too_open


def test_marking_again_takes_the_mark_away() -> None:
    session = Session(too_open())
    marks = session.bookmarks
    assert marks.toggle(session.run, 3)
    assert marks.of(session.run) == (3,)
    assert not marks.toggle(session.run, 3)
    assert marks.of(session.run) == ()


def test_a_branch_has_the_marks_before_it_and_not_those_behind() -> None:
    session = Session(too_open())
    whole, (early, *_, late) = session.run, session.run.stops
    session.bookmarks.toggle(whole, early)
    session.bookmarks.toggle(whole, late)
    session.cursor.seek(session.run.stops[4])
    session.enter("server", "iptables -I INPUT 1 -j DROP")
    assert session.run is not whole
    assert session.bookmarks.of(session.run) == (early,)
    assert session.bookmarks.of(whole) == (early, late)


def test_what_was_entered_is_not_kept_and_neither_are_marks_behind_it() -> None:
    session = Session(too_open())
    session.bookmarks.toggle(session.run, 3)
    session.cursor.to_end()
    record = session.enter("server", "sleep 1")
    session.bookmarks.toggle(session.run, record.index)
    assert session.bookmarks.lasting == [3]


def test_marks_of_another_sitting_are_found_again_and_those_beyond_the_run_are_not_shown() -> None:
    session = Session(too_open())
    marks = Bookmarks()
    marks.keep([2, 10**9])
    assert marks.of(session.run) == (2,)
