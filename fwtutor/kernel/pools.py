"""The addresses and ports that random rules and random traffic share."""

from __future__ import annotations

WAN_BOX, LAN_BOX = "203.0.113.1", "192.168.0.1"
"""The box's own addresses."""
FAR = ("203.0.113.9", "203.0.113.77", "198.51.100.53", "198.51.100.80")
"""Hosts behind wan."""
NEAR = ("192.168.0.20", "192.168.7.7")
"""Hosts behind lan."""
TO_MANY = ("0.0.0.0", "255.255.255.255", "203.0.113.255", "192.168.255.255", "224.0.0.1", "239.1.2.3")
"""What the box itself sends there also comes back to it, and that is not simulated."""
ODD = (*TO_MANY, "127.0.0.1", "203.0.113.0", "240.0.0.1")
"""Addresses that routing has opinions about."""
PORTS = (22, 53, 80, 1337, 4000, 4001, 50000)
INTERFACES = {"wan": (f"{WAN_BOX}/24",), "lan": (f"{LAN_BOX}/16",)}
