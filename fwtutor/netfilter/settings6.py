"""The sysctls of IPv6 that are simulated, by name: known where IPv6 itself is not loaded."""

FORWARDING = "net.ipv6.conf.all.forwarding"
RATELIMIT = "net.ipv6.icmp.ratelimit"
"""Milliseconds between two ICMP errors to the same destination, once the burst is spent."""
FRAGMENTS = "net.ipv6.ip6frag_time"
"""Seconds that fragments wait for the rest in the stack."""
TRACKED_FRAGMENTS = "net.netfilter.nf_conntrack_frag6_timeout"
"""Seconds that they wait in connection tracking."""
