"""Histories of a lesson's own making: what must be seen, what must never be, what it costs; through a router, translated, in IPv6."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from fwtutor.course.checkfields import read_check
from fwtutor.course.checks import Court, Passes
from fwtutor.course.ground import Ground, draw_all
from fwtutor.course.model import Check, LessonError
from fwtutor.course.tables import Table
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording import Scenario, Session

STATE = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
OUT = "-A FORWARD -i lan -j ACCEPT"
HOSTS = (
    HostSpec(
        "wall",
        {"wan": ("203.0.113.1/24", "2001:db8:1::1/64"), "lan": ("192.168.0.1/24", "2001:db8:2::1/64")},
        routes={"default": "wan"},
        sysctls={"net.ipv6.conf.all.forwarding": 1},
    ),
    HostSpec(
        "mallory",
        {"eth0": ("203.0.113.9/24", "2001:db8:1::9/64")},
        routes={"default": ("eth0", "203.0.113.1"), "2001:db8:2::/64": ("eth0", "2001:db8:1::1")},
    ),
    HostSpec("web", {"eth0": ("203.0.113.80/24",)}, routes={"default": ("eth0", "203.0.113.1")}, services=("http:80",)),
    HostSpec(
        "alice",
        {"eth0": ("192.168.0.20/24", "2001:db8:2::20/64")},
        routes={"default": ("eth0", "192.168.0.1"), "2001:db8:1::/64": ("eth0", "2001:db8:2::1")},
        services=("ssh:22", "http:80"),
    ),
)
TOPOLOGY = Topology(
    HOSTS, (LinkSpec("wan", ("wall:wan", "mallory:eth0", "web:eth0"), 0.01), LinkSpec("lan", ("wall:lan", "alice:eth0"), 0.001)), 7
)


def check(text: str) -> Check:
    """A check as a lesson writes it."""
    part = Table.parse("lesson.toml", f'reason = "because"\n{text}')
    return read_check(part, "check", "wall", {host.name: host for host in HOSTS})


def rules(*lines: str, nat: tuple[str, ...] = (), policy: str = "DROP") -> str:
    text = ["*filter", f":FORWARD {policy} [0:0]", *lines, "COMMIT"]
    return "\n".join([*text, "*nat", *nat, "COMMIT", ""])


Fails = Callable[..., str]


@pytest.fixture
def failure() -> Fails:
    """What a check says of some rules."""

    def failure(text: str, *lines: str, nat: tuple[str, ...] = (), policy: str = "DROP", before: tuple[tuple[str, str], ...] = ()) -> str:
        return check(text).trial.failure(Ground(TOPOLOGY, "wall", rules(*lines, nat=nat, policy=policy), before=before), Random("x"))

    return failure


VISIT = """
kind = "history"
traffic = [{ host = "alice", run = "connect 203.0.113.80:80 from {port}" }]
must = [{ connection = "tcp *:{port} > 203.0.113.80:80", at = "web" }]
never = [{ packet = "tcp 203.0.113.9 > *", to = "local", at = "alice" }]
"""


def test_what_must_be_seen_is_seen(failure: Fails) -> None:
    assert failure(VISIT, STATE, OUT) == ""


def test_what_was_not_seen_is_told_with_the_packet_that_was_stopped(failure: Fails) -> None:
    said = failure(VISIT, OUT)
    assert said.startswith("the connection tcp *:")
    assert " never came about; the firewall stopped web's SYN+ACK from 203.0.113.80:80 to 192.168.0.20:" in said
    assert said.endswith(", by FORWARD's policy")


NEVER = """
kind = "history"
draw = { door = "22|80", stranger = "203.0.113.0/24" }
traffic = [{ host = "mallory", run = "send tcp {stranger}:{port} > 192.168.0.20:{door} SYN" }]
never = [{ packet = "tcp {stranger} > 192.168.0.20:{door}", at = "alice", to = "local" }]
times = 3
"""


def test_what_must_never_be_seen_is_told_with_where_it_came_to(failure: Fails) -> None:
    assert failure(NEVER, STATE, OUT) == ""
    said = failure(NEVER, policy="ACCEPT")
    # Whose packet it was, whatever address it wore.
    assert said.startswith("mallory's SYN from 203.0.113.")
    assert said.endswith(" reached alice")


def test_who_answers_on_a_packet_s_account_has_made_the_answer(failure: Fails) -> None:
    answered = """
    kind = "history"
    traffic = [{ host = "mallory", run = "send udp 203.0.113.9:5000 > 192.168.0.20:53" }]
    never = [{ packet = "icmp * > 203.0.113.9 3/3", at = "mallory", to = "local" }]
    """
    said = failure(answered, "-A FORWARD -p udp -j REJECT")
    assert said == "wall's ICMP 3/3 from 203.0.113.1 to 203.0.113.9 reached mallory"


def test_what_a_tool_says_can_be_asked_for(failure: Fails) -> None:
    says = """
    kind = "history"
    traffic = [{ host = "mallory", run = "nmap -Pn -sS -p 22 192.168.0.20" }]
    must = [{ says = "22/tcp filtered", at = "mallory" }]
    """
    assert failure(says, STATE, OUT) == ""
    assert failure(says, policy="ACCEPT").startswith('mallory never read "22/tcp filtered"')


def test_a_condition_may_ask_how_a_packet_left(failure: Fails) -> None:
    left = """
    kind = "history"
    traffic = [{ host = "alice", run = "connect 203.0.113.80:80 from 5000" }]
    must = [{ packet = "tcp 192.168.0.20:5000 > *:80 SYN", left = "tcp 203.0.113.1:5000 > 203.0.113.80:80 SYN" }]
    """
    assert failure(left, STATE, OUT, nat=("-A POSTROUTING -o wan -j MASQUERADE",)) == ""
    assert "no tcp 192.168.0.20:5000 > *:80 SYN left as" in failure(left, STATE, OUT)


COST = """
kind = "cost"
traffic = [{ host = "alice", run = "curl http://203.0.113.80" }]
most = 2
share = 80
"""


def test_traffic_may_cost_so_much_and_no_more(failure: Fails) -> None:
    assert failure(COST, STATE, OUT) == ""
    said = failure(COST, *["-A FORWARD -p udp -j ACCEPT"] * 5, STATE, OUT)
    assert said.startswith("0 of ")
    assert "met 7, by rule 7 of FORWARD" in said


STRAYS = """
kind = "strays"
on = "wan"
sources = ["203.0.113.9"]
destination = "192.168.0.20"
tcp = ["SYN", "none"]
ports = [22]
"""


def test_strays_that_are_forwarded_got_through(failure: Fails) -> None:
    assert failure(STRAYS, STATE, OUT) == ""
    assert "to 192.168.0.20:22 came in by wan and got through, by rule 1 of FORWARD" in failure(STRAYS, "-A FORWARD -p tcp -j ACCEPT")


def test_strays_may_be_of_ipv6() -> None:
    six = STRAYS.replace("203.0.113.9", "2001:db8:1::9").replace("192.168.0.20", "2001:db8:2::20")
    assert "SYN from [2001:db8:1::9]:" in check(six).trial.failure(Ground(TOPOLOGY, "wall", rules()), Random("x"))
    shut = (("wall", "ip6tables -P FORWARD DROP"),)
    assert check(six).trial.failure(Ground(TOPOLOGY, "wall", rules(), before=shut), Random("x")) == ""


def test_an_exchange_may_be_served_behind_a_translation(failure: Fails) -> None:
    public = """
    kind = "exchange"
    host = "mallory"
    run = ["curl http://203.0.113.1:8080"]
    with = "tcp 203.0.113.1:8080"
    served = "192.168.0.20:80"
    """
    forwarded = ("-A PREROUTING -i wan -p tcp --dport 8080 -j DNAT --to-destination 192.168.0.20:80",)
    accept = "-A FORWARD -d 192.168.0.20 -p tcp --dport 80 -j ACCEPT"
    assert failure(public, STATE, accept, nat=forwarded) == ""
    assert "nothing said ever reached 203.0.113.1:8080" in failure(public, STATE, accept)


def test_a_router_s_word_about_what_was_forwarded_must_come_through(failure: Fails) -> None:
    word = """
    kind = "icmp-error"
    host = "alice"
    run = ["connect 203.0.113.80:80 from {port}"]
    with = "tcp 203.0.113.80:80"
    on = "wan"
    error = "3/4"
    router = "203.0.113.254"
    """
    hidden = ("-A POSTROUTING -o wan -j MASQUERADE",)
    assert failure(word, STATE, OUT, nat=hidden) == ""
    narrow = "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT"
    assert failure(word, narrow, OUT, nat=hidden).startswith("ICMP 3/4 from 203.0.113.254 about tcp 203.0.113.1:")


def test_a_connection_may_be_open_when_the_answer_comes_into_force(failure: Fails) -> None:
    cut = """
    kind = "history"
    already = [{ host = "alice", run = "connect 203.0.113.80:80 from {port}" }]
    traffic = [{ host = "alice", run = "say GET to 80" }]
    never = [{ packet = "tcp *:{port} > 203.0.113.80:80", to = "wan" }]
    """
    ban = "-A FORWARD -s 192.168.0.20 -j DROP"
    ground = Ground(TOPOLOGY, "wall", rules(STATE, ban))
    worlds = ground.world(), ground.world((("alice", "ping -c 1 203.0.113.80"),))
    saved = [sorted(world.hosts["wall"].firewall.save().splitlines()) for world in worlds]
    assert saved[0] == saved[1]
    assert failure(cut, ban, STATE) == ""
    assert failure(cut, STATE, OUT).endswith(" got through wall to wan, by rule 2 of FORWARD")


# --- what is drawn, and mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "fits"), [("5-5", "5"), ("a|a", "a"), ("203.0.113.7/32", "203.0.113.7"), ("2001:db8::7/128", "2001:db8::7")]
)
def test_what_is_drawn_is_what_the_author_says(spec: str, fits: str) -> None:
    assert draw_all({"it": spec}, Random(1)) == {"it": fits}


@pytest.mark.parametrize("spec", ["", "5", "5-", "-5", "9-5", "x-y", "203.0.113.300/24", "²-³"])
def test_nothing_is_drawn_from_what_makes_no_sense(spec: str) -> None:
    with pytest.raises(ValueError):
        draw_all({"it": spec}, Random(1))


@pytest.mark.parametrize(
    ("old", "new", "field", "reason"),
    [
        ("{port}", "{prt}", "traffic[1].run", "nothing is drawn for {prt}"),
        ("connection =", "connexion =", "must[1]", "has none of packet, entry, connection, says"),
        ("tcp *:{port}", "tcp *:{nothing}", "must[1].connection", "'{nothing}'"),
        ('at = "web"', 'at = "wob"', "must[1].at", 'there is no host "wob"'),
        ('kind = "history"', 'kind = "history"\ndraw = { x = "?" }', "draw.x", "is none of 1000-2000"),
        ('kind = "history"', 'kind = "story"', "kind", "is none of exchange, icmp-error, strays, history, cost"),
    ],
)
def test_a_mistake_in_a_history_is_named_with_its_field(old: str, new: str, field: str, reason: str) -> None:
    assert old in VISIT
    with pytest.raises(LessonError) as caught:
        check(VISIT.replace(old, new))
    assert (caught.value.field, reason in caught.value.reason) == (field, True), caught.value


def test_a_history_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(LessonError, match="it could never fail"):
        check(VISIT[: VISIT.index("must")])


# --- answers that are no rules ------------------------------------------------------------------------------

WATCHED = "-A FORWARD -m conntrack --ctstate INVALID -j LOG"
PICKED_UP = """
kind = "history"
traffic = [{ host = "mallory", run = "send tcp 203.0.113.9:{port} > 192.168.0.20:22 ACK" }]
never = [{ packet = "tcp * > 192.168.0.20:22", ctstate = "NEW" }]
"""


def test_settings_are_an_answer_too() -> None:
    scenario = Scenario(TOPOLOGY, watch="wall")
    goal = Passes(Court(scenario, (check(PICKED_UP),), 1, frozenset({scenario.watch})))
    session = Session(scenario)
    session.enter("wall", "sysctl net.netfilter.nf_conntrack_tcp_loose")
    session.enter("wall", "iptables -L")
    assert goal.met_at(session.run) is None
    assert goal.missing(session.run) == ""
    session.enter("wall", "iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP")
    assert "Your answer was tried: mallory's ACK from 203.0.113.9:" in goal.missing(session.run)
    record = session.enter("wall", "sysctl net.netfilter.nf_conntrack_tcp_loose=0")
    assert goal.met_at(session.run) == record.index


def test_what_the_script_did_to_files_and_settings_is_found_by_rules_given_as_an_answer() -> None:
    before = (
        ("wall", "sysctl net.netfilter.nf_conntrack_tcp_loose=0"),
        ("wall", "iptables -P FORWARD DROP"),
        ("wall", "iptables -D INPUT 9"),
    )
    assert check(PICKED_UP).trial.failure(Ground(TOPOLOGY, "wall", rules(WATCHED, policy="ACCEPT"), before=before), Random("x")) == ""
    assert check(PICKED_UP).trial.failure(Ground(TOPOLOGY, "wall", rules(WATCHED, policy="ACCEPT")), Random("x")) != ""
