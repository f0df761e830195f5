"""docs/netfilter.md is true: each of its commands is asked of the kernel, which must agree, and must say what the page shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from fwtutor.cli import run
from fwtutor.judging import command
from fwtutor.kernel.kernel import Kernel

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "netfilter.md"
TOLERANCE = 2
"""Seconds by which the time left of an entry may differ from the page's: the clock runs while the kernel is asked."""
SECONDS = re.compile(r"(?:entry|\]) (\w+ \d+) (\d+)")
HEADING = re.compile(r"#{2,} ")


def facts() -> Iterator[tuple[str, list[str], list[str]]]:
    """(heading, words of the command, lines shown) of every console block."""
    heading = ""
    block: list[str] | None = None
    for line in PAGE.read_text("utf-8").splitlines():
        if HEADING.match(line):
            heading = line.lstrip("# ").replace(" (*found here*)", "")
        elif line == "```console":
            block = []
        elif line == "```" and block is not None:
            end = next(number for number, part in enumerate(block) if not part.endswith("\\"))
            prompt, *words = shlex.split(" ".join(part.removesuffix("\\") for part in block[: end + 1]))
            assert prompt == "$"
            yield heading, words, block[end + 1 :]
            block = None
        elif block is not None:
            block.append(line)


def is_shown(shown: str, line: str) -> bool:
    """Whether a line of the page is this line of the answer: "..." stands for anything, and space for any space."""
    shown, line = (" ".join(text.split()) for text in (shown, line))
    there, here = SECONDS.search(shown), SECONDS.search(line)
    if there and here and abs(int(there[2]) - int(here[2])) <= TOLERANCE:
        shown = SECONDS.sub(here[0], shown, count=1)
    return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), line) is not None


@pytest.mark.parametrize(("words", "shown"), [pytest.param(*rest, id=heading) for heading, *rest in facts()])
def test_the_page_is_true(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], shown: list[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(command, "asked", lambda _: nullcontext(kernel))
    assert words[:3] == ["fwtutor", "kernel", "compare"]
    code = run(words[1:])
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    left = iter(said.out.splitlines())
    for line in shown:
        assert any(is_shown(line, candidate) for candidate in left), f"not said, or not in this place: {line}\n\n{said.out}"


def test_every_section_is_in_the_contents() -> None:
    text = PAGE.read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    linked = re.findall(r"^- \[(.*)\]\(#(.*)\)$", text, re.MULTILINE)
    assert [(heading, re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")) for heading in headings] == linked


def test_every_file_of_packets_is_used() -> None:
    named = {Path(word).name for _, words, _ in facts() for word in words if word.endswith((".jsonl", ".sets"))}
    assert named == {path.name for path in (ROOT / "docs" / "netfilter").iterdir()}
