"""The sysctls connection tracking reads, with the kernel's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fwtutor.netfilter.conntrack.entry import SECOND
from fwtutor.netfilter.conntrack.gre import GreTrack
from fwtutor.netfilter.conntrack.sctp import State as SctpState
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

SCTP_TIMEOUTS = {
    SctpState.CLOSED: ("sctp_timeout_closed", 10),
    SctpState.COOKIE_WAIT: ("sctp_timeout_cookie_wait", 3),
    SctpState.COOKIE_ECHOED: ("sctp_timeout_cookie_echoed", 3),
    SctpState.ESTABLISHED: ("sctp_timeout_established", 210),
    SctpState.SHUTDOWN_SENT: ("sctp_timeout_shutdown_sent", 3),
    SctpState.SHUTDOWN_RECD: ("sctp_timeout_shutdown_recd", 3),
    SctpState.SHUTDOWN_ACK_SENT: ("sctp_timeout_shutdown_ack_sent", 3),
    SctpState.HEARTBEAT_SENT: ("sctp_timeout_heartbeat_sent", 30),
}

DEFAULTS: dict[str, int] = {
    PREFIX + name: value
    for name, value in {
        **dict(TCP_TIMEOUTS.values()),
        **dict(SCTP_TIMEOUTS.values()),
        "tcp_timeout_max_retrans": 300,
        "tcp_timeout_unacknowledged": 300,
        "tcp_max_retrans": 3,
        "tcp_loose": 1,
        "tcp_be_liberal": 0,
        "tcp_ignore_invalid_rst": 0,
        "udp_timeout": 30,
        "udp_timeout_stream": 120,
        "icmp_timeout": 30,
        "icmpv6_timeout": 30,
        "gre_timeout": 30,
        "gre_timeout_stream": 180,
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
    icmpv6: int
    gre: GreTrack
    sctp: tuple[int, ...]
    """By sctp.State."""
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
        by_state = [0] * len(SctpState)
        for sctp_state, (name, _) in SCTP_TIMEOUTS.items():
            by_state[sctp_state] = get(name) * SECOND
        gre = GreTrack(get("gre_timeout") * SECOND, get("gre_timeout_stream") * SECOND)
        seconds = (get(name) for name in ("udp_timeout", "udp_timeout_stream", "icmp_timeout", "icmpv6_timeout", "generic_timeout"))
        udp, stream, icmp, icmpv6, generic = (value * SECOND for value in seconds)
        return cls(tcp, udp, stream, icmp, icmpv6, gre, tuple(by_state), generic, bool(get("checksum")), bool(get("acct")), get("max"))
