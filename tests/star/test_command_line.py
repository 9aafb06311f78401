"""`starprobe train`: settings from files and one by one, presets and settings told, the dry run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from starprobe.cli import app
from starprobe.probes.errors import InputError
from starprobe.star.config import described, make_config, presets, settings, settings_page, values
from starprobe.star.loop import train
from starprobe.star.tuning.dry_run import told
from tests.star.test_loop import small


def said(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["train", *arguments], env={"COLUMNS": "200"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.output


def test_every_setting_has_one_sentence_and_a_name_that_no_other_group_has() -> None:
    assert all(text.strip().endswith(".") for _, _, text in described())
    last = [name.rpartition(".")[2] for name in settings()]
    assert len(last) == len(set(last)) > 60
    page = settings_page()
    assert all(f"| `{name}` |" in page for name in settings())


def test_settings_and_presets_are_told() -> None:
    text = said("--settings")
    assert "training.lora_r = 32" in text and "Rank of LoRA." in text
    text = said("--presets")
    assert all(name in text for name in presets()) and "Zelikman et al. 2022" in text


def test_a_file_gives_settings_and_single_ones_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'model = "hf:own"\npreset = "paper"\nseed = 5\n[training]\nlora_r = 8\nsteps = 12\n'
    )
    made = json.loads(said("--config", str(file), "--set", "training.steps=3", "--show-config"))
    assert (made["model"], made["preset"], made["seed"]) == ("hf:own", "paper", 5)
    assert made["training"]["lora_r"] == 8 and made["training"]["steps"] == 3
    assert made["sampling"]["temperature"] == 0  # The preset's.
    again = tmp_path / "config.json"
    again.write_text(json.dumps(made))
    assert json.loads(said("--config", str(again), "--show-config")) == made
    other = json.loads(said("--config", str(again), "--model", "smollm2", "--show-config"))
    assert other == made | {"model": "smollm2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nlora = 8\n", "unknown setting 'training.lora'"),
        ("training = \n", "Invalid value"),
        ("[training]\nlora_r = 'big'\n", r"setting training\.lora_r='big'"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        said("--config", str(tmp_path / "bad.toml"), "--show-config")
    with pytest.raises(InputError, match="No such file"):
        said("--config", str(tmp_path / "none.toml"), "--show-config")


def test_the_dry_run_tells_questions_first_prompt_tokens_minutes_and_memory(
    tiny_model: Path, numbers_file: Path
) -> None:
    config = small(tiny_model, numbers_file, max_tokens=6, batch_size=4)
    text = "\n".join(told(config))
    assert "questions: 10 to train on, 4 held out" in text
    assert "first prompt:" in text and "<|user|>" in text
    assert "2 rounds, at most:" in text and "tokens sampled a second" in text
    assert "minutes at most" in text and "GiB at most" in text


def test_a_wrong_file_of_questions_claims_no_folder(tiny_model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "What?"}\n')
    out = tmp_path / "t"
    for change in ({}, {"verify": ("nothing",)}, {"examples": "none.toml"}, {"test": "none"}):
        questions = bad if not change else "numbers:train"
        config = make_config(f"hf:{tiny_model}", str(questions), "rest", change)
        with pytest.raises(InputError):
            train(config, out)
        assert not out.exists()


def test_values_name_every_setting() -> None:
    assert list(values(make_config("m", "q"))) == list(settings())
