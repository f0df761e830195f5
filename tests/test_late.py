"""Dataclasses made when the first of them is: nobody sees a difference."""

from __future__ import annotations

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
