"""What goes to the kernel and what comes back: plain values, nothing of how it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True, frozen=True)
class Setup:
    """A box: what ``Firewall`` takes, and the rules as iptables-save text. It has IPv6 when an address or rules of it are given."""

    interfaces: Mapping[str, tuple[str, ...]]
    rules: str = ""
    routes: Mapping[str, str | tuple[str, str]] = field(default_factory=dict)
    """"CIDR" or "default" (which is IPv4's; IPv6's is "::/0") -> interface, or (interface, gateway)."""
    sysctls: Mapping[str, int] = field(default_factory=dict)
    """By the kernel's names, over ``namespace.SYSCTLS``."""
    mtus: Mapping[str, int] = field(default_factory=dict)
    variant: str = "legacy"
    """Whose rules: "legacy" or "nft"."""
    quiet: tuple[tuple[str, int], ...] = ()
    """("tcp", 1337): ports of the box at which its own stack answers nothing, because what it sends from there is played."""
    rules6: str = ""
    """ip6tables-save text."""
    listens: bool = False
    """Whether somebody listens to what connection tracking tells (``conntrack -E``)."""
    sets: str = ""
    """The sets that rules may name, as ``ipset save`` prints them."""

    @property
    def ipv6(self) -> bool:
        """Whether the box speaks IPv6 at all."""
        return bool(self.rules6) or any(":" in address for addresses in self.interfaces.values() for address in addresses)


class Shot(NamedTuple):
    """One packet to play: from the wire, or (``on`` None) sent by the box itself."""

    raw: bytes
    on: str | None
    at: float = 0.0
    """Seconds after the beginning at which it is played, at the earliest; 0 is "as soon as the one before is done"."""
    mark: int = 0
    """The mark a packet of the box itself starts with."""
    link: str = "host"
    """To whom it was addressed on the link: "host", "broadcast" or "multicast"."""
    mac: str | None = None
    """Its source's address on the link, as "02:00:00:00:00:01"."""


class Order(NamedTuple):
    """A command that changes the rules between two packets."""

    line: str
    """What follows the word iptables: "-I INPUT 1 -j DROP"."""
    at: float = 0.0
    """As in Shot."""
    family: int = 4
    """6: what follows the word ip6tables; ``IPSET`` and ``CONNTRACK`` (of ``xtables.script``): those words."""


Item = Shot | Order
"""What a run on the kernel is made of."""


class Line(NamedTuple):
    """One line of what the kernel logs, with the packet as it was there: of TRACE, of ``watch``'s table, or of an NFLOG rule."""

    table: str
    chain: str
    kind: str
    """"rule", "return" or "policy" when it is of TRACE."""
    number: int
    hook: str
    in_interface: str
    out_interface: str
    packet: bytes

    @property
    def words(self) -> str:
        return f"{self.table}:{self.chain}:{self.kind}:{self.number}"


class Adjustment(NamedTuple):
    """From that sequence number on a side's numbers differ by another offset."""

    position: int
    before: int
    after: int


class KernelEntry(NamedTuple):
    """One conntrack entry as ctnetlink tells it; ``str()`` is the line ``conntrack -L`` prints."""

    protocol: int
    original: str
    """``src=... dst=... sport=... dport=...``, or with ``type= code= id=``, or with ``srckey= dstkey=``."""
    reply: str
    status: int
    seconds: int
    mark: int
    state: str
    """The state of TCP or SCTP as conntrack prints it, "" for other protocols."""
    use: int
    original_counters: tuple[int, int] | None = None
    """(packets, bytes) when nf_conntrack_acct was on at creation."""
    reply_counters: tuple[int, int] | None = None
    zone: int = 0
    """Of both directions; that of one alone is in the next two."""
    original_zone: int = 0
    reply_zone: int = 0
    helper: str = ""
    original_adjustment: Adjustment | None = None
    """What conntrack -L does not print: how the numbers of a side's segments are changed since its text was."""
    reply_adjustment: Adjustment | None = None
    labels: int = 0
    """A bit for each that it has; what conntrack -L does not print either, but when asked."""

    def __str__(self) -> str:
        names = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp", 136: "udplite"}
        words = [f"{names.get(self.protocol, 'unknown'):<8} {self.protocol} {self.seconds}"]
        if self.state:
            words.append(self.state)
        words.append(self.original)
        if self.original_zone:
            words.append(f"zone-orig={self.original_zone}")
        if self.original_counters:
            words.append("packets={} bytes={}".format(*self.original_counters))
        if not self.status & 2:
            words.append("[UNREPLIED]")
        words.append(self.reply)
        if self.reply_zone:
            words.append(f"zone-reply={self.reply_zone}")
        if self.reply_counters:
            words.append("packets={} bytes={}".format(*self.reply_counters))
        if self.status & 4:
            words.append("[ASSURED]")
        words.append(f"mark={self.mark}")
        if self.zone:
            words.append(f"zone={self.zone}")
        if self.helper:
            words.append(f"helper={self.helper}")
        words.append(f"use={self.use}")
        return " ".join(words)


class KernelExpectation(NamedTuple):
    """One expectation as ctnetlink tells it; ``str()`` is the line ``conntrack -L expect`` prints."""

    seconds: int
    protocol: int
    awaited: str
    """``src=... dst=... sport=... dport=...``: the tuple it waits for."""
    mask: str
    """``mask-src=...``: which bits of it must be so."""
    master: str
    """``master-src=...``: the connection it belongs to."""
    flags: int
    klass: int
    """The helper's kind of expectation."""
    helper: str
    zone: int
    """Which conntrack does not print."""

    def __str__(self) -> str:
        flags = ",".join(name for bit, name in ((1, "PERMANENT"), (2, "INACTIVE"), (4, "USERSPACE")) if self.flags & bit)
        words = [f"{self.seconds} proto={self.protocol}", self.awaited, self.mask, self.master, flags, f"class={self.klass}"]
        return " ".join([*(word for word in words if word), *([f"helper={self.helper}"] if self.helper else [])])


ANSWER, BY_ITSELF = -1, -2


@dataclass(slots=True, frozen=True)
class Observed:
    """What the kernel did with one packet: a Shot, an answer of the stack to it (ANSWER), or what a timer had it send (BY_ITSELF)."""

    shot: int
    raw: bytes
    on: str | None
    at: float
    """Seconds of the monotonic clock since the beginning."""
    mark: int
    """That it started with."""
    verdict: str
    """ACCEPT, DROP, REJECT, HELD or DISCARD, as Walk has them."""
    to: str | None
    path: tuple[str, ...]
    """Words of TRACE in the order of the log, with those of netfilter's own answers where they came."""
    states: tuple[tuple[str, str], ...]
    """(hook, ctstate), in order, when the ruleset switches tracking on."""
    out: tuple[tuple[str, bytes], ...]
    entry: KernelEntry | None
    """The table's entry for the packet's tuple, afterwards; not read (None) when ``settled`` is False."""
    settled: bool = True
    """False when the box's own stack answered before the entry could be read: the answer's entry tells."""
    logged: tuple[tuple[str, bytes], ...] = ()
    """What LOG and NFLOG rules logged, of it and of netfilter's own answers to it: (prefix, the packet as it was there).

    Of LOG TRACE tells it: the message itself goes to the kernel log, where only the first network namespace may write. Where iptables-nft's
    rules of the same table changed the packet, that does not say how it looked: b"".
    """
    late: float = 0.0
    """The time when it was done. A tick between ``at`` and this may have come before or after the kernel looked at its clock."""
    link: str = "host"
    """To whom it was addressed on the link, and ``mac``: by whom, as in Shot."""
    mac: str | None = None
    looked: float = 0.0
    """The time when ``entry`` had been read: between ``at`` and this its seconds went on."""
    expectations: tuple[KernelExpectation, ...] | None = None
    """All there were afterwards; not read (None) when no rule gives connections a helper, or ``settled`` is False."""
    begun: tuple[KernelEntry, ...] = ()
    """The entries that it, or an answer to it, began and that were kept, as they were then: some are gone when ``entry`` is read."""


class Ordered(NamedTuple):
    """What the tool said to an Order."""

    before: int
    """The number of the packet in ``Observation.packets`` that came next."""
    at: float
    line: str
    status: int
    """Its exit status."""
    said: str
    family: int = 4


class Heard(NamedTuple):
    """A message of connection tracking."""

    number: int
    """Of the packet in ``Observation.packets`` that was played meanwhile: it, or an answer to it, was the cause."""
    kind: str
    """NEW, UPDATE or DESTROY"""
    line: str
    """As ``conntrack -E`` prints it, without the seconds and what stands before them."""
    seconds: int
    """0 also where none are told."""
    expectation: bool

    @property
    def text(self) -> str:
        """The whole of it, with spaces that are single ones."""
        words = self.line.split()
        if self.expectation:
            words.insert(0, str(self.seconds))
        elif self.seconds or self.kind != "DESTROY":
            words.insert(2, str(self.seconds))
        return " ".join([f"[{self.kind}]", *words])


@dataclass(slots=True, frozen=True)
class Observation:
    """A whole run on the kernel."""

    packets: tuple[Observed, ...]
    """In order, each of the stack's own answers right after the packet it answers."""
    rules: str
    """iptables-save -c afterwards, without comments."""
    conntrack: tuple[KernelEntry, ...]
    """Every entry there is afterwards."""
    ended: float
    """Seconds since the beginning at which ``conntrack`` was read."""
    orders: tuple[Ordered, ...] = ()
    looked: float = 0.0
    """Seconds since the beginning at which it had been read."""
    expectations: tuple[KernelExpectation, ...] = ()
    """Every expectation there is afterwards."""
    rules6: str = ""
    """ip6tables-save -c afterwards, likewise."""
    sets: str = ""
    """ipset save afterwards."""
    heard: tuple[Heard, ...] | None = None
    """What connection tracking told, in order; None: nobody listened."""
    began: int = 0
    """When its beginning was by the clock on the wall: ns since 1970."""
