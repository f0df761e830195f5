"""Facts about the five tables: the order in which a packet meets them, and what a verdict in one of them is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import SYN
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, agreed, box

ALL = (
    "*raw\nCOMMIT\n*mangle\nCOMMIT\n*security\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"
    "COMMIT\n"
)
"""Every table but nat, and connections are tracked."""
LEAVES = "raw:OUTPUT mangle:OUTPUT filter:OUTPUT security:OUTPUT mangle:POSTROUTING"


def syn(src: int, dst: int, on: str | None, port: int = 80, ttl: int = 64) -> Shot:
    return Shot(craft.tcp(src, dst, 4000, port, SYN, 1, id=1, ttl=ttl), on)


def tables(path: tuple[str, ...]) -> list[str]:
    return [":".join(words.split(":")[:2]) for words in path]


@pytest.mark.parametrize(
    ("shot", "met"),
    [
        (syn(CLIENT, SERVER, "lan"), "raw:PREROUTING mangle:PREROUTING mangle:FORWARD filter:FORWARD security:FORWARD mangle:POSTROUTING"),
        (syn(STRANGER, BOX, "wan"), "raw:PREROUTING mangle:PREROUTING mangle:INPUT filter:INPUT security:INPUT"),
        (syn(BOX, STRANGER, None), LEAVES),
        (
            syn(BOX, BOX, None),
            f"{LEAVES} raw:PREROUTING mangle:PREROUTING mangle:INPUT filter:INPUT security:INPUT",
        ),
        # Refused between two tables: what comes before that has run.
        (syn(CLIENT, SERVER, "lan", ttl=1), f"raw:PREROUTING mangle:PREROUTING {LEAVES}"),
    ],
    ids=["through", "to the box", "from the box", "to itself", "its TTL ran out"],
)  # fmt: skip
def test_the_order_of_the_tables(kernel: Kernel, shot: Shot, met: str) -> None:
    packets = agreed(kernel, box(ALL), [shot])
    assert tables(packets[0].path) == met.split()


@pytest.mark.parametrize("variant", ["legacy", "nft"])
@pytest.mark.parametrize("table", ["raw", "mangle", "filter"])
def test_accept_ends_its_table_only_and_drop_the_packet(kernel: Kernel, table: str, variant: str) -> None:
    hook = "PREROUTING" if table in ("raw", "mangle") else "FORWARD"
    own = f"*{table}\n-A {hook} -p tcp -m tcp --dport 80 -j ACCEPT\n-A {hook} -p tcp -m tcp --dport 22 -j DROP\n-A {hook} -j DROP\nCOMMIT\n"
    other = f"*{'security' if table == 'filter' else 'filter'}\n:FORWARD DROP [0:0]\nCOMMIT\n"
    setup = replace(box(own + other), variant=variant)
    accepted, dropped = agreed(kernel, setup, [syn(CLIENT, SERVER, "lan"), syn(CLIENT, SERVER, "lan", port=22)])
    assert accepted.verdict == dropped.verdict == "DROP"
    assert accepted.path[0].startswith(f"{table}:{hook}:rule:1")
    assert accepted.path[-1].endswith(":FORWARD:policy:1")
    assert tables(dropped.path) == [f"{table}:{hook}"]


@pytest.mark.parametrize("variant", ["legacy", "nft"])
def test_what_raw_drops_is_never_looked_up(kernel: Kernel, variant: str) -> None:
    raw = "*raw\n-A PREROUTING -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n"
    rules = raw + "*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n"
    first, second = agreed(kernel, replace(box(rules), variant=variant), [syn(CLIENT, SERVER, "lan", port=22), syn(CLIENT, SERVER, "lan")])
    assert (first.verdict, first.states, first.entry) == ("DROP", (), None)
    assert second.entry is not None


def test_a_packet_that_mangle_drops_on_its_way_out_leaves_no_entry(kernel: Kernel) -> None:
    rules = ALL + "*mangle\n-A POSTROUTING -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n"
    (packet,) = agreed(kernel, box(rules), [syn(CLIENT, SERVER, "lan", port=22)])
    assert (packet.verdict, packet.entry) == ("DROP", None)
    assert packet.states[-1] == ("POSTROUTING", "NEW")
