"""Every action of the application in one table: its id, keys, words and tooltip.

From here come the bindings of the screens, the key bar, the help and the command palette, so none of them can differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Action:
    """Something a person can do on a screen."""

    id: str
    """``"lab.step"``: unique, and stable for keymaps."""
    name: str
    """The method ``action_...`` of the screen, with arguments: ``"size('rule')"``."""
    keys: str
    """Textual's names, comma separated; the first is the one to teach. "" for none."""
    shown: str
    """The keys as people read them."""
    label: str
    """One or two words, for the key bar."""
    tooltip: str
    """A sentence, for the tooltip, help and the palette."""
    bar: bool = True
    """Is it important enough for the key bar?"""
    weight: int = 1
    """What leaves a narrow key bar first: the heaviest, and of those the last."""
    listed: bool = True
    """Has it a row of its own in the help?"""
    priority: bool = False
    """Does its key come before what the focused pane or field makes of it?"""
    of: tuple[str, ...] = ()
    """Ids of the actions whose keys it shows, when it stands in the key bar for several."""

    @property
    def command(self) -> str:
        """The action string, as a click or the palette runs it."""
        return self.name if self.name.startswith("app.") else f"screen.{self.name}"


ANSWERS = ("lab.a", "lab.b", "lab.c", "lab.d")
SIZES = ("lab.packet", "lab.hook", "lab.rule")
LAB: tuple[Action, ...] = (
    Action("lab.answer", "answer_first", "", "a-d", "answer", "Answer the question that holds the way.", of=ANSWERS),
    Action("lab.step", "step", "space,right", "␣→", "step", "One step forward: a packet, a hook or a rule."),
    Action("lab.back", "back", "backspace,left", "⌫←", "back", "One step back. Nothing is lost by going back."),
    Action("lab.play", "play", "p", "p", "play", "Play: step by itself until a question, a new page, the end, or any key.", weight=2),
    Action("lab.end", "run_to_end", "end", "End", "run", "Run to the end of this page, or to a question; again, to the next page."),
    Action("lab.packet", "size('packet')", "1", "1", "packet", "Step by packet: see each packet's fate at once.", bar=False),
    Action("lab.hook", "size('hook')", "2", "2", "hook", "Step by hook: PREROUTING, INPUT, ...", bar=False),
    Action("lab.rule", "size('rule')", "3", "3", "rule", "Step by rule: every beat of the packet's way.", bar=False),
    Action("lab.sizes", "next_size", "", "1-3", "packet/hook/rule", "How far a step goes. Click to change.", listed=False, of=SIZES),
    Action("lab.why", "why", "w", "w", "why", "All there is to say of what just happened; of a rule, if one is chosen.", weight=3),
    Action("lab.hint", "hint", "h", "h", "hint", "A nudge; asked again, a bigger one."),
    Action("lab.undo", "undo", "u", "u", "undo", "Take back the last command you entered."),
    Action("lab.run", "next_run", "r", "r", "other run", "Changing the past makes another run: go over to the next one.", weight=2),
    Action("lab.command", "command", "colon,slash", ":", "type", "Type a command at a host: iptables, conntrack, send, ..."),
    Action("lab.edit", "edit", "e", "e", "edit rules", "What if: write the rules otherwise, and run the same traffic again.", bar=False),
    Action("lab.compare", "compare", "v", "v", "compare runs", "Two runs side by side, packet by packet.", bar=False),
    Action("lab.console", "console", "o", "o", "console", "All that was typed and said at this prompt's host so far.", bar=False),
    Action("lab.help", "help", "question_mark,f1", "?", "help", "All keys, words and signs of this screen."),
    Action("lab.inspect", "inspect", "i", "i", "inspect", "The packet's layers and bytes, field by field.", weight=3),
    Action("lab.kernel", "ask_kernel", "k", "k", "ask kernel", "Play this run so far on a real kernel: it should agree.", weight=4),
    Action("lab.map", "course_map", "m", "m", "map", "Leave to the course map. Your place is kept.", weight=3),
    Action("lab.start", "to_start", "home", "Home", "start", "Back to the beginning of this page; again, to before all packets.", weight=4),
    Action("lab.pane", "next_pane", "tab", "tab", "next pane", "Go to the next pane (or tab, on a narrow screen).", weight=4),
    Action("lab.pane_back", "next_pane(-1)", "shift+tab", "shift+tab", "last pane", "Go to the pane before.", bar=False),
    Action("lab.a", "answer(0)", "a", "a", "answer a", "Answer the question with a.", bar=False, listed=False),
    Action("lab.b", "answer(1)", "b", "b", "answer b", "Answer the question with b.", bar=False, listed=False),
    Action("lab.c", "answer(2)", "c", "c", "answer c", "Answer the question with c.", bar=False, listed=False),
    Action("lab.d", "answer(3)", "d", "d", "answer d", "Answer the question with d.", bar=False, listed=False),
    Action("lab.leave", "leave", "escape", "Esc", "close", "Close what is open: the command line, an answer, a message.", bar=False),
    Action("lab.up", "scroll_lesson(-1)", "up", "↑", "scroll up", "Scroll the lesson up; in the chain, choose a rule.", bar=False),
    Action("lab.down", "scroll_lesson(1)", "down", "↓", "scroll down", "Scroll the lesson down; in the chain, choose a rule.", bar=False),
    Action("lab.pageup", "page(-1)", "pageup", "PgUp", "page up", "Scroll output or lesson a page up.", bar=False, priority=True),
    Action("lab.pagedown", "page(1)", "pagedown", "PgDn", "page down", "Scroll output or lesson a page down.", bar=False, priority=True),
    Action("lab.next", "next_lesson", "enter", "Enter", "next lesson", "On to the next lesson, when this one is done.", bar=False),
    Action("lab.restart", "restart", "s", "s", "start over", "Begin this lesson anew; goals met stay met.", weight=4),
    Action("lab.craft", "craft", "x", "x", "this packet again", "Build a packet, beginning with this one's fields.", bar=False),
    Action("lab.save", "save_session", "S", "S", "save", "Keep network, rules, packets and what you typed in a file.", bar=False),
    Action("lab.sandbox", "to_sandbox", "", "", "take into the sandbox", "This run, without goals and questions.", bar=False, listed=False),
    Action("lab.go", "go", "g", "g", "go to", "Go to a change of state, a drop, a match, a packet, a timer, a mark, a time.", bar=False),
    Action("lab.again", "again(1)", "n", "n", "again", "The last jump once more, on.", bar=False),
    Action("lab.again_back", "again(-1)", "N", "N", "again, back", "The last jump once more, the other way.", bar=False),
    Action("lab.ladder", "ladder", "l", "l", "ladder", "All packets between all hosts, in order, and where each died.", bar=False),
    Action("lab.states", "states", "y", "y", "TCP states", "The TCP tracker's states, and the way this connection took.", bar=False),
    Action("lab.look", "look", "f", "f", "look", "Any host: tables, connections, sockets, logs, sysctls, as they are here.", weight=5),
    Action("lab.mark", "bookmark", "asterisk", "*", "bookmark", "Mark this moment on the timeline, or take the mark away.", bar=False),
    Action("lab.slower", "pace(-1)", "left_square_bracket", "[", "slower", "Play, and let packets move, slower.", bar=False),
    Action("lab.faster", "pace(1)", "right_square_bracket", "]", "faster", "Play, and let packets move, faster.", bar=False),
    Action("lab.zoom", "zoom", "z", "z", "zoom", "The focused pane on the whole work area; again, back.", weight=6),
    Action("lab.jump", "jump", "j", "j", "jump", "A letter at every pane, rule, entry and moment: press it to go there.", weight=6),
    Action("lab.glossary", "glossary", "G", "G", "glossary", "What the words mean (also: click one in the lesson).", bar=False),
    Action("lab.more_help", "more_help", "H", "H", "more help", "What fails, as a run; a hint; the solution; the task anew.", bar=False),
    Action("lab.ways_out", "ways_out", "q", "q", "how to leave", "Says which keys leave.", bar=False, listed=False),
    Action("lab.more", "more_keys", "full_stop", ".", "more", "Show the keys that have no room in the bar.", bar=False),
)  # fmt: skip

LAB_GROUPS: tuple[tuple[str, str], ...] = (
    ("Go on, go back", "answer step back play end start packet hook rule slower faster"),
    ("Look", "why inspect ladder states look console kernel"),
    ("Find", "go again again_back mark"),
    ("Try", "command undo run edit compare craft restart save"),
    ("Learn", "hint more_help glossary help map next"),
    ("The screen", "pane pane_back up down pageup pagedown zoom jump leave more"),
)
"""The lab's actions by what somebody wants, for its help: (heading, ids without "lab.")."""


def grouped(actions: Sequence[Action]) -> list[tuple[str, list[Action]]]:
    """The actions of a screen that the help lists, by heading; those that are everywhere come last."""
    by_id = {action.id: action for action in actions}
    lab = [(heading, [by_id[f"lab.{name}"] for name in names.split() if f"lab.{name}" in by_id]) for heading, names in LAB_GROUPS]
    others = [action for action in actions if not action.id.startswith("lab.")]
    return [(heading, each) for heading, each in (*lab, ("Keys", others), ("Everywhere", list(APP))) if each]


MAP: tuple[Action, ...] = (
    Action("map.open", "open", "enter,space,right", "Enter", "go on", "Open the marked lesson where you left it."),
    Action("map.restart", "restart", "s", "s", "start over", "Open the marked lesson from its beginning; goals met stay met."),
    Action("map.view", "view", "v", "v", "look up", "What a finished lesson came to: the answer, what decided, the solution.", weight=3),
    Action("map.up", "move(-1)", "up,k", "↑", "up", "The lesson above.", bar=False),
    Action("map.down", "move(1)", "down,j", "↓", "down", "The lesson below.", bar=False),
    Action("map.choose", "move(1)", "", "↑↓", "choose", "Choose another lesson.", of=("map.up", "map.down")),
    Action("map.first", "move(-9999)", "home", "Home", "first", "The first lesson.", bar=False),
    Action("map.last", "move(9999)", "end", "End", "last", "The last lesson.", bar=False),
    Action("map.progress", "progress", "p", "p", "progress", "What you have learned, predictions right, hints used."),
    Action("map.review", "review", "w", "w", "review", "Predictions you got wrong, asked again until they are right.", weight=2),
    Action("map.quiz", "quiz", "z", "z", "quiz", "The quiz: before the course, and after it.", weight=2),
    Action("map.sandbox", "app.choose_network", "x", "x", "sandbox", "A lab without a lesson: choose a network.", weight=2),
    Action("map.help", "help", "question_mark,f1", "?", "help", "All keys of this screen."),
    Action("map.quit", "app.quit", "q", "q", "quit", "Leave fwtutor. Progress is kept."),
    Action("map.more", "more_keys", "full_stop", ".", "more", "Show the keys that have no room in the bar.", bar=False),
)

APP: tuple[Action, ...] = (
    Action("app.theme", "app.next_theme", "t", "t", "theme", "The next theme: dark, light, high contrast.", weight=5),
    Action("app.still", "app.toggle_still", "M", "M", "motion", "Movement on or off.", weight=4),
    Action("app.palette", "app.command_palette", "ctrl+p", "^p", "palette", "Find any action by its name.", weight=3),
    Action("app.copy", "copy_table", "Y", "Y", "copy", "Copy what this pane or screen shows, to the clipboard.", bar=False),
    Action("app.save", "save_table", "ctrl+s", "^s", "save table", "Save what this pane or screen shows in a file.", bar=False),
    Action(
        "app.suspend",
        "app.suspend_process",
        "ctrl+z",
        "^z",
        "suspend",
        "To the shell for a while; fg there comes back.",
        priority=True,
    ),
    Action(
        "app.screenshot",
        "app.screenshot",
        "ctrl+g",
        "^g",
        "screenshot",
        "A picture of the screen in a file (SVG).",
        priority=True,
    ),
    Action("app.quit", "app.quit", "ctrl+q", "^q", "quit", "Leave fwtutor. Progress is kept."),
)

FORM: tuple[Action, ...] = (
    Action("form.submit", "submit", "", "Enter", "do it", "Do what the form says."),
    Action("form.down", "move(1)", "down", "↓", "next field", "The field below."),
    Action("form.up", "move(-1)", "up", "↑", "field above", "The field above.", bar=False),
    Action("form.close", "close", "escape", "Esc", "leave it", "Back, and nothing is done."),
)

NETWORKS: tuple[Action, ...] = (
    Action("networks.open", "open", "enter,space,right", "Enter", "open", "A sandbox in the marked network."),
    Action("networks.down", "move(1)", "down,j", "↓", "down", "The network below."),
    Action("networks.up", "move(-1)", "up,k", "↑", "up", "The network above."),
    Action("networks.help", "help", "question_mark,f1", "?", "help", "All keys of this screen."),
    Action("networks.close", "close", "escape,m,q", "Esc", "leave", "Back to where you were."),
)

READ: tuple[Action, ...] = (
    Action("read.close", "close", "escape,q,enter,question_mark,f1,w,i", "Esc", "close", "Back to where you were."),
    Action("read.up", "scroll(-1)", "up,k", "↑", "up", "Scroll up.", bar=False),
    Action("read.down", "scroll(1)", "down,j", "↓", "down", "Scroll down."),
    Action("read.pageup", "scroll(-10)", "pageup,backspace", "PgUp", "page up", "Scroll up a page.", bar=False),
    Action("read.pagedown", "scroll(10)", "pagedown,space", "PgDn", "page", "Scroll down a page."),
    Action("read.first", "scroll(-100000)", "home", "Home", "top", "To the top.", bar=False),
    Action("read.last", "scroll(100000)", "end", "End", "bottom", "To the bottom.", bar=False),
)

INSPECT: tuple[Action, ...] = (
    Action("inspect.up", "move(-1)", "up,k", "↑", "field above", "The field above; its bytes are marked below.", bar=False),
    Action("inspect.down", "move(1)", "down,j,space", "↑↓", "field", "The next field; its bytes are marked below."),
    Action("inspect.layer", "layer(1)", "right", "←→", "layer", "The next header."),
    Action("inspect.layer_back", "layer(-1)", "left", "←", "layer before", "The header before.", bar=False, listed=False),
    Action("inspect.other", "other", "tab", "tab", "as it came / left", "The packet as it arrived, or as it is now or left."),
    Action("inspect.next", "differing(1)", "n", "n", "next that differs", "The next field in which both differ.", weight=2),
    Action("inspect.last", "differing(-1)", "N", "N", "last that differs", "The one before that differs.", bar=False),
    Action("inspect.pageup", "move(-8)", "pageup,backspace", "PgUp", "page up", "Eight fields up.", bar=False),
    Action("inspect.pagedown", "move(8)", "pagedown", "PgDn", "page down", "Eight fields down.", bar=False),
    Action("inspect.first", "move(-100000)", "home", "Home", "first", "The first field.", bar=False),
    Action("inspect.end", "move(100000)", "end", "End", "last", "The last field.", bar=False),
    Action("inspect.help", "help", "question_mark,f1", "?", "help", "All keys of this screen.", weight=3),
    Action("inspect.close", "close", "escape,q,enter,i", "Esc", "close", "Back to where you were."),
)

JUMP: tuple[Action, ...] = (
    Action("jump.letter", "close", "", "letter", "go there", "Go to what stands behind the letter."),
    Action("jump.close", "close", "escape,backspace", "Esc", "stay", "Stay where you are."),
)

CHOOSE: tuple[Action, ...] = (
    Action("choose.on", "take(-1, 1)", "enter,right,space", "Enter", "on", "Go on to the next."),
    Action("choose.back", "take(-1, -1)", "left,backspace", "←", "back", "Go back to the last one."),
    Action("choose.letter", "take(-1, 1)", "", "letter", "on, as a capital back", "Take a row by its letter."),
    Action("choose.up", "move(-1)", "up", "↑", "up", "The row above.", bar=False),
    Action("choose.down", "move(1)", "down", "↓", "down", "The row below.", bar=False),
    Action("choose.pageup", "move(-10)", "pageup", "PgUp", "page up", "Ten rows up.", bar=False),
    Action("choose.pagedown", "move(10)", "pagedown", "PgDn", "page down", "Ten rows down.", bar=False),
    Action("choose.first", "move(-100000)", "home", "Home", "top", "The first row.", bar=False),
    Action("choose.last", "move(100000)", "end", "End", "bottom", "The last row.", bar=False),
    Action("choose.close", "close", "escape,q", "Esc", "close", "Stay where you are."),
)

QUESTIONS: tuple[Action, ...] = (
    Action(
        "questions.answer", "answer(0)", "", "a-d", "answer", "Answer the question.", of=tuple(f"questions.{letter}" for letter in "abcd")
    ),
    Action("questions.on", "on", "enter,space,right", "Enter", "on", "On to the next question, when this one is answered."),
    Action("questions.skip", "skip", "s", "s", "skip", "Leave this question: in the quiz it counts as not known."),
    Action("questions.a", "answer(0)", "a", "a", "answer a", "Answer with a.", bar=False, listed=False),
    Action("questions.b", "answer(1)", "b", "b", "answer b", "Answer with b.", bar=False, listed=False),
    Action("questions.c", "answer(2)", "c", "c", "answer c", "Answer with c.", bar=False, listed=False),
    Action("questions.d", "answer(3)", "d", "d", "answer d", "Answer with d.", bar=False, listed=False),
    Action("questions.up", "scroll(-1)", "up,k", "↑", "up", "Scroll up.", bar=False),
    Action("questions.down", "scroll(1)", "down,j", "↓", "scroll", "Scroll down."),
    Action("questions.pageup", "scroll(-10)", "pageup", "PgUp", "page up", "Scroll up a page.", bar=False),
    Action("questions.pagedown", "scroll(10)", "pagedown", "PgDn", "page down", "Scroll down a page.", bar=False),
    Action("questions.help", "help", "question_mark,f1", "?", "help", "All keys of this screen."),
    Action("questions.close", "close", "escape,q", "Esc", "leave", "Back to the map. What you answered is kept."),
)

STATES: tuple[Action, ...] = (
    Action("states.step", "step(1)", "space,right", "␣→", "step", "One packet on, as in the lab."),
    Action("states.back", "step(-1)", "backspace,left", "⌫←", "back", "One packet back."),
    Action("states.next", "packet(1)", "n", "n", "its next packet", "On to the next packet of this connection."),
    Action("states.last", "packet(-1)", "N", "N", "its last", "Back to the packet of this connection before.", weight=2),
    Action("states.other", "other", "tab", "tab", "other connection", "The states of another connection.", weight=2),
    Action("states.up", "scroll(-1)", "up", "↑", "up", "Scroll up.", bar=False),
    Action("states.down", "scroll(1)", "down", "↓", "down", "Scroll down.", bar=False),
    Action("states.pageup", "scroll(-10)", "pageup", "PgUp", "page up", "Scroll up a page.", bar=False),
    Action("states.pagedown", "scroll(10)", "pagedown", "PgDn", "page", "Scroll down a page.", bar=False),
    Action("states.close", "close", "escape,q,y,enter", "Esc", "close", "Back to the lab, at this moment."),
)

LADDER: tuple[Action, ...] = (
    Action("ladder.up", "move(-1)", "up,left,backspace", "↑", "back", "The packet before. The lab goes along."),
    Action("ladder.down", "move(1)", "down,right,space", "↓", "on", "The next packet. The lab goes along."),
    Action("ladder.pageup", "page(-1)", "pageup", "PgUp", "page up", "A page up.", bar=False),
    Action("ladder.pagedown", "page(1)", "pagedown", "PgDn", "page", "A page down.", weight=2),
    Action("ladder.first", "move(-100000)", "home", "Home", "start", "To the beginning.", weight=2),
    Action("ladder.last", "move(100000)", "end", "End", "end", "To the end, or to a question.", weight=2),
    Action("ladder.filter", "only", "c", "c", "this connection", "Only the packets of the marked one's connection, or all of them."),
    Action("ladder.close", "close", "escape,q,enter,l", "Esc", "there", "To the lab, at the marked moment (Enter too)."),
)

LOOK: tuple[Action, ...] = (
    Action("look.host", "host(1)", "right", "←→", "host", "The next host, or the one before.", of=("look.host_back", "look.host")),
    Action("look.host_back", "host(-1)", "left", "←→", "host before", "The host before.", bar=False, listed=False),
    Action("look.page", "next_page(1)", "tab", "tab", "page", "The next page."),
    Action("look.page_back", "next_page(-1)", "shift+tab", "shift+tab", "page before", "The page before.", bar=False),
    Action("look.rules", "show('rules')", "1", "1", "rules", "All tables and chains, IPv4 and IPv6, with their counters.", bar=False),
    Action("look.connections", "show('connections')", "2", "2", "connections", "What connection tracking remembers.", bar=False),
    Action("look.expectations", "show('expectations')", "3", "3", "expectations", "Connections that helpers expect.", bar=False),
    Action("look.sockets", "show('sockets')", "4", "4", "sockets", "What listens, and which connections programs have.", bar=False),
    Action("look.logs", "show('logs')", "5", "5", "logs", "The kernel's log, and all files.", bar=False),
    Action("look.sysctls", "show('sysctls')", "6", "6", "sysctls", "Counters, sysctls, sets of addresses.", bar=False),
    Action("look.open", "open", "enter", "Enter", "all about it", "Everything there is to say about the marked row; a file opens."),
    Action(
        "look.filter",
        "filter",
        "slash",
        "/",
        "filter",
        "Only rows (of files, lines) with some words: 1337, ESTABLISHED, tcp dport=22.",
    ),
    Action("look.next", "packet(1)", "n", "n", "its next packet", "On to the next packet of this connection, or match of this rule."),
    Action("look.last", "packet(-1)", "N", "N", "its last", "Back to the one before.", weight=3),
    Action("look.first", "packet(0)", "b", "b", "its first", "To the first one.", weight=3),
    Action("look.step", "step(1)", "space", "␣", "step", "One packet on, as in the lab.", weight=2),
    Action("look.back", "step(-1)", "backspace", "⌫", "back", "One packet back.", weight=2),
    Action("look.up", "move(-1)", "up", "↑", "up", "The row above.", bar=False),
    Action("look.down", "move(1)", "down", "↓", "down", "The row below.", bar=False),
    Action("look.pageup", "page(-1)", "pageup", "PgUp", "page up", "A screen up.", bar=False),
    Action("look.pagedown", "page(1)", "pagedown", "PgDn", "page down", "A screen down.", bar=False),
    Action("look.top", "move(-9999999)", "home", "Home", "top", "The first row.", bar=False),
    Action("look.end", "move(9999999)", "end", "End", "bottom", "The last row.", bar=False),
    Action("look.help", "help", "question_mark,f1", "?", "help", "All keys of this screen.", weight=2),
    Action("look.close", "close", "escape,q,f", "Esc", "close", "Take the filter away; without one, back to the lab, at this moment."),
)

PICK: tuple[Action, ...] = (
    Action("pick.take", "pick", "enter,space,right", "Enter", "take", "Take the marked one."),
    Action("pick.close", "close", "escape,q,left", "Esc", "close", "Back to where you were."),
    Action("pick.up", "move(-1)", "up,k", "↑", "up", "The one above.", bar=False),
    Action("pick.down", "move(1)", "down,j", "↓", "down", "The one below.", bar=False),
    Action("pick.pageup", "move(-10)", "pageup", "PgUp", "page up", "Ten up.", bar=False),
    Action("pick.pagedown", "move(10)", "pagedown", "PgDn", "page down", "Ten down.", bar=False),
    Action("pick.first", "move(-99999)", "home", "Home", "first", "The first.", bar=False),
    Action("pick.last", "move(99999)", "end", "End", "last", "The last.", bar=False),
)

GLOSSARY: tuple[Action, ...] = (
    Action("glossary.find", "close", "", "a-z", "find", "Type a part of a word: only those with it stay."),
    Action("glossary.down", "move(1)", "down", "↑↓", "choose", "The word below."),
    Action("glossary.up", "move(-1)", "up", "↑", "up", "The word above.", bar=False),
    Action("glossary.open", "open", "enter", "Enter", "whole page", "All there is about the marked word."),
    Action("glossary.pageup", "move(-10)", "pageup", "PgUp", "page up", "Ten words up.", bar=False),
    Action("glossary.pagedown", "move(10)", "pagedown", "PgDn", "page", "Ten words down."),
    Action("glossary.first", "move(-99999)", "home", "Home", "first", "The first word.", bar=False),
    Action("glossary.last", "move(99999)", "end", "End", "last", "The last word.", bar=False),
    Action("glossary.close", "close", "escape", "Esc", "close", "Take back what you typed; back to where you were."),
)

SOLUTION: tuple[Action, ...] = (
    Action("solution.enter", "enter_it", "enter", "Enter", "type it for me", "The task from its beginning, and these lines entered."),
    Action("solution.close", "close", "escape,q", "Esc", "close", "Back, to type it yourself."),
    *(action for action in READ if action.id in ("read.up", "read.down", "read.pageup", "read.pagedown")),
)

COMPARE: tuple[Action, ...] = (
    Action("compare.go", "go", "enter,space", "Enter", "go there", "To this packet, in the run whose side is marked."),
    Action("compare.side", "side(1)", "right", "←→", "side", "The other side.", of=("compare.left", "compare.side")),
    Action("compare.left", "side(0)", "left", "←", "left side", "The left side.", bar=False, listed=False),
    Action("compare.only", "only", "d", "d", "only differences", "Show only packets that differ, or all of them."),
    Action("compare.next", "next(1)", "n", "n", "next difference", "The next packet that differs.", weight=2),
    Action("compare.back", "next(-1)", "N,p", "N", "last difference", "The one before that differs.", bar=False),
    Action("compare.other", "other", "o", "o", "other run", "Compare with another run.", weight=2),
    Action("compare.keep", "keep", "x", "x", "keep this one", "Keep the marked side's run and give up the other (twice x).", weight=2),
    Action("compare.help", "help", "question_mark,f1", "?", "help", "All keys of this screen.", weight=3),
    Action("compare.close", "close", "escape,q,v", "Esc", "close", "Back to where you were."),
    Action("compare.up", "move(-1)", "up,k", "↑", "up", "The packet above.", bar=False),
    Action("compare.down", "move(1)", "down,j", "↓", "down", "The packet below.", bar=False),
    Action("compare.pageup", "page(-1)", "pageup", "PgUp", "page up", "A page up.", bar=False),
    Action("compare.pagedown", "page(1)", "pagedown", "PgDn", "page down", "A page down.", bar=False),
    Action("compare.first", "move(-9999999)", "home", "Home", "first", "The first packet.", bar=False),
    Action("compare.last", "move(9999999)", "end", "End", "last", "The last packet.", bar=False),
)

EDIT: tuple[Action, ...] = (
    Action("edit.apply", "apply", "ctrl+s", "^s", "apply", "Show the commands that make the rules so, and enter them."),
    Action("edit.complete", "complete(1)", "", "tab", "complete", "The word at the cursor; again, the next that fits."),
    Action("edit.chains", "chains", "ctrl+o", "^o", "chains", "Another chain or table, IPv6, or the sysctls."),
    Action("edit.undo", "undo", "", "^u", "undo", "Take back the last change of the text."),
    Action("edit.redo", "redo", "", "^r", "redo", "Make it again.", weight=3),
    Action("edit.move", "move(-1)", "", "alt+↑↓", "move", "Move the rule up or down (ctrl+↑↓ too).", weight=2),
    Action("edit.duplicate", "duplicate", "", "^d", "copy", "The rule once more, below.", weight=2),
    Action("edit.delete", "delete", "", "^k", "delete", "Take the rule out."),
    Action("edit.switch", "switch", "", "^t", "off/on", "Put a # before the rule, which switches it off, or take it away.", weight=2),
    Action("edit.help", "help", "f1", "F1", "help", "All keys of the editor.", weight=2),
    Action("edit.leave", "leave", "escape", "Esc", "leave", "Leave without applying."),
)

APPLY: tuple[Action, ...] = (
    Action("apply.first", "first", "enter", "Enter", "from the beginning", "Before everything: the same traffic runs again."),
    Action("apply.here", "here", "h", "h", "here", "At the place you are at."),
    Action("apply.close", "close", "escape,q", "Esc", "back to the editor", "Change it once more."),
    *(action for action in READ if action.id in ("read.up", "read.down", "read.pageup", "read.pagedown")),
)

TYPING: tuple[Action, ...] = (
    Action("type.run", "submit", "", "Enter", "run", "Run the command at this host."),
    Action("type.leave", "leave", "", "Esc", "back to the lab", "Leave the command line; what you typed stays."),
    Action("type.history", "field('recall(-1)')", "", "↑↓", "history", "Commands entered before."),
    Action("type.complete", "field('complete')", "", "tab", "complete", "Complete the word; where several fit, they are listed.", weight=2),
    Action("type.host", "next_prompt", "", "shift+tab", "other host", "Type at the next host: tab does so too on an empty line."),
    Action("type.page", "page(1)", "", "PgDn", "more", "Scroll what was printed.", weight=2),
)

TABLES: dict[str, tuple[Action, ...]] = {
    "Everywhere": APP,
    "The lab": LAB,
    "The course map": MAP,
    "Choosing a network": NETWORKS,
    "Reading: help, why": READ,
    "The packet inspector": INSPECT,
    "Jump mode": JUMP,
    "Choosing where to go": CHOOSE,
    "Questions: review and quiz": QUESTIONS,
    "TCP states": STATES,
    "The ladder": LADDER,
    "Looking anywhere": LOOK,
    "Choosing a rule or a run": PICK,
    "The glossary": GLOSSARY,
    "A solution": SOLUTION,
    "Comparing runs": COMPARE,
    "Editing rules": EDIT,
    "Applying what was edited": APPLY,
    "Forms": FORM,
}
"""Every table whose keys can be changed, by what its screen is for. Where one types (TYPING) keys are the field's own."""
