"""Keys as their files have them: a type, a text in base64, a comment; and ~/.ssh/authorized_keys, which lets in who has one.

A key here is known by all three: two lines that differ in the comment only are two keys, so that a lesson may write ``AAAA...`` for the
text of all. Whoever has ~/.ssh/id_ed25519.pub (or another ``.pub``) has the private key too.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from fwtutor.network.ends import Address
from fwtutor.network.ssh.patterns import matches_host_list

KINDS = {
    "ssh-ed25519": "ED25519", "ssh-rsa": "RSA", "ecdsa-sha2-nistp256": "ECDSA", "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA", "sk-ssh-ed25519@openssh.com": "ED25519-SK",
}  # fmt: skip
"""What begins a key, and what the log calls it."""
_FLAGS = (
    "agent-forwarding cert-authority no-agent-forwarding no-port-forwarding no-pty no-touch-required no-user-rc no-x11-forwarding "
    "port-forwarding pty restrict user-rc verify-required x11-forwarding"
)
FLAGS = frozenset(_FLAGS.split())
VALUED = frozenset(("command", "environment", "expiry-time", "from", "permitlisten", "permitopen", "principals", "tunnel"))
NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
"""The keys ssh offers when it is told none."""


@dataclass(slots=True, frozen=True)
class Key:
    """A public key."""

    kind: str
    text: str
    comment: str = ""

    @property
    def blob(self) -> bytes:
        """What goes over the network for it."""
        return f"{self.kind} {self.text} {self.comment}".encode()

    @property
    def fingerprint(self) -> str:
        """``ED25519 SHA256:...``, as the log has it."""
        return f"{KINDS[self.kind]} SHA256:{b64encode(sha256(self.blob).digest()).decode().rstrip('=')}"


@dataclass(slots=True, frozen=True)
class Authorized:
    """A line of authorized_keys."""

    line: int
    key: Key
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """Its value ("" for a flag); None: it is not there."""
        return next((value for option, value in self.options if option == name), None)

    @property
    def pty(self) -> bool:
        """A terminal may be had."""
        names = [name for name, _ in self.options]
        return "pty" in names or ("restrict" not in names and "no-pty" not in names)

    def lets_in(self, address: Address, name: str) -> bool:
        """What ``from=`` says of a client."""
        wanted = self.option("from")
        return wanted is None or matches_host_list(wanted, address, name)


def home_of(user: str) -> str:
    """A user's home."""
    return "/root" if user == "root" else f"/home/{user}"


def read_key(text: str) -> Key | None:
    """A key from its ``.pub``; None: it is none."""
    words = text.split(None, 2)
    return Key(words[0], words[1], words[2].strip() if len(words) > 2 else "") if len(words) > 1 and words[0] in KINDS else None


def own_keys(read: Callable[[str], str | None], user: str, path: str = "") -> list[Key]:
    """The keys somebody has: of one file (``ssh -i``), or those in ~/.ssh. ``read`` reads a file."""
    paths = [path.removesuffix(".pub").replace("~", home_of(user))] if path else [f"{home_of(user)}/.ssh/{name}" for name in NAMES]
    found = [read_key(read(f"{each}.pub") or read(each) or "") for each in paths]
    return [key for key in found if key is not None]


def read_authorized_keys(text: str, strict: bool = False) -> list[Authorized]:
    """The lines that can be read; ``strict``: raises ValueError for one that cannot."""
    found: list[Authorized] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            options, rest = ("", line) if line.split()[0] in KINDS else _split_options(line)
            key = read_key(rest)
            if key is None:
                raise ValueError(f"there is no key (one begins with {', '.join(list(KINDS)[:3])} ...)")
            found.append(Authorized(number, key, _read_options(options)))
        except ValueError as error:
            if strict:
                raise ValueError(f"line {number}: {error}") from None
    return found


def _split_options(line: str) -> tuple[str, str]:
    quoted, escaped = False, False
    for at, letter in enumerate(line):
        if letter == '"' and not escaped:
            quoted = not quoted
        elif letter.isspace() and not quoted:
            return line[:at], line[at:]
        escaped = letter == "\\"
    raise ValueError("a quotation mark is not closed" if quoted else "there is no key")


def _read_options(text: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    while text:
        ends = [at for at in (text.find(","), text.find("=")) if at >= 0]
        end = min(ends, default=len(text))
        name, text = text[:end].lower(), text[end:]
        value = ""
        if text.startswith("="):
            at = 2
            while text[at : at + 1] not in ('"', ""):
                at += 2 if text[at] == "\\" else 1
            if text[1:2] != '"' or text[at : at + 1] != '"':
                raise ValueError(f"the value of {name} is not in quotation marks")
            value, text = text[2:at].replace('\\"', '"'), text[at + 1 :]
            if name not in VALUED:
                raise ValueError(f"unknown key option {name!r}")
        elif name not in FLAGS:
            raise ValueError(f"unknown key option {name!r}")
        if text and not text.startswith(","):
            raise ValueError(f"what is {text[:20]!r} behind {name}?")
        text = text[1:]
        found.append((name, value))
    return tuple(found)
