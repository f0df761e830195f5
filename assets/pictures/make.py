"""Make the pictures of the README: screenshots of the real application, and a short tour of it, moving.

From the top of the source tree, with the tests' dependencies: ``.venv/bin/python -m assets.pictures.make [NAME...]`` (half a minute for
all). ``--check`` writes nothing, and says with exit code 1 which pictures would now look otherwise. The application is driven by keys, on a
clock that does not tick by itself: the same source makes the same bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from assets.pictures.canvas import picture
from assets.pictures.stage import opened, press, rows_of
from assets.pictures.tour import cast, film, frames

HERE = Path(__file__).parent
WIDE, NARROW = (120, 40), (80, 24)
SHOT = ("end", "end", "end", "b", "space")
"""In too-open: to the SYN to 22, a wrong guess, and what becomes of it."""
LETTER_IN = "'-p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT'"
MISTYPED = "'-p tcp --dport 22 -m conntrack --ctstate NEWW -j ACCEPT'"


class Shot(NamedTuple):
    """A screen to be taken."""

    title: str
    where: str
    keys: tuple[str, ...]
    size: tuple[int, int] = WIDE
    theme: str = "fwtutor-dark"


SHOTS: dict[str, Shot] = {
    "lab": Shot("The lab: a SYN to port 22, dropped by the policy, and why", "too-open", SHOT),
    "small": Shot("The lab at 80 x 24: a question before the packet is shown", "too-open", SHOT[:3], NARROW),
    "light": Shot("The lab in light colours: a rule matches", "too-open", ("3", *["space"] * 9), theme="fwtutor-light"),
    "ladder": Shot("The ladder: all packets between all hosts", "too-open", (*("end", "a") * 24, "l")),
    "states": Shot("The TCP tracker's states, and the way of a connection", "too-open", ("space", "space", "space", "y")),
    "editor": Shot(
        "The rules in an editor: a word that does not exist is marked as one types", "too-open", (*SHOT, "e", "end", "enter", MISTYPED)
    ),
    "compare": Shot("Two runs side by side, before and after a rule", "too-open", (*SHOT, "e", LETTER_IN, "enter", "ctrl+s", "enter", "v")),
    "map": Shot("The course map", "map", ()),
}
ALL = (*SHOTS, "tour")


async def taken(shot: Shot) -> str:
    """The picture of a screen."""
    async with opened(shot.where, shot.size, shot.theme) as pilot:
        await press(pilot, *shot.keys)
        return picture(rows_of(pilot), pilot.app.theme_variables["background"].lower(), shot.title)


def made(names: Iterable[str]) -> Iterable[tuple[Path, str]]:
    """The files of these names, and what is in them."""
    for name in names:
        if name == "tour":
            shown, length, background = asyncio.run(frames())
            yield HERE / "tour.svg", film(shown, length, background)
            yield HERE / "tour.cast", cast(shown)
        else:
            yield HERE / f"{name}.svg", asyncio.run(taken(SHOTS[name]))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m assets.pictures.make", description="Make the pictures of the README.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*ALL, []], help="only these")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a picture would be another")
    arguments = parser.parse_args()
    stale = []
    for path, text in made(arguments.names or ALL):
        if arguments.check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
        else:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name} is not what the application looks like now: python -m assets.pictures.make")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
