"""What a packet costs: walked with its whole record, against scapy taking the same packet apart, and against itself in larger boxes."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

from benchmarks.table import Result, in_turn, times
from fwtutor.netfilter import Firewall
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.craft import tcp, udp
from fwtutor.netfilter.packet import ACK, SYN

CLIENT, SERVER = parse_address("203.0.113.9")[1], parse_address("203.0.113.1")[1]
ROUNDS, PACKETS, MANY_RULES, MANY_ENTRIES = 9, 400, 10_000, 50_000
STATE = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def measure() -> Iterator[Result]:
    yield from _rules()
    yield from _entries()


def firewall(rules: int) -> Firewall:
    """A box with that many rules of mixed kinds in INPUT, the last of which lets 1337 in."""
    lines = [STATE]
    for number in range(rules - 2):
        port, host = 2000 + number % 50_000, f"10.{number >> 8 & 255}.{number & 255}.7"
        kinds = (
            f"-A INPUT -p tcp -m tcp --dport {port} -j DROP", f"-A INPUT -s {host}/32 -j DROP",
            f"-A INPUT -p udp -m udp --dport {port} -j ACCEPT", f"-A INPUT -s {host}/32 -p tcp -m tcp --dport 22 -j ACCEPT",
        )  # fmt: skip
        lines.append(kinds[number % 4])
    lines.append("-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT")
    box = Firewall(interfaces={"wan": ["203.0.113.1/24"]}, routes={"default": "wan"})
    box.restore("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(lines) + "\nCOMMIT\n")
    return box


class Syns:
    """New connections to 1337, one packet each: every rule stands in their way."""

    def __init__(self, box: Firewall) -> None:
        self.box = box
        self.made = 0

    def packets(self, count: int) -> list[bytes]:
        first, self.made = self.made, self.made + count
        return [
            tcp(CLIENT + 1 + number // 60_000, SERVER, 1024 + number % 60_000, 1337, SYN, seq=number)
            for number in range(first, first + count)
        ]

    def cost(self) -> float:
        """Seconds a packet."""
        packets, receive = self.packets(PACKETS), self.box.receive_ns
        return _timed(lambda: [receive(raw, "wan", 1) for raw in packets]) / PACKETS


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    work()
    spent = time.perf_counter() - begin
    gc.enable()
    return spent


def _rules() -> Iterator[Result]:
    from scapy.layers.inet import IP  # the yardstick; fwtutor itself has it imported by its wire module only

    few, many = Syns(firewall(10)), Syns(firewall(MANY_RULES))
    raw = few.packets(1)[0]

    def dissect() -> float:
        return _timed(lambda: [IP(raw) for _ in range(PACKETS)]) / PACKETS

    at_10, at_many, scapy = in_turn(ROUNDS, few.cost, many.cost, dissect)
    yield times("a packet walked with its whole record, 10 rules", at_10, "`scapy.IP(bytes)` on it", scapy, 0.5)
    yield times(f"the same, {MANY_RULES:,} mixed rules", at_many, "at 10 rules", at_10, 2)


def _entries() -> Iterator[Result]:
    """Packets of a live connection, in a table of one entry and in a table of many; and what an entry weighs."""
    empty, full = firewall(10), firewall(10)
    others = [udp(CLIENT + 1 + number // 60_000, SERVER, 1024 + number % 60_000, 2002) for number in range(MANY_ENTRIES)]
    gc.collect()
    tracemalloc.start()
    weights = _fill(full, others)
    tracemalloc.stop()
    costs = in_turn(ROUNDS, *(_live(box) for box in (full, empty)))
    yield times(f"a packet, {len(full.state.entries) - 1:,} entries in the table", costs[0], "1 entry", costs[1], 1.5)
    yield Result("memory an entry", f"{weights / 1024:.2f} KiB", "1 KiB", "1 KiB", weights / 1024, 1.25)


def _fill(box: Firewall, packets: Sequence[bytes]) -> float:
    before = tracemalloc.get_traced_memory()[0]
    for raw in packets:
        box.receive_ns(raw, "wan", 1)
    gc.collect()
    assert len(box.state.entries) == len(packets)
    return (tracemalloc.get_traced_memory()[0] - before) / len(packets)


def _live(box: Firewall) -> Callable[[], float]:
    """Opens a connection, and returns what measures one packet of it."""
    box.receive_ns(tcp(CLIENT, SERVER, 4000, 1337, SYN, seq=1), "wan", 1)
    box.send_ns(tcp(SERVER, CLIENT, 1337, 4000, SYN | ACK, seq=1, ack=2), 1)
    data = tcp(CLIENT, SERVER, 4000, 1337, ACK, seq=2, ack=2)

    def cost() -> float:
        return _timed(lambda: [box.receive_ns(data, "wan", 1) for _ in range(PACKETS)]) / PACKETS

    return cost
