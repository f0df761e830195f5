"""Whatever is typed behind ipset, or stands in a file of sets: it is taken, or refused with a sentence; what is saved can be restored."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from fwtutor.netfilter.ipset.command import restore, run
from fwtutor.netfilter.ipset.sets import NO_SETS, Sets

WORDS = st.one_of(
    st.sampled_from((
        "create", "add", "del", "test", "list", "save", "flush", "destroy", "rename", "swap", "s", "l", "p", "hash:ip", "hash:net",
        "hash:ip,port,net", "list:set", "bitmap:port", "range", "0-65535", "timeout", "counters", "comment", "skbinfo", "netmask", "family",
        "inet6", "10.0.0.1", "10.0.0.0/8", "0.0.0.0-0.0.0.9", "10.0.0.1,tcp:0-9,10.0.0.0-10.0.0.9", "::/1", "-exist", "-o", "-!", "--", "-",
        "maxelem", "9", "before", "after", "nomatch", "skbmark", "0x1/0x2", "99999999999999999999999999",
    )),
    st.text(max_size=12),
)  # fmt: skip
MADE = (
    "create s hash:ip timeout 9 counters comment\nadd s 10.0.0.1 comment \"x y\"\ncreate p hash:ip,port,net skbinfo\n"
    "create l list:set\nadd l s\nadd l p\ncreate b bitmap:port range 1-9\nadd b 3-5\n"
)  # fmt: skip


def made() -> Sets:
    outcome = restore(MADE, NO_SETS, lambda name: 0, 0)
    assert outcome.refused is None
    return outcome.sets


@settings(max_examples=400)
@given(st.lists(st.lists(WORDS, max_size=7), max_size=5))
def test_any_words_are_taken_or_refused(lines: list[list[str]]) -> None:
    sets = made()
    for number, words in enumerate(lines):
        outcome = run(words, sets, lambda name: 0, number * 300)
        if outcome.refused is not None:
            assert outcome.refused.printed.endswith("\n")
        sets = outcome.sets
    assert len({one.name for one in sets}) == len(sets)


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_restored_or_refused_by_its_line(text: str) -> None:
    outcome = restore(MADE + text, NO_SETS, lambda name: 0, 0)
    assert outcome.refused is None or outcome.refused.line_number > 8


@settings(max_examples=100)
@given(st.lists(st.sampled_from((
    "add s 10.0.0.2-10.0.0.9", "del s 10.0.0.3", "create n hash:net counters", "add n 10.0.0.0/8 nomatch", "add n 10.0.0.5-10.0.1.77",
    "swap s q", "create q hash:ip netmask 24", "add q 1.2.3.4", "del l s", "rename b c", "flush p", "add p 10.0.0.1,udp:5,10.0.0.0/9",
)), max_size=9))  # fmt: skip
def test_what_is_saved_is_restored_as_it_was(lines: list[str]) -> None:
    sets = made()
    for line in lines:
        sets = run(line.split(), sets, lambda name: 0, 0).sets
    saved = run(["save"], sets, lambda name: 0, 0).output
    again = restore(saved, NO_SETS, lambda name: 0, 0)
    assert again.refused is None
    assert run(["save"], again.sets, lambda name: 0, 0).output == saved
