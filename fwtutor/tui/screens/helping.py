"""Help that waits to be asked for: the history that failed, the glossary, the solution, the task from its beginning. A part of the lab.

The screens that open are imported then: the lab's first paint does not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwtutor.telling.reading import Place
from fwtutor.telling.spans import Line, Span, line
from fwtutor.tui.screens.view import LabView
from fwtutor.tui.widgets.command_line import OutputView, Rows

if TYPE_CHECKING:
    from fwtutor.course.checks import Failed


class Helping(LabView):
    """The actions of help."""

    _failed: Failed | None = None
    """The check whose history Enter shows, while that is offered."""

    def _stop(self) -> None:
        raise NotImplementedError

    def action_hint(self) -> None:
        raise NotImplementedError

    def action_restart(self) -> None:
        raise NotImplementedError

    # --- the history that failed ------------------------------------------------------------------------

    def say_rows(self, title: str, rows: Rows, *, wrong: bool = False, last: bool = False) -> None:
        self._failed = None
        super().say_rows(title, rows, wrong=wrong, last=last)

    def offer_history(self, failed: Failed | None) -> None:
        """From now on, as long as what was said stands there, Enter shows it."""
        self._failed = failed

    @property
    def seeing(self) -> Line:
        """The key that shows what fails."""
        return line(Span("Enter", "key", "screen.see"), Span(" sees it happen, with your rules", "link", "screen.see"))

    def see_it(self) -> bool:
        """Show the history that is offered; False if none is."""
        failed = self._failed if self.query_one(OutputView).display else None
        if failed is None:
            return False
        self.action_see()
        return True

    def action_see(self) -> None:
        from fwtutor.telling.failed import as_lab
        from fwtutor.tui.screens.history import HistoryScreen

        failed = self.journey.failed
        again = failed.history() if failed else None
        if failed is None or again is None:
            self.tell("no check fails: there is nothing to see")
            return
        self._stop()
        self.query_one(OutputView).close()
        self.app.push_screen(
            HistoryScreen(*as_lab(self.lesson, failed, again), self.manner), lambda _: self.tell("your own run, where you left it")
        )

    # --- more help --------------------------------------------------------------------------------------

    def action_more_help(self) -> None:
        from fwtutor.tui.screens.more_help import Choice, MoreHelpScreen

        self._stop()
        journey, choices = self.journey, []
        if self.lesson.free:
            choices = [Choice("s", "begin anew", "all that was typed goes; u brings it back", self._restart)]
        else:
            left, deeds = journey.hints_left, self.lesson.stages[journey.task].deeds
            hints = (
                "there are none on this page" if not self.lesson.stages[journey.stage].hints else f"{left} left" if left else "once more"
            )
            failed = journey.failed
            if failed is not None:
                choices.append(Choice("f", "see what fails", f"{failed.failure.check.name}, with your rules", self.action_see))
            choices += [
                Choice("h", "hint", hints, self.action_hint),
                Choice(
                    "l",
                    "show the solution",
                    f"of page {journey.task + 1}" if deeds else "nothing has to be typed so far",
                    self._ask_for_solution,
                ),
                Choice("t", "the task anew", "as it began; u takes that back", self._reset_task),
                Choice("s", "the lesson anew", "what you learned stays; u takes that back", self._restart),
            ]
        choices.append(Choice("g", "glossary", "what the words mean", self.action_glossary))
        self.app.push_screen(MoreHelpScreen(choices), lambda number: None if number is None else choices[number].does())

    def _restart(self) -> None:
        self._restarting = True
        self.action_restart()

    def _reset_task(self) -> None:
        page = self.journey.task + 1
        if self.journey.reset_task():
            self._hush()
            self.query_one(OutputView).close()
            self.show()
            self.tell(f"page {page} as it began; ", ("u", "key"), " brings back what you typed, ", ("r", "key"), " goes there")
        else:
            self.tell("you have typed nothing here that could be taken back")

    def _ask_for_solution(self) -> None:
        from fwtutor.tui.screens.pick import PickScreen

        journey = self.journey
        if not self.lesson.stages[journey.task].deeds:
            self.say("Solution", line("Nothing has to be typed up to here: step, and answer."))
        elif journey.hints_left and journey.task == journey.stage:
            rows = [line("a hint first"), line("show it: I have tried")]
            self.app.push_screen(PickScreen("The solution? There are hints left", rows), self._sure_of_solution)
        else:
            self._show_solution()

    def _sure_of_solution(self, row: int | None) -> None:
        if row == 0:
            self.action_hint()
        elif row == 1:
            self._show_solution()

    def _show_solution(self) -> None:
        from fwtutor.telling.solution import explained
        from fwtutor.tui.screens.solution import SolutionScreen

        page, deeds = self.journey.solution()
        self.save()
        said = explained(self.session.run, self.journey.before_task(), deeds)
        self.app.push_screen(SolutionScreen(page + 1, said, self._type_solution))

    def _type_solution(self) -> None:
        deeds = self.lesson.stages[self.journey.task].deeds
        records = self.journey.enter_solution()
        self._hush()
        self.show()
        rows = [line((f"{record.host}# ", "key"), record.line) for record in records]
        way = "u takes it back" if any(deed.undo for deed in deeds) else "u takes back each of them"
        self.say("Typed for you", *rows, line("space steps on; ", (way, "dim")))

    # --- glossary ---------------------------------------------------------------------------------------

    def action_glossary(self, word: str = "") -> None:
        from fwtutor.telling.glossary import word_at
        from fwtutor.tui.screens.glossary import GlossaryScreen

        self._stop()
        pages = self.lesson.stages
        text = pages[self.journey.stage].text if pages else ""
        self.app.push_screen(GlossaryScreen(word or word_at(Place.of(self.session), self._pane(), text)))

    def action_look_up(self, word: str) -> None:
        """The glossary on a word that was clicked, if it has it as it is written."""
        from fwtutor.telling.glossary import named

        term = next((term for _, _, term in named(word)), None)
        if term is not None:
            self.action_glossary(term.term)

    def _pane(self) -> str:
        """The pane that one looks at: the one with the focus, or a narrow screen's tab."""
        if self.focused is not None and self.focused.id:
            return self.focused.id
        return "" if self.has_class("-wide") or self.tab == "firewall" else self.tab
