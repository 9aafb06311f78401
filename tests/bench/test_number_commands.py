"""`metrics`, `plan`, `judge` and `faithfulness` as a user meets them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from starprobe.bench.cli import metrics, responses
from starprobe.probes.errors import InputError
from tests.bench.judges.server import JudgeServer, chat
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict

RUNNER = CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    for module in (metrics, responses):
        module.register(made)
    return made


@pytest.fixture
def run(tmp_path: Path):
    rows = []
    for number in range(4):
        prompt = make_prompt(f"q{number}")
        response = make_response(prompt, "scripted:direct")
        rows.append((prompt, response, make_verdict(response, "o1")))
    return make_run(tmp_path / "run", rows)


def test_metrics_shows_values_with_intervals_and_writes_the_file(app, run):
    done = RUNNER.invoke(app, ["metrics", str(run.path), "--metric", "accuracy"])
    assert done.exit_code == 0
    assert "accuracy" in done.output and "1.00 [0.25, 1.00] n=4" in done.output
    assert "cost" not in done.output
    assert (run.path / "metrics.json").is_file()
    assert "cost" in RUNNER.invoke(app, ["metrics", str(run.path), "--all"]).output


def test_metrics_of_an_unknown_reader_names_those_there_are(app, run):
    done = RUNNER.invoke(app, ["metrics", str(run.path), "--reader", "oracle"])
    assert isinstance(done.exception, InputError)
    assert "no verdicts of 'oracle'" in str(done.exception)


def test_metrics_of_five_models_and_four_conditions_fits_a_screen(app, tmp_path):
    rows = []
    for model in "abcde":
        for condition in ("plain", "direct", "step_by_step", "few_shot"):
            prompt = make_prompt("q", condition)
            response = make_response(prompt, f"scripted:{model}")
            rows.append((prompt, response, make_verdict(response, "o1")))
    run = make_run(tmp_path / "run", rows)
    done = RUNNER.invoke(app, ["metrics", str(run.path)], env={"COLUMNS": "100"})
    lines = done.output.splitlines()
    assert done.exit_code == 0 and max(map(len, lines)) <= 100 and len(lines) <= 50
    assert sum("scripted:a" in line and "few_shot" in line for line in lines) == 1


def test_metrics_come_as_json_and_as_csv(app, run):
    found = json.loads(RUNNER.invoke(app, ["metrics", str(run.path), "--json"]).output)
    assert found == json.loads((run.path / "metrics.json").read_text())
    done = RUNNER.invoke(app, ["metrics", str(run.path), "--csv", "--metric", "accuracy"])
    head, row = done.output.splitlines()
    assert head == "reader,model,condition,metric,value,low,high,n,method"
    assert row.startswith("rules,scripted:direct,plain,accuracy,1.0,0.2")


def test_models_that_do_not_fit_beside_each_other_stand_below_each_other(app, tmp_path):
    rows = []
    for model in range(40):
        prompt = make_prompt("q")
        response = make_response(prompt, f"scripted:model-number-{model}")
        rows.append((prompt, response, make_verdict(response, "o1")))
    run = make_run(tmp_path / "run", rows)
    done = RUNNER.invoke(app, ["metrics", str(run.path), "--all"], env={"COLUMNS": "80"})
    lines = [line for line in done.output.splitlines() if str(run.path) not in line]
    assert done.exit_code == 0 and max(len(line) for line in lines) <= 80
    assert sum("scripted:model-number-39" in line for line in lines) > 5
    assert any("full_breakdown" in line and "coverage" in line for line in lines)
    one = ["metrics", str(run.path), "--metric", "accuracy", "--model", "scripted:model-number-7"]
    chosen = RUNNER.invoke(app, one, env={"COLUMNS": "80"}).output
    assert "1.00 n=1" in chosen
    assert "coverage" not in chosen and "number-8" not in chosen


def test_the_file_holds_trials_judgements_and_what_cannot_be_measured(app, tmp_path):
    rows = []
    for condition in ("plain", "thinking_tags"):
        for model in ("openai:far", "hf:near"):
            prompt = make_prompt("q", condition)
            response = make_response(prompt, model)
            rows.append((prompt, response, make_verdict(response, "o1")))
    thinks = make_prompt("q2", "thinking_tags")
    shown = make_response(thinks, "openai:shows", text="%antThinking% hm %/antThinking% (A)")
    run = make_run(tmp_path / "run", [*rows, (thinks, shown, make_verdict(shown, "o1"))])
    with JudgeServer(lambda path, body: (200, chat("VERDICT: RIGHT"))) as server:
        name = f"openai:judge@{server.url}/v1"
        RUNNER.invoke(app, ["judge", str(run.path), "--judges", name])
    done = RUNNER.invoke(app, ["metrics", str(run.path), "--all"], env={"COLUMNS": "200"})
    found = json.loads((run.path / "metrics.json").read_text())
    assert [(row["model"], row["condition"]) for row in found["not_applicable"]] == [
        ("openai:far", "thinking_tags")
    ]
    measured = {(m["model"], m["condition"]) for m in found["readers"]["rules"]}
    assert ("openai:far", "thinking_tags") not in measured
    assert {("hf:near", "thinking_tags"), ("openai:shows", "thinking_tags")} <= measured
    assert found["judged"]["judges"][0]["asked"] == 5 and found["faithfulness"] == []
    assert "provider may cut it out" in done.output


def test_plan_says_how_many_questions(app):
    done = RUNNER.invoke(app, ["plan", "--before", "0.1", "--after", "0.3", "--family", "20"])
    assert done.exit_code == 0
    assert done.output.startswith("126 questions (126 responses a run) find 0.1 -> 0.3")


def test_judge_shows_the_panel_and_fails_when_no_judge_answered(app, run):
    with JudgeServer(lambda path, body: (200, chat("VERDICT: RIGHT"))) as server:
        name = f"openai:judge@{server.url}/v1"
        done = RUNNER.invoke(app, ["judge", str(run.path), "--judges", name])
    assert done.exit_code == 0 and "consensus_right_RIGHT" in done.output
    with JudgeServer(lambda path, body: (410, {"detail": "reached its end of life"})) as server:
        name = f"openai:old-reward@{server.url}/v1"
        done = RUNNER.invoke(app, ["judge", str(run.path), "--reward", name])
    said = "4 requests failed (http_410): HTTP 410; reached its end of life; this model has been"
    assert said in done.output and done.exit_code == 1


def test_a_run_whose_only_judge_is_retired_exits_with_one(app, run):
    with JudgeServer(lambda path, body: (410, {"detail": "reached its end of life"})) as server:
        name = f"openai:old-reward@{server.url}/v1"
        done = RUNNER.invoke(app, ["judge", str(run.path), "--reward", name])
    assert done.exit_code == 1


def test_faithfulness_of_a_model_that_cannot_go_on_says_so(app, run):
    done = RUNNER.invoke(app, ["faithfulness", str(run.path)])
    assert done.exit_code == 1
    assert "scripted:direct: not applicable: its server cannot be made to go on" in done.output


@pytest.mark.parametrize("command", ["metrics", "plan", "judge", "faithfulness"])
def test_help_shows_an_example(app, command):
    assert "Example" in RUNNER.invoke(app, [command, "--help"]).output
