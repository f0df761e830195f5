"""What one box does with one packet at the IP layer: rules, connection tracking, and the record of both.

Pure: packets and times come in, Walks come out. No clock, no sockets, no randomness.
"""

from fwtutor.netfilter.firewall import Firewall, NotSimulated
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import Explanation, why
from fwtutor.netfilter.xtables.errors import RuleRefused

__all__ = ["Explanation", "Firewall", "NotSimulated", "RuleRefused", "Walk", "why"]
