"""Examples and integrations: each runs as it stands, and says what its page promises."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import starprobe
from tests.bench.models.misbehaving import MisbehavingServer

ROOT = Path(__file__).parents[1]
SCRIPTS = {
    "read_one": "reasons on 2 of 3 options",
    "compare_models": "full_breakdown     plain       more",
    "own_metric": "hedges",
    "check_reader": "checked 1.00",
}


def run_python(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_and_prints_what_it_is_for(name: str, tmp_path: Path) -> None:
    assert SCRIPTS[name] in run_python(str(ROOT / "examples" / f"{name}.py"), folder=tmp_path)


def test_every_script_is_run_by_a_test() -> None:
    there = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert there == {*SCRIPTS, "star_loop"}


@pytest.mark.slow
def test_the_star_loop_in_one_script_keeps_right_rationales_and_trains_on_them(
    tmp_path: Path,
) -> None:
    script = str(ROOT / "examples" / "star_loop.py")
    told = run_python(script, "--sums", "12", "--rounds", "2", folder=tmp_path)
    assert told.startswith("round 1: ") and "round 2: " in told


@pytest.mark.parametrize("name", ["reading", "planning"])
def test_a_notebook_runs_from_top_to_bottom_and_holds_no_output(name: str, tmp_path: Path) -> None:
    cells = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in code)
    # As a notebook does, the value of a cell's last line is shown.
    script = "\n".join("".join(cell["source"]) for cell in code)
    run_python("-c", script, folder=tmp_path)


def test_every_public_function_says_what_it_takes_gives_and_raises() -> None:
    for name in starprobe.__all__:
        thing = getattr(starprobe, name)
        said = inspect.getdoc(thing) or ""
        assert said, name
        if inspect.isfunction(thing):
            assert inspect.signature(thing).return_annotation is not inspect.Signature.empty, name
            if len(inspect.signature(thing).parameters) > 2:
                assert "Args:" in said and "Raises:" in said, name


def test_a_notebook_shows_results_as_tables(tmp_path: Path) -> None:
    config = starprobe.RunConfig(models=("scripted:direct", "scripted:chosen_only"), limit=6)
    run = starprobe.run(config, tmp_path / "run")
    starprobe.classify_run(run, "rules")
    found = starprobe.metrics(run.path)
    question = {"question": "Why?", "options": ["<b>so", "thus"]}
    one, two = (rows for _, rows in starprobe.frame(run).groupby("model"))
    compared = starprobe.compare(one, two)
    assert len(compared.to_frame()) == len(compared) > 3
    for shown in (found, run, compared, starprobe.classify("A", question, reader="rules")):
        html = shown._repr_html_()
        assert "<table" in html and "<b>so" not in html
    assert len(repr(found)) < 120 and set(found.to_frame()["reader"]) == {"rules"}


def test_a_run_of_a_server_s_model_works_inside_a_running_event_loop(tmp_path: Path) -> None:
    async def cell() -> int:
        with MisbehavingServer(lambda prompt, tried: "ok") as server:
            config = starprobe.RunConfig(models=(f"openai:m@{server.url}",), limit=3)
            return sum(1 for one in starprobe.run(config, tmp_path / "run").each_response())

    assert asyncio.run(cell()) == 3


def test_the_promptfoo_assertion_passes_what_weighs_every_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "integrations" / "promptfoo"))
    assertion = import_module("starprobe_assert").get_assert
    asked = {"question": "What floats on water?", "options": "a brick | a cork"}
    full = "A brick is heavy and sinks. A cork is full of air and floats, so the answer is B."
    found = assertion(full, {"vars": asked})
    assert (found["pass"], found["score"]) == (True, 1.0) and "answer B" in found["reason"]
    bare = assertion("B", {"vars": asked, "config": {"least": 0.5, "reader": "rules"}})
    assert (bare["pass"], bare["score"]) == (False, 0.0)


INSPECT = """
import sys
from types import SimpleNamespace
import tiktoken
counter = SimpleNamespace(encode=lambda text, **_: text.split())
tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _: counter  # else downloaded
sys.path.insert(0, sys.argv[1])
from inspect_ai import eval
from inspect_ai.model import ModelOutput, get_model
from starprobe_inspect import options
task = options(limit=3, orders=2)
said = [ModelOutput.from_content("m", f"The answer is ({one.target}).") for one in task.dataset]
model = get_model("mockllm/model", custom_outputs=said)
(log,) = eval(task, model=model, display="none", log_dir="logs", max_samples=1)
assert log.status == "success", log.error
print(len(said), *(f"{one.name}={one.metrics['mean'].value}" for one in log.results.scores))
"""


def test_inspect_asks_our_questions_in_every_order_and_scores_them_by_our_reader(
    tmp_path: Path,
) -> None:
    pytest.importorskip("inspect_ai")
    told = run_python("-c", INSPECT, str(ROOT / "integrations" / "inspect_ai"), folder=tmp_path)
    assert told.split() == ["6", "right=1.0", "full_breakdown=0.0", "coverage=0.0"]
