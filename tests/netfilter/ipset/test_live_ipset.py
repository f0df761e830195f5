"""The live tool is the judge: what ipset takes, what it refuses and in which words, and all it lists."""

from __future__ import annotations

from pathlib import Path

from tests.netfilter.ipset.live import ask, comparable, ours

SESSIONS = [
    [line for line in block.split("\n") if line and not line.startswith("#")]
    for block in (Path(__file__).parent / "sessions.txt").read_text().split("\n\n")
]


def differences(sessions: list[list[str]]) -> list[str]:
    """Each as text."""
    found = []
    for session, theirs in zip(sessions, ask(sessions), strict=True):
        for line, (status, said), (own_status, own) in zip(session, theirs, ours(session), strict=True):
            if (status, comparable(said)) != (own_status, comparable(own)):
                left, right = comparable(said).splitlines(), comparable(own).splitlines()
                live = "\n    ".join(one for one in left if one not in right)
                mine = "\n    ".join(one for one in right if one not in left)
                found.append(f"{line}\n  live {status}: {live}\n  ours {own_status}: {mine}")
    return found


def test_hand_picked_commands_are_taken_and_refused_in_the_tools_words() -> None:
    found = differences([session for session in SESSIONS if session])
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:40])
