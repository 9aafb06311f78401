"""`starprobe train`: settings from files and one by one, presets and settings told, the dry run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from starprobe.cli import app
from starprobe.probes.errors import InputError
from starprobe.star.config import (
    described,
    make_config,
    presets,
    settings,
    settings_page,
    training_seed,
    values,
)
from starprobe.star.loop import told, train
from starprobe.star.questions import load_questions
from starprobe.star.tuning.finetune import passed_on
from starprobe.star.tuning.weights import load_model
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


def test_options_of_the_engine_and_the_trainer_are_passed_through_by_their_own_names() -> None:
    given = ("engine.max_model_len=8192", "engine.enforce_eager=true", "trainer.optim=adamw_8bit")
    made = json.loads(said(*(part for one in given for part in ("--set", one)), "--show-config"))
    assert made["engine"] == {"max_model_len": 8192, "enforce_eager": True}
    assert made["trainer"] == {"optim": "adamw_8bit"}


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"optm": "sgd"}, r"trainer\.optm is no option of SFTConfig; did you mean 'optim'"),
        ({"max_steps": 3}, r"trainer\.max_steps is decided by training\.steps"),
        ({"optim": "none_of_them"}, "trainer: "),
    ],
)
def test_an_option_that_the_trainer_does_not_take_is_one_line(
    trainer: dict[str, object], message: str
) -> None:
    from trl import SFTConfig

    with pytest.raises(InputError, match=message):
        passed_on(SFTConfig, {"output_dir": "x", "use_cpu": True, "bf16": False}, trainer)


def test_an_option_of_the_trainer_reaches_it() -> None:
    from trl import SFTConfig

    ours = {"output_dir": "x", "use_cpu": True, "bf16": False, "weight_decay": 0.0}
    made = passed_on(SFTConfig, ours, {"weight_decay": 0.5, "optim": "sgd"})
    assert made.weight_decay == 0.5 and made.optim == "sgd"


def test_engine_options_without_that_engine_are_one_line(
    tiny_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    config = make_config(
        f"hf:{tiny_model}", str(numbers_file), overrides={"engine": {"max_model_len": 9}}
    )
    with pytest.raises(InputError, match="options of vLLM, which does not sample here"):
        train(config, tmp_path / "t")


def test_columns_of_any_name_and_data_sets_are_questions(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {n} + 1?", "solution": str(n + 1), "n": n} for n in range(3)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"columns": ("question=problem", "answer=solution")}
    for name in (str(file), f"hub:{file}"):
        found = load_questions(make_config("m", name, overrides=columns)).questions
        assert [one.stem for one in found] == [row["problem"] for row in rows]
        assert [one.answer_text for one in found] == ["1", "2", "3"]
    with pytest.raises(InputError, match="has no column 'task'; it has problem, solution, n"):
        load_questions(make_config("m", str(file), overrides={"columns": ("question=task",)}))
    with pytest.raises(InputError, match="write OURS=THEIRS"):
        load_questions(make_config("m", str(file), overrides={"columns": ("problem",)}))


def test_no_two_fine_tunes_of_seeds_and_rounds_share_a_seed() -> None:
    configs = [make_config("m", "q", overrides={"seed": seed}) for seed in range(4)]
    seeds = {training_seed(config, number) for config in configs for number in range(5)}
    assert len(seeds) == 20


def test_capped_attention_is_trained_and_sampled_with_its_cap(tmp_path: Path) -> None:
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, attn_logit_softcapping=0.5,
        query_pre_attn_scalar=1, sliding_window=16,
    )  # fmt: skip
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    model = load_model(str(tmp_path), make_config("m", "q", overrides={"device": "cpu"}))
    assert model.config._attn_implementation == "eager"
    eager = Gemma2ForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    ids = torch.arange(12)[None]
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, eager(ids).logits)


def test_the_settings_page_stands_in_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    assert settings_page() in page.read_text(encoding="utf-8")
