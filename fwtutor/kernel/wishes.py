"""What a packet has to be like to come to a rule, and a packet like that.

What cannot be had (a state, a mark another rule sets) is for ``aimed``; and not every wish comes true, as other rules may stand before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from fwtutor.kernel.drafts import ICMPS, Draft
from fwtutor.kernel.neighbourhood import Net, span
from fwtutor.kernel.rulelines import Condition
from fwtutor.netfilter.hooks import FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING
from fwtutor.netfilter.packet import ACK, FIN, PSH, RST, SYN, TCP, UDP, URG
from fwtutor.netfilter.xtables.names import protocol_number

_BITS = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG, "NONE": 0, "ALL": 63}
_OTHERS = (47, 50, 132, 253)
"""Protocols that most rulesets do not speak of."""
_SMALL = (0, 1, 11, 100)


@dataclass(slots=True)
class Wish:
    """Conditions that all are to be true."""

    random: Random
    net: Net
    hook: str
    conditions: list[Condition]
    ports: tuple[int, ...] = (80,)
    """What is worth trying where none is named."""
    _by_option: dict[str, list[Condition]] = field(default_factory=dict)

    def draft(self) -> Draft | None:
        """A packet for which they are, as far as it alone has it in its hands. None: they contradict each other."""
        self._by_option = {}
        for condition in self.conditions:
            self._by_option.setdefault(condition.option, []).append(condition)
        draft = self._between()
        if draft is None or not self._protocol(draft):
            return None
        self._ports(draft)
        self._icmp(draft)
        self._tcp(draft)
        self._rest(draft)
        return draft

    def _of(self, *options: str) -> list[Condition]:
        return [condition for option in options for condition in self._by_option.get(option, ())]

    # --- where from, where to -----------------------------------------------------------------------------------

    def _interface(self, option: str) -> str | None:
        def fits(name: str, condition: Condition) -> bool:
            (wanted,) = condition.values
            return (name.startswith(wanted[:-1]) if wanted.endswith("+") else name == wanted) != condition.negated

        conditions = self._of(option)
        names = [name for name in (*self.net.names, "lo") if all(fits(name, condition) for condition in conditions)]
        if not any(not condition.negated for condition in conditions) and len(names) > 1 and "lo" in names and self.random.random() < 0.95:
            names.remove("lo")
        return self.random.choice(names) if names else None

    def _between(self) -> Draft | None:
        random, net, hook = self.random, self.net, self.hook
        into, out = self._interface("-i"), self._interface("-o")
        if into is None or out is None:
            return None
        own = hook == OUTPUT or (hook == POSTROUTING and random.random() < 0.4) or into == "lo"
        own = own or (hook in (PREROUTING, INPUT) and any("LOCAL" in one.values[0] and not one.negated for one in self._of("--src-type")))
        if own and hook in (PREROUTING, INPUT):
            out = "lo"
        if hook == PREROUTING and not own:
            out = random.choice((*net.names, "", ""))
        sources = net.local if own else [net.host(random, into if random.random() < 0.92 else random.choice(net.names))]
        if own and out != "lo" and net.own.get(out) and random.random() < 0.9:
            sources = net.own[out]
        local = net.own.get(into) or net.local
        targets = [net.host(random, out)] if hook in (FORWARD, POSTROUTING, OUTPUT) and out != "lo" else net.local if own else local
        if hook == PREROUTING and not own and out:
            targets = [net.host(random, out)]
        # What comes by a link does not say that it is from the box itself, unless a rule asks for just that.
        src = self._address(("-s", "--src-range"), "--src-type", sources, net.local if own else [])
        dst = self._address(("-d", "--dst-range"), "--dst-type", targets, net.local)
        if src is None or dst is None:
            return None
        if src == 0 and not own and net.broadcasts and not self._of("-d"):
            dst = net.broadcasts[0]  # whoever has no address yet may speak to all
        return Draft(net.family, None if own else into, src, dst, TCP, seq=random.randint(1000, 1 << 31))

    def _address(self, options: tuple[str, str], typed: str, otherwise: Iterable[int | None], local: list[int]) -> int | None:
        """One that fits; None: none was found."""
        random, net = self.random, self.net
        ranges = [(span(one.values[0]), one.negated) for one in self._of(*options)]
        wanted = sorted((each for each, negated in ranges if not negated), key=lambda each: each[1] - each[0])
        fallback = [each for each in otherwise if each is not None]
        kinds = [one for one in self._of(typed) if not one.negated]
        if kinds and not wanted:
            fallback = self._of_kind(random.choice(kinds[-1].values[0].split(",")), fallback)
        for _ in range(40):
            if wanted:
                low, high = wanted[0]
                inside = [each for each in (*fallback, *local, *net.groups) if low <= each <= high]
                found = random.choice(inside) if inside and random.random() < 0.4 else low + random.randint(0, min(high - low, 1 << 16))
            elif fallback:
                found = random.choice(fallback)
            else:
                return None
            if all((low <= found <= high) != negated for (low, high), negated in ranges):
                return found
            if not wanted and (name := random.choice(net.names)) and (somebody := net.host(random, name)) is not None:
                fallback.append(somebody)
        return None

    def _of_kind(self, kind: str, fallback: list[int]) -> list[int]:
        net = self.net
        if kind == "BROADCAST":
            return list(net.broadcasts)
        if kind == "MULTICAST":
            return list(net.groups)
        if kind == "ANYCAST" and net.family == 6:
            return [low for ranges in net.behind.values() for low, _ in ranges]
        return {"LOCAL": net.local, "UNICAST": fallback}.get(kind, [])

    # --- what it is -----------------------------------------------------------------------------------------------

    def _protocol(self, draft: Draft) -> bool:
        random, icmp = self.random, ICMPS[draft.family]
        choices = [TCP, TCP, UDP, icmp] if random.random() < 0.9 else list(_OTHERS)
        for condition in self._of("-p", "--ctproto"):
            text = condition.values[0]
            number = protocol_number(text) if not text.isdigit() else int(text)
            if number is None:
                return False
            choices = [one for one in choices if one != number] if condition.negated else [number]
        draft.protocol = random.choice(choices)
        if draft.protocol == TCP and random.random() < 0.1:
            draft.flags = random.choice((ACK, RST, FIN | ACK, SYN | ACK, 0, FIN | PSH | URG, SYN | FIN, SYN | RST))
        return True

    def _ports(self, draft: Draft) -> None:
        random = self.random
        named = {"sport": self._of("--sport", "--sports", "--ctorigsrcport"), "dport": self._of("--dport", "--dports", "--ctorigdstport")}
        for both in self._of("--ports"):
            named[random.choice(("sport", "dport"))].append(both)
        for name, otherwise in (("sport", (random.randint(1024, 65535),)), ("dport", (*self.ports, random.randint(1, 65535)))):
            sets = [([_ports(text) for text in one.values[0].split(",")], one.negated) for one in named[name]]
            wanted = [each for ranges, negated in sets if not negated for each in ranges]
            for _ in range(20):
                low, high = random.choice(wanted) if wanted else (random.choice(otherwise),) * 2
                port = random.choice((low, high, random.randint(low, high)))
                if all(any(low <= port <= high for low, high in ranges) != negated for ranges, negated in sets):
                    break
            setattr(draft, name, port)

    def _icmp(self, draft: Draft) -> None:
        draft.kind = (8, 0) if draft.family == 4 else (128, 0)
        if draft.protocol != ICMPS[draft.family]:
            return
        for condition in self._of("--icmp-type", "--icmpv6-type"):
            kind, _, code = condition.values[0].partition("/")
            if kind.isdigit() and not condition.negated:
                draft.kind = int(kind), int(code or 0)
        if draft.kind[0] in range(133, 138):
            draft.ttl = 255
            draft.payload = draft.dst.to_bytes(16, "big")

    def _tcp(self, draft: Draft) -> None:
        if draft.protocol != TCP:
            return
        random = self.random
        for condition in self._of("--tcp-flags"):
            mask, bits = (sum({_BITS[name] for name in text.split(",")}) & 63 for text in condition.values)
            flags = random.choice((SYN, ACK, RST, FIN | ACK, SYN | ACK, ACK | PSH)) if condition.negated else draft.flags
            others = random.choice((draft.flags, 0)) & ~mask
            draft.flags = flags if condition.negated and flags & mask != bits else others | bits
        for condition in self._of("--mss"):
            size = random.choice(_ports(condition.values[0]))
            draft.options, draft.flags = b"\2\4" + size.to_bytes(2, "big"), SYN
        for condition in self._of("--tcp-option"):
            number = int(condition.values[0])
            draft.options += bytes([number, 10]) + bytes(8) if number == 8 else bytes([number, 2])

    def _rest(self, draft: Draft) -> None:
        random = self.random
        draft.payload = draft.payload or random.randbytes(random.choice(_SMALL))
        if draft.flags & SYN and draft.protocol == TCP:
            draft.payload = b""
        for option, change in (("eq", 0), ("lt", -1), ("gt", 1)):
            for condition in self._of(f"--ttl-{option}", f"--hl-{option}"):
                draft.ttl = max(1, int(condition.values[0]) + change)
        if self._of("--ttl-eq", "--ttl-lt", "--ttl-gt", "--hl-eq", "--hl-lt", "--hl-gt") and self.hook in (FORWARD, POSTROUTING):
            draft.ttl = min(255, draft.ttl + 1)
        for condition in self._of("--tos"):
            byte, _, mask = condition.values[0].partition("/")
            draft.tos = int(byte, 16) & int(mask or "0xff", 16)
        for condition in self._of("--dscp"):
            draft.tos = int(condition.values[0], 16) << 2
        for condition in self._of("--mark"):
            value = int(condition.values[0].partition("/")[0], 16)
            draft.mark = value if not condition.negated else random.choice((0, 1)) if value else 1
        for condition in self._of("--length"):
            low, high = _ports(condition.values[0], 65535)
            header = (20 if draft.family == 4 else 40) + (8 if draft.protocol != TCP else 24)
            draft.payload = bytes(max(0, min(random.choice((low, high)), 1480) - header))
        for condition in self._of("--string"):
            draft.payload = b"0123456789012345" + condition.values[0].encode() + b"xyz"
        if self._of("--u32"):
            draft.payload = bytes(24)
        for condition in self._of("--mac-source"):
            draft.mac = condition.values[0].lower()
        for condition in self._of("--pkt-type"):
            draft.link = condition.values[0] if condition.values[0] in ("broadcast", "multicast") else "host"
        if any(not one.negated for one in self._of("-f")):
            draft.fragment = True
        if self._of("--rt-type"):
            draft.headers = ((43, bytes([0, 0, 0, 0, 0, 0, 0])),)
        if self._of("--fragmore"):
            draft.headers = ((44, bytes([0, 0, 1, 0, 0, 0, 7])),)


def _ports(text: str, most: int = 65535) -> tuple[int, int]:
    low, colon, high = text.replace("-", ":").partition(":")
    return int(low or 0), int(high or (most if colon else low))
