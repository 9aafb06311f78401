"""Another package brings a thing of each kind: the example one is installed and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example package is installed."""
    folder = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "parrots.py"):
        (source / name).write_text((PLUGIN / name).read_text())
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--no-build-isolation", "--target", str(folder), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def starprobe(*words: object, path: Path | None = None, folder: Path) -> str:
    """What the command prints, with another folder on Python's path."""
    done = subprocess.run(
        [sys.executable, "-m", "starprobe", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path or folder), "COLUMNS": "160"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_package_brings_backend_reader_metric_condition_and_probes(
    installed: Path, tmp_path: Path
) -> None:
    words = ("run", "parrot:polly", "--probes", "birds", "--conditions", "plain,politely")
    starprobe(*words, "--reader", "shouts", "--out", "run", path=installed, folder=tmp_path)
    verdicts = (tmp_path / "run" / "verdicts.shouts.jsonl").read_text().splitlines()
    assert {json.loads(line)["answer"] for line in verdicts} == {"penguin"}
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    rows = metrics["readers"]["shouts"]
    found = {row["condition"]: row["value"] for row in rows if row["name"] == "exclamations"}
    assert found == {"plain": 1.0, "politely": 1.0}


def test_the_same_things_are_named_on_the_command_line_by_module_and_name(tmp_path: Path) -> None:
    (tmp_path / "parrots.py").write_text((PLUGIN / "parrots.py").read_text())
    words = ("run", "parrots:Parrot:polly", "--probes", "parrots:birds")
    more = ("--conditions", "plain,parrots:POLITELY", "--reader", "parrots:ShoutReader")
    starprobe(*words, *more, "--out", "run", folder=tmp_path)
    told = starprobe("metrics", "run", "--metric", "parrots:EXCLAMATIONS", folder=tmp_path)
    assert "exclamations" in told and "politely" in told


def test_an_installed_importer_reads_its_own_rows_and_a_verifier_is_there_by_its_name(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "heard.jsonl").write_text('{"asked": "Which bird?", "squawk": "penguin!"}\n')
    starprobe("import", "heard.jsonl", "--out", "heard", path=installed, folder=tmp_path)
    assert '"penguin!"' in (tmp_path / "heard" / "responses.jsonl").read_text()
    script = (
        "from parrots import birds\n"
        "from starprobe.star.verify import load_verifier\n"
        "check, question = load_verifier('loud'), birds().questions[0]\n"
        "print(check(question, 'A penguin!').right, check(question, 'A swift!').right)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "False"]


def test_what_is_no_metric_condition_or_set_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("thing = 3\n")
    for words in (
        ("run", "scripted:mixed", "--conditions", "wrong:thing", "--out", "run"),
        ("run", "scripted:mixed", "--probes", "wrong:thing", "--out", "run"),
        ("run", "scripted:mixed", "--probes", "wrong:absent", "--out", "run"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "starprobe", *words],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "wrong:" in done.stderr
    assert not (tmp_path / "run").exists()
