"""A session: inputs append at the end and branch in the past, nothing entered is ever lost, and looking changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.steps import Arrived
from fwtutor.network.records import CommandRun, Walked
from fwtutor.recording import Scenario, Scripted, Session
from fwtutor.recording.looking import look
from tests.netfilter.boxes import STATEFUL
from tests.network.worlds import SERVER, cast, story
from tests.recording.scenes import check_view, too_open

OPEN_22 = "iptables -I INPUT 1 -p tcp --dport 22 -j ACCEPT"


def verdict_of_the_syn_to_22(session: Session) -> str:
    """What became of the attacker's SYN to 22 at the server."""
    for record in session.run.records:
        if isinstance(record, Walked) and record.host == "server" and record.walk.packet.dport == 22 and record.walk.packet.sport == 4000:
            return record.walk.verdict
    raise AssertionError("it never came")


def commands(session: Session) -> list[str]:
    """What was entered, by the first word."""
    return [record.line.split()[0] for record in session.run.records if isinstance(record, CommandRun)]


def go_to_the_syn_to_22(session: Session) -> None:
    """Stops after the packet before it."""
    session.cursor.to_start()
    while session.cursor.move("packet"):
        walk = session.cursor.walk
        if walk is not None and walk.packet.dport == 22:
            session.cursor.move("packet", -1)
            return


def test_the_script_is_played_to_its_end_at_once_and_the_cursor_stands_before_everything() -> None:
    session = Session(too_open())
    assert session.cursor.index == -1
    assert session.cursor.at_start
    assert session.run.world.quiet
    assert commands(session) == ["connect", "say", "send", "send", "ssh"]


def test_a_stage_begins_a_second_after_the_one_before_fell_quiet() -> None:
    run = Session(too_open()).run
    assert len(run.stage_starts) == 3
    for stage in (1, 2):
        start = run.stage_starts[stage]
        assert isinstance(run.records[start], CommandRun)
        assert run.records[start].at - run.records[start - 1].at == SECOND
        assert (run.stage_of(start - 1), run.stage_of(start)) == (stage - 1, stage)
    assert run.stage_of(-1) == 0


def test_a_stage_without_traffic_has_a_place_of_its_own() -> None:
    run = Session(Scenario(cast(), (Scripted(1, "attacker", "help"),), "server", stages=4)).run
    assert run.stage_starts == [0, 0, 1, 1]
    assert [run.stage_of(index) for index in (-1, 0, 1)] == [1, 1, 3]


def test_an_input_at_the_end_is_appended_a_second_later() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    end, length = session.run.end, len(session.run.records)
    before = story(session.run.records)
    record = session.enter("server", OPEN_22)
    assert session.runs == [session.run]
    assert record.learner
    assert (record.index, record.at) == (length, end + SECOND)
    assert story(session.run.records[:length]) == before
    assert session.cursor.record is record
    assert session.cursor.at_end


def test_traffic_entered_at_the_end_runs_until_quiet() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    record = session.enter("attacker", f"connect {SERVER}:1337")
    assert session.run.world.quiet
    assert len(session.run.records) > record.index + 5
    assert session.cursor.move("packet")
    assert isinstance(session.cursor.steps[0], Arrived)


def test_an_input_in_the_past_makes_a_branch_and_the_run_as_it_was_stays() -> None:
    session = Session(too_open())
    old = session.run
    before = story(old.records)
    assert verdict_of_the_syn_to_22(session) == "DROP"
    go_to_the_syn_to_22(session)
    place = session.cursor.index
    record = session.enter("server", OPEN_22)
    assert session.run is not old
    assert session.runs == [old, session.run]
    assert story(old.records) == before
    assert record.index == place + 1
    assert session.cursor.record is record
    assert story(session.run.records[: place + 1]) == before[: place + 1]
    assert verdict_of_the_syn_to_22(session) == "ACCEPT"
    # The rest of the script came too.
    assert commands(session) == ["connect", "say", "iptables", "send", "send", "ssh"]


def test_an_input_applies_before_a_packet_that_has_only_arrived_and_after_one_that_is_further() -> None:
    for steps, verdict in ((0, "ACCEPT"), (1, "ACCEPT"), (2, "DROP")):
        session = Session(too_open())
        go_to_the_syn_to_22(session)
        session.cursor.move("packet")
        session.cursor.seek(session.cursor.index, steps)
        at = session.cursor.at
        record = session.enter("server", OPEN_22)
        assert record.at == at
        assert verdict_of_the_syn_to_22(session) == verdict


def test_a_second_input_in_the_past_keeps_the_first_when_that_came_before() -> None:
    session = Session(too_open())
    go_to_the_syn_to_22(session)
    session.enter("server", OPEN_22)
    session.cursor.move("packet")
    session.enter("server", "iptables -P FORWARD DROP")
    assert [entry.line for entry in session.run.inputs] == [OPEN_22, "iptables -P FORWARD DROP"]
    assert verdict_of_the_syn_to_22(session) == "ACCEPT"
    session.cursor.to_start()
    session.enter("server", "iptables -P INPUT ACCEPT")
    assert [entry.line for entry in session.run.inputs] == ["iptables -P INPUT ACCEPT"]


def test_stepping_back_drops_no_input() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", OPEN_22)
    before = story(session.run.records)
    session.cursor.to_start()
    session.cursor.to_end()
    assert story(session.run.records) == before
    assert session.cursor.view.ruleset.tables["filter"].chains["INPUT"].rules[0].save().endswith("--dport 22 -j ACCEPT")


def test_undo_takes_the_last_input_back_by_a_branch() -> None:
    session = Session(too_open())
    untouched = story(session.run.records)
    assert not session.undo()
    go_to_the_syn_to_22(session)
    place = session.cursor.index
    session.enter("server", OPEN_22)
    assert session.undo()
    assert verdict_of_the_syn_to_22(session) == "DROP"
    assert story(session.run.records) == untouched
    assert (session.cursor.index, session.run.inputs) == (place, [])
    assert len(session.runs) == 3
    assert not session.undo()


def test_undo_of_one_of_two_appended_inputs_replays_the_other_exactly() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("attacker", f"connect {SERVER}:1337")
    before = story(session.run.records)
    session.cursor.to_end()
    session.enter("server", OPEN_22)
    assert session.undo()
    assert story(session.run.records) == before


def test_undo_replays_inputs_that_came_long_after_the_end() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", "sleep 500")
    session.cursor.to_end()
    session.enter("attacker", f"connect {SERVER}:1337")
    before = story(session.run.records)
    session.cursor.to_end()
    session.enter("server", OPEN_22)
    session.undo()
    assert story(session.run.records) == before


def test_switching_to_another_run_keeps_the_place_while_both_share_it() -> None:
    session = Session(too_open())
    old = session.run
    go_to_the_syn_to_22(session)
    shared = session.cursor.index
    session.enter("server", OPEN_22)
    new = session.run
    session.cursor.to_end()
    session.switch(old)
    assert session.run is session.cursor.run is old
    assert session.cursor.index == shared
    session.cursor.seek(3, 2)
    place = session.cursor.index, session.cursor.step
    session.switch(new)
    assert (session.cursor.index, session.cursor.step) == place
    check_view(session.cursor)


LOOKS = [
    "iptables -L -v -n",
    "iptables -S",
    "iptables-save -c",
    "conntrack -L",
    "conntrack -E",
    "dmesg",
    "help",
    "",
    "sysctl net.ipv4.ip_forward",
]


@pytest.mark.parametrize("line", LOOKS)
def test_looking_in_the_past_makes_no_branch_and_shows_the_past(line: str) -> None:
    session = Session(too_open())
    go_to_the_syn_to_22(session)
    record = session.enter("server", line)
    assert not record.refused
    assert record.index == -1
    assert len(session.runs) == 1
    assert not session.run.inputs


def test_counters_and_entries_are_listed_as_they_were() -> None:
    session = Session(too_open())
    assert session.enter("server", "conntrack -L").output == ""
    assert "[0:0] -A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT" in session.enter("server", "iptables-save -c").output
    session.cursor.move("packet")
    assert "SYN_SENT" in session.enter("server", "conntrack -L").output
    assert "[1:52] -A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT" in session.enter("server", "iptables-save -c").output
    session.cursor.to_end()
    assert "ESTABLISHED" in session.enter("server", "conntrack -L").output


def test_what_was_told_is_what_was_told_up_to_here() -> None:
    session = Session(too_open())
    assert session.enter("server", "conntrack -E").output == ""
    seen = []
    while session.cursor.move("rule"):
        seen.append([row.split()[0] for row in session.enter("server", "conntrack -E").output.splitlines() if row[:1] != "#"])
    assert all(after[: len(before)] == before for before, after in pairwise(seen))
    assert seen[0] == []
    assert seen[-1][:3] == ["[NEW]", "[UPDATE]", "[UPDATE]"]
    assert len(session.runs) == 1


def test_the_log_is_read_as_far_as_the_packet_has_come() -> None:
    rules = STATEFUL.replace("COMMIT", "-A INPUT -j LOG --log-prefix late\nCOMMIT").replace(
        "-A INPUT -m c", "-A INPUT -j LOG\n-A INPUT -m c"
    )
    session = Session(Scenario(cast(rules), (Scripted(0, "attacker", f"send udp 203.0.113.9:4000 > {SERVER}:9"),), "server", 0))
    assert session.enter("server", "dmesg").output == ""
    seen = []
    while session.cursor.move("rule"):
        seen.append(session.enter("server", "dmesg").output.count("\n"))
    assert sorted(set(seen)) == [0, 1, 2]
    assert seen == sorted(seen)
    assert len(session.runs) == 1


def test_a_sysctl_is_read_as_it_was() -> None:
    key = "net.netfilter.nf_conntrack_tcp_loose"
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", f"sysctl {key}=0")
    assert session.enter("server", f"sysctl {key}").output == f"{key} = 0"
    session.cursor.to_start()
    assert session.enter("server", f"sysctl {key}").output == f"{key} = 1"


@pytest.mark.parametrize("line", ["iptables -A INPUT -j NOWHERE", "nonsense", "connect nowhere", "conntrack -G", "iptables-save -x"])
def test_what_is_refused_in_the_past_makes_no_branch(line: str) -> None:
    session = Session(too_open())
    go_to_the_syn_to_22(session)
    place = session.cursor.index
    record = session.enter("server", line)
    assert record.refused
    assert record.output
    assert len(session.runs) == 1
    assert session.cursor.index == place


@pytest.mark.parametrize("line", ["send", "connect nowhere", "y"])
def test_what_is_refused_at_the_end_is_no_moment_and_what_comes_then_is_as_if_it_had_not_been_typed(line: str) -> None:
    session, other = Session(too_open()), Session(too_open())
    for each in (session, other):
        each.cursor.to_end()
    record = session.enter("attacker", line)
    assert (record.refused, record.index) == (True, -1)
    assert (session.run.inputs, session.run.stops, session.cursor.index) == ([], other.run.stops, other.cursor.index)
    assert [each.enter("attacker", "connect 203.0.113.1:1337") for each in (session,)] == [
        other.enter("attacker", "connect 203.0.113.1:1337")
    ]
    assert not session.undo() or session.run.inputs == []


def test_an_unknown_host_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Session(too_open()).enter("nobody", "help")


def test_the_same_inputs_give_the_same_records() -> None:
    def play() -> list[tuple[object, ...]]:
        session = Session(too_open(seed=3))
        go_to_the_syn_to_22(session)
        session.enter("server", OPEN_22)
        session.cursor.to_end()
        session.enter("attacker", f"ssh {SERVER}")
        return story(session.run.records)

    assert play() == play()


PROGRAM = """
import hashlib
from fwtutor.recording import Session
from tests.network.worlds import story
from tests.recording.scenes import too_open
print(hashlib.sha256(repr(story(Session(too_open()).run.records)).encode()).hexdigest())
"""


def test_the_records_do_not_depend_on_the_process() -> None:
    def digest(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True).stdout

    assert len(digest("1")) == 65
    assert digest("1") == digest("2")


def test_a_run_that_never_falls_quiet_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    import fwtutor.recording.run as run_module
    from fwtutor.network.topology import HostSpec, LinkSpec, Topology

    monkeypatch.setattr(run_module, "MAX_RECORDS", 200)
    hosts = tuple(HostSpec(name, {"eth0": (f"10.0.0.{number}/24",)}, {}, ("echo:7",)) for number, name in enumerate("ab", 1))
    topology = Topology(hosts, (LinkSpec("l", ("a:eth0", "b:eth0")),))
    session = Session(Scenario(topology, (Scripted(0, "a", "send udp 10.0.0.1:7 > 10.0.0.2:7"),)))
    assert session.run.cut
    assert len(session.run.records) == 200


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"watch": "nobody"}, "watch: there is no host 'nobody'"),
        ({"script": (Scripted(0, "nobody", "x"),)}, "script[0].host: there is no host 'nobody'"),
        ({"script": (Scripted(0, "server", "x", -1.0),)}, "script[0].at: -1.0 is not between"),
        ({"script": (Scripted(-1, "server", "x"),)}, "script[0].stage: -1 is not between"),
    ],
)
def test_a_wrong_scenario_names_the_field(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        Scenario(cast(STATEFUL), **wrong)  # type: ignore[arg-type]
    assert str(caught.value).startswith(words)


def test_listing_the_rules_of_a_host_that_has_none_is_looking_too() -> None:
    session = Session(too_open())
    go_to_the_syn_to_22(session)
    answer = session.enter("attacker", "iptables -L -n -v")
    assert answer.index == -1
    assert "Chain INPUT (policy ACCEPT" in answer.output
    assert len(session.runs) == 1


def test_commands_one_after_another_at_one_place_make_one_branch() -> None:
    session = Session(too_open())
    go_to_the_syn_to_22(session)
    for port in (1, 2, 3):
        session.enter("server", f"iptables -A INPUT -p tcp --dport {port} -j ACCEPT")
    assert len(session.runs) == 2
    assert session.cursor.view.ruleset.tables["filter"].chains["INPUT"].rules[-1].save().endswith("--dport 3 -j ACCEPT")
    session.undo()
    assert session.cursor.view.ruleset.tables["filter"].chains["INPUT"].rules[-1].save().endswith("--dport 2 -j ACCEPT")


def test_only_so_many_histories_are_kept_and_the_lessons_own_is_one() -> None:
    session = Session(too_open())
    first = session.run
    for number in range(25):
        go_to_the_syn_to_22(session)
        session.enter("server", f"iptables -A INPUT -p tcp --dport {number + 1} -j ACCEPT")
    assert len(session.runs) == 20
    assert session.runs[0] is first


def test_sets_are_shown_as_they_were_at_a_place() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", "ipset create banned hash:ip")
    session.enter("server", "ipset add banned 203.0.113.9")
    session.cursor.to_end()
    assert look(session.cursor, "server", "ipset add banned 203.0.113.10") is None
    listed = look(session.cursor, "server", "ipset list banned")
    assert listed is not None
    assert listed.output.endswith("Members:\n203.0.113.9\n")
    refused = look(session.cursor, "server", "ipset list other")
    assert refused is not None
    assert (refused.output, refused.refused) == ("ipset: The set with the given name does not exist", True)
    rule = look(session.cursor, "server", "iptables -C INPUT -m set --match-set banned src")
    assert rule is not None
    assert "does a matching rule exist" in rule.output
    session.cursor.to_start()
    assert "banned" not in session.cursor.view.sets
    assert session.cursor.view_of("server").sets.get("banned") is None


def test_ip6tables_has_rules_of_its_own() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", "ip6tables -A INPUT -s 2001:db8::/32 -j DROP")
    view = session.cursor.view
    assert [rule.save() for rule in view.ruleset6.tables["filter"].chains["INPUT"].rules] == ["-s 2001:db8::/32 -j DROP"]
    listed = look(session.cursor, "server", "ip6tables -S INPUT")
    assert listed is not None
    assert listed.output == "-P INPUT ACCEPT\n-A INPUT -s 2001:db8::/32 -j DROP\n"
    saved = look(session.cursor, "server", "iptables-save")
    assert saved is not None
    assert "2001" not in saved.output
    session.cursor.to_start()
    assert not session.cursor.view.ruleset6.tables


def test_at_the_end_what_is_looked_at_has_seen_all_there_was_also_behind_the_last_moment_one_can_stop_at() -> None:
    session = Session(too_open())
    session.run.enter("server", "iptables -I INPUT -j REJECT --reject-with tcp-reset -p tcp")
    session.run.enter("attacker", "connect 203.0.113.1:10 from 5001")
    session.cursor.to_end()
    assert session.run.records[-1].host == "attacker"
    assert ":5001" not in session.enter("attacker", "ss -tan").output
