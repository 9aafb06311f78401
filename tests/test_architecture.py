"""The house as its documents say it is: no circle, no crowded folder, a line for each module."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def size() -> ModuleType:
    spec = importlib.util.spec_from_file_location("size", ROOT / "tools" / "size.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_imports_run_in_a_circle(size: ModuleType) -> None:
    assert size.measure(ROOT).circles == []


def test_no_folder_holds_more_modules_than_a_head_does(size: ModuleType) -> None:
    folders = size.measure(ROOT).folders
    assert {name: count for name, count in folders.items() if count > size.CROWDED} == {}


def test_there_are_no_more_modules_than_a_head_holds(size: ModuleType) -> None:
    found = size.measure(ROOT)
    assert len(found.modules) <= size.MODULES
    assert set(found.names) <= {"cli", "evaluate", "records", "sample"}, "a name for two modules"


def test_a_circle_is_found_wherever_the_import_stands(size: ModuleType, tmp_path: Path) -> None:
    for package in size.PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "bench" / "a.py").write_text("from starprobe.bench.b import y\n")
    (tmp_path / "bench" / "b.py").write_text(
        "def f():\n    import starprobe.bench.c\nif TYPE_CHECKING:\n    from x import z\n"
    )
    (tmp_path / "bench" / "c.py").write_text(
        "if TYPE_CHECKING:\n    from starprobe.bench import a\n"
    )
    (circle,) = size.measure(tmp_path).circles
    assert sorted(circle) == ["bench.a", "bench.b", "bench.c"]


def test_the_tree_in_the_document_is_the_tree(size: ModuleType) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert text == size.with_tree(text, ROOT), "run: python tools/size.py --tree"


def test_a_journey_takes_at_most_ten_files_and_each_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    journeys = re.findall(r"^## The path of .*?(?=^## |\Z)", text, re.M | re.S)
    assert len(journeys) == 2
    for journey in journeys:
        files = re.findall(r"^\d+\. `([^`]+)`", journey, re.M)
        assert 3 <= len(files) <= 10
        assert [name for name in files if not (ROOT / name).is_file()] == []
