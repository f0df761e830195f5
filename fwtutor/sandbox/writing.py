"""Writing a sandbox down: TOML that a person can read, and change. ``reading`` reads it back; docs/sandbox.md describes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.network.captured import Captured
from fwtutor.network.topology import HostSpec, LinkSpec, UserSpec
from fwtutor.recording.scenario import Input, Scripted
from fwtutor.safefiles import write_whole
from fwtutor.sandbox.model import MAX_INPUTS, Sandbox
from fwtutor.sandbox.reading import MAX_BYTES, VERSION
from fwtutor.tomlwriting import field_lines, key_text, small_tables

Value = str | int | float | tuple[str, ...] | Mapping[str, object]


def save(sandbox: Sandbox, path: Path, *, replace: bool = False) -> None:
    """Writes it to a file: whole or not at all. Raises FileExistsError where there is one that is not to be replaced, and BadInput."""
    if any(len(inputs) > MAX_INPUTS for inputs in sandbox.runs):
        raise BadInput(f"{path}: more than {MAX_INPUTS} things were entered in a run, which is what can be opened again")
    text = written(sandbox)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"{path}: a command holds what is no text, and cannot be kept") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: this would be larger than {MAX_BYTES >> 20} MiB, which is what can be opened again")
    write_whole(path, data, replace=replace)


def written(sandbox: Sandbox) -> str:
    """The text of its file."""
    scenario = sandbox.scenario
    top: dict[str, Value] = {"version": VERSION, "title": sandbox.title, "watch": scenario.watch, "seed": scenario.topology.seed}
    if scenario.stages:
        top["stages"] = scenario.stages
    if scenario.began is not None:
        top["began"] = scenario.began
    top |= {"prompts": sandbox.prompts, "run": sandbox.run + 1}
    top["cursor"] = {"record": sandbox.cursor[0], "step": sandbox.cursor[1]}
    lines = ["# A sandbox of fwtutor: open it with `fwtutor sandbox FILE`. The format is described in docs/sandbox.md.", *field_lines(top)]
    lines += small_tables("script", map(_script, scenario.script))
    lines += small_tables("packets", map(_packet, scenario.captured))
    for run in sandbox.runs:
        lines += ["", "[[runs]]", *(small_tables("inputs", map(_input, run)) or ["inputs = []"])]
    for host in scenario.topology.hosts:
        lines += ["", f"[hosts.{key_text(host.name)}]", *field_lines(_host(host))]
    for link in scenario.topology.links:
        lines += ["", "[[links]]", *field_lines(_link(link))]
    return "\n".join(lines) + "\n"


def _script(line: Scripted) -> dict[str, Value]:
    return {"stage": line.stage, "host": line.host, "line": line.line, "at": float(line.at)}


def _input(entered: Input) -> dict[str, Value]:
    return {"stage": entered.stage, "after": entered.after, "ns": entered.at, "host": entered.host, "line": entered.line}


def _packet(packet: Captured) -> dict[str, Value]:
    fields: dict[str, Value] = {"ns": packet.at}
    if packet.interface is not None:
        fields["in"] = packet.interface
    fields["hex"] = packet.raw.hex()
    if packet.link != "host":
        fields["link"] = packet.link
    if packet.mac is not None:
        fields["mac"] = packet.mac
    return fields | {key: value for key in ("uid", "gid", "mark") if (value := getattr(packet, key))}


def _host(host: HostSpec) -> dict[str, Value]:
    fields: dict[str, Value] = {"title": host.title, "interfaces": host.interfaces, "routes": host.routes, "mtus": host.mtus}
    fields |= {"sysctls": host.sysctls, "services": host.services, "users": {user.name: _user(user) for user in host.users}}
    fields |= {"files": host.files, "rules": host.rules, "rules6": host.rules6}
    return {key: value for key, value in fields.items() if value or key == "interfaces"}


def _user(user: UserSpec) -> dict[str, object]:
    return {"uid": user.uid, **({"password": user.password} if user.password else {})}


def _link(link: LinkSpec) -> dict[str, Value]:
    fields: dict[str, Value] = {"name": link.name, "joins": link.joins, "delay": float(link.delay)}
    if link.loss:
        fields["loss"] = float(link.loss)
    if link.mtu:
        fields["mtu"] = link.mtu
    if link.discovery:
        fields["discovery"] = True
    return fields | ({} if link.arp else {"arp": False})
