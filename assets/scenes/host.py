"""A real host for ``make.py``: a process in a network namespace of its own, which does what it is told line by line.

It knows the few words of the simulated prompt that are about connections (see ``tests/network/scenes.py``); anything else is a
program to run. What was said, and what came of connections, it tells as JSON, one object a line. It ends with its input.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.namespace import IPV6, enter, open_tun, own_lock, run, set_sysctls
from fwtutor.network.crafting import craft_packet
from fwtutor.network.services.http import RESPONSE

TEXT = {"net.ipv4.tcp_congestion_control": "reno", "net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.tcp_wmem": "4096 16384 4194304"}
SYSCTLS = {
    "net.ipv4.tcp_timestamps": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.ip_no_pmtu_disc": 0,
    "net.ipv4.icmp_ratelimit": 0,
    "net.ipv4.tcp_no_metrics_save": 1,
    # Left as on any Debian: nothing that a learner would not have.
    "net.ipv4.tcp_syn_retries": 6,
    "net.ipv4.tcp_ecn": 2,
}


channel: socket.socket


def tell(**what: object) -> None:
    channel.sendall(json.dumps(what).encode() + b"\n")


class Connection:
    """A socket and the thread that reads from it."""

    def __init__(self, link: socket.socket, kind: str) -> None:
        self.link = link
        self.kind = kind
        self.alive = True
        self.reading = threading.Event()
        self.reading.set()
        # As ssh, sshd and curl do.
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.append(self)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        text = b""
        try:
            if self.kind == "app":
                self.link.sendall(b"hello from port 1337\n")
            while True:
                self.reading.wait()
                # So that "hold" is heard of before anything else is read.
                if not select.select([self.link], [], [], 0.1)[0] or not self.reading.is_set():
                    continue
                if self.kind in ("silent", "patient"):
                    # Otherwise it might read between two segments of a burst, and hold up the kernel's acknowledgement.
                    time.sleep(0.0005)
                data = self.link.recv(65536)
                if not data:
                    break
                text += data
                if self.kind == "app" and text.endswith(b"\n"):
                    self.link.sendall(text)
                    text = b""
                elif self.kind == "http" and b"\r\n\r\n" in text:
                    self.link.sendall(RESPONSE)
                    break
            if self.kind != "patient" or not self.alive:
                self.alive = False
                self.link.close()
        except OSError as error:
            if self.alive:
                tell(connection=error.strerror)
            self.alive = False
            self.link.close()
        except ValueError:
            pass  # closed from outside


connections: list[Connection] = []
programs: list[subprocess.Popen[bytes]] = []
PROGRAMS = {
    "ftp": (
        "vsftpd", "{folder}/etc/vsftpd.conf", "-olisten=NO", "-olisten_ipv6=YES", "-olisten_port={port}", "-obackground=NO",
        "-oseccomp_sandbox=NO", "-oisolate_network=NO", "-oanon_root={folder}/srv/ftp", "-osecure_chroot_dir={folder}/empty",
    ),
    "tftp": ("in.tftpd", "-L", "-s", "-u", "root", "-a", ":{port}", "{folder}/srv/tftp"),
    "dns": (
        "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "--no-resolv", "--no-hosts", "--local=/example/",
        "--local-ttl=300", "--port={port}", "--conf-file={folder}/etc/dnsmasq.conf",
    ),
}  # fmt: skip
"""Services that are a program of Debian's."""
crowded: list[socket.socket] = []
"""Who accepts only when told to."""


def serve(kind: str, port: int) -> None:
    if kind in PROGRAMS:
        programs.append(subprocess.Popen([word.format(port=port, folder=Path.cwd()) for word in PROGRAMS[kind]]))
        time.sleep(0.2)
        return
    if kind == "datagrams":
        threading.Thread(target=say_again, args=(port,), daemon=True).start()
        return
    backlog = 2 if kind == "crowded" else 128
    listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
    if kind == "crowded":
        crowded.append(listener)
        return

    def accept() -> None:
        while True:
            Connection(listener.accept()[0], kind)

    threading.Thread(target=accept, daemon=True).start()


def say_again(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("", port))
        while True:
            here.sendto(*here.recvfrom(65536))


def connect(words: list[str]) -> None:
    address, _, port = words[0].rpartition(":")
    link = socket.socket(socket.AF_INET6 if "[" in address else socket.AF_INET)
    if len(words) == 3:
        link.bind(("", int(words[2])))
    try:
        link.connect((address.strip("[]"), int(port)))
    except OSError as error:
        tell(connection=error.strerror)
    else:
        Connection(link, "client")


def use_ftp(line: str, words: list[str]) -> None:
    """What stands behind the host on the simulated prompt's line is typed here."""
    place = next(number for number, word in enumerate(words) if not word.startswith("-")) + 1
    typed = "".join(f"{word}\n" for word in words[place:])
    done = subprocess.run(["ftp", *words[:place]], input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    tell(line=line, said=done.stdout, code=done.returncode)


def carry_out(line: str) -> None:
    name, *words = shlex.split(line)
    if name == "connect":
        connect(words)
        return
    if name == "send":
        raw = craft_packet(line.removeprefix("send "), 1, lambda ends: None, lambda protocol, ends: None)[0]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
            out.sendto(raw, (socket.inet_ntoa(raw[16:20]), 0))
        return
    if name == "ftp":
        use_ftp(line, words)
    if name == "accept":
        Connection(crowded[0].accept()[0], "patient")
        return
    if name not in ("say", "upload", "close", "leave", "reset", "hold", "read", "keepalive"):
        program = {"iptables": "iptables-legacy", "ip6tables": "ip6tables-legacy"}.get(name, name)
        done = subprocess.run(
            [program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        tell(line=line, said=done.stdout, code=done.returncode)
        return
    here = [each for each in connections if each.link.fileno() >= 0][-1]
    link = here.link
    if name in ("say", "upload"):
        try:
            link.sendall(words[0].encode() + b"\n" if name == "say" else b"#" * int(words[0]))
        except OSError as error:
            tell(connection=error.strerror)
    elif name == "close":
        link.shutdown(socket.SHUT_WR)
    elif name in ("leave", "reset"):
        here.alive = False
        if name == "reset":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    elif name == "hold":
        here.reading.clear()
    elif name == "read":
        here.reading.set()
    else:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in zip((socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT), words, strict=True):
            link.setsockopt(socket.IPPROTO_TCP, option, int(value))


def attempt(line: str) -> None:
    try:
        carry_out(line)
    except Exception as error:  # noqa: BLE001 - whatever it was, the recording is of no use
        tell(failed=f"{line}: {error!r}")


def live(here: dict[str, Any], wires: socket.socket) -> None:
    """The life of a host, in a process that was just forked. ``wires`` gets the ends of its interfaces, then lines both ways."""
    global channel
    channel = wires
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for path, text in here["files"].items():
            file = Path(folder + path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            # tftpd hands out and overwrites what anybody may.
            file.chmod(0o666 if file.parent.name == "tftp" else 0o644)
            if file.parent.name == "incoming":
                file.parent.chmod(0o777)
        Path("empty").mkdir()
        try:
            furnish(here)
            for line in wires.makefile():
                threading.Thread(target=attempt, args=(line.strip(),), daemon=True).start()
        finally:
            for program in programs:
                program.kill()


def furnish(here: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["LC_ALL"] = "C"
    enter()
    own_lock()
    set_sysctls({**IPV6, "net.ipv6.conf.all.forwarding": int(here["forwards"]), "net.ipv4.ip_forward": int(here["forwards"]), **SYSCTLS})
    for key, text in TEXT.items():
        Path("/proc/sys", *key.split(".")).write_text(text)
    commands = ["link set lo up"]
    for name, addresses in here["interfaces"].items():
        socket.send_fds(channel, [b"!"], [open_tun(name, ethernet=here["ethernet"])])
        commands.append(f"link set {name} mtu {here['mtus'].get(name, 1500)} up")
        commands += [f"addr add {address} dev {name}" for address in addresses]
    commands += [f"route add {network} via {gateway} dev {name}" for network, (name, gateway) in here["routes"].items()]
    run(["ip", "-batch", "-"], "\n".join(commands) + "\n", KernelUnavailable)
    for service in here["services"]:
        kind, _, port = service.partition(":")
        serve(kind, int(port))
    tell(ready=True)
