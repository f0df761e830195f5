"""A review comes to an end, whatever the rules are."""

from __future__ import annotations

import pytest

from fwtutor.netfilter import Firewall
from fwtutor.review import dead as review
from fwtutor.review.boxes import MOST_BOXES, MOST_FIELDS, MOST_NAMES, Space
from fwtutor.review.dead import Dead, dead


def found(*rules: str) -> list[Dead]:
    firewall = Firewall(interfaces={})
    firewall.restore("\n".join(["*filter", *rules, "COMMIT", ""]))
    return dead(firewall.ruleset())


def test_a_rule_of_many_parts_is_thought_of_in_few_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty lists of ports on either side would be 2^30 boxes."""
    sizes = []
    own = review._Survey._region
    monkeypatch.setattr(review._Survey, "_region", lambda survey, parts: sizes.append(own(survey, parts)) or sizes[-1])
    ports = " ".join(f"-m multiport --ports {n}:{n + 1000}" for n in range(30))
    assert not found(f"-A INPUT -p tcp {ports} -j DROP")
    assert all(len(region.may) <= MOST_BOXES and len(region.must) <= MOST_BOXES for region in sizes)


def test_what_is_left_never_has_many_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    widest = 0
    own = Space.remaining

    def remaining(space: Space, *arguments: object, **more: object) -> list[object]:
        nonlocal widest
        left = own(space, *arguments, **more)
        widest = max(widest, *(len(box) for box in left), 0)
        return left

    monkeypatch.setattr(Space, "remaining", remaining)
    assert not found(*(f"-A INPUT -m mark --mark {n} -j DROP" for n in range(200)))
    assert widest <= MOST_FIELDS


def test_where_there_are_very_many_interfaces_each_stands_for_itself() -> None:
    rules = [f"-A INPUT -i eth{n} -j DROP" for n in range(MOST_NAMES + 1)]
    assert not found(*rules)
    assert [one.number for one in found(*rules, "-A INPUT -i eth5 -j DROP")] in ([], [MOST_NAMES + 2])


def test_who_takes_a_packet_is_looked_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = ["-A INPUT -s 10.0.0.0/9 -j DROP", "-A INPUT -s 10.128.0.0/9 -j DROP", "-A INPUT -s 10.0.0.0/8 -j DROP"]
    assert [one.why for one in found(*rules)] == ["rules 1 and 2 take every packet it is for"]
    monkeypatch.setattr(review, "PATIENCE", 1)
    assert [one.why for one in found(*rules)] == ["the rules before it take every packet it is for"]
