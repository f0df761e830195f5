"""A ruleset reviewed: what in it can never match, and why. It knows rules, and no packets."""
