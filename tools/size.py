"""How large the four packages are, and whether their imports run in a circle.

`python tools/size.py [FOLDER]` prints it; with `--tree`, docs/architecture.md gets the tree. Those
imports count too that stand inside functions or under TYPE_CHECKING: a reader follows them all.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("probes", "bench", "star", "reports")
SMALL = 60
"""A module of no more lines is rarely an idea of its own."""
CROWDED = 16
"""A folder of more modules is hard to hold in the head."""
MODULES = 140
"""Of more modules nobody keeps the names: one that comes is paid for by one that goes."""
NAMES = 24
"""Columns of a module's name in the tree."""
BEGINS, ENDS = "<!-- the tree: python tools/size.py --tree -->", "<!-- its end -->"


class Size(NamedTuple):
    """What is counted."""

    modules: dict[str, int]
    """Name -> lines; `bench` is bench/__init__.py."""
    circles: list[list[str]]
    folders: dict[str, int]
    """Folder -> modules in it, its own __init__ not counted."""
    names: dict[str, list[str]]
    """Name that several modules have -> the modules."""

    def summary(self) -> Iterator[str]:
        """A line for each figure."""
        yield f"modules: {len(self.modules)}"
        yield f"lines: {sum(self.modules.values())}"
        for package in PACKAGES:
            own = [n for name, n in self.modules.items() if name.split(".")[0] == package]
            yield f"  {package}: {len(own)} modules, {sum(own)} lines"
        yield f"circles of imports: {len(self.circles)}"
        yield from (f"  {' <-> '.join(circle)}" for circle in self.circles)
        most = sorted(self.folders.items(), key=lambda item: -item[1])[:3]
        yield f"most modules in a folder: {', '.join(f'{name} {count}' for name, count in most)}"
        yield f"names of more than one module: {len(self.names)} ({', '.join(self.names)})"
        small = [name for name, n in self.modules.items() if n <= SMALL and name not in PACKAGES]
        yield f"modules of at most {SMALL} lines: {len(small)} ({', '.join(small)})"


def measure(root: Path) -> Size:
    """The size of the packages under this folder."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    imports = {name: set(_imports(name, path, files)) for name, path in files.items()}
    plain = [name for name, path in files.items() if path.name != "__init__.py"]
    by_name: dict[str, list[str]] = {}
    for name in plain:
        by_name.setdefault(name.rpartition(".")[2], []).append(name)
    return Size(
        modules={name: len(path.read_text("utf-8").splitlines()) for name, path in files.items()},
        circles=circles(imports),
        folders=dict(Counter(name.rpartition(".")[0].replace(".", "/") for name in plain)),
        names={name: found for name, found in sorted(by_name.items()) if len(found) > 1},
    )


def _imports(module: str, path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    """The modules of ours that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in wanted:
            found = name.removeprefix("starprobe.")
            while found and found not in files:
                found = found.rpartition(".")[0]
            if found and found != module:
                yield found


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Circles of imports, one of each knot: where it is mended, the next is found."""
    left = {name: set(found) for name, found in imports.items()}
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle = list(reversed(error.args[1][1:]))
            found.append(circle)
            for name in circle:
                left[name] -= set(circle)
        else:
            return found


def tree(root: Path) -> str:
    """The packages as a tree: a line for each module, the first of its docstring."""
    lines: list[str] = []
    for package in PACKAGES:
        for folder in sorted({path.parent for path in (root / package).rglob("*.py")}):
            modules = sorted(folder.glob("*.py"), key=lambda path: (path.stem != "__init__", path))
            for path in modules:
                said = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
                if path.stem == "__init__":
                    lines.append(f"{folder.relative_to(root)}/".ljust(NAMES) + said)
                else:
                    lines.append(f"  {path.name}".ljust(NAMES) + said)
        lines.append("")
    return "\n".join(lines).rstrip()


def with_tree(text: str, root: Path) -> str:
    """A document with the tree as it is now between its two marks."""
    before, _, rest = text.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n```\n{tree(root)}\n```\n{ENDS}{after}"


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[1]
    if "--tree" in sys.argv:
        document = here / "docs" / "architecture.md"
        document.write_text(with_tree(document.read_text("utf-8"), here), "utf-8")
        sys.exit()
    size = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
    print("\n".join(size.summary()))
    sys.exit(bool(size.circles or max(size.folders.values()) > CROWDED))
