"""The battery: one command asks, reads, intervenes, judges, measures and reports; and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import starprobe.reports.cli
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError

SUITE = """
[[block]]
set = "everyday"
limit = 3
conditions = ["plain", "scratchpad", "wrong_hint"]
models = "chat"
[[block]]
set = "everyday"
limit = 2
conditions = ["plain"]
orders = 2
repeats = 2
"""
MODELS = ("scripted:option_by_option", "scripted:direct")


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    starprobe.reports.cli.register(made)
    return made


def test_one_command_does_all_of_it_and_again_does_nothing(
    app: typer.Typer, tmp_path: Path
) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SUITE)
    words = ["battery", *MODELS, "--suite", str(suite), "--out", str(tmp_path / "out")]
    words += ["--judges", MODELS[1], "--judged", "2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "not applicable: its server cannot be made to go on" in done.output
    assert "minutes. The report:" in done.output
    run = Run(tmp_path / "out" / "run")
    assert len(run.responses()) == 2 * (3 * 3 + 2 * 2 + 2)
    assert run.verdict_names() == sorted({DEFAULT_READER, "rules"})
    found = json.loads((run.path / "metrics.json").read_text())
    assert {m["name"] for m in found["readers"][DEFAULT_READER]} >= {"hint_follow", "flip_rate"}
    several = len(run.verdict_names()) > 1
    assert found["contrasts"][DEFAULT_READER] and bool(found["agreement"]) == several
    assert bool(found["ranges"]) == several
    assert found["judged"]["judges"][0] | {"asked": 2} == found["judged"]["judges"][0]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Too few questions to tell who breaks down every option" in page
    files = {path.name: path.stat().st_size for path in run.path.glob("*.jsonl")}
    assert CliRunner().invoke(app, words).exit_code == 0
    assert {path.name: path.stat().st_size for path in run.path.glob("*.jsonl")} == files


def test_a_battery_of_a_suite_that_is_not_there_says_so(app: typer.Typer, tmp_path: Path) -> None:
    words = ["battery", MODELS[0], "--suite", "batery", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, InputError)
    assert "built in: seed, battery" in str(done.exception)
