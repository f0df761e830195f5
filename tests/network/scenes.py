"""Scenes: what is typed where in a small network. ``assets/scenes/make.py`` plays them with real programs on the kernel and keeps what
was on the wire; ``test_scenes`` plays them in the simulated world, and compares.

A scene is a value, so a new one is an entry in ``SCENES`` and a run of make.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DELAY = 0.02
"""Seconds each link takes."""
PAIR = {"client": {"eth0": ("10.0.1.1/24", "fd00:1::1/64")}, "server": {"eth0": ("10.0.1.2/24", "fd00:1::2/64")}}
"""Two hosts on one link, ``near``."""
ROUTED = {
    "client": {"eth0": ("10.0.1.1/24", "fd00:1::1/64")},
    "box": {"near": ("10.0.1.254/24", "fd00:1::fe/64"), "far": ("10.0.2.254/24", "fd00:2::fe/64")},
    "server": {"eth0": ("10.0.2.2/24", "fd00:2::2/64")},
}
"""A router between them: the links are ``near`` (the client's) and ``far``."""
LINKS = {
    "pair": {"near": ("client:eth0", "server:eth0")},
    "routed": {"near": ("client:eth0", "box:near"), "far": ("box:far", "server:eth0")},
}
HOSTS = {"pair": PAIR, "routed": ROUTED}
ROUTES: Mapping[str, Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "pair": {},
    "routed": {
        "client": {"10.0.2.0/24": ("eth0", "10.0.1.254"), "fd00:2::/64": ("eth0", "fd00:1::fe")},
        "server": {"10.0.1.0/24": ("eth0", "10.0.2.254"), "fd00:1::/64": ("eth0", "fd00:2::fe")},
    },
}
SERVICES = ("app:1337", "http:80", "silent:9000", "patient:9001", "crowded:9002", "datagrams:1337")
"""What the server runs. ``silent`` reads and says nothing; ``patient`` does not even close when the other side has; ``crowded`` has a
backlog of two, and accepts when it is told to; ``datagrams`` says them again."""

FILES: Mapping[str, Mapping[str, str]] = {
    "client": {"/up.txt": "from the client\n", "/notes": "milk\neggs\n"},
    "server": {
        "/srv/ftp/hello.txt": "hello from the server\n",
        "/srv/ftp/pub/note.txt": "a note\n",
        "/srv/ftp/incoming/readme": "anybody may write here\n",
        "/etc/vsftpd.conf": (
            "anonymous_enable=YES\nwrite_enable=YES\nanon_upload_enable=YES\nconnect_from_port_20=YES\n"
            "pasv_min_port=40040\npasv_max_port=40099\nconnect_timeout=5\naccept_timeout=5\n"
        ),
        "/srv/tftp/motd": "".join(f"line {number} of the message\n" for number in range(1, 61)),
        "/srv/tftp/inbox": "",
        "/etc/dnsmasq.conf": f"host-record=web.example,10.0.1.80\ntxt-record=short.example,{'x' * 250}\n"
        + "".join(f"txt-record=long.example,{letter * 240}\n" for letter in "abcdefgh"),
    },
}
"""Who types is in /."""


class Scene(NamedTuple):
    """What is typed, and for how long the wire ``near`` is watched.

    Beside programs the real hosts understand the simulated prompt's connect, say, upload, close, reset and send tcp, and both:
    ``leave`` (close(2): nothing is read any more), ``hold`` and ``read`` (the program stops reading, and goes on),
    ``keepalive IDLE INTERVAL PROBES``, ``accept`` (the program accepts one connection).
    """

    typed: tuple[tuple[float, str, str], ...]
    """(second, host, line)."""
    lasts: float
    where: str = "pair"
    loses: Mapping[str, tuple[int, ...]] = {}
    """Which of a host's packets the wire loses, by their number, from 0."""
    mtu: int = 1500
    """Of the link ``far``."""
    luck: bool = False
    """What comes of it depends on which of two things is some microseconds earlier: it is only recorded."""
    since: str = ""
    """Compared from the first packet on in whose line this is; what comes before it is not even kept."""
    runs: tuple[str, ...] = ()
    """What the server runs besides: a real program (vsftpd, in.tftpd)."""
    delay: float = DELAY
    """Of each link. (A round trip of 40 ms is as long as an acknowledgement waits to be carried.)"""
    closely: bool = True
    """Windows and bare acknowledgements are compared. ftp asks for buffers of another size, and reads nine small segments when it
    gets to; whose FIN comes first in the end is some microseconds' doing."""
    ethernet: bool = False
    """The links have a link layer, so that hosts look for their neighbours: of that the questions of IPv6 are kept."""


def interfaces_of(scene: Scene) -> dict[str, dict[str, tuple[str, ...]]]:
    """Host -> interface -> addresses. Where there is a link layer there are addresses of the link, too: fe80::1, fe80::2 ..."""
    hosts = HOSTS[scene.where]
    if not scene.ethernet:
        return {host: dict(interfaces) for host, interfaces in hosts.items()}
    numbers = {place: number for number, place in enumerate(((host, name) for host, names in hosts.items() for name in names), 1)}
    return {
        host: {name: (*addresses, f"fe80::{numbers[host, name]}/64") for name, addresses in interfaces.items()}
        for host, interfaces in hosts.items()
    }


def _from_client(*lines: str, every: float = 0.5) -> tuple[tuple[float, str, str], ...]:
    return tuple((number * every, "client", line) for number, line in enumerate(lines))


APP, SILENT, PATIENT = (f"connect 10.0.1.2:{port} from 4000" for port in (1337, 9000, 9001))
SILENT6 = "connect [fd00:1::2]:9000 from 4000"
APP6 = "connect [fd00:1::2]:1337 from 4000"
TALK = _from_client(APP, 'say "one"', 'say "two"', "close")
DROPS_CLIENT = "iptables -A INPUT -s 10.0.1.1 -j DROP"
SEND = "send tcp 10.0.1.1"
HALF_OPEN = "iptables -A INPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP"

NO_COOKIES = ((0.0, "server", "sysctl -w net.ipv4.tcp_syncookies=0"),)
SPOOFED = tuple((0.3 + port / 10, "client", f"send tcp 10.0.1.9:500{port} > 10.0.1.2:9002 SYN seq=1") for port in range(4))
"""Four SYNs, from where nobody is."""
FOUR = tuple((at, "client", f"connect 10.0.1.2:9002 from {port}") for at, port in ((0.3, 4000), (0.6, 4001), (0.9, 4002), (0.905, 4003)))
"""Two of them open at the same time, when the program that does not accept has room for one more."""


def _scan(words: str, before: str = "", lasts: float = 4.0) -> Scene:
    """Five ports at once: closed (7), dropped (22), rejected with an ICMP error (23) or a reset (24), open (1337, by UDP too)."""
    protocol = "udp" if "-sU" in words else "tcp"
    rules = [
        f"iptables -A INPUT -p {protocol} --dport 22 -j DROP",
        f"iptables -A INPUT -p {protocol} --dport 23 -j REJECT",
        *(["iptables -A INPUT -p tcp --dport 24 -j REJECT --reject-with tcp-reset"] if protocol == "tcp" else []),
    ]
    source = "" if "-sT" in words else "-g 4000 "
    typed = [(0.0, "server", rule) for rule in rules]
    typed.append((0.5, "client", f"nmap {words} -Pn -n -r --max-retries 1 {source}-p 1337,7,22,23,24 10.0.1.2"))
    # A server that greets may get to do so before the reset of a connect scan comes.
    return Scene(tuple(typed), lasts, luck="-sT" in words)


def _refused(rule: str, six: bool = False) -> Scene:
    tool = "ip6tables" if six else "iptables"
    where = "[fd00:1::2]" if six else "10.0.1.2"
    return Scene(((0.0, "server", f"{tool} -A INPUT -p tcp --dport 1337 {rule}"), (0.5, "client", f"connect {where}:1337 from 4000")), 2.0)


def _ftp(*typed: tuple[float, str, str], lasts: float = 2.5) -> Scene:
    """A session, of the client typed last. (When you play one with PORT anew: the port must have three digits in its second half.)"""
    return Scene(typed, lasts, runs=("ftp:21",), delay=0.005, closely=not typed[-1][2].startswith("ftp "))


LOGIN = '"user anonymous x"'
GET, LIST = f'{LOGIN} "get hello.txt -" bye', f'{LOGIN} "ls pub" bye'
NO_PASSIVE = "iptables -A INPUT -p tcp --dport 1024: -j REJECT --reject-with tcp-reset"
TFTP = "tftp 10.0.1.2 -c"


def _tftp(*typed: tuple[float, str, str], lasts: float = 2.0, loses: Mapping[str, tuple[int, ...]] = {}) -> Scene:
    """A transfer."""
    return Scene(typed, lasts, loses=loses, runs=("tftp:69",))


def _dns(words: str, rule: str = "", lasts: float = 1.5) -> Scene:
    """A question, without what changes from time to time (cookies)."""
    rules = ((0.0, "server", rule),) if rule else ()
    return Scene((*rules, (0.2, "client", f"dig +nocookie @10.0.1.2 {words}")), lasts, runs=("dns:53",))


def _ethernet(line: str, lasts: float, where: str = "pair") -> Scene:
    return Scene(((0.0, "client", line),), lasts, where, ethernet=True)


REJECTS = ("icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable", "icmp-net-prohibited",
           "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset")  # fmt: skip
REJECTS6 = ("icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "icmp6-policy-fail",
            "icmp6-reject-route", "tcp-reset")  # fmt: skip

SCENES: dict[str, Scene] = {
    # --- opening, talking, closing
    "talk": Scene(TALK, 2.5),
    "talk6": Scene(_from_client(APP6, 'say "one"', 'say "two"', "close"), 2.5),
    "talk-fast": Scene(_from_client(APP, *(f'say "line {number}"' for number in range(1, 7)), "close", every=0.15), 2.0),
    # What has no end of line is not answered: nothing carries the acknowledgement.
    "no-answer": Scene(_from_client(APP, 'say "one"', "upload 10", "upload 10", "upload 3000"), 3.0),
    "close-at-once": Scene(_from_client(SILENT, "close"), 1.5),
    "server-closes": Scene(((0.0, "client", SILENT), (0.5, "server", "close")), 1.5),
    "both-close": Scene(((0.0, "client", PATIENT), (0.5, "client", "close"), (0.5, "server", "close")), 1.5),
    "half-close": Scene(
        ((0.0, "client", PATIENT), (0.5, "client", "close"), (1.0, "server", 'say "one more thing"'), (1.5, "server", "close")), 2.5
    ),
    "say-after-leave": Scene(((0.0, "client", PATIENT), (0.5, "client", "leave"), (1.0, "server", 'say "anybody?"')), 2.0),
    "leave-unread": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", 'say "x"'), (1.0, "server", "leave")), 2.0),
    "refused": Scene(_from_client("connect 10.0.1.2:9 from 4000"), 1.0),
    "refused6": Scene(_from_client("connect [fd00:1::2]:9 from 4000"), 1.0),
    "reset": Scene(_from_client(SILENT, "reset"), 1.5),
    "reset-unread": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", 'say "x"'), (1.0, "server", "reset")), 2.0),
    "upload": Scene(_from_client(SILENT, "upload 20000", "close"), 2.0),
    "curl": Scene(_from_client("curl -s -v http://10.0.1.2/"), 1.0),
    "curl6": Scene(_from_client("curl -s -v http://[fd00:1::2]/"), 1.0),
    "curl-refused": Scene(_from_client("curl -s -v http://10.0.1.2:81/"), 1.0),
    # --- out of the blue
    "syn-into-a-connection": Scene(((0.0, "client", SILENT), (0.5, "client", f"{SEND}:4000 > 10.0.1.2:9000 SYN seq=1")), 1.5),
    **{
        f"stray-{flags.lower()}-{port}": Scene(_from_client(f"{SEND}:5000 > 10.0.1.2:{port} {flags} seq=1000 ack=2000"), 1.0)
        for flags in ("ACK", "SYN+ACK", "FIN+ACK", "RST")
        for port in (1337, 9)
    },
    # --- one packet lost
    "lost-syn": Scene(TALK[:1], 2.5, loses={"client": (0,)}),
    "lost-synack": Scene(TALK[:1], 2.5, loses={"server": (0,)}),
    "lost-ack": Scene(TALK[:1], 2.5, loses={"client": (1,)}),
    "lost-ack-silent": Scene(_from_client(SILENT), 4.0, loses={"client": (1,)}),
    "lost-greeting": Scene(TALK[:1], 2.5, loses={"server": (1,)}),
    "lost-data": Scene(_from_client(SILENT, 'say "one"'), 2.5, loses={"client": (2,)}),
    "lost-data-twice": Scene(_from_client(SILENT, 'say "one"'), 3.0, loses={"client": (2, 3)}),
    "lost-data-ack": Scene(_from_client(SILENT, 'say "one"'), 2.5, loses={"server": (1,)}),
    "lost-ack-and-greeting": Scene(TALK[:1], 6.0, loses={"client": (1,), "server": (2,)}),
    "lost-syn-and-data": Scene(((0.0, "client", SILENT), (2.0, "client", 'say "one"')), 7.0, loses={"client": (0, 3)}),
    "lost-first-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (2,)}),
    "lost-second-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (3,)}),
    "lost-last-of-many": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (8,)}),
    "lost-last-but-one": Scene(_from_client(SILENT, "upload 10000"), 2.5, loses={"client": (7,)}),
    "lost-all-of-many": Scene(_from_client(SILENT, "upload 10000"), 4.0, loses={"client": tuple(range(2, 9))}, luck=True),
    "lost-fin": Scene(_from_client(SILENT, "close"), 2.5, loses={"client": (2,)}),
    "lost-fin-answer": Scene(_from_client(SILENT, "close"), 2.5, loses={"server": (1,)}),
    "lost-last-ack": Scene(_from_client(SILENT, "close"), 2.5, loses={"client": (3,)}),
    # --- a rule drops everything
    "dropped-syn": Scene(((0.0, "server", "iptables -A INPUT -p tcp --dport 1337 -j DROP"), (0.5, "client", APP)), 140.0),
    "dropped-synack": Scene(((0.0, "client", "iptables -A INPUT -p tcp --sport 1337 -j DROP"), (0.5, "client", APP)), 34.0, luck=True),
    "dropped-ack": Scene(((0.0, "server", HALF_OPEN), (0.5, "client", SILENT)), 80.0),
    "dropped-data": Scene(((0.0, "client", SILENT), (0.5, "server", DROPS_CLIENT), (1.0, "client", 'say "hello?"')), 33.0),
    "dropped-fin": Scene(((0.0, "client", SILENT), (0.5, "server", DROPS_CLIENT), (1.0, "client", "leave")), 130.0),
    # --- refused by a rule
    **{f"reject-{name}": _refused(f"-j REJECT --reject-with {name}") for name in REJECTS},
    **{f"reject6-{name}": _refused(f"-j REJECT --reject-with {name}", six=True) for name in REJECTS6},
    "reject-data": Scene(
        ((0.0, "client", SILENT), (0.5, "server", "iptables -A INPUT -s 10.0.1.1 -j REJECT"), (1.0, "client", 'say "hello?"')), 6.0
    ),
    "reject-data-reset": Scene(
        (
            (0.0, "client", SILENT),
            (0.5, "server", "iptables -A INPUT -p tcp -s 10.0.1.1 -j REJECT --reject-with tcp-reset"),
            (1.0, "client", 'say "hello?"'),
        ),
        3.0,
    ),
    # --- windows, keepalive
    # (How the last bytes before it shuts are cut into segments depends on how the kernel counts its buffers.)
    "shut-window": Scene(((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", "upload 120000")), 8.0, since="win 0"),
    "shut-window-dropped": Scene(
        ((0.0, "client", PATIENT), (0.2, "server", "hold"), (0.5, "client", "upload 120000"), (2.0, "server", DROPS_CLIENT)),
        15.0,
        since="win 0",
    ),
    "keepalive": Scene(((0.0, "client", SILENT), (0.1, "client", "keepalive 2 1 3")), 8.0),
    "keepalive-dropped": Scene(((0.0, "client", SILENT), (0.1, "client", "keepalive 2 1 3"), (3.0, "server", DROPS_CLIENT)), 9.0),
    # --- backlogs
    "backlog-syns": Scene((*NO_COOKIES, *SPOOFED, (1.0, "client", "connect 10.0.1.2:9002 from 4000")), 6.5),
    "backlog-cookie": Scene((*SPOOFED, (1.0, "client", "connect 10.0.1.2:9002 from 4000"), (1.5, "client", 'say "hello"')), 3.0),
    "backlog-full": Scene((*FOUR, (1.5, "client", "connect 10.0.1.2:9002 from 4004")), 6.0),
    "backlog-full-then-accepts": Scene((*FOUR, (1.2, "client", 'say "hello"'), (4.0, "server", "accept")), 8.0),
    "backlog-reset": Scene((*FOUR[:2], (1.0, "client", "reset"), (1.5, "server", "accept"), (2.0, "server", "accept")), 3.0),
    # --- path MTU (two segments: how more of them are cut anew depends on how many the kernel keeps in one buffer)
    "path-mtu": Scene(_from_client("connect 10.0.2.2:9000 from 4000", "upload 2000", "close"), 3.0, "routed", mtu=1400),
    "path-mtu6": Scene(_from_client("connect [fd00:2::2]:9000 from 4000", "upload 2000", "close"), 3.0, "routed", mtu=1400),
    "black-hole": Scene(
        (
            (0.0, "box", "iptables -A OUTPUT -p icmp -j DROP"),
            (0.1, "client", "connect 10.0.2.2:9000 from 4000"),
            (0.5, "client", "upload 5000"),
        ),
        8.0,
        "routed",
        mtu=1400,
    ),
    # --- tools
    "ping": Scene(_from_client("ping -n -c 3 10.0.1.2"), 3.5),
    "ping6": Scene(_from_client("ping -n -c 2 fd00:1::2"), 2.5),
    "ping-dropped": Scene(((0.0, "server", "iptables -A INPUT -p icmp -j DROP"), (0.2, "client", "ping -n -c 2 -W 2 10.0.1.2")), 5.0),
    "ping-rejected": Scene(((0.0, "server", "iptables -A INPUT -p icmp -j REJECT"), (0.2, "client", "ping -n -c 2 -W 2 10.0.1.2")), 5.0),
    "ping-ttl": Scene(_from_client("ping -n -c 1 -t 1 -W 2 10.0.2.2"), 2.0, "routed"),
    "ping-large": Scene(_from_client("ping -n -c 1 -s 3000 10.0.1.2"), 2.0),
    "ping-too-large": Scene(_from_client("ping -n -c 2 -M do -s 1450 -W 2 10.0.2.2"), 3.0, "routed", mtu=1400),
    "traceroute": Scene(_from_client("traceroute -n -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute-icmp": Scene(_from_client("traceroute -n -I -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute-tcp": Scene(_from_client("traceroute -n -T -p 80 -N 1 -q 2 -w 1 10.0.2.2"), 3.0, "routed"),
    "traceroute6": Scene(_from_client("traceroute -n -N 1 -q 2 -w 1 fd00:2::2"), 3.0, "routed"),
    "traceroute-dropped": Scene(
        ((0.0, "box", "iptables -A FORWARD -p udp -j DROP"), (0.2, "client", "traceroute -n -N 1 -q 1 -w 1 -m 4 10.0.2.2")), 6.0, "routed"
    ),
    "traceroute-rejected": Scene(
        (
            (0.0, "box", "iptables -A FORWARD -p udp -j REJECT --reject-with icmp-admin-prohibited"),
            (0.2, "client", "traceroute -n -N 1 -q 1 -w 1 -m 4 10.0.2.2"),
        ),
        4.0,
        "routed",
    ),
    **{f"nmap-{kind}": _scan(f"-s{kind}") for kind in "TSAFNXM"},
    "nmap-U": _scan("-sU", lasts=8.0),
    "nmap-S-fragments": _scan("-sS -f"),
    # --- ftp
    "ftp-active": _ftp((0.0, "client", f"ftp -nvA 10.0.1.2 {GET}")),
    "ftp-active-list": _ftp((0.0, "client", f"ftp -nvA 10.0.1.2 {LOGIN} epsv4 'ls pub' bye")),
    "ftp-active6": _ftp((0.0, "client", f"ftp -nvA fd00:1::2 {LIST}")),
    "ftp-passive": _ftp((0.0, "client", f"ftp -nvp 10.0.1.2 {LOGIN} epsv4 'ls pub' bye")),
    "ftp-epsv": _ftp((0.0, "client", f"ftp -nvp 10.0.1.2 {GET}")),
    "ftp-epsv6": _ftp((0.0, "client", f"ftp -nvp fd00:1::2 {GET}")),
    "ftp-no-file": _ftp((0.0, "client", f'ftp -nvp 10.0.1.2 {LOGIN} "get nothing" bye')),
    "ftp-put": _ftp((0.0, "client", f'ftp -nvp 10.0.1.2 {LOGIN} "put up.txt incoming/up.txt" bye')),
    "ftp-active-put": _ftp((0.0, "client", f'ftp -nvA 10.0.1.2 {LOGIN} "put up.txt incoming/up.txt" bye')),
    "ftp-passive-dropped": _ftp(
        (0.0, "server", "iptables -A INPUT -p tcp --dport 1024: -j DROP"), (0.5, "client", f"ftp -nvp -q3 10.0.1.2 {LIST}"), lasts=6.0
    ),
    "ftp-active-refused": _ftp(
        (0.0, "client", "iptables -A INPUT -p tcp --sport 20 -j REJECT"), (0.5, "client", f"ftp -nvA 10.0.1.2 {LIST}")
    ),
    "ftp-active-dropped": _ftp(
        (0.0, "client", "iptables -A INPUT -p tcp --sport 20 -j DROP"), (0.5, "client", f"ftp -nvA 10.0.1.2 {LIST}"), lasts=8.0
    ),
    "ftp-passive-refused": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", f"ftp -nvp 10.0.1.2 {LIST}")),
    "ftp-falls-back": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", f"ftp -nv 10.0.1.2 {LIST}")),
    "curl-ftp": _ftp((0.0, "client", "curl -sS ftp://10.0.1.2/hello.txt")),
    "curl-ftp-pasv": _ftp((0.0, "client", "curl -sS --disable-epsv ftp://10.0.1.2/pub/note.txt")),
    "curl-ftp-active": _ftp((0.0, "client", "curl -sS -P - ftp://10.0.1.2/hello.txt")),
    "curl-ftp-port": _ftp((0.0, "client", "curl -sS -P - --disable-eprt ftp://10.0.1.2/pub/")),
    "curl-ftp-no-file": _ftp((0.0, "client", "curl -sS ftp://10.0.1.2/nothing")),
    "curl-ftp-refused": _ftp((0.0, "server", NO_PASSIVE), (0.5, "client", "curl -sS ftp://10.0.1.2/hello.txt")),
    # --- files (of three blocks)
    "tftp": _tftp((0.0, "client", f"{TFTP} get motd")),
    "tftp-octet": _tftp((0.0, "client", "tftp -m octet 10.0.1.2 -c get motd")),
    "tftp-put": _tftp((0.0, "client", f"{TFTP} put notes inbox")),
    "tftp-no-file": _tftp((0.0, "client", f"{TFTP} get nothing")),
    "tftp-put-no-file": _tftp((0.0, "client", f"{TFTP} put notes nothing")),
    "tftp-lost-request": _tftp((0.0, "client", f"{TFTP} get motd"), lasts=7.0, loses={"client": (0,)}),
    "tftp-lost-data": _tftp((0.0, "client", f"{TFTP} get motd"), lasts=4.0, loses={"server": (1,)}),
    "tftp-lost-ack": _tftp((0.0, "client", f"{TFTP} get motd"), lasts=4.0, loses={"client": (2,)}),
    "tftp-lost-last-ack": _tftp((0.0, "client", f"{TFTP} get motd"), lasts=5.0, loses={"client": (3,)}),
    "tftp-put-lost-data": _tftp((0.0, "client", f"{TFTP} put notes inbox"), lasts=24.0, loses={"client": (1,)}),
    "tftp-put-lost-ack": _tftp((0.0, "client", f"{TFTP} put notes inbox"), lasts=28.0, loses={"server": (1,)}),
    "tftp-dropped": _tftp(
        (0.0, "client", "iptables -A INPUT -m conntrack --ctstate NEW -j DROP"), (0.2, "client", f"{TFTP} get motd"), lasts=92.0
    ),
    "tftp-refused": _tftp((0.0, "client", "tftp 10.0.1.2 70 -c get motd"), lasts=28.0),
    "tftp-rejected": _tftp(
        (0.0, "client", "iptables -A INPUT -m conntrack --ctstate NEW -j REJECT"), (0.2, "client", f"{TFTP} get motd"), lasts=30.0
    ),
    # --- neighbours that are not there
    "nobody-ping": _ethernet("ping -n -c 3 10.0.1.77", 6.0),
    "nobody-connect": _ethernet("connect 10.0.1.77:1337 from 4000", 6.0),
    "nobody-curl": _ethernet("curl -s -v http://10.0.1.77/", 6.0),
    "nobody-traceroute": _ethernet("traceroute -n -N 1 -q 1 -w 5 10.0.1.77", 6.0),
    "nobody-beyond-ping": _ethernet("ping -n -c 2 10.0.2.77", 6.0, "routed"),
    "nobody-beyond-connect": _ethernet("connect 10.0.2.77:1337 from 4000", 6.0, "routed"),
    "nobody-beyond-ping6": _ethernet("ping -n -c 2 fd00:2::77", 6.0, "routed"),
    "nobody-ping6": _ethernet("ping -n -c 3 fd00:1::77", 6.0),
    "nobody-connect6": _ethernet("connect [fd00:1::77]:1337 from 4000", 6.0),
    # --- neighbours that are
    "neighbour-ping": _ethernet("ping -n -c 7 -i 3 fd00:1::2", 20.5),
    # Once in eight seconds is too rarely to be known by, and every second often enough.
    "neighbour-talk": Scene(_from_client(SILENT6, *(f'say "{number}"' for number in range(2)), every=8.0), 20.0, ethernet=True),
    "neighbour-busy": Scene(_from_client(APP6, *(f'say "{number}"' for number in range(15)), every=1.0), 17.0, ethernet=True),
    "neighbour-dropped": Scene(
        ((0.0, "server", "ip6tables -A INPUT -p icmpv6 -j DROP"), (0.5, "client", "ping -n -c 3 fd00:1::2")), 8.0, ethernet=True
    ),
    "neighbour-answer-dropped": Scene(((0.0, "client", "ip6tables -A INPUT -p icmpv6 -j DROP"), (0.5, "client", APP6)), 8.0, ethernet=True),
    "neighbour-later-dropped": Scene(
        ((0.0, "client", "ping -n -c 7 -i 3 fd00:1::2"), (4.0, "server", "ip6tables -A INPUT -p icmpv6 --icmpv6-type 135 -j DROP")),
        20.5,
        ethernet=True,
    ),
    "neighbour-beyond": _ethernet("ping -n -c 5 -i 3 fd00:2::2", 14.0, "routed"),
    # --- names (of 250 and of nearly 2000 bytes)
    "dns": _dns("web.example"),
    "dns-text": _dns("short.example TXT"),
    "dns-truncated": _dns("long.example TXT"),
    "dns-noedns": _dns("+noedns long.example TXT"),
    "dns-bufsize": _dns("+bufsize=4096 long.example TXT"),
    "dns-ignore": _dns("+ignore long.example TXT"),
    "dns-tcp": _dns("+tcp web.example"),
    "dns-nobody": _dns("nobody.example"),
    "dns-tcp-dropped": _dns("long.example TXT", "iptables -A INPUT -p tcp --dport 53 -j DROP", lasts=32.0),
    "dns-dropped": _dns("web.example", "iptables -A INPUT -p udp --dport 53 -j DROP", lasts=16.0),
    "dns-refused": _dns("web.example", "iptables -A INPUT -p udp --dport 53 -j REJECT"),
}
