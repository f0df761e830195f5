"""FTP: its words, its configuration, and how a client speaks it. ``services.ftp`` serves it, ``tools.ftp`` is typed."""
