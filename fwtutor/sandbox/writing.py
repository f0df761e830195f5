"""Writing a sandbox down: TOML that a person can read, and change. ``reading`` reads it back; docs/sandbox.md describes it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.network.captured import Captured
from fwtutor.network.topology import HostSpec, LinkSpec, UserSpec
from fwtutor.recording.scenario import Input, Scripted
from fwtutor.sandbox.model import MAX_INPUTS, Sandbox
from fwtutor.sandbox.reading import MAX_BYTES, VERSION

Value = str | int | float | tuple[str, ...] | Mapping[str, object]
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


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
    put(data, path, replace=replace)


def put(data: bytes, path: Path, *, replace: bool = False) -> None:
    """Writes a file: whole or not at all. Raises FileExistsError where there is one that is not to be replaced."""
    handle, name = tempfile.mkstemp(prefix=".fwtutor-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        if replace:
            temporary.replace(path)
        else:
            _take_name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _take_name(temporary: Path, path: Path) -> None:
    """Gives the file its name, unless somebody has it: a link is made or not made, and nothing comes between."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links.
        if os.path.lexists(path):
            raise FileExistsError(17, "there is a file of that name", str(path)) from None
        temporary.replace(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


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
    lines = ["# A sandbox of fwtutor: open it with `fwtutor sandbox FILE`. The format is described in docs/sandbox.md.", *_fields(top)]
    lines += _list("script", map(_script, scenario.script))
    lines += _list("packets", map(_packet, scenario.captured))
    for run in sandbox.runs:
        lines += ["", "[[runs]]", *(_list("inputs", map(_input, run)) or ["inputs = []"])]
    for host in scenario.topology.hosts:
        lines += ["", f"[hosts.{_key(host.name)}]", *_fields(_host(host))]
    for link in scenario.topology.links:
        lines += ["", "[[links]]", *_fields(_link(link))]
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


# --- TOML -----------------------------------------------------------------------------------------------------


def _fields(fields: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_lines(value) or _value(value)}" for key, value in fields.items()]


def _list(key: str, items: Iterable[Mapping[str, object]]) -> list[str]:
    """A list of small tables, one a line; nothing if there are none."""
    rows = [f"  {_value(item)}," for item in items]
    return [f"{key} = [", *rows, "]"] if rows else []


def _key(text: str) -> str:
    return text if _BARE.match(text) else _string(text)


def _value(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)


def _string(text: str) -> str:
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _lines(value: object) -> str:
    """A text of whole lines as such; "" for any other value."""
    if not isinstance(value, str) or not value.endswith("\n"):
        return ""
    text = "".join(letter if letter in '\n\t"' else _escaped(letter) for letter in value)
    return '"""\n' + text.replace('"""', '""\\"') + '"""'


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return letter if letter.isprintable() else f"\\u{ord(letter):04x}" if ord(letter) < 65536 else f"\\U{ord(letter):08x}"
