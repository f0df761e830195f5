"""Rules in files: saved, restored, applied with a way back, and loaded at boot."""

from __future__ import annotations

import pytest

from fwtutor.network.prompt import configures
from fwtutor.network.world import World
from tests.network.worlds import pair, play, refused_at_once, said

DENY = ("*filter", ":INPUT DROP [0:0]", "COMMIT")
STATE = "iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"


def write(world: World, path: str, *lines: str) -> None:
    for number, line in enumerate(lines):
        play(world, "server", f"echo '{line}' {'>>' if number else '>'} {path}")


def rules(world: World, family: int = 4) -> str:
    return world.hosts["server"].firewall.save(family)


def test_iptables_save_writes_into_a_file_and_iptables_restore_reads_it() -> None:
    world = pair()
    play(world, "server", STATE, "iptables-save > /root/rules", "iptables -F")
    assert "ESTABLISHED" not in rules(world)
    play(world, "server", "iptables-restore < /root/rules")
    assert "ESTABLISHED" in rules(world)
    play(world, "server", "iptables -F", "iptables-restore /root/rules")
    assert "ESTABLISHED" in rules(world)


def test_what_goes_into_a_file_is_not_printed() -> None:
    world = pair()
    assert world.enter("server", "iptables-save > /root/rules").output == ""
    assert world.enter("server", "cat /root/rules").output == world.enter("server", "iptables-save").output


def test_ip6tables_has_its_own() -> None:
    world = pair()
    play(world, "server", "ip6tables -P INPUT DROP", "ip6tables-save > /root/rules6", "ip6tables -P INPUT ACCEPT")
    play(world, "server", "ip6tables-restore < /root/rules6")
    assert ":INPUT DROP" in rules(world, 6)
    assert ":INPUT DROP" not in rules(world)


def test_a_file_with_a_mistake_changes_nothing_and_the_line_is_named() -> None:
    world = pair()
    write(world, "/root/rules", "*filter", "-A INPUT -j DROP", "-A INPUT -j NOWHERE", "COMMIT")
    before = rules(world)
    record = world.enter("server", "iptables-restore < /root/rules")
    assert record.refused
    assert record.output.startswith("iptables-restore: line 3 failed, and nothing of the file is in force")
    assert rules(world) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("iptables-restore", "iptables-restore: write iptables-restore [-c] [-n] < FILE"),
        ("iptables-restore < /nothing", "iptables-restore: /nothing: No such file or directory"),
        ("iptables-restore <", "iptables-restore: < is more than is understood here"),
        ("iptables-save | grep x", "iptables-save: | is more than is understood here"),
        ("iptables-save > /", "iptables-save: /: Is a directory"),
        ("iptables-save < /etc/hosts", "iptables-save: write > FILE"),
        ("iptables-apply", "iptables-apply: write iptables-apply [-t SECONDS] FILE"),
        ("iptables-apply -t x /etc/hosts", "iptables-apply: timeout 'x' is no number"),
        ("y", "y: nobody has asked"),
        ("netfilter-persistent", "netfilter-persistent: write netfilter-persistent save, start, reload or flush"),
    ],
)
def test_what_is_wrong_is_named(line: str, words: str) -> None:
    refused_at_once(pair(), line, words)


def test_iptables_apply_goes_back_when_nobody_says_yes() -> None:
    world = pair()
    play(world, "server", STATE)
    write(world, "/root/rules", *DENY)
    record = world.enter("server", "iptables-apply -t 10 /root/rules")
    assert record.output.endswith("Can you establish NEW connections to the machine? (y/N)\n")
    assert ":INPUT DROP" in rules(world)
    world.run_until(world.now + 9_000_000_000)
    assert ":INPUT DROP" in rules(world)
    world.run_until(world.now + 2_000_000_000)
    assert ":INPUT ACCEPT" in rules(world)
    assert said(world.hosts["server"])[-1] == "Reverting to old iptables rules... done."


def test_iptables_apply_stays_when_somebody_says_yes() -> None:
    world = pair()
    write(world, "/root/rules", *DENY)
    world.enter("server", "iptables-apply /root/rules")
    assert not world.enter("server", "y").refused
    world.run_until(world.now + 60_000_000_000)
    assert ":INPUT DROP" in rules(world)


def test_a_second_iptables_apply_waits_for_the_first() -> None:
    world = pair()
    write(world, "/root/rules", *DENY)
    world.enter("server", "iptables-apply /root/rules")
    assert world.enter("server", "iptables-apply /root/rules").refused


def test_a_boot_finds_no_rules_unless_they_were_kept() -> None:
    world = pair()
    play(world, "server", "iptables -N mine", STATE, "iptables -P INPUT DROP", "ip6tables -P INPUT DROP", "netfilter-persistent flush")
    assert rules(world) == "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    assert ":INPUT ACCEPT" in rules(world, 6)
    record = world.enter("server", "netfilter-persistent start")
    assert record.output == "Warning: skipping IPv4 (no rules to load)\nWarning: skipping IPv6 (no rules to load)\n"


def test_what_netfilter_persistent_saves_it_loads_at_the_next_boot() -> None:
    world = pair()
    play(world, "server", STATE, "ip6tables -P INPUT DROP", "netfilter-persistent save")
    before = rules(world), rules(world, 6)
    play(world, "server", "netfilter-persistent flush")
    assert (rules(world), rules(world, 6)) != before
    play(world, "server", "netfilter-persistent start")
    assert (rules(world), rules(world, 6)) == before


def test_files_of_rules_are_part_of_an_answer_and_looking_is_not() -> None:
    assert configures("iptables-save > /etc/iptables/rules.v4")
    assert configures("iptables-restore < /root/rules")
    assert configures("sudo netfilter-persistent save")
    assert not configures("iptables-save")


def test_nobody_but_root_may() -> None:
    world = pair()
    assert world.enter("client", "sudo -u nobody iptables-restore < /root/rules").refused
