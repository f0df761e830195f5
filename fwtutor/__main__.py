"""The console command and ``python -m fwtutor``. Answers ``--version`` itself, so that it costs nothing; the rest is ``cli``'s."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line; the value is the exit code."""
    if sys.argv[1:] == ["--version"]:
        from fwtutor import __version__

        sys.stdout.write(f"fwtutor {__version__}\n")
        return 0
    from fwtutor.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
