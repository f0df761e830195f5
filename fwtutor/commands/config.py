"""``fwtutor config``: how the application is set now, written as the file that would set it so."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator

from fwtutor.badinput import printable
from fwtutor.commands.output import OK


def add(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    sys.stdout.write(printable("".join(f"{line}\n" for line in lines())))
    return OK


def lines() -> Iterator[str]:
    """The whole file: every setting and every key that holds. Raises BadInput."""
    from fwtutor.folders import config_file
    from fwtutor.telling.actions import TABLES
    from fwtutor.tui import keymap
    from fwtutor.tui.settings import OURS, PACES, STEPS, load

    file, settings = config_file(), load()
    there = "as it is" if os.path.lexists(file) else "which is not there; all is as it is without one"
    yield f"# What holds now: from {file}, {there},"
    yield "# and from the environment, which wins over it. That file may have any of these lines."
    yield ""
    said = {
        "theme": (settings.theme.removeprefix("fwtutor-"), f"{', '.join(OURS)}, or one of Textual's. FWTUTOR_THEME wins"),
        "motion": (not settings.still, "false: nothing moves. FWTUTOR_STILL=1 or TEXTUAL_ANIMATIONS=none wins"),
        "ascii": (settings.in_ascii, "true: no signs outside ASCII; without this line the locale says. FWTUTOR_ASCII wins"),
        "pace": (settings.pace, f"{', '.join(f'{pace:g}' for pace in PACES)}: how many times as fast as usual"),
        "language": (settings.language, "of lessons: de, en; without this line the locale says. FWTUTOR_LANGUAGE and --language win"),
        "step": (settings.step, f"{', '.join(STEPS)}: how far a step goes at first"),
    }
    for name, (value, about) in said.items():
        line = f"{name} = {json.dumps(value)}"
        yield f"{line:<22} # {about}" if value != "" else f"# {name} = ...  {about}"
    yield ""
    yield "[keys]"
    yield "# Comma separated: a character, or a name as in space, f5, pageup, ctrl+l, comma. Only lines with other keys are needed."
    keymap.use(settings.keys)
    seen: set[str] = set()
    for screen, actions in TABLES.items():
        yield f"# {screen}"
        for action in actions:
            if action.keys and action.id not in seen:
                seen.add(action.id)
                line = f'"{action.id}" = {json.dumps(",".join(keymap.keys_of(action)))}'
                yield f"{line:<44} # {action.tooltip}"
