"""The inspector's view of a packet: scapy's layers, without scapy looking at this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor import wire
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import ACK, SYN
from tests.capture.files import CLIENT, PACKET, SERVER

QUERY = craft.udp(CLIENT, SERVER, 4000, 53, bytes.fromhex("000701000001000000000000") + b"\3www\7example\3com\0\0\1\0\1")


def layers(raw: bytes) -> dict[str, dict[str, str]]:
    return {layer.name: {field.name: field.text for field in layer.fields} for layer in wire.dissect(raw)}


def bytes_of(raw: bytes) -> dict[str, bytes]:
    """The bytes said to be a field's, by ``layer.field``."""
    return {f"{layer.name}.{field.name}": raw[field.start : field.end] for layer in wire.dissect(raw) for field in layer.fields}


def test_a_syn_is_ip_and_tcp_with_numbers_for_ports() -> None:
    options = bytes.fromhex("020405b40402080a000000070000000001030307")
    found = layers(craft.tcp(CLIENT, SERVER, 4000, 22, SYN, seq=7, options=options))
    assert list(found) == ["IP", "TCP"]
    assert (found["IP"]["src"], found["IP"]["dst"], found["IP"]["proto"]) == ("203.0.113.9", "203.0.113.1", "tcp")
    tcp = found["TCP"]
    assert (tcp["sport"], tcp["dport"], tcp["flags"], tcp["seq"]) == ("4000", "22", "SYN", "7")
    assert tcp["options"] == "MSS 1460, SAckOK, Timestamp 7 0, NOP, WScale 7"


def test_an_unknown_tcp_option_is_a_number_and_its_bytes() -> None:
    found = layers(craft.tcp(CLIENT, SERVER, 4000, 22, SYN | ACK, options=b"\xfe\x04\xab\xcd"))
    assert (found["TCP"]["flags"], found["TCP"]["options"]) == ("SYN+ACK", "option 254 ab cd")


def test_a_query_is_taken_apart_to_its_name() -> None:
    assert layers(QUERY)["DNS"]["qd"] == "www.example.com. A IN"


def test_an_icmp_error_shows_the_packet_it_quotes() -> None:
    found = layers(craft.icmp(SERVER, CLIENT, 3, 3, 0, PACKET[:28]))
    assert list(found) == ["IP", "ICMP", "IP in ICMP", "TCP in ICMP"]
    assert found["TCP in ICMP"]["dport"] == "1337"


LONG = craft.tcp(SERVER, CLIENT, 4000, 22, SYN, payload=b"x" * 300)
EXTENSION = bytes.fromhex("2000dfff0008010100001101")


@pytest.mark.parametrize("quote", [LONG, LONG[:128] + EXTENSION], ids=["long", "what-might-be-one"])
def test_a_quote_of_any_length_is_no_extension_where_its_length_is_not_told(quote: bytes) -> None:
    found = layers(craft.icmp(SERVER, CLIENT, 3, 3, 0, quote))
    assert list(found) == ["IP", "ICMP", "IP in ICMP", "TCP in ICMP", "Raw"]
    assert "ext" not in found["ICMP"]
    assert found["Raw"]["load"].startswith(f"{len(quote) - 40} bytes")


def test_an_extension_stands_where_the_length_of_the_quote_says() -> None:
    raw = craft.icmp(SERVER, CLIENT, 11, 0, 32 << 16, LONG[:128] + EXTENSION)
    assert "ICMP Extension Header" in layers(raw)["ICMP"]["ext"]
    assert bytes_of(raw)["ICMP.ext"] == EXTENSION
    assert layers(raw)["Raw"]["load"].startswith("88 bytes")


def test_every_field_has_its_bytes() -> None:
    found = bytes_of(craft.tcp(CLIENT, SERVER, 4000, 22, SYN, seq=7, options=b"\2\4\5\xb4", payload=b"abc"))
    assert found["IP.src"] == bytes([203, 0, 113, 9])
    assert (found["IP.version"], found["IP.ihl"]) == (b"E", b"E")
    assert (found["TCP.dport"], found["TCP.seq"], found["TCP.options"]) == (b"\0\x16", b"\0\0\0\7", b"\2\4\5\xb4")
    assert found["Raw.load"] == b"abc"
    assert bytes_of(QUERY)["DNS.qd"] == b"\3www\7example\3com\0\0\1\0\1"


def test_two_versions_are_told_apart_field_by_field() -> None:
    before, after = (wire.dissect(craft.udp(CLIENT, to, 4000, port, b"x")) for to, port in ((SERVER, 53), (CLIENT, 54)))
    found = wire.pairs(before, after)
    assert [(layer, [pair.name for pair in rows if pair.differs]) for layer, rows in found if any(pair.differs for pair in rows)] == [
        ("IP", ["chksum", "dst"]),
        ("UDP", ["dport", "chksum"]),
    ]
    cut = wire.pairs(before, before[:1])
    assert [pair.after for pair in cut[1][1]] == [None] * len(cut[1][1])


def test_a_payload_shows_its_size_and_its_letters() -> None:
    found = layers(craft.udp(CLIENT, SERVER, 1, 2, b"hello\x1b[2J\n"))
    assert found["Raw"]["load"] == "10 bytes: hello.[2J."


def test_a_broken_packet_is_raw() -> None:
    assert wire.dissect(b"") == []
    assert [layer.name for layer in wire.dissect(PACKET[:9])] == ["Raw"]


@settings(max_examples=300, deadline=None)
@given(
    base=st.sampled_from([b"", PACKET, QUERY, craft.icmp(SERVER, CLIENT, 3, 3, 0, PACKET * 5)]),
    edits=st.lists(st.tuples(st.integers(0, 80), st.binary(max_size=8)), max_size=5),
)
def test_any_bytes_are_taken_apart_into_printable_text(base: bytes, edits: list[tuple[int, bytes]]) -> None:
    for at, new in edits:
        base = base[:at] + new + base[at + len(new) :]
    for layer in wire.dissect(base):
        for field in layer.fields:
            assert field.text.isprintable()
            assert len(field.text) <= wire.MAX_TEXT
            assert 0 <= field.start <= field.end <= len(base)


def test_the_hex_dump_has_offset_bytes_and_letters() -> None:
    assert wire.hex_dump(b"0123456789abcdef\x00\xffz") == [
        "0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef",
        "0010  00 ff 7a                                         ..z",
    ]


def test_loading_scapy_opens_no_socket_and_writes_no_file(tmp_path: Path) -> None:
    code = """
import socket
def no(*args, **kwargs): raise SystemExit(f"a socket: {args}")
socket.socket = no
from fwtutor import wire
wire.load()
import logging, sys
print(wire.dissect(bytes.fromhex(sys.argv[1]))[0][0], "scapy.all" in sys.modules)
"""
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(Path(wire.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code, PACKET.hex()], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("IP False\n", "", 0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_scapy_is_imported_only_when_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import fwtutor.wire, sys; print([name for name in sys.modules if name.startswith('scapy')])"],
        capture_output=True, text=True, timeout=60, check=True, cwd=Path(wire.__file__).parents[1],
    )  # fmt: skip
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["fwtutor.netfilter.packet", "fwtutor.capture", "fwtutor.badinput"])
def test_reading_packets_needs_no_scapy(name: str) -> None:
    code = f"import {name}, sys; print('scapy' in sys.modules, 'textual' in sys.modules)"
    root = Path(wire.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=root)
    assert done.stdout == "False False\n"
