"""Every cell of the TCP state table, reached by packets that arrive there honestly.

The table is written down once more here, as observed on a running kernel; the engine's own is not consulted.
"""

from __future__ import annotations

import pytest

from tests.netfilter.boxes import Talk, box, ctstate

WAYS = {
    "NONE": [],
    "SYN_SENT": [(0, "S")],
    "SYN_RECV": [(0, "S"), (1, "SA")],
    "ESTABLISHED": [(0, "S"), (1, "SA"), (0, "A")],
    "FIN_WAIT": [(0, "S"), (1, "SA"), (0, "A"), (0, "FA")],
    "CLOSE_WAIT": [(0, "S"), (1, "SA"), (0, "A"), (0, "FA"), (1, "A")],
    "LAST_ACK": [(0, "S"), (1, "SA"), (0, "A"), (0, "FA"), (1, "A"), (1, "FA")],
    "TIME_WAIT": [(0, "S"), (1, "SA"), (0, "A"), (0, "FA"), (1, "A"), (1, "FA"), (0, "A")],
    "CLOSE": [(0, "S"), (1, "SA"), (0, "A"), (1, "RA")],
    "SYN_SENT2": [(0, "S"), (1, "S")],
}

SHORT = {
    "SS": "SYN_SENT", "SR": "SYN_RECV", "ES": "ESTABLISHED", "FW": "FIN_WAIT", "CW": "CLOSE_WAIT", "LA": "LAST_ACK", "TW": "TIME_WAIT",
    "CL": "CLOSE", "S2": "SYN_SENT2",
}  # fmt: skip

# new: a fresh entry replaces the old. gone: the entry is deleted, the packet passes. ig: passes, the state stays. --: INVALID.
OBSERVED = """
0 S     SS  SS  ig  ig  ig  ig  ig  new ig  S2
0 SA    --  --  SR  --  --  --  --  --  --  SR
0 FA    --  --  FW  FW  LA  LA  LA  TW  CL  --
0 A     ES  --  ES  ES  CW  CW  TW  TW  CL  --
0 R     --  gone CL CL  CL  CL  CL  CL  CL  CL
0 PU    --  --  --  --  --  --  --  --  --  --
1 S     SS  S2  --  --  --  --  --  new --  S2
1 SA    --  SR  ig  ig  ig  ig  ig  ig  ig  SR
1 FA    --  --  FW  FW  LA  LA  LA  TW  CL  --
1 A     ES  ig  SR  ES  CW  CW  TW  TW  CL  ig
1 RA    --  gone CL CL  CL  CL  CL  CL  CL  CL
1 PU    --  --  --  --  --  --  --  --  --  --
"""

CELLS = [
    (int(row.split()[0]), row.split()[1], old, cell)
    for row in OBSERVED.strip().splitlines()
    for old, cell in zip(WAYS, row.split()[2:], strict=True)
]


@pytest.mark.parametrize(("side", "flags", "old", "cell"), CELLS, ids=[f"{old}-{side}-{flags}" for side, flags, old, _ in CELLS])
def test_every_cell_of_the_state_table(side: int, flags: str, old: str, cell: str) -> None:
    talk = Talk(box())
    for step_side, step_flags in WAYS[old]:
        talk.say(step_side, step_flags)
    if old != "NONE":
        assert talk.state == old
    fields = {}
    if "S" in flags and old in ("SYN_SENT", "SYN_RECV", "SYN_SENT2") and (side == 0 or old != "SYN_SENT"):
        fields["seq"] = (1000, 5000)[side]
    if flags == "RA" and old == "SYN_SENT" and side == 1:
        fields["seq"] = 0
    walk = talk.say(side, flags, **fields)
    if cell == "--":
        assert ctstate(walk) == "INVALID"
        assert talk.state == (old if old != "NONE" else "")
    elif cell == "ig":
        assert ctstate(walk) == "ESTABLISHED"
        assert talk.state == old
    elif cell == "gone":
        assert ctstate(walk) == ("NEW" if side == 0 else "ESTABLISHED")
        assert talk.state == ""
    elif cell == "new":
        assert ctstate(walk) == "NEW"
        assert talk.state == "SYN_SENT"
        assert not next(iter(talk.firewall.state.entries.values())).seen_reply
    else:
        assert ctstate(walk) != "INVALID"
        assert talk.state == SHORT[cell]


def test_a_syn_after_the_peers_reset_is_let_through_and_the_answer_believed() -> None:
    talk = Talk(box())
    talk.open()
    talk.say(1, "RA")
    walk = talk.say(0, "S")
    assert (ctstate(walk), talk.state) == ("ESTABLISHED", "CLOSE")
    talk.say(1, "SA")
    assert talk.state == "SYN_RECV"
