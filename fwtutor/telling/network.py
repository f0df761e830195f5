"""A network in words: which hosts are on which link, and what each of them is. A picture for those who cannot see one, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwtutor.network.topology import HostSpec, LinkSpec, Topology


def links(topology: Topology) -> list[tuple[str, str]]:
    """Each link's name, and who is on it: ``("lan", "firewall 192.168.0.1, alice 192.168.0.20")``."""
    return [(link.name, ", ".join(_end(topology, end) for end in link.joins)) for link in topology.links]


def _end(topology: Topology, end: str) -> str:
    name, _, interface = end.partition(":")
    addresses = [text.partition("/")[0] for text in topology.host(name).interfaces[interface]]
    return " ".join([name, *addresses])


def hosts(topology: Topology) -> list[tuple[str, str]]:
    """Each host's name, and what it is: its title, what it runs, how many lines of rules it begins with."""
    return [(host.name, about(host)) for host in topology.hosts]


def about(host: HostSpec) -> str:
    """What one host is, in a sentence without its end."""
    parts = [host.title] if host.title else []
    if host.services:
        parts.append(f"runs {', '.join(host.services)}")
    rules = sum(line.startswith(("-A ", "-I ", "iptables ", "ip6tables ")) for line in (host.rules + "\n" + host.rules6).split("\n"))
    if rules:
        parts.append(f"{rules} rule{'s' if rules > 1 else ''}")
    loose = sorted(set(host.interfaces))
    if not host.services and not host.title:
        parts.append(f"interfaces {', '.join(loose)}" if loose else "no interface")
    return "; ".join(parts)


def qualities(link: LinkSpec) -> str:
    """What a link does to packets: ``10 ms, loses 5 %``."""
    parts = [f"{link.delay * 1000:g} ms"]
    if link.loss:
        parts.append(f"loses {link.loss * 100:g} %")
    if link.mtu:
        parts.append(f"loses what is longer than {link.mtu} bytes")
    return ", ".join(parts)
