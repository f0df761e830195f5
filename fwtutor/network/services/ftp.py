"""ftp: a server that answers as vsftpd does, obeys /etc/vsftpd.conf (read anew for each visitor) and logs to /var/log/vsftpd.log.

Who comes in, and what he may ask for besides files. Transfers are ``ftp_transfers``', the connections for them ``ftp_data``'s, the
files ``ftp.tree``'s. PAM is left out, and what changes directories: it always fails.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.network.ftp import config
from fwtutor.network.ftp.channel import Channel
from fwtutor.network.ftp.tree import Tree
from fwtutor.network.ftp.wire import ANONYMOUS
from fwtutor.network.process import Process, Program, Wait
from fwtutor.network.services.ftp_transfers import DENIED, Log, Transfers
from fwtutor.network.sockets import Connection, Serving
from fwtutor.network.ssh.keys import home_of
from fwtutor.network.surroundings import User
from fwtutor.network.words import shown

if TYPE_CHECKING:
    from fwtutor.network.host import Host

LOGIN_FIRST = "530 Please login with USER and PASS."
UNKNOWN = "500 Unknown command."
FEATURES = ("EPRT", "EPSV", "MDTM", "PASV", "REST STREAM", "SIZE", "TVFS")
HELP = (
    "214-The following commands are recognized.",
    " ABOR ACCT ALLO APPE CDUP CWD  DELE EPRT EPSV FEAT HELP LIST MDTM MKD",
    " MODE NLST NOOP OPTS PASS PASV PORT PWD  QUIT REIN REST RETR RMD  RNFR",
    " RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD",
    " XPWD XRMD",
    "214 Help OK.",
)
ANSWERS = {
    "SYST": "215 UNIX Type: L8",
    "NOOP": "200 NOOP ok.",
    "ALLO": "202 ALLO command ignored.",
    "ABOR": "225 No transfer to ABOR.",
    "REIN": "502 REIN not implemented.",
    "ACCT": "502 ACCT not implemented.",
    "SMNT": "502 SMNT not implemented.",
    "RNTO": "503 RNFR required first.",
    "SITE": "500 Unknown SITE command.",
}
"""What is always answered alike."""
CHANGES = {
    "DELE": "550 Delete operation failed.",
    "RMD": "550 Remove directory operation failed.",
    "XRMD": "550 Remove directory operation failed.",
    "MKD": "550 Create directory operation failed.",
    "XMKD": "550 Create directory operation failed.",
    "RNFR": "550 RNFR command failed.",
}
"""What would change the tree: here it fails for everybody."""


class Ftpd:
    """The server of a host; ``serve`` makes what serves a connection."""

    def __init__(self, host: Host, user: User) -> None:
        self._host, self._user = host, user
        self._config = config.FtpConfig()
        if host.files.read(config.PATH) is None:
            host.files.write(config.PATH, config.DEFAULT, -1)

    def serve(self) -> Serving:
        """A process for a connection."""
        return Serving(self._host, "vsftpd", self._visit, self._user)

    @property
    def config(self) -> config.FtpConfig:
        """As the file has it now; one that cannot be read changes nothing."""
        with suppress(ValueError):
            self._config = config.read_config(self._host.files.read(config.PATH) or "")
        return self._config

    def _visit(self, process: Process, connection: Connection) -> Program:
        yield from Visit(process, connection, self.config).run()


class Visit(Transfers):
    """A control connection, from the greeting to its end."""

    def __init__(self, process: Process, connection: Connection, obeyed: config.FtpConfig) -> None:
        log = Log(process, connection.ends.peer, obeyed.xferlog_enable)
        super().__init__(process, Channel(connection), obeyed, log)
        self._named: str | None = None
        """Whom USER has named, before PASS."""
        self._inside = self._over = False
        self._failures = 0
        self._before_login: dict[str, Callable[[str], Program | None]] = {
            "USER": self._user, "PASS": self._pass, "QUIT": self._quit, "FEAT": self._feat, "OPTS": self._opts,
        }  # fmt: skip
        if obeyed.ssl_enable:
            self._before_login |= {"AUTH": self._auth, "PBSZ": self._pbsz, "PROT": self._prot}
        self._after_login: dict[str, Callable[[str], Program | None]] = {
            "PWD": self._pwd, "XPWD": self._pwd, "CWD": self._cwd, "XCWD": self._cwd, "CDUP": self._cdup, "XCUP": self._cdup,
            "TYPE": self._type, "MODE": self._mode, "STRU": self._stru, "PORT": self.port, "EPRT": self.eprt, "PASV": self.pasv,
            "EPSV": self.epsv, "LIST": self.list_long, "NLST": self.list_names, "RETR": self.retrieve, "STOR": self.store,
            "SIZE": self._size, "MDTM": self._mdtm, "REST": self._rest, "HELP": self._help, "STAT": self._stat,
        }  # fmt: skip

    def run(self) -> Program:
        """Answers line by line."""
        self.log.write("CONNECT:", "")
        self.say(f"220 {self.config.ftpd_banner}")
        while not self._over:
            until = self.process.host.now + self.config.idle_session_timeout * SECOND
            line = yield from self.control.line(Wait(until, "vsftpd waited long enough for a command", busy=False))
            if line is None:
                if not self.control.connection.finished and self.control.connection.why is None and not self.control.broken:
                    self.say("421 Timeout.")
                break
            verb, _, argument = shown(line, 4096).partition(" ")
            if verb:
                yield from self._answer(verb.upper(), argument)
        self.control.end()
        self.forget_data()

    def _answer(self, verb: str, argument: str) -> Program:
        handler = self._before_login.get(verb)
        if handler is None and not self._inside:
            self.say(LOGIN_FIRST)
            return
        handler = handler or self._after_login.get(verb)
        if handler is not None:
            program = handler(argument)
            if program is not None:
                yield from program
        elif verb in ("PROT", "PBSZ"):
            self.say(DENIED)
        elif verb in CHANGES:
            self.say(DENIED if self.anonymous or not self.config.write_enable else CHANGES[verb])
        else:
            self.say(ANSWERS.get(verb, UNKNOWN))

    # --- coming in ---------------------------------------------------------------------------------------------

    def _user(self, name: str) -> None:
        anonymous = name.lower() in ANONYMOUS
        obeyed = self.config
        if self._inside:
            if self.anonymous:
                self.say("530 Can't change from guest user.")
            else:
                self.say("331 Any password will do." if name == self.log.user else "530 Can't change to another user.")
        elif obeyed.ssl_enable and anonymous and self.control.secure and not obeyed.allow_anon_ssl:
            self.say("530 Anonymous sessions may not use encryption.")
        elif obeyed.ssl_enable and not anonymous and not self.control.secure and obeyed.force_local_logins_ssl:
            self.say("530 Non-anonymous sessions must use encryption.")
            self._over = True
        else:
            self._named = name
            self.say("331 Please specify the password.")

    def _pass(self, password: str) -> Program | None:
        if self._inside:
            self.say("230 Already logged in.")
        elif self._named is None:
            self.say("503 Login with USER first.")
        else:
            name, self._named = self._named, None
            return self._log_in(name, password)
        return None

    def _log_in(self, name: str, password: str) -> Program:
        host, obeyed = self.process.host, self.config
        anonymous = name.lower() in ANONYMOUS and obeyed.anonymous_enable
        self.log.user = "ftp" if anonymous else name
        if anonymous:
            self.tree = Tree(host, None, obeyed.anon_root, "/")
        elif obeyed.local_enable and name in host.users and name != "root" and password and host.password_of(name) == password:
            home = home_of(name)
            self.anonymous = False
            self.tree = Tree(host, host.users[name], home if obeyed.chroot_local_user else "", "/" if obeyed.chroot_local_user else home)
        else:
            until = host.now + obeyed.delay_failed_login * SECOND
            while host.now < until and (yield Wait(until, "vsftpd has waited after a failed login")):
                pass
            self.log.write("FAIL LOGIN:", "")
            self.say("530 Login incorrect.")
            self._failures += 1
            self._over = self._failures >= obeyed.max_login_fails
            return
        self._inside = True
        self.log.write("OK LOGIN:", f', anon password "{password or "?"}"' if anonymous else "")
        self.say("230 Login successful.")

    def _quit(self, _: str) -> None:
        self.say("221 Goodbye.")
        self._over = True

    # --- what can be asked -------------------------------------------------------------------------------------

    def _feat(self, _: str) -> None:
        tls = ("AUTH TLS", "PBSZ", "PROT") if self.config.ssl_enable else ()
        self.say("211-Features:", *(f" {feature}" for feature in sorted((*FEATURES, *tls))), "211 End")

    def _opts(self, argument: str) -> None:
        self.say("200 Always in UTF8 mode." if argument.upper() == "UTF8 ON" else "501 Option not understood.")

    def _help(self, _: str) -> None:
        self.say(*HELP)

    def _stat(self, name: str) -> None:
        if name:
            entries = self.tree.listing(name, hidden=True)
            self.say("213-Status follows:", *(entry.line() for entry in entries), "213 End of status")
            return
        peer = self.log.client
        how, data = ("be encrypted" if self.control.secure else "plain text"), ("encrypted" if self.private else "plain text")
        self.say(
            "211-FTP server status:", f"     Connected to {peer}", f"     Logged in as {self.log.user}",
            f"     TYPE: {'BINARY' if self.binary else 'ASCII'}", f"     Control connection is {how}",
            f"     Data connections will be {data}", "     vsFTPd 3.0.3 - secure, fast, stable", "211 End of status",
        )  # fmt: skip

    def _pwd(self, _: str) -> None:
        self.say(f'257 "{self.tree.at}" is the current directory')

    def _cwd(self, name: str) -> None:
        self.say("250 Directory successfully changed." if self.tree.enter(name) else "550 Failed to change directory.")

    def _cdup(self, _: str) -> None:
        self._cwd("..")

    def _type(self, argument: str) -> None:
        word = argument.upper()
        if word not in ("A", "A N", "I", "L8", "L 8"):
            self.say("500 Unrecognised TYPE command.")
            return
        self.binary = word[0] != "A"
        self.say(f"200 Switching to {'Binary' if self.binary else 'ASCII'} mode.")

    def _mode(self, argument: str) -> None:
        self.say("200 Mode set to S." if argument.upper() == "S" else "504 Bad MODE command.")

    def _stru(self, argument: str) -> None:
        self.say("200 Structure set to F." if argument.upper() == "F" else "504 Bad STRU command.")

    def _size(self, name: str) -> None:
        data = self.tree.read(name)
        self.say("550 Could not get file size." if data is None else f"213 {len(data)}")

    def _mdtm(self, name: str) -> None:
        date = self.tree.date(name)
        self.say("550 Could not get file modification time." if date is None else f"213 {date}")

    def _rest(self, argument: str) -> None:
        self.restart = int(argument) if argument.isascii() and argument.isdecimal() and len(argument) < 10 else 0
        self.say(f"350 Restart position accepted ({self.restart}).")

    # --- TLS ---------------------------------------------------------------------------------------------------

    def _auth(self, argument: str) -> Program | None:
        if self.control.secure:
            self.say(UNKNOWN if self._inside else LOGIN_FIRST)
        elif argument.upper() not in ("TLS", "TLS-C", "SSL", "TLS-P"):
            self.say("504 Unknown AUTH type.")
        else:
            return self._secure()
        return None

    def _secure(self) -> Program:
        self.say("234 Proceed with negotiation.")
        self._over = not (yield from self.control.greet_as_server())

    def _pbsz(self, _: str) -> None:
        self.say("200 PBSZ set to 0." if self.control.secure else "503 PBSZ needs a secure connection.")

    def _prot(self, argument: str) -> None:
        if not self.control.secure:
            self.say("503 PROT needs a secure connection.")
        elif argument.upper() in ("C", "P"):
            self.private = argument.upper() == "P"
            self.say(f"200 PROT now {'Private' if self.private else 'Clear'}.")
        else:
            self.say("504 PROT not recognized.")
