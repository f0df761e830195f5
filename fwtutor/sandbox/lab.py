"""A sandbox as what the lab plays: a lesson without goals and questions, whose one page says what there is and what can be done."""

from __future__ import annotations

from pathlib import Path

from fwtutor.course.model import Answer, Lesson, Stage
from fwtutor.network.topology import Topology
from fwtutor.recording import Scenario
from fwtutor.sandbox.model import Sandbox
from fwtutor.telling.network import hosts, links, qualities

NAME = "sandbox"
TYPE = (
    "`:` types at a host: `iptables`, `send`, `connect`, `curl`, `nmap` ...; `help` lists them all. `x` builds a packet, `S` keeps all "
    "this in a file. What you type in the past makes another run; the old one stays."
)


def as_lesson(sandbox: Sandbox) -> Lesson:
    """The lesson that the lab and plain mode take it for."""
    return Lesson(
        name=NAME, title="Sandbox", question=f"Sandbox: {sandbox.title}", minutes=0, chapter="", folder=Path(),
        scenario=sandbox.scenario, stages=(Stage("Sandbox", page(sandbox)),), goals=(), therefore="", next="", prompts=sandbox.prompts,
        on_server="", checks=(), seed=sandbox.scenario.topology.seed, solution=Answer(""),
    )  # fmt: skip


def default_file(lesson: Lesson) -> str:
    """What its file is called, when nobody says otherwise."""
    return f"{lesson.name}.fwt"


def page(sandbox: Sandbox) -> str:
    """The page, as a lesson's prose is written."""
    scenario = sandbox.scenario
    paragraphs = [
        f"{sandbox.title[:1].upper()}{sandbox.title[1:]}. You watch **{scenario.watch}**: the panes show its firewall.",
        _ahead(scenario),
        TYPE,
        _network(scenario.topology),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _ahead(scenario: Scenario) -> str:
    if scenario.captured:
        count = len(scenario.captured)
        packets = f"{count} packets of a capture lie" if count > 1 else "One packet of a capture lies"
        return f"{packets} ahead: step. They meet the rules of {scenario.watch}; its programs, and other hosts, do not see them."
    if scenario.script:
        return "What the lesson did lies ahead: step."
    return "Nothing happens here by itself: send something."


def _network(topology: Topology) -> str:
    lines = [f"- **{link.name}** ({qualities(link)}): {who}" for link, (_, who) in zip(topology.links, links(topology), strict=True)]
    lines += [f"- {name}: {what}" for name, what in hosts(topology) if what]
    return "\n".join(lines)
