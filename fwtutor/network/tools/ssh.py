"""``ssh``: opens a connection up to the question for a password. Having got the server's keys it has reached it."""

from __future__ import annotations

from fwtutor.network.arguments import read_place, split_words
from fwtutor.network.services.buffered import Buffered
from fwtutor.network.services.ssh import KEX_BODY, KEX_ECDH_INIT, KEX_ECDH_REPLY, KEX_KEY, KEXINIT, NEWKEYS, ssh_message, take_ssh_message
from fwtutor.network.surroundings import Surroundings
from fwtutor.network.tcp import Endpoint
from fwtutor.network.tools.opening import open_connection
from fwtutor.network.tools.shell import Refused, Shell, Tool
from fwtutor.network.words import shown


class Ssh(Buffered):
    """``ssh``: banner and key exchange. Having got the server's keys it has reached it."""

    name = "ssh"

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self._around = around
        self._banner = b""
        self._reached = False

    def opened(self, endpoint: Endpoint) -> None:
        self._around.say(f"ssh: connected to {endpoint.peer} from port {endpoint.ends.port}")
        endpoint.send(b"SSH-2.0-OpenSSH_9.2\r\n")

    def heard(self, endpoint: Endpoint) -> None:
        if not self._banner:
            line = self.line()
            if line is None:
                return
            self._banner = line
            self._around.say(f"ssh: {endpoint.peer} is {shown(line)}")
            endpoint.send(ssh_message(KEXINIT, KEX_BODY))
        while (message := take_ssh_message(self)) is not None:
            if message == KEXINIT:
                endpoint.send(ssh_message(KEX_ECDH_INIT, KEX_KEY))
            elif message == KEX_ECDH_REPLY:
                endpoint.send(ssh_message(NEWKEYS))
            elif message == NEWKEYS:
                self._reached = True
                self._around.say(f"ssh: reached {endpoint.peer}: keys exchanged, it asks for a password")

    def gone(self, endpoint: Endpoint, why: str) -> None:
        address, port = endpoint.ends.peer, endpoint.ends.peer_port
        if why and not self._banner:
            self._around.say(f"ssh: connect to host {address} port {port}: {why}")
        else:
            self._around.say(f"ssh: connection to {address} {'lost: ' + why if why else 'closed'}")


def _ssh(shell: Shell, rest: str) -> str:
    words = split_words(rest)
    if len(words) != 1:
        raise Refused("write ssh ADDR[:PORT]")
    endpoint = open_connection(shell, read_place(words[0].rpartition("@")[2], 22), Ssh(shell.host))
    return f"connecting {endpoint.name}"


TOOL = Tool("ssh", "ssh ADDR[:PORT]", "opens an ssh connection up to the question for a password", _ssh)
