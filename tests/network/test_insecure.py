"""The app on 1337: an echo, until it is taken over; then whatever its host may reach, it reaches for the attacker."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from fwtutor.network.records import Walked
from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World
from tests.network.worlds import play, said

RULES = """*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp --dport 1337 -j ACCEPT
-A INPUT -p tcp -s 192.168.0.0/16 --dport 22 -j ACCEPT
COMMIT
"""
TAKEN = ("connect 203.0.113.1:1337 from 4000", 'say "%n" to 1337')


def world(rules: str = RULES) -> World:
    """The origin question's: 1337 for the world, 22 for the LAN."""
    return World(
        Topology(
            (
                HostSpec(
                    "server",
                    {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)},
                    services=("ssh:22", "app:1337 as app"),
                    rules=rules,
                    users=(UserSpec("app", 1001),),
                ),
                HostSpec("attacker", {"eth0": ("203.0.113.9/24",)}, services=("echo:4444",)),
                HostSpec("backup", {"eth0": ("192.168.0.20/16",)}, services=("ssh:22",)),
            ),
            (LinkSpec("internet", ("server:wan", "attacker:eth0")), LinkSpec("lan", ("server:lan", "backup:eth0"), 0.001)),
        )
    )


def told(here: World, *lines: str) -> list[str]:
    """What the app says, after it was taken over, to these orders."""
    play(here, "attacker", *TAKEN, *(f'say "{line}" to 1337' for line in lines))
    return [line.removeprefix("from 203.0.113.1:1337: ") for line in said(here.hosts["attacker"])][3:]


def test_it_greets_and_echoes() -> None:
    here = world()
    play(here, "attacker", "connect 203.0.113.1:1337 from 4000", 'say "100 %" to 1337', "close 1337")
    assert said(here.hosts["attacker"])[1:] == [
        "from 203.0.113.1:1337: hello from port 1337",
        "from 203.0.113.1:1337: 100 %",
        "connection to 203.0.113.1:1337 closed",
    ]


def test_a_percent_n_takes_it_over() -> None:
    here = world()
    assert told(here, "id", "rm") == ["uid=1001(app) gid=1001(app)", "rm: not found; orders: id, connect ADDR:PORT, listen PORT, exit"]
    play(here, "attacker", "say exit to 1337")
    assert not here.hosts["server"].processes


def test_it_goes_where_its_host_may_go() -> None:
    banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2"
    assert told(world(), "connect 192.168.0.1:22") == ["connected to 192.168.0.1:22", banner]
    assert told(world(), "connect 192.168.0.20:22") == ["connected to 192.168.0.20:22", banner]
    assert told(world(), "connect 203.0.113.9:4444", "hi") == ["connected to 203.0.113.9:4444", "hi"]


def test_it_goes_nowhere_else() -> None:
    assert told(world(), "connect 127.0.0.1:22") == ["Connection timed out"]
    assert told(world(), "connect 192.168.0.20:23") == ["Connection refused"]
    assert told(world(), "connect 8.8.8.8:22") == ["connect: Network is unreachable"]
    assert told(world(), "connect there") == ["connect: 'there' names no port; write ADDR:PORT"]


def test_what_it_sends_is_its_user_s() -> None:
    here = world()
    play(here, "server", "iptables -A OUTPUT -m owner --uid-owner 1001 -m conntrack --ctstate NEW -j REJECT")
    assert told(here, "connect 192.168.0.20:22") == ["Connection refused"]
    assert said(here.hosts["attacker"])[1] == "from 203.0.113.1:1337: hello from port 1337", "what it answers goes on"


def test_both_ways_until_one_side_ends() -> None:
    here = world()
    lines = told(here, "connect 192.168.0.20:22", "GET / HTTP/1.0", "id")
    assert lines[2:] == ["Invalid SSH identification string.", "connection to 192.168.0.20:22 closed", "uid=1001(app) gid=1001(app)"]
    sources = {r.walk.packet.source for r in here.records if isinstance(r, Walked) and r.host == "backup" and r.walk.packet.dport == 22}
    assert sources == {"192.168.0.1"}
    play(here, "attacker", "close 1337")
    assert not here.hosts["server"].processes


def test_it_listens_and_relays_whoever_comes() -> None:
    here = world()
    assert told(here, "listen 22", "listen 1337", "listen 5000") == [
        "listen: Permission denied",
        "listen: Address already in use",
        "listening on port 5000",
    ]
    play(here, "server", "iptables -I INPUT -i lan -p tcp --dport 5000 -j ACCEPT")
    play(here, "backup", "connect 192.168.0.1:5000 from 6000", 'say "psst" to 5000')
    play(here, "attacker", 'say "yes?" to 1337')
    assert said(here.hosts["attacker"])[-2:] == [
        "from 203.0.113.1:1337: connection from 192.168.0.20:6000",
        "from 203.0.113.1:1337: psst",
    ]
    assert said(here.hosts["backup"])[-1] == "from 192.168.0.1:5000: yes?"
    assert (None, 5000) not in here.hosts["server"].stack.listeners


@pytest.mark.parametrize("over", ["close", "reset"])
def test_when_the_attacker_goes_it_stops_listening(over: str) -> None:
    here = world()
    told(here, "listen 5000")
    play(here, "attacker", f"{over} 1337")
    assert (None, 5000) not in here.hosts["server"].stack.listeners
    assert not here.hosts["server"].processes


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"%n\n", b"connect 192.168.0.20:22\n", b"connect 203.0.113.1:1337\n", b"listen 5000\n", b"listen x\n", b"exit\n", b"\n"]
        ),
    ),
    max_size=8,
)


@given(LINES)
def test_no_bytes_make_it_stumble(pieces: list[bytes]) -> None:
    here = world()
    play(here, "attacker", "connect 203.0.113.1:1337 from 4000")
    for piece in pieces:
        for endpoint in list(here.hosts["attacker"].stack.endpoints.values()):
            endpoint.send(piece)
        for _ in range(300):
            here.step()
