"""Helpers: what reads the packets of a connection to learn which other connections belong to it. One file each; ``HELPERS`` finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.registry import Registry

if TYPE_CHECKING:
    from fwtutor.netfilter.conntrack.helpers.helper import Helper

HELPERS: Registry[Helper] = Registry(__name__, {"ftp": "ftp.FTP", "irc": "irc.IRC", "sip": "sip.SIP", "tftp": "tftp.TFTP"})

ELSEWHERE = frozenset({"amanda", "netbios-ns", "pptp", "Q.931", "RAS", "sane", "snmp"})
"""Helpers the kernel has and fwtutor does not simulate."""
