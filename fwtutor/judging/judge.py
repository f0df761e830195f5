"""Asking: one question, or many random ones, put to the kernel, and the answer told. What keeps it from answering is BadInput."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from fwtutor.badinput import BadInput
from fwtutor.judging.question import Question
from fwtutor.judging.report import Report, total
from fwtutor.kernel.compare import Comparison, compare
from fwtutor.kernel.crowd import MAX
from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.generate import case
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.shrink import reproduction, shrink
from fwtutor.trace.people import Ink

Say = Callable[[str], object]


@contextmanager
def in_reach() -> Iterator[Kernel]:
    """The kernel, ready to be asked, as root or in a user namespace made for it. Raises BadInput where it cannot be."""
    with _told(), Kernel(user_namespace=sys.platform == "linux" and os.geteuid() != 0) as kernel:
        yield kernel


@contextmanager
def asked(words: Sequence[str]) -> Iterator[Kernel]:
    """The kernel, ready to be asked. ``words``: what was typed after ``fwtutor``, to be typed again where only root may ask."""
    if sys.platform == "linux" and os.geteuid() != 0:
        raise BadInput(f"asking the kernel needs root, or a namespace where you are; run it as: unshare -rn fwtutor {shlex.join(words)}")
    with _told(), Kernel() as kernel:
        yield kernel


@contextmanager
def _told() -> Iterator[None]:
    """What keeps the kernel from answering, as BadInput."""
    try:
        yield
    except KernelUnavailable as problem:
        raise BadInput(f"the kernel cannot be asked here: {problem}") from None
    except RulesetRefused as problem:
        raise BadInput(f"the kernel's iptables refuses these rules: {problem}") from None


def put(kernel: Kernel, question: Question) -> Comparison:
    """The kernel's answer to a question, and the engine's."""
    return compare(kernel, question.setup, question.items)


def judge(kernel: Kernel, question: Question, say: Say, ink: Ink, *, verbose: bool) -> bool:
    """Put one question and tell the answer. True when kernel and engine agree."""
    found = put(kernel, question)
    report = Report(found, ink, verbose=verbose)
    for line in report.lines():
        say(line)
    say(report.summary())
    if found.differences:
        _tell_smallest(kernel, found, say)
    return not found.differences


def judge_cases(
    kernel: Kernel, seeds: range, packets: int, say: Say, ink: Ink, *, variant: str | None, listens: bool, verbose: bool
) -> bool:
    """Random cases, one a seed. True when kernel and engine agree in all of them."""
    count = 0
    differing = []
    for seed in seeds:
        setup, items = case(seed, packets, variant)
        found = compare(kernel, replace(setup, listens=listens), items)
        count += len(found.observation.packets)
        report = Report(found, ink, verbose=verbose)
        if verbose or found.differences:
            say(f"case {seed}: {report.summary()}")
        for line in report.lines():
            say(line)
        if found.differences:
            differing.append(seed)
            _tell_smallest(kernel, found, say)
    what = f"case {seeds[0]}: " if len(seeds) == 1 else f"cases {seeds[0]} to {seeds[-1]}: "
    if differing:
        listed = ", ".join(map(str, differing))
        say(f"{what}{count} packets, {ink.paint(f'kernel and engine differ in {listed}', '1;31')}")
    else:
        say(total(count, (), ink, what))
    return not differing


def _tell_smallest(kernel: Kernel, found: Comparison, say: Say) -> None:
    # Filling a table takes seconds each time, and what then happens there is left to chance: nothing is tried again.
    small = found if MAX in found.setup.sysctls else shrink(kernel, found)
    items = len(small.items)
    say("")
    what = "what was asked" if small is found else "the smallest sequence found that still differs"
    say(f"# {what} ({items} item{'s' if items != 1 else ''}), as a test:")
    say("")
    say(reproduction(small))
