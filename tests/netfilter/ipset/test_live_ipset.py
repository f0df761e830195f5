"""The live tool is the judge: what ipset takes, what it refuses and in which words, and all it lists."""

from __future__ import annotations

import random
import shlex
from pathlib import Path

from tests.netfilter.ipset.live import ask, comparable, ours

SESSIONS = [
    [line for line in block.split("\n") if line and not line.startswith("#")]
    for block in (Path(__file__).parent / "sessions.txt").read_text().split("\n\n")
]


def differences(sessions: list[list[str]]) -> list[str]:
    """Each as text."""
    found = []
    for session, theirs in zip(sessions, ask(sessions), strict=True):
        for line, (status, said), (own_status, own) in zip(session, theirs, ours(session), strict=True):
            if (status, comparable(said)) != (own_status, comparable(own)):
                left, right = comparable(said).splitlines(), comparable(own).splitlines()
                live = "\n    ".join(one for one in left if one not in right)
                mine = "\n    ".join(one for one in right if one not in left)
                found.append(f"{line}\n  live {status}: {live}\n  ours {own_status}: {mine}")
    return found


def test_hand_picked_commands_are_taken_and_refused_in_the_tools_words() -> None:
    found = differences([session for session in SESSIONS if session])
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:40])


TYPES = ("hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:ip,port,ip", "hash:ip,port,net", "bitmap:port", "list:set")
OPTIONS = (
    "timeout 100", "timeout 0", "counters", "comment", "skbinfo", "family inet6", "family inet", "maxelem 2", "maxelem 0",
    "hashsize 100",     "netmask 24", "netmask 64", "size 2", "range 10-90", "range 10-90", "forceadd", "bitmask 255.0.255.0",
    "bucketsize 4",     "timeout x",     "bogus",
)  # fmt: skip
ADDRESSES = (
    "10.0.0.1", "10.0.0.2", "10.0.1.77", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.1-10.0.0.4", "10.0.0.4-10.0.0.1", "0.0.0.0", "10",
    "10.0.0.1/33",
    "10.0.0.1/0", "2001:db8::1", "2001:db8::2", "2001:db8::/126", "2001:db8::1/128", "2001:db8::1-2001:db8::3", "::", "x", "", "1.2.3.4/x",
)  # fmt: skip
PORTS = (
    "80", "tcp:80", "udp:53", "tcp:80-82", "http", "udp:domain", "icmp:ping", "icmp:8/0", "icmp:9", "gre:0", "gre:1",
    "foo:1",
    "tcp:", "tcp:65536", "sctp:9", "132:9", "0", "tcp:9-7",
)  # fmt: skip
CARRIED = (
    "timeout 90", "timeout 0", "packets 5", "bytes 7", "comment hi", "comment 'a b'", "skbmark 0x5", "skbmark 0x5/0xf", "skbprio 1:2",
    "skbqueue 3", "nomatch", "before s1", "after s0", "timeout 5 timeout 6", "skbmark 5", "packets -1", "bogus", "-exist", "-quiet",
)  # fmt: skip


def element(draw: random.Random, kind: str) -> str:
    if kind == "list:set":
        return draw.choice(("s0", "s1", "s2", "s3", "nosuch"))
    if kind == "bitmap:port":
        return draw.choice([port for port in PORTS if "icmp" not in port])  # of those it dies
    parts = [draw.choice(PORTS if part == "port" else ADDRESSES) for part in kind.removeprefix("hash:").split(",")]
    if draw.random() < 0.05 and len(parts) > 1:
        parts.append(draw.choice(("", "x")))
    return ",".join(parts[: -1 if draw.random() < 0.03 else None])


def session(draw: random.Random) -> list[str]:
    """Sets of a few types, and what is done with them."""
    kinds = [draw.choice(TYPES) for _ in range(4)]
    lines = []
    for number, kind in enumerate(kinds):
        own = ["range 10-90"] if kind == "bitmap:port" else []
        own += draw.sample(OPTIONS, draw.choice((0, 0, 1, 1, 2, 3)))
        if "forceadd" in own and "maxelem 2" in own:  # whether a full one takes more is drawn by lot
            own.remove("forceadd")
        lines.append(f"create s{number} {kind} {' '.join(own)}".rstrip())
    for _ in range(20):
        number = draw.randrange(4)
        command = draw.choice(
            ("add", "add", "add", "add", "test", "del", "-exist add", "-! del", "flush", "save", "list -t", "rename", "swap")
        )
        if command in ("flush", "save", "list -t"):
            lines.append(f"{command} s{number}")
        elif command in ("rename", "swap"):
            lines.append(f"{command} s{number} {draw.choice(('s0', 's1', 's7'))}")
        else:
            more = draw.sample(CARRIED, draw.choice((0, 0, 1, 1, 2)) if "add" in command else draw.choice((0, 0, 0, 1)))
            lines.append(" ".join([command, f"s{number}", shlex.quote(element(draw, kinds[number])), *more]))
    return [*lines, "save", "destroy s0", "destroy"]


def test_generated_commands_are_taken_and_refused_in_the_tools_words() -> None:
    draw = random.Random(20261126)
    found = differences([session(draw) for _ in range(40)])
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:40])
