"""Tab at a prompt: tools, their words, the options of rules, hosts; and on an empty line the next host."""

from __future__ import annotations

import pytest

from fwtutor.course.loader import find_lesson
from fwtutor.network.host import Host
from fwtutor.recording import Session
from fwtutor.telling.completing import complete, grown
from fwtutor.tui.widgets.command_line import CommandLine, OutputView
from tests.tui.conftest import Playing, type_text


@pytest.fixture(scope="module")
def server() -> Host:
    session = Session(find_lesson("too-open").scenario)
    session.cursor.to_end()
    session.enter("server", "iptables -N VISITORS")
    return session.run.world.hosts["server"]


@pytest.mark.parametrize(
    ("line", "longer"),
    [
        ("trac", "traceroute "),
        ("iptables-s", "iptables-save "),
        ("sudo conn", "sudo conn"),
        ("conntrack -", "conntrack -"),
        ("ping atta", "ping attacker "),
        ("iptables -A INPUT -m conntr", "iptables -A INPUT -m conntrack "),
        ("iptables -A INPUT -m conntrack --ctst", "iptables -A INPUT -m conntrack --ctstat"),
        ("iptables -A INPUT -m conntrack --ctstate NEW,ESTAB", "iptables -A INPUT -m conntrack --ctstate NEW,ESTABLISHED "),
        ("iptables -A INPUT -j VIS", "iptables -A INPUT -j VISITORS "),
        ("iptables -A INPUT -i w", "iptables -A INPUT -i wan "),
        ("iptables -t nat -A PREROUTING -j DNA", "iptables -t nat -A PREROUTING -j DNAT "),
        ("sysctl net.ipv4.ip_f", "sysctl net.ipv4.ip_forward "),
        ("nothing-like-it x", "nothing-like-it x"),
        ("iptables -A INPUT -m comment --comment 'x", "iptables -A INPUT -m comment --comment 'x"),
    ],
)
def test_a_word_grows_as_far_as_it_is_certain(server: Host, line: str, longer: str) -> None:
    assert grown(line, complete(server, ("server", "attacker", "alice"), line)) == longer


async def test_tab_completes_lists_and_on_an_empty_line_goes_to_the_next_host(playing: Playing) -> None:
    async with playing() as (app, pilot):
        await pilot.press("colon", "tab")
        command = app.screen.query_one(CommandLine)
        host = command.host
        await type_text(pilot, "iptables-s")
        await pilot.press("tab")
        assert (command.field.value, command.host) == ("iptables-save ", host)
        command.field.value = "iptables -A INPUT -m con"
        command.field.cursor_position = len(command.field.value)
        await pilot.press("tab")
        assert command.field.value == "iptables -A INPUT -m conn"
        await pilot.press("tab")
        output = app.screen.query_one(OutputView)
        assert output.display
        assert "connlimit" in "\n".join(output.row(y).text for y in range(output.count()))
        await pilot.press("shift+tab")
        assert command.host != host
