"""Answers as they are handed in: files, folders of files, and the zips that learning platforms make of them. All of it is hostile.

Nothing is unpacked to disk; sizes and numbers are bounded; a file that cannot be an answer becomes one that is refused, with the reason,
and harms nobody else's.
"""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fwtutor.badinput import BadInput, on_one_line
from fwtutor.course.commandlines import looks_like_commands
from fwtutor.course.handing import SUFFIX, Kept, is_named_for, read_kept
from fwtutor.course.tables import MAX_BYTES, control_character
from fwtutor.course.varying import key_of
from fwtutor.safefiles import open_regular

OTHER = "nothing that can be graded"
"""Why a file of another kind is refused, where its student has no better one."""
MAX_ANSWERS = 5000
MAX_TOTAL = 64 * 1024 * 1024
"""Characters of all answers together: a zip may hold far more than it is large."""
SUFFIXES = (".rules", ".commands", ".txt", SUFFIX)
_PLATFORM = re.compile(r"(.+?)_\d+_assignsubmission_.*\Z")
"""The folder of a student in what Moodle exports: ``Ada Lovelace_12345_assignsubmission_file_``."""
_DAMAGED = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, IndexError, struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What the library raises for zips that are none, or that are encrypted."""
_PLATFORMS = re.compile(r".*?_\d+_assignsubmission_[^/]*/")


class Submission(NamedTuple):
    """What somebody handed in."""

    student: str
    """Whose it is, as far as the names of files tell."""
    source: str
    """The file, for messages."""
    text: str = ""
    wrong: str = ""
    """Why it cannot be read."""
    kept: Kept | None = None
    """What a file says that the lab kept."""

    @property
    def commands(self) -> bool:
        """Lines for a prompt, no rules: as its name says, or its first line."""
        return self.source.endswith(".commands") or looks_like_commands(self.text)


def gather(paths: Iterable[Path]) -> list[Submission]:
    """All answers there are in files, folders and zips, in the order of their names. Raises BadInput where there is none."""
    found: list[Submission] = []
    total = 0
    for path in paths:
        before = len(found)
        for submission in _each_has_a_row(path, _of(path)):
            # Names forge no lines of a report, and steer no terminal.
            found.append(submission._replace(student=on_one_line(submission.student), source=on_one_line(submission.source)))
            total += len(submission.text)
            if len(found) > MAX_ANSWERS:
                raise BadInput(f"{path}: more than {MAX_ANSWERS} answers")
            if total > MAX_TOTAL:
                raise BadInput(f"{path}: its answers are larger than {MAX_TOTAL >> 20} MiB together")
        if len(found) == before:
            raise BadInput(f"{path}: has no answers (files that end in {', '.join(SUFFIXES)})")
    return found


def _each_has_a_row(path: Path, given: Iterable[Submission]) -> Iterator[Submission]:
    """Nobody vanishes: whose files are all of another kind has a row that says so."""
    others: dict[str, list[Submission]] = {}
    graded: set[str] = set()
    for submission in given:
        place = _folder(submission.source, submission.student)
        if submission.wrong != OTHER:
            graded.add(place)
            yield submission
        else:
            others.setdefault(place, []).append(submission)
    for place, files in others.items():
        if place not in graded:
            names = ", ".join(file_name(file.source) for file in files[:3]) + (", ..." if files[3:] else "")
            yield files[0]._replace(wrong=f"{OTHER}: {names}")


def _folder(source: str, student: str) -> str:
    """Where somebody's files are, so that two of one name are two."""
    source = source.replace("\\", "/")
    platform = _PLATFORMS.match(source)
    return f"{platform[0] if platform else source.rpartition('/')[0]}\0{key_of(student) or student}"


def file_name(source: str) -> str:
    """The file by itself, of a folder or a zip."""
    return re.split(r"[/\\]|\.zip:", source)[-1]


def same_student(one: Submission) -> str:
    """The same for all files of one student: one name, in one place."""
    return _folder(one.source, one.student)


def _of(path: Path) -> Iterator[Submission]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            place = file.relative_to(path)
            if not _is_somebodys(place) or not file.is_file() or file.is_symlink():
                continue
            if not _is_answer(place):
                yield Submission(_student(place), str(file), wrong=OTHER)
                continue
            try:
                yield _read(place, str(file), file)
            except BadInput as error:
                # One that the system does not give harms nobody else's.
                yield Submission(_student(place), str(file), wrong=f"cannot be read ({str(error).rpartition(': ')[2]})")
    elif path.suffix == ".zip":
        yield from _zipped(path)
    else:
        yield _read(Path(path.name), str(path), path)


def _is_somebodys(place: Path | PurePosixPath) -> bool:
    """What begins with a dot somebody's system has put there, or an editor; so has a Mac ``__MACOSX``."""
    return not place.name.startswith(".") and "__MACOSX" not in place.parts


def _is_answer(place: Path | PurePosixPath) -> bool:
    """By its name."""
    return place.suffix.lower() in SUFFIXES


def _read(place: Path, source: str, file: Path) -> Submission:
    try:
        with open_regular(file) as opened:
            return _decoded(place, source, opened.read(MAX_BYTES + 1))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None


def _zipped(path: Path) -> Iterator[Submission]:
    try:
        with open_regular(path) as opened, zipfile.ZipFile(opened) as archive:
            members = [
                each for each in archive.infolist() if not each.filename.endswith("/") and _is_somebodys(PurePosixPath(each.filename))
            ]
            if len(members) > MAX_ANSWERS:
                raise BadInput(f"{path}: more than {MAX_ANSWERS} answers")
            for member in sorted(members, key=lambda each: each.filename):
                source, place = f"{path}:{member.filename}", PurePosixPath(member.filename)
                if not _is_answer(place):
                    yield Submission(_student(place), source, wrong=OTHER)
                    continue
                yield _member(archive, member, source)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None
    except _DAMAGED as error:
        raise BadInput(f"{path}: is no zip that can be read ({error})") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str) -> Submission:
    """What is damaged is one student's alone."""
    place = PurePosixPath(member.filename)
    try:
        with archive.open(member) as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, *_DAMAGED) as error:
        return Submission(_student(place), source, wrong=f"cannot be taken out of its zip ({error})")
    return _decoded(place, source, data)


def _decoded(place: Path | PurePosixPath, source: str, data: bytes) -> Submission:
    """``place``: within what was handed in together."""
    student = _student(place)
    if len(data) > MAX_BYTES:
        return Submission(student, source, wrong=f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return Submission(student, source, wrong=f"byte {error.start} is not UTF-8")
    bad = control_character(text)
    if bad:
        return Submission(student, source, wrong=f"has the control character U+{ord(bad):04X}")
    if not text.strip():
        return Submission(student, source, wrong="is empty")
    if place.suffix != SUFFIX:
        return Submission(student, source, text)
    try:
        kept = read_kept(text)
    except ValueError as error:
        return Submission(student, source, wrong=str(error))
    # The file's name says whose it is, as a folder's does; but for the name that the lab gave it, which says the lesson first.
    named = is_named_for(place.stem, kept.lesson, kept.student)
    return Submission(kept.student if named and len(place.parts) == 1 else student, source, text, kept=kept)


def _student(path: Path | PurePosixPath) -> str:
    """A file of its own is named for its student; in a folder of theirs, the folder is."""
    known = next(filter(None, map(_PLATFORM.match, path.parts)), None)
    return known[1] if known else path.parts[-2] if len(path.parts) > 1 else path.stem
