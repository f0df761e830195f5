"""A network namespace of this process alone: made, furnished, and gone when the process leaves it or dies.

It has no name, so nothing of it can stay behind: the kernel takes down the namespace, its interfaces, rules and entries
with the last process in it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from fcntl import ioctl
from ipaddress import ip_interface
from itertools import product
from pathlib import Path

from fwtutor.kernel.crowd import MAX
from fwtutor.kernel.errors import KernelUnavailable, RulesetRefused
from fwtutor.kernel.netlink import FAMILIES
from fwtutor.kernel.observation import Setup

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TUN, _IFF_TAP, _IFF_NO_PI = 0x0001, 0x0002, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_TUN = "/dev/net/tun"
_HAS_IPV6 = Path("/proc/sys/net/ipv6")
_ROUTES6 = Path("/proc/thread-self/net/ipv6_route")
_PATIENCE = 60
"""Seconds, for what takes the kernel a moment."""
UNSHARE = "unshare"
"""The program that makes a user namespace in which one is root."""
_SO_ATTACH_FILTER = 26
_REFUSE_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
"""A socket filter of one instruction: of every packet, keep no byte."""
PROGRAMS = (("iptables-legacy-restore", "iptables"), ("iptables-legacy-save", "iptables"), ("ip", "iproute2"), ("nft", "nftables"))
"""What must be installed: (program, Debian's package)."""

NO_IPV6: Mapping[str, int] = {
    "net.ipv6.conf.all.disable_ipv6": 1,
    "net.ipv6.conf.default.disable_ipv6": 1,
}
"""Set where a box has no IPv6."""
IPV6: Mapping[str, int] = {
    "net.ipv6.conf.all.disable_ipv6": 0,
    "net.ipv6.conf.default.disable_ipv6": 0,
    "net.ipv6.conf.all.forwarding": 1,
    # It has the addresses it is given: a link-local one would be drawn by chance on a link without link layer.
    "net.ipv6.conf.default.addr_gen_mode": 1,
    "net.ipv6.conf.default.use_tempaddr": 0,
    # And sends nothing of its own accord. (What it says of multicast groups ``watch`` keeps back.)
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.dad_transmits": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
    "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.autoconf": 0,
    "net.ipv6.conf.all.accept_redirects": 0,
    "net.ipv6.conf.default.accept_redirects": 0,
    "net.ipv6.conf.all.accept_source_route": 0,
    "net.ipv6.conf.default.accept_source_route": 0,
    # Those of its own packets would be drawn by chance.
    "net.ipv6.auto_flowlabels": 0,
    "net.ipv6.icmp.ratelimit": 1000,
    # The same of "packet too big" as below of IPv4's error: what it teaches is over before it counts.
    "net.ipv6.route.mtu_expires": -1,
}
"""Set where it has."""
SYSCTLS: Mapping[str, int] = {
    "net.ipv4.ip_forward": 1,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.conf.all.accept_redirects": 0,
    "net.ipv4.conf.default.accept_redirects": 0,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.accept_source_route": 0,
    "net.ipv4.conf.default.accept_source_route": 0,
    "net.ipv4.conf.all.log_martians": 0,
    # 2: an ICMP "fragmentation needed" from the wire teaches the box nothing, so no packet depends on one before it.
    "net.ipv4.ip_no_pmtu_disc": 2,
    # The limit for all hosts together is left out; older kernels have it for the whole machine, and then it is not ours to set.
    "net.ipv4.icmp_msgs_per_sec": 1_000_000,
    "net.ipv4.icmp_msgs_burst": 1_000_000,
    "net.ipv4.icmp_ratelimit": 1000,
    "net.ipv4.icmp_ratemask": 6168,
    "net.netfilter.nf_conntrack_tcp_loose": 1,
    "net.netfilter.nf_conntrack_tcp_be_liberal": 0,
    "net.netfilter.nf_conntrack_checksum": 1,
    "net.netfilter.nf_conntrack_acct": 0,
}
"""Set in every namespace before its interfaces come up, because a host's defaults may have been inherited."""
_DISPENSABLE = ("net.ipv6.", "net.ipv4.icmp_msgs_")
"""Keys a kernel may lack: without IPv6 there is nothing to switch off."""


def missing(*, user_namespace: bool = False) -> str | None:
    """What this machine lacks to ask its kernel, in one sentence; None when nothing does."""
    if sys.platform != "linux":
        return f"the kernel can only be asked on Linux, and this is {sys.platform}"
    if os.geteuid() != 0 and not user_namespace:
        return "asking the kernel needs root, or a namespace where one is root: unshare -rn COMMAND"
    for program, package in (*PROGRAMS, *([(UNSHARE, "util-linux")] if user_namespace else [])):
        if shutil.which(program) is None:
            return f"the program {program} is missing (package {package})"
    if not os.path.exists(_TUN):
        return f"{_TUN} is missing: the kernel has no TUN driver (modprobe tun), or the container hides it"
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} may not be opened by this user; on most systems it may by all (as root: chmod 666 {_TUN})"
    return None


def enter() -> None:
    """Put this process in a new, empty network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise KernelUnavailable(f"no network namespace of its own: {os.strerror(ctypes.get_errno())}")


def own_lock() -> None:
    """Let iptables' programs lock a file of this process instead of the machine's, which root of a user namespace may not open.

    Nothing is shared with the rules outside, so nobody need wait; the file has no name, and goes with the process.
    """
    os.environ["XTABLES_LOCKFILE"] = f"/proc/{os.getpid()}/fd/{os.memfd_create('xtables.lock')}"


def open_tun(name: str, *, ethernet: bool = False) -> int:
    """A new interface, without link layer or with Ethernet; returns the descriptor of its other end. It lives as long as its namespace."""
    try:
        descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise KernelUnavailable(f"{_TUN}: {problem.strerror}: has this kernel a TUN driver (modprobe tun)?") from problem
    try:
        ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), (_IFF_TAP if ethernet else _IFF_TUN) | _IFF_NO_PI))
        # Closing it would wait for every processor of the machine to let go of it; the kernel takes down a namespace by the way.
        ioctl(descriptor, _TUNSETPERSIST, 1)
    except OSError as problem:
        os.close(descriptor)
        raise KernelUnavailable(f"no TUN interface {name!r}: {problem.strerror}") from problem
    return descriptor


def set_sysctls(values: Mapping[str, int]) -> None:
    """Set sysctls of this namespace. Raises KernelUnavailable, naming the key, for one that cannot be set here."""
    for key, value in values.items():
        # Interface names may hold dots; the kernel's own keys have none within a part.
        path = Path("/proc/sys", *key.split("."))
        try:
            path.write_text(f"{value}\n")
        except FileNotFoundError:
            if key.startswith(_DISPENSABLE):
                continue
            raise KernelUnavailable(f"this kernel has no sysctl {key} in a namespace") from None
        except OSError as problem:
            raise KernelUnavailable(f"sysctl {key} = {value}: {problem.strerror}") from problem


def furnish(setup: Setup, *, ethernet: bool = False) -> dict[str, int]:
    """Sysctls, interfaces, addresses and routes of ``setup``; returns the TUN (or TAP) descriptors by interface name."""
    # In this order: switching forwarding sets some of those below it.
    if setup.ipv6 and not _HAS_IPV6.exists():
        raise KernelUnavailable("this kernel has no IPv6")
    given = {key: value for key, value in setup.sysctls.items() if key != MAX}
    # Those of single interfaces wait until these are there.
    late = {key: value for key, value in given.items() if key.removeprefix("net.ipv4.conf.").partition(".")[0] in setup.interfaces}
    early = {key: value for key, value in given.items() if key not in late}
    set_sysctls({**SYSCTLS, **(IPV6 if setup.ipv6 else NO_IPV6), **early})
    tuns: dict[str, int] = {}
    commands = ["link set lo up"]
    try:
        for name, addresses in setup.interfaces.items():
            tuns[name] = open_tun(name, ethernet=ethernet)
            if ethernet:
                # Nobody is there to be asked for his address, and whoever it is gets what is sent.
                commands.append(f"link set {name} address {mac_of(len(tuns)).hex(':')} arp off")
            commands.append(f"link set {name} mtu {setup.mtus.get(name, 1500)} up")
            commands += [f"addr add {address} dev {name}" for address in addresses]
        for network, way in setup.routes.items():
            name, via = (way, "") if isinstance(way, str) else (way[0], f"via {way[1]} ")
            commands.append(f"route add {network} {via}dev {name}")
        run(["ip", "-batch", "-"], "\n".join(commands) + "\n", KernelUnavailable)
        _settle(address for addresses in setup.interfaces.values() for address in addresses if ":" in address)
        set_sysctls(late)
    except BaseException:
        for descriptor in tuns.values():
            os.close(descriptor)
        raise
    return tuns


def _settle(addresses: Iterable[str]) -> None:
    """Wait for the routes to the box's own addresses of IPv6: the kernel makes them by the way, after it has taken the addresses."""
    wanted = {ip_interface(address).packed.hex() for address in addresses}
    if not wanted:
        return
    ending = time.monotonic() + _PATIENCE
    while not wanted <= {line.split(" ", 1)[0] for line in _ROUTES6.read_text().splitlines()}:
        if time.monotonic() > ending:
            raise KernelUnavailable(f"no route to the box's own addresses within {_PATIENCE} s")
        time.sleep(0.001)
    # Whoever made the last of them may still be at what belongs to it (anycast): he has the lock that this asks for.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16s24x", b"lo"))
        ioctl(any_socket, _SIOCSIFFLAGS, flags)


def mac_of(number: int) -> bytes:
    """The link address of the box's interface of that number, from 1."""
    return bytes([2, 0, 0, 0, 0, number])


def hush(ports: Iterable[tuple[str, int]], families: Iterable[int] = (4,)) -> list[socket.socket]:
    """Sockets that take what comes to these ports and say nothing: as if a program had it, and no reset comes from the stack."""
    sockets: list[socket.socket] = []
    program = ctypes.create_string_buffer(_REFUSE_ALL, len(_REFUSE_ALL))
    attached = struct.pack("HL", 1, ctypes.addressof(program))
    try:
        for family, (protocol, port) in product(families, ports):
            taker = socket.socket(FAMILIES[family], socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
            sockets.append(taker)
            if family == 6:
                taker.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taker.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
            taker.bind(("", port))
            if protocol == "tcp":
                taker.listen()
    except BaseException:
        for taker in sockets:
            taker.close()
        raise
    return sockets


def interface_names() -> dict[int, str]:
    """Names of this namespace's interfaces by index."""
    return dict(socket.if_nameindex())


def run(command: list[str], text: str, error: type[KernelUnavailable] | type[RulesetRefused]) -> str:
    """Run a program in this namespace with ``text`` on its standard input; its complaint becomes ``error``."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise error(done.stderr.strip() or f"{command[0]} failed with exit code {done.returncode}")
    return done.stdout
