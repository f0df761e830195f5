"""What the project promises about itself: its commands, its packages, which part may know which."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import fwtutor

ROOT = Path(fwtutor.__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command_after(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```sh\n([^\n]*)\n```\n", README)
    assert found, f"README.md has no one-line command after <!-- {marker} -->"
    return found[1]


def test_the_readme_has_both_commands_each_on_one_line_from_a_clone() -> None:
    assert command_after("run-command") == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/fwtutor"
    assert command_after("test-command") == "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest -n auto"


def test_ci_takes_the_test_command_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- test-command -->" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/simplified.md",
        "docs/netfilter.md",
        "docs/kernel.md",
        "docs/sandbox.md",
        "docs/configuration.md",
    ],
)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("https://"):
            assert ((ROOT / page).parent / target).exists(), target


def test_a_test_cannot_reach_the_internet() -> None:
    for open_one in (
        lambda: socket.socket(),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        lambda: socket.getaddrinfo("a.test", 1),
    ):
        with pytest.raises(AssertionError):
            open_one()


def test_dependencies_are_bounded_above() -> None:
    wanted = {"textual>=8.2,<9", "scapy>=2.8,<2.9"}
    assert wanted <= set(PROJECT["project"]["dependencies"])
    assert PROJECT["project"]["license"] == "GPL-2.0-or-later"
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "part", ["netfilter", "netfilter.firewall", "network.world", "recording", "course.loader", "trace.run", "trace.box", "capture"]
)
def test_no_part_below_the_screens_loads_textual_rich_or_scapy(part: str) -> None:
    loaded = python(f"import fwtutor.{part}, sys; print(*sys.modules)").split()
    assert not {name.partition(".")[0] for name in loaded} & {"textual", "rich", "scapy", "asyncio"}


def test_a_firewall_alone_loads_nothing_of_the_world_above_it() -> None:
    code = """
import sys
from fwtutor.netfilter import Firewall
Firewall(interfaces={"wan": ["203.0.113.1/24"]}).iptables("-A INPUT -j DROP")
print(sorted(name for name in sys.modules if name.startswith("fwtutor.") and not name.startswith("fwtutor.netfilter")))
"""
    assert python(code) == "['fwtutor.late', 'fwtutor.registry']\n"


def test_asking_for_the_version_imports_nothing() -> None:
    code = """
import sys
before = set(sys.modules)
sys.argv = ["fwtutor", "--version"]
from fwtutor.__main__ import main
main()
print(sorted(set(sys.modules) - before))
"""
    assert python(code) == f"fwtutor {fwtutor.__version__}\n['__future__', 'fwtutor', 'fwtutor.__main__']\n"


def test_the_wheel_has_the_lessons_and_all_that_is_not_python(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=120,
        cwd=ROOT,
    )
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    lessons = {f"fwtutor/{path.relative_to(ROOT)}" for path in (ROOT / "lessons").rglob("*") if path.is_file()}
    assert "fwtutor/lessons/too-open/lesson.toml" in lessons
    assert lessons <= inside
    beside = {str(path.relative_to(ROOT)) for path in (ROOT / "fwtutor").rglob("*.tcss")}
    assert beside
    assert beside <= inside
    assert not [name for name in inside if name.startswith(("tests/", "benchmarks/", "assets/"))]


def test_what_is_said_of_a_mutation_is_said_of_one_there_is() -> None:
    """A line of the engine that is changed has to be judged again."""
    from benchmarks.equivalents import EQUIVALENT
    from benchmarks.mutants import mutations

    assert EQUIVALENT.keys() <= {mutation.key for mutation in mutations()}
