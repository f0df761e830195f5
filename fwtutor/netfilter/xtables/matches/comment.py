"""``-m comment``: a remark, at most 255 bytes (more is cut off, as by the tool). It always matches.

A rule with a comment is not "unconditional" any more, which shows in TRACE and where loops are looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fwtutor.netfilter.xtables.context import Context
from fwtutor.netfilter.xtables.options import Given, Option, OptionMatch
from fwtutor.netfilter.xtables.rule import Test
from fwtutor.netfilter.xtables.values import quoted
from fwtutor.netfilter.xtables.wording import Wording

MAX_BYTES = 255


def read_comment(text: str) -> str:
    return text.encode(errors="surrogateescape")[:MAX_BYTES].decode(errors="surrogateescape")


def judge_comment(value: str, context: Context) -> tuple[bool, str]:
    return True, "a comment always holds"


@dataclass(frozen=True, slots=True)
class Comment(OptionMatch):
    """A remark."""

    name: ClassVar[str] = "comment"
    meaning: ClassVar[str] = "a remark on the rule; it always matches"
    words: ClassVar[Wording] = {
        "comment": lambda remark, negated: f';(the remark says "{remark}")',
    }
    options: ClassVar[tuple[Option, ...]] = (
        Option(field="comment", names=("comment",), argument="TEXT", read=read_comment, write=quoted, judge=judge_comment,
               required=True, invertible=False, meaning="the remark, up to 255 bytes"),
    )  # fmt: skip

    comment: Given[str] | None = None

    def compile(self) -> Test:
        return lambda c: True

    def listing(self, numeric: bool) -> str:
        return f"/* {self.comment.value if self.comment else ''} */"
