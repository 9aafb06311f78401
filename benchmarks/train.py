"""One iteration of the trainer against a plain loop on the same model, prompts, rows and machine.

    python benchmarks/train.py iteration                 ours (vllm:, bfloat16), a plain loop
    python benchmarks/train.py iteration --backend hf    the same without vLLM
    python benchmarks/train.py sampling                  its sampling against a bare LLM.generate
    python benchmarks/train.py size                      seconds by questions x samples, with a line

The plain loop is what one writes first: transformers' `generate`, eight prompts at a time in the
order asked, each prompt whole; then transformers' Trainer with LoRA, eight rows a batch as they
come. It gets the very prompts and training rows of ours, so that both do the same work. Every
measurement is a process of its own; its peak memory counts the processes that it starts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.models import Backend, BackendOptions, Request, load_backend
from starprobe.bench.records import Generation, ModelInfo, Sampling
from starprobe.star.config import StarConfig, make_config

MODEL = "smollm2"
PLAIN_BATCH = 8
SIZES = ((10, 2), (20, 2), (20, 4), (40, 4))


class Asked(NamedTuple):
    """A prompt as the model saw it."""

    text: str
    sampling: Sampling


class Measured(NamedTuple):
    """What a process took."""

    seconds: dict[str, float]
    tokens: int
    rows: int
    gib: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class Noting:
    """A backend that notes what it is asked and how long answering takes."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.asked: list[Asked] = []
        self.seconds, self.tokens = 0.0, 0

    def info(self) -> ModelInfo:
        return self.inner.info()

    def render(self, prompt: Any, chat: bool | None = None) -> str:
        return self.inner.render(prompt, chat)  # type: ignore[attr-defined, no-any-return]

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        self.asked += [Asked(self.render(one.prompt, one.chat), one.sampling) for one in requests]
        start = time.perf_counter()
        for name, generation in self.inner.generate(requests):
            self.seconds += time.perf_counter() - start
            self.tokens += (generation.usage and generation.usage.completion_tokens) or 0
            yield name, generation
            start = time.perf_counter()

    def close(self) -> None:
        self.inner.close()


def config_for(questions: int, samples: int, backend: str) -> StarConfig:
    """The demo's recipe, in so many questions and samples."""
    fast = {"backend": backend, "dtype": "bfloat16", "batch_size": 64} if backend == "vllm" else {}
    settings = {"limit": questions, "samples": samples, "min_rows": 1, "patience": 1} | fast
    return make_config(MODEL, f"numbers:train:n={questions}", "demo", settings)


def ours(config: StarConfig, folder: Path) -> Measured:
    """One iteration of the trainer; leaves `asked.json` and the rows in the folder."""
    from starprobe.star.loop import train

    made: list[Noting] = []

    def load(name: str, options: BackendOptions) -> Noting:
        made.append(Noting(load_backend(name, options)))
        return made[-1]

    start = time.perf_counter()
    training = train(config, folder / "ours", load)
    total = time.perf_counter() - start
    done = training.iteration(1).metrics()
    assert done is not None
    asked = [[one.text, one.sampling.model_dump()] for backend in made for one in backend.asked]
    (folder / "asked.json").write_text(json.dumps(asked))
    answering = sum(backend.seconds for backend in made)
    fitting = done.seconds["training"]
    seconds = {
        "sampling": answering,
        "training": fitting,
        "loading, reading, files": total - answering - fitting,
    }
    tokens = sum(backend.tokens for backend in made)
    return Measured(seconds, tokens, done.train_rows, peak_gib())


def plain(config: StarConfig, folder: Path) -> Measured:
    """The plain loop over what ours asked and trained on."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from starprobe.star.work import base_weights

    start = time.perf_counter()
    base = base_weights(config.model)
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    loading = time.perf_counter() - start
    rows = json.loads((folder / "asked.json").read_text())
    asked = [Asked(text, Sampling(**sampling)) for text, sampling in rows]
    start = time.perf_counter()
    tokens = 0
    torch.manual_seed(0)
    for first in range(0, len(asked), PLAIN_BATCH):
        tokens += _plain_batch(model, tokenizer, asked[first : first + PLAIN_BATCH])
    sampling = time.perf_counter() - start
    start = time.perf_counter()
    trained = _plain_training(model, tokenizer, config, folder)
    seconds = {
        "sampling": sampling,
        "training": time.perf_counter() - start,
        "loading, reading, files": loading,
    }
    return Measured(seconds, tokens, trained, peak_gib())


def _plain_batch(model: Any, tokenizer: Any, batch: list[Asked]) -> int:
    """Tokens generated for a batch."""
    import torch

    how = batch[0].sampling
    given = tokenizer([one.text for one in batch], return_tensors="pt", padding=True)
    with torch.no_grad():
        output = model.generate(
            **given,
            do_sample=how.temperature > 0,
            temperature=how.temperature or None,
            top_p=how.top_p,
            max_new_tokens=how.max_tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
    made = output[:, given["input_ids"].shape[1] :]
    return int((made != tokenizer.pad_token_id).sum())


def _plain_training(model: Any, tokenizer: Any, config: StarConfig, folder: Path) -> int:
    """Rows trained on, for as many epochs, with LoRA of the same size."""
    from peft import get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    from starprobe.star.folder import records
    from starprobe.star.records import TrainRow
    from starprobe.star.tuning.rows import encode
    from starprobe.star.tuning.weights import lora

    stored = records(folder / "ours" / "iteration_001" / "train.jsonl", TrainRow)
    rows = [encode(row, tokenizer) for row in stored]
    arguments = TrainingArguments(
        output_dir=str(folder / "plain"),
        num_train_epochs=config.training.epochs,
        per_device_train_batch_size=PLAIN_BATCH,
        learning_rate=config.training.learning_rate,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=get_peft_model(model, lora(config)),
        args=arguments,
        train_dataset=[{"input_ids": row.input_ids, "labels": row.labels} for row in rows],
        data_collator=DataCollatorForSeq2Seq(tokenizer, padding=True),
    )
    trainer.train()
    return len(rows)


def bare(config: StarConfig, folder: Path) -> Measured:
    """The same prompts through vLLM's own `LLM.generate`."""
    import os

    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    from vllm import LLM, SamplingParams

    from starprobe.star.work import base_weights

    start = time.perf_counter()
    engine = LLM(
        base_weights(config.model), dtype="bfloat16", max_model_len=2048, enforce_eager=True,
        enable_prefix_caching=True, generation_config="vllm",
    )  # fmt: skip
    loading = time.perf_counter() - start
    rows = json.loads((folder / "asked.json").read_text())
    # No seed a request: vLLM's sampler for the CPU has none.
    params = [
        SamplingParams(
            temperature=how["temperature"], top_p=how["top_p"], max_tokens=how["max_tokens"],
            stop=how["stop"] or None,
        )
        for _, how in rows
    ]  # fmt: skip
    prompts = [{"prompt_token_ids": engine.get_tokenizer().encode(text)} for text, _ in rows]
    start = time.perf_counter()
    outputs = engine.generate(prompts, params, use_tqdm=False)
    elapsed = time.perf_counter() - start
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    return Measured({"sampling": elapsed, "loading": loading}, tokens, 0, peak_gib())


def peak_gib() -> float:
    """Most memory held by this process, and by the largest that it started, together."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(one).ru_maxrss for one in who) / 2**20


def in_process(measure: Callable[..., Measured], config: StarConfig, folder: Path) -> Measured:
    """A measurement in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (config, folder))


def show(name: str, found: Measured) -> None:
    """One line."""
    parts = ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in found.seconds.items())
    rate = found.tokens / found.seconds["sampling"]
    print(
        f"{name}: {found.total:.1f} s ({parts}); {found.tokens} tokens sampled, {rate:.0f} a "
        f"second; {found.rows} rows trained; peak memory {found.gib:.2f} GiB",
        flush=True,
    )


def measure_iteration(config: StarConfig) -> None:
    """Ours against the plain loop."""
    with tempfile.TemporaryDirectory() as made:
        mine = in_process(ours, config, Path(made))
        show(f"ours ({config.machine.backend or 'hf'}, {config.machine.dtype})", mine)
        theirs = in_process(plain, config, Path(made))
        show("plain loop", theirs)
    same = ("sampling", "training")
    parts = ", ".join(f"{name} {theirs.seconds[name] / mine.seconds[name]:.2f}" for name in same)
    print(f"a whole iteration is {theirs.total / mine.total:.2f} times as fast ({parts})")


def measure_sampling(config: StarConfig) -> None:
    """Tokens a second of an iteration's sampling over those of bare vLLM."""
    with tempfile.TemporaryDirectory() as made:
        mine = in_process(ours, config, Path(made))
        show("ours", mine)
        theirs = in_process(bare, config, Path(made))
        show("LLM.generate", theirs)
    rates = [one.tokens / one.seconds["sampling"] for one in (mine, theirs)]
    print(f"sampling: {rates[0] / rates[1]:.3f} of bare vLLM ({rates[0]:.0f}, {rates[1]:.0f})")


def measure_size(backend: str) -> None:
    """Seconds of iterations of several sizes, and how far they are from a straight line."""
    import numpy as np

    sizes, seconds = [], []
    for questions, samples in SIZES:
        with tempfile.TemporaryDirectory() as made:
            found = in_process(ours, config_for(questions, samples, backend), Path(made))
        show(f"{questions} questions x {samples} samples", found)
        sizes.append(questions * samples)
        seconds.append(found.total)
    slope, start = np.polyfit(sizes, seconds, 1)
    left = np.array(seconds) - (slope * np.array(sizes) + start)
    spread = 1 - float(left.var() / np.var(seconds))
    print(
        f"{start:.1f} s + {slope:.3f} s a sample; R2 {spread:.3f}; residuals "
        + ", ".join(f"{value:+.1f} s" for value in left)
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("iteration", "sampling", "size"))
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--backend", choices=("vllm", "hf"), default="vllm")
    given = parser.parse_args()
    config = config_for(given.questions, given.samples, given.backend)
    if given.what == "iteration":
        measure_iteration(config)
    elif given.what == "sampling":
        measure_sampling(config)
    else:
        measure_size(given.backend)


if __name__ == "__main__":
    main()
