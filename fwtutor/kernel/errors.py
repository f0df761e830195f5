"""What can keep the kernel from being asked."""

from __future__ import annotations


class KernelUnavailable(RuntimeError):
    """The kernel could not be asked; the message says what this machine lacks, or what else kept it from being done."""


class RulesetRefused(ValueError):
    """The kernel's iptables refused the ruleset; the message has its words."""
