"""The sysctls connection tracking reads, with the kernel's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.tcp import Settings as TcpSettings, State

PREFIX = "net.netfilter.nf_conntrack_"

TCP_TIMEOUTS = {
    State.SYN_SENT: ("tcp_timeout_syn_sent", 120),
    State.SYN_RECV: ("tcp_timeout_syn_recv", 60),
    State.ESTABLISHED: ("tcp_timeout_established", 432000),
    State.FIN_WAIT: ("tcp_timeout_fin_wait", 120),
    State.CLOSE_WAIT: ("tcp_timeout_close_wait", 60),
    State.LAST_ACK: ("tcp_timeout_last_ack", 30),
    State.TIME_WAIT: ("tcp_timeout_time_wait", 120),
    State.CLOSE: ("tcp_timeout_close", 10),
}
SYN_SENT2_TIMEOUT = 120
"""Seconds; the one state that no sysctl sets."""

DEFAULTS: dict[str, int] = {
    PREFIX + name: value
    for name, value in {
        **dict(TCP_TIMEOUTS.values()),
        "tcp_timeout_max_retrans": 300,
        "tcp_timeout_unacknowledged": 300,
        "tcp_max_retrans": 3,
        "tcp_loose": 1,
        "tcp_be_liberal": 0,
        "tcp_ignore_invalid_rst": 0,
        "udp_timeout": 30,
        "udp_timeout_stream": 120,
        "icmp_timeout": 30,
        "generic_timeout": 600,
        "checksum": 1,
        "acct": 0,
        "max": 262144,
    }.items()
}


class Settings(NamedTuple):
    """The sysctls in the form the trackers use; times in ns but for ``tcp``'s, which are seconds."""

    tcp: TcpSettings
    udp: int
    udp_stream: int
    icmp: int
    generic: int
    checksum: bool
    acct: bool
    max: int
    """Entries the table holds at most; 0: as many as come."""

    @classmethod
    def of(cls, sysctls: Mapping[str, int]) -> Settings:
        def get(name: str) -> int:
            return sysctls[PREFIX + name]

        timeouts = [0] * len(State)
        for state, (name, _) in TCP_TIMEOUTS.items():
            timeouts[state] = get(name)
        timeouts[State.SYN_SENT2] = SYN_SENT2_TIMEOUT
        tcp = TcpSettings(
            tuple(timeouts),
            get("tcp_timeout_max_retrans"),
            get("tcp_timeout_unacknowledged"),
            get("tcp_max_retrans"),
            bool(get("tcp_loose")),
            bool(get("tcp_be_liberal")),
            bool(get("tcp_ignore_invalid_rst")),
        )
        seconds = (get("udp_timeout"), get("udp_timeout_stream"), get("icmp_timeout"), get("generic_timeout"))
        udp, stream, icmp, generic = (value * SECOND for value in seconds)
        return cls(tcp, udp, stream, icmp, generic, bool(get("checksum")), bool(get("acct")), get("max"))
