"""Comparing two runs: which record of the one is which of the other, by cause and never by index."""

from __future__ import annotations

from collections.abc import Hashable

from fwtutor.network.records import CommandRun, Record, TimerFired
from fwtutor.recording.run import Run

Pair = tuple[Record | None, Record | None]
Name = tuple[Hashable, ...]


def compare(run_a: Run, run_b: Run) -> list[Pair]:
    """Pairs in the order of ``run_a``, what only ``run_b`` has standing at its own place between them.

    Two records are the same happening when the same thing caused them (the same input, or two records that are the
    same happening), at the same host, as the same child of it.
    """
    names: dict[Name, int] = {}
    keys_a, keys_b = _keys(run_a.records, names), _keys(run_b.records, names)
    partner = {key: index for index, key in enumerate(keys_b)}
    pairs: list[Pair] = []
    shown = 0
    taken = set(keys_a)
    for record, key in zip(run_a.records, keys_a, strict=True):
        index = partner.get(key)
        if index is None:
            pairs.append((record, None))
            continue
        while shown < index:
            if keys_b[shown] not in taken:
                pairs.append((None, run_b.records[shown]))
            shown += 1
        shown = max(shown, index + 1)
        pairs.append((record, run_b.records[index]))
    pairs += [(None, run_b.records[index]) for index in range(shown, len(keys_b)) if keys_b[index] not in taken]
    return pairs


def _keys(records: list[Record], names: dict[Name, int]) -> list[int]:
    """For each record a number; the same number in two runs for the same happening.

    Inputs are the same when they are the same line at the same prompt, for as many times as it was entered there.
    """
    keys: list[int] = []
    inputs: dict[tuple[str, str], int] = {}
    for record in records:
        name: Name
        if isinstance(record, CommandRun) and record.cause < 0:
            said = (record.host, record.line)
            inputs[said] = inputs.get(said, 0) + 1
            name = ("input", *said, inputs[said])
        else:
            cause = keys[record.cause] if record.cause >= 0 else -1
            kind = record.what if isinstance(record, TimerFired) else record.line if isinstance(record, CommandRun) else ""
            name = (cause, type(record).__name__, record.host, kind, record.ordinal)
        keys.append(names.setdefault(name, len(names)))
    return keys
