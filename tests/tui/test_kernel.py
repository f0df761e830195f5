"""Asking the kernel in the lab, with a kernel that only says what it is told to: what is asked, what is shown, when it cannot be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fwtutor.badinput import BadInput
from fwtutor.judging import judge
from fwtutor.kernel.compare import Difference
from fwtutor.kernel.observation import Observed, Order
from fwtutor.telling import judged
from fwtutor.telling.actions import LAB
from fwtutor.tui.screens.help import help_rows
from fwtutor.tui.screens.kernel import KernelScreen
from tests.tui.conftest import BOTH, QUESTION, Playing, Puppet, pane_text, screen_text, type_text


@BOTH
async def test_what_happened_so_far_is_asked_and_every_packet_shown(playing: Playing, puppet: Puppet, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("1", "space", "space", "k")
        assert isinstance(app.screen, KernelScreen)
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = pane_text(app, "Sheet")
        assert "✔ Linux 6.18.0 says the same: 2 packets, no difference" in text
        assert "1 ✔ tcp 203.0.113.9:4000 → 203.0.113.1:1337 SYN · ACCEPT → local" in text
        assert "PREROUTING NEW · INPUT NEW: rule 2" in text
        assert "entry: SYN_SENT [UNREPLIED] 119 s" in text
        assert "OUTPUT ESTABLISHED: policy · POSTROUTING ESTABLISHED" in text
        assert "2 ✔ tcp 203.0.113.1:1337 → 203.0.113.9:4000 SYN+ACK · ACCEPT → wan" in text
        assert len(puppet.asked[0][1]) == 2, "only what happened up to here"
        await pilot.press("escape")
        assert not isinstance(app.screen, KernelScreen)


async def test_the_kernel_does_not_give_away_what_the_lesson_asks(playing: Playing, puppet: Puppet) -> None:
    async with playing() as (app, pilot):
        await pilot.press(*QUESTION, "k")
        await app.workers.wait_for_complete()
        before = len(puppet.asked[-1][1])
        await pilot.press("escape", "a", "k")
        await app.workers.wait_for_complete()
        assert len(puppet.asked[-1][1]) == before + 1


async def test_commands_of_the_learner_are_part_of_the_question(playing: Playing, puppet: Puppet) -> None:
    async with playing() as (app, pilot):
        await pilot.press("end", "colon", "tab")
        await type_text(pilot, "iptables -D INPUT 2")
        await pilot.press("enter", "escape", "escape", "k")
        await app.workers.wait_for_complete()
        assert [item.line for item in puppet.asked[-1][1] if isinstance(item, Order)] == ["-D INPUT 2"]
        await pilot.pause()
        assert "rules changed here: iptables -D INPUT 2" in " ".join(pane_text(app, "Sheet").split())


@BOTH
async def test_what_log_wrote_stands_under_its_packet(playing: Playing, puppet: Puppet, size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("1", "colon", "tab")
        await type_text(pilot, "iptables -I INPUT 1 -j LOG --log-prefix seen:")
        await pilot.press("enter", "escape", "escape", "space", "k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = " ".join(pane_text(app, "Sheet").split())
        assert text.index("rules changed here") < text.index("1 ✔ tcp") < text.index("LOG: seen:IN=wan OUT= MAC= SRC=203.0.113.9")
        assert "INPUT NEW: rule 1, rule 3" in text


def path_told(path: str, states: str = "", **lengths: int) -> str:
    pairs = tuple((hook, state) for hook, _, state in (word.partition("=") for word in states.split()))
    observed = Observed(0, b"", None, 0.0, 0, "DROP", None, tuple(path.split()), pairs, (), None)
    told = judged._way(observed, {f"filter:{chain}": length for chain, length in lengths.items()})
    return " · ".join(told)


def test_a_path_is_told_hook_by_hook_with_the_chains_it_visits() -> None:
    path = "filter:FORWARD:rule:1 filter:web:rule:2 filter:web:return:3 filter:FORWARD:rule:4 filter:OUTPUT:policy:1"
    states = "PREROUTING=NEW FORWARD=NEW OUTPUT=RELATED POSTROUTING=RELATED"
    assert path_told(path, states) == (
        "PREROUTING NEW · FORWARD NEW: rule 1, web rule 2, end of chain, FORWARD rule 4 · OUTPUT RELATED: policy · POSTROUTING RELATED"
    )


def test_a_rule_without_conditions_is_called_what_the_screen_calls_it() -> None:
    states = "OUTPUT=NEW POSTROUTING=NEW"
    called = "OUTPUT NEW: rule 1 (the kernel's trace calls it policy) · POSTROUTING NEW"
    assert path_told("filter:OUTPUT:policy:1", states, OUTPUT=1) == called
    assert path_told("filter:OUTPUT:policy:2", states, OUTPUT=1) == "OUTPUT NEW: policy · POSTROUTING NEW"


async def test_the_kernels_word_for_a_rule_without_conditions_is_told_with_its_number(playing: Playing, puppet: Puppet) -> None:
    async with playing() as (app, pilot):
        await pilot.press("1", "colon", "tab")
        await type_text(pilot, "iptables -A OUTPUT -j ACCEPT")
        await pilot.press("enter", "escape", "escape", "space", "space", "k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = " ".join(pane_text(app, "Sheet").split())
        assert "OUTPUT ESTABLISHED: rule 1 (the kernel's trace calls it policy)" in text


def test_without_tracking_there_is_a_path_without_states() -> None:
    assert path_told("filter:OUTPUT:policy:1 filter:INPUT:rule:1") == "OUTPUT: policy · INPUT: rule 1"


async def test_the_key_bar_has_it_where_it_fits(playing: Playing) -> None:
    async with playing(size=(120, 40)) as (app, _):
        assert "k ask kernel" in pane_text(app, "KeyBar")
    async with playing(size=(80, 24)) as (app, pilot):
        assert "k ask kernel" not in pane_text(app, "KeyBar")
        await pilot.press("full_stop")
        assert "k ask kernel" in pane_text(app, "KeyBar")


@BOTH
async def test_a_difference_is_shown_with_what_each_says(playing: Playing, puppet: Puppet, size: tuple[int, int]) -> None:
    puppet.differences = (Difference(1, "verdict", "DROP", "ACCEPT"),)
    async with playing(size=size) as (app, pilot):
        await pilot.press(*QUESTION, "a", "end", "k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = pane_text(app, "Sheet")
        assert "✖ Linux 6.18.0 says otherwise about one of" in text
        assert "please tell us" in text
        assert "2 ✖ tcp" in text
        assert "kernel DROP" in text
        assert "engine ACCEPT" in text
        assert "3 ✔" not in text, "what follows a difference would only be its consequences"


async def test_a_difference_at_the_end_comes_last(playing: Playing, puppet: Puppet) -> None:
    puppet.differences = (Difference(-1, "counters", "[1:60] -A INPUT", "[2:120] -A INPUT"),)
    async with playing() as (app, pilot):
        await pilot.press("space", "k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = pane_text(app, "Sheet")
        assert text.index("1 ✔ tcp") < text.index("at the end") < text.index("[2:120] -A INPUT")


@BOTH
async def test_where_the_kernel_cannot_be_asked_the_lab_says_why(
    playing: Playing, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def in_reach() -> Iterator[None]:
        raise BadInput("the kernel cannot be asked here: the program iptables-legacy-restore is missing (package iptables)")
        yield

    monkeypatch.setattr(judge, "in_reach", in_reach)
    async with playing(size=size) as (app, pilot):
        await pilot.press("space", "k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = pane_text(app, "Sheet")
        assert "The kernel cannot be asked here: the program iptables-legacy-restore is missing (package iptables)" in text
        assert "On a Linux machine with iptables this plays the lesson there" in text


async def test_before_all_packets_there_is_nothing_to_ask(playing: Playing, puppet: Puppet) -> None:
    async with playing() as (app, pilot):
        await pilot.press("k")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "Nothing has come to this host yet" in screen_text(app)
        assert not puppet.asked


async def test_the_palette_and_the_help_have_it(playing: Playing) -> None:
    async with playing() as (app, _):
        assert [command.title for command in app.get_system_commands(app.screen) if "ernel" in command.title] == ["Ask kernel  (k)"]
    assert "Play this run so far on a real kernel" in "\n".join(row.text for row in help_rows(LAB)(100))


def test_a_lab_in_which_nobody_asks_loads_nothing_of_the_kernels_side() -> None:
    names = "m for m in sys.modules if m.startswith(('fwtutor.kernel', 'fwtutor.judging'))"
    look = f"import sys, fwtutor.tui.app, fwtutor.tui.screens.lab; print([{names}])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "[]\n"
