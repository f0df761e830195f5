"""A process for the test of ``--format xtables``: plays packets in a namespace of its own and prints what xtables-monitor says of them.

``python -m tests.kernel.monitored < pickled (Setup, [Shot])``
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from fwtutor.kernel.errors import RulesetRefused
from fwtutor.kernel.namespace import enter, furnish, own_lock, run
from fwtutor.kernel.observation import Setup, Shot
from fwtutor.netfilter import craft

TRACING = "*raw\n-A PREROUTING -j TRACE\n-A OUTPUT -j TRACE\nCOMMIT\n"
END = craft.udp(0x01010101, 0x02020202, 65535, 65535, id=65535)
NETLINK_NETFILTER = "12"


def listening() -> bool:
    """Whether somebody in this namespace has joined a group of netfilter's messages."""
    rows = [line.split() for line in Path("/proc/net/netlink").read_text().splitlines()[1:]]
    return any(row[1] == NETLINK_NETFILTER and int(row[3], 16) for row in rows)


def main() -> None:
    setup: Setup
    shots: list[Shot]
    setup, shots = pickle.load(sys.stdin.buffer)
    own_lock()
    enter()
    tuns = furnish(setup)
    run(["iptables-nft-restore"], TRACING + setup.rules, RulesetRefused)
    own = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with subprocess.Popen(["xtables-monitor", "--trace"], stdout=subprocess.PIPE, text=True) as monitor:
        assert monitor.stdout is not None
        while not listening() and monitor.poll() is None:
            time.sleep(0.01)
        for shot in (*shots, Shot(END, next(iter(tuns)))):
            if shot.on is not None:
                os.write(tuns[shot.on], shot.raw)
            else:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, shot.mark)
                with suppress(PermissionError):  # dropped on its way out
                    own.sendto(shot.raw, (str(IPv4Address(shot.raw[16:20])), 0))
        for line in monitor.stdout:
            if "SRC=1.1.1.1 DST=2.2.2.2" in line:
                break
            print(line, end="")
        monitor.terminate()


if __name__ == "__main__":
    main()
