"""Inputs that were kept in a file: do they have their places in a run? And the number by which a scenario is known again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fwtutor.network.records import CommandRun

if TYPE_CHECKING:
    from fwtutor.recording.run import Run
    from fwtutor.recording.scenario import Input, Scenario


def out_of_place(run: Run, inputs: Sequence[Input]) -> int | None:
    """The first of them (from 0) that is not in the run at the place it names: what takes inputs back and goes there relies on that."""
    for number, wanted in enumerate(inputs):
        record = run.records[wanted.after] if number < len(run.inputs) and wanted.after < len(run.records) else None
        if not (isinstance(record, CommandRun) and record.learner and (record.host, record.line) == (wanted.host, wanted.line)):
            return number
    return None


def print_of(scenario: Scenario) -> int:
    """A number that is another one, as good as certainly, for another network, script or seed. Titles are words only: they may differ."""
    hosts = tuple(replace(host, title="") for host in scenario.topology.hosts)
    return zlib.crc32(repr(replace(scenario, topology=replace(scenario.topology, hosts=hosts))).encode())
