"""The prompt of a host: what can be typed there, and what it answers. Errors are answers that name what is wrong.

A line that cannot be carried out changes nothing and makes a refused CommandRun, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.command import Command, parse
from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.options import ConntrackRefused
from fwtutor.netfilter.ipset.errors import NotInSet, SetRefused
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.network.application import Application
from fwtutor.network.arguments import BadArgument, read_address, read_number, read_place, read_port, split_words
from fwtutor.network.clients import Curl, Dig, Ssh, Talk
from fwtutor.network.crafting import craft_packet
from fwtutor.network.ends import Address, Ends, destination_of
from fwtutor.network.listening import what_happened
from fwtutor.network.tcp import CLOSED, TIME_WAIT, Endpoint

if TYPE_CHECKING:
    from fwtutor.network.host import Host

MAX_LINE = 4096
MAX_SLEEP = 10_000_000
MAX_UPLOAD = 1_000_000


class Refused(Exception):
    """The command cannot be carried out; its text says why."""


HELP = """\
send tcp ADDR:PORT > ADDR:PORT FLAGS [seq=N] [ack=N] [win=N] [ttl=N] [data="..."]
                              a single packet, FLAGS as SYN or SYN+ACK or none; what comes back is shown
send udp ADDR:PORT > ADDR:PORT [data="..."]      send icmp ADDR > ADDR echo|TYPE/CODE [id=N] [data="..."]
send icmp ADDR > ADDR 3/4 about tcp ADDR:PORT > ADDR:PORT [mtu=N]      a router's error, quoting such a packet
connect ADDR:PORT [from PORT] a TCP connection          say "TEXT" [to PORT]   over it
upload BYTES [to PORT]        that many of them, over it
close [PORT]   end it with a FIN                        reset [PORT]           or with a RST
curl [https://]ADDR[:PORT]    ssh ADDR[:PORT]           dig [@ADDR] NAME [AAAA]
iptables ...   iptables-save [-c]   ip6tables ...   ip6tables-save [-c]   conntrack ...
ipset ...   dmesg   sysctl KEY[=VALUE]   sleep SECONDS   help"""


def run(host: Host, line: str) -> tuple[str, bool]:
    """Carries out a line at a host's prompt: (output, refused)."""
    if len(line) > MAX_LINE:
        return f"a line may have {MAX_LINE} characters, this one has {len(line)}", True
    text = line.strip()
    if text.startswith("sudo "):
        text = text[5:].lstrip()
    if not text or text.startswith("#"):
        return "", False
    name, _, rest = text.partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        return not_found(name), True
    try:
        return command(host, rest.strip()), False
    except (BadArgument, Refused) as error:
        return f"{name}: {error}", True
    except RuleRefused as error:
        return refusal(error), True
    except SetRefused as error:
        return set_refusal(error), True


def set_refusal(error: SetRefused) -> str:
    """ipset's own words, and a hint if there is one; of an answer that is no, the answer."""
    said = str(error) if isinstance(error, NotInSet) else f"ipset: {error}"
    return "" if error.silent else f"{said}\n{error.hint}".rstrip("\n")


def not_found(name: str) -> str:
    """What is said of a command that does not exist."""
    return f"{name[:40]}: command not found; there is {', '.join(sorted(COMMANDS))}"


def refusal(error: RuleRefused) -> str:
    """iptables' own words, a caret under the place if there is one, and fwtutor's hint."""
    said = [str(error).rstrip("\n"), error.caret() if error.end > error.start else "", error.hint]
    return "\n".join(filter(None, said))


# --- the firewall's tools ----------------------------------------------------------------------------------


def _iptables(host: Host, rest: str) -> str:
    return host.firewall.iptables(rest)


def _iptables_save(host: Host, rest: str) -> str:
    return host.firewall.save(counters=save_with_counters(rest))


def save_with_counters(rest: str) -> bool:
    """Whether ``iptables-save REST`` wants counters. Raises Refused for an option that is not known."""
    if rest not in ("", "-c", "--counters"):
        raise Refused(f"unknown option {rest!r}; it takes -c, or nothing")
    return bool(rest)


def _ip6tables(host: Host, rest: str) -> str:
    return host.firewall.iptables(rest, family=6)


def _ip6tables_save(host: Host, rest: str) -> str:
    return host.firewall.save(family=6, counters=save_with_counters(rest))


def family_of(line: str) -> int:
    """Whose rules a line is about: 6 for ip6tables' commands, else 4."""
    return 6 if line.strip().removeprefix("sudo ").lstrip().startswith("ip6tables") else 4


def _ipset(host: Host, rest: str) -> str:
    return host.firewall.ipset(rest, at=host.now / SECOND)


def _conntrack(host: Host, rest: str) -> str:
    command = read_conntrack(rest)
    if command.listens:
        return what_happened(host.records, command)
    return host.firewall.run_conntrack(split_words(rest), at=host.now / SECOND)


def read_conntrack(rest: str) -> Command:
    """What ``conntrack REST`` asks for. Raises Refused."""
    try:
        return parse(split_words(rest))
    except ConntrackRefused as error:
        raise Refused(str(error)) from None


def _dmesg(host: Host, rest: str) -> str:
    check_dmesg(rest)
    return "".join(f"{line}\n" for line in host.log)


def check_dmesg(rest: str) -> None:
    """Raises Refused unless ``dmesg REST`` is dmesg alone."""
    if rest:
        raise Refused(f"unknown option {rest!r}; it takes none, and prints what LOG rules wrote")


def _sysctl(host: Host, rest: str) -> str:
    words = split_words(rest)
    if words[:1] in (["-w"], ["-n"]):
        words = words[1:]
    if len(words) != 1:
        raise Refused("write KEY or KEY=VALUE")
    key, given, value = words[0].partition("=")
    sysctls = host.firewall.sysctls
    name = key.strip().replace("/", ".")
    if name not in sysctls:
        raise Refused(f"cannot stat /proc/sys/{name.replace('.', '/')}: No such file or directory")
    if given:
        try:
            host.firewall.set_sysctl(name, int(value) if len(value) < 12 else -1)
        except ValueError:
            raise Refused(f'setting key "{name}": Invalid argument ({value!r} is no whole number from 0 to 2147483647)') from None
    return f"{name} = {sysctls[name]}"


# --- packets and connections ---------------------------------------------------------------------------------


def _send(host: Host, rest: str) -> str:
    raw, tell = craft_packet(rest, host.draw("raw", host.lines), lambda ends: _own_numbers(host, ends), host.last_on_the_wire)
    packet = Packet(raw)
    if host.route_to(destination_of(packet)) is None:
        raise Refused("Network is unreachable")
    host.stack.send_raw(packet)
    return tell


def _own_numbers(host: Host, ends: Ends) -> tuple[int, int] | None:
    endpoint = host.stack.endpoints.get(ends)
    return endpoint.numbers if endpoint is not None else None


def _open(host: Host, destination: tuple[Address, int], application: Application, port: int | None = None) -> Endpoint:
    source = host.source_for(destination[0])
    if source is None:
        raise Refused(f"connect to {destination[0]}: Network is unreachable")
    try:
        if port is None:
            port = host.stack.free_port("tcp", *destination)
        return host.stack.connect(Ends(source, port, *destination), application)
    except OSError as error:
        raise Refused(error) from None


def _connect(host: Host, rest: str) -> str:
    words = split_words(rest)
    port = None
    if len(words) == 3 and words[1] == "from":
        port = read_port(words[2])
    elif len(words) != 1:
        raise Refused("write connect ADDR:PORT [from PORT]")
    endpoint = _open(host, read_place(words[0]), Talk(host), port)
    return f"connecting {endpoint.name}"


def _pick(host: Host, port: str | None) -> Endpoint:
    """The connection meant: the youngest open one, or the youngest with that port at either end."""
    alive = [endpoint for endpoint in host.stack.endpoints.values() if endpoint.state not in (CLOSED, TIME_WAIT)]
    if port is None:
        mine = [endpoint for endpoint in alive if endpoint.opened_actively]
        if mine or alive:
            return (mine or alive)[-1]
        raise Refused("there is no open connection")
    number = read_port(port)
    for endpoint in reversed(alive):
        if number in (endpoint.ends.port, endpoint.ends.peer_port):
            return endpoint
    raise Refused(f"no open connection has port {number} at either end")


def _say(host: Host, rest: str) -> str:
    words = split_words(rest)
    port = None
    if len(words) == 3 and words[1] == "to":
        port = words[2]
    elif len(words) != 1:
        raise Refused('write say "TEXT" [to PORT]')
    endpoint = _pick(host, port)
    data = words[0].encode("utf-8", "replace") + b"\n"
    if not endpoint.send(data):
        raise Refused("Broken pipe (this side is closed already)")
    return f"{len(data)} bytes to {endpoint.peer}"


def _upload(host: Host, rest: str) -> str:
    words = split_words(rest)
    port = words[2] if len(words) == 3 and words[1] == "to" else None
    if len(words) != 1 and port is None:
        raise Refused("write upload BYTES [to PORT]")
    length = read_number(words[0], MAX_UPLOAD, "length")
    endpoint = _pick(host, port)
    if not endpoint.send(b"#" * length):
        raise Refused("Broken pipe (this side is closed already)")
    return f"{length} bytes to {endpoint.peer}"


def _close(host: Host, rest: str) -> str:
    endpoint = _pick(host, rest or None)
    endpoint.close()
    return f"closing {endpoint.name}"


def _reset(host: Host, rest: str) -> str:
    endpoint = _pick(host, rest or None)
    endpoint.abort()
    return f"reset {endpoint.name}"


def _curl(host: Host, rest: str) -> str:
    words = [word for word in split_words(rest) if word not in ("-s", "-v", "-i")]
    if len(words) != 1:
        raise Refused("write curl [https://]ADDR[:PORT][/PATH]")
    scheme, found, place = words[0].rpartition("://")
    if found and scheme not in ("http", "https"):
        raise Refused(f"(1) Protocol {scheme!r} not supported")
    where, _, path = place.partition("/")
    tls = scheme == "https" or (not found and where.endswith(":443"))
    destination = read_place(where, 443 if tls else 80)
    endpoint = _open(host, destination, Curl(host, where.removesuffix(f":{destination[1]}"), f"/{path}", tls))
    return f"connecting {endpoint.name}"


def _ssh(host: Host, rest: str) -> str:
    words = split_words(rest)
    if len(words) != 1:
        raise Refused("write ssh ADDR[:PORT]")
    endpoint = _open(host, read_place(words[0].rpartition("@")[2], 22), Ssh(host))
    return f"connecting {endpoint.name}"


def _dig(host: Host, rest: str) -> str:
    words = split_words(rest)
    servers = [word[1:] for word in words if word.startswith("@")]
    names = [word for word in words if not word.startswith("@") and word.upper() not in ("A", "AAAA")]
    family = 6 if any(word.upper() == "AAAA" for word in words) else 4
    if len(names) != 1 or len(servers) > 1:
        raise Refused("write dig [@ADDR] NAME [AAAA]")
    if servers:
        server = read_address(servers[0])
    elif host.resolver is not None:
        server = host.resolver
    else:
        raise Refused("there is no name server here; write dig @ADDR NAME")
    source = host.source_for(server)
    if source is None:
        raise Refused(f"{server}#53: Network is unreachable")
    try:
        ends = Ends(source, host.stack.free_port("udp", server), server, 53)
        Dig(host, names[0], ends, family).ask(host.stack)
    except OSError as error:
        raise Refused(error) from None
    return f"asking {server} for {names[0]}"


def _sleep(host: Host, rest: str) -> str:
    try:
        seconds = float(rest)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_SLEEP:
        raise Refused(f"invalid time interval {rest!r}")
    host.arm(round(seconds * SECOND), lambda: f"sleep {rest} is over")
    return ""


def _help(host: Host, rest: str) -> str:
    return HELP


COMMANDS: dict[str, Callable[[Host, str], str]] = {
    "close": _close,
    "connect": _connect,
    "conntrack": _conntrack,
    "curl": _curl,
    "dig": _dig,
    "dmesg": _dmesg,
    "help": _help,
    "ip6tables": _ip6tables,
    "ip6tables-save": _ip6tables_save,
    "ipset": _ipset,
    "iptables": _iptables,
    "iptables-save": _iptables_save,
    "reset": _reset,
    "say": _say,
    "send": _send,
    "sleep": _sleep,
    "ssh": _ssh,
    "sysctl": _sysctl,
    "upload": _upload,
}
