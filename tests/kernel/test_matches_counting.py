"""What the kernel does with -m quota, -m statistic and -m connbytes, held against the engine."""

from __future__ import annotations

import random

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Order, Shot
from fwtutor.netfilter import craft
from tests.kernel.deciding import both_ways, played, setup, verdicts
from tests.kernel.talk import BOX, CLIENT, SERVER, STRANGER, Tcp

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])


def udp(size: int = 8, port: int = 53) -> Shot:
    return Shot(craft.udp(STRANGER, BOX, 4000, port, bytes(size), id=1), "wan")


def talk(seed: int, count: int) -> list[Item]:
    """Several conversations through the box at once, with packets of all sizes."""
    draw = random.Random(seed)
    items = list[Item]()
    for _ in range(count):
        port, size = 4000 + draw.randrange(8), draw.choice((0, 1, 100, 700, 1400))
        there = draw.random() < 0.6
        src, dst, sport, dport = (CLIENT, SERVER, port, 53) if there else (SERVER, CLIENT, 53, port)
        items.append(Shot(craft.udp(src, dst, sport, dport, bytes(size), id=1), "lan" if there else "wan"))
    return items


# --- quota ---------------------------------------------------------------------------------------------------


@VARIANTS
def test_a_quota_ends_for_all_with_the_first_packet_that_is_too_large(kernel: Kernel, variant: str) -> None:
    rule = "-A INPUT -m quota --quota 100 -j ACCEPT"
    assert verdicts(kernel, setup(variant, rule), [udp(8), udp(8), udp(1), udp(8), udp(0)]) == "AADDD"
    assert verdicts(kernel, setup(variant, rule), [udp(72), udp(0)]) == "AD"
    assert verdicts(kernel, setup(variant, rule), [udp(73), udp(0)]) == "DD"
    assert verdicts(kernel, setup(variant, "-A INPUT -m quota ! --quota 100 -j ACCEPT"), [udp(8), udp(8), udp(8), udp(0)]) == "DDAA"
    assert verdicts(kernel, setup(variant, "-A INPUT -m quota --quota 0 -j ACCEPT"), [udp(0)]) == "D"


@VARIANTS
def test_quotas_decide_both_ways(kernel: Kernel, variant: str) -> None:
    options = [f"-m quota {negated}--quota {size}" for negated in ("", "! ") for size in (800, 1000, 2000)]
    both_ways(kernel, variant, "INPUT", options, [udp(number % 9) for number in range(90)])


@pytest.mark.parametrize("line", ["-A FORWARD -p tcp", "-Z", "-S", "-L -n"])
@VARIANTS
def test_a_quota_is_as_at_first_when_its_rule_is_written_anew(kernel: Kernel, line: str, variant: str) -> None:
    items: list[Item] = [udp(), udp(), Order(line), udp(), udp()]
    new = line == "-Z" or (variant == "legacy" and line.startswith("-A"))
    expected = "ADAD" if new else "ADDD"
    assert verdicts(kernel, setup(variant, "-A INPUT -m quota --quota 50 -j ACCEPT"), items) == expected


# --- statistic -----------------------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize(
    ("options", "expected"),
    [("--every 3 --packet 0", "ADDADDAD"), ("--every 3 --packet 1", "DADDADDA"), ("--every 3 --packet 2", "DDADDADD"),
     ("! --every 3 --packet 0", "DAADAADA"), ("--every 1 --packet 0", "AAAAAAAA"), ("--every 4294967295 --packet 4294967294", "DDDDDDDD"),
     ("--every 4294967295 --packet 0", "ADDDDDDD"),
     ("! --every 1 --packet 0", "DDDDDDDD")],
)  # fmt: skip
def test_every_nth(kernel: Kernel, options: str, expected: str, variant: str) -> None:
    assert verdicts(kernel, setup(variant, f"-A INPUT -m statistic --mode nth {options} -j ACCEPT"), [udp()] * 8) == expected


@VARIANTS
def test_nth_decides_both_ways(kernel: Kernel, variant: str) -> None:
    options = [
        f"-m statistic --mode nth {negated}--every {every} --packet {every - 1 - more}"
        for negated in ("", "! ") for every in (2, 3, 4) for more in (0, 1)
    ]  # fmt: skip
    both_ways(kernel, variant, "INPUT", options, [udp()] * 90)


@VARIANTS
def test_certainty_is_certain(kernel: Kernel, variant: str) -> None:
    options = ["--probability 1", "--probability 0", "! --probability 1", "! --probability 0", "--probability nan"]
    rules = [f"-A INPUT -m statistic --mode random {option} -j {target}" for option, target in zip(options, "abcde", strict=True)]
    packets = played(kernel, setup(variant, *rules, "-A INPUT -j ACCEPT", chains="abcde"), [udp()] * 30)
    assert {packet.path for packet in packets} == {packets[0].path}
    assert [f"filter:INPUT:rule:{number}" in packets[0].path for number in range(1, 6)] == [True, False, False, True, False]


@VARIANTS
@pytest.mark.parametrize("options", ["--probability 0.5", "! --probability 0.7", "--probability 0.2"])
def test_chance_is_chance_in_both(kernel: Kernel, options: str, variant: str) -> None:
    """No more can be said than that both let about as many packets in; to miss these bounds takes luck of one in ten million."""
    from fwtutor.kernel.compare import engine_for

    box = setup(variant, f"-A INPUT -m statistic --mode random {options} -j ACCEPT")
    theirs = sum(packet.verdict == "ACCEPT" for packet in kernel.play(box, [udp()] * 400).packets if packet.shot >= 0)
    engine = engine_for(box)
    ours = sum(engine.receive(udp().raw, on="wan", at=0).verdict == "ACCEPT" for _ in range(400))
    part = float(options.split()[-1])
    wanted = 400 * (1 - part if "!" in options else part)
    assert abs(theirs - wanted) < 54
    assert abs(ours - wanted) < 54


# --- connbytes -----------------------------------------------------------------------------------------------


@VARIANTS
def test_what_connections_carried_decides_both_ways(kernel: Kernel, variant: str) -> None:
    amounts = {"packets": ("5", "3:9", "8"), "bytes": ("2000", "500:3000", "1500:9000"), "avgpkt": ("400", "200:500", "28:450")}
    options = [
        f"-m connbytes {negated}--connbytes {amount} --connbytes-dir {way} --connbytes-mode {mode}"
        for mode, given in amounts.items() for amount in given for way in ("original", "reply", "both") for negated in ("", "! ")
    ]  # fmt: skip
    both_ways(kernel, variant, "FORWARD", options, talk(3, 200))


@VARIANTS
def test_the_packet_itself_is_counted_and_both_ends_are_included(kernel: Kernel, variant: str) -> None:
    rule = "-A FORWARD -m connbytes --connbytes 2:3 --connbytes-dir both --connbytes-mode packets -j ACCEPT"
    assert verdicts(kernel, setup(variant, rule), [talk(3, 1)[0]] * 5) == "DDDDD"
    keep = "-A FORWARD -m connbytes ! --connbytes 2:3 --connbytes-dir both --connbytes-mode packets -j ACCEPT"
    one = Shot(craft.udp(CLIENT, SERVER, 4000, 53, id=1), "lan")
    assert verdicts(kernel, setup(variant, keep), [one] * 5) == "ADDAA"


@VARIANTS
def test_what_is_not_tracked_never_holds(kernel: Kernel, variant: str) -> None:
    rules = [f"-A FORWARD -m connbytes {no}--connbytes 0:5 --connbytes-dir both --connbytes-mode packets -j ACCEPT" for no in ("", "! ")]
    assert verdicts(kernel, setup(variant, *rules), [Tcp().client("R"), Tcp().client("SF")]) == "DD"


@VARIANTS
def test_connections_that_began_before_the_rule_have_no_counters(kernel: Kernel, variant: str) -> None:
    first = "-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT"
    line = "-I FORWARD -m connbytes --connbytes 0: --connbytes-dir both --connbytes-mode bytes -j DROP"
    old, new = (Shot(craft.udp(CLIENT, SERVER, port, 53, id=1), "lan") for port in (4000, 5000))
    items: list[Item] = [old, Order(line), old, new, Order("-D FORWARD 1"), new, old]
    assert verdicts(kernel, setup(variant, first), items) == "AADAA"
