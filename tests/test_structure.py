"""What the README says of the repository is true, and nothing heavy hides in a package."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("package", ["probes", "bench", "star", "reports"])
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    code = (
        f"import sys, starprobe.{package}\n"
        "print([n for n in ('torch', 'transformers', 'pandas', 'plotly') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["probes", "bench", "star", "reports"])
def test_all_that_a_package_names_as_public_is_there(package: str) -> None:
    module = import_module(f"starprobe.{package}")
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert module.__all__
    assert missing == []


def test_every_file_that_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(((?!https?:|#)[^)]+)\)", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_document_or_code_carries_a_key_or_a_path_of_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    here = re.escape(str(ROOT))
    pattern = re.compile(rf"sk-[A-Za-z0-9]{{20,}}|/(?:home|Users)/\w+/|{here}\b")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".gz"} or not path.is_file():
            continue
        if pattern.search(path.read_text(encoding="utf-8", errors="replace")):
            found.append(name)
    assert [name for name in found if name != "tests/test_structure.py"] == []
