"""Where a person's files are: progress, and the configuration. One place for that fact; ``fwtutor locate`` tells it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from platformdirs import PlatformDirs

from fwtutor.badinput import BadInput

CONFIG_NAME = "config.toml"


def home() -> Path:
    """The data directory: ``FWTUTOR_HOME``, else where the system keeps such (``XDG_DATA_HOME/fwtutor``, ``~/.local/share/fwtutor``).

    Raises BadInput where there is no home folder.
    """
    return _folder(lambda system: system.user_data_path)


def config_file() -> Path:
    """The configuration, there or not: in ``FWTUTOR_HOME``, else where the system keeps such (``~/.config/fwtutor``)."""
    return _folder(lambda system: system.user_config_path) / CONFIG_NAME


def _folder(of: Callable[[PlatformDirs], Path]) -> Path:
    own = os.environ.get("FWTUTOR_HOME")
    if own:
        return Path(own)
    with suppress(RuntimeError):
        folder = of(PlatformDirs("fwtutor", appauthor=False))
        # Some releases leave a ~ that stands for nothing.
        if folder.is_absolute():
            return folder
    raise BadInput("this user has no home folder to keep progress in; name a folder in FWTUTOR_HOME")
