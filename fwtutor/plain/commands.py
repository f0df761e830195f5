"""What can be told to plain mode: the lab's own actions by their letters and names, and what only text needs."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.telling.actions import LAB

_KEYS = {"question_mark": "?", "colon": ":", "slash": "/", "full_stop": ".", "asterisk": "*"}


class Command(NamedTuple):
    """One thing to say."""

    do: str
    """The method of ``Shell`` that does it, behind ``do_``."""
    letters: tuple[str, ...]
    """As the lab's keys; capitals are other letters."""
    names: tuple[str, ...]
    about: str
    takes: str = ""
    """What is written behind it, for the help; "" for nothing."""


_ALSO = {
    "lab.step": ("space", "right"), "lab.back": ("backspace", "left"),
    "lab.end": ("end",), "lab.start": ("home",), "lab.restart": ("restart",), "lab.run": ("other",), "lab.kernel": ("kernel",),
    "lab.next": ("next",), "lab.craft": ("again",), "lab.command": (), "lab.compare": ("compare",), "lab.states": ("states",),
    "lab.go": ("go",), "lab.again": (), "lab.again_back": (), "lab.mark": ("mark",), "lab.more_help": (),
}  # fmt: skip
"""Names besides the action's label."""
_UNNAMED = ("lab.again", "lab.again_back")
"""Those whose label says something else here."""
_TAKES = {
    "lab.look": "[PAGE [HOST] [FILTER]]",
    "lab.command": "LINE",
    "lab.save": "[FILE]",
    "lab.craft": "[FIELD=VALUE ...]",
    "lab.glossary": "[WORD]",
    "lab.run": "[N]",
    "lab.compare": "[N]",
    "lab.go": "NUMBER|TIME|+SECONDS",
    "lab.next": "[WHAT]",
    "lab.help": "[WORD|all]",
    "lab.inspect": "[bytes]",
}
_SAYS = {
    "lab.end": "On to the end of this page, or to a question; again, to the next page. Only the last moment is told.",
    "lab.play": "Step on until a question, a new page or the end, and tell each moment.",
    "lab.why": "Everything there is to say about what just happened.",
    "lab.command": "Type a command at the present prompt's host. HOST# LINE types at another. iptables, send, nmap ... work without it.",
    "lab.help": "This list. help WORD says more about one command; help all lists every one.",
    "lab.map": "All lessons, and how far you are in each.",
    "lab.craft": "This packet again, but with other values: again dport=22 flags=ACK. Without values it says which fields there are.",
    "lab.glossary": "What a word means; without one, the word for this moment, and all there are.",
    "lab.look": (
        "Any host, as it is here: look rules, connections, expectations, sockets, logs or sysctls. look connections server 1337; "
        "look rule 3 explains one; look rules as table is as the tool prints it."
    ),
    "lab.save": "Keep all this in a file, which fwtutor sandbox opens. save over FILE replaces one that is there.",
    "lab.run": "Over to another run, by its number in runs; without one, to the next.",
    "lab.compare": "The present run beside another: each packet that differs, and in what. Only what differs is told.",
    "lab.go": "To a moment, by its number (0 is before everything), or a time: go 1.5s. go +30 lets 30 s go by at the run's end.",
    "lab.again": "The last jump once more, on.",
    "lab.again_back": "The last jump once more, the other way.",
    "lab.ladder": "All packets between all hosts so far, in order: over which hosts, and where each died.",
    "lab.states": "The TCP tracker's states: each packet of this connection, and what became of its entry's state.",
    "lab.mark": "Mark this moment, or take its mark away.",
    "lab.inspect": "The packet's layers, field by field; inspect bytes has its bytes, too.",
    "lab.next": (
        "The next lesson, when this one is done. next WHAT goes to the next moment of a kind: drop, state change, change of this "
        "entry, packet of this connection, match of rule 3, command, timer, bookmark."
    ),
}
"""Where plain mode does it in another way than the lab's tooltip says."""
_GROUPS = {
    "Going": (
        "step", "back", "play", "end", "start", "go", "next", "last", "again", "again_back", "packet", "hook", "rule",
        "mark", "marks",
    ),
    "Looking": (
        "why", "place", "chain", "connections", "look", "inspect", "states", "ladder", "moments", "hosts", "console", "kernel", "glossary",
    ),
    "The lesson": (
        "page", "question", "a", "b", "c", "d", "goals", "hint", "more_help", "see", "mine", "solution", "type_it", "task", "restart",
    ),
    "Typing and runs": ("command", "at", "craft", "undo", "runs", "run", "compare", "save"),
    "Beyond this lesson": ("map", "open", "progress", "review", "quiz", "help", "quit"),
}  # fmt: skip
"""All commands, in the order of the help."""
_SHORT = {
    "step", "back", "play", "end", "go", "next", "why", "chain", "connections", "look", "states", "ladder", "page", "goals", "hint",
    "command", "at", "undo", "runs", "compare", "open", "help", "quit",
}  # fmt: skip
"""Those of the short help."""


def _of_the_lab() -> list[Command]:
    wanted = [f"lab.{name}" for names in _GROUPS.values() for name in names]
    by_id = {action.id: action for action in LAB}
    found = []
    for name in wanted:
        if name not in by_id:
            continue
        action = by_id[name]
        letters = tuple(key for each in action.keys.split(",") if len(key := _KEYS.get(each, each)) == 1)
        about = _SAYS.get(name, action.tooltip)
        names = () if name in _UNNAMED else (action.label.lower(), *_ALSO.get(name, ()))
        found.append(Command(name.removeprefix("lab."), letters, tuple(dict.fromkeys(names)), about, _TAKES.get(name, "")))
    return found


COMMANDS: tuple[Command, ...] = (
    *_of_the_lab(),
    Command("place", (), ("place", "where"), "Where you are: the packet, its ctstate, the verdict, its entry."),
    Command(
        "chain", (), ("chain",),
        "A chain: its rules, what came of each, and its counters; the one the packet is in, unless you name one.", "[TABLE] [CHAIN]",
    ),
    Command("connections", (), ("connections", "entries"), "What connection tracking remembers."),
    Command(
        "moments", (), ("moments", "timeline"), "The moments of the run so far; or of some of them: moments 1-20, moments drop.",
        "[FROM-TO|WORD]",
    ),
    Command("last", (), ("last",), "To the last moment of a kind before this one: last drop. The kinds are those of next.", "WHAT"),
    Command("marks", (), ("bookmarks", "marks"), "The moments that are marked."),
    Command("runs", (), ("runs",), "All runs there are, which command made each, and which one you are in."),
    Command("page", (), ("page", "lesson"), "The page of the lesson once more."),
    Command("question", (), ("question",), "The question that holds the way, once more."),
    Command("goals", (), ("goals",), "What is to be brought about."),
    Command("hosts", (), ("hosts", "network"), "The hosts and the links between them."),
    Command(
        "see", (), ("see it", "see"), "The history that your answer fails by, as a run with your rules; you are at the packet that decided."
    ),
    Command("mine", (), ("mine", "my own run"), "From there back to your own run, where you left it."),
    Command("solution", (), ("solution",), "What one could type for this page's task, and what each line does."),
    Command("type_it", (), ("type it",), "The task from its beginning, and the solution typed for you."),
    Command("task", (), ("task anew", "reset task"), "Rules and hosts as they were when the task began; undo takes that back."),
    Command("at", (), ("at",), "Go to another host's prompt.", "HOST"),
    Command("progress", (), ("progress",), "What you have learned, predictions right, hints used."),
    Command("review", (), ("review",), "Predictions you got wrong, asked again until they are right."),
    Command("quiz", (), ("quiz",), "The quiz: before the course, and after it."),
    Command("open", (), ("open",), "Open another lesson.", "LESSON"),
    Command("quit", ("q",), ("quit", "exit"), "Leave. Progress is kept."),
)  # fmt: skip
"""An empty line steps, too."""
OF_SCREENS = {
    "escape": "escape is not needed here: nothing is open.", "esc": "esc is not needed here: nothing is open.",
    "tab": "tab is of the screen; here at HOST goes to another prompt.",
    "enter": "An empty line steps; next opens the next lesson.",
    "e": "e is the screen's editor; here type iptables commands: at this moment, or go 0 first, and the same traffic runs again.",
    "z": "z makes a pane big; here each part has a command: chain, connections, why, page.",
    "j": "j jumps to what one sees; here go NUMBER goes to a moment.",
    "[": "Nothing moves here, so nothing is slower.", "]": "Nothing moves here, so nothing is faster.",
    ".": "help all lists every command.",
    "t": "Themes are of the screen.", "M": "Nothing moves here.",
    "Y": "Y copies a pane; here look rules as table, or conntrack -L, prints what one can copy.",
    "up": "Your terminal scrolls; chain tells the rules.", "down": "Your terminal scrolls; chain tells the rules.",
}  # fmt: skip
"""What pages and other people's notes name, that is of screens: what to do here instead."""


def understood(text: str) -> tuple[Command, str] | None:
    """The command that a line is, and what stands behind it; None if it is none."""
    text = text.strip()
    if text[:1] in (":", "/"):
        return next(command for command in COMMANDS if command.do == "command"), text[1:].strip()
    found: tuple[Command, str, int] | None = None
    for command in COMMANDS:
        for name in (*command.letters, *command.names):
            said = text if len(name) == 1 else text.lower()
            rest = text[len(name) :]
            longer = found is None or len(name) > found[2]
            if said.startswith(name) and longer and (not rest or (rest[0] == " " and command.takes)):
                found = command, rest.strip(), len(name)
    return found[:2] if found else None


def help_lines(wanted: str = "") -> list[str]:
    """The commands one needs, by group; ``wanted``: "all", or the name of one. Empty if there is none of that name."""
    if wanted and wanted != "all":
        found = understood(wanted) or next(((each, "") for each in COMMANDS if wanted.lower() in " ".join(each.names).split()), None)
        return [_line(found[0])] if found else [OF_SCREENS[wanted]] if wanted in OF_SCREENS else []
    by_do = {command.do: command for command in COMMANDS}
    said = ["Commands: the lab's letters, or words. An empty line steps."]
    for group, names in _GROUPS.items():
        said.append(f"{group}:")
        said += [_line(by_do[name]) for name in names if wanted or name in _SHORT]
    return said if wanted else [*said, "help all lists every command, help WORD says more about one: help next."]


def _line(command: Command) -> str:
    names = ", ".join((*command.letters, *command.names))
    return f"{names}{f' {command.takes}' if command.takes else ''}: {command.about}"
