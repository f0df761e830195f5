"""fail2ban: follows the auth log, counts failures, and bans by rules in a chain of its own; unbans when the time is up.

It is woken by what is written and by the clock. Its iptables commands are records of their own. The chain is made at the first ban.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.xtables.commands import run_command
from fwtutor.netfilter.xtables.errors import RuleRefused
from fwtutor.network.datestamps import long_stamp, second_stamp
from fwtutor.network.ends import Address
from fwtutor.network.fail2ban.config import PATH, PERMANENT, Jail, read_jail
from fwtutor.network.fail2ban.failures import Counter, failed_from
from fwtutor.network.process import FOREVER, Process, Program, Wait
from fwtutor.network.surroundings import User

if TYPE_CHECKING:
    from fwtutor.network.host import Host

LOG, FOLLOWED = "/var/log/fail2ban.log", "/var/log/auth.log"
CHAIN = "f2b-sshd"


class Status(NamedTuple):
    """What ``fail2ban-client status sshd`` tells."""

    failed_now: int
    failed: int
    banned: tuple[Address, ...]
    bans: int


class Fail2ban(Process):
    """The running server."""

    def __init__(self, host: Host, user: User) -> None:
        super().__init__(host, "fail2ban-server", lambda process: self._run(), user)
        self.jail = Jail()
        self._failures = Counter()
        self._until: dict[Address, int | None] = {}
        """Who is banned, until when in ns (None: for ever), in the order of the bans."""
        self._since: dict[Address, int] = {}
        self._bans = 0
        self._place = 0
        self._asked: list[tuple[str, Address | None]] = []
        """What its client wants: to ban, to unban, to reload."""
        self._history: list[tuple[int, Status]] = []

    # --- what its client asks ----------------------------------------------------------------------------------

    def ask(self, what: str, address: Address | None = None) -> None:
        """``ban``, ``unban`` or ``reload``."""
        self._asked.append((what, address))
        self.wake()

    def status(self, upto: int | None) -> Status:
        """As it was after a record; None: as it is."""
        if upto is None:
            return self._now()
        return next((status for index, status in reversed(self._history) if index <= upto), Status(0, 0, (), 0))

    def _now(self) -> Status:
        current = self._failures.current(self.host.now, self.jail.findtime * SECOND)
        return Status(current, self._failures.total, tuple(self._until), self._bans)

    def _log(self, part: str, level: str, text: str) -> None:
        self.host.append(LOG, f"{long_stamp(self.host.clock)} {f'fail2ban.{part}':<24}[{self.pid}]: {level:<7} {text}\n")
        self._history.append((self.host.record, self._now()))

    # --- running -----------------------------------------------------------------------------------------------

    def _run(self) -> Program:
        self._load()
        self.host.follow(FOLLOWED, self)
        _, self._place = self.host.files.since(FOLLOWED, 0)
        while True:
            lines, self._place = self.host.files.since(FOLLOWED, self._place)
            for line in lines if self.jail.enabled else ():
                yield from self._read(line)
            asked, self._asked = self._asked, []
            for what, address in asked:
                yield from self._do(what, address)
            now = self.host.now
            for address in [address for address, until in self._until.items() if until is not None and until <= now]:
                yield from self._unban(address)
            if not self._asked and self.host.files.since(FOLLOWED, self._place)[1] == self._place:
                due = min((until for until in self._until.values() if until is not None), default=None)
                yield FOREVER if due is None else Wait(due, "fail2ban: a ban is over", busy=False)

    def _load(self) -> None:
        with suppress(ValueError):
            self.jail = read_jail(self.host.files.read(PATH) or "")
        jail = self.jail
        if not jail.enabled:
            return
        self._log("jail", "INFO", "Creating new jail 'sshd'")
        self._log("filter", "INFO", f"  maxRetry: {jail.maxretry}")
        self._log("filter", "INFO", f"  findtime: {jail.findtime}")
        self._log("actions", "INFO", f"  banTime: {jail.bantime}")
        self._log("jail", "INFO", "Jail 'sshd' started")

    def _do(self, what: str, address: Address | None) -> Program:
        if address is None:
            self._load()
        elif what == "ban":
            yield from self._ban(address)
        elif address in self._until:
            yield from self._unban(address)

    def _read(self, line: str) -> Program:
        address = failed_from(line)
        if address is None:
            return
        if self.jail.ignores(address) or self._is_self(address):
            self._log("filter", "INFO", f"[sshd] Ignore {address} by {'ip' if self.jail.ignores(address) else 'ignoreself rule'}")
            return
        count = self._failures.add(address, self.host.now, self.jail.findtime * SECOND)
        self._log("filter", "INFO", f"[sshd] Found {address} - {second_stamp(self.host.clock)}")
        if count >= self.jail.maxretry:
            self._failures.forget(address)
            yield from self._ban(address)

    def _is_self(self, address: Address) -> bool:
        return address in [self.host.resolve(name, address.family) for name in ("localhost", self.host.name)]

    # --- rules -------------------------------------------------------------------------------------------------

    def _ban(self, address: Address) -> Program:
        if address in self._until:
            # Straight after a ban these are what was on its way.
            ago = self.host.now - self._since[address]
            if ago >= 3 * SECOND:
                self._log("actions", "NOTICE" if ago < 60 * SECOND else "WARNING", f"[sshd] {address} already banned")
            return
        length, self._since[address] = self.jail.bantime, self.host.now
        self._until[address] = None if length == PERMANENT else self.host.now + length * SECOND
        self._bans += 1
        self._log("actions", "NOTICE", f"[sshd] Ban {address}")
        yield from self._make_chain(address.family)
        yield from self._iptables(address.family, f"-I {CHAIN} 1 {self.jail.ban(address)}")

    def _make_chain(self, family: int) -> Program:
        """Makes sure that there is a chain, and a way into it."""
        if not self._holds(family, f"-C {CHAIN} -j RETURN"):
            if not self._holds(family, f"-S {CHAIN}"):
                yield from self._iptables(family, f"-N {CHAIN}")
            yield from self._iptables(family, f"-A {CHAIN} -j RETURN")
        if not self._holds(family, f"-C INPUT {self.jail.jump(CHAIN)}"):
            yield from self._iptables(family, f"-I INPUT {self.jail.jump(CHAIN)}")

    def _unban(self, address: Address) -> Program:
        del self._until[address]
        self._log("actions", "NOTICE", f"[sshd] Unban {address}")
        rule = self.jail.ban(address)
        if self._holds(address.family, f"-C {CHAIN} {rule}"):
            yield from self._iptables(address.family, f"-D {CHAIN} {rule}")
        else:
            self._log("actions", "ERROR", f"Failed to execute unban jail 'sshd' action '{self.jail.action}': Error unbanning {address}")

    def _iptables(self, family: int, rest: str) -> Program:
        record = yield from self.execute(f"{'iptables' if family == 4 else 'ip6tables'} -w {rest}")
        if record.refused:
            self._log("utils", "ERROR", f"exec: {record.line}")
            self._log("utils", "ERROR", f"stderr: {record.output.splitlines()[0]!r}")

    def _holds(self, family: int, question: str) -> bool:
        """Whether iptables would say yes; asking changes nothing."""
        firewall = self.host.firewall
        try:
            run_command(firewall.ruleset(family), question, counters=firewall.state.counters, new_id=lambda: 0, sets=firewall.sets)
        except RuleRefused:
            return False
        return True
