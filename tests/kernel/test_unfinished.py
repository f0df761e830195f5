"""What of the box's own RSTs is summed up only when they leave: until then rules, and errors that quote them, have half a checksum."""

from __future__ import annotations

import pytest

from fwtutor.kernel.compare import compare
from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Observed, Setup, Shot
from fwtutor.netfilter import answers, craft
from fwtutor.netfilter.packet import SYN, Packet
from tests.kernel.talk import BOX, STRANGER, address, box, filtering
from tests.kernel.test_following import VARIANTS

ENDS = {4: (STRANGER, BOX), 6: (address("2001:db8:113::9"), address("2001:db8:113::1"))}
KNOCK = {family: craft.tcp(*ends, 4000, 22, SYN, 100, 0, family=family, id=1) for family, ends in ENDS.items()}
REFUSING = "-A INPUT -p tcp -j REJECT --reject-with tcp-reset"
MAKERS = pytest.mark.parametrize(("family", "refusing", "half"), [(4, REFUSING, True), (4, "", False), (6, REFUSING, False), (6, "", True)])


def has(family: int, half: bool, before: int = 0) -> str:
    """A match on the checksum of the RST that ``KNOCK`` meets, ``before`` so many bytes into the packet."""
    reset = Packet(answers.reset_for(Packet(KNOCK[family])))
    raw, at = (answers.as_kept(reset) if half else reset).raw, reset.l4 + 16
    return f'-m u32 --u32 "{before + at - 2}&0xffff={int.from_bytes(raw[at : at + 2], "big"):#x}"'


def knocked(kernel: Kernel, family: int, variant: str, *rules: str) -> tuple[Observed, ...]:
    text = filtering(*rules)
    interfaces = {**box().interfaces, "wan": (*box().interfaces["wan"], "2001:db8:113::1/64")}
    sysctls = {"net.ipv4.icmp_ratelimit": 0, "net.ipv6.icmp.ratelimit": 0}
    setup = Setup(interfaces, text if family == 4 else "", {"default": "wan"}, sysctls, variant=variant, rules6="" if family == 4 else text)
    found = compare(kernel, setup, [Shot(KNOCK[family], "wan")])
    assert not found.differences, str(found)
    return found.observation.packets


@MAKERS
@VARIANTS
def test_a_rule_that_looks_at_bytes_sees_half_a_checksum(kernel: Kernel, family: int, refusing: str, half: bool, variant: str) -> None:
    """Of REJECT's RST in IPv4, of the stack's own in IPv6; the others are summed up when they are made."""
    packets = knocked(
        kernel, family, variant, refusing, f"-A OUTPUT -p tcp {has(family, half)}", f"-A OUTPUT -p tcp {has(family, not half)}"
    )
    assert packets[-1].path[-2:] == ("filter:OUTPUT:rule:1", "filter:OUTPUT:policy:3")


@pytest.mark.parametrize(("refusing", "half"), [(REFUSING, False), ("", True)])
def test_an_error_about_the_stacks_reset_quotes_half_a_checksum(kernel: Kernel, refusing: str, half: bool) -> None:
    seen = f"-A INPUT -p icmpv6 {has(6, half, before=48)}"
    packets = knocked(kernel, 6, "legacy", refusing, "-A OUTPUT -p tcp -j REJECT", seen)
    assert packets[-1].path[-2] == f"filter:INPUT:rule:{2 if refusing else 1}"


@MAKERS
@VARIANTS
def test_so_does_a_copy(kernel: Kernel, family: int, refusing: str, half: bool, variant: str) -> None:
    gateway = {4: "203.0.113.200", 6: "2001:db8:113::200"}[family]
    rules = [f"-A OUTPUT -p tcp -m mark ! --mark 5 -j TEE --gateway {gateway}", f"-A OUTPUT -p tcp {has(family, half)}",
             f"-A OUTPUT -p tcp {has(family, not half)}"]  # fmt: skip
    packets = knocked(kernel, family, variant, refusing, *rules)
    assert packets[-1].path.count("filter:OUTPUT:rule:2") == 2
    quoted = f"-A INPUT -i lo -p icmp{'v6' if family == 6 else ''} {has(family, half, before=28 if family == 4 else 48)}"
    refused = "-A OUTPUT -p tcp -m conntrack --ctstate UNTRACKED -j REJECT"
    packets = knocked(kernel, family, variant, refusing, rules[0], refused, quoted)
    assert [packet.path.count(f"filter:INPUT:rule:{2 if refusing else 1}") for packet in packets][-1] == 1


@VARIANTS
def test_a_text_is_looked_for_in_half_a_checksum_too(kernel: Kernel, variant: str) -> None:
    reset = Packet(answers.reset_for(Packet(KNOCK[4])))
    text = answers.as_kept(reset).raw[36:38].hex()
    packets = knocked(kernel, 4, variant, REFUSING, f'-A OUTPUT -p tcp -m string --hex-string "|{text}|" --from 36 --algo kmp')
    assert packets[-1].path[-2] == "filter:OUTPUT:rule:1"
