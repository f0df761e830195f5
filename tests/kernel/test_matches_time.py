"""What the kernel does with -m time, held against the engine: by the clock on the wall, whatever the time is when this is played."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fwtutor.kernel.kernel import Kernel
from fwtutor.kernel.observation import Item, Shot
from fwtutor.netfilter import craft
from tests.kernel import six, talk
from tests.kernel.deciding import played, setup, verdicts
from tests.kernel.talk import BOX, STRANGER

VARIANTS = pytest.mark.parametrize("variant", ["legacy", "nft"])
LEAST = 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OPTIONS = ("--datestart", "--datestop", "--timestart", "--timestop", "--monthdays", "--weekdays", "--kerneltz", "--localtz", "--utc",
           "--contiguous")  # fmt: skip


def now() -> datetime:
    """At least half a minute before midnight, so that nothing here goes past that."""
    found = datetime.now(UTC)
    if (found.hour, found.minute) == (23, 59) and found.second >= 30:
        time.sleep(61 - found.second)
        found = datetime.now(UTC)
    return found.replace(microsecond=0)


def udp(at: float) -> Shot:
    return Shot(craft.udp(STRANGER, BOX, 4000, 53, b"when", id=1), "wan", at)


def rules_at(moment: datetime) -> list[str]:
    """Rules that hold before and do not from then on, or the other way round; of days, some that hold today and some that do not."""
    at, day = f"{moment:%H:%M:%S}", moment.weekday()
    before = f"{moment - timedelta(seconds=1):%H:%M:%S}"
    today, other = DAYS[day], DAYS[(day + 3) % 7]
    month, others = moment.day, (moment + timedelta(days=3)).day
    yesterday = moment - timedelta(days=1)
    late = "--timestart 23:59:59 --timestop 23:59:59"
    return [
        f"--datestart {moment:%Y-%m-%dT%H:%M:%S}", f"--datestop {moment - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}",
        f"--timestart {at}", f"--timestop {before}", f"--timestart {at} --timestop {before}", f"--timestart {before} --timestop 00:00:00",
        f"--weekdays {today},{DAYS[(day + 1) % 7]}", f"--weekdays {other}", f"! --weekdays {today}", f"! --weekdays {other}",
        f"--monthdays {month}", f"--monthdays {others}", f"! --monthdays {month}", f"! --monthdays {others}",
        f"--timestart {at} --kerneltz", f"--timestart {at} --localtz", f"--timestart {at} --utc",
        f"{late} --contiguous --weekdays {today}", f"{late} --contiguous --weekdays {DAYS[yesterday.weekday()]}",
        f"{late} --contiguous --monthdays {yesterday.day}", f"{late} --contiguous --monthdays {month}",
        f"--timestart {at} --timestop {before} --contiguous --weekdays {DAYS[yesterday.weekday()]}",
    ]  # fmt: skip


def decided(kernel: Kernel, variant: str, family: int, ahead: int) -> dict[str, list[int]]:
    """By option, how often rules with it held and did not, around a moment that is so many seconds ahead."""
    matches = rules_at(now() + timedelta(seconds=ahead))
    rules = [f"-A PREROUTING -m time {one}" for one in matches]
    text = "\n".join(["*mangle", *rules, "COMMIT", ""])
    ends = (STRANGER, BOX) if family == 4 else (talk.address("2001:db8:1::5"), talk.address("2001:db8:2::80"))
    items: list[Item] = [Shot(craft.udp(*ends, 4000, 53, family=family, id=1), "wan", at) for at in (0.0, ahead + 1.5) for _ in range(25)]
    box = talk.box(text) if family == 4 else six.box(text)
    packets = played(kernel, replace(box, variant=variant), items)
    counts = {option: [0, 0] for option in OPTIONS}
    for number, one in enumerate(matches, 1):
        held = sum(f"mangle:PREROUTING:rule:{number}" in packet.path for packet in packets)
        for option in OPTIONS:
            if option in one.split():
                counts[option][0] += held
                counts[option][1] += len(packets) - held
    return counts


@VARIANTS
@pytest.mark.parametrize("family", [4, 6])
def test_every_option_decides_both_ways(kernel: Kernel, variant: str, family: int) -> None:
    # Until the first packet comes, some time goes by: where that was too long, again.
    counts = [decided(kernel, variant, family, ahead) for ahead in (2,)]
    for ahead in (5, 20):
        if min(map(min, counts[-1].values())) < LEAST:
            counts.append(decided(kernel, variant, family, ahead))
    assert min(map(min, counts[-1].values())) >= LEAST, counts[-1]


@VARIANTS
def test_both_ends_are_included_to_the_second(kernel: Kernel, variant: str) -> None:
    moment = now() + timedelta(seconds=10)
    rule = f"-A INPUT -m time --datestart {moment:%Y-%m-%dT%H:%M:%S} --datestop {moment:%Y-%m-%dT%H:%M:%S} -j ACCEPT"
    times: Sequence[Item] = [udp(0.25 * number) for number in range(52)]
    said = verdicts(kernel, setup(variant, rule), times)
    assert 3 <= said.count("A") <= 5
    assert said.strip("D") == "A" * said.count("A")
