"""Packets recognised where netfilter does not touch them: between two hooks, and on the way out."""

from __future__ import annotations


def identity(raw: bytes) -> bytes:
    """What makes a packet recognisable: all but TTL, TOS, DF and the checksums still to be filled in.

    DF goes where a datagram of the box to itself is taken apart for loopback and put together again.
    """
    l4 = (raw[0] & 15) * 4 if raw else 0
    return (
        raw[2:6]
        + bytes(byte & 0xBF for byte in raw[6:7])
        + raw[7:8]
        + raw[9:10]
        + raw[12:20]
        + raw[l4 : l4 + 6]
        + raw[l4 + 8 : l4 + 16]
        + raw[l4 + 18 : l4 + 48]
    )


def datagram(raw: bytes) -> bytes:
    """What the fragments of a datagram share."""
    return raw[4:6] + raw[9:10] + raw[12:20]
