"""The whole experiment on a two-layer model in real processes: killed, resumed, shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from starprobe.bench.run_folder import Run
from starprobe.probes.schema import Prompt
from starprobe.reports.sign.run import Finished, environment, last_line, run_parts
from starprobe.star.folder import Training
from tests.conftest import byte_tokenizer

ANSWER = "The answer is (B)"
TEXT = """
name = "tiny"
model = "hf:{model}"
questions = "numbers:train:n=30"
seeds = [0, 1]

[training]
limit = 8
validation = 0
samples = 4
shots = 1
max_tokens = 4
filters = []
rationalize = "none"
min_rows = 2
steps = 1
train_batch_size = 2
max_length = 2048
lora_r = 2
device = "cpu"
backend = "hf"

[arms.star_option_by_option]
preset = "rest"
iterations = 2

[arms.direct]
preset = "direct"

[probes]
sets = ["everyday"]
limit = 4
max_tokens = 4
"""


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers that say the same answer whatever is asked: right for a fourth of the questions.

    The layers add nothing; the head turns the end of a prompt into the answer's one token, and
    that into the end of the text.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "parrot"
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([ANSWER])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=4096,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=False,
        )
    )
    end, said = tokenizer.encode("\n", add_special_tokens=False)[-1], len(tokenizer) - 1
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        table = torch.nn.functional.normalize(torch.randn(len(tokenizer), 64), dim=1)
        model.model.embed_tokens.weight.copy_(table)
        model.lm_head.weight.zero_()
        model.lm_head.weight[said] = 4 * table[end]
        model.lm_head.weight[tokenizer.eos_token_id] = 4 * table[said]
    model.save_pretrained(folder)
    return folder


def begin(config: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "starprobe.reports.sign.run", "--config", str(config)]
    return subprocess.Popen(
        [*command, "--out", str(out), "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def until(found: object, process: subprocess.Popen[str]) -> None:
    """Waits for something to be true while a process runs."""
    assert callable(found)
    while not found():
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """Of all its threads: each part is started by a thread of its own."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


def asked_prompts(out: Path) -> list[Prompt]:
    return list(Run(out / "base" / "run").prompts().values())


def gone(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
def test_an_experiment_that_was_killed_goes_on_and_ends_with_its_page(
    parrot: Path, tmp_path: Path
) -> None:
    config, out = tmp_path / "tiny.toml", tmp_path / "out"
    config.write_text(TEXT.format(model=parrot), encoding="utf-8")
    process = begin(config, out)
    until(lambda: any(out.glob("**/DONE")) and children(process.pid), process)
    below = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while not all(gone(child) for child in below):
        assert time.monotonic() < deadline, "a part outlived the experiment"
        time.sleep(0.05)
    early = {path: path.stat().st_mtime_ns for path in out.glob("*/DONE")}
    assert early and not (out / "sign.html").exists()

    process = begin(config, out)
    said, _ = process.communicate(timeout=500)
    assert process.returncode == 0, said
    assert f"{len(early)} of 6 parts are done already" in said
    assert "= 4 trainings of 1 steps a round, and the base" in said
    assert early == {path: path.stat().st_mtime_ns for path in early}
    assert "Whether it distinguishes star_option_by_option from base, direct these data" in (
        " ".join(said.split())
    )
    assert (out / "sign.html").stat().st_size > 1_000_000
    for arm in ("star_option_by_option", "direct"):
        for seed in (0, 1):
            training = Training(out / arm / f"seed_{seed}" / "training")
            assert training.best == (2 if arm.startswith("star") else 1)
            assert training.config.seed == seed
            stats = training.iteration(training.best).training()
            assert stats is not None and stats.steps == 1
            run = Run(out / arm / f"seed_{seed}" / "run")
            assert [m.name for m in run.info.models] == [training.model]
            assert len(run.responses()) == 4 and run.info.conditions == ("plain",)
    assert Run(out / "prompted" / "run").info.conditions == ("few_shot",)
    asked = [set(Run(out / name / "run").prompts()) for name in ("base", "direct/seed_0")]
    assert asked[0] == asked[1]

    command = [
        sys.executable,
        "-m",
        "starprobe.reports.sign.learnt",
        str(out),
        "--by-iteration",
    ]
    learnt = subprocess.run(command, capture_output=True, text=True, check=False)
    assert learnt.returncode == 0, learnt.stderr
    assert "4 questions, asked of every checkpoint alike" in learnt.stdout
    table = pd.read_csv(out / "accuracy.csv").set_index("arm")
    star = "star_option_by_option"
    assert set(table.index) == {"base", "direct", star, f"{star}, iteration 1"}
    asked_first = out / star / "seed_0" / "run_iteration_001"
    assert "iteration_001" in Run(asked_first).info.models[0].name
    # The parrot says (B) whatever it learnt: right where (B) is, and one arm like the other.
    keys = [prompt.shown[1].option_id == prompt.answer_id for prompt in asked_prompts(out)]
    assert set(table["right"]) == {sum(keys) / 4} and set(table["answered"]) == {1.0}
    gained = pd.read_csv(out / "gains.csv")
    assert set(gained["value"]) == {0.0} and set(gained["p"]) == {1.0}

    done = json.loads((out / "experiment.json").read_text())
    assert done["seeds"] == [0, 1]
    config.write_text(TEXT.format(model=parrot).replace("steps = 1", "steps = 2"), "utf-8")
    process = begin(config, out)
    said, _ = process.communicate(timeout=500)
    assert process.returncode == 1, said
    assert "belongs to another training (its training.steps is 1, yours 2)" in said
    assert os.path.exists(out / "direct" / "seed_0" / "training" / "iteration_001" / "DONE")


def test_a_dry_run_loads_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "starprobe.reports.sign.run"]
    done = subprocess.run(
        [*command, "--config", "gemma-2-9b", "--dry-run"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    assert "20 trainings of 400 steps" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "transformers", "vllm", "trl", "pandas"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--config", "nothing"), "ready ones are"),
        (("--config", "smollm2", "--out", "taken"), "not empty and holds no experiment"),
        (("--config", "gemma-2-2b", "--out", "x", "--questions", "numbers:trian"), "none of n="),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "starprobe.reports.sign.run", *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert (tmp_path / "taken" / "thesis.txt").read_text() == "mine"


def test_jobs_share_the_cores_and_the_gpus() -> None:
    cores = os.cpu_count() or 1
    given = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0,3"}
    made = [environment(given, slot, 2) for slot in range(3)]
    assert {one["OMP_NUM_THREADS"] for one in made} == {str(max(1, cores // 2))}
    assert [one["CUDA_VISIBLE_DEVICES"] for one in made] == ["0", "3", "0"]
    assert environment(given, 0, 1) == given
    assert environment({"OMP_NUM_THREADS": "5"}, 0, 2)["OMP_NUM_THREADS"] == "5"


def test_a_part_that_fails_is_noted_with_its_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[Finished] = []
    run_parts(["one", "two"], tmp_path, 2, told.append)
    assert sorted(end.name for end in told) == ["one", "two"]
    assert [end.code for end in told] == [2, 2]
    assert all("is no experiment: it has no experiment.json" in end.last_line for end in told)
    assert last_line(tmp_path / "one" / "log.txt") == told[0].last_line
