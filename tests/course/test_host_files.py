"""A slip in a file of a host (jail.local, sshd_config ...) is named with the line of lesson.toml where it stands, and the field."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwtutor.course.loader import load_lesson
from fwtutor.course.model import LessonError

JAIL, SSHD, ALLOW = "/etc/fail2ban/jail.local", "/etc/ssh/sshd_config", "/etc/hosts.allow"


def refusal(copied: Path, path: str, *lines: str, quotes: str = '"""') -> tuple[int, str]:
    """(lines below that of the file's name, what is said) of a lesson whose server has such a file."""
    lesson = copied / "lesson.toml"
    text = lesson.read_text().splitlines()
    at = next(number for number, line in enumerate(text) if line.startswith("[hosts.server]"))
    value = f"{quotes}\n" + "\n".join(lines) + f"\n{quotes}" if quotes else '"' + "\\n".join(lines) + '"'
    lesson.write_text("\n".join([*text[:at], "[hosts.server.files]", f'"{path}" = {value}', *text[at:]]))
    with pytest.raises(LessonError) as caught:
        load_lesson(copied)
    assert caught.value.field == f"hosts.server.files.{path}"
    return caught.value.line - at - 2, caught.value.reason


@pytest.mark.parametrize(
    ("path", "lines", "below", "said"),
    [
        (JAIL, ("[sshd]", "enabled = true", "maxretry = many"), 3, "line 3: maxretry: 'many' is no number of failures"),
        (JAIL, ("[DEFAULT]", "bantime = long", "[sshd]", "enabled = true"), 2, "line 2: bantime: 'long' is no length of time"),
        (JAIL, ("[sshd]", "enabled = true", "color = red"), 3, "line 3: color is no setting of a jail that is simulated"),
        (JAIL, ("[DEFAULT]", "", "[nginx]", "enabled = true"), 3, "line 3: [nginx]: there is only the jail sshd"),
        (JAIL, ("[sshd]", "maxretry = 3", "maxretry = 4"), 3, "line 3: maxretry in [sshd] stands twice"),
        (JAIL, ("[sshd]", "[sshd]"), 2, "line 2: [sshd] stands twice"),
        (JAIL, ("[sshd]", "what is this"), 2, "line 2: 'what is this' is no NAME = VALUE"),
        (JAIL, ("maxretry = 3",), 1, "line 1: 'maxretry = 3' stands before the first section"),
        (SSHD, ("PermitRootLogin yes", "", "MaxAuthTries none"), 3, "line 3: integer value invalid."),
    ],
)
def test_it_stands_where_the_error_says(copied: Path, path: str, lines: tuple[str, ...], below: int, said: str) -> None:
    assert refusal(copied, path, *lines) == (below, said)


def test_of_a_text_in_one_line_that_is_the_line(copied: Path) -> None:
    assert refusal(copied, SSHD, "PermitRootLogin yes", "MaxAuthTries none", quotes="")[0] == 0


def test_hosts_allow_too(copied: Path) -> None:
    below, said = refusal(copied, ALLOW, "sshd: ALL", "nonsense")
    assert (below, said.partition(":")[0]) == (2, "line 2")
