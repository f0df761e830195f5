"""Late dataclasses: frozen ones of which each method is made when it is first called.

To make a dataclass takes Python longer than to import a small module, for it compiles each of its methods; of most, a start calls one,
and of many none. What the class says of itself (``fields``, ``replace``, patterns) is there from the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class", bound=type)
Method = Callable[..., Any]


@overload
def late_dataclass(cls: Class, /) -> Class: ...
@overload
def late_dataclass(*, slots: bool = False, kw_only: bool = False) -> Callable[[Class], Class]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def late_dataclass(cls: type | None = None, /, *, slots: bool = False, kw_only: bool = False) -> Any:
    """``@dataclass(frozen=True)``, later. All of a family are, or none."""
    return _declared(cls, slots, kw_only) if cls is not None else lambda each: _declared(each, slots, kw_only)


def _declared(cls: type, slots: bool, kw_only: bool) -> type:
    own = cls.__dict__
    unwritten = [name for name in ("__init__", "__eq__", "__repr__") if name not in own]
    # Python itself puts None there where a class writes its __eq__.
    if own.get("__hash__") is None:
        unwritten.append("__hash__")
    cls = dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    for name in (*unwritten, "__setattr__", "__delattr__", *(("__getstate__", "__setstate__") if slots else ())):
        setattr(cls, name, _METHODS[name])
    return cls


# --- methods that are made ------------------------------------------------------------------------------------


def _late(name: str, make: Callable[[type], Method]) -> Method:
    """Stands for the method until it is called: then it is made, of the first class that has it not yet."""

    def first(self: object, /, *arguments: Any, **named: Any) -> Any:
        cls = next((each for each in type(self).__mro__ if each.__dict__.get(name) is first), None)
        if cls is None:
            # Made by another thread meanwhile.
            return getattr(self, name)(*arguments, **named)
        made = make(cls)
        made.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, made)
        return made(self, *arguments, **named)

    return first


def _written(head: str, body: list[str], known: dict[str, Any]) -> Method:
    exec(f"def {head}:\n " + "\n ".join(body), known)
    made: Method = known[head.partition("(")[0]]
    return made


def _init(cls: type) -> Method:
    known: dict[str, Any] = {"_set": object.__setattr__, "_unsaid": MISSING}
    taken, named, body = ["self"], ["*"], []
    for each in fields(cls):
        name = value = parameter = each.name
        if each.default_factory is not MISSING:
            known[f"_new_{name}"] = each.default_factory
            parameter = f"{name}=_unsaid"
            value = f"_new_{name}() if {name} is _unsaid else {name}" if each.init else f"_new_{name}()"
        elif each.default is not MISSING:
            known[f"_default_{name}"] = each.default
            parameter = f"{name}=_default_{name}"
            value = name if each.init else f"_default_{name}"
        if each.init:
            (named if each.kw_only else taken).append(parameter)
        body.append(f"_set(self, {name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    return _written(f"__init__({', '.join(taken + (named if len(named) > 1 else []))})", body or ["pass"], known)


def _values(of: str, wanted: list[Field[Any]]) -> str:
    return f"({' '.join(f'{of}.{each.name},' for each in wanted)})"


def _eq(cls: type) -> Method:
    compared = [each for each in fields(cls) if each.compare]
    same = f"return {_values('self', compared)} == {_values('other', compared)}"
    return _written("__eq__(self, other)", ["if other.__class__ is not self.__class__: return NotImplemented", same], {})


def _hash(cls: type) -> Method:
    hashed = [each for each in fields(cls) if (each.compare if each.hash is None else each.hash)]
    return _written("__hash__(self)", [f"return hash({_values('self', hashed)})"], {})


# --- methods that are the same for all ------------------------------------------------------------------------


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _set(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


_METHODS: dict[str, Method] = {
    "__init__": _late("__init__", _init),
    "__eq__": _late("__eq__", _eq),
    "__hash__": _late("__hash__", _hash),
    "__repr__": _repr,
    "__setattr__": _set,
    "__delattr__": _delete,
    # For copies and pickles of what has slots.
    "__getstate__": _state,
    "__setstate__": _restore,
}
