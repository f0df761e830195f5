"""Dataclasses made when the first of them is: nobody sees a difference."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, field, fields, replace

import pytest

from fwtutor.late import late_dataclass


@late_dataclass
class Base:
    first: int = 1


@late_dataclass
class Derived(Base):
    second: tuple[int, ...] = field(default=())


def test_the_first_instance_is_like_any_other() -> None:
    one = Derived(5, second=(6,))
    assert (one.first, one.second) == (5, (6,))
    assert one == Derived(5, (6,)) != Derived(5)
    assert hash(one) == hash(Derived(5, (6,)))
    assert repr(one) == "Derived(first=5, second=(6,))"
    assert replace(one, first=7) == Derived(7, (6,))
    assert [each.name for each in fields(one)] == ["first", "second"]


def test_it_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Base().first = 2  # type: ignore[misc]


def test_what_does_not_fit_is_refused_as_ever() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
        Derived(third=3)  # type: ignore[call-arg]


def test_a_pattern_takes_it_apart() -> None:
    match Derived(5):
        case Derived(first, second):
            assert (first, second) == (5, ())


def test_threads_that_make_the_first_at_once_all_get_whole_ones() -> None:
    @late_dataclass
    class Wanted:
        value: int

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(Wanted, range(100))) == [Wanted(number) for number in range(100)]


def test_one_that_comes_from_a_pickle_is_whole_too() -> None:
    there = pickle.dumps(Derived(5))
    code = f"import pickle; print(pickle.loads({there!r}) == pickle.loads({there!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "True\n"
