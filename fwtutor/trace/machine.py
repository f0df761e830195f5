"""JSON for programs: one object a packet, on one line. Its fields and their order are a promise."""

from __future__ import annotations

import json
from typing import Any

from fwtutor.trace.run import Traced


def json_line(traced: Traced) -> str:
    """The object of one packet, without a line end; ASCII, so that no character set can spoil it."""
    return json.dumps(as_object(traced))


def as_object(traced: Traced) -> dict[str, Any]:
    """What the box did with one packet; what its own stack answered (``--answer``) stands after what the packet itself met."""
    walk, walks = traced.walk, traced.walks
    return {
        "n": traced.number,
        "t": walk.seconds,
        "in": traced.interface,
        "verdict": walk.verdict,
        "to": walk.to,
        "states": [state for each in walks for state in each.states],
        "path": [line for each in walks for line in each.path],
        "out": [[interface, raw.hex()] for each in walks for interface, raw in each.out],
        "entry": traced.entry,
    }
