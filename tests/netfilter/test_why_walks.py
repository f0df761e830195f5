"""Why, put to the test on a thousand random walks: whatever an answer names is changed, and the outcome changes accordingly.

A condition is asked of the engine alone, as a rule without a target in the place of the rule it is from, as it is and turned around. A rule
is taken out, a policy turned, an entry or an expectation removed, a number moved to the edge of the window, a packet given the tuple of
the entry it missed.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from fwtutor.netfilter import Firewall
from fwtutor.netfilter.addresses import parse_address
from fwtutor.netfilter.conntrack.entry import INVALID, NEW, RELATED, UNTRACKED, Entry
from fwtutor.netfilter.conntrack.expectation import Expectation
from fwtutor.netfilter.conntrack.expectations import DELETED
from fwtutor.netfilter.conntrack.nat.applying import translated
from fwtutor.netfilter.conntrack.tuples import tuple_of
from fwtutor.netfilter.craft import transport_checksum
from fwtutor.netfilter.deciding import decider
from fwtutor.netfilter.derive import changes_of
from fwtutor.netfilter.events import EXPECTATION as EXPECTATION_NEWS
from fwtutor.netfilter.packet import TCP, UDP, Packet
from fwtutor.netfilter.state import ENTRY
from fwtutor.netfilter.steps import Change, ExpectationMet, LookedUp, PolicyApplied, RuleTried, Translated
from fwtutor.netfilter.walk import Walk
from fwtutor.netfilter.why import nearest_entry, why
from fwtutor.netfilter.why_rule import about
from fwtutor.netfilter.why_state import acknowledged, describe_entry, evidence, window
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.rule import Condition, NatTarget, Rule, StatefulMatch
from tests.netfilter.counterfactual import Place, Trial, place_of, trials, tried_at

STARTS = (6, 35, 39, 51, 54, 58, 64, 124, 145, 167, 232, *range(7_000, 7_900, 100))
"""Cases from which the walks are taken; the first ones expect connections, or leave some untracked."""
WALKS = 50
"""From each."""


# --- a condition, asked alone ---------------------------------------------------------------------------------


def probe(step: RuleTried, number: int) -> tuple[str, str] | None:
    """Condition ``number`` of a tried rule as a rule of its own, (as it is, turned around); what stands before it held.

    None: it cannot be asked alone (it remembers, or the kernel asks it in other words than are listed).
    """
    rule, context = step.rule, step.context
    assert rule is not None
    assert context is not None
    if rule.decided_by is not None:
        return None
    header = rule.header.conditions(context)
    if number < len(header):
        text = header[number].text
        return text, _turned(text)
    at = len(header)
    for match in rule.matches:
        size = 1 if isinstance(match, StatefulMatch) else len(match.conditions(context))
        if at <= number < at + size:
            if isinstance(match, StatefulMatch):
                return None
            told = match.conditions(context)[: number - at + 1]
            before = " ".join(condition.text for condition in told[:-1])
            of = f"-p {protocol_name(rule.header.protocol)} " if rule.header.protocol and not rule.header.protocol_not else ""
            lead = f"{of}-m {match.name} {before}"
            return f"{lead} {told[-1].text}", f"{lead} {_turned(told[-1].text)}"
        at += size
    return None


def _turned(text: str) -> str:
    return text.removeprefix("! ") if text.startswith("! ") else f"! {text}"


def answers(trial: Trial, place: Place, asked: str) -> bool | None:
    """Whether a rule without a target that says ``asked`` matches in that place; None: the tool does not take it."""
    walk = trial.commands(f"-t {place.table} -I {place.chain} {place.number} {asked}")
    if walk is None:
        return None
    found = tried_at(walk, place)
    if found is None and remembering(trial):
        return None
    assert found is not None, f"{trial.name}: {place} is not reached with {asked!r}"
    return found.matched


ABSENT = (
    "there is no entry", "has no entry", "no entry to look at", "only --ctstate counts", "fragment", "no transport header", "cut short",
    "no flag", "NONE asks for", "no protocol", "without addresses",
)  # fmt: skip
"""What a packet has not got is neither so nor otherwise: turned around, the condition is false too."""


def check_condition(trial: Trial, step: RuleTried, number: int, condition: Condition, seen: Counter[str]) -> None:
    asked = probe(step, number)
    if asked is None:
        seen["condition not asked alone"] += 1
        return
    place = place_of(trial.steps, step)
    plain, turned = answers(trial, place, asked[0]), answers(trial, place, asked[1])
    told = f"{trial.name}: {step.rule and step.rule.save()}: {condition}"
    if plain is None:
        seen["condition refused alone"] += 1
        return
    assert plain == condition.held, told
    if turned is None:
        seen["condition that cannot be turned"] += 1
        return
    if not condition.held and not turned:
        assert any(word in condition.because for word in ABSENT), told
        seen["condition about what is not there"] += 1
        return
    assert turned != plain, told
    seen["condition"] += 1


VALUE = re.compile(r"(-s|-d|--sport|--dport) ([0-9a-f.:]+)(?:/(?:32|128))?")


def check_packet(trial: Trial, step: RuleTried, condition: Condition, seen: Counter[str]) -> None:
    """A packet that has the value a condition asked for in vain fits it; asked in raw, where nothing else has had a say."""
    packet, wanted = trial.walk.packet, VALUE.fullmatch(condition.text)
    rule, context = step.rule, step.context
    if (
        wanted is None
        or condition.held
        or rule is None
        or context is None
        or context.packet is not packet
        or packet.protocol not in (TCP, UDP)
    ):
        return
    key = tuple_of(packet)
    hook = "PREROUTING" if trial.walk.in_interface is not None else "OUTPUT"
    if key is None or (not wanted[2].isdecimal() and ":" in wanted[2] and packet.family == 4):
        return
    if wanted[1] in ("-s", "-d"):
        target = key._replace(**{"src" if wanted[1] == "-s" else "dst": parse_address(wanted[2])[1]})
    elif wanted[2].isdecimal():
        target = key._replace(**{wanted[1].strip("-"): int(wanted[2])})
    else:
        return
    changed = translated(packet, target, "src" if wanted[1] in ("-s", "--sport") else "dst")
    of = f"-p {protocol_name(packet.protocol)} " if wanted[1].startswith("--") else ""
    line = f"-t raw -I {hook} {of}{condition.text}"
    place = Place("raw", hook, 1, 0)
    before, after = (
        trial.again(lambda firewall: firewall.iptables(line, family=packet.family), one) for one in (packet, changed)
    )  # fmt: skip
    assert before is not None
    assert after is not None
    asked, changed_asked = tried_at(before, place), tried_at(after, place)
    assert asked is not None
    assert not asked.matched, (trial.name, condition)
    if changed_asked is not None:
        assert changed_asked.matched, (trial.name, condition)
        seen["packet"] += 1


def check_rules(trial: Trial, random: Random, seen: Counter[str]) -> None:
    """The failed condition of a rule that did not match, any condition of one that did."""
    tried = [step for step in trial.steps if isinstance(step, RuleTried) and step.rule is not None]
    for step in random.sample(tried, min(2, len(tried))):
        explained = why(trial.walk, step)
        assert step.matched == all(condition.held for condition in explained.conditions), (trial.name, explained)
        if explained.conditions:
            number = random.randrange(len(explained.conditions)) if step.matched else len(explained.conditions) - 1
            check_condition(trial, step, number, explained.conditions[number], seen)
            check_packet(trial, step, explained.conditions[number], seen)
            if not step.matched:
                assert explained.conditions[number].text in explained.text


# --- what decided ---------------------------------------------------------------------------------------------


def check_decider(trial: Trial, seen: Counter[str]) -> None:
    """Without the rule that decided another does, or the policy; with the other policy, the packet fares otherwise."""
    last = decider(trial.steps)
    if remembering(trial):
        return
    if isinstance(last, PolicyApplied):
        other = {"ACCEPT": "DROP", "DROP": "ACCEPT"}[last.policy]
        if last.table == "nat":
            return  # where iptables knows no other policy
        walk = trial.commands(f"-t {last.table} -P {last.chain} {other}")
        assert walk is not None
        if last.policy == "ACCEPT":
            assert walk.verdict == "DROP", trial.name
        else:
            same = [step for step in walk.steps if isinstance(step, PolicyApplied) and (step.table, step.chain) == (last.table, last.chain)]
            assert [step.policy for step in same][-1:] == ["ACCEPT"], trial.name
        seen["policy"] += 1
    elif last is not None:
        place = place_of(trial.steps, last)
        tracking = trial.firewall.tracking
        walk = trial.again(lambda firewall: _delete(firewall, trial, place, tracking))
        assert walk is not None
        rule = last.rule
        assert rule is not None
        assert not any(isinstance(step, RuleTried) and step.rule is not None and step.rule.id == rule.id for step in walk.steps)
        here = tried_at(walk, place)
        # Up to there nothing is otherwise: the next rule has its number now, or the chain is at its end.
        before = trial.steps[: trial.steps.index(last)]
        assert [_said(step) for step in walk.steps[: len(before)]] == [_said(step) for step in before], trial.name
        chain = trial.firewall.ruleset(trial.walk.packet.family).tables[last.table].chains[last.chain]
        assert (here is not None) == (last.number < len(chain.rules)), trial.name
        seen["rule"] += 1


def _keeping(table: str) -> tuple[str, str]:
    """A rule that has connections tracked and that no packet ever meets."""
    return f"-t {table} -N why-asks", f"-t {table} -A why-asks -m conntrack --ctstate NEW"


def remembering(trial: Trial) -> bool:
    """Whether a rule was tried that remembers: a table that is changed begins to remember anew, as a whole, and all may be otherwise."""
    return any(isinstance(step, RuleTried) and step.rule is not None and _remembers(step.rule) for step in trial.steps)


def _remembers(rule: Rule) -> bool:
    return any(isinstance(match, StatefulMatch) for match in rule.evaluated)


def _delete(firewall: Firewall, trial: Trial, place: Place, tracking: bool) -> None:
    family = trial.walk.packet.family
    if tracking:
        # Without its last rule that asks for it nothing would be tracked: that is another story.
        for line in _keeping(place.table):
            firewall.iptables(line, family=family)
    firewall.iptables(f"-t {place.table} -D {place.chain} {place.number}", family=family)


def _said(step: object) -> object:
    if isinstance(step, RuleTried):
        return step.table, step.chain, step.number, step.matched
    return type(step)


def check_not_reached(trial: Trial, random: Random, seen: Counter[str]) -> None:
    """What a rule that was not reached would have said, it says when it stands before the one that decided."""
    last = decider(trial.steps)
    if not isinstance(last, RuleTried):
        return
    family = trial.walk.packet.family
    rules = trial.firewall.ruleset(family).tables[last.table].chains[last.chain].rules
    if len(rules) <= last.number:
        return
    number = random.randint(last.number + 1, len(rules))
    rule = rules[number - 1]
    if _remembers(rule) or rule.decided_by is not None:
        return
    found = about(trial.walk, trial.steps, last.table, last.chain, number, rule)
    assert not found.reached, trial.name
    assert f"rule {last.number}" in found.text, (trial.name, found.text)
    alone = _conditions_of(rule)
    matched = answers(trial, place_of(trial.steps, last), alone)
    if matched is not None:
        assert matched == found.would.startswith("it would have matched"), (trial.name, rule.save(), found)
        seen["not reached"] += 1


def _conditions_of(rule: Rule) -> str:
    """A rule without its target."""
    text = rule.save()
    for flag in (" -j ", " -g "):
        text = f" {text}".rpartition(flag)[0] if flag in f" {text}" else text
    return text.strip()


# --- the ctstate ----------------------------------------------------------------------------------------------


def forget(firewall: Firewall, entry: Entry) -> None:
    """The entry is gone, as if somebody had deleted it."""
    conntrack = firewall.box.conntrack
    conntrack.entries.put(entry, None)
    changes = (Change(ENTRY, entry.id, entry, None), *changes_of((EXPECTATION_NEWS, news) for news in conntrack.expectations.take_news()))
    firewall._journal.log(changes)


def forget_expectation(firewall: Firewall, one: Expectation) -> None:
    """Nobody is expected any more."""
    expectations = firewall.box.conntrack.expectations
    expectations.remove(one, DELETED)
    firewall._journal.log(changes_of((EXPECTATION_NEWS, news) for news in expectations.take_news()))


def first_look(walk: Walk | None) -> LookedUp:
    assert walk is not None
    return next(step for step in walk.steps if isinstance(step, LookedUp))


def check_state(trial: Trial, seen: Counter[str]) -> None:
    looks = [step for step in trial.steps if isinstance(step, LookedUp)]
    if not looks:
        return
    looked = looks[0]
    told = why(trial.walk, looked).text
    values = evidence(trial.walk, trial.steps, looked)
    if looked.state:
        assert told.startswith(looked.state), trial.name
    found = looked.found
    if found is not None and not looked.state.startswith("UN"):
        assert any(describe_entry(found) in value for _, value in values), trial.name
        after = first_look(trial.again(lambda firewall: forget(firewall, found)))
        assert after.found is None or after.found.id != found.id, trial.name
        if after.found is None and trial.walk.packet.protocol not in (1, 58):
            assert after.state in (NEW, INVALID, RELATED), (trial.name, after.state)
        seen[f"entry removed: {looked.state}"] += 1
    met = next((step.expectation for step in trial.steps if isinstance(step, ExpectationMet)), None)
    if met is not None and looked.state == RELATED:
        after = first_look(trial.again(lambda firewall: forget_expectation(firewall, met)))
        assert after.state != RELATED, trial.name
        assert any(name == "expected" for name, _ in values)
        seen["expectation removed"] += 1
    if looked.state == INVALID and "nf_conntrack_tcp_loose=0" in looked.reason:
        after = first_look(trial.again(lambda firewall: firewall.set_sysctl("net.netfilter.nf_conntrack_tcp_loose", 1)))
        assert after.state == NEW, trial.name
        seen["tcp_loose"] += 1
    if looked.state == INVALID and found is not None and trial.walk.packet.protocol == TCP:
        check_window(trial, looked, found, seen)
    if looked.state == UNTRACKED:
        check_untracked(trial, seen)
    if looked.state == NEW and found is None:
        check_nearest(trial, looked, told, seen)


def check_window(trial: Trial, looked: LookedUp, entry: Entry, seen: Counter[str]) -> None:
    edges = window(entry, looked.direction)
    packet = trial.walk.whole
    if edges is None or packet is not trial.walk.packet or acknowledged(packet, entry, looked.direction) != packet.ack:
        return
    changes = {
        "beyond what the other side's window allows": (4, edges.highest),
        "acknowledges": (8, edges.newest),
    }  # fmt: skip
    for words, (at, value) in changes.items():
        if words in looked.reason and not (at == 4 and packet.flags & 4):
            inside = first_look(trial.again(packet=_with_number(packet, at, value)))
            outside = first_look(trial.again(packet=_with_number(packet, at, (value + 1) & 0xFFFFFFFF)))
            assert words not in inside.reason, (trial.name, inside.reason)
            assert words in outside.reason or outside.state != INVALID, (trial.name, outside.reason)
            if outside.state == INVALID:
                seen[f"window: {words}"] += 1


def _with_number(packet: Packet, at: int, value: int) -> Packet:
    raw = bytearray(packet.raw)
    place = packet.l4 + at
    raw[place : place + 4] = value.to_bytes(4, "big")
    raw[packet.l4 + 16 : packet.l4 + 18] = b"\0\0"
    total = transport_checksum(packet.src, packet.dst, TCP, bytes(raw[packet.l4 : packet.length]), packet.family)
    raw[packet.l4 + 16 : packet.l4 + 18] = total.to_bytes(2, "big")
    return Packet(bytes(raw))


def check_untracked(trial: Trial, seen: Counter[str]) -> None:
    """Without the rule that said so (and all others that do) it is tracked."""
    family = trial.walk.packet.family
    if "not tracked" in why(trial.walk, next(step for step in trial.steps if isinstance(step, LookedUp))).text:
        return  # What a link says to itself never is.
    assert "raw" in trial.firewall.ruleset(family).tables, trial.name
    walk = trial.commands("-t raw -F", *_keeping("raw"))
    assert first_look(walk).state != UNTRACKED, trial.name
    seen["untracked"] += 1


def check_nearest(trial: Trial, looked: LookedUp, told: str, seen: Counter[str]) -> None:
    """The entry that a NEW packet misses by little is found by a packet with its tuple."""
    packet = trial.walk.packet
    if looked.tuple is None or packet.protocol not in (TCP, UDP) or packet is not trial.walk.whole or trial.walk.in_interface is None:
        return
    trial.again()
    near = nearest_entry(looked.tuple, trial.firewall.state.entries.values())
    if near is None:
        assert "nearest entry" not in why(trial.walk, looked, trial.firewall.state.entries.values()).text
        return
    entry, side = near
    changed: Packet | None = packet
    for end in ("src", "dst"):
        changed = translated(changed, side, end) if changed is not None else None
    if changed is None:
        return
    after = next((step for step in (trial.again(packet=changed) or trial.walk).steps if isinstance(step, LookedUp)), None)
    if after is not None and after.tuple == side:
        assert after.found is not None, trial.name
        assert after.found.id == entry.id, trial.name
        seen["nearest entry"] += 1


# --- the translation ------------------------------------------------------------------------------------------


def check_translation(trial: Trial, seen: Counter[str]) -> None:
    """Without the rule of nat that decided on it, a translation is another or none."""
    for step in trial.steps:
        if isinstance(step, RuleTried) and step.matched and step.rule is not None and isinstance(step.rule.target, NatTarget):
            behind = trial.steps[trial.steps.index(step) + 1 :]
            made = next((one for one in behind if isinstance(one, Translated)), None)
            if made is None or made.entry_before is None or made.entry_after is None or made.entry_before.reply == made.entry_after.reply:
                continue
            assert f"rule {step.number} of {step.chain} says so" in why(trial.walk, made).text, trial.name
            place = place_of(trial.steps, step)
            walk = trial.again(lambda firewall, place=place: _delete(firewall, trial, place, True))  # type: ignore[misc]
            assert walk is not None
            rules = [one.rule for one in walk.steps if isinstance(one, RuleTried) and one.matched and one.table == "nat"]
            replies = [one.entry_after.reply for one in walk.steps if isinstance(one, Translated) and one.entry_after is not None]
            if not any(rule is not None and rule.target == step.rule.target for rule in rules):
                assert made.entry_after.reply not in replies, trial.name
                seen["translation"] += 1


@pytest.mark.parametrize("start", STARTS)
def test_what_an_answer_names_is_what_decides(start: int) -> None:
    random = Random(f"why {start}")
    seen: Counter[str] = Counter()
    for trial in trials(start, WALKS):
        seen["walks"] += 1
        check_rules(trial, random, seen)
        check_decider(trial, seen)
        check_not_reached(trial, random, seen)
        check_state(trial, seen)
        check_translation(trial, seen)
    assert seen["walks"] == WALKS
    assert seen["condition"] + seen["policy"] + seen["rule"] > WALKS // 3, seen
