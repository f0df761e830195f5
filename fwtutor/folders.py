"""Where a person's files are: progress, and the configuration. One place for that fact; ``fwtutor locate`` tells it.

The XDG rules on every system: progress has always been there, and what moved it would seem to lose it.
"""

from __future__ import annotations

import os
from pathlib import Path

from fwtutor.badinput import BadInput

CONFIG_NAME = "config.toml"


def home() -> Path:
    """The data directory: ``FWTUTOR_HOME``, else ``XDG_DATA_HOME/fwtutor``, else ``~/.local/share/fwtutor`` (BadInput without ``~``)."""
    return _folder("XDG_DATA_HOME", Path(".local") / "share")


def config_file() -> Path:
    """The configuration, there or not: in ``FWTUTOR_HOME``, else ``XDG_CONFIG_HOME/fwtutor``, else ``~/.config/fwtutor``."""
    return _folder("XDG_CONFIG_HOME", Path(".config")) / CONFIG_NAME


def _folder(variable: str, under_home: Path) -> Path:
    own = os.environ.get("FWTUTOR_HOME")
    if own:
        return Path(own)
    base = os.environ.get(variable)
    # The XDG specification says that a relative path there is to be ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "fwtutor"
    try:
        return Path.home() / under_home / "fwtutor"
    except RuntimeError:
        raise BadInput("this user has no home folder to keep progress in; name a folder in FWTUTOR_HOME") from None
