"""Which weights are trained and how they are loaded; full fine-tuning and vLLM from end to end."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.bench.progress import Silent
from starprobe.star.config import make_config
from starprobe.star.loop import train
from starprobe.star.tuning.finetune import halve
from starprobe.star.tuning.weights import dtype, load_model, loading, lora, padding_free
from tests.star.test_loop import small

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
CPU = BackendOptions(device="cpu", dtype="float32", max_model_len=512)


def config(**changed: Any) -> Any:
    return make_config("smollm2", "numbers:train", "rest", changed)


def test_qlora_stores_the_base_in_four_bits_on_the_gpu_of_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    monkeypatch.setenv("LOCAL_RANK", "3")
    kwargs = loading(config(tuning="qlora"), cpu=False)
    bits = kwargs["quantization_config"]
    assert kwargs["device_map"] == {"": 3}
    assert kwargs["dtype"] is torch.bfloat16
    assert (bits.load_in_4bit, bits.bnb_4bit_quant_type, bits.bnb_4bit_use_double_quant) == (
        True, "nf4", True,
    )  # fmt: skip
    assert bits.bnb_4bit_compute_dtype is torch.bfloat16
    assert lora(config(tuning="qlora")).target_modules == "all-linear"


def test_all_weights_are_trained_in_float32_and_adapters_beside_bfloat16() -> None:
    import torch

    assert dtype(config(tuning="full"), cpu=False) is torch.float32
    assert dtype(config(tuning="lora"), cpu=False) is torch.bfloat16
    assert dtype(config(tuning="lora"), cpu=True) is torch.float32
    assert dtype(config(tuning="full", dtype="bfloat16"), cpu=False) is torch.bfloat16


def test_rows_are_laid_end_to_end_only_where_flash_attention_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for there in (False, True):
        monkeypatch.setattr(
            "transformers.utils.is_flash_attn_2_available", lambda there=there: there
        )
        assert padding_free(config(), cpu=False) is there
        assert ("attn_implementation" in loading(config(), cpu=False)) is there
        assert not padding_free(config(), cpu=True)
        assert not padding_free(config(packing="off"), cpu=False)


def test_a_model_is_halved_in_place(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file

    shutil.copytree(tiny_model, tmp_path / "m")
    halve(tmp_path / "m")
    assert {str(one.dtype) for one in load_file(tmp_path / "m" / "model.safetensors").values()} == {
        "torch.bfloat16"
    }
    assert load_backend(f"hf:{tmp_path / 'm'}", CPU).info().name.endswith("m")


def full(model: Path, numbers_file: Path, tutor: Any, out: Path) -> Any:
    changed = {"tuning": "full", "learning_rate": 1e-3, "iterations": 2, "merge": True}
    return train(small(model, numbers_file, **changed), out, load=tutor)


def test_full_fine_tuning_leaves_whole_models_that_transformers_loads(
    wide_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    training = full(wide_model, numbers_file, tutor, tmp_path / "t")
    folder = training.best_adapter
    assert not (folder / "adapter_config.json").exists()
    assert not list(folder.glob("*.bin"))
    pairs = [("The answer is", " (A) 5.")]
    trained, merged, base = (
        load_backend(name, CPU).loglikelihoods(pairs)[0]  # type: ignore[attr-defined]
        for name in (training.model, f"hf:{tmp_path / 't' / 'merged'}", f"hf:{wide_model}")
    )
    assert trained == pytest.approx(merged, abs=1e-4)
    assert trained != pytest.approx(base, abs=1e-2)
    assert "library_name: transformers" in (folder / "README.md").read_text()


class Engines(Silent):
    """Counts vLLM's engines of this process whenever a phase begins."""

    def __init__(self) -> None:
        self.seen: dict[str, list[int]] = {}

    def start(self, phase: str, total: int, done: int = 0) -> None:
        self.seen.setdefault(phase, []).append(engines())


def engines() -> int:
    """Engines that are children of this process."""
    found = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            found += (
                int(parent) == os.getpid() and b"models.worker" in (path / "cmdline").read_bytes()
            )
        except OSError:
            continue
    return found


@pytest.mark.slow
@needs_vllm
def test_vllm_samples_with_each_iteration_s_weights_and_is_gone_while_they_are_trained(
    wide_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    changed = {"method": "direct", "backend": "vllm", "iterations": 1, "max_tokens": 8}
    watcher = Engines()
    training = train(small(wide_model, numbers_file, **changed), tmp_path / "t", watcher=watcher)
    assert watcher.seen == {"validation": [1, 1], "training": [0]}
    assert engines() == 0
    assert len(training.iteration(1).validation()) == 4
    row = training.iteration(1).train_rows()[0]
    asked = load_backend(f"hf:{wide_model}", CPU)
    questions = {one.id: one for one in _questions(numbers_file)}
    from starprobe.star.prompts import training_prompt

    orders = [
        asked.render(training_prompt(questions[row.question_id], training.config, order))  # type: ignore[attr-defined]
        for order in range(24)
    ]
    assert row.prompt in orders
    stats = training.iteration(1).training()
    assert stats is not None and stats.steps == 2


@pytest.mark.slow
@needs_vllm
def test_a_model_of_full_fine_tuning_loads_in_vllm(
    wide_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    from tests.bench.models.makers import request

    training = full(wide_model, numbers_file, tutor, tmp_path / "t")
    asked = [request("The answer is", chat=False, max_tokens=6)]
    texts = []
    for name in (f"vllm:{training.best_adapter}", f"hf:{training.best_adapter}"):
        backend = load_backend(name, CPU)
        texts.append([made.text for _, made in backend.generate(asked)])
        backend.close()
    assert texts[0] == texts[1]


@pytest.mark.gpu
def test_qlora_trains_on_a_gpu(
    wide_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    changed = {"tuning": "qlora", "device": "auto", "iterations": 1}
    training = train(small(wide_model, numbers_file, **changed), tmp_path / "t", load=tutor)
    model: Any = load_model(str(wide_model), training.config)
    assert any(type(part).__name__ == "Linear4bit" for part in model.modules())
    assert (training.iteration(1).adapter / "adapter_config.json").exists()


@pytest.mark.gpu
def test_sharded_full_fine_tuning_on_a_gpu_is_that_of_one_process(
    wide_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    from starprobe.star.tuning.launch import launch_file

    changed = {"tuning": "full", "device": "auto", "iterations": 1, "learning_rate": 1e-3}
    one = train(small(wide_model, numbers_file, **changed), tmp_path / "one", load=tutor)
    own = str(launch_file(one.config))
    two = train(
        small(wide_model, numbers_file, **changed, accelerate_config=own), tmp_path / "two",
        load=tutor,
    )  # fmt: skip
    first, second = one.iteration(1).training(), two.iteration(1).training()
    assert first is not None and second is not None
    assert [loss for _, loss in second.losses] == pytest.approx(
        [loss for _, loss in first.losses], abs=0.02
    )


def _questions(path: Path) -> Any:
    from starprobe.probes.sets import load_probe_set

    return load_probe_set(path).questions
