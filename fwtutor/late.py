"""Late dataclasses: frozen ones that are made when the first of them is, for modules with many of which a start needs few.

To make a dataclass takes Python longer than to import a small module, and nobody sees a difference: until there is an instance there is
nothing to compare, print or replace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)
_waiting: set[type] = set()
_making = RLock()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def late_dataclass(cls: Class) -> Class:
    """``@dataclass(frozen=True)``, later."""
    _waiting.add(cls)
    cls.__new__ = staticmethod(_first)  # type: ignore[assignment]
    return cls


def _first(cls: type, *_: Any, **__: Any) -> Any:
    with _making:
        for each in reversed(cls.__mro__):
            if each in _waiting:
                dataclass(frozen=True)(each)
                each.__new__ = staticmethod(_next)  # type: ignore[assignment]
                _waiting.remove(each)
    return object.__new__(cls)


def _next(cls: type, *_: Any, **__: Any) -> Any:
    return object.__new__(cls)
