"""What ipset prints of sets: ``list`` and ``save``.

The kernel tells the elements of a hash in an order that depends on a number drawn by lot; here they come by their numbers. How much memory
a set takes depends on that order too: it is told as if no two elements shared a place in the hash.
"""

from __future__ import annotations

from collections.abc import Iterator

from fwtutor.netfilter.addresses import format_address
from fwtutor.netfilter.ipset.reading import written
from fwtutor.netfilter.ipset.sets import Element, IpSet

_BUCKET = 32
"""Bytes of a place in the hash itself; the first element in it brings room for two."""
_COMMENT = 17
"""Bytes of a comment besides its text."""
_MAX_MASK = 0xFFFFFFFF


def save(one: IpSet, tick: int, contents: bool = True) -> str:
    """As commands that make the set again."""
    lines = [f"create {one.name} {one.type.name} {_header(one)}".rstrip()]
    lines += (f"add {one.name} {line}" for line in (_members(one, tick) if contents else ()))
    return "".join(f"{line}\n" for line in lines)


def plain(one: IpSet, tick: int, references: int, contents: bool = True) -> str:
    """For people."""
    lines = [
        f"Name: {one.name}", f"Type: {one.type.name}", f"Revision: {one.type.revision}", f"Header: {_header(one)}",
        f"Size in memory: {memory(one)}", f"References: {references}", f"Number of entries: {one.count(tick)}",
    ]  # fmt: skip
    if contents:
        lines += ["Members:", *_members(one, tick)]
    return "".join(f"{line}\n" for line in lines)


def _header(one: IpSet) -> str:
    options, kind, words = one.options, one.type, list[str]()
    if kind.hashes:
        words += [f"family {'inet' if options.family == 4 else 'inet6'} hashsize {options.hashsize} maxelem {options.maxelem}"]
    elif kind.lists:
        words += [f"size {options.size}"]
    else:
        words += [f"range {options.ports[0]}-{options.ports[1]}"]
    masked = ""
    if options.netmask:
        masked = f"netmask {options.netmask}"
    elif options.mask is not None:
        masked = f"bitmask {format_address(options.family, options.mask)}"
    if masked and kind.name == "hash:ip":
        words.append(masked)
    if options.timeout is not None:
        words.append(f"timeout {options.timeout}")
    words += [name for name in ("counters", "comment", "skbinfo") if getattr(options, name)]
    if kind.hashes:
        words.append(f"bucketsize {options.bucketsize} initval 0x{options.initval:08x}")
    if masked and kind.name != "hash:ip":
        words.append(masked)
    return " ".join(words)


def _members(one: IpSet, tick: int) -> Iterator[str]:
    for name, element in one.listed:
        if not element.over(tick):
            yield name + _carried(one, element, tick)
    for key, element in one.elements(tick):
        yield written(key, one) + _carried(one, element, tick)


def _carried(one: IpSet, element: Element, tick: int) -> str:
    options, said = one.options, ""
    if options.timeout is not None:
        said += f" timeout {element.seconds(tick)}"
    if element.nomatch:
        said += " nomatch"
    if options.counters:
        said += f" packets {element.packets} bytes {element.bytes}"
    if element.comment:
        said += f' comment "{element.comment}"'
    if options.skbinfo:
        value, mask = element.mark
        if value or mask:
            said += f" skbmark 0x{value:x}" + (f"/0x{mask:x}" if mask != _MAX_MASK else "")
        if element.priority:
            said += f" skbprio {element.priority >> 16:x}:{element.priority & 0xFFFF:x}"
        if element.queue:
            said += f" skbqueue {element.queue}"
    return said


def memory(one: IpSet) -> int:
    """Bytes, as the kernel reckons them."""
    empty, bare = one.type.memory[one.options.family == 6]
    width = _width(one, bare)
    comments = sum(len(element.comment.encode(errors="surrogateescape")) + _COMMENT
                   for _, element in (*one.members.items(), *one.listed) if element.comment)  # fmt: skip
    if one.type.lists:
        return empty + len(one.listed) * width + comments
    if not one.type.hashes:
        ports = one.options.ports[1] - one.options.ports[0] + 1
        return empty + (ports + 63) // 64 * 8 + ports * width + comments
    return empty + len(one.members) * (_BUCKET + 2 * width) + comments


def _width(one: IpSet, bare: int) -> int:
    """Bytes of an element with all that it has room for, each part at a place that its size divides."""
    options, width = one.options, bare
    parts = ((options.skbinfo, 16, 4), (options.counters, 16, 8), (options.comment, 8, 8), (options.timeout is not None, 8, 8))
    for there, size, step in parts:
        if there:
            width = -(-width // step) * step + size
    return width
