"""What opening the lab costs: what it leaves for later, and that its first paint is the whole of it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from textual.screen import Screen

from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.lab import LabScreen
from tests.tui.conftest import Playing

NOT_NEEDED = (
    "fwtutor.netfilter.xtables.matches.hashlimit", "fwtutor.netfilter.xtables.targets.tee", "fwtutor.netfilter.xtables.edit_nft",
    "fwtutor.netfilter.ipset.command", "fwtutor.netfilter.conntrack.helpers.sip", "fwtutor.network.tools.nmap", "fwtutor.network.ssh",
    "fwtutor.network.fail2ban", "fwtutor.network.ftp",
    "fwtutor.network.drafting", "fwtutor.recording.editing", "fwtutor.tui.screens.kernel", "fwtutor.tui.screens.course_map",
    "fwtutor.tui.screens.too_small", "fwtutor.judging", "fwtutor.kernel", "fwtutor.review", "fwtutor.sandbox",
    "fwtutor.telling.glossary", "fwtutor.telling.solution", "fwtutor.course.reenacting", "fwtutor.tui.screens.history",
    "scapy", "shtab",
)  # fmt: skip
OPENED = """
import sys
from fwtutor.commands.starting import start_lightly
start_lightly()
import fwtutor.tui.app, fwtutor.tui.screens.lab
from fwtutor.course.loader import find_lesson
from fwtutor.recording import Session
Session(find_lesson('too-open').scenario)
"""


def after_opening(code: str) -> list[str]:
    """What a process prints that has done for the lab what comes before its first paint."""
    return subprocess.run([sys.executable, "-c", OPENED + code], check=True, capture_output=True, text=True).stdout.split()


def test_the_lab_opens_without_what_it_does_not_need() -> None:
    loaded = after_opening("print(*sys.modules)")
    assert "fwtutor.tui.screens.lab" in loaded
    assert sorted(set(NOT_NEEDED) & set(loaded)) == []


async def test_the_first_paint_has_everything(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[str] = []
    display = FwtutorApp._display

    def seen(app: FwtutorApp, screen: Screen[object], update: Any) -> None:
        if isinstance(screen, LabScreen) and update is not None and not app._batch_count:
            painted.append(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", update.render_segments(app.console)))
        display(app, screen, update)

    monkeypatch.setattr(FwtutorApp, "_display", seen)
    async with playing():
        pass
    for words in ("Step, and look.", "policy DROP", "--dport 1337", "PREROUTING", "Connections", "Timeline", "lie ahead", "hint"):
        assert words in painted[0]
