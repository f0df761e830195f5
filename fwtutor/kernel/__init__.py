"""The same firewall and the same packets on the real kernel, and the comparison with the engine.

Needs root on Linux with iptables, nftables, iproute2 and TUN; ``namespace.missing()`` says what lacks. The rules under test may
be iptables-legacy's or iptables-nft's; beside them stands an nft table of its own (``watch``). It works in network
namespaces of its own, in a helper process, and touches nothing of the host's. ``kernel.Kernel`` plays packets,
``compare.compare`` holds the engine against it, ``generate.case`` makes cases from seeds, ``shrink.shrink`` makes a
difference small.
"""
