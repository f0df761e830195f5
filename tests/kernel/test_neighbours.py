"""A run in which a neighbour is missing, on the kernel: what the box tells of it passes its rules as it does here."""

from __future__ import annotations

import pytest

from fwtutor.judging.judge import put
from fwtutor.judging.recorded import from_run
from fwtutor.kernel.kernel import Kernel
from fwtutor.network.records import TimerFired
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Scenario

RULES = """*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o far -s 10.0.1.0/25 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED -j ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED -j ACCEPT
-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT
COMMIT
"""
BOX = {"near": ("10.0.1.254/24",), "far": ("10.0.2.254/24",)}


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("box", "connect 10.0.2.77:80 from 4000"),
        ("box", "ping -n -c 2 10.0.2.77"),
        ("masked", "connect 10.0.2.77:80 from 4000"),
        ("masked", "ping -n -c 2 10.0.2.77"),
        ("plain", "send udp 10.0.1.200:4000 > 10.0.2.77:9"),
        ("plain", "ping -n -c 2 10.0.2.77"),
    ],
)
def test_the_error_about_a_missing_neighbour_is_what_the_kernel_makes_of_it(kernel: Kernel, host: str, line: str) -> None:
    way = {"default": ("eth0", "10.0.1.254")}
    hosts = (
        HostSpec("box", BOX, rules=RULES),
        HostSpec("masked", {"eth0": ("10.0.1.1/24",)}, way),
        HostSpec("plain", {"eth0": ("10.0.1.200/24",)}, way),
    )
    run = Run(Scenario(Topology(hosts, (LinkSpec("near", ("box:near", "masked:eth0", "plain:eth0")),)), (), "box"))
    run.enter(host, line)
    run.settle()
    assert any(record.host == "box" and isinstance(record, TimerFired) for record in run.records)
    question = from_run(run)
    assert put(kernel, question).differences == ()
