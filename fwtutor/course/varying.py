"""One lesson, a different one for each student: networks and ports that a lesson lets vary, drawn anew, in every text of its folder.

``[vary]`` in lesson.toml says what may vary, and out of what. A variant is a folder like the lesson's own, so all that comes after
(loading, proving, playing, grading) knows nothing of it. Who knows lesson, seed and name draws the same.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from random import Random
from typing import NamedTuple

from fwtutor.course.files import lesson_files
from fwtutor.course.loader import load_lesson
from fwtutor.course.model import Lesson, LessonError
from fwtutor.course.tables import read_text, shown_name

Network = IPv4Network | IPv6Network
_TRIES = 1000
_ADDRESS = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
_NUMBER = r"(?<![\w.{/-])\d{1,5}(?![\w}-]|\.\d)"
"""A port, wherever it stands as a word; ``world-1337`` is a name, ``10000-30000`` out of what ports are drawn, ``/24`` a length."""
_TOKEN = re.compile(f"(?P<address>{_ADDRESS})|(?P<number>{_NUMBER})")
_VARY = re.compile(r"^(?:\[vary(?:\.\w+)?\][^\n]*\n(?:(?!\[)[^\n]*\n)*|vary\b[^\n]*\n)", re.MULTILINE)
_SEED = re.compile(r"seed\s*=")


class Mapped(NamedTuple):
    """What stands for what in one variant."""

    networks: Mapping[Network, Network]
    ports: Mapping[str, str]

    def put_into(self, text: str) -> str:
        """The text with everything that varies replaced. The lesson's seed stays, and its [vary] goes: nothing varies twice."""
        text = _VARY.sub(lambda found: "\n" * found[0].count("\n"), text)
        return "".join(line if _SEED.match(line) else _TOKEN.sub(self._replaced, line) for line in text.splitlines(keepends=True))

    def _replaced(self, found: re.Match[str]) -> str:
        token = found[0]
        if found["number"]:
            return self.ports.get(token, token)
        address = _address(token)
        for old, new in self.networks.items():
            if address is not None and address in old:
                return str(new[int(address) - int(old.network_address)])
        return token


def key_of(student: str) -> str:
    """A name as learning platforms, files and people write it, made the same: ``Ada_Lovelace`` is ``ada lovelace``."""
    return " ".join(re.findall(r"\w+", student.casefold().replace("_", " ")))


def seed_of(seed: int, student: str) -> int:
    """What a student's histories are drawn from."""
    return Random(f"{seed} {key_of(student)}").getrandbits(32)


def load_variant(folder: Path, seed: int | None, student: str, *, chapter: str = "", answers: bool = True, language: str = "") -> Lesson:
    """The lesson as it is for one student. ``seed``: of the class; None: the lesson's own. Raises LessonError."""
    plain = load_lesson(folder, chapter=chapter, answers=False, language=language)
    if not plain.vary.anything:
        return replace(load_lesson(folder, chapter=chapter, language=language) if answers else plain, student=student)
    try:
        with varied(plain, seed, student) as place:
            lesson = load_lesson(place, chapter=chapter, answers=answers, language=language)
    except LessonError as error:
        raise LessonError(error.file, error.line, error.field, f"{error.reason} (as drawn for {student[:60]})") from None
    return replace(lesson, folder=plain.folder, student=student)


@contextmanager
def varied(lesson: Lesson, seed: int | None, student: str) -> Iterator[Path]:
    """A folder with the student's variant, for as long as it is needed. Raises LessonError."""
    folder = lesson.folder
    texts = {name: read_text(folder, name) for name in lesson_files(folder)}
    mapped = _drawn(lesson, texts, Random(f"{lesson.seed if seed is None else seed} {key_of(student)}"))
    with tempfile.TemporaryDirectory(prefix="fwtutor-") as place:
        copy = Path(place) / folder.name
        for name, text in texts.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(mapped.put_into(text), encoding="utf-8")
        yield copy


def _drawn(lesson: Lesson, texts: Mapping[str, str], random: Random) -> Mapped:
    """Networks and ports of which nothing else in the lesson is, each its own. Raises LessonError where there is no room."""
    found = [token for text in texts.values() for token in _TOKEN.finditer(text)]
    old = tuple(network for network, _ in lesson.vary.networks)
    addresses = {address for token in found if token["address"] and (address := _address(token[0])) is not None}
    fixed = [address for address in addresses if not any(address in network for network in old)]
    networks: dict[Network, Network] = {}
    for network, pool in lesson.vary.networks:
        for _ in range(_TRIES):
            new = _network(pool, network.prefixlen, random)
            if not any(new.overlaps(other) for other in networks.values()) and not any(address in new for address in fixed):
                networks[network] = new
                break
        else:
            raise _full(lesson, "networks", str(network), str(pool))
    numbers = {token[0] for token in found if token["number"]} - {str(port) for port, _, _ in lesson.vary.ports}
    ports: dict[str, str] = {}
    for port, least, most in lesson.vary.ports:
        room = [each for each in range(least, most + 1) if str(each) not in numbers and str(each) not in ports.values()]
        if not room:
            raise _full(lesson, "ports", str(port), f"{least}-{most}")
        ports[str(port)] = str(random.choice(room))
    return Mapped(networks, ports)


def _full(lesson: Lesson, kind: str, what: str, pool: str) -> LessonError:
    file = shown_name(lesson.folder, "lesson.toml")
    return LessonError(file, 0, f"vary.{kind}.{what}", f"{pool} has no room for another that the lesson does not name already")


def _network(pool: Network, length: int, random: Random) -> Network:
    number = random.randrange(2 ** (length - pool.prefixlen))
    return ip_network((int(pool.network_address) + (number << (pool.max_prefixlen - length)), length))


def _address(token: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(token)
    except ValueError:
        return None


def left_over(lesson: Lesson) -> Iterator[tuple[str, int, str]]:
    """(file, line, what) of the beginnings of networks that vary, written where they would not: ``192.168`` in prose."""
    for network, _ in lesson.vary.networks:
        if network.version == 4 and network.prefixlen >= 8:
            beginning = ".".join(str(network.network_address).split(".")[: network.prefixlen // 8])
            partly = re.compile(rf"(?<![\w.]){re.escape(beginning)}(?!\w)(?!(?:\.\d+)*\.\d)")
            for name in lesson_files(lesson.folder):
                for number, line in enumerate(read_text(lesson.folder, name).split("\n"), 1):
                    if partly.search(line):
                        yield name, number, beginning
