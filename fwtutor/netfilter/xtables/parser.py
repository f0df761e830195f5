"""From the words of one command line to what it asks for, in the order and with the words in which iptables complains.

Nothing here knows the rules that exist: whether a chain is there, or a number too big, is ``commands``' to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import product
from typing import Any, NoReturn

from fwtutor.netfilter.xtables.errors import BARE, USAGE as USAGE_ERROR, VERSIONS, RuleRefused, Unreadable, nearest
from fwtutor.netfilter.xtables.getopt import LONG, NO_ARGUMENT, UNKNOWN, WORD, Found, Scanner
from fwtutor.netfilter.xtables.matches import MATCHES, NOT_YET as MATCHES_NOT_YET
from fwtutor.netfilter.xtables.matches.native import is_native
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.options import Extension, Given, Option, OptionTarget
from fwtutor.netfilter.xtables.parsed import Loaded, Parsed
from fwtutor.netfilter.xtables.rule import Header
from fwtutor.netfilter.xtables.targets import NOT_YET as TARGETS_NOT_YET, TARGETS
from fwtutor.netfilter.xtables.tokens import Token
from fwtutor.netfilter.xtables.usage import USAGE
from fwtutor.netfilter.xtables.values import networks, number, protocol, scanned

MAX_NAME = 28
"""Characters of the name of a chain, match or target."""
MAX_INTERFACE = 15
MAX_AT_ONCE = 4096
"""Rules one command may make: lists of addresses multiply."""

_ORDER = "nsdpjvxio0cf"
"""Options in the order in which the tool looks for one that does not belong to the command."""
_LEGAL = {
    **dict.fromkeys("AIR", "sdpjviocf"), **dict.fromkeys("DC", "sdpjviof"), **dict.fromkeys("dFZzNXES", "v"), "P": "vc", "L": "nvx0",
}  # fmt: skip
"""Which options each command takes; d is -D with a number, z is -Z with one."""
_INVERTIBLE = "sdpiof"
_TOGETHER = {"L": "Zz", "S": "Zz", "Z": "LS"}


def bad_name(name: str, targets: Collection[str]) -> str:
    """Why a new chain cannot have that name; "" if it can. ``targets``: names that are taken."""
    if len(name.encode(errors="surrogateescape")) > MAX_NAME:
        return f"chain name `{name}' too long (must be under {MAX_NAME + 1} chars)"
    if name[:1] in ("-", "!") and name:
        return f"chain name not allowed to start with `{name[0]}'"
    if not name or name in targets:
        return "chain name may not clash with target name"
    if any(letter in " \t\n\v\f\r" for letter in name):
        return f"Invalid chain name `{name}'"
    return ""


class Parser:
    """One line. ``parse`` does it all."""

    def __init__(self, line: str, words: list[Token], variant: str = "legacy", restoring: bool = False) -> None:
        self.line = line
        self.variant = variant
        self.restoring = restoring
        self.scanner = Scanner(words)
        self.parsed = Parsed()
        self.invert = False
        self.inverted = ""
        self.loaded: list[Loaded] = []
        self.target: Loaded | None = None
        self.protocol = ""
        self.protocol_used = False
        self.source = self.destination = Token("0.0.0.0/0", (), 0, 0)
        self.interfaces = {"i": "", "o": ""}
        self.number_of_protocol = 0
        self.places: dict[str, Token] = {}

    def refuse(
        self, message: str, token: Token | None = None, part: tuple[int, int] | None = None, hint: str = "", manner: int = USAGE_ERROR
    ) -> NoReturn:
        start, end = token.span(part) if token else (0, len(self.line))
        raise RuleRefused(message, line=self.line, start=start, end=end, hint=hint, manner=manner)

    def read(self, reader: Callable[..., Any], token: Token, *more: Any) -> Any:
        """``reader`` applied to the word, its complaint pointed at the place."""
        try:
            return reader(token.text, *more)
        except Unreadable as wrong:
            self.refuse(str(wrong), token, wrong.part, wrong.hint)

    def parse(self) -> Parsed:
        while True:
            place = self.scanner.next, self.scanner.inside
            found = self.scanner.scan()
            if found is None:
                break
            while isinstance(found.code, Option) or found.code in (UNKNOWN, NO_ARGUMENT):
                if self._extension(found):
                    self.scanner.next, self.scanner.inside = place
                    again = self.scanner.scan()
                    assert again is not None
                    found = again
                    continue
                break
            if isinstance(found.code, Option) or found.code in (UNKNOWN, NO_ARGUMENT):
                self.invert = False
                continue
            if found.code == WORD:
                self._word(found)
                continue
            if self._core(found):
                return self.parsed
            self.invert = False
        self._finish()
        return self.parsed

    # --- options of matches and targets --------------------------------------------------------------------

    def _extension(self, found: Found) -> bool:
        """Take an extension's option. True when the protocol's match was loaded instead: look at the word again."""
        owner = self._holder(found.owner) if isinstance(found.code, Option) else None
        if owner is not None and isinstance(found.code, Option):
            self._give(owner, found.code, found)
            return False
        if not self._load_protocol():
            if self.parsed.jump in TARGETS_NOT_YET:
                # The option is most likely the target's own, and would only lead astray.
                hint = f"targets: {', '.join(sorted(TARGETS))}"
                self.refuse(f"fwtutor does not simulate -j {self.parsed.jump} yet", self.parsed.jump_token, hint=hint)
            text, token = self.scanner.before()
            if found.code == NO_ARGUMENT:
                self.refuse(f'option "{text}" requires an argument', token)
            self.refuse(f'unknown option "{text}"', found.token, hint=self._who_has(text))
        return True

    def _holder(self, kind: type[Extension]) -> Loaded | None:
        if self.target is not None and self.target.kind is kind:
            return self.target
        return next((one for one in reversed(self.loaded) if one.kind is kind), None)

    def _load_protocol(self) -> bool:
        """``-p tcp`` brings ``-m tcp`` along when an option is not known without it."""
        if not self.protocol or self.protocol_used:
            return False
        value = number(self.protocol, 0, 255)
        kind = MATCHES.get(self.protocol if value is None else protocol_name(value))
        if kind is None or not kind.protocol:
            return False
        self.protocol_used = True
        self.loaded.append(Loaded(kind, self.places["p"]))
        self.scanner.load(kind)
        return True

    def _who_has(self, text: str) -> str:
        name = text.lstrip("-").partition("=")[0]
        if not text.startswith("--") or not name:
            return ""
        if self.protocol and self.protocol not in MATCHES and number(self.protocol, 0, 255) is None:
            return f"fwtutor has no options for -p {self.protocol} yet"
        needs = [f"-p {m.name}" if m.protocol else f"-m {m.name}" for m in MATCHES.values() if any(name in o.names for o in m.options)]
        needs += [f"-j {t.name}" for t in TARGETS.values() if any(name in o.names for o in t.options)]
        if needs:
            return f"--{name} is known after {' or '.join(needs)}"
        every = [known for known, _, _ in LONG]
        every += [known for kind in (*MATCHES.values(), *TARGETS.values()) for option in kind.options for known in option.names]
        from difflib import get_close_matches  # slow to import, seldom needed

        close = get_close_matches(name, dict.fromkeys(every), n=3, cutoff=0.6)
        return f"did you mean --{' or --'.join(close)}?" if close else ""

    def _give(self, owner: Loaded, option: Option, found: Found) -> None:
        assert found.token is not None
        kind = owner.kind
        if option.field in owner.given:
            self.refuse(kind.repeated(option), found.token)
        if self.invert and not option.invertible:
            self.refuse(f'{kind.name}: option "--{option.names[0]}" cannot be inverted.', found.token)
        if option.arguments == 0:
            value = option.read()
        elif option.arguments == 1:
            assert found.argument is not None
            spoken = (None if "p" in self.inverted else self.number_of_protocol,) if option.of_protocol else ()
            value = self.read(option.read, found.argument, *spoken)
        else:
            assert found.argument is not None
            second = self.scanner.plain()
            if second is None:
                self.refuse(f"--{option.names[0]} requires two args.", found.token)
            try:
                value = option.read(found.argument.text, second.text)
            except Unreadable as wrong:
                self.refuse(str(wrong), found.argument._replace(at=(), end=second.end), None, wrong.hint)
        owner.given[option.field] = Given(value, self.invert)

    # --- the tool's own options -----------------------------------------------------------------------------

    def _word(self, found: Found) -> None:
        assert found.token is not None
        if found.token.text != "!":
            self.refuse(f"Bad argument `{found.token.text}'", found.token, manner=BARE)
        if self.invert:
            self.refuse("multiple consecutive ! not allowed", found.token)
        self.invert = True

    def _set(self, letter: str, token: Token) -> None:
        """Note an option of a rule or a listing; most may stand once only, few take a ``!``."""
        if letter in self.parsed.options:
            self.refuse(f"multiple -{letter} flags not allowed", token)
        self.parsed.options += letter
        self.places[letter] = token
        if self.invert:
            if letter not in _INVERTIBLE:
                self.refuse(f"cannot have ! before -{letter}", token)
            self.inverted += letter

    def _command(self, letter: str, token: Token) -> None:
        if self.invert:
            self.refuse("unexpected '!' flag", token)
        clash = [other for other in self.parsed.commands if other not in _TOGETHER.get(letter, "")]
        if clash:
            self.refuse(f"Cannot use -{letter} with -{clash[0].upper()}", token)
        self.parsed.commands += letter

    def _name_chain(self, token: Token | None) -> None:
        if token is not None:
            self.parsed.chain, self.parsed.chain_token = token.text, token

    def _rule_number(self, token: Token) -> None:
        value = number(token.text, 1, 2**31 - 1)
        if value is None:
            self.refuse(f"Invalid rule number `{token.text}'", token)
        self.parsed.number, self.parsed.number_token = value, token

    def _core(self, found: Found) -> bool:
        """One of the tool's own options. True when nothing more is to be read."""
        assert found.token is not None
        assert isinstance(found.code, str)
        letter, token = found.code, found.token
        if letter in "ACDIRNEPLSFXZ":
            self._command_option(letter, token, found.argument)
        elif letter in "psdgjio":
            self._rule_option(letter, token)
        elif letter == "m":
            self._match(token, found.argument)
        elif letter in "nx0f" or (letter == "v" and "v" not in self.parsed.options):
            self._set(letter, token)
        elif letter == "c":
            self._counters(token, found.argument)
        elif letter == "t":
            self._table(token, found.argument)
        elif letter == "w":
            wait = found.argument or self.scanner.plain()
            if wait is not None and scanned(wait.text) is None:
                self.refuse("wait seconds not numeric", wait)
            self.places["w"] = token
        elif letter == "W":
            self.places["W"] = token
            self.scanner.plain()
        elif letter == "6":
            if self.restoring:
                self.parsed.ignored = True
                return True
            self.refuse("-6 is for ip6tables; this is iptables", token, hint="fwtutor does not simulate IPv6 rules yet")
        elif letter == "V":
            self.parsed.commands = "V"
            return True
        elif letter == "h":
            self.parsed.commands = "h"
            self.parsed.output = self._help()
            return True
        elif letter == "b":
            self.refuse('Unknown arg "(null)"', token)
        return False

    def _command_option(self, letter: str, token: Token, argument: Token | None) -> None:
        if letter == "N" and argument is not None:
            self._check_new_name(argument)
        self._command(letter, token)
        scanner = self.scanner
        if letter in "LSFXZ":
            argument = argument or scanner.plain()
            self._name_chain(argument)
            if letter in "LSZ" and argument is not None:
                own = scanner.plain()
                if own is not None:
                    self._rule_number(own)
                    if letter == "Z":
                        # An -L or -S before it is forgotten; one behind it lists that rule.
                        self.parsed.commands = "z"
            return
        self._name_chain(argument)
        if letter in "DI":
            own = scanner.plain()
            if own is not None:
                self._rule_number(own)
                if letter == "D":
                    self.parsed.commands = self.parsed.commands[:-1] + "d"
            elif letter == "I":
                self.parsed.number = 1
        elif letter in "REP":
            own = scanner.plain()
            if own is None:
                needs = {"R": "a rule number", "E": "old-chain-name and new-chain-name", "P": "a chain and a policy"}
                self.refuse(f"-{letter} requires {needs[letter]}", token)
            if letter == "R":
                self._rule_number(own)
            else:
                self.parsed.name, self.parsed.name_token = own.text, own

    def _check_new_name(self, token: Token) -> None:
        wrong = bad_name(token.text, {*TARGETS, *TARGETS_NOT_YET})
        if wrong:
            self.refuse(wrong, token)

    def _rule_option(self, letter: str, token: Token) -> None:
        # The tool takes these values from the word before its cursor, so that "-jACCEPT" in one word is the target "-jACCEPT".
        value = self.scanner.words[self.scanner.next - 1]
        if letter in "io" and not value.text:
            self.refuse("Empty interface is likely to be undesired", value)
        self._set("j" if letter == "g" else letter, token)
        if letter == "p":
            self.protocol = value.text.lower()
            self.number_of_protocol = self.read(lambda text: protocol(text.lower()), value)
            if not self.number_of_protocol and self.invert:
                self.refuse("rule would never match protocol", value)
        elif letter == "s":
            self.source = value
        elif letter == "d":
            self.destination = value
        elif letter in "io":
            if len(value.text.encode(errors="surrogateescape")) > MAX_INTERFACE:
                self.refuse(f"interface name `{value.text}' must be shorter than IFNAMSIZ ({MAX_INTERFACE})", value)
            self.interfaces[letter] = value.text
        else:
            self._jump(value, letter == "g")

    def _jump(self, value: Token, goto: bool) -> None:
        name = value.text
        if not name:
            self.refuse("Invalid target name (too short)", value)
        if len(name.encode(errors="surrogateescape")) > MAX_NAME:
            self.refuse(f"Invalid target name `{name}' ({MAX_NAME} chars max)", value)
        if any(letter in " \t\n\v\f\r" for letter in name):
            self.refuse(f"Invalid target name `{name}'", value)
        self.parsed.jump, self.parsed.jump_token, self.parsed.goto = name, value, goto
        if name in TARGETS and not goto:
            self.target = Loaded(TARGETS[name], value)
            self.scanner.load(TARGETS[name])

    def _match(self, token: Token, name: Token | None) -> None:
        assert name is not None
        if self.invert:
            self.refuse("unexpected ! flag before --match", token)
        text = name.text
        if len(text.encode(errors="surrogateescape")) > MAX_NAME:
            self.refuse(f'Invalid match name "{text}" ({MAX_NAME} chars max)', name)
        if text in MATCHES_NOT_YET:
            self.refuse(f"fwtutor does not simulate -m {text} yet", name, hint=f"matches: {', '.join(sorted(MATCHES))}")
        if text not in MATCHES:
            self.refuse(f"Couldn't load match `{text}':No such file or directory", name, hint=nearest(text, MATCHES, "matches"))
        if all(one.kind is not MATCHES[text] for one in self.loaded):
            self.scanner.load(MATCHES[text])
        self.loaded.append(Loaded(MATCHES[text], name))

    def _counters(self, token: Token, packets: Token | None) -> None:
        assert packets is not None
        self._set("c", token)
        first, comma, rest = packets.text.partition(",")
        bytes_token: Token | None = packets._replace(text=rest) if comma and first else self.scanner.plain()
        if bytes_token is None:
            self.refuse("-c requires packet and byte counter", token)
        counted, size = scanned(packets.text), scanned(bytes_token.text)
        if counted is None:
            self.refuse("-c packet counter not numeric", packets)
        if size is None:
            self.refuse("-c byte counter not numeric", bytes_token)
        self.parsed.counter = counted, size

    def _table(self, token: Token, name: Token | None) -> None:
        assert name is not None
        if self.invert:
            self.refuse("unexpected ! flag before --table", token)
        if self.restoring:
            self.refuse(f"The -t option cannot be used in iptables-{'nft-' if self.variant == 'nft' else ''}restore.", token)
        self.parsed.table, self.parsed.table_token = name.text, name

    def _help(self) -> str:
        kinds: list[type[Extension]] = [one.kind for one in self.loaded]
        if not kinds and self.protocol in MATCHES:
            kinds = [MATCHES[self.protocol]]
        if self.target is not None:
            kinds.append(self.target.kind)
        return "\n".join([USAGE.format(version=VERSIONS[self.variant]), *(kind.help() for kind in kinds)])

    # --- when all words are read ------------------------------------------------------------------------------

    def _finish(self) -> None:
        parsed = self.parsed
        if "W" in self.places and "w" not in self.places:
            self.refuse("--wait-interval only makes sense with --wait", self.places["W"])
        for one in self.loaded:
            parsed.matches.append((self._build(one), one.token))
        if self.target is not None:
            target = self._build(self.target)
            assert isinstance(target, OptionTarget)
            parsed.target = target
        if self.scanner.next < len(self.scanner.words):
            self.refuse("unknown arguments found on commandline", self.scanner.words[self.scanner.next])
        if not parsed.commands:
            self.refuse("no command specified")
        if self.invert:
            self.refuse("nothing appropriate following !", self.scanner.words[-1])
        self._addresses()
        self._legal()
        chain = parsed.chain
        if chain is not None and len(chain.encode(errors="surrogateescape")) > MAX_NAME:
            self.refuse(f"chain name `{chain}' too long (must be under {MAX_NAME + 1} chars)", parsed.chain_token)
        if parsed.commands in "ADIRC":
            for letter, chains in (("o", ("PREROUTING", "INPUT")), ("i", ("POSTROUTING", "OUTPUT"))):
                if letter in parsed.options and chain in chains:
                    way = "is leaving" if letter == "o" else "came in"
                    self.refuse(f"Can't use -{letter} with {chain}", self.places[letter], hint=f"no packet there {way} by an interface")
            if self.variant == "nft":
                self._demanded()

    def _demanded(self) -> None:
        """What is checked byte by byte needs its protocol in the rule; whether with a ``!`` is not looked at."""
        for match, token in self.parsed.matches:
            if is_native(match) and self.number_of_protocol != match.protocol:
                self.refuse(f"{match.name.upper()} match requires '-p {match.name}'", token)

    def _build(self, one: Loaded) -> Any:
        try:
            return one.kind.build(one.given)
        except Unreadable as wrong:
            self.refuse(str(wrong), one.token, wrong.part, wrong.hint)

    def _addresses(self) -> None:
        sources = self.read(networks, self.source)
        destinations = self.read(networks, self.destination)
        lists = len(sources) > 1 or len(destinations) > 1
        if lists and ("s" in self.inverted or "d" in self.inverted):
            place = self.source if len(sources) > 1 else self.destination
            self.refuse("! not allowed with multiple source or destination IP addresses", place)
        if len(sources) * len(destinations) > MAX_AT_ONCE:
            self.refuse(f"these lists make {len(sources) * len(destinations)} rules, {MAX_AT_ONCE} at once are the most", self.source)
        if self.parsed.commands == "R" and lists:
            self.refuse("Replacement rule does not specify a unique address", self.source if len(sources) > 1 else self.destination)
        self.parsed.headers = [self._header(source, destination) for source, destination in product(sources, destinations)]

    def _header(self, source: tuple[int, int], destination: tuple[int, int]) -> Header:
        inverted = self.inverted
        return Header(
            src=source if source != (0, 0) or "s" in inverted else None, src_not="s" in inverted,
            dst=destination if destination != (0, 0) or "d" in inverted else None, dst_not="d" in inverted,
            in_interface=self.interfaces["i"], in_not="i" in inverted,
            out_interface=self.interfaces["o"], out_not="o" in inverted,
            protocol=self.number_of_protocol, protocol_not="p" in inverted,
            fragment=("f" not in inverted) if "f" in self.parsed.options else None,
        )  # fmt: skip

    def _legal(self) -> None:
        allowed = "".join(_LEGAL[letter] for letter in self.parsed.commands)
        for letter in _ORDER:
            if letter in self.parsed.options and letter not in allowed:
                self.refuse(f"Illegal option `-{letter}' with this command", self.places[letter])
