"""One rule and one packet: what the rule said to it or would have said, and what had become of everything without the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from fwtutor.netfilter.why_rule import about
from fwtutor.netfilter.xtables.explain import sentence
from fwtutor.netfilter.xtables.rewriting import ChainName, chain_of
from fwtutor.recording.sides import Side
from fwtutor.recording.without import Without, without
from fwtutor.telling import glyphs, words
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import BLANK, Line, line, wrap
from fwtutor.tui.screens.reader import ReaderScreen, Sheet


class RuleScreen(ReaderScreen):
    """The run without the rule is really played, in a thread; its answer follows."""

    @dataclass
    class Played(Message):
        """The run without the rule has been played."""

        found: Without

    def __init__(self, place: Place, table: str, chain: str, number: int) -> None:
        self._place, self._number = place, number
        self._chain = ChainName(place.rules.family, table, chain)
        self._rule = chain_of(place.rules, self._chain).rules[number - 1]
        self._found: Without | None = None
        self._over = place.finished is not None and place.record is not None and place.record.host == place.watch
        super().__init__(f"Rule {number} of {table} {chain}", self._sheet)

    def on_mount(self) -> None:
        super().on_mount()
        if self._over:
            self.run_worker(self._play, thread=True, exclusive=True, name="without")

    def _play(self) -> None:
        place = self._place
        self.post_message(self.Played(without(place.session.run, place.index, self._chain, self._number)))

    def on_rule_screen_played(self, message: Played) -> None:
        self._found = message.found
        self.query_one(Sheet).rebuild()

    def _sheet(self, width: int) -> Sequence[Line]:
        text = self._rule.save()
        rows = [*wrap(line((text or "(no conditions: it only counts)", "code")), width, 2), *wrap(line(sentence(self._rule)), width)]
        return [*rows, BLANK, *self._said(width), *(self._without(width) if self._over else ())]

    def _said(self, width: int) -> list[Line]:
        """What the rule has to do with the packet."""
        place = self._place
        assert place.walk is not None
        found = about(place.walk, place.happened, self._chain.table, self._chain.chain, self._number, self._rule)
        packet = place.walk.packet
        rows = [line(("To this packet", "heading")), line(f"{words.packet_tuple(packet)}  {words.flags(packet)}".rstrip())]
        if not found.conditions or not found.reached:
            rows += wrap(line((found.text[:1].upper() + found.text[1:], "strong")), width)
        else:
            matched = found.conditions[-1].held
            rows.append(line(("It matches.", "accept") if matched else ("It does not match.", "drop")))
        if found.would:
            rows += wrap(line((found.would[:1].upper() + found.would[1:] + (":" if found.conditions else ""), "strong")), width)
        for condition in found.conditions:
            sign, role = (glyphs.TICK, "accept") if condition.held else (glyphs.CROSS, "drop")
            rows += wrap(line((f"{sign} ", role), (condition.text, role), f": {condition.because}"), width, 2)
        return rows

    def _without(self, width: int) -> list[Line]:
        found = self._found
        rows = [BLANK, line(("Without this rule", "heading"))]
        if found is None:
            return [*rows, line((f"playing the run again without it{glyphs.MORE}", "dim"))]
        if found.refused:
            return rows + wrap(line(("It cannot be deleted: ", "drop"), found.refused), width)
        if found.here is None or found.there is None:
            rows += wrap(line("This packet would not have come."), width)
        elif {"verdict", "bytes"} & found.differs:
            rows += wrap(line("This packet: ", *_fate(found.there), ", and not ", *_fate(found.here)), width, 2)
        else:
            by = "" if found.here.decided == found.there.decided else f" instead of {found.here.decided}"
            rows += wrap(line("This packet: ", *_fate(found.there), (" all the same", "strong"), by), width, 2)
        if found.there is not None and found.here is not None and found.there.state != found.here.state:
            now = f"it would be {found.there.state}" if found.there.state else "nothing would be tracked"
            rows += wrap(line(f"Besides, {now}: it is {found.here.state or 'not tracked'} with the rule."), width)
        return rows + self._rest(found, width)

    def _rest(self, found: Without, width: int) -> list[Line]:
        if not found.later:
            return wrap(line(("No packet comes after it.", "dim")), width)
        if not found.otherwise or found.first is None or found.first.packet is None:
            return wrap(line("What comes after it would fare the same", f": {found.later} packets." if found.later > 1 else "."), width)
        side = found.first.left or found.first.right
        assert side is not None
        packet = found.first.packet
        which = f"{words.packet_tuple(packet)} {words.flags(packet)}".rstrip()
        count = f"{found.otherwise} of {found.later}"
        said = " packets after it would fare otherwise, the first of them at "
        rows = wrap(line((count, "change"), said, words.clock(side.at)[4:]), width)
        rows += wrap(line("  ", which), width, 4)
        left, right = found.first.left, found.first.right
        fates = [*(_fate(right) if right else ["it would not come"]), ", and not ", *(_fate(left) if left else ["nothing"])]
        return rows + wrap(line("  ", *fates), width, 4)


def _fate(side: Side) -> list[str | tuple[str, str]]:
    """``ACCEPT by rule 2 of INPUT``."""
    by = f" by {side.decided}" if side.decided else ""
    going = f", out by {side.to}" if side.to not in (None, "local") else ""
    return [(f"{side.verdict}{going}", words.verdict_role(side.verdict)), by]
