"""``fwtutor kernel compare``: from its options to a question, and from the question to an answer."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.judging.judge import Say, asked, judge, judge_cases
from fwtutor.judging.question import Note, Question, from_file, from_words, setup_for, shortened, the_box
from fwtutor.kernel.crowd import MAX
from fwtutor.trace.people import Ink

USUAL_PACKETS = 50


def compare(options: argparse.Namespace, say: Say, note: Note, ink: Ink) -> bool:
    """True when kernel and engine agree. Raises BadInput."""
    _check(options)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + (options.count or 1))
        packets = options.packets or USUAL_PACKETS
        with asked(sys.argv[1:]) as kernel:
            return judge_cases(kernel, seeds, packets, say, ink, variant=options.variant, listens=options.events, verbose=options.verbose)
    # First everything that can be wrong with what was given, whoever may ask the kernel.
    question = _question(options, note)
    with asked(sys.argv[1:]) as kernel:
        if MAX in question.setup.sysctls:
            note("whom a full table throws out the kernel leaves to chance, fwtutor to age (docs/simplified.md): there they may differ")
        question = replace(question, setup=replace(question.setup, listens=options.events))
        return judge(kernel, shortened(question, note, fast=options.fast), say, ink, verbose=options.verbose)


def _check(options: argparse.Namespace) -> None:
    """Refuses options that do not go together."""
    given = [name for name, value in (("PACKETS or LESSON", options.what), ("--send", options.send)) if value]
    if options.seed is not None:
        for name in ("what", "rules", "rules6", "rule", "sets", "send", "interface", "route", "sysctl", "came_in", "fast"):
            if getattr(options, name):
                raise BadInput(f"--seed N makes box, rules and packets by itself; it does not go with {_written(name)}")
        return
    for name in ("count", "packets"):
        if getattr(options, name) is not None:
            raise BadInput(f"--{name} goes with --seed N")
    if not given:
        raise BadInput("nothing to ask: name a file of packets or a lesson, or give --send 'tcp ADDR:PORT > ADDR:PORT SYN', or --seed N")
    if len(given) > 1:
        raise BadInput(f"{options.what!r} and --send: packets come from one of them")


def _written(name: str) -> str:
    return {"what": "PACKETS or LESSON", "came_in": "--in"}.get(name, f"--{name}")


def _question(options: argparse.Namespace, note: Note) -> Question:
    what = options.what
    # Rules given and a name that could be a file's: then it was to be one.
    ruled = options.rules is not None or options.rules6 is not None or options.rule
    if what is not None and not Path(what).is_file() and not (ruled and "." in Path(what).name):
        return _lesson(options, note)
    box = the_box(options.interface, options.route, options.sysctl, options.rules6 is not None)
    if options.came_in is not None and options.came_in not in box.interfaces:
        raise BadInput(f"--in {options.came_in}: the box has no interface of that name (it has {', '.join(box.interfaces)})")
    setup = setup_for(box, options.variant or "legacy", options.rules, options.rule, note, options.sets, options.rules6)
    if options.send:
        return from_words(setup, options.send)
    return from_file(setup, Path(what), options.came_in, note)


def _lesson(options: argparse.Namespace, note: Note) -> Question:
    from fwtutor.course.loader import find_lesson
    from fwtutor.course.model import LessonError
    from fwtutor.judging.recorded import from_run
    from fwtutor.recording import Run

    for name in ("rules", "rules6", "rule", "sets", "interface", "route", "sysctl", "came_in", "variant"):
        if getattr(options, name):
            raise BadInput(f"{options.what!r} is no file, so it would be a lesson; a lesson has its own box, and takes no {_written(name)}")
    if "." in Path(options.what).name and not Path(options.what).is_dir():
        raise BadInput(f"{options.what}: No such file or directory")
    try:
        lesson = find_lesson(options.what)
    except LessonError as error:
        raise BadInput(str(error)) from None
    return from_run(Run(lesson.scenario), note)
