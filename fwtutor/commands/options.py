"""Options that more than one command has."""

from __future__ import annotations

import argparse
from pathlib import Path

RULES_FILE = "what iptables-save printed, or a list of iptables, ip6tables and ipset commands"
"""What a file of rules may be, in the words of the help."""


def add_sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", type=Path, metavar="FILE", help="the sets that rules name: what ipset save printed")


def add_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--variant",
        choices=("legacy", "nft"),
        default="legacy",
        help="whose rules they are: iptables-legacy's (unless given) or iptables-nft's",
    )


def add_language(parser: argparse.ArgumentParser, *, first: bool = False) -> None:
    """``first``: as ``add_learner`` has it."""
    parser.add_argument(
        "--language",
        metavar="CODE",
        default=None if first else argparse.SUPPRESS,
        help="the language of lessons, where they are translated: de, en (unless given: FWTUTOR_LANGUAGE, your config.toml, your locale)",
    )


def language_of(option: str | None) -> str:
    """Which is meant: as ``chosen_language`` has it, the configuration read. Raises BadInput."""
    from fwtutor.course.language import chosen_language
    from fwtutor.tui.settings import load

    return chosen_language(option, load().language)


def add_learner(parser: argparse.ArgumentParser, *, first: bool = False) -> None:
    """``first``: of the program itself, whose value a command's own replaces."""
    parser.add_argument(
        "--learner",
        metavar="NAME",
        default=None if first else argparse.SUPPRESS,
        help="whose progress it is, where several learn here (FWTUTOR_LEARNER says so for good)",
    )


def seed(text: str) -> int:
    """The type of an argument that is one."""
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
