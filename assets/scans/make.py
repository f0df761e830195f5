"""Ask a real nmap what it says of the ports of ``tests/network/scans.py``, between two namespaces of this machine's kernel.

Needs root, iproute2, iptables, ip6tables and nmap. Run from the top of the source tree: ``.venv/bin/python -m assets.scans.make``
(about three minutes). Writes words.json: board -> kind of scan -> port -> the word and the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.network.scans import BOARDS, CLIENT, OPEN_TCP, OPEN_UDP, SERVER, Board, asked, table

HERE = Path(__file__).parent
ENDS = {f"scan{os.getpid()}c": CLIENT, f"scan{os.getpid()}s": SERVER}
SCANNER, SCANNED = ENDS


def run(line: str, inside: str = "") -> str:
    words = line.split()
    return subprocess.run(["ip", "netns", "exec", inside, *words] if inside else words, check=True, capture_output=True, text=True).stdout


def serve() -> None:
    """Listens on the open ports of both versions of IP, and sends datagrams back."""
    ready = selectors.DefaultSelector()
    for ports, kind in ((OPEN_TCP, socket.SOCK_STREAM), (OPEN_UDP, socket.SOCK_DGRAM)):
        for port in ports:
            listener = socket.socket(socket.AF_INET6, kind)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                listener.listen()
            ready.register(listener, selectors.EVENT_READ, kind)
    while True:
        for key, _ in ready.select():
            with contextlib.suppress(OSError):
                if key.data == socket.SOCK_STREAM:
                    key.fileobj.accept()[0].close()
                else:
                    data, there = key.fileobj.recvfrom(2048)
                    key.fileobj.sendto(data, there)


def set_up() -> subprocess.Popen[bytes]:
    for name in ENDS:
        run(f"ip netns add {name}")
    run(f"ip link add eth0 netns {SCANNER} type veth peer name eth0 netns {SCANNED}")
    for name, addresses in ENDS.items():
        run(f"ip addr add {addresses[4]}/24 dev eth0", name)
        run(f"ip addr add {addresses[6]}/64 dev eth0 nodad", name)
        run("ip link set lo up", name)
        run("ip link set eth0 up", name)
    # Rationed errors are another story.
    run("sysctl -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0", SCANNED)
    child = subprocess.Popen(["ip", "netns", "exec", SCANNED, sys.executable, "-m", "assets.scans.make", "serve"])
    time.sleep(3)
    return child


def answers(board: Board) -> dict[str, dict[str, str]]:
    tool = "iptables" if board.family == 4 else "ip6tables"
    for rule in ("-P INPUT ACCEPT", "-F INPUT"):
        run(f"{tool} {rule}", SCANNED)
    if board.family == 6:
        # Neighbours must be found whatever the rules say.
        run("ip6tables -A INPUT -p icmpv6 -j ACCEPT", SCANNED)
    for rule in board.rules:
        run(f"{tool} {rule}", SCANNED)
    return {kind: table(run(asked(board, kind), SCANNER)) for kind in board.kinds}


def main() -> None:
    child = set_up()
    try:
        words = {name: answers(board) for name, board in BOARDS.items()}
    finally:
        child.terminate()
        for name in ENDS:
            run(f"ip netns del {name}")
    (HERE / "words.json").write_text(json.dumps(words, indent=1) + "\n")


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
