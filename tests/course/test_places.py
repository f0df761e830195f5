"""Lines of TOML fields: where a person would look for them."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, strategies as st

from fwtutor.course.places import Path, Places, field_name

TEXT = '''title = "a [b] # no comment"
# a comment
long = """
[[not.a.table]]
x = 1 "quoted" """
'literal' = 'back\\'

[hosts.server]
interfaces = { wan = ["a", # why
  "b"], lan = [] }
"odd.name" = 5
[hosts.alice]
a.b.c = 1

[[stages]]
traffic = [
    { host = "x", run = "{ ] \\" =" },
    # a comment, and a list over lines
    { host = "y", run = ["z",
      "w"] },
]
[[stages.predictions]]
id = 1
[[stages.predictions]]
id = 2
[[stages]]
  [stages.ask]
  what = 2024-01-01
  [[stages.predictions]]
  id = 3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("long",), 3),
        (("literal",), 6),
        (("hosts", "server"), 8),
        (("hosts", "server", "interfaces", "wan", 1), 9),
        (("hosts", "server", "interfaces", "wan", 2), 10),
        (("hosts", "server", "interfaces", "lan"), 10),
        (("hosts", "server", "odd.name"), 11),
        (("hosts", "alice", "a", "b", "c"), 13),
        (("stages", 1), 15),
        (("stages", 1, "traffic", 1, "run"), 17),
        (("stages", 1, "traffic", 2, "host"), 19),
        (("stages", 1, "traffic", 2, "run", 2), 20),
        (("stages", 1, "predictions", 2, "id"), 25),
        (("stages", 2), 26),
        (("stages", 2, "ask", "what"), 28),
        (("stages", 2, "predictions", 1, "id"), 30),
        (("stages", 2, "predictions", 1, "missing"), 29),
        (("nowhere",), 1),
    ],
)
def test_a_field_is_found_on_its_line(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert Places(TEXT).line(path) == line


def test_a_path_is_written_as_people_count() -> None:
    assert field_name(("stages", 2, "traffic", 1, "host")) == "stages[2].traffic[1].host"
    assert field_name(()) == ""


@given(st.text(alphabet="ab=[]{}\"'\\#.,\n 1", max_size=60))
def test_whatever_is_toml_can_be_followed(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    places = Places(text)
    assert 1 <= places.line(("a",)) <= text.count("\n") + 1
