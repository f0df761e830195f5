"""What somebody types to go somewhere in a run: a moment, a time, or how long to wait."""

from __future__ import annotations

FARTHEST = 1_000_000
"""Of what is typed: seconds one can let go by at once, moments, seconds."""


def read_typed(text: str) -> tuple[str, float] | None:
    """("moment", number), ("time", seconds) or ("wait", seconds); None if it is none of them."""
    body = text.removeprefix("+").removesuffix("s")
    try:
        value = float(body)
    except ValueError:
        return None
    if not 0 <= value <= FARTHEST:
        return None
    if text.startswith("+"):
        return "wait", value
    return ("time", value) if text.endswith("s") or "." in text else ("moment", value)
