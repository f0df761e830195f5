"""Any string in any field is shown as it is: nothing of it is taken for markup, and nothing of it steers the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from fwtutor.netfilter import craft
from fwtutor.netfilter.packet import Packet
from fwtutor.netfilter.walk import Walk
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import clean
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.inspector import InspectorScreen
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.command_line import CommandLine
from fwtutor.tui.widgets.rule_area import RuleArea
from tests.tui.conftest import RULES, Playing, lab_of, make_lesson, screen_text

HOSTILE = {
    "markup": "[red]x[/red] [@click=app.quit]y[/] [/",
    "escapes": "a\x1b[2J\x1b]0;mine\x07b\x9b31mc\x00\x7f",
    "bidi": "\u202eabc\u2066\u200b",
    "wide": "日本語 한글",
    "emoji": "👩\u200d👩\u200d👧 ❤\ufe0f 🇦🇹",
    "combining": "e\u0301\u0301\u0301 x",
    "surrogates": "\udc80x\ud83d",
}
EACH = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


def steady(app: FwtutorApp) -> str:
    """What the terminal is sent, which holds nothing that would steer it."""
    text = screen_text(app)
    for row in text.split("\n"):
        assert row == clean(row)
        row.encode()
    return text


def flat(text: str) -> str:
    """Without the spaces that stand behind wide characters, and without breaks."""
    return "".join(text.replace("│", "").split())


@EACH
async def test_in_a_rule_a_command_and_the_ladder(playing: Playing, text: str) -> None:
    rules = RULES.replace("-A INPUT -p tcp", f'-A INPUT -p udp -m comment --comment "{clean(text)}" -j DROP\n-A INPUT -p tcp', 1)
    async with playing(make_lesson(rules=rules), size=(80, 24)) as (app, pilot):
        lab = lab_of(app)
        lab.enter("attacker", f"echo {text}")
        await pilot.pause()
        assert flat(clean(text)) in flat(steady(app))
        await pilot.press("escape", "end", "o")
        steady(app)
        await pilot.press("escape", "l", "end")
        steady(app)
        await pilot.press("escape", "home", "space", "z")
        steady(app)
        await pilot.press("escape", "e")
        steady(app)
        await pilot.press("escape", "Y")
        app.clipboard.encode()
        steady(app)


async def test_in_a_comment_that_no_parser_let_in(playing: Playing, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a match printed it so: what the chain draws is drawn as it is."""
    async with playing() as (app, pilot):
        await pilot.press("space", "z")
        rule = app.screen.query_one(ChainView)._chain.rules[1]
        for text in HOSTILE.values():
            monkeypatch.setattr(type(rule), "save", lambda _, text=text: f"-m comment --comment {text} -j ACCEPT")
            await pilot.press("z", "z")
            assert flat(clean(text)) in flat(steady(app))


async def test_in_a_payload(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        place = Place.of(lab_of(app).session)
        for text in HOSTILE.values():
            raw = craft.udp(1, 2, 53, 53, text.encode("utf-8", "surrogatepass"))
            walk = Walk(Packet(raw), text, place.at)
            await app.push_screen(InspectorScreen(replace(place, walk=walk, steps=(), done=0)))
            await app.workers.wait_for_complete()
            await pilot.press("end")
            assert f"{len(raw)} bytes" in steady(app)
            await pilot.press("Y", "escape")
            assert f"as it arrived by {clean(text)}"[:20] in clean(app.clipboard).replace("A", "a")
            app.clipboard.encode()


@EACH
async def test_in_the_editor_and_in_fields(playing: Playing, text: str) -> None:
    async with playing() as (app, pilot):
        await pilot.press("e")
        area = app.screen.query_one(RuleArea)
        area.insert(f'-A INPUT -m comment --comment "{text}" -j DROP')
        await pilot.pause()
        steady(app)
        assert text in area.text
        await pilot.press("escape", "escape", "colon")
        field = lab_of(app).query_one(CommandLine).field
        field.value = f"echo {text}"
        await pilot.pause()
        steady(app)
        await pilot.press("enter")
        assert flat(clean(text)) in flat(steady(app))
        await pilot.press("escape", "ctrl+s")
        app.screen.query_one(Input).value = f"{text}/x"
        await pilot.press("enter")
        steady(app)
