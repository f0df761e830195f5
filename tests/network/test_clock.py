"""The clock: by time, then in the order they were queued; what is cancelled does not happen."""

from __future__ import annotations

import random

import pytest

from fwtutor.network.clock import Clock, Event


def test_events_come_by_time_and_among_equals_in_the_order_they_were_queued() -> None:
    clock = Clock()
    chance = random.Random(1)
    events = [Event(chance.randrange(5), str(number), -1, 0) for number in range(200)]
    for event in events:
        clock.push(event)
    assert [clock.pop() for _ in events] == sorted(events, key=lambda event: event.at)


def test_a_cancelled_event_never_comes() -> None:
    clock = Clock()
    first, second = Event(1, "a", -1, 0), Event(2, "b", -1, 0)
    clock.push(first)
    clock.push(second)
    clock.cancel(first)
    clock.cancel(first)
    assert clock.next_at() == 2
    assert clock.busy == 1
    assert clock.pop() is second
    clock.cancel(second)
    assert clock.busy == 0
    assert clock.next_at() is None
    with pytest.raises(IndexError):
        clock.pop()


def test_an_idle_event_is_ahead_but_keeps_nobody_busy() -> None:
    clock = Clock()
    clock.push(Event(1, "a", -1, 0, busy=False))
    assert clock.busy == 0
    assert clock.next_at() == 1


def test_what_is_to_come_first_comes_before_others_of_its_time_and_not_before_earlier_ones() -> None:
    clock = Clock()
    earlier, other, first, second = Event(1, "a", -1, 0), Event(2, "b", -1, 0), Event(2, "c", -1, 0), Event(2, "d", -1, 0)
    clock.push(other)
    clock.push(first, first=True)
    clock.push(second, first=True)
    clock.push(earlier)
    assert [clock.pop() for _ in range(4)] == [earlier, first, second, other]


def test_the_next_of_one_host_is_not_that_of_another_nor_one_that_is_cancelled() -> None:
    clock = Clock()
    gone, late = Event(1, "a", -1, 0), Event(3, "a", -1, 0)
    for event in (late, gone, Event(2, "b", -1, 0)):
        clock.push(event)
    clock.cancel(gone)
    assert (clock.due("a"), clock.due("b"), clock.due("c")) == (3, 2, None)
