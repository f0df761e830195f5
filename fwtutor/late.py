"""Late dataclasses: frozen ones that are made when the first of them is, for modules with many of which a start needs few.

To make a dataclass takes Python longer than to import a small module, and nobody sees a difference: until there is an instance there is
nothing to compare, print or replace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def late_dataclass(cls: Class) -> Class:
    """``@dataclass(frozen=True)``, later. Bases, if they are dataclasses, are late ones too."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        _make(type(self))
        type(self).__init__(self, *values, **named)

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def _make(cls: type) -> None:
    for each in reversed(cls.__mro__):
        if getattr(vars(each).get("__init__"), "__module__", "") == __name__:
            delattr(each, "__init__")  # it would be taken for one of its own
            dataclass(frozen=True)(each)
