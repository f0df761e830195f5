"""``fwtutor trace``, the headless engine: an administrator's own rules and packets in, what the firewall does with them out.

``box`` reads the options that describe the box, ``run`` walks the packets, ``machine`` writes JSON for programs and ``people`` text
for people. Reading packets from files is ``capture``'s.
"""
