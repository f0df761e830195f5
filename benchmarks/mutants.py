"""Small mistakes put into the engine, one at a time: what could be changed where, and a process that runs with it.

A mutation changes one operator, constant or condition of a line that decides something. Words for people, the reading and
printing of rules, and what is only there to be looked at are left alone.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "fwtutor/netfilter"
FILES = (
    "conntrack/*.py", "conntrack/*/*.py", "passage*.py", "box.py", "timers.py", "replying*.py", "rations.py", "answers*.py",
    "defrag*.py", "routing.py", "exthdrs.py", "scopes.py", "translating.py", "changing.py", "xtables/compiled.py", "xtables/header.py",
    "xtables/matches/*.py", "ipset/changing.py", "ipset/packets.py", "ipset/sets.py",
)  # fmt: skip
"""What is mutated; of ipset not what reads and prints its commands, nor the table of its types."""

_FOR_PEOPLE = frozenset((
    "__repr__", "__eq__", "_parts", "build", "conditions", "format_entry", "format_table", "format_tuple", "listed_ports", "listing",
    "missing_header", "phrases", "port_options", "save", "simplified", "fits", "rate_of",
))  # fmt: skip
"""Functions that read, print or explain."""
_READING = ("read", "told", "write", "_read", "_write", "_parse_route")


class Mutation(NamedTuple):
    """One change: the ``number``-th place of its file where something can be changed."""

    file: str
    """Below the engine's folder."""
    number: int
    line: int
    text: str
    """The line as it is."""
    change: str
    """"this -> that", and which of them when the line has several."""

    @property
    def key(self) -> str:
        """What names it as long as its line stays as it is."""
        return f"{self.file}: {self.text}: {self.change}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}\n    {self.change}"


_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Add, ast.BitXor: ast.BitOr,
}  # fmt: skip
_OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ORIGINAL": "REPLY", "REPLY": "ORIGINAL"}


def mutations() -> list[Mutation]:
    """Every one there is, file by file."""
    found = []
    for pattern in FILES:
        for path in sorted(ENGINE.glob(pattern)):
            name = str(path.relative_to(ENGINE))
            lines = path.read_text().splitlines()
            places = Counter[tuple[int, str]]()
            for number, (node, before, after) in enumerate(_places(ast.parse(path.read_text()))):
                change = f"{before} -> {after}"
                places[node.lineno, change] += 1
                if (place := places[node.lineno, change]) > 1:
                    change += f" (place {place})"
                found.append(Mutation(name, number, node.lineno, lines[node.lineno - 1].strip(), change))
    return found


def mutated(mutation: Mutation) -> ast.Module:
    """The module with the mutation in it."""
    tree = ast.parse((ENGINE / mutation.file).read_text())
    for number, _ in enumerate(_places(tree)):
        if number == mutation.number:
            return ast.fix_missing_locations(tree)  # changed while the place is looked at
    raise LookupError(mutation)


def _places(tree: ast.Module) -> Iterator[tuple[Any, str, str]]:
    """(node, before, after) of each change. While it is looked at the tree has the change; afterwards it is as before."""
    for node in _deciding(tree):
        yield from _changes(node)


def _deciding(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that are for people, for types, or only names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and (child.name in _FOR_PEOPLE or child.name.startswith(_READING)):
            continue
        if isinstance(child, (ast.JoinedStr, ast.Import, ast.ImportFrom, ast.arguments)) or _says_only(child):
            continue
        if isinstance(child, ast.AnnAssign):
            if child.value is not None and getattr(child.target, "id", "") != "words":
                yield child.value
                yield from _deciding(child.value)
            continue
        if isinstance(child, (ast.Assert, ast.Raise)):
            continue
        yield child
        if isinstance(child, (ast.FunctionDef, ast.Lambda)):
            for part in child.body if isinstance(child, ast.FunctionDef) else [child.body]:
                yield from _inside(part)
        elif isinstance(child, ast.ClassDef):
            for part in child.body:
                yield from _inside(part)
        else:
            yield from _deciding(child)


def _inside(part: ast.AST) -> Iterator[ast.AST]:
    holder = ast.Module(body=[part], type_ignores=[]) if isinstance(part, ast.stmt) else ast.Expression(body=part)  # type: ignore[arg-type]
    yield from _deciding(holder)


def _says_only(node: ast.AST) -> bool:
    """A docstring, words put together, or a condition that chooses between words."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.IfExp):
        return all(
            isinstance(side, (ast.JoinedStr, ast.Constant)) and not isinstance(getattr(side, "value", 0), int)
            for side in (node.body, node.orelse)
        )
    return isinstance(node, ast.Assign) and any(
        isinstance(name, ast.Name) and name.id in ("__slots__", "said", "reason") for name in node.targets
    )


def _changes(node: ast.AST) -> Iterator[tuple[Any, str, str]]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            yield from _swapped(node, node.ops, index, _COMPARISONS[type(operator)]())
    elif isinstance(node, ast.BoolOp):
        yield from _changed(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC:
        yield from _changed(node, "op", _ARITHMETIC[type(node.op)]())
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        if not isinstance(node.test, ast.Constant):
            yield from _changed(node, "test", ast.UnaryOp(ast.Not(), node.test), whole=False)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield from _changed(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        for other in (node.value + 1, node.value - 1):
            if other >= 0:
                yield from _changed(node, "value", other)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _OTHER_NAMES:
        yield from _changed(node, "id", _OTHER_NAMES[node.id])


def _changed(node: Any, field: str, value: Any, *, whole: bool = True) -> Iterator[tuple[Any, str, str]]:
    shown = node if whole else getattr(node, field)
    before, kept = _text(shown), getattr(node, field)
    setattr(node, field, value)
    yield node, before, _text(node if whole else value)
    setattr(node, field, kept)


def _swapped(node: Any, parts: list[Any], index: int, value: Any) -> Iterator[tuple[Any, str, str]]:
    before, kept = _text(node), parts[index]
    parts[index] = value
    yield node, before, _text(node)
    parts[index] = kept


def _text(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0]


class _Loader(SourceFileLoader):
    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the one mutated module instead of the real one."""

    def __init__(self, mutation: Mutation) -> None:
        self.name = "fwtutor.netfilter." + mutation.file.removesuffix(".py").replace("/", ".")
        self.tree = mutated(mutation)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        loader = _Loader(fullname, spec.origin)
        loader.tree = self.tree
        spec.loader = loader
        return spec


def put_in(mutation: Mutation | None) -> None:
    """From now on this process imports the engine with the mutation in it, and nothing of one imported before."""
    for name in list(sys.modules):
        if name.startswith("fwtutor.netfilter") or name == "fwtutor.kernel.compare":
            del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    if mutation is not None:
        sys.meta_path.insert(0, _Finder(mutation))
