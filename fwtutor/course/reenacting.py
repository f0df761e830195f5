"""A history that failed, played once more as a run: so that one can step through it, and ask why.

A run is made of inputs, each at its place among the records, so what was entered in the history happens again record by record. What the
history showed to the watched firewall alone comes last, as a packet of a capture does.
"""

from __future__ import annotations

from dataclasses import dataclass

from fwtutor.course.ground import Ground, Story
from fwtutor.network.records import CommandRun, Walked
from fwtutor.recording import Run, Scenario
from fwtutor.recording.scenario import Input

LATER = 1_000_000
"""ns by which a packet that is shown to the firewall comes after everything: when it was shown, all had come to its end."""


@dataclass(slots=True, frozen=True)
class Reenacted:
    """The history as a run, and its deciding moment."""

    run: Run
    index: int
    """The record that decided: a packet that was let through or stopped wrongly; the last one, if it is none alone."""
    text: str
    """What happened, in words."""


def reenact(ground: Ground, story: Story) -> Reenacted:
    """Plays the story of this ground again. (An answer in rules, with history before it, cannot be: its rules come into force unseen.)"""
    records = story.world.records
    entered = [Input(0, each.index, each.at, each.host, each.line) for each in records if isinstance(each, CommandRun) and each.cause < 0]
    shown = tuple(packet._replace(at=story.world.now + LATER * number) for number, packet in enumerate(story.packets, 1))
    scenario = Scenario(ground.answered, watch=ground.watch, captured=shown)
    run = Run(scenario, entered)
    decided = story.decided
    if shown:
        seen = (each for each in reversed(run.records) if isinstance(each, Walked) and each.host == ground.watch)
        decided = next((each.index for each in seen if each.walk.packet.raw == shown[-1].raw), None)
    if decided is None:
        decided = run.stops[-1] if run.stops else -1
    return Reenacted(run, decided, story.text)
