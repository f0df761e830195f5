"""What is edited, as lines: what is wrong with one, what it means, what may be written, and the commands that come of it."""

from __future__ import annotations

import pytest

from fwtutor.recording import Session
from fwtutor.recording.editing import Draft, plan
from fwtutor.tui.sheets import ChainSheet, Sheet, SysctlSheet, sheets_of
from tests.recording.scenes import too_open


def sheets() -> tuple[Session, dict[str, Sheet]]:
    session = Session(too_open())
    return session, {sheet.title: sheet for sheet in sheets_of(session, "server")}


def input_chain() -> Sheet:
    return sheets()[1]["filter INPUT"]


def offered(sheet: Sheet, text: str) -> list[str]:
    """What may be written at the ``|``."""
    at = text.index("|")
    return [word.text for word in sheet.offers(text.replace("|", ""), at).words]


def test_every_chain_there_is_or_can_be_and_the_sysctls_are_sheets() -> None:
    titles = list(sheets()[1])
    assert titles[:3] == ["filter INPUT", "filter FORWARD", "filter OUTPUT"]
    assert {"nat PREROUTING", "raw OUTPUT", "sysctls", "IPv6 filter INPUT", "IPv6 mangle FORWARD"} <= {*titles}


def test_a_chain_is_its_rules_one_a_line_and_its_policy_last() -> None:
    assert input_chain().before.split("\n") == [
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-p tcp -m tcp --dport 1337 -j ACCEPT",
        "-s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT",
        "policy DROP",
    ]


def test_a_rule_is_explained_in_a_sentence() -> None:
    assert input_chain().meaning("-p tcp --dport 22 -j ACCEPT").says == "Packets of TCP to port 22 are accepted."
    assert "dropped" in input_chain().meaning("policy DROP").says


@pytest.mark.parametrize(
    ("line", "marked", "said"),
    [
        ("-p tcp --dport ssj -j ACCEPT", "ssj", "invalid port/service `ssj' specified"),
        ("-m conntrak --ctstate NEW", "conntrak", "Couldn't load match `conntrak':No such file or directory"),
        ("-p tcp --dprt 22", "--dprt", 'unknown option "--dprt"'),
        ("-j NOWHERE", "NOWHERE", "Couldn't load target `NOWHERE':No such file or directory"),
        ("policy MAYBE", "MAYBE", "a policy is ACCEPT or DROP"),
        ("-s 192.0.2.1,192.0.2.2 -j DROP", "-s 192.0.2.1,192.0.2.2 -j DROP", "this makes 2 rules at once: write each on a line of its own"),
        ("-t nat -j ACCEPT", "-t nat -j ACCEPT", "this is no rule of INPUT in filter"),
        ("-j ACCEPT; reboot", ";", None),
    ],
)  # fmt: skip
def test_a_mistake_is_marked_where_it_is_in_the_tools_own_words(line: str, marked: str, said: str | None) -> None:
    problem = input_chain().meaning(line).problem
    assert problem is not None
    assert marked in line[problem.start : problem.end]
    assert said is None or problem.message == said


def test_an_empty_line_and_one_behind_a_number_sign_are_no_rules() -> None:
    sheet = input_chain()
    draft = Draft()
    sheet.take(f"# -j DROP\n\n{sheet.before}", draft)
    assert len(next(iter(draft.chains.values())).lines) == 3
    assert sheet.meaning("# -j DROP").quiet


def test_what_may_be_written_comes_from_the_tables_that_read_it() -> None:
    sheet = input_chain()
    assert offered(sheet, "-m conn|") == ["connbytes", "connlabel", "connlimit", "connmark", "conntrack"]
    assert offered(sheet, "-m conntrack --cts|") == ["--ctstate", "--ctstatus"]
    assert offered(sheet, "-m conntrack --ctstate RELATED,E|") == ["ESTABLISHED"]
    assert offered(sheet, "-p tcp --dp|") == ["--dport"]
    assert offered(sheet, "-p tcp --dest|") == ["--destination-port"]
    assert offered(sheet, "-p tcp -j RE|") == ["REJECT", "RETURN"]
    assert offered(sheet, "-j REJECT --reject-with tcp|") == ["tcp-reset"]
    assert offered(sheet, "-i w|") == ["wan"]
    assert offered(sheet, "policy |") == ["ACCEPT", "DROP"]
    assert "MASQUERADE" not in offered(sheet, "-j |")
    assert "MASQUERADE" in offered(sheets()[1]["nat POSTROUTING"], "-j |")


def test_no_option_is_offered_twice_and_none_behind_an_open_quote() -> None:
    sheet = input_chain()
    assert "--dport" not in offered(sheet, "-p tcp --dport 22 |")
    assert offered(sheet, '-m comment --comment "a |') == []


def test_every_option_offered_is_one_that_the_parser_knows() -> None:
    sheet = input_chain()
    for name in offered(sheet, "-m |"):
        for option in offered(sheet, f"-m {name} --|"):
            problem = sheet.meaning(f"-p tcp -m {name} {option}").problem
            assert problem is None or "unknown option" not in problem.message, (name, option)


def test_sysctls_say_what_they_mean_and_what_they_are_now() -> None:
    sheet = sheets()[1]["sysctls"]
    assert isinstance(sheet, SysctlSheet)
    first = sheet.before.split("\n")[0]
    assert first == "net.netfilter.nf_conntrack_tcp_loose = 1"
    assert "SYN" in sheet.meaning(first.replace("1", "0")).says
    assert "It is 1 now." in sheet.meaning("net.netfilter.nf_conntrack_tcp_loose = 0").says
    for wrong in ("net.nothing = 1", "net.ipv4.ip_forward = yes", "net.ipv4.ip_forward =", "abc", "net.ipv4.ip_forward = 99999999999"):
        assert sheet.meaning(wrong).problem is not None
    assert offered(sheet, "be_lib|") == ["net.netfilter.nf_conntrack_tcp_be_liberal"]


def test_the_same_rule_in_other_words_is_no_change() -> None:
    session, found = sheets()
    sheet = found["filter INPUT"]
    assert isinstance(sheet, ChainSheet)
    draft = Draft()
    sheet.take(sheet.before.replace("-p tcp -m tcp --dport 1337", "-p  tcp --dport 1337"), draft)
    assert plan(session, "server", draft, first=True).lines == ()


def test_what_is_offered_for_a_line_of_any_bytes_is_never_an_error() -> None:
    sheet = input_chain()
    for line in ("\x1b[31m -j", "'", '"', "\\", "$(x)", "-m", "-j", "! ! !", "[UNREPLIED]", "\ud800", "a" * 5000):
        sheet.meaning(line)
        for at in range(0, len(line) + 1, max(1, len(line) // 7)):
            sheet.offers(line, at)
