"""The one importer of scapy, when first asked: takes a packet apart for the packet inspector, layer by layer, and draws its hex dump.

Reading captures is ``capture``'s; what the firewall itself reads of a packet is ``netfilter.packet``'s.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, ClassVar

MAX_TEXT = 200
"""Characters of one value; a payload of 64 KB is not for reading."""

_DECIMAL = frozenset(("sport", "dport"))
_HEX = frozenset(("chksum", "cksum", "tos"))
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR", "N": "NS"}

Layer = tuple[str, list[tuple[str, str]]]


def load() -> None:
    """Imports scapy now (about 0.1 s): call it from a thread after the first paint, and the inspector opens at once."""
    _scapy()


def dissect(raw: bytes) -> list[Layer]:
    """The layers of an IP packet from the outside in: (name, [(field, value as text)]). Any bytes do; what is not understood is "Raw"."""
    frame, no_payload = _scapy()
    layer = frame(raw).payload
    layers: list[Layer] = []
    while not isinstance(layer, no_payload):
        layers.append((str(layer.name), [(name, _text(layer, name)) for name in _field_names(layer)]))
        layer = layer.payload
    return layers


def hex_dump(raw: bytes, width: int = 16) -> list[str]:
    """``"0000  45 00 00 3c ...  E..<"``: one line for each ``width`` bytes."""
    lines = []
    for at in range(0, len(raw), width):
        part = raw[at : at + width]
        digits = " ".join(f"{byte:02x}" for byte in part)
        lines.append(f"{at:04x}  {digits:<{width * 3 - 1}}  {printable(part)}")
    return lines


def printable(data: bytes) -> str:
    """Each byte as the character it is in ASCII, or a dot."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


@cache
def _scapy() -> tuple[Any, Any]:
    """A class to dissect with and the class of the end of the layers, from a scapy that has not looked at this machine.

    Left alone, importing it opens netlink sockets to read interfaces and routes, and writes a cache into the home folder.
    """
    import scapy.main

    scapy.main.SCAPY_CACHE_FOLDER = None

    from scapy.config import conf

    conf.route_autoload = conf.route6_autoload = False

    import scapy.interfaces  # makes conf.ifaces

    for looking in ("reload", "load_confiface"):
        setattr(conf.ifaces, looking, lambda: None)

    import scapy.layers.dns
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.packet import NoPayload, Packet

    class Frame(Packet):
        """An outermost layer without a header: scapy shows a broken *inner* layer as Raw, but raises for a broken outermost one."""

        fields_desc: ClassVar[list[Any]] = []

        def guess_payload_class(self, payload: bytes) -> Any:
            return IPv6 if payload[0] >> 4 == 6 else IP

    # Its warnings go to standard error, which is where the screen is drawn.
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    return Frame, NoPayload


def _field_names(layer: Any) -> list[str]:
    """The fields the packet has; empty options and paddings are not worth a line."""
    return [field.name for field in layer.fields_desc if layer.fields.get(field.name) not in (None, b"", [])]


def _option(name: Any, value: Any = None, *_: Any) -> str:
    """A TCP option: ``MSS 1460``, ``SAckOK``, ``Timestamp 7 0``; one that scapy has no name for by its number and bytes."""
    kind = str(name) if isinstance(name, str) else f"option {name}"
    if isinstance(value, bytes):
        return f"{kind} {value.hex(' ')}".rstrip()
    if isinstance(value, tuple | list):
        return f"{kind} {' '.join(str(each) for each in value)}"
    return kind if value in (None, "") else f"{kind} {value}"


def _record(value: Any) -> str:
    """One of a list: a record within a packet by its fields, anything else as it is."""
    if not hasattr(value, "fields_desc"):
        return str(value)
    return " ".join(_text(value, name) for name in _field_names(value) if name != "unicastresponse")


def _text(layer: Any, name: str) -> str:
    field, value = layer.getfield_and_val(name)
    if isinstance(value, bytes):
        text = f"{len(value)} bytes: {printable(value[:MAX_TEXT])}" if name == "load" else printable(value[: MAX_TEXT + 1])
    elif name in _DECIMAL:
        text = str(value)
    elif name in _HEX:
        text = f"0x{value:0{4 if name != 'tos' else 2}x}"
    elif name == "flags" and layer.name.startswith("TCP"):
        text = "+".join(_FLAGS.get(letter, letter) for letter in str(value)) or "none"
    elif name == "flags":
        text = str(value) or "none"
    elif name == "options" and layer.name.startswith("TCP"):
        text = ", ".join(_option(*option) for option in value)
    elif isinstance(value, list):
        text = ", ".join(_record(each) for each in value)
    else:
        text = str(field.i2repr(layer, value))
    text = "".join(character if character.isprintable() else "." for character in text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
