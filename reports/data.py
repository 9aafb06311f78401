"""The numbers behind the figures as files: CSV, and Parquet where pyarrow is installed.

The page itself hands out CSV alone: a writer of Parquet for browsers weighs more than all of its
own script, and a page that fetches nothing would have to carry it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starprobe.bench.files import write_atomic
from starprobe.bench.frames import key
from starprobe.reports.frames import gather
from starprobe.reports.panels import panels


def write_data(
    paths: Sequence[Path | str] | Path | str, out: Path | str, *, reader: str | None = None
) -> Path:
    """The folder in which each figure of a report of these runs has its table.

    Raises:
        FolderError: a folder is no run, or the files cannot be written.
        InputError: there is nothing to show.
    """
    folders = [paths] if isinstance(paths, str | Path) else list(paths)
    target = Path(out)
    for panel in panels(gather(folders, reader).frame):
        table = panel.table.map(_encodable)
        write_atomic(target / f"{panel.id}.csv", table.map(_tame).to_csv(index=False))
        if find_spec("pyarrow"):
            write_atomic(target / f"{panel.id}.parquet", table.to_parquet(index=False))
    return target


def _encodable(value: Any) -> Any:
    return key(value) if isinstance(value, str) else value


def _tame(value: Any) -> Any:
    """A spreadsheet would run text that begins like a formula: it gets an apostrophe."""
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value
