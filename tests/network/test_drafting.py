"""A packet's fields make a line of ``send``, and the line makes the packet again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, FIN, PSH, SYN, Packet
from fwtutor.network.crafting import craft_packet
from fwtutor.network.drafting import FIELDS, command, complaint, draft_of, fields_of

A, B = 0xCB007109, 0xCB007101
A6, B6 = 0x20010DB8 << 96 | 9, 0x20010DB8 << 96 | 1


def made(line: str) -> Packet:
    return Packet(craft_packet(line.removeprefix("send "), 0, lambda ends: None, lambda protocol, ends: None)[0])


@pytest.mark.parametrize(
    "raw",
    [
        craft.tcp(A, B, 4000, 22, SYN, 7, 0), craft.tcp(A, B, 4000, 22, PSH | ACK | FIN, 7, 9, 500, b'say "x" \\ > y'),
        craft.tcp(A, B, 1, 2, 0, 0, 0), craft.udp(A, B, 53, 53, b"hello"), craft.icmp(A, B, 8, 0, 5 << 16 | 3, b""),
        craft.tcp(A6, B6, 4000, 22, SYN, 7, 0, family=6), craft.icmp(A6, B6, 128, 0, 5 << 16 | 3, b"", family=6),
        craft.icmp(A, B, 13, 0, 1, bytes(12)),
    ],
)  # fmt: skip
def test_the_line_of_a_packet_makes_that_packet_again(raw: bytes) -> None:
    packet = Packet(raw)
    draft = draft_of(packet)
    assert complaint(draft) == ""
    again = made(command(draft))
    kept = ("family", "src", "dst", "protocol", "sport", "dport", "flags", "seq", "ack", "icmp_type", "icmp_code", "window")
    assert [getattr(again, name) for name in kept] == [getattr(packet, name) for name in kept]
    assert bytes(again.payload) == bytes(packet.payload)


def test_this_packet_again_but_with_another_port_and_ttl() -> None:
    draft = draft_of(Packet(craft.tcp(A, B, 4000, 22, SYN, 7, 0))) | {"dport": "1337", "ttl": "3"}
    packet = made(command(draft))
    assert (packet.dport, packet.ttl, packet.seq) == (1337, 3, 7)


def test_of_a_packet_that_send_cannot_make_a_syn_is_offered() -> None:
    assert draft_of(None, "10.0.0.1", "10.0.0.2") == {"kind": "tcp", "source": "10.0.0.1", "destination": "10.0.0.2", "flags": "SYN"}
    assert draft_of(Packet(b"x"))["flags"] == "SYN"


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("dport", "", "to port is empty"), ("dport", "99999", "port '99999'"), ("source", "cat", "'cat' is no address"),
        ("ttl", "x", "ttl 'x'"), ("flags", "SYNC", "'SYNC' is none of the flags"), ("kind", "sctp", "'sctp' is none of tcp"),
        ("source", "::1", "no packet has both"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_field_is_said_in_sends_words(field: str, value: str, wrong: str) -> None:
    assert wrong in complaint(draft_of(Packet(craft.tcp(A, B, 4000, 22, SYN, 7, 0))) | {field: value})


def test_each_protocol_has_its_fields() -> None:
    names = {kind: [field.name for field in fields_of(kind)] for kind in ("tcp", "udp", "icmp")}
    assert "flags" in names["tcp"]
    assert names["udp"] == ["kind", "source", "sport", "destination", "dport", "ttl", "data"]
    assert "sport" not in names["icmp"]
    assert fields_of("no such") == FIELDS


@given(st.fixed_dictionaries({}, optional={field.name: st.text(max_size=8) for field in FIELDS}))
@settings(max_examples=200, deadline=None)
def test_whatever_is_filled_in_there_is_a_line_or_a_complaint(draft: dict[str, str]) -> None:
    if not complaint(draft):
        made(command(draft))
