"""The glossary: its words are those of the engine, its lessons exist, its commands work, and it opens on the word the eye is on."""

from __future__ import annotations

import pytest

from fwtutor.badinput import BadInput
from fwtutor.course.loader import lessons_folder, load_course
from fwtutor.netfilter.conntrack.tcp import State
from fwtutor.recording import Session
from fwtutor.telling.glossary import asked_for, named, searched, term_of, terms, word_at
from fwtutor.telling.reading import Place
from tests.tui.conftest import make_lesson


def test_every_state_hook_and_verdict_has_its_word() -> None:
    states = [state.name for state in State if state.name != "NONE"]
    hooks = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
    for word in [*states, *hooks, "NEW", "RELATED", "INVALID", "UNTRACKED", "ACCEPT", "DROP", "REJECT", "ASSURED", "UNREPLIED"]:
        found = term_of(word)
        assert found is not None
        assert word in (found.term, *found.also)


def test_each_word_is_explained_once_in_few_sentences() -> None:
    words = [word for term in terms() for word in (term.term, *term.also)]
    assert len(words) == len(set(words))
    for term in terms():
        assert 60 <= len(term.text) <= 420, term.term
        assert term.text.endswith((".", ")", "?")), term.term
        assert term.shows, term.term


def test_the_lessons_it_names_teach_the_word() -> None:
    """Each is there, and has the word in its pages, questions, rules or hints."""
    course = load_course(lessons_folder())
    for term in terms():
        for name in term.lessons:
            lesson = course.lesson(name)
            assert lesson is not None, (term.term, name)
            text = "\n".join(path.read_text() for path in lesson.folder.glob("*.*")).lower()
            assert any(word.lower().strip("-") in text for word in (term.term.partition(" (")[0], *term.also)), (term.term, name)


def test_every_command_that_shows_a_word_works_at_a_prompt() -> None:
    session = Session(make_lesson().scenario)
    session.cursor.to_end()
    refused = {line: record.output for term in terms() for line in term.shows if (record := session.enter("server", line)).refused}
    assert refused == {}


@pytest.mark.parametrize(
    ("typed", "first"),
    [("new", "NEW"), ("NEW", "NEW"), ("[ASSURED]", "ASSURED"), ("ctst", "ctstate"), ("half", "handshake"), ("entries", "entry")],
)  # fmt: skip
def test_a_word_is_found_however_it_is_written(typed: str, first: str) -> None:
    assert (term_of(typed) or searched(typed)[0]).term == first


def test_a_word_that_is_not_there_is_answered_by_those_it_may_be() -> None:
    with pytest.raises(BadInput, match="'ESTABLISCHED' is not in the glossary; did you mean ESTABLISHED"):
        asked_for("ESTABLISCHED")
    with pytest.raises(BadInput, match="without a word it lists all"):
        asked_for("\x1b[31mzzzz")


def test_it_opens_on_the_word_the_eye_is_on() -> None:
    session = Session(make_lesson().scenario)
    assert word_at(Place.of(session)) == "conntrack"
    session.cursor.seek(session.run.stops[0])
    place = Place.of(session)
    assert [word_at(place, pane) for pane in ("", "chain", "connections", "timeline")] == ["NEW", "ACCEPT", "SYN_SENT", "ACCEPT"]
    session.cursor.seek(session.run.stops[0], 1)
    assert word_at(Place.of(session)) == "tuple"
    session.cursor.to_end()
    place = Place.of(session)
    assert [word_at(place, pane) for pane in ("", "chain", "timeline")] == ["NEW", "policy", "DROP"]
    assert word_at(place, "lesson", "Now *DROP* it: an entry") == "DROP"
    session.enter("server", "iptables -A INPUT -p icmp -j REJECT")
    assert word_at(Place.of(session)) == "REJECT"


def test_words_of_a_text_are_found_where_they_stand() -> None:
    text = "The SYN's tuple is new-ish; -j DROP."
    assert [(text[start:end], term.term) for start, end, term in named(text)] == [("SYN", "SYN"), ("tuple", "tuple"), ("DROP", "DROP")]
