"""TRACE read back: the lines the kernel logs for a traced packet, received over nfnetlink_log instead of the kernel log."""

from __future__ import annotations

import struct
from pathlib import Path

from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.netlink import Netfilter, attribute, attributes
from fwtutor.kernel.observation import Line

_SUBSYSTEM = 4
_CONFIG = _SUBSYSTEM << 8 | 1
_AF_INET = 2
_GROUP = 0
"""The group TRACE logs to."""

NFULNL_CFG_CMD_BIND = 1
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH = 1, 2, 5
NFULNL_COPY_PACKET = 2
NFULA_PACKET_HDR, NFULA_IFINDEX_INDEV, NFULA_IFINDEX_OUTDEV, NFULA_PAYLOAD, NFULA_PREFIX = 1, 4, 5, 9, 10

HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_LOGGER = Path("/proc/sys/net/netfilter/nf_log/2")


class TraceLog:
    """The namespace's TRACE lines. Lines are complete when the write or send that caused them has returned."""

    def __init__(self, interfaces: dict[int, str]) -> None:
        """``interfaces``: names by index."""
        self._interfaces = interfaces
        try:
            _LOGGER.write_text("nfnetlink_log")
        except OSError as problem:
            raise KernelUnavailable(f"this kernel cannot hand over what TRACE says (module nfnetlink_log): {problem.strerror}") from None
        self._netfilter = Netfilter()
        try:
            self._listen()
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        self._configure(attribute(NFULA_CFG_CMD, bytes([NFULNL_CFG_CMD_BIND])))
        self._configure(attribute(NFULA_CFG_MODE, struct.pack("!IBx", 0xFFFF, NFULNL_COPY_PACKET)))
        # Every line is sent at once, none waits for a second one or for a timer: that is what makes reading deterministic.
        self._configure(attribute(NFULA_CFG_QTHRESH, struct.pack("!I", 1)))

    def _configure(self, body: bytes) -> None:
        self._netfilter.ask(_CONFIG, _AF_INET, _GROUP, body)

    def close(self) -> None:
        self._netfilter.close()

    def read(self) -> list[Line]:
        """The lines logged since the last time."""
        lines = []
        for kind, payload in self._netfilter.pending():
            if kind >> 8 == _SUBSYSTEM:
                line = self._line(attributes(payload))
                if line is not None:
                    lines.append(line)
        return lines

    def _line(self, found: dict[int, memoryview]) -> Line | None:
        prefix = bytes(found[NFULA_PREFIX]).rstrip(b"\0").decode("ascii", "replace") if NFULA_PREFIX in found else ""
        if not prefix.startswith("TRACE: "):
            return None  # an NFLOG rule of the ruleset; what LOG logs goes to the kernel log alone
        # A chain's name may hold colons; the table before it and the two words after it cannot.
        table, rest = prefix[len("TRACE: ") :].rstrip(" ").split(":", 1)
        chain, kind, number = rest.rsplit(":", 2)
        return Line(
            table, chain, kind, int(number), HOOKS[found[NFULA_PACKET_HDR][2]],
            self._interface(found.get(NFULA_IFINDEX_INDEV)), self._interface(found.get(NFULA_IFINDEX_OUTDEV)),
            bytes(found.get(NFULA_PAYLOAD, b"")),
        )  # fmt: skip

    def _interface(self, index: memoryview | None) -> str:
        return "" if index is None else self._interfaces.get(int.from_bytes(index, "big"), "?")
