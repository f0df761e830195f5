"""The kernel's own log lines: what -j LOG wrote for hundreds of packets on Linux 6.18, word for word.

Each line of ``loglines.jsonl`` is a packet that came to a box with the same LOG rule in INPUT, FORWARD and OUTPUT, and a REJECT
behind it for UDP to 1337: the options of LOG, the interface it came in by (null: the box sent it, with ``mark``, as ``owner``),
its bytes, and what the kernel logged. ``loglines6.jsonl`` is the same of IPv6 packets with and without extension headers, whole and
damaged. To record more, set net.netfilter.nf_log_all_netns, and net.ipv6.auto_flowlabels to 0, and read /dev/kmsg.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fwtutor.netfilter import Firewall, Walk
from tests.netfilter.boxes import box

HERE = Path(__file__).parent
SAMPLES = {
    family: [json.loads(line) for line in (HERE / name).read_text().splitlines()]
    for family, name in ((4, "loglines.jsonl"), (6, "loglines6.jsonl"))
}
OPTIONS = [(family, options) for family, samples in SAMPLES.items() for options in sorted({sample["options"] for sample in samples})]


def logging(family: int, options: str) -> Firewall:
    log = f"-j LOG --log-level 7 {options}"
    rules = [f"-A INPUT {log}", "-A INPUT -i wan -p udp -m udp --dport 1337 -j REJECT", f"-A FORWARD {log}", f"-A OUTPUT {log}"]
    head = ["*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
    text = "\n".join([*head, *rules, "COMMIT\n"])
    if family == 4:
        return box(text, net__ipv4__icmp_ratelimit=0, net__ipv4__conf__all__send_redirects=0)
    interfaces = {"wan": ["2001:db8:6c6f::1/64"], "lan": ["fd00:6c6f::1/64"]}
    firewall = Firewall(interfaces, {"::/0": ("wan", "2001:db8:6c6f::fe")}, {"net.ipv6.icmp.ratelimit": 0})
    firewall.restore(text, family=6)
    return firewall


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


@pytest.mark.parametrize(("family", "options"), OPTIONS)
def test_a_log_line_is_the_kernels_own(family: int, options: str) -> None:
    wrong = []
    firewall = logging(family, options)
    start = firewall.checkpoint()
    for sample in SAMPLES[family]:
        if sample["options"] == options:
            ours = [step.line for step in play(firewall, sample).logged]
            firewall.rollback(start)
            if list(map(without_own_id, ours)) != list(map(without_own_id, sample["lines"])):
                wrong.append(f"{sample['raw']}\n  kernel {sample['lines']}\n  engine {ours}")
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:10])
