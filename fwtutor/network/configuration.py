"""Which files of a host are read by its programs, and whether they can be: a lesson with a slip in one is refused where it stands."""

from __future__ import annotations


def check_file(path: str, text: str) -> None:
    """Raises ValueError, with the line, when the program that reads this file could not."""
    from fwtutor.network import tcpwrappers
    from fwtutor.network.fail2ban.config import PATH as JAIL, read_jail
    from fwtutor.network.ftp import config as vsftpd
    from fwtutor.network.services.records import PATH as RECORDS, read_records
    from fwtutor.network.ssh import config
    from fwtutor.network.ssh.client_config import GLOBAL, check_client_config
    from fwtutor.network.ssh.keys import read_authorized_keys

    if path == config.PATH:
        config.read_config(text)
    elif path in (tcpwrappers.ALLOW, tcpwrappers.DENY):
        tcpwrappers.read_lines(text, strict=True)
    elif path == vsftpd.PATH:
        vsftpd.read_config(text)
    elif path == JAIL:
        read_jail(text)
    elif path == RECORDS:
        read_records(text)
    elif path == GLOBAL or path.endswith("/.ssh/config"):
        check_client_config(text)
    elif path.endswith("/.ssh/authorized_keys"):
        read_authorized_keys(text, strict=True)
