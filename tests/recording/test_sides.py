"""Two runs side by side: paired packets, what differs, what the rules cost; editing; and what would have been without a rule."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.xtables.rewriting import ChainName, Written
from fwtutor.network.records import CommandRun
from fwtutor.recording import Session
from fwtutor.recording.editing import Draft, apply, plan
from fwtutor.recording.sides import DECIDED, ENTRY, ONLY, TRIED, VERDICT, cost, first_difference, rows
from fwtutor.recording.without import without
from tests.recording.scenes import too_open

INPUT = ChainName(4, "filter", "INPUT")
RELATED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
DOOR = "-p tcp -m tcp --dport 1337 -j ACCEPT"
SSH = "-s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT"


def edited(*lines: str, policy: str = "DROP", **sysctls: int) -> Draft:
    return Draft({INPUT: Written(INPUT, lines, policy)}, sysctls)


def reordered(session: Session) -> None:
    """The rule that most packets need comes last now, from the beginning."""
    apply(session, plan(session, "server", edited(DOOR, SSH, RELATED), first=True))


def test_the_same_traffic_under_reordered_rules_differs_in_what_decides_and_costs_and_in_no_fate() -> None:
    session = Session(too_open())
    before = session.run
    reordered(session)
    found = rows(before, session.run)
    packets = [row for row in found if row.packet is not None]
    assert all(row.left is not None and row.right is not None for row in packets)
    assert {name for row in packets for name in row.differs} == {TRIED, DECIDED}
    left, right = cost(row.left for row in packets), cost(row.right for row in packets)
    assert (left.packets, left.most) == (right.packets, right.most) == (len(packets), 3)
    assert left.tried < right.tried
    assert (left.common, right.common) == (3, 3)
    chosen = first_difference(found)
    assert chosen is not None
    assert TRIED in found[chosen].differs


def test_a_rule_that_is_gone_changes_fates_and_the_first_of_these_is_looked_at_first() -> None:
    session = Session(too_open())
    before = session.run
    apply(session, plan(session, "server", edited(RELATED, SSH), first=True))
    found = rows(before, session.run)
    chosen = first_difference(found)
    assert chosen is not None
    row = found[chosen]
    assert row.packet is not None
    assert (row.packet.dport, row.left.verdict, row.right.verdict) == (1337, "ACCEPT", "DROP")  # type: ignore[union-attr]
    assert (row.left.decided, row.right.decided) == ("rule 2 of INPUT", "policy of INPUT")  # type: ignore[union-attr]
    assert row.differs >= {VERDICT, DECIDED, ENTRY}
    # The handshake that never was has packets that are in one run only.
    assert any(row.differs == {ONLY} for row in found)
    assert [row.command for row in found if row.packet is None] == ["server# iptables -D INPUT 2"]


def test_packets_have_the_same_cause_in_both_runs_whatever_was_typed_before() -> None:
    session = Session(too_open())
    before = session.run
    reordered(session)
    again = rows(session.run, before)
    assert all(row.right is None for row in again if row.packet is None)
    assert len([row for row in again if row.packet is not None]) == len([row for row in rows(before, before) if row.packet is not None])
    assert not any(row.differs for row in rows(before, before))


# --- editing -------------------------------------------------------------------------------------------------


def test_an_edit_from_the_beginning_is_the_first_that_happens_and_one_undo_takes_all_of_it_back() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    place = session.cursor.index
    before = session.run
    lines = plan(session, "server", edited(SSH, RELATED, "-p icmp -j DROP", policy="ACCEPT"), first=True).lines
    assert lines[0] == "iptables -P INPUT ACCEPT"
    apply(session, plan(session, "server", edited(SSH, RELATED, "-p icmp -j DROP", policy="ACCEPT"), first=True))
    records = session.run.records[: len(lines)]
    assert [record.line for record in records if isinstance(record, CommandRun)] == list(lines)
    chain = session.cursor.view.ruleset.tables["filter"].chains["INPUT"]
    assert [rule.save() for rule in chain.rules] == [SSH, RELATED, "-p icmp -j DROP"]
    assert session.undo()
    assert session.run is before
    assert session.cursor.index == place


def test_what_was_typed_later_happens_again_at_its_own_time_after_an_edit_from_the_beginning() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    typed = session.enter("attacker", "send tcp 203.0.113.9:4001 > 203.0.113.1:1337 SYN")
    apply(session, plan(session, "server", edited(DOOR, RELATED, SSH), first=True))
    again = [record for record in session.run.records if isinstance(record, CommandRun) and record.line == typed.line]
    assert [record.at for record in again] == [typed.at]
    assert session.undo()
    assert session.run.inputs[-1].line == typed.line


def test_rules_typed_before_an_edit_from_the_beginning_are_part_of_it_and_not_entered_again() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    session.enter("server", "iptables -N WEB")
    session.enter("server", "iptables -A WEB -p tcp --dport 80 -j ACCEPT")
    made = plan(session, "server", edited(RELATED, DOOR, SSH, "-j WEB"), first=True)
    assert made.lines == ("iptables -N WEB", "iptables -A INPUT -j WEB", "iptables -A WEB -p tcp -m tcp --dport 80 -j ACCEPT")
    assert not made.refused
    apply(session, made)
    assert [record.line for record in session.run.records if isinstance(record, CommandRun) and record.learner] == list(made.lines)


def test_what_a_program_did_to_the_rules_is_no_part_of_an_edit_from_the_beginning() -> None:
    session = Session(too_open())
    host = session.run.world.hosts["server"]
    for line in ("iptables -N bans", "iptables -A bans -s 198.51.100.7 -j DROP", "iptables -I INPUT 1 -j bans"):
        session.run.world.execute(host, line, lambda record: None)
    session.run.settle()
    session.cursor.to_end()
    session.enter("server", "iptables -A INPUT -p icmp -j ACCEPT")
    typed = "-p icmp -j ACCEPT"
    assert plan(session, "server", edited("-j bans", RELATED, DOOR, typed), first=True).lines == (f"iptables -R INPUT 3 {typed}",)
    assert plan(session, "server", edited("-j bans", RELATED, DOOR, typed), first=False).lines == ("iptables -D INPUT 4",)


def test_an_edit_at_the_end_is_appended_and_one_undo_takes_it_back() -> None:
    session = Session(too_open())
    session.cursor.to_end()
    count = len(session.run.records)
    found = apply(session, plan(session, "server", edited(RELATED, SSH, policy="ACCEPT"), first=False))
    assert [record.line for record in found] == ["iptables -P INPUT ACCEPT", "iptables -D INPUT 2"]
    assert len(session.runs) == 1
    assert session.undo()
    assert len(session.run.records) == count


def test_a_plan_that_the_tool_would_refuse_says_which_command_and_why() -> None:
    session = Session(too_open())
    made = plan(session, "server", edited("-j NOWHERE"), first=True)
    assert made.refused == "iptables -R INPUT 1 -j NOWHERE"
    assert "NOWHERE" in made.reason


def test_sysctls_are_set_like_anything_typed() -> None:
    session = Session(too_open())
    loose = "net.netfilter.nf_conntrack_tcp_loose"
    made = plan(session, "server", Draft(sysctls={loose: 0}), first=True)
    assert made.lines == (f"sysctl -w {loose}=0",)
    apply(session, made)
    assert session.run.world.hosts["server"].firewall.sysctls[loose] == 0
    assert not plan(session, "server", Draft(sysctls={loose: 0}), first=False).lines


def test_a_run_that_is_given_up_is_left_first() -> None:
    session = Session(too_open())
    lesson = session.run
    reordered(session)
    own = session.run
    session.drop(own)
    assert session.run is lesson
    assert session.runs == [lesson]
    session.drop(lesson)
    assert session.runs == [lesson]


# --- without a rule ------------------------------------------------------------------------------------------


def test_without_the_rule_that_let_it_in_a_packet_fares_otherwise_and_so_does_what_follows_from_it() -> None:
    run = Session(too_open()).run
    syn = next(row for row in rows(run, run) if row.packet is not None and row.packet.dport == 1337)
    assert syn.left is not None
    found = without(run, syn.left.index, INPUT, 2)
    assert (found.here.verdict, found.there.verdict) == ("ACCEPT", "DROP")  # type: ignore[union-attr]
    assert found.there.decided == "policy of INPUT"  # type: ignore[union-attr]
    assert found.otherwise > 0
    assert found.first is not None


def test_without_a_rule_that_never_matched_nothing_fares_otherwise() -> None:
    run = Session(too_open()).run
    first = next(row for row in rows(run, run) if row.packet is not None and row.packet.dport == 22)
    assert first.left is not None
    found = without(run, first.left.index, INPUT, 2)
    assert (found.there.verdict, found.otherwise) == (found.here.verdict, 0)  # type: ignore[union-attr]


def test_without_a_rule_that_is_not_there_the_tool_says_so() -> None:
    run = Session(too_open()).run
    first = next(row for row in rows(run, run) if row.packet is not None)
    assert first.left is not None
    assert "deletion" in without(run, first.left.index, INPUT, 9).refused


@pytest.mark.parametrize(
    "lines",
    [
        ("-m state --state ESTABLISHED,RELATED -j ACCEPT", f"-m comment --comment door {DOOR}", SSH),
        ("-m conntrack --ctstate ESTABLISHED -j ACCEPT", "-p tcp -m multiport --dports 1337,1338 -j ACCEPT", SSH),
    ],
    ids=["the same meaning", "the same place"],
)
def test_a_rule_that_is_only_written_otherwise_makes_no_packet_differ(lines: tuple[str, ...]) -> None:
    session = Session(too_open())
    before = session.run
    apply(session, plan(session, "server", edited(*lines), first=True))
    packets = [row for row in rows(before, session.run) if row.packet is not None]
    assert not any(row.differs for row in packets)
    assert {row.right.number for row in packets if row.rewritten and row.right} == {1, 2}


def test_a_rule_in_the_same_place_that_does_something_else_is_another_rule() -> None:
    session = Session(too_open())
    before = session.run
    apply(session, plan(session, "server", edited(RELATED, DOOR.replace("ACCEPT", "DROP"), SSH), first=True))
    packets = [row for row in rows(before, session.run) if row.packet is not None]
    assert any({VERDICT, DECIDED} <= row.differs and not row.rewritten for row in packets)


def test_rules_that_changed_places_are_not_one_rule_written_otherwise() -> None:
    session = Session(too_open())
    before = session.run
    reordered(session)
    assert not any(row.rewritten for row in rows(before, session.run))
