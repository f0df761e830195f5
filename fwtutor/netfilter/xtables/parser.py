"""From the words of one command line to what it asks for, in the order and with the words in which iptables complains.

The tool's own options are read here, those of matches and targets by ``extensions``; ``finish`` looks at the whole. Nothing knows the
rules that exist: whether a chain is there, or a number too big, is ``commands``' to find out.
"""

from __future__ import annotations

from collections.abc import Collection

from fwtutor.netfilter.xtables import extensions
from fwtutor.netfilter.xtables.errors import BARE, TOOLS, nearest
from fwtutor.netfilter.xtables.finish import finish
from fwtutor.netfilter.xtables.getopt import NO_ARGUMENT, UNKNOWN, WORD, Found
from fwtutor.netfilter.xtables.matches import NOT_YET as MATCHES_NOT_YET
from fwtutor.netfilter.xtables.options import Extension, Option
from fwtutor.netfilter.xtables.parsed import Loaded, Parsed
from fwtutor.netfilter.xtables.reading import MAX_NAME, Reading, too_long
from fwtutor.netfilter.xtables.targets import NOT_YET as TARGETS_NOT_YET
from fwtutor.netfilter.xtables.tokens import Token
from fwtutor.netfilter.xtables.usage import usage
from fwtutor.netfilter.xtables.values import interface, number, odd_interface, protocol, scanned

EXTENSIONS = frozenset({43, 44, 51, 60})
"""Extension headers of IPv6, as far as the tool knows them not to be a packet's protocol."""

_INVERTIBLE = "sdpiof"
_TOGETHER = {"L": "Zz", "S": "Zz", "Z": "LS"}


def bad_name(name: str, targets: Collection[str]) -> str:
    """Why a new chain cannot have that name; "" if it can. ``targets``: names that are taken."""
    if too_long(name):
        return f"chain name `{name}' too long (must be under {MAX_NAME + 1} chars)"
    if name[:1] in ("-", "!"):
        return f"chain name not allowed to start with `{name[0]}'"
    if not name or name in targets:
        return "chain name may not clash with target name"
    if any(letter in " \t\n\v\f\r" for letter in name):
        return f"Invalid chain name `{name}'"
    return ""


class Parser(Reading):
    """One line. ``parse`` does it all."""

    def parse(self) -> Parsed:
        while (found := self._next()) is not None:
            if found.code == WORD:
                self._word(found)
                continue
            if not _of_extension(found) and self._core(found):
                return self.parsed
            self.invert = False
        finish(self)
        return self.parsed

    def _next(self) -> Found | None:
        """The next word, or option; one of a match or target has been taken then."""
        place = self.scanner.next, self.scanner.inside
        found = self.scanner.scan()
        while found is not None and _of_extension(found) and extensions.take(self, found):
            # With the protocol's match its options are known: the word is read anew.
            self.scanner.next, self.scanner.inside = place
            found = self.scanner.scan()
        return found

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
        elif letter == "f" and self.family == 6:
            self.refuse("`-f' is not supported in IPv6, use -m frag instead", token)
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
        elif letter == f"{10 - self.family}":
            if self.restoring:
                self.parsed.ignored = True
                return True
            self.refuse(f"-{letter} is for {TOOLS[int(letter)]}; this is {TOOLS[self.family]}", token)
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
        wrong = bad_name(token.text, {*self.targets, *TARGETS_NOT_YET[self.family]})
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
            if self.family == 6 and self.number_of_protocol in EXTENSIONS and not self.invert:
                self.parsed.warning += f"Warning: never matched protocol: {self.protocol}. use extension match instead.\n"
        elif letter == "s":
            self.source = value
        elif letter == "d":
            self.destination = value
        elif letter in "io":
            self.interfaces[letter] = self.read(interface, value)
            self.parsed.warning += odd_interface(value.text)
        else:
            self._jump(value, letter == "g")

    def _jump(self, value: Token, goto: bool) -> None:
        name = value.text
        if not name:
            self.refuse("Invalid target name (too short)", value)
        if too_long(name):
            self.refuse(f"Invalid target name `{name}' ({MAX_NAME} chars max)", value)
        if any(letter in " \t\n\v\f\r" for letter in name):
            self.refuse(f"Invalid target name `{name}'", value)
        self.parsed.jump, self.parsed.jump_token, self.parsed.goto = name, value, goto
        if name in self.targets and not goto:
            self.target = Loaded(self.targets[name], value)
            self.scanner.load(self.targets[name])

    def _match(self, token: Token, name: Token | None) -> None:
        assert name is not None
        if self.invert:
            self.refuse("unexpected ! flag before --match", token)
        text = name.text
        if too_long(text):
            self.refuse(f'Invalid match name "{text}" ({MAX_NAME} chars max)', name)
        if text in MATCHES_NOT_YET[self.family]:
            self.refuse(f"fwtutor does not simulate -m {text} yet", name, hint=f"matches: {', '.join(sorted(self.known))}")
        if text not in self.known:
            self.refuse(f"Couldn't load match `{text}':No such file or directory", name, hint=nearest(text, self.known, "matches"))
        kind = self.known[text]
        if all(one.kind is not kind for one in self.loaded):
            self.scanner.load(kind)
        self.loaded.append(Loaded(kind, name))

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
            self.refuse(f"The -t option cannot be used in {TOOLS[self.family]}-{'nft-' if self.variant == 'nft' else ''}restore.", token)
        self.parsed.table, self.parsed.table_token = name.text, name

    def _help(self) -> str:
        kinds: list[type[Extension]] = [one.kind for one in self.loaded]
        if not kinds and self.protocol in self.known:
            kinds = [self.known[self.protocol]]
        if self.target is not None:
            kinds.append(self.target.kind)
        return "\n".join([usage(self.family, self.variant), *(kind.help() for kind in kinds)])


def _of_extension(found: Found) -> bool:
    """Whether it is an option of a match or target, or of nobody (yet)."""
    return isinstance(found.code, Option) or found.code in (UNKNOWN, NO_ARGUMENT)
