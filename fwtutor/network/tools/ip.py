"""``ip``: addresses, links and routes, to be looked at."""

from __future__ import annotations

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.routing import LOOPBACK, Route, Routing
from fwtutor.netfilter.scopes import is_link_local
from fwtutor.network.arguments import BadArgument, read_address, split_words
from fwtutor.network.tools.shell import Refused, Shell, Tool

OBJECTS = {"address": "address", "route": "route", "link": "link"}
USAGE = "write ip [-4|-6] addr|route|link, or ip route get ADDR"
MORE = """\
    ip addr: the interfaces and their addresses · ip link: their MTUs · ip route, ip -6 route: the routing table
    ip route get ADDR: how a packet would get there. Nothing can be changed by it here"""


def _ip(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    family = 0
    while words and words[0] in ("-4", "-6"):
        family = int(words.pop(0)[1])
    if not words:
        raise Refused(USAGE)
    # As the real one does: any beginning of a name will do, the first that fits.
    what = next((name for name in OBJECTS if name.startswith(words[0])), None)
    if what is None:
        raise Refused(f'Object "{words[0][:40]}" is unknown, try "help ip".')
    routing = shell.host.firewall.routing
    rest_of = words[1:]
    if rest_of and rest_of[0] in ("show", "list", "ls", "s", "sh"):
        rest_of = rest_of[1:]
    if what == "route":
        return _route(shell, rest_of, family)
    if rest_of[:1] == ["dev"]:
        rest_of = rest_of[1:]
    elif rest_of and rest_of[0] not in routing.addresses:
        if rest_of[0] in ("add", "del", "set", "replace", "flush"):
            raise Refused("fwtutor's ip shows and changes nothing")
        raise Refused(f'Command "{rest_of[0][:40]}" is unknown, try "help ip".')
    names = [name for name in routing.addresses if not rest_of or name == rest_of[0]]
    if not names:
        raise Refused(f'Device "{rest_of[0][:40]}" does not exist.')
    return "\n".join(line for name in names for line in _interface(routing, name, family, what == "address"))


def _interface(routing: Routing, name: str, family: int, addresses: bool) -> list[str]:
    number = list(routing.addresses).index(name) + 1
    loopback = name == LOOPBACK
    flags = "LOOPBACK,UP,LOWER_UP" if loopback else "BROADCAST,MULTICAST,UP,LOWER_UP"
    more = "group default qlen 1000" if addresses else "mode DEFAULT group default qlen 1000"
    lines = [f"{number}: {name}: <{flags}> mtu {routing.mtus[name]} qdisc noqueue state {'UNKNOWN' if loopback else 'UP'} {more}"]
    if not addresses:
        return lines
    for kind, address, length in routing.addresses[name]:
        if family not in (0, kind):
            continue
        text = f"{format_address(kind, address)}/{length}"
        if kind == 4:
            lines.append(f"    inet {text} scope {'host' if loopback else 'global'} {name}")
        else:
            lines.append(f"    inet6 {text} scope {'host' if loopback else 'link' if is_link_local(address) else 'global'}")
        lines.append("       valid_lft forever preferred_lft forever")
    return lines


def _route(shell: Shell, words: list[str], family: int) -> str:
    if words and "get".startswith(words[0]):
        return _get(shell, words[1:])
    if words:
        if words[0] in ("add", "del", "replace", "change", "flush"):
            raise Refused("fwtutor's ip shows and changes nothing")
        raise Refused(f'Command "{words[0][:40]}" is unknown, try "help ip".')
    wanted = family or 4
    routes = [route for route in shell.host.firewall.routing.routes if route.family == wanted and route.interface != LOOPBACK]
    # The default comes first in IPv4's table, and last in IPv6's.
    routes.sort(key=lambda route: ((not route.mask) == (wanted == 6), route.network, route.mask))
    return "\n".join(map(_line, routes))


def _line(route: Route) -> str:
    length = route.mask.bit_count()
    text = f"{format_address(route.family, route.network)}/{length}" if length else "default"
    if route.gateway:
        text += f" via {format_address(route.family, route.gateway)}"
    text += f" dev {route.interface}"
    connected = bool(length) and not route.gateway
    if route.family == 6:
        return f"{text}{' proto kernel' if connected else ''} metric {256 if connected else 1024} pref medium"
    if route.gateway:
        return text
    source = f" src {format_address(4, route.source)}" if connected and route.source else ""
    return f"{text}{' proto kernel' if connected else ''} scope link{source}"


def _get(shell: Shell, words: list[str]) -> str:
    if len(words) != 1:
        raise Refused("need at least a destination address")
    try:
        address = read_address(words[0])
    except BadArgument:
        raise Refused(f'Error: any valid prefix is expected rather than "{words[0][:40]}".') from None
    host = shell.host
    if host.is_local(address):
        return f"local {address} dev lo src {address} uid {shell.user.uid} \n    cache <local> "
    route = host.firewall.route(address.value, address.family)
    source = host.source_for(address)
    if route is None or source is None:
        raise Refused("RTNETLINK answers: Network is unreachable")
    via = f" via {format_address(route.family, route.gateway)}" if route.gateway else ""
    if address.family == 6:
        return f"{address} from ::{via} dev {route.interface} src {source} metric {1024 if via or not route.mask else 256} pref medium"
    return f"{address}{via} dev {route.interface} src {source} uid {shell.user.uid} \n    cache "


TOOL = Tool("ip", "ip addr|route|link", "addresses, routes, MTUs", _ip, ("addr", "route", "link", "-6", "get"), looks=True, more=MORE)
