"""Random rules that give connections helpers, with zones and NAT at times: for the dialogues of ``random_ftp``."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from fwtutor.kernel.pools import FAR, NEAR, WAN_BOX

SHARE = 0.2
"""Of the cases in which no time passes, the share in which connections have helpers."""
FTP, TRAP, TFTP, IRC = 21, 1337, 69, 6667
DATA = (1025, 1026, 1280, 22, 65535, 256, 40000)
"""Ports at which data connections are expected."""


def helped_rules(random: Random, shown: Outside | None) -> str:
    """Rules that give connections helpers."""
    # What NAT takes for taken where a zone is for one direction only is not what is asked here.
    one_way = (" --zone-orig 3", " --zone-reply 3") if shown is None else ()
    zone = random.choice(("", "", "", "", " --zone 3", *one_way))
    events = random.choice(("", "", "", " --ctevents new,destroy"))
    ports = [(FTP, "tcp", "ftp"), (TRAP, "tcp", "ftp"), (IRC, "tcp", "irc"), (TFTP, "udp", "tftp")]
    lines = ["*raw"]
    if random.random() < 0.1:
        lines.append(f"-A PREROUTING -p tcp -m tcp --dport {random.choice(DATA)} -j {random.choice(('CT --notrack', 'NOTRACK'))}")
    for port, protocol, helper in ports:
        if random.random() < 0.92:
            for chain in ("PREROUTING", "OUTPUT"):
                lines.append(f"-A {chain} -p {protocol} -m {protocol} --dport {port} -j CT --helper {helper}{events}{zone}")
    if zone and random.random() < 0.7:
        # What comes back is looked for in the zone, too.
        back = zone if random.random() < 0.6 else " --zone 3"
        lines += [f"-A {chain} -j CT{back}" for chain in ("PREROUTING", "OUTPUT")]
    if random.random() < 0.1:
        lines.append(f"-A PREROUTING -m conntrack --ctstate {random.choice(('NEW', 'INVALID', 'UNTRACKED', 'ESTABLISHED'))}")
    lines.append("COMMIT")
    if random.random() < 0.2:
        marks = ["-j CONNMARK --set-xmark 0x5/0xff", "-m connmark --mark 0x5"]
        lines += ["*mangle", *(f"-A FORWARD {rest}" for rest in marks), "COMMIT"]
    if shown is not None:
        lines += _nat(random, shown)
    lines += ["*filter", f":INPUT {random.choice(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    names = ("ftp", "irc", "tftp", '""', "ftp-2121", "ft")
    for chain in ("INPUT", "FORWARD", "OUTPUT"):
        for _ in range(random.randint(0, 2)):
            negated = random.choice(("", "", "! "))
            lines.append(f"-A {chain} -m helper {negated}--helper {random.choice(names)}{random.choice(('', '', ' -j ACCEPT'))}")
        if random.random() < 0.5:
            status = random.choice(("EXPECTED", "SEEN_REPLY", "ASSURED"))
            lines.append(f"-A {chain} -m conntrack --ctstatus {status}")
        if random.random() < 0.5:
            lines.append(f"-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        if random.random() < 0.2:
            verdict = random.choice(("DROP", "REJECT --reject-with icmp-port-unreachable"))
            lines.append(f"-A {chain} -m conntrack --ctstate {random.choice(('NEW', 'RELATED', 'INVALID'))} -j {verdict}")
    lines.append("-A FORWARD -m conntrack --ctstate RELATED")
    return "\n".join([*lines, "COMMIT", ""])


class Outside(NamedTuple):
    """What translation shows of the hosts of the lan: one address for all that leaves, and who is behind the box's own."""

    source: str = ""
    server: str = ""


def outside(random: Random) -> Outside:
    """How a case is translated."""
    source = random.choice((WAN_BOX, "203.0.113.200", "203.0.113.10", "203.0.113.2", ""))
    return Outside(source, random.choice((NEAR[0], "")) if source else NEAR[0])


def _nat(random: Random, shown: Outside) -> list[str]:
    lines = ["*nat"]
    if shown.server:
        lines.append(f"-A PREROUTING -i wan -d {WAN_BOX}/32 -p tcp -j DNAT --to-destination {shown.server}")
    if random.random() < 0.2:
        lines.append(f"-A PREROUTING -i lan -p tcp -m tcp --dport {FTP} -j DNAT --to-destination {FAR[0]}")
    if shown.source:
        masquerade = shown.source == WAN_BOX and random.random() < 0.5
        lines.append(f"-A POSTROUTING -o wan -j {'MASQUERADE' if masquerade else f'SNAT --to-source {shown.source}'}")
    return [*lines, "COMMIT"]
