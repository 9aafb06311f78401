"""The controls from end to end, as the command runs them: `base` and `direct`, then compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.star.folder import Training

SETTINGS = (
    "limit=8", "validation=2", "steps=2", "train_batch_size=2", "lora_r=2", "lora_alpha=4",
    "device=cpu", "max_tokens=8", "batch_size=8", "test=numbers:test:n=3", "decontaminate=",
)  # fmt: skip


def call(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
def test_the_controls_train_run_and_compare_by_the_command(
    tiny_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    told, names = {}, {}
    for preset in ("base", "direct"):
        words = ["train", "--model", f"hf:{tiny_model}", "--questions", str(numbers_file)]
        words += ["--preset", preset, "--out", str(tmp_path / preset)]
        told[preset] = call(*words, *(part for one in SETTINGS for part in ("--set", one)))
        training = Training(tmp_path / preset)
        assert training.tested() is not None and Path(training.model.removeprefix("hf:")).is_dir()
        names[preset] = training.model
    assert "Best: iteration 0" in told["base"] and "Best: iteration 1" in told["direct"]
    assert "Test, base against chosen: right:" in told["direct"]
    assert "Test, base against chosen" not in told["base"]
    assert Training(tmp_path / "base").splits() == Training(tmp_path / "direct").splits()
    for preset, model in names.items():
        call(
            "run", model, "--probes", "everyday", "--limit", "3", "--max-tokens", "8",
            "--device", "cpu", "--out", str(tmp_path / f"{preset}-run"),
        )  # fmt: skip
        call("classify", str(tmp_path / f"{preset}-run"))
    page = tmp_path / "page.html"
    sides = [str(tmp_path / f"{preset}-run") for preset in names]
    call("compare", *sides, "--training", str(tmp_path / "direct"), "-o", str(page))
    assert "training-test" in page.read_text()
    assert all(len(Run(side).responses()) == 3 for side in sides)
