"""The console command and ``python -m fwtutor``. Answers ``--version`` itself, so that it costs nothing; the rest is ``cli``'s."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line; the value is the exit code."""
    try:
        if sys.argv[1:] == ["--version"] and sys.stdout is not None:
            from fwtutor import __version__

            try:
                sys.stdout.write(f"fwtutor {__version__}\n")
                sys.stdout.flush()
            except OSError:
                pass  # cli will meet it too, and tell of it
            else:
                return 0
        from fwtutor.cli import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # Ctrl-C while it was still starting; later ones are cli's.
        return 130


if __name__ == "__main__":
    sys.exit(main())
