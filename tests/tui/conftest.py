"""A lesson of two pages made by hand, and the application on it, still and without a wall clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fwtutor.course.model import Answer, Chapter, Choice, Course, Goal, Lesson, Prediction, Stage
from fwtutor.course.patterns import Pattern
from fwtutor.course.progress import Progress
from fwtutor.course.queries import PacketAsk, PacketSeen, Selection
from fwtutor.judging import judge
from fwtutor.kernel.compare import Comparison, Difference, engine_for
from fwtutor.kernel.observation import Item, KernelEntry, Observation, Observed, Order, Ordered, Setup
from fwtutor.network.topology import HostSpec, LinkSpec, Topology
from fwtutor.recording import Scenario, Scripted
from fwtutor.telling import judged
from fwtutor.tui.app import FwtutorApp
from fwtutor.tui.screens.lab import LabScreen

RULES = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT
-A INPUT -s 192.168.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
"""
STATELESS = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 1337 -j ACCEPT
COMMIT
"""
BOTH = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
QUESTION = ("end", "end", "end")
"""Keys from the beginning of the lesson to its question: to the end of the first page, over to the second, to its packet."""
OPEN = Pattern.parse("tcp 203.0.113.9:4000 > 203.0.113.1:1337 SYN")
SHOT = Pattern.parse("tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN")


def topology(rules: str = RULES) -> Topology:
    server = HostSpec("server", {"wan": ("203.0.113.1/24",), "lan": ("192.168.0.1/16",)}, {"default": "wan"}, ("ssh:22", "app:1337"), rules)
    attacker = HostSpec("attacker", {"eth0": ("203.0.113.9/24",)}, {"default": "eth0"})
    return Topology((server, attacker), (LinkSpec("wan", ("server:wan", "attacker:eth0")),))


def make_lesson(*, rules: str = RULES, title: str = "Too open?", text: str = "Step, and look. *Twice*.", name: str = "tiny") -> Lesson:
    """Page one opens a connection to 1337, page two tries 22 from the same port, and asks before it what the packet will be."""
    script = (
        Scripted(0, "attacker", "connect 203.0.113.1:1337 from 4000"),
        Scripted(1, "attacker", "send tcp 203.0.113.9:4000 > 203.0.113.1:22 SYN"),
    )
    prediction = Prediction(
        "shot", "What will the firewall call the SYN to 22?",
        (
            Choice("NEW", "NEW", "Another port, another tuple."),
            Choice("ESTABLISHED", "ESTABLISHED", "An entry is a pair of ports, too."),
            Choice("RELATED", "RELATED", "Friends of friends are not related."),
        ),
        PacketAsk(Selection(SHOT, "server"), "ctstate"), "NEW",
    )  # fmt: skip
    return Lesson(
        name=name, title=title, question="Am I one step nearer to 22?", minutes=5, chapter="State", folder=Path("."),
        scenario=Scenario(topology(rules), script, "server"),
        stages=(
            Stage("A door", text, (), ("Press space.", "Really: press space.")),
            Stage("A step nearer?", "Now the other door.", (prediction,)),
        ),
        goals=(
            Goal("open", "open a connection to 1337", PacketSeen(Selection(OPEN, "server"), (("verdict", "ACCEPT"),))),
            Goal("drop", "see 22 refuse you", PacketSeen(Selection(SHOT, "server"), (("verdict", "DROP"),))),
        ),
        therefore="Change one port and you are a stranger.", next="", prompts=("attacker", "server"), on_server="`conntrack -L`",
        checks=(), seed=1, solution=Answer("solution.rules", RULES),
    )  # fmt: skip


def make_course(*lessons: Lesson) -> Course:
    return Course("Firewalls", Path("."), (Chapter("State", "What NEW is.", lessons or (make_lesson(),)),))


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FWTUTOR_STILL", "1")
    monkeypatch.setenv("FWTUTOR_ASCII", "0")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FWTUTOR_THEME", raising=False)


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    return Progress(tmp_path / "progress.json")


def screen_text(app: FwtutorApp) -> str:
    """What the terminal shows now, row by row."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def pane_text(app: FwtutorApp, selector: str) -> str:
    """What one pane shows, its rows joined to running text."""
    region = app.screen.query_one(selector).scrollable_content_region
    rows = screen_text(app).split("\n")[region.y : region.bottom]
    return " ".join(" ".join(row[region.x : region.right] for row in rows).split())


def lab_of(app: FwtutorApp) -> LabScreen:
    return next(screen for screen in reversed(app.screen_stack) if isinstance(screen, LabScreen))


Playing = Callable[..., AbstractAsyncContextManager[tuple[FwtutorApp, Pilot[int]]]]


@pytest.fixture
def playing(progress: Progress) -> Playing:
    """``async with playing(lesson, size=(80, 24)) as (app, pilot)``: the application with that lesson open."""

    @asynccontextmanager
    async def play(
        lesson: Lesson | None = None, *, size: tuple[int, int] = (120, 40), on_map: bool = False, course: Course | None = None
    ) -> AsyncIterator[tuple[FwtutorApp, Pilot[int]]]:
        lesson = lesson or make_lesson()
        app = FwtutorApp(course or make_course(lesson), progress, None if on_map else lesson)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield app, pilot

    return play


Press = Callable[[Pilot[int], str], Awaitable[None]]


async def type_text(pilot: Pilot[int], text: str) -> None:
    """Type as a person would, into whatever has the focus."""
    names = {" ": "space", ":": "colon", "-": "minus", ".": "full_stop", "/": "slash", ">": "greater_than_sign", ",": "comma"}
    await pilot.press(*(names.get(letter, letter) for letter in text))


# --- a kernel to ask ------------------------------------------------------------------------------------------

ENTRY = KernelEntry(6, "src=203.0.113.9 dst=203.0.113.1 sport=4000 dport=1337", "src=203.0.113.1 ...", 0, 119, 0, "SYN_SENT", 1)


class Puppet:
    """Says of every packet what the engine says; asked is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Setup, Sequence[Item]]] = []
        self.differences: tuple[Difference, ...] = ()

    def put(self, kernel: object, question: object) -> Comparison:
        setup, items = question.setup, question.items  # type: ignore[attr-defined]
        self.asked.append((setup, items))
        firewall = engine_for(setup)
        packets: list[Observed] = []
        orders = []
        for number, item in enumerate(items):
            if isinstance(item, Order):
                firewall.iptables(item.line)
                orders.append(Ordered(len(packets), item.at, item.line, 0, ""))
                continue
            walk = firewall.send(item.raw, at=item.at) if item.on is None else firewall.receive(item.raw, item.on, at=item.at)
            logged = tuple((step.prefix, step.packet.raw) for step in walk.logged)
            states = tuple((hook, state) for hook, state in walk.states)
            packets.append(
                Observed(number, item.raw, item.on, item.at, 0, walk.verdict, walk.to, tuple(walk.path), states, (), ENTRY, logged=logged)
            )
        return Comparison(setup, tuple(items), Observation(tuple(packets), "", (), 0.0, tuple(orders)), self.differences)


@pytest.fixture
def puppet(monkeypatch: pytest.MonkeyPatch) -> Puppet:
    made = Puppet()

    class Nobody:
        def stop(self) -> None:
            pass

    @contextmanager
    def in_reach() -> Iterator[Nobody]:
        yield Nobody()

    monkeypatch.setattr(judge, "in_reach", in_reach)
    monkeypatch.setattr(judge, "put", made.put)
    monkeypatch.setattr(judged, "release", lambda: "6.18.0")
    return made
