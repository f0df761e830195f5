"""Commands on a ruleset: what they change, what they leave alone, and how a refusal points at its place."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from fwtutor.netfilter.xtables import savefile
from fwtutor.netfilter.xtables.commands import new_ruleset, run_command
from fwtutor.netfilter.xtables.edit import Draft, new_table
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.matches import MATCHES
from fwtutor.netfilter.xtables.rule import Header, Jump, Rule
from fwtutor.netfilter.xtables.savefile import save
from fwtutor.netfilter.xtables.targets import TARGETS
from tests.netfilter.xtables.generate import command
from tests.netfilter.xtables.live import Ours


def ours(*lines: str) -> Ours:
    box = Ours()
    for line in lines:
        assert box.run(line)[0] == 0, line
    return box


def refusal(box: Ours, line: str) -> RuleRefused:
    before = box.ruleset
    with pytest.raises(RuleRefused) as caught:
        run_command(box.ruleset, line, counters=box.counters, new_id=box.new_id)
    assert box.ruleset is before
    return caught.value


def pointed(wrong: RuleRefused) -> str:
    return wrong.line[wrong.start : wrong.end]


def test_a_table_exists_once_it_is_named() -> None:
    assert new_ruleset().tables == {}
    assert list(ours("-L").ruleset.tables) == ["filter"]


@pytest.mark.parametrize("prefix", ["", "iptables ", "sudo iptables ", "iptables -t filter "])
def test_a_command_may_be_written_as_on_a_server(prefix: str) -> None:
    box = ours(f"{prefix}-A INPUT -p tcp --dport 22 -j ACCEPT")
    assert box.run("-S INPUT")[1].endswith("-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n")


def test_a_rule_keeps_its_id_when_others_come_and_go() -> None:
    box = ours("-A INPUT -s 1.1.1.1", "-A INPUT -s 2.2.2.2", "-A INPUT -s 3.3.3.3")
    second = box.ruleset.tables["filter"].chains["INPUT"].rules[1]
    box.run("-D INPUT 1")
    box.run("-I INPUT -j ACCEPT")
    rules = box.ruleset.tables["filter"].chains["INPUT"].rules
    assert rules[1] is second
    assert len({rule.id for rule in rules}) == 3


def test_a_chain_that_did_not_change_is_the_same_value() -> None:
    box = ours("-A INPUT -j ACCEPT", "-A FORWARD -j DROP")
    before = box.ruleset.tables["filter"].chains["FORWARD"]
    box.run("-A INPUT -j DROP")
    assert box.ruleset.tables["filter"].chains["FORWARD"] is before


def test_lists_of_addresses_make_a_rule_for_each_pair() -> None:
    box = ours("-A INPUT -s 1.1.1.1,2.2.2.2 -d 3.3.3.3,4.4.4.4 -j DROP")
    assert len(box.ruleset.tables["filter"].chains["INPUT"].rules) == 4


def test_counters_are_given_zeroed_and_reset_by_a_new_policy() -> None:
    box = ours("-A INPUT -c 3 4 -j ACCEPT", "-P INPUT DROP -c 5 6")
    rule = box.ruleset.tables["filter"].chains["INPUT"].rules[0]
    assert (box.counters[rule.id], box.counters["filter:INPUT"]) == ((3, 4), (5, 6))
    box.run("-P INPUT DROP")
    box.run("-Z INPUT 1")
    assert (box.counters[rule.id], box.counters["filter:INPUT"]) == ((0, 0), (0, 0))


PLACES = [
    ("-A INPUT -p tcp --dport 22x -j ACCEPT", "22x", "invalid port/service `22x' specified"),
    ("-A INPUT --dport 22 -j ACCEPT", "--dport", 'unknown option "--dport"'),
    ("-A INPUT -s 1.2.3.4,5.6.7.300 -j ACCEPT", "5.6.7.300", "host/network `5.6.7.300' not found"),
    ("-A INPUT -s 1.2.3.4/33 -j ACCEPT", "33", "invalid mask `33' specified"),
    ("-A IMPUT -j ACCEPT", "IMPUT", "No chain/target/match by that name."),
    ("-A INPUT -j ACEPT", "ACEPT", "Couldn't load target `ACEPT':No such file or directory"),
    ("-A INPUT -m contrack --ctstate NEW", "contrack", "Couldn't load match `contrack':No such file or directory"),
    ('-A INPUT -m conntrack --ctstate "NEW,ESTABLISED"', "ESTABLISED", 'Bad ctstate "ESTABLISED"'),
    ("-D INPUT 7", "7", "Index of deletion too big."),
    ("-D INPUT x", "x", "Invalid rule number `x'"),
    ("-A INPUT -o wan -j DROP", "-o", "Can't use -o with INPUT"),
    ("-A OUTPUT -i wan -j DROP", "-i", "Can't use -i with OUTPUT"),
    ("-A INPUT -m tcp --dport 22", "tcp", "Invalid argument. Run `dmesg' for more information."),
    ("-A INPUT -j REJECT --reject-with tcp-reset", "REJECT", "Invalid argument. Run `dmesg' for more information."),
    ("-A INPUT -j FORWARD", "FORWARD", "Invalid argument. Run `dmesg' for more information."),
    ("-A web -j web", "web", "Too many levels of symbolic links."),
    ("-X web", "web", "Too many links."),
    ("-P web DROP", "web", "Bad built-in chain name."),
    ("-P INPUT REJECT", "REJECT", "Bad policy name. Run `dmesg' for more information."),
    ("-N INPUT", "INPUT", "Chain already exists."),
    (f"-N {'x' * 29}", "x" * 29, f"chain name `{'x' * 29}' too long (must be under 29 chars)"),
    ("-A INPUT -j ACCEPT foo", "foo", "Bad argument `foo'"),
    ("-A INPUT -j TPROXY", "TPROXY", "fwtutor does not simulate -j TPROXY yet"),
    ("-A INPUT -m socket --transparent", "socket", "fwtutor does not simulate -m socket yet"),
]


@pytest.mark.parametrize(("line", "place", "said"), PLACES, ids=[line for line, _, _ in PLACES])
def test_a_refusal_says_the_tools_words_and_points_at_the_place(line: str, place: str, said: str) -> None:
    wrong = refusal(ours("-N web", "-A INPUT -j web"), line)
    assert str(wrong) == said
    assert pointed(wrong) == place
    shown, carets = wrong.caret().split("\n")
    assert shown == line
    assert carets == " " * wrong.start + "^" * len(place)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("-A INPUT -j wep", "did you mean web?"),
        ("-A INPUT -m contrack", "did you mean conntrack?"),
        ("-A INPUT -p tcp --port 22", "--dport"),
        ("-A INPUT --dport 22", "-p tcp"),
        ("-A INPUT -s example.org", "resolves no names"),
        ("-t fitler -L", "did you mean filter?"),
        ("-A IMPUT -j DROP", "did you mean INPUT?"),
    ],
)
def test_a_refusal_hints_at_what_may_be_meant(line: str, hint: str) -> None:
    wrong = refusal(ours("-N web"), line)
    assert hint in wrong.hint
    assert hint not in wrong.message


def test_a_loop_out_of_reach_is_taken_and_one_within_is_not() -> None:
    box = ours("-N a", "-N b", "-A a -j b", "-A b -g a")
    assert str(refusal(box, "-A INPUT -j a")) == "Too many levels of symbolic links."
    box.run("-I a 1 -j RETURN")
    assert box.run("-A INPUT -j a") == (0, "")
    assert str(refusal(box, "-D a 1")) == "Too many levels of symbolic links."


def test_chains_nested_thousands_deep_are_walked_without_recursion() -> None:
    text = "*filter\n" + "".join(f":c{i} - [0:0]\n" for i in range(5000)) + "-A INPUT -j c0\n"
    text += "".join(f"-A c{i} -j c{i + 1}\n" for i in range(4999))
    box = Ours()
    box.restore(text + "COMMIT\n")
    with pytest.raises(RuleRefused, match="symbolic links"):
        box.restore(text + "-A c4999 -j c0\nCOMMIT\n")


def test_chains_that_would_keep_a_packet_for_years_are_refused() -> None:
    """Thirty chains, each jumping twice to the next: the kernel takes them, and then tries 2^30 rules."""
    text = "*filter\n" + "".join(f":c{i} - [0:0]\n" for i in range(30)) + "-A INPUT -j c0\n"
    doubling = text + "".join(f"-A c{i} -j c{i + 1}\n" * 2 for i in range(29))
    with pytest.raises(RuleRefused, match="could have to try more than 1000000 rules"):
        Ours().restore(doubling + "COMMIT\n")
    Ours().restore(text + "".join(f"-A c{i} -j c{i + 1}\n" * 2 for i in range(14)) + "COMMIT\n")


def test_listings_in_a_save_file_cannot_print_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savefile, "MAX_TEXT", 20_000)
    Ours().restore("*filter\n" + "-A INPUT\n" * 50 + "-L\n" + "COMMIT\n")
    with pytest.raises(RuleRefused, match="what the listings here print is longer than 20000 characters"):
        Ours().restore("*filter\n" + "-A INPUT\n" * 50 + "-L\n" * 50 + "COMMIT\n")


def test_an_option_of_a_target_that_is_not_simulated_is_told_as_that() -> None:
    with pytest.raises(RuleRefused, match="fwtutor does not simulate -j TPROXY yet") as caught:
        Ours().restore("*filter\n-A INPUT -j TPROXY --on-port 3\nCOMMIT\n")
    assert caught.value.line[caught.value.start : caught.value.end] == "TPROXY"


def test_lists_of_addresses_cannot_multiply_without_end() -> None:
    many = ",".join(["1"] * 1000)
    assert "4096" in str(refusal(Ours(), f"-A INPUT -s {many} -d {many}"))


def test_a_draft_that_is_thrown_away_changed_nothing() -> None:
    table = new_table("filter")
    draft = Draft(table)
    draft.create("web")
    draft.append("INPUT", Rule(Header(), (), Jump("web"), 1))
    assert draft.finish().chains["INPUT"].rules
    assert not table.chains["INPUT"].rules


@pytest.mark.parametrize(("family", "name"), [(family, name) for family in (4, 6) for name in (*MATCHES[family], *TARGETS[family])])
def test_every_option_of_an_extension_is_in_its_help(family: int, name: str) -> None:
    kind = MATCHES[family].get(name) or TARGETS[family][name]
    said = Ours(family=family).run(f"-m {name} -h" if name in MATCHES[family] else f"-j {name} -h")[1]
    assert kind.meaning in said
    for option in kind.options:
        assert all(f"--{known}" in said for known in option.names)
        assert option.meaning in said


# An interface may be named " lo" or '"': the tool takes that (with a warning), and its save file then says something else.
ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\"'\n\t \0"), max_size=8)


@given(st.integers(), st.lists(ODD, max_size=3))
@settings(deadline=None, max_examples=150)
def test_a_random_command_is_refused_or_survives_saving(seed: int, odd: list[str]) -> None:
    draw = Random(seed)
    box = ours("-N uc", "-N ud")
    for _ in range(8):
        line = command(draw, "legacy")
        if odd and draw.random() < 0.5:
            words = line.split(" ")
            words.insert(draw.randrange(len(words) + 1), draw.choice(odd))
            line = " ".join(words)
        box.run(line)
    again = Ours()
    # Text for text: what the tool keeps but does not print (-i +, all ports) is lost on the way, as with the tool itself.
    again.restore(save(box.ruleset, box.counters), counters=True)
    assert save(again.ruleset, again.counters) == save(box.ruleset, box.counters)
    if not odd:
        copy = Ours()
        for line in box.run("-S")[1].splitlines():
            assert copy.run(line) == (0, "")
        assert copy.run("-S") == box.run("-S")


WORDS = [
    "-A", "-I", "-D", "INPUT", "-p", "tcp", "--dport", "22", "!", "-m", "conntrack", "--ctstate", "NEW", "-j", "-L", "-n", "--", "-s",
    "1.2.3.4", "-c",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=12))
def test_any_words_are_taken_or_refused_within_the_line(words: list[str]) -> None:
    Ours().run(" ".join(words))


@given(st.binary(max_size=300).filter(lambda raw: b"\0" not in raw))
def test_a_comment_of_any_bytes_is_kept_up_to_255(raw: bytes) -> None:
    text = raw.decode(errors="surrogateescape")
    box = ours("-A INPUT -m comment --comment '" + text.replace("'", "'\\''") + "' -j ACCEPT")
    kept = raw[:255]
    listed = box.run("-L INPUT")[1].encode(errors="surrogateescape")
    assert b"/* " + kept + b" */" in listed
    if b"\n" not in kept:
        again = Ours()
        again.restore(save(box.ruleset))
        assert again.ruleset == box.ruleset
