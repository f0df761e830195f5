"""Save files: all or nothing, the line and the reason of a refusal, and the tool's own form back."""

from __future__ import annotations

import pytest

from fwtutor.netfilter.xtables.commands import new_ruleset
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.netfilter.xtables.savefile import restore, save
from tests.netfilter.xtables.live import Ours

TEXT = """# any remark
*filter
:INPUT DROP [7:8]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
[1:2] -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "it\\'s \\"so\\"" -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -g web
[3:4] -A web -s 192.168.0.0/16 -j REJECT --reject-with tcp-reset
COMMIT
"""


def refusal(text: str, box: Ours | None = None) -> RuleRefused:
    box = box or Ours()
    before = box.ruleset
    with pytest.raises(RuleRefused) as caught:
        box.restore(text)
    assert box.ruleset is before
    return caught.value


def test_a_save_file_comes_back_as_it_was() -> None:
    box = Ours()
    text = TEXT.replace(" -j REJECT --reject-with tcp-reset", " -p tcp -j REJECT --reject-with tcp-reset")
    box.restore(text, counters=True)
    written = save(box.ruleset, box.counters)
    assert written == text.split("\n", 1)[1].replace("\n-A", "\n[0:0] -A")
    again = Ours()
    again.restore(written, counters=True)
    assert save(again.ruleset, again.counters) == written


def test_counters_count_only_when_asked_for() -> None:
    box = Ours()
    box.restore("*filter\n:INPUT DROP [7:8]\n[1:2] -A INPUT\nCOMMIT\n")
    assert not any(map(any, box.counters.values()))
    box.restore("*filter\n:INPUT DROP [7:8]\n[1:2] -A INPUT\nCOMMIT\n", counters=True)
    assert "[1:2] -A INPUT\n" in save(box.ruleset, box.counters)
    assert ":INPUT DROP [7:8]\n" in save(box.ruleset, box.counters)


def test_a_save_file_replaces_the_table_but_keeps_policies_it_does_not_name() -> None:
    box = Ours()
    for line in ("-N old", "-A INPUT -j old", "-P OUTPUT DROP"):
        box.run(line)
    box.restore("*filter\n:INPUT ACCEPT\nCOMMIT\n")
    assert box.run("-S")[1] == "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT DROP\n"


def test_a_fault_in_the_last_line_leaves_everything_as_it_was() -> None:
    wrong = refusal(TEXT)
    assert (wrong.line_number, str(wrong)) == (9, "Invalid argument. Run `dmesg' for more information.")
    assert wrong.line[wrong.start : wrong.end] == "REJECT"


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("-A INPUT\n", 1, "a table must come first"),
        ("*filter\n:INPUT\nCOMMIT\n", 2, "policy invalid"),
        ("*filter\n:uc ACCEPT [0:0]\nCOMMIT\n", 2, "Can't set policy `ACCEPT' on `uc' line 2: Bad built-in chain name"),
        ("*filter\n\n-A INPUT --frob\nCOMMIT\n", 3, 'unknown option "--frob"'),
        ("*filter\n-A NOPE -j ACCEPT\nCOMMIT\n", 2, "No chain/target/match by that name."),
        ("*filter\n-A INPUT\n", 3, "COMMIT expected at line 3"),
        ("*filter\n:a - [0:0]\n-A INPUT -j a\n-A a -j a\nCOMMIT\n", 5, "Too many levels of symbolic links."),
        ("*filter\r\nCOMMIT\r\n", 1, "unable to initialize table 'filter\r'"),
        ("*filter\n-A INPUT -t filter\nCOMMIT\n", 2, "The -t option cannot be used in iptables-restore."),
    ],
)
def test_a_refusal_names_the_line(text: str, number: int, said: str) -> None:
    wrong = refusal(text)
    assert wrong.line_number == number
    assert str(wrong).startswith(said)


def test_an_open_quote_takes_the_rest_of_the_line() -> None:
    box = Ours()
    box.restore('*filter\n-A INPUT -m comment --comment "a b\nCOMMIT\n')
    assert '"a b\n"' in save(box.ruleset)


def test_the_last_newline_may_be_missing() -> None:
    box = Ours()
    box.restore("*filter\n-A INPUT\nCOMMIT")
    assert "-A INPUT\n" in save(box.ruleset)


def test_a_restore_prints_what_its_listings_print() -> None:
    outcome = restore("*filter\n-P INPUT DROP\n-S\nCOMMIT\n", new_ruleset(), new_id=lambda: 1)
    assert "-P INPUT DROP\n" in outcome.output


def test_a_zero_byte_is_refused_wherever_it_is() -> None:
    for text in ("*filter\n:a\0b - [0:0]\nCOMMIT\n", "*filter\n# \0\nCOMMIT\n"):
        wrong = refusal(text)
        assert (wrong.line_number, str(wrong)) == (2, "a zero byte cannot be part of a command")
        assert wrong.line[wrong.start] == "\0"
