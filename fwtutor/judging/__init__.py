"""The kernel as the judge of a person's own question: rules and packets, a lesson's run, or a seed.

``question`` turns what was given into a box and what happens to it, ``recorded`` does so for a run of the lab, ``conversation``
writes packets from words. ``judge`` asks the kernel, ``report`` says what it did. Playing and comparing are ``kernel``'s.
"""
