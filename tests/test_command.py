"""The command as a user meets it: quick help, one-line errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "pandas", "plotly", "vllm", "trl", "lm_eval", "sklearn", "scipy")


TRAIN = ("train", "--model", "smollm2", "--out", "t")


def starprobe(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One call of the installed command."""
    command = Path(sys.executable).with_name("starprobe")
    return subprocess.run(
        [str(command), *words], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, starprobe.cli\n"
        "from typer.testing import CliRunner\n"
        "result = CliRunner().invoke(starprobe.cli.app, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


COMMANDS = (
    "demo", "ask", "read", "run", "import", "classify", "judge", "metrics", "plan", "models",
    "report", "compare", "sign", "train", "probes list", "probes show", "probes check",
    "tasks export",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    from typer.testing import CliRunner

    import starprobe.cli as module

    result = CliRunner().invoke(module.app, [*command.split(), "--help"])
    assert result.exit_code == 0, result.output
    assert f"starprobe {command}" in " ".join(result.output.split())
    assert "Example" in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "smollm3", "--out", "x"), "unknown model 'smollm3'"),
        (("run", "scripted:direct", "--probes", "nothing", "--out", "x"), "unknown probe set"),
        (("run", "scripted:direct", "--probes", "bad.jsonl", "--out", "x"), "bad.jsonl, line 2"),
        (("run", "scripted:direct", "--conditions", "plian", "--out", "x"), "plian"),
        (("run", "scripted:direct", "--out", "taken"), "thesis.tex"),
        (("run", "scripted:direct", "--limit", "2", "--out", "bad.jsonl"), "is a file"),
        (("run", "hf:./nowhere", "--limit", "2", "--out", "x"), "no such file or folder"),
        (("probes", "check", "missing.jsonl"), "missing.jsonl"),
        (("classify", "missing.jsonl"), "missing.jsonl"),
        (("metrics", "taken"), "no run folder"),
        (("report", "taken"), "no run folder"),
        (("compare", "taken", "taken"), "no run folder"),
        (("train", "--model", "smollm3", "--questions", "numbers", "--out", "t"), "smollm3"),
        ((*TRAIN, "--questions", "nope"), "nope"),
        ((*TRAIN, "--questions", "numbers", "--set", "epoch=3"), "unknown setting 'epoch'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)  # fmt: skip
def test_wrong_use_is_one_clear_line_and_exit_code_2(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("precious")
    good = '{"id": "a", "question": "Q?", "options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], "answer": "A"}'  # noqa: E501
    (tmp_path / "bad.jsonl").write_text(f"{good}\n{{broken\n")
    done = starprobe(*words, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert says in lines[0]
    assert os.listdir(tmp_path / "taken") == ["thesis.tex"]


def test_an_option_that_typer_refuses_exits_with_2_too(tmp_path: Path) -> None:
    assert starprobe("run", "smollm2", "--limit", "none", "--out", "x").returncode == 2


def test_help_arranges_every_command_under_a_heading() -> None:
    from typer.testing import CliRunner

    import starprobe.cli as module

    told = CliRunner().invoke(module.app, ["--help"]).output
    assert "More:" not in told
    assert told.index("Ask models:") < told.index("  run ") < told.index("Bring in and read:")
    assert CliRunner().invoke(module.app, ["--version"]).output.startswith("starprobe 0.")


def test_values_are_completed_also_behind_a_comma() -> None:
    from starprobe.bench.cli import complete

    assert complete("probes.sets:BUILT_IN")("sci") == ["science"]
    conditions = complete("probes.conditions:built_in_conditions")
    assert "plain,scratchpad" in conditions("plain,scra")


def test_a_dry_run_says_requests_tokens_and_dollars_and_asks_nothing(tmp_path: Path) -> None:
    words = ("openai:gpt-4o", "scripted:direct", "--limit", "4", "--conditions", "plain,direct")
    done = starprobe("run", *words, "--dry-run", "--max-tokens", "100", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (line for line in done.stdout.splitlines() if "requests" in line)
    assert "openai:gpt-4o: 8 requests" in first and "at most 800 out; at most $0.0" in first
    assert second.endswith("nothing is paid for it")
    assert "[user]" in done.stdout and os.listdir(tmp_path) == []


def test_a_run_in_which_every_request_failed_says_why_and_exits_with_1(tmp_path: Path) -> None:
    name = "openai:nobody@http://127.0.0.1:9/v1"
    words = ("--limit", "2", "--retries", "0", "--out", "r")
    done = starprobe("run", name, *words, cwd=tmp_path)
    assert done.returncode == 1
    assert f"{name}: 2 requests failed (unreachable): " in done.stderr
    assert "starprobe report" not in done.stdout + done.stderr
    done = starprobe("run", name, "scripted:direct", *words, cwd=tmp_path)
    assert done.returncode == 1 and "starprobe report" in done.stderr


def test_run_then_report_on_a_scripted_model(tmp_path: Path) -> None:
    done = starprobe("run", "scripted:option_by_option", "--limit", "4", "--out", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "full_breakdown" in done.stdout.replace(" ", "_")
    done = starprobe("report", "r", "-o", "r.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "r.html").stat().st_size > 100_000
