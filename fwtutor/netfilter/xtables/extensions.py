"""The options of matches and targets on a command line: whose they are, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fwtutor.netfilter.xtables.errors import Unreadable
from fwtutor.netfilter.xtables.getopt import NO_ARGUMENT, Found
from fwtutor.netfilter.xtables.matches import NOT_YET as MATCHES_NOT_YET
from fwtutor.netfilter.xtables.names import protocol_name
from fwtutor.netfilter.xtables.options import Demanded, Extension, Given, Option
from fwtutor.netfilter.xtables.parsed import Loaded
from fwtutor.netfilter.xtables.reading import Reading
from fwtutor.netfilter.xtables.targets import NOT_YET as TARGETS_NOT_YET
from fwtutor.netfilter.xtables.values import number


def take(line: Reading, found: Found) -> bool:
    """Take an extension's option. True when the protocol's match was loaded instead: look at the word again."""
    owner = _holder(line, found.owner) if isinstance(found.code, Option) else None
    if owner is not None and isinstance(found.code, Option):
        _give(line, owner, found.code, found)
        return False
    if not _load_protocol(line):
        if line.parsed.jump in TARGETS_NOT_YET[line.family]:
            # The option is most likely the target's own, and would only lead astray.
            hint = f"targets: {', '.join(sorted(line.targets))}"
            line.refuse(f"fwtutor does not simulate -j {line.parsed.jump} yet", line.parsed.jump_token, hint=hint)
        text, token = line.scanner.before()
        if found.code == NO_ARGUMENT:
            line.refuse(f'option "{text}" requires an argument', token)
        line.refuse(f'unknown option "{text}"', found.token, hint=_who_has(line, text))
    return True


def _holder(line: Reading, kind: type[Extension]) -> Loaded | None:
    if line.target is not None and line.target.kind is kind:
        return line.target
    return next((one for one in reversed(line.loaded) if one.kind is kind), None)


def _load_protocol(line: Reading) -> bool:
    """``-p tcp`` brings ``-m tcp`` along when an option is not known without it."""
    if not line.protocol or line.protocol_used:
        return False
    value = number(line.protocol, 0, 255)
    kind = line.known.get(line.protocol if value is None else protocol_name(value))
    if kind is None:
        return False
    line.protocol_used = True
    line.loaded.append(Loaded(kind, line.places["p"]))
    line.scanner.load(kind)
    return True


def _who_has(line: Reading, text: str) -> str:
    """A hint: what an unknown option belongs to, or what may have been meant."""
    name = text.lstrip("-").partition("=")[0]
    if not text.startswith("--") or not name:
        return ""
    if line.protocol in MATCHES_NOT_YET[line.family]:
        return f"fwtutor has no options for -p {line.protocol} yet"
    matches = dict.fromkeys(line.known.values())
    needs = [
        f"-p {protocol_name(m.protocol)}" if m.protocol else f"-m {m.name}" for m in matches if any(name in o.names for o in m.options)
    ]
    needs += [f"-j {t.name}" for t in line.targets.values() if any(name in o.names for o in t.options)]
    if needs:
        return f"--{name} is known after {' or '.join(needs)}"
    loaded = [one.kind for one in (*line.loaded, line.target) if one is not None]
    kinds = (*loaded, *filter(None, [line.known.get(line.protocol)]))
    here = [*(known for kind in kinds for option in kind.options for known in option.names), *line.scanner.long]
    elsewhere = [known for kind in (*matches, *line.targets.values()) for option in kind.options for known in option.names]
    from difflib import get_close_matches  # slow to import, seldom needed

    found = (get_close_matches(name, dict.fromkeys(names), n=3, cutoff=0.6) for names in (here, elsewhere))
    close = next(filter(None, found), [])
    return f"did you mean --{' or --'.join(close)}?" if close else ""


@lru_cache(maxsize=4096)
def _read(text: str, reader: Callable[..., Any], *spoken: Demanded) -> Any:
    """What an option makes of its argument; large rulesets say the same again and again."""
    return reader(text, *spoken)


def _give(line: Reading, owner: Loaded, option: Option, found: Found) -> None:
    assert found.token is not None
    kind = owner.kind
    line.parsed.warning += option.remark
    again = kind.repeated(option) if option.field in owner.given else ""
    if again and option.field not in kind.read_again:
        line.refuse(again, found.token)
    if line.invert and not option.invertible:
        line.refuse(kind.uninvertible(option), found.token)
    words = kind.premature(owner.given, option)
    if words:
        line.refuse(words, found.token)
    if option.arguments == 0:
        value = line.read(lambda text: option.read(), found.token)
    elif option.arguments == 1:
        assert found.argument is not None
        spoken = (Demanded(line.number_of_protocol, "p" in line.inverted),) if option.of_protocol else ()
        value = line.read(_read, found.argument, option.read, *spoken)
    else:
        assert found.argument is not None
        second = line.scanner.plain()
        if second is None:
            line.refuse(kind.lacking(option), found.token)
        try:
            value = option.read(found.argument.text, second.text, *((line.sets, line.family) if option.of_sets else ()))
        except Unreadable as wrong:
            line.refuse(str(wrong), found.argument._replace(at=(), end=second.end), None, wrong.hint)
    if again:
        line.refuse(again, found.token)
    line.parsed.warning += option.warns(value)
    try:
        kind.gather(owner.given, option, Given(value, line.invert))
    except Unreadable as wrong:
        line.refuse(str(wrong), found.token, None, wrong.hint)
