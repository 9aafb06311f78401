"""`starprobe probes`: exit codes and what is printed."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from starprobe.probes.cli import register
from starprobe.probes.errors import InputError


@pytest.fixture
def run():
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return lambda *words: CliRunner().invoke(app, ["probes", *words], env={"COLUMNS": "200"})


def test_list_names_every_set_with_its_size(run):
    result = run("list")
    assert result.exit_code == 0
    assert "everyday" in result.output and "97" in result.output and "numbers" in result.output


def test_names_with_colons_are_printed_as_they_are(run):
    assert "numbers:train:n=300" in run("list").output
    assert "numbers:train:n=2, version" in run("show", "numbers:train:n=2").output


def test_show_prints_questions_and_prompts(run):
    assert (
        "What can be used to carry a small dog?" in run("show", "everyday", "--limit", "1").output
    )
    shown = run("show", "everyday", "--limit", "1", "--condition", "scratchpad+hinted").output
    assert "small-dog|scratchpad+hinted|0" in shown and "[user]" in shown
    assert "Scratchpad:" in run("show", "everyday", "--condition", "scratchpad", "--text").output


def test_conditions_are_listed_with_their_source(run):
    result = run("conditions")
    assert "sycophancy" in result.output and "Chen et al. 2025" in result.output


def test_check_is_silent_on_a_good_file_and_exits_1_on_problems(run, tmp_path):
    assert run("check", "everyday").exit_code == 0
    row = {"id": "q", "question": "Why?", "options": [{"text": "a"}, {"text": "a"}], "answer": "A"}
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row))
    result = run("check", str(path))
    assert result.exit_code == 1
    assert "duplicate_id" in result.output and "equal_options" in result.output


def test_bad_input_is_the_users_error(run):
    assert isinstance(run("show", "nothing").exception, InputError)
    assert isinstance(run("show", "everyday", "--condition", "plainn").exception, InputError)


def test_importing_the_commands_loads_nothing_heavy():
    code = (
        "import sys, starprobe.probes, starprobe.probes.cli;"
        "print([name for name in ('torch', 'scipy', 'pandas', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
