"""Helpers: what reads the packets of a connection to learn which other connections belong to it. One file each; ``HELPERS`` finds them."""

from __future__ import annotations

from fwtutor.netfilter.conntrack.helpers.ftp import FTP
from fwtutor.netfilter.conntrack.helpers.helper import Helper
from fwtutor.netfilter.conntrack.helpers.irc import IRC
from fwtutor.netfilter.conntrack.helpers.sip import SIP
from fwtutor.netfilter.conntrack.helpers.tftp import TFTP

HELPERS: dict[str, Helper] = {helper.name: helper for helper in (FTP, IRC, SIP, TFTP)}

ELSEWHERE = frozenset({"amanda", "netbios-ns", "pptp", "Q.931", "RAS", "sane", "snmp"})
"""Helpers the kernel has and fwtutor does not simulate."""
