"""sshd_config, authorized_keys, hosts.allow and hosts.deny, as their programs read them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.configuration import check_file
from fwtutor.network.ends import Address
from fwtutor.network.ssh.config import SshdConfig, read_config
from fwtutor.network.ssh.keys import read_authorized_keys
from fwtutor.network.ssh.patterns import matches_pattern
from fwtutor.network.tcpwrappers import Client, lets_in
from fwtutor.network.topology import HostSpec

CONFIG, KEYS = "/etc/ssh/sshd_config", "/home/alice/.ssh/authorized_keys"


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        (CONFIG, "Port 22\nFoo yes\n", "line 2: Bad configuration option: Foo"),
        (CONFIG, "MaxAuthTries x\n", "line 1: integer value invalid."),
        (CONFIG, "PermitRootLogin maybe\n", 'line 1: unsupported option "maybe"'),
        (CONFIG, "\n\nPasswordAuthentication\n", 'line 3: unsupported option "".'),
        (CONFIG, "UsePAM\n", "line 1: missing argument."),
        (CONFIG, "LoginGraceTime 2x\n", "line 1: invalid time value."),
        (CONFIG, "Match User bob\n", "line 1: Match blocks are not simulated"),
        (KEYS, "from=10.0.0.1 ssh-ed25519 AAAA a", "line 1: the value of from is not in quotation marks"),
        (KEYS, "# a\nfrm=\"x\" ssh-ed25519 AAAA a", "line 2: unknown key option 'frm'"),
        (KEYS, "restrict", "line 1: there is no key"),
        (KEYS, "ssh-ed25519", "line 1: there is no key"),
        ("/etc/hosts.deny", "sshd 10.0.0.1", 'line 1: missing ":" separator'),
        ("/etc/hosts.allow", "sshd : ALL : foo", 'line 1: bad option name: "foo"'),
        ("/etc/hosts.allow", "sshd : 10.0.0.0/99", "line 1: '10.0.0.0/99' is no network"),
        ("/etc/hosts.allow", "sshd : @trusted", "line 1: '@trusted': netgroups"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(path: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^hosts\.a\.files\.") as caught:
        HostSpec("a", {}, files={path: text})
    assert str(caught.value).removeprefix(f"hosts.a.files.{path}: ").startswith(words)


def test_of_two_lines_sshd_obeys_the_first() -> None:
    text = 'maxauthtries 3\nMaxAuthTries 9\nLoginGraceTime 1m30s\nAllowUsers a b\nAllowUsers "c"\nPermitRootLogin without-password # x\n'
    assert read_config(text) == SshdConfig("prohibit-password", tries=3, grace=90, allow_users=("a", "b", "c"))


def test_the_options_of_a_key() -> None:
    (entry,) = read_authorized_keys('restrict,from="a, b",pty,command="echo \\"x\\"" ssh-rsa AAAA== me at home\n')
    assert entry.options == (("restrict", ""), ("from", "a, b"), ("pty", ""), ("command", 'echo "x"'))
    assert (entry.key.kind, entry.key.text, entry.key.comment) == ("ssh-rsa", "AAAA==", "me at home")
    assert entry.pty


def may(allow: str, deny: str, address: str = "10.9.9.9", name: str = "") -> bool:
    return lets_in(allow, deny, "sshd", Client(Address(*parse_address(address)), lambda: name))


@pytest.mark.parametrize(
    ("deny", "kept_out"),
    [
        ("ALL: 10.9.9.0/24", True),
        ("ALL : 10.9.9.9/255.255.255.0 : DENY", False),
        ("ALL : 10.9.9.0/255.255.255.0", True),
        ("sshd : LOCAL", False),
        ("sshd : KNOWN EXCEPT LOCAL", False),
        ("sshd, foo : 10.8., 10.9.", True),
        ("ALL EXCEPT sshd : ALL", False),
        ("ALL: 10.9.9.9: ALLOW", False),
        ("sshd: 10.9.*", True),
        ("sshd: 10.9.9", False),
        ("sshd 10.9.9.9", False),
        ("sshd@10.9.9.9: ALL", True),
        ("sshd: ALL: severity auth.info", True),
        ("ALL: ALL EXCEPT 10.9. EXCEPT 10.9.9.", True),
        ("ALL: ALL EXCEPT 10.9.", False),
        ("vsftpd: ALL", False),
    ],
)
def test_patterns_are_libwrap_s(deny: str, kept_out: bool) -> None:
    """As sshd of Debian 12 was seen to do, asked from 10.9.9.9."""
    assert may("", deny) == (not kept_out)


def test_names_are_the_host_s_own() -> None:
    assert not may("", "sshd: LOCAL", name="myself")
    assert not may("", "sshd: myself", name="myself")
    assert not may("", "sshd: .example.org", name="a.example.org")
    assert may("", "sshd: LOCAL", name="a.example.org")
    assert not may("", "ALL: UNKNOWN")


def test_allow_deny_else_allowed() -> None:
    assert may("", "")
    assert may("sshd: 10.9.9.9", "ALL: ALL")
    assert not may("sshd: 10.9.9.8", "ALL: ALL")
    assert may("sshd: [2001:db8::]/32", "ALL: ALL", "2001:db8:1::2")
    assert not may("sshd: [2001:db8::]/48", "ALL: ALL", "2001:db8:1::2")
    assert may("sshd: [2001:db8::2]", "ALL: ALL", "2001:db8::2")
    assert not may("sshd: ALL: DENY", "")


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=8))
def test_a_pattern_means_what_fnmatch_says(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    assert matches_pattern(text, pattern) == fnmatchcase(text, pattern)


LETTERS = st.text(alphabet='sshd:ALEXCPT0123456789./[], "=#@!\\\nfromrestrictcommand*-', max_size=80)


@given(st.one_of(LETTERS, st.text(max_size=60)), st.sampled_from([CONFIG, KEYS, "/etc/hosts.allow"]))
def test_no_text_makes_a_reader_stumble(text: str, path: str) -> None:
    with suppress(ValueError):
        check_file(path, text)
    may(text, text, name="a")
    for entry in read_authorized_keys(f"{text}\n{text} ssh-ed25519 AAAA a"):
        entry.lets_in(Address(4, 1), "a")
