"""What if, in the lab: its editor, the comparison of two runs, and the question about one rule. A part of the lab's screen.

The screens that open are imported then: the lab's first paint does not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.telling import told
from fwtutor.telling.chain import chain_of
from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, line
from fwtutor.tui.screens.helping import Helping
from fwtutor.tui.widgets.chain import ChainView
from fwtutor.tui.widgets.command_line import OutputView

if TYPE_CHECKING:
    from fwtutor.recording.editing import Plan
    from fwtutor.tui.screens.compare import Going


class WhatIf(Helping):
    """The actions of what if."""

    def action_edit(self) -> None:
        from fwtutor.tui.screens.edit import EditScreen

        place = Place.of(self.session)
        table, chain = chain_of(place)
        tables = place.rules.tables
        if table not in tables or not tables[table].chains[chain].rules:
            # A chain without rules is seldom the one that is meant.
            table, chain = next(((t, c) for t in tables for c, found in tables[t].chains.items() if found.rules), (table, chain))
        self.app.push_screen(EditScreen(self.session, place.watch, table, chain, place.rules.family), self._edited)

    def _edited(self, made: Plan | None) -> None:
        if made is None:
            return
        records = self.journey.edit(made)
        self.show()
        rows: list[Line] = []
        for record in records:
            rows.append(line((f"{record.host}# ", "key"), record.line))
            rows += told.output_rows(record, 200) if record.refused else []
        if records and records[0].refused:
            self.say("Refused: nothing has changed", *rows, wrong=True)
            return
        what = "The same traffic runs again under these rules." if made.first else "From here on the rules are these."
        ways = line(("v", "key"), " both runs side by side  ", ("r", "key"), " the former run  ", ("u", "key"), " takes this back")
        failed = self.journey.failed
        self.say("Edited", *rows, line((what, "accept")), *told.unmet(failed, self.seeing), ways)
        self.offer_history(failed)

    def ask_rule(self, place: Place) -> bool:
        """Tell about the rule that was chosen in the chain; False if none was."""
        asked = self.query_one(ChainView).asked
        if asked is None or place.walk is None:
            return False
        from fwtutor.tui.screens.rule import RuleScreen

        self.app.push_screen(RuleScreen(place, *asked))
        return True

    def action_compare(self) -> None:
        from fwtutor.tui.screens.compare import CompareScreen

        runs = self.journey.histories
        if len(runs) < 2:
            self.say("One run", line("There is only this run: ", ("e", "key"), " edits the rules, and the same traffic runs again."))
            return
        block = self.journey.blocking
        # What a question asks about is not told before it is answered.
        self.app.push_screen(CompareScreen(self.session, runs, block[0] if block else None), self._compared)

    def _compared(self, going: Going | None) -> None:
        if going is None:
            return
        self.journey.go(going.run, going.index)
        self.query_one(OutputView).close()
        self.show_tab("firewall")
        self.show()
        if going.dropped:
            self.say("Kept", *told.run_words(self.session.run)[:1], line("The other run is given up."))
