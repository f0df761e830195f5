"""``fwtutor trace --format xtables`` held against the program whose format it is, line by line."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from fwtutor.kernel.compare import engine_for
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.kernel.pools import mended
from fwtutor.netfilter import craft
from fwtutor.trace.monitor import Monitor
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, box, filtering

pytestmark = pytest.mark.skipif(shutil.which("xtables-monitor") is None, reason="the program xtables-monitor is missing")

RULES = filtering(
    "-A INPUT -p icmp -j ACCEPT",
    '-A INPUT -p udp -m comment --comment "a b" -j REJECT --reject-with icmp-port-unreachable',
    "-A FORWARD -p tcp -m tcp --dport 80 -j web",
    "-A FORWARD -p udp -m conntrack --ctstate NEW -j gone",
    "-A web -s 192.168.0.0/16 -p tcp -j RETURN",
    "-A web",
    "-A gone -m mark --mark 0x1 -j DROP",
    "-A gone -p udp -g rest",
    "-A rest -p udp",
    "-A rest -p udp -m udp --dport 99 -j ACCEPT",
    "-A rest -j RETURN",
    "-A OUTPUT -p tcp -j DROP",
    "-A INPUT -p tcp -j REJECT --reject-with tcp-reset",
    input="DROP", chains=["web", "gone", "rest"],
)  # fmt: skip


def real(setup: Setup, shots: list[Shot]) -> list[str]:
    """The program's lines, without those about rules and chains of raw."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernel.monitored"], input=pickle.dumps((setup, shots)), capture_output=True, check=False, cwd=root
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    kept: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        raw = " raw:" in line or (line.startswith("PACKET") and " raw:" in after)
        if not raw:
            kept.append(line)
    return normal(kept)


def ours(setup: Setup, shots: list[Shot]) -> list[str]:
    """Ours, without the packets that met no chain of filter."""
    firewall = engine_for(setup)
    monitor = Monitor(firewall)
    lines: list[str] = []
    for shot in shots:
        walk = firewall.send(shot.raw, at=0, mark=shot.mark) if shot.on is None else firewall.receive(shot.raw, shot.on, at=0)
        lines += monitor.walk(walk)
    met = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if line.startswith(" ") or after.startswith(" TRACE")]
    return normal(met)


def normal(lines: Iterable[str]) -> list[str]:
    """Trace ids by the order of their coming, and no IP ids that the kernel drew."""
    ids: dict[str, int] = {}
    found = []
    for line in lines:
        id = line.split()[2]
        line = line.replace(id, f"{ids.setdefault(id, len(ids) + 1):08x}", 1)
        found.append(re.sub(r"(TOS=0xc0 .*)ID=\d+", r"\1ID=-", line))
    return found


def forwarded(flags: int = 0, fragment: int = 0) -> bytes:
    raw = bytearray(craft.udp(CLIENT, SERVER, 1, 80, b"abcdefgh", id=77))
    raw[6:8] = (flags << 13 | fragment).to_bytes(2, "big")
    return mended(raw)


def test_line_by_line(kernel: Kernel) -> None:
    options = bytearray(craft.tcp(CLIENT, SERVER, 1, 81, 2, 5, id=3))
    options[0:20] = bytes([0x46, *options[1:20], 1, 1, 1, 0])
    shots = [
        Shot(craft.tcp(CLIENT, SERVER, 1, 80, 0xFF, 5, 6, 7, b"abc", b"\x02\x04\x05\xb4", id=77, ttl=9, tos=0x10, df=False), "lan"),
        Shot(craft.tcp(SERVER, CLIENT, 80, 1, 0, 5, 6, 7, tos=0xFF, id=1), "wan"),
        Shot(craft.tcp(SERVER, CLIENT, 1, 80, 2, id=1), "wan"),
        Shot(craft.udp(CLIENT, SERVER, 1, 80, b"abc", id=77), "lan"),
        Shot(craft.udp(CLIENT, SERVER, 1, 99, b"abc", id=77), "lan"),
        Shot(craft.icmp(STRANGER, BOX, 0, 0, 5 << 16, id=3), "wan"),
        Shot(craft.tcp(STRANGER, BOX, 1, 80, 2, 5, id=3), "wan"),
        Shot(craft.udp(STRANGER, BOX, 1, 80, id=3), "wan"),
        *(Shot(craft.ip(CLIENT, SERVER, protocol, bytes(12), id=9), "lan") for protocol in (17, 33, 47, 50, 132, 136)),
        Shot(craft.ip(CLIENT, SERVER, 17, b"123", id=9), "lan"),
        Shot(mended(options), "lan"),
        Shot(forwarded(4), "lan"),
        Shot(craft.udp(BOX, STRANGER, 1, 80, b"abc", id=7), None, 0.0, 257),
        Shot(craft.tcp(BOX, STRANGER, 1, 80, 2, id=7), None),
        Shot(craft.udp(BOX, BOX, 1, 80, id=7), None),
    ]
    setup = box(RULES)
    assert ours(setup, shots) == real(setup, shots)


def test_fragments_and_broken_headers_without_tracking(kernel: Kernel) -> None:
    setup = box(filtering("-A FORWARD -p udp"))
    broken = Shot(craft.ip(CLIENT, SERVER, 6, bytes(12), id=9), "lan")
    shots = [broken, *(Shot(forwarded(flags, fragment), "lan") for flags, fragment in ((1, 0), (1, 5), (0, 7), (5, 0), (3, 0)))]
    assert ours(setup, shots) == real(setup, shots)
