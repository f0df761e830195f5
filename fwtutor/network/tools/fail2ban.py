"""``fail2ban-client``: asks the running fail2ban, and bans and unbans by hand."""

from __future__ import annotations

from fwtutor.network.arguments import read_address, split_words
from fwtutor.network.services.fail2ban import FOLLOWED, Fail2ban
from fwtutor.network.tools.shell import Refused, Shell, Tool

USAGE = "fail2ban-client status [sshd] | set sshd banip|unbanip ADDR... | get sshd maxretry|findtime|bantime | reload"
STATUS = """\
Status for the jail: sshd
|- Filter
|  |- Currently failed: {}
|  |- Total failed:     {}
|  `- File list:        {}
`- Actions
   |- Currently banned: {}
   |- Total banned:     {}
   `- Banned IP list:   {}
"""


def _running(shell: Shell) -> Fail2ban:
    for process in shell.host.processes:
        if isinstance(process, Fail2ban):
            return process
    raise Refused("Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?")


def _client(shell: Shell, rest: str) -> str:
    server = _running(shell)
    words = split_words(rest)
    if len(words) > 1 and words[0] in ("status", "set", "get") and words[1] != "sshd":
        raise Refused(f"Sorry but the jail '{words[1][:40]}' does not exist")
    if words == ["status"]:
        jails = ["sshd"] if server.jail.enabled else []
        return f"Status\n|- Number of jail: {len(jails)}\n`- Jail list:      {', '.join(jails)}\n"
    if words == ["status", "sshd"]:
        status = server.status(shell.upto)
        listed = " ".join(map(str, status.banned))
        return STATUS.format(status.failed_now, status.failed, FOLLOWED, len(status.banned), status.bans, listed)
    if words[:1] == ["get"] and len(words) == 3 and words[2] in ("maxretry", "findtime", "bantime"):
        return f"{getattr(server.jail, words[2])}\n"
    if words == ["reload"]:
        server.ask("reload")
        return "OK\n"
    if words[:1] == ["set"] and words[2:3] in (["banip"], ["unbanip"]) and len(words) > 3:
        banned, ban = server.status(None).banned, words[2] == "banip"
        addresses = [read_address(word) for word in words[3:]]
        for address in addresses:
            server.ask("ban" if ban else "unban", address)
        return f"{len([address for address in addresses if (address not in banned) == ban])}\n"
    raise Refused(f"Invalid command; usage: {USAGE}")


def _only_looks(rest: str) -> bool:
    return rest.split(" ")[0] in ("status", "get")


TOOL = Tool(
    "fail2ban-client", "fail2ban-client status [sshd] | set ...", "who is banned, and by hand", _client,
    ("status", "sshd", "set", "get", "banip", "unbanip", "reload"), root=True, looks_if=_only_looks, more=USAGE,
    configures=lambda rest: rest.strip() == "reload",
)  # fmt: skip
