"""What the kernel logs of packets, in order: TRACE's lines, those of the harness's own table, and those of NFLOG rules.

All over nfnetlink_log, and all on one socket, whatever their group.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from fwtutor.kernel.errors import KernelUnavailable
from fwtutor.kernel.netlink import Netfilter, attribute, attributes
from fwtutor.kernel.observation import Line
from fwtutor.kernel.watch import GROUP, HOOKS, WATCH

_SUBSYSTEM = 4
_CONFIG = _SUBSYSTEM << 8 | 1
_TRACE_GROUP = 0
"""The group TRACE logs to."""
_TRACE = "TRACE: "
_COMPLAINT = "nf_ct_"
NFLOG = "(NFLOG)"
"""Stands for the table in lines of NFLOG rules; their chain is the prefix."""

NFULNL_CFG_CMD_BIND = 1
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH = 1, 2, 5
NFULNL_COPY_PACKET = 2
NFULA_PACKET_HDR, NFULA_IFINDEX_INDEV, NFULA_IFINDEX_OUTDEV, NFULA_PAYLOAD, NFULA_PREFIX = 1, 4, 5, 9, 10

_LOGGERS = {4: Path("/proc/sys/net/netfilter/nf_log/2"), 6: Path("/proc/sys/net/netfilter/nf_log/10")}


class TraceLog:
    """The namespace's lines. They are complete when the write or send that caused them has returned."""

    def __init__(self, interfaces: dict[int, str], families: Iterable[int] = (4,)) -> None:
        """``interfaces``: names by index."""
        self._interfaces = interfaces
        self._groups: set[int] = set()
        try:
            for family in families:
                _LOGGERS[family].write_text("nfnetlink_log")
        except OSError as problem:
            raise KernelUnavailable(f"this kernel cannot hand over what TRACE says (module nfnetlink_log): {problem.strerror}") from None
        self._netfilter = Netfilter()
        try:
            self.listen((_TRACE_GROUP, GROUP))
        except BaseException:
            self.close()
            raise

    def listen(self, groups: Iterable[int]) -> None:
        """To what is logged to these groups, too."""
        for group in {*groups} - self._groups:
            self._configure(group, attribute(NFULA_CFG_CMD, bytes([NFULNL_CFG_CMD_BIND])))
            self._configure(group, attribute(NFULA_CFG_MODE, struct.pack("!IBx", 0xFFFF, NFULNL_COPY_PACKET)))
            # Every line is sent at once, none waits for a second one or for a timer: that is what makes reading deterministic.
            self._configure(group, attribute(NFULA_CFG_QTHRESH, struct.pack("!I", 1)))
            self._groups.add(group)

    def _configure(self, group: int, body: bytes) -> None:
        self._netfilter.ask(_CONFIG, body, resource=group)

    def close(self) -> None:
        self._netfilter.close()

    def read(self) -> list[Line]:
        """The lines logged since the last time, but for the complaints of connection tracking's helpers, which no rule has asked for."""
        messages = [message for message in self._netfilter.pending() if message.kind >> 8 == _SUBSYSTEM]
        lines = [self._line(message.resource, attributes(message.payload)) for message in messages]
        return [line for line in lines if line.table != NFLOG or not line.chain.startswith(_COMPLAINT)]

    def _line(self, group: int, found: dict[int, memoryview]) -> Line:
        prefix = bytes(found[NFULA_PREFIX]).rstrip(b"\0").decode("ascii", "replace") if NFULA_PREFIX in found else ""
        table, chain, kind, number = NFLOG, prefix, "", "0"
        if group == GROUP:
            table = WATCH
        elif group == _TRACE_GROUP and prefix.startswith(_TRACE):
            # A chain's name may hold colons; the table before it and the two words after it cannot.
            table, rest = prefix[len(_TRACE) :].rstrip(" ").split(":", 1)
            chain, kind, number = rest.rsplit(":", 2)
        return Line(
            table, chain, kind, int(number), HOOKS[found[NFULA_PACKET_HDR][2]],
            self._interface(found.get(NFULA_IFINDEX_INDEV)), self._interface(found.get(NFULA_IFINDEX_OUTDEV)),
            bytes(found.get(NFULA_PAYLOAD, b"")),
        )  # fmt: skip

    def _interface(self, index: memoryview | None) -> str:
        return "" if index is None else self._interfaces.get(int.from_bytes(index, "big"), "?")
