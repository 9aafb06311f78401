"""Parts made apart and joined are what one process makes; what is not whole is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from starprobe.bench.cli import asking as run_command
from starprobe.bench.cli import responses as commands
from starprobe.bench.read import classify_file
from starprobe.bench.run_folder import Run
from starprobe.bench.shards import merge, parse_shard
from starprobe.probes.errors import FolderError, InputError

PARTS = 4


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    commands.register(made)
    run_command.register(made)
    return made


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    options = [{"label": "A", "text": "a büchse"}, {"label": "B", "text": "a basket"}]
    rows = [
        {
            "id": f"r{number}",
            "question": "What carries a small dog? 🐕" * (number % 5 + 1),
            "options": options,
            "response": None if number == 7 else f"{'Ü' * number} The answer is (B) a basket.",
        }
        for number in range(40)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_parts_of_a_file_one_of_them_killed_are_the_whole_to_the_byte(
    app: typer.Typer, answers: Path, tmp_path: Path
) -> None:
    classify_file(answers, tmp_path / "whole.jsonl", "rules")

    def part(number: int) -> None:
        words = ["classify", str(answers), "--reader", "rules", "--workers", "1"]
        words += ["--shard", f"{number}/{PARTS}", "-o", str(tmp_path / "parts")]
        assert CliRunner().invoke(app, words).exit_code == 0

    for number in range(1, PARTS + 1):
        part(number)
    killed = tmp_path / "parts" / "shard-2-of-4.jsonl"
    killed.write_bytes(killed.read_bytes()[:-300])
    with pytest.raises(FolderError, match=r"shard-2-of-4\.jsonl was changed since it was whole"):
        merge(tmp_path / "parts", tmp_path / "all.jsonl")
    part(2)
    joined = ["merge", str(tmp_path / "parts"), "-o", str(tmp_path / "all.jsonl")]
    assert CliRunner().invoke(app, joined).exit_code == 0
    assert (tmp_path / "all.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len((tmp_path / "all.jsonl").read_bytes().splitlines()) == 39


def test_a_missing_part_is_named(app: typer.Typer, answers: Path, tmp_path: Path) -> None:
    words = ["classify", str(answers), "--reader", "rules", "--shard", "3/4"]
    CliRunner().invoke(app, [*words, "-o", str(tmp_path / "parts")])
    with pytest.raises(FolderError, match="are not whole: 1, 2, 4;"):
        merge(tmp_path / "parts", tmp_path / "all.jsonl")


def test_parts_of_a_run_are_the_run(app: typer.Typer, tmp_path: Path) -> None:
    words = ["run", "scripted:direct", "scripted:echo", "--limit", "7", "--conditions"]
    words += ["plain,direct", "--reader", "rules", "--out"]
    assert CliRunner().invoke(app, [*words, str(tmp_path / "whole")]).exit_code == 0
    for number in range(1, 4):
        part = [*words, str(tmp_path / "parts"), "--shard", f"{number}/3"]
        assert CliRunner().invoke(app, part).exit_code == 0
    assert merge(tmp_path / "parts", tmp_path / "all") == 28
    whole, joined = Run(tmp_path / "whole"), Run(tmp_path / "all")
    assert joined.prompts() == whole.prompts()
    assert joined.responses().keys() == whole.responses().keys()
    assert joined.verdicts("rules") == whole.verdicts("rules")
    with pytest.raises(FolderError, match="is there already"):
        merge(tmp_path / "parts", tmp_path / "all")


@pytest.mark.parametrize("said", ["0/4", "5/4", "4", "a/b", "1/0"])
def test_what_names_no_part_is_told_how_to_name_one(said: str) -> None:
    with pytest.raises(InputError, match="as in 3/8"):
        parse_shard(said)


DOCS = Path(__file__).parents[2] / "docs" / "scale.md"


@pytest.mark.slow
def test_the_script_for_submitit_reads_as_one_process_does(answers: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    classify_file(answers, tmp_path / "whole.jsonl", "rules")
    script = tmp_path / "script.py"
    (text,) = re.findall(r"```python\n(import submitit.*?)```", DOCS.read_text(), re.DOTALL)
    script.write_text(text)
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True)
    assert (tmp_path / "verdicts.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.slow
def test_ray_goes_on_with_the_parts_of_a_kill_and_reads_as_one_process_does(
    answers: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    classify_file(answers, tmp_path / "whole.jsonl", "rules")
    parts, out = tmp_path / "verdicts.jsonl.parts", tmp_path / "verdicts.jsonl"
    torn = parts / "shard-3-of-5.jsonl"
    classify_file(answers, torn, "rules", shard=parse_shard("3/5"))
    torn.write_bytes(torn.read_bytes()[:-300])
    command = [sys.executable, "-m", "starprobe", "classify", str(answers)]
    command += ["--reader", "rules", "--ray", "-o", str(out)]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not parts.exists()

    bad = answers.read_text().replace('"response"', '"respond"', 1)
    answers.write_text(bad)
    out.unlink()
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 2
    assert "field 'response' is missing" in failed.stderr
