"""The keys that a person has chosen for actions, read with distrust; and how keys are shown, chosen or not.

One choice holds for the whole program, as the locale does: rows of help and key bars are made in many places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from textual.keys import REPLACED_KEYS, Keys, format_key, key_to_character

from fwtutor.telling.actions import APP, EDIT, FORM, GLOSSARY, LAB, TABLES, TYPING, Action

if TYPE_CHECKING:
    from fwtutor.course.tables import Table

_chosen: dict[str, str] = {}
ACTIONS: dict[str, Action] = {action.id: action for table in TABLES.values() for action in table}
TYPED_IN = (EDIT, FORM, GLOSSARY)
"""Tables of screens in which letters are text."""
ITS_OWN = {"app.save", "edit.apply"}
"""May have one key: the editor's own comes before what holds everywhere."""
MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
NAMED = frozenset(key.value.rpartition("+")[2] for key in Keys if "<" not in key.value)
SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape", "ctrl+h": "backspace", "ctrl+space": "ctrl+@"}
"""Keys for which a terminal sends what it sends for another."""
SHOWN = {"space": "␣", "backspace": "⌫", "escape": "Esc", "enter": "Enter", "pageup": "PgUp", "pagedown": "PgDn", "tab": "tab"}
IN_WORDS = {"space": "space", "backspace": "backspace"}


def use(keys: Mapping[str, str]) -> None:
    """From now on these keys hold: Textual's names, comma separated, by the action's id."""
    _chosen.clear()
    _chosen.update(keys)


# --- showing them ---------------------------------------------------------------------------------------------


def keys_of(action: Action, chosen: Mapping[str, str] = _chosen) -> tuple[str, ...]:
    """Textual's names of an action's keys."""
    return tuple(key for key in chosen.get(action.id, action.keys).split(",") if key)


def shown(action: Action) -> str:
    """An action's keys as people read them."""
    if action.id in _chosen:
        return _together([_shown(key) for key in keys_of(action)])
    if _chosen.keys() & set(action.of):
        return _together([_shown(keys_of(ACTIONS[part])[0]) for part in action.of])
    return action.shown


def named(action_id: str) -> str:
    """The key to press for an action, in a sentence."""
    action = ACTIONS[action_id]
    first = keys_of(action)[0]
    return IN_WORDS.get(first) or (_shown(first) if action_id in _chosen else action.shown)


def mentioned(words: str) -> str:
    """A key that a sentence of the lab names, or what one key leads on to (``"g b"``): as it is with the keys that were chosen."""
    if not _chosen:
        return words
    first, _, rest = words.partition(" ")
    for action in LAB:
        if action.keys and first in (action.shown, IN_WORDS.get(action.keys.partition(",")[0])):
            return f"{named(action.id)} {rest}".rstrip()
    return words


def presses(key: str, action_id: str) -> bool:
    """Is this one of the action's keys?"""
    return _meant(key) in {_meant(each) for each in keys_of(ACTIONS[action_id])}


def _shown(key: str) -> str:
    modifiers, _, base = key.rpartition("+")
    text = SHOWN.get(base) or (format_key(base) if _letter(base) or base in ("up", "down", "left", "right") else base.capitalize())
    return text if not modifiers else f"^{text}" if modifiers == "ctrl" else f"{modifiers}+{text}"


def _together(parts: list[str]) -> str:
    """Signs of one cell stand together, others do not."""
    return ("" if all(len(part) == 1 for part in parts) else "/").join(parts)


# --- reading them ---------------------------------------------------------------------------------------------


def read(table: Table) -> dict[str, str]:
    """The ``[keys]`` of a configuration. Raises LessonError for what is no action, no key, or a key with two meanings on one screen."""
    chosen: dict[str, str] = {}
    places: dict[str, _Place] = {}
    for place in _places(table):
        action = ACTIONS.get(place.action_id)
        if action is None or not action.keys:
            place.fail(_no_action(place.action_id))
        if action.id in chosen:
            place.fail("is given twice, with quotes and without")
        keys = [_key(place, action, key.strip()) for key in place.table.text(place.field, limit=200).split(",")]
        chosen[action.id], places[action.id] = ",".join(dict.fromkeys(keys)), place
    for action_id, place in places.items():
        _clash(place, ACTIONS[action_id], chosen)
    return chosen


class _Place(NamedTuple):
    """Where the keys of an action stand."""

    table: Table
    field: str
    action_id: str

    def fail(self, reason: str) -> NoReturn:
        self.table.fail(reason, self.field)


def _places(table: Table) -> Iterator[_Place]:
    """All of them. Without quotes, ``lab.step = ...`` is TOML's word for a table in the table: who leaves them out means the same."""
    for field in table.fields():
        if isinstance(table.raw(field), dict):
            inner = table.table(field)
            yield from (_Place(inner, name, f"{field}.{name}") for name in inner.fields())
        else:
            yield _Place(table, field, field)


def _no_action(action_id: str) -> str:
    if action_id in ACTIONS or any(action.id == action_id for action in TYPING):
        return "has no key of its own that could be another"
    from difflib import get_close_matches

    near = get_close_matches(action_id, ACTIONS, n=1)
    return f"there is no such action{f'; did you mean {near[0]}?' if near else ''} (fwtutor config lists them)"


def _key(place: _Place, action: Action, key: str) -> str:
    """A key's name as Textual has it."""
    *modifiers, base = key.split("+") if len(key) > 1 else [key]
    letter = _letter(base)
    known = (len(base) == 1 and base.isprintable() and not base.isspace()) or letter or base in NAMED
    if not key or not known or not MODIFIERS.issuperset(modifiers) or len(set(modifiers)) < len(modifiers):
        place.fail(f'"{key}" is no key: a character, or a name as in space, f5, pageup, ctrl+l, question_mark, comma')
    if "ctrl" in modifiers and not (letter or base).isascii():
        place.fail(f'"{key}" does not come from terminals: with ctrl they send a to z and a few signs')
    if _meant(key) == "ctrl+c":
        place.fail(f'"{key}" copies what is selected, everywhere')
    if letter and modifiers == ["shift"]:
        place.fail(f'"{key}" does not come from terminals: write the character that it types')
    if not modifiers and (letter or base == "space") and (action.priority or any(action in each for each in TYPED_IN)):
        place.fail(f'"{key}" is needed for typing there: take a key that types nothing')
    return SAME.get(key, key)


def _meant(key: str) -> str:
    """One name of each key: ``?`` and ``question_mark`` are the same."""
    return _letter(key) or key


def _letter(key: str) -> str | None:
    """The character that a key types."""
    letter = key_to_character(REPLACED_KEYS.get(key, key))
    return letter if letter and letter.isprintable() else None


def _clash(place: _Place, action: Action, chosen: Mapping[str, str]) -> None:
    """Has another action of a screen that this one is on the same key?"""
    keys = {_meant(key): key for key in keys_of(action, chosen)}
    for actions in TABLES.values():
        if action not in actions and actions is not APP and action not in APP:
            continue
        for other in (*actions, *APP):
            for key in keys_of(other, chosen):
                if other.id != action.id and {other.id, action.id} != ITS_OWN and _meant(key) in keys:
                    place.fail(f'"{keys[_meant(key)]}" is a key of {other.id} too, on the same screen: give that one another')
