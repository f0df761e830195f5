"""Reading packets from files: pcap, pcapng (either one compressed with gzip) and jsonl.

The formats are few and old, so they are read here by hand: no library, bounded sizes, a stream instead of a list, the interface
names a pcapng carries, and errors that name the file and the packet. Taking frames apart for people is ``wire``'s.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from fwtutor.badinput import BadInput
from fwtutor.capture.copies import Copies
from fwtutor.capture.frames import Frame, Seen, unwrap
from fwtutor.capture.jsonl import read_jsonl
from fwtutor.capture.offload import complete
from fwtutor.capture.packed import unpacked
from fwtutor.capture.pcap import MAGICS, read_pcap
from fwtutor.capture.pcapng import MAGIC as PCAPNG, read_pcapng

__all__ = ["Seen", "read_packets"]

GZIP = b"\x1f\x8b"
MAX_KINDS = 8
"""How many kinds of frames without IP are told apart in the note about them."""
Note = Callable[[str], None]


def read_packets(path: Path, note: Note = lambda text: None) -> Iterator[Seen]:
    """The IP packets of a file, in order. ``note`` gets a sentence about anything left out or mended. Raises BadInput."""
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            magic = raw.peek(4)[:4]
            if magic.startswith(GZIP):
                raw = stack.enter_context(unpacked(raw, path.name))
                magic = raw.peek(4)[:4]
            if magic in MAGICS:
                yield from _ip_packets(read_pcap(raw, path.name), path.name, note)
            elif magic == PCAPNG:
                yield from _ip_packets(read_pcapng(raw, path.name), path.name, note)
            elif _looks_like_jsonl(path, magic):
                yield from read_jsonl(raw, path.name, note)
            else:
                raise BadInput(f"{path.name}: this is no pcap, pcapng or jsonl file" if magic else f"{path.name}: the file is empty")
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise BadInput(f"{path.name}: the compressed data is damaged ({error})") from None
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror or error}") from None


def _looks_like_jsonl(path: Path, magic: bytes) -> bool:
    return ".jsonl" in path.suffixes or magic.lstrip()[:1] == b"{"


def _ip_packets(frames: Iterator[Frame], name: str, note: Note) -> Iterator[Seen]:
    """Only the IP packets of the frames, with the time counted from the first of them."""
    begin: int | None = None
    latest = 0
    left_out: dict[str, int] = {}
    cut = 0
    copies = Copies()
    for frame in frames:
        seen = unwrap(frame, name)
        if isinstance(seen, Seen) and copies.is_second(seen):
            seen = "second sightings of a forwarded or loopback packet"
        if isinstance(seen, str):
            what = seen if seen in left_out or len(left_out) < MAX_KINDS else "of other kinds"
            left_out[what] = left_out.get(what, 0) + 1
            continue
        if begin is None:
            begin = frame.at
        # Captures of several queues are at times slightly out of order; the order of the file is the order things happened in.
        latest = max(latest, frame.at - begin)
        cut += frame.cut
        if seen.outgoing:
            # It goes out there, which does not say where it came in.
            seen = seen._replace(interface=None)
        yield seen._replace(at=latest, raw=complete(seen.raw, frame.cut), began=begin, outgoing=seen.outgoing if seen.interface else None)
    if left_out:
        listed = ", ".join(f"{count} {what}" for what, count in left_out.items())
        note(f"{name}: left out, as iptables sees none of them: {listed}")
    if cut:
        note(f"{name}: {cut} packets were cut short when they were captured; what is missing was taken to be zeros")
