"""The kernel's own log lines: what -j LOG wrote for hundreds of packets on Linux 6.18, word for word.

Each line of ``loglines.jsonl`` is a packet that came to a box with the same LOG rule in INPUT, FORWARD and OUTPUT, and a REJECT
behind it for UDP to 1337: the options of LOG, the interface it came in by (null: the box sent it, with ``mark``, as ``owner``),
its bytes, and what the kernel logged. To record more, set net.netfilter.nf_log_all_netns and read /dev/kmsg.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fwtutor.netfilter import Firewall, Walk
from tests.netfilter.boxes import box

SAMPLES = [json.loads(line) for line in (Path(__file__).parent / "loglines.jsonl").read_text().splitlines()]
OPTIONS = sorted({sample["options"] for sample in SAMPLES})


def logging(options: str) -> Firewall:
    log = f"-j LOG --log-level 7 {options}"
    rules = [f"-A INPUT {log}", "-A INPUT -i wan -p udp -m udp --dport 1337 -j REJECT", f"-A FORWARD {log}", f"-A OUTPUT {log}"]
    head = ["*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
    return box("\n".join([*head, *rules, "COMMIT\n"]), net__ipv4__icmp_ratelimit=0, net__ipv4__conf__all__send_redirects=0)


def play(firewall: Firewall, sample: dict[str, Any]) -> Walk:
    raw = bytes.fromhex(sample["raw"])
    if sample["on"] is not None:
        return firewall.receive(raw, on=sample["on"], at=0)
    uid, gid = sample.get("owner", (0, 0))
    return firewall.send(raw, at=0, mark=sample.get("mark", 0), uid=uid, gid=gid)


def without_own_id(line: str) -> str:
    """An ICMP error of the box's own has an IP id that the kernel drew."""
    if " PREC=0xC0 " not in line or "IN= " not in line:
        return line
    before, _, after = line.partition(" ID=")
    return f"{before} ID={after[after.index(' ') :]}"


@pytest.mark.parametrize("options", OPTIONS)
def test_a_log_line_is_the_kernels_own(options: str) -> None:
    wrong = []
    for sample in SAMPLES:
        if sample["options"] == options:
            ours = [step.line for step in play(logging(options), sample).logged]
            if list(map(without_own_id, ours)) != list(map(without_own_id, sample["lines"])):
                wrong.append(f"{sample['raw']}\n  kernel {sample['lines']}\n  engine {ours}")
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:10])
