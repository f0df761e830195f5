"""Registry: things by name, each in a module that is imported when the thing is first asked for.

A ruleset uses few of the matches, a lesson few of the tools, and importing all of them takes longer than all the rest of starting. So what
is one of many is found here, and what a screen may never need is imported in the function that needs it; nothing else is put off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

Thing = TypeVar("Thing")


class Registry(Mapping[str, Thing]):
    """``places`` says by name where in ``package`` a thing is: ``"module.Thing"``. The names are known without importing any."""

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        self._package = package
        self._places = places
        self._found: dict[str, Thing] = {}

    def __getitem__(self, name: str) -> Thing:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self.find(name)
        return found

    def find(self, name: str) -> Thing:
        """Imports it."""
        module, _, attribute = self._places[name].partition(".")
        thing: Thing = getattr(import_module(f"{self._package}.{module}"), attribute)
        return thing

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
