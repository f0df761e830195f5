"""Whom a box may hear from: its interfaces, and who is behind each."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from random import Random

from fwtutor.kernel.observation import Setup

FAR = {4: "198.51.100.0/24", 6: "2001:db8:9::/64"}
"""Hosts somewhere behind the default route."""
_GROUPS = {4: ("224.0.0.1", "224.0.0.251", "239.255.255.250"), 6: ("ff02::1", "ff02::fb")}


class Net:
    """The box: its interfaces, and who is behind each."""

    def __init__(self, setup: Setup, family: int) -> None:
        self.family, self.names = family, tuple(setup.interfaces)
        self.own = dict[str, list[int]]()
        self.behind = dict[str, list[tuple[int, int]]]()
        self.broadcasts = [(1 << 32) - 1] if family == 4 else []
        self.groups = [int(ip_address(text)) for text in _GROUPS[family]]
        for name, addresses in setup.interfaces.items():
            mine = [each for text in addresses if (each := ip_interface(text)).version == family]
            self.own[name] = [int(each.ip) for each in mine]
            self.behind[name] = [span(str(each.network)) for each in mine]
            if family == 4:
                self.broadcasts += [int(each.network.broadcast_address) for each in mine]
        for text, way in setup.routes.items():
            name = way if isinstance(way, str) else way[0]
            network = FAR[family] if text in ("default", "::/0") else text
            if ip_network(network).version == family and (text != "::/0" or family == 6) and (text != "default" or family == 4):
                low, high = span(network)
                if ip_network(network).is_multicast:  # not a host's, but a way out for what the box sends
                    self.groups.append(low + 1)
                else:
                    self.behind[name].append((low, high))
        self.local = [address for addresses in self.own.values() for address in addresses]

    def host(self, random: Random, name: str) -> int | None:
        """Somebody behind an interface."""
        if not self.behind.get(name):
            return None
        low, high = random.choice(self.behind[name])
        found = low + random.choice((2, 9, 20, 77, 200, random.randint(2, 250)))
        return found if low < found < high and found not in self.local else low + 3


def span(text: str) -> tuple[int, int]:
    if "-" in text:
        low, _, high = text.partition("-")
        return int(ip_address(low)), int(ip_address(high))
    network = ip_network(text, strict=False)
    return int(network.network_address), int(network.broadcast_address)
