"""Mutations of the engine that no packet can tell from the engine as it is, each with the reason.

By ``Mutation.key``: the file, the line as it stands, and the change. A line that is changed has to be judged again.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
