"""Starting the application: what is done before anything large is imported, so that it opens fast."""

from __future__ import annotations

import gc


def start_lightly() -> None:
    """Call it first of all."""
    # What starting makes stays: to look through it for garbage is a tenth of the time it takes. The application enables it again.
    gc.disable()
