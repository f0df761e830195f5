"""Facts about NFQUEUE, QUEUE, TCPOPTSTRIP, CHECKSUM and AUDIT, held against the kernel."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Shot
from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from tests.kernel.deciding import setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, agreed, box

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
UDP = Shot(craft.udp(STRANGER, BOX, 4000, 53, b"question", id=1), "wan")


@VARIANTS
@pytest.mark.parametrize("options", ["", "--queue-num 7", "--queue-balance 1:4", "--queue-balance 1:4 --queue-cpu-fanout"])
@pytest.mark.parametrize("bypass", ["", " --queue-bypass"])
def test_without_a_program_a_queue_drops_and_bypassed_accepts(kernel: Kernel, options: str, bypass: str, variant: str) -> None:
    rules = [f"-A INPUT -j NFQUEUE {options}{bypass}", "-A INPUT -j DROP"]
    assert verdicts(kernel, setup(variant, *rules), [UDP] * 2) == ("AA" if bypass else "DD")


@pytest.mark.parametrize("hook", ["raw PREROUTING", "mangle PREROUTING", "mangle INPUT", "nat PREROUTING", "nat INPUT"])
@VARIANTS
def test_a_bypassed_queue_ends_its_table_and_no_other(kernel: Kernel, hook: str, variant: str) -> None:
    table, chain = hook.split()
    rules = f"*{table}\n-A {chain} -j NFQUEUE --queue-bypass\n-A {chain} -j ACCEPT\nCOMMIT\n"
    one = setup(variant, "-A INPUT -p udp -j ACCEPT")
    (packet,) = agreed(kernel, replace(one, rules=rules + one.rules), [UDP])
    assert packet.verdict == "ACCEPT"
    assert f"{table}:{chain}:rule:2" not in packet.path


def test_queue_drops(kernel: Kernel) -> None:
    assert verdicts(kernel, setup("legacy", "-A INPUT -j QUEUE", "-A INPUT -j ACCEPT"), [UDP]) == "D"


@VARIANTS
def test_audit_and_checksum_change_nothing_and_go_on(kernel: Kernel, variant: str) -> None:
    mangle = "*mangle\n-A INPUT -j CHECKSUM --checksum-fill\n-A INPUT -j AUDIT --type reject\nCOMMIT\n"
    one = setup(variant, "-A INPUT -j AUDIT --type drop", "-A INPUT -j ACCEPT")
    (packet,) = agreed(kernel, replace(one, rules=mangle + one.rules), [UDP])
    assert packet.verdict == "ACCEPT"
    assert ("mangle:INPUT:rule:2" in packet.path, "filter:INPUT:rule:1" in packet.path) == (True, True)


OPTIONS = (
    b"\x02\x04\x05\xb4", b"\x01\x01", b"\x03\x03\x07\x01", b"\x04\x02\x01\x01", b"\x08\x0a\x00\x01\x02\x03\x04\x05\x06\x07\x01\x01",
    b"\x05\x0a\x00\x01\x02\x03\x04\x05\x06\x07", b"\x13\x12" + bytes(range(16)), b"\x00\x00", b"\x02\x00", b"\x02",
    b"\x1e\x03\x01", b"\x03\x09\x01",
)  # fmt: skip


@VARIANTS
@pytest.mark.parametrize("kinds", ["mss", "wscale,timestamp", "sack-permitted,sack,md5", "30,2", "2,3,4,5,8,19,30", ""])
def test_options_become_fillers_and_the_checksum_knows(kernel: Kernel, kinds: str, variant: str) -> None:
    draw = random.Random(5)
    shots = []
    for number in range(60):
        options = b"".join(draw.sample(OPTIONS, draw.randint(0, 4)))[:40]
        options += bytes([1]) * (-len(options) % 4)
        shots.append(Shot(craft.tcp(CLIENT, SERVER, 4000 + number, 80, 2, 1, 0, 8192, bytes(number % 3), options=options, id=1), "lan"))
    given = f" --strip-options {kinds}" if kinds else ""
    packets = agreed(kernel, replace(box(f"*mangle\n-A FORWARD -p tcp -j TCPOPTSTRIP{given}\nCOMMIT\n"), variant=variant), shots)
    changed = sum(before.raw[20:] != packet.out[0][1][20:] for before, packet in zip(shots, packets, strict=True))
    assert all(Packet(packet.out[0][1]).fault == "" for packet in packets)
    assert bool(kinds) is (changed > 5)


@VARIANTS
def test_a_tcp_header_cut_short_is_dropped(kernel: Kernel, variant: str) -> None:
    whole = craft.tcp(CLIENT, SERVER, 4000, 80, 2, 1, options=OPTIONS[0], id=1)[20:]
    shots = [Shot(craft.ip(CLIENT, SERVER, 6, whole[:size], df=False, id=1), "lan") for size in (0, 8, 19, 20, 23, 24)]
    rules = "*mangle\n-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options 2\nCOMMIT\n"
    packets = agreed(kernel, replace(box(rules), variant=variant), shots)
    assert [packet.verdict for packet in packets] == ["DROP"] * 5 + ["ACCEPT"]
