"""The one importer of scapy, when first asked: takes a packet apart for the packet inspector, layer by layer, and draws its hex dump.

Reading captures is ``capture``'s; what the firewall itself reads of a packet is ``netfilter.packet``'s.
"""

from __future__ import annotations

import logging
from functools import cache
from itertools import zip_longest
from typing import Any, ClassVar, NamedTuple

MAX_TEXT = 200
"""Characters of one value; a payload of 64 KB is not for reading."""

_DECIMAL = frozenset(("sport", "dport"))
_HEX = frozenset(("chksum", "cksum", "tos"))
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR", "N": "NS"}


class Field(NamedTuple):
    """One field of a layer."""

    name: str
    text: str
    """Its value, in printable characters."""
    start: int = 0
    end: int = 0
    """Its bytes in the packet, ``end`` not among them; 0 and 0 where they are not known."""


class Layer(NamedTuple):
    """A header, or what follows the last one."""

    name: str
    fields: list[Field]


class Pair(NamedTuple):
    """A field of a packet before and after; None where one has no such field."""

    layer: str
    before: Field | None
    after: Field | None

    @property
    def differs(self) -> bool:
        return self.before is None or self.after is None or self.before.text != self.after.text

    @property
    def name(self) -> str:
        field = self.before or self.after
        return field.name if field else ""


def load() -> None:
    """Imports scapy now (about 0.1 s): call it from a thread after the first paint, and the inspector opens at once."""
    _scapy()


def dissect(raw: bytes) -> list[Layer]:
    """The layers of an IP packet from the outside in. Any bytes do; what is not understood is "Raw"."""
    frame, no_payload = _scapy()
    layer = frame(raw).payload
    layers: list[Layer] = []
    at = 0
    while not isinstance(layer, no_payload):
        places, size = _places(layer)
        fields = []
        for name in _field_names(layer):
            start, end = places.get(name, (-at, -at))
            fields.append(Field(name, _text(layer, name), at + start, at + end))
        layers.append(Layer(str(layer.name), fields))
        at += size
        layer = layer.payload
    return layers


def pairs(before: list[Layer], after: list[Layer]) -> list[tuple[str, list[Pair]]]:
    """Two versions of one packet, field by field: (layer, its fields). Layers that are others are told one after the other."""
    found: list[tuple[str, list[Pair]]] = []
    for old, new in zip_longest(before, after):
        if old is not None and new is not None and old.name == new.name:
            later = {field.name: field for field in new.fields}
            rows = [Pair(old.name, field, later.pop(field.name, None)) for field in old.fields]
            found.append((old.name, rows + [Pair(old.name, None, field) for field in later.values()]))
            continue
        if old is not None:
            found.append((old.name, [Pair(old.name, field, None) for field in old.fields]))
        if new is not None:
            found.append((new.name, [Pair(new.name, None, field) for field in new.fields]))
    return found


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
    from scapy.layers import inet
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.packet import NoPayload, Packet

    def extension(_: Any, layer: Any, left: bytes) -> tuple[bytes, Any]:
        """What stands behind a quote: an extension where the length of the quote is told (RFC 4884), else more of the quote.

        Left alone, scapy takes whatever stands behind 128 bytes of any quote for one.
        """
        size = layer.getfieldval("length") * (4 if isinstance(layer, inet.ICMP) else 8)
        rest = left[size:]
        if not size or len(rest) < 4 or rest[0] >> 4 != 2:
            return left, None
        return left[:size], inet.ICMPExtension_Header(rest)

    setattr(inet._ICMPExtensionField, "getfield", extension)  # noqa: B010 - it is a stranger's, and no type has it

    class Frame(Packet):
        """An outermost layer without a header: scapy shows a broken *inner* layer as Raw, but raises for a broken outermost one."""

        fields_desc: ClassVar[list[Any]] = []

        def guess_payload_class(self, payload: bytes) -> Any:
            return IPv6 if payload[0] >> 4 == 6 else IP

    # Its warnings go to standard error, which is where the screen is drawn.
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    return Frame, NoPayload


def _places(layer: Any) -> tuple[dict[str, tuple[int, int]], int]:
    """Where the fields of a layer lie in its bytes, by name, and how many bytes the layer takes: scapy is made to read it once more."""
    left = layer.original
    total = 8 * len(left)
    places: dict[str, tuple[int, int]] = {}
    try:
        for field in layer.fields_desc:
            before = _bits(left)
            left, value = field.getfield(layer, left)
            if field.name == "ext" and value is not None:
                # It stands behind the quote.
                places["ext"] = (total - before + _bits(left)) // 8, total // 8
                total -= before - _bits(left)
                continue
            if field.name in layer.fields:
                places[field.name] = (total - before) // 8, -(-(total - _bits(left)) // 8)
            if not left and field.ismayend:
                break
    except Exception:  # noqa: BLE001 - whatever bytes may do to scapy: then nobody knows where the rest of the fields are
        left = layer.payload.original or b""
    return places, max(0, total - _bits(left)) // 8


def _bits(left: Any) -> int:
    """How many bits are still to be read; scapy counts those already read of a byte in a tuple."""
    return 8 * len(left[0]) - int(left[1]) if isinstance(left, tuple) else 8 * len(left)


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
    elif hasattr(value, "fields_desc"):
        text = " / ".join(f"{part.name}: {_record(part)}" for part in value.iterpayloads())
    elif isinstance(value, list):
        text = ", ".join(_record(each) for each in value)
    else:
        text = str(field.i2repr(layer, value))
    text = "".join(character if character.isprintable() else "." for character in text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
