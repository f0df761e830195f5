"""A sandbox's file: opened again it is the same run, record by record; whatever else stands in one, an error says where and why."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.badinput import BadInput
from fwtutor.course.loader import find_lesson
from fwtutor.course.model import LessonError
from fwtutor.course.networks import ready_made, ready_network
from fwtutor.network.records import CommandRun, Record, Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.recording import Run, Scenario, Session
from fwtutor.sandbox.making import make
from fwtutor.sandbox.model import MAX_TOTAL, Sandbox, taken
from fwtutor.sandbox.reading import parse, read
from fwtutor.sandbox.writing import save, written

ROOT = Path(__file__).parents[2]
CAPTURE, RULES = ROOT / "assets" / "handshake.pcap", ROOT / "assets" / "too-open.rules"
SMALL = """
watch = "box"
[hosts.box]
interfaces = { eth0 = ["10.0.0.1/24"] }
[hosts.peer]
interfaces = { eth0 = ["10.0.0.2/24"] }
[[links]]
name = "lan"
joins = ["box:eth0", "peer:eth0"]
"""


def said(record: Record) -> str:
    """A record with all that can be told of it, bytes included."""
    common = record.index, record.at, record.host, record.cause, record.ordinal
    if isinstance(record, Walked):
        walk = record.walk
        return repr((*common, walk.packet.raw, walk.steps, walk.path, walk.states, walk.out, walk.changes, walk.entry))
    if isinstance(record, CommandRun):
        return repr((*common, record.line, record.output, record.refused, record.learner, record.changes))
    return repr((*common, record.what, record.changes))


def told(run: Run) -> list[str]:
    return [said(record) for record in run.records]


def played(scenario: Scenario) -> Session:
    """A session with an input in the past, two at the end, something taken back, and the cursor within a packet."""
    session = Session(scenario)
    hosts = [host.name for host in scenario.topology.hosts]
    first, other = scenario.watch, next(name for name in hosts if name != scenario.watch)
    session.cursor.to_end()
    session.enter(other, f"ping -c 2 {first}")
    session.cursor.seek(2)
    session.enter(first, "iptables -I INPUT -p icmp -j LOG --log-prefix 'a \"b\" \\\\ '")
    session.cursor.to_end()
    session.enter(other, f"nmap -sS -p 20-25 {first}")
    session.undo()
    session.enter(first, "conntrack -D -p tcp")
    session.cursor.seek(4, 3)
    return session


def scenarios() -> list[Scenario]:
    packets = make("one-server", rules=RULES, capture=CAPTURE).scenario
    return [
        find_lesson("too-open").scenario,
        packets,
        Scenario(ready_network("ipv6-site", seed=7)),
        Scenario(parse("x", SMALL).scenario.topology),
    ]


@pytest.mark.parametrize("scenario", scenarios(), ids=["lesson", "capture", "ipv6-site", "small"])
def test_a_file_opened_again_is_the_same_runs_record_by_record_and_byte_by_byte(scenario: Scenario, tmp_path: Path) -> None:
    session = played(scenario)
    kept = taken(session, "title", (scenario.watch,))
    save(kept, tmp_path / "a.fwt")
    again = read(tmp_path / "a.fwt")
    assert again == kept
    opened = again.opened()
    assert [told(run) for run in opened.runs] == [told(run) for run in session.runs]
    assert opened.runs.index(opened.run) == session.runs.index(session.run)
    assert (opened.cursor.index, opened.cursor.step) == (session.cursor.index, session.cursor.step)
    assert opened.cursor.view == session.cursor.view
    assert written(taken(opened, "title", (scenario.watch,))) == written(kept)


def test_what_is_opened_can_be_gone_on_with_like_the_original() -> None:
    session = played(find_lesson("too-open").scenario)
    opened = parse("x", written(taken(session, "t", ("server",)))).opened()
    for each in (session, opened):
        each.cursor.to_end()
        each.enter("attacker", "connect 203.0.113.1:1337")
        each.undo()
        each.enter("attacker", "connect 203.0.113.1:22")
    assert told(session.run) == told(opened.run)


def test_a_seed_of_the_scenario_is_kept() -> None:
    session = Session(Scenario(ready_network("office"), seed=99))
    session.enter("alice", "connect 203.0.113.1:22")
    assert told(parse("x", written(taken(session, "t", ("alice",)))).opened().run) == told(session.run)


def test_runs_that_would_take_too_long_to_open_are_left_out_but_not_the_present_one() -> None:
    session = Session(Scenario(ready_network("office")))
    for number in range(25):
        session.cursor.to_start()
        session.enter("alice", f"connect 203.0.113.1:{number + 1}")
        session.cursor.move()
    kept = taken(session, "t", ("alice",))
    assert len(kept.runs) <= 20
    assert kept.runs[kept.run] == tuple(session.run.inputs)
    assert sum(len(Run(kept.scenario, inputs).records) for inputs in kept.runs) <= MAX_TOTAL


# --- text that a file has to carry ----------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(line=TEXTS, title=TEXTS, rules=st.text(st.sampled_from("# \"\\\n\t'x\r\x1b\x7f\u2028é"), max_size=40), name=TEXTS)
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back_as_it_was(line: str, title: str, rules: str, name: str) -> None:
    topology = parse("x", SMALL).scenario.topology
    rules = "".join(f"# {part}\n" for part in rules.split("\n")) if rules else ""
    host = replace(topology.host("box"), rules=rules, files={"/etc/motd": "a\nb\n"})
    topology = replace(topology, hosts=(host, topology.host("peer")))
    session = Session(Scenario(topology))
    session.enter("peer", "echo x > /tmp/a")
    clean = "".join(letter for letter in title if letter.isprintable()) or "t"
    kept = replace(taken(session, clean, ("peer",)), runs=((replace(session.run.inputs[0], line=line),),), run=0)
    assert parse("x", written(kept)) == kept


def test_everything_a_topology_can_say_is_written_down() -> None:
    one = HostSpec(
        "ö-1", {"eth0": ("10.0.0.1/24", "2001:db8::1/64"), "x.y": ()}, {"default": ("eth0", "10.0.0.2"), "2001:db8:1::/64": "eth0"},
        ("ssh:22", "http:127.0.0.1:80 as web"), "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", {"net.ipv4.ip_forward": 1},
        "a title", {"eth0": 1400}, (UserSpec("web", 33), UserSpec("al", 1000, 'p"w\\')), {"/etc/hosts.deny": "ALL: ALL\n"},
        "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
    )  # fmt: skip
    two = HostSpec("b", {"e": ("10.0.0.2/24",)})
    link = LinkSpec("l", ("ö-1:eth0", "b:e"), 0.5, 0.25, 1300, discovery=True, arp=False)
    for value in (one, link, one.users[1]):
        assert all(getattr(value, each.name) != each.default for each in fields(value)), "say something in every field"
        assert all(getattr(value, each.name) for each in fields(value) if each.name != "arp")
    kept = Sandbox("t", Scenario(Topology((one, two), (link,), 5)), ("b",))
    assert parse("x", written(kept)) == kept


# --- files that are none --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("version = 2" + SMALL, "x:1: version: is 2; this fwtutor reads 1"),
        ("prompts = ['nobody']" + SMALL, 'x:1: prompts[1]: "nobody" is no host'),
        (SMALL.replace('"box"\n', '"cat"\n', 1), "x:2: watch: "),
        ("surprise = 1" + SMALL, "x:1: surprise: there is no such field"),
        ("packets = [{ ns = 0, in = 'eth9', hex = '45' }]" + SMALL, "interface: box has no interface 'eth9'"),
        ("packets = [{ ns = 0, hex = '4x' }]" + SMALL, "x:1: packets[1].hex: is not written in hexadecimal digits"),
        ("packets = [{ ns = 0, hex = '45', mac = 'zz' }]" + SMALL, "x:1: packets[1].mac: is not a link address"),
        ("packets = [\n{ ns = -1, hex = '45' }]" + SMALL, "x:2: packets[1].ns: is not between"),
        ("script = [{ host = 'box', line = 'x', stage = 1000 }]" + SMALL, "x:1: script[1].stage: is not between"),
        ("run = 2" + SMALL, "x:1: run: is not between 1 and 1"),
        ("runs = [{ inputs = [{ host = 'box' }] }]" + SMALL, "x:1: runs[1].inputs[1].line: is missing"),
        ("cursor = { record = -2 }" + SMALL, "x:1: cursor.record: is not between"),
        ("[hosts.box]\ninterfaces = {}\nrules = '-A INPUT'\n", "x:3: hosts.box.rules: line 1: "),
        ("hosts = 3", "x:1: hosts: is not a table"),
        ("= 3", "x:1: is not TOML"),
        ("network = 'moon'", "x:1: network: "),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_field(text: str, where: str) -> None:
    with pytest.raises(LessonError) as caught:
        parse("x", text)
    assert where in str(caught.value)


@pytest.mark.parametrize("after", [0, 5, 99, 10**6])
def test_an_input_without_its_place_in_the_run_is_refused(after: int) -> None:
    first = "{ host = 'peer', line = 'ping -c 1 box' }"
    text = f"runs = [{{ inputs = [{first}, {{ after = {after}, host = 'box', line = 'echo' }}] }}]" + SMALL
    if after == 5:
        parse("x", text).opened("it")
        return
    with pytest.raises(BadInput, match=re.escape("it: runs[1].inputs[2]: this run has no such place")):
        parse("x", text).opened("it")


def test_a_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "bytes.fwt").write_bytes(b"\xff\xfe")
    (tmp_path / "big.fwt").write_bytes(b"#" * (9 << 20))
    for name, why in (("none.fwt", "there is no such file"), ("bytes.fwt", "is not UTF-8"), ("big.fwt", "is larger than")):
        with pytest.raises(BadInput, match=why):
            read(tmp_path / name)
    with pytest.raises(BadInput, match="not a regular file"):
        read(tmp_path)


PIECES = ["", "0", "-1", '"', "]", "{", "\n", "\\", "99999999999", "after", "eth9", "10.0.0.1/33", "\u202e", "nmap box"]
VALID = written(taken(played(Scenario(parse("x", SMALL).scenario.topology)), "t", ("peer",)))


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_a_file_that_somebody_changed_opens_or_is_refused_with_a_sentence(data: st.DataObject) -> None:
    text = VALID
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        put = data.draw(st.sampled_from(PIECES))
        text = text[:at] + put + text[at + length :]
    try:
        parse("x", text).opened("x")
    except (LessonError, BadInput) as error:
        assert str(error)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises((LessonError, BadInput)):
        parse("x", text).opened("x")


# --- writing --------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_never_replaced_unasked(tmp_path: Path) -> None:
    path, kept = tmp_path / "a.fwt", Sandbox("t", Scenario(ready_network("office")), ("alice",))
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        save(kept, path)
    assert path.read_text() == "mine"
    save(kept, path, replace=True)
    assert read(path) == kept
    assert [each.name for each in tmp_path.iterdir()] == ["a.fwt"]


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        save(Sandbox("t", Scenario(ready_network("office")), ("alice",)), tmp_path / "none" / "a.fwt")
    (tmp_path / "a.fwt").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(Sandbox("t", Scenario(ready_network("office")), ("alice",)), tmp_path / "a.fwt", replace=True)
    assert [each.name for each in tmp_path.iterdir()] == ["a.fwt"]


def test_every_ready_made_network_is_a_sandbox_and_can_be_kept() -> None:
    for name in ready_made():
        kept = make(name)
        assert parse("x", written(kept)) == kept
        assert kept.prompts[0] == kept.scenario.watch
