"""Address translation (NAT): what a connection is made to look like, and packets made to look so.

``choosing`` picks the addresses and ports of a new connection once; ``applying`` writes them into every packet of it, both ways. When a
packet's connection has its turn at a hook is ``netfilter.translating``'s; which rule asks for what, the targets'.
"""
