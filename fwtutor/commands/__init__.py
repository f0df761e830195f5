"""The commands of ``fwtutor``, a module each: ``add`` gives it its options, ``run`` does it and gives the exit code.

The modules are read whenever the command line is; what a command needs is imported when it runs.
"""
