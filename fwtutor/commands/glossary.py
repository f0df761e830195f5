"""``fwtutor glossary``: what a word means, or all the words there are."""

from __future__ import annotations

import argparse

from fwtutor.commands.output import OK, say, text_rows


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word", nargs="*", metavar="WORD", help="NEW, entry, policy, ...; all words unless given")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from functools import partial

    from fwtutor.telling import glossary

    word = " ".join(arguments.word)
    if not word:
        return say("\n".join(text_rows(glossary.all_rows)), OK)
    term = glossary.asked_for(word)
    return say("\n".join([term.term, *text_rows(partial(glossary.rows, term))]), OK)
