"""Reading what is typed at a prompt: words, addresses, ports, numbers. Each error names the text that is wrong."""

from __future__ import annotations

import shlex

from fwtutor.netfilter.addresses import parse_address
from fwtutor.network.ends import Address


class BadArgument(ValueError):
    """Something typed cannot be understood; its text says what."""


def split_words(text: str) -> list[str]:
    """Words as a shell splits them. Raises BadArgument."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise BadArgument(f"{error} in {text!r}".replace("No closing quotation", "a quotation mark is not closed")) from None


def split_marked(text: str, marks: str) -> list[str]:
    """Words likewise; each run of ``marks`` (``>``, ``|`` ...) outside quotation marks is a word of its own. Raises BadArgument."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=marks)
        lexer.whitespace_split, lexer.commenters = True, ""
        return list(lexer)
    except ValueError:
        split_words(text)
        raise BadArgument(f"{text[:60]!r} cannot be read as a shell reads it") from None


def read_address(text: str) -> Address:
    """An address, an IPv6 one in brackets or without. Raises BadArgument naming the text."""
    try:
        return Address(*parse_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text))
    except ValueError:
        raise BadArgument(f"{text!r} is no address") from None


def read_number(text: str, most: int, what: str) -> int:
    """A number from 0 to ``most``, decimal or 0x hexadecimal. Raises BadArgument naming it."""
    digits, base = (text[2:], 16) if text[:2].lower() == "0x" else (text, 10)
    legal = "0123456789abcdef"[:base]
    if not digits or len(digits) > 12 or any(letter not in legal for letter in digits.lower()) or int(digits, base) > most:
        raise BadArgument(f"{what} {text!r} is no number from 0 to {most}")
    return int(digits, base)


def read_port(text: str) -> int:
    """A port from 1 to 65535. Raises BadArgument naming the text."""
    port = read_number(text, 65535, "port")
    if not port:
        raise BadArgument("port 0 is nobody's")
    return port


def read_place(text: str, default_port: int | None = None, zero: bool = False) -> tuple[Address, int]:
    """``ADDR:PORT`` or ``[ADDR]:PORT`` as (address, port); ``zero`` allows port 0. Raises BadArgument naming what is wrong."""
    if text[:1] == "[":
        address, colon, port = text.partition("]:")
        address = address if address[-1:] == "]" else f"{address}]"
    elif text.count(":") > 1:
        address, colon, port = text, "", ""
    else:
        address, colon, port = text.partition(":")
    if not colon:
        if default_port is None:
            raise BadArgument(f"{text!r} names no port; write {'[ADDR]' if text.count(':') > 1 else 'ADDR'}:PORT")
        return read_address(address), default_port
    return read_address(address), read_number(port, 65535, "port") if zero else read_port(port)
