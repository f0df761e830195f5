"""/etc/ssh/sshd_config: what of it is obeyed here, and which keywords there are besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fwtutor.network.ends import Address
from fwtutor.network.ssh.patterns import matches_host_list, matches_pattern

PATH = "/etc/ssh/sshd_config"
_IGNORED = (
    "acceptenv addressfamily allowagentforwarding allowgroups allowstreamlocalforwarding allowtcpforwarding authenticationmethods "
    "authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile authorizedprincipalscommand authorizedprincipalscommanduser "
    "authorizedprincipalsfile banner casignaturealgorithms challengeresponseauthentication channeltimeout chrootdirectory ciphers "
    "compression denygroups disableforwarding exposeauthinfo fingerprinthash forcecommand "
    "gatewayports gssapiauthentication gssapicleanupcredentials gssapistrictacceptorcheck hostbasedacceptedalgorithms "
    "hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostkey hostkeyagent hostkeyalgorithms ignorerhosts "
    "ignoreuserknownhosts include ipqos kbdinteractiveauthentication kerberosauthentication kerberosgetafstoken kerberosorlocalpasswd "
    "kerberosticketcleanup kexalgorithms listenaddress loglevel logverbose macs maxsessions modulifile permitlisten permitopen "
    "permittty permittunnel permituserenvironment permituserrc persourcemaxstartups persourcenetblocksize pidfile port printlastlog "
    "printmotd pubkeyacceptedalgorithms pubkeyauthoptions rekeylimit requiredrsasize revokedkeys securitykeyprovider setenv "
    "streamlocalbindmask streamlocalbindunlink strictmodes subsystem syslogfacility trustedusercakeys "
    "unusedconnectiontimeout usedns usepam versionaddendum x11displayoffset x11forwarding x11uselocalhost xauthlocation "
    "permitemptypasswords"
)
KNOWN = frozenset(_IGNORED.split())
"""Keywords sshd knows that mean nothing here."""
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
ROOT_WORDS = {"yes": "yes", "no": "no", "prohibit-password": "prohibit-password", "without-password": "prohibit-password"}


@dataclass(slots=True, frozen=True)
class SshdConfig:
    """What sshd obeys, with its defaults."""

    permit_root: str = "prohibit-password"
    """yes, no or prohibit-password."""
    passwords: bool = True
    keys: bool = True
    tries: int = 6
    grace: int = 120
    """Seconds to log in; 0: for ever."""
    startups: tuple[int, int, int] = (10, 30, 100)
    """From so many connections without a login on, so many per cent of new ones are dropped, rising to all at so many."""
    alive_interval: int = 0
    """Seconds of silence after which the client is asked for a sign of life; 0: it is not."""
    alive_most: int = 3
    """How many of these may be without an answer; 0: all."""
    keepalive: bool = True
    """TCP's own, of two hours."""
    allow_users: tuple[str, ...] = ()
    deny_users: tuple[str, ...] = ()

    def methods(self) -> str:
        """The ways in, as a client is told them."""
        return ",".join(name for name, there in (("publickey", self.keys), ("password", self.passwords)) if there)

    def keeps_out(self, user: str, address: Address, name: str) -> str:
        """Why a user may not come in from there, in sshd's words; "": he may."""
        if any(_means(pattern, user, address, name) for pattern in self.deny_users):
            return "listed in DenyUsers"
        if self.allow_users and not any(_means(pattern, user, address, name) for pattern in self.allow_users):
            return "not listed in AllowUsers"
        return ""


def _means(pattern: str, user: str, address: Address, name: str) -> bool:
    whom, at, where = pattern.rpartition("@")
    return matches_pattern(user, whom) and matches_host_list(where, address, name) if at else matches_pattern(user, pattern)


def read_config(text: str) -> SshdConfig:
    """What a file says; of a keyword that stands twice the first counts. Raises ValueError with the line, in sshd's words."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace("=", " ", 1).split()
        if not words:
            continue
        keyword = words[0].lower()
        values = [word.strip('"') for word in words[1:]]
        try:
            if keyword == "match":
                raise ValueError("Match blocks are not simulated")
            if keyword in ("allowusers", "denyusers"):
                field = "allow_users" if keyword == "allowusers" else "deny_users"
                found[field] = (*found.get(field, ()), *values)
            elif keyword in _READERS:
                field, read = _READERS[keyword]
                value = read(values[0] if values else "")
                found.setdefault(field, value)
            elif keyword not in KNOWN:
                raise ValueError(f"Bad configuration option: {words[0]}")
            if not values:
                raise ValueError("missing argument.")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return SshdConfig(**found)


def read_yes(text: str) -> bool:
    """yes or no. Raises ValueError."""
    if text.lower() not in ("yes", "no"):
        raise ValueError(f'unsupported option "{text}".')
    return text.lower() == "yes"


def _root(text: str) -> str:
    if text.lower() not in ROOT_WORDS:
        raise ValueError(f'unsupported option "{text}" (there is yes, no, prohibit-password).')
    return ROOT_WORDS[text.lower()]


def read_count(text: str) -> int:
    """A whole number. Raises ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise ValueError("integer value invalid.")
    return int(text)


def _tries(text: str) -> int:
    if not read_count(text):
        raise ValueError("integer value invalid.")
    return int(text)


def _startups(text: str) -> tuple[int, int, int]:
    parts = text.split(":")
    if len(parts) not in (1, 3) or not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):
        raise ValueError("Illegal MaxStartups spec.")
    numbers = [int(part) for part in parts]
    begin, rate, full = numbers if len(numbers) == 3 else (numbers[0], 100, numbers[0])
    if not (0 < begin <= full and 0 < rate <= 100):
        raise ValueError("Illegal MaxStartups spec." if len(numbers) == 3 else "Illegal MaxStartups value.")
    return begin, rate, full


def read_span(text: str) -> int:
    """Seconds: ``90``, ``2m``, ``1h30m``. Raises ValueError."""
    total, digits = 0, ""
    for letter in f"{text.lower()} ":
        if letter.isascii() and letter.isdigit():
            digits += letter
            continue
        unit = letter.strip()
        if not digits and not unit and text:
            break
        if not digits or unit not in UNITS or len(digits) > 9:
            raise ValueError("invalid time value.")
        total, digits = total + int(digits) * UNITS[unit], ""
    return total


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "permitrootlogin": ("permit_root", _root),
    "passwordauthentication": ("passwords", read_yes),
    "pubkeyauthentication": ("keys", read_yes),
    "maxauthtries": ("tries", _tries),
    "logingracetime": ("grace", read_span),
    "maxstartups": ("startups", _startups),
    "clientaliveinterval": ("alive_interval", read_span),
    "clientalivecountmax": ("alive_most", read_count),
    "tcpkeepalive": ("keepalive", read_yes),
}
