"""Packets in the words of the prompt: how ``send`` takes them is how they are told."""

from __future__ import annotations

from fwtutor.netfilter.packet import ICMP, TCP, UDP, Packet

ICMP_NAMES = {(8, 0): "echo", (0, 0): "echo-reply", (13, 0): "timestamp", (14, 0): "timestamp-reply"}
ERRORS = (3, 4, 5, 11, 12)
"""ICMP types that quote a packet."""
UNREACHABLE = {
    0: "Network is unreachable", 1: "No route to host", 2: "Protocol not available", 3: "Connection refused", 4: "Message too long",
    5: "Operation not supported", 6: "Network is unreachable", 7: "Host is down", 8: "Machine is not on the network",
    9: "Network is unreachable", 10: "No route to host", 11: "Network is unreachable", 12: "No route to host", 13: "No route to host",
    14: "No route to host", 15: "No route to host",
}  # fmt: skip
"""What a program is told after an ICMP destination unreachable of that code."""


def describe(packet: Packet) -> str:
    """One line: ``tcp 203.0.113.1:22 > 203.0.113.9:4000 SYN+ACK seq=1 ack=2 win=64240``."""
    if packet.protocol == TCP:
        flags = "+".join(packet.flag_names) or "none"
        text = f"tcp {packet.source}:{packet.sport} > {packet.destination}:{packet.dport} {flags} seq={packet.seq}"
        if "ACK" in packet.flag_names:
            text += f" ack={packet.ack}"
        text += f" win={packet.window}"
    elif packet.protocol == UDP:
        text = f"udp {packet.source}:{packet.sport} > {packet.destination}:{packet.dport}"
    elif packet.protocol == ICMP:
        kind = ICMP_NAMES.get((packet.icmp_type, packet.icmp_code), f"{packet.icmp_type}/{packet.icmp_code}")
        return f"icmp {packet.source} > {packet.destination} {kind}"
    else:
        return f"protocol {packet.protocol} {packet.source} > {packet.destination}"
    length = len(packet.payload)
    return f"{text} ({length} bytes)" if length else text
