"""What the engine's tests share: a box, two ends that talk through it, and short ways to say a packet."""

from __future__ import annotations

from fwtutor.netfilter import Firewall, Walk
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.craft import flag_bits, tcp

EMPTY = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
"""
"""The head of a ruleset; rules and COMMIT follow."""

TRACK_ALL = f"{EMPTY}-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"

STATEFUL = """*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT
-A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
"""
"""The rules of the origin question."""

SERVER, CLIENT, LAN_HOST = (parse_address(text)[1] for text in ("203.0.113.1", "203.0.113.9", "192.168.0.20"))


def address(text: str) -> int:
    return parse_address(text)[1]


def box(rules: str = TRACK_ALL, **sysctls: int) -> Firewall:
    """The server of the origin question, with rules."""
    firewall = Firewall(
        interfaces={"wan": ["203.0.113.1/24"], "lan": ["192.168.0.1/16"]},
        routes={"default": "wan"},
        sysctls={name.replace("__", "."): value for name, value in sysctls.items()},
    )
    firewall.restore(rules)
    return firewall


def loose(value: int) -> dict[str, int]:
    return {"net__netfilter__nf_conntrack_tcp_loose": value}


class Talk:
    """Two ends of a TCP connection to the box, 4000 to 1337, a second between packets. Numbers follow by themselves."""

    def __init__(self, firewall: Firewall, window: int = 64240) -> None:
        self.firewall = firewall
        self.window = window
        self.next = [1000, 5000]
        """The next sequence number of the client and of the server."""
        self.at = 0.0

    def say(self, side: int, flags: str, data: bytes = b"", **fields: int) -> Walk:
        """A segment of ``side`` (0 the client, 1 the server), as ``flags`` letters; ``seq``, ``ack``, ``window`` as given or next."""
        seq = fields.get("seq", self.next[side])
        ack = fields.get("ack", self.next[1 - side] if "A" in flags else 0)
        ports = (4000, 1337) if side == 0 else (1337, 4000)
        ends = (CLIENT, SERVER) if side == 0 else (SERVER, CLIENT)
        raw = tcp(*ends, *ports, flag_bits(flags), seq, ack, fields.get("window", self.window), data)
        if "seq" not in fields:
            self.next[side] = seq + len(data) + ("S" in flags) + ("F" in flags)
        self.at += 1.0
        return self.firewall.receive(raw, on="wan", at=self.at) if side == 0 else self.firewall.send(raw, at=self.at)

    def open(self) -> None:
        for side, flags in ((0, "S"), (1, "SA"), (0, "A")):
            self.say(side, flags)

    @property
    def state(self) -> str:
        """The tracker's state of the connection, "" when there is no entry."""
        entries = list(self.firewall.state.entries.values())
        assert len(entries) <= 1
        return entries[0].state if entries else ""


def ctstate(walk: Walk) -> str:
    """What the rules saw, at the last hook."""
    return walk.states[-1][1]
