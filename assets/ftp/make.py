"""Make the captures in this folder: real FTP sessions through a box, in network namespaces of their own.

Needs root and Debian's vsftpd, curl, tcpdump, ethtool, iptables, iproute2. Run: python3 assets/ftp/make.py

A client (192.168.0.20, fd00:168::20) on lan talks to a server (203.0.113.9, 2001:db8:113::9) on wan; the box between them is
192.168.0.1 and 203.0.113.1. A capture holds what came in to the box by either interface, with the interface's name: what is then done
with it is a question of the rules, and is asked when it is replayed.
"""

from __future__ import annotations

import contextlib
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
SESSIONS = {
    "pasv": (4, "", ["--disable-epsv"]),
    "epsv": (4, "", []),
    "port": (4, "", ["-P", "-", "--disable-eprt"]),
    "eprt": (4, "", ["-P", "-"]),
    "epsv6": (6, "", []),
    "eprt6": (6, "", ["-P", "-"]),
    # Through a box that translates: what comes back goes to the box's address.
    "pasv-snat": (4, "SNAT", ["--disable-epsv"]),
    "port-snat": (4, "SNAT", ["-P", "-", "--disable-eprt"]),
    "eprt-snat": (4, "SNAT", ["-P", "-"]),
}
"""By name: family, whether the box translates, what curl is told."""
TRANSLATING = """*raw
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
*nat
-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1
COMMIT
"""


def run(words: str, text: str | None = None) -> None:
    subprocess.run(words.split(), input=text, text=True, check=True)


@contextlib.contextmanager
def network() -> Iterator[None]:
    names = ("ftp-c", "ftp-b", "ftp-s")
    for name in names:
        run(f"ip netns add {name}")
    try:
        for near, far, here, there in (("ftp-c", "ftp-b", "eth0", "lan"), ("ftp-s", "ftp-b", "eth0", "wan")):
            run(f"ip link add {here} netns {near} type veth peer name {there} netns {far}")
        addresses = {
            ("ftp-c", "eth0"): ("192.168.0.20/16", "fd00:168::20/64"), ("ftp-b", "lan"): ("192.168.0.1/16", "fd00:168::1/64"),
            ("ftp-b", "wan"): ("203.0.113.1/24", "2001:db8:113::1/64"), ("ftp-s", "eth0"): ("203.0.113.9/24", "2001:db8:113::9/64"),
        }  # fmt: skip
        for (name, link), (four, six) in addresses.items():
            # What is sent must be whole and summed up: no work is left to the driver.
            run(f"ip netns exec {name} ethtool -K {link} tx off rx off sg off tso off gso off gro off")
            run(f"ip -n {name} link set lo up")
            run(f"ip -n {name} link set {link} up")
            run(f"ip -n {name} addr add {four} dev {link}")
            run(f"ip -n {name} addr add {six} dev {link} nodad")
        run("ip netns exec ftp-b sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        for name, four, six in (("ftp-c", "192.168.0.1", "fd00:168::1"), ("ftp-s", "203.0.113.1", "2001:db8:113::1")):
            run(f"ip -n {name} route add default via {four}")
            run(f"ip -n {name} -6 route add default via {six}")
        yield
    finally:
        for name in names:
            subprocess.run(f"ip netns pids {name} | xargs -r kill", shell=True, check=False)
            run(f"ip netns del {name}")


def session(name: str, folder: Path) -> None:
    family, translates, words = SESSIONS[name]
    run("ip netns exec ftp-b iptables-legacy-restore", TRANSLATING if translates else "*raw\nCOMMIT\n*nat\nCOMMIT\n")
    sniffers = []
    for link in ("lan", "wan"):
        command = f"ip netns exec ftp-b tcpdump -q -U -p -i {link} -Q in -w {folder}/{link}.pcap tcp"
        sniffers.append(subprocess.Popen(command.split(), stderr=subprocess.DEVNULL))
    time.sleep(1.5)
    host = "203.0.113.9" if family == 4 else "[2001:db8:113::9]"
    run(f"ip netns exec ftp-c curl -s -S --max-time 20 -u anonymous:x {' '.join(words)} ftp://{host}/hello.txt")
    time.sleep(1)
    for sniffer in sniffers:
        sniffer.send_signal(signal.SIGINT)
        sniffer.wait()
    packets = sorted(packet for link in (0, 1) for packet in read(folder / f"{('lan', 'wan')[link]}.pcap", link))
    (HERE / f"{name}.pcapng").write_bytes(pcapng(packets))


def read(path: Path, link: int) -> Iterator[tuple[int, int, bytes]]:
    """(microseconds, interface, frame) of a pcap file."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        seconds, micro, size, _ = struct.unpack_from("<IIII", data, at)
        yield seconds * 1_000_000 + micro, link, data[at + 16 : at + 16 + size]
        at += 16 + size


def pcapng(packets: list[tuple[int, int, bytes]]) -> bytes:
    """The packets with the names of their interfaces, the first at the time 0."""

    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    whole = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link in (b"lan\0", b"wan\0"):
        whole += block(1, struct.pack("<HHI", 1, 0, 65535) + struct.pack("<HH", 2, 3) + link + bytes(4))
    for micro, link, frame in packets:
        at = micro - packets[0][0]
        padded = frame + bytes(-len(frame) % 4)
        whole += block(6, struct.pack("<IIIII", link, at >> 32, at & 0xFFFFFFFF, len(frame), len(frame)) + padded)
    return whole


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary, network():
        folder = Path(temporary)
        files = folder / "files"
        files.mkdir()
        (files / "hello.txt").write_text("hello from behind the box\n")
        options = {
            "listen": "NO", "listen_ipv6": "YES", "anonymous_enable": "YES", "anon_root": str(files), "run_as_launching_user": "YES",
            "port_enable": "YES", "pasv_enable": "YES", "seccomp_sandbox": "NO", "pasv_min_port": 40000, "pasv_max_port": 40100,
            "background": "NO", "isolate_network": "NO", "connect_from_port_20": "YES",
        }  # fmt: skip
        (folder / "vsftpd.conf").write_text("".join(f"{key}={value}\n" for key, value in options.items()))
        server = subprocess.Popen(["ip", "netns", "exec", "ftp-s", "vsftpd", str(folder / "vsftpd.conf")])
        time.sleep(1)
        try:
            for name in SESSIONS:
                session(name, folder)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
