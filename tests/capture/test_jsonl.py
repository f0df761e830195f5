"""A jsonl line is a packet as it is written, or a sentence that names the file, the line and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.badinput import BadInput
from fwtutor.capture import Seen, read_packets
from tests.capture.files import PACKET

GOOD: dict[str, Any] = {"t": 0.25, "in": "wan", "hex": PACKET.hex()}


def read(folder: Path, *lines: str | bytes) -> tuple[list[Seen], list[str]]:
    path = folder / "packets.jsonl"
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines) + b"\n")
    notes: list[str] = []
    return list(read_packets(path, notes.append)), notes


def test_a_line_is_a_packet_with_its_bytes_untouched(tmp_path: Path) -> None:
    (seen,), notes = read(tmp_path, json.dumps(GOOD))
    assert (seen.number, seen.at, seen.interface, seen.raw, seen.outgoing) == (1, 250_000_000, "wan", PACKET, False)
    assert notes == []


def test_in_null_is_sent_by_the_box_and_a_missing_in_says_nothing(tmp_path: Path) -> None:
    sent, unknown = read(tmp_path, json.dumps(GOOD | {"in": None}), json.dumps({"t": 1, "hex": "45"}))[0]
    assert (sent.interface, sent.outgoing) == (None, True)
    assert (unknown.interface, unknown.outgoing) == (None, None)


def test_what_the_wire_or_the_box_knows_beside_the_bytes_is_read(tmp_path: Path) -> None:
    extras = {"mac": "02:00:00:00:00:0A", "link": "broadcast", "uid": 1001, "gid": 7, "mark": 4294967295}
    (seen,), _ = read(tmp_path, json.dumps(GOOD | extras))
    assert (seen.mac, seen.link, seen.uid, seen.gid, seen.mark) == tuple(extras.values())


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    assert [seen.number for seen in read(tmp_path, "", json.dumps(GOOD), "  ", json.dumps(GOOD))[0]] == [2, 4]


def test_an_unknown_field_is_noted_once(tmp_path: Path) -> None:
    packets, notes = read(tmp_path, json.dumps(GOOD | {"ulid": 1}), json.dumps(GOOD | {"ulid": 2}))
    assert len(packets) == 2
    assert notes == ['packets.jsonl, line 1: the field "ulid" means nothing here (known are t, in, hex, mac, link, uid, gid, mark)']


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"t": 0', "packets.jsonl, line 2, column 8: not JSON"),
        ("[1]", "packets.jsonl, line 2: an object is wanted"),
        (b"\xff\xfe{}", "packets.jsonl, line 2: not UTF-8 text"),
        ("[" * 100_000, "packets.jsonl, line 2: not JSON anyone would write"),
        ('{"t": ' + "9" * 5000 + "}", "packets.jsonl, line 2: not JSON anyone would write"),
        ('{"a": "' + "x" * 300_000 + '"}', "packets.jsonl, line 2: the line is longer than 262144 bytes"),
        (json.dumps({"in": "wan", "hex": "45"}), 'packets.jsonl, line 2: the field "t" is missing: a time in seconds'),
        (json.dumps({"t": 0, "in": "wan"}), 'packets.jsonl, line 2: the field "hex" is missing'),
        (json.dumps(GOOD | {"t": -1}), 'packets.jsonl, line 2, field "t": a time in seconds, 0 or more is wanted, not -1'),
        (json.dumps(GOOD | {"t": True}), 'packets.jsonl, line 2, field "t"'),
        (json.dumps(GOOD | {"t": float("nan")}), 'packets.jsonl, line 2, field "t"'),
        (json.dumps(GOOD | {"t": 10**400}), 'packets.jsonl, line 2, field "t"'),
        (json.dumps(GOOD | {"in": 5}), 'packets.jsonl, line 2, field "in"'),
        (json.dumps(GOOD | {"hex": "450"}), 'packets.jsonl, line 2, field "hex": an IP packet in hex digits, two for each byte'),
        (json.dumps(GOOD | {"hex": 45}), 'packets.jsonl, line 2, field "hex"'),
        (json.dumps(GOOD | {"mac": "02-00"}), 'packets.jsonl, line 2, field "mac"'),
        (json.dumps(GOOD | {"link": "everyone"}), 'packets.jsonl, line 2, field "link"'),
        (json.dumps(GOOD | {"uid": -1}), 'packets.jsonl, line 2, field "uid"'),
        (json.dumps(GOOD | {"mark": 1.5}), 'packets.jsonl, line 2, field "mark"'),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_broken_line_is_told_by_file_line_and_field(tmp_path: Path, line: str | bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, json.dumps(GOOD), line)
    assert str(caught.value).startswith(said)
    assert "\x1b" not in str(caught.value)


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(found=st.dictionaries(st.sampled_from(["t", "in", "hex", "mac", "link", "uid", "gid", "mark", "?"]), ANY), over=st.booleans())
def test_any_object_is_a_packet_or_one_clear_sentence(tmp_path_factory: pytest.TempPathFactory, found: dict[str, Any], over: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(json.dumps(GOOD | found if over else found) + "\n")
    try:
        list(read_packets(path))
    except BadInput as error:
        assert str(error).startswith("any.jsonl, line 1")


def test_a_file_full_of_unknown_fields_is_told_of_the_first_ones_in_their_order(tmp_path: Path) -> None:
    _, notes = read(tmp_path, *(json.dumps(GOOD | {f"{letter}{line}": 1 for letter in "xyz"}) for line in range(20)))
    assert [note.split('"')[1] for note in notes] == ["x0", "y0", "z0", "x1", "y1", "z1", "x2", "y2"]
