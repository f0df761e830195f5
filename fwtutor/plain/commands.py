"""What can be told to plain mode: the lab's own actions by their letters and names, and what only text needs."""

from __future__ import annotations

from typing import NamedTuple

from fwtutor.telling.actions import LAB

_KEYS = {"question_mark": "?", "colon": ":", "slash": "/", "full_stop": "."}


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
    "lab.end": ("end",), "lab.start": ("home",), "lab.restart": ("restart",), "lab.run": ("other",), "lab.kernel": ("kernel",),
    "lab.next": ("next",), "lab.craft": ("again",), "lab.command": (),
}  # fmt: skip
"""Names besides the action's label."""
_TAKES = {
    "lab.look": "[PAGE [HOST] [FILTER]]",
    "lab.command": "LINE",
    "lab.save": "[FILE]",
    "lab.craft": "[FIELD=VALUE ...]",
    "lab.glossary": "[WORD]",
}
_SAYS = {
    "lab.end": "On to the end of this page, or to a question; again, to the next page. Only the last moment is told.",
    "lab.play": "Step on until a question, a new page or the end, and tell each moment.",
    "lab.why": "Everything there is to say about what just happened.",
    "lab.command": "Type a command at the present prompt's host. HOST# LINE types at another. iptables, send, nmap ... work without it.",
    "lab.help": "This list.",
    "lab.map": "All lessons, and how far you are in each.",
    "lab.craft": "This packet again, but with other values: again dport=22 flags=ACK. Without values it says which fields there are.",
    "lab.glossary": "What a word means; without one, the word for this moment, and all there are.",
    "lab.look": "Any host, as it is here: look rules, connections, expectations, sockets, logs or sysctls. look connections server 1337",
    "lab.save": "Keep all this in a file, which fwtutor sandbox opens. save over FILE replaces one that is there.",
}
"""Where plain mode does it in another way than the lab's tooltip says."""
_DONE = (
    "lab.step", "lab.back", "lab.play", "lab.end", "lab.start", "lab.packet", "lab.hook", "lab.rule", "lab.why", "lab.inspect", "lab.look",
    "lab.kernel",     "lab.a", "lab.b", "lab.c", "lab.d", "lab.hint", "lab.command", "lab.console", "lab.craft", "lab.undo",
    "lab.run", "lab.save", "lab.glossary",
    "lab.next", "lab.restart", "lab.map", "lab.help",
)  # fmt: skip
"""The lab's actions that plain mode has, in the order of its help."""


def _of_the_lab() -> list[Command]:
    by_id = {action.id: action for action in LAB}
    found = []
    for name in _DONE:
        action = by_id[name]
        letters = tuple(key for each in action.keys.split(",") if len(key := _KEYS.get(each, each)) == 1)
        about = _SAYS.get(name, action.tooltip)
        found.append(Command(name.removeprefix("lab."), letters, (action.label, *_ALSO.get(name, ())), about, _TAKES.get(name, "")))
    return found


COMMANDS: tuple[Command, ...] = (
    *_of_the_lab(),
    Command("place", (), ("place", "where"), "Where you are: the packet, its ctstate, the verdict, its entry."),
    Command("chain", (), ("chain",), "The chain the packet is in: its rules, what came of each, and its counters."),
    Command("connections", (), ("connections", "entries"), "What connection tracking remembers."),
    Command("moments", (), ("moments", "timeline"), "The moments of the run so far."),
    Command("go", (), ("go",), "To a moment, by its number; 0 is before everything.", "NUMBER"),
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
)
"""An empty line steps, too."""


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


def help_lines() -> list[str]:
    """Every command in a line."""
    said = ["Commands: the lab's letters, or words. An empty line steps."]
    for command in COMMANDS:
        names = ", ".join((*command.letters, *command.names))
        said.append(f"{names}{f' {command.takes}' if command.takes else ''}: {command.about}")
    return said
