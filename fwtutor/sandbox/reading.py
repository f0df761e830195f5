"""Reading a sandbox from its file, or from one that has only a network: TOML, read with distrust; nothing in it is executed.

The format is docs/sandbox.md's; ``writing`` writes it. Every error names the file, the line and the field.
"""

from __future__ import annotations

import re
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.course.model import LessonError
from fwtutor.course.networks import own_topology
from fwtutor.course.tables import Table, read_text
from fwtutor.netfilter.wallclock import LATEST
from fwtutor.network.captured import Captured
from fwtutor.network.prompt import MAX_LINE
from fwtutor.recording import Scenario, Scripted
from fwtutor.recording.scenario import Input
from fwtutor.sandbox.model import MAX_INPUTS, MAX_PACKETS, MAX_RUNS, Sandbox

VERSION = 1
MAX_BYTES = 8 << 20
MAX_SCRIPT = 2_000
MAX_TITLE = 120
MAX_NS = 10**17
"""ns: what stands in a file happens in the first three years."""
MAX_RAW = 65_535
"""Bytes of one packet."""
MOST = 2**31 - 1
_MAC = re.compile("([0-9a-f]{2}:){5}[0-9a-f]{2}")


def read(path: Path) -> Sandbox:
    """The sandbox in a file. Raises BadInput."""
    try:
        return parse(str(path), _text(path))
    except LessonError as error:
        raise BadInput(str(error)) from None


def _text(path: Path) -> str:
    try:
        real = path.resolve()
        return read_text(real.parent, real.name, MAX_BYTES)
    except LessonError as error:
        raise LessonError(path, error.line, error.field, error.reason) from None
    except (OSError, RuntimeError, ValueError) as error:
        raise LessonError(path, 0, "", f"cannot be read ({getattr(error, 'strerror', None) or error})") from None


def parse(name: str, text: str) -> Sandbox:
    """The sandbox that a text is. Raises LessonError; that an input has its place in a run, ``Sandbox.opened`` finds out."""
    table = Table.parse(name, text)
    version = table.number("version", VERSION, least=0, most=MOST)
    if version != VERSION:
        table.fail(f"is {version}; this fwtutor reads {VERSION}", "version")
    topology = own_topology(table, table.number("seed", 0, least=0, most=2**32 - 1))
    names = tuple(host.name for host in topology.hosts)
    watch = table.choice("watch", names, names[0])
    script = []
    for part in table.tables("script", most=MAX_SCRIPT):
        stage, host = part.number("stage", 0, least=0, most=999), part.choice("host", names)
        script.append(Scripted(stage, host, part.text("line", limit=MAX_LINE, typed=True), part.seconds("at", 0.0)))
        part.done()
    try:
        scenario = Scenario(
            topology, tuple(script), watch, stages=table.number("stages", 0, least=0, most=1000),
            captured=tuple(_packet(part) for part in table.tables("packets", most=MAX_PACKETS)),
            began=table.number("began", least=0, most=LATEST) if table.has("began") else None,
        )  # fmt: skip
    except ValueError as error:
        if isinstance(error, LessonError):
            raise
        table.fail(str(error))
    prompts = table.texts("prompts") or (watch, *(host for host in names if host != watch))
    for number, host in enumerate(prompts, 1):
        if host not in names or host in prompts[: number - 1]:
            table.fail(f'"{host[:40]}" is no host, or named twice', "prompts", number)
    runs = tuple(_inputs(part, names) for part in table.tables("runs", most=MAX_RUNS)) or ((),)
    run = table.number("run", 1, least=1, most=len(runs)) - 1
    cursor = -1, 0
    if table.has("cursor"):
        part = table.table("cursor")
        cursor = part.number("record", -1, least=-1, most=MOST), part.number("step", 0, least=0, most=MOST)
        part.done()
    title = table.text("title", table.text("network", "a network of your own"), limit=MAX_TITLE)
    table.done()
    return Sandbox(title, scenario, prompts, runs, run, cursor)


def _packet(part: Table) -> Captured:
    ns = part.number("ns", least=0, most=MAX_NS)
    text = part.text("hex", limit=2 * MAX_RAW)
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        part.fail("is not written in hexadecimal digits, two a byte", "hex")
    mac = part.text("mac", limit=17).lower() if part.has("mac") else None
    if mac is not None and not _MAC.fullmatch(mac):
        part.fail("is not a link address, like 00:11:22:33:44:55", "mac")
    packet = Captured(
        ns, part.text("in", limit=15) if part.has("in") else None, raw, part.choice("link", ("host", "broadcast", "multicast"), "host"),
        mac,
        *(part.number(key, 0, least=0, most=2**32 - 1) for key in ("uid", "gid", "mark")),
    )  # fmt: skip
    part.done()
    return packet


def _inputs(part: Table, names: tuple[str, ...]) -> tuple[Input, ...]:
    found = []
    for item in part.tables("inputs", most=MAX_INPUTS):
        stage, after, ns = (item.number(key, 0, least=0, most=most) for key, most in (("stage", 999), ("after", MOST), ("ns", MAX_NS)))
        found.append(Input(stage, after, ns, item.choice("host", names), item.text("line", limit=MAX_LINE, typed=True)))
        item.done()
    part.done()
    return tuple(found)
