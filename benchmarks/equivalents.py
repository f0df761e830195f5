"""Mutations of the engine that no case can tell from the engine as it is, each with the reason.

Most change nothing that a packet can show. Some meet one packet in tens of thousands, and the test that holds them is named.

By ``Mutation.key``: the file, the line as it stands, and the change. A line that is changed has to be judged again.
"""

# ruff: noqa: E501 - keys are the engine's own lines

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "conntrack/tcp.py: NONE = 5: 5 -> 4": (
        "no segment without flags comes to the table, and before anybody asks which segment was the last there has been one"
    ),
    "conntrack/tcp_window.py: if receiver.flags & SACK_PERM and packet.doff > 20:: 20 -> 21": "a header's length is a multiple of four",
    "rations.py: _REDIRECT_SILENCE = _REDIRECT_GAP << 10: 10 -> 11": ("shows only after 20 s of silence, longer than a case lasts"),
    'xtables/matches/conntrack.py: return False, "there is no entry": False -> True': "asked only of packets that have an entry",
    "xtables/matches/mark.py: (value, mask), negated = self.mark or Given((0, 0)): 0 -> 1": "the tool refuses -m mark without --mark",
    "routing.py: if len(self._cache) > 4096:: len(self._cache) > 4096 -> not len(self._cache) > 4096": ("only how fast a route is found"),
    "routing.py: if not 68 <= mtus[name] <= 65536:: 68 <= mtus[name] <= 65536 -> 68 < mtus[name] <= 65536": (
        "which MTUs are refused; tests/netfilter holds it"
    ),
    "rations.py: _REDIRECT_SILENCE = _REDIRECT_GAP << 10: 10 -> 9": ("shows only after 10 s of silence, longer than a case lasts"),
    "rations.py: return True, credit._replace(left=credit.left - 1): 1 -> 2": (
        "the ration of all hosts together, which contains chance; cases do without"
    ),
    "conntrack/tcp.py: assured: bool = False: False -> True": ("whoever accepts with a timeout says it; without one it is not looked at"),
    "conntrack/tracking.py: return Tracked(key, None, None, ORIGINAL, INVALID, new, changes, evicted): ORIGINAL -> REPLY": (
        "without an entry there is no direction that anybody asks for"
    ),
    "conntrack/tracking.py: if 0 < self.settings.max <= len(self.state.entries):: 0 -> 1": (
        "a full table, in which the kernel's chance decides; cases do without"
    ),
    "xtables/compiled.py: fields += [read for use, read in zip(shape[2:], _FIELDS, strict=True) if use]: True -> False": (
        "both are of the same length"
    ),
    "xtables/matches/multiport.py: lambda found: found[1:]),: 1 -> 2": ("for people: compile() has its own"),
    'xtables/matches/tcp.py: Option(field="flags", names=("tcp-flags",), argument="MASK SET", arguments=2, read=read_flags, judge=judge_flags,: 2 -> 3': (
        "the reader asks only whether there is none, one or more"
    ),
    "conntrack/tracking.py: if evicted is None:: evicted is None -> evicted is not None": (
        "a full table, in which the kernel's chance decides; cases do without"
    ),
    "xtables/compiled.py: before: Any = (0, 0): 0 -> 1": ("of places that have no counter nobody asks for it"),
    "routing.py: if len(self._cache) > 4096:: len(self._cache) > 4096 -> len(self._cache) >= 4096": ("only how fast a route is found"),
    "rations.py: credit = credit or Credit(0, at - SECOND): 0 -> 1": (
        "the ration of all hosts together, which contains chance; cases do without"
    ),
    "xtables/compiled.py: wanted += [value for use, value in zip(shape[2:], (protocol, inside, outside, *ports), strict=True) if use]: True -> False": (
        "both are of the same length"
    ),
    "conntrack/entry.py: left = self.expires - at if self.status & CONFIRMED else self.expires: self.status & CONFIRMED -> self.status | CONFIRMED": (
        "only people ask it of an entry that is not kept yet"
    ),
    "conntrack/tracking.py: self.next_id += 1: self.next_id += 1 -> self.next_id -= 1": ("numbers of entries must differ, and do"),
    "xtables/matches/icmp.py: return kind.type == ANY or fits, said: kind.type == ANY or fits -> kind.type == ANY and fits": (
        "for people: compile() has its own"
    ),
    "conntrack/tcp.py: liberal: bool = False: False -> True": "the settings give every value",
    "conntrack/tcp.py: track.last_scale = said.scale if said.flags & WINDOW_SCALE else 0: 0 -> 1": (
        "the SYN+ACK that makes it count sets both scales to 0, as the SYN asked for none"
    ),
    "conntrack/tracking.py: if evicted is None:: evicted is None -> not evicted is None": (
        "a full table, in which the kernel's chance decides; cases do without"
    ),
    "rations.py: _UNUSED = 60 * SECOND: 60 -> 61": "either is more than a bucket holds",
    "rations.py: return True, Peer(0, at - _UNUSED if peer is None else peer.last): 0 -> 1": "a nanosecond of credit",
    "rations.py: _REFILL_GAP = SECOND // 50: 50 -> 51": "the ration of all hosts together, which contains chance; cases do without",
    "rations.py: if credit.left <= 0:: 0 -> 1": "the ration of all hosts together, which contains chance; cases do without",
    "rations.py: return False, credit: False -> True": "the ration of all hosts together, which contains chance; cases do without",
    "rations.py: _REDIRECTS, _REDIRECT_GAP = 9, SECOND // 50: 50 -> 51": "less than a tick of the kernel's clock",
    "rations.py: _REDIRECTS, _REDIRECT_GAP = 9, SECOND // 50: 50 -> 49": "less than a tick of the kernel's clock",
    "routing.py: if family == 4 and length < 31:: 31 -> 32": "no case has a link of two; tests/kernel/test_found.py holds it",
    "xtables/compiled.py: family = rules[0].header.family: 0 -> 1": "all rules of a table have one family, and what is indexed is longer",
    "xtables/matches/conntrack.py: translated = [word for word, bit in VIRTUAL.items() if entry is not None and entry.status & bit]: entry.status & bit -> entry.status | bit": (
        "for people: compile() has its own"
    ),
    "xtables/matches/limit.py: if periods > (WORD - 1) // CREDITS_A_SECOND:: 1 -> 0": "neither number divides by the other: the same quotient",
    "xtables/matches/multiport.py: return any(low <= port <= high for low, high in ports.ranges for port in found): low <= port <= high -> low < port <= high": (
        "for people: compile() has its own"
    ),
    "xtables/matches/tcp.py: if packet.doff < 20 or end > len(packet.raw):: 20 -> 19": "a header's length is a multiple of four",
    "rations.py: peer = peer or Peer(0, at - _UNUSED): 0 -> 1": "a nanosecond of credit",
    "conntrack/sctp.py: if packet.length - packet.l4 < _TOO_SHORT:: packet.length - packet.l4 < _TOO_SHORT -> packet.length - packet.l4 <= _TOO_SHORT": (
        "a header without a chunk is INVALID too"
    ),
    "conntrack/sctp.py: refresh: bool = True: True -> False": "whoever accepts says it; of an INVALID packet it is not asked",
    "passage4.py: if routing.is_local(4, head.dst) and not self._martian(head) and not routing.own_source(head.src):: routing.is_local(4, head.dst) and (not self._martian(head)) and (not routing.own_source(head.src)) -> not (routing.is_local(4, head.dst) and (not self._martian(head)) and (not routing.own_source(head.src)))": (
        "fragments are given up after 30 s, longer than a case lasts; tests/kernel/test_incomplete.py"
    ),
    "passage.py: answer.later = not (by_program and reset and self.box.variant == \"nft\"): self.box.variant == 'nft' -> self.box.variant != 'nft'": (
        "a program refused by a RST to everybody: one packet in 100,000; tests/kernel/test_to_many.py"
    ),
    'replying4.py: return ((self.box.began + self.walk.at) // MILLISECOND % (24 * 3600 * 1000)).to_bytes(4, "big"): 1000 -> 999': "a case is shorter than a day",
    "xtables/matches/icmp.py: return kind.type == ANY or fits, said: kind.type == ANY -> kind.type != ANY": (
        "for people: compile() has its own"
    ),
    'xtables/matches/limit.py: UNITS = (("day", "day", 86_400), ("hour", "hour", 3_600), ("minute", "min", 60), ("second", "sec", 1)): 86400 -> 86401': (
        "twelve microseconds a second"
    ),
    'xtables/matches/mark.py: return seen == value[0], said if value[1] == ALL_BITS else f"{said}, under the mask 0x{seen:x}": 1 -> 2': (
        "for people: compile() has its own"
    ),
    "xtables/matches/tcp.py: return False: False -> True": "the packet is dropped at once, whatever the match says then",
    "answers.py: UNVERIFIED = frozenset({47, 50, 51, 132, 136}): 50 -> 51": (
        "ESP refused by an ICMP error: a few packets in 100,000; tests/kernel/test_found.py"
    ),
    'answers.py: if packet.protocol == UDP and len(segment) >= 8 and segment[6:8] == b"\\0\\0":: 8 -> 7': (
        "of seven bytes the last two are one, which is not two zeros"
    ),
    "routing.py: LOOPBACK_MTU = 65536: 65536 -> 65535": "no packet is longer than 65535 bytes",
    "xtables/matches/comment.py: MAX_BYTES = 255: 255 -> 254": "which comments are refused; tests/netfilter holds it",
    "xtables/matches/mark.py: seen = mark & value[1]: 1 -> 0": "for people: compile() has its own",
    'xtables/matches/multiport.py: first, last = {"sports": (0, 1), "dports": (1, 2), "ports": (0, 2)}[option.field]: 2 -> 3 (place 2)': (
        "there are two ports, and no third"
    ),
    "xtables/matches/native.py: if isinstance(one, NativeUdp) and isinstance(other, NativeUdp):: isinstance(one, NativeUdp) and isinstance(other, NativeUdp) -> isinstance(one, NativeUdp) or isinstance(other, NativeUdp)": (
        "both are of one kind"
    ),
    "xtables/matches/ports.py: if len(tests) == 2:: 2 -> 1": "only how fast the tests are made",
}
