"""Packets in the words of the prompt: how ``send`` takes them is how they are told."""

from __future__ import annotations

from fwtutor.netfilter.packet import ICMP, ICMPV6, TCP, UDP, Packet
from fwtutor.network.ends import destination_of, ends_of, source_of

ICMP_NAMES = {
    4: {(8, 0): "echo", (0, 0): "echo-reply", (13, 0): "timestamp", (14, 0): "timestamp-reply"},
    6: {(128, 0): "echo", (129, 0): "echo-reply"},
}
"""By family and (type, code)."""
MAX_SHOWN = 200


def describe(packet: Packet) -> str:
    """One line: ``tcp 203.0.113.1:22 > 203.0.113.9:4000 SYN+ACK seq=1 ack=2 win=64240``."""
    if packet.protocol == TCP:
        flags = "+".join(packet.flag_names) or "none"
        text = f"tcp {ends_of(packet)} {flags} seq={packet.seq}"
        if "ACK" in packet.flag_names:
            text += f" ack={packet.ack}"
        text += f" win={packet.window}"
    elif packet.protocol == UDP:
        text = f"udp {ends_of(packet)}"
    elif packet.protocol in (ICMP, ICMPV6):
        kind = ICMP_NAMES[packet.family].get((packet.icmp_type, packet.icmp_code), f"{packet.icmp_type}/{packet.icmp_code}")
        return f"{'icmp' if packet.protocol == ICMP else 'icmpv6'} {source_of(packet)} > {destination_of(packet)} {kind}"
    else:
        return f"protocol {packet.protocol} {source_of(packet)} > {destination_of(packet)}"
    length = len(packet.payload)
    return f"{text} ({length} bytes)" if length else text


def shown(data: bytes, most: int = MAX_SHOWN) -> str:
    """Bytes as one line of a console; control characters become escapes."""
    text = data[:most].decode("utf-8", "backslashreplace").rstrip("\r\n")
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text + (" ..." if len(data) > most else "")
