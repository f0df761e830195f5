"""SSH: banner and key exchange, in the right words and places for a packet inspector, and no more: nothing is encrypted or safe."""

from __future__ import annotations

from struct import pack, unpack_from

from fwtutor.network.services.buffered import Buffered
from fwtutor.network.tcp import Endpoint

SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1\r\n"
KEXINIT, KEX_ECDH_INIT, KEX_ECDH_REPLY, NEWKEYS = 20, 30, 31, 21
"""SSH message numbers."""


def ssh_message(kind: int, body: bytes = b"") -> bytes:
    """An SSH packet as it looks before encryption: length, padding length, message, padding."""
    padding = 4 + (-(len(body) + 10)) % 8
    return pack("!IBB", 2 + len(body) + padding, padding, kind) + body + bytes(padding)


def take_ssh_message(peer: Buffered) -> int | None:
    """Takes one SSH packet, and says which message it was; None until there is a whole one."""
    if len(peer.buffer) < 6:
        return None
    (length,) = unpack_from("!I", peer.buffer)
    if len(peer.buffer) < 4 + length:
        return None
    return peer.take(4 + length)[5]


KEX_BODY = b"\0" * 16 + b"curve25519-sha256,ssh-ed25519,aes128-gcm@openssh.com"
KEX_KEY = b"\0\0\0 " + b"k" * 32


class Sshd(Buffered):
    """Banner, key exchange; then it waits for a password that nobody has."""

    greeted = False

    def opened(self, endpoint: Endpoint) -> None:
        endpoint.send(SSH_BANNER)

    def heard(self, endpoint: Endpoint) -> None:
        if not self.greeted:
            line = self.line()
            if line is None:
                return
            if not line.startswith(b"SSH-2."):
                endpoint.send(b"Invalid SSH identification string.\r\n")
                endpoint.close()
                return
            self.greeted = True
            endpoint.send(ssh_message(KEXINIT, KEX_BODY))
        while (message := take_ssh_message(self)) is not None:
            if message == KEX_ECDH_INIT:
                endpoint.send(ssh_message(KEX_ECDH_REPLY, KEX_KEY) + ssh_message(NEWKEYS))
