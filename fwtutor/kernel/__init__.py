"""The same firewall and the same packets on the real kernel, and the comparison with the engine.

Needs root on Linux with iptables (legacy), iproute2 and TUN; ``namespace.missing()`` says what lacks. It works in network
namespaces of its own, in a helper process, and touches nothing of the host's. ``kernel.Kernel`` plays packets,
``compare.compare`` holds the engine against it, ``generate.case`` makes cases from seeds, ``shrink.shrink`` makes a
difference small.
"""
