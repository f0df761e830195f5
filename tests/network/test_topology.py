"""A topology that is wrong says which field, with its path."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fwtutor.network.topology import HostSpec, LinkSpec, Topology, UserSpec
from fwtutor.network.world import World

A = HostSpec("a", {"eth0": ("10.0.0.1/24",)})
B = HostSpec("b", {"eth0": ("10.0.0.2/24",)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HostSpec("a b", {}), "hosts: 'a b' is no host name"),
        (lambda: HostSpec("a", {"x" * 16: ()}), "hosts.a.interfaces: 'xxxxxxxxxxxxxxxx' is no interface name"),
        (lambda: HostSpec("a", {"eth0": ("10.0.0.1/33",)}), "hosts.a.interfaces.eth0: '10.0.0.1/33' is no address"),
        (lambda: HostSpec("a", {"eth0": ()}, {"default": "eth1"}), "hosts.a.routes.default: a has no interface 'eth1'"),
        (lambda: HostSpec("a", {"eth0": ()}, {"nowhere": "eth0"}), "hosts.a.routes.nowhere: 'nowhere' is neither"),
        (lambda: HostSpec("a", {"eth0": ()}, {"default": ("eth0", "x")}), "hosts.a.routes.default: 'x' is no address"),
        (lambda: HostSpec("a", {}, {}, ("telnet:23",)), "hosts.a.services: 'telnet' is none of"),
        (lambda: HostSpec("a", {}, {}, ("ssh:0",)), "hosts.a.services: 'ssh:0' names no port"),
        (lambda: HostSpec("a", {}, {}, ("ssh",)), "hosts.a.services: 'ssh' names no port"),
        (lambda: HostSpec("a", {}, {}, ("ssh:x:22",)), "hosts.a.services: 'x' is no address"),
        (lambda: HostSpec("a", {}, {}, ("ssh:10.0.0.9:22",)), "hosts.a.services: 'ssh:10.0.0.9:22': a has no address"),
        (
            lambda: HostSpec("a", {}, {}, ("ssh:22", "app:127.0.0.1:22")),
            "hosts.a.services: 'app:127.0.0.1:22': ssh uses tcp port 22",
        ),
        (lambda: HostSpec("a", {}, {}, ("echo:53", "dns:53")), "hosts.a.services: 'dns:53': echo uses tcp port 53 already"),
        (lambda: HostSpec("a", {"eth0": ("2001:db8::1/64",)}, mtus={"eth0": 1000}), "hosts.a.mtus.eth0: 1000 is not between 1280"),
        (lambda: HostSpec("a", {}, users=(UserSpec("x", 7), UserSpec("y", 7))), "hosts.a.users.x: two users have this uid"),
        (lambda: HostSpec("a", {}, files={"/etc/../x": ""}), "hosts.a.files: '/etc/../x' is no absolute path"),
        (lambda: HostSpec("a", {}, files={"/x": "x" * 70_000}), "hosts.a.files./x: 70000 characters are more than 65536"),
        (lambda: UserSpec("a b", 7), "'a b' is no user name"),
        (lambda: UserSpec("root", 7), "uid 7 of root is not between"),
        (lambda: Topology((A, B), (LinkSpec("l", (), loss=2.0),)), "links.l.loss: 2.0 is not between 0 and 1"),
        (lambda: Topology((A, B), (LinkSpec("l", (), mtu=67),)), "links.l.mtu: 67 is not between 68"),
        (lambda: Topology((A, A)), "hosts.a: two hosts have this name"),
        (lambda: Topology((A, HostSpec("c", {"eth0": ("10.0.0.1/24",)}))), "hosts.c.interfaces.eth0: 10.0.0.1 is already a's"),
        (lambda: Topology((A, B), (LinkSpec("l", ("a:eth1",)),)), "links.l.joins: 'a:eth1' is no interface of a host"),
        (lambda: Topology((A,), (LinkSpec("l", ("a:eth0",)), LinkSpec("m", ("a:eth0",)))), "links.m.joins: 'a:eth0' is already joined"),
        (lambda: Topology((A, B), (LinkSpec("l", (), -1.0),)), "links.l.delay: -1.0 is not between"),
        (lambda: Topology((A, B), (LinkSpec("l", (), float("nan")),)), "links.l.delay: nan is not between"),
    ],
)
def test_a_wrong_field_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_wrong_sysctl_names_its_host_when_the_world_is_made() -> None:
    with pytest.raises(ValueError) as caught:
        World(Topology((HostSpec("a", {"eth0": ("10.0.0.1/24",)}, sysctls={"net.nothing": 1}),)))
    assert str(caught.value).startswith("hosts.a: sysctl net.nothing is not simulated")


def test_a_host_is_found_by_its_name() -> None:
    topology = Topology((A, B), (LinkSpec("l", ("a:eth0", "b:eth0")),))
    assert topology.host("b") is B
    with pytest.raises(KeyError):
        topology.host("c")
