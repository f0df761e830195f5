"""Mutations of the engine that no packet can tell from the engine as it is, each with the reason.

By ``Mutation.key``: the file, the line as it stands, and the change. A line that is changed has to be judged again.
"""

from __future__ import annotations

_NAT = (
    "conntrack/entry.py: SRC_NAT, DST_NAT, SEQ_ADJUST, SRC_NAT_DONE, DST_NAT_DONE, DYING, FIXED_TIMEOUT = 16, 32, 64, 128, 256, 512, 1024"
)
_NO_NAT = "NAT is not simulated: no entry has the bit, nor EXPECTED, which is the other bit of the changed one"

EQUIVALENT: dict[str, str] = {
    **{f"{_NAT}: {bit} -> {bit + 1}": _NO_NAT for bit in (16, 32, 64, 128, 256, 512, 1024)},
    **{f"{_NAT}: {bit} -> {bit - 1}": "nothing asks for the bit yet" for bit in (64, 128, 256, 512, 1024)},
    "conntrack/tcp.py: NONE = 5: 5 -> 4": (
        "no segment without flags comes to the table, and before anybody asks which segment was the last there has been one"
    ),
    "conntrack/tcp_window.py: if receiver.flags & SACK_PERM and packet.doff > 20:: 20 -> 21": "a header's length is a multiple of four",
    "answers.py: _REDIRECT_SILENCE = _REDIRECT_GAP << 10: 10 -> 11": (
        "shows only after 20 s of silence, longer than a case lasts"
    ),
    'xtables/matches/conntrack.py: return False, "there is no entry": False -> True': "asked only of packets that have an entry",
    "xtables/matches/mark.py: (value, mask), negated = self.mark or Given((0, 0)): 0 -> 1": "the tool refuses -m mark without --mark",
}
