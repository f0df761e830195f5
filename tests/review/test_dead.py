"""What can never match: what is said of it is certain, and what people get wrong is found."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.generate import case
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import Firewall
from fwtutor.review.dead import Dead, dead
from fwtutor.review.report import findings


def found(*rules: str, table: str = "filter", chains: tuple[str, ...] = (), variant: str = "legacy", family: int = 4) -> list[Dead]:
    firewall = Firewall(interfaces={}, variant=variant)
    lines = [f"*{table}", *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT", ""]
    firewall.restore("\n".join(lines), family=family)
    return dead(firewall.ruleset(family))


def why(*rules: str, table: str = "filter", chains: tuple[str, ...] = (), variant: str = "legacy", family: int = 4) -> str:
    """Of the one finding there is; "" for none."""
    all_found = found(*rules, table=table, chains=chains, variant=variant, family=family)
    assert len(all_found) <= 1, all_found
    return all_found[0].why if all_found else ""


BOTH = pytest.mark.parametrize("variant", ["legacy", "nft"])


@BOTH
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("-s 10.0.0.0/8 -j DROP", "-s 10.1.2.3/32 -j ACCEPT"),
        ("-p tcp -m tcp --dport 20:30 -j DROP", "-p tcp -m tcp --dport 22 -j ACCEPT"),
        ("-p tcp -m tcp --dport 22 -j DROP", "-s 10.1.2.3/32 -p tcp -m tcp --dport 22 -m limit --limit 3/sec -j ACCEPT"),
        ("-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-m state --state ESTABLISHED -j DROP"),
        ("-i wan -j DROP", "-i wan -p udp -j ACCEPT"),
        ("-i w+ -j DROP", "-i wan -j ACCEPT"),
        ("! -i lo -j DROP", "-i wan -j ACCEPT"),
        ("-p icmp -j DROP", "-p icmp -m icmp --icmp-type 8 -j ACCEPT"),
        ("-p icmp -m icmp --icmp-type 3 -j DROP", "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT"),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP", "-s 10.0.0.4/30 -j ACCEPT"),
        ("-p tcp -m multiport --dports 22,80 -j DROP", "-p tcp -m multiport --dports 80 -j ACCEPT"),
        ("-p tcp -m multiport --ports 22 -j DROP", "-p tcp -m multiport --sports 22 -j ACCEPT"),
        ("-m length --length 100:200 -j DROP", "-m length --length 150 -j ACCEPT"),
        ("-m mark --mark 0x1 -j DROP", "-m mark --mark 0x1 -p tcp -j ACCEPT"),
        ("-m comment --comment any -j REJECT", "-p tcp -j ACCEPT"),
        ("-j RETURN", "-p tcp -j ACCEPT"),
    ],
)
def test_a_rule_behind_one_that_takes_all_it_is_for(variant: str, first: str, second: str) -> None:
    assert why(f"-A INPUT {first}", f"-A INPUT {second}", variant=variant) == "rule 1 takes every packet it is for"


@BOTH
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("-s 10.1.2.3/32 -j DROP", "-s 10.0.0.0/8 -j ACCEPT"),
        ("-p tcp -j LOG", "-p tcp -j ACCEPT"),
        ("-p tcp -m limit --limit 3/sec -j DROP", "-p tcp -j ACCEPT"),
        ("-m conntrack --ctstate ESTABLISHED -j ACCEPT", "-m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT"),
        ("-m mark --mark 0x1 -j DROP", "-m mark --mark 0x2 -j ACCEPT"),
        ("-m conntrack --ctstate DNAT -j DROP", "-m conntrack --ctstate NEW -j ACCEPT"),
        ("-s 10.0.0.0/255.0.0.255 -j DROP", "-s 10.1.2.3/32 -j ACCEPT"),
        ("-i wan -j DROP", "-i w+ -j ACCEPT"),
    ],
)
def test_a_rule_that_gets_what_the_one_before_it_leaves(variant: str, first: str, second: str) -> None:
    assert why(f"-A INPUT {first}", f"-A INPUT {second}", variant=variant) == ""


@BOTH
def test_several_rules_take_together_what_another_is_for(variant: str) -> None:
    halves = ["-A INPUT -s 0.0.0.0/1 -j DROP", "-A INPUT -p udp -j LOG", "-A INPUT -s 128.0.0.0/1 -j DROP"]
    assert why(*halves, "-A INPUT -s 10.0.0.0/8 -j DROP", variant=variant) == "rule 1 takes every packet it is for"
    assert why(*halves, "-A INPUT -j ACCEPT", variant=variant) == "rules 1 and 3 take every packet it is for"


@BOTH
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("-p tcp -m tcp --dport 22 -m multiport --dports 80,443 -j ACCEPT", "no packet fits both --dport 22 and --dports 80,443"),
        ("-m state --state NEW -m conntrack --ctstate ESTABLISHED -j ACCEPT", "no packet fits both --state NEW and --ctstate ESTABLISHED"),
        ("-s 10.0.0.1/32 -m iprange --src-range 10.0.0.2-10.0.0.9", "no packet fits both -s 10.0.0.1/32 and --src-range 10.0.0.2-10.0.0.9"),
        ("! -i + -j ACCEPT", "no packet fits ! -i +"),
        ("-p icmp -m icmp ! --icmp-type any -j ACCEPT", "no packet fits ! --icmp-type any"),
    ],
)
def test_a_rule_whose_conditions_contradict_each_other(variant: str, rule: str, said: str) -> None:
    assert why(f"-A INPUT {rule}", variant=variant) == said


@BOTH
def test_what_packets_at_a_hook_cannot_be(variant: str) -> None:
    jump = "-A INPUT -p udp -j own"
    assert why(jump, "-A own -o wan -j DROP", chains=("own",), variant=variant) == "INPUT's rule 1 sends nothing here that fits -o wan"
    assert why(jump, "-A own -p tcp -j DROP", chains=("own",), variant=variant) == "INPUT's rule 1 sends nothing here that fits -p tcp"
    assert why(jump, "-A FORWARD -j own", "-A own -o wan -j DROP", chains=("own",), variant=variant) == ""


@BOTH
def test_nat_is_asked_about_first_packets_only(variant: str) -> None:
    said = why("-A POSTROUTING -m conntrack --ctstate ESTABLISHED -j MASQUERADE", table="nat", variant=variant)
    assert said == "nothing fits --ctstate ESTABLISHED: the table nat is asked about the first packet of a connection only"


@BOTH
def test_with_tracking_there_are_no_later_fragments(variant: str) -> None:
    said = why("-A INPUT -f -j DROP", "-A INPUT -m conntrack --ctstate INVALID -j DROP", variant=variant)
    assert said == "nothing fits -f: connection tracking puts fragments together before rules see them"
    assert why("-A INPUT -f -j DROP", variant=variant) == ""


@BOTH
def test_chains_nothing_gets_into(variant: str) -> None:
    (unused,) = found("-A one -j ACCEPT", chains=("one",), variant=variant)
    assert (unused.chain, unused.number) == ("one", 0)
    assert unused.why == "no packet comes into this chain: no rule that is reached leads to it"
    rule, chain = found("-A INPUT -j DROP", "-A INPUT -j one", "-A one -j ACCEPT", chains=("one",), variant=variant)
    assert (rule.chain, rule.number) == ("INPUT", 2)
    assert (chain.chain, chain.number) == ("one", 0)
    assert chain.why == "no packet comes into this chain: INPUT's rule 2 never matches"


@BOTH
def test_what_never_comes_out_of_a_chain(variant: str) -> None:
    rules = ["-A one -p udp -j ACCEPT", "-A one -j DROP", "-A INPUT -i wan -j one", "-A INPUT -i wan -p tcp -j ACCEPT"]
    assert why(*rules, chains=("one",), variant=variant) == "rule 1 takes every packet it is for"
    returning = ["-A one -p udp -j RETURN", *rules[1:]]
    assert why(*returning, chains=("one",), variant=variant) == "rule 1 takes every packet it is for"
    assert why(*returning[:3], "-A INPUT -i wan -p udp -j ACCEPT", chains=("one",), variant=variant) == ""


@BOTH
def test_what_one_rule_takes_is_found_behind_many_that_are_for_little(variant: str) -> None:
    little = [f"-A INPUT -s 10.{n}.0.0/16 -p tcp -m tcp --dport {n} -j ACCEPT" for n in range(30, 60)]
    two = ["-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -s 10.7.0.0/16 -p tcp -m tcp --dport 22 -j DROP"]
    assert why(*little, *two, variant=variant) == "rule 31 takes every packet it is for"


@BOTH
def test_a_mark_may_be_another_behind_a_rule_that_sets_it(variant: str) -> None:
    rules = [
        "-A PREROUTING -m mark --mark 0x1 -j RETURN",
        "-A PREROUTING -j MARK --set-mark 0x1",
        "-A PREROUTING -m mark --mark 0x1 -j DROP",
    ]
    assert why(*rules, table="mangle", variant=variant) == ""
    assert why(rules[0], rules[2], table="mangle", variant=variant) == "rule 1 takes every packet it is for"


@BOTH
def test_goto_does_not_come_back(variant: str) -> None:
    rules = ["-A INPUT -p tcp -g one", "-A INPUT -p tcp -j ACCEPT", "-A one -p udp -j DROP"]
    assert [(one.chain, one.number) for one in found(*rules, chains=("one",), variant=variant)] == [("INPUT", 2), ("one", 1)]


def test_legacy_drops_what_is_cut_short_and_nft_lets_it_come_further() -> None:
    """So behind rules for all ports there is something left for nft."""
    rules = ["-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -p tcp -m tcp ! --dport 22 -j ACCEPT"]
    tracked = [*rules, "-A INPUT -p tcp -j DROP", "-A INPUT -m conntrack --ctstate NEW"]
    assert why(*tracked) == "rules 1 and 2 take every packet it is for"
    assert why(*tracked, variant="nft") == ""


def test_nft_takes_a_packet_of_ipv6_without_a_protocol_further() -> None:
    rules = ["-A INPUT -p tcp -j ACCEPT", "-A INPUT ! -p tcp -j ACCEPT", "-A INPUT -s 2001:db8::/32 -j DROP"]
    assert why(*rules, family=6) == "rules 1 and 2 take every packet it is for"
    assert why(*rules, family=6, variant="nft") == ""


def test_ten_thousand_rules_are_looked_through() -> None:
    rules = [f"-A INPUT -s 10.{number >> 8}.{number & 255}.0/24 -j DROP" for number in range(10_000)]
    assert why(*rules, "-A INPUT -s 10.0.0.9/32 -j ACCEPT") == "rule 1 takes every packet it is for"


def test_a_chain_that_is_called_from_everywhere_takes_no_forever() -> None:
    """Each of twelve chains calls the next twice: thousands of ways through them."""
    chains = tuple(f"c{number}" for number in range(12))
    calls = [f"-A {one} -p {protocol} -j {other}" for one, other in pairwise(chains) for protocol in ("tcp", "udp")]
    assert (
        why("-A INPUT -j c0", *calls, "-A c11 -p icmp -j DROP", chains=chains) == "c10's rules 1 and 2 send nothing here that fits -p icmp"
    )


@pytest.mark.parametrize("seed", range(0, 120, 2))
def test_no_packet_ever_matches_what_is_said_to_be_dead(seed: int) -> None:
    setup, items = case(seed, 60)
    firewall, family = engine_for(setup), 6 if setup.rules6 else 4
    tables = firewall.ruleset(family).tables
    doomed = [
        rule.id
        for one in dead(firewall.ruleset(family))
        for rule in ([one.rule] if one.rule else tables[one.table].chains[one.chain].rules)
    ]
    for number, item in enumerate(items):
        if isinstance(item, Shot) and item.on is not None:
            firewall.receive(item.raw, on=item.on, at=number / 100)
        elif isinstance(item, Shot):
            firewall.send(item.raw, at=number / 100, mark=item.mark)
    assert [firewall.state.counters.get(number, (0, 0))[0] for number in doomed] == [0] * len(doomed)


@BOTH
def test_a_chain_ends_for_what_goes_to_another_that_takes_all(variant: str) -> None:
    rules = ("-A own -p tcp -m tcp --dport 113 -g all", "-A own -s 10.0.0.0/8 -j DROP", "-A own -j DROP", "-A all -j REJECT")
    assert (
        why("-A INPUT -j own", "-A INPUT -j LOG", *rules, chains=("own", "all"), variant=variant) == "rule 1 takes every packet it is for"
    )
    not_all = (*rules[:3], "-A all -p tcp -m tcp --sport 1:80 -j REJECT")
    assert not why("-A INPUT -j own", "-A INPUT -j LOG", *not_all, chains=("own", "all"), variant=variant)


def test_with_the_interfaces_of_a_box_alone_more_is_dead() -> None:
    firewall = Firewall(interfaces={})
    firewall.restore("*filter\n-A INPUT -i eth0 -j DROP\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j LOG\n-A INPUT -i wlan+ -j DROP\nCOMMIT\n")
    assert not dead(firewall.ruleset())
    assert [one.number for one in dead(firewall.ruleset(), ("lo", "eth0"))] == [3, 4]


def test_chains_that_no_rule_leads_to_are_told_of_together() -> None:
    firewall = Firewall(interfaces={})
    firewall.restore("*nat\n:x - [0:0]\nCOMMIT\n*filter\n:a - [0:0]\n:b - [0:0]\n-A b -j a\nCOMMIT\n")
    assert list(findings(firewall.ruleset(), {})) == [
        "nat x: no packet comes into this chain: no rule that is reached leads to it",
        "filter: no packet comes into 2 chains: no rule that is reached leads to them: a, b",
    ]
