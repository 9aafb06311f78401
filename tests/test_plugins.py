"""Another package brings a thing of each kind: the example one is installed and used."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from starprobe import (
    BackendOptions,
    Run,
    RunConfig,
    Sampling,
    ask,
    classify_run,
    compare,
    frame,
    load_probe_set,
    make_prompt,
)
from starprobe import run as starprobe_run
from starprobe.bench.run_config import command_line, render_probes
from starprobe.probes.conditions import Condition
from starprobe.probes.errors import InputError
from starprobe.probes.schema import ProbeSet

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


def test_objects_go_where_names_go_and_the_stored_command_asks_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PLUGIN)
    parrots = import_module("parrots")
    polly, birds = parrots.Parrot("polly", None, BackendOptions()), parrots.birds()
    config = RunConfig(
        models=(polly, "scripted:direct"),
        probes=(birds, *load_probe_set("everyday").questions[:2]),
        conditions=("plain", parrots.POLITELY),
    )
    assert config.probes == (birds, config.probes[1]) and isinstance(config.probes[1], ProbeSet)
    run = starprobe_run(config, tmp_path / "run")
    assert len(run.responses()) == 2 * 3 * 2
    traps = RunConfig(models=polly, probes=load_probe_set("traps"))
    assert f"--probes traps@{load_probe_set('traps').hash}" in command_line(traps)
    assert {row.model for row in run.responses().values()} == {"parrot:polly", "scripted:direct"}
    classify_run(run, parrots.ShoutReader())
    (asked,) = ask(make_prompt(birds.questions[0], parrots.POLITELY), [polly], Sampling())
    assert asked.response is not None and "kind" in asked.prompt.text
    rows = frame(run, "shouts", texts=True)
    sides = [
        rows[rows["condition"] == name].assign(condition="any") for name in ("plain", "politely")
    ]
    (told, *_) = compare(*sides, [parrots.EXCLAMATIONS])
    assert (told.metric, told.model_before, told.difference) == (
        "exclamations",
        "parrot:polly",
        0.0,
    )
    # What was handed over stands in the folder, and the command there gives the same prompts.
    words = shlex.split(run.info.command.replace("DIR/", f"{run.path}/"))
    again = tmp_path / "again"
    words = [word for word in words[1:-1] if word != "parrot:polly"]
    starprobe(*words, again, "--reader", "rules", folder=tmp_path)
    said = [
        {name: (one.messages, one.text, one.shown) for name, one in made.prompts().items()}
        for made in (run, Run(again))
    ]
    assert said[0] == said[1]
    kept = load_probe_set(run.path / "questions" / "questions.jsonl")
    assert kept.hash == config.probes[1].hash


def test_an_object_under_the_name_of_another_is_refused() -> None:
    mine = Condition(name="plain", instruction="Be quick.")
    with pytest.raises(InputError, match="'plain' is not the built-in one"):
        render_probes(RunConfig(models="scripted:mixed", conditions=mine))
    one, two = (Condition(name="mine", instruction=text) for text in ("Be quick.", "Be slow."))
    with pytest.raises(InputError, match="two different conditions are called 'mine'"):
        render_probes(RunConfig(models="scripted:mixed", conditions=(one, two)))
    sets = [
        load_probe_set("traps").model_copy(update={"name": "everyday"}),
        load_probe_set("everyday"),
    ]
    with pytest.raises(InputError, match="the same name"):
        render_probes(RunConfig(models="scripted:mixed", probes=sets))


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
