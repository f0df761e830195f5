"""What a packet costs: walked with its whole record, against scapy taking the same packet apart, and against itself in larger boxes."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

from benchmarks.table import Result, in_turn, times
from fwtutor.netfilter import Firewall
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.craft import tcp, udp
from fwtutor.netfilter.packet import SYN

CLIENT, SERVER = parse_address("203.0.113.9")[1], parse_address("203.0.113.1")[1]
ROUNDS, PACKETS = 9, 400
RULES, ENTRIES, WEIGHED = (10, 100, 1_000, 10_000), (1, 1_000, 1_000_000), 50_000
STATE = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def measure() -> Iterator[Result]:
    yield from _rules()
    yield from _entries()


def ruleset(rules: int) -> str:
    """That many rules of mixed kinds in INPUT, the last of which lets 1337 in."""
    lines = [STATE]
    for number in range(rules - 2):
        port, host = 2000 + number % 50_000, f"10.{number >> 8 & 255}.{number & 255}.7"
        kinds = (
            f"-A INPUT -p tcp -m tcp --dport {port} -j DROP", f"-A INPUT -s {host}/32 -j DROP",
            f"-A INPUT -p udp -m udp --dport {port} -j ACCEPT", f"-A INPUT -s {host}/32 -p tcp -m tcp --dport 22 -j ACCEPT",
        )  # fmt: skip
        lines.append(kinds[number % 4])
    lines.append("-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT")
    return "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join(lines) + "\nCOMMIT\n"


def firewall(rules: int) -> Firewall:
    """A box with the ruleset of that size."""
    box = Firewall(interfaces={"wan": ["203.0.113.1/24"]}, routes={"default": "wan"})
    box.restore(ruleset(rules))
    return box


def syns(first: int, count: int, port: int) -> list[bytes]:
    """New connections to ``port``, one packet each, all different, from the number ``first`` on."""
    return [
        tcp(CLIENT + 1 + number // 60_000, SERVER, 1024 + number % 60_000, port, SYN, seq=number) for number in range(first, first + count)
    ]


class Syns:
    """New connections, one packet each: every rule stands in their way, but at 1337 the last lets them in."""

    def __init__(self, box: Firewall, port: int = 1337) -> None:
        self.box, self.port = box, port
        self.made = 0

    def packets(self, count: int) -> list[bytes]:
        first, self.made = self.made, self.made + count
        return syns(first, count, self.port)

    def cost(self) -> float:
        """Seconds a packet."""
        packets, receive = self.packets(PACKETS), self.box.receive_ns
        return timed(lambda: [receive(raw, "wan", 1) for raw in packets]) / PACKETS


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    work()
    spent = time.perf_counter() - begin
    gc.enable()
    return spent


def _rules() -> Iterator[Result]:
    from scapy.layers.inet import IP  # the yardstick; fwtutor itself has it imported by its wire module only

    boxes = [Syns(firewall(rules)) for rules in RULES]
    raw = boxes[0].packets(1)[0]

    def dissect() -> float:
        return timed(lambda: [IP(raw) for _ in range(PACKETS)]) / PACKETS

    *costs, scapy = in_turn(ROUNDS, *(box.cost for box in boxes), dissect)
    yield times(f"a packet walked with its whole record, {RULES[0]} rules", costs[0], "`scapy.IP(bytes)` on it", scapy, 0.5)
    for rules, cost in zip(RULES[1:], costs[1:], strict=True):
        yield times(f"the same, {rules:,} mixed rules", cost, f"at {RULES[0]} rules", costs[0], 2)


def _entries() -> Iterator[Result]:
    """Packets of connections from all over a table of one entry and of many; and what an entry weighs."""
    boxes = [firewall(10) for _ in ENTRIES]
    for box, entries in zip(boxes, ENTRIES, strict=True):
        box.set_sysctl("net.netfilter.nf_conntrack_max", 2 * max(ENTRIES))
        _fill(box, entries)
    costs = in_turn(ROUNDS, *(_known(box, entries) for box, entries in zip(boxes, ENTRIES, strict=True)))
    for entries, cost in zip(ENTRIES[1:], costs[1:], strict=True):
        yield times(f"a packet, {entries:,} entries in the table", cost, f"{ENTRIES[0]} entry", costs[0], 1.5)
    del boxes
    weighed = firewall(10)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _fill(weighed, WEIGHED)
    gc.collect()
    weight = (tracemalloc.get_traced_memory()[0] - before) / WEIGHED / 1024
    tracemalloc.stop()
    yield Result("memory an entry", f"{weight:.2f} KiB", "1 KiB", "1 KiB", weight, 1.25)


def _fill(box: Firewall, count: int) -> None:
    """That many connections, one packet each."""
    for number in range(count):
        box.receive_ns(_packet(number), "wan", 1)
    assert len(box.state.entries) == count


def _packet(number: int) -> bytes:
    return udp(CLIENT + 1 + number // 60_000, SERVER, 1024 + number % 60_000, 2002)


def _known(box: Firewall, entries: int) -> Callable[[], float]:
    """What measures another packet of connections from all over the table."""
    packets = [_packet(number * 7919 % entries) for number in range(PACKETS)]
    return lambda: timed(lambda: [box.receive_ns(raw, "wan", 1) for raw in packets]) / PACKETS
