"""A rule as one sentence of English: which packets it is about, and what becomes of them.

What there is to say of an option is in the file of its match or target (``wording`` has the grammar); here it is put in order.
"""

from __future__ import annotations

import re

from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.options import Extension
from fwtutor.netfilter.xtables.rule import Chain, Continue, Header, Jump, Rule, Target
from fwtutor.netfilter.xtables.values import BITS, format_network
from fwtutor.netfilter.xtables.wording import alternatives

_NAMES = {"ipv6-icmp": "ICMPv6", "udplite": "UDP-Lite", "ipencap": "IP in IP"}
_ONCE = ("whose connection was begun ", "whose connection's answers ")
"""What is not said again of what follows."""
_RELATIVE = re.compile(r"(that|whose|with|without|in which|to which|of which|neither of whose)\b")
"""How phrases begin that stand behind those that say from where to where."""
POLICIES = {"ACCEPT": "accepted", "DROP": "dropped"}


def sentence(rule: Rule) -> str:
    """What the rule does, to a person."""
    phrases = _of_header(rule.header)
    for match in rule.matches:
        if isinstance(match, Extension):
            phrases += match.phrases()
    phrases, tails = _joined(phrases)
    ways = _with_ports([phrase for phrase in phrases if not _RELATIVE.match(phrase)])
    relative = [phrase for phrase in phrases if _RELATIVE.match(phrase)]
    subject = " ".join([_subject(rule.header), *ways])
    about = f"{subject} {alternatives(_shortened(relative), 'and')}" if relative else subject
    verb, more = _verb(rule.target)
    tails = list(dict.fromkeys([*more, *tails]))
    if about == "Packets" and all(tail in more or tail.startswith("(") for tail in tails):
        about = "All packets"
    on = ", and go on to the next rule" if rule.target.goes_on and not isinstance(rule.target, Continue | Jump) else ""
    ends = "".join(f" {tail}" if tail.startswith("(") else f", {tail}" for tail in tails)
    return f"{about} {verb}{ends}{on}."


def at_the_end(chain: Chain) -> str:
    """What becomes of packets that come to the end of a chain."""
    if chain.policy is None:
        return f"What comes to the end of {chain.name} goes back to where it came from."
    return f"What comes to the end of {chain.name} is {POLICIES[chain.policy]}."


def _joined(phrases: list[str]) -> tuple[list[str], list[str]]:
    """Phrases, and what stands at the end of the sentence."""
    found: list[str] = []
    tails: list[str] = []
    last = found
    for phrase in phrases:
        if phrase.startswith("+") and last:
            last[-1] += f" {phrase[1:]}"
        else:
            last = tails if phrase.startswith(";") else found
            last.append(phrase.lstrip("+;"))
    return found, tails


def _subject(header: Header) -> str:
    if not header.protocol:
        return "Packets"
    name = protocol_name(header.protocol)
    return f"Packets of {'any protocol but ' if header.protocol_not else ''}{_NAMES.get(name, name.upper() if name.isalpha() else name)}"


def _shortened(phrases: list[str]) -> list[str]:
    """The same, with words that begin several of them said once."""
    for lead in _ONCE:
        first = next((phrase for phrase in phrases if phrase.startswith(lead)), None)
        phrases = [phrase if phrase is first else phrase.removeprefix(lead) for phrase in phrases]
    return phrases


def _of_header(header: Header) -> list[str]:
    found = []
    for word, network, negated in (("from", header.src, header.src_not), ("to", header.dst, header.dst_not)):
        if network is not None:
            address = format_network(*network, header.family).removesuffix(f"/{BITS[header.family]}")
            found.append(f"{word} {'anywhere but ' if negated else ''}{address}")
    for word, name, negated in (("arriving at", header.in_interface, header.in_not), ("leaving by", header.out_interface, header.out_not)):
        if name.endswith("+"):
            name = f"interface whose name begins with {name[:-1]}" if name != "+" else "interface"
            found.append(f"{word} {'no' if negated and name == 'interface' else 'any other than an' if negated else 'an'} {name}")
        elif name:
            found.append(f"{word} {'any interface but ' if negated else ''}{name}")
    if header.fragment is not None:
        found.append(f"that are {'' if header.fragment else 'not '}later fragments")
    return found


def _with_ports(ways: list[str]) -> list[str]:
    """``from 10.0.0.1`` and ``from port 22`` together: ``from port 22 of 10.0.0.1``."""
    for word in ("from", "to"):
        ported = re.compile(rf"{word} (any )?ports? ")
        host = next((way for way in ways if way.startswith(f"{word} ") and not ported.match(way) and "anywhere" not in way), None)
        port = next((way for way in ways if ported.match(way)), None)
        if host is not None and port is not None:
            ways = [f"{port} of {way.removeprefix(f'{word} ')}" if way == host else way for way in ways if way != port]
    return sorted(ways, key=lambda way: not way.startswith(("of ", "from ", "to ")))


def _verb(target: Target) -> tuple[str, list[str]]:
    """What becomes of the packets, and what is to be said besides."""
    if isinstance(target, Jump):
        way = f"go on in the chain {target.chain}, and do not come back" if target.goto else f"go through the chain {target.chain}"
        return way, []
    if isinstance(target, Extension):
        phrases, tails = _joined(target.phrases())
        return " ".join(phrases) if "" in target.words else alternatives(phrases, "and"), tails
    return "are counted", []
