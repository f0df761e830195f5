"""/etc/vsftpd.conf: what of it is obeyed here, and which settings there are besides."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fwtutor.netfilter.addresses import parse_address

PATH = "/etc/vsftpd.conf"
DEFAULT = """\
# anonymous visitors read what is below /srv/ftp; users of this host are at home, and may write there
anonymous_enable=YES
local_enable=YES
write_enable=YES
xferlog_enable=YES
# data connections that the server opens come from port 20
connect_from_port_20=YES
# seconds until it gives up on a data connection
connect_timeout=30
accept_timeout=30
"""
"""What stands there where a lesson has no such file."""
_IGNORED = (
    "allow_writeable_chroot anon_mkdir_write_enable anon_other_write_enable anon_world_readable_only ascii_download_enable "
    "ascii_upload_enable async_abor_enable background check_shell chmod_enable chown_uploads chroot_list_enable debug_ssl "
    "delete_failed_uploads deny_email_enable dirmessage_enable dual_log_enable force_dot_files force_anon_data_ssl "
    "force_anon_logins_ssl guest_enable hide_ids implicit_ssl listen listen_ipv6 isolate_network lock_upload_files "
    "log_ftp_protocol ls_recurse_enable mdtm_write no_anon_password no_log_lock one_process_model passwd_chroot_enable "
    "pasv_addr_resolve require_cert require_ssl_reuse reverse_lookup_enable run_as_launching_user seccomp_sandbox "
    "secure_email_list_enable session_support setproctitle_enable ssl_request_cert ssl_sslv2 ssl_sslv3 ssl_tlsv1 strict_ssl_read_eof "
    "strict_ssl_write_shutdown syslog_enable tcp_wrappers text_userdb_names tilde_user_enable use_localtime use_sendfile userlist_deny "
    "userlist_enable utf8_filesystem validate_cert virtual_use_local_privs xferlog_std_format anon_max_rate anon_umask "
    "chown_upload_mode delay_successful_login file_open_mode listen_port local_max_rate local_umask max_clients max_per_ip "
    "trans_chunk_size banned_email_file banner_file ca_certs_file chown_username chroot_list_file cmds_allowed cmds_denied deny_file "
    "download_file dsa_cert_file dsa_private_key_file email_password_file ftp_username guest_username hide_file listen_address "
    "listen_address6 local_root message_file nopriv_user pam_service_name rsa_cert_file rsa_private_key_file secure_chroot_dir "
    "ssl_ciphers upload_file user_config_dir user_sub_token userlist_file vsftpd_log_file xferlog_file"
    ""
)
IGNORED = frozenset(_IGNORED.split())
"""Settings vsftpd knows that mean nothing here."""
_YES_NO = {"YES": True, "TRUE": True, "1": True, "NO": False, "FALSE": False, "0": False}


@dataclass(slots=True, frozen=True)
class FtpConfig:
    """What vsftpd obeys, each with vsftpd's own default, under vsftpd's own name."""

    anonymous_enable: bool = True
    local_enable: bool = False
    write_enable: bool = False
    anon_upload_enable: bool = False
    download_enable: bool = True
    dirlist_enable: bool = True
    chroot_local_user: bool = False
    port_enable: bool = True
    pasv_enable: bool = True
    connect_from_port_20: bool = False
    port_promiscuous: bool = False
    """A client may name any host for its data: the bounce attack."""
    pasv_promiscuous: bool = False
    """Anybody may open a data connection that was offered to a client."""
    ssl_enable: bool = False
    force_local_logins_ssl: bool = True
    force_local_data_ssl: bool = True
    allow_anon_ssl: bool = False
    xferlog_enable: bool = False
    pasv_min_port: int = 0
    pasv_max_port: int = 0
    ftp_data_port: int = 20
    accept_timeout: int = 60
    connect_timeout: int = 60
    idle_session_timeout: int = 300
    data_connection_timeout: int = 300
    max_login_fails: int = 3
    delay_failed_login: int = 1
    anon_root: str = "/srv/ftp"
    ftpd_banner: str = "(vsFTPd 3.0.3)"
    pasv_address: str = ""


_KINDS = {field.name: field.type for field in fields(FtpConfig)}


def read_config(text: str) -> FtpConfig:
    """What a file says; of a setting that stands twice the last counts. Raises ValueError with the line, in vsftpd's words."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        try:
            if not equals:
                raise ValueError(f"missing value in config file for: {name}")
            kind = _KINDS.get(name)
            if kind == "bool":
                if value.upper() not in _YES_NO:
                    raise ValueError(f"bad bool value in config file for: {name}")
                found[name] = _YES_NO[value.upper()]
            elif kind == "int":
                found[name] = _number(name, value)
            elif kind == "str":
                found[name] = value
                if name == "pasv_address":
                    parse_address(value)
            elif name not in IGNORED:
                raise ValueError(f"unrecognised variable in config file: {name}")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return FtpConfig(**found)


def _number(name: str, value: str) -> int:
    # (The real one takes what is no number for 0.)
    if not value.isascii() or not value.isdecimal() or len(value) > 9 or ("port" in name and int(value) > 65535):
        raise ValueError(f"bad numeric value in config file for: {name}")
    return int(value)
