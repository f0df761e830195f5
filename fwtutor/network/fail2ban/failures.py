"""What fail2ban's filter for sshd takes for a failure, in its normal mode, and how many of whom there were lately."""

from __future__ import annotations

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address

FAILURES = (
    ("Failed password for ", " from "),
    ("Failed publickey for invalid user ", " from "),
    ("Invalid user ", " from "),
    ("ROOT LOGIN REFUSED FROM ", "FROM "),
    ("maximum authentication attempts exceeded for ", " from "),
    ("refused connect from ", " ("),
    ("User ", " from "),
)
"""How sshd's line begins, and what stands before the address, for the last time."""


def failed_from(line: str) -> Address | None:
    """Who failed, by a line of the auth log; None: nobody. A known user's wrong key is no failure, nor is going away."""
    program, found, text = line.partition("]: ")
    if not found or " sshd[" not in program:
        return None
    text = text.removeprefix("error: ").rstrip("\n")
    for start, before in FAILURES:
        if text.startswith(start) and (start != "User " or " not allowed because " in text):
            words = text.rpartition(before)[2].split()
            try:
                return Address(*parse_address(words[0].rstrip(")"))) if words else None
            except ValueError:
                return None
    return None


class Counter:
    """Failures of each address."""

    def __init__(self) -> None:
        self.total = 0
        self._of: dict[Address, tuple[int, int, int]] = {}
        """(count, first, last), in ns."""

    def add(self, address: Address, now: int, window: int) -> int:
        """One more; how many there were in the last ``window`` ns. Of those before, fail2ban estimates how many: by their rate."""
        self.total += 1
        count, first, _ = self._of.get(address, (0, now, now))
        if count and first < now - window:
            count, first = round(count / (now - first) * window), now - window
        self._of[address] = count + 1, first, now
        return count + 1

    def forget(self, address: Address) -> None:
        """He is banned, and begins anew."""
        self._of.pop(address, None)

    def current(self, now: int, window: int) -> int:
        """Addresses that are counted at present."""
        return sum(last > now - window for _, _, last in self._of.values())
