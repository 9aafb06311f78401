"""What a run is to someone with a notebook and pandas."""

from __future__ import annotations

from pathlib import Path

import pytest

import starprobe.bench
from starprobe.bench.ask import RunConfig, run
from starprobe.bench.metrics import frame
from starprobe.bench.read import classify_run
from starprobe.probes.errors import InputError

CONFIG = RunConfig(
    models=("scripted:direct", "scripted:echo"), conditions=("plain", "direct"), limit=3
)


def test_a_run_gives_a_frame_of_its_only_reader(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    classify_run(tmp_path / "run", "rules")
    table = frame(starprobe.bench.load_run(tmp_path / "run"))
    assert len(table) == 12
    assert {"model", "condition", "coverage", "style"} <= set(table.columns)


def test_a_run_that_nobody_has_read_says_so(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    with pytest.raises(InputError):
        frame(folder)


def test_a_notebook_shows_models_and_conditions(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    shown = folder._repr_html_()
    assert "<th>scripted:direct</th><td>3</td><td>3</td>" in shown
    assert "no reader yet" in shown
    assert "3 questions" in repr(folder)
