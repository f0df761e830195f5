"""The kernel's sentences, as iptables-legacy prints its error numbers, and the refusals made of them."""

from __future__ import annotations

from fwtutor.netfilter.xtables.errors import KERNEL, RuleRefused

NO_CHAIN = "No chain/target/match by that name."
BAD_RULE = "Bad rule (does a matching rule exist in that chain?)."
EXISTS = "Chain already exists."
FILE_EXISTS = "File exists."
NOT_EMPTY = "Directory not empty."
IN_USE = "Too many links."
LOOP = "Too many levels of symbolic links."
INVALID = "Invalid argument. Run `dmesg' for more information."
OUT_OF_RANGE = "Numerical result out of range."
NOT_BUILTIN = "Bad built-in chain name."
BAD_POLICY = "Bad policy name. Run `dmesg' for more information."


def refused(message: str, hint: str = "") -> RuleRefused:
    """What the kernel (or the library that speaks to it) says. The place is filled in by who knows the line."""
    return RuleRefused(message, manner=KERNEL, hint=hint)
