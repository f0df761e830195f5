"""What can keep the kernel from being asked."""

from __future__ import annotations


class KernelUnavailable(RuntimeError):
    """This machine cannot be asked; the message says what is missing."""


class RulesetRefused(ValueError):
    """The kernel's iptables refused the ruleset; the message has its words."""
