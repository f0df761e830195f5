"""Making a sandbox: of a ready-made network or one's own file, with one's own rules for the watched host, and a capture's packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.capture import Seen
from fwtutor.course.answers import bare_firewall
from fwtutor.course.networks import MAX_RULES, ready_made, ready_network
from fwtutor.netfilter import Firewall
from fwtutor.network.captured import Captured
from fwtutor.network.topology import HostSpec
from fwtutor.recording import Scenario
from fwtutor.safefiles import open_regular
from fwtutor.sandbox.model import MAX_PACKETS, Sandbox
from fwtutor.sandbox.reading import MAX_NS, read
from fwtutor.trace.box import MAX_RULES_FILE, load_rules
from fwtutor.trace.run import trace

Note = Callable[[str], None]


def make(
    network: str, *, rules: Path | None = None, rules6: Path | None = None, capture: Path | None = None, watch: str = "",
    came_in: str | None = None, note: Note = lambda text: None,
) -> Sandbox:  # fmt: skip
    """The sandbox asked for: ``network`` is a name or a file. Raises BadInput."""
    sandbox = _found(network)
    scenario = sandbox.scenario
    if (rules or rules6 or capture or watch) and any(sandbox.runs):
        raise BadInput(f"{network}: it is a sandbox in which something was entered: its rules, packets and watched host are as they were")
    watch = watch or scenario.watch
    names = [host.name for host in scenario.topology.hosts]
    if watch not in names:
        raise BadInput(f"--watch {watch}: there is no such host; there are: {', '.join(names)}")
    host = scenario.topology.host(watch)
    host = replace(host, rules=_rules(host, rules, 4, note) if rules else host.rules)
    host = replace(host, rules6=_rules(host, rules6, 6, note) if rules6 else host.rules6)
    hosts = tuple(host if each.name == watch else each for each in scenario.topology.hosts)
    scenario = replace(scenario, topology=replace(scenario.topology, hosts=hosts), watch=watch)
    if capture is not None:
        scenario = _played(scenario, host, capture, came_in, note)
    prompts = sandbox.prompts if watch == sandbox.scenario.watch else (watch, *(name for name in sandbox.prompts if name != watch))
    return replace(sandbox, scenario=scenario, prompts=prompts)


def _found(network: str) -> Sandbox:
    titles = ready_made()
    if network in titles:
        topology = ready_network(network)
        names = tuple(host.name for host in topology.hosts)
        return Sandbox(f"{network}: {titles[network]}", Scenario(topology), names)
    path = Path(network)
    if "/" not in network and "." not in network and not path.exists():
        raise BadInput(f"there is no network {network!r}; there are: {', '.join(titles)}; or name a file")
    return read(path)


def _rules(host: HostSpec, path: Path, family: int, note: Note) -> str:
    """The text of a file of rules that the host takes. Raises BadInput that shows what is wrong in it."""
    firewall = bare_firewall(host)
    load_rules(firewall, path, note, family=family)
    with open_regular(path) as file:
        text = file.read(MAX_RULES_FILE).decode("utf-8")
    if len(text) > MAX_RULES:
        raise BadInput(f"{path}: has {len(text)} characters, and the rules of a sandbox's host may have {MAX_RULES}")
    return text


def _played(scenario: Scenario, host: HostSpec, path: Path, came_in: str | None, note: Note) -> Scenario:
    """With the packets of a capture, placed as ``trace`` places them on a box with these rules."""
    try:
        open_regular(path).close()  # a sandbox is whole before it is opened: nothing is waited for
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    firewall = _box(host)
    ipv6 = bool(firewall.ruleset(6).tables) or any(":" in text for addresses in host.interfaces.values() for text in addresses)
    traced = trace(firewall, path, fallback=came_in, ipv6=ipv6, note=note)
    found = list(islice(((each.seen, each.interface) for each in traced), MAX_PACKETS + 1))
    if not found:
        note(f"{path}: no packet in there for this box")
    if len(found) > MAX_PACKETS:
        note(f"{path}: the first {MAX_PACKETS} packets are taken")
    packets = tuple(_captured(seen, interface) for seen, interface in found[:MAX_PACKETS])
    if packets and packets[-1].at > MAX_NS:
        raise BadInput(f"{path}: it lasts longer than {MAX_NS // 10**9} seconds, and a sandbox may not")
    began = found[0][0].began if found else None
    return replace(scenario, captured=packets, began=scenario.began if began is None else began)


def _box(host: HostSpec) -> Firewall:
    firewall = bare_firewall(host)
    for rules, family in ((host.rules, 4), (host.rules6, 6)):
        if rules:
            firewall.load(rules, family=family)
    return firewall


def _captured(seen: Seen, interface: str | None) -> Captured:
    return Captured(seen.at, interface, seen.raw, seen.link, seen.mac, seen.uid, seen.gid, seen.mark)
