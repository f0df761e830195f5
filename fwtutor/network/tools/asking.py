"""Programs that ask a server for something: curl, ssh, dig."""

from __future__ import annotations

from fwtutor.network.arguments import read_address, read_place, split_words
from fwtutor.network.clients import Curl, Dig, Ssh
from fwtutor.network.ends import Ends
from fwtutor.network.tools.opening import open_connection
from fwtutor.network.tools.shell import Refused, Shell, Tool


def _curl(shell: Shell, rest: str) -> str:
    words = [word for word in split_words(rest) if word not in ("-s", "-v", "-i")]
    if len(words) != 1:
        raise Refused("write curl [https://]ADDR[:PORT][/PATH]")
    scheme, found, place = words[0].rpartition("://")
    if found and scheme not in ("http", "https"):
        raise Refused(f"(1) Protocol {scheme!r} not supported")
    where, _, path = place.partition("/")
    tls = scheme == "https" or (not found and where.endswith(":443"))
    destination = read_place(where, 443 if tls else 80)
    endpoint = open_connection(shell, destination, Curl(shell.host, where.removesuffix(f":{destination[1]}"), f"/{path}", tls))
    return f"connecting {endpoint.name}"


def _ssh(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if len(words) != 1:
        raise Refused("write ssh ADDR[:PORT]")
    endpoint = open_connection(shell, read_place(words[0].rpartition("@")[2], 22), Ssh(shell.host))
    return f"connecting {endpoint.name}"


def _dig(shell: Shell, rest: str) -> str:
    host = shell.host
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


TOOLS = (
    Tool("curl", "curl [https://]ADDR[:PORT][/PATH]", "gets a page", _curl),
    Tool("ssh", "ssh ADDR[:PORT]", "opens an ssh connection up to the question for a password", _ssh),
    Tool("dig", "dig [@ADDR] NAME [AAAA]", "asks a name server", _dig, ("AAAA",)),
)
